/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * channel.c - the class Channel (txn.req, txn.res): the bytes of mode tcp.
 *
 * Incoming data is what was received and not forwarded. What an action forwards
 * of a request stays in front of it, out of the script's sight, until there is
 * a server; of a response it leaves at once. In mode http only what concerns
 * the channel itself can be asked, as in HAProxy. Who waits for more bytes is
 * run again with each event of the connection. source: HAProxy's Lua manual,
 * Channel class.
 */
#include "lu.h"

#include <tideway/edit.h>

#include "txn.h"

#define CLASS "Channel"

/* Where its methods put what their continuation needs. */
enum { ARG_SELF = 1, ARG_2, ARG_3 };

struct channel {
	bool response;
};

/*@ TXN.req: Channel */
/*@ TXN.res: Channel */
static const char channels_key; /* registry: table of the two, by field */

/* A channel while a method works on it. */
struct view {
	struct tw_req *req;
	struct lu_req *mine;
	bool response;
	bool may_come;     /* more bytes */
	struct tw_str all; /* what was received: forwarded bytes first */
	struct tw_str in;  /* incoming data */
};

static const struct channel *
check_self(lua_State *L)
{
	return luaL_checkudata(L, ARG_SELF, CLASS);
}

/* A response has no bytes before there is a server. */
static void
look(struct view *v)
{
	const size_t passed = v->mine->passed[v->response];

	v->all = v->in = (struct tw_str){ "", 0 };
	v->may_come = false;
	if (v->response && tw_req_server_conn(v->req) == NULL)
		return;
	v->may_come = tw_req_content(v->req, v->response, &v->all) == TW_IO_OK &&
	    tw_req_content_room(v->req, v->response) > 0;
	if (v->all.p == NULL)
		v->all = (struct tw_str){ "", 0 };
	v->in = v->all;
	if (passed > 0 && passed <= v->all.len)
		v->in = (struct tw_str){ v->all.p + passed, v->all.len - passed };
}

static struct view
view_of(lua_State *L, const char *fn)
{
	const struct channel *const ch = check_self(L);
	struct tw_req *const req = lu_client_req(L, fn);
	struct view v = {
		.req = req, .mine = tw_req_block(req, lu_self), .response = ch->response
	};

	if (lu_is_http(req))
		luaL_error(
		    L, "%s: Cannot manipulate HAProxy channels in HTTP mode.", fn);
	look(&v);
	return v;
}

static struct view
edit_of(lua_State *L, const char *fn)
{
	const struct view v = view_of(L, fn);
	const struct lu_call *const c = lu_call_of(L);

	if (c->at != LU_AT_ACTION)
		luaL_error(L, "%s: not allowed in %s: it changes the channel", fn,
		    lu_at_name[c->at]);
	return v;
}

/* Whether more bytes can be waited for, and in an action they are. */
static bool
can_wait(lua_State *L, const struct view *v)
{
	return v->may_come && lu_call_of(L)->at == LU_AT_ACTION && lu_may_yield(L);
}

static int
wait_more(lua_State *L, lua_KFunction k)
{
	lu_call_of(L)->on_bytes = true;
	return lu_yield(L, 0, k);
}

/* ---- ranges ------------------------------------------- */

static size_t
check_offset(lua_State *L, int i, const struct view *v, lua_Integer usual)
{
	lua_Integer at = luaL_optinteger(L, i, usual);

	if (at < 0)
		at = at + (lua_Integer)v->in.len < 0 ? 0 : at + (lua_Integer)v->in.len;
	luaL_argcheck(L, at <= (lua_Integer)v->in.len, i, "offset out of range");
	return (size_t)at;
}

/* returns: SIZE_MAX: as many as can be got. */
static size_t
check_length(lua_State *L, int i, size_t usual)
{
	if (lua_isnoneornil(L, i))
		return usual;
	const lua_Integer n = luaL_checkinteger(L, i);
	luaL_argcheck(L, n >= -1, i, "length out of range");
	return n < 0 ? SIZE_MAX : (size_t)n;
}

