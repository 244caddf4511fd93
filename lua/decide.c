/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * decide.c - what a hook decides: req:route(), req:reply(), ...
 *
 * What ends a request is remembered and carried out when the hook returns; the
 * last of several counts. Each is recorded with the line that said it.
 */
#include "field.h"
#include "script.h"

#include <math.h>

#include <tideway/edit.h>

#define EARLY (LU_BIT(REQUEST) | LU_BIT(ROUTE))

static struct lu_req *
lu_req_of(const struct lu_native *n)
{
	return tw_req_block(n->req, lu_self);
}

/* ---- where to -------------------------------------------------------------- */

struct tw_proxy *
lu_want_backend(lua_State *L, int i, const char *function)
{
	struct tw_proxy *px = lu_test_backend(L, i);

	if (px == NULL) {
		const char *const name = luaL_checkstring(L, i);
		px = tw_gen_find(lu_state_from(L)->gen, name, TW_BACKEND);
		if (px == NULL)
			luaL_error(L, "%s: there is no backend '%s'", function, name);
	}
	return px;
}

static struct tw_proxy *
backend_for(lua_State *L, int i, const struct lu_native *n)
{
	struct tw_proxy *const px = lu_want_backend(L, i, "req:route");
	const struct tw_proxy *const fe = tw_req_frontend(n->req);

	if (tw_proxy_mode(px) != tw_proxy_mode(fe))
		luaL_error(L, "req:route: backend '%s' is not in mode %s",
		    tw_proxy_name(px), tw_proxy_mode_name(fe));
	return px;
}

static void
route_to(lua_State *L, struct lu_native *n, struct tw_proxy *px)
{
	struct lu_req *const r = lu_req_of(n);
	const struct tw_origin *const origin = lu_origin_here(L);

	if (lu_call_of(L)->stage == LU_ON_ROUTE) {
		tw_decide_backend(n->req, px, origin);
		return;
	}
	r->backend = px;
	r->backend_origin = origin;
}

/*@ Request:route(backend: string|Backend) */
static int
req_route(lua_State *L)
{
	struct lu_native *const n = lu_native(L, 1, "route");
	struct tw_proxy *const px = backend_for(L, 2, n);

	lu_stage_check(L, EARLY, "req:route");
	route_to(L, n, px);
	return 0;
}

/* "backend/server", "server" or an object. out: px, NULL: not known yet. */
static const char *
server_name(lua_State *L, struct lu_native *n, struct tw_proxy **px)
{
	struct tw_server *const srv = lu_test_server(L, 2);
	const char *slash;

	if (srv != NULL) {
		*px = tw_server_proxy(srv);
		return tw_server_name(srv);
	}
	const char *name = luaL_checkstring(L, 2);
	slash = strchr(name, '/');
	*px = lu_call_of(L)->stage == LU_ON_REQUEST ? NULL : tw_req_backend(n->req);
	if (slash != NULL) {
		lua_pushlstring(L, name, (size_t)(slash - name));
		*px = lu_want_backend(L, -1, "req:server");
		name = slash + 1;
	}
	if (*px != NULL && tw_proxy_find_server(*px, name) == NULL)
		luaL_error(L, "req:server: there is no server '%s' in backend '%s'",
		    name, tw_proxy_name(*px));
	return name;
}

/*@ Request:server(server: string|Server) */
static int
req_server(lua_State *L)
{
	struct lu_native *const n = lu_native(L, 1, "server");
	struct lu_req *const r = lu_req_of(n);
	struct tw_proxy *px;

	lu_stage_check(L, EARLY, "req:server");
	const char *const name = server_name(L, n, &px);
	const struct tw_str copy =
	    lu_keep(L, n->req, (struct tw_str){ name, strlen(name) + 1 });
	if (px != NULL && px != tw_req_backend(n->req))
		route_to(L, n, px);
	r->server = copy.p;
	r->server_origin = lu_origin_here(L);
	return 0;
}

/* ---- answers --------------------------------------------------------------- */

static struct lu_answer *
answer_new(lua_State *L, struct lu_native *n, enum lu_answer_kind kind)
{
	struct lu_answer *const a = tw_arena_try(tw_req_arena(n->req), sizeof(*a));

	if (a == NULL)
		luaL_error(L, "out of memory");
	*a = (struct lu_answer){ .kind = kind, .origin = lu_origin_here(L) };
	return a;
}

static int
check_status(lua_State *L, int i, int usual, int min)
{
	const lua_Integer n = luaL_optinteger(L, i, usual);

	luaL_argcheck(L, n >= min && n <= 599, i,
	    min == 200 ? "a status is 200 to 599" : "a status is 400 to 599");
	return (int)n;
}

