/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * native.c - the request as hooks see it: its fields.
 *
 * One userdata for each request and state; nothing is read before it is asked
 * for. It is anchored in its state until RESET: its place is given back without
 * entering Lua, and what a script has kept raises an error from then on. Its
 * parts (headers, args, ...) are made when first asked for, and kept alike.
 * Worker.
 */
#include "script.h"

#include <stdlib.h>

#include <tideway/edit.h>
#include <tideway/text.h>

#include "body.h"
#include "message.h"

/* ---- keeping them ---------------------------------------------------------- */

/* What parts refer to whose request has ended. */
static struct lu_native nobody = { .magic = LU_NATIVE_MAGIC };

static struct lu_native *
native_make(struct lu_call *c)
{
	struct lu_state *const s = c->s;
	lua_State *const L = c->L;
	struct lu_native *const n = lua_newuserdata(L, sizeof(*n));

	n->magic = LU_NATIVE_MAGIC;
	n->parts = NULL;
	n->s = s;
	n->req = NULL;
	n->kept = false;
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->native_meta[LU_P_REQ]);
	lua_setmetatable(L, -2);
	n->ref = lu_anchor(L, s);
	return n;
}

static struct lu_native *
native_new(struct lu_call *c, struct lu_req *r)
{
	struct lu_native *n = c->s->native_pool;

	if (n != NULL) {
		c->s->native_pool = n->next;
		lua_rawgeti(c->L, LUA_REGISTRYINDEX, n->ref);
	} else {
		n = native_make(c);
	}
	n->req = c->req;
	n->next = r->natives;
	r->natives = n;
	lu_hold(c->s);
	return n;
}

void
lu_push_native(struct lu_call *c)
{
	struct lu_req *const r = tw_req_block(c->req, lu_self);
	struct lu_native *n = r->natives;
	const unsigned args = c->stage == LU_ON_RESPONSE ? 1u << 1
	    : c->stage == LU_ON_BODY                     ? 1u << 0 | 1u << 2
							 : 1u << 0;

	while (n != NULL && n->s != c->s)
		n = n->next;
	if (n == NULL)
		n = native_new(c, r);
	else
		lua_rawgeti(c->L, LUA_REGISTRYINDEX, n->ref);
	n->kept |= (c->keeps & args) != 0;
}

/* Its parts are always made anew: that nobody has kept one of them cannot be
 * told. */
static void
cut_off(struct lu_native *n)
{
	struct lu_state *const s = n->s;

	for (struct lu_part *p = n->parts; p != NULL; p = p->next) {
		p->of = &nobody;
		lu_unanchor(s, p->ref);
	}
	n->parts = NULL;
	n->req = NULL;
	lu_release(s);
	if (n->kept) {
		lu_unanchor(s, n->ref);
		return;
	}
	n->next = s->native_pool;
	s->native_pool = n;
}

void
lu_native_reset(struct tw_req *req, struct lu_req *r)
{
	(void)req;
	for (struct lu_native *n = r->natives; n != NULL;) {
		struct lu_native *const next = n->next;
		struct lu_state *const s = n->s;
		lu_enter(s);
		cut_off(n);
		lu_leave(s);
		n = next;
	}
	r->natives = NULL;
	if (r->answer != NULL)
		tw_timer_del(&r->answer->timer);
}

void
lu_push_part(lua_State *L, struct lu_native *n, enum lu_part_kind kind)
{
	struct lu_part *part = n->parts;

	while (part != NULL && part->kind != kind)
		part = part->next;
	if (part != NULL) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, part->ref);
		return;
	}
	part = lua_newuserdata(L, sizeof(*part));
	*part = (struct lu_part){ .magic = LU_PART_MAGIC, .kind = kind, .of = n };
	lua_rawgeti(L, LUA_REGISTRYINDEX, n->ref);
	lua_setuservalue(L, -2);
	lua_rawgeti(L, LUA_REGISTRYINDEX, n->s->native_meta[kind]);
	lua_setmetatable(L, -2);
	part->ref = lu_anchor(L, n->s);
	part->next = n->parts;
	n->parts = part;
}

