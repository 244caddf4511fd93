/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_h1_parse.c - HTTP/1 heads as they are read (modules/http).
 */
#include "config.h"

#include <stdio.h>

#include "h1_help.h"

#define H "Host: a\r\n"

static void
plain_request(void **state)
{
	struct h1_in t;

	(void)state;
	assert_int_equal(h1_request(&t,
			     "GET /x?y HTTP/1.1\r\nHost: a:80\r\nX-A:\t1 \r\n"
			     "Empty:\r\n\r\nrest"),
	    TW_IO_OK);
	assert_int_equal(t.msg.method, TW_M_GET);
	assert_str(t.msg.target, "/x?y");
	assert_str(t.msg.host, "a:80");
	assert_int_equal(t.msg.n_hdr, 3);
	assert_str(tw_hdr_value(&t.msg.hdr[1]), "1");
	assert_int_equal(t.msg.hdr[2].value_len, 0);
	assert_int_equal(t.msg.body, TW_BODY_NONE);
	assert_true(t.st.done);
	assert_int_equal(t.msg.flags, TW_MSG_KEEP_ALIVE);
	assert_int_equal(t.buf.tail - t.buf.head, 4);
	assert_int_equal(t.msg.raw.len, t.buf.head);
	h1_fini(&t);
}

struct refusal {
	const char *text;
	int status;
};

static const struct refusal refused[] = {
	{ "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400 },
	{ "GET http://b/ HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET http://a:81/ HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET http:/// HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET http://u@a/ HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET a HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET * HTTP/1.1\r\n" H "\r\n", 400 },
	{ "CONNECT / HTTP/1.1\r\n" H "\r\n", 400 },
	{ "CONNECT a HTTP/1.1\r\n" H "\r\n", 400 },
	{ "CONNECT http://a:1/ HTTP/1.1\r\nHost: a:1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\n" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "\n", 400 },
	{ "GET / HTTP/1.1\r" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nX: a\rb\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nX: a\x7f\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nX : a\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nX\t: a\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n: a\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nX\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nX(: a\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n fold: a\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400 },
	{ "GET /\x01 HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /a#b HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET  HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /a b HTTP/1.1\r\n" H "\r\n", 400 },
	{ " GET / HTTP/1.1\r\n" H "\r\n", 400 },
	{ "G(T / HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.10\r\n" H "\r\n", 400 },
	{ "GET / HTTP/1.\r\n" H "\r\n", 400 },
	{ "GET / http/1.1\r\n" H "\r\n", 400 },
	{ "GET / HTTP/2.0\r\n" H "\r\n", 505 },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
	{ "\x16\x03\x01", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
	    400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1, 2\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1,\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	    400 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \r\n\r\n", 400 },
	{ "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	    501 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n", 501 },
	{ "\nGET / HTTP/1.1\r\n" H "\r\n", 400 },
};

static void
bad_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(refused); i++) {
		struct h1_in t;

		if (h1_request(&t, refused[i].text) != TW_IO_ERR ||
		    t.st.status != refused[i].status)
			fail_msg("%s: status %d, expected %d", refused[i].text,
			    t.st.status, refused[i].status);
		assert_non_null(t.st.why);
		h1_fini(&t);
	}
}

static void
nul_bytes(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n"
				   "X-Long-Value: 01234567890123456789\r\n\r\n";
	struct h1_in t;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		h1_init(&t, text, sizeof(text) - 1);
		t.buf.base[i] = '\0';
		assert_int_equal(
		    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, false), TW_IO_ERR);
		assert_int_equal(t.st.status, 400);
		h1_fini(&t);
	}
}

static void
good_requests(void **state)
{
	static const char *const good[] = {
		"GET / HTTP/1.0\r\n\r\n",
		"GET /a|{}[]\"<>^` HTTP/1.1\r\n" H "\r\n",
		"GET / HTTP/1.1\r\nHost:\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
		"GET http://a:80/ HTTP/1.1\r\n" H "\r\n",
		"GET https://A/ HTTP/1.1\r\nHost: a:443\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\n" H "\r\n",
		"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
		"X-METHOD / HTTP/1.7\r\n" H "X: a\tb\xff\r\n\r\n",
		"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n",
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(good); i++) {
		struct h1_in t;

		if (h1_request(&t, good[i]) != TW_IO_OK)
			fail_msg("%s: %s", good[i], t.st.why);
		assert_int_equal(t.buf.head, t.buf.tail);
		h1_fini(&t);
	}
}

