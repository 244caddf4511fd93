/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * sticky.c - one server for everything, as long as it is there.
 *
 * Servers stand in a list, at first as in the file. The first one is used;
 * when it goes the next one takes its place, and when it is back it goes to
 * the end, so that what has moved does not move back. While the first has no
 * room the one behind it helps out. source: HAProxy's manual, `balance sticky`.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "balance.h"

struct state {
	int n;
	struct tw_server *server[]; /* borrow: gen */
};

struct rank {
	struct tw_server *server;
	const char *name;
	int rank; /* in the former list; those that were not in it come after */
};

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct rank *)x)->name, ((const struct rank *)y)->name);
}

static int
by_rank(const void *x, const void *y)
{
	return ((const struct rank *)x)->rank - ((const struct rank *)y)->rank;
}

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for a balance state");
	return p;
}

/* Names, for the former list may be of another generation. */
static void
ranks_take(struct rank *ranks, int n, const struct state *old)
{
	qsort(ranks, (size_t)n, sizeof(*ranks), by_name);
	for (int i = 0; i < old->n; i++) {
		const struct rank key = { NULL, tw_server_name(old->server[i]), 0 };
		struct rank *r =
		    bsearch(&key, ranks, (size_t)n, sizeof(*ranks), by_name);

		if (r != NULL)
			r->rank = i;
	}
	qsort(ranks, (size_t)n, sizeof(*ranks), by_rank);
}

void *
sticky_build(const struct tw_choice *choices, int n, const void *conf, const void *old)
{
	const struct state *const before = old;
	const int behind = before != NULL ? before->n : 0;
	struct state *s = must(malloc(sizeof(*s) + (size_t)n * sizeof(s->server[0])));
	struct rank *ranks = must(malloc(((size_t)n + 1) * sizeof(*ranks)));

	(void)conf;
	s->n = n;
	for (int i = 0; i < n; i++)
		ranks[i] = (struct rank){ choices[i].server,
			tw_server_name(choices[i].server), behind + i };
	if (before != NULL)
		ranks_take(ranks, n, before);
	for (int i = 0; i < n; i++)
		s->server[i] = ranks[i].server;
	free(ranks);
	return s;
}

void
sticky_free(void *state)
{
	free(state);
}

struct tw_server *
sticky_pick_message(void *state, const void *conf, struct tw_str message)
{
	(void)conf;
	(void)message;
	return ((const struct state *)state)->server[0];
}

struct tw_server *
sticky_pick(void *state, const void *conf, struct tw_req *req)
{
	const struct state *const s = state;
	const struct tw_server *const avoid = tw_req_avoid(req);

	(void)conf;
	for (int i = 0; i < s->n; i++) {
		if (s->server[i] != avoid && tw_server_has_room(s->server[i]))
			return s->server[i];
	}
	return NULL;
}
