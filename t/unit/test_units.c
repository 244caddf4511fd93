/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_units.c - times, numbers, sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <tideway/conf.h>

static void
test_times(void **state)
{
	static const struct {
		const char *word;
		uint32_t ms;
	} good[] = {
		{ "0", 0 },
		{ "5", 5 },
		{ "500ms", 500 },
		{ "30s", 30000 },
		{ "2m", 120000 },
		{ "1h", 3600000 },
		{ "24d", 2073600000 },
		{ "2147483647", 2147483647 },
		{ "0us", 0 },
		{ "500us", 1 },
		{ "1500us", 2 },
		{ "2000us", 2 },
	};
	uint32_t ms;

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(good); i++) {
		assert_int_equal(tw_parse_ms(good[i].word, 1000, &ms, NULL), 0);
		assert_int_equal(ms, good[i].ms);
	}
	assert_int_equal(tw_parse_ms("10", 1000000, &ms, NULL), 0);
	assert_int_equal(ms, 10000);
}

static void
test_bad_times(void **state)
{
	static const char *const bad[] = { "", "x", "-5", "+5", " 5", "5 s", "5S", "5x",
		"5ss", "1.5s", "0x10", "25d", "2147483648", "99999999999999999999",
		"18446744073709551615d" };
	struct tw_err err;
	uint32_t ms = 77;

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++) {
		err.text[0] = '\0';
		assert_int_equal(tw_parse_ms(bad[i], 1000, &ms, &err), -1);
		assert_true(err.text[0] != '\0');
		assert_int_equal(ms, 77);
	}
}

static void
test_numbers(void **state)
{
	static const char *const bad[] = { "", "x", "-1", "9", "21", "1x",
		"99999999999999999999" };
	uint64_t v;

	(void)state;
	assert_int_equal(tw_parse_uint("10", 10, 20, &v, NULL), 0);
	assert_int_equal(v, 10);
	assert_int_equal(tw_parse_uint("020", 10, 20, &v, NULL), 0);
	assert_int_equal(v, 20);
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++)
		assert_int_equal(tw_parse_uint(bad[i], 10, 20, &v, NULL), -1);
}

static void
test_sizes(void **state)
{
	static const char *const bad[] = { "", "x", "-1", "1.5k", "16kb", "k",
		"18014398509481984k", "17179869184g" };
	uint64_t v;

	(void)state;
	assert_int_equal(tw_parse_size("16", &v, NULL), 0);
	assert_int_equal(v, 16);
	assert_int_equal(tw_parse_size("16k", &v, NULL), 0);
	assert_int_equal(v, 16384);
	assert_int_equal(tw_parse_size("2M", &v, NULL), 0);
	assert_int_equal(v, 2 << 20);
	assert_int_equal(tw_parse_size("17179869183g", &v, NULL), 0);
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++)
		assert_int_equal(tw_parse_size(bad[i], &v, NULL), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_bad_times),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
