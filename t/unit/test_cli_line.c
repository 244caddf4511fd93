/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_cli_line.c - lines of the control socket: commands, words, matches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/run/cli.h"

static void
test_commands(void **state)
{
	char line[] = "a;b\\;c; d";
	char *rest;

	(void)state;
	rest = tw__cli_split_command(line);
	assert_string_equal(line, "a");
	assert_string_equal(rest, "b\\;c; d");
	char *const last = tw__cli_split_command(rest);
	assert_string_equal(rest, "b\\;c");
	assert_string_equal(last, " d");
	assert_null(tw__cli_split_command(last));
	char end[] = "x\\";
	assert_null(tw__cli_split_command(end));
	char empty[] = ";";
	rest = tw__cli_split_command(empty);
	assert_string_equal(empty, "");
	assert_string_equal(rest, "");
}

static void
test_words(void **state)
{
	char *word[TW__CLI_WORDS_MAX + 1];
	char line[] = "  show\t a\\ b \\;c\\\\ ";

	(void)state;
	assert_int_equal(tw__cli_split_words(line, word), 3);
	assert_string_equal(word[0], "show");
	assert_string_equal(word[1], "a b");
	assert_string_equal(word[2], ";c\\");
	assert_null(word[3]);
	char blank[] = " \t ";
	assert_int_equal(tw__cli_split_words(blank, word), 0);
	assert_null(word[0]);
	char many[3 * TW__CLI_WORDS_MAX + 8] = "";
	for (int i = 0; i < TW__CLI_WORDS_MAX; i++)
		strcat(many, "x ");
	char more[sizeof(many)];
	strcpy(more, many);
	assert_int_equal(tw__cli_split_words(many, word), TW__CLI_WORDS_MAX);
	strcat(more, "y");
	assert_int_equal(tw__cli_split_words(more, word), -1);
}

static void
test_match(void **state)
{
	char show[] = "show", cli[] = "cli", level[] = "level";
	char *const word[] = { show, cli, level, NULL };

	(void)state;
	assert_int_equal(tw__cli_match("show cli", word, 3), 2);
	assert_int_equal(tw__cli_match("show cli level", word, 3), 3);
	assert_int_equal(tw__cli_match("show cli level x", word, 3), 0);
	assert_int_equal(tw__cli_match("sho", word, 3), 0);
	assert_int_equal(tw__cli_match("shows", word, 3), 0);
	assert_int_equal(tw__cli_match("show", word, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
