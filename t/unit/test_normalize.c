/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_normalize.c - the normalizers of http-request normalize-uri, by the
 * examples of HAProxy's manual and by what could break them.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "modules/rules/normalize.h"

typedef bool normalizer(char *s, size_t *len, bool option);

static void
same(normalizer *fn, bool option, const char *in, const char *want)
{
	char mem[256];
	size_t len = strlen(in);

	memcpy(mem, in, len);
	if (want == NULL) {
		assert_false(fn(mem, &len, option));
		return;
	}
	assert_true(fn(mem, &len, option));
	mem[len] = '\0';
	assert_string_equal(mem, want);
}

static void
slashes(void **state)
{
	(void)state;
	same(normalize_slashes, false, "//", "/");
	same(normalize_slashes, false, "/foo//bar", "/foo/bar");
	same(normalize_slashes, false, "/a////b///", "/a/b/");
	same(normalize_slashes, false, "/", "/");
}

static void
dots(void **state)
{
	(void)state;
	same(normalize_dot, false, "/.", "/");
	same(normalize_dot, false, "/./bar/", "/bar/");
	same(normalize_dot, false, "/a/./a", "/a/a");
	same(normalize_dot, false, "/.well-known/", "/.well-known/");
	same(normalize_dot, false, "/a/.", "/a/");
	same(normalize_dot, false, "/././.", "/");
}

static void
dotdots(void **state)
{
	(void)state;
	same(normalize_dotdot, false, "/foo/../", "/");
	same(normalize_dotdot, false, "/foo/../bar/", "/bar/");
	same(normalize_dotdot, false, "/foo/bar/../", "/foo/");
	same(normalize_dotdot, false, "/../bar/", "/../bar/");
	same(normalize_dotdot, false, "/bar/../../", "/../");
	same(normalize_dotdot, false, "/foo//../", "/foo/");
	same(normalize_dotdot, false, "/foo/%2E%2E/", "/foo/%2E%2E/");
	same(normalize_dotdot, false, "/foo/..", "/");
	same(normalize_dotdot, true, "/../bar/", "/bar/");
	same(normalize_dotdot, true, "/bar/../../", "/");
	same(normalize_dotdot, true, "/..", "/");
	same(normalize_dotdot, false, "/...", "/...");
	same(normalize_dotdot, false, "", "");
}

static void
percent(void **state)
{
	(void)state;
	same(normalize_upper, false, "/%6f", "/%6F");
	same(normalize_upper, false, "/%zz", "/%zz");
	same(normalize_upper, false, "/%", "/%");
	same(normalize_upper, true, "/%zz", NULL);
	same(normalize_upper, true, "/%a", NULL);
	same(normalize_decode, false, "/%66%6f%6F", "/foo");
	same(normalize_decode, false, "/a%2fb", "/a%2fb");
	same(normalize_decode, false, "/a%7", "/a%7");
	same(normalize_decode, true, "/a%7", NULL);
	same(normalize_decode, false, "/%2566", "/%2566");
}

static void
queries(void **state)
{
	(void)state;
	same(normalize_sort, false, "c=3&a=1&b=2", "a=1&b=2&c=3");
	same(normalize_sort, false, "aaa=3&a=1&aa=2", "a=1&aa=2&aaa=3");
	same(normalize_sort, false, "a=3&b=4&a=1&b=5&a=2", "a=3&a=1&a=2&b=4&b=5");
	same(normalize_sort, false, "", "");
	same(normalize_sort, false, "&&b", "&&b");
}

static void
fragments(void **state)
{
	(void)state;
	same(normalize_strip_fragment, false, "/#foo", "/");
	same(normalize_strip_fragment, false, "/foo", "/foo");
	same(normalize_encode_fragment, false, "/#foo", "/%23foo");
	same(normalize_encode_fragment, false, "##", "%23%23");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slashes),
		cmocka_unit_test(dots),
		cmocka_unit_test(dotdots),
		cmocka_unit_test(percent),
		cmocka_unit_test(queries),
		cmocka_unit_test(fragments),
	};

	return cmocka_run_group_tests_name("normalize", tests, NULL, NULL);
}
