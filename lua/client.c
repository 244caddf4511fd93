/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * client.c - core.httpclient(), and what it shares with tw.http: from a URL to an
 * exchange, from an answer to Lua's values.
 *
 * source: HAProxy's Lua manual, HTTPClient class.
 */
#include "field.h"
#include "net.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define CLASS "HTTPClient"
#define BOX "HTTPClient (its request)"
#define CONNECT_MS 5000
#define RETRIES 3

/* An exchange, whom it serves; a userdata on the waiting function's stack. */
struct box {
	struct lu_exchange x;
	struct lu_call *call; /* NULL: nobody waits */
	bool over;
	int (*push)(lua_State *L, struct lu_exchange *x);
};

/* ---- waiting ---- */

static void
done(struct lu_exchange *x)
{
	struct box *const b = x->owner;
	struct lu_call *const c = b->call;

	b->over = true;
	b->call = NULL;
	if (c != NULL)
		lu_wake(c);
}

static void
forget(struct lu_call *c)
{
	struct box *const b = c->waited;

	b->call = NULL;
	lu_exchange_fini(&b->x);
}

static int
box_gc(lua_State *L)
{
	struct box *const b = luaL_checkudata(L, 1, BOX);

	lu_exchange_fini(&b->x);
	return 0;
}

static int
run_k(lua_State *L, int status, lua_KContext ctx)
{
	struct box *const b = luaL_checkudata(L, (int)ctx, BOX);

	(void)status;
	const int n = b->push(L, &b->x);
	lu_exchange_fini(&b->x);
	return n;
}

/* ---- URLs ---- */

struct url {
	bool tls;
	struct tw_str authority, host, target;
	uint16_t port; /* 0: the scheme's */
};

static bool
cut_prefix(struct tw_str *s, const char *prefix)
{
	const size_t n = strlen(prefix);

	if (s->len < n || strncasecmp(s->p, prefix, n) != 0)
		return false;
	s->p += n;
	s->len -= n;
	return true;
}

static const char *
url_host(struct url *u)
{
	const struct tw_str a = u->authority;
	const char *end = a.p + a.len;
	const char *const close =
	    a.len > 0 && a.p[0] == '[' ? memchr(a.p, ']', a.len) : NULL;
	const char *const colon = memchr(close != NULL ? close : a.p, ':',
	    (size_t)(end - (close != NULL ? close : a.p)));
	uint64_t port;

	if (memchr(a.p, '@', a.len) != NULL)
		return "a user in the URL is not supported: set the header authorization";
	if (colon != NULL) {
		const struct tw_str digits = { colon + 1, (size_t)(end - colon - 1) };
		if (digits.len > 0 &&
		    (!tw_str_to_u64(digits, &port) || port == 0 || port > 65535))
			return "the URL's port is not a number from 1 to 65535";
		u->port = digits.len > 0 ? (uint16_t)port : 0;
		end = colon;
	}
	u->host = close != NULL ? (struct tw_str){ a.p + 1, (size_t)(close - a.p - 1) }
				: (struct tw_str){ a.p, (size_t)(end - a.p) };
	return u->host.len == 0 || u->host.len >= LU_NAME_MAX
	    ? "the URL's host is missing or too long"
	    : NULL;
}

static const char *
url_parse(struct url *u, struct tw_str s)
{
	*u = (struct url){ .tls = false };
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127)
			return "the URL has a blank or a control character";
	if (cut_prefix(&s, "https://"))
		u->tls = true;
	else if (!cut_prefix(&s, "http://"))
		return "the URL does not begin with http:// or https://";
	const char *const hash = memchr(s.p, '#', s.len);
	if (hash != NULL)
		s.len = (size_t)(hash - s.p);
	size_t n = 0;
	while (n < s.len && s.p[n] != '/' && s.p[n] != '?')
		n++;
	u->authority = (struct tw_str){ s.p, n };
	u->target = (struct tw_str){ s.p + n, s.len - n };
	return url_host(u);
}

/* ---- the request ---- */

/* What was said of the usual fields. */
struct said {
	bool host, accept, agent;
};

