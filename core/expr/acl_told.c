/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * acl_told.c - which value an ACL saw and which of its patterns matched.
 *
 * The sets that are searched have forgotten how patterns were written. So the
 * patterns are tried one by one, each in a set of its own, until one matches
 * what the whole set has matched: slow, and only for requests with a trail.
 * Lists from files may be changed by the control thread and may be long: only
 * `tideway explain`, which is alone, looks into them.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>

#include "expr/acl_told.h"

#define TRIES_MAX 64 /* patterns, for live traffic */

static const struct {
	const char *yes, *no;
} verbs[TW__N_MATCH] = {
	[TW__FOUND] = { "is there", NULL },
	[TW__BOOL] = { NULL, NULL },
	[TW__INT] = { "is", "is none of" },
	[TW__IP] = { "is in", "is in none of" },
	[TW__STR] = { "is", "is none of" },
	[TW__BEG] = { "begins with", "begins with none of" },
	[TW__END] = { "ends with", "ends with none of" },
	[TW__SUB] = { "contains", "contains none of" },
	[TW__DIR] = { "has the part", "has none of the parts" },
	[TW__DOM] = { "has the part", "has none of the parts" },
	[TW__LEN] = { "has the length", "has none of the lengths" },
	[TW__REG] = { "matches", "matches none of" },
	[TW__BIN] = { "is", "is none of" },
	[TW__METH] = { "is", "is none of" },
	[TW__VER] = { "is", "is none of" },
};

void
tw__acl_saw(struct tw__acl_telling *told, struct tw_req *req, const struct tw_sample *s)
{
	const struct tw_str text = tw__trail_sample(req, s);
	const size_t room = sizeof(told->value);

	told->t.n_values++;
	if (text.p == NULL) {
		told->t.value = text;
		return;
	}
	told->t.value =
	    (struct tw_str){ told->value, text.len < room ? text.len : room };
	memcpy(told->value, text.p, told->t.value.len);
}

/* ---- which one ---------------------------------------------------------- */

/* "gt" and the like hold for what follows. */
static bool
is_operator(const struct tw__acl_patterns *p, const char *word)
{
	return (p->match == TW__INT || p->match == TW__LEN || p->match == TW__VER) &&
	    isalpha((unsigned char)word[0]);
}

static bool
matches_alone(const struct tw__acl_patterns *p, const char *op, const char *word,
    struct tw_req *req, const struct tw_sample *s)
{
	struct tw_err err = { "" };
	const struct tw__ectx cx = { .err = &err };
	struct tw__pats *ps = tw__pats_new_own(p->match);
	bool is = false;

	if (ps == NULL)
		return false;
	if ((op == NULL || tw__pats_add(&cx, ps, op, p->fold, false) == 0) &&
	    tw__pats_add(&cx, ps, word, p->fold, false) == 0) {
		tw__pats_close(ps);
		is = tw__pats_match(ps, req, s);
	}
	tw__pats_free(&ps);
	return is;
}

static void
pattern_set(struct tw__acl_telling *told, int len)
{
	const int max = (int)sizeof(told->pattern) - 1;

	if (len >= 0)
		told->t.pattern =
		    (struct tw_str){ told->pattern, (size_t)(len < max ? len : max) };
}

static bool
find_word(struct tw__acl_telling *told, struct tw_req *req, const struct tw_sample *s,
    int max)
{
	const struct tw__acl_patterns *const p = told->pats;
	const char *op = NULL;

	for (int i = 0; i < p->n_words && i < max; i++) {
		if (is_operator(p, p->word[i])) {
			op = p->word[i];
			continue;
		}
		if (!matches_alone(p, op, p->word[i], req, s))
			continue;
		pattern_set(told,
		    snprintf(told->pattern, sizeof(told->pattern), "%s%s%s",
			op != NULL ? op : "", op != NULL ? " " : "", p->word[i]));
		return true;
	}
	return false;
}

static bool
find_entry(struct tw__acl_telling *told, struct tw_req *req, const struct tw_sample *s)
{
	const struct tw__patref *const ref = told->pats->file;

	for (const struct tw__patelt *e = ref->first; e != NULL; e = e->next) {
		if (e->version != ref->version ||
		    !matches_alone(told->pats, NULL, e->key, req, s))
			continue;
		pattern_set(told,
		    snprintf(told->pattern, sizeof(told->pattern), "%s (%s:%d)", e->key,
			ref->name, e->line));
		return true;
	}
	return false;
}

void
tw__acl_matched(
    struct tw__acl_telling *told, struct tw_req *req, const struct tw_sample *s)
{
	const struct tw__acl_patterns *const p = told->pats;
	const bool exact = req->record->exact;

	if (p->match == TW__FOUND || p->match == TW__BOOL ||
	    find_word(told, req, s, exact ? INT32_MAX : TRIES_MAX) || p->file == NULL)
		return;
	if (!exact || !find_entry(told, req, s))
		pattern_set(told,
		    snprintf(told->pattern, sizeof(told->pattern), "an entry of %s",
			p->file->name));
}

/* All of them, as far as they fit. */
static void
patterns_list(struct tw__acl_telling *told, bool exact)
{
	const struct tw__acl_patterns *const p = told->pats;
	struct tw_out o = tw_out_of(told->pattern, sizeof(told->pattern) - 8);

	for (int i = 0; i < p->n_words && !o.over; i++) {
		if (i > 0)
			tw_out_char(&o, ' ');
		tw_out_str(&o, tw_str_of(p->word[i]));
	}
	if (p->n_words > 0 && p->file != NULL)
		tw_out_lit(&o, " or ");
	if (p->file != NULL && exact)
		tw_out_printf(&o, "the %u entries of %s", p->file->n, p->file->name);
	else if (p->file != NULL)
		tw_out_printf(&o, "the entries of %s", p->file->name);
	if (o.over) {
		o.end += 4;
		tw_out_lit(&o, " ...");
	}
	told->t.pattern =
	    (struct tw_str){ told->pattern, (size_t)(o.p - told->pattern) };
}

void
tw__acl_tell(struct tw__acl_telling *told, struct tw_req *req, bool is_true)
{
	const enum tw__match m = told->pats->match;

	told->t.is_true = is_true;
	told->t.verb = is_true ? verbs[m].yes : verbs[m].no;
	if (!is_true && told->t.verb != NULL)
		patterns_list(told, req->record->exact);
	tw__trail_acl(req, &told->t);
}
