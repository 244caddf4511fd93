/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * applet_http.c - the class AppletHTTP: the request as fields, the answer's head.
 *
 * source: HAProxy's Lua manual, AppletHTTP class.
 */
#include "applet.h"

#include "field.h"

#define CLASS LU_APPLET_HTTP

/* Keys of its fields: the answer's header fields, its reason. */
static const char head_key, reason_key;

/* ---- the request -------------------------------------------------------------------- */

/*@ AppletHTTP.headers: table<string, table<integer, string>> */
static int
headers(lua_State *L, struct lu_applet *a)
{
	lu_push_fields(L, tw_req_request(a->req));
	lu_applet_fields(L, 1);
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, "headers");
	lua_pop(L, 1);
	return 1;
}

/* 0: there is none, or nobody knows. */
/*@ AppletHTTP.length: integer */
static lua_Integer
length_of(const struct tw_msg *msg)
{
	return msg->body == TW_BODY_LENGTH ? (lua_Integer)msg->content_length : 0;
}

/*@ AppletHTTP.method: string */
/*@ AppletHTTP.path: string */
/*@ AppletHTTP.qs: string */
/*@ AppletHTTP.version: string */
static int
field(lua_State *L, struct lu_applet *a, const char *name)
{
	const struct tw_msg *const msg = tw_req_request(a->req);

	if (strcmp(name, "path") == 0)
		lu_push_str(L, tw_msg_path(msg));
	else if (strcmp(name, "method") == 0)
		lu_push_str(L, msg->method_name);
	else if (strcmp(name, "qs") == 0)
		lu_push_str(L, tw_msg_query(msg));
	else if (strcmp(name, "version") == 0)
		lua_pushfstring(L, "HTTP/%d.%d", (int)msg->major, (int)msg->minor);
	else if (strcmp(name, "length") == 0)
		lua_pushinteger(L, length_of(msg));
	else if (strcmp(name, "headers") == 0)
		return headers(L, a);
	else
		return 0;
	return 1;
}

/*@ AppletHTTP:receive(size?: integer): string */
static int
receive(lua_State *L)
{
	struct lu_applet *const a = lu_check_applet(L, CLASS);
	const lua_Integer n = luaL_optinteger(L, 2, -1);

	return lu_applet_receive(L, a, n < 0 ? SIZE_MAX : (size_t)n, 0);
}

/* ---- the answer ----------------------------------------------------------------------- */

static struct lu_applet *
before_head(lua_State *L)
{
	struct lu_applet *const a = lu_check_applet(L, CLASS);

	if (a->started)
		luaL_error(L,
		    "the answer's head was sent already: "
		    "start_response() was called");
	return a;
}

/* false: that is no status. */
/*@ AppletHTTP:set_status(code: integer, reason?: string): boolean */
static int
set_status(lua_State *L)
{
	struct lu_applet *const a = before_head(L);
	const lua_Integer code = luaL_checkinteger(L, 2);
	const bool ok = code >= 100 && code <= 599;

	luaL_optstring(L, 3, NULL);
	lua_settop(L, 3);
	luaL_argcheck(L, lua_isnil(L, 3) || lu_is_field_value(lu_check_str(L, 3)), 3,
	    "a reason cannot hold line breaks");
	if (ok) {
		a->status = (int)code;
		lu_applet_fields(L, 1);
		lua_pushvalue(L, 3);
		lua_rawsetp(L, -2, &reason_key);
	}
	lua_pushboolean(L, ok);
	return 1;
}

/*@ AppletHTTP:add_header(name: string, value: string) */
static int
add_header(lua_State *L)
{
	before_head(L);
	luaL_argcheck(L, lu_is_token(lu_check_str(L, 2)), 2,
	    "that is not the name of a header field");
	luaL_argcheck(L, lu_is_field_value(lu_check_str(L, 3)), 3,
	    "a value cannot hold line breaks");
	lu_applet_fields(L, 1);
	if (lua_rawgetp(L, -1, &head_key) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, -3, &head_key);
	}
	const lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
	lua_pushvalue(L, 2);
	lua_rawseti(L, -2, n + 1);
	lua_pushvalue(L, 3);
	lua_rawseti(L, -2, n + 2);
	return 0;
}

/* The strings stay in the table, which is on top afterwards. */
static const struct tw_str *
head_fields(lua_State *L, int *n_pairs)
{
	lu_applet_fields(L, 1);
	if (lua_rawgetp(L, -1, &head_key) != LUA_TTABLE) {
		*n_pairs = 0;
		return NULL;
	}
	const int n = (int)lua_rawlen(L, -1);
	struct tw_str *const s = lua_newuserdata(L, sizeof(*s) * (size_t)n + 1);
	for (int i = 0; i < n; i++) {
		lua_rawgeti(L, -2, i + 1);
		s[i].p = lua_tolstring(L, -1, &s[i].len);
		lua_pop(L, 1);
	}
	*n_pairs = n / 2;
	return s;
}

/*@ AppletHTTP:start_response() */
static int
start_response(lua_State *L)
{
	struct lu_applet *const a = before_head(L);
	struct tw_service_head head = { .status = a->status, .length = -1 };

	lua_settop(L, 1);
	luaL_checkstack(L, 8, NULL);
	head.headers = head_fields(L, &head.n_headers);
	lu_applet_fields(L, 1);
	if (lua_rawgetp(L, -1, &reason_key) == LUA_TSTRING)
		head.reason = lu_check_str(L, -1);
	if (a->status < 200)
		return luaL_error(L,
		    "start_response: an answer's status is 200 to 599, not %d",
		    a->status);
	if (tw_service_start(a->req, &head) != 0)
		return luaL_error(L,
		    "start_response: content-length is not a number, or there are too "
		    "many header fields (%d)",
		    head.n_headers);
	a->started = true;
	return 0;
}

/*@ AppletHTTP:send(data: string): integer */
static int
http_send(lua_State *L)
{
	struct lu_applet *const a = lu_check_applet(L, CLASS);

	if (!a->started)
		return luaL_error(L, "send: call start_response() before");
	return lu_applet_send(L, a);
}

static const luaL_Reg methods[] = {
	{ "add_header", add_header },
	{ "receive", receive },
	{ "send", http_send },
	{ "set_status", set_status },
	{ "start_response", start_response },
	{ NULL, NULL },
};

void
lu_open_applet_http(lua_State *L)
{
	lu_applet_class(L, CLASS, methods, field);
}