static void
add_field(lua_State *L, const struct lu_ask_http *ask, struct evbuffer *out,
    struct tw_str name)
{
	size_t len;
	const char *const v = lua_tolstring(L, -1, &len);

	if (v == NULL)
		luaL_error(L, "%s: header '%s': a string is expected, not a %s",
		    ask->function, name.p, luaL_typename(L, -1));
	if (!lu_is_field_value((struct tw_str){ v, len }))
		luaL_error(L, "%s: header '%s': its value has a line break or a NUL",
		    ask->function, name.p);
	for (size_t i = 0; i < name.len; i++) {
		const char c = (char)tolower((unsigned char)name.p[i]);
		evbuffer_add(out, &c, 1);
	}
	evbuffer_add(out, ": ", 2);
	evbuffer_add(out, v, len);
	evbuffer_add(out, "\r\n", 2);
}

/* {"a", "b"}, {[0] = "a"}, or a string. in: it is on top. */
static void
add_values(lua_State *L, const struct lu_ask_http *ask, struct evbuffer *out,
    struct tw_str name)
{
	if (!lua_istable(L, -1)) {
		add_field(L, ask, out, name);
		return;
	}
	const lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
	for (lua_Integer i = 0; i <= n; i++) {
		if (lua_rawgeti(L, -1, i) != LUA_TNIL)
			add_field(L, ask, out, name);
		lua_pop(L, 1);
	}
}

static void
add_headers(lua_State *L, const struct lu_ask_http *ask, struct evbuffer *out,
    struct said *said)
{
	luaL_checkstack(L, 6, NULL);
	lua_pushnil(L);
	while (ask->headers != 0 && lua_next(L, ask->headers) != 0) {
		struct tw_str name = { NULL, 0 };
		if (lua_type(L, -2) == LUA_TSTRING)
			name.p = lua_tolstring(L, -2, &name.len);
		if (!lu_is_token(name))
			luaL_error(L, "%s: headers: '%s' is no header's name",
			    ask->function,
			    name.p != NULL ? name.p : luaL_typename(L, -2));
		said->host = said->host || tw_str_ieq(name, TW_STR("host"));
		said->accept = said->accept || tw_str_ieq(name, TW_STR("accept"));
		said->agent = said->agent || tw_str_ieq(name, TW_STR("user-agent"));
		/* Framing is ours. */
		if (!tw_str_ieq(name, TW_STR("content-length")) &&
		    !tw_str_ieq(name, TW_STR("transfer-encoding")))
			add_values(L, ask, out, name);
		lua_pop(L, 1);
	}
	if (ask->headers == 0)
		lua_pop(L, 1);
}

static void
write_request(lua_State *L, const struct lu_ask_http *ask, const struct url *u,
    struct evbuffer *out)
{
	struct said said = { false, false, false };
	const struct tw_str t = u->target;

	evbuffer_add_printf(out, "%s %s%.*s HTTP/1.1\r\n", ask->method,
	    t.len == 0 || t.p[0] == '?' ? "/" : "", (int)t.len, t.p != NULL ? t.p : "");
	add_headers(L, ask, out, &said);
	if (!said.host)
		evbuffer_add_printf(out, "host: %.*s\r\n", TW_STR_FMT(u->authority));
	if (!said.accept)
		evbuffer_add_printf(out, "accept: */*\r\n");
	if (!said.agent)
		evbuffer_add_printf(out, "user-agent: tideway\r\n");
	if (ask->body.len > 0 || ask->method[0] == 'P')
		evbuffer_add_printf(out, "content-length: %zu\r\n", ask->body.len);
	evbuffer_add(out, "\r\n", 2);
	if (ask->body.len > 0 && evbuffer_add(out, ask->body.p, ask->body.len) != 0)
		luaL_error(L, "%s: out of memory", ask->function);
}

