/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_report.c - what the parser says, and where it puts the caret.
 *
 * Whole texts go in; the messages that come out are compared without the
 * process id.
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

/* "[ALERT]    (123) : config : x" becomes "A x", "[WARNING]..." "W x". */
static void
shorten(char *text)
{
	char *to = text;

	for (char *p = text; *p != '\0';) {
		char *const mark = *p == '[' ? strstr(p, " : config : ") : NULL;

		if (mark != NULL) {
			*to++ = p[1];
			*to++ = ' ';
			p = mark + strlen(" : config : ");
		}
		while (*p != '\0' && *p != '\n')
			*to++ = *p++;
		if (*p == '\n')
			*to++ = *p++;
	}
	*to = '\0';
}

static char *
messages(const char *text)
{
	struct tw_report r = { 0 };
	const int rc = lang_parse(text, strlen(text), &r, NULL);

	assert_int_equal(rc, r.n_errors ? -1 : 0);
	if (r.text == NULL)
		return strdup("");
	shorten(r.text);
	return r.text;
}

static void
check(const char *text, const char *want)
{
	char *const got = messages(text);

	assert_string_equal(got, want);
	free(got);
}

static void
test_unknown_words(void **state)
{
	(void)state;
	check("global\n\tmaxcon 5\n",
	    "A parsing [t:2] : unknown keyword 'maxcon' in 'global' section; did "
	    "you mean 'maxconn' maybe ?\n  maxcon 5\n  ^\n");
	check("frontend f\n  timeout clientt 5\n",
	    "A parsing [t:2] : unknown keyword 'timeout clientt' in 'frontend' "
	    "section; did you mean 'timeout client' maybe ?\n"
	    "  timeout clientt 5\n          ^\n");
	check("foo\n",
	    "A parsing [t:1] : unknown keyword 'foo' out of section.\n"
	    "  foo\n  ^\n");
	check("backend b\n server a :1 wieght 5\n",
	    "A parsing [t:2] : unknown keyword 'wieght' on 'server' lines; did "
	    "you mean 'weight' maybe ?\n  server a :1 wieght 5\n"
	    "              ^\n");
	check("frontend f\n timeout\n",
	    "A parsing [t:2] : 'timeout' expects one of 'client'\n"
	    "  timeout\n  ^\n");
}

static void
test_other_section(void **state)
{
	(void)state;
	check("frontend f\n server a :1\n",
	    "A parsing [t:2] : 'server' is not allowed in 'frontend' section; it "
	    "belongs in 'listen' and 'backend'\n  server a :1\n  ^\n");
}

static void
test_not_yet(void **state)
{
	(void)state;
	check("global\n stats socket /x\n",
	    "A parsing [t:2] : 'stats socket' is known to HAProxy 3.4 but not "
	    "supported by tideway yet\n  stats socket /x\n  ^\n");
	check("peers p\n peer a b\n nonsense\nglobal\n maxconn x\n",
	    "A parsing [t:1] : section 'peers' is known to HAProxy 3.4 but not "
	    "supported by tideway yet; its lines are passed over\n"
	    "  peers p\n  ^\n"
	    "A parsing [t:5] : 'maxconn': unexpected character 'x' in number "
	    "'x'\n  maxconn x\n          ^\n");
}

static void
test_dead_forms(void **state)
{
	(void)state;
	check("global\n nbproc 4\n",
	    "A parsing [t:2] : 'nbproc' is no longer part of HAProxy's language; "
	    "write instead:\n    nbthread 4\n");
	check("listen x :80\n maxcon 5\n",
	    "A parsing [t:1] : 'listen x :80' is no longer part of HAProxy's "
	    "language; write instead:\n    listen x\n    \tbind :80\n"
	    "A parsing [t:2] : unknown keyword 'maxcon' in 'listen' section; did "
	    "you mean 'maxconn' maybe ?\n  maxcon 5\n  ^\n");
}

