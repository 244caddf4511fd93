/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * public.c - the tables as other modules see them (tideway/table.h).
 *
 * What they call a table is a stick-table line, which begins with it; an entry is
 * one that is held, a pin a reference to its table beside a tracked entry. Any
 * worker, and the control thread.
 */
#include "config.h"

#include <arpa/inet.h>

#include <tideway/table.h>

#include "filter.h"
#include "mod.h"

struct entry {
	struct tw_table_entry pub;
	struct tb_hold *h;
};

static struct tb_conf *
conf_of(const struct tw_table *t)
{
	return (struct tb_conf *)(uintptr_t)t; /* its first field */
}

static struct tb_hold *
hold_of(const struct tw_table_entry *e)
{
	return ((const struct entry *)e)->h;
}

static enum tb_data
data_of(struct tw_table_slot s)
{
	return (enum tb_data)s.id;
}

/* ---- tables -------------------------------------------------------------- */

static struct tw_table *
find(struct tw_gen *gen, const char *name)
{
	struct tb_conf *c = tb_gen_of(gen)->tables;

	while (c != NULL && strcmp(c->name, name) != 0)
		c = c->next;
	return c != NULL ? &c->pub : NULL;
}

static void
info(const struct tw_table *t, struct tw_table_info *out)
{
	const struct tb_conf *const c = conf_of(t);
	struct tb_limits limits = c->limits;

	if (c->table != NULL)
		tb_table_limits(c->table, &limits);
	*out = (struct tw_table_info){ .name = c->name,
		.type = tb_key_words[c->layout.key],
		.key = tb_sample_type(c->layout.key),
		.key_len = c->layout.key_len,
		.expire_ms = limits.expire_ms,
		.nopurge = limits.nopurge,
		.size = limits.size,
		.used = c->table != NULL ? tb_table_used(c->table) : 0 };
}

static bool
data(const struct tw_table *t, int i, struct tw_table_data *out)
{
	static const enum tw_table_kind kinds[] = { [TB_UINT] = TW_TABLE_COUNT,
		[TB_ULL] = TW_TABLE_COUNT,
		[TB_RATE] = TW_TABLE_RATE,
		[TB_NAME] = TW_TABLE_TEXT };
	const struct tb_layout *const l = &conf_of(t)->layout;
	int d = 0;

	while (d < TB_N_DATA && (l->n[d] == 0 || i-- > 0))
		d++;
	if (d == TB_N_DATA)
		return false;
	*out = (struct tw_table_data){ .word = tb_types[d].word,
		.kind = kinds[tb_types[d].kind],
		.is_array = tb_types[d].is_array,
		.n = l->n[d],
		.period_ms = tb_types[d].kind == TB_RATE ? l->period_ms[d] : 0,
		.id = d };
	return true;
}

static bool
slot(const struct tw_table *t, const char *word, struct tw_table_slot *out)
{
	const struct tb_layout *const l = &conf_of(t)->layout;
	unsigned i;
	enum tb_data d = tb_data_parse(word, &i);

	if (d != TB_NONE && !tb_types[d].is_array)
		d = tb_layout_at(l, d, &i);
	*out = (struct tw_table_slot){ d, i };
	return d != TB_NONE && i < l->n[d];
}

/* ---- entries ------------------------------------------------------------- */

static void
entry_info(const struct tw_table_entry *e, struct tw_table_entry_info *out)
{
	const struct tb_hold *const h = hold_of(e);

	tb_key_sample(tb_table_layout(h->t), tb_entry_key(h->t, h->e), &out->key);
	out->uses = h->e->refs;
	out->expires_ms = tb_expires_ms(h);
}

static uint64_t
get(const struct tw_table_entry *e, struct tw_table_slot s)
{
	return tb_get(hold_of(e), data_of(s), s.i);
}

static struct tw_str
text(const struct tw_table_entry *e, struct tw_table_slot s)
{
	return tb_types[s.id].kind == TB_NAME ? tb_name_get(hold_of(e), data_of(s))
					      : (struct tw_str){ NULL, 0 };
}

static void
set(struct tw_table_entry *e, struct tw_table_slot s, uint64_t n)
{
	tb_set(hold_of(e), data_of(s), s.i, n);
}

static uint32_t
add(struct tw_table_entry *e, struct tw_table_slot s, int64_t n)
{
	struct tb_hold *const h = hold_of(e);
	const uint32_t unit = tb_unit(h->t, data_of(s));

	if (n <= 0) {
		tb_add(h, data_of(s), s.i, n);
		return 0;
	}
	tb_add(h, data_of(s), s.i, n / unit);
	return (uint32_t)(n % unit);
}

static uint32_t
wait_ms(const struct tw_table_entry *e, struct tw_table_slot s, uint64_t most)
{
	return tb_wait_ms(hold_of(e), data_of(s), s.i, most);
}

