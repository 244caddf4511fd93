/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * req.h - the request as hooks, fetches and services see it.
 *
 * One struct tw_req is one exchange: request, decision, response, times. In
 * mode tcp it is the whole session. It lives on one worker, from the first
 * byte to RESET; nobody keeps a pointer longer.
 */
#ifndef TIDEWAY_REQ_H
#define TIDEWAY_REQ_H

#include <tideway/arena.h>
#include <tideway/conn.h>
#include <tideway/decision.h>
#include <tideway/hook.h>
#include <tideway/msg.h>

TW_API struct tw_conn *tw_req_conn(const struct tw_req *req);        /* client's */
TW_API struct tw_conn *tw_req_server_conn(const struct tw_req *req); /* NULL: none */
TW_API struct tw_msg *tw_req_request(struct tw_req *req);  /* mode http */
TW_API struct tw_msg *tw_req_response(struct tw_req *req); /* status 0: none yet */
TW_API struct tw_gen *tw_req_gen(const struct tw_req *req);
/** tw_req_proxy - the proxy whose chain is running. */
TW_API struct tw_proxy *tw_req_proxy(const struct tw_req *req);
/** tw_req_arena - memory until RESET; use tw_arena_try(). Made when first
 * asked for. */
TW_API struct tw_arena *tw_req_arena(struct tw_req *req);
/** tw_req_copy - a copy of a slice in that arena. errors: p NULL. */
TW_API struct tw_str tw_req_copy(struct tw_req *req, struct tw_str s);
/** tw_req_id - a number unique in this process. */
TW_API uint64_t tw_req_id(const struct tw_req *req);
/** tw_req_is_ssl - the client came through TLS. */
TW_API bool tw_req_is_ssl(const struct tw_req *req);

/* The answer a hook or service gives in the servers' place. */
struct tw_reply {
	int status;
	const char *reason;        /* NULL: the usual one */
	struct tw_str content_type; /* p NULL: none */
	const struct tw_str *headers; /* name, value, name, value, ... */
	int n_headers;             /* pairs */
	struct tw_str body;        /* whole; must live until RESET */
	/* Or, for long ones: called again and again until it returns TW_IO_END;
	 * each time it writes some bytes to `out`. Sent chunked, through the filters. */
	enum tw_io (*produce)(struct tw_req *req, struct tw_out *out, void *arg);
	void *arg;
	bool close;                /* end the connection after it */
	bool served;               /* http-response rules see it, as other services' */
};
/** tw_req_reply - queues the answer. returns: TW_DONE (what the hook shall
 * return). context: CONN excluded. */
TW_API enum tw_verdict tw_req_reply(struct tw_req *req, const struct tw_reply *reply,
    const struct tw_origin *origin);
/** tw_req_fail - sets what TW_FAIL will answer. in: status, 0: just close;
 * why, static or gen. returns: TW_FAIL. */
TW_API enum tw_verdict tw_req_fail(struct tw_req *req, int status, const char *why,
    const struct tw_origin *origin);
/** tw_req_body - the request's body, gathered in memory. out: body, borrow until
 * RESET. returns: TW_IO_OK; AGAIN: the hook returns TW_WAIT and is called
 * again; ERR: longer than max bytes or broken. context: REQUEST, ROUTE. */
TW_API enum tw_io tw_req_body(struct tw_req *req, size_t max, struct tw_str *body);

/** tw_resume - lets a request go on whose hook returned TW_WAIT: the hook is
 * called again. context: its worker. */
TW_API void tw_resume(struct tw_req *req);
/** tw_req_deadline - while it waits: ms from now until it fails with 503; a
 * hook that sets none has 30 s. */
TW_API void tw_req_deadline(struct tw_req *req, uint32_t ms);

/* Times and sizes, as HAProxy's logs define them; -1: not reached. */
enum tw_time {
	TW_T_HANDSHAKE, /* Th */
	TW_T_IDLE,      /* Ti: before the first byte of this request */
	TW_T_REQUEST,   /* TR: from the first byte to the whole head */
	TW_T_QUEUE,     /* Tw */
	TW_T_CONNECT,   /* Tc */
	TW_T_RESPONSE,  /* Tr */
	TW_T_DATA,      /* Td */
	TW_T_ACTIVE,    /* Ta: TR + Tw + Tc + Tr + Td */
	TW_T_TOTAL,     /* Tt: since accept (tcp) or with Th and Ti (http) */
	TW_T_QUERY,     /* Tq: Th + Ti + TR */
	TW_T_USER,      /* Tu */
};
TW_API int64_t tw_req_time_ms(const struct tw_req *req, enum tw_time which);
/** tw_req_wall_us - when the connection was accepted (first) or the request
 * began (else), microseconds since the epoch. */
