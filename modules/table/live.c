/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * live.c - tables that outlive generations.
 *
 * A generation that starts finds the table of a name as the running one has
 * it and takes it on with its limits changed; when what is stored differs but
 * the keys are alike, the entries are copied to a new table. A connection that
 * tracks an entry of the old one takes to the new one at its next request. A
 * timer of the control thread gives back the memory of what has expired. Control thread, or
 * at start-up.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>

#include "mod.h"

#define SWEEP_ENTRIES 256 /* at a time */
#define SWEEP_LEAST_MS 20
#define SWEEP_MOST_MS 1000

struct live {
	struct live *next;
	struct tb_table *table; /* owns a reference */
	int n_users;            /* lines of generations */
};

static struct live *lives; /* the newest of a name first */
static struct tw_timer sweeper;
static bool is_up;

/* ---- sweeping ------------------------------------------------------------ */

static void
on_sweep(struct tw_timer *timer)
{
	const uint64_t now = tw_now_ms();
	uint64_t next = now + SWEEP_MOST_MS;

	for (struct live *l = lives; l != NULL; l = l->next) {
		struct tb_limits limits;
		uint64_t due;
		const bool is_clean = tb_sweep(l->table, now, SWEEP_ENTRIES, &due);

		tb_table_limits(l->table, &limits);
		if (!is_clean)
			due = now + 1;
		else if (limits.expire_ms != 0 && due > now + limits.expire_ms)
			due = now + limits.expire_ms;
		if (is_clean && due < now + SWEEP_LEAST_MS)
			due = now + SWEEP_LEAST_MS;
		if (due < next)
			next = due;
	}
	tw_timer_set(timer, lives != NULL ? next : 0);
}

void
tb_live_settle(struct tb_table *t)
{
	uint64_t due;

	tb_sweep(t, tw_now_ms(), SWEEP_ENTRIES, &due);
}

int
tb_live_up(struct tw_worker *w, void *state)
{
	(void)state;
	if (tw_worker_id(w) != 0)
		return 0;
	is_up = true;
	sweeper.fn = on_sweep;
	if (lives != NULL)
		tw_timer_set(&sweeper, tw_now_ms() + SWEEP_LEAST_MS);
	return 0;
}

void
tb_live_down(struct tw_worker *w, void *state)
{
	(void)state;
	if (tw_worker_id(w) != 0)
		return;
	tw_timer_del(&sweeper);
	is_up = false;
}

/* ---- generations --------------------------------------------------------- */

static struct live *
live_find(const char *name)
{
	struct live *l = lives;

	while (l != NULL && strcmp(tb_table_name(l->table), name) != 0)
		l = l->next;
	return l;
}

static struct live *
live_new(const struct tb_conf *c, const struct live *former)
{
	struct live *const l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->table = tb_table_new(c->name, &c->layout, &c->limits);
	if (l->table == NULL) {
		free(l);
		return NULL;
	}
	const struct tb_layout *const old =
	    former != NULL ? tb_table_layout(former->table) : NULL;
	if (old != NULL && old->key == c->layout.key &&
	    old->key_len == c->layout.key_len) {
		tb_copy(l->table, former->table, tw_now_us() / 1000);
		tb_table_succeed(former->table, l->table);
	}
	l->next = lives;
	lives = l;
	return l;
}

static int
conf_start(struct tb_conf *c)
{
	struct live *l = live_find(c->name);

	if (l == NULL || !tb_layout_eq(tb_table_layout(l->table), &c->layout) ||
	    !tb_table_limit(l->table, &c->limits))
		l = live_new(c, l);
	if (l == NULL)
		return -1;
	l->n_users++;
	c->table = l->table;
	tb_table_ref(c->table);
	return 0;
}

static void
conf_stop(struct tb_conf *c)
{
	struct live **at = &lives;

	if (c->table == NULL)
		return;
	while ((*at)->table != c->table)
		at = &(*at)->next;
	struct live *const l = *at;
	tb_table_unref(&c->table);
	if (--l->n_users > 0)
		return;
	*at = l->next;
	tb_table_unref(&l->table);
	free(l);
}

void
tb_live_stop(struct tw_gen *gen)
{
	for (struct tb_conf *c = tb_gen_of(gen)->tables; c != NULL; c = c->next)
		conf_stop(c);
}

int
tb_live_start(struct tw_gen *gen, struct tw_err *err)
{
	for (struct tb_conf *c = tb_gen_of(gen)->tables; c != NULL; c = c->next) {
		if (conf_start(c) == 0)
			continue;
		tb_live_stop(gen);
		return tw_err_set(err,
		    "not enough memory for the stick-table '%s': give it a smaller size",
		    c->name);
	}
	if (is_up && lives != NULL)
		tw_timer_set(&sweeper, tw_now_ms() + SWEEP_LEAST_MS);
	return 0;
}
