/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv.c - in_table and the converters table_*: the sample is a key.
 *
 * What the table has not is 0, what its entries do not store is nothing. Only
 * table_inc_gpc and its like make entries; none of them prolongs a life. Any
 * worker. source: HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include "mod.h"

static bool
answer(struct tw_sample *s, int64_t n)
{
	memset(s, 0, sizeof(*s));
	s->type = TW_SINT;
	s->u.n = n;
	s->may_change = true;
	return true;
}

/* returns: 1 found, held; 0 the table has it not; -1 it is no key. */
static int
find(struct tw_req *req, const struct tw_arg_val *table, struct tw_sample *s,
    enum tb_how how, struct tb_hold *h)
{
	const struct tb_conf *const conf = table->ptr;
	struct tb_key key;

	if (conf->table == NULL ||
	    !tb_key_make(req, tb_table_layout(conf->table), s, &key))
		return -1;
	return tb_find(h, conf->table, &key, how, tw_now_ms());
}

struct query {
	enum tb_op op;
	enum tb_data data;
	int64_t i;
};

static bool
apply(struct tw_req *req, const struct tw_arg_val *table, struct tw_sample *s,
    const struct query *q)
{
	struct tb_hold h;
	uint64_t n = 0;
	const int found = find(req, table, s, q->op == TB_INC ? TB_MAKE : TB_LOOK, &h);

	if (found <= 0)
		return found == 0 && answer(s, 0);
	const bool ok = tb_op_run(&h, q->op, q->data, (unsigned)q->i, &n);
	tb_leave(&h);
	return ok && answer(s, (int64_t)n);
}

#define APPLY(name)       \
	static bool name( \
	    struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
#define C(n_, op, data, help)                                                          \
	APPLY(table_##n_)                                                              \
	{                                                                              \
		return apply(                                                          \
		    req, &args[0], s, &(const struct query){ TB_##op, TB_##data, 0 }); \
	}
#define D(n_, op, data, help)                                                \
	APPLY(table_##n_)                                                    \
	{                                                                    \
		return apply(req, &args[1], s,                               \
		    &(const struct query){ TB_##op, TB_##data, args[0].n }); \
	}
#include "fetch.def"

APPLY(in_table)
{
	struct tb_hold h;
	const int found = find(req, &args[0], s, TB_LOOK, &h);

	if (found > 0)
		tb_leave(&h);
	answer(s, found > 0);
	s->type = TW_BOOL;
	return found >= 0;
}

static bool
give_default(const struct tw_arg_val *arg, struct tw_sample *s)
{
	return arg->type == TW_SINT && answer(s, arg->n);
}

APPLY(table_expire)
{
	struct tb_hold h;

	if (find(req, &args[0], s, TB_LOOK, &h) <= 0)
		return give_default(&args[1], s);
	const uint64_t ms = tb_expires_ms(&h);
	tb_leave(&h);
	return answer(s, (int64_t)ms);
}

APPLY(table_idle)
{
	struct tb_hold h;

	if (find(req, &args[0], s, TB_LOOK, &h) <= 0)
		return give_default(&args[1], s);
	const uint64_t touched_ms = h.e->touched_ms;
	tb_leave(&h);
	return answer(s, h.now_ms > touched_ms ? (int64_t)(h.now_ms - touched_ms) : 0);
}

static int
check_table(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	const bool named = args[0].type == TW_STRING && args[0].str.len > 0;

	args[0].ptr =
	    tb_conf_find(gen, named ? args[0].str.p : NULL, tw_check_proxy(), err);
	return args[0].ptr != NULL ? 0 : -1;
}

static int
check_indexed(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	if (args[0].n < 0 || args[0].n >= TB_ARRAY_MAX)
		return tw_err_set(err, "the index %lld is out of range: write 0 to %d",
		    (long long)args[0].n, TB_ARRAY_MAX - 1);
	return check_table(gen, &args[1], err);
}

#define C(n_, op, data, help)                                            \
	{ "table_" #n_, "[s]", TW_ANY, TW_SINT, table_##n_, check_table, \
		"(table) Of the key in the table: " help "." },
#define D(n_, op, data, help)                                                \
	{ "table_" #n_, "i,[s]", TW_ANY, TW_SINT, table_##n_, check_indexed, \
		"(index, table) Of the key in the table: " help "." },

/* clang-format off */
const struct tw_conv tb_convs[] = {
#include "fetch.def"
	{ "in_table", "[s]", TW_ANY, TW_BOOL, in_table, check_table,
		"(table) Whether the table has the key." },
	{ "table_expire", "[s],[i]", TW_ANY, TW_SINT, table_expire, check_table,
		"(table, default) Milliseconds until the key's entry expires." },
	{ "table_idle", "[s],[i]", TW_ANY, TW_SINT, table_idle, check_table,
		"(table, default) Milliseconds since the key's entry was touched." },
	{ .name = NULL },
};
/* clang-format on */
