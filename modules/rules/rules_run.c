/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rules_run.c - running a rule set on a request.
 *
 * Rules are tried in order; the first whose action ends the set ends it. An
 * action that waits is called again by itself, its condition is not asked
 * again. A rewrite that fails ends the request with 500 unless strict-mode was
 * turned off before it in the same set. What an exchange must remember for
 * all this is made when it is needed. Worker.
 */
#include "rules.h"
#include "strict.h"

static void
on_timer(struct tw_timer *t)
{
	struct rules_wait *const w = (struct rules_wait *)t; /* its first field */

	w->fired = true;
	tw_resume(w->req);
}

struct rules_wait *
rules_wait_of(struct tw_req *req)
{
	struct rules_req *const r = tw_req_block(req, rules_self);

	if (r->wait != NULL)
		return r->wait;
	struct rules_wait *const w = tw_arena_try(tw_req_arena(req), sizeof(*w));
	if (w == NULL)
		return NULL;
	*w = (struct rules_wait){ .req = req, .timer.fn = on_timer };
	return r->wait = w;
}

void
rules_reset(struct tw_req *req)
{
	struct rules_req *const r = tw_req_block(req, rules_self);
	struct rules_wait *const w = r->wait;

	if (w == NULL)
		return;
	tw_timer_del(&w->timer);
	if (w->has_src)
		tw_conn_set_src(tw_req_conn(req), &w->src);
	if (w->has_dst)
		tw_conn_set_dst(tw_req_conn(req), &w->dst);
	r->wait = NULL;
}

static struct rules_wait *
waiting(struct tw_req *req)
{
	return ((struct rules_req *)tw_req_block(req, rules_self))->wait;
}

bool
rules_any(const struct tw_proxy *px, unsigned set)
{
	for (const struct rules_conf *c = rules_of(px); c != NULL; c = c->above)
		if (c->own[set].first != NULL)
			return true;
	return false;
}

/* A set while it is run. */
struct run {
	unsigned set;
	bool strict; /* as strict-mode left it */
	bool final;  /* nothing more will be waited for */
};

/* 1, 0; -1 when bytes that are still to come will tell. */
static inline __attribute__((always_inline)) int
rule_applies(const struct rule *r, struct tw_req *req, const struct run *run, bool told)
{
	if (told)
		tw_trail_rule(req, &r->origin, r->text);
	if (r->cond == NULL)
		return 1;
	if (told)
		return tw_trail_cond(req, r->cond);
	return run->final ? tw_cond_eval(r->cond, req) : tw_cond_try(r->cond, req);
}

static enum tw_act
failed_rewrite(struct tw_req *req, const struct rule *r, unsigned set, bool strict)
{
	const struct tw_proxy *const px = tw_req_proxy(req);

	tw_proxy_count(px, tw_proxy_has(px, TW_FRONTEND) ? TW_FRONTEND : TW_BACKEND,
	    TW_CNT_WREW, 1);
	if (!strict || set == TW_HTTP_AFTER)
		return TW_ACT_NEXT;
	tw_req_set_term(req, 'P', set == TW_HTTP_RESPONSE ? 'H' : 'R');
	tw_req_fail(req, 500, "a rewrite failed", &r->origin);
	return TW_ACT_FAIL;
}

static bool
remember(struct tw_req *req, const struct rule *r, unsigned set)
{
	struct rules_wait *const w = rules_wait_of(req);

	if (w == NULL)
		return false;
	w->at = r;
	w->set = (uint8_t)set;
	tw_req_waits_for(req, &r->origin);
	return true;
}

static enum tw_act
out_of_memory(struct tw_req *req, const struct rule *r)
{
	tw_req_fail(req, 503, "out of memory", &r->origin);
	return TW_ACT_FAIL;
}

/* From this rule on, the first that may apply: itself, or when it is of a run,
 * perhaps one further down. returns: NULL: none is left. */
static const struct rule *
skip(const struct rule *r, struct tw_req *req, struct tw_cond_hits *hits)
{
	while (r != NULL && r->run != NULL) {
		const struct rule_run *const run = r->run;
		const int i = tw_cond_run_next(run->conds, req, r->nth, hits);
		r = run->rule[i];
		if (i < tw_cond_run_length(run->conds))
			break; /* one of the run: it is asked itself */
	}
	return r;
}

/* Those that were passed over; neighbours of one run together. */
static void
skip_tell(const struct rule *r, const struct rule *end, struct tw_req *req)
{
	while (r != NULL && r != end) {
		const struct rule *const first = r, *last = r;
		int n = 0;

		for (; r != NULL && r != end && r->run == first->run; n++) {
			last = r;
			r = r->next;
		}
		tw_trail_rule(req, &first->origin, first->text);
		if (n > 1)
			tw_trail_note(req, "and the next %d, to line %d, asked at once",
			    n - 1, last->origin.line);
		tw_trail_cond_run(req, first->run->conds);
		tw_trail_result(req, TW_TOLD_NO);
	}
}

/* The rules behind the one that has ended the set. */
static void
rest_tell(struct tw_req *req, const struct rule *r)
{
	while ((r = r->next) != NULL) {
		tw_trail_rule(req, &r->origin, r->text);
		tw_trail_result(req, TW_TOLD_UNREACHED);
	}
}