static void
lengths(void **state)
{
	struct h1_in t;

	(void)state;
	assert_int_equal(h1_request(&t,
			     "POST / HTTP/1.1\r\n" H
			     "Content-Length: 7, 7\r\ncontent-length: 7\r\n\r\n"),
	    TW_IO_OK);
	assert_int_equal(t.msg.body, TW_BODY_LENGTH);
	assert_int_equal(t.st.left, 7);
	struct tw_hdr *h = tw_msg_first(&t.msg, TW_H_CONTENT_LENGTH);

	assert_str(tw_hdr_value(h), "7");
	assert_null(tw_msg_next(&t.msg, h));
	h1_fini(&t);
	assert_int_equal(
	    h1_request(
		&t, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"),
	    TW_IO_OK);
	assert_int_equal(t.st.body, TW_BODY_CHUNKED);
	assert_false(t.st.done);
	h1_fini(&t);
}

static void
connection_fields(void **state)
{
	struct h1_in t;

	(void)state;
	assert_int_equal(
	    h1_request(&t,
		"GET / HTTP/1.1\r\n" H
		"Connection: x-one, Host\r\nConnection: ,CLOSE, keep-alive\r\nX-One: 1\r\n"
		"TE: gzip, trailers\r\nExpect: 100-Continue\r\nUpgrade: websocket\r\n\r\n"),
	    TW_IO_OK);
	assert_int_equal(t.msg.flags, TW_MSG_TE_TRAILERS | TW_MSG_EXPECT);
	assert_true(t.st.last);
	assert_true(tw_msg_find(&t.msg, TW_STR("X-One"), NULL)->flags & TW_HDR_HOP);
	assert_true(tw_msg_first(&t.msg, TW_H_UPGRADE)->flags & TW_HDR_HOP);
	assert_false(tw_msg_first(&t.msg, TW_H_HOST)->flags & TW_HDR_HOP);
	h1_fini(&t);
	assert_int_equal(h1_request(&t,
			     "GET / HTTP/1.1\r\n" H
			     "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
	    TW_IO_OK);
	assert_true(t.msg.flags & TW_MSG_UPGRADE);
	h1_fini(&t);
	assert_int_equal(
	    h1_request(&t,
		"GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
	    TW_IO_OK);
	assert_false(t.msg.flags & TW_MSG_UPGRADE);
	h1_fini(&t);
	assert_int_equal(
	    h1_request(&t, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
	    TW_IO_OK);
	assert_true(t.msg.flags & TW_MSG_KEEP_ALIVE);
	h1_fini(&t);
}

static void
single_bytes(void **state)
{
	static const char text[] = "\r\nGET /abc HTTP/1.1\r\nHost: a\r\n"
				   "X-Y: some value\r\n\r\n";
	struct h1_in t;

	(void)state;
	h1_init(&t, text, sizeof(text) - 1);
	t.buf.tail = 0;
	while (t.buf.tail < sizeof(text) - 2) {
		t.buf.tail++;
		assert_int_equal(
		    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, false), TW_IO_AGAIN);
		assert_int_equal(t.st.scanned, t.buf.tail - t.buf.head);
	}
	t.buf.tail++;
	assert_int_equal(
	    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, false), TW_IO_OK);
	assert_str(tw_hdr_value(&t.msg.hdr[1]), "some value");
	h1_fini(&t);
	/* a line that ends wrongly is told at once */
	h1_init(&t, "GET / HTTP/1.1\r\nHost: a\nX: 1", 28);
	for (t.buf.tail = 1; t.buf.tail < 24; t.buf.tail++)
		assert_int_equal(
		    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, false), TW_IO_AGAIN);
	assert_int_equal(
	    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, false), TW_IO_ERR);
	h1_fini(&t);
}

