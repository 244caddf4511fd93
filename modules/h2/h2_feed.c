/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_feed.c - received bytes: the preface, headers of frames, DATA.
 *
 * Only what is smaller than H2_MIN_FEED must lie in one piece; payload is
 * handed on as it comes. Worker. source: RFC 9113 sections 3.4, 4.1, 6.1.
 */
#include "config.h"

#include "h2_priv.h"

static const char preface[24] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* Each reader: bytes used; 0, it needs more; -1, connection error; SKIP, no
 * bytes but another state. */
#define SKIP (-2)

static int
read_preface(struct h2_session *s, const char *p, size_t len)
{
	if (memcmp(p, preface, len < 24 ? len : 24) != 0)
		return h2_fail(s, H2_PROTOCOL_ERROR, "no HTTP/2 preface");
	if (len < 24)
		return 0;
	s->state = H2_READ_FIRST;
	return 24;
}

/* ---- DATA ---- */

static int
data_on_closed(struct h2_session *s)
{
	const uint32_t id = s->frame_id;

	if (h2_is_idle_id(s, id))
		return h2_fail(s, H2_PROTOCOL_ERROR, "DATA on an idle stream");
	if (h2_recent(s, id) == 2 || id > s->goaway_id)
		return 0;
	return h2_stream_error(s, id, H2_STREAM_CLOSED);
}

/* Windows count the whole frame, padding too. */
static int
data_windows(struct h2_session *s, struct h2_stream *st)
{
	s->recv_window -= s->left;
	if (s->recv_window < 0)
		return h2_fail(s, H2_FLOW_CONTROL_ERROR, "connection window exceeded");
	if (st == NULL)
		return 0;
	st->recv_window -= s->left;
	if (st->recv_window < 0)
		return h2_stream_error(s, st->id, H2_FLOW_CONTROL_ERROR);
	return 0;
}

static int
data_begin(struct h2_session *s)
{
	struct h2_stream *const st = s->frame_id == 0 ? NULL : h2_find(s, s->frame_id);

	if (s->frame_id == 0)
		return h2_fail(s, H2_PROTOCOL_ERROR, "DATA on stream 0");
	s->cur = st;
	if (data_windows(s, st) < 0)
		return -1;
	if (st == NULL)
		return data_on_closed(s);
	if (s->cur == NULL)
		return 0;
	if (st->flags & H2_ST_REMOTE_END)
		return h2_stream_error(s, st->id, H2_STREAM_CLOSED);
	if (!(st->flags & H2_ST_HEAD_SEEN))
		return h2_stream_error(s, st->id, H2_PROTOCOL_ERROR);
	return 0;
}

/* returns: whether the bytes may be handed on. */
static bool
data_fits(const struct h2_stream *st, size_t n, bool end)
{
	if ((st->flags & H2_ST_NO_BODY) && n > 0)
		return false;
	if (!(st->flags & H2_ST_LENGTH))
		return true;
	return end ? n == st->left : n <= st->left;
}

static int
data_give(struct h2_session *s, struct tw_str data, bool end)
{
	struct h2_stream *const st = s->cur;

	if (st == NULL) {
		h2_credit_conn(s, data.len);
		return s->dead ? -1 : 0;
	}
	if (!data_fits(st, data.len, end)) {
		h2_credit_conn(s, data.len);
		return h2_stream_error(s, st->id, H2_PROTOCOL_ERROR);
	}
	st->left -= st->flags & H2_ST_LENGTH ? data.len : 0;
	st->unconsumed += (uint32_t)data.len;
	if (end)
		h2_stream_end(s, st, H2_ST_REMOTE_END);
	if (data.len > 0 || end)
		s->ev->data(s, st, data, end);
	return s->dead ? -1 : 0;
}

/* Padding counts as consumed at once. */
static void
credit_padding(struct h2_session *s, uint32_t n)
{
	if (s->cur != NULL) {
		s->cur->unconsumed += n;
		h2_consumed(s, s->cur, n);
	} else
		h2_credit_conn(s, n);
}

