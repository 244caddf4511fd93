/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * balance.h - the algorithms of the module, one file each.
 *
 * To add one: write its file after the model of roundrobin.c, declare its
 * table entry's functions here, and add the entry in balance_mod.c.
 */
#ifndef BALANCE_BALANCE_H
#define BALANCE_BALANCE_H

#include <tideway/balance.h>
#include <tideway/expr.h>
#include <tideway/module.h>
#include <tideway/server.h>

void *roundrobin_build(const struct tw_choice *choices, int n,
    const void *conf, const void *old);
void roundrobin_free(void *state);
struct tw_server *roundrobin_pick(void *state, const void *conf,
    struct tw_req *req);

struct tw_server *roundrobin_pick_message(void *state, const void *conf,
    struct tw_str message);
/** balance_turn - the server that is next in a ring of n, without those that have no
 * room. in, out: at, turns given so far. returns: NULL: none has. */
struct tw_server *balance_turn(struct tw_server *const *ring, uint64_t n,
    _Atomic uint64_t *at, struct tw_req *req);

void *leastconn_build(const struct tw_choice *choices, int n,
    const void *conf, const void *old);
void leastconn_free(void *state);
struct tw_server *leastconn_pick(void *state, const void *conf,
    struct tw_req *req);
void leastconn_moved(void *state, struct tw_server *srv);

/* static_rr.c */
void *static_rr_build(const struct tw_choice *choices, int n,
    const void *conf, const void *old);
void static_rr_free(void *state);
struct tw_server *static_rr_pick(void *state, const void *conf,
    struct tw_req *req);

/* first.c */
void *first_build(const struct tw_choice *choices, int n,
    const void *conf, const void *old);
void first_free(void *state);
struct tw_server *first_pick(void *state, const void *conf,
    struct tw_req *req);
void first_moved(void *state, struct tw_server *srv);

/* sticky.c */
void *sticky_build(const struct tw_choice *choices, int n,
    const void *conf, const void *old);
void sticky_free(void *state);
struct tw_server *sticky_pick(void *state, const void *conf,
    struct tw_req *req);
struct tw_server *sticky_pick_message(void *state, const void *conf,
    struct tw_str message);

/* random.c; build and free serve p2c and peak-ewma, too */
struct random_conf {
	uint32_t draws;
	uint32_t factor;           /* percent of the average load; 0: no bound */
	const struct tw_proxy *px; /* borrow: gen */
};
int random_args(struct tw_line *ln, void *conf);
int random_check(struct tw_gen *gen, struct tw_proxy *px, void *conf);
void *random_build(const struct tw_choice *choices, int n,
    const void *conf, const void *old);
void random_free(void *state);
struct tw_server *random_pick(void *state, const void *conf,
    struct tw_req *req);
struct tw_server *random_pick_message(void *state, const void *conf,
    struct tw_str message);
struct tw_server *p2c_pick(void *state, const void *conf,
    struct tw_req *req);

/* log_hash.c */
int log_hash_args(struct tw_line *ln, void *conf);
int log_hash_check(struct tw_gen *gen, struct tw_proxy *px, void *conf);
struct tw_server *log_hash_pick(void *state, const void *conf,
    struct tw_req *req);
struct tw_server *log_hash_pick_message(void *state, const void *conf,
    struct tw_str message);
extern const struct tw_fetch log_hash_fetches[];

/* peak_ewma.c */
struct tw_server *peak_ewma_pick(void *state, const void *conf,
    struct tw_req *req);
enum tw_verdict peak_ewma_on_send(struct tw_req *req, void *state);
enum tw_verdict peak_ewma_on_response(struct tw_req *req, void *state);
enum tw_verdict peak_ewma_on_fail(struct tw_req *req, void *state);

extern const struct tw_kw balance_keywords[];
/* Set once by load(), before there are threads. */
extern const struct tw_self *balance_self;

#endif