/* ---- keys ---------------------------------------------------------------- */

static bool
key_make(const struct tb_conf *c, const struct tw_table_key *key, struct tb_key *out)
{
	static __thread char padded[TB_STRING_MAX];
	char word[INET6_ADDRSTRLEN];

	if (key->sample != NULL)
		return tb_key_make(key->req, &c->layout, key->sample, out);
	if (c->layout.key == TB_STRING || c->layout.key == TB_BINARY) {
		tb_key_text(&c->layout, key->text, padded, out);
		return true;
	}
	if (key->text.len >= sizeof(word))
		return false;
	memcpy(word, key->text.p, key->text.len);
	word[key->text.len] = '\0';
	return tb_key_parse(&c->layout, word, out);
}

static void
call(struct tb_hold *h, tw_table_fn *fn, void *arg)
{
	struct entry e = { { tb_table_ops }, h };

	fn(&e.pub, arg);
}

static bool
look(struct tw_table *t, const struct tw_table_key *key, tw_table_fn *fn, void *arg)
{
	const struct tb_conf *const c = conf_of(t);
	struct tb_key k;
	struct tb_hold h;

	if (c->table == NULL || !key_make(c, key, &k) ||
	    !tb_find(&h, c->table, &k, TB_LOOK, tw_now_ms()))
		return false;
	call(&h, fn, arg);
	tb_leave(&h);
	return true;
}

static bool
pin(struct tw_table *t, const struct tw_table_key *key, struct tw_table_pin *out)
{
	const struct tb_conf *const c = conf_of(t);
	struct tb_key k;
	struct tb_hold h;

	if (c->table == NULL || !key_make(c, key, &k) ||
	    !tb_find(&h, c->table, &k, TB_MAKE, tw_now_ms()))
		return false;
	tb_track(&h);
	tb_leave(&h);
	tb_table_ref(c->table);
	*out = (struct tw_table_pin){ tb_table_ops, c->table, h.e };
	return true;
}

static void
with(const struct tw_table_pin *p, tw_table_fn *fn, void *arg)
{
	struct tb_hold h;

	tb_enter(&h, p->table, p->entry, tw_now_ms());
	call(&h, fn, arg);
	tb_leave(&h);
}

static void
unpin(struct tw_table_pin *p)
{
	struct tb_table *t = p->table;
	struct tb_hold h;

	tb_enter(&h, t, p->entry, tw_now_ms());
	tb_untrack(&h);
	tb_leave(&h);
	tb_table_unref(&t);
	*p = (struct tw_table_pin){ .ops = NULL };
}

/* ---- all of them --------------------------------------------------------- */

struct walking {
	const struct tw_table_walk *walk;
	bool (*fn)(struct tw_table_entry *, void *);
	void *arg;
};

static bool
holds(const struct tb_hold *h, const struct tw_table_cond *c)
{
	static const enum tb_cmp cmps[] = { [TW_TABLE_EQ] = TB_EQ,
		[TW_TABLE_NE] = TB_NE,
		[TW_TABLE_LE] = TB_LE,
		[TW_TABLE_GE] = TB_GE,
		[TW_TABLE_LT] = TB_LT,
		[TW_TABLE_GT] = TB_GT };

	return tb_compare(
	    tb_get(h, data_of(c->slot), c->slot.i), cmps[c->cmp], c->value);
}

static bool
walk_entry(struct tb_hold *h, void *arg)
{
	const struct walking *const w = arg;
	struct entry e = { { tb_table_ops }, h };

	for (int i = 0; i < w->walk->n_conds; i++)
		if (!holds(h, &w->walk->conds[i]))
			return false;
	return w->fn(&e.pub, w->arg);
}

static bool
walk(struct tw_table *t, struct tw_table_walk *at,
    bool (*fn)(struct tw_table_entry *e, void *arg), void *arg)
{
	const struct tb_conf *const c = conf_of(t);
	struct walking w = { at, fn, arg };
	struct tb_cursor cursor = { at->at[0], at->at[1] };

	if (c->table == NULL)
		return false;
	const bool more = tb_walk(c->table, &cursor, tw_now_ms(), walk_entry, &w);
	at->at[0] = cursor.shard;
	at->at[1] = cursor.bucket;
	return more;
}

const struct tw_table_ops tb_table_ops[] = {
	{ .name = "stick-table",
	    .find = find,
	    .info = info,
	    .data = data,
	    .slot = slot,
	    .entry_info = entry_info,
	    .get = get,
	    .text = text,
	    .set = set,
	    .add = add,
	    .wait_ms = wait_ms,
	    .look = look,
	    .pin = pin,
	    .with = with,
	    .unpin = unpin,
	    .walk = walk,
	    .glitches = tb_glitches },
	{ .name = NULL },
};
