/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_h2_frames.c - frames by hand against the HTTP/2 engine: what RFC 9113
 * calls an error ends the stream or the connection with the code it names.
 */
#include "config.h"

#include <malloc.h>

#include "h2_help.h"

/* A server behind the preface, and what it said until now thrown away. */
static struct side *
server(struct bytes *b)
{
	struct side *const t = side_new(false);

	side_begin(t, &wk, false);
	put_preface(b);
	assert_int_equal(feed_all(t, b), 0);
	b->n = 0;
	drain(t, b);
	b->n = 0;
	return t;
}

/* A client with one request out. */
static struct side *
client(struct bytes *b)
{
	struct side *const t = side_new(true);
	struct h2_head hd = { .kind = H2_REQUEST,
		.method = TW_STR("GET"),
		.scheme = TW_STR("http"),
		.authority = TW_STR("a"),
		.path = TW_STR("/") };

	side_begin(t, &wk, true);
	struct h2_stream *const st = h2_open(&t->s, NULL);
	hold(t, st);
	assert_int_equal(h2_submit_head(&t->s, st, &hd, true), 0);
	b->n = 0;
	drain(t, b);
	b->n = 0;
	put_frame(b, H2_SETTINGS, 0, 0, "", 0);
	return t;
}

struct fault {
	const char *frames; /* a little language, see play() */
	uint32_t code;
};

/* Frames as hex text: type flags id payload, separated by blanks; ids are one
 * digit; payload hex; G and P are whole heads of GET and POST on stream 1. */
static void
put_word(struct bytes *b, const char *w, size_t len)
{
	uint8_t m[64];
	unsigned type, flags, id, byte;
	size_t n = 0;

	if (sscanf(w, "%2x.%2x.%x.", &type, &flags, &id) != 3)
		fail_msg("a wrong word %s", w);
	const char *p = strrchr(w, '.') + 1;
	for (; p < w + len && sscanf(p, "%2x", &byte) == 1; p += 2)
		m[n++] = (uint8_t)byte;
	put_frame(b, type, flags, id, m, n);
}

static void
play(struct bytes *b, const char *text)
{
	char word[160];
	int n;

	while (sscanf(text, " %159s%n", word, &n) == 1) {
		text += n;
		if (word[0] == 'G')
			put_head(
			    b, (uint32_t)atoi(word + 1), H2_F_END_STREAM, GET_LINES);
		else if (word[0] == 'P')
			put_head(b, (uint32_t)atoi(word + 1), 0, POST_LINES);
		else if (word[0] == 'R')
			put_head(b, (uint32_t)atoi(word + 1), 0, ":status=200\n");
		else
			put_word(b, word, strlen(word));
	}
}

