/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * value.c - what an entry stores: counters, rates, names. The entry's shard is
 * locked. source: HAProxy's manual, stick-table.
 */
#include "config.h"

#include <stdlib.h>

#include "siphash.h"
#include "store_int.h"

/* ---- rates --------------------------------------------------------------- */

static void
rate_turn(struct tb_rate *r, uint32_t period_ms, uint64_t now_ms)
{
	const uint64_t age = now_ms > r->start_ms ? now_ms - r->start_ms : 0;

	if (age < period_ms)
		return;
	if (age < 2 * (uint64_t)period_ms) {
		r->before = r->now;
		r->start_ms += period_ms;
	} else {
		r->before = 0;
		r->start_ms = now_ms;
	}
	r->now = 0;
}

void
tb_rate_add(struct tb_rate *r, uint32_t period_ms, uint32_t n, uint64_t now_ms)
{
	rate_turn(r, period_ms, now_ms);
	r->now = r->now + n < n ? UINT32_MAX : r->now + n;
}

/* A single event of the last period counts until its end: a half one is none. */
uint32_t
tb_rate_read(const struct tb_rate *r, uint32_t period_ms, uint64_t now_ms)
{
	struct tb_rate at = *r;

	rate_turn(&at, period_ms, now_ms);
	if (at.now == 0 && at.before <= 1)
		return at.before;
	const uint64_t age = now_ms > at.start_ms ? now_ms - at.start_ms : 0;
	const uint64_t left = age < period_ms ? period_ms - age : 0;
	const uint64_t sum = at.now + at.before * left / period_ms;
	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

/* In a period that has `rest` ms left, the events of the one before, `n` of them,
 * count for no more than `most` from when on? `most` is less than n. */
static uint64_t
sunk_after(uint64_t n, uint64_t most, uint64_t rest, uint32_t period_ms)
{
	if (n <= 1)
		return rest;
	const uint64_t left = ((most + 1) * period_ms - 1) / n;
	return left < rest ? rest - left : 0;
}

uint32_t
tb_rate_wait(
    const struct tb_rate *r, uint32_t period_ms, uint32_t most, uint64_t now_ms)
{
	struct tb_rate at = *r;

	if (tb_rate_read(r, period_ms, now_ms) <= most)
		return 0;
	rate_turn(&at, period_ms, now_ms);
	const uint64_t age = now_ms > at.start_ms ? now_ms - at.start_ms : 0;
	const uint64_t rest = age < period_ms ? period_ms - age : 0;
	uint64_t ms = rest;
	if (at.now <= most)
		ms = sunk_after(at.before, most - at.now, rest, period_ms);
	else
		ms += sunk_after(at.now, most, period_ms, period_ms);
	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

/* ---- names --------------------------------------------------------------- */

static struct tb_name **
name_chain(struct tb_table *t, struct tw_str text)
{
	return &t->names[tb_siphash(t->secret, text.p, text.len) % TB_NAME_CHAINS];
}

struct tb_name *
tb__name_get(struct tb_table *t, struct tw_str text)
{
	struct tb_name **const chain = name_chain(t, text);
	struct tb_name *n;

	pthread_mutex_lock(&t->names_lock);
	for (n = *chain; n != NULL; n = n->next)
		if (tw_str_eq((struct tw_str){ n->text, n->len }, text))
			break;
	if (n == NULL && (n = malloc(sizeof(*n) + text.len + 1)) != NULL) {
		n->refs = 0;
		n->len = text.len;
		memcpy(n->text, text.p, text.len);
		n->next = *chain;
		*chain = n;
	}
	if (n != NULL)
		n->refs++;
	pthread_mutex_unlock(&t->names_lock);
	return n;
}

void
tb__name_put(struct tb_table *t, struct tb_name **name)
{
	struct tb_name *const n = *name;

	*name = NULL;
	if (n == NULL)
		return;
	struct tb_name **at = name_chain(t, (struct tw_str){ n->text, n->len });
	pthread_mutex_lock(&t->names_lock);
	if (--n->refs == 0) {
		while (*at != n)
			at = &(*at)->next;
		*at = n->next;
		free(n);
	}
	pthread_mutex_unlock(&t->names_lock);
}

static void *
field(const struct tb_table *t, const struct tb_entry *e, enum tb_data d)
{
	return tb_data_of(e) + t->layout.off[d];
}

void
tb__names_drop(struct tb_table *t, struct tb_entry *e)
{
	for (int d = 0; d < TB_N_DATA; d++)
		if (tb_types[d].kind == TB_NAME && t->layout.n[d] != 0)
			tb__name_put(t, field(t, e, (enum tb_data)d));
}

struct tw_str
tb_name_get(const struct tb_hold *h, enum tb_data d)
{
	if (!tb_has(h->t, d))
		return (struct tw_str){ NULL, 0 };
	struct tb_name *const *const n = field(h->t, h->e, d);
	return *n != NULL ? (struct tw_str){ (*n)->text, (*n)->len }
			  : (struct tw_str){ NULL, 0 };
}

void
tb_name_set(struct tb_hold *h, enum tb_data d, struct tw_str name)
{
	if (!tb_has(h->t, d) || tw_str_eq(tb_name_get(h, d), name))
		return;
	struct tb_name **const n = field(h->t, h->e, d);
	tb__name_put(h->t, n);
	*n = tb__name_get(h->t, name);
	h->changed = true;
}

/* ---- numbers ------------------------------------------------------------- */

enum tb_data
tb_layout_at(const struct tb_layout *l, enum tb_data d, unsigned *i)
{
	const enum tb_data array = tb_types[d].array;

	*i = 0;
	if (l->n[d] != 0 || array == TB_NONE)
		return l->n[d] != 0 ? d : TB_NONE;
	*i = d == TB_gpc1 || d == TB_gpc1_rate ? 1 : 0;
	return *i < l->n[array] ? array : TB_NONE;
}

enum tb_data
tb_at(const struct tb_table *t, enum tb_data d, unsigned *i)
{
	return tb_layout_at(tb_table_layout(t), d, i);
}

/* Rates of bytes count in blocks. */
uint32_t
tb_unit(const struct tb_table *t, enum tb_data d)
{
	return d == TB_bytes_in_rate || d == TB_bytes_out_rate ? t->layout.block : 1;
}

uint64_t
tb_get(const struct tb_hold *h, enum tb_data d, unsigned i)
{
	const struct tb_layout *const l = &h->t->layout;

	if (i >= l->n[d])
		return 0;
	const void *const p = field(h->t, h->e, d);
	switch (tb_types[d].kind) {
	case TB_UINT:
		return ((const uint32_t *)p)[i];
	case TB_ULL:
		return ((const uint64_t *)p)[i];
	case TB_RATE:
		return (uint64_t)tb_rate_read(&((const struct tb_rate *)p)[i],
			   l->period_ms[d], h->now_ms) *
		    tb_unit(h->t, d);
	default:
		return 0;
	}
}

void
tb_set(struct tb_hold *h, enum tb_data d, unsigned i, uint64_t value)
{
	if (i >= h->t->layout.n[d])
		return;
	void *const p = field(h->t, h->e, d);
	if (tb_types[d].kind == TB_UINT)
		((uint32_t *)p)[i] = (uint32_t)value;
	else if (tb_types[d].kind == TB_ULL)
		((uint64_t *)p)[i] = value;
	else if (tb_types[d].kind == TB_RATE)
		((struct tb_rate *)p)[i] = (struct tb_rate){ .start_ms = h->now_ms,
			.now = (uint32_t)(value / tb_unit(h->t, d)) };
	h->changed = true;
}

void
tb_add(struct tb_hold *h, enum tb_data d, unsigned i, int64_t n)
{
	const struct tb_layout *const l = &h->t->layout;

	if (i >= l->n[d] || n == 0)
		return;
	void *const p = field(h->t, h->e, d);
	h->changed = true;
	if (tb_types[d].kind == TB_RATE) {
		if (n > 0)
			tb_rate_add(&((struct tb_rate *)p)[i], l->period_ms[d],
			    n > UINT32_MAX ? UINT32_MAX : (uint32_t)n, h->now_ms);
		return;
	}
	const uint64_t old = tb_get(h, d, i);
	const bool is_below = n < 0 && old < (uint64_t)-n;
	tb_set(h, d, i, is_below ? 0 : old + (uint64_t)n);
}

uint32_t
tb_wait_ms(const struct tb_hold *h, enum tb_data d, unsigned i, uint64_t most)
{
	const struct tb_layout *const l = &h->t->layout;

	if (i >= l->n[d] || tb_types[d].kind != TB_RATE)
		return 0;
	most /= tb_unit(h->t, d);
	return tb_rate_wait(&((const struct tb_rate *)field(h->t, h->e, d))[i],
	    l->period_ms[d], most > UINT32_MAX ? UINT32_MAX : (uint32_t)most,
	    h->now_ms);
}

/* ---- keys and times ------------------------------------------------------ */

struct tw_str
tb_entry_key(const struct tb_table *t, const struct tb_entry *e)
{
	return (struct tw_str){ tb_key_of(t, e), e->key_len };
}

void
tb_key_text(const struct tb_layout *l, struct tw_str s, char *room, struct tb_key *out)
{
	out->p = s.p;
	out->len = s.len < l->key_len ? s.len : l->key_len;
	if (l->key != TB_BINARY || s.len >= l->key_len)
		return;
	if (s.len > 0)
		memcpy(room, s.p, s.len);
	memset(room + s.len, 0, l->key_len - s.len);
	out->p = room;
	out->len = l->key_len;
}

uint64_t
tb_expires_ms(const struct tb_hold *h)
{
	const uint64_t end = h->e->touched_ms + atomic_load(&h->t->expire_ms);

	return end > h->now_ms && atomic_load(&h->t->expire_ms) != 0 ? end - h->now_ms
								     : 0;
}