/* ---- arguments ------------------------------------------------------------- */

static const char *const part_name[LU_N_PARTS] = { "request", "headers", "args",
	"cookies", "vars", "time", "response", "headers" };

struct lu_native *
lu_native(lua_State *L, int i, const char *function)
{
	struct lu_native *const n =
	    lua_type(L, i) == LUA_TUSERDATA && lua_rawlen(L, i) == sizeof(*n)
	    ? lua_touserdata(L, i)
	    : NULL;

	if (n == NULL || n->magic != LU_NATIVE_MAGIC)
		luaL_error(L,
		    "req:%s: a request is expected as the first argument, not a %s "
		    "(write req:%s(...), with a colon)",
		    function, luaL_typename(L, i), function);
	if (n->req == NULL)
		luaL_error(
		    L, "req.%s: this request has ended: do not keep it", function);
	return n;
}

struct lu_part *
lu_part(lua_State *L, int i, enum lu_part_kind kind)
{
	struct lu_part *const p =
	    lua_type(L, i) == LUA_TUSERDATA && lua_rawlen(L, i) == sizeof(*p)
	    ? lua_touserdata(L, i)
	    : NULL;

	if (p == NULL || p->magic != LU_PART_MAGIC ||
	    (p->kind != kind && !(kind == LU_P_HEADERS && p->kind == LU_P_RES_HEADERS)))
		luaL_error(L, "%s of a request are expected, not a %s", part_name[kind],
		    luaL_typename(L, i));
	if (p->of->req == NULL)
		luaL_error(L, "%s: their request has ended: do not keep them",
		    part_name[kind]);
	return p;
}

void
lu_stage_check(lua_State *L, unsigned stages, const char *function)
{
	const struct lu_call *const c = lu_call_of(L);

	if (c == NULL || (c->at != LU_AT_HOOK && c->at != LU_AT_INIT))
		luaL_error(L, "%s: only in hooks", function);
	if ((stages & 1u << c->stage) == 0)
		luaL_error(L, "%s: not in %s", function, lu_stage_name[c->stage]);
}

struct tw_str
lu_keep(lua_State *L, struct tw_req *req, struct tw_str s)
{
	const struct tw_str copy = tw_req_copy(req, s);

	if (copy.p == NULL)
		luaL_error(L, "out of memory");
	return copy;
}

/*@ Request.f: Fetches - fetches of the configuration: req.f:hdr("x") */

/* ---- fields ---------------------------------------------------------------- */

enum field {
	F_METHOD = 1,
	F_PATH,
	F_QUERY,
	F_HOST,
	F_SCHEME,
	F_VERSION,
	F_TARGET,
	F_SRC,
	F_SRC_PORT,
	F_DST,
	F_DST_PORT,
	F_ID,
	F_UNIQUE_ID,
	F_FRONTEND,
	F_BACKEND,
	F_SERVER,
	F_STATUS,
	F_RETRIES,
	F_BYTES_IN,
	F_BYTES_OUT,
	F_TERM,
	F_HEADERS,
	F_ARGS,
	F_COOKIES,
	F_VARS,
	F_TLS,
	F_FETCHES,
	F_TIME,
	F_RES,
	N_FIELDS
};

static const char *const field_name[N_FIELDS] = {
	[F_METHOD] = "method",
	[F_PATH] = "path",
	[F_QUERY] = "query",
	[F_HOST] = "host",
	[F_SCHEME] = "scheme",
	[F_VERSION] = "version",
	[F_TARGET] = "target",
	[F_SRC] = "src",
	[F_SRC_PORT] = "src_port",
	[F_DST] = "dst",
	[F_DST_PORT] = "dst_port",
	[F_ID] = "id",
	[F_UNIQUE_ID] = "unique_id",
	[F_FRONTEND] = "frontend",
	[F_BACKEND] = "backend",
	[F_SERVER] = "server_name",
	[F_STATUS] = "status",
	[F_RETRIES] = "retries",
	[F_BYTES_IN] = "bytes_in",
	[F_BYTES_OUT] = "bytes_out",
	[F_TERM] = "termination",
	[F_HEADERS] = "headers",
	[F_ARGS] = "args",
	[F_COOKIES] = "cookies",
	[F_VARS] = "vars",
	[F_TLS] = "tls",
	[F_FETCHES] = "f",
	[F_TIME] = "time",
	[F_RES] = "response",
};

