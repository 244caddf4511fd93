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
#include <tideway/server.h>

void *roundrobin_build(const struct tw_choice *choices, int n,
    const void *conf, const void *old);
void roundrobin_free(void *state);
struct tw_server *roundrobin_pick(void *state, const void *conf,
    struct tw_req *req);

void *leastconn_build(const struct tw_choice *choices, int n,
    const void *conf, const void *old);
void leastconn_free(void *state);
struct tw_server *leastconn_pick(void *state, const void *conf,
    struct tw_req *req);
void leastconn_moved(void *state, struct tw_server *srv);

#endif
