/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_h2_heads.c - heads as HTTP/2 has them: what is malformed ends the stream
 * and nothing else, what is not comes out as it should.
 */
#include "config.h"

#include "h2_help.h"

static struct bytes b;

static struct side *
server(void)
{
	struct side *const t = side_new(false);

	t->lim.connect_protocol = true;
	side_begin(t, &wk, false);
	put_preface(&b);
	assert_int_equal(feed_all(t, &b), 0);
	t->n_log = 0;
	t->log[0] = '\0';
	b.n = 0;
	drain(t, &b);
	b.n = 0;
	return t;
}

#define M ":method=GET\n"
#define S ":scheme=https\n"
#define A ":authority=a\n"
#define P ":path=/\n"

static const char *const malformed[] = {
	S A P,
	M A P,
	M S A,
	M S P, /* no authority at all */
	M M S A P,
	M S A P P,
	M S A A P,
	M S S A P,
	M S A P ":status=200\n",
	M S A P ":other=1\n",
	M S A P "x=1\n:path=/\n",
	"x=1\n" M S A P,
	M S A ":path=\n",
	M S A ":path=x\n",
	M S A ":path=*\n",
	M S A ":path=/a b\n",
	M S A ":path=/#f\n",
	M S A ":path=/\x80\n",
	":method=G T\n" S A P,
	":method=\n" S A P,
	M ":scheme=\n" A P,
	M S ":authority=u@a\n" P,
	M S ":authority=a/b\n" P,
	M S ":authority=\n" P,
	M S A P "host=b\n",
	M S P "host=a\nhost=a\n",
	M S A P "X=1\n",
	M S A P "xY=1\n",
	M S A P "=1\n",
	M S A P "a b=1\n",
	M S A P "x:y=1\n",
	M S A P "x= 1\n",
	M S A P "x=1 \n",
	M S A P "x=\t1\n",
	M S A P "x=a\rb\n",
	M S A P "x=a\x01z\n",
	M S A P "x=a\x7fz\n",
	M S A P "connection=close\n",
	M S A P "keep-alive=1\n",
	M S A P "proxy-connection=close\n",
	M S A P "transfer-encoding=chunked\n",
	M S A P "upgrade=h2c\n",
	M S A P "te=gzip\n",
	M S A P "te=trailers, gzip\n",
	M S A P "content-length=1\n", /* and ends */
	M S A P "content-length=x\n",
	M S A P "content-length=\n",
	M S A P "content-length=-1\n",
	M S A P "content-length=0, 0\n",
	M S A P "content-length=99999999999999999999\n",
	M S A P "content-length=0\ncontent-length=1\n",
	":method=CONNECT\n",
	":method=CONNECT\n" A P,
	":method=CONNECT\n" S A,
	M S A P ":protocol=websocket\n",
	":method=CONNECT\n:protocol=websocket\n" A,
	":method=CONNECT\n:protocol=websocket\n" S P,
	":method=CONNECT\n:protocol=\n" S A P,
};

static void
requests_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TW_N_ELEMENTS(malformed); i++) {
		struct side *const t = server();
		uint32_t code = 99;

		put_head(&b, 1, H2_F_END_STREAM, malformed[i]);
		put_head(&b, 3, H2_F_END_STREAM, M S A P);
		assert_int_equal(feed_all(t, &b), 0);
		b.n = 0;
		drain(t, &b);
		if (frames(&b, H2_RST_STREAM, &code) != 1 || code != H2_PROTOCOL_ERROR)
			fail_msg("accepted: %s", malformed[i]);
		assert_string_equal(t->log, "request 3 end GET https a / [host=a]\n");
		side_free(t);
	}
}

/* A NUL and a line feed cannot be written in the tables above. */
static void
bytes_refused(void **state)
{
	static const char bad[] = { '\0', '\n' };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct side *const t = server();
		char m[256];
		size_t n = literals(m, M S A P "xx=yyy\n");

		*(char *)memchr(m, i < 2 ? 'y' : 'x', n) = bad[i % 2];
		if (i < 2)
			m[n - 2] = bad[i], m[n - 3] = 'y';
		put_frame(&b, H2_HEADERS, H2_F_END_HEADERS | H2_F_END_STREAM, 1, m, n);
		assert_int_equal(feed_all(t, &b), 0);
		assert_string_equal(t->log, "");
		side_free(t);
	}
}

struct good {
	const char *lines, *log;
};

