/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * groups.c - which thread is in which thread group.
 *
 * Groups number threads, for cpu-map, `bind ... thread` and `shards by-group`;
 * they share everything else. A thread-group line names the threads of one; those
 * that no line names go evenly to the groups that no line names, the first ones
 * getting one more. source: HAProxy's manual, thread-group, thread-groups, 3.1.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/run/affinity.h"
#include "core/run/run.h"

static bool
has(const struct tw__threads *t, int i)
{
	return (t->bits[(i - 1) / 64] >> (i - 1) % 64 & 1) != 0;
}

/* The group whose line names the thread; 0: none. */
static int
named_in(const struct tw__cpu_conf *c, int i)
{
	for (int g = 1; g <= TW__MAX_GROUPS; g++) {
		if (c->members[g - 1] != NULL && has(c->members[g - 1], i))
			return g;
	}
	return 0;
}

static bool
is_named(const struct tw__cpu_conf *c, int group)
{
	return c->members != NULL && c->members[group - 1] != NULL;
}

static int
highest(const struct tw__cpu_conf *c)
{
	int g = TW__MAX_GROUPS;

	while (g > 1 && !is_named(c, g))
		g--;
	return g;
}

int
tw__groups_count(const struct tw__cpu_conf *c, int n)
{
	const int most =
	    c != NULL && c->per_group != 0 ? (int)c->per_group : TW__GROUP_THREADS;

	if (c != NULL && c->groups != 0)
		return (int)c->groups;
	if (c != NULL && c->members != NULL)
		return highest(c);
	return (n + most - 1) / most;
}

/* The i-th of n, evenly over the groups that no line names. */
static void
spread(const struct tw__cpu_conf *c, int n_groups, int i, int n, struct tw__place *at)
{
	int n_free = 0, left = n;

	for (int g = 1; g <= n_groups; g++)
		n_free += c == NULL || !is_named(c, g);
	*at = (struct tw__place){ 0, i };
	for (int g = 1; g <= n_groups; g++) {
		if (c != NULL && is_named(c, g))
			continue;
		const int size = (left + n_free - 1) / n_free;
		at->group = g;
		if (at->thread <= size || n_free == 1)
			return;
		at->thread -= size;
		left -= size;
		n_free--;
	}
}

struct tw__place
tw__place_of(const struct tw__cpu_conf *c, int i, int n)
{
	const int n_groups = tw__groups_count(c, n);
	struct tw__place at = { 0, 0 };

	if (c == NULL || c->members == NULL) {
		spread(c, n_groups, i, n, &at);
		return at;
	}
	int rank = 0, n_unnamed = 0;
	at.group = named_in(c, i);
	for (int k = 1; k <= n; k++) {
		const int g = named_in(c, k);

		n_unnamed += g == 0;
		rank += k <= i && g == at.group;
	}
	at.thread = rank;
	if (at.group == 0)
		spread(c, n_groups, rank, n_unnamed, &at);
	return at;
}

int
tw__groups_check(struct tw_gen *gen, int n)
{
	const struct tw__cpu_conf *const c = gen->global.cpu;

	if (c == NULL || c->members == NULL)
		return 0;
	if (highest(c) > tw__groups_count(c, n))
		return tw_gen_fail(gen, c->file, c->line,
		    "'thread-group' names group %d, but there are %d (thread-groups)",
		    highest(c), tw__groups_count(c, n));
	for (int i = 1; i <= n; i++) {
		if (tw__place_of(c, i, n).group == 0)
			return tw_gen_fail(gen, c->file, c->line,
			    "thread %d is in no group: name it in a 'thread-group' "
			    "line, or have one group more (thread-groups)",
			    i);
	}
	return 0;
}

/* --- thread-group <group> [<range>...] --- */

/* "3", "2-4" */
static int
range_add(struct tw__threads *t, const char *word)
{
	char *end;
	const unsigned long from = strtoul(word, &end, 10);
	unsigned long to = from;

	if (end == word || *word < '0' || *word > '9')
		return -1;
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		to = strtoul(end + 1, &end, 10);
	if (*end != '\0' || from < 1 || to < from || to > TW__MAX_THREADS)
		return -1;
	for (unsigned long i = from - 1; i < to; i++)
		t->bits[i / 64] |= UINT64_C(1) << i % 64;
	return 0;
}

/* A thread that two lines name. returns: 0: none. */
static int
twice(const struct tw__cpu_conf *c, const struct tw__threads *t, uint64_t group)
{
	for (int i = 1; i <= TW__MAX_THREADS; i++) {
		for (uint64_t g = 1; g <= TW__MAX_GROUPS && has(t, i); g++) {
			if (g != group && c->members[g - 1] != NULL &&
			    has(c->members[g - 1], i))
				return i;
		}
	}
	return 0;
}

int
tw__group_set(struct tw_line *ln, struct tw__cpu_conf *c)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tw__threads *const t = tw_arena_zalloc(arena, sizeof(*t));
	struct tw_err err;
	uint64_t group;

	if (tw_parse_uint(tw_arg(ln, 0), 1, TW__MAX_GROUPS, &group, &err) != 0)
		return tw_line_fail(ln, 0, "'thread-group': %s", err.text);
	for (int i = 1; i < ln->n_args; i++) {
		if (range_add(t, tw_arg(ln, i)) != 0)
			return tw_line_fail(ln, i,
			    "'thread-group' expects numbers of threads from 1 to %d, "
			    "or ranges as in '1-4', not '%s'",
			    TW__MAX_THREADS, tw_arg(ln, i));
	}
	if (c->members == NULL)
		c->members = tw_arena_zalloc(
		    arena, TW__MAX_GROUPS * sizeof(struct tw__threads *));
	const int other = twice(c, t, group);
	if (other != 0)
		return tw_line_fail(ln, -1,
		    "'thread-group': thread %d is in another group already", other);
	c->members[group - 1] = t;
	c->file = ln->file;
	c->line = ln->number;
	return 0;
}
