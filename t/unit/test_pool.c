/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_pool.c - free lists keep what recent use needed and give back the rest.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/net/conn.h"

#define N 1000

static void *block[N];
static int n_fini;

static void
count_fini(void *p)
{
	assert_non_null(p);
	n_fini++;
}

static void
take(struct tw__pool *pool, int n)
{
	for (int i = 0; i < n; i++) {
		block[i] = tw__pool_get(pool);
		assert_non_null(block[i]);
	}
}

static void
give(struct tw__pool *pool, int n)
{
	for (int i = 0; i < n; i++)
		tw__pool_put(pool, block[i]);
}

/* One period: as many turns as it takes. */
static int
trim(struct tw__pool *pool)
{
	int turns = 1;

	while (tw__pool_trim(pool))
		turns++;
	return turns;
}

static void
test_reuse(void **state)
{
	struct tw__pool pool = { .size = 64 };

	(void)state;
	take(&pool, 2);
	assert_int_equal(pool.n_used, 2);
	give(&pool, 2);
	assert_int_equal(pool.n_used, 0);
	assert_int_equal(pool.n_free, 2);
	assert_ptr_equal(tw__pool_get(&pool), block[1]); /* the last one used */
	tw__pool_put(&pool, block[1]);
	tw__pool_drain(&pool);
	assert_int_equal(pool.n_free, 0);
	assert_null(pool.free);
}

static void
test_burst(void **state)
{
	struct tw__pool pool = { .size = 64 };

	(void)state;
	take(&pool, N);
	give(&pool, N);
	pool.fini = count_fini;
	n_fini = 0;
	assert_int_equal(trim(&pool), 1); /* they were needed in this period */
	assert_int_equal(pool.n_free, N);
	assert_true(trim(&pool) > 1); /* not in this one; not all at once */
	assert_int_equal(pool.n_free, TW__POOL_KEEP);
	assert_int_equal(n_fini, N - TW__POOL_KEEP);
	assert_int_equal(trim(&pool), 1);
	assert_int_equal(pool.n_free, TW__POOL_KEEP);
	tw__pool_drain(&pool);
}

static void
test_steady(void **state)
{
	struct tw__pool pool = { .size = 64 };
	const int busy = 300;

	(void)state;
	take(&pool, N);
	give(&pool, N);
	trim(&pool);
	for (int i = 0; i < 3; i++) {
		take(&pool, busy);
		give(&pool, busy);
		trim(&pool);
		assert_int_equal(pool.n_free, busy + (int)TW__POOL_KEEP);
	}
	tw__pool_drain(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_steady),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