static int
push_opt(lua_State *L, struct tw_str s)
{
	if (s.p != NULL)
		lua_pushlstring(L, s.p, s.len);
	else
		lua_pushnil(L);
	return 1;
}

static int
push_name(lua_State *L, const char *name)
{
	lua_pushstring(L, name); /* NULL: nil */
	return 1;
}

static int
push_addr(lua_State *L, const struct tw_addr *a)
{
	char text[128];
	struct tw_out o = tw_out_of(text, sizeof(text));

	if (a->family == 0) {
		lua_pushnil(L);
		return 1;
	}
	tw_addr_out(&o, a);
	lua_pushlstring(L, text, (size_t)(o.p - text));
	return 1;
}

static int
push_port(lua_State *L, const struct tw_addr *a)
{
	if (a->family == AF_INET || a->family == AF_INET6)
		lua_pushinteger(L, a->port);
	else
		lua_pushnil(L);
	return 1;
}

/* Without its port, in lower case. */
static int
push_host(lua_State *L, const struct tw_msg *msg)
{
	const struct tw_str h = msg->host;
	char text[256];
	size_t len = h.len;

	if (h.p == NULL)
		return push_opt(L, h);
	if (len > 0 && h.p[0] == '[') {
		const char *const end = memchr(h.p, ']', len);
		len = end != NULL ? (size_t)(end + 1 - h.p) : len;
	} else {
		const char *const colon = len > 0 ? memchr(h.p, ':', len) : NULL;
		len = colon != NULL ? (size_t)(colon - h.p) : len;
	}
	if (len > sizeof(text))
		return push_opt(L, h);
	for (size_t i = 0; i < len; i++)
		text[i] =
		    h.p[i] >= 'A' && h.p[i] <= 'Z' ? (char)(h.p[i] | 0x20) : h.p[i];
	lua_pushlstring(L, text, len);
	return 1;
}

static int
push_version(lua_State *L, const struct tw_msg *msg)
{
	if (msg->major == 1)
		lua_pushstring(L, msg->minor == 1 ? "1.1" : "1.0");
	else
		lua_pushfstring(L, "%d", msg->major);
	return 1;
}

static int
push_of_message(lua_State *L, struct tw_req *req, enum field f)
{
	const struct tw_msg *const msg = tw_req_request(req);

	if (msg == NULL || msg->method_name.p == NULL) {
		lua_pushnil(L);
		return 1;
	}
	switch (f) {
	case F_METHOD:
		return push_opt(L, msg->method_name);
	case F_PATH:
		return push_opt(L, tw_msg_path(msg));
	case F_QUERY:
		return push_opt(L, tw_msg_query(msg));
	case F_HOST:
		return push_host(L, msg);
	case F_VERSION:
		return push_version(L, msg);
	default:
		return push_opt(L, msg->target);
	}
}

static int
push_int(lua_State *L, int64_t n)
{
	lua_pushinteger(L, n);
	return 1;
}

static int
push_term(lua_State *L, const struct tw_req *req)
{
	char t[4];

	tw_req_term(req, t);
	lua_pushlstring(L, t, sizeof(t));
	return 1;
}

