/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * implies.c - does one condition hold whenever another does?
 *
 * For the hint that a rule can never match. It answers yes only when the terms
 * themselves tell: the same ACL, or texts that are among the other's. What may
 * change by itself (a clock, chance, a counter) tells nothing. Control thread.
 */
#include "config.h"

#include "expr/cond.h"

static bool
is_text(enum tw__match m)
{
	return m == TW__STR || m == TW__BEG || m == TW__END || m == TW__SUB ||
	    m == TW__DIR || m == TW__DOM;
}

/* Does a set of strings of this method match all that `s` matches as `as`? */
static bool
covers_text(
    const struct tw__strset *set, enum tw__match m, struct tw_str s, enum tw__match as)
{
	if (m == as && tw__strset_find(set, s) != 0)
		return true;
	if (m == TW__BEG && (as == TW__STR || as == TW__BEG))
		return tw__strset_prefix(set, s) != 0;
	return m == TW__END && (as == TW__STR || as == TW__END) &&
	    tw__strset_suffix(set, s) != 0;
}

static bool
test_covers(const struct tw__acl_test *big, const struct tw__acl_test *small)
{
	if (big->files != NULL || small->files != NULL || big->pats == NULL ||
	    small->pats == NULL || big->present || small->present ||
	    !is_text(big->match) || !is_text(small->match) ||
	    strcmp(big->expr->key, small->expr->key) != 0)
		return false;
	const struct tw__strset *const exact = tw__pats_strings(big->pats, false);
	const struct tw__strset *const folded = tw__pats_strings(big->pats, true);
	const struct tw__strset *set = tw__pats_strings(small->pats, false);
	for (uint32_t i = 0; i < set->n; i++)
		if (!covers_text(exact, big->match, set->item[i], small->match))
			return false;
	const bool any = set->n > 0;
	set = tw__pats_strings(small->pats, true);
	for (uint32_t i = 0; i < set->n; i++)
		if (!covers_text(folded, big->match, set->item[i], small->match))
			return false;
	return any || set->n > 0;
}

/* Each test of `small` is covered by one of `big`. */
static bool
acl_covers(const struct tw__acl *big, const struct tw__acl *small)
{
	if (big == small)
		return true;
	for (const struct tw__acl_test *s = small->tests; s != NULL; s = s->next) {
		const struct tw__acl_test *b = big->tests;
		while (b != NULL && !test_covers(b, s))
			b = b->next;
		if (b == NULL)
			return false;
	}
	return small->tests != NULL;
}

static bool
term_implies(const struct tw__term *a, const struct tw__term *b)
{
	return a->negated == b->negated &&
	    (a->negated ? acl_covers(a->acl, b->acl) : acl_covers(b->acl, a->acl));
}

static bool
group_implies(
    const struct tw_cond *a, uint16_t ga, const struct tw_cond *b, uint16_t gb)
{
	for (uint16_t k = gb; k < b->term[gb].skip; k++) {
		uint16_t i = ga;
		while (i < a->term[ga].skip && !term_implies(&a->term[i], &b->term[k]))
			i++;
		if (i == a->term[ga].skip)
			return false;
	}
	return true;
}

static bool
terms_imply(const struct tw_cond *a, const struct tw_cond *b)
{
	for (uint16_t ga = 0; ga < a->n; ga = a->term[ga].skip) {
		uint16_t gb = 0;
		while (gb < b->n && !group_implies(a, ga, b, gb))
			gb = b->term[gb].skip;
		if (gb >= b->n)
			return false;
	}
	return true;
}

static bool
is_steady(const struct tw_cond *c)
{
	for (uint16_t i = 0; i < c->n; i++)
		if (tw__acl_steady(c->term[i].acl) > TW__STEADY)
			return false;
	return true;
}

bool
tw_cond_implies(const struct tw_cond *a, const struct tw_cond *b)
{
	if (tw_cond_constant(b) == 1)
		return true;
	if (tw_cond_constant(a) >= 0 || tw_cond_constant(b) == 0 ||
	    a->unless != b->unless || !is_steady(a) || !is_steady(b))
		return false;
	return a->unless ? terms_imply(b, a) : terms_imply(a, b);
}

bool
tw_cond_reads(const struct tw_cond *c, const char *what)
{
	for (uint16_t i = 0; c != NULL && i < c->n; i++)
		for (const struct tw__acl_test *t = c->term[i].acl->tests; t;
		     t = t->next)
			if (strstr(t->expr->text, what) != NULL)
				return true;
	return false;
}
