/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_cookie_edit.c - one cookie among others (modules/cookie).
 *
 * What is expected here was compared with HAProxy 2.6's output.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the above, as cmocka wants it */
#include <cmocka.h>

#include "../../modules/cookie/cookie_edit.h"
#include "../../modules/cookie/xxh64.h"

/* A copy in memory of its exact size: the sanitizer sees what goes beyond. */
static struct tw_str
exact(const char *text)
{
	const size_t len = strlen(text);
	char *p = malloc(len > 0 ? len : 1);

	assert_non_null(p);
	memcpy(p, text, len);
	return (struct tw_str){ p, len };
}

static void
edits_to(bool strip, const char *text, const char *name, const char *want)
{
	struct tw_str in = exact(text);
	char *mem = malloc(in.len + 1);

	assert_non_null(mem);
	struct tw_out out = tw_out_of(mem, in.len);

	if (strip)
		tw__cookie_strip(in, tw_str_of(name), '~', &out);
	else
		tw__cookie_delete(in, tw_str_of(name), &out);
	assert_false(out.over);
	*out.p = '\0';
	assert_string_equal(mem, want);
	free(mem);
	free((void *)(uintptr_t)in.p);
}

static void
deletes(void **state)
{
	static const char *const cases[][2] = {
		{ "SRV=s2", "" },
		{ "SRV=s2;", "" },
		{ "a=b; SRV=s2; c=d", "a=b; c=d" },
		{ "a=b;SRV=s2;c=d", "a=b; c=d" },
		{ "SRV=s2; a=b", "a=b" },
		{ "a=b; SRV=s2", "a=b" },
		{ "a=b ; SRV=s2 ;  c=d", "a=b; c=d" },
		{ "a=b; SRV = s2 ; c=d", "a=b; c=d" },
		{ "a=b; SRV=\"s2\"; c=d", "a=b; c=d" },
		{ "a=\"x;y\"; SRV=s2; c=d", "a=\"x;y\"; c=d" },
		{ "a=b, SRV=s2, c=d", "a=b, c=d" },
		{ "$Version=1; SRV=s2; $Path=/; c=d", "$Version=1; c=d" },
		{ "$Version=1; SRV=s2; $Path=/", "" },
		{ "SRV=s2; SRV=s1; a=b", "a=b" },
		{ "SRV", "SRV" },
		{ "SRV; a=b", "SRV; a=b" },
		{ "SRV=; a=b", "a=b" },
		{ "; ;SRV=s2; ;a=b", ";; ;a=b" },
		{ "srv=s2; XSRV=1; SRVX=2", "srv=s2; XSRV=1; SRVX=2" },
		{ "a;S=1;SRV=;b", "a;S=1; b" },
		{ "a=\"unfinished; SRV=1", "a=\"unfinished; SRV=1" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		edits_to(false, cases[i][0], "SRV", cases[i][1]);
}

static void
strips(void **state)
{
	static const char *const cases[][2] = {
		{ "J=s2~abc", "J=abc" },
		{ "a=b; J=s2~abc; c=d", "a=b; J=abc; c=d" },
		{ "J=abc", "J=abc" },
		{ "J=s2~", "J=" },
		{ "J=s2~a~b", "J=a~b" },
		{ "J=~abc", "J=abc" },
		{ "J = s2~abc ; x=y", "J=abc ; x=y" },
		{ "J=s2~abc; J=s1~def", "J=abc; J=def" },
		{ "K=s2~abc", "K=s2~abc" },
		{ "J; a=~", "J; a=~" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		edits_to(true, cases[i][0], "J", cases[i][1]);
}

static void
pairs(void **state)
{
	struct tw_str rest = TW_STR(" a = \"1;2\" ,b; c=3\\;");
	struct cookie_pair pair = { .delim = 0 };

	(void)state;
	assert_true(tw__cookie_next(&rest, &pair));
	assert_true(tw_str_eq(pair.name, TW_STR("a")));
	assert_true(tw_str_eq(pair.value, TW_STR("\"1;2\"")));
	assert_true(tw__cookie_next(&rest, &pair));
	assert_true(tw_str_eq(pair.name, TW_STR("b")));
	assert_null(pair.value.p);
	assert_int_equal(pair.delim, ',');
	assert_true(tw__cookie_next(&rest, &pair));
	assert_true(tw_str_eq(pair.value, TW_STR("3\\")));
	assert_false(tw__cookie_next(&rest, &pair));
}

static void
set_cookie(void **state)
{
	struct tw_str value, rest;

	(void)state;
	assert_true(tw__set_cookie_split(
	    TW_STR("J = a,b ; Path=/"), TW_STR("J"), &value, &rest));
	assert_true(tw_str_eq(value, TW_STR("a,b")));
	assert_true(tw_str_eq(rest, TW_STR(" ; Path=/")));
	assert_true(tw__set_cookie_split(TW_STR("J="), TW_STR("J"), &value, &rest));
	assert_int_equal(value.len, 0);
	assert_int_equal(rest.len, 0);
	assert_false(tw__set_cookie_split(TW_STR("J"), TW_STR("J"), &value, &rest));
	assert_false(
	    tw__set_cookie_split(TW_STR("a=b, J=c"), TW_STR("J"), &value, &rest));
	assert_false(
	    tw__set_cookie_split(TW_STR("a; J=c"), TW_STR("J"), &value, &rest));
	assert_false(tw__set_cookie_split(TW_STR(""), TW_STR("J"), &value, &rest));
}

static void
dates(void **state)
{
	char mem[5];

	(void)state;
	for (uint32_t date = 1; date < 0x40000000; date = date * 3 + 1) {
		struct tw_out out = tw_out_of(mem, sizeof(mem));

		tw__cookie_date_out(&out, date);
		assert_false(out.over);
		assert_int_equal(tw__cookie_date((struct tw_str){ mem, 5 }), date);
	}
	assert_int_equal(tw__cookie_date(TW_STR("AAAAB|AAAAC")), 1);
	assert_int_equal(tw__cookie_date(TW_STR("AAAA")), 0);
	assert_int_equal(tw__cookie_date(TW_STR("AA!AA")), 0);
}

/* source: the xxHash specification's and its authors' vectors. */
static void
test_xxh64(void **state)
{
	(void)state;
	assert_true(tw__xxh64(TW_STR("")) == 0xef46db3751d8e999ull);
	assert_true(tw__xxh64(TW_STR("abc")) == 0x44bc2cf5ad770999ull);
	/* seen at HAProxy 2.6: key "abc", 127.0.0.1:28100 */
	assert_true(
	    tw__xxh64(TW_STR("abc\x7f\0\0\1\0\0\x6d\xc4")) == 0x5abc7ed5a6cd448dull);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xxh64),
		cmocka_unit_test(deletes),
		cmocka_unit_test(strips),
		cmocka_unit_test(pairs),
		cmocka_unit_test(set_cookie),
		cmocka_unit_test(dates),
	};

	return cmocka_run_group_tests_name("cookie_edit", tests, NULL, NULL);
}