static const struct good fine[] = {
	{ M S A P "te=trailers\nx=\ny=a\xc3\xa4\n",
	    "GET https a / [host=a] [te=trailers] [x=] [y=a\xc3\xa4]\n" },
	{ M S P "host=B:8\n", "GET https  / [host=B:8]\n" },
	{ M S P A "host=A\n", "GET https a / [host=a]\n" },
	{ ":method=OPTIONS\n" S A ":path=*\n", "OPTIONS https a * [host=a]\n" },
	{ M S A P "cookie=a=1\nx=1\ncookie=b=2\ncookie=c\n",
	    "GET https a / [host=a] [cookie=a=1; b=2; c] [x=1]\n" },
	{ M S A P "cookie=a\n", "GET https a / [host=a] [cookie=a]\n" },
	{ M S A P "content-length=0\ncontent-length=0\n",
	    "GET https a / [host=a] [content-length=0]\n" },
	{ ":method=CONNECT\n:authority=a:1\n", "CONNECT  a:1  [host=a:1]\n" },
	{ ":method=CONNECT\n:protocol=websocket\n" S A P,
	    "CONNECT https a / websocket [host=a]\n" },
	{ M ":scheme=foo\n" P, "GET foo  /\n" },
	{ M S ":authority=[::1]:8\n:path=/?a=b\n",
	    "GET https [::1]:8 /?a=b [host=[::1]:8]\n" },
};

static void
requests_taken(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TW_N_ELEMENTS(fine); i++)
		for (size_t step = 1; step < 2000; step += 1998) {
			struct side *const t = server();

			put_head(&b, 1, H2_F_END_STREAM, fine[i].lines);
			assert_int_equal(feed(t, b.p, b.n, step), 0);
			assert_non_null(strstr(t->log, "request 1 end "));
			assert_string_equal(
			    t->log + strlen("request 1 end "), fine[i].log);
			side_free(t);
		}
}

static void
protocol_not_offered(void **state)
{
	struct side *const t = server();

	(void)state;
	t->lim.connect_protocol = false;
	put_head(&b, 1, 0, ":method=CONNECT\n:protocol=websocket\n" S A P);
	assert_int_equal(feed_all(t, &b), 0);
	assert_string_equal(t->log, "");
	side_free(t);
}

static void
lengths(void **state)
{
	struct side *const t = server();

	(void)state;
	put_head(&b, 1, 0, POST_LINES "content-length=3\n");
	put_frame(&b, H2_DATA, 0, 1, "abcd", 4); /* too much */
	put_head(&b, 3, 0, POST_LINES "content-length=3\n");
	put_frame(&b, H2_DATA, H2_F_END_STREAM, 3, "ab", 2); /* too little */
	put_head(&b, 5, 0, POST_LINES "content-length=3\n");
	put_frame(&b, H2_DATA, 0, 5, "ab", 2);
	put_head(&b, 5, H2_F_END_STREAM, "x=1\n"); /* too little, trailers */
	put_head(&b, 7, 0, POST_LINES "content-length=3\n");
	put_frame(&b, H2_DATA, H2_F_PADDED, 7, "\2ab\0\0", 5);
	put_frame(&b, H2_DATA, 0, 7, "c", 1);
	put_head(&b, 7, H2_F_END_STREAM, "x=1\ny=2\n");
	assert_int_equal(feed_all(t, &b), 0);
	assert_non_null(strstr(t->log, "reset 1 PROTOCOL_ERROR"));
	assert_non_null(strstr(t->log, "reset 3 PROTOCOL_ERROR"));
	assert_non_null(strstr(t->log, "reset 5 PROTOCOL_ERROR"));
	assert_non_null(strstr(t->log,
	    "data 7 'ab'\ndata 7 'c'\ntrailers 7 end "
	    "[x=1] [y=2]\n"));
	side_free(t);
}

/* Above the limits: the stream is told, the table stays in step. */
static void
too_large(void **state)
{
	struct side *const t = server();
	char m[512], bomb[4096];
	nghttp2_hd_deflater *d;
	nghttp2_nv nv[] = { { (uint8_t *)"x", (uint8_t *)m, 1, 500, 0 } };

	(void)state;
	memset(m, 'v', sizeof(m));
	assert_int_equal(nghttp2_hd_deflate_new(&d, 4096), 0);
	size_t n = literals(bomb, M S A P);
	n += (size_t)nghttp2_hd_deflate_hd(d, (uint8_t *)bomb + n, 2000, nv, 1);
	memset(bomb + n, 0x80 | 62, 1000); /* the entry, a thousand times */
	put_frame(&b, H2_HEADERS, 5, 1, bomb, n + 1000);
	n = literals(bomb, M S A P);
	bomb[n++] = (char)(0x80 | 62);
	put_frame(&b, H2_HEADERS, 5, 3, bomb, n);
	assert_int_equal(feed_all(t, &b), 0);
	assert_non_null(strstr(t->log, "request 1 end too-large\nrequest 3 end GET"));
	assert_non_null(strstr(t->log, " [x=vvvvvvvv"));
	assert_int_equal(t->s.glitches, 1);
	nghttp2_hd_deflate_del(d);
	side_free(t);
}

