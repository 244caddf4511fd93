/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_registry.c - keywords and sections: found, refused, suggested, printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conf_lang.h"

static void
test_find(void **state)
{
	const struct tw_self *owner = NULL;
	int n = 0;

	(void)state;
	const struct tw_kw *kw =
	    tw__kw_find(TW_SC_FRONTEND, "timeout", "client", &n, &owner);
	assert_non_null(kw);
	assert_int_equal(n, 2);
	assert_null(owner);
	assert_null(tw__kw_find(TW_SC_BACKEND, "timeout", "client", &n, NULL));
	assert_null(tw__kw_find(TW_SC_FRONTEND, "timeout", NULL, &n, NULL));
	assert_null(tw__kw_find(TW_SC_FRONTEND, "timeout client", NULL, &n, NULL));
	kw = tw__kw_find(TW_SC_FRONTEND, "color", "5", &n, &owner);
	assert_non_null(kw);
	assert_int_equal(n, 1);
	assert_ptr_equal(owner, &lang_self);
}

static void
test_same_word_by_scope(void **state)
{
	int n;

	(void)state;
	const struct tw_kw *g = tw__kw_find(TW_SC_GLOBAL, "maxconn", NULL, &n, NULL);
	const struct tw_kw *f = tw__kw_find(TW_SC_FRONTEND, "maxconn", NULL, &n, NULL);
	assert_non_null(g);
	assert_non_null(f);
	assert_ptr_not_equal(g, f);
}

static void
test_duplicate_is_refused(void **state)
{
	static const struct tw_kw table[] = {
		{ "fresh", TW_SC_PROXY, 0, 0, lang_set_any, .help = "" },
		{ "color", TW_SC_BACKEND, 0, 0, lang_set_any, .help = "" },
		{ .word = NULL },
	};
	static const struct tw_module other = { TW_MODULE_HEAD, .name = "brush" };
	static const struct tw_self self = { .module = &other };
	struct tw_err err;
	int n;

	(void)state;
	assert_int_equal(tw__kw_add(table, &self, &err), -1);
	assert_string_equal(err.text,
	    "keyword 'color' is claimed by paint and "
	    "by brush; load only one");
	assert_null(tw__kw_find(TW_SC_PROXY, "fresh", NULL, &n, NULL));
	assert_non_null(tw__kw_find(TW_SC_BACKEND, "color", NULL, &n, NULL));
}

static void
test_duplicate_section_is_refused(void **state)
{
	static const struct tw_section s = { .word = "listen" };
	struct tw_err err;

	(void)state;
	assert_int_equal(tw__module_section_add(&s, &lang_self, &err), -1);
	assert_string_equal(err.text,
	    "section 'listen' is claimed by the core "
	    "and by paint; load only one");
}

static void
test_distance(void **state)
{
	(void)state;
	assert_int_equal(tw__distance("", ""), 0);
	assert_int_equal(tw__distance("", "abc"), 3);
	assert_int_equal(tw__distance("maxcon", "maxconn"), 1);
	assert_int_equal(tw__distance("wieght", "weight"), 1);
	assert_int_equal(tw__distance("kitten", "sitting"), 3);
	assert_int_equal(tw__distance("ab", "ba"), 1);
	assert_true(tw__distance("a",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") >= 64);
}

static void
test_nearest(void **state)
{
	const struct tw__place fe = { .scope = TW_SC_FRONTEND };
	const struct tw__place srv = { .scope = TW_SC_SERVER };

	(void)state;
	assert_string_equal(tw__kw_nearest(fe, "maxcon", "5"), "maxconn");
	assert_string_equal(tw__kw_nearest(fe, "timeout", "clientt"), "timeout client");
	assert_string_equal(tw__kw_nearest(fe, "timout", "client"), "timeout client");
	assert_string_equal(tw__kw_nearest(srv, "wieght", NULL), "weight");
	assert_null(tw__kw_nearest(fe, "wieght", NULL));
	assert_null(tw__kw_nearest(fe, "zzz", NULL));
	assert_string_equal(tw__section_nearest("fronted"), "frontend");
}

static void
test_many_words_are_found(void **state)
{
	static char word[3000][16];
	static struct tw_kw table[3001];
	struct tw_err err;
	int n;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(word[i], sizeof(word[i]), "w%d x", i);
		table[i] = (struct tw_kw){ word[i], TW_SC_SERVER, 0, 0, lang_set_any,
			.help = "" };
	}
	assert_int_equal(tw__kw_add(table, NULL, &err), 0);
	for (int i = 0; i < 3000; i++) {
		char first[16];

		snprintf(first, sizeof(first), "w%d", i);
		assert_ptr_equal(
		    tw__kw_find(TW_SC_SERVER, first, "x", &n, NULL), &table[i]);
	}
}

static char *
manual(const char *match)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	tw__conf_manual(f, match);
	fclose(f);
	return text;
}

static void
test_manual(void **state)
{
	char *text = manual("color");

	(void)state;
	assert_string_equal(text,
	    "Sections defaults, frontend, listen and backend\n"
	    "===============================================\n\n"
	    "color <number>\n    The proxy's color.\n"
	    "    May be used in 'defaults', 'frontend', 'listen' and 'backend'. "
	    "Default: 0.\n    From module paint.\n\n");
	free(text);
	text = manual(NULL);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 80);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_same_word_by_scope),
		cmocka_unit_test(test_duplicate_is_refused),
		cmocka_unit_test(test_duplicate_section_is_refused),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_many_words_are_found),
	};

	return cmocka_run_group_tests(tests, lang_setup, lang_teardown);
}
