/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_var.c - set-var, set-var-fmt, unset-var.
 *
 * source: HAProxy's manual, http-request set-var; the conditions in the
 * parentheses are those of its converter set-var.
 */
#include "rules.h"

#define EVERYWHERE ((1u << TW_N_RULES) - 1)

enum test {
	IF_EXISTS,
	IF_NOT_EXISTS,
	IF_EMPTY,
	IF_NOT_EMPTY,
	IF_SET,
	IF_NOT_SET,
	IF_GT,
	IF_LT,
	N_TESTS
};

struct set_var {
	struct tw_var *var;
	unsigned tests; /* 1u << enum test */
	const struct tw_expr *expr;
	struct rule_text text; /* set-var-fmt */
};

static int
parse_test(struct tw_action_line *a, struct set_var *v, struct tw_str word)
{
	static const char *const words[N_TESTS] = { "ifexists", "ifnotexists",
		"ifempty", "ifnotempty", "ifset", "ifnotset", "ifgt", "iflt" };

	for (int i = 0; i < N_TESTS; i++) {
		if (tw_str_eq(word, tw_str_of(words[i]))) {
			v->tests |= 1u << i;
			return 0;
		}
	}
	return tw_line_fail(a->ln, 0,
	    "'%.*s' is no condition of '%s': write ifexists, ifnotexists, ifempty, "
	    "ifnotempty, ifset, ifnotset, ifgt or iflt",
	    TW_STR_FMT(word), a->word);
}

/* "txn.a,ifnotset" */
static int
parse_paren(struct tw_action_line *a, struct set_var *v)
{
	struct tw_err err = { "" };
	struct tw_str rest = a->paren;
	bool first = true;

	for (;;) {
		const char *const comma =
		    rest.len > 0 ? memchr(rest.p, ',', rest.len) : NULL;
		const struct tw_str word = { rest.p,
			comma != NULL ? (size_t)(comma - rest.p) : rest.len };

		if (first && tw_str_has_prefix(word, TW_STR("check.")))
			return tw_line_fail(a->ln, 0,
			    "'%.*s': scope 'check' is for tcp-check and http-check rules; "
			    "choose txn. or req.",
			    TW_STR_FMT(word));
		if (first && (v->var = tw_var_of(word, &err)) == NULL)
			return tw_line_fail(a->ln, 0, "%s", err.text);
		if (!first && parse_test(a, v, word) != 0)
			return -1;
		if (comma == NULL)
			return 0;
		first = false;
		rest = (struct tw_str){ comma + 1, rest.len - word.len - 1 };
	}
}

static struct set_var *
var_new(struct tw_action_line *a, const void **conf)
{
	struct set_var *const v = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*v));

	*conf = v;
	return v;
}

static int
parse_set(struct tw_action_line *a, const void **conf)
{
	struct set_var *const v = var_new(a, conf);

	if (parse_paren(a, v) != 0)
		return -1;
	const char *const text = tw_action_arg(a);
	if (text == NULL)
		return action_missing(a, "an expression");
	v->expr = tw_expr_compile(a->ln, a->i - 1, text, a->where);
	return v->expr != NULL ? 0 : -1;
}

static int
parse_fmt(struct tw_action_line *a, const void **conf)
{
	struct set_var *const v = var_new(a, conf);

	if (parse_paren(a, v) != 0)
		return -1;
	const char *const text = tw_action_arg(a);
	if (text == NULL)
		return action_missing(a, "a log-format");
	return text_parse(a, a->i - 1, text, false, &v->text);
}

static int
parse_unset(struct tw_action_line *a, const void **conf)
{
	struct set_var *const v = var_new(a, conf);

	if (parse_paren(a, v) != 0)
		return -1;
	return v->tests == 0
	    ? 0
	    : tw_line_fail(a->ln, 0, "'unset-var' takes no conditions");
}

static bool
is_text(const struct tw_sample *s)
{
	return s->type == TW_STRING || s->type == TW_BINARY || s->type == TW_METH;
}

static bool
holds(struct tw_req *req, const struct set_var *v, enum test test,
    const struct tw_sample *s)
{
	struct tw_sample old;
	const bool set = tw_var_get(req, v->var, &old);
	const bool numbers = set && old.type == TW_SINT && s->type == TW_SINT;

	switch (test) {
	case IF_EXISTS:
		return tw_var_exists(req, v->var);
	case IF_NOT_EXISTS:
		return !tw_var_exists(req, v->var);
	case IF_EMPTY:
		return is_text(s) && s->u.str.len == 0;
	case IF_NOT_EMPTY:
		return !is_text(s) || s->u.str.len > 0;
	case IF_SET:
		return set;
	case IF_NOT_SET:
		return !set;
	case IF_GT:
		return !numbers || old.u.n > s->u.n;
	default:
		return !numbers || old.u.n < s->u.n;
	}
}

static bool
all_hold(struct tw_req *req, const struct set_var *v, const struct tw_sample *s)
{
	for (int i = 0; i < N_TESTS; i++)
		if ((v->tests & 1u << i) != 0 && !holds(req, v, (enum test)i, s))
			return false;
	return true;
}

static enum tw_act
run_set(struct tw_req *req, const struct tw_action_call *call)
{
	const struct set_var *const v = call->conf;
	struct tw_sample s = { .type = TW_STRING };

	if (v->expr != NULL) {
		if (!tw_expr_eval(v->expr, req, &s))
			return TW_ACT_NEXT;
	} else if ((s.u.str = text_make(req, &v->text)).p == NULL) {
		return TW_ACT_NEXT;
	}
	if (v->tests == 0 || all_hold(req, v, &s))
		tw_var_set(req, v->var, &s);
	return TW_ACT_NEXT;
}

static enum tw_act
run_unset(struct tw_req *req, const struct tw_action_call *call)
{
	const struct set_var *const v = call->conf;

	tw_var_unset(req, v->var);
	return TW_ACT_NEXT;
}

/* clang-format off */
const struct tw_action act_var[] = {
	{ "set-var", EVERYWHERE, parse_set, run_set, "(<name>[,<condition>...]) <expr>",
		"Sets a variable to what an expression gives.", TW_ACTION_PAREN },
	{ "set-var-fmt", EVERYWHERE, parse_fmt, run_set,
		"(<name>[,<condition>...]) <fmt>", "Sets a variable to a text.",
		TW_ACTION_PAREN },
	{ "unset-var", EVERYWHERE, parse_unset, run_unset, "(<name>)",
		"Forgets a variable.", TW_ACTION_PAREN },
	{ .name = NULL },
};
/* clang-format on */
