/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * walk.c - all entries of a table, in pieces: to be shown, swept, or copied.
 *
 * Nobody waits for a walk longer than for a piece of it. What comes and goes
 * meanwhile may be seen or not. Control thread.
 */
#include "config.h"

#include <stdlib.h>

#include "store_int.h"

#define WALK_CHAINS 512 /* looked at in one piece */
#define WALK_ENTRIES 32 /* shown in one piece */

/* One chain. returns: entries met. */
static int
walk_chain(struct tb_hold *h, struct tb_entry *e, bool (*fn)(struct tb_hold *, void *),
    void *arg)
{
	int n = 0;

	for (struct tb_entry *next; e != NULL; e = next, n++) {
		next = e->next;
		h->e = e;
		if (tb_is_expired(h->t, e, h->now_ms) || (fn(h, arg) && e->refs == 0))
			tb__drop(h->t, h->shard, e);
	}
	return n;
}

bool
tb_walk(struct tb_table *t, struct tb_cursor *c, uint64_t now_ms,
    bool (*fn)(struct tb_hold *h, void *arg), void *arg)
{
	int entries = 0;

	TW_CHECK_MAGIC(t, TB_TABLE_MAGIC);
	if (c->shard >= t->n_shards)
		return false;
	struct tb_hold h = { .t = t, .shard = &t->shards[c->shard], .now_ms = now_ms };
	pthread_mutex_lock(&h.shard->lock);
	for (int i = 0;
	     i < WALK_CHAINS && entries < WALK_ENTRIES && c->bucket < t->n_chains; i++)
		entries += walk_chain(&h, h.shard->chains[c->bucket++], fn, arg);
	pthread_mutex_unlock(&h.shard->lock);
	if (c->bucket == t->n_chains) {
		c->bucket = 0;
		c->shard++;
	}
	return c->shard < t->n_shards;
}

/* ---- sweeping ------------------------------------------------------------ */

static unsigned
sweep_shard(struct tb_table *t, struct tb_shard *s, uint64_t now_ms, unsigned max)
{
	struct tb_entry *e;
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	while (n < max && (e = TAILQ_FIRST(&s->idle)) != NULL &&
	    tb_is_expired(t, e, now_ms)) {
		tb__drop(t, s, e);
		n++;
	}
	pthread_mutex_unlock(&s->lock);
	return n;
}

bool
tb_sweep(struct tb_table *t, uint64_t now_ms, unsigned max, uint64_t *due_ms)
{
	const uint32_t expire_ms = atomic_load(&t->expire_ms);

	*due_ms = UINT64_MAX;
	for (uint32_t i = 0; expire_ms != 0 && i < t->n_shards; i++) {
		struct tb_shard *const s = &t->shards[i];
		uint64_t oldest_ms = atomic_load(&s->oldest_ms);

		if (oldest_ms != UINT64_MAX && oldest_ms + expire_ms <= now_ms) {
			max -= sweep_shard(t, s, now_ms, max);
			oldest_ms = atomic_load(&s->oldest_ms);
		}
		if (max == 0)
			return false;
		if (oldest_ms != UINT64_MAX && oldest_ms + expire_ms < *due_ms)
			*due_ms = oldest_ms + expire_ms;
	}
	return true;
}

/* ---- copying ------------------------------------------------------------- */

struct copy {
	struct tb_table *to;
};

static void
copy_data(struct tb_hold *to, const struct tb_hold *from, enum tb_data d)
{
	const struct tb_layout *const a = &from->t->layout, *const b = &to->t->layout;
	const unsigned n = a->n[d] < b->n[d] ? a->n[d] : b->n[d];
	char *const dst = tb_data_of(to->e) + b->off[d];
	const char *const src = tb_data_of(from->e) + a->off[d];

	if (tb_types[d].kind == TB_NAME) {
		if (n > 0)
			tb_name_set(to, d, tb_name_get(from, d));
		return;
	}
	if (d == TB_conn_cur) /* those connections end where they were counted */
		return;
	for (unsigned i = 0; i < n; i++) {
		if (tb_types[d].kind == TB_RATE && a->period_ms[d] == b->period_ms[d] &&
		    a->block == b->block)
			((struct tb_rate *)(void *)dst)[i] =
			    ((const struct tb_rate *)(const void *)src)[i];
		else
			tb_set(to, d, i, tb_get(from, d, i));
	}
}

static bool
copy_entry(struct tb_hold *from, void *arg)
{
	const struct copy *const c = arg;
	const struct tw_str text = tb_entry_key(from->t, from->e);
	const struct tb_key key = { .p = text.p, .len = text.len };
	struct tb_hold to;

	if (!tb_find(&to, c->to, &key, TB_MAKE, from->now_ms))
		return false;
	for (int d = 0; d < TB_N_DATA; d++)
		copy_data(&to, from, (enum tb_data)d);
	to.e->touched_ms = from->e->touched_ms;
	tb_leave(&to);
	return false;
}

static int
by_touch(const void *a, const void *b)
{
	const struct tb_entry *const x = *(struct tb_entry *const *)a;
	const struct tb_entry *const y = *(struct tb_entry *const *)b;

	return (x->touched_ms > y->touched_ms) - (x->touched_ms < y->touched_ms);
}

static void
sort_idle(struct tb_shard *s)
{
	struct tb_entry *e, **all;
	size_t n = 0, i = 0;

	TAILQ_FOREACH(e, &s->idle, link)
		n++;
	if (n < 2 || (all = malloc(n * sizeof(struct tb_entry *))) == NULL)
		return;
	TAILQ_FOREACH(e, &s->idle, link)
		all[i++] = e;
	qsort(all, n, sizeof(struct tb_entry *), by_touch);
	TAILQ_INIT(&s->idle);
	for (i = 0; i < n; i++)
		TAILQ_INSERT_TAIL(&s->idle, all[i], link);
	free(all);
	tb__oldest(s);
}

void
tb_copy(struct tb_table *to, struct tb_table *from, uint64_t now_ms)
{
	struct copy c = { to };
	struct tb_cursor at = { 0, 0 };

	TW_ASSERT(to->layout.key == from->layout.key &&
	    to->layout.key_len == from->layout.key_len);
	while (tb_walk(from, &at, now_ms, copy_entry, &c))
		;
	for (uint32_t i = 0; i < to->n_shards; i++)
		sort_idle(&to->shards[i]);
}
