/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash_map.c - a place in an array for each unit of weight (map-based).
 *
 * A hash modulo the array's length is the server's place. Places are given out
 * in turns: in each turn every server earns its weight's share of one place,
 * and the one that has earned the most whole places and not got them gets it;
 * of several the first in the file. That is the order in which HAProxy's
 * static-rr is seen to serve. A heap and a list of what each turn completes
 * make it O(n log n) for n places. Control thread.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "hash.h"

struct deal {
	uint64_t n; /* places */
	int n_servers;
	uint64_t *weight;  /* without what all have in common */
	uint64_t *earned;  /* whole places so far */
	int *credit;       /* of these not yet given */
	int *heap, *where; /* the next to be given one on top */
	int *next, *due;   /* who completes a place in turn i: due[i], then next[] */
};

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for a balance state");
	return p;
}

static bool
before(const struct deal *d, int a, int b)
{
	return d->credit[a] != d->credit[b] ? d->credit[a] > d->credit[b] : a < b;
}

static void
put(struct deal *d, int at, int server)
{
	d->heap[at] = server;
	d->where[server] = at;
}

static void
up(struct deal *d, int at)
{
	const int server = d->heap[at];

	while (at > 0 && before(d, server, d->heap[(at - 1) / 2])) {
		put(d, at, d->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(d, at, server);
}

static void
down(struct deal *d, int at)
{
	const int server = d->heap[at];

	for (int child = 2 * at + 1; child < d->n_servers; child = 2 * at + 1) {
		if (child + 1 < d->n_servers &&
		    before(d, d->heap[child + 1], d->heap[child]))
			child++;
		if (!before(d, d->heap[child], server))
			break;
		put(d, at, d->heap[child]);
		at = child;
	}
	put(d, at, server);
}

/* The turn in which this server completes its next place. */
static void
expect(struct deal *d, int server)
{
	const uint64_t w = d->weight[server];
	const uint64_t turn = ((d->earned[server] + 1) * d->n + w - 1) / w;

	if (turn > d->n)
		return;
	d->next[server] = d->due[turn];
	d->due[turn] = server;
}

static void
turn_begin(struct deal *d, uint64_t turn)
{
	int next;

	for (int s = d->due[turn]; s >= 0; s = next) {
		next = d->next[s];
		d->earned[s]++;
		d->credit[s]++;
		up(d, d->where[s]);
		expect(d, s);
	}
}

static uint64_t
divisor_of(const struct tw_choice *choices, int n)
{
	uint32_t a = 0;

	for (int i = 0; i < n; i++) {
		for (uint32_t b = choices[i].weight; b != 0;) {
			const uint32_t rest = a % b;

			a = b;
			b = rest;
		}
	}
	return a != 0 ? a : 1;
}

static void
deal_init(struct deal *d, const struct tw_choice *choices, int n)
{
	const uint64_t divisor = divisor_of(choices, n);
	const size_t size = (size_t)n + 1;

	*d = (struct deal){ .n_servers = n };
	d->weight = must(calloc(size, sizeof(*d->weight)));
	d->earned = must(calloc(size, sizeof(*d->earned)));
	d->credit = must(calloc(size, sizeof(*d->credit)));
	d->heap = must(calloc(size, sizeof(*d->heap)));
	d->where = must(calloc(size, sizeof(*d->where)));
	d->next = must(calloc(size, sizeof(*d->next)));
	for (int i = 0; i < n; i++) {
		d->weight[i] = choices[i].weight / divisor;
		d->n += d->weight[i];
		put(d, i, i);
	}
	d->due = must(malloc((d->n + 2) * sizeof(*d->due)));
	for (uint64_t i = 0; i <= d->n; i++)
		d->due[i] = -1;
	for (int i = 0; i < n; i++)
		expect(d, i);
}

static void
deal_fini(struct deal *d)
{
	free(d->weight);
	free(d->earned);
	free(d->credit);
	free(d->heap);
	free(d->where);
	free(d->next);
	free(d->due);
}

struct hash_map *
hash_map_build(const struct tw_choice *choices, int n)
{
	struct deal d;
	struct hash_map *map;

	deal_init(&d, choices, n);
	map = must(malloc(sizeof(*map) + d.n * sizeof(map->at[0])));
	map->n = (uint32_t)d.n;
	for (uint64_t turn = 1; turn <= d.n; turn++) {
		turn_begin(&d, turn);
		const int server = d.heap[0];

		map->at[turn - 1] = choices[server].server;
		d.credit[server]--;
		down(&d, 0);
	}
	deal_fini(&d);
	return map;
}
