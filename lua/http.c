/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http.c - the class HTTP (txn.http): the heads of messages, read and changed.
 *
 * One object for each state: what it works on is the running call's message.
 * Names and values are copied into the request's memory at once, because Lua
 * frees its own. What cannot stand in a head is refused with an error.
 * source: HAProxy's Lua manual, HTTP class; RFC 9110, section 5.
 */
#include "lu.h"

#include <tideway/edit.h>
#include <tideway/text.h>

#include "field.h"
#include "txn.h"

#define CLASS "HTTP"
#define VALUE_MAX 16384
#define SELF lua_upvalueindex(1)

/*@ TXN.http: HTTP */
static const char self_key; /* registry: the object */

/* ---- where from ------------------------------------------- */

static const char *
rules_name(int rules)
{
	static const char *const names[TW_N_RULES] = {
		[TW_TCP_CONTENT] = "tcp-request",
		[TW_TCP_RESPONSE] = "tcp-response",
		[TW_HTTP_REQUEST] = "http-request",
		[TW_HTTP_RESPONSE] = "http-response",
		[TW_HTTP_AFTER] = "http-after-response",
	};

	return names[rules] != NULL ? names[rules] : "these";
}

struct tw_req *
lu_client_req(lua_State *L, const char *fn)
{
	struct tw_req *const req = lu_req(L, fn);

	if (tw_req_conn(req) == NULL)
		luaL_error(L, "%s: a health check has no client", fn);
	return req;
}

bool
lu_is_response(const struct lu_call *c)
{
	return c->at == LU_AT_ACTION &&
	    (c->stage == TW_HTTP_RESPONSE || c->stage == TW_HTTP_AFTER ||
		c->stage == TW_TCP_RESPONSE);
}

static void
check_self(lua_State *L, const char *fn)
{
	if (TW_UNLIKELY(lua_touserdata(L, 1) == NULL ||
		lua_touserdata(L, 1) != lua_touserdata(L, SELF)))
		luaL_error(L,
		    "%s: call it as txn.http:%s(...): the first argument is not the "
		    "HTTP object but a %s",
		    fn, fn, luaL_typename(L, 1));
}

/* In actions only the message that their rules look at, as in HAProxy; a fetch reads
 * what there is. */
static void
check_side(lua_State *L, const struct lu_call *c, bool response, const char *fn)
{
	if (c->at == LU_AT_ACTION && lu_is_response(c) != response)
		luaL_error(L, "%s: not allowed in %s rules: they look at the %s", fn,
		    rules_name(c->stage), response ? "request" : "response");
	if (response && tw_req_response(c->req)->status == 0)
		luaL_error(L, "%s: there is no response", fn);
}

static struct tw_req *
check(lua_State *L, bool response, bool edit, const char *fn)
{
	check_self(L, fn);
	struct tw_req *const req = lu_client_req(L, fn);
	const struct lu_call *const c = lu_call_of(L);

	if (!lu_is_http(req))
		luaL_error(L, "%s: the proxy is not in mode http", fn);
	if (edit && c->at != LU_AT_ACTION && c->at != LU_AT_HOOK)
		luaL_error(L, "%s: not allowed in %s: it changes the message", fn,
		    lu_at_name[c->at]);
	check_side(L, c, response, fn);
	return req;
}

static struct tw_msg *
message(struct tw_req *req, bool response)
{
	return response ? tw_req_response(req) : tw_req_request(req);
}

/* ---- what may stand there ------------------------------------------- */

static struct tw_str
check_name(lua_State *L, int i)
{
	const struct tw_str s = lu_check_str(L, i);

	luaL_argcheck(L, lu_is_token(s) && s.len <= UINT16_MAX, i,
	    "the name of a header field is expected");
	return s;
}

static struct tw_str
check_value(lua_State *L, int i)
{
	const struct tw_str s = lu_check_str(L, i);

	luaL_argcheck(
	    L, lu_is_field_value(s), i, "CR, LF and NUL are not allowed in it");
	return tw_str_trim(s);
}

static struct tw_str
kept(lua_State *L, struct tw_req *req, struct tw_str s)
{
	const struct tw_str copy =
	    tw_req_copy(req, s.len > 0 ? s : (struct tw_str){ "", 0 });

	if (copy.p == NULL && s.len > 0)
		luaL_error(L, "out of memory for a request");
	return copy.p != NULL ? copy : (struct tw_str){ "", 0 };
}