static int
push_decided(lua_State *L, struct tw_req *req, enum field f)
{
	const struct tw_proxy *const be = tw_req_backend(req);
	const struct tw_server *const srv = tw_req_server(req);

	switch (f) {
	case F_FRONTEND:
		return push_name(L, tw_proxy_name(tw_req_frontend(req)));
	case F_BACKEND:
		return push_name(L, be != NULL ? tw_proxy_name(be) : NULL);
	case F_SERVER:
		return push_name(L, srv != NULL ? tw_server_name(srv) : NULL);
	case F_STATUS:
		return push_int(L, tw_req_status(req));
	case F_RETRIES:
		return push_int(L, abs(tw_req_retries(req)));
	case F_BYTES_IN:
		return push_int(L, (int64_t)tw_req_bytes_in(req));
	case F_BYTES_OUT:
		return push_int(L, (int64_t)tw_req_bytes_out(req));
	default:
		return push_term(L, req);
	}
}

static int
push_field(lua_State *L, struct lu_native *n, enum field f)
{
	struct tw_req *const req = n->req;

	switch (f) {
	case F_METHOD:
	case F_PATH:
	case F_QUERY:
	case F_HOST:
	case F_VERSION:
	case F_TARGET:
		return push_of_message(L, req, f);
	case F_SCHEME:
		lua_pushstring(L, tw_req_is_ssl(req) ? "https" : "http");
		return 1;
	case F_SRC:
		return push_addr(L, tw_conn_src(tw_req_conn(req)));
	case F_SRC_PORT:
		return push_port(L, tw_conn_src(tw_req_conn(req)));
	case F_DST:
		return push_addr(L, tw_conn_dst(tw_req_conn(req)));
	case F_DST_PORT:
		return push_port(L, tw_conn_dst(tw_req_conn(req)));
	case F_ID:
		return push_int(L, (int64_t)tw_req_id(req));
	case F_UNIQUE_ID:
		return push_opt(L, tw_req_unique_id(req));
	case F_HEADERS:
	case F_ARGS:
	case F_COOKIES:
	case F_VARS:
		lu_push_part(L, n, (enum lu_part_kind)(LU_P_HEADERS + (f - F_HEADERS)));
		return 1;
	case F_TLS: /* until there is TLS */
		lua_pushnil(L);
		return 1;
	case F_FETCHES: /* the same for all requests: they read the call's */
		lu_push_expr(L, "f");
		return 1;
	case F_TIME:
		lu_push_part(L, n, LU_P_TIME);
		return 1;
	case F_RES:
		if (tw_req_response(req) == NULL || tw_req_response(req)->status == 0)
			lua_pushnil(L);
		else
			lu_push_part(L, n, LU_P_RES);
		return 1;
	default:
		return push_decided(L, req, f);
	}
}

/* __index: (req, name). Upvalue 1: fields' numbers and methods, by name. */
static int
req_index(lua_State *L)
{
	lua_pushvalue(L, 2);
	switch (lua_rawget(L, lua_upvalueindex(1))) {
	case LUA_TNUMBER: {
		const enum field f = (enum field)lua_tointeger(L, -1);
		return push_field(L, lu_native(L, 1, field_name[f]), f);
	}
	case LUA_TFUNCTION:
		return 1;
	default:
		return luaL_error(
		    L, "a request has no field '%s'", luaL_tolstring(L, 2, NULL));
	}
}

static int
req_newindex(lua_State *L)
{
	return luaL_error(L,
	    "a request's field '%s' cannot be assigned: see req:rewrite{...} and "
	    "req.headers",
	    luaL_tolstring(L, 2, NULL));
}

/* ---- bodies ---------------------------------------------------------------- */

#define BODY_MAX (1 << 20)

#define AS_JSON ((lua_KContext)1 << 40) /* added to max */

static int push_body(lua_State *L, int status, lua_KContext max);

/* nil and why, when it is none. */
static int
push_json(lua_State *L, struct tw_str body)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &lu_json_key);
	lu_push_str(L, body);
	if (lua_pcall(L, 1, 1, 0) == LUA_OK)
		return 1;
	lua_pushnil(L);
	lua_insert(L, -2);
	return 2;
}

static int
wait_body(lua_State *L, lua_KContext max)
{
	lu_call_of(L)->wants_body = true;
	return lu_yield(L, max, push_body);
}

