/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * condrun.c - neighbouring conditions that compare one fetch with fixed text.
 *
 * `if { hdr(host) -i a }`, `if { hdr(host) -i b }`, ...: one look into a hash
 * tells which is the first that holds, or that none does. Only conditions of
 * one ACL, not negated, whose tests are all of the same expression and method
 * belong to a run. Built when all files are read, from the patterns that the
 * ACLs keep; read by all workers.
 */
#include "config.h"

#include "expr/condrun.h"

#define RUN_MIN 4 /* fewer are as quick one by one */

/* Strings and the condition that each belongs to. */
struct side {
	struct tw__strset set;
	uint32_t *cond;  /* of item i */
	uint32_t n_cond; /* room */
};

struct tw__condrun {
	const struct tw_expr *expr;
	enum tw__match match; /* STR, BEG or END */
	struct side exact, folded;
	uint32_t n;
};

static bool
is_text_match(enum tw__match m)
{
	return m == TW__STR || m == TW__BEG || m == TW__END;
}

/* Asked once or each time: these give another value. */
static bool
is_chance(const struct tw_expr *e)
{
	return strcmp(e->fetch->name, "rand") == 0 ||
	    strcmp(e->fetch->name, "uuid") == 0;
}

/* Does this ACL ask the same as the run's first? */
static bool
belongs(const struct tw__condrun *run, const struct tw__acl *acl)
{
	struct tw__acl_view v;

	if (acl == NULL)
		return false;
	for (int i = 0; tw__acl_test_view(acl, i, &v); i++)
		if (v.other || v.pats == NULL || v.match != run->match ||
		    (v.expr != run->expr && strcmp(v.expr->text, run->expr->text) != 0))
			return false;
	return true;
}

static void
add_items(
    struct tw_arena *arena, struct side *to, const struct tw__strset *from, uint32_t i)
{
	for (uint32_t k = 0; k < from->n; k++) {
		tw__strset_add(arena, &to->set, from->item[k]);
		if (to->set.n > to->n_cond) {
			const uint32_t room = to->n_cond ? to->n_cond * 2 : 16;
			uint32_t *const grown =
			    tw_arena_alloc(arena, sizeof(*grown) * room);
			if (to->n_cond > 0)
				memcpy(grown, to->cond, sizeof(*grown) * to->n_cond);
			to->cond = grown;
			to->n_cond = room;
		}
		to->cond[to->set.n - 1] = i;
	}
}

static void
add_acl(struct tw_arena *arena, struct tw__condrun *run, const struct tw__acl *acl)
{
	struct tw__acl_view v;

	for (int i = 0; tw__acl_test_view(acl, i, &v); i++) {
		add_items(arena, &run->exact, tw__pats_strings(v.pats, false), run->n);
		add_items(arena, &run->folded, tw__pats_strings(v.pats, true), run->n);
	}
}

struct tw__condrun *
tw__condrun_new(struct tw_arena *arena, struct tw_cond *const *cond, int n)
{
	struct tw__acl_view first;
	const struct tw__acl *acl = n >= RUN_MIN ? tw__cond_single(cond[0]) : NULL;

	if (acl == NULL || !tw__acl_test_view(acl, 0, &first) || first.other ||
	    first.pats == NULL || !is_text_match(first.match) || is_chance(first.expr))
		return NULL;
	struct tw__condrun probe = { .expr = first.expr, .match = first.match };
	int len = 0;
	while (len < n && belongs(&probe, tw__cond_single(cond[len])))
		len++;
	if (len < RUN_MIN)
		return NULL;
	struct tw__condrun *const run = tw_arena_zalloc(arena, sizeof(*run));
	*run = probe;
	for (int i = 0; i < len; i++, run->n++)
		add_acl(arena, run, tw__cond_single(cond[i]));
	tw__strset_close(arena, &run->exact.set);
	tw__strset_close(arena, &run->folded.set);
	return run;
}

int
tw__condrun_length(const struct tw__condrun *run)
{
	return (int)run->n;
}

/* The lowest condition that a string belongs to; `none`: no one's. */
static uint32_t
look_up(const struct side *side, enum tw__match m, struct tw_str s, uint32_t none)
{
	const struct tw__strset *const set = &side->set;

	for (uint32_t i = 0; i < set->n_lengths; i++) {
		const uint32_t len = set->length[i];
		if (len > s.len)
			break;
		if (m == TW__STR && len != s.len)
			continue;
		const char *const p = m == TW__END ? s.p + s.len - len : s.p;
		const uint32_t at = tw__strset_find(set, (struct tw_str){ p, len });
		if (at != 0 && side->cond[at - 1] < none)
			none = side->cond[at - 1];
	}
	return none;
}

int
tw__condrun_first(const struct tw__condrun *run, struct tw_req *req)
{
	struct tw_cursor cur = { .more = false };
	struct tw_sample s;
	uint32_t best = run->n;
	int got;

	while ((got = tw__expr_next(run->expr, req, &cur, &s)) >= 0) {
		if (got > 0 && tw__cast(req, &s, TW_STRING)) {
			const struct tw_str text = { s.u.str.p ? s.u.str.p : "",
				s.u.str.len };
			best = look_up(&run->exact, run->match, text, best);
			if (run->folded.set.n > 0) {
				const struct tw_str low = tw__lower(req, text);
				if (low.p == NULL)
					return 0; /* let them be tried */
				best = look_up(&run->folded, run->match, low, best);
			}
		}
		if (!cur.more)
			break;
	}
	return (int)best;
}