static int
push_bytes(lua_State *L, const struct view *v, size_t at, size_t n)
{
	if (n == 0 && v->in.len == 0 && !v->may_come)
		lua_pushnil(L);
	else
		lua_pushlstring(L, v->in.p + at, n);
	return 1;
}

/* ---- reading ------------------------------------------- */

static int
data_go(lua_State *L, int status, lua_KContext ctx)
{
	const struct view v = view_of(L, "data");
	const size_t at = check_offset(L, ARG_2, &v, 0);
	const size_t there = v.in.len - at;
	const size_t want = check_length(L, ARG_3, there);

	(void)status;
	(void)ctx;
	if (want > there && can_wait(L, &v))
		return wait_more(L, data_go);
	return push_bytes(L, &v, at, want < there ? want : there);
}

/*@ Channel:data(offset?: integer, length?: integer): string|nil */
static int
ch_data(lua_State *L)
{
	lua_settop(L, 3);
	return data_go(L, LUA_OK, 0);
}

static int
line_go(lua_State *L, int status, lua_KContext ctx)
{
	const struct view v = view_of(L, "line");
	const size_t at = check_offset(L, ARG_2, &v, 0);
	const size_t there = v.in.len - at;
	const size_t want = check_length(L, ARG_3, there);
	const size_t n = want < there ? want : there;
	const char *const nl = n > 0 ? memchr(v.in.p + at, '\n', n) : NULL;

	(void)status;
	(void)ctx;
	if (nl != NULL)
		return push_bytes(L, &v, at, (size_t)(nl - v.in.p) + 1 - at);
	if (want > there && can_wait(L, &v))
		return wait_more(L, line_go);
	return push_bytes(L, &v, at, n);
}

/*@ Channel:line(offset?: integer, length?: integer): string|nil */
static int
ch_line(lua_State *L)
{
	lua_settop(L, 3);
	return line_go(L, LUA_OK, 0);
}

/* ---- changing ------------------------------------------- */

/* in: at, n, of incoming data. returns: false: no room. */
static bool
edit(const struct view *v, size_t at, size_t n, struct tw_str by)
{
	return tw_req_content_edit(
	    v->req, v->response, (size_t)(v->in.p - v->all.p) + at, n, by);
}

static int
push_edited(lua_State *L, const struct view *v, size_t at, size_t n, struct tw_str by)
{
	lua_pushinteger(L, edit(v, at, n, by) ? (lua_Integer)by.len : -1);
	return 1;
}

/* in: offset at ARG i, which may be left out. */
static int
insert(lua_State *L, const char *fn, lua_Integer usual, bool has_offset)
{
	const struct view v = edit_of(L, fn);
	const struct tw_str s = lu_check_str(L, ARG_2);

	if (has_offset)
		return push_edited(L, &v, check_offset(L, ARG_3, &v, usual), 0, s);
	return push_edited(L, &v, usual < 0 ? v.in.len : 0, 0, s);
}

/*@ Channel:append(data: string): integer */
static int
ch_append(lua_State *L)
{
	return insert(L, "append", -1, false);
}

/*@ Channel:prepend(data: string): integer */
static int
ch_prepend(lua_State *L)
{
	return insert(L, "prepend", 0, false);
}

/*@ Channel:insert(data: string, offset?: integer): integer */
static int
ch_insert(lua_State *L)
{
	return insert(L, "insert", 0, true);
}

/* The length at argument i, of what is there from `at` on. */
static size_t
check_span(lua_State *L, int i, const struct view *v, size_t at)
{
	const size_t there = v->in.len - at;
	const size_t n = check_length(L, i, there);

	luaL_argcheck(L, n == SIZE_MAX || n <= there, i, "length out of range");
	return n == SIZE_MAX ? there : n;
}

/*@ Channel:set(data: string, offset?: integer, length?: integer): integer */
static int
ch_set(lua_State *L)
{
	const struct view v = edit_of(L, "set");
	const struct tw_str s = lu_check_str(L, ARG_2);
	const size_t at = check_offset(L, ARG_3, &v, 0);
	const size_t n = check_span(L, 4, &v, at);

	return push_edited(L, &v, at, n, s);
}

