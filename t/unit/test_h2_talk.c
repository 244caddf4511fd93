/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_h2_talk.c - both roles of the HTTP/2 engine talk with each other: heads,
 * windows, the end; and a peer that overdoes it.
 */
#include "config.h"

#include "h2_help.h"

static struct bytes b;
static char page[200000];

static const struct tw_hdr fields[] = {
	{ "X-Mixed", "1", 1, 7, 0, 0 },
	{ "Host", "no", 2, 4, TW_H_HOST, 0 },
	{ "Connection", "close", 5, 10, TW_H_CONNECTION, 0 },
	{ "gone", "1", 1, 4, 0, TW_HDR_DELETED },
	{ "TE", "trailers", 8, 2, TW_H_TE, 0 },
};

static const struct h2_head request = { .kind = H2_REQUEST,
	.method = { "POST", 4 },
	.scheme = { "http", 4 },
	.authority = { "a.b", 3 },
	.path = { "/x", 2 },
	.hdr = fields,
	.n_hdr = 5 };
static const struct h2_head ok = { .kind = H2_RESPONSE, .status = 200 };

static struct h2_stream *
ask(struct side *cl, bool end)
{
	struct h2_stream *const st = h2_open(&cl->s, NULL);

	assert_non_null(st);
	hold(cl, st);
	assert_int_equal(h2_submit_head(&cl->s, st, &request, end), 0);
	return st;
}

static void
exchange(void **state)
{
	struct side *const cl = side_new(true), *const sv = side_new(false);

	(void)state;
	side_begin(cl, &wk, true);
	side_begin(sv, &wk, false);
	for (int i = 0; i < 100; i++) {
		struct h2_stream *const st = ask(cl, false);

		assert_int_equal(h2_submit_data(&cl->s, st, "body", 4, false), 4);
		assert_int_equal(h2_submit_trailers(&cl->s, st, fields, 1), 0);
		cl->n_log = sv->n_log = 0;
		talk(cl, sv, i % 2 ? 1 : 4096);
		assert_non_null(strstr(sv->log,
		    " POST http a.b /x [host=a.b] "
		    "[x-mixed=1] [te=trailers]\ndata "));
		assert_non_null(
		    strstr(sv->log, i % 2 ? " 'y'\ntrailers " : " 'body'\ntrailers "));
		const struct h2_head early = { .kind = H2_INTERIM, .status = 103 };
		h2_submit_head(&sv->s, sv->held[0], &early, false);
		h2_submit_head(&sv->s, sv->held[0], &ok, false);
		h2_submit_data(&sv->s, sv->held[0], "answer", 6, true);
		let_go(sv, sv->held[0]);
		talk(cl, sv, 4096);
		assert_non_null(strstr(cl->log, " 103\nresponse "));
		assert_non_null(strstr(cl->log, " end 'answer'\n"));
		let_go(cl, st);
	}
	assert_true(h2_is_idle(&cl->s) && h2_is_idle(&sv->s));
	assert_int_equal(wk.n_streams, 2); /* the same two all the time */
	side_free(cl);
	side_free(sv);
}

/* 200 kB through windows of 64 kB, then everything is open again. */
static void
flow_control(void **state)
{
	struct side *const cl = side_new(true), *const sv = side_new(false);

	(void)state;
	sv->lim.connection_window_size = 0;
	sv->keeps = true;
	side_begin(cl, &wk, true);
	side_begin(sv, &wk, false);
	talk(cl, sv, 4096);
	struct h2_stream *const st = ask(cl, false);
	size_t sent = h2_submit_data(&cl->s, st, page, sizeof(page), true);
	assert_int_equal(sent, 65535); /* the connection's window */
	assert_int_equal(cl->s.n_blocked, 1);
	talk(cl, sv, 4096);
	assert_null(strstr(cl->log, "window"));
	for (int i = 0; i < 4 && sent < sizeof(page); i++) {
		h2_consumed(&sv->s, sv->held[0], sv->held[0]->unconsumed);
		talk(cl, sv, 4096);
		assert_non_null(strstr(cl->log, "window 1"));
		cl->n_log = 0;
		sent +=
		    h2_submit_data(&cl->s, st, page + sent, sizeof(page) - sent, true);
		talk(cl, sv, 4096);
	}
	assert_int_equal(sent, sizeof(page));
	assert_int_equal(cl->s.n_blocked, 0);
	assert_non_null(strstr(sv->log, " end "));
	h2_submit_head(&sv->s, sv->held[0], &ok, true);
	talk(cl, sv, 4096);
	side_free(cl);
	side_free(sv);
}

