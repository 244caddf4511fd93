/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter.h - the lines `filter` of proxies, inside the module `filter`.
 */
#ifndef FILTER_FILTER_H
#define FILTER_FILTER_H

#include <tideway/action.h>
#include <tideway/conf.h>
#include <tideway/expr.h>
#include <tideway/filter.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/worker.h>

/* One line, or a filter that is implied. */
struct filter_line {
	struct filter_line *next;
	const struct tw_filter *filter;
	const void *conf; /* gen; NULL: it has none */
};

/* This module's part of each proxy. */
struct filter_proxy {
	struct filter_line *first, **end;
};

struct bwlim;
struct bwlim_use;
/* And of each generation. */
struct filter_gen {
	struct bwlim_use *uses; /* rules that name a limit */
	struct bwlim *shared;   /* limits that streams share */
};

struct bwlim_on;
/* And of each request. */
struct filter_req {
	bool up, down;         /* the direction's filters are attached */
	struct bwlim_on *on;   /* arena: limits that rules have set */
};

extern const struct tw_self *filter_self; /* set once, at load */

static inline struct filter_proxy *
filter_proxy_of(const struct tw_proxy *px)
{
	return tw_proxy_block(px, filter_self);
}

/* bwlim_rate.c: how much may pass; no clock of its own. */
struct bwlim_rate {
	uint64_t start_ms;    /* of this period; 0: nothing has passed yet */
	uint64_t now, before; /* bytes of this one and of the one before */
};
/** bwlim_room - in: limit, bytes in a period, at least 1; want, bytes that are
 * there; min, the least that is worth it. out: wait_ms, when it gives 0.
 * returns: how many may pass: min of them, all of them, or none. */
uint64_t bwlim_room(struct bwlim_rate *r, uint64_t limit, uint32_t period_ms,
    uint64_t now_ms, uint64_t want, uint64_t min, uint32_t *wait_ms);
/** bwlim_least - the least that is to pass at once, if anything is. */
uint64_t bwlim_least(uint64_t limit, uint64_t want, uint64_t min);
/** bwlim_passed - so many did. */
void bwlim_passed(struct bwlim_rate *r, uint64_t n);

/* filter_kw.c */
int filter_set(struct tw_line *ln);
/** filter_check_proxy - adds what is implied. out: any, it has some. */
int filter_check_proxy(struct tw_gen *gen, const struct tw_proxy *px, bool *any);

/* What filters keep for a stream; tw_filter_conf() reads the first field. */
struct bwlim_state {
	const struct bwlim *conf;
	struct bwlim_rate rate;
};
struct trace_state {
	const struct trace *conf;
	uint64_t n, seed;
	bool response;
};

/* trace.c, as struct tw_filter says */
int trace_parse(struct tw_line *ln, int i, const void **conf);
int trace_begin(struct tw_req *req, struct tw_msg *msg, void *state);
size_t trace_room(
    struct tw_req *req, void *state, size_t len, bool last, uint32_t *wait_ms);
enum tw_io trace_data(
    struct tw_req *req, void *state, struct tw_str data, struct tw_str *out);
enum tw_io trace_end(struct tw_req *req, void *state, struct tw_str *out);
void trace_again(struct tw_req *req, void *state);

/* bwlim.c, the same */
int bwlim_parse(struct tw_line *ln, int i, const void **conf);
int bwlim_begin(struct tw_req *req, struct tw_msg *msg, void *state);
size_t bwlim_room_of(
    struct tw_req *req, void *state, size_t len, bool last, uint32_t *wait_ms);
extern const struct tw_action filter_actions[];
enum tw_verdict bwlim_on_reset(struct tw_req *req, void *state);
/** bwlim_check - every rule names a limit of its proxy. */
int bwlim_check(struct tw_gen *gen);

#endif