/* in: a name at -2, a value at -1. */
static void
reply_header(lua_State *L, struct lu_native *n, struct tw_reply *r, struct tw_str *to)
{
	const struct tw_str name = lu_check_str(L, -2);
	const struct tw_str value = lu_check_str(L, -1);

	if (!lu_is_token(name) || !lu_is_field_value(value))
		luaL_error(L, "req:reply: '%s' cannot be a header", name.p);
	if (tw_str_ieq(name, TW_STR("content-length")) ||
	    tw_str_ieq(name, TW_STR("transfer-encoding")))
		luaL_error(L, "req:reply: '%s' is made from the body", name.p);
	to[2 * r->n_headers] = lu_keep(L, n->req, name);
	to[2 * r->n_headers++ + 1] = lu_keep(L, n->req, value);
}

/* {name = value, name = {value, value}} */
static void
reply_headers(lua_State *L, int i, struct lu_native *n, struct tw_reply *r)
{
	struct tw_str *const to =
	    tw_arena_try(tw_req_arena(n->req), sizeof(*to) * 2 * (TW_MAX_HDR + 1));

	if (to == NULL)
		luaL_error(L, "out of memory");
	r->headers = to;
	lua_pushnil(L);
	while (lua_next(L, i) != 0) {
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_argerror(L, i, "headers are {name = value, ...}");
		const lua_Integer many = lua_istable(L, -1) ? luaL_len(L, -1) : 0;
		for (lua_Integer k = 1; k <= many && r->n_headers < TW_MAX_HDR; k++) {
			lua_pushvalue(L, -2);
			lua_rawgeti(L, -2, k);
			reply_header(L, n, r, to);
			lua_pop(L, 2);
		}
		if (!lua_istable(L, -1))
			reply_header(L, n, r, to);
		if (r->n_headers >= TW_MAX_HDR - 8)
			luaL_argerror(L, i, "too many headers");
		lua_pop(L, 1);
	}
}

/*@ Request:reply(status: integer, body?: string, headers?: table) */
static int
req_reply(lua_State *L)
{
	struct lu_native *const n = lu_native(L, 1, "reply");

	lu_stage_check(L, EARLY | LU_BIT(RETRY) | LU_BIT(RESPONSE), "req:reply");
	luaL_checkinteger(L, 2);
	const int status = check_status(L, 2, 200, 200);
	size_t len;
	const char *const body = luaL_optlstring(L, 3, "", &len);
	lua_settop(L, 4);
	if (!lua_isnil(L, 4))
		luaL_checktype(L, 4, LUA_TTABLE);
	struct lu_answer *const a = answer_new(L, n, LU_REPLY);
	a->reply.status = status;
	if (len > 0)
		a->reply.body = lu_keep(L, n->req, (struct tw_str){ body, len });
	if (!lua_isnil(L, 4))
		reply_headers(L, 4, n, &a->reply);
	lu_req_of(n)->answer = a;
	return 0;
}

/*@ Request:redirect(url: string, code?: integer) */
static int
req_redirect(lua_State *L)
{
	struct lu_native *const n = lu_native(L, 1, "redirect");
	const struct tw_str url = lu_check_str(L, 2);
	const lua_Integer code = luaL_optinteger(L, 3, 302);

	lu_stage_check(L, EARLY | LU_BIT(RESPONSE), "req:redirect");
	luaL_argcheck(L,
	    code == 301 || code == 302 || code == 303 || code == 307 || code == 308, 3,
	    "301, 302, 303, 307 or 308 is expected");
	luaL_argcheck(L, lu_is_field_value(url) && url.len > 0, 2, "this is no URL");
	struct lu_answer *const a = answer_new(L, n, LU_REPLY);
	struct tw_str *const h = tw_arena_try(tw_req_arena(n->req), sizeof(*h) * 2);
	if (h == NULL)
		return luaL_error(L, "out of memory");
	h[0] = TW_STR("location");
	h[1] = lu_keep(L, n->req, url);
	a->reply =
	    (struct tw_reply){ .status = (int)code, .headers = h, .n_headers = 1 };
	lu_req_of(n)->answer = a;
	return 0;
}

/*@ Request:deny(status?: integer) */
static int
req_deny(lua_State *L)
{
	struct lu_native *const n = lu_native(L, 1, "deny");
	const int usual = lu_call_of(L)->stage == LU_ON_RESPONSE ? 502 : 403;

	lu_stage_check(L,
	    EARLY | LU_BIT(ACCEPT) | LU_BIT(PICK) | LU_BIT(RETRY) | LU_BIT(RESPONSE),
	    "req:deny");
	const int status = check_status(L, 2, usual, 400);
	struct lu_answer *const a = answer_new(L, n, LU_DENY);
	const bool http = tw_proxy_mode(tw_req_proxy(n->req)) == TW_MODE_HTTP &&
	    lu_call_of(L)->stage != LU_ON_ACCEPT;
	a->status = http ? status : 0;
	lu_req_of(n)->answer = a;
	return 0;
}

