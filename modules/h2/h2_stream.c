/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_stream.c - the streams of a session: found by id, ended, reset, released,
 * and the line of those that wait for a window.
 *
 * Worker. source: RFC 9113 sections 5.1, 5.4.2.
 */
#include "config.h"

#include <stdlib.h>

#include "h2_priv.h"

#define FREE_STREAMS 1024u

static inline struct h2_stream **
bucket(const struct h2_session *s, uint32_t id)
{
	return &s->table[(id >> 1) & (s->n_buckets - 1)];
}

struct h2_stream *
h2_find(const struct h2_session *s, uint32_t id)
{
	struct h2_stream *st = *bucket(s, id);

	while (st != NULL && st->id != id)
		st = st->chain;
	return st;
}

/* Without memory the chains only get longer. */
static void
grow(struct h2_session *s)
{
	struct h2_stream **const old = s->table;
	const uint32_t n = s->n_buckets;
	struct h2_stream **const table = calloc((size_t)n * 4, sizeof(*table));

	if (table == NULL)
		return;
	s->table = table;
	s->n_buckets = n * 4;
	for (uint32_t i = 0; i < n; i++)
		for (struct h2_stream *st = old[i], *next; st != NULL; st = next) {
			struct h2_stream **const at = bucket(s, st->id);

			next = st->chain;
			st->chain = *at;
			*at = st;
		}
	if (old != s->own_table)
		free(old);
}

static struct h2_stream *
stream_get(struct h2_worker *wk)
{
	struct h2_stream *const st = wk->streams;

	if (st == NULL)
		return malloc(sizeof(*st));
	wk->streams = st->chain;
	wk->n_streams--;
	return st;
}

static void
stream_put(struct h2_worker *wk, struct h2_stream *st)
{
	if (wk->n_streams >= FREE_STREAMS) {
		free(st);
		return;
	}
	st->chain = wk->streams;
	wk->streams = st;
	wk->n_streams++;
}

struct h2_stream *
h2_stream_new(struct h2_session *s, uint32_t id)
{
	struct h2_stream *const st = stream_get(s->wk);
	const uint32_t ours = s->lim->initial_window_size;

	if (st == NULL)
		return NULL;
	if (s->n_streams >= s->n_buckets * 2)
		grow(s);
	struct h2_stream **const at = bucket(s, id);
	*st = (struct h2_stream){ .id = id,
		.flags = H2_ST_LINKED | H2_ST_USER,
		.send_window = s->peer.initial_window_size,
		.chain = *at };
	st->recv_window =
	    s->acked || ours > H2_DEFAULT_WINDOW ? ours : H2_DEFAULT_WINDOW;
	*at = st;
	s->n_streams++;
	s->n_total++;
	return st;
}

void
h2_block_on(struct h2_session *s, struct h2_stream *st)
{
	if (st->flags & H2_ST_BLOCKED)
		return;
	st->flags |= H2_ST_BLOCKED;
	st->next = NULL;
	st->prev = s->blocked_last;
	if (s->blocked_last != NULL)
		s->blocked_last->next = st;
	else
		s->blocked_first = st;
	s->blocked_last = st;
	s->n_blocked++;
}

void
h2_unblock(struct h2_session *s, struct h2_stream *st)
{
	if (!(st->flags & H2_ST_BLOCKED))
		return;
	st->flags &= (uint16_t)~H2_ST_BLOCKED;
	if (st->prev != NULL)
		st->prev->next = st->next;
	else
		s->blocked_first = st->next;
	if (st->next != NULL)
		st->next->prev = st->prev;
	else
		s->blocked_last = st->prev;
	s->n_blocked--;
}

struct h2_stream *
h2_take_blocked(struct h2_session *s)
{
	struct h2_stream *const st = s->blocked_first;

	if (st != NULL)
		h2_unblock(s, st);
	return st;
}

/* One round: who is called may be blocked again, behind `last`, or gone. */
void
h2_wake(struct h2_session *s)
{
	uint32_t n = s->n_blocked;

	for (; n > 0 && s->send_window > 0 && s->blocked_first != NULL; n--) {
		struct h2_stream *const st = s->blocked_first;
		const bool may = st->send_window > 0;

		h2_unblock(s, st);
		if (may)
			s->ev->window(s, st);
		else
			h2_block_on(s, st);
	}
}