static int
data_start(struct h2_session *s, const uint8_t *p, size_t len)
{
	const bool is_padded = s->frame_flags & H2_F_PADDED;

	if (is_padded && len < 1)
		return 0;
	s->pad = is_padded ? p[0] : 0;
	s->left -= is_padded;
	if (s->pad > s->left)
		return h2_fail(s, H2_PROTOCOL_ERROR, "more padding than payload");
	s->left -= s->pad;
	if (is_padded)
		credit_padding(s, (uint32_t)s->pad + 1);
	s->state = H2_READ_PAYLOAD;
	if (s->left == 0) {
		const bool end = s->frame_flags & H2_F_END_STREAM;

		s->left = s->pad;
		s->state = H2_READ_PADDING;
		if (!end &&
		    h2_count(s, &s->n_empty, s->lim->max_empty, H2_ABUSE_EMPTY) < 0)
			return -1;
		if (end && data_give(s, TW_STR(""), true) < 0)
			return -1;
	}
	return is_padded ? 1 : SKIP;
}

static int
data_payload(struct h2_session *s, const uint8_t *p, size_t len)
{
	const size_t n = len < s->left ? len : s->left;
	const struct tw_str data = { (const char *)p, n };

	s->left -= (uint32_t)n;
	if (s->left == 0) {
		s->left = s->pad;
		s->state = H2_READ_PADDING;
		return data_give(s, data, s->frame_flags & H2_F_END_STREAM) < 0
		    ? -1
		    : (int)n;
	}
	return data_give(s, data, false) < 0 ? -1 : (int)n;
}

/* ---- HEADERS and CONTINUATION ---- */

static int
headers_start(struct h2_session *s, const uint8_t *p, size_t len)
{
	const bool is_padded = s->frame_flags & H2_F_PADDED;
	const bool has_priority = s->frame_flags & H2_F_PRIORITY;
	const uint32_t need = (uint32_t)is_padded + (has_priority ? 5 : 0);

	if (s->left < need)
		return h2_fail(s, H2_FRAME_SIZE_ERROR, "HEADERS too short");
	if (len < need)
		return 0;
	s->pad = is_padded ? p[0] : 0;
	s->left -= need;
	if (s->pad > s->left)
		return h2_fail(s, H2_PROTOCOL_ERROR, "more padding than payload");
	s->left -= s->pad;
	if (has_priority && (h2_get32(p + is_padded) & H2_MAX_ID) == s->frame_id)
		s->block->bad = "depends on itself";
	s->state = H2_READ_PAYLOAD;
	return need > 0 ? (int)need : SKIP;
}

static int
headers_payload(struct h2_session *s, const uint8_t *p, size_t len)
{
	const size_t n = len < s->left ? len : s->left;

	s->left -= (uint32_t)n;
	const bool last = s->left == 0 && (s->frame_flags & H2_F_END_HEADERS);
	if (s->left == 0) {
		s->left = s->pad;
		s->state = H2_READ_PADDING;
	}
	if (h2_block_feed(s, p, n, last) < 0)
		return -1;
	return n > 0 ? (int)n : SKIP;
}

static int
continuation_begin(struct h2_session *s)
{
	struct h2_block *const b = s->block;

	if (b == NULL)
		return h2_fail(s, H2_PROTOCOL_ERROR, "CONTINUATION without HEADERS");
	if (s->lim->max_block_frames != 0 && ++b->n_frames > s->lim->max_block_frames)
		return h2_fail_abuse(
		    s, H2_ABUSE_CONTINUATION, "too many CONTINUATION frames");
	if (s->left == 0)
		return h2_count(s, &s->n_empty, s->lim->max_empty, H2_ABUSE_EMPTY);
	return 0;
}

static int
block_size(struct h2_session *s)
{
	struct h2_block *const b = s->block;

	b->n_bytes += s->left;
	if (s->lim->max_block_bytes != 0 && b->n_bytes > s->lim->max_block_bytes)
		return h2_fail_abuse(
		    s, H2_ABUSE_CONTINUATION, "a head of too many bytes");
	return 0;
}

/* ---- headers of frames ---- */

static int
begin_headers(struct h2_session *s)
{
	s->state = H2_READ_START;
	if (h2_headers_begin(s, s->frame_flags & H2_F_END_STREAM) < 0)
		return -1;
	return block_size(s);
}

static int
begin_continuation(struct h2_session *s)
{
	s->state = H2_READ_PAYLOAD;
	s->pad = 0;
	if (continuation_begin(s) < 0)
		return -1;
	return block_size(s);
}

static int
begin_unknown(struct h2_session *s)
{
	s->state = H2_READ_PADDING;
	return h2_count(s, &s->n_priorities, s->lim->max_priorities, H2_ABUSE_PRIORITY);
}

static int
begin_data(struct h2_session *s)
{
	s->state = H2_READ_START;
	if (s->left == 0 && (s->frame_flags & H2_F_PADDED))
		return h2_fail(s, H2_FRAME_SIZE_ERROR, "no room for the pad length");
	return data_begin(s);
}

