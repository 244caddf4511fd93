/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_play.c - the table `play`: what lib/test.lua builds its API on.
 *
 * Calls of the test's functions come from within the request path, which no Lua
 * error may cross: they are protected, and what went wrong is raised when the
 * request is over. One thread.
 */
#include "lu.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <tideway/decision.h>
#include <tideway/log.h>

#include "net.h"
#include "test.h"

/* One play.request(). Its functions are at these places of the stack. */
enum { AT_CONNECTS = 5, AT_ANSWERS = 6, AT_LIST = 7, AT_KEPT = 8 };

struct played {
	lua_State *L;
	int n;
	bool failed; /* the error is at AT_KEPT */
};

/* ---- files ------------------------------------------------------------------------ */

/* play.spew(text) -> path of a temporary file, deleted at the end. */
static char spewed[64];

static void
spewed_forget(void)
{
	if (spewed[0] != '\0')
		unlink(spewed);
	spewed[0] = '\0';
}

static int
play_spew(lua_State *L)
{
	const struct tw_str text = lu_check_str(L, 1);

	spewed_forget();
	strcpy(spewed, "/tmp/tideway-lua-test-XXXXXX");
	const int fd = mkstemp(spewed);
	if (fd < 0)
		return luaL_error(L, "%s: %s", spewed, strerror(errno));
	const bool ok = write(fd, text.p, text.len) == (ssize_t)text.len;
	close(fd);
	if (!ok)
		return luaL_error(L, "%s: cannot be written", spewed);
	lua_pushstring(L, spewed);
	return 1;
}

/* The messages since the last play.logs(). */
static char *heard;
static size_t heard_len;

static void
hear(enum tw_level level, const char *text, size_t len)
{
	char *const more = realloc(heard, heard_len + len + 1);

	(void)level;
	if (more == NULL)
		return;
	heard = more;
	memcpy(heard + heard_len, text, len);
	heard_len += len;
	heard[heard_len++] = '\n';
}

/* play.config(path) -> true; nil, text */
static int
play_config(lua_State *L)
{
	char *path = strdup(luaL_checkstring(L, 1));
	struct tw_err err = { "" };

	if (path == NULL)
		return luaL_error(L, "out of memory");
	const int result = tw_play_config(&path, 1, &err);
	free(path);
	spewed_forget();
	tw_play_hear(hear);
	if (result == 0) {
		lua_pushboolean(L, true);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, err.text);
	return 2;
}

/* ---- what scripts ask by HTTP -------------------------------------------------------- */

static struct {
	lua_State *L;
	int fn;    /* reference: (url, bytes) -> bytes; or nil, why there is nobody */
	int wrong; /* reference: the error it raised; or LUA_NOREF */
} asked = { NULL, LUA_NOREF, LUA_NOREF };

