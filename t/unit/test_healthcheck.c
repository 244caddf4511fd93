/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_healthcheck.c - rise and fall, intervals, and answers to checks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../modules/healthcheck/hc.h"

/* Runs a string of results ('+' passed, '-' failed) from a health. */
static int
after(int health, int rise, int fall, const char *results)
{
	for (; *results != '\0'; results++)
		health = hc_health_next(health, rise, fall, *results == '+');
	return health;
}

static void
test_fall(void **state)
{
	(void)state;
	assert_int_equal(after(4, 2, 3, "-"), 3);
	assert_int_equal(after(4, 2, 3, "--"), 2);
	assert_int_equal(after(4, 2, 3, "---"), 0);
	assert_int_equal(after(4, 2, 3, "--+"), 4); /* one success heals */
	assert_int_equal(after(2, 2, 3, "-"), 0);   /* HAProxy's first check */
	assert_int_equal(after(1, 1, 1, "-"), 0);
	assert_int_equal(after(0, 2, 3, "-----"), 0);
}

static void
test_rise(void **state)
{
	(void)state;
	assert_int_equal(after(0, 2, 3, "+"), 1);
	assert_int_equal(after(0, 2, 3, "++"), 4);
	assert_int_equal(after(0, 2, 3, "+-"), 0); /* one failure begins anew */
	assert_int_equal(after(0, 3, 1, "++"), 2);
	assert_int_equal(after(0, 3, 1, "+++"), 3);
	assert_int_equal(after(0, 1, 1, "+"), 1);
	assert_int_equal(after(4, 2, 3, "+++"), 4);
	assert_int_equal(after(9, 2, 3, "+"), 4); /* fall was lowered */
}

static void
test_settle(void **state)
{
	(void)state;
	assert_int_equal(hc_health_settle(0, 2, 3, true), 4);
	assert_int_equal(hc_health_settle(1, 2, 3, true), 4);
	assert_int_equal(hc_health_settle(3, 2, 3, true), 3);
	assert_int_equal(hc_health_settle(3, 2, 3, false), 0);
	assert_int_equal(hc_health_settle(1, 2, 3, false), 1);
	assert_int_equal(hc_health_settle(40, 2, 3, true), 4);
}

static void
test_interval(void **state)
{
	const struct tw_check_conf c = { .inter_ms = 2000,
		.fastinter_ms = 500,
		.downinter_ms = 9000,
		.rise = 2,
		.fall = 3 };

	(void)state;
	assert_int_equal(hc_interval_ms(&c, 4, false), 2000);
	assert_int_equal(hc_interval_ms(&c, 4, true), 500);
	assert_int_equal(hc_interval_ms(&c, 3, false), 500);
	assert_int_equal(hc_interval_ms(&c, 1, false), 500);
	assert_int_equal(hc_interval_ms(&c, 0, false), 9000);
}

static void
test_head(void **state)
{
	struct hc_head h;
	const struct tw_str whole = TW_STR("HTTP/1.1 503 Not  now\r\nA: b\r\n"
					   "Content-Length: 3\r\n\r\nabcd");

	(void)state;
	for (size_t n = 0; n < whole.len - 4; n++)
		assert_int_equal(
		    hc_head_parse((struct tw_str){ whole.p, n }, &h), TW_IO_AGAIN);
	assert_int_equal(hc_head_parse(whole, &h), TW_IO_OK);
	assert_int_equal(h.status, 503);
	assert_true(tw_str_eq(h.reason, TW_STR("Not  now")));
	assert_true(tw_str_eq(h.body, TW_STR("abcd")));
	assert_true(h.has_length);
	assert_int_equal(h.length, 3);
	assert_int_equal(hc_head_parse(TW_STR("HTTP/1.0 204\r\n\r\n"), &h), TW_IO_OK);
	assert_int_equal(h.status, 204);
	assert_int_equal(h.reason.len, 0);
}

