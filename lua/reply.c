/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * reply.c - the class Reply, txn:reply() and txn:done().
 *
 * A Reply is a table (status, reason, headers, body) that scripts may fill
 * themselves. done() copies it into the request's memory and ends the call; a
 * body may have any size. source: HAProxy's Lua manual, Reply class, TXN.done.
 */
#include "lu.h"

#include <tideway/edit.h>
#include <tideway/stats.h>

#include "field.h"
#include "txn.h"

#define CLASS "Reply"
#define HEADERS_MAX 100

/*@ Reply.status: integer */
/*@ Reply.reason: string */
/*@ Reply.headers: table<string, string[]> */
/*@ Reply.body: string */

/* ---- the class --------------------------------------------------------------------- */

static void
set_status(lua_State *L, int self, int status, int reason)
{
	const lua_Integer code = luaL_checkinteger(L, status);

	luaL_argcheck(L, code >= 200 && code <= 599, status,
	    "a status from 200 to 599 is expected");
	if (lua_isnoneornil(L, reason)) {
		lua_pushstring(L, tw_status_reason((int)code));
	} else {
		luaL_checkstring(L, reason);
		lua_pushvalue(L, reason);
	}
	lua_setfield(L, self, "reason");
	lua_pushinteger(L, code);
	lua_setfield(L, self, "status");
}

/*@ Reply:set_status(status: integer, reason?: string) */
static int
reply_set_status(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	set_status(L, 1, 2, 3);
	return 0;
}

/* The list of a name; left on the stack. */
static void
list_of(lua_State *L, const char *name)
{
	if (lua_getfield(L, 1, "headers") != LUA_TTABLE)
		luaL_argerror(L, 1, "it is no Reply: it has no table 'headers'");
	if (lua_getfield(L, -1, name) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, name);
}

/*@ Reply:add_header(name: string, value: string) */
static int
reply_add_header(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	const char *const name = luaL_checkstring(L, 2);

	luaL_checkstring(L, 3);
	list_of(L, name);
	lua_pushvalue(L, 3);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	return 0;
}

/*@ Reply:del_header(name: string) */
static int
reply_del_header(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	const char *const name = luaL_checkstring(L, 2);

	if (lua_getfield(L, 1, "headers") != LUA_TTABLE)
		return luaL_argerror(L, 1, "it is no Reply: it has no table 'headers'");
	lua_pushnil(L);
	lua_setfield(L, -2, name);
	return 0;
}

/*@ Reply:set_body(body: string) */
static int
reply_set_body(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checkstring(L, 2);
	lua_pushvalue(L, 2);
	lua_setfield(L, 1, "body");
	return 0;
}

static const luaL_Reg methods[] = {
	{ "add_header", reply_add_header },
	{ "del_header", reply_del_header },
	{ "set_body", reply_set_body },
	{ "set_status", reply_set_status },
	{ NULL, NULL },
};

/* Field `name` of the table at 2, which may not be there. */
static bool
given(lua_State *L, const char *name, int type)
{
	if (!lua_istable(L, 2))
		return false;
	if (lua_getfield(L, 2, name) == LUA_TNIL) {
		lua_pop(L, 1);
		return false;
	}
	if (lua_type(L, -1) != type && !(type == LUA_TSTRING && lua_isstring(L, -1)))
		luaL_argerror(L, 2,
		    lua_pushfstring(L,
			"field '%s' of a reply: a %s is expected, not a %s", name,
			lua_typename(L, type), luaL_typename(L, -1)));
	return true;
}