static const struct fault connection_faults[] = {
	{ "00.00.0.61", H2_PROTOCOL_ERROR },      /* DATA on 0 */
	{ "00.00.1.61", H2_PROTOCOL_ERROR },      /* on an idle stream */
	{ "P1 00.08.1.0561", H2_PROTOCOL_ERROR }, /* padding > payload */
	{ "P1 00.08.1.", H2_FRAME_SIZE_ERROR },   /* no pad length */
	{ "01.04.0.82", H2_PROTOCOL_ERROR },      /* HEADERS on 0 */
	{ "01.04.2.82", H2_PROTOCOL_ERROR },      /* even id */
	{ "G5 G3", H2_PROTOCOL_ERROR },           /* ids fall */
	{ "01.0c.1.ff82", H2_PROTOCOL_ERROR },    /* padding > payload */
	{ "01.24.1.0000", H2_FRAME_SIZE_ERROR },  /* half a priority */
	{ "01.04.1.ffffffffffffffffffff", H2_COMPRESSION_ERROR },
	{ "01.04.1.c0", H2_COMPRESSION_ERROR },   /* index of nothing */
	{ "01.04.1.0005", H2_COMPRESSION_ERROR }, /* cut off */
	{ "01.00.1.82 06.00.0.0000000000000000", H2_PROTOCOL_ERROR },
	{ "01.00.1.82 09.04.3.84", H2_PROTOCOL_ERROR }, /* another's */
	{ "01.00.1.82 ff.00.0.", H2_PROTOCOL_ERROR },   /* even an unknown one */
	{ "09.04.1.82", H2_PROTOCOL_ERROR },            /* out of the blue */
	{ "G1 09.04.1.82", H2_PROTOCOL_ERROR },
	{ "02.00.0.0000000010", H2_PROTOCOL_ERROR }, /* PRIORITY on 0 */
	{ "02.00.1.00000000", H2_FRAME_SIZE_ERROR },
	{ "03.00.0.00000008", H2_PROTOCOL_ERROR }, /* RST on 0 */
	{ "03.00.1.00000008", H2_PROTOCOL_ERROR }, /* on an idle stream */
	{ "P1 03.00.1.0000", H2_FRAME_SIZE_ERROR },
	{ "04.00.1.", H2_PROTOCOL_ERROR }, /* SETTINGS on 1 */
	{ "04.00.0.0001", H2_FRAME_SIZE_ERROR },
	{ "04.01.0.000100000000", H2_FRAME_SIZE_ERROR }, /* ACK with payload */
	{ "04.01.0. 04.01.0.", H2_PROTOCOL_ERROR },      /* ACK of nothing */
	{ "04.00.0.000200000002", H2_PROTOCOL_ERROR },   /* ENABLE_PUSH */
	{ "04.00.0.000480000000", H2_FLOW_CONTROL_ERROR },
	{ "04.00.0.000500003fff", H2_PROTOCOL_ERROR }, /* MAX_FRAME_SIZE */
	{ "04.00.0.000501000000", H2_PROTOCOL_ERROR },
	{ "04.00.0.000800000002", H2_PROTOCOL_ERROR }, /* CONNECT_PROTOCOL */
	{ "04.00.0.000800000001000800000000", H2_PROTOCOL_ERROR },
	{ "05.04.1.0000000282", H2_PROTOCOL_ERROR }, /* PUSH_PROMISE */
	{ "06.00.1.0000000000000000", H2_PROTOCOL_ERROR },
	{ "06.00.0.00000000", H2_FRAME_SIZE_ERROR },
	{ "07.00.1.0000000000000000", H2_PROTOCOL_ERROR },
	{ "07.00.0.00000000", H2_FRAME_SIZE_ERROR },
	{ "08.00.0.00000000", H2_PROTOCOL_ERROR }, /* update of 0 */
	{ "08.00.0.7fffffff", H2_FLOW_CONTROL_ERROR },
	{ "08.00.0.0000", H2_FRAME_SIZE_ERROR },
	{ "08.00.1.00000001", H2_PROTOCOL_ERROR }, /* on an idle stream */
	{ "P1 08.00.1.00000001 04.00.0.00047fffffff", H2_FLOW_CONTROL_ERROR },
};

static void
ends_connection(void **state)
{
	struct bytes *const b = *state;

	for (unsigned i = 0; i < sizeof(connection_faults) / sizeof(struct fault); i++)
		for (size_t step = 1; step < 4000; step += 3998) {
			const struct fault *const f = &connection_faults[i];
			struct side *const t = server(b);
			uint32_t code = 99;

			play(b, f->frames);
			if (feed(t, b->p, b->n, step) == 0)
				fail_msg("%s: no error", f->frames);
			if (t->s.code != f->code)
				fail_msg("%s: %s (%s)", f->frames,
				    h2_code_name(t->s.code), t->s.why);
			b->n = 0;
			drain(t, b);
			assert_int_equal(frames(b, H2_GOAWAY, &code), 1);
			assert_int_equal(code, f->code);
			side_free(t);
		}
}

static const struct fault stream_faults[] = {
	{ "G1 00.00.1.61", 0 }, /* see below: half-closed */
	{ "P1 08.00.1.00000000", H2_PROTOCOL_ERROR },
	{ "P1 08.00.1.7fffffff", H2_FLOW_CONTROL_ERROR },
	{ "P1 02.00.1.0000000110", H2_PROTOCOL_ERROR }, /* depends on itself */
	{ "01.25.1.0000000110828684410161", H2_PROTOCOL_ERROR },
	{ "P1 P1", H2_PROTOCOL_ERROR },       /* pseudo in trailers that end nothing */
	{ "P1 01.04.1.", H2_PROTOCOL_ERROR }, /* trailers without END_STREAM */
};

