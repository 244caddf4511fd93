/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_lexer.c - quotes, escapes, comments, environment, columns, limits.
 *
 * What is expected was read from HAProxy's manual (2.2, 2.3) and seen to be
 * what Debian's haproxy does. Words are shown joined by '|'.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/conf/lexer.h"

static struct tw__lexer lx = { .file = "f.cfg", .section = "sec", .line = 12 };

static const char *
joined(const char *line, unsigned flags)
{
	static char text[1024];
	size_t len = 0;

	if (tw__lex(&lx, line, strlen(line), flags) != 0)
		return lx.error;
	text[0] = '\0';
	for (int i = 0; i < lx.n_words; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "%s%s", i ? "|" : "", lx.word[i]);
	assert_null(lx.word[lx.n_words]);
	return text;
}

struct example {
	const char *line, *words;
};

static void
check(const struct example *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_string_equal(joined(e[i].line, 0), e[i].words);
}

#define CHECK(list) check(list, sizeof(list) / sizeof((list)[0]))

static void
test_words(void **state)
{
	static const struct example list[] = {
		{ "", "" },
		{ " \t ", "" },
		{ "a b\tc", "a|b|c" },
		{ "  a\v\f\rb  ", "a|b" },
		{ "a#b c", "a" },
		{ "a #b", "a" },
		{ "#a", "" },
		{ "global#this", "global" },
	};

	(void)state;
	CHECK(list);
}

static void
test_quotes(void **state)
{
	static const struct example list[] = {
		{ "\"a b\" 'c d'", "a b|c d" },
		{ "a\"b c\"d'e f'g", "ab cde fg" },
		{ "'a\\n$LIST\"#'", "a\\n$LIST\"#" },
		{ "\"it's # not\"", "it's # not" },
		{ "\"\" x ''", "|x|" },
		{ "\"a\"#b", "a" },
	};

	(void)state;
	CHECK(list);
}

static void
test_escapes(void **state)
{
	static const struct example list[] = {
		{ "a\\ b", "a b" },
		{ "a\\#b", "a#b" },
		{ "\\\\ \\\" \\'", "\\|\"|'" },
		{ "a\\nb\\rc\\td", "a\nb\rc\td" },
		{ "\\x41\\x7A", "Az" },
		{ "\\q", "\\q" },
		{ "x\\", "x\\" },
		{ "\\$LIST", "\\$LIST" },
		{ "\"\\$LIST\"", "$LIST" },
		{ "\"a\\ b\\#\\'\\\"\\q\\x41\"", "a b#'\"\\qA" },
		{ "a\\x4", "truncated or invalid hexadecimal sequence" },
		{ "\\xZZ", "truncated or invalid hexadecimal sequence" },
		{ "a\\x00", "a word cannot hold a NUL byte (\\x00)" },
	};

	(void)state;
	CHECK(list);
}

static void
test_environment(void **state)
{
	static const struct example list[] = {
		{ "$LIST ${LIST}", "$LIST|${LIST}" },
		{ "\"$LIST\"", "a b  c" },
		{ "x\"${LIST}\"y", "xa b  cy" },
		{ "x\"${LIST[*]}\"y", "xa|b|cy" },
		{ "\"${PADDED[*]}\"y", "x|y" },
		{ "\"$LIST[*]\"", "a b  c[*]" },
		{ "a \"${NONE[*]}\" b", "a|b" },
		{ "a \"$NONE\" b", "a||b" },
		{ "\"${NONE-x y}\"", "x y" },
		{ "\"${NONE[*]-x y}\"", "x|y" },
		{ "\"${NONE-}\"z", "z" },
		{ "\"${EMPTY-x}\"", "" },
		{ "\"${NONE-a\"b}\"", "a\"b" },
		{ "\"${NONE-${LIST}}\"", "${LIST}" },
		{ "\"$.FILE:$.LINE:${.SECTION}\"", "f.cfg:12:sec" },
		{ "\"${LIST\"", "unmatched brace in environment variable name" },
		{ "\"${LI.ST}\"", "unmatched brace in environment variable name" },
		{ "\"$1\"", "forbidden first char in environment variable name" },
		{ "\"${}\"", "forbidden first char in environment variable name" },
		{ "\"$.NAME\"", "'.NAME' is not one of .FILE, .LINE and .SECTION" },
	};

	(void)state;
	setenv("LIST", "a b  c", 1);
	setenv("PADDED", " x ", 1);
	setenv("EMPTY", "", 1);
	unsetenv("NONE");
	CHECK(list);
}

static void
test_emptied(void **state)
{
	(void)state;
	joined("a \"$NONE\" \"\" \"$EMPTY\"", 0);
	assert_int_equal(lx.n_words, 4);
	assert_true(lx.emptied[1]);
	assert_false(lx.emptied[2]);
	assert_true(lx.emptied[3]);
}

static void
test_columns(void **state)
{
	(void)state;
	joined("  ab 'c d'\te", 0);
	assert_int_equal(lx.column[0], 2);
	assert_int_equal(lx.column[1], 5);
	assert_int_equal(lx.column[2], 11);
	assert_int_equal(lx.first_end, 4);
}

static void
test_error_columns(void **state)
{
	(void)state;
	assert_string_equal(joined("  log 'abc", 0), "unmatched quote");
	assert_int_equal(lx.error_column, 6);
	joined("  log abc\\xZZ", 0);
	assert_int_equal(lx.error_column, 9);
	joined("  log \"${ab\"", 0);
	assert_int_equal(lx.error_column, 8);
	joined("  log \"${1b}\"", 0);
	assert_int_equal(lx.error_column, 9);
}

static void
test_nul(void **state)
{
	(void)state;
	assert_int_equal(tw__lex(&lx, "a\0b", 3, 0), -1);
	assert_int_equal(lx.error_column, 1);
}

static void
test_limits(void **state)
{
	char line[200] = "";

	(void)state;
	for (int i = 0; i < 64; i++)
		strcat(line, "w ");
	assert_int_equal(tw__lex(&lx, line, strlen(line), 0), 0);
	assert_int_equal(lx.n_words, 64);
	strcat(line, "#");
	assert_int_equal(tw__lex(&lx, line, strlen(line), 0), 0);
	line[strlen(line) - 1] = 'w';
	assert_int_equal(tw__lex(&lx, line, strlen(line), 0), -1);
	assert_int_equal(lx.error_column, 128);
}

static void
test_long_line(void **state)
{
	const size_t len = 100000;
	char *line = malloc(len + 1);

	(void)state;
	memset(line, 'w', len);
	line[len] = '\0';
	assert_int_equal(tw__lex(&lx, line, len, 0), 0);
	assert_int_equal(strlen(lx.word[0]), len);
	free(line);
}

static void
test_join(void **state)
{
	(void)state;
	assert_string_equal(joined(" a  \"b c\" d # e", TW__LEX_JOIN), "a  b c d");
	assert_string_equal(joined("1#2", TW__LEX_JOIN | TW__LEX_NO_COMMENT), "1#2");
	assert_string_equal(joined("", TW__LEX_JOIN), "");
}

static int
teardown(void **state)
{
	(void)state;
	tw__lexer_fini(&lx);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_emptied),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_error_columns),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
