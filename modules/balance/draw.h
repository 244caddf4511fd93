/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * draw.h - servers by chance, as often as their weights say.
 *
 * What random, p2c and peak-ewma have in common. A draw is one random number
 * and one look into a table (Walker's alias method), whatever the number of
 * servers. source: Vose, A Linear Algorithm For Generating Random Numbers With
 * a Given Distribution, 1991.
 */
#ifndef BALANCE_DRAW_H
#define BALANCE_DRAW_H

#include "balance.h"

struct draw_slot {
	uint32_t keep;  /* below: this slot's server, else its alias; of 2^32 */
	uint32_t alias;
};

struct draw {
	uint32_t n;
	uint64_t weight;           /* of all */
	struct tw_choice *choice;  /* owns */
	struct draw_slot *slot;    /* owns: [n] */
};

struct draw *draw_new(const struct tw_choice *choices, int n);
void draw_free(struct draw **draw);
/** draw_number - 64 random bits of this thread's own generator. */
uint64_t draw_number(void);
/** draw_one - an index of `choice`. */
static inline uint32_t
draw_one(const struct draw *d)
{
	const uint64_t r = draw_number();
	const uint32_t i = (uint32_t)((r >> 32) * d->n >> 32);

	return (uint32_t)r < d->slot[i].keep ? i : d->slot[i].alias;
}

/* Is a server with this load to be chosen before that one, for their weights? */
static inline bool
draw_is_lighter(const struct tw_choice *a, uint64_t load_a, const struct tw_choice *b,
    uint64_t load_b)
{
	return load_a * b->weight < load_b * a->weight;
}

/** draw_may - it has room and is not to be avoided. */
static inline bool
draw_may(const struct tw_choice *c, const struct tw_req *req)
{
	return c->server != tw_req_avoid(req) && tw_server_has_room(c->server);
}

/** draw_rest - when the draws have found nobody: the next one with room from a
 * random place on. returns: NULL: none. */
struct tw_server *draw_rest(const struct draw *d, struct tw_req *req);

#endif