/* The lists are copied: what is added to a Reply is not the script's table's. */
static void
headers_copy(lua_State *L, int from)
{
	lua_newtable(L);
	const int to = lua_gettop(L);
	lua_pushnil(L);
	while (lua_next(L, from) != 0) {
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_argerror(L, 2, "the names of 'headers' are strings");
		lua_newtable(L);
		if (lua_istable(L, -2)) {
			lua_pushnil(L);
			while (lua_next(L, -3) != 0) {
				lua_pushvalue(L, -2);
				lua_insert(L, -2);
				lua_rawset(L, -4);
			}
		} else {
			lua_pushvalue(L, -2);
			lua_rawseti(L, -2, 1);
		}
		lua_pushvalue(L, -3);
		lua_insert(L, -2);
		lua_rawset(L, to);
		lua_pop(L, 1);
	}
}

/*@ TXN:reply(reply?: table): Reply */
static int
txn_reply(lua_State *L)
{
	const struct lu_txn *const t = lu_check_txn(L, 1);

	if (!lu_is_http(t->req))
		return luaL_error(L,
		    "reply: txn object is not an HTTP transaction: in mode tcp nobody "
		    "would understand it");
	if (!lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	lua_createtable(L, 0, 4);
	if (!given(L, "status", LUA_TNUMBER))
		lua_pushinteger(L, 200);
	if (!given(L, "reason", LUA_TSTRING))
		lua_pushnil(L);
	set_status(L, 3, lua_gettop(L) - 1, lua_gettop(L));
	if (given(L, "body", LUA_TSTRING))
		lua_setfield(L, 3, "body");
	if (given(L, "headers", LUA_TTABLE))
		headers_copy(L, lua_gettop(L));
	else
		lua_newtable(L);
	lua_setfield(L, 3, "headers");
	lua_settop(L, 3);
	luaL_setmetatable(L, CLASS);
	return 1;
}

/* ---- done ---------------------------------------------------------------------------- */

struct made {
	struct tw_req *req;
	struct tw_str *pair; /* arena */
	int n;
};

static struct tw_str
keep(lua_State *L, struct tw_req *req, struct tw_str s)
{
	struct tw_str copy = { "", 0 };

	if (s.len == 0)
		return copy;
	copy = tw_req_copy(req, s);
	if (copy.p == NULL)
		luaL_error(L, "done: out of memory for the reply");
	return copy;
}

/* What the codec makes itself. */
static bool
is_framing(struct tw_str name)
{
	return tw_str_ieq(name, TW_STR("content-length")) ||
	    tw_str_ieq(name, TW_STR("transfer-encoding")) ||
	    tw_str_ieq(name, TW_STR("connection"));
}

/* in: the value is on top; popped. */
static void
header_make(lua_State *L, struct made *m, struct tw_str name)
{
	if (!lua_isstring(L, -1))
		luaL_error(L, "done: the value of header '%s' is a %s, not a string",
		    name.p, luaL_typename(L, -1));
	const struct tw_str value = lu_check_str(L, -1);
	if (!lu_is_field_value(value))
		luaL_error(L, "done: header '%s': CR, LF and NUL are not allowed in it",
		    name.p);
	if (m->n == HEADERS_MAX)
		luaL_error(L, "done: more than %d headers", HEADERS_MAX);
	if (!is_framing(name)) {
		m->pair[2 * m->n] = keep(L, m->req, name);
		m->pair[2 * m->n + 1] = keep(L, m->req, tw_str_trim(value));
		m->n++;
	}
	lua_pop(L, 1);
}

/* in: a list is on top: from 1 on, or from 0 on. */
static void
list_make(lua_State *L, struct made *m, struct tw_str name)
{
	const lua_Integer len = (lua_Integer)lua_rawlen(L, -1);

	for (lua_Integer i = 0; i <= len; i++) {
		if (lua_rawgeti(L, -1, i) == LUA_TNIL)
			lua_pop(L, 1);
		else
			header_make(L, m, name);
	}
}

static bool
is_name(struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
		    s.p[i] == ':')
			return false;
	return s.len > 0;
}

