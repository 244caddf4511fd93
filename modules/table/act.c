/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act.c - sc-inc-gpc and its like: actions on what is tracked.
 *
 * What is not tracked or not stored is passed over in silence. source: HAProxy's
 * manual, http-request sc-inc-gpc, sc-add-gpc, sc-set-gpt.
 */
#include "config.h"

#include "mod.h"

#define EVERYWHERE ((1u << TW_N_RULES) - 1)

struct counter_conf {
	enum tb_data data;
	uint32_t i, counter;
	const struct tw_expr *expr; /* NULL: value */
	int64_t value;
};

bool
tb_parse_u32(struct tw_str s, uint32_t *out)
{
	uint64_t n;

	if (!tw_str_to_u64(s, &n) || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

static int
parse_counter(struct tw_action_line *a, struct tw_str text, uint32_t *counter)
{
	const uint32_t n = tb_counters(a->ln->gen);

	if (!tb_parse_u32(text, counter))
		return tw_line_fail(a->ln, 0,
		    "'%s %s': '%.*s' is no tracked counter: write 0 for track-sc0, 1 for "
		    "track-sc1, ...",
		    a->set, a->word, TW_STR_FMT(text));
	if (*counter >= n)
		return tw_line_fail(a->ln, 0,
		    "'%s %s': the counters are numbered from 0 on and there are %u: "
		    "'tune.stick-counters' in 'global' makes it more",
		    a->set, a->word, n);
	return 0;
}

static struct counter_conf *
conf_new(struct tw_action_line *a, enum tb_data data, const void **out)
{
	struct counter_conf *const c =
	    tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*c));

	c->data = data;
	*out = c;
	return c;
}

/* "(<index>,<counter>)" */
static int
parse_indexed(struct tw_action_line *a, struct counter_conf *c)
{
	const char *const comma =
	    a->paren.len > 0 ? memchr(a->paren.p, ',', a->paren.len) : NULL;

	if (comma == NULL)
		return tw_line_fail(a->ln, 0,
		    "'%s %s' needs the index of the element and the tracked counter: "
		    "write (<index>,<counter>)",
		    a->set, a->word);
	const struct tw_str index = { a->paren.p, (size_t)(comma - a->paren.p) };
	if (!tb_parse_u32(index, &c->i) || c->i >= TB_ARRAY_MAX)
		return tw_line_fail(a->ln, 0,
		    "'%s %s': the index '%.*s' is out of range: write 0 to %d", a->set,
		    a->word, TW_STR_FMT(index), TB_ARRAY_MAX - 1);
	return parse_counter(
	    a, (struct tw_str){ comma + 1, a->paren.len - index.len - 1 }, &c->counter);
}

/* A number, or an expression. */
static int
parse_value(struct tw_action_line *a, struct counter_conf *c)
{
	const char *const word = tw_action_arg(a);
	uint32_t n;

	if (word == NULL)
		return tw_line_fail(a->ln, 0,
		    "'%s %s' needs a number or an expression behind it", a->set,
		    a->word);
	if (tb_parse_u32(tw_str_of(word), &n)) {
		c->value = n;
		return 0;
	}
	if (*word >= '0' && *word <= '9')
		return tw_line_fail(a->ln, a->i - 1,
		    "'%s %s': '%s' is out of range: write 0 to %u, or an expression",
		    a->set, a->word, word, UINT32_MAX);
	c->expr = tw_expr_compile(a->ln, a->i - 1, word, a->where);
	if (c->expr == NULL)
		return -1;
	return tw_expr_gives(c->expr, TW_SINT)
	    ? 0
	    : tw_line_fail(a->ln, a->i - 1, "'%s %s': '%s' gives no number", a->set,
		  a->word, word);
}

static int
parse_inc0(struct tw_action_line *a, const void **out)
{
	return parse_counter(a, a->paren, &conf_new(a, TB_gpc0, out)->counter);
}

static int
parse_inc1(struct tw_action_line *a, const void **out)
{
	return parse_counter(a, a->paren, &conf_new(a, TB_gpc1, out)->counter);
}

static int
parse_inc(struct tw_action_line *a, const void **out)
{
	return parse_indexed(a, conf_new(a, TB_gpc, out));
}

static int
parse_add(struct tw_action_line *a, const void **out)
{
	struct counter_conf *const c = conf_new(a, TB_gpc, out);

	return parse_indexed(a, c) != 0 ? -1 : parse_value(a, c);
}