static void
outcome_tell(struct tw_req *req, const struct rule *r, enum tw_act next)
{
	switch (next) {
	case TW_ACT_NEXT:
		tw_trail_result(req, TW_TOLD_YES);
		return;
	case TW_ACT_WAIT:
		tw_trail_result(req, TW_TOLD_WAITS);
		return;
	default:
		tw_trail_result(req, TW_TOLD_LAST);
		rest_tell(req, r);
	}
}

/* Of connections nothing is told, nor of `redirect` lines, as in HAProxy. */
static enum tw_act
ended(struct tw_req *req, const struct rule *r, unsigned set, enum tw_act next)
{
	if (next != TW_ACT_WAIT && set >= TW_TCP_CONTENT && set <= TW_HTTP_AFTER)
		tw_req_ruled(req, &r->origin);
	return next;
}

static enum tw_act
rule_run(struct tw_req *req, const struct rule *r, struct run *run, bool again)
{
	if (TW_UNLIKELY(r->action->run == strict_mode_run)) {
		run->strict = strict_mode_is_on(r->conf);
		return TW_ACT_NEXT;
	}
	const struct tw_action_call call = { r->conf, &r->origin,
		run->set == SET_REDIRECT ? TW_HTTP_REQUEST : (enum tw_rules)run->set,
		again };
	enum tw_act next = r->action->run(req, &call);
	if (next == TW_ACT_ERROR) {
		tw_trail_note(req, "the rewrite failed");
		next = failed_rewrite(req, r, run->set, run->strict);
	}
	if (next == TW_ACT_WAIT && !remember(req, r, run->set))
		return out_of_memory(req, r);
	if (again && next != TW_ACT_WAIT && next != TW_ACT_FAIL)
		tw_req_waits_for(req, NULL);
	return next != TW_ACT_NEXT ? ended(req, r, run->set, next) : next;
}

/* One list; in: at, where it waited. One text for both: with a trail and,
 * without any cost of it, for all others. */
static inline __attribute__((always_inline)) enum tw_act
list_run(struct tw_req *req, const struct rule *r, const struct rule *at,
    struct run *run, const bool told)
{
	struct tw_cond_hits hits;

	hits.run = NULL;
	for (r = at != NULL ? at : r; r != NULL; r = r->next) {
		const bool again = r == at;

		if (r->run != NULL && !again && run->final) {
			const struct rule *const first = r;

			r = skip(r, req, &hits);
			if (told)
				skip_tell(first, r, req);
			if (r == NULL)
				break;
		}
		const int applies = again ? 1 : rule_applies(r, req, run, told);
		if (applies <= 0) {
			if (told)
				tw_trail_result(
				    req, applies < 0 ? TW_TOLD_WAITS : TW_TOLD_NO);
			if (applies < 0) {
				tw_req_waits_for(req, &r->origin);
				return TW_ACT_WAIT;
			}
			continue;
		}
		const enum tw_act next = rule_run(req, r, run, again);
		if (told)
			outcome_tell(req, r, next);
		if (next != TW_ACT_NEXT)
			return next;
		hits.run = NULL; /* it may have set what they ask for */
		if (!told && r->edits)
			tw_memo_forget(req);
	}
	return TW_ACT_NEXT;
}

/* Each ACL and fetch once while nothing is edited; a trail shows each anew. */
static enum tw_act
run_once(struct tw_req *req, const struct rule_list *list, const struct rule *at,
    struct run *run)
{
	if (list->first == NULL)
		return TW_ACT_NEXT;
	run->final = tw_req_final(req);
	if (TW_UNLIKELY(tw_trail_on(req)))
		return list_run(req, list->first, at, run, true);
	const bool memo = list->memo && run->final;

	if (memo)
		tw_memo_begin(req);
	const enum tw_act act = list_run(req, list->first, at, run, false);
	if (memo)
		tw_memo_end(req);
	return act;
}

/* The rule that waited is of this list? */
static bool
list_holds(const struct rule_list *list, const struct rule *at)
{
	for (const struct rule *r = list->first; r != NULL; r = r->next)
		if (r == at)
			return true;
	return false;
}

static enum tw_act
run_conf(struct tw_req *req, const struct rules_conf *c, struct run *run,
    const struct rule **at)
{
	if (c->above != NULL) {
		const enum tw_act next = run_conf(req, c->above, run, at);
		if (next != TW_ACT_NEXT)
			return next;
	}
	const struct rule *from = NULL;
	if (*at != NULL) { /* lists before the one that waited are done */
		if (!list_holds(&c->own[run->set], *at))
			return TW_ACT_NEXT;
		from = *at;
		*at = NULL;
	}
	return run_once(req, &c->own[run->set], from, run);
}

enum tw_act
rules_run(struct tw_req *req, const struct tw_proxy *px, unsigned set)
{
	struct rules_wait *const w = waiting(req);
	const struct rule *at = NULL;
	struct run run = { .set = set, .strict = true };

	if (w != NULL && w->at != NULL && w->set == set) {
		at = w->at;
		w->at = NULL;
	} else if (w != NULL) {
		tw_req_waits_for(req, NULL);
	}
	return run_conf(req, rules_of(px), &run, &at);
}
