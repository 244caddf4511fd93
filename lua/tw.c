/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tw.c - the module "tideway": what scripts call that belongs to no request.
 */
#include "net.h"
#include "script.h"

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

static int
after_sleep(lua_State *L, int status, lua_KContext ctx)
{
	(void)L;
	(void)status;
	(void)ctx;
	return 0;
}

/*@ tw.sleep(seconds: number) */
static int
tw_sleep(lua_State *L)
{
	const lua_Number s = luaL_checknumber(L, 1);

	luaL_argcheck(L, s >= 0 && s < 4294967, 1, "the time is out of range");
	lu_check_yield(L, "tw.sleep");
	return lu_sleep_then(L, (uint32_t)(s * 1000), 0, after_sleep);
}

static const luaL_Reg functions[] = {
	{ "log", tw_log_ },
	{ "now", tw_now_ },
	{ "sleep", tw_sleep },
	{ NULL, NULL },
};

void
lu_open_tw(lua_State *L)
{
	const struct lu_state *const s = lu_state_from(L);

	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	lu_open_backend(L);
	lu_open_tw_net(L);
	lua_pushinteger(L, s->thread);
	lua_setfield(L, -2, "worker");
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, "tideway");
	lua_pop(L, 1);
	if (s->unit->kind == LU_SCRIPT)
		lua_setglobal(L, "tw");
	else
		lua_pop(L, 1);
}
