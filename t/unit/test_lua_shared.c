/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_lua_shared.c - dictionaries of scripts, used by several threads at once:
 * nothing is lost, memory stays bounded.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lua/shared.h"

#define THREADS 4
#define ROUNDS 3000

static struct lu_shared *dict;

static struct lu_shared_value
integer(int64_t n)
{
	return (struct lu_shared_value){ .type = LU_SHARED_INT, .n = n };
}

static struct tw_str
key_of(char *text, size_t size, const char *what, int i)
{
	return (struct tw_str){ text, (size_t)snprintf(text, size, "%s%d", what, i) };
}

static void *
work(void *arg)
{
	char text[32], mem[4096];
	struct lu_shared_value v, one = integer(1), none = integer(0);
	struct lu_shared_left left;
	int64_t ms;

	for (int i = 0; i < ROUNDS; i++) {
		lu_shared_incr(dict, TW_STR("sum"), &one, &none, 0, &v);
		do {
			v = none;
			lu_shared_get(dict, TW_STR("cas"), &v);
			one.n = v.n + 1;
		} while (lu_shared_cas(dict, TW_STR("cas"), v.n != 0 ? &v : NULL, &one,
			     0) != LU_SHARED_OK);
		one.n = 1;
		const struct tw_str key = key_of(text, sizeof(text), "k", i % 50);
		const struct lu_shared_value s = { .type = LU_SHARED_STRING,
			.str = key };
		lu_shared_set(dict, key, &s, (uint64_t)(i % 3), i % 2 == 0);
		if (lu_shared_get(dict, key, &v))
			assert_true(tw_str_eq(v.str, key));
		lu_shared_ttl(dict, key, &ms);
		lu_shared_expire(dict, key, 1000);
		lu_shared_rate(dict, TW_STR("rate"), 1000, 5, &left);
		if (i % 10 == 0)
			lu_shared_delete(dict, key);
		if (i % 100 == 0)
			lu_shared_keys(dict, TW_STR("k"), 20, mem, sizeof(mem));
	}
	lu_shared_thread_ends();
	return arg;
}

static void
several_threads(void **state)
{
	pthread_t thread[THREADS];
	struct lu_shared_value v;

	(void)state;
	dict = lu_shared_open("threads", 1 << 20);
	assert_ptr_equal(dict, lu_shared_open("threads", 0));
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_true(lu_shared_get(dict, TW_STR("sum"), &v));
	assert_int_equal(v.n, THREADS * ROUNDS);
	assert_true(lu_shared_get(dict, TW_STR("cas"), &v));
	assert_int_equal(v.n, THREADS * ROUNDS);
	lu_shared_flush(dict);
}

static void
bounded(void **state)
{
	struct lu_shared *const d = lu_shared_open("bounded", 65536);
	struct lu_shared_info info;
	char text[32];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		const struct lu_shared_value v = integer(i);
		assert_int_equal(
		    lu_shared_set(d, key_of(text, sizeof(text), "n", i), &v, 0, false),
		    LU_SHARED_OK);
	}
	lu_shared_info(d, &info);
	assert_true(
	    info.bytes <= 65536 && info.n > 100 && info.evicted == 10000 - info.n);
	assert_ptr_equal(lu_shared_open("bounded", 131072), d);
	lu_shared_info(d, &info);
	assert_int_equal(info.limit, 131072);
	lu_shared_flush(d);
	lu_shared_info(d, &info);
	assert_int_equal(info.n + info.bytes, 0);
}

static void
rates(void **state)
{
	struct lu_shared *const d = lu_shared_open("rates", 65536);
	struct lu_shared_left left;
	int n = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		n += lu_shared_rate(d, TW_STR("r"), 1000000000, 4, &left);
	assert_int_equal(n, 5);
	assert_true(left.wait_us > 900000000 && left.n == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_threads),
		cmocka_unit_test(bounded),
		cmocka_unit_test(rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
