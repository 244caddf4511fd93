/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * static_rr.c - servers in turn, by the weights of the file.
 *
 * The same table as map-based hashing uses, read one place after the other:
 * so the order is HAProxy's, too. The core gives configured weights
 * (TW_BALANCE_STATIC). A server without room is stepped over.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "hash.h"

struct state {
	_Atomic uint64_t at;  /* shared: turns given so far, modulo n */
	struct hash_map *map; /* owns */
};

void *
static_rr_build(
    const struct tw_choice *choices, int n, const void *conf, const void *old)
{
	const struct state *before = old;
	struct state *s = malloc(sizeof(*s));

	(void)conf;
	if (s == NULL)
		TW_WRONG("out of memory for a balance state");
	s->map = hash_map_build(choices, n);
	atomic_init(&s->at, before != NULL ? atomic_load(&before->at) : 0);
	return s;
}

void
static_rr_free(void *state)
{
	struct state *s = state;

	free(s->map);
	free(s);
}

struct tw_server *
static_rr_pick(void *state, const void *conf, struct tw_req *req)
{
	struct state *s = state;

	(void)conf;
	return balance_turn(s->map->at, s->map->n, &s->at, req);
}
