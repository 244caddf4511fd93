/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash_ring.c - points on a circle of 2^32 (hash-type consistent).
 *
 * Each unit of a server's weight has 16 points; a hash belongs to the nearest
 * one. Where they lie depends on the server's number (or address) and on
 * nothing else, so that a server that comes or goes moves its own share only,
 * and several balancers agree. Points of 4096 * id + i, mixed, are where
 * HAProxy's choices say they are. Sorting is by radix: a ring of a million
 * points takes some milliseconds. Control thread; finding: any worker.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "hash.h"

#define POINTS 16u   /* for each unit of weight */
#define SPREAD 4096u /* between two servers' numbers: 16 * 256 */
#define RADIX_BITS 11

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for a balance state");
	return p;
}

/* What the points of a server are made from. */
static uint32_t
base_of(const struct tw_server *srv)
{
	const struct balance_server *conf = tw_server_block(srv, balance_self);
	const struct tw_addr *a = tw_server_addr(srv);
	struct tw_str bytes = { (const char *)a->u.v6,
		a->family == AF_INET        ? 4
		    : a->family == AF_INET6 ? 16
					    : 0 };

	if (conf->point == POINT_ID32)
		return tw_hash_avalanche(tw_server_id(srv));
	if (bytes.len == 0 || conf->point == POINT_ID)
		return tw_server_id(srv) * SPREAD;
	const uint32_t h = tw_hash_avalanche(hash_of(HASH_CRC32, bytes));
	return conf->point == POINT_ADDR ? h : tw_hash_avalanche(h ^ a->port);
}

/* How many points: must not depend on anything but this server. */
static uint32_t
points_of(const struct tw_choice *c)
{
	const uint32_t n = (uint32_t)((uint64_t)c->weight * POINTS / c->scale);

	return n > 0 ? n : 1;
}

/* One pass: stable, by RADIX_BITS bits from `shift` on. */
static void
sort_pass(const struct ring_point *from, struct ring_point *to, uint32_t n, int shift)
{
	uint32_t count[(1 << RADIX_BITS) + 1] = { 0 };
	const uint32_t mask = (1u << RADIX_BITS) - 1;

	for (uint32_t i = 0; i < n; i++)
		count[(from[i].at >> shift & mask) + 1]++;
	for (uint32_t i = 0; i < mask; i++)
		count[i + 1] += count[i];
	for (uint32_t i = 0; i < n; i++)
		to[count[from[i].at >> shift & mask]++] = from[i];
}

static void
points_sort(struct hash_ring *r)
{
	struct ring_point *other = must(malloc(((size_t)r->n + 1) * sizeof(*other)));
	struct ring_point *const first = r->point;

	sort_pass(first, other, r->n, 0);
	sort_pass(other, first, r->n, RADIX_BITS);
	sort_pass(first, other, r->n, 2 * RADIX_BITS);
	r->point = other;
	free(first);
}

struct hash_ring *
hash_ring_build(const struct tw_choice *choices, int n)
{
	struct hash_ring *r = must(calloc(1, sizeof(*r)));
	uint32_t at = 0;

	r->server = must(calloc((size_t)n + 1, sizeof(struct tw_server *)));
	r->server_weight = must(calloc((size_t)n + 1, sizeof(*r->server_weight)));
	for (int i = 0; i < n; i++) {
		r->server[i] = choices[i].server;
		r->server_weight[i] = choices[i].weight;
		r->weight += choices[i].weight;
		r->n += points_of(&choices[i]);
	}
	r->point = must(malloc(((size_t)r->n + 1) * sizeof(*r->point)));
	for (int i = 0; i < n; i++) {
		const uint32_t base = base_of(choices[i].server);

		for (uint32_t k = 0; k < points_of(&choices[i]); k++)
			r->point[at++] =
			    (struct ring_point){ tw_hash_avalanche(base + k),
				    (uint32_t)i };
	}
	points_sort(r);
	return r;
}

void
hash_ring_free(struct hash_ring **ring)
{
	struct hash_ring *r = *ring;

	*ring = NULL;
	if (r == NULL)
		return;
	free(r->point);
	free(r->server);
	free(r->server_weight);
	free(r);
}

uint32_t
hash_ring_find(const struct hash_ring *r, uint32_t hash)
{
	uint32_t low = 0, n = r->n;

	while (n > 0) { /* the first point not below the hash */
		const uint32_t half = n / 2;

		if (r->point[low + half].at < hash) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	const uint32_t after = low < r->n ? low : 0;
	const uint32_t before = low > 0 ? low - 1 : r->n - 1;

	/* distances around the circle */
	return hash - r->point[before].at < r->point[after].at - hash ? before : after;
}
