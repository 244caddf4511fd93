/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vars.c - variables of a check: set-var, set-var-fmt, unset-var, var().
 *
 * They live as long as one check, in the scopes `check` and `sess` (which,
 * for a check, is the same). A value is a copy; there are few and they are
 * short, so a list is enough and its size is bounded. Control thread.
 * source: HAProxy's manual, tcp-check set-var.
 */
#include <ctype.h>
#include <stdlib.h>

#include "hc.h"

#define VALUE_MAX 4096u
#define N_VARS_MAX 64

struct hc_vars {
	struct hc_vars *next;
	const char *name;       /* borrow: gen; the generation of the check */
	struct tw_sample value; /* its text: behind this struct */
};

static struct hc_vars *const *in_use; /* borrow: of the check that runs */

void
hc_vars_use(struct hc_vars *const *vars)
{
	in_use = vars;
}

static struct hc_vars **
find(struct hc_vars **vars, const char *name)
{
	while (*vars != NULL && strcmp((*vars)->name, name) != 0)
		vars = &(*vars)->next;
	return vars;
}

void
hc_vars_unset(struct hc_vars **vars, const char *name)
{
	struct hc_vars **const at = find(vars, name), *const gone = *at;

	if (gone == NULL)
		return;
	*at = gone->next;
	free(gone);
}

void
hc_vars_free(struct hc_vars **vars)
{
	while (*vars != NULL) {
		struct hc_vars *const gone = *vars;

		*vars = gone->next;
		free(gone);
	}
}

static bool
is_text(const struct tw_sample *s)
{
	return s->type == TW_STRING || s->type == TW_BINARY || s->type == TW_METH;
}

static void
store(struct hc_vars **vars, const char *name, const struct tw_sample *s)
{
	const size_t len = is_text(s) ? s->u.str.len : 0;
	int n = 0;

	for (const struct hc_vars *v = *vars; v != NULL; v = v->next)
		n++;
	if (len > VALUE_MAX || n >= N_VARS_MAX)
		return;
	struct hc_vars *const v = malloc(sizeof(*v) + len);
	if (v == NULL)
		return;
	v->name = name;
	v->value = *s;
	if (is_text(s)) {
		if (len > 0)
			memcpy(v + 1, s->u.str.p, len);
		v->value.u.str.p = (const char *)(v + 1);
	}
	hc_vars_unset(vars, name);
	v->next = *vars;
	*vars = v;
}

static bool
conds_hold(struct hc_vars **vars, const struct hc_set_var *v, const struct tw_sample *s)
{
	const struct hc_vars *const old = *find(vars, v->name);
	const bool is_empty = is_text(s) && s->u.str.len == 0;
	const bool can_compare =
	    old != NULL && old->value.type == TW_SINT && s->type == TW_SINT;

	if (can_compare &&
	    (((v->conds & HC_IF_GT) && old->value.u.n <= s->u.n) ||
		((v->conds & HC_IF_LT) && old->value.u.n >= s->u.n)))
		return false;
	return !((v->conds & HC_IF_EXISTS) && old == NULL) &&
	    !((v->conds & HC_IF_NOT_EXISTS) && old != NULL) &&
	    !((v->conds & HC_IF_EMPTY) && !is_empty) &&
	    !((v->conds & HC_IF_NOT_EMPTY) && is_empty);
}

void
hc_vars_set(struct hc_vars **vars, const struct hc_set_var *v, struct tw_req *req)
{
	struct tw_sample s = { .type = TW_STRING };
	char mem[HC_TEXT_MAX];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	if (v->expr != NULL) {
		if (!tw_expr_eval(v->expr, req, &s))
			return;
	} else
		s.u.str = (struct tw_str){ mem, tw_logfmt_out(v->fmt, req, &o) };
	if (conds_hold(vars, v, &s))
		store(vars, v->name, &s);
}

/* ---- configuration ---- */

static bool
name_is_good(struct tw_str name)
{
	if (!tw_str_has_prefix(name, TW_STR("check.")) &&
	    !tw_str_has_prefix(name, TW_STR("sess.")))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '.' &&
		    name.p[i] != '-' && name.p[i] != '_')
			return false;
	return name.p[name.len - 1] != '.';
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

	if (open == NULL || len < 2 || open[len] != ')')
		return tw_line_fail(ln, 0,
		    "write '%.*s(<name>)', as in set-var(check.port)",
		    open ? (int)(open - word) : (int)strlen(word), word);
	struct tw_str rest = { open + 1, len - 1 };
	const char *comma = memchr(rest.p, ',', rest.len);
	const struct tw_str name = { rest.p,
		comma ? (size_t)(comma - rest.p) : rest.len };
	if (!name_is_good(name))
		return tw_line_fail(ln, 0,
		    "'%.*s' is no name of a variable that a check can set: write "
		    "'check.' or 'sess.' and letters, digits, '.', '-' or '_'",
		    TW_STR_FMT(name));
	v->name = tw_arena_str(tw_gen_arena(ln->gen), name).p;
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

/* ---- var() ---- */

bool
hc_vars_get(struct tw_str name, struct tw_sample *out)
{
	for (struct hc_vars *v = in_use ? *in_use : NULL; v != NULL; v = v->next) {
		if (tw_str_eq(name, tw_str_of(v->name))) {
			*out = v->value;
			return true;
		}
	}
	return false;
}
