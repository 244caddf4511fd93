/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * memo.c - ACLs and fetches that a step asks for more than once.
 *
 * Whoever goes through a list of conditions says so (tw_memo_begin); until an
 * action may have edited something, an ACL that several conditions of the
 * section ask for is evaluated once, and so is an expression of several ACLs.
 * Only steady ones have a place (steady.c), and only those that are asked for
 * twice; each section numbers its own. A list whose conditions have no place
 * does not begin. Numbers: control thread; the rest: worker.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>

#include "expr/cond.h"
#include "flow/req.h"

#define ACLS_MAX 64
#define VALUES_MAX 16
#define KEPT_MAX 4096 /* longer text is evaluated again */

/* One for each thread: a list is gone through at once, and what begins another
 * one in the middle of it ends the first one's memory. */
__thread const struct tw_req *tw__memo_owner;
static __thread struct {
	uint64_t known, holds; /* bit by an ACL's place */
	uint32_t have;         /* bit by an expression's */
	struct {
		struct tw_sample s;
		int got; /* as tw__expr_next() */
	} value[VALUES_MAX];
} memo;

/* ---- who has a place ---------------------------------------------------- */

static void
count_asked(struct tw_cond *conds)
{
	for (struct tw_cond *c = conds; c != NULL; c = c->next)
		for (uint16_t i = 0; i < c->n; i++)
			((struct tw__acl *)(uintptr_t)c->term[i].acl)->n_asked++;
}

/* An ACL of a section, or one of its tests. */
struct place {
	const struct tw_proxy *proxy;
	struct tw__acl *acl;
	struct tw_expr *expr;
};

struct places {
	struct place *at; /* owns */
	size_t n, room;
};

static void
places_add(struct places *ps, const struct place *p)
{
	if (ps->n == ps->room) {
		ps->room = ps->room != 0 ? ps->room * 2 : 64;
		ps->at = realloc(ps->at, ps->room * sizeof(*ps->at));
		TW_ASSERT(ps->at != NULL);
	}
	ps->at[ps->n++] = *p;
}

/* Each ACL once, by its first term; n_asked tells that it was not seen yet. */
static void
places_gather(struct tw_cond *conds, struct places *acls, struct places *exprs)
{
	for (struct tw_cond *c = conds; c != NULL; c = c->next) {
		for (uint16_t i = 0; i < c->n; i++) {
			struct tw__acl *const acl =
			    (struct tw__acl *)(uintptr_t)c->term[i].acl;
			struct place p = { c->proxy, acl, NULL };
			if (acl->n_asked == 0 || tw__acl_steady(acl) > TW__STEADY)
				continue;
			if (acl->n_asked > 1)
				places_add(acls, &p);
			acl->n_asked = 0;
			for (struct tw__acl_test *t = acl->tests; t; t = t->next) {
				p.expr = (struct tw_expr *)(uintptr_t)t->expr;
				places_add(exprs, &p);
			}
		}
	}
}

static int
by_expr(const void *a, const void *b)
{
	const struct place *const x = a, *const y = b;

	if (x->proxy != y->proxy)
		return (uintptr_t)x->proxy < (uintptr_t)y->proxy ? -1 : 1;
	return strcmp(x->expr->key, y->expr->key);
}

static int
by_proxy(const void *a, const void *b)
{
	const struct place *const x = a, *const y = b;

	return (x->proxy > y->proxy) - (x->proxy < y->proxy);
}

static void
number_acls(const struct places *ps)
{
	uint8_t n = 0;

	for (size_t i = 0; i < ps->n; i++) {
		if (i > 0 && ps->at[i].proxy != ps->at[i - 1].proxy)
			n = 0;
		if (n < ACLS_MAX)
			ps->at[i].acl->memo = ++n;
	}
}

