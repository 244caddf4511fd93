/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_predicate.c - the conditions of .if and -cc.
 *
 * What is expected is what `haproxy -cc` of Debian answers, where it knows
 * the predicate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/conf/conf.h"
#include "core/conf/predicate.h"

struct example {
	int want;
	const char *expression;
};

static void
check(const struct example *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct tw_err err = { .text = "" };
		const int v = tw__conf_predicate(e[i].expression, &err);

		if (v != e[i].want)
			fail_msg("%s: %d instead of %d %s", e[i].expression, v,
			    e[i].want, err.text);
		assert_int_equal(v < 0, err.text[0] != '\0');
	}
}

#define CHECK(list) check(list, sizeof(list) / sizeof((list)[0]))

static void
test_numbers(void **state)
{
	static const struct example list[] = {
		{ 0, "" },
		{ 0, "0" },
		{ 1, "1" },
		{ 1, "5" },
		{ 1, "-1" },
		{ 1, "+1" },
		{ 0, "00" },
		{ 1, "0x1" },
		{ 1, " 1 " },
		{ -1, "1x" },
		{ -1, "1 1" },
		{ -1, "1#2" },
	};

	(void)state;
	CHECK(list);
}

static void
test_operators(void **state)
{
	static const struct example list[] = {
		{ 0, "!1" },
		{ 1, "!!1" },
		{ 0, "! 1" },
		{ -1, "!" },
		{ 0, "1 && 0" },
		{ 1, "1&&1" },
		{ 1, "0||1" },
		{ -1, "1 ||" },
		{ -1, "&& 1" },
		{ -1, "1&1" },
		{ 1, "!(0&&1)||0" },
		{ 1, "1 || 1 && 0" },
		{ 0, "(1 || 1) && 0" },
		{ 1, "(((((1)))))" },
		{ -1, "(1" },
		{ -1, "1)" },
		{ -1, "()" },
		{ -1, "(1) 1" },
		{ -1, "0&&foo" },
		{ -1, "1||foo" },
	};

	(void)state;
	CHECK(list);
}

static void
test_strings(void **state)
{
	static const struct example list[] = {
		{ 1, "streq(a,a)" },
		{ 0, "streq(a,b)" },
		{ 0, "strneq(a,a)" },
		{ 1, "strneq(a,b)" },
		{ 0, "streq(a, a)" },
		{ 1, "streq( a , a )" },
		{ 1, "streq(\"a\",a)" },
		{ 1, "streq('a',a)" },
		{ 1, "streq(a b,a b)" },
		{ 1, "streq(a\\ b,\"a b\")" },
		{ 1, "streq(,)" },
		{ 1, "streq(\\\"a\\\",a)" },
		{ -1, "streq()" },
		{ -1, "streq(a)" },
		{ -1, "streq(a,b,c)" },
		{ -1, "streq(a,b" },
		{ -1, "streq((a),(a))" },
		{ -1, "STREQ(a,a)" },
		{ 1, "strstr(abc,bc)" },
		{ 0, "strstr(abc,x)" },
	};

	(void)state;
	CHECK(list);
}

static void
test_environment(void **state)
{
	static const struct example list[] = {
		{ 1, "defined(TW_TEST)" },
		{ 0, "defined(TW_TEST_NOT)" },
		{ 0, "defined()" },
		{ 1, "streq(\"$TW_TEST\",a b)" },
		{ 0, "streq($TW_TEST,a b)" },
	};

	(void)state;
	setenv("TW_TEST", "a b", 1);
	unsetenv("TW_TEST_NOT");
	CHECK(list);
}

static void
test_features(void **state)
{
	static const struct example before[] = {
		{ 1, "feature(THREAD)" },
		{ 0, "feature(thread)" },
		{ 0, "feature(TW_TEST)" },
		{ 1, "enabled(SPLICE)" },
		{ 0, "enabled(KQUEUE)" },
		{ -1, "feature (THREAD)" },
		{ -1, "foo" },
		{ -1, "foo(a)" },
	};
	static const struct example after[] = { { 1, "feature(TW_TEST)" } };

	(void)state;
	tw__feature_add("THREAD");
	CHECK(before);
	tw__feature_add("TW_TEST");
	tw__feature_add("TW_TEST");
	CHECK(after);
}

static void
test_versions(void **state)
{
	static const struct example list[] = {
		{ 1, "version_atleast(2.6)" },
		{ 1, "version_atleast(3.4)" },
		{ 1, "version_atleast(3.4-dev5)" },
		{ 0, "version_atleast(3.5)" },
		{ 0, "version_atleast(3.5-dev1)" },
		{ 1, "version_atleast()" },
		{ 1, "version_before(3.5-dev1)" },
		{ 1, "version_before(3.4.1)" },
		{ 0, "version_before(3.4)" },
		{ 0, "version_before(2.10)" },
		{ 1, "openssl_version_before(99.0.0a)" },
	};

	(void)state;
	CHECK(list);
}

static void
test_depth(void **state)
{
	char text[5000];

	(void)state;
	memset(text, '(', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(tw__conf_predicate(text, NULL), -1);
	memset(text, '!', sizeof(text) - 2);
	text[sizeof(text) - 2] = '1';
	assert_int_equal(tw__conf_predicate(text, NULL), 1);
}

static void
test_place_of_error(void **state)
{
	const char *text = "1 && foo(x)";
	const char *at;
	struct tw_err err;

	(void)state;
	assert_int_equal(tw__predicate_eval(text, &at, &err), -1);
	assert_int_equal(at - text, 5);
	assert_string_equal(err.text, "unparsable conditional expression 'foo(x)'");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_place_of_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
