/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * applet.c - the classes AppletTCP and, in common with it, AppletHTTP: reading,
 * writing, variables.
 *
 * What is read is gathered in a userdata on the coroutine's stack, so that it
 * counts as the script's memory and outlives waiting. source: HAProxy's Lua
 * manual, AppletTCP class.
 */
#include "applet.h"

#include <math.h>

#define ALL SIZE_MAX
#define LINE (SIZE_MAX - 1)
#define FIRST_SIZE 4096

struct lu_applet *
lu_push_applet(lua_State *L, const char *class)
{
	struct lu_applet *const a = lua_newuserdata(L, sizeof(*a));

	*a = (struct lu_applet){ .status = 200, .worker = tw_worker_self() };
	luaL_setmetatable(L, class);
	return a;
}

void
lu_applet_end(struct lu_call **call, struct lu_applet *a)
{
	struct lu_call *const c = *call;

	if (c == NULL)
		return;
	if (a != NULL) {
		lu_enter(c->s);
		a->io = NULL;
		a->req = NULL;
		a->cli = NULL;
		lu_leave(c->s);
	}
	lu_end(call);
}

/* Any class, if none is given. */
static struct lu_applet *
applet_of(lua_State *L, const char *class)
{
	struct lu_applet *a = NULL;

	if (class == NULL || strcmp(class, LU_APPLET_HTTP) == 0)
		a = luaL_testudata(L, 1, LU_APPLET_HTTP);
	if (a == NULL && (class == NULL || strcmp(class, LU_APPLET_TCP) == 0))
		a = luaL_testudata(L, 1, LU_APPLET_TCP);
	if (a == NULL)
		luaL_argerror(L, 1,
		    lua_pushfstring(L, "an %s is expected, not a %s",
			class != NULL ? class : "applet", luaL_typename(L, 1)));
	if (a->io == NULL)
		luaL_argerror(L, 1, "this applet's run has ended: do not keep it");
	if (a->worker != tw_worker_self())
		luaL_argerror(
		    L, 1, "this applet runs on another thread: do not keep it");
	return a;
}

struct lu_applet *
lu_check_applet(lua_State *L, const char *class)
{
	return applet_of(L, class);
}