TW_API uint64_t tw_req_wall_us(const struct tw_req *req, bool accepted);
TW_API uint64_t tw_req_bytes_in(const struct tw_req *req);  /* %U */
TW_API uint64_t tw_req_bytes_out(const struct tw_req *req); /* %B */
TW_API int tw_req_status(const struct tw_req *req);  /* %ST; -1: none */
TW_API int tw_req_retries(const struct tw_req *req); /* %rc; negative: "+" (redispatched) */
/** tw_req_server_queue / tw_req_backend_queue - requests served before it. */
TW_API uint32_t tw_req_server_queue(const struct tw_req *req);
TW_API uint32_t tw_req_backend_queue(const struct tw_req *req);
/** tw_req_term - HAProxy's four termination letters ("--NI"). out: t[4]. */
TW_API void tw_req_term(const struct tw_req *req, char t[4]);
/** tw_req_cookie_state - the persistence letters: in, what the client brought
 * (N I D V E O U); out, what was done to the response (N I U P R D). 0 keeps. */
TW_API void tw_req_cookie_state(struct tw_req *req, char in, char out);
/** tw_req_start_line - the request line for %r, kept even for bad requests. */
TW_API struct tw_str tw_req_start_line(const struct tw_req *req);
/** tw_req_complete - false while it is logged early (option logasap). */
TW_API bool tw_req_complete(const struct tw_req *req);
/** tw_req_persist - a cookie (or the like) chose the server: the queue and
 * redispatch rules of persistence apply. context: PICK. */
TW_API void tw_req_persist(struct tw_req *req);
/** tw_req_private - the server connection carries a login (NTLM): it is never
 * shared. */
TW_API void tw_req_private(struct tw_req *req);
/** tw_req_avoid - a server that has just failed this request; NULL: none. */
TW_API struct tw_server *tw_req_avoid(const struct tw_req *req);
/** tw_req_redispatched - the server its cookie named was given up. */
TW_API bool tw_req_redispatched(const struct tw_req *req);
/** tw_req_body_seen - what tw_req_body() has gathered so far, also when it said
 * ERR. returns: p NULL: nothing. borrow until RESET. */
TW_API struct tw_str tw_req_body_seen(const struct tw_req *req);
/** tw_req_server_us - microseconds since a slot of its server was taken, to the
 * loop turn. returns: 0: none was. */
TW_API uint64_t tw_req_server_us(const struct tw_req *req);

/* How what keeps a request on its server (a cookie) shall take it. */
enum tw_persistence {
	TW_PERSIST_USUAL,
	TW_PERSIST_IGNORE, /* as if there were none; nothing is set either */
	TW_PERSIST_FORCE,  /* on a server that is down, too; it is not left */
	TW_PERSIST_DOWN,   /* on a server that is down, too (option persist) */
};
/** tw_req_persistence - what force-persist, ignore-persist and option persist say
 * of it. context: PICK. */
TW_API enum tw_persistence tw_req_persistence(struct tw_req *req);
/** tw_req_stay - the client's next requests shall find the same server, if they
 * can and no hash decides: a login spans several requests. */
TW_API void tw_req_stay(struct tw_req *req);
/** tw_req_body_now, tw_res_body_now - what is there of a body: what tw_req_body
 * gathered, else what came and was not passed on. borrow: until it returns. */
TW_API struct tw_str tw_req_body_now(struct tw_req *req);
TW_API struct tw_str tw_res_body_now(struct tw_req *req);

/** tw_req_count_latency - adds its time to the histograms (tw_histograms_begin)
 * of its frontend, backend and server. context: LOG. */
TW_API void tw_req_count_latency(const struct tw_req *req);
/** tw_req_unique_id - what unique-id-format says of it, made when first asked
 * for. returns: p NULL: the frontend has no format, or the request was not
 * understood. borrow: until RESET. */
TW_API struct tw_str tw_req_unique_id(struct tw_req *req);
/** tw_req_unlogged - no line of the log shall tell of it. */
TW_API void tw_req_unlogged(struct tw_req *req);
/** tw_res_body - the response's body, gathered in memory; as tw_req_body. After
 * ERR, too, what was gathered is passed on. context: RESPONSE. */
TW_API enum tw_io tw_res_body(struct tw_req *req, size_t max, struct tw_str *body);

/** tw_req_is_persistent - something keeps it on its server, and that one was not
 * given up since. */
TW_API bool tw_req_is_persistent(const struct tw_req *req);
/** tw_status_is_err, tw_status_is_fail - a status that tells of a client's
 * error, or of a server's failure: 4xx; 5xx but for 501 and 505; or what
 * http-err-codes and http-fail-codes say. context: any. */
TW_API bool tw_status_is_err(const struct tw_gen *gen, int status);
TW_API bool tw_status_is_fail(const struct tw_gen *gen, int status);

#endif
