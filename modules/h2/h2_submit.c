/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_submit.c - heads, payload and trailers on their way out.
 *
 * A head is encoded straight into the output where it fits one frame there,
 * else into the worker's scratch and cut up. What changes with every message,
 * and what is secret, is never put into the dynamic table: it would only
 * push out what repeats, or show its length.
 * Worker. source: RFC 9113 sections 4.3, 5.2, 6.1, 8.3; RFC 7541 section 7.1.
 */
#include "config.h"

#include <stdlib.h>

#include "h2_priv.h"

#define MAX_NV (TW_MAX_HDR + 8)

struct enc {
	nghttp2_nv nv[MAX_NV];
	unsigned n;
	char *low; /* names in lower case, from the worker's scratch */
	char status[3];
};

static int
scratch(struct h2_worker *wk, size_t size)
{
	if (wk->enc_size >= size)
		return 0;
	uint8_t *const p = realloc(wk->enc, size + 4096);
	if (p == NULL)
		return -1;
	wk->enc = p;
	wk->enc_size = size + 4096;
	return 0;
}

static void
add(struct enc *e, struct tw_str name, struct tw_str value, unsigned flags)
{
	e->nv[e->n++] =
	    (nghttp2_nv){ (uint8_t *)name.p, (uint8_t *)(value.len > 0 ? value.p : ""),
		    name.len, value.len, (uint8_t)flags };
}

/* in: n, in lower case. */
static bool
is_not_indexed(struct tw_str n)
{
	static const struct tw_str words[] = {
		{ "age", 3 },
		{ "date", 4 },
		{ "etag", 4 },
		{ "cookie", 6 },
		{ "expires", 7 },
		{ "location", 8 },
		{ "set-cookie", 10 },
		{ "traceparent", 11 },
		{ "x-request-id", 12 },
		{ "last-modified", 13 },
		{ "authorization", 13 },
		{ "content-range", 13 },
		{ "content-length", 14 },
		{ "x-forwarded-for", 15 },
		{ "proxy-authorization", 19 },
	};

	for (unsigned i = 0; i < TW_N_ELEMENTS(words); i++)
		if (words[i].len >= n.len) {
			if (words[i].len > n.len)
				return false;
			if (memcmp(words[i].p, n.p, n.len) == 0)
				return true;
		}
	return false;
}

