/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * table.c - stick tables, whichever module keeps them.
 *
 * That module is found by its descriptor when a table is asked for; a table, an
 * entry, a pin carry what answers for them, so nothing is looked up after that.
 * Any thread.
 */
#include "config.h"

#include <string.h>

#include <tideway/assert.h>
#include <tideway/table.h>
#include "core/module/module_int.h"

struct tw_table *
tw_table_find(struct tw_gen *gen, const char *name)
{
	const struct tw_table_ops *const ops =
	    tw__module_find_table("stick-table", NULL);

	return ops != NULL ? ops->find(gen, name) : NULL;
}

void
tw_table_info(const struct tw_table *t, struct tw_table_info *out)
{
	t->ops->info(t, out);
}

bool
tw_table_data(const struct tw_table *t, int i, struct tw_table_data *out)
{
	return t->ops->data(t, i, out);
}

bool
tw_table_slot(const struct tw_table *t, const char *word, struct tw_table_slot *out)
{
	return t->ops->slot(t, word, out);
}

void
tw_table_entry_info(const struct tw_table_entry *e, struct tw_table_entry_info *out)
{
	e->ops->entry_info(e, out);
}

uint64_t
tw_table_get(const struct tw_table_entry *e, struct tw_table_slot s)
{
	return e->ops->get(e, s);
}

struct tw_str
tw_table_text(const struct tw_table_entry *e, struct tw_table_slot s)
{
	return e->ops->text(e, s);
}

void
tw_table_set(struct tw_table_entry *e, struct tw_table_slot s, uint64_t n)
{
	e->ops->set(e, s, n);
}

uint32_t
tw_table_add(struct tw_table_entry *e, struct tw_table_slot s, int64_t n)
{
	return e->ops->add(e, s, n);
}

uint32_t
tw_table_wait_ms(const struct tw_table_entry *e, struct tw_table_slot s, uint64_t most)
{
	return e->ops->wait_ms(e, s, most);
}

bool
tw_table_look(
    struct tw_table *t, const struct tw_table_key *key, tw_table_fn *fn, void *arg)
{
	return t->ops->look(t, key, fn, arg);
}

bool
tw_table_pin(
    struct tw_table *t, const struct tw_table_key *key, struct tw_table_pin *out)
{
	TW_ASSERT(out->ops == NULL);
	return t->ops->pin(t, key, out);
}

void
tw_table_with(const struct tw_table_pin *pin, tw_table_fn *fn, void *arg)
{
	TW_ASSERT(pin->ops != NULL);
	pin->ops->with(pin, fn, arg);
}

void
tw_table_unpin(struct tw_table_pin *pin)
{
	if (pin->ops != NULL)
		pin->ops->unpin(pin);
}

bool
tw_table_cmp(const char *word, enum tw_table_cmp *out)
{
	static const char *const words[] = { [TW_TABLE_EQ] = "eq",
		[TW_TABLE_NE] = "ne",
		[TW_TABLE_LE] = "le",
		[TW_TABLE_GE] = "ge",
		[TW_TABLE_LT] = "lt",
		[TW_TABLE_GT] = "gt" };
	size_t i = 0;

	while (i < TW_N_ELEMENTS(words) && strcmp(words[i], word) != 0)
		i++;
	*out = i < TW_N_ELEMENTS(words) ? (enum tw_table_cmp)i : TW_TABLE_EQ;
	return i < TW_N_ELEMENTS(words);
}

bool
tw_table_walk(struct tw_table *t, struct tw_table_walk *walk,
    bool (*fn)(struct tw_table_entry *e, void *arg), void *arg)
{
	return t->ops->walk(t, walk, fn, arg);
}

void
tw_table_glitches(struct tw_conn *conn, uint32_t n)
{
	const struct tw_table_ops *const ops =
	    tw__module_find_table("stick-table", NULL);

	if (ops != NULL && ops->glitches != NULL)
		ops->glitches(conn, n);
}
