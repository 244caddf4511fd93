/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * std_tab.c - table.concat, insert, move, remove, sort that can be stopped.
 *
 * Written from the reference manual; what takes as long as its table is asks the
 * watchdog now and then. A table may claim any length (__len).
 */
#include "std.h"

#define STEPS 4096
#define SORT_LONG 4096 /* elements: from there on each comparison may stop */

static void
step(lua_State *L, lua_Integer i)
{
	if (i % STEPS == 0)
		lu_stop_if(L);
}

/* A table, or what behaves like one. */
static lua_Integer
check_len(lua_State *L, int i)
{
	if (lua_type(L, i) != LUA_TTABLE &&
	    luaL_getmetafield(L, i, "__index") == LUA_TNIL)
		luaL_checktype(L, i, LUA_TTABLE);
	else if (lua_type(L, i) != LUA_TTABLE)
		lua_pop(L, 1);
	return luaL_len(L, i);
}

static int
tab_concat(lua_State *L)
{
	size_t sep_len;
	const lua_Integer len = check_len(L, 1);
	const char *const sep = luaL_optlstring(L, 2, "", &sep_len);
	lua_Integer i = luaL_optinteger(L, 3, 1);
	const lua_Integer last = luaL_optinteger(L, 4, len);
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (bool more = i <= last; more; i++) {
		step(L, i);
		lua_geti(L, 1, i);
		if (!lua_isstring(L, -1))
			luaL_error(L,
			    "invalid value (%s) at index %d in table for 'concat'",
			    luaL_typename(L, -1), (int)i);
		luaL_addvalue(&b);
		more = i < last;
		if (more)
			luaL_addlstring(&b, sep, sep_len);
		else
			break;
	}
	luaL_pushresult(&b);
	return 1;
}

static int
tab_insert(lua_State *L)
{
	const lua_Integer end = (lua_Integer)((lua_Unsigned)check_len(L, 1) + 1);
	lua_Integer at = end;

	if (lua_gettop(L) == 3) {
		at = luaL_checkinteger(L, 2);
		luaL_argcheck(L, (lua_Unsigned)at - 1u < (lua_Unsigned)end, 2,
		    "position out of bounds");
		for (lua_Integer i = end; i > at; i--) {
			step(L, i);
			lua_geti(L, 1, i - 1);
			lua_seti(L, 1, i);
		}
	} else if (lua_gettop(L) != 2) {
		return luaL_error(L, "wrong number of arguments to 'insert'");
	}
	lua_seti(L, 1, at);
	return 0;
}

static int
tab_remove(lua_State *L)
{
	const lua_Integer len = check_len(L, 1);
	lua_Integer at = luaL_optinteger(L, 2, len);

	if (at != len)
		luaL_argcheck(L, (lua_Unsigned)at - 1u <= (lua_Unsigned)len, 1,
		    "position out of bounds");
	lua_geti(L, 1, at);
	for (; at < len; at++) {
		step(L, at);
		lua_geti(L, 1, at + 1);
		lua_seti(L, 1, at);
	}
	lua_pushnil(L);
	lua_seti(L, 1, at);
	return 1;
}

static int
tab_move(lua_State *L)
{
	const lua_Integer from = luaL_checkinteger(L, 2), end = luaL_checkinteger(L, 3),
			  to = luaL_checkinteger(L, 4);
	const int into = lua_isnoneornil(L, 5) ? 1 : 5;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, into, LUA_TTABLE);
	if (end >= from) {
		luaL_argcheck(L, from > 0 || end < LUA_MAXINTEGER + from, 3,
		    "too many elements to move");
		const lua_Integer n = end - from + 1;
		luaL_argcheck(
		    L, to <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
		const bool up = to > end || to <= from ||
		    (into != 1 && !lua_compare(L, 1, into, LUA_OPEQ));
		for (lua_Integer i = 0; i < n; i++) {
			const lua_Integer k = up ? i : n - 1 - i;
			step(L, i);
			lua_geti(L, 1, from + k);
			lua_seti(L, into, to + k);
		}
	}
	lua_pushvalue(L, into);
	return 1;
}

/* ---- sort ---------------------------------------------------------------------- */

static int
less(lua_State *L)
{
	lu_stop_if(L);
	lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
	return 1;
}

/* The original, to which a long table comes with a comparison of ours. */
static int
tab_sort(lua_State *L)
{
	const lua_Integer len = check_len(L, 1);

	lua_settop(L, 2);
	if (lua_isnil(L, 2) && len > SORT_LONG) {
		lua_pop(L, 1);
		lua_pushcfunction(L, less);
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 0);
	return 0;
}

static const luaL_Reg functions[] = {
	{ "concat", tab_concat },
	{ "insert", tab_insert },
	{ "move", tab_move },
	{ "remove", tab_remove },
	{ NULL, NULL },
};

void
lu_open_table(lua_State *L)
{
	lu_set_in(L, "table", functions);
	if (lua_getglobal(L, "table") == LUA_TTABLE) {
		lua_getfield(L, -1, "sort");
		lua_pushcclosure(L, tab_sort, 1);
		lua_setfield(L, -2, "sort");
	}
	lua_pop(L, 1);
}
