/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_ctl.c - SETTINGS, PING, GOAWAY, RST_STREAM, WINDOW_UPDATE, PRIORITY: what
 * they may look like and what they do; and the windows that peers fill.
 *
 * Worker. source: RFC 9113 sections 5.2, 6.3 to 6.9.
 */
#include "config.h"

#include "h2_priv.h"

static void
put_setting(uint8_t *b, size_t *n, unsigned id, uint32_t value)
{
	b[*n] = 0;
	b[*n + 1] = (uint8_t)id;
	h2_put32(b + *n + 2, value);
	*n += 6;
}

void
h2_settings_out(struct h2_session *s)
{
	const struct h2_limits *const l = s->lim;
	uint8_t b[48];
	size_t n = 0;

	put_setting(b, &n, H2_S_TABLE_SIZE, l->header_table_size);
	if (s->is_client)
		put_setting(b, &n, H2_S_PUSH, 0);
	else if (l->max_concurrent_streams != UINT32_MAX)
		put_setting(b, &n, H2_S_STREAMS, l->max_concurrent_streams);
	put_setting(b, &n, H2_S_WINDOW, l->initial_window_size);
	put_setting(b, &n, H2_S_FRAME_SIZE, l->max_frame_size);
	put_setting(b, &n, H2_S_LIST_SIZE, l->max_list_bytes);
	if (!s->is_client && l->connect_protocol)
		put_setting(b, &n, H2_S_CONNECT, 1);
	h2_out_frame(s, H2_SETTINGS, 0, 0, (struct tw_str){ (char *)b, n });
	if (l->connection_window_size > H2_DEFAULT_WINDOW) {
		const uint32_t more = l->connection_window_size - H2_DEFAULT_WINDOW;

		h2_put32(b, more);
		h2_out_frame(
		    s, H2_WINDOW_UPDATE, 0, 0, (struct tw_str){ (char *)b, 4 });
		s->recv_window += more;
	}
}

/* ---- windows that we grant ---- */

static void
update_out(struct h2_session *s, uint32_t id, uint32_t n)
{
	uint8_t b[4];

	h2_put32(b, n);
	h2_out_frame(s, H2_WINDOW_UPDATE, 0, id, (struct tw_str){ (char *)b, 4 });
}

void
h2_credit_conn(struct h2_session *s, size_t n)
{
	uint32_t half = s->lim->connection_window_size / 2;

	if (half < H2_DEFAULT_WINDOW / 2)
		half = H2_DEFAULT_WINDOW / 2;
	s->credit += (uint32_t)n;
	if (s->credit < half || s->dead)
		return;
	update_out(s, 0, s->credit);
	s->recv_window += s->credit;
	s->credit = 0;
}

void
h2_consumed(struct h2_session *s, struct h2_stream *st, size_t n)
{
	TW_ASSERT(n <= st->unconsumed);
	st->unconsumed -= (uint32_t)n;
	h2_credit_conn(s, n);
	st->credit += (uint32_t)n;
	if (!h2_is_open(st) || (st->flags & H2_ST_REMOTE_END) || s->dead ||
	    st->credit == 0 || st->credit < s->lim->initial_window_size / 2)
		return;
	update_out(s, st->id, st->credit);
	st->recv_window += st->credit;
	st->credit = 0;
}

/* ---- SETTINGS ---- */

/* in: delta, by which every stream's window changes. */
static int
shift_windows(struct h2_session *s, int64_t delta)
{
	bool wake = false;

	for (uint32_t i = 0; i < s->n_buckets; i++)
		for (struct h2_stream *st = s->table[i]; st; st = st->chain) {
			st->send_window += delta;
			if (st->send_window > H2_MAX_WINDOW)
				return h2_fail(s, H2_FLOW_CONTROL_ERROR,
				    "INITIAL_WINDOW_SIZE overflows a window");
			wake |= delta > 0 && (st->flags & H2_ST_BLOCKED);
		}
	if (wake)
		h2_wake(s);
	return s->dead ? -1 : 0;
}

