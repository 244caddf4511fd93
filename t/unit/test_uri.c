/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_uri.c - URIs in the absolute form (core/flow/uri.c).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* after the above, as cmocka wants it */
#include <cmocka.h>

#include <tideway/msg.h>

/* At the end of its memory, so that a sanitizer sees who reads on. */
static struct tw_str
tight(const char *text)
{
	const size_t len = strlen(text);
	char *const mem = malloc(len);

	assert_true(mem != NULL || len == 0);
	if (len > 0)
		memcpy(mem, text, len);
	return (struct tw_str){ mem, len };
}

static void
absolute(void **state)
{
	static const struct {
		const char *text, *scheme, *authority, *pathq;
	} all[] = {
		{ "http://h/a?b", "http", "h", "/a?b" },
		{ "https://h:8443", "https", "h:8443", "" },
		{ "http://h?b/c", "http", "h", "?b/c" },
		{ "http://u:p@h:1/@", "http", "u:p@h:1", "/@" },
		{ "http://[::1]:80/", "http", "[::1]:80", "/" },
		{ "http://h/?u=x://y/", "http", "h", "/?u=x://y/" },
		{ "http://h#f/a", "http", "h#f", "/a" },
		{ "http:///a", "http", "", "/a" },
		{ "http://?a", "http", "", "?a" },
		{ "http://", "http", "", "" },
		{ "://h/a", "", "h", "/a" },
		{ "a/b?c://h/d", "a/b?c", "h", "/d" },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(all); i++) {
		const struct tw_str text = tight(all[i].text);
		struct tw_uri uri = { .scheme = TW_STR("unset") };
		assert_true(tw_uri_split(text, &uri));
		assert_true(tw_str_eq(uri.scheme, tw_str_of(all[i].scheme)));
		assert_true(tw_str_eq(uri.authority, tw_str_of(all[i].authority)));
		assert_true(tw_str_eq(uri.pathq, tw_str_of(all[i].pathq)));
		assert_ptr_equal(uri.scheme.p, text.p);
		assert_ptr_equal(uri.authority.p, text.p + uri.scheme.len + 3);
		assert_ptr_equal(uri.pathq.p, uri.authority.p + uri.authority.len);
		free((char *)text.p);
	}
}

static void
other_forms(void **state)
{
	static const char *const all[] = { "", "/", "/a://b", "//h/a", "*", "h",
		"h:443", "h:", "h:/", "h:/x", ":", "http:/h/", "a:b://c/d",
		"[::1]://h" };

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(all); i++) {
		const struct tw_str text = tight(all[i]);
		struct tw_uri uri = { .scheme = TW_STR("unset") };
		assert_false(tw_uri_split(text, &uri));
		assert_true(tw_str_eq(uri.scheme, TW_STR("unset")));
		free((char *)text.p);
	}
	assert_false(tw_uri_split((struct tw_str){ NULL, 0 }, &(struct tw_uri){ 0 }));
}

static void
hosts(void **state)
{
	static const struct {
		const char *authority, *host;
	} all[] = {
		{ "h:1", "h:1" },
		{ "u@h:1", "h:1" },
		{ "u:p@h", "h" },
		{ "u@v@h", "h" },
		{ "@h", "h" },
		{ "u@", "" },
		{ "@", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(all); i++) {
		const struct tw_str text = tight(all[i].authority);
		const struct tw_str host = tw_authority_host(text);
		assert_true(tw_str_eq(host, tw_str_of(all[i].host)));
		assert_ptr_equal(host.p + host.len, text.p + text.len);
		free((char *)text.p);
	}
	assert_null(tw_authority_host((struct tw_str){ NULL, 0 }).p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absolute),
		cmocka_unit_test(other_forms),
		cmocka_unit_test(hosts),
	};

	return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