static int
begin_frame(struct h2_session *s)
{
	s->state = H2_READ_PAYLOAD;
	switch (s->type) {
	case H2_DATA:
		return begin_data(s);
	case H2_HEADERS:
		return begin_headers(s);
	case H2_CONTINUATION:
		return begin_continuation(s);
	case H2_PUSH_PROMISE:
		return h2_fail(s, H2_PROTOCOL_ERROR, "PUSH_PROMISE is not wanted");
	case H2_PRIORITY:
	case H2_RST_STREAM:
	case H2_SETTINGS:
	case H2_PING:
	case H2_GOAWAY:
	case H2_WINDOW_UPDATE:
		return h2_control_size(s);
	default:
		return begin_unknown(s);
	}
}

/* returns: whether others are to have their turn before the next frame. */
static bool
turn_is_over(struct h2_session *s)
{
	const struct h2_limits *const l = s->lim;

	s->paused = (l->max_turn_frames != 0 && s->turn_frames >= l->max_turn_frames) ||
	    (l->max_turn_resets != 0 && s->turn_resets >= l->max_turn_resets);
	s->turn_frames++;
	return s->paused;
}

static int
read_header(struct h2_session *s, const uint8_t *p, size_t len)
{
	const bool is_first = s->state == H2_READ_FIRST;

	if (len < H2_FRAME_HEAD || turn_is_over(s))
		return 0;
	s->left = h2_get32(p) >> 8;
	s->type = p[3];
	s->frame_flags = p[4];
	s->frame_id = h2_get32(p + 5) & H2_MAX_ID;
	if (is_first && (s->type != H2_SETTINGS || (s->frame_flags & H2_F_ACK)))
		return h2_fail(s, H2_PROTOCOL_ERROR, "the first frame is not SETTINGS");
	if (s->left > s->lim->max_frame_size)
		return h2_fail(s, H2_FRAME_SIZE_ERROR, "frame above MAX_FRAME_SIZE");
	if (s->block != NULL &&
	    (s->type != H2_CONTINUATION || s->frame_id != s->block->id))
		return h2_fail(s, H2_PROTOCOL_ERROR, "a head is not continued");
	return begin_frame(s) < 0 ? -1 : (int)H2_FRAME_HEAD;
}

static int
control_payload(struct h2_session *s, const uint8_t *p, size_t len)
{
	const bool is_empty = s->left == 0;
	const int n = h2_control(s, p, len);

	if (n < 0)
		return -1;
	s->left -= (uint32_t)n;
	if (s->left == 0 || s->type == H2_GOAWAY)
		s->state = n > 0 || is_empty ? H2_READ_PADDING : s->state;
	return is_empty ? SKIP : n;
}

static int
read_payload(struct h2_session *s, const uint8_t *p, size_t len)
{
	if (s->type == H2_DATA)
		return len == 0 ? 0 : data_payload(s, p, len);
	if (s->type != H2_HEADERS && s->type != H2_CONTINUATION)
		return control_payload(s, p, len);
	return len == 0 && s->left > 0 ? 0 : headers_payload(s, p, len);
}

static int
read_padding(struct h2_session *s, size_t len)
{
	const size_t n = len < s->left ? len : s->left;

	s->left -= (uint32_t)n;
	if (s->left == 0)
		s->state = H2_READ_HEADER;
	else if (n == 0)
		return 0;
	return n > 0 ? (int)n : SKIP;
}

static int
step(struct h2_session *s, const char *p, size_t len)
{
	const uint8_t *const b = (const uint8_t *)p;

	switch (s->state) {
	case H2_READ_PREFACE:
		return len == 0 ? 0 : read_preface(s, p, len);
	case H2_READ_FIRST:
	case H2_READ_HEADER:
		return read_header(s, b, len);
	case H2_READ_START:
		return s->type == H2_DATA ? data_start(s, b, len)
					  : headers_start(s, b, len);
	case H2_READ_PAYLOAD:
		return read_payload(s, b, len);
	case H2_READ_PADDING:
		return read_padding(s, len);
	default:
		TW_WRONG("a session's state");
	}
}

int
h2_feed(struct h2_session *s, const char *p, size_t len, size_t *used)
{
	size_t at = 0;

	TW_CHECK_MAGIC(s, H2_MAGIC);
	while (!s->dead) {
		const int n = step(s, p + at, len - at);

		if (n == 0)
			break;
		if (n > 0)
			at += (size_t)n;
	}
	*used = s->dead ? len : at;
	return s->dead ? -1 : 0;
}