static int
set_window(struct h2_session *s, uint32_t v)
{
	const int64_t delta = (int64_t)v - s->peer.initial_window_size;

	if (v > H2_MAX_WINDOW)
		return h2_fail(
		    s, H2_FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE out of range");
	s->peer.initial_window_size = v;
	return delta != 0 ? shift_windows(s, delta) : 0;
}

static int
set_connect(struct h2_session *s, uint32_t v)
{
	if (v > 1 || (v == 0 && s->peer.connect_protocol))
		return h2_fail(
		    s, H2_PROTOCOL_ERROR, "wrong ENABLE_CONNECT_PROTOCOL setting");
	s->peer.connect_protocol = v != 0;
	return 0;
}

static int
set_table_size(struct h2_session *s, uint32_t v)
{
	s->peer.header_table_size = v;
	if (nghttp2_hd_deflate_change_table_size(s->deflater, v) != 0)
		return h2_fail(s, H2_INTERNAL_ERROR, "out of memory");
	return 0;
}

static int
setting(struct h2_session *s, unsigned id, uint32_t v)
{
	switch (id) {
	case H2_S_TABLE_SIZE:
		return set_table_size(s, v);
	case H2_S_PUSH:
		if (v > 1 || (v == 1 && s->is_client))
			return h2_fail(
			    s, H2_PROTOCOL_ERROR, "wrong ENABLE_PUSH setting");
		s->peer.push = v != 0;
		return 0;
	case H2_S_STREAMS:
		s->peer.max_concurrent_streams = v;
		return 0;
	case H2_S_WINDOW:
		return set_window(s, v);
	case H2_S_FRAME_SIZE:
		if (v < 16384 || v > 16777215)
			return h2_fail(
			    s, H2_PROTOCOL_ERROR, "MAX_FRAME_SIZE out of range");
		s->peer.max_frame_size = v;
		return 0;
	case H2_S_LIST_SIZE:
		s->peer.max_list_bytes = v;
		return 0;
	case H2_S_CONNECT:
		return set_connect(s, v);
	default:
		return 0;
	}
}

/* Ours are in force from here on; until now streams had the larger window. */
static int
settings_acked(struct h2_session *s)
{
	const uint32_t ours = s->lim->initial_window_size;

	if (s->acked)
		return h2_fail(s, H2_PROTOCOL_ERROR, "SETTINGS ACK without SETTINGS");
	s->acked = true;
	if (nghttp2_hd_inflate_change_table_size(
		s->inflater, s->lim->header_table_size) != 0)
		return h2_fail(s, H2_INTERNAL_ERROR, "out of memory");
	if (ours >= H2_DEFAULT_WINDOW)
		return 0;
	for (uint32_t i = 0; i < s->n_buckets; i++)
		for (struct h2_stream *st = s->table[i]; st; st = st->chain)
			st->recv_window -= H2_DEFAULT_WINDOW - ours;
	return 0;
}

static int
settings_end(struct h2_session *s)
{
	if (s->frame_flags & H2_F_ACK)
		return settings_acked(s);
	if (h2_out_reply(s, H2_SETTINGS, H2_F_ACK, 0, TW_STR("")) < 0)
		return -1;
	s->settings_seen = true;
	if (s->ev->settings != NULL)
		s->ev->settings(s);
	return s->dead ? -1 : 0;
}

static int
read_settings(struct h2_session *s, const uint8_t *p, size_t len)
{
	size_t n = 0;

	for (; n + 6 <= len; n += 6)
		if (setting(s, (unsigned)p[n] << 8 | p[n + 1], h2_get32(p + n + 2)) < 0)
			return -1;
	if (n == s->left && settings_end(s) < 0)
		return -1;
	return (int)n;
}

/* ---- the others ---- */

static int
read_ping(struct h2_session *s, const uint8_t *p)
{
	const struct tw_str data = { (const char *)p, 8 };

	if (!(s->frame_flags & H2_F_ACK))
		return h2_out_reply(s, H2_PING, H2_F_ACK, 0, data);
	if (s->shutdown == 1)
		h2_goaway(s, H2_NO_ERROR);
	return s->dead ? -1 : 0;
}

/* returns: one that is open and above `last`; NULL: there is none. */
static struct h2_stream *
one_above(const struct h2_session *s, uint32_t bucket, uint32_t last)
{
	struct h2_stream *st = s->table[bucket];

	while (st != NULL && st->id <= last)
		st = st->chain;
	return st;
}

/* Streams that the peer will not look at may be tried elsewhere. Looked for
 * anew after each event, as it may have let go of others. */
static int
read_goaway(struct h2_session *s, const uint8_t *p)
{
	const uint32_t last = h2_get32(p) & H2_MAX_ID;

	s->goaway_seen = true;
	for (uint32_t i = 0; s->is_client && i < s->n_buckets; i++) {
		struct h2_stream *st;

		while ((st = one_above(s, i, last)) != NULL) {
			/* given up by us: should it be answered, that is ignored */
			h2_stream_kill(s, st, H2_REFUSED_STREAM, true);
			s->ev->reset(s, st, H2_REFUSED_STREAM);
		}
	}
	if (s->ev->goaway != NULL)
		s->ev->goaway(s, last, h2_get32(p + 4));
	return s->dead ? -1 : 0;
}

static int
read_rst(struct h2_session *s, const uint8_t *p)
{
	struct h2_stream *const st = h2_find(s, s->frame_id);

	s->turn_resets++;
	if (h2_is_idle_id(s, s->frame_id))
		return h2_fail(s, H2_PROTOCOL_ERROR, "RST_STREAM on an idle stream");
	if (st != NULL) {
		const uint32_t code = h2_get32(p);

		h2_stream_kill(s, st, code, false);
		s->ev->reset(s, st, code);
		if (s->dead)
			return -1;
	}
	return h2_count(s, &s->n_resets, s->lim->max_resets, H2_ABUSE_RESETS);
}

static int
conn_update(struct h2_session *s, uint32_t n)
{
	if (n == 0)
		return h2_fail(s, H2_PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
	s->send_window += n;
	if (s->send_window > H2_MAX_WINDOW)
		return h2_fail(s, H2_FLOW_CONTROL_ERROR, "connection window overflow");
	h2_wake(s);
	return s->dead ? -1 : 0;
}

static int
stream_update(struct h2_session *s, struct h2_stream *st, uint32_t n)
{
	if (n == 0)
		return h2_stream_error(s, st->id, H2_PROTOCOL_ERROR);
	st->send_window += n;
	if (st->send_window > H2_MAX_WINDOW)
		return h2_stream_error(s, st->id, H2_FLOW_CONTROL_ERROR);
	if ((st->flags & H2_ST_BLOCKED) && st->send_window > 0 && s->send_window > 0) {
		h2_unblock(s, st);
		s->ev->window(s, st);
	}
	return s->dead ? -1 : 0;
}

static int
read_update(struct h2_session *s, const uint8_t *p)
{
	const uint32_t n = h2_get32(p) & H2_MAX_WINDOW;

	if (h2_count(s, &s->n_updates, s->lim->max_updates, H2_ABUSE_UPDATES) < 0)
		return -1;
	if (s->frame_id == 0)
		return conn_update(s, n);
	if (h2_is_idle_id(s, s->frame_id))
		return h2_fail(s, H2_PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream");
	struct h2_stream *const st = h2_find(s, s->frame_id);
	return st != NULL ? stream_update(s, st, n) : 0;
}

/* Only that a stream cannot depend on itself is left of it. */
static int
read_priority(struct h2_session *s, const uint8_t *p)
{
	if ((h2_get32(p) & H2_MAX_ID) != s->frame_id)
		return 0;
	if (h2_is_idle_id(s, s->frame_id))
		return h2_glitch(s);
	return h2_stream_error(s, s->frame_id, H2_PROTOCOL_ERROR);
}

int
h2_control(struct h2_session *s, const uint8_t *p, size_t len)
{
	static const uint8_t size[] = { [H2_PRIORITY] = 5,
		[H2_RST_STREAM] = 4,
		[H2_PING] = 8,
		[H2_GOAWAY] = 8,
		[H2_WINDOW_UPDATE] = 4 };
	int (*const read[])(
	    struct h2_session *, const uint8_t *) = { [H2_PRIORITY] = read_priority,
		[H2_RST_STREAM] = read_rst,
		[H2_PING] = read_ping,
		[H2_GOAWAY] = read_goaway,
		[H2_WINDOW_UPDATE] = read_update };

	if (s->type == H2_SETTINGS)
		return read_settings(s, p, len < s->left ? len : s->left);
	const int need = size[s->type];
	if (len < (size_t)need)
		return 0;
	return read[s->type](s, p) < 0 ? -1 : need;
}

/* ---- lengths and ids, before anything is read ---- */

static int
settings_size(struct h2_session *s)
{
	if (s->frame_flags & H2_F_ACK ? s->left != 0 : s->left % 6 != 0)
		return h2_fail(s, H2_FRAME_SIZE_ERROR, "wrong length of SETTINGS");
	return h2_count(s, &s->n_settings, s->lim->max_settings, H2_ABUSE_SETTINGS);
}

static int
exact_size(struct h2_session *s, uint32_t size)
{
	if (s->left != size)
		return h2_fail(s, H2_FRAME_SIZE_ERROR, "wrong length of a frame");
	return 0;
}

static int
priority_size(struct h2_session *s)
{
	if (h2_count(s, &s->n_priorities, s->lim->max_priorities, H2_ABUSE_PRIORITY) <
	    0)
		return -1;
	return exact_size(s, 5);
}

static int
ping_size(struct h2_session *s)
{
	if (h2_count(s, &s->n_pings, s->lim->max_pings, H2_ABUSE_PING) < 0)
		return -1;
	return exact_size(s, 8);
}

int
h2_control_size(struct h2_session *s)
{
	const bool is_conn =
	    s->type == H2_SETTINGS || s->type == H2_PING || s->type == H2_GOAWAY;

	if (s->type != H2_WINDOW_UPDATE && is_conn != (s->frame_id == 0))
		return h2_fail(s, H2_PROTOCOL_ERROR, "frame on a wrong stream");
	switch (s->type) {
	case H2_SETTINGS:
		return settings_size(s);
	case H2_PING:
		return ping_size(s);
	case H2_PRIORITY:
		return priority_size(s);
	case H2_GOAWAY:
		return s->left < 8 ? exact_size(s, 8) : 0;
	default:
		return exact_size(s, 4);
	}
}
