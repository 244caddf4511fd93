/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash.h - the parts of the algorithms that hash something of the request.
 *
 * hash_key.c finds what is hashed, hash_func.c makes a number of it,
 * hash_map.c or hash_ring.c turns that into a server, hash.c holds them
 * together, hash_kw.c has the keywords. The same key goes to the same server
 * as HAProxy sends it to: the functions are the documented ones, the rest was
 * found by watching HAProxy 2.6 choose (t/balance_haproxy.t does so still).
 */
#ifndef BALANCE_HASH_H
#define BALANCE_HASH_H

#include <tideway/expr.h>
#include <tideway/hash.h>
#include <tideway/proxy.h>

#include "balance.h"

enum hash_func { HASH_SDBM, HASH_DJB2, HASH_CRC32, HASH_NONE };
enum hash_affinity { AFFINITY_ALWAYS, AFFINITY_MAXCONN, AFFINITY_MAXQUEUE };
enum hash_kind {
	HASH_SOURCE,
	HASH_URI,
	HASH_URL_PARAM,
	HASH_HDR,
	HASH_EXPR,
	HASH_MESSAGE, /* log-hash */
	HASH_NOTHING, /* not possible in this proxy's mode */
};

/* What hash-type, hash-balance-factor and hash-preserve-affinity say. */
struct hash_type {
	uint8_t func;      /* enum hash_func */
	uint8_t affinity;  /* enum hash_affinity */
	bool consistent;
	bool avalanche;
	uint32_t factor;   /* percent of the average load; 0: no bound */
};

/* The module's block in a proxy. */
struct balance_proxy {
	struct hash_type hash;
	struct tw_expr *rdp;         /* persist rdp-cookie; gen; NULL: none */
	struct tw_origin rdp_origin;
};

/* What is hashed, and how. */
struct hash_conf {
	uint8_t kind;      /* enum hash_kind */
	bool whole, path_only, domain_only, check_post;
	uint32_t len, depth; /* 0: no limit */
	struct tw_str name;  /* of a field or parameter; gen */
	enum tw_hdr_id id;
	struct tw_expr *expr; /* gen */
	struct hash_type type;
	const struct tw_proxy *px; /* borrow: gen */
};

/* Which keys name a server's points on the ring; the module's block in it. */
enum hash_point { POINT_ID, POINT_ADDR, POINT_ADDR_PORT, POINT_ID32 };
struct balance_server {
	uint8_t point; /* enum hash_point */
};

/* hash_func.c: any thread */
/** hash_of - a key's 32 bits. */
uint32_t hash_of(enum hash_func func, struct tw_str key);

/* hash_key.c: worker */
/** hash_key - in: conf, the parts that args filled. out: hash. returns: false when
 * the request does not have what is to be hashed. */
bool hash_key(const struct hash_conf *conf, struct tw_req *req, uint32_t *hash);
/** hash_sample - the same of a value that was taken already. */
bool hash_sample(const struct hash_conf *conf, const struct tw_sample *s,
    uint32_t *hash);
/** hash_body_wanted - the parameter may be in the request's body. */
bool hash_body_wanted(const struct hash_conf *conf, struct tw_req *req);
/** hash_param - a parameter's value in "a=b&c=d". returns: p NULL: not there. */
struct tw_str hash_param(struct tw_str query, struct tw_str name);
/** hash_domain - "1wt" of "haproxy.1wt.eu". */
struct tw_str hash_domain(struct tw_str host);
/** hash_first_value - of a field: up to a comma outside quotes. */
struct tw_str hash_first_value(struct tw_str v);
/** hash_uri - the part of a target that counts. */
struct tw_str hash_uri(const struct hash_conf *conf, struct tw_str target);

/* hash_map.c: an array with a place for each unit of weight. */
struct hash_map {
	uint32_t n;
	struct tw_server *at[]; /* borrow: gen */
};
struct hash_map *hash_map_build(const struct tw_choice *choices, int n);

/* hash_ring.c: sixteen points on a circle for each unit of weight. */
struct ring_point {
	uint32_t at;
	uint32_t choice; /* index into hash_ring.server */
};
struct hash_ring {
	uint32_t n;
	uint64_t weight;            /* of all */
	struct ring_point *point;   /* owns: [n], ascending */
	struct tw_server **server;  /* owns: of each choice; borrow: gen */
	uint32_t *server_weight;    /* owns */
};
struct hash_ring *hash_ring_build(const struct tw_choice *choices, int n);
void hash_ring_free(struct hash_ring **ring);
/** hash_ring_find - the point nearest to a hash. */
uint32_t hash_ring_find(const struct hash_ring *ring, uint32_t hash);

/* hash.c: what the table of algorithms names */
void *hash_build(const struct tw_choice *choices, int n, const void *conf,
    const void *old);
void hash_free(void *state);
struct tw_server *hash_pick(void *state, const void *conf, struct tw_req *req);
/** hash_message_server - the server of a hash, of all that the state has. */
struct tw_server *hash_message_server(const void *state, uint32_t hash);
unsigned hash_flags(const void *conf);
int hash_check(struct tw_gen *gen, struct tw_proxy *px, void *conf);

/* hash_args.c: the `balance` line */
int source_args(struct tw_line *ln, void *conf);
int uri_args(struct tw_line *ln, void *conf);
int url_param_args(struct tw_line *ln, void *conf);
int hdr_args(struct tw_line *ln, void *conf);
int expr_args(struct tw_line *ln, void *conf);

#endif