/* ---- reading ------------------------------------------- */

static int
get_headers(lua_State *L, bool response, const char *fn)
{
	struct tw_req *const req = check(L, response, false, fn);

	lu_push_fields(L, message(req, response));
	return 1;
}

/* ---- changing ------------------------------------------- */

static int
add(lua_State *L, struct tw_req *req, struct tw_msg *msg, struct tw_str name,
    struct tw_str value)
{
	lu_host_changed(L, req, msg, name, value);
	if (tw_msg_add(msg, kept(L, req, name), value) != 0)
		return luaL_error(
		    L, "there are %d header fields: no more can be added", TW_MAX_HDR);
	return 0;
}

static int
add_header(lua_State *L, bool response, const char *fn)
{
	struct tw_req *const req = check(L, response, true, fn);
	const struct tw_str name = check_name(L, 2);
	const struct tw_str value = kept(L, req, check_value(L, 3));

	return add(L, req, message(req, response), name, value);
}

static int
set_header(lua_State *L, bool response, const char *fn)
{
	struct tw_req *const req = check(L, response, true, fn);
	const struct tw_str name = check_name(L, 2);
	const struct tw_str value = kept(L, req, check_value(L, 3));
	struct tw_msg *const msg = message(req, response);
	struct tw_hdr *const first = tw_msg_find(msg, name, NULL);
	struct tw_hdr *next = first;

	if (first == NULL)
		return add(L, req, msg, name, value);
	lu_host_changed(L, req, msg, name, value);
	while ((next = tw_msg_find(msg, name, next)) != NULL)
		tw_msg_del(msg, next);
	tw_msg_set_value(msg, first, value);
	return 0;
}

static int
del_header(lua_State *L, bool response, const char *fn)
{
	struct tw_req *const req = check(L, response, true, fn);
	const struct tw_str name = check_name(L, 2);
	struct tw_msg *const msg = message(req, response);
	struct tw_hdr *h = NULL;

	while ((h = tw_msg_find(msg, name, h)) != NULL)
		tw_msg_del(msg, h);
	return 0;
}

static int
replace(lua_State *L, bool response, bool values, const char *fn)
{
	static _Thread_local char mem[VALUE_MAX];
	struct tw_req *const req = check(L, response, true, fn);
	const struct tw_str name = check_name(L, 2);
	const struct tw_str by = lu_check_str(L, 4);
	const struct tw_regex *const re = lu_check_regex(L, 3);
	struct tw_msg *const msg = message(req, response);
	struct tw_hdr *h = NULL;

	while ((h = tw_msg_find(msg, name, h)) != NULL) {
		struct tw_out o = tw_out_of(mem, sizeof(mem));
		const bool any = values
		    ? tw_regex_expand_list(re, tw_hdr_value(h), by, &o)
		    : tw_regex_expand(re, tw_hdr_value(h), by, &o);
		if (!any)
			continue;
		struct tw_str value = { mem, (size_t)(o.p - mem) };
		if (o.over || !lu_is_field_value(value))
			return luaL_error(L,
			    "%s: the new value is too long or holds CR, LF or NUL", fn);
		value = kept(L, req, value);
		tw_msg_set_value(msg, h, value);
		lu_host_changed(L, req, msg, name, value);
	}
	return 0;
}

/* ---- the start line ------------------------------------------- */

static int
set_target(lua_State *L, enum tw_target_part part, const char *fn)
{
	struct tw_req *const req = check(L, false, true, fn);
	const struct tw_str text = lu_check_str(L, 2);

	luaL_argcheck(
	    L, lu_is_field_value(text), 2, "CR, LF and NUL are not allowed in it");
	lua_pushboolean(L, tw_req_set_target(req, part, text) == 0);
	return 1;
}

/*@ HTTP:req_set_path(path: string): boolean */
static int
req_set_path(lua_State *L)
{
	return set_target(L, TW_TARGET_PATH, "req_set_path");
}

/* A '?' is one more, as in HAProxy: the query begins behind the first. */
/*@ HTTP:req_set_query(query: string): boolean */
static int
req_set_query(lua_State *L)
{
	luaL_checkstring(L, 2);
	lua_settop(L, 2);
	if (lua_tostring(L, 2)[0] == '?') {
		lua_pushliteral(L, "?");
		lua_insert(L, 2);
		lua_concat(L, 2);
	}
	return set_target(L, TW_TARGET_QUERY, "req_set_query");
}

