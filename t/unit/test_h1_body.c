/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_h1_body.c - HTTP/1 bodies in both directions (modules/http).
 */
#include "config.h"

#include "h1_help.h"

static char got[8192];

/* Decodes `text`, given in pieces of `step` bytes, into got[]. */
static enum tw_io
decode(struct tw_stream *st, const char *text, size_t step, bool eof)
{
	const size_t len = strlen(text);
	struct tw_buf buf = { malloc(len + 1), (uint32_t)len + 1, 0, 0 };
	enum tw_io r = TW_IO_AGAIN;
	struct tw_str data;
	size_t n = 0;

	assert_non_null(buf.base);
	memcpy(buf.base, text, len);
	while (r == TW_IO_OK || r == TW_IO_AGAIN) {
		if (r == TW_IO_AGAIN && buf.tail == len && !eof)
			break;
		const bool whole = r == TW_IO_AGAIN && buf.tail == len;

		if (r == TW_IO_AGAIN)
			buf.tail +=
			    (uint32_t)(len - buf.tail < step ? len - buf.tail : step);
		r = tw__h1_read_body(st, &buf, &data, whole);
		assert_true(n + data.len < sizeof(got));
		assert_true(r != TW_IO_OK || data.len > 0);
		if (r != TW_IO_ERR && data.len > 0)
			memcpy(got + n, data.p, data.len);
		n += r == TW_IO_ERR ? 0 : data.len;
		if (r == TW_IO_END && st->trailers.len > 0) {
			memcpy(got + n, st->trailers.p, st->trailers.len);
			n += st->trailers.len;
		}
		if (r == TW_IO_AGAIN && whole)
			break;
	}
	got[n] = '\0';
	free(buf.base);
	return r;
}

static void
chunks(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "0\r\n\r\n", "" },
		{ "5\r\nhello\r\n0\r\n\r\n", "hello" },
		{ "5;a=\"b\"\r\nhello\r\n6 ;x\r\n world\r\n0;z\r\n\r\n",
		    "hello world" },
		{ "00a\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\n", "0123456789x" },
		{ "A\r\n0123456789\r\n0\r\nX-Sum: 42\r\n\r\n",
		    "0123456789X-Sum: 42\r\n" },
		{ "1\r\na\r\n0\r\nContent-Length: 4\r\nX: 1\r\nHost: b\r\nY:2\r\n\r\n",
		    "aX: 1\r\nY:2\r\n" },
		{ "1\r\na\r\n0\r\nHost: b\r\n\r\n", "a" },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++) {
		for (size_t step = 1; step < 40; step++) {
			struct tw_stream st = { .body = TW_BODY_CHUNKED };

			if (decode(&st, cases[i].text, step, false) != TW_IO_END)
				fail_msg("%s: %s", cases[i].text, st.why);
			assert_string_equal(got, cases[i].want);
			assert_true(st.done);
		}
	}
}

static void
bad_chunks(void **state)
{
	static const char *const bad[] = {
		"xyz\r\nabc\r\n0\r\n\r\n",
		"\r\nabc\r\n0\r\n\r\n",
		"-3\r\nabc\r\n",
		"+3\r\nabc\r\n",
		" 3\r\nabc\r\n",
		"0x3\r\nabc\r\n",
		"fffffffffffffffff\r\nabc\r\n",
		"8000000000000000\r\nabc\r\n",
		"3\r\nabcd\r\n0\r\n\r\n",
		"3\nabc\r\n0\r\n\r\n",
		"3\r\nabc\n0\r\n\r\n",
		"3;a\rb\r\nabc\r\n",
		"3;a\nabc\r\n",
		"3\rabc\r\n",
		"0\r\nX\r\n\r\n",
		"0\r\n X: 1\r\n\r\n",
		"0\r\nX: a\nY: b\r\n\r\n",
		"0\n\n",
		"0\r\n\n",
		"3;\x01\r\nabc",
		"0\r\nX : 1\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++) {
		for (size_t step = 1; step < 30; step++) {
			struct tw_stream st = { .body = TW_BODY_CHUNKED };

			if (decode(&st, bad[i], step, false) != TW_IO_ERR)
				fail_msg("%s: accepted in steps of %zu", bad[i], step);
			assert_int_equal(st.status, 400);
			st = (struct tw_stream){ .body = TW_BODY_CHUNKED,
				.state = H1_RESPONSE };
			assert_int_equal(decode(&st, bad[i], step, false), TW_IO_ERR);
			assert_int_equal(st.status, 502);
		}
	}
}

static void
bounds(void **state)
{
	static char text[20000];
	struct tw_stream st = { .body = TW_BODY_CHUNKED };

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "1;", 2);
	assert_int_equal(decode(&st, text, 1000, false), TW_IO_ERR);
	st = (struct tw_stream){ .body = TW_BODY_CHUNKED };
	memcpy(text, "0\r\nX: ", 6);
	assert_int_equal(decode(&st, text, 1000, false), TW_IO_ERR);
	assert_int_equal(st.status, 431);
}

