/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * patref_number.c - the numbers by which commands name lists of patterns.
 *
 * They count in the order of the lines, as in HAProxy, though maps are read when
 * all files are; -u gives one to an ACL's line. Control thread.
 * source: HAProxy's manual, 7.1 (-u); management guide, 9.3 (show acl).
 */
#include "config.h"

#include <stdlib.h>

#include "expr/patref.h"

static uint32_t
file_rank(const struct tw__patref *const *all, uint32_t n, const char *file)
{
	uint32_t i = 0;

	while (i < n && all[i]->file != file &&
	    (file == NULL || all[i]->file == NULL || strcmp(all[i]->file, file) != 0))
		i++;
	return i;
}

struct place {
	struct tw__patref *ref;
	uint32_t rank;
};

/* On one line, maps come before what an ACL compares with. */
static int
by_place(const void *a, const void *b)
{
	const struct place *const x = a, *const y = b;

	if (x->rank != y->rank)
		return x->rank > y->rank ? 1 : -1;
	if (x->ref->line != y->ref->line)
		return x->ref->line > y->ref->line ? 1 : -1;
	if (x->ref->is_map != y->ref->is_map)
		return x->ref->is_map ? -1 : 1;
	return x->ref->id > y->ref->id ? 1 : -1;
}

static int
by_id(const void *a, const void *b)
{
	const struct place *const x = a, *const y = b;

	return x->ref->id > y->ref->id ? 1 : -1;
}

static bool
id_is_given(const struct place *at, uint32_t n, int id)
{
	for (uint32_t i = 0; i < n; i++)
		if (at[i].ref->line_words != NULL && at[i].ref->line_words->id == id)
			return true;
	return false;
}

static void
give_ids(struct place *at, uint32_t n, bool any_given)
{
	int id = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct tw__patline *const l = at[i].ref->line_words;
		if (l != NULL && l->id >= 0) {
			at[i].ref->id = l->id;
			continue;
		}
		while (any_given && id_is_given(at, n, id))
			id++;
		at[i].ref->id = id++;
	}
}

void
tw__patref_number(struct tw__expr_gen *eg)
{
	uint32_t n = 0, i;
	bool any_given = false;

	for (struct tw__patref *r = eg->patrefs; r != NULL; r = r->next)
		n++;
	struct place *const at = n > 0 ? calloc(n, sizeof(*at)) : NULL;
	const struct tw__patref **const order =
	    n > 0 ? calloc(n, sizeof(*order)) : NULL;
	i = n;
	if (at != NULL && order != NULL) {
		for (struct tw__patref *r = eg->patrefs; r != NULL; r = r->next) {
			order[--i] = r;
			at[i].ref = r;
			any_given |= r->line_words != NULL && r->line_words->id >= 0;
		}
		for (i = 0; i < n; i++)
			at[i].rank = i > 0 && at[i].ref->file == at[i - 1].ref->file
			    ? at[i - 1].rank
			    : file_rank(order, n, at[i].ref->file);
		qsort(at, n, sizeof(*at), by_place);
		give_ids(at, n, any_given);
		qsort(at, n, sizeof(*at), by_id);
		for (i = 0; i < n; i++)
			at[i].ref->next = i + 1 < n ? at[i + 1].ref : NULL;
		eg->patrefs = at[0].ref;
		eg->n_patrefs = at[n - 1].ref->id + 1;
	}
	free(at);
	free(order);
}
