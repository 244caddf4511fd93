/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_lua_str.c - our string and table functions against Lua's own, on random
 * patterns and subjects, results and errors; the module json.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lua/std.h"

static const char compare[] =
    "local piece = {'a','b','.','%','[',']','^','-','*','+','?','(',')','$','%a','%d',\n"
    "  '%1','%b','%bab','%f','%f[a]','()','[^a]','[a-z]','x','\\0',' ','%s*','(a)','.-'}\n"
    "local text = {'a','b','x','1',' ','(',')','\\0','ab','%'}\n"
    "local with = {'','%0','%1','<%1%%>','%2','%','x%y', 7}\n"
    "local function some(t, n)\n"
    "  local s = {}\n"
    "  for i = 1, math.random(0, n) do s[i] = t[math.random(#t)] end\n"
    "  return concat(s)\n"
    "end\n"
    "local function all(f, ...)\n"
    "  local r = table.pack(pcall(f, ...))\n"
    "  for i = 1, r.n do r[i] = tostring(r[i]) end\n"
    "  return (old.gsub(concat(r, '|'), \"to '[%w.?]+'\", 'to it'))\n"
    "end\n"
    "local function each(g)\n"
    "  return function(s, p)\n"
    "    local r, n = {}, 0\n"
    "    for a, b in g(s, p) do n = n + 1 r[n] = tostring(a) .. tostring(b)\n"
    "      if n > 30 then break end end\n"
    "    return concat(r, ',')\n"
    "  end\n"
    "end\n"
    "local function same(name, a, b, ...)\n"
    "  local x, y = all(a, ...), all(b, ...)\n"
    "  if x ~= y then error(name .. ': ' .. string.format('%q %q', ...) ..\n"
    "    ' gave ' .. y .. ', not ' .. x) end\n"
    "end\n"
    "for i = 1, rounds do\n"
    "  local s, p, w = some(text, 8), some(piece, 6), with[math.random(#with)]\n"
    "  local from = math.random(-4, 10)\n"
    "  same('find', old.find, string.find, s, p, from)\n"
    "  same('plain', old.find, string.find, s, p, from, true)\n"
    "  same('match', old.match, string.match, s, p, from)\n"
    "  same('gsub', old.gsub, string.gsub, s, p, w)\n"
    "  same('gsub n', old.gsub, string.gsub, s, p, w, math.random(-1, 3))\n"
    "  same('gsub f', old.gsub, string.gsub, s, p, function(a, b)\n"
    "    return a and b and tostring(a) .. tostring(b) end)\n"
    "  same('gsub t', old.gsub, string.gsub, s, p, { a = 'A', [1] = 'one', b = false })\n"
    "  same('gmatch', each(old.gmatch), each(string.gmatch), s, p)\n"
    "  same('rep', old.rep, string.rep, s, math.random(-1, 5), some(text, 2))\n"
    "end\n"
    "same('type', old.gsub, string.gsub, 'x', 'x', old.len)\n"
    "same('none', old.gsub, string.gsub, 'x', 'x', true)\n"
    "same('big', old.rep, string.rep, 'xx', math.maxinteger)\n"
    "same('deep', old.match, string.match, old.rep('a', 300), old.rep('a?', 300))\n"
    "same('captures', old.match, string.match, 'x', old.rep('()', 33))\n";

