/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_session.c - begin and end of a session, its limits, and what a peer may
 * do before it is told ENHANCE_YOUR_CALM.
 *
 * Rates are halved for each second of the worker's clock, and every exchange
 * that ends well pays one back: who works is not counted as a flood.
 * Worker. source: RFC 9113 sections 3.4, 6.8, 10.5.
 */
#include "config.h"

#include <stdlib.h>

#include "h2_priv.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

void
h2_limits_init(struct h2_limits *lim, bool is_client)
{
	*lim = (struct h2_limits){
		.max_concurrent_streams = 100,
		.initial_window_size = 65536,
		.connection_window_size = is_client ? 1u << 20 : 1u << 18,
		.max_frame_size = 16384,
		.header_table_size = 4096,
		.max_list_bytes = 16384,
		.max_fields = TW_MAX_HDR,
		.max_resets = 200,
		.max_resets_sent = 100,
		.max_settings = 50,
		.max_pings = 100,
		.max_priorities = 500,
		.max_empty = 50,
		.max_updates = 2000,
		.max_block_frames = 32,
		.max_block_bytes = 65536,
		.max_replies = 1000,
	};
}

void
h2_worker_init(struct h2_worker *wk)
{
	*wk = (struct h2_worker){ 0 };
}

void
h2_worker_fini(struct h2_worker *wk)
{
	for (struct h2_stream *st = wk->streams, *n; st != NULL; st = n) {
		n = st->chain;
		free(st);
	}
	for (struct h2_block *b = wk->blocks, *n; b != NULL; b = n) {
		n = b->next;
		free(b);
	}
	for (struct h2_chunk *c = wk->chunks, *n; c != NULL; c = n) {
		n = c->next;
		free(c);
	}
	free(wk->enc);
	*wk = (struct h2_worker){ 0 };
}

static int
hpack_init(struct h2_session *s)
{
	if (nghttp2_hd_inflate_new(&s->inflater) != 0)
		return -1;
	if (nghttp2_hd_deflate_new(&s->deflater, s->lim->header_table_size) != 0)
		return -1;
	if (s->lim->header_table_size > s->peer.header_table_size)
		nghttp2_hd_deflate_change_table_size(
		    s->deflater, s->peer.header_table_size);
	return 0;
}

int
h2_init(struct h2_session *s, struct h2_worker *wk, bool is_client,
    const struct h2_limits *lim, const struct h2_events *ev)
{
	*s = (struct h2_session){
		.magic = H2_MAGIC,
		.is_client = is_client,
		.ev = ev,
		.lim = lim,
		.wk = wk,
		.state = is_client ? H2_READ_FIRST : H2_READ_PREFACE,
		.peer = { 4096, UINT32_MAX, H2_DEFAULT_WINDOW, 16384, UINT32_MAX, true,
		    false },
		.send_window = H2_DEFAULT_WINDOW,
		.recv_window = H2_DEFAULT_WINDOW,
		.next_id = 1,
		.goaway_id = H2_MAX_ID,
		.n_buckets = H2_BUCKETS,
		.seen_s = wk->now_s,
	};
	s->table = s->own_table;
	if (hpack_init(s) < 0 ||
	    (is_client && h2_out_mem(s, preface, sizeof(preface) - 1) < 0)) {
		h2_fini(s);
		return -1;
	}
	h2_settings_out(s);
	return 0;
}

void
h2_reset_all(struct h2_session *s, uint32_t code)
{
	for (uint32_t i = 0; i < s->n_buckets; i++) {
		struct h2_stream *st;

		while ((st = s->table[i]) != NULL) {
			h2_stream_kill(s, st, code, false);
			if (st->flags & H2_ST_USER)
				s->ev->reset(s, st, code);
		}
	}
}

void
h2_trim(struct h2_session *s)
{
	if (s->n_streams == 0 && s->table != s->own_table) {
		free(s->table);
		memset(s->own_table, 0, sizeof(s->own_table));
		s->table = s->own_table;
		s->n_buckets = H2_BUCKETS;
	}
}

void
h2_fini(struct h2_session *s)
{
	TW_CHECK_MAGIC(s, H2_MAGIC);
	TW_ASSERT(s->n_streams == 0);
	h2_trim(s);
	h2_out_drop(s);
	if (s->block != NULL)
		h2_block_put(s->wk, s->block);
	if (s->inflater != NULL)
		nghttp2_hd_inflate_del(s->inflater);
	if (s->deflater != NULL)
		nghttp2_hd_deflate_del(s->deflater);
	s->inflater = NULL;
	s->deflater = NULL;
	s->magic = 0;
}

