/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * txn.h - the classes that a TXN leads to.
 */
#ifndef TW_LUA_TXN_H
#define TW_LUA_TXN_H

#include "lu.h"

/* Each makes its object in a state: lu_open_txn() calls them. */

/** lu_open_http, lu_open_reply, lu_open_channel - once for each state. */
void lu_open_http(lua_State *L);
void lu_open_reply(lua_State *L);
void lu_open_channel(lua_State *L);
/** lu_http_field - http; lu_channel_fields - req, res: into the table on top. */
void lu_http_field(lua_State *L);
void lu_channel_fields(lua_State *L);
/** lu_reply_methods, lu_txn_set_methods - of TXN: into the table on top. */
void lu_reply_methods(lua_State *L);
void lu_txn_set_methods(lua_State *L);

/** lu_client_req - lu_req(), of a client: a check's has no connection. errors: a Lua
 * error. */
struct tw_req *lu_client_req(lua_State *L, const char *fn);
/** lu_is_response - what the running rules look at. */
bool lu_is_response(const struct lu_call *c);
/** lu_is_http - the proxy whose rules run is in mode http. */
static inline bool
lu_is_http(const struct tw_req *req)
{
	return tw_proxy_mode(tw_req_proxy(req)) == TW_MODE_HTTP;
}

/* act.YIELD: the rule is run again, from the start. */
struct lu_pause {
	struct tw_timer timer; /* the first field: its function looks from there */
	struct tw_req *req;
	bool on, fired;
};
/** lu_pause_begin - until then, or in mode tcp until more bytes come. in: ms, 0:
 * none was said. returns: false: out of memory. */
bool lu_pause_begin(struct tw_req *req, uint64_t ms);
/** lu_pause_over - asked again: whether the rule shall be run. */
bool lu_pause_over(struct tw_req *req);

#endif
