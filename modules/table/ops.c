/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ops.c - what fetches, converters and actions do to an entry that is held.
 *
 * "gpc0" and the like mean the single counter, or the first element of the
 * array where there is one. To increment one counts for its rate as well; in a
 * table that stores the rate alone the rate is the answer. Any worker.
 */
#include "config.h"

#include "mod.h"

static enum tb_data
rate_of(enum tb_data d)
{
	switch (d) {
	case TB_gpc0:
		return TB_gpc0_rate;
	case TB_gpc1:
		return TB_gpc1_rate;
	default:
		return TB_gpc_rate;
	}
}

/* in: d, as it was named; i, of an array. out: where it is. */
static enum tb_data
place(const struct tb_table *t, enum tb_data d, unsigned *i)
{
	if (tb_types[d].is_array)
		return *i < tb_table_layout(t)->n[d] ? d : TB_NONE;
	return tb_at(t, d, i);
}

static bool
increment(struct tb_hold *h, enum tb_data named, unsigned i, uint64_t *out)
{
	unsigned at = i, rate_at = i;
	const enum tb_data d = place(h->t, named, &at);
	const enum tb_data r = place(h->t, rate_of(named), &rate_at);

	if (r != TB_NONE) {
		tb_add(h, r, rate_at, 1);
		*out = tb_get(h, r, rate_at);
	}
	if (d != TB_NONE) {
		tb_add(h, d, at, 1);
		*out = tb_get(h, d, at);
	}
	return d != TB_NONE || r != TB_NONE;
}

bool
tb_op_run(struct tb_hold *h, enum tb_op op, enum tb_data d, unsigned i, uint64_t *out)
{
	if (op == TB_TRACKERS) {
		*out = h->e->refs;
		return true;
	}
	if (op == TB_INC)
		return increment(h, d, i, out);
	d = place(h->t, d, &i);
	if (d == TB_NONE)
		return false;
	*out = tb_get(h, d, i);
	if (op == TB_KBYTES)
		*out >>= 10;
	if (op == TB_CLR)
		tb_set(h, d, i, 0);
	return true;
}
