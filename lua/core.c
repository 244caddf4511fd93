/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * core.c - the global `core`: registration and what needs nothing else.
 *
 * source: HAProxy's Lua manual, core class.
 */
#include "lu.h"

#include <sys/time.h>

#include <tideway/log.h>

#include "applet.h"
#include "core.h"
#include "filter.h"

/* ---- registration ----------------------------------------------------------------- */

static unsigned
rules_of(lua_State *L, const char *word)
{
	static const struct {
		const char *word;
		unsigned rules;
	} table[] = {
		{ "tcp-req", 1u << TW_TCP_CONTENT },
		{ "tcp-res", 1u << TW_TCP_RESPONSE },
		{ "http-req", 1u << TW_HTTP_REQUEST },
		{ "http-res", 1u << TW_HTTP_RESPONSE },
		{ "http-after-res", 1u << TW_HTTP_AFTER },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(table); i++)
		if (strcmp(table[i].word, word) == 0)
			return table[i].rules;
	return (unsigned)luaL_error(L,
	    "core.register_action: 'tcp-req', 'tcp-res', 'http-req', 'http-res' or "
	    "'http-after-res' is expected, not '%s'",
	    word);
}

/*@ core.register_action(name: string, phases: string[], fn: function, nargs?: integer) */
static int
register_action(lua_State *L)
{
	const char *const name = luaL_checkstring(L, 1);
	unsigned rules = 0;

	luaL_checktype(L, 2, LUA_TTABLE);
	luaL_checktype(L, 3, LUA_TFUNCTION);
	const lua_Integer n = luaL_optinteger(L, 4, 0);
	luaL_argcheck(L, n >= 0 && n < 64, 4, "0 to 63 arguments");
	lua_pushnil(L);
	while (lua_next(L, 2) != 0) {
		rules |= rules_of(L, luaL_checkstring(L, -1));
		lua_pop(L, 1);
	}
	lu_action_set(L, name, 3, rules, (int)n);
	return 0;
}

static int
register_named(lua_State *L, enum lu_reg reg)
{
	const char *const name = luaL_checkstring(L, 1);

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lu_slot_set(L, reg, name, 2);
	return 0;
}

/*@ core.register_fetches(name: string, fn: fun(txn: TXN, ...): any) */
static int
register_fetches(lua_State *L)
{
	return register_named(L, LU_FETCH);
}

/*@ core.register_converters(name: string, fn: fun(value: any, ...): any) */
static int
register_converters(lua_State *L)
{
	return register_named(L, LU_CONV);
}

/* ---- log ----------------------------------------------------------------------------- */

/* tune.lua.log.*: where what scripts say goes. */
void
lu_log(lua_State *L, enum tw_level level, const char *text)
{
	const struct lu_conf *const conf = lu_conf_of(lu_state_from(L)->gen);
	const struct lu_call *const c = lu_call_of(L);
	unsigned where = conf->log_loggers == LU_LOG_OFF ? 0 : TW_LOG_LOGGERS;

	if (conf->log_stderr == LU_LOG_ON)
		where |= TW_LOG_STDERR;
	else if (conf->log_stderr != LU_LOG_OFF)
		where |= TW_LOG_AUTO;
	tw_log_to(c != NULL && c->req != NULL ? tw_req_proxy(c->req) : NULL, where,
	    level, text);
}

static void
send_log(lua_State *L, lua_Integer level, const char *text)
{
	luaL_argcheck(
	    L, level >= TW_EMERG && level <= TW_DEBUG, 1, "a level is 0 to 7");
	lu_log(L, (enum tw_level)level, text);
}

/*@ core.log(level: integer, text: string) */
static int
core_log(lua_State *L)
{
	send_log(L, luaL_checkinteger(L, 1), luaL_checkstring(L, 2));
	return 0;
}

/*@ core.Debug(text: string) */
static int
core_debug(lua_State *L)
{
	send_log(L, TW_DEBUG, luaL_checkstring(L, 1));
	return 0;
}

/*@ core.Info(text: string) */
static int
core_info(lua_State *L)
{
	send_log(L, TW_INFO, luaL_checkstring(L, 1));
	return 0;
}

/*@ core.Warning(text: string) */
static int
core_warning(lua_State *L)
{
	send_log(L, TW_WARNING, luaL_checkstring(L, 1));
	return 0;
}

/*@ core.Alert(text: string) */
static int
core_alert(lua_State *L)
{
	send_log(L, TW_ALERT, luaL_checkstring(L, 1));
	return 0;
}

/* ---- time ------------------------------------------------------------------------------ */

/*@ core.now(): {sec: integer, usec: integer} */
static int
core_now(lua_State *L)
{
	const uint64_t us = tw_wall_us();

	lua_createtable(L, 0, 2);
	lua_pushinteger(L, (lua_Integer)(us / 1000000));
	lua_setfield(L, -2, "sec");
	lua_pushinteger(L, (lua_Integer)(us % 1000000));
	lua_setfield(L, -2, "usec");
	return 1;
}

static int
sleep_for(lua_State *L, const char *function, lua_Number ms)
{
	lu_check_yield(L, function);
	luaL_argcheck(L, ms >= 0 && ms < UINT32_MAX, 1, "the time is out of range");
	return lu_sleep(L, (uint32_t)ms);
}

/*@ core.sleep(seconds: number) */
static int
core_sleep(lua_State *L)
{
	return sleep_for(L, "core.sleep", luaL_checknumber(L, 1) * 1000);
}

/*@ core.msleep(milliseconds: number) */
static int
core_msleep(lua_State *L)
{
	return sleep_for(L, "core.msleep", luaL_checknumber(L, 1));
}

/* A hint: where nothing can wait (fetches, converters, a file's body), it goes on
 * at once. source: HAProxy's Lua manual, core.yield(): "context: task, action,
 * sample-fetch, converter". */
/*@ core.yield() */
static int
core_yield(lua_State *L)
{
	const struct lu_call *const c = lu_call_of(L);

	if (!lu_may_yield(L) && (c == NULL || c->at != LU_AT_HOOK))
		return 0;
	return sleep_for(L, "core.yield", 0);
}

static const luaL_Reg functions[] = {
	{ "Alert", core_alert },
	{ "Debug", core_debug },
	{ "Info", core_info },
	{ "Warning", core_warning },
	{ "log", core_log },
	{ "msleep", core_msleep },
	{ "now", core_now },
	{ "register_action", register_action },
	{ "register_cli", lu_register_cli },
	{ "register_converters", register_converters },
	{ "register_fetches", register_fetches },
	{ "register_filter", lu_register_filter },
	{ "register_service", lu_register_service },
	{ "sleep", core_sleep },
	{ "yield", core_yield },
	{ NULL, NULL },
};

/*@ core.thread: integer - 0: one state for all threads; else the thread */
static void
constants(lua_State *L)
{
	static const char *const level[] = { "emerg", "alert", "crit", "err", "warning",
		"notice", "info", "debug" };

	for (int i = 0; i < (int)TW_N_ELEMENTS(level); i++) {
		lua_pushinteger(L, i);
		lua_setfield(L, -2, level[i]);
	}
	lua_pushinteger(L, -1);
	lua_setfield(L, -2, "silent");
	lua_pushinteger(L, lu_state_from(L)->thread);
	lua_setfield(L, -2, "thread");
}

void
lu_open_core(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
	constants(L);
}
