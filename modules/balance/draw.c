/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * draw.c - the alias table, and random numbers. Building: control thread;
 * drawing: any.
 */
#include <stdlib.h>
#include <sys/random.h>

#include <tideway/assert.h>
#include <tideway/worker.h>

#include "draw.h"

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for a balance state");
	return p;
}

/* Each slot is worth W, the sum of all weights; a server's weight times n is
 * spread over slots: what one server lacks to fill its own, a heavier gives. */
static void
slots_fill(struct draw *d, uint64_t *rest, uint32_t *small, uint32_t *large)
{
	uint32_t n_small = 0, n_large = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		rest[i] = (uint64_t)d->choice[i].weight * d->n;
		if (rest[i] < d->weight)
			small[n_small++] = i;
		else
			large[n_large++] = i;
		d->slot[i] = (struct draw_slot){ UINT32_MAX, i };
	}
	while (n_small > 0 && n_large > 0) {
		const uint32_t s = small[--n_small], l = large[n_large - 1];

		d->slot[s].keep = (uint32_t)((rest[s] << 32) / d->weight);
		d->slot[s].alias = l;
		rest[l] -= d->weight - rest[s];
		if (rest[l] < d->weight) {
			n_large--;
			small[n_small++] = l;
		}
	}
}

struct draw *
draw_new(const struct tw_choice *choices, int n)
{
	const size_t size = (size_t)n + 1;
	struct draw *d = must(calloc(1, sizeof(*d)));
	uint64_t *rest = must(malloc(size * sizeof(*rest)));
	uint32_t *lists = must(malloc(2 * size * sizeof(*lists)));

	d->n = (uint32_t)n;
	d->choice = must(malloc(size * sizeof(*d->choice)));
	d->slot = must(malloc(size * sizeof(*d->slot)));
	memcpy(d->choice, choices, (size_t)n * sizeof(*choices));
	for (int i = 0; i < n; i++)
		d->weight += choices[i].weight;
	slots_fill(d, rest, lists, lists + size);
	free(rest);
	free(lists);
	return d;
}

void
draw_free(struct draw **draw)
{
	struct draw *d = *draw;

	*draw = NULL;
	free(d->choice);
	free(d->slot);
	free(d);
}

/* xorshift64*: good enough for load, and a handful of instructions. */
uint64_t
draw_number(void)
{
	static _Thread_local uint64_t x;

	while (x == 0) {
		if (getrandom(&x, sizeof(x), 0) != sizeof(x))
			x = tw_now_us() ^ (uint64_t)(uintptr_t)&x;
	}
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return x * 2685821657736338717ull;
}

struct tw_server *
draw_rest(const struct draw *d, struct tw_req *req)
{
	const uint32_t at = draw_one(d);

	for (uint32_t i = 0; i < d->n; i++) {
		const struct tw_choice *c = &d->choice[(at + i) % d->n];

		if (draw_may(c, req))
			return c->server;
	}
	return NULL;
}