/*@ Request:drop() */
static int
req_drop(lua_State *L)
{
	struct lu_native *const n = lu_native(L, 1, "drop");

	lu_stage_check(L, EARLY | LU_BIT(ACCEPT) | LU_BIT(RESPONSE), "req:drop");
	lu_req_of(n)->answer = answer_new(L, n, LU_DROP);
	return 0;
}

/* Seconds, or "500ms". */
static uint32_t
check_time(lua_State *L, int i, const char *what)
{
	struct tw_err err = { "" };
	uint32_t ms = 0;

	if (lua_type(L, i) == LUA_TNUMBER) {
		const lua_Number s = lua_tonumber(L, i);
		if (!(s >= 0 && s < 4294967))
			luaL_error(L, "%s: a time is seconds, or \"500ms\"", what);
		return (uint32_t)(s * 1000);
	}
	if (lua_type(L, i) != LUA_TSTRING ||
	    tw_parse_ms(lua_tostring(L, i), 1000, &ms, &err) != 0)
		luaL_error(L, "%s: a time is seconds, or \"500ms\"", what);
	return ms;
}

/*@ Request:tarpit(time: number|string) */
static int
req_tarpit(lua_State *L)
{
	struct lu_native *const n = lu_native(L, 1, "tarpit");

	lu_stage_check(L, EARLY, "req:tarpit");
	const uint32_t ms = check_time(L, 2, "req:tarpit");
	struct lu_answer *const a = answer_new(L, n, LU_TARPIT);
	a->ms = ms;
	a->status = tw_proxy_mode(tw_req_frontend(n->req)) == TW_MODE_HTTP ? 500 : 0;
	lu_req_of(n)->answer = a;
	return 0;
}

/* ---- what goes out --------------------------------------------------------- */

static bool
is_target_part(struct tw_str s, bool query)
{
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		if (c <= 0x20 || c == 0x7f || c == '#' || (c == '?' && !query))
			return false;
	}
	return true;
}

/* A field of the table at 2, as text; p NULL: it is not there. */
static struct tw_str
text_field(lua_State *L, const char *name)
{
	struct tw_str s = { NULL, 0 };

	if (lua_getfield(L, 2, name) == LUA_TSTRING || lua_isnumber(L, -1))
		s.p = lua_tolstring(L, -1, &s.len);
	else if (!lua_isnil(L, -1))
		luaL_error(
		    L, "field '%s' is a %s, not a text", name, luaL_typename(L, -1));
	return s; /* it stays on the stack, and in the table */
}

static void
fields_check(lua_State *L, const char *const *known, const char *function)
{
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, 2) != 0) {
		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING ||
		    !tw_is_one_of(lua_tostring(L, -1), known))
			luaL_error(L, "%s: unknown field '%s'", function,
			    luaL_tolstring(L, -1, NULL));
	}
}

/* "false": the query is taken away. */
static void
set_target(lua_State *L, struct tw_req *req, struct tw_str path, struct tw_str query)
{
	struct tw_msg *const msg = tw_req_request(req);
	luaL_Buffer b;

	if (path.p != NULL &&
	    (path.len == 0 || path.p[0] != '/' || !is_target_part(path, false)))
		luaL_error(L, "req:rewrite: path: '%s' is no path", path.p);
	if (query.p != NULL && !is_target_part(query, true))
		luaL_error(L, "req:rewrite: query: '%s' is no query", query.p);
	if (path.p == NULL)
		path = tw_msg_path(msg);
	if (query.p == NULL)
		query = tw_msg_query(msg);
	luaL_buffinit(L, &b);
	luaL_addlstring(
	    &b, path.p != NULL ? path.p : "/", path.p != NULL ? path.len : 1);
	if (query.len > 0) {
		luaL_addchar(&b, '?');
		luaL_addlstring(&b, query.p, query.len);
	}
	luaL_pushresult(&b);
	tw_msg_set_target(msg, lu_keep(L, req, lu_check_str(L, -1)));
}

static void
set_host(lua_State *L, struct tw_req *req, struct tw_str host)
{
	struct tw_msg *const msg = tw_req_request(req);
	struct tw_hdr *const h = tw_msg_first(msg, TW_H_HOST);

	if (!is_target_part(host, false) || host.len == 0 ||
	    memchr(host.p, '/', host.len) != NULL)
		luaL_error(L, "req:rewrite: host: '%s' is no host", host.p);
	const struct tw_str copy = lu_keep(L, req, host);
	if (h != NULL)
		tw_msg_set_value(msg, h, copy);
	else if (tw_msg_add(msg, TW_STR("host"), copy) != 0)
		luaL_error(L, "req:rewrite: too many headers");
	if (tw_req_host_changed(req, copy) != 0)
		luaL_error(L, "req:rewrite: host: '%s' is no host", host.p);
}

