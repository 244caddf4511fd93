/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * roundrobin.c - servers in turn, by weight; the model of an algorithm.
 *
 * The state is a sequence in which each server stands as often as its weight
 * (all weights divided by what they have in common), spread evenly: the k-th
 * turn of a server with weight w is due at (k + 1/2) / w of a round. Picking
 * is one atomic step along it, so that workers together give each server
 * exactly its share. A server without room is stepped over.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "balance.h"

struct state {
	_Atomic uint64_t at; /* shared: turns given so far, modulo n */
	uint64_t n;
	struct tw_server *turn[]; /* borrow: gen */
};

/* The k-th turn of a server: due at (2k + 1) / 2w of a round. */
struct due {
	uint32_t odd; /* 2k + 1 */
	uint32_t weight;
	int choice;
};

static uint32_t
common_divisor(uint32_t a, uint32_t b)
{
	while (b != 0) {
		const uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static int
by_due(const void *x, const void *y)
{
	const struct due *a = x, *b = y;
	const uint64_t left = (uint64_t)a->odd * b->weight;
	const uint64_t right = (uint64_t)b->odd * a->weight;

	if (left != right)
		return left < right ? -1 : 1;
	return a->choice - b->choice;
}

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for a balance state");
	return p;
}

/* Sorts the turns of all servers by when they are due. */
static void
turns_fill(struct state *s, const struct tw_choice *choices, int n, uint32_t divisor)
{
	struct due *all = must(malloc(s->n * sizeof(*all)));
	uint64_t i = 0;

	for (int c = 0; c < n; c++) {
		const uint32_t weight = choices[c].weight / divisor;

		for (uint32_t k = 0; k < weight; k++)
			all[i++] = (struct due){ 2 * k + 1, weight, c };
	}
	qsort(all, s->n, sizeof(*all), by_due);
	for (i = 0; i < s->n; i++)
		s->turn[i] = choices[all[i].choice].server;
	free(all);
}

/* Goes on at the server that was next, about as far into the round. */
static uint64_t
position_after(const struct state *s, const struct state *old)
{
	const uint64_t at = atomic_load(&old->at) % old->n;
	const uint64_t from = at * s->n / old->n;
	const char *next = tw_server_name(old->turn[at]);

	for (uint64_t i = 0; i < s->n; i++) {
		const uint64_t k = (from + i) % s->n;

		if (strcmp(tw_server_name(s->turn[k]), next) == 0)
			return k;
	}
	return from;
}

void *
roundrobin_build(
    const struct tw_choice *choices, int n, const void *conf, const void *old)
{
	uint32_t divisor = 0;
	uint64_t sum = 0;
	struct state *s;

	(void)conf;
	for (int i = 0; i < n; i++) {
		divisor = common_divisor(choices[i].weight, divisor);
		sum += choices[i].weight;
	}
	if (divisor != 0)
		sum /= divisor;
	s = must(malloc(sizeof(*s) + sum * sizeof(s->turn[0])));
	s->n = sum;
	if (sum == (uint64_t)n) { /* all weights are the same */
		for (int i = 0; i < n; i++)
			s->turn[i] = choices[i].server;
	} else {
		turns_fill(s, choices, n, divisor);
	}
	atomic_init(&s->at, old != NULL && n > 0 ? position_after(s, old) : 0);
	return s;
}

void
roundrobin_free(void *state)
{
	free(state);
}

struct tw_server *
roundrobin_pick_message(void *state, const void *conf, struct tw_str message)
{
	struct state *s = state;
	const uint64_t at = atomic_fetch_add_explicit(&s->at, 1, memory_order_relaxed);

	(void)conf;
	(void)message;
	return s->turn[at % s->n];
}

struct tw_server *
balance_turn(
    struct tw_server *const *ring, uint64_t n, _Atomic uint64_t *at, struct tw_req *req)
{
	const uint64_t turn = atomic_fetch_add_explicit(at, 1, memory_order_relaxed);
	const struct tw_server *const avoid = tw_req_avoid(req);

	for (uint64_t skipped = 0; skipped < n; skipped++) {
		struct tw_server *srv = ring[(turn + skipped) % n];

		if (srv == avoid || !tw_server_has_room(srv))
			continue;
		if (skipped > 0)
			atomic_fetch_add_explicit(at, skipped, memory_order_relaxed);
		return srv;
	}
	return NULL;
}

struct tw_server *
roundrobin_pick(void *state, const void *conf, struct tw_req *req)
{
	struct state *s = state;

	(void)conf;
	return balance_turn(s->turn, s->n, &s->at, req);
}
