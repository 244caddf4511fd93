/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_stats_text.c - the statistics module's pure parts: which requests are
 * its own, logins, forms, and how texts are escaped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../modules/stats/html.h"

static bool
matches(const char *target, const char *uri)
{
	struct st_options o;

	return st_uri_matches(tw_str_of(target), tw_str_of(uri), &o);
}

static void
test_uri(void **state)
{
	(void)state;
	assert_true(matches("/haproxy?stats", ST_URI));
	assert_true(matches("/haproxy?stats;csv", ST_URI));
	assert_true(matches("http://a.example/haproxy?stats", ST_URI));
	assert_true(matches("/monitor/x", "/monitor")); /* a prefix, as HAProxy's */
	assert_true(matches("http://a", "/"));
	assert_false(matches("/haproxy", ST_URI));
	assert_false(matches("/x?u=http://a/monitor", "/monitor"));
	assert_false(matches("", "/"));
	assert_false(matches("*", "/"));
}

static void
test_options(void **state)
{
	struct st_options o;

	(void)state;
	assert_true(st_uri_matches(TW_STR("/s;csv;norefresh"), TW_STR("/s"), &o));
	assert_int_equal(o.format, ST_CSV);
	assert_true(o.no_refresh);
	assert_false(o.up || o.no_maint);
	assert_string_equal(o.status, "");
	assert_true(st_uri_matches(TW_STR("/s;st=DONE;up;no-maint"), TW_STR("/s"), &o));
	assert_int_equal(o.format, ST_HTML);
	assert_true(o.up && o.no_maint);
	assert_string_equal(o.status, "DONE");
	assert_true(st_uri_matches(TW_STR("/s;json;st=<b>"), TW_STR("/s"), &o));
	assert_int_equal(o.format, ST_JSON);
	assert_string_equal(o.status, "UNKN");
	assert_true(st_uri_matches(TW_STR("/s;st=D"), TW_STR("/s"), &o));
	assert_string_equal(o.status, "UNKN");
}

static void
form_pair(struct tw_str *form, const char *name, const char *value)
{
	struct tw_str n, v;

	assert_true(st_form_next(form, &n, &v));
	assert_true(tw_str_eq(n, tw_str_of(name)));
	assert_true(tw_str_eq(v, tw_str_of(value)));
}

static void
test_form(void **state)
{
	char text[] = "s=a+b&s=%41%zz%4&&action=&b=%234&x";
	struct tw_str form = { text, sizeof(text) - 1 }, n, v;

	(void)state;
	form_pair(&form, "s", "a b");
	form_pair(&form, "s", "A%zz%4");
	form_pair(&form, "", "");
	form_pair(&form, "action", "");
	form_pair(&form, "b", "#4");
	form_pair(&form, "x", "");
	assert_false(st_form_next(&form, &n, &v));
}

static void
test_auth(void **state)
{
	const struct st_user b = { NULL, TW_STR("guest:x:y") };
	const struct st_user a = { &b, TW_STR("admin:secret") };
	char name[64];

	(void)state;
	assert_true(st_auth_passes(NULL, TW_STR("")));
	assert_true(st_auth_passes(&a, TW_STR("Basic YWRtaW46c2VjcmV0")));
	assert_true(st_auth_passes(&a, TW_STR("basic   YWRtaW46c2VjcmV0 ")));
	assert_true(st_auth_passes(&a, TW_STR("Basic Z3Vlc3Q6eDp5")));
	assert_false(st_auth_passes(&a, TW_STR("Basic YWRtaW46c2VjcmV")));
	assert_false(st_auth_passes(&a, TW_STR("Basic YWRtaW46c2VjcmV0eA==")));
	assert_false(st_auth_passes(&a, TW_STR("Basic ")));
	assert_false(st_auth_passes(&a, TW_STR("Basic")));
	assert_false(st_auth_passes(&a, TW_STR("Bearer YWRtaW46c2VjcmV0")));
	assert_false(st_auth_passes(&a, TW_STR("")));
	st_auth_user(TW_STR("Basic YWRtaW46c2VjcmV0"), name);
	assert_string_equal(name, "admin");
	st_auth_user(TW_STR("nothing"), name);
	assert_string_equal(name, "");
}

static void
written(
    void (*write)(struct tw_out *, const char *), const char *text, const char *want)
{
	char mem[256];
	struct tw_out o = tw_out_of(mem, sizeof(mem) - 1);

	write(&o, text);
	*o.p = '\0';
	assert_string_equal(mem, want);
}

static void
test_escapes(void **state)
{
	(void)state;
	written(st_csv_text, "plain text", "plain text");
	written(st_csv_text, "a,b", "\"a,b\"");
	written(st_csv_text, "say \"x\"", "\"say \"\"x\"\"\"");
	written(st_csv_text, "a\nb", "\"a\nb\"");
	written(st_json_text, "a\"b\\\n", "\"a\\\"b\\\\\\u000a\"");
	written(
	    st_html_text, "<a href='x'>\"&", "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
}

static void
number(struct tw_out *o, const char *text)
{
	uint64_t v;

	assert_true(tw_str_to_u64(tw_str_of(text), &v));
	st_html_num(o, v);
}

static void
seconds(struct tw_out *o, const char *text)
{
	uint64_t v;

	assert_true(tw_str_to_u64(tw_str_of(text), &v));
	st_html_time(o, (int64_t)v);
}

static void
test_numbers(void **state)
{
	(void)state;
	written(number, "0", "0");
	written(number, "5000", "5000");
	written(number, "50000", "50\u202f000");
	written(number, "18446744073709551615",
	    "18\u202f446\u202f744\u202f073\u202f709\u202f551\u202f615");
	written(seconds, "59", "59s");
	written(seconds, "65", "1m5s");
	written(seconds, "7380", "2h3m");
	written(seconds, "180000", "2d2h");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests_name("stats_text", tests, NULL, NULL);
}
