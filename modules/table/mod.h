/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * mod.h - what the files of the module `table` share: configured tables, what
 * is tracked, the rules of `stick`.
 */
#ifndef TABLE_MOD_H
#define TABLE_MOD_H

#include <tideway/action.h>
#include <tideway/command.h>
#include <tideway/expr.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/table.h>
#include <tideway/text.h>
#include <tideway/worker.h>

#include "table.h"

extern const struct tw_self *tb_self; /* set once, at load */

/* A stick-table line. gen. */
struct tb_conf {
	struct tw_table pub;
	struct tb_conf *next; /* the one read before it */
	const char *name;     /* its proxy's */
	const struct tw_proxy *px;
	const char *file;
	int line;
	struct tb_layout layout;
	struct tb_limits limits;
	bool by_addr;           /* srvkey addr */
	bool recv_only;         /* no peer's values are held back from it */
	const char *write_to;   /* also takes what peers tell; NULL: none */
	struct tb_table *table; /* owns a reference; from start to stop */
};

/* A line that names a table, perhaps one further down. gen. */
struct tb_ref {
	struct tb_ref *next;
	const char *table; /* NULL: the proxy's own */
	const struct tw_proxy *px;
	const char *what; /* "http-request track-sc0" */
	const char *file;
	int line;
	const struct tw_expr *expr; /* whose values are keys; NULL: none */
	bool sticks;                /* servers are stored there */
	struct tb_conf *conf;       /* out, after check() */
};

/* This module's part of a generation. */
struct tb_gen {
	struct tb_conf *tables; /* the last one first */
	struct tb_ref *refs;
	bool has_counters;
	uint32_t counters; /* tune.stick-counters, when set */
};
#define TB_COUNTERS 3

/* One rule of `stick`. gen. */
struct tb_stick {
	struct tb_stick *next;
	bool matches, stores, of_response;
	const struct tw_expr *expr;
	const struct tw_cond *cond; /* NULL: always */
	struct tb_ref *ref;
	struct tw_origin origin;
};

/* This module's part of a proxy. */
struct tb_proxy {
	struct tb_conf *conf; /* NULL: it has no table */
	struct tb_stick *sticks, **sticks_end;
	bool tracks_session; /* tcp-request connection, session */
	bool tracks_request; /* the other rule sets */
};

/* One tracked entry. */
struct tb_track {
	struct tb_table *table; /* NULL: nothing is tracked */
	struct tb_entry *e;
	uint32_t rest[2]; /* bytes in, out that make no block yet */
};

/* This module's part of a client's connection, and of a request. */
struct tb_conn {
	struct tw_conn_end end;
	struct tb_track *sc; /* owns; NULL: nothing is tracked */
	uint32_t n;
};
struct tb_req {
	struct tb_track *sc; /* arena; NULL: nothing is tracked */
	uint16_t n;
	bool is_accept;    /* no request yet: rules for connections ran */
	bool is_counted;   /* among the connection's requests */
	bool has_response; /* a server's */
	uint64_t bytes[2]; /* in, out: counted so far */
};

static inline struct tb_proxy *
tb_proxy_of(const struct tw_proxy *px)
{
	return tw_proxy_block(px, tb_self);
}

static inline struct tb_gen *
tb_gen_of(struct tw_gen *gen)
{
	return tw_gen_block(gen, tb_self);
}

/* table_conf.c */
extern const struct tw_kw tb_keywords[];
uint32_t tb_counters(struct tw_gen *gen);
/** tb_conf_find - in: name; NULL: the table of px. returns: NULL with err. */
struct tb_conf *tb_conf_find(struct tw_gen *gen, const char *name,
    const struct tw_proxy *px, struct tw_err *err);
/** tb_ref_new - a line names a table. */
struct tb_ref *tb_ref_new(struct tw_line *ln, const char *what, const char *table,
    const struct tw_expr *expr);
int tb_conf_check(struct tw_gen *gen);

/* live.c */
int tb_live_start(struct tw_gen *gen, struct tw_err *err);
void tb_live_stop(struct tw_gen *gen);
int tb_live_up(struct tw_worker *w, void *state);
void tb_live_down(struct tw_worker *w, void *state);
/** tb_live_settle - what has expired is not counted any more. */
void tb_live_settle(struct tb_table *t);

/* key.c */
enum tw_type tb_sample_type(enum tb_key_type key);
/** tb_key_make - a sample as a key of the table. returns: false: it is none.
 * borrow: until the next call on this thread. */
bool tb_key_make(struct tw_req *req, const struct tb_layout *l, struct tw_sample *s,
    struct tb_key *out);
/** tb_key_sample - a key as a sample. borrow: as long as the entry lives. */
void tb_key_sample(const struct tb_layout *l, struct tw_str key, struct tw_sample *out);

/* track.c */
extern const struct tw_action tb_track_action;
struct tb_track *tb_track_of(struct tw_req *req, uint64_t counter);
bool tb_any_tracks(const struct tw_proxy *px);
bool tb_wants_session(const struct tw_proxy *px);
bool tb_wants_request(const struct tw_proxy *px);
bool tb_wants_response(const struct tw_proxy *px);
enum tw_verdict tb_on_session(struct tw_req *req, void *state);
enum tw_verdict tb_on_request(struct tw_req *req, void *state);
enum tw_verdict tb_on_response(struct tw_req *req, void *state);
enum tw_verdict tb_on_moved(struct tw_req *req, void *state);
/** tb_glitches - a connection did n odd things. */
void tb_glitches(struct tw_conn *conn, uint32_t n);
enum tw_verdict tb_on_log(struct tw_req *req, void *state);
enum tw_verdict tb_on_reset(struct tw_req *req, void *state);
/** tb_tracks_check - remembers whether some proxy tracks at all. */
void tb_tracks_check(struct tw_gen *gen);

/* act.c */
extern const struct tw_action tb_counter_actions[];
/** tb_parse_word - a number that is all of `s`. */
bool tb_parse_u32(struct tw_str s, uint32_t *out);

/* ops.c: what fetches, converters and actions do to an entry */
enum tb_op { TB_GET, TB_KBYTES, TB_INC, TB_CLR, TB_TRACKERS };
/** tb_op_run - returns: false: it is not stored. */
bool tb_op_run(
    struct tb_hold *h, enum tb_op op, enum tb_data d, unsigned i, uint64_t *out);

/* fetch.c, conv.c */
extern const struct tw_fetch tb_fetches[];
extern const struct tw_conv tb_convs[];

/* stick.c */
extern const struct tw_kw tb_stick_keywords[];
bool tb_wants_match(const struct tw_proxy *px);
bool tb_wants_store(const struct tw_proxy *px);
bool tb_wants_learn(const struct tw_proxy *px);
bool tb_wants_learn_tcp(const struct tw_proxy *px);
enum tw_verdict tb_on_pick(struct tw_req *req, void *state);
enum tw_verdict tb_on_send(struct tw_req *req, void *state);
enum tw_verdict tb_on_learn(struct tw_req *req, void *state);
int tb_stick_line(struct tw_line *ln);

/* public.c */
extern const struct tw_table_ops tb_table_ops[];

/* show.c */
extern const struct tw_command tb_commands[];
extern const struct tw_stats_table tb_stats_tables[];

#endif
