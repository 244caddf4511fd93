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

struct set_var {
	struct tw_var *var;
	unsigned tests; /* tw_var_test() */
	const struct tw_expr *expr;
	struct rule_text text; /* set-var-fmt */
};

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
		if (!first && tw_var_test(word, &v->tests, &err) != 0)
			return tw_line_fail(a->ln, 0, "'%s': %s", a->word, err.text);
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
	tw_var_set_if(req, v->var, v->tests, &s);
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