static void
cut(lua_State *L, const struct view *v, size_t at, size_t n)
{
	if (!edit(v, at, n, (struct tw_str){ "", 0 }))
		luaL_error(L, "the connection is lost");
}

/*@ Channel:remove(offset?: integer, length?: integer): integer */
static int
ch_remove(lua_State *L)
{
	const struct view v = edit_of(L, "remove");
	const size_t at = check_offset(L, ARG_2, &v, 0);
	const size_t n = check_span(L, ARG_3, &v, at);

	if (n > 0)
		cut(L, &v, at, n);
	lua_pushinteger(L, (lua_Integer)n);
	return 1;
}

/* ---- the old forms ------------------------------------------- */

/*@ Channel:dup(): string|nil */
static int
ch_dup(lua_State *L)
{
	const struct view v = view_of(L, "dup");

	return push_bytes(L, &v, 0, v.in.len);
}

/* Pushes n bytes and takes them away. */
static int
take(lua_State *L, const struct view *v, size_t n)
{
	push_bytes(L, v, 0, n);
	if (n > 0)
		cut(L, v, 0, n);
	return 1;
}

/*@ Channel:get(): string|nil */
static int
ch_get(lua_State *L)
{
	const struct view v = edit_of(L, "get");

	return take(L, &v, v.in.len);
}

static int
getline_go(lua_State *L, int status, lua_KContext ctx)
{
	const struct view v = edit_of(L, "getline");
	const char *const nl = v.in.len > 0 ? memchr(v.in.p, '\n', v.in.len) : NULL;

	(void)status;
	(void)ctx;
	if (nl == NULL && can_wait(L, &v))
		return wait_more(L, getline_go);
	return take(L, &v, nl != NULL ? (size_t)(nl - v.in.p) + 1 : v.in.len);
}

/*@ Channel:getline(): string|nil */
static int
ch_getline(lua_State *L)
{
	lua_settop(L, 1);
	return getline_go(L, LUA_OK, 0);
}

/* ---- sending ------------------------------------------- */

/* A request's bytes wait for a server behind those that were forwarded before; a
 * response's leave. */
static bool
passes(const struct view *v)
{
	return v->response || tw_req_server_conn(v->req) != NULL;
}

static int
send_go(lua_State *L, int status, lua_KContext ctx)
{
	const struct view v = edit_of(L, "send");
	const struct tw_str s = lu_check_str(L, ARG_2);
	lua_Integer n = (lua_Integer)s.len;

	(void)status;
	(void)ctx;
	if (!passes(&v)) {
		if (edit(&v, 0, 0, s))
			v.mine->passed[0] += (uint32_t)s.len;
		else
			n = -1;
	} else {
		const enum tw_io io = tw_req_content_send(v.req, v.response, s);
		if (io == TW_IO_AGAIN && lu_may_yield(L))
			return wait_more(L, send_go);
		if (io != TW_IO_OK)
			n = -1;
	}
	lua_pushinteger(L, n);
	return 1;
}

/*@ Channel:send(data: string): integer */
static int
ch_send(lua_State *L)
{
	luaL_checkstring(L, ARG_2);
	lua_settop(L, 2);
	return send_go(L, LUA_OK, 0);
}

/* returns: false: it has to wait, or cannot be. */
static bool
forward_some(lua_State *L, const struct view *v, size_t n, bool *lost)
{
	const struct tw_str s = { v->in.p, n };

	if (!passes(v)) {
		v->mine->passed[0] += (uint32_t)n;
		return true;
	}
	const enum tw_io io = tw_req_content_send(v->req, v->response, s);
	*lost = io == TW_IO_ERR;
	if (io == TW_IO_OK && n > 0)
		cut(L, v, 0, n);
	return io == TW_IO_OK;
}