static void
test_arity(void **state)
{
	(void)state;
	check("global\n maxconn\n maxconn 5 6\n no maxconn 5\n maxconn 2000\n",
	    "A parsing [t:2] : 'maxconn' expects <number>\n  maxconn\n  ^\n"
	    "A parsing [t:3] : 'maxconn' cannot handle unexpected argument '6'."
	    "\n  maxconn 5 6\n            ^\n"
	    "A parsing [t:4] : 'maxconn' cannot be preceded by 'no'\n"
	    "  no maxconn 5\n     ^\n"
	    "A parsing [t:5] : 'maxconn': number '2000' is out of range: from 0 "
	    "to 1000\n  maxconn 2000\n          ^\n");
}

static void
test_lexical(void **state)
{
	(void)state;
	check("global\n  any 'abc\n",
	    "A parsing [t:2] : unmatched quote at position 7:\n"
	    "  any 'abc\n      ^\n");
	check("global\n maxconn 5",
	    "A parsing [t:2] : Missing LF on last line, file might have been "
	    "truncated at position 11.\n  maxconn 5\n           ^\n");
}

static void
test_long_line_is_cut_around_the_word(void **state)
{
	char line[400] = "global\n any ";
	char *got;

	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(line, "aaaa ");
	strcat(line, "'x\n");
	got = messages(line);
	char *const source = strchr(got, '\n') + 1;
	char *const caret = strchr(source, '\n') + 1;
	assert_true(caret - source <= 84);
	assert_int_equal(source[strcspn(caret, "^")], '\'');
	free(got);
}

static void
test_directives(void **state)
{
	(void)state;
	check(".endif\n",
	    "A parsing [t:1] : lone '.endif' with no matching "
	    "'.if'.\n  .endif\n  ^\n");
	check(".if 1\n", "A parsing [t:1] : non-terminated '.if' block.\n");
	check(".if 0\n.else\n.else\n.endif\n",
	    "A parsing [t:3] : '.else' after '.else' is not permitted.\n"
	    "  .else\n  ^\n");
	check(".if foo(1)\nnonsense\n.else\nnonsense\n.endif\n",
	    "A parsing [t:1] : unparsable conditional expression 'foo(1)' in "
	    "'.if'\n  .if foo(1)\n      ^\n");
	check(".alert \"a b\"\n.alert a b\n",
	    "A parsing [t:1] : 'a b'.\n"
	    "A parsing [t:2] : Unexpected argument 'b' for '.alert'. Use quotes "
	    "if the message should contain spaces.\n  .alert a b\n"
	    "           ^\n");
	check(".warning w\n", "W parsing [t:1] : 'w'.\n  .warning w\n  ^\n");
	check(".if 0\n.if foo(\n.elif bar(\n.endif\n.alert x\n.nonsense\n"
	      "any 'x y'\n.endif\n",
	    "");
}

static void
test_blocks_choose_lines(void **state)
{
	const char *text = "global\n"
			   ".if 0\n maxconn 1\n.elif 1\n maxconn 2\n"
			   ".if 0\n maxconn 3\n.endif\n.elif 1\n maxconn 4\n"
			   ".else\n maxconn 5\n.endif\n";
	struct tw_report r = { 0 };
	struct tw__global global;

	(void)state;
	assert_int_equal(lang_parse(text, strlen(text), &r, &global), 0);
	assert_int_equal(global.maxconn, 2);
}

static void
test_values_arrive(void **state)
{
	const char *text = "global\n daemon\n no daemon\n maxconn 7\n"
			   "frontend f\n timeout client 3s # c\n maxconn 9\n color 5\n"
			   " bytes 2k\n option flag\n";
	struct tw_report r = { 0 };
	struct tw__global global;

	(void)state;
	assert_int_equal(lang_parse(text, strlen(text), &r, &global), 0);
	assert_int_equal(global.maxconn, 7);
	assert_false(global.daemon);
	assert_int_equal(lang_last.client_ms, 3000);
	assert_int_equal(lang_last.maxconn, 9);
	assert_int_equal(lang_last.bytes, 2048);
	assert_true(lang_last.flag);
	assert_int_equal(lang_last_block.color, 5);
	assert_int_equal(lang_last.n_closed, 1);
}

