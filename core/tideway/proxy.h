/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy.h - frontends, backends and listeners as modules see them.
 */
#ifndef TIDEWAY_PROXY_H
#define TIDEWAY_PROXY_H

#include <tideway/conf.h>
#include <tideway/server.h>

enum tw_mode { TW_MODE_TCP, TW_MODE_HTTP, TW_MODE_LOG };

TW_API const char *tw_proxy_name(const struct tw_proxy *px);
TW_API enum tw_mode tw_proxy_mode(const struct tw_proxy *px);
TW_API const char *tw_proxy_mode_name(const struct tw_proxy *px); /* "http" */
TW_API uint32_t tw_proxy_id(const struct tw_proxy *px); /* iid */
TW_API bool tw_proxy_has(const struct tw_proxy *px, enum tw_side side);
TW_API bool tw_proxy_is_disabled(const struct tw_proxy *px);
TW_API const char *tw_proxy_description(const struct tw_proxy *px); /* NULL: none */
/** tw_proxy_where - file and line of its section. */
TW_API const char *tw_proxy_where(const struct tw_proxy *px, int *line);
/** tw_proxy_status_text - frontend: OPEN, STOP; backend: UP, DOWN. */
TW_API const char *tw_proxy_status_text(const struct tw_proxy *px, enum tw_side side);
TW_API const char *tw_proxy_balance(const struct tw_proxy *px); /* algorithm's name */

TW_API struct tw_gen *tw_proxy_gen(const struct tw_proxy *px);
/** tw_gen_proxy - the i-th proxy of a generation in the order of the files,
 * from 0. returns: NULL after the last. */
TW_API struct tw_proxy *tw_gen_proxy(struct tw_gen *gen, int i);
/** tw_gen_find - by name and side. returns: NULL when there is none. */
TW_API struct tw_proxy *tw_gen_find(struct tw_gen *gen, const char *name, enum tw_side side);
/** tw_gen_running - the generation in force. context: control thread, or a
 * worker until its loop turn ends. */
TW_API struct tw_gen *tw_gen_running(void);
/* NULL after the last */
TW_API struct tw_server *tw_proxy_server(const struct tw_proxy *px, int i);
TW_API int tw_proxy_n_servers(const struct tw_proxy *px);
TW_API struct tw_server *tw_proxy_find_server(const struct tw_proxy *px, const char *name);
/* NULL after the last */
TW_API struct tw_bind *tw_proxy_bind(const struct tw_proxy *px, int i);
TW_API const char *tw_bind_name(const struct tw_bind *bind); /* `name`, or "sock-1" */
TW_API uint32_t tw_bind_id(const struct tw_bind *bind);
TW_API const struct tw_addr *tw_bind_addr(const struct tw_bind *bind);
TW_API const char *tw_bind_status_text(const struct tw_bind *bind); /* "OPEN" */
/** tw_proxy_usable - servers that take new sessions: active and backup ones, and
 * the sum of the active ones' weights. */
TW_API void tw_proxy_usable(const struct tw_proxy *px, int *active, int *backup,
    uint32_t *weight);

/* Who wants to know at once what becomes of proxies; embed it. */
struct tw_proxy_watch {
	struct tw_proxy_watch *next;
	/** changed - servers that a backend can use became others (health, admin
	 * state, weight, a new configuration): ask tw_proxy_usable(); or a
	 * frontend's listeners did: ask tw_proxy_listens(). in: px, perhaps of a
	 * generation that is not (yet) in force. context: control. */
	void (*changed)(struct tw_proxy_watch *self, const struct tw_proxy *px);
	/** settled - the same for backends, but once for all changes of a loop
	 * turn, and for servers that have moved to another address, too. Either
	 * may be NULL. */
	void (*settled)(struct tw_proxy_watch *self, const struct tw_proxy *px);
};
/** tw_proxy_watch, tw_proxy_unwatch - begins and ends that. context: control. */
TW_API void tw_proxy_watch(struct tw_proxy_watch *w);
TW_API void tw_proxy_unwatch(struct tw_proxy_watch *w);
/** tw_proxy_listens - a frontend takes connections: it is not disabled, has an
 * open listener, and the process does not stop. context: control. */
