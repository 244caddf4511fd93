/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_str.c - slices, the bounded writer, errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <tideway/err.h>
#include <tideway/str.h>

static void
test_trim(void **state)
{
	(void)state;
	assert_true(tw_str_eq(tw_str_trim(TW_STR(" \ta b\t ")), TW_STR("a b")));
	assert_int_equal(tw_str_trim(TW_STR(" \t ")).len, 0);
	assert_int_equal(tw_str_trim((struct tw_str){ 0 }).len, 0);
}

static void
test_to_u64(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1",
		"18446744073709551616", "99999999999999999999" };
	uint64_t v;

	(void)state;
	assert_true(tw_str_to_u64(TW_STR("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
	assert_true(tw_str_to_u64(TW_STR("007"), &v));
	assert_int_equal(v, 7);
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++)
		assert_false(tw_str_to_u64(tw_str_of(bad[i]), &v));
}

static void
assert_u64(uint64_t v)
{
	char buf[32], want[32];
	struct tw_out o = tw_out_of(buf, sizeof(buf));

	tw_out_u64(&o, v);
	snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
	*o.p = '\0';
	assert_string_equal(buf, want);
}

static void
test_numbers(void **state)
{
	(void)state;
	for (uint64_t v = 1; v <= UINT64_MAX / 10; v *= 10) {
		assert_u64(v - 1);
		assert_u64(v);
		assert_u64(v * 9 + 7);
	}
	assert_u64(UINT64_MAX);
}

static void
test_signed(void **state)
{
	char buf[32];
	struct tw_out o = tw_out_of(buf, sizeof(buf));

	(void)state;
	tw_out_i64(&o, INT64_MIN);
	tw_out_char(&o, ' ');
	tw_out_i64(&o, -1);
	*o.p = '\0';
	assert_string_equal(buf, "-9223372036854775808 -1");
}

static void
test_over_is_remembered(void **state)
{
	char buf[8] = "xxxxxxxx";
	struct tw_out o = tw_out_of(buf, 4);

	(void)state;
	tw_out_lit(&o, "abc");
	tw_out_lit(&o, "de");
	assert_true(o.over);
	assert_int_equal(o.p - buf, 3);
	tw_out_char(&o, 'd');
	assert_int_equal(o.p - buf, 4);
	tw_out_i64(&o, -1);
	assert_memory_equal(buf, "abcdxxxx", 8);
}

static void
test_printf_exact_fit(void **state)
{
	char buf[8] = "xxxxxxxx";
	struct tw_out o = tw_out_of(buf, 4);

	(void)state;
	tw_out_printf(&o, "%d", 1234);
	assert_false(o.over);
	assert_int_equal(o.p - buf, 4);
	assert_memory_equal(buf, "1234xxxx", 8);
	tw_out_printf(&o, "%s", "");
	assert_false(o.over);
	tw_out_printf(&o, "%d", 5);
	assert_true(o.over);
	assert_memory_equal(buf, "1234xxxx", 8);
}

static void
test_err(void **state)
{
	struct tw_err err;

	(void)state;
	assert_int_equal(tw_err_set(NULL, "x"), -1);
	assert_int_equal(tw_err_set(&err, "inner %d", 1), -1);
	tw_err_set(&err, "outer: %s", err.text);
	assert_string_equal(err.text, "outer: inner 1");
	errno = ENOENT;
	tw_err_errno(&err, "open %s", "f");
	assert_string_equal(err.text, "open f: No such file or directory");
	tw_err_set(&err, "%2000d", 1);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_to_u64),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_over_is_remembered),
		cmocka_unit_test(test_printf_exact_fit),
		cmocka_unit_test(test_err),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