static void
ask_test(struct lu_exchange *x)
{
	lua_State *const L = asked.L;
	struct evbuffer *const b = x->request;
	const size_t len = evbuffer_get_length(b);
	const int top = lua_gettop(L);

	lua_rawgeti(L, LUA_REGISTRYINDEX, asked.fn);
	lua_pushfstring(L, "%s://%s:%d", x->dial.tls != NULL ? "https" : "http",
	    x->dial.to.host, (int)x->dial.to.port);
	lua_pushlstring(L, (const char *)evbuffer_pullup(b, -1), len);
	const bool ok = lua_pcall(L, 2, 2, 0) == LUA_OK;
	if (ok && lua_type(L, top + 1) == LUA_TSTRING) {
		const struct tw_str s = lu_check_str(L, top + 1);
		evbuffer_drain(b, len);
		evbuffer_add(b, s.p, s.len);
	} else {
		const char *const why = ok ? lua_tostring(L, top + 2) : NULL;
		snprintf(x->why, sizeof(x->why), "%s",
		    why != NULL ? why : "the test's function failed");
	}
	lua_settop(L, top + (ok ? 0 : 1));
	if (!ok)
		asked.wrong = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* play.http(fn) */
static int
play_http(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	asked.L = L;
	asked.fn = luaL_ref(L, LUA_REGISTRYINDEX);
	lu_exchange_played = ask_test;
	return 0;
}

/* What a function of the test's raised meanwhile. */
static void
wrong_raise(lua_State *L)
{
	if (asked.wrong == LUA_NOREF)
		return;
	lua_rawgeti(L, LUA_REGISTRYINDEX, asked.wrong);
	luaL_unref(L, LUA_REGISTRYINDEX, asked.wrong);
	asked.wrong = LUA_NOREF;
	lua_error(L);
}

/* ---- a request ------------------------------------------------------------------------ */

/* Calls the function at `at` with backend, server and perhaps bytes. */
static bool
ask(struct played *p, int at, const struct tw_server *srv, const struct tw_str *got)
{
	lua_State *const L = p->L;

	if (p->failed)
		return false;
	lua_pushvalue(L, at);
	lua_pushstring(L, srv != NULL ? tw_proxy_name(tw_server_proxy(srv)) : "");
	lua_pushstring(L, srv != NULL ? tw_server_name(srv) : "");
	if (got != NULL)
		lu_push_str(L, *got);
	if (lua_pcall(L, got != NULL ? 3 : 2, 1, 0) == LUA_OK)
		return true;
	lua_replace(L, AT_KEPT);
	p->failed = true;
	return false;
}

static bool
connects(const struct tw_server *srv, void *arg)
{
	struct played *const p = arg;

	if (!ask(p, AT_CONNECTS, srv, NULL))
		return false;
	const bool yes = lua_toboolean(p->L, -1);
	lua_pop(p->L, 1);
	return yes;
}

static void
answers(const struct tw_server *srv, struct tw_str got, struct tw_str *bytes, void *arg)
{
	struct played *const p = arg;

	if (!ask(p, AT_ANSWERS, srv, &got))
		return;
	if (lua_type(p->L, -1) == LUA_TSTRING)
		bytes->p = lua_tolstring(p->L, -1, &bytes->len);
	lua_rawseti(p->L, AT_LIST, -(++p->n)); /* so that it lives long enough */
}

static void
set_str(lua_State *L, const char *field, struct tw_str s)
{
	lu_push_str(L, s);
	lua_setfield(L, -2, field);
}

static void
set_name(lua_State *L, const char *field, const char *name)
{
	if (name == NULL)
		return;
	lua_pushstring(L, name);
	lua_setfield(L, -2, field);
}

static void
push_trail(lua_State *L, const struct tw_req *req)
{
	static const char *const words[] = { [TW_CHOSE_BACKEND] = "backend",
		[TW_CHOSE_SERVER] = "server",
		[TW_RETRIED] = "retry",
		[TW_REDISPATCHED] = "redispatch",
		[TW_ANSWERED] = "answer",
		[TW_REFUSED] = "refusal" };
	const struct tw_trail *trail;
	const int n = tw_req_trail(req, &trail);

	lua_createtable(L, n, 0);
	for (int i = 0; i < n; i++) {
		lua_createtable(L, 0, 5);
		set_name(L, "what", words[trail[i].what]);
		set_name(L, "name", trail[i].name);
		set_name(L, "who", trail[i].origin->who);
		set_name(L, "file", trail[i].origin->file);
		lua_pushinteger(L, trail[i].origin->line);
		lua_setfield(L, -2, "line");
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, -2, "trail");
}

static int
ended_build(lua_State *L)
{
	const struct tw_played *const x = lua_touserdata(L, 1);
	const struct tw_proxy *const be = tw_req_backend(x->req);
	const struct tw_server *const srv = tw_req_server(x->req);
	char term[4];

	lua_createtable(L, 0, 12);
	set_name(L, "frontend", tw_proxy_name(tw_req_frontend(x->req)));
	set_name(L, "backend", be != NULL ? tw_proxy_name(be) : NULL);
	set_name(L, "server", srv != NULL ? tw_server_name(srv) : NULL);
	set_str(L, "sent", x->sent);
	set_str(L, "answer", x->answer);
	if (x->log.p != NULL)
		set_str(L, "log", x->log);
	tw_req_term(x->req, term);
	set_str(L, "term", (struct tw_str){ term, sizeof(term) });
	lua_pushnumber(L, (lua_Number)x->waited_ms / 1000);
	lua_setfield(L, -2, "waited");
	lua_pushboolean(L, x->connected);
	lua_setfield(L, -2, "connected");
	push_trail(L, x->req);
	return 1;
}

static void
ended(const struct tw_played *x, void *arg)
{
	struct played *const p = arg;
	lua_State *const L = p->L;

	if (p->failed)
		return;
	lua_pushcfunction(L, ended_build);
	lua_pushlightuserdata(L, (void *)(uintptr_t)x);
	if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
		lua_rawseti(L, AT_LIST, (lua_Integer)lua_rawlen(L, AT_LIST) + 1);
		return;
	}
	lua_replace(L, AT_KEPT);
	p->failed = true;
}