void
lu_applet_fields(lua_State *L, int i)
{
	i = lua_absindex(L, i);
	if (lua_getuservalue(L, i) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setuservalue(L, i);
}

/* ---- waiting ---------------------------------------------------------------------- */

static int
wait_io(lua_State *L, struct lu_applet *a, const char *function, lua_KFunction k)
{
	const uint64_t now = tw_now_ms();

	lu_check_yield(L, function);
	a->waits_io = true;
	if (a->until_ms == 0)
		return lu_yield(L, 0, k);
	return lu_sleep_then(
	    L, a->until_ms > now ? (uint32_t)(a->until_ms - now) : 0, 0, k);
}

/* ---- reading ----------------------------------------------------------------------- */

/* The stack: the applet, then where it is gathered, whose size is a power of two. */
enum { AT_APPLET = 1, AT_BUFFER };

static char *
gather_room(lua_State *L, const struct lu_applet *a, size_t more)
{
	size_t size = lua_rawlen(L, AT_BUFFER);
	char *const had = lua_touserdata(L, AT_BUFFER);

	if (had != NULL && size - a->got >= more)
		return had;
	if (size == 0)
		size = FIRST_SIZE;
	while (size - a->got < more)
		size *= 2;
	char *const p = lua_newuserdata(L, size);
	if (a->got > 0)
		memcpy(p, had, a->got);
	lua_replace(L, AT_BUFFER);
	return p;
}

/* How much of what is there belongs to it. */
static size_t
part_of(const struct lu_applet *a, struct tw_str data, bool *last)
{
	if (a->want == LINE) {
		const char *const nl = memchr(data.p, '\n', data.len);
		*last = nl != NULL;
		return nl != NULL ? (size_t)(nl + 1 - data.p) : data.len;
	}
	const size_t left = a->want == ALL ? data.len : a->want - a->got;
	*last = a->want != ALL && data.len >= left;
	return data.len < left ? data.len : left;
}

static int
push_gathered(lua_State *L, struct lu_applet *a)
{
	const char *const p = lua_touserdata(L, AT_BUFFER);

	a->until_ms = 0;
	lua_pushlstring(L, p != NULL ? p : "", a->got);
	return 1;
}

/* Its time is over: what is there, or nil. */
static int
push_late(lua_State *L, struct lu_applet *a)
{
	if (a->got > 0)
		return push_gathered(L, a);
	a->until_ms = 0;
	lua_pushnil(L);
	return 1;
}

static int
receive_more(lua_State *L, int status, lua_KContext ctx)
{
	struct lu_applet *const a = lu_check_applet(L, NULL);
	bool last = a->want == 0;
	struct tw_str data;
	enum tw_io io = TW_IO_OK;

	(void)status;
	(void)ctx;
	while (!last && (io = a->io->read(a, &data)) == TW_IO_OK) {
		const size_t n = part_of(a, data, &last);
		memcpy(gather_room(L, a, n) + a->got, data.p, n);
		a->got += n;
		a->io->take(a, n);
	}
	if (last || io != TW_IO_AGAIN)
		return push_gathered(L, a);
	if (a->until_ms != 0 && tw_now_ms() >= a->until_ms)
		return push_late(L, a);
	return wait_io(L, a, a->want == LINE ? "getline" : "receive", receive_more);
}

int
lu_applet_receive(lua_State *L, struct lu_applet *a, size_t want, uint32_t ms)
{
	lua_settop(L, AT_APPLET);
	lua_pushnil(L);
	a->got = 0;
	a->want = want;
	a->until_ms = ms > 0 ? tw_now_ms() + ms : 0;
	return receive_more(L, LUA_OK, 0);
}

/*@ AppletTCP:getline(): string */
int
lu_applet_getline(lua_State *L)
{
	return lu_applet_receive(L, lu_check_applet(L, NULL), LINE, 0);
}

/* nil, negative: all. */
static size_t
size_arg(lua_State *L, int i)
{
	const lua_Integer n = luaL_optinteger(L, i, -1);

	return n < 0 || (uint64_t)n >= LINE ? ALL : (size_t)n;
}

/*@ AppletTCP:receive(size?: integer, timeout?: integer): string? */
static int
tcp_receive(lua_State *L)
{
	struct lu_applet *const a = lu_check_applet(L, LU_APPLET_TCP);
	const size_t want = size_arg(L, 2);
	const lua_Integer ms = luaL_optinteger(L, 3, 0);

	luaL_argcheck(L, ms >= 0 && ms <= INT32_MAX, 3, "the time is out of range");
	return lu_applet_receive(L, a, want, (uint32_t)ms);
}

/* What is there now: nil: nothing; "": it will stay so. */
/*@ AppletTCP:try_receive(): string? */
static int
tcp_try_receive(lua_State *L)
{
	struct lu_applet *const a = lu_check_applet(L, LU_APPLET_TCP);
	struct tw_str data = { NULL, 0 };

	switch (a->io->read(a, &data)) {
	case TW_IO_OK:
		lu_push_str(L, data);
		a->io->take(a, data.len);
		break;
	case TW_IO_AGAIN:
		lua_pushnil(L);
		break;
	default:
		lua_pushliteral(L, "");
		break;
	}
	return 1;
}

/* ---- writing ------------------------------------------------------------------------ */

static int
send_more(lua_State *L, int status, lua_KContext ctx)
{
	struct lu_applet *const a = lu_check_applet(L, NULL);
	const struct tw_str all = lu_check_str(L, 2);

	(void)status;
	(void)ctx;
	a->sent +=
	    a->io->write(a, (struct tw_str){ all.p + a->sent, all.len - a->sent });
	if (a->sent < all.len)
		return wait_io(L, a, "send", send_more);
	lua_pushinteger(L, (lua_Integer)all.len);
	return 1;
}

int
lu_applet_send(lua_State *L, struct lu_applet *a)
{
	luaL_checkstring(L, 2);
	lua_settop(L, 2);
	a->sent = 0;
	return send_more(L, LUA_OK, 0);
}

/*@ AppletTCP:send(data: string): integer */
static int
tcp_send(lua_State *L)
{
	return lu_applet_send(L, lu_check_applet(L, LU_APPLET_TCP));
}

/* ---- variables, private data --------------------------------------------------------- */

/*@ AppletTCP:set_var(name: string, value: any, ifexist?: boolean): boolean */
static int
set_var(lua_State *L)
{
	struct lu_applet *const a = applet_of(L, NULL);
	struct tw_var *const var = lu_var_or_null(L, 2, lu_may_create_var(L));
	struct tw_sample s;

	luaL_checkany(L, 3);
	if (!lu_to_sample(L, 3, &s))
		s.type = TW_BOOL; /* nil and the like are false, as in HAProxy */
	lua_pushboolean(L, var != NULL && tw_var_set(a->req, var, &s));
	return 1;
}

/*@ AppletTCP:get_var(name: string): any */
static int
get_var(lua_State *L)
{
	struct lu_applet *const a = applet_of(L, NULL);
	struct tw_var *const var = lu_var_or_null(L, 2, false);
	struct tw_sample s;

	if (var != NULL && tw_var_get(a->req, var, &s))
		lu_push_sample(L, a->req, &s, false);
	else
		lua_pushnil(L);
	return 1;
}

/*@ AppletTCP:unset_var(name: string): boolean */
static int
unset_var(lua_State *L)
{
	struct lu_applet *const a = applet_of(L, NULL);
	struct tw_var *const var = lu_var_or_null(L, 2, false);

	if (var != NULL)
		tw_var_unset(a->req, var);
	lua_pushboolean(L, var != NULL);
	return 1;
}

/* A request's is the same as that of its TXN. */
static const char priv_key;

static struct lu_txn *
txn_of(lua_State *L)
{
	struct lu_call *const c = lu_state_from(L)->running;

	if (c->txn == NULL) {
		lu_push_txn(c);
		lua_pop(c->L, 1);
	}
	return c->txn;
}

/*@ AppletTCP:set_priv(data: any) */
static int
set_priv(lua_State *L)
{
	struct lu_applet *const a = applet_of(L, NULL);

	luaL_checkany(L, 2);
	lua_settop(L, 2);
	if (a->req != NULL) {
		struct lu_txn *const t = txn_of(L);
		luaL_unref(L, LUA_REGISTRYINDEX, t->priv);
		t->priv = luaL_ref(L, LUA_REGISTRYINDEX);
		return 0;
	}
	lu_applet_fields(L, 1);
	lua_pushvalue(L, 2);
	lua_rawsetp(L, -2, &priv_key);
	return 0;
}

/*@ AppletTCP:get_priv(): any */
static int
get_priv(lua_State *L)
{
	struct lu_applet *const a = applet_of(L, NULL);

	if (a->req != NULL) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, txn_of(L)->priv);
		return 1;
	}
	lu_applet_fields(L, 1);
	lua_rawgetp(L, -1, &priv_key);
	return 1;
}

