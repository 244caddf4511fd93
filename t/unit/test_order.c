/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_order.c - load order by requires[], hook order by before[] and
 * after[], and the errors that name both sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/module/module_int.h"

#define NAMES(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}
#define MAX_ITEMS 8

typedef int order_fn(
    const struct tw__order_item *items, int n, int *order, struct tw_err *err);

static void
expect(order_fn *fn, const struct tw__order_item *items, int n, const char *want)
{
	struct tw_err err = { "" };
	int order[MAX_ITEMS];
	char got[128] = "";

	assert_int_equal(fn(items, n, order, &err), 0);
	for (int i = 0; i < n; i++) {
		strcat(got, i > 0 ? " " : "");
		strcat(got, items[order[i]].name);
	}
	assert_string_equal(got, want);
}

static void
expect_error(order_fn *fn, const struct tw__order_item *items, int n, const char *a,
    const char *b)
{
	struct tw_err err = { "" };
	int order[MAX_ITEMS];

	assert_int_equal(fn(items, n, order, &err), -1);
	assert_non_null(strstr(err.text, a));
	assert_non_null(strstr(err.text, b));
}

static void
test_load_keeps_order(void **state)
{
	const struct tw__order_item items[] = { { .name = "b" }, { .name = "a" },
		{ .name = "c" } };

	(void)state;
	expect(tw__order_load, items, 3, "b a c");
	expect(tw__order_load, items, 0, "");
}

static void
test_load_requires(void **state)
{
	const struct tw__order_item items[] = {
		{ .name = "a", .requires = NAMES("c", "b") },
		{ .name = "b" },
		{ .name = "c", .requires = NAMES("d") },
		{ .name = "d" },
	};

	(void)state;
	expect(tw__order_load, items, 4, "d c b a");
}

static void
test_load_errors(void **state)
{
	const struct tw__order_item missing[] = {
		{ .name = "a", .requires = NAMES("gone") },
	};
	const struct tw__order_item cycle[] = {
		{ .name = "x" },
		{ .name = "a", .requires = NAMES("b") },
		{ .name = "b", .requires = NAMES("c") },
		{ .name = "c", .requires = NAMES("b") },
	};
	const struct tw__order_item self[] = {
		{ .name = "a", .requires = NAMES("a") },
	};

	(void)state;
	expect_error(tw__order_load, missing, 1, "'a'", "'gone'");
	expect_error(tw__order_load, cycle, 4, "'c'", "'b'");
	expect_error(tw__order_load, self, 1, "'a' and 'a'", "each other");
}

static void
test_hooks_order(void **state)
{
	const struct tw__order_item items[] = {
		{ .name = "a", .after = NAMES("c", "not-loaded") },
		{ .name = "b" },
		{ .name = "c", .before = NAMES("b") },
		{ .name = "d" },
	};

	(void)state;
	expect(tw__order_hooks, items, 4, "c a b d");
	expect(tw__order_hooks, items + 1, 1, "b");
}

static void
test_hooks_cycle(void **state)
{
	const struct tw__order_item both[] = {
		{ .name = "free" },
		{ .name = "a", .before = NAMES("b") },
		{ .name = "b", .before = NAMES("a") },
	};
	const struct tw__order_item ring[] = {
		{ .name = "a", .before = NAMES("b") },
		{ .name = "b", .before = NAMES("c") },
		{ .name = "c", .before = NAMES("a") },
		{ .name = "hanging", .after = NAMES("c") },
	};

	(void)state;
	expect_error(tw__order_hooks, both, 3, "'a'", "'b'");
	expect_error(tw__order_hooks, ring, 4, "modules '", "before the other");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load_keeps_order),
		cmocka_unit_test(test_load_requires),
		cmocka_unit_test(test_load_errors),
		cmocka_unit_test(test_hooks_order),
		cmocka_unit_test(test_hooks_cycle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