/* in: ctx, how many were forwarded before. */
static int
forward_go(lua_State *L, int status, lua_KContext ctx)
{
	const struct view v = edit_of(L, "forward");
	const size_t want = (size_t)lua_tointeger(L, ARG_2) - (size_t)ctx;
	const size_t n = want < v.in.len ? want : v.in.len;
	bool lost = false;
	const bool went = forward_some(L, &v, n, &lost);
	const lua_KContext sum = ctx + (went ? (lua_KContext)n : 0);

	(void)status;
	if (!lost && (!went || (n < want && v.may_come)) && lu_may_yield(L)) {
		lu_call_of(L)->on_bytes = true;
		return lu_yield(L, sum, forward_go);
	}
	lua_pushinteger(L, (lua_Integer)sum);
	return 1;
}

/*@ Channel:forward(length: integer): integer */
static int
ch_forward(lua_State *L)
{
	luaL_argcheck(L, luaL_checkinteger(L, ARG_2) >= 0, ARG_2, "it is negative");
	lua_settop(L, 2);
	return forward_go(L, LUA_OK, 0);
}

/* ---- about the channel ------------------------------------------- */

static struct view
any_of(lua_State *L, const char *fn)
{
	const struct channel *const ch = check_self(L);
	struct tw_req *const req = lu_client_req(L, fn);
	struct view v = {
		.req = req, .mine = tw_req_block(req, lu_self), .response = ch->response
	};

	if (!lu_is_http(req)) {
		look(&v);
		return v;
	}
	const struct tw_msg *const msg =
	    ch->response ? tw_req_response(req) : tw_req_request(req);
	v.in = ch->response ? tw_res_body_now(req) : tw_req_body_now(req);
	if (!ch->response || msg->status != 0)
		v.in.len += msg->raw.len; /* only its length is asked for */
	v.may_come = true;
	return v;
}

/*@ Channel:input(): integer */
static int
ch_input(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)any_of(L, "input").in.len);
	return 1;
}

/*@ Channel:output(): integer */
static int
ch_output(lua_State *L)
{
	const struct view v = any_of(L, "output");

	lua_pushinteger(L, v.mine->passed[v.response]);
	return 1;
}

/*@ Channel:may_recv(): boolean */
static int
ch_may_recv(lua_State *L)
{
	lua_pushboolean(L, any_of(L, "may_recv").may_come);
	return 1;
}

/*@ Channel:is_full(): boolean */
static int
ch_is_full(lua_State *L)
{
	const struct view v = any_of(L, "is_full");

	lua_pushboolean(L,
	    !lu_is_http(v.req) && v.all.len > 0 &&
		tw_req_content_room(v.req, v.response) == 0);
	return 1;
}

/*@ Channel:is_resp(): boolean */
static int
ch_is_resp(lua_State *L)
{
	lua_pushboolean(L, check_self(L)->response);
	return 1;
}

static const luaL_Reg methods[] = {
	{ "append", ch_append },
	{ "data", ch_data },
	{ "dup", ch_dup },
	{ "forward", ch_forward },
	{ "get", ch_get },
	{ "get_in_len", ch_input },
	{ "get_out_len", ch_output },
	{ "getline", ch_getline },
	{ "input", ch_input },
	{ "insert", ch_insert },
	{ "is_full", ch_is_full },
	{ "is_resp", ch_is_resp },
	{ "line", ch_line },
	{ "may_recv", ch_may_recv },
	{ "output", ch_output },
	{ "prepend", ch_prepend },
	{ "remove", ch_remove },
	{ "send", ch_send },
	{ "set", ch_set },
	{ NULL, NULL },
};

static void
object_make(lua_State *L, bool response)
{
	struct channel *const ch = lua_newuserdata(L, sizeof(*ch));

	ch->response = response;
	luaL_setmetatable(L, CLASS);
}

void
lu_open_channel(lua_State *L)
{
	lu_class(L, CLASS, methods);
	lua_pop(L, 1);
	lua_newtable(L);
	object_make(L, false);
	lua_setfield(L, -2, "req");
	object_make(L, true);
	lua_setfield(L, -2, "res");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &channels_key);
}

void
lu_channel_fields(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &channels_key);
	lua_getfield(L, -1, "req");
	lua_setfield(L, -3, "req");
	lua_getfield(L, -1, "res");
	lua_setfield(L, -3, "res");
	lua_pop(L, 1);
}
