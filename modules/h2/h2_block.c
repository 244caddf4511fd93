/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_block.c - HEADERS and CONTINUATION: fragments go to the decoder as they
 * come, and what is whole to the user.
 *
 * A head that is refused is decoded to its end all the same: the dynamic table
 * is the connection's. Worker. source: RFC 9113 sections 4.3, 5.1, 6.2, 6.10.
 */
#include "config.h"

#include <stdlib.h>

#include "h2_priv.h"

#define FREE_BLOCKS 16u

static struct h2_block *
block_new(const struct h2_limits *lim)
{
	const uint32_t text = lim->max_list_bytes * 2 + 256;
	const uint32_t n_hdr = lim->max_fields + 2;
	struct h2_block *const b = malloc(sizeof(*b) + n_hdr * sizeof(*b->hdr) + text);

	if (b == NULL)
		return NULL;
	b->text_size = text;
	b->max_hdr = n_hdr;
	b->hdr = (struct tw_hdr *)(b + 1);
	b->text = (char *)(b->hdr + n_hdr);
	return b;
}

static struct h2_block *
block_get(struct h2_session *s)
{
	struct h2_block *b = s->wk->blocks;

	if (b != NULL) {
		s->wk->blocks = b->next;
		s->wk->n_blocks--;
	}
	/* a free one may be of another side's or generation's limits */
	if (b != NULL &&
	    (b->text_size < s->lim->max_list_bytes * 2 + 256 ||
		b->max_hdr < s->lim->max_fields + 2)) {
		free(b);
		b = NULL;
	}
	if (b == NULL && (b = block_new(s->lim)) == NULL)
		return NULL;
	const struct h2_block kept = *b;
	*b = (struct h2_block){ .id = s->frame_id,
		.text_size = kept.text_size,
		.max_hdr = kept.max_hdr,
		.hdr = kept.hdr,
		.text = kept.text };
	return b;
}

void
h2_block_put(struct h2_worker *wk, struct h2_block *b)
{
	if (wk->n_blocks >= FREE_BLOCKS) {
		free(b);
		return;
	}
	b->next = wk->blocks;
	wk->blocks = b;
	wk->n_blocks++;
}

/* ---- what a HEADERS frame is about ---- */

static int
on_closed(struct h2_session *s, struct h2_block *b)
{
	const int how = h2_recent(s, s->frame_id);

	b->drop = true;
	if (how == 2 || (how == 0 && s->is_client))
		return 0;
	if (how == 1)
		return h2_fail(s, H2_STREAM_CLOSED, "HEADERS on a closed stream");
	return h2_fail(s, H2_PROTOCOL_ERROR, "stream ids must rise");
}

static int
on_new(struct h2_session *s, struct h2_block *b)
{
	const uint32_t id = s->frame_id;

	if (s->is_client || (id & 1) == 0)
		return h2_fail(s, H2_PROTOCOL_ERROR, "HEADERS on a wrong stream");
	s->last_id = id;
	if (id > s->goaway_id)
		b->drop = true;
	else if (s->n_streams >= s->lim->max_concurrent_streams) {
		b->drop = true;
		b->code = H2_REFUSED_STREAM;
	}
	return 0;
}

static int
on_stream(struct h2_stream *st, struct h2_block *b)
{
	b->is_trailers = st->flags & H2_ST_HEAD_SEEN;
	if (st->flags & H2_ST_REMOTE_END) {
		b->drop = true;
		b->code = H2_STREAM_CLOSED;
	}
	return 0;
}

int
h2_headers_begin(struct h2_session *s, bool end)
{
	if (s->frame_id == 0)
		return h2_fail(s, H2_PROTOCOL_ERROR, "HEADERS on stream 0");
	struct h2_block *const b = s->block = block_get(s);
	if (b == NULL)
		return h2_fail(s, H2_INTERNAL_ERROR, "out of memory");
	struct h2_stream *const st = h2_find(s, s->frame_id);
	b->end = end;
	if (st != NULL)
		return on_stream(st, b);
	if (h2_is_idle_id(s, s->frame_id))
		return on_new(s, b);
	return on_closed(s, b);
}

/* ---- a whole head ---- */