/* returns: NULL, or what is wrong. */
static const char *
set_target(struct lu_exchange *x, const struct lu_ask_http *ask, const struct url *u,
    const struct lu_client_conf *conf, char *sni)
{
	const uint16_t port = u->port != 0 ? u->port : u->tls ? 443 : 80;
	const char *const why = ask->dst != NULL
	    ? lu_to_parse(&x->dial.to, tw_str_of(ask->dst), port)
	    : lu_to_parse(&x->dial.to, u->host, port);

	if (why != NULL)
		return why;
	memcpy(sni, u->host.p, u->host.len);
	sni[u->host.len] = '\0';
	x->dial.sni = ask->sni != NULL ? ask->sni : sni;
	if (!u->tls)
		return NULL;
	x->dial.verify = !ask->no_verify && (conf == NULL || !conf->no_verify);
	x->dial.tls = conf != NULL ? conf->tls : NULL;
	return x->dial.tls == NULL ? "TLS cannot be used: no certificate authorities"
				   : NULL;
}

static void
set_limits(struct lu_exchange *x, const struct lu_ask_http *ask,
    const struct lu_client_conf *conf, struct tw_gen *gen)
{
	const char *const id =
	    conf != NULL && conf->resolvers_id != NULL ? conf->resolvers_id : "default";

	x->is_head = strcmp(ask->method, "HEAD") == 0;
	x->idle_ms = ask->idle_ms;
	x->whole_ms = ask->whole_ms;
	x->retries = ask->native                ? 0
	    : conf != NULL && conf->has_retries ? conf->retries
						: RETRIES;
	x->dial.limit_ms =
	    conf != NULL && conf->connect_ms > 0 ? conf->connect_ms : CONNECT_MS;
	x->dial.v6_first = conf == NULL || !conf->v4_first;
	x->dial.servers = tw_gen_nameservers(gen, id);
}

int
lu_client_run(lua_State *L, const struct lu_ask_http *ask,
    int (*push)(lua_State *L, struct lu_exchange *x), const char **why)
{
	struct lu_call *const c = lu_call_of(L);
	const struct lu_client_conf *const conf = lu_conf_of(c->s->gen)->client;
	struct url u;

	*why = url_parse(&u, ask->url);
	if (*why != NULL)
		return 0;
	struct box *const b = lua_newuserdata(L, sizeof(*b) + LU_NAME_MAX);
	memset(b, 0, sizeof(*b));
	luaL_setmetatable(L, BOX);
	const int at = lua_gettop(L);
	b->x.request = evbuffer_new();
	if (b->x.request == NULL)
		return luaL_error(L, "%s: out of memory", ask->function);
	*why = set_target(&b->x, ask, &u, conf, (char *)(b + 1));
	if (*why == NULL && conf != NULL && conf->no_resolvers && b->x.dial.to.len == 0)
		*why = "names are not resolved (httpclient.resolvers.disabled)";
	if (*why != NULL)
		return 0;
	write_request(L, ask, &u, b->x.request);
	set_limits(&b->x, ask, conf, c->s->gen);
	b->x.owner = b;
	b->x.done = done;
	b->push = push;
	b->call = c;
	c->waited = b;
	c->cancel = forget;
	lu_exchange(&b->x);
	return lu_yield(L, at, run_k);
}

/* ---- the answer ---- */

void
lu_push_headers(lua_State *L, const struct lu_h1 *h)
{
	lua_newtable(L);
	for (const char *p = h->fields; p != NULL && p < h->fields + h->fields_len;) {
		const char *const value = p + strlen(p) + 1;
		lu_add_field(L, tw_str_of(p), tw_str_of(value));
		p = value + strlen(value) + 1;
	}
}

void
lu_push_body(lua_State *L, struct evbuffer *body)
{
	const size_t len = body != NULL ? evbuffer_get_length(body) : 0;
	luaL_Buffer b;

	char *const p = luaL_buffinitsize(L, &b, len);
	if (len > 0)
		evbuffer_copyout(body, p, len);
	luaL_pushresultsize(&b, len);
}

static const char *
reason_of(int status)
{
	return status == 502 ? "Bad Gateway"
	    : status == 504  ? "Gateway Timeout"
			     : "Service Unavailable";
}