static struct tw_str
lower(struct enc *e, const struct tw_hdr *h)
{
	const struct tw_str low = { e->low, h->name_len };

	for (uint16_t i = 0; i < h->name_len; i++) {
		const char c = h->name[i];
		e->low[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	e->low += h->name_len;
	return low;
}

/* Host has become :authority. */
static bool
is_left_out(const struct tw_hdr *h, struct tw_str name)
{
	return h2_is_forbidden(name) || h->id == TW_H_HOST ||
	    (name.len == 4 && memcmp(name.p, "host", 4) == 0) ||
	    (name.len == 14 && memcmp(name.p, "http2-settings", 14) == 0) ||
	    (name.len == 2 && memcmp(name.p, "te", 2) == 0 &&
		!tw_str_ieq(tw_hdr_value(h), TW_STR("trailers")));
}

static void
add_fields(struct enc *e, const struct tw_hdr *hdr, unsigned n)
{
	for (unsigned i = 0; i < n && e->n < MAX_NV; i++) {
		const struct tw_hdr *const h = &hdr[i];

		if ((h->flags & (TW_HDR_DELETED | TW_HDR_HOP)) &&
		    (h->id != TW_H_TE || (h->flags & TW_HDR_DELETED)))
			continue;
		const struct tw_str name = lower(e, h);
		if (!is_left_out(h, name))
			add(e, name, tw_hdr_value(h),
			    is_not_indexed(name) ? NGHTTP2_NV_FLAG_NO_INDEX : 0);
	}
}

static void
add_pseudo(struct enc *e, const struct h2_head *hd)
{
	if (hd->kind != H2_REQUEST) {
		e->status[0] = (char)('0' + hd->status / 100 % 10);
		e->status[1] = (char)('0' + hd->status / 10 % 10);
		e->status[2] = (char)('0' + hd->status % 10);
		add(e, TW_STR(":status"),
		    (struct tw_str){ e->status, sizeof(e->status) }, 0);
		return;
	}
	add(e, TW_STR(":method"), hd->method, 0);
	if (hd->scheme.len > 0)
		add(e, TW_STR(":scheme"), hd->scheme, 0);
	if (hd->authority.len > 0)
		add(e, TW_STR(":authority"), hd->authority, 0);
	if (hd->path.len > 0)
		add(e, TW_STR(":path"), hd->path, NGHTTP2_NV_FLAG_NO_INDEX);
	if (hd->protocol.len > 0)
		add(e, TW_STR(":protocol"), hd->protocol, 0);
}

/* HEADERS and CONTINUATION of an encoded block. */
static int
put_block(struct h2_session *s, uint32_t id, struct tw_str block, bool end)
{
	unsigned type = H2_HEADERS, flags = end ? H2_F_END_STREAM : 0;

	do {
		const size_t n = block.len < s->peer.max_frame_size
		    ? block.len
		    : s->peer.max_frame_size;
		uint8_t head[H2_FRAME_HEAD];

		flags |= n == block.len ? H2_F_END_HEADERS : 0;
		h2_frame_head(head, n, type, flags, id);
		if (h2_out_mem(s, head, sizeof(head)) < 0 ||
		    h2_out_mem(s, block.p, n) < 0)
			return -1;
		block.p += n;
		block.len -= n;
		type = H2_CONTINUATION;
		flags = 0;
	} while (block.len > 0);
	return 0;
}

static int
encode_far(struct h2_session *s, uint32_t id, struct enc *e, size_t bound, bool end)
{
	uint8_t *const mem = malloc(bound);

	if (mem == NULL)
		return -1;
	const ssize_t n = nghttp2_hd_deflate_hd(s->deflater, mem, bound, e->nv, e->n);
	const int r = n < 0
	    ? -1
	    : put_block(s, id, (struct tw_str){ (char *)mem, (size_t)n }, end);
	free(mem);
	return r;
}

static int
encode(struct h2_session *s, uint32_t id, struct enc *e, bool end)
{
	const size_t bound = nghttp2_hd_deflate_bound(s->deflater, e->nv, e->n);

	if (bound > H2_CHUNK_BYTES - H2_FRAME_HEAD || bound > s->peer.max_frame_size)
		return encode_far(s, id, e, bound, end);
	uint8_t *const p = h2_out_room(s, H2_FRAME_HEAD + bound, NULL);
	if (p == NULL)
		return -1;
	const ssize_t n =
	    nghttp2_hd_deflate_hd(s->deflater, p + H2_FRAME_HEAD, bound, e->nv, e->n);
	if (n < 0)
		return -1;
	h2_frame_head(p, (size_t)n, H2_HEADERS,
	    H2_F_END_HEADERS | (end ? H2_F_END_STREAM : 0), id);
	h2_out_wrote(s, H2_FRAME_HEAD + (size_t)n);
	return 0;
}

static int
submit(struct h2_session *s, struct h2_stream *st, struct enc *e, bool end)
{
	if (encode(s, st->id, e, end) < 0)
		return h2_fail(s, H2_INTERNAL_ERROR, "out of memory");
	if (end)
		h2_stream_end(s, st, H2_ST_LOCAL_END);
	return 0;
}

static int
enc_begin(struct h2_session *s, struct enc *e, const struct tw_hdr *hdr, unsigned n)
{
	size_t names = 1;

	for (unsigned i = 0; i < n; i++)
		names += hdr[i].name_len;
	if (scratch(s->wk, names) < 0)
		return h2_fail(s, H2_INTERNAL_ERROR, "out of memory");
	e->low = (char *)s->wk->enc;
	e->n = 0;
	return 0;
}

static bool
may_submit(const struct h2_session *s, const struct h2_stream *st)
{
	return !s->dead && h2_is_open(st) && !(st->flags & H2_ST_LOCAL_END);
}

int
h2_submit_head(
    struct h2_session *s, struct h2_stream *st, const struct h2_head *hd, bool end)
{
	struct enc e;

	if (!may_submit(s, st) || enc_begin(s, &e, hd->hdr, hd->n_hdr) < 0)
		return -1;
	add_pseudo(&e, hd);
	add_fields(&e, hd->hdr, hd->n_hdr);
	if (hd->kind != H2_INTERIM)
		st->flags |= H2_ST_HEAD_SENT;
	if (hd->kind == H2_REQUEST && tw_str_eq(hd->method, TW_STR("HEAD")))
		st->flags |= H2_ST_NO_BODY;
	if (hd->kind == H2_REQUEST && tw_str_eq(hd->method, TW_STR("CONNECT")))
		st->flags |= H2_ST_TUNNEL;
	return submit(s, st, &e, end);
}

int
h2_submit_trailers(struct h2_session *s, struct h2_stream *st, const struct tw_hdr *hdr,
    unsigned n_hdr)
{
	struct enc e;

	if (!may_submit(s, st) || enc_begin(s, &e, hdr, n_hdr) < 0)
		return -1;
	add_fields(&e, hdr, n_hdr);
	if (e.n > 0)
		return submit(s, st, &e, true);
	h2_submit_data(s, st, "", 0, true);
	return 0;
}

/* ---- payload ---- */

size_t
h2_may_send(const struct h2_session *s, const struct h2_stream *st)
{
	int64_t n = s->peer.max_frame_size;

	if (!may_submit(s, st))
		return 0;
	if (n > s->send_window)
		n = s->send_window;
	if (n > st->send_window)
		n = st->send_window;
	return n > 0 ? (size_t)n : 0;
}

ssize_t
h2_data_frame(struct h2_session *s, struct h2_stream *st, size_t want, bool end,
    uint8_t head[H2_FRAME_HEAD])
{
	const size_t may = h2_may_send(s, st);
	const size_t n = want < may ? want : may;
	const bool last = end && n == want;

	if (!may_submit(s, st) || (want == 0 && !end))
		return -1;
	if (n == 0 && want > 0) {
		h2_block_on(s, st);
		return -1;
	}
	h2_frame_head(head, n, H2_DATA, last ? H2_F_END_STREAM : 0, st->id);
	s->send_window -= (int64_t)n;
	st->send_window -= (int64_t)n;
	/* each frame may be answered twice, for the stream and for the connection */
	s->n_updates -= s->n_updates < 2 ? s->n_updates : 2;
	if (last)
		h2_stream_end(s, st, H2_ST_LOCAL_END);
	return (ssize_t)n;
}

size_t
h2_submit_data(
    struct h2_session *s, struct h2_stream *st, const char *p, size_t len, bool end)
{
	size_t at = 0;

	for (;;) {
		uint8_t head[H2_FRAME_HEAD];
		const ssize_t n = h2_data_frame(s, st, len - at, end, head);

		if (n < 0)
			return at;
		if (h2_out_mem(s, head, sizeof(head)) < 0 ||
		    h2_out_mem(s, p + at, (size_t)n) < 0) {
			h2_fail(s, H2_INTERNAL_ERROR, "out of memory");
			return at;
		}
		at += (size_t)n;
		if (at == len)
			return at;
	}
}