static const char tables[] =
    "local function all(f, ...)\n"
    "  local r = table.pack(pcall(f, ...))\n"
    "  for i = 1, r.n do r[i] = tostring(r[i]) end\n"
    "  return (old.gsub(concat(r, '|'), \"to '[%w.?]+'\", 'to it'))\n"
    "end\n"
    "local function make()\n"
    "  local t = {} for i = 1, math.random(0, 6) do t[i] = math.random(9) end return t\n"
    "end\n"
    "local function copy(t) return { table.unpack(t) } end\n"
    "local function show(t)\n"
    "  local r = {} for i = -4, 14 do r[#r + 1] = tostring(t[i]) end\n"
    "  return concat(r, ',')\n"
    "end\n"
    "local function same(name, ...)\n"
    "  local t = make() local u = copy(t)\n"
    "  local x, y = all(oldt[name], t, ...), all(table[name], u, ...)\n"
    "  x, y = x:gsub('table: %S+', 'table'), y:gsub('table: %S+', 'table')\n"
    "  if x ~= y or show(t) ~= show(u) then\n"
    "    error(name .. ' ' .. x .. ' ' .. y .. ' ' .. show(t) .. ' ' ..\n"
    "      show(u)) end\n"
    "end\n"
    "for i = 1, rounds do\n"
    "  local r = math.random\n"
    "  same('insert', r(9)) same('insert', r(-1, 9), r(9)) same('insert')\n"
    "  same('remove') same('remove', r(-1, 8))\n"
    "  same('concat', ';') same('concat', ';', r(-1, 7), r(-1, 7)) same('concat')\n"
    "  same('move', r(-2, 5), r(-2, 5), r(-2, 7)) same('move', 1, 3, r(5), {})\n"
    "  same('sort') same('sort', function(a, b) return a > b end)\n"
    "end\n"
    "local big = {} for i = 1, 9000 do big[i] = math.random(100) end\n"
    "table.sort(big) for i = 2, #big do assert(big[i - 1] <= big[i]) end\n";

static const char json[] =
    "local json = json\n"
    "local function trip(s) return json.encode(json.decode(s)) end\n"
    "assert(trip '[1,2.5,\"a\\\\n\\\\u0001\",true,[],{\"k\":[false]}]' ==\n"
    "  '[1,2.5,\"a\\\\n\\\\u0001\",true,[],{\"k\":[false]}]')\n"
    "assert(json.decode '\"\\\\ud83d\\\\ude00\\\\u00e9\"' == '\\u{1F600}\\u{e9}')\n"
    "assert(json.decode ' {\"a\" : null , \"b\":-1.5e2}'.b == -150.0)\n"
    "assert(json.encode { a = json.null } == '{\"a\":null}')\n"
    "assert(json.encode { [2] = 1 } == '{\"2\":1}')\n"
    "assert(math.type(json.decode '12345678901') == 'integer')\n"
    "for _, bad in ipairs { '', '{', '[1,]', '{\"a\"}', '01', '1.', '\"\\\\x\"', 'nul',\n"
    "  '1 2', '\"\\n\"', ('['):rep(200), '\"\\\\ud800\\\\u0041\"', '-' } do\n"
    "  assert(not pcall(json.decode, bad), bad)\n"
    "end\n"
    "local ring = {} ring[1] = ring\n"
    "assert(not pcall(json.encode, ring))\n"
    "assert(not pcall(json.encode, { [1.5] = 1 }))\n"
    "assert(not pcall(json.encode, 0/0))\n"
    "assert(#json.encode(json.decode('[' .. ('7,'):rep(5000) .. '7]')) == 10003)\n";

static lua_State *
open_both(void)
{
	lua_State *const L = luaL_newstate();

	luaL_openlibs(L);
	assert_int_equal(
	    luaL_dostring(L,
		"local function copy(t) local c = {} for k, v in pairs(t) do "
		"c[k] = v end return c end "
		"old, oldt, concat = copy(string), copy(table), table.concat"),
	    LUA_OK);
	lua_pushinteger(L, 20000);
	lua_setglobal(L, "rounds");
	lu_open_string(L);
	lu_open_table(L);
	lu_open_json(L);
	lua_setglobal(L, "json");
	return L;
}

static void
run(const char *text)
{
	lua_State *const L = open_both();

	if (luaL_dostring(L, text) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
	lua_close(L);
}

static void
test_strings(void **state)
{
	(void)state;
	run(compare);
}

static void
test_tables(void **state)
{
	(void)state;
	run(tables);
}

static void
test_json(void **state)
{
	(void)state;
	run(json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
