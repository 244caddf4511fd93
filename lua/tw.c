/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tw.c - the module "tideway": what scripts call that belongs to no request.
 */
#include "route.h"
#include "std.h"
#include "net.h"
#include "script.h"

#include <tideway/hash.h>
#include <tideway/log.h>

static int
log_at(lua_State *L)
{
	static const char *const levels[] = { "emerg", "alert", "crit", "error",
		"warning", "notice", "info", "debug", NULL };
	const bool has_level = lua_gettop(L) > 1;
	const int level = has_level ? luaL_checkoption(L, 1, NULL, levels) : TW_INFO;

	tw_log((enum tw_level)level, "%s", luaL_tolstring(L, has_level ? 2 : 1, NULL));
	return 0;
}

/*@ tw.c: Converters - converters of the configuration: tw.c:lower("X") */
/*@ tw.args(given: table, spec: table): table */
/*@ tw.every(seconds: number, fn: function) */
/*@ tw.after(seconds: number, fn: function) */
/*@ tw.map(file: string, method?: string): Map */
/*@ tw.script: string - the name that the line lua-script gives it */
/*@ tw.log(level?: string, text: any) */
static int
tw_log_(lua_State *L)
{
	luaL_checkany(L, 1);
	return log_at(L);
}

/*@ tw.now(): number */
static int
tw_now_(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)tw_wall_us() / 1e6);
	return 1;
}

/*@ tw.sleep(seconds: number) */
static int
tw_sleep(lua_State *L)
{
	const lua_Number s = luaL_checknumber(L, 1);

	luaL_argcheck(L, s >= 0 && s < 4294967, 1, "the time is out of range");
	lu_check_yield(L, "tw.sleep");
	return lu_sleep(L, (uint32_t)(s * 1000));
}

/* With n: 1 to n. */
/*@ tw.hash(text: string, n?: integer): integer */
static int
tw_hash_(lua_State *L)
{
	const uint32_t h = tw_hash_avalanche(tw_hash_sdbm(lu_check_str(L, 1)));
	const lua_Integer n = luaL_optinteger(L, 2, 0);

	luaL_argcheck(L, n >= 0 && n <= UINT32_MAX, 2, "a positive number is expected");
	lua_pushinteger(
	    L, n == 0 ? h : 1 + (lua_Integer)((uint64_t)h * (uint64_t)n >> 32));
	return 1;
}

static const luaL_Reg functions[] = {
	{ "hash", tw_hash_ },
	{ "log", tw_log_ },
	{ "now", tw_now_ },
	{ "sleep", tw_sleep },
	{ NULL, NULL },
};

extern const char lu_lib_tw[];
extern const size_t lu_lib_tw_len;

const char lu_json_key = 0;
static const char subscribe_key; /* registry: function(on_server) */

/* in: the table `tw` is on top. */
static void
open_lib(lua_State *L)
{
	if (luaL_loadbufferx(L, lu_lib_tw, lu_lib_tw_len, "=tw", "t") != LUA_OK)
		lua_error(L);
	lua_pushvalue(L, -2);
	lua_getglobal(L, "core");
	lua_call(L, 2, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &subscribe_key);
}

void
lu_on_server(lua_State *L)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &subscribe_key) != LUA_TFUNCTION)
		luaL_error(L, "on_server: events are not supported yet");
	lua_insert(L, -2);
	lua_call(L, 1, 0);
}

void
lu_open_tw(lua_State *L)
{
	const struct lu_state *const s = lu_state_from(L);

	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	lu_open_backend(L);
	lu_open_split(L);
	lu_open_router(L);
	lu_open_dict(L);
	lu_open_json(L);
	lua_getfield(L, -1, "decode");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &lu_json_key);
	lua_setfield(L, -2, "json");
	lu_open_tw_net(L);
	lu_push_expr(L, "c");
	lua_setfield(L, -2, "c");
	lua_pushinteger(L, s->thread);
	lua_setfield(L, -2, "worker");
	lua_pushstring(L, s->unit->name);
	lua_setfield(L, -2, "script");
	open_lib(L);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, "tideway");
	lua_pop(L, 1);
	if (s->unit->kind == LU_SCRIPT)
		lua_setglobal(L, "tw");
	else
		lua_pop(L, 1);
}