static void
take_meaning(struct h2_stream *st, const struct h2_head *hd)
{
	st->flags |= H2_ST_HEAD_SEEN;
	if (hd->status == 204 || hd->status == 304)
		st->flags |= H2_ST_NO_BODY;
	if (hd->kind == H2_REQUEST && tw_str_eq(hd->method, TW_STR("CONNECT")))
		st->flags |= H2_ST_TUNNEL;
	if (hd->has_length && !(st->flags & (H2_ST_NO_BODY | H2_ST_TUNNEL))) {
		st->flags |= H2_ST_LENGTH;
		st->left = hd->content_length;
	}
}

static int
give(struct h2_session *s, struct h2_stream *st, const struct h2_block *b)
{
	const struct h2_head *const hd = &b->head;

	if (hd->kind == H2_REQUEST || hd->kind == H2_RESPONSE)
		take_meaning(st, hd);
	if (b->end && (st->flags & H2_ST_LENGTH) && st->left > 0)
		return h2_stream_error(s, st->id, H2_PROTOCOL_ERROR);
	if (b->end)
		h2_stream_end(s, st, H2_ST_REMOTE_END);
	s->ev->head(s, st, hd);
	if (s->lim->max_total_streams != 0 && s->shutdown == 0 && !s->is_client &&
	    s->n_total >= s->lim->max_total_streams)
		h2_shutdown(s);
	return s->dead ? -1 : 0;
}

/* A request that promises a body and ends is no stream yet. */
static bool
lacks_body(const struct h2_block *b)
{
	return b->end && b->head.has_length && b->head.content_length > 0 &&
	    !tw_str_eq(b->head.method, TW_STR("CONNECT"));
}

static int
malformed(struct h2_session *s, const struct h2_block *b)
{
	if (!b->is_trailers)
		h2_tell_refused(s);
	return h2_stream_error(s, b->id, H2_PROTOCOL_ERROR);
}

static int
give_request(struct h2_session *s, struct h2_block *b)
{
	if (!b->too_large && lacks_body(b))
		return malformed(s, b);
	struct h2_stream *const st = h2_stream_new(s, b->id);
	if (st == NULL)
		return h2_fail(s, H2_INTERNAL_ERROR, "out of memory");
	if (b->too_large && h2_glitch(s) < 0) {
		h2_stream_kill(s, st, H2_ENHANCE_YOUR_CALM, true);
		h2_release(s, st);
		return -1;
	}
	return give(s, st, b);
}

static int
block_done(struct h2_session *s, struct h2_block *b)
{
	struct h2_stream *const st = h2_find(s, b->id);
	const bool is_new = !s->is_client && !b->is_trailers;

	if (b->drop || (st == NULL && !is_new))
		return b->code != 0 ? h2_stream_error(s, b->id, b->code) : 0;
	h2_head_finish(s, b);
	s->glitch_why = b->bad;
	if (b->bad != NULL)
		return malformed(s, b);
	return st == NULL ? give_request(s, b) : give(s, st, b);
}

static int
inflate(struct h2_session *s, const uint8_t *p, size_t len, bool last)
{
	struct h2_block *const b = s->block;
	int flags = 0;

	do {
		nghttp2_nv nv;
		const ssize_t n =
		    nghttp2_hd_inflate_hd2(s->inflater, &nv, &flags, p, len, last);

		if (n < 0)
			return h2_fail(
			    s, H2_COMPRESSION_ERROR, nghttp2_strerror((int)n));
		p += n;
		len -= (size_t)n;
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT) || b->drop)
			continue;
		b->n_listed += (uint32_t)(nv.namelen + nv.valuelen + 32);
		if (++b->n_fields > s->lim->max_fields ||
		    b->n_listed > s->lim->max_list_bytes)
			b->too_large = true;
		h2_field_add(b, (struct tw_str){ (const char *)nv.name, nv.namelen },
		    (struct tw_str){ (const char *)nv.value, nv.valuelen });
	} while (flags & NGHTTP2_HD_INFLATE_EMIT);
	return 0;
}

int
h2_block_feed(struct h2_session *s, const uint8_t *p, size_t len, bool last)
{
	struct h2_block *const b = s->block;

	if (inflate(s, p, len, last) < 0)
		return -1;
	if (!last)
		return 0;
	nghttp2_hd_inflate_end_headers(s->inflater);
	s->block = NULL;
	const int r = block_done(s, b);
	h2_block_put(s->wk, b);
	return r;
}
