/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * session.h - what passes through right now, for who shows it or ends it.
 *
 * Each worker knows its own sessions only; who wants them all asks one worker
 * after the other with tw_worker_post(), some at a time.
 */
#ifndef TIDEWAY_SESSION_H
#define TIDEWAY_SESSION_H

#include <tideway/mux.h>
#include <tideway/proxy.h>
#include <tideway/worker.h>

/* A session of the calling worker. borrow: until the call returns. */
struct tw_session {
	uint64_t id;         /* unique in this process */
	const struct tw_addr *src;
	const struct tw_bind *bind;
	const struct tw_proxy *fe, *be; /* be NULL: none chosen yet */
	const struct tw_server *srv;    /* NULL: none */
	uint64_t wall_us;    /* accepted at; since the epoch */
	uint32_t age_ms;     /* of the session */
	uint32_t n_requests; /* on this connection so far */
	int fd, srv_fd;      /* -1: none */
	int retries;
	uint64_t bytes_in, bytes_out; /* of this request */
	const char *step;    /* static: "deliver" */
	int64_t expires_ms;  /* until the client's timeout; -1: never */
	int64_t srv_expires_ms; /* until the server's; -1: never, or there is none */
	int64_t wait_expires_ms; /* until it stops waiting: queue, rules; -1: does not */
	struct tw_str start_line; /* of its request; p NULL: none */
	struct tw_mux_info mux, srv_mux; /* of its connections; mux.h */
};

/** tw_sessions_walk - calls fn for sessions of the calling worker, in the order
 * of their connections: about `max` of those behind `cursor` (0 to begin).
 * out: cursor. returns: false: there are no more. context: worker. */
TW_API bool tw_sessions_walk(uint64_t *cursor, int max,
    void (*fn)(const struct tw_session *s, void *arg), void *arg);
/** tw_session_worker - whose the session is, or was. returns: 0: nobody's. */
TW_API int tw_session_worker(uint64_t id);
/** tw_session_shut - ends one of the calling worker's, "killed by an
 * administrator". returns: false: there is none. context: its worker. */
TW_API bool tw_session_shut(uint64_t id);

/* Blocks that a worker keeps for use again. */
struct tw_pool_view {
	const char *name; /* static: "buffer" */
	uint32_t size, n_used, n_free;
};
/** tw_pool_at - the calling worker's i-th pool. returns: false: no such. */
TW_API bool tw_pool_at(int i, struct tw_pool_view *out);

/* What a worker has done. context: any. */
struct tw_activity {
	uint64_t loops;    /* turns of its loop */
	uint64_t accepted; /* connections */
	uint32_t conns;    /* now */
	uint64_t cpu_us;
};
TW_API void tw_worker_activity(int worker, struct tw_activity *out);

#endif