/* ---- the classes ----------------------------------------------------------------------- */

static const luaL_Reg common[] = {
	{ "get_priv", get_priv },
	{ "get_var", get_var },
	{ "getline", lu_applet_getline },
	{ "set_priv", set_priv },
	{ "set_var", set_var },
	{ "unset_var", unset_var },
	{ NULL, NULL },
};

static const luaL_Reg tcp_methods[] = {
	{ "receive", tcp_receive },
	{ "send", tcp_send },
	{ "try_receive", tcp_try_receive },
	{ NULL, NULL },
};

/* Upvalues: methods, what else there is. */
static int
on_index(lua_State *L)
{
	int (*const more)(lua_State * L, struct lu_applet * a, const char *name) =
	    (int (*)(lua_State *, struct lu_applet *, const char *))(
		uintptr_t)lua_touserdata(L, lua_upvalueindex(2));

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
		return 1;
	struct lu_applet *const a = applet_of(L, NULL);
	if (lua_getuservalue(L, 1) == LUA_TTABLE) {
		lua_pushvalue(L, 2);
		if (lua_rawget(L, -2) != LUA_TNIL)
			return 1;
	}
	return more != NULL && lua_type(L, 2) == LUA_TSTRING
	    ? more(L, a, lua_tostring(L, 2))
	    : 0;
}

/* A script may keep things in it, as in a table. */
static int
on_newindex(lua_State *L)
{
	applet_of(L, NULL);
	luaL_argcheck(L, !lua_isnil(L, 2), 2, "a field's name is expected, not nil");
	luaL_argcheck(L, lua_type(L, 2) != LUA_TNUMBER || !isnan(lua_tonumber(L, 2)), 2,
	    "a field's name cannot be NaN");
	lu_applet_fields(L, 1);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, 3);
	lua_rawset(L, -3);
	return 0;
}

void
lu_applet_class(lua_State *L, const char *class, const luaL_Reg *methods,
    int (*index)(lua_State *L, struct lu_applet *a, const char *name))
{
	lu_class(L, class, common);
	lua_getfield(L, -1, "__index");
	luaL_setfuncs(L, methods, 0);
	lu_expr_fields(L);
	lua_pushlightuserdata(L, (void *)(uintptr_t)index);
	lua_pushcclosure(L, on_index, 2);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, on_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pop(L, 1);
}

void
lu_open_applets(lua_State *L)
{
	lu_applet_class(L, LU_APPLET_TCP, tcp_methods, NULL);
	lu_open_applet_http(L);
}
