/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tw_net.c - the network in our own API: tw.http, tw.tcp, tw.resolve.
 *
 * They return nil and the reason instead of raising an error when it is the
 * network's fault; what the script does wrong is an error.
 */
#include "net.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <event2/util.h>
#include <netinet/in.h>

#include "tw_all.h"

#define BOX "tideway.resolve"
#define WHOLE_MS 60000

static int
no(lua_State *L, const char *why)
{
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

/* The field of the table at 1; what it borrows from stays on the stack. */
static const char *
str_field(lua_State *L, const char *function, const char *name, size_t *len)
{
	size_t unused;
	const int type = lua_getfield(L, 1, name);

	if (type == LUA_TNIL)
		return NULL;
	if (type != LUA_TSTRING && type != LUA_TNUMBER)
		luaL_error(L, "%s: %s: a string is expected, not a %s", function, name,
		    lua_typename(L, type));
	return lua_tolstring(L, -1, len != NULL ? len : &unused);
}

static bool
bool_field(lua_State *L, const char *function, const char *name, bool otherwise)
{
	const int type = lua_getfield(L, 1, name);

	if (type == LUA_TNIL)
		return otherwise;
	if (type != LUA_TBOOLEAN)
		luaL_error(L, "%s: %s: true or false is expected, not a %s", function,
		    name, lua_typename(L, type));
	return lua_toboolean(L, -1);
}

/* Seconds, or a text with a unit: 0.5, "500ms". */
static uint32_t
time_field(lua_State *L, const char *function, const char *name, uint32_t otherwise)
{
	const int type = lua_getfield(L, 1, name);
	struct tw_err err;
	uint32_t ms;

	if (type == LUA_TNIL)
		return otherwise;
	if (type == LUA_TNUMBER) {
		const lua_Number s = lua_tonumber(L, -1);
		if (!(s > 0 && s < 2000000))
			luaL_error(L, "%s: %s: seconds, more than 0, are expected",
			    function, name);
		return s < 0.001 ? 1 : (uint32_t)(s * 1000);
	}
	if (type != LUA_TSTRING)
		luaL_error(L,
		    "%s: %s: seconds or a text like \"500ms\" are expected, not a %s",
		    function, name, lua_typename(L, type));
	if (tw_parse_ms(lua_tostring(L, -1), 1000000, &ms, &err) != 0 || ms == 0)
		luaL_error(
		    L, "%s: %s: '%s' is no time", function, name, lua_tostring(L, -1));
	return ms;
}

/* ---- tw.http ---- */

/* {name = "value", ...}: what comes more than once is joined, RFC 9110 5.3; all of
 * them, in order, are in `fields`. in: the response is on top. */
static void
set_headers(lua_State *L, const struct lu_h1 *h)
{
	lua_Integer n = 0;

	lua_newtable(L);
	lua_newtable(L);
	for (const char *p = h->fields; p != NULL && p < h->fields + h->fields_len;) {
		const char *const value = p + strlen(p) + 1;
		lua_createtable(L, 2, 0);
		lua_pushstring(L, p);
		lua_rawseti(L, -2, 1);
		lua_pushstring(L, value);
		lua_rawseti(L, -2, 2);
		lua_rawseti(L, -2, ++n);
		if (lua_getfield(L, -2, p) == LUA_TSTRING)
			lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value);
		else
			lua_pushstring(L, value);
		lua_setfield(L, -4, p);
		lua_pop(L, 1);
		p = value + strlen(value) + 1;
	}
	lua_setfield(L, -3, "fields");
	lua_setfield(L, -2, "headers");
}

static int
push_response(lua_State *L, struct lu_exchange *x)
{
	if (x->why[0] != '\0')
		return no(L, x->why);
	lua_createtable(L, 0, 5);
	lua_pushinteger(L, x->h1.status);
	lua_setfield(L, -2, "status");
	lua_pushstring(L, x->h1.reason != NULL ? x->h1.reason : "");
	lua_setfield(L, -2, "reason");
	set_headers(L, &x->h1);
	lu_push_body(L, x->h1.body);
	lua_setfield(L, -2, "body");
	return 1;
}

static void
check_method(lua_State *L, const char *method)
{
	for (const char *p = method; *p != '\0'; p++)
		if (!isalpha((unsigned char)*p) && *p != '-' && *p != '_')
			luaL_error(L, "tw.http: method: '%s' is no method", method);
	if (method[0] == '\0')
		luaL_error(L, "tw.http: method: it is empty");
}

/*@ tw.http(request: table): table?, string? */
static int
tw_http(lua_State *L)
{
	struct lu_ask_http ask = { .function = "tw.http", .native = true };
	const char *why;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lu_check_yield(L, "tw.http");
	ask.url.p = str_field(L, "tw.http", "url", &ask.url.len);
	if (ask.url.p == NULL)
		return luaL_error(L, "tw.http: url: it is missing");
	ask.body.p = str_field(L, "tw.http", "body", &ask.body.len);
	ask.method = str_field(L, "tw.http", "method", NULL);
	if (ask.method == NULL)
		ask.method = ask.body.p != NULL ? "POST" : "GET";
	check_method(L, ask.method);
	ask.dst = str_field(L, "tw.http", "dst", NULL);
	ask.sni = str_field(L, "tw.http", "sni", NULL);
	ask.no_verify = !bool_field(L, "tw.http", "verify", true);
	ask.whole_ms = time_field(L, "tw.http", "timeout", WHOLE_MS);
	const int type = lua_getfield(L, 1, "headers");
	if (type != LUA_TNIL && type != LUA_TTABLE)
		return luaL_error(L, "tw.http: headers: a table is expected, not a %s",
		    lua_typename(L, type));
	ask.headers = type == LUA_TTABLE ? lua_gettop(L) : 0;
	const int n = lu_client_run(L, &ask, push_response, &why);
	return why == NULL ? n : no(L, why);
}