static void
test_head_bad(void **state)
{
	static const char *const bad[] = { "S", "SSH-2.0-x\r\n", "HTTX", "\r\n",
		"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1\r\n\r\n", "HTTP/11 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n" };
	struct hc_head h;

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++)
		if (hc_head_parse(tw_str_of(bad[i]), &h) != TW_IO_ERR)
			fail_msg("taken: %s", bad[i]);
}

static bool
body_is(const char *answer, bool eof, const char *want, bool whole)
{
	char mem[HC_ANSWER_MAX];
	struct hc_head h;
	struct tw_str body;

	assert_int_equal(hc_head_parse(tw_str_of(answer), &h), TW_IO_OK);
	return hc_body_of(&h, eof, mem, &body) == whole &&
	    tw_str_eq(body, tw_str_of(want));
}

static void
test_body(void **state)
{
	(void)state;
#define HEAD "HTTP/1.1 200 OK\r\n"
	assert_true(body_is(HEAD "\r\nfoo", false, "foo", false));
	assert_true(body_is(HEAD "\r\nfoo", true, "foo", true));
	assert_true(body_is(HEAD "Content-Length: 2\r\n\r\nfoo", false, "fo", true));
	assert_true(body_is(HEAD "Content-Length: 9\r\n\r\nfoo", false, "foo", false));
#define CHUNKED HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n"
	assert_true(body_is(
	    CHUNKED "3\r\nfoo\r\n2;x=y\r\nba\r\n0\r\n\r\n", false, "fooba", true));
	assert_true(body_is(CHUNKED "3\r\nfoo\r\nA\r\nbar", false, "foobar", false));
	assert_true(body_is(CHUNKED "3\r\nfo", false, "fo", false));
	assert_true(body_is(CHUNKED "3", false, "", false));
	assert_true(body_is(CHUNKED "zz\r\nfoo", false, "", true));
	assert_true(body_is(CHUNKED "fffffffffff\r\nfoo", false, "", true));
	assert_true(body_is("HTTP/1.1 204 No\r\n\r\nfoo", false, "", true));
}

static void
test_expect(void **state)
{
	const struct hc_range range[] = { { 200, 204 }, { 301, 301 } };
	struct hc_expect e = { .match = HC_STATUS, .range = range, .n_ranges = 2 };

	(void)state;
	assert_true(hc_status_is_expected(&e, 204));
	assert_true(hc_status_is_expected(&e, 301));
	assert_false(hc_status_is_expected(&e, 302));
	e.negate = true;
	assert_true(hc_status_is_expected(&e, 302));
	assert_false(hc_status_is_expected(&e, 200));
}

static void
request_is(const struct hc_send *s, const struct hc_send *opt, const char *want)
{
	char mem[HC_REQUEST_MAX];
	struct tw_out out = tw_out_of(mem, sizeof(mem) - 1);
	struct hc_request r;

	hc_http_request(s, opt, NULL, &out, &r);
	*out.p = '\0';
	assert_string_equal(mem, want);
}

static void
test_request(void **state)
{
	struct hc_header host = { .name = TW_STR("host"),
		.value = { TW_STR("a"), NULL } };
	const struct hc_send none = { .is_http = true };
	const struct hc_send opt = { .method = "GET", .uri = { TW_STR("/x"), NULL } };

	(void)state;
	request_is(&none, NULL, "OPTIONS / HTTP/1.0\r\n\r\n");
	request_is(&none, &opt, "GET /x HTTP/1.0\r\n\r\n");
	request_is(&(struct hc_send){ .version = "HTTP/1.1", .headers = &host }, NULL,
	    "OPTIONS / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
	request_is(&(struct hc_send){ .method = "POST",
		       .uri = { TW_STR("/y"), NULL },
		       .version = "HTTP/1.1",
		       .has_body = true,
		       .body = { TW_STR("abc"), NULL } },
	    &opt,
	    "POST /y HTTP/1.1\r\ncontent-length: 3\r\n"
	    "connection: close\r\n\r\nabc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fall),
		cmocka_unit_test(test_rise),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_head_bad),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_expect),
		cmocka_unit_test(test_request),
	};

	return cmocka_run_group_tests_name("healthcheck", tests, NULL, NULL);
}
