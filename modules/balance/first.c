/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * first.c - the server of the lowest number that has room.
 *
 * So that the last servers of a farm can be switched off while little is to
 * be done. Servers are sorted by number; a bit says of each that it may have
 * room, and one bit of a summary that 64 of these are not all clear: the first
 * of 10,000 is found with at most three words of the summary. A bit is cleared
 * by who finds its server full and set again by moved(); who clears looks
 * again afterwards, so that no freed slot stays unseen.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "balance.h"

struct state {
	int n, n_where;
	int n_words, n_sums;
	struct tw_server **server; /* owns: by number; borrow: gen */
	int *where;                /* owns: by tw_server_index; -1: none */
	_Atomic uint64_t *word;    /* owns; shared: may have room */
	_Atomic uint64_t *sum;     /* owns; shared: word[i] may not be 0 */
};

static int
by_number(const void *x, const void *y)
{
	const struct tw_choice *a = x, *b = y;
	const uint32_t i = tw_server_id(a->server), k = tw_server_id(b->server);

	return i < k ? -1 : i > k;
}

static uint64_t
bit(int i)
{
	return 1ull << (i % 64);
}

static void
room_set(struct state *s, int i)
{
	if (atomic_fetch_or(&s->word[i / 64], bit(i)) == 0)
		atomic_fetch_or(&s->sum[i / 4096], bit(i / 64));
}

static void
room_clear(struct state *s, int i)
{
	if ((atomic_fetch_and(&s->word[i / 64], ~bit(i)) & ~bit(i)) != 0)
		return;
	atomic_fetch_and(&s->sum[i / 4096], ~bit(i / 64));
	if (atomic_load(&s->word[i / 64]) != 0) /* set meanwhile */
		atomic_fetch_or(&s->sum[i / 4096], bit(i / 64));
}

/* The first word from `w` on that is not 0, by the summary. returns: -1: none. */
static int
word_find(const struct state *s, int w)
{
	if (w >= s->n_words)
		return -1;
	int k = w / 64;
	uint64_t sum = atomic_load(&s->sum[k]) & ~0ull << (w % 64);

	while (sum == 0 && ++k < s->n_sums)
		sum = atomic_load(&s->sum[k]);
	return sum != 0 ? 64 * k + __builtin_ctzll(sum) : -1;
}

/* The first bit from `from` on. returns: -1: none. */
static int
room_find(const struct state *s, int from)
{
	uint64_t mask = ~0ull << (from % 64);

	for (int w = from / 64; w >= 0 && w < s->n_words; w = word_find(s, w + 1)) {
		const uint64_t word = atomic_load(&s->word[w]) & mask;

		if (word != 0)
			return 64 * w + __builtin_ctzll(word);
		mask = ~0ull;
	}
	return -1;
}

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for a balance state");
	return p;
}

static void
servers_sort(struct state *s, const struct tw_choice *choices)
{
	const size_t n = (size_t)s->n;
	struct tw_choice *sorted = must(malloc((n + 1) * sizeof(*sorted)));

	memcpy(sorted, choices, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_number);
	for (int i = 0; i < s->n; i++) {
		const int index = tw_server_index(sorted[i].server);

		s->server[i] = sorted[i].server;
		s->n_where = index >= s->n_where ? index + 1 : s->n_where;
	}
	free(sorted);
}

void *
first_build(const struct tw_choice *choices, int n, const void *conf, const void *old)
{
	struct state *s = must(calloc(1, sizeof(*s)));

	(void)conf;
	(void)old;
	s->n = n;
	s->n_words = (n + 63) / 64;
	s->n_sums = (n + 4095) / 4096;
	s->server = must(calloc((size_t)n + 1, sizeof(struct tw_server *)));
	s->word = must(calloc((size_t)s->n_words + 1, sizeof(*s->word)));
	s->sum = must(calloc((size_t)s->n_sums + 1, sizeof(*s->sum)));
	servers_sort(s, choices);
	s->where = must(malloc(((size_t)s->n_where + 1) * sizeof(*s->where)));
	for (int i = 0; i < s->n_where; i++)
		s->where[i] = -1;
	for (int i = 0; i < n; i++) {
		s->where[tw_server_index(s->server[i])] = i;
		room_set(s, i);
	}
	return s;
}

void
first_free(void *state)
{
	struct state *s = state;

	free(s->server);
	free(s->where);
	free((void *)s->word);
	free((void *)s->sum);
	free(s);
}

struct tw_server *
first_pick(void *state, const void *conf, struct tw_req *req)
{
	struct state *s = state;
	const struct tw_server *const avoid = tw_req_avoid(req);

	(void)conf;
	for (int i = room_find(s, 0); i >= 0;
	     i = i + 1 < s->n ? room_find(s, i + 1) : -1) {
		if (s->server[i] == avoid)
			continue;
		if (tw_server_has_room(s->server[i]))
			return s->server[i];
		room_clear(s, i);
		if (!tw_server_has_room(s->server[i]))
			continue;
		room_set(s, i); /* a slot came free in between */
		return s->server[i];
	}
	return NULL;
}

void
first_moved(void *state, struct tw_server *srv)
{
	struct state *s = state;
	const int index = tw_server_index(srv);
	const int i = index < s->n_where ? s->where[index] : -1;

	if (i >= 0 && s->server[i] == srv && tw_server_has_room(srv))
		room_set(s, i);
}
