/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_logtext.c - text in log lines: escaping, quoting, cutting.
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

static const char *
text(struct tw_str s, unsigned flags, size_t room)
{
	static char mem[1024];
	struct tw_out o = tw_out_of(mem, room);

	tw_log_text(&o, s, flags);
	*o.p = '\0';
	return mem;
}

static const char *
word(const char *z, unsigned flags)
{
	static char mem[1024];
	struct tw_out o = tw_out_of(mem, sizeof(mem) - 1);

	tw__log_word(&o, tw_str_of(z), flags);
	*o.p = '\0';
	return mem;
}

static void
test_escapes(void **state)
{
	(void)state;
	assert_string_equal(text(TW_STR("GET / HTTP/1.1"), 0, 99), "GET / HTTP/1.1");
	assert_string_equal(text(TW_STR("a\"b#c\x01\x7f\x80\xff\n"), 0, 99),
	    "a#22b#23c#01#7F#80#FF#0A");
	assert_string_equal(text(TW_STR("{|}\\] ~!$"), 0, 99), "{|}\\] ~!$");
	assert_string_equal(text(TW_STR("a\\b]c"), TW_LOG_ESCAPE, 99), "a\\\\b\\]c");
	assert_string_equal(text(TW_STR("x"), TW_LOG_QUOTE, 99), "\"x\"");
	assert_string_equal(text(TW_STR(""), TW_LOG_QUOTE, 99), "\"\"");
	assert_string_equal(text(TW_STR(""), TW_LOG_MANDATORY, 99), "");
}

/* Every byte at every place of a string of every length up to three words. */
static void
test_every_byte(void **state)
{
	char in[25], want[64];

	(void)state;
	for (size_t len = 1; len <= 24; len++) {
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				memset(in, 'x', len);
				in[at] = (char)c;
				const bool plain =
				    c >= 32 && c < 127 && c != '"' && c != '#';
				snprintf(want, sizeof(want), "%.*s%s%.*s", (int)at,
				    "xxxxxxxxxxxxxxxxxxxxxxxx", "%",
				    (int)(len - at - 1), "xxxxxxxxxxxxxxxxxxxxxxxx");
				char whole[80];
				if (plain)
					snprintf(whole, sizeof(whole), "%.*s%c%s",
					    (int)at, want, c, want + at + 1);
				else
					snprintf(whole, sizeof(whole), "%.*s#%02X%s",
					    (int)at, want, (unsigned)c, want + at + 1);
				const char *const got =
				    text((struct tw_str){ in, len }, 0, 99);
				if (strcmp(got, whole) != 0)
					fail_msg("%s, not %s", got, whole);
			}
		}
	}
}

static void
test_cut(void **state)
{
	(void)state;
	assert_string_equal(text(TW_STR("abcdefghijkl"), 0, 5), "abcde");
	assert_string_equal(text(TW_STR("abc\ndef"), 0, 5), "abc");
	assert_string_equal(text(TW_STR("abcdef"), TW_LOG_QUOTE, 4), "\"abc");
	assert_string_equal(text(TW_STR("abcdef"), 0, 0), "");
}

static void
test_words(void **state)
{
	(void)state;
	assert_string_equal(word("web", TW_LOG_MANDATORY), "web");
	assert_string_equal(word("", TW_LOG_MANDATORY), "-");
	assert_string_equal(word("", 0), "");
	assert_string_equal(word("", TW_LOG_MANDATORY | TW_LOG_QUOTE), "\"\"");
	assert_string_equal(word("a\"b\xe9", TW_LOG_MANDATORY), "a\"b\xe9");
	assert_string_equal(
	    word("a\"b]", TW_LOG_ESCAPE | TW_LOG_QUOTE), "\"a\\\"b\\]\"");
	assert_string_equal(word("a\nb\tc", 0), "a#0Ab\tc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