static void
too_many_fields(void **state)
{
	struct side *const t = server();
	char lines[2048] = M S A P;

	(void)state;
	for (int i = 0; i < 125; i++)
		strcat(lines, "a=b\n");
	put_head(&b, 1, H2_F_END_STREAM, lines);
	assert_int_equal(feed_all(t, &b), 0);
	assert_string_equal(t->log, "request 1 end too-large\n");
	side_free(t);
}

static void
in_fragments(void **state)
{
	struct side *const t = server();
	char m[256];
	const size_t n = literals(m, M S A P "x=1\n");

	(void)state;
	put_frame(&b, H2_HEADERS, H2_F_END_STREAM, 1, m, 0);
	for (size_t i = 0; i + 2 < n; i += 2)
		put_frame(&b, H2_CONTINUATION, 0, 1, m + i, 2);
	put_frame(&b, H2_CONTINUATION, H2_F_END_HEADERS, 1, m + (n - 1) / 2 * 2,
	    n - (n - 1) / 2 * 2);
	assert_int_equal(feed(t, b.p, b.n, 1), 0);
	assert_string_equal(t->log, "request 1 end GET https a / [host=a] [x=1]\n");
	side_free(t);
}

static const char *const bad_answers[] = {
	"x=1\n",
	":status=99\n",
	":status=2000\n",
	":status=2x0\n",
	":status=101\n",
	":status=\n",
	":status=200\n:status=200\n",
	":status=200\n:path=/\n",
	":status=200\nconnection=close\n",
	":status=100\n", /* and ends */
	":status=200\ncontent-length=5\n",
	":status=200\nX=1\n",
};

static struct side *
client(const char *method)
{
	struct side *const t = side_new(true);
	struct h2_head hd = { .kind = H2_REQUEST,
		.method = tw_str_of(method),
		.scheme = TW_STR("http"),
		.authority = TW_STR("a"),
		.path = TW_STR("/") };

	side_begin(t, &wk, true);
	hold(t, h2_open(&t->s, NULL));
	assert_int_equal(h2_submit_head(&t->s, t->held[0], &hd, true), 0);
	b.n = 0;
	drain(t, &b);
	b.n = 0;
	put_frame(&b, H2_SETTINGS, 0, 0, "", 0);
	return t;
}

static void
answers_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TW_N_ELEMENTS(bad_answers); i++) {
		struct side *const t = client("GET");

		put_head(&b, 1, H2_F_END_STREAM, bad_answers[i]);
		assert_int_equal(feed_all(t, &b), 0);
		assert_string_equal(t->log, "settings\nreset 1 PROTOCOL_ERROR\n");
		side_free(t);
	}
}

static void
answers_taken(void **state)
{
	struct side *t = client("GET");

	(void)state;
	put_head(&b, 1, 0, ":status=100\n");
	put_head(&b, 1, 0, ":status=103\nlink=x\n");
	put_head(&b, 1, 0, ":status=200\ncontent-length=2\n");
	put_frame(&b, H2_DATA, H2_F_END_STREAM, 1, "ab", 2);
	assert_int_equal(feed_all(t, &b), 0);
	assert_string_equal(t->log,
	    "settings\ninterim 1 100\ninterim 1 103 [link=x]\n"
	    "response 1 200 [content-length=2]\ndata 1 end 'ab'\n");
	assert_false(h2_is_open(t->held[0]));
	side_free(t);
	t = client("HEAD");
	put_head(&b, 1, H2_F_END_STREAM, ":status=200\ncontent-length=2\n");
	assert_int_equal(feed_all(t, &b), 0);
	assert_non_null(strstr(t->log, "response 1 end 200 [content-length=2]\n"));
	side_free(t);
	t = client("HEAD");
	put_head(&b, 1, 0, ":status=200\ncontent-length=2\n");
	put_frame(&b, H2_DATA, H2_F_END_STREAM, 1, "ab", 2);
	assert_int_equal(feed_all(t, &b), 0);
	assert_non_null(strstr(t->log, "reset 1 PROTOCOL_ERROR\n"));
	side_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_refused),
		cmocka_unit_test(bytes_refused),
		cmocka_unit_test(requests_taken),
		cmocka_unit_test(protocol_not_offered),
		cmocka_unit_test(lengths),
		cmocka_unit_test(too_large),
		cmocka_unit_test(too_many_fields),
		cmocka_unit_test(in_fragments),
		cmocka_unit_test(answers_refused),
		cmocka_unit_test(answers_taken),
	};

	return cmocka_run_group_tests(tests, wk_setup, wk_teardown);
}