static void
early_ends(void **state)
{
	struct tw_stream st = { .body = TW_BODY_CHUNKED };

	(void)state;
	assert_int_equal(decode(&st, "5\r\nhel", 3, true), TW_IO_ERR);
	st = (struct tw_stream){
		.body = TW_BODY_LENGTH, .left = 9, .state = H1_RESPONSE
	};
	assert_int_equal(decode(&st, "hello", 3, true), TW_IO_ERR);
	assert_int_equal(st.status, 502);
	st = (struct tw_stream){ .body = TW_BODY_LENGTH, .left = 4 };
	assert_int_equal(decode(&st, "hello", 3, false), TW_IO_END);
	assert_string_equal(got, "hell");
	st = (struct tw_stream){ .body = TW_BODY_CLOSE };
	assert_int_equal(decode(&st, "hello", 3, true), TW_IO_END);
	assert_string_equal(got, "hello");
	st = (struct tw_stream){ .body = TW_BODY_NONE };
	assert_int_equal(decode(&st, "hello", 3, false), TW_IO_END);
	assert_string_equal(got, "");
}

/* Small chunks come out of the buffer as one piece. */
static void
merging(void **state)
{
	char text[] = "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\nGET";
	struct tw_buf buf = { text, sizeof(text), 0, sizeof(text) - 1 };
	struct tw_stream st = { .body = TW_BODY_CHUNKED };
	struct tw_str data;

	(void)state;
	assert_int_equal(tw__h1_read_body(&st, &buf, &data, false), TW_IO_END);
	assert_str(data, "abcdef");
	assert_int_equal(buf.tail - buf.head, 3);
}

static const char *
written(struct tw_stream *st, struct tw_str data, bool end)
{
	struct iovec iov[TW_PROTO_IOV];
	char mem[32];
	struct tw_out scratch = tw_out_of(mem, sizeof(mem));
	const int n = tw__h1_write_body(st, data, end, &scratch, iov);
	size_t len = 0;

	assert_in_range(n, 0, TW_PROTO_IOV);
	for (int i = 0; i < n; i++) {
		memcpy(got + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	got[len] = '\0';
	return got;
}

static void
writing(void **state)
{
	struct tw_stream st = { .body = TW_BODY_CHUNKED };

	(void)state;
	assert_string_equal(written(&st, TW_STR("hello"), false), "5\r\nhello\r\n");
	assert_string_equal(written(&st, TW_STR(""), false), "");
	assert_string_equal(written(&st, TW_STR("0123456789abcdef"), false),
	    "10\r\n0123456789abcdef\r\n");
	assert_string_equal(written(&st, TW_STR("x"), true), "1\r\nx\r\n0\r\n\r\n");
	assert_true(st.done);
	assert_string_equal(written(&st, TW_STR(""), true), "");
	st = (struct tw_stream){ .body = TW_BODY_CHUNKED,
		.trailers = TW_STR("A: 1\r\n") };
	assert_string_equal(written(&st, TW_STR(""), true), "0\r\nA: 1\r\n\r\n");
	st = (struct tw_stream){ .body = TW_BODY_CHUNKED,
		.trailers = TW_STR("A: 1\r\n") };
	assert_string_equal(
	    written(&st, TW_STR("z"), true), "1\r\nz\r\n0\r\nA: 1\r\n\r\n");
	st = (struct tw_stream){ .body = TW_BODY_LENGTH, .left = 5 };
	assert_string_equal(written(&st, TW_STR("hel"), false), "hel");
	assert_int_equal(st.left, 2);
	st = (struct tw_stream){ .body = TW_BODY_NONE };
	assert_string_equal(written(&st, TW_STR("hel"), true), "");
	st = (struct tw_stream){ .body = TW_BODY_CLOSE };
	assert_string_equal(written(&st, TW_STR("hel"), true), "hel");
}

static void
raw_bytes(void **state)
{
	struct tw_stream length = { .body = TW_BODY_LENGTH, .left = 10 };
	struct tw_stream out = { .body = TW_BODY_LENGTH, .left = 10 };
	struct tw_stream chunked = { .body = TW_BODY_CHUNKED };
	struct tw_stream tunnel = { .body = TW_BODY_TUNNEL };

	(void)state;
	assert_int_equal(tw__h1_raw(&length, &out), 10);
	assert_int_equal(tw__h1_raw(&length, &chunked), 0);
	assert_int_equal(tw__h1_raw(&chunked, &chunked), 0);
	assert_true(tw__h1_raw(&tunnel, &tunnel) == UINT64_MAX);
	tw__h1_moved(&length, &out, 4);
	assert_int_equal(length.left, 6);
	assert_int_equal(out.left, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks),
		cmocka_unit_test(bad_chunks),
		cmocka_unit_test(bounds),
		cmocka_unit_test(early_ends),
		cmocka_unit_test(merging),
		cmocka_unit_test(writing),
		cmocka_unit_test(raw_bytes),
	};

	return cmocka_run_group_tests_name("h1_body", tests, NULL, NULL);
}