static void
check_addr(lua_State *L, int i, struct tw_addr *out)
{
	struct tw_err err = { "" };

	if (lua_isnoneornil(L, i))
		return;
	if (tw_parse_host(tw_gen_running(), luaL_checkstring(L, i), out, &err) != 0)
		luaL_argerror(L, i, lua_pushstring(L, err.text));
}

/* play.request(bytes, src, dst, frontend-is-4th, connects, answers) -> list */
static int
play_request(lua_State *L)
{
	struct played p = { .L = L };
	struct tw_err err = { "" };
	struct tw_play play = {
		.connects = connects, .answers = answers, .ended = ended, .arg = &p
	};

	lua_settop(L, AT_ANSWERS);
	play.bytes = lu_check_str(L, 1);
	play.frontend = luaL_optstring(L, 4, NULL);
	luaL_checktype(L, AT_CONNECTS, LUA_TFUNCTION);
	luaL_checktype(L, AT_ANSWERS, LUA_TFUNCTION);
	if (tw_gen_running() == NULL)
		return luaL_error(L,
		    "there is no configuration: call test.config() or "
		    "test.script() first");
	check_addr(L, 2, &play.src);
	check_addr(L, 3, &play.dst);
	if (play.src.family != 0 && play.src.port == 0)
		play.src.port = 50000;
	lua_newtable(L); /* AT_LIST */
	lua_pushnil(L);  /* AT_KEPT */
	luaL_checkstack(L, 40, "play.request");
	if (tw_play_request(&play, &err) != 0) {
		lua_pushnil(L);
		lua_pushstring(L, err.text);
		return 2;
	}
	lua_settop(L, AT_KEPT);
	if (p.failed)
		return lua_error(L);
	wrong_raise(L);
	lua_settop(L, AT_LIST);
	return 1;
}

/* ---- time, servers, messages ------------------------------------------------------------- */

static int
play_pass(lua_State *L)
{
	const lua_Integer ms = luaL_checkinteger(L, 1);

	luaL_argcheck(L, ms >= 0, 1, "time does not go back");
	tw_play_pass((uint64_t)ms);
	wrong_raise(L);
	return 0;
}

/* play.health(backend, server, up) -> is there such a server */
static int
play_health(lua_State *L)
{
	struct tw_gen *const gen = tw_gen_running();
	const char *const be = luaL_checkstring(L, 1),
			  *const name = luaL_checkstring(L, 2);
	const struct tw_proxy *const px =
	    gen != NULL ? tw_gen_find(gen, be, TW_BACKEND) : NULL;
	struct tw_server *const srv =
	    px != NULL ? tw_proxy_find_server(px, name) : NULL;

	if (srv != NULL) {
		tw_server_force_health(
		    srv, lua_toboolean(L, 3) ? TW_UP : TW_DOWN, "lua-test");
		tw_play_pass(0); /* balancing follows */
	}
	lua_pushboolean(L, srv != NULL);
	return 1;
}

/* play.logs() -> the messages since the last call. */
static int
play_logs(lua_State *L)
{
	int n = 0;

	tw_play_hear(hear); /* a new configuration has taken it away */
	lua_newtable(L);
	for (size_t at = 0; at < heard_len;) {
		const char *const end = memchr(heard + at, '\n', heard_len - at);
		lua_pushlstring(L, heard + at, (size_t)(end - heard) - at);
		lua_rawseti(L, -2, ++n);
		at = (size_t)(end - heard) + 1;
	}
	heard_len = 0;
	return 1;
}

static const luaL_Reg functions[] = {
	{ "config", play_config },
	{ "health", play_health },
	{ "http", play_http },
	{ "logs", play_logs },
	{ "pass", play_pass },
	{ "request", play_request },
	{ "spew", play_spew },
	{ NULL, NULL },
};

void
lu_open_play(lua_State *L)
{
	luaL_newlib(L, functions);
}
