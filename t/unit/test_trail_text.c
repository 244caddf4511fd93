/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_trail_text.c - peers' bytes in trails: shown so that no terminal obeys
 * them and no reader of JSON stumbles.
 */
#include "config.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/flow/trail.h"

static char *
written(void (*write)(FILE *to, struct tw_str s), struct tw_str s)
{
	static char *text;
	size_t len;

	free(text);
	FILE *const to = open_memstream(&text, &len);
	assert_non_null(to);
	write(to, s);
	fclose(to);
	return text;
}

static void
show(FILE *to, struct tw_str s)
{
	tw__trail_show(to, s, 0);
}

static void
show_ten(FILE *to, struct tw_str s)
{
	tw__trail_show(to, s, 10);
}

#define SHOWN(lit) written(show, TW_STR(lit))
#define JSON(lit) written(tw__json_str, TW_STR(lit))

static void
plain_text(void **state)
{
	(void)state;
	assert_string_equal(SHOWN(""), "");
	assert_string_equal(SHOWN("GET /a?b=c"), "GET /a?b=c");
	assert_string_equal(written(show_ten, TW_STR("0123456789")), "0123456789");
	assert_string_equal(written(show_ten, TW_STR("0123456789a")), "0123456789...");
}

static void
letters(void **state)
{
	(void)state;
	assert_string_equal(SHOWN("\xc3\xa4"), "\xc3\xa4");
	assert_string_equal(SHOWN("\xe2\x82\xac"), "\xe2\x82\xac");
	assert_string_equal(SHOWN("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

static void
no_letters(void **state)
{
	(void)state;
	assert_string_equal(SHOWN("a\x1b[31m\n\x7f"), "a\\x1b[31m\\x0a\\x7f");
	assert_string_equal(SHOWN("\xc3"), "\\xc3"); /* cut */
	assert_string_equal(SHOWN("\xc3("), "\\xc3(");
	assert_string_equal(SHOWN("\xc0\xaf"), "\\xc0\\xaf"); /* overlong */
	assert_string_equal(SHOWN("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
	assert_string_equal(SHOWN("\xc2\x9b"), "\\xc2\\x9b");          /* CSI */
	assert_string_equal(SHOWN("\xed\xa0\x80"), "\\xed\\xa0\\x80"); /* surrogate */
	assert_string_equal(SHOWN("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80");
	assert_string_equal(SHOWN("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

static void
json(void **state)
{
	(void)state;
	assert_string_equal(JSON(""), "\"\"");
	assert_string_equal(JSON("a\"b\\c/"), "\"a\\\"b\\\\c/\"");
	assert_string_equal(JSON("\r\n\t"), "\"\\u000d\\u000a\\u0009\"");
	assert_string_equal(JSON("\xff\x80\x7f"), "\"\\u00ff\\u0080\\u007f\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text),
		cmocka_unit_test(letters),
		cmocka_unit_test(no_letters),
		cmocka_unit_test(json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
