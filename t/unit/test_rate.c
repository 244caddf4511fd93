/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/net/rate.h"

#define S 1000000u

static void
test_limit(void **state)
{
	struct tw__window w = { 0 };
	uint64_t t = 100 * S;

	(void)state;
	assert_int_equal(tw__window_room(&w, 0, t), UINT32_MAX);
	assert_int_equal(tw__window_room(&w, 3, t), 3);
	for (int i = 0; i < 3; i++)
		tw__window_add(&w, t + 10);
	assert_int_equal(tw__window_room(&w, 3, t + S - 1), 0);
	assert_int_equal(tw__window_room(&w, 4, t + S - 1), 1);
	/* half a second later, half of them count */
	assert_int_equal(tw__window_room(&w, 3, t + S + S / 2), 2);
	assert_int_equal(tw__window_room(&w, 3, t + 2 * S), 3);
}

/* A steady stream gets no more than the limit in any ten seconds. */
static void
test_steady(void **state)
{
	struct tw__window w = { 0 };
	unsigned n = 0;

	(void)state;
	for (uint64_t t = 50 * S; t < 60 * S; t += S / 1000) {
		if (tw__window_room(&w, 10, t) == 0)
			continue;
		tw__window_add(&w, t);
		n++;
	}
	assert_in_range(n, 95, 111);
}

static void
test_pause(void **state)
{
	struct tw__window w = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		tw__window_add(&w, 7 * S);
	assert_int_equal(tw__window_room(&w, 5, 1000 * (uint64_t)S), 5);
	assert_int_equal(tw__window_room(&w, 5, 1000 * (uint64_t)S + S), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
