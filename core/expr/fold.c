/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fold.c - what is constant is evaluated once, when all files are read.
 *
 * An expression's constant beginning (`str(x),upper`) becomes a given value,
 * an ACL of constants becomes true or false, and conditions lose what decides
 * nothing: a term that always holds, a group that never does. Parts that may
 * do something when they are asked for stay (steady.c). Control thread.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>

#include "expr/cond.h"
#include "flow/req.h"

/* ---- expressions -------------------------------------------------------- */

/* Given values: args[0].ptr is the sample. */
static bool
get_folded(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)req;
	(void)cur;
	*out = *(const struct tw_sample *)args[0].ptr;
	return true;
}

static bool
get_nothing(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)req;
	(void)args;
	(void)cur;
	(void)out;
	return false;
}

/* How many converters the constant beginning has; -1: it is none. */
static int
constant_part(const struct tw_expr *e)
{
	struct tw_expr part = *e;

	for (int n = e->n_convs; n >= 0; n--) {
		part.n_convs = (uint8_t)n;
		if (tw__expr_steady(&part) == TW__FIXED)
			return n;
	}
	return -1;
}

static void
sample_keep(struct tw_arena *arena, struct tw_sample *s)
{
	if (s->type == TW_STRING || s->type == TW_BINARY || s->type == TW_METH)
		s->u.str =
		    tw_arena_str(arena, s->u.str.p != NULL ? s->u.str : TW_STR(""));
}

static void
expr_fold(struct tw_arena *arena, struct tw_expr *e, struct tw_req *req)
{
	const int n = constant_part(e);
	struct tw_expr part = *e;
	struct tw_sample *const s = tw_arena_zalloc(arena, sizeof(*s));

	if (n <= 0)
		return; /* a given value is as quick as it is */
	part.n_convs = (uint8_t)n;
	const bool found = tw_expr_eval(&part, req, s);
	struct tw_fetch *const f = tw_arena_alloc(arena, sizeof(*f));
	*f = *e->fetch; /* its name and place, for messages */
	f->get = found ? get_folded : get_nothing;
	if (found) {
		sample_keep(arena, s);
		f->out = (enum tw_type)s->type;
	}
	e->fetch = f;
	memset(e->args, 0, sizeof(e->args));
	e->args[0].ptr = s;
	e->conv += n;
	e->n_convs -= (uint8_t)n;
}

/* ---- ACLs --------------------------------------------------------------- */

static bool
is_constant(const struct tw__acl_test *t)
{
	return t->files == NULL && tw__expr_steady(t->expr) == TW__FIXED;
}

/* 1, 0, -1: it depends; tests that never hold are dropped. */
static int
acl_fold(struct tw__acl *acl, struct tw_req *req)
{
	struct tw__acl_test **at = &acl->tests;

	while (*at != NULL) {
		if (!is_constant(*at)) {
			at = &(*at)->next;
			continue;
		}
		if (tw__acl_test_ask(*at, req))
			return 1;
		*at = (*at)->next;
	}
	acl->tail = at;
	return acl->tests == NULL ? 0 : -1;
}

/* ---- conditions --------------------------------------------------------- */

/* What cannot be read there is not there, whatever the request still holds: the
 * warning said so. */
static int
term_constant(const struct tw_cond *c, const struct tw__term *t, struct tw_req *req)
{
	const int r = (t->acl->where & c->where) == 0
	    ? 0
	    : acl_fold((struct tw__acl *)(uintptr_t)t->acl, req);

	return r < 0 ? -1 : r != t->negated;
}

/* One group at `from`, its constants left out and the rest moved to `*to`. out:
 * to. returns: where the next begins; holds, 1 always, 0 never, -1. */
static uint16_t
group_fold(
    struct tw_cond *c, uint16_t from, uint16_t *to, int *holds, struct tw_req *req)
{
	const uint16_t end = c->term[from].skip;
	const uint16_t first = *to;

	*holds = 1;
	for (uint16_t i = from; i < end; i++) {
		const struct tw__term t = c->term[i];
		const int r = term_constant(c, &t, req);
		if (r == 1)
			continue;
		*holds = r == 0 ? 0 : *holds == 0 ? 0 : -1;
		if (r < 0)
			c->term[(*to)++] = t;
	}
	if (*holds == 0)
		*to = first;
	for (uint16_t i = first; i < *to; i++) {
		c->term[i].skip = *to;
		c->term[i].last = i + 1 == *to;
	}
	return end;
}

static void
cond_fold(struct tw_cond *c, struct tw_req *req)
{
	uint16_t to = 0;
	int holds = 0;

	if (!tw__cond_is_pure(c))
		return;
	for (uint16_t i = 0; i < c->n && holds != 1;)
		i = group_fold(c, i, &to, &holds, req);
	if (holds == 1 || to == 0) {
		c->unless = (holds == 1) != c->unless;
		to = 0;
	}
	c->n = to;
}

/* ---- all ---------------------------------------------------------------- */

void
tw__exprs_fold(struct tw_gen *gen)
{
	struct tw_arena *const arena = tw_gen_arena(gen);
	struct tw_req *const req = calloc(1, sizeof(*req)); /* for scratch memory */

	TW_ASSERT(req != NULL);
	req->magic = TW_REQ_MAGIC;
	req->arena = arena;
	for (struct tw_expr *e = gen->expr ? gen->expr->exprs : NULL; e; e = e->next)
		expr_fold(arena, e, req);
	for (struct tw_cond *c = gen->expr ? gen->expr->conds : NULL; c; c = c->next)
		cond_fold(c, req);
	free(req);
}
