/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * balance.h - load balancing algorithms.
 *
 * An algorithm turns the usable servers and their weights into a state that
 * workers pick from without taking part in its making: the control thread
 * builds a new state whenever a server or weight changes, publishes it with one
 * pointer store, and retires the old one when no worker can see it any more.
 * modules/balance/roundrobin.c is the model to copy.
 */
#ifndef TIDEWAY_BALANCE_H
#define TIDEWAY_BALANCE_H

#include <tideway/conf.h>
#include <tideway/req.h>

struct tw_choice {
	struct tw_server *server; /* borrow: gen */
	uint32_t weight;          /* effective: 1..256 times the slow-start share */
	uint32_t scale;           /* what one unit of the user's weight is in it; 1
	                           * while no server grows */
};

/* What an algorithm is like. */
#define TW_BALANCE_STATIC 0x01u /* weights as configured; 0 takes a server out */
#define TW_BALANCE_WAITS 0x02u  /* pick may return a server without room: the
                                 * request waits for that one */
#define TW_BALANCE_KEYED 0x04u  /* the request's own content decides: nothing else
                                 * (prefer-last-server) may */
#define TW_BALANCE_MESSAGES 0x08u /* it is for log messages alone (`mode log`) */

struct tw_balance {
	const char *name;               /* without what follows it in parentheses */
	/* Arguments after the name on the `balance` line; NULL: takes none.
	 * in: args from tw_arg(ln, 1); argument 0 is the name with what follows it
	 * in parentheses. out: conf, conf_size zeroed bytes. */
	int (*args)(struct tw_line *ln, void *conf);
	uint32_t conf_size;
	/* build - in: n choices in the order of the file, weight > 0 each (n may be
	 * 0); old, the state it follows (NULL: none): carry positions over.
	 * returns: owned by the core. context: control or start. */
	void *(*build)(const struct tw_choice *choices, int n, const void *conf,
	    const void *old);
	void (*free)(void *state);
	/* pick - returns: a server that has room (tw_server_has_room) and is not
	 * tw_req_avoid(req), or NULL when there is none; the core then asks once
	 * more with nothing to avoid. See TW_BALANCE_WAITS. context: any worker,
	 * concurrently; O(1) or O(log n). */
	struct tw_server *(*pick)(void *state, const void *conf, struct tw_req *req);
	/* moved - this server's load has changed. NULL: does not matter. context:
	 * any worker. */
	void (*moved)(void *state, struct tw_server *srv);
	const char *help;
	unsigned flags; /* TW_BALANCE_... */
	/* check - when all files are read: completes conf, this proxy's own copy of
	 * what args made (zeroed when there was no `balance` line), from other
	 * keywords. NULL: nothing to do. returns: 0, or -1 (reported). */
	int (*check)(struct tw_gen *gen, struct tw_proxy *px, void *conf);
	/* Flags that depend on conf, beside `flags`. NULL: none. */
	unsigned (*flags_of)(const void *conf);
	/* pick_message - the server that a log message goes to (`mode log`); NULL:
	 * not for log messages. returns: one of those that the state was built
	 * from. context: as pick. */
	struct tw_server *(*pick_message)(void *state, const void *conf,
	    struct tw_str message);
};

/** tw_proxy_balance_flags - TW_BALANCE_...; of its algorithm. */
TW_API unsigned tw_proxy_balance_flags(const struct tw_proxy *px);
/** tw_proxy_balance_of - the algorithm and what its `balance` line said; conf is
 * the proxy's own from its check on. */
TW_API const struct tw_balance *tw_proxy_balance_of(const struct tw_proxy *px,
    const void **conf);
/** tw_proxy_sessions - the backend's sessions now, waiting ones included.
 * context: any. */
TW_API uint32_t tw_proxy_sessions(const struct tw_proxy *px);

#endif