/*@ Request:rewrite(what: table<string, string>) */
static int
req_rewrite(lua_State *L)
{
	static const char *const known[] = { "host", "method", "path", "query", NULL };
	struct lu_native *const n = lu_native(L, 1, "rewrite");

	lu_stage_check(L, EARLY | LU_BIT(PICK) | LU_BIT(RETRY), "req:rewrite");
	fields_check(L, known, "req:rewrite");
	const struct tw_str method = text_field(L, "method");
	const struct tw_str host = text_field(L, "host");
	const struct tw_str path = text_field(L, "path");
	const struct tw_str query = text_field(L, "query");
	if (method.p != NULL &&
	    (!lu_is_token(method) ||
		tw_req_set_method(n->req, lu_keep(L, n->req, method)) != 0))
		luaL_error(L, "req:rewrite: method: not '%s'", method.p);
	if (path.p != NULL || query.p != NULL)
		set_target(L, n->req, path, query);
	if (host.p != NULL)
		set_host(L, n->req, host);
	return 0;
}

/* ---- how it is treated ----------------------------------------------------- */

/*@ Request:timeout(what: table<string, number|string>) */
static int
req_timeout(lua_State *L)
{
	static const char *const known[] = { "client", "connect", "queue", "server",
		"tunnel", NULL };
	struct lu_native *const n = lu_native(L, 1, "timeout");

	lu_stage_check(
	    L, EARLY | LU_BIT(PICK) | LU_BIT(RETRY) | LU_BIT(RESPONSE), "req:timeout");
	fields_check(L, known, "req:timeout");
	for (int i = 0; known[i] != NULL; i++)
		if (lua_getfield(L, 2, known[i]) != LUA_TNIL)
			tw_req_set_timeout(
			    n->req, known[i], check_time(L, -1, "req:timeout"));
	return 0;
}

/*@ Request:retry(what: {times?: integer, on?: boolean}) */
static int
req_retry(lua_State *L)
{
	static const char *const known[] = { "on", "times", NULL };
	struct lu_native *const n = lu_native(L, 1, "retry");

	lu_stage_check(L, EARLY | LU_BIT(PICK) | LU_BIT(RETRY), "req:retry");
	fields_check(L, known, "req:retry");
	if (lua_getfield(L, 2, "times") != LUA_TNIL) {
		const lua_Integer times = luaL_checkinteger(L, -1);
		luaL_argcheck(L, times >= 0 && times <= 100, 2, "times is 0 to 100");
		tw_req_set_retries(n->req, (uint32_t)times);
	}
	if (lua_getfield(L, 2, "on") == LUA_TNIL)
		return 0;
	if (!lua_isboolean(L, -1) || lua_toboolean(L, -1))
		return luaL_error(L,
		    "req:retry: 'on' can only be false (not again once it was sent); "
		    "what is retried is said by the backend's retry-on");
	tw_req_no_retry(n->req);
	return 0;
}

/*@ Request:priority(class: integer) */
static int
req_priority(lua_State *L)
{
	struct lu_native *const n = lu_native(L, 1, "priority");
	const lua_Integer class = luaL_checkinteger(L, 2);

	lu_stage_check(L, EARLY | LU_BIT(PICK), "req:priority");
	luaL_argcheck(
	    L, class >= -2047 && class <= 2047, 2, "a class is -2047 to 2047");
	tw_req_set_priority_class(n->req, (int)class);
	return 0;
}

/* {k = v}: the variable txn.log.k. */
/*@ Request:log(what: table<string, string|number|boolean>) */
static int
req_log(lua_State *L)
{
	struct lu_native *const n = lu_native(L, 1, "log");
	struct tw_sample s;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	lua_pushnil(L);
	while (lua_next(L, 2) != 0) {
		if (lua_type(L, 3) != LUA_TSTRING)
			luaL_error(L, "req:log: names are texts");
		lua_pushfstring(L, "txn.log.%s", lua_tostring(L, 3));
		struct tw_var *const var = lu_var(L, 5);
		if (!lu_to_sample(L, 4, &s))
			luaL_error(L, "req:log: '%s' is a %s", lua_tostring(L, 3),
			    luaL_typename(L, 4));
		tw_var_set(n->req, var, &s);
		lua_settop(L, 3);
	}
	return 0;
}

const luaL_Reg lu_decisions[] = {
	{ "deny", req_deny },
	{ "drop", req_drop },
	{ "log", req_log },
	{ "priority", req_priority },
	{ "redirect", req_redirect },
	{ "reply", req_reply },
	{ "retry", req_retry },
	{ "rewrite", req_rewrite },
	{ "route", req_route },
	{ "server", req_server },
	{ "tarpit", req_tarpit },
	{ "timeout", req_timeout },
	{ NULL, NULL },
};
