/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_condrun.c - runs of conditions: one look against each in turn, on
 * random rules and values.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "expr_help.h"

#include "core/expr/condrun.h"

#define RULES 40

static struct tw_cond *
condition(const char *text)
{
	char copy[256], *word[32];
	int bad;
	struct tw__acl *list = NULL;
	const struct tw__ectx cx = test_cx();

	snprintf(copy, sizeof(copy), "%s", text);
	struct tw_cond *const c =
	    tw__cond_parse(&cx, &list, word, split_words(copy, word, 32), &bad);
	assert_non_null(c);
	return c;
}

static void
random_text(char *to, int max)
{
	const int n = 1 + rand() % max;

	for (int i = 0; i < n; i++)
		to[i] = "abAB"[rand() % 4];
	to[n] = '\0';
}

/* Mostly alike, so that there are runs. */
static struct tw_cond *
random_condition(const char *method)
{
	char a[8], b[8], text[128];

	random_text(a, 4);
	random_text(b, 3);
	if (rand() % 20 == 0)
		snprintf(text, sizeof(text), "unless { t_many -m %s %s }", method, a);
	else
		snprintf(text, sizeof(text), "if { t_many -m %s %s%s %s }", method,
		    rand() % 3 == 0 ? "-i " : "", a, rand() % 2 ? b : a);
	return condition(text);
}

static void
test_same_as_naive(void **state)
{
	static const char *const methods[] = { "str", "beg", "end" };
	struct tw_cond *cond[RULES];
	char value[2][8];
	int n_runs = 0;

	(void)state;
	srand(7);
	for (int round = 0; round < 400; round++) {
		for (int i = 0; i < RULES; i++)
			cond[i] = random_condition(methods[round % 3]);
		const struct tw__condrun *const run =
		    tw__condrun_new(tw_gen_arena(&test_gen), cond, RULES);
		if (run == NULL)
			continue;
		n_runs++;
		const int len = tw__condrun_length(run);
		for (int k = 0; k < 20; k++) {
			random_text(value[0], 5);
			random_text(value[1], 5);
			given.many[0] = value[0];
			given.many[1] = rand() % 2 ? value[1] : NULL;
			int want = 0;
			while (want < len && !tw_cond_eval(cond[want], NULL))
				want++;
			assert_int_equal(tw__condrun_first(run, NULL), want);
		}
	}
	assert_true(n_runs > 100);
}

static void
test_what_is_no_run(void **state)
{
	static const char *const others[] = { "if { t_many -m reg a }",
		"if !{ t_many -m str a }", "if { t_str -m str a }",
		"if { t_many -m str a } or { t_many -m str b }",
		"unless { t_many -m str a }" };
	struct tw_cond *cond[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		cond[i] = condition("if { t_many -m str a }");
	assert_int_equal(
	    tw__condrun_length(tw__condrun_new(tw_gen_arena(&test_gen), cond, 8)), 8);
	assert_null(tw__condrun_new(tw_gen_arena(&test_gen), cond, 3));
	for (size_t i = 0; i < TW_N_ELEMENTS(others); i++) {
		cond[5] = condition(others[i]);
		assert_int_equal(tw__condrun_length(
				     tw__condrun_new(tw_gen_arena(&test_gen), cond, 8)),
		    5);
	}
	cond[1] = NULL; /* always */
	assert_null(tw__condrun_new(tw_gen_arena(&test_gen), cond, 8));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_naive),
		cmocka_unit_test(test_what_is_no_run),
	};

	return cmocka_run_group_tests(tests, expr_setup, expr_teardown);
}
