/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/* An OCSP responder's address, the question and the answer in HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../modules/tls/ocsp_http.h"

static int
parse(const char *text, struct tls_url *url)
{
	struct tw_err err;

	return tls__url_parse(text, true, url, &err);
}

static void
addresses(void **state)
{
	static const char *const bad[] = { "", "x", "https://a/", "ftp://a/", "http://",
		"http:///p", "http://a:0/", "http://a:65536/", "http://a:1x/",
		"http://[::1/", "http://[::1]x/", "http://u@h/", "http://a b/",
		"http://a/b c", "http://a/\x01", "http://a%20/" };
	struct tls_url url;

	(void)state;
	assert_int_equal(parse("http://a.example", &url), 0);
	assert_string_equal(url.host, "a.example");
	assert_int_equal(url.port, 80);
	assert_int_equal(url.path.len, 0);
	assert_int_equal(parse("HTTP://[::1]:8080/x/y?z#f", &url), 0);
	assert_string_equal(url.host, "::1");
	assert_int_equal(url.port, 8080);
	assert_memory_equal(url.path.p, "/x/y?z", url.path.len);
	assert_int_equal(parse("http://a:/x", &url), 0);
	assert_int_equal(url.port, 80);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], &url), -1);
}

static void
question_is(const char *uri, struct tw_str der, bool proxied, const char *want)
{
	struct tls_url url;
	size_t n;

	assert_int_equal(parse(uri, &url), 0);
	char *const req = tls__http_request(&url, der, proxied, &n);
	assert_non_null(req);
	assert_true(n >= strlen(want));
	assert_memory_equal(req, want, strlen(want));
	free(req);
}

static void
questions(void **state)
{
	static char big[400];
	const struct tw_str der = { "\xfb\xff\xfe?", 4 };

	(void)state;
	question_is("http://h", der, false,
	    "GET /%2B%2F%2F%2BPw%3D%3D HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
	question_is("http://h:81/a/", der, false,
	    "GET /a/%2B%2F%2F%2BPw%3D%3D HTTP/1.1\r\nHost: h:81\r\n");
	question_is(
	    "http://h/a", der, true, "GET http://h/a/%2B%2F%2F%2BPw%3D%3D HTTP");
	question_is("http://h?q", der, false, "POST /?q HTTP/1.1\r\nHost: h\r\n");
	question_is("http://h", (struct tw_str){ big, sizeof(big) }, false,
	    "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
	    "Accept: application/ocsp-response\r\n"
	    "Content-Type: application/ocsp-request\r\nContent-Length: 400\r\n\r\n");
}

#define OK "HTTP/1.1 200 OK\r\n"
#define TYPE "Content-Type: Application/OCSP-Response ; x=y\r\n"

static const struct {
	const char *bytes;
	enum tw_io now, at_end;
	int status;
	const char *body;
} cases[] = {
	{ "", TW_IO_AGAIN, TW_IO_ERR, 0, NULL },
	{ OK, TW_IO_AGAIN, TW_IO_ERR, 0, NULL },
	{ "x\r\n\r\n", TW_IO_ERR, TW_IO_ERR, 0, NULL },
	{ "HTTP/1.1 20x OK\r\n\r\n", TW_IO_ERR, TW_IO_ERR, 0, NULL },
	{ "HTTP/1.1 404 No\r\n\r\n", TW_IO_OK, TW_IO_OK, 404, NULL },
	{ OK TYPE "\r\nabc", TW_IO_AGAIN, TW_IO_OK, 200, "abc" },
	{ OK TYPE "Content-Length: 3\r\n\r\nabcd", TW_IO_OK, TW_IO_OK, 200, "abc" },
	{ OK TYPE "Content-Length: 4\r\n\r\nabc", TW_IO_AGAIN, TW_IO_ERR, 200, NULL },
	{ OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", TW_IO_ERR, TW_IO_ERR,
	    200, NULL },
	{ OK "Content-Length: -1\r\n\r\n", TW_IO_ERR, TW_IO_ERR, 200, NULL },
	{ OK ": x\r\n\r\n", TW_IO_ERR, TW_IO_ERR, 200, NULL },
	{ "HTTP/1.1 103 Early\nLink: x\n\nHTTP/1.0 200 OK\n" TYPE "\nabc", TW_IO_AGAIN,
	    TW_IO_OK, 200, "abc" },
	{ OK TYPE
	    "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
	    TW_IO_OK, TW_IO_OK, 200, "abc" },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc", TW_IO_AGAIN,
	    TW_IO_ERR, 200, NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nabX", TW_IO_ERR, TW_IO_ERR, 200,
	    NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", TW_IO_ERR, TW_IO_ERR, 200,
	    NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", TW_IO_ERR, TW_IO_ERR,
	    200, NULL },
	{ OK "Transfer-Encoding: gzip\r\n\r\n", TW_IO_ERR, TW_IO_ERR, 200, NULL },
	{ OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
	    TW_IO_ERR, TW_IO_ERR, 200, NULL },
};

static void
answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int eof = 0; eof < 2; eof++) {
			char buf[256];
			struct tls_http_answer a;
			const size_t len = strlen(cases[i].bytes);

			memcpy(buf, cases[i].bytes, len);
			const enum tw_io io = tls__http_answer(buf, len, eof != 0, &a);
			assert_int_equal(io, eof ? cases[i].at_end : cases[i].now);
			assert_int_equal(a.status, cases[i].status);
			if (io != TW_IO_OK || cases[i].body == NULL)
				continue;
			assert_true(a.is_ocsp);
			assert_int_equal(a.body.len, strlen(cases[i].body));
			assert_memory_equal(a.body.p, cases[i].body, a.body.len);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(questions),
		cmocka_unit_test(answers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