static void
unlink_stream(struct h2_session *s, struct h2_stream *st, uint32_t bit)
{
	struct h2_stream **at = bucket(s, st->id);

	if (!(st->flags & H2_ST_LINKED))
		return;
	while (*at != st)
		at = &(*at)->chain;
	*at = st->chain;
	st->flags &= (uint16_t)~H2_ST_LINKED;
	s->n_streams--;
	s->recent[s->recent_at++ % H2_RECENT] = st->id | bit;
	if (s->cur == st)
		s->cur = NULL;
	h2_unblock(s, st);
}

static void
pay_back(uint32_t *n)
{
	if (*n > 0)
		--*n;
}

void
h2_stream_end(struct h2_session *s, struct h2_stream *st, unsigned side)
{
	st->flags |= (uint16_t)side;
	if ((st->flags & (H2_ST_LOCAL_END | H2_ST_REMOTE_END)) !=
	    (H2_ST_LOCAL_END | H2_ST_REMOTE_END))
		return;
	unlink_stream(s, st, 0);
	pay_back(&s->n_resets);
	pay_back(&s->n_resets_sent);
	pay_back(&s->n_settings);
	pay_back(&s->n_pings);
	pay_back(&s->n_priorities);
}

void
h2_stream_kill(struct h2_session *s, struct h2_stream *st, uint32_t code, bool by_us)
{
	unlink_stream(s, st, by_us ? H2_RESET_BIT : 0);
	st->flags |= H2_ST_RESET;
	st->code = code;
}

bool
h2_is_idle_id(const struct h2_session *s, uint32_t id)
{
	return (id & 1) == 0 || (s->is_client ? id >= s->next_id : id > s->last_id);
}

int
h2_recent(const struct h2_session *s, uint32_t id)
{
	for (unsigned i = 0; i < H2_RECENT; i++)
		if ((s->recent[i] & H2_MAX_ID) == id)
			return s->recent[i] & H2_RESET_BIT ? 2 : 1;
	return 0;
}

int
h2_stream_error(struct h2_session *s, uint32_t id, uint32_t code)
{
	struct h2_stream *const st = h2_find(s, id);

	h2_out_rst(s, id, code);
	if (st != NULL) {
		h2_stream_kill(s, st, code, true);
		if (st->flags & H2_ST_USER)
			s->ev->reset(s, st, code);
	} else if (h2_recent(s, id) == 0)
		s->recent[s->recent_at++ % H2_RECENT] = id | H2_RESET_BIT;
	s->glitch_code = code;
	if (s->dead || h2_glitch(s) < 0)
		return -1;
	return h2_count(
	    s, &s->n_resets_sent, s->lim->max_resets_sent, H2_ABUSE_RESETS_SENT);
}

void
h2_reset(struct h2_session *s, struct h2_stream *st, uint32_t code)
{
	if (!(st->flags & H2_ST_LINKED))
		return;
	if (!s->dead && (!s->is_client || (st->flags & H2_ST_HEAD_SENT)))
		h2_out_rst(s, st->id, code);
	h2_stream_kill(s, st, code, true);
}

void
h2_release(struct h2_session *s, struct h2_stream *st)
{
	if (st->flags & H2_ST_LINKED)
		h2_reset(s, st,
		    !s->is_client && (st->flags & H2_ST_LOCAL_END) ? H2_NO_ERROR
								   : H2_CANCEL);
	if (st->unconsumed > 0)
		h2_credit_conn(s, st->unconsumed);
	stream_put(s->wk, st);
}

bool
h2_can_open(const struct h2_session *s)
{
	return !s->dead && !s->goaway_seen && !s->shutdown && s->next_id <= H2_MAX_ID &&
	    s->n_streams < s->peer.max_concurrent_streams &&
	    s->n_streams < s->lim->max_concurrent_streams;
}

struct h2_stream *
h2_open(struct h2_session *s, void *user)
{
	if (!h2_can_open(s))
		return NULL;
	struct h2_stream *const st = h2_stream_new(s, s->next_id);
	if (st == NULL)
		return NULL;
	st->user = user;
	s->next_id += 2;
	return st;
}