static void
ends_stream(void **state)
{
	struct bytes *const b = *state;

	for (unsigned i = 1; i < sizeof(stream_faults) / sizeof(struct fault); i++) {
		struct side *const t = server(b);
		uint32_t code = 99;

		play(b, stream_faults[i].frames);
		play(b, "G3");
		assert_int_equal(feed_all(t, b), 0);
		b->n = 0;
		drain(t, b);
		if (frames(b, H2_RST_STREAM, &code) != 1 ||
		    code != stream_faults[i].code)
			fail_msg("%s: %s", stream_faults[i].frames, h2_code_name(code));
		/* the connection goes on */
		assert_non_null(strstr(t->log, "request 3 end GET https a /"));
		side_free(t);
	}
}

static void
half_closed_and_closed(void **state)
{
	struct bytes *const b = *state;
	struct side *t = server(b);
	const struct h2_head ok = { .kind = H2_RESPONSE, .status = 200 };
	uint32_t code = 99;

	play(b, "G1 00.00.1.61"); /* DATA after END_STREAM */
	assert_int_equal(feed_all(t, b), 0);
	assert_non_null(strstr(t->log, "reset 1 STREAM_CLOSED"));
	/* we reset it: what was on its way is ignored */
	b->n = 0;
	play(b, "00.00.1.61 G1 03.00.1.00000000 08.00.1.00000001");
	assert_int_equal(feed_all(t, b), 0);
	b->n = 0;
	play(b, "G3");
	assert_int_equal(feed_all(t, b), 0);
	assert_int_equal(h2_submit_head(&t->s, t->held[0], &ok, true), 0);
	assert_false(h2_is_open(t->held[0]));
	assert_int_equal(h2_submit_head(&t->s, t->held[0], &ok, true), -1);
	b->n = 0;
	drain(t, b);
	b->n = 0;
	play(b, "00.00.3.61"); /* ended, both ways */
	assert_int_equal(feed_all(t, b), 0);
	drain(t, b);
	b->n = 0;
	play(b, "G3");
	assert_int_equal(feed_all(t, b), -1);
	assert_int_equal(t->s.code, H2_STREAM_CLOSED);
	side_free(t);
	(void)code;
}

static void
no_preface(void **state)
{
	struct bytes *const b = *state;
	static const char *const wrong[] = { "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", "P", "PRI * HTTP/1" };
	static const int want[] = { -1, -1, 0, -1 };

	for (unsigned i = 0; i < 4; i++) {
		struct side *const t = side_new(false);

		side_begin(t, &wk, false);
		assert_int_equal(feed(t, wrong[i], strlen(wrong[i]), 1), want[i]);
		side_free(t);
	}
	struct side *const t = side_new(false);
	side_begin(t, &wk, false);
	put_preface(b);
	b->n = 24;
	play(b, "06.00.0.0000000000000000");
	assert_int_equal(feed_all(t, b), -1);
	assert_int_equal(t->s.code, H2_PROTOCOL_ERROR);
	side_free(t);
}

static void
too_long_a_frame(void **state)
{
	struct bytes *const b = *state;
	struct side *const t = server(b);
	static const char zero[16385];

	put_frame(b, 0x77, 0, 0, zero, 16384);
	assert_int_equal(feed_all(t, b), 0);
	put_frame(b, 0x77, 0, 0, zero, 16385);
	assert_int_equal(feed_all(t, b), -1);
	assert_int_equal(t->s.code, H2_FRAME_SIZE_ERROR);
	side_free(t);
}

static const struct fault client_faults[] = {
	{ "01.04.2.88", H2_PROTOCOL_ERROR },
	{ "01.04.3.88", H2_PROTOCOL_ERROR }, /* not asked for */
	{ "00.00.3.61", H2_PROTOCOL_ERROR },
	{ "05.04.1.0000000282", H2_PROTOCOL_ERROR },
	{ "04.00.0.000200000001", H2_PROTOCOL_ERROR }, /* a server enables push */
	{ "08.00.3.00000001", H2_PROTOCOL_ERROR },
	{ "03.00.3.00000001", H2_PROTOCOL_ERROR },
};

