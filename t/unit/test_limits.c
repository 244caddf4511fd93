/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_limits.c - maxconn from descriptors and descriptors from maxconn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/run/limits.h"

/* What is needed beside connections, by the arithmetic itself. */
static uint64_t
fixed_of(struct tw__limits_want want)
{
	struct tw__limits l;

	want.maxconn = 1;
	want.system_n = UINT64_MAX / 2;
	want.ulimit_n = 0;
	tw__limits_compute(&want, &l);
	return l.maxsock - 2;
}

static const struct tw__limits_want BASE = {
	.n_threads = 2,
	.n_binds = 3,
	.n_checks = 4,
	.n_loggers = 3,
	.system_n = 20000,
};

static void
test_enough(void **state)
{
	struct tw__limits_want want = BASE;
	struct tw__limits l;

	(void)state;
	want.maxconn = 100;
	tw__limits_compute(&want, &l);
	assert_int_equal(l.maxconn, 100);
	assert_false(l.is_short);
	assert_int_equal(l.nofile, fixed_of(want) + 200);
	assert_int_equal(l.maxsock, l.nofile);
}

static void
test_derived(void **state)
{
	struct tw__limits_want want = BASE;
	struct tw__limits l;

	(void)state;
	tw__limits_compute(&want, &l);
	assert_int_equal(l.nofile, 20000);
	assert_int_equal(l.maxconn, (20000 - fixed_of(want)) / 2);
	assert_false(l.is_short);
	assert_true(l.maxsock <= 20000 && l.maxsock > 19997);
}

static void
test_short(void **state)
{
	struct tw__limits_want want = BASE;
	struct tw__limits l;

	(void)state;
	want.maxconn = 50000;
	tw__limits_compute(&want, &l);
	assert_true(l.is_short);
	assert_int_equal(l.wanted_n, fixed_of(want) + 100000);
	assert_int_equal(l.maxconn, (20000 - fixed_of(want)) / 2);
	assert_int_equal(l.nofile, 20000);
	/* one that just fits is not short, one more is */
	want.maxconn = l.maxconn;
	tw__limits_compute(&want, &l);
	assert_false(l.is_short);
	want.maxconn++;
	tw__limits_compute(&want, &l);
	assert_true(l.is_short);
}

static void
test_ulimit(void **state)
{
	struct tw__limits_want want = BASE;
	struct tw__limits l;

	(void)state;
	want.ulimit_n = 1000;
	want.maxconn = 100;
	tw__limits_compute(&want, &l);
	assert_int_equal(l.nofile, 1000);
	assert_int_equal(l.maxconn, 100);
	want.maxconn = 5000;
	tw__limits_compute(&want, &l);
	assert_true(l.is_short);
	assert_int_equal(l.nofile, 1000);
	assert_int_equal(l.maxconn, (1000 - fixed_of(want)) / 2);
	want.ulimit_n = 4000000; /* more than there is */
	want.maxconn = 100;
	tw__limits_compute(&want, &l);
	assert_int_equal(l.nofile, 20000);
}

static void
test_extremes(void **state)
{
	struct tw__limits_want want = BASE;
	struct tw__limits l;

	(void)state;
	want.system_n = 10; /* not even for the listeners */
	want.maxconn = 100;
	tw__limits_compute(&want, &l);
	assert_true(l.is_short);
	assert_int_equal(l.maxconn, 1);
	want.system_n = UINT64_MAX; /* unlimited */
	want.maxconn = 0;
	tw__limits_compute(&want, &l);
	assert_int_equal(l.maxconn, UINT32_MAX);
	want.maxconn = UINT32_MAX;
	tw__limits_compute(&want, &l);
	assert_int_equal(l.maxconn, UINT32_MAX);
	assert_false(l.is_short);
	assert_true(tw__usable_cpus() >= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enough),
		cmocka_unit_test(test_derived),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_ulimit),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
