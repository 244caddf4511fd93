/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_mux.c - a carrier: the session's bytes from and to its connection, and what
 * the engine tells about streams.
 *
 * While bytes are read, streams are only put on a list; their flows run when all
 * of the bytes have been taken, and what they queue leaves together. A carrier
 * whose peer does not read stops its streams after H2_OUT_MAX bytes. Worker.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "h2_child.h"
#include "h2_conf.h"

/* Buffers read, and rounds of sending, before others get their turn. */
#define TURN_READS 8
#define OUT_IOV 8
#define BAD_LINES 10 /* of malformed requests in the log, for a connection */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static enum tw_io
mux_sees(struct tw_str bytes)
{
	const size_t want = sizeof(preface) - 1;
	const size_t n = bytes.len < want ? bytes.len : want;

	if (memcmp(bytes.p, preface, n) != 0)
		return TW_IO_END;
	return n == want ? TW_IO_OK : TW_IO_AGAIN;
}

/* --- what the engine tells --- */

static void
on_head(struct h2_session *s, struct h2_stream *st, const struct h2_head *hd)
{
	struct h2_carrier *const c = s->user;
	struct h2_child *ch = st->user;

	if (ch == NULL) {
		ch = h2__child_new(c, st, NULL);
		if (ch == NULL) {
			h2_reset(s, st, H2_REFUSED_STREAM);
			h2_release(s, st);
			return;
		}
	}
	if (hd->kind == H2_TRAILERS)
		h2__child_trailers(ch, hd);
	else
		h2__child_head(ch, hd);
}

static void
on_data(struct h2_session *s, struct h2_stream *st, struct tw_str data, bool end)
{
	(void)s;
	h2__child_data(st->user, data, end);
}

static void
on_reset(struct h2_session *s, struct h2_stream *st, uint32_t code)
{
	struct h2_child *const ch = st->user;

	ch->refused = s->is_client && code == H2_REFUSED_STREAM;
	h2__child_lost(ch);
}

static void
on_window(struct h2_session *s, struct h2_stream *st)
{
	struct h2_child *const ch = st->user;

	(void)s;
	ch->can_write = true;
	h2__child_ready(ch);
}

static void
on_refused(struct h2_session *s)
{
	struct h2_carrier *const c = s->user;

	/* what ends the connection has a line of its own */
	if (s->dead || c->bad_lines >= BAD_LINES) {
		tw_mux_refused(c->conn);
		return;
	}
	c->bad_lines++;
	tw_mux_malformed(c->conn, s->glitch_why);
}

static void
on_settings(struct h2_session *s)
{
	const struct h2_carrier *const c = s->user;
	struct h2_child *ch, *next;

	for (ch = s->is_client ? LIST_FIRST(&c->all) : NULL; ch != NULL; ch = next) {
		next = LIST_NEXT(ch, all_link);
		h2__child_settings(ch);
	}
}

static const struct h2_events events = {
	.head = on_head,
	.data = on_data,
	.reset = on_reset,
	.window = on_window,
	.settings = on_settings,
	.refused = on_refused,
};

/* --- the carrier --- */

static struct h2_own *
own_of(struct tw_conn *conn)
{
	return tw_worker_block(tw_conn_worker(conn), h2__self);
}

static void
clock_set(struct h2_carrier *c)
{
	const uint32_t now_s = (uint32_t)(tw_now_ms() / 1000);

	if (c->lim.kill_busy_pct > 0 && c->own->engine.now_s != now_s)
		c->own->engine.busy_pct = h2__busy_pct();
	c->own->engine.now_s = now_s;
}

/* A server's carrier is nobody's but the program's: it has what is in force. */
static void
conf_take(struct h2_carrier *c)
{
	const struct tw_proxy *const px = tw_mux_proxy(c->conn);
	const struct h2_gen *const g =
	    h2__gen_of(px != NULL ? tw_proxy_gen(px) : tw_gen_running());

	c->lim = g->limits[c->is_server];
	c->log_errors = g->log_errors;
}

static void *
mux_begin(struct tw_conn *conn, bool is_server)
{
	struct h2_carrier *const c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->conn = conn;
	c->own = own_of(conn);
	c->is_server = is_server;
	c->is_secure = tw_conn_is_secure(conn);
	conf_take(c);
	clock_set(c);
	if (h2_init(&c->s, &c->own->engine, is_server, &c->lim, &events) != 0) {
		free(c);
		return NULL;
	}
	c->s.user = c;
	h2__begun(c);
	TAILQ_INIT(&c->stalled);
	return c;
}

static void
lost(struct h2_child *ch)
{
	if (ch->refused)
		tw_stream_untouched(ch->conn);
	tw_stream_lost(
	    ch->conn, ch->why != NULL ? ch->why : "the peer reset the stream");
}

static void
run_ready(struct h2_carrier *c)
{
	struct h2_child *ch;

	while ((ch = LIST_FIRST(&c->ready)) != NULL) {
		const bool r = ch->can_read, w = ch->can_write;

		LIST_REMOVE(ch, ready_link);
		if (c->ready_last == ch)
			c->ready_last = NULL;
		ch->is_ready = ch->can_read = ch->can_write = false;
		if (ch->lost)
			lost(ch);
		else if (!ch->begun) {
			ch->begun = true;
			tw_stream_begin(ch->conn);
		} else
			tw_stream_event(ch->conn, r, w);
	}
}

