/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * comp.h - inside the module `compression`.
 */
#ifndef COMPRESSION_COMP_H
#define COMPRESSION_COMP_H

#include <tideway/conf.h>
#include <tideway/expr.h>
#include <tideway/filter.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/stats.h>
#include <tideway/worker.h>

/* ---- algorithms (codec.c) ----------------------------------------------- */

enum comp_op { COMP_RUN, COMP_FLUSH, COMP_FINISH };

struct comp_ctx;

struct comp_algo {
	const char *name;  /* in the configuration, and of res.comp_algo */
	const char *token; /* in Accept-Encoding and Content-Encoding */
	/* open - a new ctx->lib. returns: -1: out of memory. NULL: it changes nothing. */
	int (*open)(struct comp_ctx *ctx);
	/* reset - for another message. returns: -1: cannot; it is closed. NULL: the
	 * same. */
	int (*reset)(struct comp_ctx *ctx);
	/* run - takes from ctx->in, gives to out. returns: 1: there is more to come
	 * of this; 0: all is done; -1: broken. */
	int (*run)(struct comp_ctx *ctx, enum comp_op op, struct tw_out *out);
	void (*close)(struct comp_ctx *ctx);
};
#define COMP_N_ALGOS 6
/** comp_algo_at - those this was built with. returns: NULL after the last. */
const struct comp_algo *comp_algo_at(int i);
const struct comp_algo *comp_algo_find(const char *name);
/** comp_versions - "zlib 1.2.13", ... */
void comp_versions(void (*line)(void *arg, const char *text), void *arg);

/* What the global section says of them. */
struct comp_tune {
	uint8_t max_level;  /* 1 to 9; 0: not set */
	uint8_t mem_level;  /* of zlib; 0: not set */
	uint8_t window;     /* of zlib, as a power of 2; 0: not set */
	uint8_t max_cpu;    /* percent + 1; 0: not set */
	uint64_t max_rate;  /* bytes a second; 0: no limit */
	uint64_t max_bytes; /* of memory; 0: no limit */
};
#define COMP_LEVEL 1
#define COMP_MEM_LEVEL 8
#define COMP_WINDOW 15

/* One stream's compressor, with what it gives out; kept for the next. */
#define COMP_OUT_BYTES 16384
struct comp_ctx {
	struct comp_ctx *next;  /* in the worker's list */
	const struct comp_algo *algo;
	void *lib;              /* owns: the library's state */
	struct tw_str in;       /* what is not taken yet */
	enum comp_op op;
	uint8_t level;          /* may be changed while it works */
	uint8_t applied;        /* the one in force */
	uint8_t mem_level, window;
	uint64_t max_bytes;     /* maxzlibmem; 0: no limit */
	char out[COMP_OUT_BYTES];
};

#define COMP_KEPT 8 /* contexts, of each algorithm and worker */
struct comp_worker {
	struct {
		struct comp_ctx *free; /* owns */
		int n;
	} pool[COMP_N_ALGOS];
};

/** comp_get, comp_put - a context from the worker's pool. in: t, what holds now.
 * returns: NULL: out of memory, or of what maxzlibmem allows. */
struct comp_ctx *comp_get(struct comp_worker *w, const struct comp_algo *algo,
    const struct comp_tune *t, uint8_t level);
void comp_put(struct comp_worker *w, struct comp_ctx **ctx);
/** comp_again - the message begins anew. returns: -1: out of memory. */
int comp_again(struct comp_ctx *ctx);
void comp_worker_fini(struct comp_worker *w);

/* ---- configuration (comp_kw.c) ------------------------------------------ */

#define COMP_DIR_REQUEST 0x01u
#define COMP_DIR_RESPONSE 0x02u

struct comp_list {
	const char *const *word; /* gen */
	int n;
};

/* This module's part of each proxy. */
struct comp_proxy {
	uint8_t algo[COMP_N_ALGOS]; /* of responses: 1 + index, as written */
	uint8_t n_algos, algo_req;  /* of requests: the same; 0: none */
	uint8_t direction;          /* COMP_DIR_...; 0: not set */
	bool offload;
	bool has_line;              /* `filter compression` or the like */
	struct comp_list types_req, types_res;
	uint64_t min_req, min_res;
};

/* And of each generation. */
struct comp_gen {
	struct comp_tune tune;
};

extern const struct tw_self *comp_self; /* set once, at load */
extern const struct tw_kw comp_keywords[];

static inline const struct comp_proxy *
comp_of(const struct tw_proxy *px)
{
	return tw_proxy_block(px, comp_self);
}

/* ---- what the client takes (accept.c) ----------------------------------- */

/* A choice among algorithms, while fields Accept-Encoding are read. */
struct comp_accept {
	const uint8_t *algo; /* 1 + index; the last one is the first choice for '*' */
	int n;
	int best;            /* 1 + index; 0: none */
	int best_q;          /* 0 to 1000 */
	int any_q;           /* of '*'; -1: none */
	bool any_first;      /* it came before the best one */
	uint8_t named;       /* bit of each algorithm that was named: its position */
};
/** comp_accept_field - one field's value. */
void comp_accept_field(struct comp_accept *a, struct tw_str value);
/** comp_accept_end - returns: the algorithm; NULL: none. */
const struct comp_algo *comp_accept_end(struct comp_accept *a);

/* ---- decisions (head.c) ------------------------------------------------- */

/** comp_wants_none - the client is known to claim what it does not bear. */
bool comp_wants_none(struct tw_msg *request);
/** comp_choose - for the response to this request. */
const struct comp_algo *comp_choose(struct tw_req *req);
bool comp_offloads(const struct tw_req *req);
/** comp_may - the head is one of a message that may be compressed. */
bool comp_may(struct tw_req *req, struct tw_msg *msg, bool response);
/** comp_edit - what its head says of it. returns: -1: no room. */
int comp_edit(struct tw_req *req, struct tw_msg *msg, const struct comp_algo *algo,
    bool response);
/** comp_request_algo - NULL: requests are not compressed. */
const struct comp_algo *comp_request_algo(const struct tw_req *req);

/* ---- at work (comp_filter.c) -------------------------------------------- */

/* This module's part of each request. */
struct comp_req {
	const struct comp_algo *algo; /* chosen for the response; NULL: none */
	bool chosen;                  /* that has been asked */
	bool done;                    /* the response was compressed */
};

/* What the filter keeps for a message; the first word is the line's. */
struct comp_state {
	const void *conf;
	struct comp_ctx *ctx;
	bool response;
	bool bypass;  /* it may not be compressed for now: is counted */
	bool failed;
};

extern const struct tw_filter comp_filters[];

#endif
