/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vars_if.c - setting a variable under conditions, and the converters set-var
 * and unset-var.
 *
 * Any worker. source: HAProxy's manual, 7.3.1, set-var.
 */
#include "config.h"

#include <tideway/var.h>

#include "expr/conv.h"

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

int
tw_var_test(struct tw_str word, unsigned *tests, struct tw_err *err)
{
	static const char *const words[N_TESTS] = { "ifexists", "ifnotexists",
		"ifempty", "ifnotempty", "ifset", "ifnotset", "ifgt", "iflt" };

	for (int i = 0; i < N_TESTS; i++) {
		if (tw_str_eq(word, tw_str_of(words[i]))) {
			*tests |= 1u << i;
			return 0;
		}
	}
	return tw_err_set(err,
	    "'%.*s' is no condition: write ifexists, ifnotexists, ifempty, ifnotempty, "
	    "ifset, ifnotset, ifgt or iflt",
	    TW_STR_FMT(word));
}

static bool
is_text(const struct tw_sample *s)
{
	return s->type == TW_STRING || s->type == TW_BINARY || s->type == TW_METH;
}

static bool
holds(struct tw_req *req, const struct tw_var *var, enum test test,
    const struct tw_sample *s)
{
	struct tw_sample old;
	const bool set = tw_var_get(req, var, &old);
	const bool numbers = set && old.type == TW_SINT && s->type == TW_SINT;

	switch (test) {
	case IF_EXISTS:
		return tw_var_exists(req, var);
	case IF_NOT_EXISTS:
		return !tw_var_exists(req, var);
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

bool
tw_var_set_if(struct tw_req *req, const struct tw_var *var, unsigned tests,
    const struct tw_sample *s)
{
	for (int i = 0; i < N_TESTS; i++)
		if ((tests & 1u << i) != 0 && !holds(req, var, (enum test)i, s))
			return false;
	return tw_var_set(req, var, s);
}

/* ---- converters ----------------------------------------------------------- */

/* args[0].ptr: the variable; args[1].n: the conditions. */
TW__CHECK(set)
{
	unsigned tests = 0;

	(void)gen;
	args[0].ptr = tw_var_of(args[0].str, err);
	if (args[0].ptr == NULL)
		return -1;
	for (int i = 1; i < TW__ARGS_MAX; i++)
		if (tw__arg_is(&args[i]) && tw_var_test(args[i].str, &tests, err) != 0)
			return -1;
	args[1].n = tests;
	return 0;
}

/* The sample goes on as it came. */
TW__CONV(set)
{
	if (args[0].ptr != NULL)
		tw_var_set_if(req, args[0].ptr, (unsigned)args[1].n, s);
	return true;
}

TW__CONV(unset)
{
	(void)s;
	if (args[0].ptr != NULL)
		tw_var_unset(req, args[0].ptr);
	return true;
}

const struct tw_conv tw__conv_var[] = {
	{ "set-var", "s,[s,s,s,s,s]", TW_ANY, TW_ANY, conv_set, check_set,
	    "(name, condition...) Sets a variable; the value goes on unchanged." },
	{ "unset-var", "s", TW_ANY, TW_ANY, conv_unset, check_set,
	    "(name) Forgets a variable; the value goes on unchanged." },
	{ .name = NULL },
};
