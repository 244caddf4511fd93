/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rules_compile.c - what is done to rule sets when all files are read.
 *
 * -c tells of rules that can never run because an earlier one always ends the
 * set before them. Rules whose condition is constant lose it, or are dropped;
 * of neighbours that ask for the same text, one look tells which may apply
 * (struct rule_run). Control thread, before the hooks are asked for.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "rules.h"

/* ---- what actions do ---------------------------------------------------- */

static bool
begins_with_any(const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strncmp(name, *list, strlen(*list)) == 0)
			return true;
	return false;
}

/* Nothing that a steady fetch reads is another after it; variables may be. */
static bool
is_harmless(const struct tw_action *act)
{
	static const char *const harmless[] = { "set-var", "unset-var", "set-log-level",
		"set-nice", "set-mark", "set-tos", "set-fc-", "set-bc-", "set-timeout",
		"set-retries", "do-log", "strict-mode", "pause", "wait-for",
		"early-hint", NULL };

	return (act->flags & TW_ACTION_FINAL) != 0 ||
	    begins_with_any(act->name, harmless);
}

/* ---- hints -------------------------------------------------------------- */

#define GUARDS_MAX 256 /* earlier rules that are compared with */

/* Rules that end the set, as far as nothing was edited behind them. */
struct guards {
	const struct rule *rule[GUARDS_MAX];
	int n;
};

/* After this action, may the condition have another outcome? */
static bool
affects(const struct rule *r, const struct tw_cond *cond)
{
	static const char *const fields[] = { "set-header", "add-header", "del-header",
		"replace-header", "replace-value", NULL };
	static const char *const read[] = { "hdr", "cook", "base", "auth", "url32" };
	const char *const name = r->action->name;

	if (is_harmless(r->action))
		return false;
	if (!begins_with_any(name, fields))
		return true;
	for (size_t i = 0; i < TW_N_ELEMENTS(read); i++)
		if (tw_cond_reads(cond, read[i]))
			return true;
	return false;
}

static void
guards_after(struct guards *g, const struct rule *r)
{
	int kept = 0;

	for (int i = 0; i < g->n; i++)
		if (g->rule[i]->cond == NULL || !affects(r, g->rule[i]->cond))
			g->rule[kept++] = g->rule[i];
	g->n = kept;
	if (r->action->flags & TW_ACTION_FINAL && g->n < GUARDS_MAX &&
	    tw_cond_constant(r->cond) != 0)
		g->rule[g->n++] = r;
}

/* The earlier rule that always ends the set when this one's turn might come. */
static const struct rule *
guard_of(const struct guards *g, const struct rule *r)
{
	for (int i = 0; i < g->n; i++)
		if (tw_cond_constant(g->rule[i]->cond) == 1 ||
		    (r->cond != NULL && tw_cond_implies(r->cond, g->rule[i]->cond)))
			return g->rule[i];
	return NULL;
}

/* What stands right behind such a rule was told when it was read. */
static bool
is_warned_of(const struct rule *r)
{
	return strncmp(r->origin.who, "http-", 5) == 0;
}

static void
hint(struct tw_gen *gen, const struct rule *r, const struct guards *g)
{
	const struct rule *const by = guard_of(g, r);

	if (by != NULL && by->cond == NULL && by->next == r && is_warned_of(r))
		return;
	if (by != NULL)
		tw_gen_hint(gen, r->origin.file, r->origin.line,
		    "this '%s' rule can never match: '%s' of line %d %s.",
		    r->origin.who, by->origin.who, by->origin.line,
		    tw_cond_constant(by->cond) == 1
			? "always applies"
			: "applies whenever its condition holds");
	else if (tw_cond_constant(r->cond) == 0)
		tw_gen_hint(gen, r->origin.file, r->origin.line,
		    "this '%s' rule can never match: its condition never holds.",
		    r->origin.who);
}

static void
hint_list(struct tw_gen *gen, const struct rule_list *list)
{
	struct guards g;

	g.n = 0;
	for (const struct rule *r = list->first; r != NULL; r = r->next) {
		hint(gen, r, &g);
		guards_after(&g, r);
	}
}

/* ---- constants ---------------------------------------------------------- */

static void
drop_dead(struct rule_list *list)
{
	struct rule **at = &list->first;

	list->last = NULL;
	list->waits = list->memo = false;
	while (*at != NULL) {
		struct rule *const r = *at;
		const int holds = tw_cond_constant(r->cond);
		if (holds == 0) {
			*at = r->next;
			continue;
		}
		if (holds == 1)
			r->cond = NULL;
		list->last = r;
		list->waits |= (r->action->flags & TW_ACTION_WAITS) != 0;
		list->memo |= tw_memo_wanted(r->cond);
		r->edits = !is_harmless(r->action);
		at = &r->next;
	}
}

/* ---- runs --------------------------------------------------------------- */

/* The rules from `r` on, if they begin a run. returns: how many they are. */
static int
run_from(struct tw_gen *gen, struct rule *const *rule,
    const struct tw_cond *const *cond, int n)
{
	const struct tw_cond_run *const conds = tw_cond_run_new(gen, cond, n);

	if (conds == NULL)
		return 1;
	const int len = tw_cond_run_length(conds);
	struct rule_run *const run = tw_arena_zalloc(
	    tw_gen_arena(gen), sizeof(*run) + sizeof(run->rule[0]) * ((size_t)len + 1));
	run->conds = conds;
	for (int i = 0; i <= len && i < n; i++)
		run->rule[i] = rule[i];
	for (int i = 0; i < len; i++) {
		rule[i]->run = run;
		rule[i]->nth = i;
	}
	return len;
}

static void
find_runs(struct tw_gen *gen, struct rule_list *list)
{
	int n = 0, i = 0;

	for (const struct rule *r = list->first; r != NULL; r = r->next)
		n++;
	if (n == 0)
		return;
	struct rule **const rule = calloc((size_t)n, sizeof(struct rule *));
	const struct tw_cond **const cond = calloc((size_t)n, sizeof(struct tw_cond *));
	TW_ASSERT(rule != NULL && cond != NULL);
	for (struct rule *r = list->first; r != NULL; r = r->next, i++) {
		rule[i] = r;
		cond[i] = r->cond;
	}
	for (i = 0; i < n;)
		i += run_from(gen, rule + i, cond + i, n - i);
	free(rule);
	free(cond);
}

void
rules_compile(struct tw_gen *gen, const struct tw_proxy *px)
{
	struct rules_conf *const c = rules_of(px);

	if (c->compiled)
		return;
	c->compiled = true;
	if (c->above != NULL)
		rules_compile(gen, c->above->owner);
	for (unsigned set = 0; set < N_SETS; set++) {
		if (c->own[set].first == NULL)
			continue;
		if (tw_gen_wants_hints(gen))
			hint_list(gen, &c->own[set]);
		drop_dead(&c->own[set]);
		find_runs(gen, &c->own[set]);
	}
}