static void
goaway_out(struct h2_session *s, uint32_t last, uint32_t code)
{
	uint8_t b[8];

	h2_put32(b, last);
	h2_put32(b + 4, code);
	s->goaway_sent = true;
	h2_out_frame(s, H2_GOAWAY, 0, 0, (struct tw_str){ (char *)b, 8 });
}

void
h2_tell_refused(struct h2_session *s)
{
	if (!s->is_client && s->ev->refused != NULL)
		s->ev->refused(s);
}

int
h2_fail(struct h2_session *s, uint32_t code, const char *why)
{
	if (s->dead)
		return -1;
	s->dead = true;
	s->code = code;
	s->why = why;
	h2_tell_refused(s);
	goaway_out(s, s->last_id < s->goaway_id ? s->last_id : s->goaway_id, code);
	return -1;
}

int
h2_fail_abuse(struct h2_session *s, unsigned abuse, const char *why)
{
	if (s->dead)
		return -1;
	s->abuse = (uint8_t)abuse;
	s->wk->abuses[abuse]++;
	return h2_fail(s, H2_ENHANCE_YOUR_CALM, why);
}

void
h2_goaway(struct h2_session *s, uint32_t code)
{
	if (s->dead || s->shutdown == 2)
		return;
	s->shutdown = 2;
	s->goaway_id = s->last_id;
	goaway_out(s, s->last_id, code);
}

void
h2_shutdown(struct h2_session *s)
{
	if (s->shutdown == 1 || s->is_client) {
		h2_goaway(s, H2_NO_ERROR);
		return;
	}
	if (s->dead || s->shutdown != 0)
		return;
	s->shutdown = 1;
	goaway_out(s, H2_MAX_ID, H2_NO_ERROR);
	h2_ping(s);
}

void
h2_ping(struct h2_session *s)
{
	if (!s->dead)
		h2_out_frame(s, H2_PING, 0, 0, TW_STR("tideway\n"));
}

static void
decay(struct h2_session *s)
{
	uint32_t *const n[] = { &s->n_resets, &s->n_resets_sent, &s->n_settings,
		&s->n_pings, &s->n_empty, &s->n_priorities, &s->n_updates };
	const uint32_t past = s->wk->now_s - s->seen_s;

	s->seen_s = s->wk->now_s;
	for (unsigned i = 0; i < TW_N_ELEMENTS(n); i++)
		*n[i] = past > 31 ? 0 : *n[i] >> past;
}

static const char *const abuse_text[H2_N_ABUSE] = {
	[H2_ABUSE_RESETS] = "too many RST_STREAM frames",
	[H2_ABUSE_RESETS_SENT] = "too many streams had to be reset",
	[H2_ABUSE_CONTINUATION] = "too many CONTINUATION frames",
	[H2_ABUSE_SETTINGS] = "too many SETTINGS frames",
	[H2_ABUSE_PING] = "too many PING frames",
	[H2_ABUSE_EMPTY] = "too many empty frames",
	[H2_ABUSE_PRIORITY] = "too many PRIORITY or unknown frames",
	[H2_ABUSE_UPDATES] = "too many WINDOW_UPDATE frames",
	[H2_ABUSE_REPLIES] = "answers are not read",
	[H2_ABUSE_GLITCHES] = "too many glitches",
};

int
h2_count(struct h2_session *s, uint32_t *n, uint32_t max, unsigned abuse)
{
	if (s->seen_s != s->wk->now_s)
		decay(s);
	if (++*n > max && max != 0)
		return h2_fail_abuse(s, abuse, abuse_text[abuse]);
	return 0;
}

int
h2_glitch(struct h2_session *s)
{
	s->glitches++;
	if (s->lim->max_glitches != 0 && s->glitches >= s->lim->max_glitches &&
	    s->wk->busy_pct >= s->lim->kill_busy_pct)
		return h2_fail_abuse(
		    s, H2_ABUSE_GLITCHES, abuse_text[H2_ABUSE_GLITCHES]);
	return 0;
}

const char *
h2_abuse_name(unsigned abuse)
{
	static const char *const name[H2_N_ABUSE] = { "none", "rapid-reset",
		"made-you-reset", "continuation", "settings", "ping", "empty-frames",
		"priority", "window-update", "unread-replies", "glitches" };

	return abuse < H2_N_ABUSE ? name[abuse] : "unknown";
}

const char *
h2_code_name(uint32_t code)
{
	static const char *const name[] = { "NO_ERROR", "PROTOCOL_ERROR",
		"INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
		"STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL",
		"COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
		"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED" };

	return code < TW_N_ELEMENTS(name) ? name[code] : "unknown";
}