/* returns: false: the carrier is over. */
static bool
read_all(struct h2_carrier *c)
{
	struct tw_str bytes;
	size_t used;
	/* something in the buffer: the first bytes were read before it began */
	bool left = c->s.paused || !c->fed;

	c->s.paused = false;
	c->s.turn_frames = c->s.turn_resets = 0;
	for (int n = 0; n < TURN_READS && !c->s.paused; n++, left = false) {
		const enum tw_io io = tw_mux_read(c->conn, &bytes);
		if (io == TW_IO_AGAIN && !left)
			return true;
		if ((io == TW_IO_END && !left) || io == TW_IO_ERR) {
			c->eof = true;
			return io == TW_IO_END;
		}
		c->fed = true;
		const int rc = h2_feed(&c->s, bytes.p, bytes.len, &used);
		tw_mux_used(c->conn, used);
		run_ready(c);
		if (rc < 0)
			return true; /* what is queued tells the peer */
	}
	tw_mux_later(c->conn);
	return true;
}

/* returns: false: it failed. */
static bool
flush(struct h2_carrier *c)
{
	struct iovec iov[OUT_IOV];
	int n;

	while ((n = h2_out_iov(&c->s, iov, OUT_IOV)) > 0) {
		size_t sent;
		const enum tw_io io = tw_mux_write(c->conn, iov, n, &sent);
		h2_out_sent(&c->s, sent);
		if (io == TW_IO_ERR)
			return false;
		if (io == TW_IO_AGAIN)
			break;
	}
	return true;
}

/* Those that had to wait for room go on, one after the other: who fills it waits
 * behind the others again. */
static void
wake_stalled(struct h2_carrier *c)
{
	struct h2_child *ch;

	c->waking = true;
	while (c->s.out_bytes < H2_OUT_MAX && (ch = TAILQ_FIRST(&c->stalled)) != NULL) {
		TAILQ_REMOVE(&c->stalled, ch, stalled_link);
		ch->is_stalled = false;
		ch->can_write = true;
		h2__child_ready(ch);
		run_ready(c);
	}
	c->waking = false;
}

/* A peer that has closed its side opens no window any more: what waits for one cannot
 * be delivered. */
static void
end_blocked(struct h2_carrier *c)
{
	struct h2_stream *st;

	while ((st = h2_take_blocked(&c->s)) != NULL) {
		struct h2_child *const ch = st->user;

		ch->why = "the peer closed its side and opens no window";
		h2__child_lost(ch);
	}
	run_ready(c);
}

static bool
is_done(const struct h2_carrier *c)
{
	if (c->s.dead)
		return true;
	if (tw_mux_streams(c->conn) > 0 || c->s.out_bytes > 0)
		return false;
	return c->eof || (c->leaving && c->s.shutdown >= 2) ||
	    (c->s.goaway_seen && c->is_server);
}

static bool
mux_event(struct tw_conn *conn, void *state)
{
	struct h2_carrier *const c = state;

	(void)conn;
	clock_set(c);
	const bool ok = read_all(c);
	if (c->s.n_total != c->told_streams || c->s.glitches != c->told_glitches)
		h2__told(c);
	run_ready(c);
	wake_stalled(c);
	if (TW_UNLIKELY(c->eof))
		end_blocked(c);
	if (!flush(c) || !ok)
		return false;
	if (!TAILQ_EMPTY(&c->stalled) && c->s.out_bytes < H2_OUT_MAX)
		tw_mux_later(c->conn);
	if (tw_mux_streams(c->conn) == 0 && c->s.out_bytes == 0)
		h2_trim(&c->s);
	return !is_done(c);
}

static void
mux_leave(struct tw_conn *conn, void *state)
{
	struct h2_carrier *const c = state;

	(void)conn;
	c->leaving = true;
	h2_shutdown(&c->s);
}

static void
mux_fini(struct tw_conn *conn, void *state)
{
	struct h2_carrier *const c = state;

	(void)conn;
	h2__ended(c);
	if (c->is_server && !c->eof) { /* closed while it is idle */
		h2_goaway(&c->s, H2_NO_ERROR);
		(void)flush(c);
	}
	h2_reset_all(&c->s, H2_CANCEL);
	while (!LIST_EMPTY(&c->all))
		h2__child_orphan(LIST_FIRST(&c->all));
	h2_fini(&c->s);
	free(c);
}

/* How many the server takes its SETTINGS tell: until then there is the first one.
 * Streams that have not begun count, too. */
static bool
mux_has_room(const void *state)
{
	const struct h2_carrier *const c = state;
	const uint32_t n = tw_mux_streams(c->conn);

	return c->s.settings_seen && h2_can_open(&c->s) &&
	    n < c->s.peer.max_concurrent_streams &&
	    n < c->s.lim->max_concurrent_streams;
}

static void *
mux_open(struct tw_conn *carrier, void *state, struct tw_conn *stream)
{
	(void)carrier;
	return h2__child_new(state, NULL, stream);
}

static uint32_t
mux_glitches(const void *state)
{
	return ((const struct h2_carrier *)state)->s.glitches;
}

/* Ours for a client, both ends' for a server. */
static uint32_t
mux_limit(const void *state)
{
	const struct h2_carrier *const c = state;
	const uint32_t ours = c->lim.max_concurrent_streams;
	const uint32_t theirs = c->s.peer.max_concurrent_streams;

	return c->is_server && theirs < ours ? theirs : ours;
}

const struct tw_mux h2__mux = {
	.sees = mux_sees,
	.begin = mux_begin,
	.event = mux_event,
	.leave = mux_leave,
	.fini = mux_fini,
	.has_room = mux_has_room,
	.open = mux_open,
	.stream = &h2__stream_transport,
	.glitches = mux_glitches,
	.limit = mux_limit,
	.single = &h2__single,
};