static int
parse_gpt(struct tw_action_line *a, const void **out)
{
	struct counter_conf *const c = conf_new(a, TB_gpt, out);

	return parse_indexed(a, c) != 0 ? -1 : parse_value(a, c);
}

static int
parse_gpt0(struct tw_action_line *a, const void **out)
{
	struct counter_conf *const c = conf_new(a, TB_gpt0, out);

	return parse_counter(a, a->paren, &c->counter) != 0 ? -1 : parse_value(a, c);
}

/* ---- running ------------------------------------------------------------- */

static bool
value_of(struct tw_req *req, const struct counter_conf *c, int64_t *value)
{
	struct tw_sample s;

	*value = c->value;
	if (c->expr == NULL)
		return true;
	if (!tw_expr_eval(c->expr, req, &s) || !tw_sample_cast(req, &s, TW_SINT))
		return false;
	*value = s.u.n;
	return true;
}

static enum tw_act
run_inc(struct tw_req *req, const struct tw_action_call *call)
{
	const struct counter_conf *const c = call->conf;
	const struct tb_track *const t = tb_track_of(req, c->counter);
	struct tb_hold h;
	uint64_t value;

	if (t == NULL)
		return TW_ACT_NEXT;
	tb_enter(&h, t->table, t->e, tw_now_ms());
	tb_op_run(&h, TB_INC, c->data, c->i, &value);
	tb_leave(&h);
	return TW_ACT_NEXT;
}

static enum tw_act
run_add(struct tw_req *req, const struct tw_action_call *call)
{
	const struct counter_conf *const c = call->conf;
	const struct tb_track *const t = tb_track_of(req, c->counter);
	struct tb_hold h;
	int64_t value;

	if (t == NULL || !value_of(req, c, &value))
		return TW_ACT_NEXT;
	tb_enter(&h, t->table, t->e, tw_now_ms());
	tb_add(&h, TB_gpc, c->i, value);
	tb_add(&h, TB_gpc_rate, c->i, value);
	tb_leave(&h);
	return TW_ACT_NEXT;
}

static enum tw_act
run_set(struct tw_req *req, const struct tw_action_call *call)
{
	const struct counter_conf *const c = call->conf;
	const struct tb_track *const t = tb_track_of(req, c->counter);
	unsigned i = c->i;
	struct tb_hold h;
	int64_t value;

	if (t == NULL || !value_of(req, c, &value))
		return TW_ACT_NEXT;
	const enum tb_data d =
	    c->data == TB_gpt ? TB_gpt : tb_at(t->table, c->data, &i);
	if (d == TB_NONE)
		return TW_ACT_NEXT;
	tb_enter(&h, t->table, t->e, tw_now_ms());
	tb_set(&h, d, i, (uint64_t)value);
	tb_leave(&h);
	return TW_ACT_NEXT;
}

/* clang-format off */
const struct tw_action tb_counter_actions[] = {
	{ "sc-inc-gpc", EVERYWHERE, parse_inc, run_inc, "(<index>,<counter>)",
		"Increments an element of gpc of what is tracked.", TW_ACTION_PAREN },
	{ "sc-inc-gpc0", EVERYWHERE, parse_inc0, run_inc, "(<counter>)",
		"Increments gpc0 of what is tracked.", TW_ACTION_PAREN },
	{ "sc-inc-gpc1", EVERYWHERE, parse_inc1, run_inc, "(<counter>)",
		"Increments gpc1 of what is tracked.", TW_ACTION_PAREN },
	{ "sc-add-gpc", EVERYWHERE, parse_add, run_add,
		"(<index>,<counter>) {<number> | <expr>}",
		"Adds to an element of gpc of what is tracked.", TW_ACTION_PAREN },
	{ "sc-set-gpt", EVERYWHERE, parse_gpt, run_set,
		"(<index>,<counter>) {<number> | <expr>}",
		"Sets an element of gpt of what is tracked.", TW_ACTION_PAREN },
	{ "sc-set-gpt0", EVERYWHERE, parse_gpt0, run_set,
		"(<counter>) {<number> | <expr>}", "Sets gpt0 of what is tracked.",
		TW_ACTION_PAREN },
	{ .name = NULL },
};
/* clang-format on */
