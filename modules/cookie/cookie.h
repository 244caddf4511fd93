/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cookie.h - what the files of the cookie module share.
 */
#ifndef TW_COOKIE_H
#define TW_COOKIE_H

#include <stdatomic.h>

#include <tideway/command.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/req.h>

enum cookie_mode { COOKIE_WATCH, COOKIE_INSERT, COOKIE_PREFIX, COOKIE_REWRITE };

struct cookie_slot {
	struct tw_str value;      /* p NULL: free */
	struct tw_server *server; /* borrow: gen */
};

/* Open addressing; servers that share a value stand in their order. */
struct cookie_index {
	uint32_t mask;
	struct cookie_slot slots[];
};

/* A server's value; immutable. */
struct cookie_value {
	struct tw_str value; /* of text, or gen */
	char text[17];
};

/* The module's block in a proxy. A plain value until start. */
struct cookie_proxy {
	struct tw_str name;  /* gen; p NULL: no cookie */
	uint8_t mode;        /* enum cookie_mode */
	bool on;             /* some option was given: without one nothing is done */
	bool indirect, nocache, postonly, preserve;
	uint32_t idle_s, life_s;
	struct tw_str tail;  /* what an inserted cookie ends with: "; path=/..." */
	struct tw_origin origin;
	struct cookie_index *_Atomic index; /* owns; shared; NULL until start */
	bool dynamic;        /* servers without a value get one made */
	const char *key;     /* dynamic-cookie-key; gen, or own_key; NULL: none */
	char *own_key;       /* owns: set by a command; control thread */
};

/* The module's block in a server. */
struct cookie_server {
	const struct cookie_value *_Atomic value; /* shared; NULL: none */
	bool fixed;                /* by its `cookie` word */
	bool known;                /* control thread: `made` is of `addr` */
	struct tw_addr addr;
	struct cookie_value *made; /* owns: control thread */
};

/* The module's block in a request. */
struct cookie_req {
	const struct cookie_proxy *conf; /* for which the request was read */
	struct tw_server *server;        /* that the cookie names; NULL: none */
	uint32_t last, first;            /* its dates; 0: none */
	char in;                         /* the log's letter; 0: none yet */
	uint8_t how;                     /* enum tw_persistence */
};

#define COOKIE_MARK '~'  /* prefix mode: between server and value */
#define COOKIE_DATES '|' /* before each date */

/* Set once by load(), before there are threads. */
extern const struct tw_self *tw__cookie_self;
extern const struct tw_kw tw__cookie_keywords[];
extern const struct tw_command tw__cookie_commands[];

/** tw__cookie_value - what leads to a server. returns: p NULL: nothing. */
static inline struct tw_str
tw__cookie_value(const struct tw_server *srv)
{
	const struct cookie_server *s = tw_server_block(srv, tw__cookie_self);
	const struct cookie_value *v =
	    atomic_load_explicit(&s->value, memory_order_acquire);

	return v != NULL ? v->value : (struct tw_str){ NULL, 0 };
}

/** tw__cookie_index - makes dynamic values and the index of the backend's servers.
 * context: start. */
void tw__cookie_index(struct cookie_proxy *conf, const struct tw_proxy *px);
/** tw__cookie_renew - dynamic values are made, or not any more: `dynamic` or `key`
 * have changed. context: control. */
void tw__cookie_renew(struct cookie_proxy *conf, const struct tw_proxy *px);
/** tw__cookie_watch - dynamic values follow their servers' addresses. context:
 * control or start. */
void tw__cookie_watch(void);
/** tw__cookie_server_event - a server has come or goes. context: control. */
void tw__cookie_server_event(struct tw_server *srv, enum tw_server_event what);
/** tw__cookie_forget - frees what tw__cookie_index made. context: stop. */
void tw__cookie_forget(struct cookie_proxy *conf, const struct tw_proxy *px);
/** tw__cookie_server - the i-th server of that cookie value, from 0. */
struct tw_server *tw__cookie_server(const struct cookie_proxy *conf,
    struct tw_str value, int i);

/** tw__cookie_request - reads the cookie, fills `r`, edits the request. errors:
 * -1: out of memory. */
int tw__cookie_request(struct tw_req *req, struct cookie_req *r,
    const struct cookie_proxy *conf, enum tw_persistence how);
/** tw__cookie_response - edits the response. returns: the log's letter; 0: out
 * of memory or fields. */
char tw__cookie_response(struct tw_req *req, const struct cookie_req *r,
    const struct cookie_proxy *conf);

/** tw__cookie_now - the date that goes into a cookie now: four seconds each. */
uint32_t tw__cookie_now(void);

#endif