/* A stream that is let go gives the connection its window back. */
static void
released_unread(void **state)
{
	struct side *const cl = side_new(true), *const sv = side_new(false);

	(void)state;
	sv->lim.connection_window_size = 0;
	sv->keeps = true;
	side_begin(cl, &wk, true);
	side_begin(sv, &wk, false);
	for (int i = 0; i < 10; i++) {
		struct h2_stream *const st = ask(cl, false);

		talk(cl, sv, 4096);
		const size_t n = h2_submit_data(&cl->s, st, page, 40000, false);
		assert_int_equal(n, 40000);
		talk(cl, sv, 4096);
		let_go(sv, sv->held[0]);
		talk(cl, sv, 4096);
		assert_non_null(strstr(cl->log, "CANCEL"));
		cl->n_log = 0;
	}
	side_free(cl);
	side_free(sv);
}

static void
windows_exceeded(void **state)
{
	struct side *sv = side_new(false);

	(void)state;
	sv->keeps = true;
	sv->lim.initial_window_size = 100;
	side_begin(sv, &wk, false);
	put_preface(&b);
	put_frame(&b, H2_SETTINGS, H2_F_ACK, 0, "", 0);
	put_head(&b, 1, 0, POST_LINES);
	put_frame(&b, H2_DATA, 0, 1, page, 101);
	assert_int_equal(feed_all(sv, &b), 0);
	assert_non_null(strstr(sv->log, "reset 1 FLOW_CONTROL_ERROR"));
	side_free(sv);
	sv = side_new(false);
	sv->keeps = true;
	sv->lim.connection_window_size = 0;
	sv->lim.initial_window_size = 1000000;
	side_begin(sv, &wk, false);
	put_preface(&b);
	put_head(&b, 1, 0, POST_LINES);
	for (int i = 0; i < 5; i++)
		put_frame(&b, H2_DATA, 0, 1, page, 16384);
	assert_int_equal(feed_all(sv, &b), -1);
	assert_int_equal(sv->s.code, H2_FLOW_CONTROL_ERROR);
	side_free(sv);
}

/* SETTINGS take windows below zero, and open them. */
static void
window_setting(void **state)
{
	struct side *const sv = side_new(false);

	(void)state;
	side_begin(sv, &wk, false);
	put_preface(&b);
	put_head(&b, 1, H2_F_END_STREAM, GET_LINES);
	assert_int_equal(feed_all(sv, &b), 0);
	h2_submit_head(&sv->s, sv->held[0], &ok, false);
	assert_int_equal(h2_submit_data(&sv->s, sv->held[0], page, 1000, false), 1000);
	b.n = 0;
	put_setting_frame(&b, H2_S_WINDOW, 10);
	assert_int_equal(feed_all(sv, &b), 0);
	assert_int_equal(sv->held[0]->send_window, 10 - 1000);
	assert_int_equal(h2_submit_data(&sv->s, sv->held[0], page, 1, false), 0);
	b.n = 0;
	put_setting_frame(&b, H2_S_WINDOW, 1001);
	assert_int_equal(feed_all(sv, &b), 0);
	assert_non_null(strstr(sv->log, "window 1\n"));
	assert_int_equal(h2_submit_data(&sv->s, sv->held[0], page, 9, true), 1);
	side_free(sv);
}