TW_API bool tw_proxy_listens(const struct tw_proxy *px);

/** tw_backend_changed_s, tw_backend_downtime_s, tw_backend_chkdown. */
TW_API int64_t tw_backend_changed_s(const struct tw_proxy *px);
TW_API uint64_t tw_backend_downtime_s(const struct tw_proxy *px);
TW_API uint64_t tw_backend_chkdown(const struct tw_proxy *px);

/** tw_proxy_cookie - the name of the persistence cookie, for reports; NULL:
 * none. The module that owns the cookie tells it when it reads the line. */
TW_API const char *tw_proxy_cookie(const struct tw_proxy *px);
TW_API void tw_proxy_set_cookie(struct tw_proxy *px, const char *name); /* gen */

/** tw_proxy_timeout_ms - by the keyword's second word ("client", "server",
 * "check", "queue", ...); 0: none set. */
TW_API uint32_t tw_proxy_timeout_ms(const struct tw_proxy *px, const char *which);
/** tw_proxy_rate_limit - rate-limit sessions; 0: none. */
TW_API uint32_t tw_proxy_rate_limit(const struct tw_proxy *px);

/** tw_gen_hold, tw_gen_release - a reference, for who needs a generation longer
 * than one turn. context: the same worker or the control thread for both. */
TW_API void tw_gen_hold(struct tw_gen *gen);
TW_API void tw_gen_release(struct tw_gen *gen);

/* A frontend's listeners. A pause lasts, reloads included, until it is resumed;
 * TCP clients are refused meanwhile, others wait. What was shut down is opened
 * by the next generation. context: control. */
enum tw_fe_state { TW_FE_OPEN, TW_FE_PAUSED, TW_FE_STOPPED };
TW_API enum tw_fe_state tw_frontend_state(const struct tw_proxy *px); /* any */
TW_API int tw_frontend_pause(struct tw_proxy *px, struct tw_err *err);
TW_API int tw_frontend_resume(struct tw_proxy *px, struct tw_err *err);
TW_API void tw_frontend_stop(struct tw_proxy *px);
/** tw_frontend_set_maxconn - 0: the process's. Stays until the configured one
 * changes. context: control. */
TW_API void tw_frontend_set_maxconn(struct tw_proxy *px, uint32_t n);

TW_API bool tw_proxy_id_is_forced(const struct tw_proxy *px); /* `id` gave it */

/** tw_bind_fd - its descriptor. returns: -1: it is not open. context: control. */
TW_API int tw_bind_fd(const struct tw_bind *bind);

/* The last request of a frontend, or response of a backend, that broke the
 * protocol. */
#define TW_BAD_NAME 128 /* bytes, with the NUL */
struct tw_bad_message {
	uint64_t wall_us;
	uint64_t event;           /* 0, 1, ... over all proxies */
	struct tw_addr src;       /* the client */
	const char *why;          /* static */
	int other_id, server_id;  /* -1: none */
	char other[TW_BAD_NAME];  /* the proxy on the other side; "": none */
	char server[TW_BAD_NAME];
	struct tw_str bytes;      /* as received, the part that is there */
	int64_t at;               /* the offending byte's offset; -1: none in particular */
};
/** tw_proxy_bad_message - calls fn, which must be brief, with it. returns: false:
 * there was none. context: any. */
TW_API bool tw_proxy_bad_message(const struct tw_proxy *px, enum tw_side side,
    void (*fn)(const struct tw_bad_message *m, void *arg), void *arg);
TW_API uint64_t tw_bad_messages(void); /* how many so far */

/** tw_gen_n_proxies, tw_gen_proxies - all that are not disabled, at once; for
 * long walks. out: px. returns: how many. */
TW_API int tw_gen_n_proxies(const struct tw_gen *gen);
TW_API int tw_gen_proxies(struct tw_gen *gen, struct tw_proxy **px, int room);

/** tw_bind_where - file and line that it comes from; a line may have others too. */
TW_API const char *tw_bind_where(const struct tw_bind *bind, int *line);

#endif