/* HAProxy's client is a proxy of its own, which answers for who does not. */
static int
push_response(lua_State *L, struct lu_exchange *x)
{
	const bool ok = x->why[0] == '\0';

	lua_createtable(L, 0, 5);
	lua_pushinteger(L, ok ? x->h1.status : x->status);
	lua_setfield(L, -2, "status");
	lua_pushstring(L,
	    !ok                        ? reason_of(x->status)
		: x->h1.reason != NULL ? x->h1.reason
				       : "");
	lua_setfield(L, -2, "reason");
	if (!ok) {
		lua_pushstring(L, x->why);
		lua_setfield(L, -2, "error");
		x->h1.fields_len = 0;
	}
	lu_push_headers(L, &x->h1);
	lua_setfield(L, -2, "headers");
	lu_push_body(L, ok ? x->h1.body : NULL);
	lua_setfield(L, -2, "body");
	return 1;
}

/* ---- the class ---- */

/* The field of the table at 2: a string, borrowed from what is left on the stack. */
static const char *
field(lua_State *L, const char *function, const char *name, size_t *len)
{
	const int type = lua_getfield(L, 2, name);

	if (type == LUA_TNIL) {
		*len = 0;
		return NULL;
	}
	if (type != LUA_TSTRING && type != LUA_TNUMBER)
		luaL_error(L, "%s: %s: a string is expected, not a %s", function, name,
		    lua_typename(L, type));
	return lua_tolstring(L, -1, len);
}

static uint32_t
timeout_of(lua_State *L, const char *function)
{
	int ok;

	if (lua_getfield(L, 2, "timeout") == LUA_TNIL)
		return 0;
	const lua_Number ms = lua_tonumberx(L, -1, &ok);
	if (!ok || !(ms >= 0 && ms < INT_MAX))
		luaL_error(L, "%s: timeout: milliseconds are expected", function);
	return (uint32_t)ms;
}

static int
request(lua_State *L, const char *function, const char *method)
{
	struct lu_ask_http ask = { .function = function, .method = method };
	const char *why;
	size_t len;

	luaL_checkudata(L, 1, CLASS);
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	lu_check_yield(L, function);
	ask.url.p = field(L, function, "url", &ask.url.len);
	if (ask.url.p == NULL)
		return luaL_error(L, "%s: an 'url' is expected", function);
	ask.body.p = field(L, function, "body", &ask.body.len);
	ask.dst = field(L, function, "dst", &len);
	ask.idle_ms = timeout_of(L, function);
	const int type = lua_getfield(L, 2, "headers");
	if (type == LUA_TTABLE)
		ask.headers = lua_gettop(L);
	else if (type != LUA_TNIL)
		return luaL_error(L, "%s: headers: a table is expected, not a %s",
		    function, lua_typename(L, type));
	const int n = lu_client_run(L, &ask, push_response, &why);
	return why == NULL ? n
			   : luaL_error(L, "%s: %s: '%s'", function, why, ask.url.p);
}

/*@ HTTPClient:get(request: table): table */
static int
client_get(lua_State *L)
{
	return request(L, "HTTPClient:get", "GET");
}

/*@ HTTPClient:head(request: table): table */
static int
client_head(lua_State *L)
{
	return request(L, "HTTPClient:head", "HEAD");
}

/*@ HTTPClient:post(request: table): table */
static int
client_post(lua_State *L)
{
	return request(L, "HTTPClient:post", "POST");
}

/*@ HTTPClient:put(request: table): table */
static int
client_put(lua_State *L)
{
	return request(L, "HTTPClient:put", "PUT");
}

/*@ HTTPClient:delete(request: table): table */
static int
client_delete(lua_State *L)
{
	return request(L, "HTTPClient:delete", "DELETE");
}

static const luaL_Reg methods[] = {
	{ "delete", client_delete },
	{ "get", client_get },
	{ "head", client_head },
	{ "post", client_post },
	{ "put", client_put },
	{ NULL, NULL },
};

/*@ core.httpclient(): HTTPClient */
static int
core_httpclient(lua_State *L)
{
	lua_newuserdata(L, 1);
	luaL_setmetatable(L, CLASS);
	return 1;
}

void
lu_open_client(lua_State *L)
{
	lua_pushcfunction(L, core_httpclient);
	lua_setfield(L, -2, "httpclient");
	lu_class(L, CLASS, methods);
	lua_pop(L, 1);
	luaL_newmetatable(L, BOX);
	lua_pushcfunction(L, box_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
}