/* A longer one: nil, "too long"; what came of it goes on all the same. */
static int
push_body(lua_State *L, int status, lua_KContext max)
{
	struct lu_call *const c = lu_call_of(L);
	struct tw_str body = { "", 0 };
	enum tw_io io;

	(void)status;
	c->wants_body = false;
	const size_t n = (size_t)(max & ~AS_JSON);
	io = c->stage == LU_ON_RESPONSE ? tw_res_body(c->req, n, &body)
					: tw_req_body(c->req, n, &body);
	if (io == TW_IO_AGAIN)
		return wait_body(L, max);
	if (io == TW_IO_ERR) {
		lua_pushnil(L);
		lua_pushliteral(L, "the body is longer, or broken");
		return 2;
	}
	if ((max & AS_JSON) != 0)
		return push_json(L, body);
	lu_push_str(L, body);
	return 1;
}

static int
body_begin(lua_State *L, const char *name, const char *function, lua_KContext as)
{
	lu_native(L, 1, name);
	const lua_Integer max = luaL_optinteger(L, 2, BODY_MAX);

	luaL_argcheck(
	    L, max > 0 && max < INT32_MAX, 2, "a positive number of bytes is expected");
	lu_stage_check(L, LU_BIT(REQUEST) | LU_BIT(ROUTE), function);
	lu_check_yield(L, function);
	return push_body(L, 0, (lua_KContext)max | as);
}

/*@ Request:body(max?: integer): string?, string? */
static int
req_body(lua_State *L)
{
	return body_begin(L, "body", "req:body", 0);
}

/*@ Request:json(max?: integer): any, string? */
static int
req_json(lua_State *L)
{
	return body_begin(L, "json", "req:json", AS_JSON);
}

/*@ Response:body(max?: integer): string?, string? */
static int
res_body(lua_State *L)
{
	lu_part(L, 1, LU_P_RES);
	const lua_Integer max = luaL_optinteger(L, 2, BODY_MAX);

	luaL_argcheck(
	    L, max > 0 && max < INT32_MAX, 2, "a positive number of bytes is expected");
	lu_stage_check(L, LU_BIT(RESPONSE), "res:body");
	lu_check_yield(L, "res:body");
	return push_body(L, 0, max);
}

/* ---- the response, times --------------------------------------------------- */

static int
res_index(lua_State *L)
{
	struct lu_part *const p = lu_part(L, 1, LU_P_RES);
	struct tw_msg *const msg = tw_req_response(p->of->req);
	const char *const name = luaL_checkstring(L, 2);

	if (strcmp(name, "status") == 0)
		return push_int(L, msg->status);
	if (strcmp(name, "reason") == 0)
		return push_opt(L, msg->reason);
	if (strcmp(name, "version") == 0)
		return push_version(L, msg);
	if (strcmp(name, "headers") == 0) {
		lu_push_part(L, p->of, LU_P_RES_HEADERS);
		return 1;
	}
	if (strcmp(name, "body") == 0) {
		lua_pushcfunction(L, res_body);
		return 1;
	}
	if (strcmp(name, "filter_body") == 0) {
		lua_pushcfunction(L, lu_res_filter_body);
		return 1;
	}
	return luaL_error(L, "a response has no field '%s'", name);
}

/* res.status = n */
static int
res_newindex(lua_State *L)
{
	struct lu_part *const p = lu_part(L, 1, LU_P_RES);
	const char *const name = luaL_checkstring(L, 2);
	struct tw_msg *const msg = tw_req_response(p->of->req);

	lu_stage_check(L, LU_BIT(RESPONSE), "res.status");
	if (strcmp(name, "status") != 0)
		return luaL_error(
		    L, "a response's field '%s' cannot be assigned", name);
	const lua_Integer n = luaL_checkinteger(L, 3);
	luaL_argcheck(L, n >= 200 && n <= 999, 3, "a status is 200 to 999");
	msg->status = (uint16_t)n;
	msg->reason = tw_str_of(tw_status_reason((int)n));
	msg->flags |= TW_MSG_EDITED;
	tw_req_set_status(p->of->req, (int)n);
	return 0;
}