static void
ends_and_limits(void **state)
{
	static char big[20000];
	struct h1_in t;

	(void)state;
	h1_init(&t, "", 0);
	assert_int_equal(
	    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, false), TW_IO_AGAIN);
	assert_int_equal(
	    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, true), TW_IO_END);
	h1_fini(&t);
	h1_init(&t, "GET / HTT", 9);
	assert_int_equal(
	    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, true), TW_IO_ERR);
	assert_int_equal(t.st.status, 400);
	h1_fini(&t);
	h1_init(&t, "GET /aaaaaaaa", 13);
	t.buf.size = 13;
	assert_int_equal(
	    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, false), TW_IO_ERR);
	assert_int_equal(t.st.status, 414);
	h1_fini(&t);
	h1_init(&t, "GET / HTTP/1.1\r\nX: aaaa", 23);
	t.buf.size = 23;
	assert_int_equal(
	    tw__h1_read_head(&t.st, &t.buf, &t.msg, NULL, false), TW_IO_ERR);
	assert_int_equal(t.st.status, 431);
	h1_fini(&t);
	int n = snprintf(big, sizeof(big), "GET / HTTP/1.1\r\n" H);

	for (int i = 0; i < TW_MAX_HDR; i++)
		n += snprintf(big + n, sizeof(big) - (size_t)n, "X-%d: 1\r\n", i);
	snprintf(big + n, sizeof(big) - (size_t)n, "\r\n");
	assert_int_equal(h1_request(&t, big), TW_IO_ERR);
	assert_int_equal(t.st.status, 431);
	h1_fini(&t);
}

static enum tw_io
response(struct h1_in *t, enum tw_method method, const char *text)
{
	h1_init(t, text, strlen(text));
	t->request.method = method;
	return tw__h1_read_head(&t->st, &t->buf, &t->msg, &t->request, false);
}

static void
responses(void **state)
{
	static const struct {
		enum tw_method method;
		const char *text;
		enum tw_body body;
		bool last;
	} cases[] = {
		{ TW_M_GET, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
		    TW_BODY_LENGTH, false },
		{ TW_M_GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		    TW_BODY_NONE, false },
		{ TW_M_GET, "HTTP/1.1 200 OK\r\n\r\n", TW_BODY_CLOSE, true },
		{ TW_M_GET, "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n",
		    TW_BODY_CHUNKED, false },
		{ TW_M_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
		    TW_BODY_NONE, false },
		{ TW_M_GET, "HTTP/1.1 204 \r\n\r\n", TW_BODY_NONE, false },
		{ TW_M_GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
		    TW_BODY_NONE, false },
		{ TW_M_GET, "HTTP/1.1 100 Continue\r\n\r\n", TW_BODY_NONE, false },
		{ TW_M_GET, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n",
		    TW_BODY_LENGTH, true },
		{ TW_M_CONNECT, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
		    TW_BODY_TUNNEL, true },
		{ TW_M_CONNECT, "HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\n",
		    TW_BODY_LENGTH, false },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++) {
		struct h1_in t;

		if (response(&t, cases[i].method, cases[i].text) != TW_IO_OK)
			fail_msg("%s: %s", cases[i].text, t.st.why);
		assert_int_equal(t.st.body, cases[i].body);
		assert_int_equal(t.st.last, cases[i].last);
		assert_true(t.msg.flags & TW_MSG_RESPONSE);
		h1_fini(&t);
	}
}

static void
bad_responses(void **state)
{
	static const char *const bad[] = {
		"HELLO\r\n\r\n",
		"HTTP/1.x 200 OK\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/2.0 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 O\x01K\r\n\r\n",
		"HTTP/1.1 200 OK\n\n",
		"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
		"\r\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++) {
		struct h1_in t;

		if (response(&t, TW_M_GET, bad[i]) != TW_IO_ERR || t.st.status != 502)
			fail_msg("%s: not refused", bad[i]);
		h1_fini(&t);
	}
}

static void
switching(void **state)
{
	const char *text = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
			   "Upgrade: websocket\r\n\r\n\x81\x05";
	struct h1_in t;

	(void)state;
	h1_init(&t, text, strlen(text));
	t.request.flags = TW_MSG_UPGRADE;
	assert_int_equal(
	    tw__h1_read_head(&t.st, &t.buf, &t.msg, &t.request, false), TW_IO_OK);
	assert_int_equal(t.st.body, TW_BODY_TUNNEL);
	assert_true(t.msg.flags & TW_MSG_UPGRADE);
	assert_int_equal(t.buf.tail - t.buf.head, 2);
	h1_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_request),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(nul_bytes),
		cmocka_unit_test(good_requests),
		cmocka_unit_test(lengths),
		cmocka_unit_test(connection_fields),
		cmocka_unit_test(single_bytes),
		cmocka_unit_test(ends_and_limits),
		cmocka_unit_test(responses),
		cmocka_unit_test(bad_responses),
		cmocka_unit_test(switching),
	};

	return cmocka_run_group_tests_name("h1_parse", tests, NULL, NULL);
}
