/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * std_co.c - coroutine.create, resume, wrap: a script's own coroutines.
 *
 * Inside of one the call is the same: what waits there (core.sleep, a socket)
 * makes all coroutines around it wait, out to the call, and goes on where it was
 * when it is woken. The watchdog reaches the innermost. What a script yields by
 * itself goes to its resume, as in Lua.
 */
#include "std.h"

static lua_State *
check_co(lua_State *L, int i)
{
	lua_State *const co = lua_tothread(L, i);

	luaL_argcheck(L, co != NULL, i, "coroutine expected");
	return co;
}

static int
co_create(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_State *const co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return 1;
}

static int
fail(lua_State *L, const char *text)
{
	lua_pushboolean(L, false);
	lua_pushstring(L, text);
	return 2;
}

/* What a coroutine gave when it ended or yielded: true, values. */
static int
give(lua_State *L, lua_State *co)
{
	const int n = lua_gettop(co);

	if (!lua_checkstack(L, n + 1)) {
		lua_pop(co, n);
		return fail(L, "too many results to resume");
	}
	lua_pushboolean(L, true);
	lua_xmove(co, L, n);
	return n + 1;
}

/* returns: results of resume() on L; -1: all of the call waits, or has ended. */
static int
run(lua_State *L, lua_State *co, int nargs)
{
	struct lu_call *const c = lu_call_of(L);
	struct lu_cell *const cell = lu_cell_get();
	const bool blocks = c != NULL && !lua_isyieldable(L);

	if (c != NULL)
		c->blocked += blocks;
	if (c != NULL && TW_LUA_HOOKED(&c->s->limits[c->at]))
		lu_steps_arm(co, c->s->limits[c->at].steps);
	cell->L = co;
	const int rc = lua_resume(co, L, nargs);
	cell->L = L;
	if (c != NULL)
		c->blocked -= blocks;
	if (lu_stopping()) {
		lua_sethook(co, NULL, 0, 0);
		lu_stop_arm(L);
		lu_stop_raise(L);
	}
	if (rc == LUA_YIELD && c != NULL && (c->waits || c->finished)) {
		lua_settop(co, 0);
		return -1;
	}
	if (rc == LUA_OK || rc == LUA_YIELD)
		return give(L, co);
	if (c != NULL && c->finished)
		return -1;
	lua_pushboolean(L, false);
	lua_xmove(co, L, 1);
	return 2;
}

static int
outward(lua_State *L, lua_State *co, lua_KFunction k)
{
	struct lu_call *const c = lu_call_of(L);

	if (c->finished && !lua_isyieldable(L)) {
		lua_pushliteral(L, "");
		return lua_error(L);
	}
	return lua_yieldk(L, 0, (lua_KContext)co, k);
}

static int
resume_again(lua_State *L, int status, lua_KContext ctx)
{
	lua_State *const co = (lua_State *)ctx;

	(void)status;
	const int n = run(L, co, 0);
	return n >= 0 ? n : outward(L, co, resume_again);
}

static int
begin(lua_State *L, lua_State *co, int nargs)
{
	if (!lua_checkstack(co, nargs))
		return fail(L, "too many arguments to resume");
	if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
		return fail(L, "cannot resume dead coroutine");
	lua_xmove(L, co, nargs);
	return run(L, co, nargs);
}

/* One that waits for the call's sake is not the script's to resume. */
static int
co_resume(lua_State *L)
{
	lua_State *const co = check_co(L, 1);
	const int n = begin(L, co, lua_gettop(L) - 1);

	return n >= 0 ? n : outward(L, co, resume_again);
}

/* ---- wrap ---------------------------------------------------------------------- */

static int
unwrap(lua_State *L, int n)
{
	if (lua_toboolean(L, -n))
		return n - 1;
	if (lua_type(L, -1) == LUA_TSTRING) { /* say where it was called, too */
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

static int
wrap_again(lua_State *L, int status, lua_KContext ctx)
{
	lua_State *const co = (lua_State *)ctx;

	(void)status;
	const int n = run(L, co, 0);
	return n >= 0 ? unwrap(L, n) : outward(L, co, wrap_again);
}

static int
wrapped(lua_State *L)
{
	lua_State *const co = lua_tothread(L, lua_upvalueindex(1));
	const int n = begin(L, co, lua_gettop(L));

	return n >= 0 ? unwrap(L, n) : outward(L, co, wrap_again);
}

static int
co_wrap(lua_State *L)
{
	co_create(L);
	lua_pushcclosure(L, wrapped, 1);
	return 1;
}

static const luaL_Reg functions[] = {
	{ "create", co_create },
	{ "resume", co_resume },
	{ "wrap", co_wrap },
	{ NULL, NULL },
};

void
lu_open_coroutine(lua_State *L)
{
	lu_set_in(L, "coroutine", functions);
}
