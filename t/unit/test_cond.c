/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_cond.c - conditions: operators, short circuit, errors; and random
 * conditions against a straightforward evaluation.
 */
#include "config.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "expr_help.h"

static struct tw__acl *acls;

static struct tw_cond *
parse(const char *line, int *bad)
{
	static char text[512];
	char *word[64];
	const struct tw__ectx cx = test_cx();

	snprintf(text, sizeof(text), "%s", line);
	const int n = split_words(text, word, 64);
	return tw__cond_parse(&cx, &acls, word, n, bad);
}

static bool
holds(const char *line)
{
	int bad;
	const struct tw_cond *const c = parse(line, &bad);

	if (c == NULL)
		fail_msg("%s: %s", line, test_err.text);
	given.asked = 0;
	return tw_cond_eval(c, NULL);
}

static void
test_operators(void **state)
{
	(void)state;
	given.str = tw_str_of("x");
	assert_true(holds("if TRUE"));
	assert_false(holds("if FALSE"));
	assert_false(holds("unless TRUE"));
	assert_true(holds("unless FALSE"));
	assert_true(holds("if !FALSE"));
	assert_true(holds("if ! FALSE"));
	assert_true(holds("if !!TRUE"));
	assert_false(holds("if TRUE FALSE"));
	assert_true(holds("if FALSE or TRUE"));
	assert_true(holds("if FALSE || TRUE"));
	assert_true(holds("if FALSE TRUE OR TRUE !FALSE"));
	assert_false(holds("if FALSE TRUE or FALSE or TRUE FALSE"));
	assert_true(holds("unless FALSE TRUE or FALSE"));
	assert_true(holds("if { t_str x }"));
	assert_true(holds("if !{ t_str y } { t_str -m beg x }"));
	assert_true(holds("if ! { t_str y }"));
	assert_false(holds("if { t_str y } TRUE or { t_str z }"));
}

static void
test_short_circuit(void **state)
{
	(void)state;
	given.str = tw_str_of("x");
	assert_false(holds("if FALSE { t_str x }"));
	assert_int_equal(given.asked, 0);
	assert_true(holds("if TRUE or { t_str x }"));
	assert_int_equal(given.asked, 0);
	assert_true(holds("if FALSE { t_str x } or { t_str x }"));
	assert_int_equal(given.asked, 1);
	assert_true(holds("if { t_str x } { t_str x } or { t_str x }"));
	assert_int_equal(given.asked, 2);
}

static void
refused(const char *line, int at, const char *why)
{
	int bad = -1;

	assert_null(parse(line, &bad));
	if (strstr(test_err.text, why) == NULL || bad != at)
		fail_msg("%s: '%s' at %d", line, test_err.text, bad);
}

static void
test_errors(void **state)
{
	(void)state;
	refused("", 0, "'if' or 'unless'");
	refused("when TRUE", 0, "'if' or 'unless'");
	refused("if", 0, "expected after 'if'");
	refused("if nope", 1, "no such ACL: 'nope'");
	refused("if TRUE or", 2, "expected after 'or'");
	refused("if or TRUE", 1, "expected before 'or'");
	refused("if TRUE or or TRUE", 3, "expected before 'or'");
	refused("if TRUE !", 2, "after '!'");
	refused("if TRUE { t_str x", 2, "closing '}'");
	refused("if { }", 2, "fetch is expected");
	refused("if { t_int 5 x }", 4, "not a number");
	refused("if WAIT_END", 1, "not supported");
}

static uint32_t seed = 12345;

static uint32_t
next_random(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % n;
}

/* Builds a random condition and evaluates it as it is built. */
static void
test_random(void **state)
{
	(void)state;
	for (int round = 0; round < 2000; round++) {
		char line[512];
		const bool unless = next_random(2);
		int at = sprintf(line, "%s", unless ? "unless" : "if");
		const uint32_t groups = 1 + next_random(4);
		bool any = false;
		for (uint32_t g = 0; g < groups; g++) {
			const uint32_t terms = 1 + next_random(4);
			bool all = true;
			if (g > 0)
				at += sprintf(line + at, " ||");
			for (uint32_t t = 0; t < terms; t++) {
				const bool value = next_random(2);
				const bool negated = next_random(2);
				at += sprintf(line + at, " %s%s", negated ? "!" : "",
				    value ? "TRUE" : "FALSE");
				all = all && value != negated;
			}
			any = any || all;
		}
		if (holds(line) != (any != unless))
			fail_msg("%s", line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_short_circuit),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, expr_setup, expr_teardown);
}