/*@ HTTP:req_set_uri(uri: string): boolean */
static int
req_set_uri(lua_State *L)
{
	return set_target(L, TW_TARGET_URI, "req_set_uri");
}

/*@ HTTP:req_set_method(method: string): boolean */
static int
req_set_method(lua_State *L)
{
	struct tw_req *const req = check(L, false, true, "req_set_method");
	const struct tw_str name = lu_check_str(L, 2);

	luaL_argcheck(L, lu_is_token(name), 2, "a method is expected");
	lua_pushboolean(L, tw_req_set_method(req, kept(L, req, name)) == 0);
	return 1;
}

/*@ HTTP:res_set_status(status: integer, reason?: string) */
static int
res_set_status(lua_State *L)
{
	struct tw_req *const req = check(L, true, true, "res_set_status");
	struct tw_msg *const msg = tw_req_response(req);
	const lua_Integer code = luaL_checkinteger(L, 2);

	luaL_argcheck(
	    L, code >= 100 && code <= 999, 2, "a status from 100 to 999 is expected");
	const struct tw_str reason = lua_isnoneornil(L, 3)
	    ? tw_str_of(tw_status_reason((int)code))
	    : kept(L, req, check_value(L, 3));
	msg->status = (uint16_t)code;
	msg->reason = reason;
	msg->flags |= TW_MSG_EDITED;
	tw_req_set_status(req, (int)code);
	return 0;
}

/* ---- the methods of both sides ------------------------------------------- */

#define BOTH(name, call, ...)                                       \
	static int req_##name(lua_State *L)                         \
	{                                                           \
		return call(L, false, ##__VA_ARGS__, "req_" #name); \
	}                                                           \
	static int res_##name(lua_State *L)                         \
	{                                                           \
		return call(L, true, ##__VA_ARGS__, "res_" #name);  \
	}

/*@ HTTP:req_get_headers(): table<string, table<integer, string>> */
/*@ HTTP:res_get_headers(): table<string, table<integer, string>> */
BOTH(get_headers, get_headers)
/*@ HTTP:req_add_header(name: string, value: string) */
/*@ HTTP:res_add_header(name: string, value: string) */
BOTH(add_header, add_header)
/*@ HTTP:req_set_header(name: string, value: string) */
/*@ HTTP:res_set_header(name: string, value: string) */
BOTH(set_header, set_header)
/*@ HTTP:req_del_header(name: string) */
/*@ HTTP:res_del_header(name: string) */
BOTH(del_header, del_header)
/*@ HTTP:req_rep_header(name: string, regex: string, replace: string) */
/*@ HTTP:res_rep_header(name: string, regex: string, replace: string) */
BOTH(rep_header, replace, false)
/*@ HTTP:req_rep_value(name: string, regex: string, replace: string) */
/*@ HTTP:res_rep_value(name: string, regex: string, replace: string) */
BOTH(rep_value, replace, true)

static const luaL_Reg methods[] = {
	{ "req_add_header", req_add_header },
	{ "req_del_header", req_del_header },
	{ "req_get_headers", req_get_headers },
	{ "req_rep_header", req_rep_header },
	{ "req_rep_value", req_rep_value },
	{ "req_set_header", req_set_header },
	{ "req_set_method", req_set_method },
	{ "req_set_path", req_set_path },
	{ "req_set_query", req_set_query },
	{ "req_set_uri", req_set_uri },
	{ "res_add_header", res_add_header },
	{ "res_del_header", res_del_header },
	{ "res_get_headers", res_get_headers },
	{ "res_rep_header", res_rep_header },
	{ "res_rep_value", res_rep_value },
	{ "res_set_header", res_set_header },
	{ "res_set_status", res_set_status },
	{ NULL, NULL },
};

void
lu_open_http(lua_State *L)
{
	lu_open_fields(L);
	lua_newuserdata(L, 1);
	luaL_newmetatable(L, CLASS);
	luaL_newlibtable(L, methods);
	lua_pushvalue(L, -3);
	luaL_setfuncs(L, methods, 1);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "access denied");
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &self_key);
}

void
lu_http_field(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &self_key);
	lua_setfield(L, -2, "http");
}