/* in: the table of headers is on top. */
static void
headers_make(lua_State *L, struct made *m)
{
	lua_pushnil(L);
	while (lua_next(L, -2) != 0) {
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "done: the names of 'headers' are strings");
		const struct tw_str name = lu_check_str(L, -2);
		if (!is_name(name))
			luaL_error(L, "done: '%s' cannot be the name of a header field",
			    name.p);
		if (lua_istable(L, -1)) {
			list_make(L, m, name);
			lua_pop(L, 1);
		} else {
			header_make(L, m, name);
		}
	}
}

static void
reply_queue(lua_State *L, struct tw_req *req, const struct tw_origin *origin)
{
	struct tw_reply reply = { .status = 200 };
	struct made m = { .req = req };

	m.pair =
	    tw_arena_try(tw_req_arena(req), sizeof(*m.pair) * 2 * (size_t)HEADERS_MAX);
	if (m.pair == NULL)
		luaL_error(L, "done: out of memory for the reply");
	if (given(L, "status", LUA_TNUMBER))
		reply.status = (int)luaL_checkinteger(L, -1);
	if (reply.status < 200 || reply.status > 599)
		luaL_argerror(L, 2, "field 'status': 200 to 599 is expected");
	if (given(L, "reason", LUA_TSTRING)) {
		const struct tw_str s = lu_check_str(L, -1);
		if (!lu_is_field_value(s))
			luaL_argerror(
			    L, 2, "field 'reason': CR, LF and NUL are not allowed");
		reply.reason = keep(L, req, (struct tw_str){ s.p, s.len + 1 }).p;
	}
	if (given(L, "body", LUA_TSTRING))
		reply.body = keep(L, req, lu_check_str(L, -1));
	if (given(L, "headers", LUA_TTABLE))
		headers_make(L, &m);
	reply.headers = m.pair;
	reply.n_headers = m.n;
	tw_req_reply(req, &reply, origin);
}

/* The letter of where it ended, for the log. */
static char
when(const struct lu_call *c)
{
	return !lu_is_response(c) ? 'R' : c->stage == TW_TCP_RESPONSE ? 'D' : 'H';
}

static enum tw_act
end_silently(struct lu_call *c, struct tw_req *req)
{
	if (lu_is_http(req)) {
		tw_req_set_status(req, 0);
		if (!lu_is_response(c))
			tw_proxy_count(
			    tw_req_frontend(req), TW_FRONTEND, TW_CNT_INTERCEPTED, 1);
	}
	tw_req_set_term(req, 'L', when(c));
	tw_req_fail(req, 0, "a script has ended it", c->origin);
	return TW_ACT_FAIL;
}

/*@ TXN:done(reply?: Reply|table) */
static int
txn_done(lua_State *L)
{
	const struct lu_txn *const t = lu_check_txn(L, 1);
	struct lu_call *const c = lu_call_of(L);
	const bool has_reply = !lua_isnoneornil(L, 2);

	if (has_reply)
		luaL_checktype(L, 2, LUA_TTABLE);
	if (c == NULL || c->at != LU_AT_ACTION || c->req != t->req)
		return lu_finish(L, TW_ACT_NEXT);
	if (c->stage == TW_HTTP_AFTER) {
		if (has_reply)
			luaL_error(L,
			    "done: not allowed in http-after-response rules with "
			    "a reply: the response is on its way");
		return lu_finish(L, TW_ACT_STOP);
	}
	if (!has_reply || !lu_is_http(t->req))
		return lu_finish(L, end_silently(c, t->req));
	reply_queue(L, t->req, c->origin);
	if (lu_is_response(c))
		tw_req_set_term(t->req, 'L', 'H');
	return lu_finish(L, TW_ACT_DONE);
}

static const luaL_Reg of_txn[] = {
	{ "done", txn_done },
	{ "reply", txn_reply },
	{ NULL, NULL },
};

void
lu_reply_methods(lua_State *L)
{
	luaL_setfuncs(L, of_txn, 0);
}

void
lu_open_reply(lua_State *L)
{
	lu_class(L, CLASS, methods);
	lua_pop(L, 1);
}
