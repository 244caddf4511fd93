/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vars.c - variables of a check: set-var, set-var-fmt, unset-var.
 *
 * The core keeps them (tideway/var.h): those of the scopes `check` and `sess`,
 * which for a check are the same, as long as one check; those of `proc` as for
 * anybody. Here is what the words say, and when a value is not set. Control
 * thread. source: HAProxy's manual, tcp-check set-var.
 */
#include "hc.h"

#define VALUE_MAX 4096u

static bool
is_text(const struct tw_sample *s)
{
	return s->type == TW_STRING || s->type == TW_BINARY || s->type == TW_METH;
}

/* A variable that was unset is one that is not there. */
static bool
conds_hold(const struct hc_set_var *v, const struct tw_sample *s, struct tw_req *req)
{
	struct tw_sample old;
	const bool is_there = tw_var_get(req, v->var, &old);
	const bool is_empty = is_text(s) && s->u.str.len == 0;
	const bool can_compare = is_there && old.type == TW_SINT && s->type == TW_SINT;

	if (can_compare &&
	    (((v->conds & HC_IF_GT) && old.u.n <= s->u.n) ||
		((v->conds & HC_IF_LT) && old.u.n >= s->u.n)))
		return false;
	return !((v->conds & HC_IF_EXISTS) && !is_there) &&
	    !((v->conds & HC_IF_NOT_EXISTS) && is_there) &&
	    !((v->conds & HC_IF_EMPTY) && !is_empty) &&
	    !((v->conds & HC_IF_NOT_EMPTY) && is_empty);
}

void
hc_var_set(const struct hc_set_var *v, struct tw_req *req)
{
	struct tw_sample s = { .type = TW_STRING };
	char mem[HC_TEXT_MAX];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	if (v->expr != NULL) {
		if (!tw_expr_eval(v->expr, req, &s))
			return;
	} else
		s.u.str = (struct tw_str){ mem, tw_logfmt_out(v->fmt, req, &o) };
	if ((!is_text(&s) || s.u.str.len <= VALUE_MAX) && conds_hold(v, &s, req))
		tw_var_set(req, v->var, &s);
}

/* ---- configuration ---- */

static bool
scope_is_good(struct tw_str name)
{
	return tw_str_has_prefix(name, TW_STR("check.")) ||
	    tw_str_has_prefix(name, TW_STR("sess.")) ||
	    tw_str_has_prefix(name, TW_STR("proc."));
}

static int
cond_parse(struct tw_line *ln, struct tw_str cond, struct hc_set_var *v)
{
	static const struct {
		const char *word;
		unsigned flag;
	} conds[] = {
		{ "ifexists", HC_IF_EXISTS },
		{ "ifnotexists", HC_IF_NOT_EXISTS },
		{ "ifempty", HC_IF_EMPTY },
		{ "ifnotempty", HC_IF_NOT_EMPTY },
		{ "ifset", HC_IF_EXISTS }, /* one that is unset is gone */
		{ "ifnotset", HC_IF_NOT_EXISTS },
		{ "ifgt", HC_IF_GT },
		{ "iflt", HC_IF_LT },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(conds); i++) {
		if (tw_str_eq(cond, tw_str_of(conds[i].word))) {
			v->conds |= conds[i].flag;
			return 0;
		}
	}
	return tw_line_fail(ln, 0,
	    "'%.*s' is no condition of set-var here: write ifexists, ifnotexists, "
	    "ifempty, ifnotempty, ifset, ifnotset, ifgt or iflt",
	    TW_STR_FMT(cond));
}

/* "set-var(check.x,ifempty)": what is between the brackets. */
static int
brackets_parse(struct tw_line *ln, const char *word, struct hc_set_var *v)
{
	const char *const open = strchr(word, '(');
	const size_t len = open != NULL ? strlen(open + 1) : 0;
	struct tw_err err;

	if (open == NULL || len < 2 || open[len] != ')')
		return tw_line_fail(ln, 0,
		    "write '%.*s(<name>)', as in set-var(check.port)",
		    open ? (int)(open - word) : (int)strlen(word), word);
	struct tw_str rest = { open + 1, len - 1 };
	const char *comma = memchr(rest.p, ',', rest.len);
	const struct tw_str name = { rest.p,
		comma ? (size_t)(comma - rest.p) : rest.len };
	if (!scope_is_good(name))
		return tw_line_fail(ln, 0,
		    "'%.*s' is no variable that a check can set: its name begins with "
		    "'check.', 'sess.' or 'proc.'",
		    TW_STR_FMT(name));
	v->var = tw_var_of(name, &err);
	if (v->var == NULL)
		return tw_line_fail(ln, 0, "%s", err.text);
	while (comma != NULL) {
		const char *const from = comma + 1;
		const size_t left = rest.len - (size_t)(from - rest.p);

		comma = memchr(from, ',', left);
		if (cond_parse(ln,
			(struct tw_str){ from, comma ? (size_t)(comma - from) : left },
			v) < 0)
			return -1;
	}
	return 0;
}

int
hc_set_var_parse(struct tw_line *ln, const char *word, struct hc_set_var *v)
{
	const bool is_fmt = strncmp(word, "set-var-fmt", 11) == 0;
	const char *const arg = tw_arg(ln, 1);

	if (brackets_parse(ln, word, v) < 0)
		return -1;
	if (arg == NULL)
		return tw_line_fail(ln, 0, "%s is missing after '%s'",
		    is_fmt ? "a format" : "an expression", word);
	if (tw_arg(ln, 2) != NULL)
		return tw_line_fail(ln, 2, "'%s' takes one argument, '%s' is surplus",
		    word, tw_arg(ln, 2));
	if (is_fmt)
		v->fmt = tw_logfmt_compile_at(ln, 1, arg, TW_AT_CHECK);
	else
		v->expr = tw_expr_compile(ln, 1, arg, TW_AT_CHECK);
	return v->fmt != NULL || v->expr != NULL ? 0 : -1;
}

int
hc_unset_var_parse(struct tw_line *ln, const char *word, struct hc_set_var *v)
{
	if (brackets_parse(ln, word, v) < 0)
		return -1;
	if (tw_arg(ln, 1) != NULL)
		return tw_line_fail(ln, 1, "'%s' takes no argument", word);
	return 0;
}
