/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * route.h - tw.router and tw.split: where requests go, as tables of C.
 */
#ifndef TW_LUA_ROUTE_H
#define TW_LUA_ROUTE_H

#include "script.h"

/* What of a request a route looks at: the request's, or a table's, for tests. */
struct lu_view {
	struct tw_str host; /* lower case, without port; p NULL: none */
	struct tw_str path, method, query;
	struct tw_req *req; /* NULL: a table */
	lua_State *L;
	int table;          /* its index on L */
	char text[256];     /* host's */
};
/** lu_view_of - of a request. */
void lu_view_of(struct lu_view *v, struct tw_req *req);
/** lu_view_check - argument `i`: a request, or {host=, path=, ...}. */
void lu_view_check(lua_State *L, int i, struct lu_view *v);
/** lu_view_header - some field of that name has the value; value.p NULL: any. */
bool lu_view_header(const struct lu_view *v, struct tw_str name, struct tw_str value);

/* ---- split.c ---------------------------------------------------------------- */

struct lu_split;
void lu_open_split(lua_State *L);
/** lu_split_pick - by key, or at random. */
struct tw_proxy *lu_split_pick(const struct lu_split *s, const struct lu_view *v);
/** lu_chance - a random number, of each thread's own. */
uint32_t lu_chance(void);
struct lu_split *lu_test_split(lua_State *L, int i);
/** lu_key_of - the value of "src", "cookie:x", "header:x", "arg:x". in: room for an
 * address. returns: p NULL: the request has none. */
struct tw_str lu_key_of(const struct lu_view *v, struct tw_str by, char room[128]);
/** lu_key_check - a Lua error, unless it is one of these. */
void lu_key_check(lua_State *L, struct tw_str by, const char *function);

/* ---- router.c ---------------------------------------------------------------- */

struct lu_router;
void lu_open_router(lua_State *L);
struct lu_router *lu_test_router(lua_State *L, int i);
/** lu_router_find - where the best route leads. returns: NULL: none matches. */
struct tw_proxy *lu_router_find(struct lu_router *r, struct tw_req *req);
const struct tw_origin *lu_router_origin(const struct lu_router *r);

/* ---- dict.c, map.c ---- */

/** each: in: the table `tw` is on top. */
void lu_open_dict(lua_State *L);

#endif
