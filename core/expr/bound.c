/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bound.c - one fetch or converter whose arguments come while traffic runs.
 *
 * Scripts call them by name with values of their own. Such a call is compiled
 * as the configuration's are, by the same check(), but on any thread and into
 * memory of its own: until it is done, the calling thread's generation seems to
 * have another arena and other lists. What loads files or compares with lists
 * belongs to the configuration and is refused. Any thread.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/bound.h>

#include "conf/conf.h"
#include "expr/expr_int.h"
#include "run/gen.h"

#define CHUNK 512

struct tw_bound {
	struct tw_arena *arena; /* owns */
	struct tw__expr_gen lists;
	const struct tw_fetch *fetch; /* or conv */
	const struct tw_conv *conv;
	struct tw_arg_val args[TW__ARGS_MAX + 1];
};

static _Thread_local struct tw_bound *now;

struct tw__expr_gen *
tw__bound_lists(void)
{
	return now != NULL ? &now->lists : NULL;
}

const struct tw_fetch *
tw_fetch_at(int i)
{
	const struct tw_self *owner;

	return tw__expr_fetch_at(i, &owner);
}

const struct tw_conv *
tw_conv_at(int i)
{
	const struct tw_self *owner;

	return tw__expr_conv_at(i, &owner);
}

const struct tw_fetch *
tw_fetch_find(struct tw_str name)
{
	return tw__expr_find_fetch(name);
}

const struct tw_conv *
tw_conv_find(struct tw_str name)
{
	return tw__expr_find_conv(name);
}

/* ---- arguments ------------------------------------------------------------ */

static int
take(struct tw_bound *b, struct tw_arg_val *to, const struct tw_arg_val *from,
    char letter, int n, struct tw_err *err)
{
	*to = *from;
	if (letter == 'i' && from->type == TW_STRING) {
		char *end;
		to->n = strtoll(from->str.p, &end, 10);
		if (end == from->str.p || *end != '\0')
			return tw_err_set(err,
			    "argument %d: a number is expected, not '%.*s'", n + 1,
			    TW_STR_FMT(from->str));
		to->type = TW_SINT;
	} else if (letter != 'i') {
		to->str = from->type == TW_STRING
		    ? tw_arena_str(b->arena, from->str)
		    : tw_str_of(tw_arena_printf(b->arena, "%lld", (long long)from->n));
		to->type = TW_STRING;
	}
	return 0;
}

static int
take_all(struct tw_bound *b, const char *spec, const struct tw_arg_val *args, int n,
    struct tw_err *err)
{
	bool optional = false;
	int i = 0;

	spec = spec != NULL ? spec : "";
	for (char letter; (letter = tw__next_letter(&spec, &optional)) != 0; i++) {
		if ((i >= n || args[i].type == TW_ANY) && !optional)
			return tw_err_set(err, "argument %d is missing: %s", i + 1,
			    letter == 'i' ? "a number" : "a string");
		if (i < n && args[i].type != TW_ANY &&
		    take(b, &b->args[i], &args[i], letter, i, err) != 0)
			return -1;
	}
	if (n > i)
		return tw_err_set(err,
		    i > 0 ? "%d arguments at most are taken, not %d"
			  : "no argument is taken",
		    i, n);
	return 0;
}

/* ---- life ------------------------------------------------------------------- */

static int
check(struct tw_bound *b, struct tw_gen *gen, const char *name, struct tw_err *err)
{
	int (*const fn)(struct tw_gen *, struct tw_arg_val *, struct tw_err *) =
	    b->fetch != NULL ? b->fetch->check : b->conv->check;

	if (fn == NULL)
		return 0;
	now = b;
	tw__conf_other_arena = b->arena;
	const int result = tw__expr_check_one(fn, gen, b->args, name, err);
	tw__conf_other_arena = NULL;
	now = NULL;
	if (result == 0 && b->lists.patrefs != NULL)
		return tw_err_set(
		    err, "what reads a file of patterns cannot be called by a script");
	return result;
}

static struct tw_bound *
bound_new(struct tw_gen *gen, const struct tw_fetch *f, const struct tw_conv *c,
    const struct tw_arg_val *args, int n, struct tw_err *err)
{
	struct tw_bound *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		tw_err_set(err, "out of memory");
		return NULL;
	}
	b->arena = tw_arena_new(CHUNK);
	b->fetch = f;
	b->conv = c;
	if (take_all(b, f != NULL ? f->args : c->args, args, n, err) != 0 ||
	    check(b, gen, f != NULL ? f->name : c->name, err) != 0)
		tw_bound_free(&b);
	return b;
}

struct tw_bound *
tw_bound_fetch(struct tw_gen *gen, const struct tw_fetch *fetch,
    const struct tw_arg_val *args, int n, struct tw_err *err)
{
	return bound_new(gen, fetch, NULL, args, n, err);
}

struct tw_bound *
tw_bound_conv(struct tw_gen *gen, const struct tw_conv *conv,
    const struct tw_arg_val *args, int n, struct tw_err *err)
{
	return bound_new(gen, NULL, conv, args, n, err);
}

void
tw_bound_free(struct tw_bound **bound)
{
	struct tw_bound *const b = *bound;

	*bound = NULL;
	if (b == NULL)
		return;
	tw__expr_lists_fini(&b->lists);
	tw_arena_free(&b->arena);
	free(b);
}

/* ---- calling ---------------------------------------------------------------- */

bool
tw_bound_get(const struct tw_bound *b, struct tw_req *req, struct tw_sample *out)
{
	return tw__fetch_last(b->fetch, b->args, req, out);
}

bool
tw_bound_apply(const struct tw_bound *b, struct tw_req *req, struct tw_sample *s)
{
	return tw__conv_apply(b->conv, b->args, req, s);
}
