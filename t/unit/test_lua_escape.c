/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_lua_escape.c - which functions may keep their argument: whatever stores it
 * or hands it on does; who reads fields and calls methods does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "lua/chunk.h"

/* in: text, the function's parameters and body. */
static bool
keeps(const char *text, int arg)
{
	char all[1024];
	lua_State *const L = luaL_newstate();

	snprintf(
	    all, sizeof(all), "local up, other = {}, {} return function%s end", text);
	if (luaL_dostring(L, all) != LUA_OK)
		fail_msg("%s: %s", text, lua_tostring(L, -1));
	const bool result = lu_keeps_arg(L, arg);
	lua_close(L);
	return result;
}

static void
does_not(void **state)
{
	static const char *const harmless[] = {
		"(r)",
		"()",
		"(r) return r",
		"(r) return r.path",
		"(r) local p = r.path if p == '/x' then return 'b' end",
		"(r) r.headers.x = 'y' r.vars['a' .. r.path] = nil",
		"(r) r:set_var('txn.x', r.f:path() .. 'a')",
		"(r) if r and r.x then r:deny() end",
		"(r) if not r then return end",
		"(r) for i = 1, 10 do r:add(i) end",
		"(r) for k, v in r.headers:each() do up[k] = v end",
		"(r) local t = { r.path, r.host } return t[1]",
		"(r) local f = function() return up.x end return f() .. r.path",
		"(r) up.path = r.path other = r.host .. '!'",
		"(r, a, b) r:set_var('txn.x', a .. b)",
		"(r) return r:route('b') or r.path",
		"(r) if r == up then return 1 end",
		"(r) goto done ::done:: r:done()",
		NULL,
	};

	(void)state;
	for (int i = 0; harmless[i] != NULL; i++)
		if (keeps(harmless[i], 0))
			fail_msg("it cannot keep it: %s", harmless[i]);
	assert_false(keeps("(a, r) up.x = a return r.path", 1));
}

static void
may(void **state)
{
	static const char *const keeping[] = {
		"(r) up = r",
		"(r) up.x = r",
		"(r) up[1] = r",
		"(r) up[r] = 1",
		"(r) kept = r",
		"(r) local x = r up.x = x",
		"(r) local x = r and r",
		"(r) return up.helper(r)",
		"(r) up:helper(r)",
		"(r) helper(1, r)",
		"(r) local t = { r } up.t = t",
		"(r) local t = { x = r } up.t = t",
		"(r) up.f = function() return r.path end",
		"(r) up.f = function() return function() return r.path end end",
		"(r) return up + r",
		"(r) return up .. r",
		"(r) return up < r",
		"(r) return -r",
		"(r) return #r",
		"(r) return up[r]",
		"(...) up.x = ...",
		"(...) local r = ... up.x = r",
		"(r) for k, v in pairs(r) do up[k] = v end",
		"(r) r.ctx = r",
		"(r) r:log(r)",
		NULL,
	};

	(void)state;
	for (int i = 0; keeping[i] != NULL; i++)
		if (!keeps(keeping[i], 0))
			fail_msg("it may keep it: %s", keeping[i]);
	assert_true(keeps("(a, r) up.x = r", 1));
}

static int
in_c(lua_State *L)
{
	(void)L;
	return 0;
}

static void
unknown(void **state)
{
	lua_State *const L = luaL_newstate();

	(void)state;
	lua_pushcfunction(L, in_c);
	assert_true(lu_keeps_arg(L, 0));
	lua_newtable(L);
	assert_true(lu_keeps_arg(L, 0));
	lua_close(L);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_not),
		cmocka_unit_test(may),
		cmocka_unit_test(unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