/* A large head is cut into CONTINUATION frames and comes out whole. */
static void
large_head(void **state)
{
	struct side *const cl = side_new(true), *const sv = side_new(false);
	struct tw_hdr h[3];

	(void)state;
	sv->lim.max_list_bytes = 65536;
	memset(page, 0x7e, sizeof(page)); /* 13 bits in Huffman's code */
	for (int i = 0; i < 3; i++)
		h[i] = (struct tw_hdr){ "big", page, 15000, 3, 0, 0 };
	side_begin(cl, &wk, true);
	side_begin(sv, &wk, false);
	struct h2_head hd = request;
	hd.hdr = h;
	hd.n_hdr = 3;
	struct h2_stream *const st = h2_open(&cl->s, NULL);
	hold(cl, st);
	assert_int_equal(h2_submit_head(&cl->s, st, &hd, true), 0);
	talk(cl, sv, 100);
	assert_non_null(strstr(sv->log, "[big=~~"));
	side_free(cl);
	side_free(sv);
}

static void
shutdown_gently(void **state)
{
	struct side *const cl = side_new(true), *const sv = side_new(false);

	(void)state;
	side_begin(cl, &wk, true);
	side_begin(sv, &wk, false);
	struct h2_stream *const st = ask(cl, true);
	talk(cl, sv, 4096);
	h2_shutdown(&sv->s);
	talk(cl, sv, 4096);
	assert_non_null(strstr(cl->log, "goaway 2147483647 NO_ERROR\n"));
	assert_non_null(strstr(cl->log, "goaway 1 NO_ERROR\n"));
	assert_false(h2_can_open(&cl->s));
	assert_true(h2_is_open(st)); /* it is still answered */
	h2_submit_head(&sv->s, sv->held[0], &ok, true);
	talk(cl, sv, 4096);
	assert_non_null(strstr(cl->log, "response 1 end 200"));
	side_free(cl);
	side_free(sv);
}

static void
refuses_above_limit(void **state)
{
	struct side *const cl = side_new(true), *const sv = side_new(false);

	(void)state;
	sv->lim.max_concurrent_streams = 2;
	side_begin(cl, &wk, true);
	side_begin(sv, &wk, false);
	for (int i = 0; i < 3; i++)
		ask(cl, true);
	talk(cl, sv, 4096);
	assert_non_null(strstr(cl->log, "reset 5 REFUSED_STREAM"));
	assert_false(h2_can_open(&cl->s)); /* told by SETTINGS */
	let_go(cl, cl->held[0]);
	talk(cl, sv, 4096);
	assert_true(h2_can_open(&cl->s));
	side_free(cl);
	side_free(sv);
}

/* ---- abuse ---- */

typedef void make_fn(struct bytes *, uint32_t i);

static void
make_resets(struct bytes *m, uint32_t i)
{
	put_head(m, 2 * i + 1, H2_F_END_STREAM, GET_LINES);
	put_u32(m, H2_RST_STREAM, 2 * i + 1, H2_CANCEL);
}

static void
make_made(struct bytes *m, uint32_t i)
{
	put_head(m, 2 * i + 1, H2_F_END_STREAM, GET_LINES);
	put_u32(m, H2_WINDOW_UPDATE, 2 * i + 1, 0);
}

static void
make_continuation(struct bytes *m, uint32_t i)
{
	put_frame(m, i == 0 ? H2_HEADERS : H2_CONTINUATION, 0, 1, "\x82", i == 0);
}

static void
make_block(struct bytes *m, uint32_t i)
{
	put_frame(m, i == 0 ? H2_HEADERS : H2_CONTINUATION, 0, 1, page, 0);
	put_frame(m, H2_CONTINUATION, 0, 1, page, 16000);
}

static void
make_settings(struct bytes *m, uint32_t i)
{
	(void)i;
	put_frame(m, H2_SETTINGS, 0, 0, "", 0);
}

static void
make_pings(struct bytes *m, uint32_t i)
{
	(void)i;
	put_frame(m, H2_PING, 0, 0, "12345678", 8);
}

static void
make_empty(struct bytes *m, uint32_t i)
{
	if (i == 0)
		put_head(m, 1, 0, POST_LINES);
	put_frame(m, H2_DATA, 0, 1, "", 0);
}

static void
make_priority(struct bytes *m, uint32_t i)
{
	put_frame(m, H2_PRIORITY, 0, 2 * i + 1, "\0\0\0\0\1", 5);
}

static void
make_unknown(struct bytes *m, uint32_t i)
{
	put_frame(m, 0xf0, 0, i, "x", 1);
}

static void
make_updates(struct bytes *m, uint32_t i)
{
	(void)i;
	put_u32(m, H2_WINDOW_UPDATE, 0, 1);
}