/* Those of the same section and key have one place. */
static void
number_exprs(const struct places *ps)
{
	uint8_t n = 0;
	size_t end;

	for (size_t i = 0; i < ps->n; i = end) {
		if (i > 0 && ps->at[i].proxy != ps->at[i - 1].proxy)
			n = 0;
		for (end = i + 1; end < ps->n; end++)
			if (by_expr(&ps->at[i], &ps->at[end]) != 0)
				break;
		if (end - i < 2 || n == VALUES_MAX)
			continue;
		n++;
		for (size_t k = i; k < end; k++)
			ps->at[k].expr->memo = n;
	}
}

void
tw__exprs_memo(struct tw_gen *gen)
{
	struct places acls = { NULL, 0, 0 }, exprs = { NULL, 0, 0 };

	if (gen->expr == NULL)
		return;
	count_asked(gen->expr->conds);
	places_gather(gen->expr->conds, &acls, &exprs);
	if (acls.n > 0)
		qsort(acls.at, acls.n, sizeof(*acls.at), by_proxy);
	if (exprs.n > 0)
		qsort(exprs.at, exprs.n, sizeof(*exprs.at), by_expr);
	number_acls(&acls);
	number_exprs(&exprs);
	free(acls.at);
	free(exprs.at);
}

bool
tw_memo_wanted(const struct tw_cond *c)
{
	for (uint16_t i = 0; c != NULL && i < c->n; i++) {
		const struct tw__acl *const acl = c->term[i].acl;
		if (acl->memo != 0)
			return true;
		for (const struct tw__acl_test *t = acl->tests; t; t = t->next)
			if (t->expr->memo != 0)
				return true;
	}
	return false;
}

/* ---- one list ----------------------------------------------------------- */

void
tw_memo_forget(struct tw_req *req)
{
	(void)req;
	memo.known = 0;
	memo.have = 0;
}

void
tw_memo_begin(struct tw_req *req)
{
	tw__memo_owner = req;
	tw_memo_forget(req);
}

void
tw_memo_end(struct tw_req *req)
{
	(void)req;
	tw__memo_owner = NULL;
}

bool
tw__memo_acl(const struct tw__acl *acl, struct tw_req *req)
{
	const uint64_t bit = UINT64_C(1) << (acl->memo - 1);

	if ((memo.known & bit) == 0) {
		memo.holds &= ~bit;
		if (tw__acl_ask(acl, req))
			memo.holds |= bit;
		memo.known |= bit;
	}
	return (memo.holds & bit) != 0;
}

/* A converter's text may stand in scratch memory: it is copied. */
static bool
keep_text(const struct tw_expr *e, struct tw_req *req, struct tw_sample *s)
{
	if (e->n_convs == 0 ||
	    (s->type != TW_STRING && s->type != TW_BINARY && s->type != TW_METH))
		return true;
	char *const mem = s->u.str.len <= KEPT_MAX
	    ? tw_arena_try(tw_req_arena(req), s->u.str.len + 1)
	    : NULL;
	if (mem == NULL)
		return false;
	if (s->u.str.len > 0)
		memcpy(mem, s->u.str.p, s->u.str.len);
	s->u.str.p = mem;
	return true;
}

int
tw__memo_next(const struct tw_expr *e, struct tw_req *req, struct tw_cursor *cur,
    struct tw_sample *out)
{
	const uint32_t bit = 1u << (e->memo - 1);

	if ((memo.have & bit) != 0) {
		*out = memo.value[e->memo - 1].s;
		return memo.value[e->memo - 1].got;
	}
	const int got = tw__expr_next(e, req, cur, out);
	/* of several values, each is asked for */
	if (!cur->more && (got <= 0 || keep_text(e, req, out))) {
		memo.value[e->memo - 1].s = *out;
		memo.value[e->memo - 1].got = got;
		memo.have |= bit;
	}
	return got;
}

int
tw__expr_once(const struct tw_expr *e, struct tw_req *req, struct tw_cursor *cur,
    struct tw_sample *out)
{
	/* when there is more, this is not the first value */
	return e->memo == 0 || cur->more || tw__memo_owner != req
	    ? tw__expr_next(e, req, cur, out)
	    : tw__memo_next(e, req, cur, out);
}