static void
server_faults(void **state)
{
	struct bytes *const b = *state;

	for (unsigned i = 0; i < sizeof(client_faults) / sizeof(struct fault); i++) {
		struct side *const t = client(b);

		play(b, client_faults[i].frames);
		assert_int_equal(feed_all(t, b), -1);
		assert_int_equal(t->s.code, client_faults[i].code);
		h2_reset_all(&t->s, H2_CANCEL);
		side_free(t);
	}
}

static void
data_before_head(void **state)
{
	struct bytes *const b = *state;
	struct side *const t = client(b);

	play(b, "00.00.1.61");
	assert_int_equal(feed_all(t, b), 0);
	assert_non_null(strstr(t->log, "reset 1 PROTOCOL_ERROR"));
	side_free(t);
}

static void
goaway_refuses(void **state)
{
	struct bytes *const b = *state;
	struct side *const t = client(b);

	play(b, "07.00.0.0000000000000000");
	assert_int_equal(feed_all(t, b), 0);
	assert_non_null(strstr(t->log, "reset 1 REFUSED_STREAM\ngoaway 0 NO_ERROR\n"));
	assert_false(h2_can_open(&t->s));
	side_free(t);
}

static void
ping_and_unknown(void **state)
{
	struct bytes *const b = *state;
	struct side *const t = server(b);
	uint32_t last = 0;

	play(b,
	    "06.00.0.0102030405060708 ee.ff.7.010203 02.00.9.0000000010"
	    " 06.01.0.0000000000000000 01.2d.1.01000000001082868441016100");
	assert_int_equal(feed_all(t, b), 0);
	b->n = 0;
	drain(t, b);
	assert_int_equal(frames(b, H2_PING, &last), 1);
	assert_int_equal(last, 0x05060708);
	assert_string_equal(
	    t->log + strlen("settings\n"), "request 1 end GET http a / [host=a]\n");
	side_free(t);
}

/* Others have their turn after so many frames; what is left is read then. */
static void
turns(void **state)
{
	struct bytes *const b = *state;
	struct side *const t = server(b);
	size_t used;

	b->n = 0;
	play(b,
	    "06.00.0.0102030405060708 06.00.0.0102030405060708"
	    " 06.00.0.0102030405060708");
	t->lim.max_turn_frames = 2;
	t->s.turn_frames = 0;
	assert_int_equal(h2_feed(&t->s, b->p, b->n, &used), 0);
	assert_true(t->s.paused);
	assert_int_equal(used, 2 * (H2_FRAME_HEAD + 8));
	t->s.turn_frames = 0;
	assert_int_equal(h2_feed(&t->s, b->p + used, b->n - used, &used), 0);
	assert_false(t->s.paused);
	assert_int_equal(used, H2_FRAME_HEAD + 8);
	side_free(t);
}

/* The bound for a connection without a stream, HPACK with it. Sanitizers' own
 * allocators do not tell: there only the struct is looked at. */
static void
idle_memory(void **state)
{
	static struct h2_session many[64];
	struct bytes *const b = *state;
	struct side *const t = server(b);
	const size_t before = mallinfo2().uordblks;

	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(
		    h2_init(&many[i], &wk, false, &t->lim, &test_events), 0);
		h2_out_sent(&many[i], many[i].out_bytes);
		assert_true(h2_is_idle(&many[i]));
		assert_null(many[i].out_first);
	}
	const size_t each =
	    (mallinfo2().uordblks - before) / 64 + sizeof(struct h2_session);
	print_message("# an idle session: %zu bytes, %zu of them its own\n", each,
	    sizeof(struct h2_session));
	assert_true(each < 8192);
	for (size_t i = 0; i < 64; i++)
		h2_fini(&many[i]);
	side_free(t);
}

static int
setup(void **state)
{
	*state = malloc(sizeof(struct bytes));
	h2_worker_init(&wk);
	return *state == NULL;
}

static int
teardown(void **state)
{
	free(*state);
	h2_worker_fini(&wk);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_connection),
		cmocka_unit_test(ends_stream),
		cmocka_unit_test(half_closed_and_closed),
		cmocka_unit_test(no_preface),
		cmocka_unit_test(too_long_a_frame),
		cmocka_unit_test(server_faults),
		cmocka_unit_test(data_before_head),
		cmocka_unit_test(goaway_refuses),
		cmocka_unit_test(ping_and_unknown),
		cmocka_unit_test(turns),
		cmocka_unit_test(idle_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