/* ---- tw.tcp ---- */

/*@ tw.tcp(to: table): Socket?, string? */
static int
tw_tcp(lua_State *L)
{
	struct lu_sock_to to = { .function = "tw.tcp" };

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lu_check_yield(L, "tw.tcp");
	to.address.p = str_field(L, "tw.tcp", "addr", &to.address.len);
	if (to.address.p == NULL)
		to.address.p = str_field(L, "tw.tcp", "host", &to.address.len);
	if (to.address.p == NULL)
		return luaL_error(L, "tw.tcp: addr: it is missing");
	if (lua_getfield(L, 1, "port") != LUA_TNIL) {
		const lua_Integer port = lua_tointeger(L, -1);
		if (port <= 0 || port > 65535)
			return luaL_error(L, "tw.tcp: port: 1 to 65535 is expected");
		to.port = (uint16_t)port;
	}
	to.sni = str_field(L, "tw.tcp", "sni", NULL);
	to.verify = bool_field(L, "tw.tcp", "verify", true);
	to.limit_ms = time_field(L, "tw.tcp", "timeout", 0);
	if (bool_field(L, "tw.tcp", "tls", false)) {
		const struct lu_client_conf *const conf =
		    lu_conf_of(lu_state_from(L)->gen)->client;
		to.tls = to.verify ? (conf != NULL ? conf->tls : NULL) : lu_tls_plain();
		if (to.tls == NULL)
			return no(L, "TLS cannot be used: no certificate authorities");
	}
	return lu_sock_dial(L, &to);
}

/* ---- tw.resolve ---- */

struct asked {
	struct lu_ask ask;
	struct lu_call *call; /* NULL: nobody waits */
	bool over;
	int error;
};

static void
on_found(struct lu_ask *ask, int error)
{
	struct asked *const a = (struct asked *)(void *)ask; /* its first member */
	struct lu_call *const c = a->call;

	a->over = true;
	a->error = error;
	a->call = NULL;
	if (c != NULL)
		lu_wake(c);
}

static void
forget(struct lu_call *c)
{
	struct asked *const a = c->waited;

	a->call = NULL;
	lu_ask_stop(&a->ask);
}

static int
asked_gc(lua_State *L)
{
	struct asked *const a = luaL_checkudata(L, 1, BOX);

	lu_ask_stop(&a->ask);
	return 0;
}

static int
resolve_k(lua_State *L, int status, lua_KContext at)
{
	struct asked *const a = luaL_checkudata(L, (int)at, BOX);
	lua_Integer n = 0;
	char text[INET6_ADDRSTRLEN];

	(void)status;
	if (a->error != 0)
		return no(L, lu_ask_error(a->error));
	lua_newtable(L);
	for (const struct evutil_addrinfo *i = a->ask.found; i != NULL;
	     i = i->ai_next) {
		const void *const raw = i->ai_family == AF_INET6
		    ? (const void *)&((struct sockaddr_in6 *)(void *)i->ai_addr)
			  ->sin6_addr
		    : (const void *)&((struct sockaddr_in *)(void *)i->ai_addr)
			  ->sin_addr;
		if (inet_ntop(i->ai_family, raw, text, sizeof(text)) == NULL)
			continue;
		lua_pushstring(L, text);
		lua_rawseti(L, -2, ++n);
	}
	lu_ask_stop(&a->ask);
	return 1;
}

/*@ tw.resolve(name: string, type?: string): table?, string? */
static int
tw_resolve(lua_State *L)
{
	const struct tw_str name = lu_check_str(L, 1);
	const char *const type = luaL_optstring(L, 2, "");
	const int family = strcasecmp(type, "A") == 0 ? AF_INET
	    : strcasecmp(type, "AAAA") == 0           ? AF_INET6
						      : AF_UNSPEC;
	struct lu_call *const c = lu_call_of(L);

	luaL_argcheck(L, family != AF_UNSPEC || type[0] == '\0', 2,
	    "\"A\" or \"AAAA\" is expected");
	luaL_argcheck(L,
	    name.len > 0 && name.len < LU_NAME_MAX && strlen(name.p) == name.len, 1,
	    "a host's name is expected");
	lu_check_yield(L, "tw.resolve");
	struct asked *const a = lua_newuserdata(L, sizeof(*a));
	memset(a, 0, sizeof(*a));
	luaL_setmetatable(L, BOX);
	const int at = lua_gettop(L);
	a->ask.done = on_found;
	lu_ask(&a->ask, tw_gen_nameservers(c->s->gen, "default"), name.p, 0, family);
	if (a->over)
		return resolve_k(L, LUA_OK, at);
	a->call = c;
	c->waited = a;
	c->cancel = forget;
	return lu_yield(L, at, resolve_k);
}

static const luaL_Reg functions[] = {
	{ "all", lu_tw_all },
	{ "http", tw_http },
	{ "resolve", tw_resolve },
	{ "tcp", tw_tcp },
	{ NULL, NULL },
};

void
lu_open_tw_net(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
	luaL_newmetatable(L, BOX);
	lua_pushcfunction(L, asked_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	lu_open_all(L);
}
