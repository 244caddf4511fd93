/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_out.c - a session's output: a chain of blocks from the worker's free list,
 * none while there is nothing to send.
 *
 * Worker.
 */
#include "config.h"

#include <stdlib.h>

#include "h2_priv.h"

#define FREE_CHUNKS 64u

static struct h2_chunk *
chunk_get(struct h2_worker *wk)
{
	struct h2_chunk *c = wk->chunks;

	if (c != NULL) {
		wk->chunks = c->next;
		wk->n_chunks--;
	} else if ((c = malloc(sizeof(*c))) == NULL)
		return NULL;
	c->next = NULL;
	c->head = c->tail = 0;
	return c;
}

static void
chunk_put(struct h2_worker *wk, struct h2_chunk *c)
{
	if (wk->n_chunks >= FREE_CHUNKS) {
		free(c);
		return;
	}
	c->next = wk->chunks;
	wk->chunks = c;
	wk->n_chunks++;
}

uint8_t *
h2_out_room(struct h2_session *s, size_t n, size_t *room)
{
	struct h2_chunk *c = s->out_last;

	TW_ASSERT(n <= H2_CHUNK_BYTES);
	if (c == NULL || H2_CHUNK_BYTES - c->tail < n) {
		if ((c = chunk_get(s->wk)) == NULL)
			return NULL;
		if (s->out_last != NULL)
			s->out_last->next = c;
		else
			s->out_first = c;
		s->out_last = c;
	}
	if (room != NULL)
		*room = H2_CHUNK_BYTES - c->tail;
	return c->mem + c->tail;
}

void
h2_out_wrote(struct h2_session *s, size_t n)
{
	s->out_last->tail += (uint32_t)n;
	s->out_bytes += n;
}

int
h2_out_mem(struct h2_session *s, const void *p, size_t n)
{
	const uint8_t *from = p;

	while (n > 0) {
		size_t room;
		uint8_t *const to = h2_out_room(s, 1, &room);
		if (to == NULL)
			return -1;
		const size_t part = n < room ? n : room;
		memcpy(to, from, part);
		h2_out_wrote(s, part);
		from += part;
		n -= part;
	}
	return 0;
}

int
h2_out_frame(struct h2_session *s, unsigned type, unsigned flags, uint32_t id,
    struct tw_str payload)
{
	uint8_t *const p = h2_out_room(s, H2_FRAME_HEAD + payload.len, NULL);

	if (p == NULL)
		return h2_fail(s, H2_INTERNAL_ERROR, "out of memory");
	h2_frame_head(p, payload.len, type, flags, id);
	if (payload.len > 0)
		memcpy(p + H2_FRAME_HEAD, payload.p, payload.len);
	h2_out_wrote(s, H2_FRAME_HEAD + payload.len);
	return 0;
}

int
h2_out_reply(struct h2_session *s, unsigned type, unsigned flags, uint32_t id,
    struct tw_str payload)
{
	if (h2_out_frame(s, type, flags, id, payload) < 0)
		return -1;
	s->replies++;
	if (s->lim->max_replies != 0 && s->replies > s->lim->max_replies)
		return h2_fail_abuse(s, H2_ABUSE_REPLIES, "answers are not read");
	return 0;
}

void
h2_out_rst(struct h2_session *s, uint32_t id, uint32_t code)
{
	uint8_t b[4];

	h2_put32(b, code);
	h2_out_reply(s, H2_RST_STREAM, 0, id, (struct tw_str){ (char *)b, 4 });
}

int
h2_out_iov(const struct h2_session *s, struct iovec *iov, int max)
{
	int n = 0;

	for (struct h2_chunk *c = s->out_first; c != NULL && n < max; c = c->next) {
		if (c->tail == c->head)
			continue;
		iov[n].iov_base = c->mem + c->head;
		iov[n++].iov_len = c->tail - c->head;
	}
	return n;
}

void
h2_out_sent(struct h2_session *s, size_t n)
{
	TW_ASSERT(n <= s->out_bytes);
	s->out_bytes -= n;
	while (s->out_first != NULL) {
		struct h2_chunk *const c = s->out_first;
		const size_t part = n < c->tail - c->head ? n : c->tail - c->head;

		c->head += (uint32_t)part;
		n -= part;
		if (c->head < c->tail)
			return;
		s->out_first = c->next;
		chunk_put(s->wk, c);
	}
	s->out_last = NULL;
	s->replies = 0;
}

void
h2_out_drop(struct h2_session *s)
{
	h2_out_sent(s, s->out_bytes);
}
