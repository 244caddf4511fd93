/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_lua_mem.c - the allocator of Lua states: counts, limits, nothing from malloc
 * once a script has warmed up, what a waiting coroutine takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lua/lu.h"

#if defined(__SANITIZE_ADDRESS__)
#define EACH_BY_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EACH_BY_MALLOC 1
#endif
#endif

static void
test_blocks(void **state)
{
	struct lu_mem m = { .limit = 0 };
	unsigned char *p[300];

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		p[i] = lu_mem_alloc(&m, NULL, LUA_TSTRING, i * 3 + 1);
		assert_non_null(p[i]);
		memset(p[i], (int)i & 0xff, i * 3 + 1);
	}
	for (size_t i = 0; i < 300; i++) {
		p[i] = lu_mem_alloc(&m, p[i], i * 3 + 1, i * 2 + 40);
		assert_int_equal(p[i][0], i & 0xff);
	}
	for (size_t i = 0; i < 300; i++)
		assert_null(lu_mem_alloc(&m, p[i], i * 2 + 40, 0));
	assert_int_equal(m.used, 0);
	assert_true(m.peak > 0);
	lu_mem_fini(&m);
}

static void
test_limits(void **state)
{
	_Atomic size_t total = 0;
	struct lu_mem a = { .total = &total }, b = { .total = &total };

	(void)state;
	void *p = lu_mem_alloc(&a, NULL, 0, 600);
	lu_mem_limit(&a, 0, 1000);
	lu_mem_limit(&b, 500, 1000);
	a.bounded = b.bounded = true; /* as while Lua runs */
	assert_int_equal(total, 600);
	assert_null(lu_mem_alloc(&b, NULL, 0, 401)); /* all of them together */
	void *q = lu_mem_alloc(&b, NULL, 0, 400);
	assert_non_null(q);
	p = lu_mem_alloc(&a, p, 600, 100); /* shrinking never fails */
	assert_non_null(p);
	assert_null(lu_mem_alloc(&b, NULL, 0, 200)); /* its own */
	b.bounded = false; /* nobody would catch an error: what is pushed meanwhile */
	void *r = lu_mem_alloc(&b, NULL, 0, 200);
	assert_non_null(r);
	lu_mem_alloc(&b, r, 200, 0);
	lu_mem_alloc(&a, p, 100, 0);
	lu_mem_alloc(&b, q, 400, 0);
	assert_int_equal(total, 0);
	lu_mem_fini(&a);
	lu_mem_fini(&b);
}

static void
test_no_memory_is_caught(void **state)
{
	struct lu_mem m = { .limit = 4u << 20, .bounded = true };
	lua_State *const L = lua_newstate(lu_mem_alloc, &m);

	(void)state;
	luaL_openlibs(L);
	assert_int_equal(luaL_dostring(L,
			     "local ok, err = pcall(function() local t = {} while true "
			     "do t[#t + 1] = ('x'):rep(1000) .. #t end end)\n"
			     "assert(not ok and err == 'not enough memory', err)\n"
			     "collectgarbage() assert(('x'):rep(1000))"),
	    LUA_OK);
	lua_close(L);
	assert_int_equal(m.used, 0);
	lu_mem_fini(&m);
}

static void
test_no_malloc_when_warm(void **state)
{
	struct lu_mem m = { .limit = 0 };
	lua_State *const L = lua_newstate(lu_mem_alloc, &m);

	(void)state;
	luaL_openlibs(L);
	assert_int_equal(luaL_dostring(L,
			     "function f(i) local t = { i, name = 'n' .. i } "
			     "return t.name .. #t end"),
	    LUA_OK);
	uint64_t warm = 0;
	for (int i = 0; i < 20000; i++) {
		if (i == 10000)
			warm = m.n_mallocs;
		lua_getglobal(L, "f");
		lua_pushinteger(L, i % 100);
		lua_call(L, 1, 0);
	}
#ifdef EACH_BY_MALLOC
	(void)warm;
#else
	/* in 10,000 calls; the collector's pace, which differs from run to run, may have
	 * met its highest point only then */
	assert_true(m.n_mallocs - warm <= 1);
#endif
	lua_close(L);
	lu_mem_fini(&m);
}

#define N_SLEEPERS 10000

static int
sleeps(lua_State *L)
{
	return lua_yield(L, 0);
}

static void
test_sleepers(void **state)
{
	struct lu_mem m = { .limit = 0 };
	lua_State *const L = lua_newstate(lu_mem_alloc, &m);

	(void)state;
	luaL_openlibs(L);
	lua_register(L, "sleep", sleeps);
	assert_int_equal(
	    luaL_dostring(L,
		"return function(a) local b, c = a, a * 2 sleep() return b, c "
		"end"),
	    LUA_OK);
	const size_t before = m.used;
	for (int i = 0; i < N_SLEEPERS; i++) {
		lua_State *const co = lua_newthread(L);
		luaL_ref(L, LUA_REGISTRYINDEX);
		lua_pushvalue(L, -1);
		lua_xmove(L, co, 1);
		lua_pushinteger(co, i);
		assert_int_equal(lua_resume(co, L, 1), LUA_YIELD);
	}
	const size_t each = (m.used - before) / N_SLEEPERS + sizeof(struct lu_call);
	print_message("# %zu bytes for each that sleeps\n", each);
	assert_true(each < 4096);
	lua_close(L);
	lu_mem_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_no_memory_is_caught),
		cmocka_unit_test(test_no_malloc_when_warm),
		cmocka_unit_test(test_sleepers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