static void
test_no_and_default(void **state)
{
	const char *text = "listen l\n option flag\n default option flag\n";
	struct tw_report r = { 0 };

	(void)state;
	assert_int_equal(lang_parse(text, strlen(text), &r, NULL), 0);
	assert_false(lang_last.flag);
}

static void
test_options(void **state)
{
	const char *text = "backend b\n server a :1 check weight 5 some two y "
			   "some x check no-check\n server b :2\n";
	struct tw_report r = { 0 };

	(void)state;
	assert_int_equal(lang_parse(text, strlen(text), &r, NULL), 0);
	assert_int_equal(lang_last.n_servers, 2);
	assert_int_equal(lang_last.n_options, 105);
}

static void
test_environment(void **state)
{
	const char *text =
	    "global\n setenv TW_N 11\n presetenv TW_N 12\n"
	    " maxconn \"$TW_N\"\n unsetenv TW_N\n maxconn \"${TW_N-13}\"\n"
	    " daemon \"$TW_N\"\n";
	struct tw_report r = { 0 };
	struct tw__global global;

	(void)state;
	tw__env_begin();
	assert_int_equal(lang_parse(text, strlen(text), &r, &global), 0);
	assert_int_equal(global.maxconn, 13);
	assert_true(global.daemon);
	text = "global\n setenv TW_N 11\n resetenv TW_N\n maxconn \"$TW_N\"\n";
	assert_int_equal(lang_parse(text, strlen(text), &r, &global), 0);
	assert_int_equal(global.maxconn, 11);
	assert_null(getenv("PATH"));
	tw__env_begin();
	assert_null(getenv("TW_N"));
	assert_non_null(getenv("PATH"));
}

/* Dumped, read and dumped again: the same. */
static char *
dump(const char *text)
{
	struct tw_report r = { 0 };
	char *out = NULL;
	size_t len;

	tw__conf_dump_to = open_memstream(&out, &len);
	assert_int_equal(lang_parse(text, strlen(text), &r, NULL), 0);
	fclose(tw__conf_dump_to);
	tw__conf_dump_to = NULL;
	return out;
}

static void
test_dump(void **state)
{
	char *const once =
	    dump("global#x\n any \"a b\" 'it\"s' \"it's \\$x\" "
		 "\\# a\\\\b \"\\x01\" ''\n.if 0\n any\n.endif\n any caf\xc3\xa9\n");
	char *const twice = dump(once);

	(void)state;
	assert_string_equal(once + strspn(once, "\n"),
	    "global\n\tany 'a b' 'it\"s' \"it's \\$x\" '#' 'a\\b' \"\\x01\" ''\n"
	    "\tany caf\xc3\xa9\n");
	assert_string_equal(once + strspn(once, "\n"), twice + strspn(twice, "\n"));
	free(once);
	free(twice);
}

/* Words that stand elsewhere than in a file. */
static void
test_answers(void **state)
{
	struct tw_report r = { 0 };
	struct tw_err err;

	(void)state;
	tw__report_all(&r, &err);
	assert_string_equal(err.text, "");
	tw__report_first(&r, &err);
	assert_string_equal(err.text, "the line cannot be read");
	tw__report_add(&r, false, "cli", 0, NULL, -1, "one");
	tw__report_add(&r, false, NULL, 0, "raw", 1, "two");
	tw__report_all(&r, &err);
	assert_string_equal(err.text, "one\ntwo");
	tw__report_add(&r, true, "cli", 0, NULL, -1, "three");
	tw__report_add(&r, true, "cli", 0, NULL, -1, "four");
	tw__report_first(&r, &err);
	assert_string_equal(err.text, "three");
	free(r.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_words),
		cmocka_unit_test(test_other_section),
		cmocka_unit_test(test_not_yet),
		cmocka_unit_test(test_dead_forms),
		cmocka_unit_test(test_arity),
		cmocka_unit_test(test_lexical),
		cmocka_unit_test(test_long_line_is_cut_around_the_word),
		cmocka_unit_test(test_directives),
		cmocka_unit_test(test_blocks_choose_lines),
		cmocka_unit_test(test_values_arrive),
		cmocka_unit_test(test_no_and_default),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, lang_setup, lang_teardown);
}
