/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * order.c - in which order modules load and their hooks run.
 *
 * Loading is a depth-first walk over requires[]; hooks are sorted by before[]
 * and after[], always taking the first that nothing holds back, so that what
 * nobody asked for stays in load order. Both tell a cycle by naming two
 * modules of it. Start-up only; a few dozen modules, so arrays will do.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include "core/module/module_int.h"

static int
item_find(const struct tw__order_item *items, int n, const char *name)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(items[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* --- loading --- */

enum mark { NEW, OPEN, PLACED };

struct walk {
	const struct tw__order_item *items;
	int n, n_placed;
	int *order;
	unsigned char *mark;
	struct tw_err *err;
};

static int
walk_from(struct walk *w, int i)
{
	const struct tw__order_item *const it = &w->items[i];

	w->mark[i] = OPEN;
	for (const char *const *r = it->requires; r != NULL && *r != NULL; r++) {
		const int j = item_find(w->items, w->n, *r);

		if (j < 0)
			return tw_err_set(w->err,
			    "module '%s' requires module '%s', which is not "
			    "loaded: add it, or remove '%s'",
			    it->name, *r, it->name);
		if (w->mark[j] == OPEN)
			return tw_err_set(w->err,
			    "modules '%s' and '%s' require each other", it->name, *r);
		if (w->mark[j] == NEW && walk_from(w, j) != 0)
			return -1;
	}
	w->mark[i] = PLACED;
	w->order[w->n_placed++] = i;
	return 0;
}

int
tw__order_load(
    const struct tw__order_item *items, int n, int *order, struct tw_err *err)
{
	struct walk w = { .items = items, .n = n, .order = order, .err = err };
	int rc = 0;

	w.mark = calloc(n > 0 ? (size_t)n : 1, 1);
	TW_ASSERT(w.mark != NULL);
	for (int i = 0; i < n && rc == 0; i++) {
		if (w.mark[i] == NEW)
			rc = walk_from(&w, i);
	}
	free(w.mark);
	return rc;
}

/* --- hooks --- */

static bool
names_hold(const char *const *names, const char *name)
{
	for (; names != NULL && *names != NULL; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

/* Must a's hooks run before b's? */
static bool
precedes(const struct tw__order_item *a, const struct tw__order_item *b)
{
	return names_hold(a->before, b->name) || names_hold(b->after, a->name);
}

/* The first that must come before i and is not placed yet; -1: none. */
static int
held_by(const struct tw__order_item *items, int n, const bool *placed, int i)
{
	for (int j = 0; j < n; j++) {
		if (j != i && !placed[j] && precedes(&items[j], &items[i]))
			return j;
	}
	return -1;
}

/* Everyone left is held back: walking from holder to holder ends in the
 * cycle after n steps at the latest. */
static int
cycle_tell(
    const struct tw__order_item *items, int n, const bool *placed, struct tw_err *err)
{
	int i = 0;

	while (placed[i])
		i++;
	for (int step = 0; step < n; step++)
		i = held_by(items, n, placed, i);
	return tw_err_set(err,
	    "modules '%s' and '%s': each wants its hooks "
	    "before the other's (see before and after in their descriptors)",
	    items[i].name, items[held_by(items, n, placed, i)].name);
}

int
tw__order_hooks(
    const struct tw__order_item *items, int n, int *order, struct tw_err *err)
{
	bool *const placed = calloc(n > 0 ? (size_t)n : 1, sizeof(*placed));
	int n_placed = 0, rc = 0;

	TW_ASSERT(placed != NULL);
	while (n_placed < n && rc == 0) {
		int i = 0;

		while (i < n && (placed[i] || held_by(items, n, placed, i) >= 0))
			i++;
		if (i == n) {
			rc = cycle_tell(items, n, placed, err);
		} else {
			placed[i] = true;
			order[n_placed++] = i;
		}
	}
	free(placed);
	return rc;
}