struct flood {
	make_fn *make;
	unsigned abuse;
	uint32_t within; /* this many repeats end the connection */
};

static const struct flood floods[] = {
	{ make_resets, H2_ABUSE_RESETS, 202 },
	{ make_made, H2_ABUSE_RESETS_SENT, 102 },
	{ make_continuation, H2_ABUSE_CONTINUATION, 40 },
	{ make_block, H2_ABUSE_CONTINUATION, 8 },
	{ make_settings, H2_ABUSE_SETTINGS, 52 },
	{ make_pings, H2_ABUSE_PING, 102 },
	{ make_empty, H2_ABUSE_EMPTY, 52 },
	{ make_priority, H2_ABUSE_PRIORITY, 502 },
	{ make_unknown, H2_ABUSE_PRIORITY, 502 },
	{ make_updates, H2_ABUSE_UPDATES, 2002 },
};

static void
flooded(void **state)
{
	(void)state;
	memset(page, 0x82, sizeof(page));
	for (unsigned i = 0; i < TW_N_ELEMENTS(floods); i++) {
		struct side *const sv = side_new(false);
		uint32_t n = 0;

		side_begin(sv, &wk, false);
		put_preface(&b);
		assert_int_equal(feed_all(sv, &b), 0);
		do {
			b.n = 0;
			drain(sv, &b);
			b.n = 0;
			floods[i].make(&b, n);
		} while (feed_all(sv, &b) == 0 && n++ < floods[i].within);
		if (sv->s.abuse != floods[i].abuse || n >= floods[i].within)
			fail_msg("%s after %u: %s", h2_abuse_name(floods[i].abuse), n,
			    sv->s.why);
		assert_int_equal(sv->s.code, H2_ENHANCE_YOUR_CALM);
		assert_true(wk.abuses[floods[i].abuse] > 0);
		h2_reset_all(&sv->s, H2_CANCEL);
		side_free(sv);
	}
}

/* The same over a longer time is no flood. */
static void
slow_is_fine(void **state)
{
	struct side *const sv = side_new(false);

	(void)state;
	side_begin(sv, &wk, false);
	put_preface(&b);
	assert_int_equal(feed_all(sv, &b), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		b.n = 0;
		drain(sv, &b);
		b.n = 0;
		if (i % 20 == 0)
			wk.now_s++;
		make_pings(&b, i);
		make_resets(&b, i);
		assert_int_equal(feed_all(sv, &b), 0);
	}
	side_free(sv);
}

static void
unread_replies(void **state)
{
	struct side *const sv = side_new(false);

	(void)state;
	sv->lim.max_pings = 0;
	side_begin(sv, &wk, false);
	put_preface(&b);
	assert_int_equal(feed_all(sv, &b), 0);
	b.n = 0;
	for (int i = 0; i < 1001; i++)
		make_pings(&b, 0);
	assert_int_equal(feed_all(sv, &b), -1);
	assert_int_equal(sv->s.abuse, H2_ABUSE_REPLIES);
	side_free(sv);
}

static void
glitches(void **state)
{
	struct side *const sv = side_new(false);

	(void)state;
	sv->lim.max_glitches = 3;
	side_begin(sv, &wk, false);
	put_preface(&b);
	for (uint32_t i = 0; i < 3; i++)
		put_head(&b, 2 * i + 1, 0, "x=1\n");
	assert_int_equal(feed_all(sv, &b), -1);
	assert_int_equal(sv->s.abuse, H2_ABUSE_GLITCHES);
	side_free(sv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchange),
		cmocka_unit_test(flow_control),
		cmocka_unit_test(released_unread),
		cmocka_unit_test(windows_exceeded),
		cmocka_unit_test(window_setting),
		cmocka_unit_test(large_head),
		cmocka_unit_test(shutdown_gently),
		cmocka_unit_test(refuses_above_limit),
		cmocka_unit_test(flooded),
		cmocka_unit_test(slow_is_fine),
		cmocka_unit_test(unread_replies),
		cmocka_unit_test(glitches),
	};

	return cmocka_run_group_tests(tests, wk_setup, wk_teardown);
}
