/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * text_loop.c - ~SEQ and ~LST: the rest of a line once for each value.
 *
 * source: keepalived.conf(5), "Sequence blocks", "List blocks".
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define MAX_ARGS 512

struct loop {
	struct vr_text *t;
	struct vr_cursor *c;
	char *arg[MAX_ARGS]; /* between the parentheses, at commas */
	unsigned n_args;
	const char *rest; /* of the line */
};

static int
bad_loop(const struct loop *l, const char *why)
{
	vr_fail(l->t->rep, &l->c->where, "%s", why);
	return -1;
}

/* Cuts at commas that stand in no braces; the text is changed. */
static int
cut_args(struct loop *l, char *text)
{
	unsigned depth = 0;

	l->n_args = 0;
	for (char *p = text;; p++) {
		depth += *p == '{';
		depth -= *p == '}' && depth > 0;
		const bool ends = *p == '\0';
		if (!ends && (*p != ',' || depth > 0))
			continue;
		*p = '\0';
		if (l->n_args == MAX_ARGS)
			return bad_loop(
			    l, "~LST: too many values in one list: use two");
		l->arg[l->n_args++] = vr_trim(text);
		text = p + 1;
		if (ends)
			return 0;
	}
}

static void
rest_run(const struct loop *l)
{
	struct vr_text *const t = l->t;

	if (!vr_text_nest(t, &l->c->where))
		return;
	struct vr_cursor inner = { .where = l->c->where };
	vr_text_line(t, &inner, tw_arena_strdup(t->arena, l->rest));
	t->nesting--;
}

static int
number(const struct loop *l, const char *text, long *out)
{
	char *end;
	errno = 0;
	*out = strtol(text, &end, 0);
	if (end != text && *end == '\0' && errno == 0 && labs(*out) <= 1L << 40)
		return 0;
	vr_fail(l->t->rep, &l->c->where, "~SEQ: '%s' is no number", text);
	return -1;
}

/* ~SEQ(VAR, [START, [STEP,]] END) */
static int
seq_range(const struct loop *l, long *start, long *step, long *end)
{
	long value[3] = { 0 };
	const unsigned n = l->n_args - 1;

	if (l->n_args < 2 || l->n_args > 4)
		return bad_loop(l, "~SEQ needs (VARIABLE, [START, [STEP,]] END)");
	for (unsigned i = 0; i < n; i++) {
		if (number(l, l->arg[1 + i], &value[i]) != 0)
			return -1;
	}
	*end = value[n - 1];
	*start = n > 1 ? value[0] : *end < 0 ? -1 : 1;
	*step = n > 2 ? value[1] : *end < *start ? -1 : 1;
	return *step != 0 ? 0 : bad_loop(l, "~SEQ: a step of 0 never ends");
}

static void
seq_run(const struct loop *l, const char *format)
{
	struct vr_text *const t = l->t;
	const char *const name = l->arg[0];
	long start = 0, step = 1, end = 0;

	if (vr_var_length(name) != strlen(name) || *name == '\0') {
		bad_loop(l, "~SEQ: the first argument must be a variable's name");
		return;
	}
	if (seq_range(l, &start, &step, &end) != 0)
		return;
	for (long i = start; (step > 0 ? i <= end : i >= end) && !t->stopped;
	     i += step) {
		vr_var_set(t, name, strlen(name), tw_arena_printf(t->arena, format, i));
		rest_run(l);
	}
}

/* "{a, b}" as its members, or one word. */
static unsigned
members(char *text, char **out)
{
	const size_t len = strlen(text);
	unsigned n = 0;

	if (len < 2 || text[0] != '{' || text[len - 1] != '}') {
		out[0] = text;
		return 1;
	}
	text[len - 1] = '\0';
	for (char *p = text + 1; p != NULL && n < 16;) {
		char *const comma = strchr(p, ',');
		if (comma != NULL)
			*comma = '\0';
		out[n++] = vr_trim(p);
		p = comma != NULL ? comma + 1 : NULL;
	}
	return n;
}

static void
lst_run(const struct loop *l)
{
	struct vr_text *const t = l->t;
	char *name[16], *value[16];
	const unsigned n = members(l->arg[0], name);

	for (unsigned i = 0; i < n; i++) {
		if (*name[i] == '\0' || vr_var_length(name[i]) != strlen(name[i])) {
			bad_loop(l,
			    "~LST: the first argument must be a variable's name, "
			    "or several as {A, B}");
			return;
		}
	}
	for (unsigned i = 1; i < l->n_args && !t->stopped; i++) {
		if (members(l->arg[i], value) != n) {
			bad_loop(l,
			    "~LST: each value needs as many members as there are "
			    "variables");
			return;
		}
		for (unsigned j = 0; j < n; j++)
			vr_var_set(t, name[j], strlen(name[j]), value[j]);
		rest_run(l);
	}
}

bool
vr_text_loop(struct vr_text *t, struct vr_cursor *c, const char *line)
{
	const bool is_seq = strncmp(line, "~SEQ", 4) == 0;
	const bool is_hex = is_seq && line[4] == 'x';
	const char *const open = line + 4 + is_hex;
	struct loop l = { .t = t, .c = c };

	if ((!is_seq && strncmp(line, "~LST", 4) != 0) || *open != '(')
		return false;
	const char *const close = strchr(open, ')');
	if (close == NULL) {
		bad_loop(&l, "~SEQ or ~LST without ')'");
		return true;
	}
	char *args =
	    tw_arena_printf(t->arena, "%.*s", (int)(close - open - 1), open + 1);
	char *const expanded = vr_var_expand(t, args, &c->where);
	l.rest = close + 1;
	if (!t->stopped && cut_args(&l, expanded != NULL ? expanded : args) == 0) {
		if (is_seq)
			seq_run(&l, is_hex ? "%lx" : "%ld");
		else
			lst_run(&l);
	}
	return true;
}