/* req.time.total: milliseconds, nil: not reached. */
static int
time_index(lua_State *L)
{
	static const struct {
		const char *name;
		enum tw_time which;
	} table[] = { { "handshake", TW_T_HANDSHAKE }, { "idle", TW_T_IDLE },
		{ "request", TW_T_REQUEST }, { "queue", TW_T_QUEUE },
		{ "connect", TW_T_CONNECT }, { "response", TW_T_RESPONSE },
		{ "data", TW_T_DATA }, { "active", TW_T_ACTIVE },
		{ "total", TW_T_TOTAL } };
	const struct lu_part *const p = lu_part(L, 1, LU_P_TIME);
	const char *const name = luaL_checkstring(L, 2);

	for (size_t i = 0; i < TW_N_ELEMENTS(table); i++)
		if (strcmp(table[i].name, name) == 0) {
			const int64_t ms = tw_req_time_ms(p->of->req, table[i].which);
			if (ms < 0)
				lua_pushnil(L);
			else
				lua_pushinteger(L, ms);
			return 1;
		}
	return luaL_error(L, "there is no time '%s'", name);
}

/* ---- the classes ----------------------------------------------------------- */

/* A metatable left on the stack of L; index and newindex may be NULL. */
static void
meta_new(lua_State *L, const char *name, lua_CFunction index, lua_CFunction newindex)
{
	lua_createtable(L, 0, 4);
	lua_pushstring(L, name);
	lua_setfield(L, -2, "__name");
	lua_pushliteral(L, "access denied");
	lua_setfield(L, -2, "__metatable");
	if (index != NULL) {
		lua_pushcfunction(L, index);
		lua_setfield(L, -2, "__index");
	}
	if (newindex != NULL) {
		lua_pushcfunction(L, newindex);
		lua_setfield(L, -2, "__newindex");
	}
}

static void
req_meta(lua_State *L)
{
	static const luaL_Reg more[] = { { "body", req_body }, { "json", req_json },
		{ "filter_body", lu_req_filter_body }, { NULL, NULL } };

	meta_new(L, "Request", NULL, req_newindex);
	lua_newtable(L);
	for (int i = 1; i < N_FIELDS; i++) {
		lua_pushinteger(L, i);
		lua_setfield(L, -2, field_name[i]);
	}
	luaL_setfuncs(L, lu_decisions, 0);
	luaL_setfuncs(L, more, 0);
	lua_pushcclosure(L, req_index, 1);
	lua_setfield(L, -2, "__index");
}

static void
vars_meta(lua_State *L)
{
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_pushcclosure(L, lu_vars_index, 1);
	lua_setfield(L, -3, "__index");
	lua_pushcclosure(L, lu_vars_newindex, 1);
	lua_setfield(L, -2, "__newindex");
}

static void
part_meta(lua_State *L, enum lu_part_kind kind)
{
	switch (kind) {
	case LU_P_REQ:
		req_meta(L);
		break;
	case LU_P_HEADERS:
	case LU_P_RES_HEADERS:
		meta_new(L, "Headers", lu_headers_index, lu_headers_newindex);
		lu_set_pairs(L, kind);
		break;
	case LU_P_ARGS:
		meta_new(L, "Args", lu_args_index, NULL);
		lu_set_pairs(L, kind);
		break;
	case LU_P_COOKIES:
		meta_new(L, "Cookies", lu_cookies_index, NULL);
		lu_set_pairs(L, kind);
		break;
	case LU_P_VARS:
		meta_new(L, "Vars", NULL, NULL);
		vars_meta(L);
		break;
	case LU_P_TIME:
		meta_new(L, "Time", time_index, NULL);
		break;
	default:
		meta_new(L, "Response", res_index, res_newindex);
		break;
	}
}

void
lu_open_native(lua_State *L)
{
	struct lu_state *const s = lu_state_from(L);

	for (int kind = 0; kind < LU_N_PARTS; kind++) {
		part_meta(L, (enum lu_part_kind)kind);
		s->native_meta[kind] = luaL_ref(L, LUA_REGISTRYINDEX);
	}
}
