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

/* 1, 0; -1 when bytes that are still to come will tell. */
static int
rule_applies(const struct rule *r, struct tw_req *req)
{
	if (r->cond == NULL)
		return 1;
	return tw_req_final(req) ? tw_cond_eval(r->cond, req)
				 : tw_cond_try(r->cond, req);
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

static enum tw_act
run_rule(struct tw_req *req, const struct rule *r, unsigned set, bool again)
{
	const struct tw_action_call call = { r->conf, &r->origin,
		set == SET_REDIRECT ? TW_HTTP_REQUEST : (enum tw_rules)set, again };

	return r->action->run(req, &call);
}

/* One list; in: at, where it waited. out: strict, as strict-mode left it. */
static enum tw_act
run_list(struct tw_req *req, const struct rule *r, const struct rule *at, unsigned set,
    bool *strict)
{
	struct tw_cond_hits hits;

	hits.run = NULL;
	for (r = at != NULL ? at : r; r != NULL; r = r->next) {
		const bool again = r == at;
		if (r->run != NULL && !again && tw_req_final(req) &&
		    (r = skip(r, req, &hits)) == NULL)
			break;
		const int applies = again ? 1 : rule_applies(r, req);
		if (applies < 0)
			return TW_ACT_WAIT;
		if (applies == 0)
			continue;
		if (TW_UNLIKELY(r->action->run == strict_mode_run)) {
			*strict = strict_mode_is_on(r->conf);
			continue;
		}
		enum tw_act next = run_rule(req, r, set, again);
		if (next == TW_ACT_ERROR)
			next = failed_rewrite(req, r, set, *strict);
		if (next == TW_ACT_WAIT && !remember(req, r, set))
			return out_of_memory(req, r);
		if (next != TW_ACT_NEXT)
			return next;
		hits.run = NULL; /* it may have set what they ask for */
		if (r->edits)
			tw_memo_forget(req);
	}
	return TW_ACT_NEXT;
}

/* The same, each ACL and fetch once while nothing is edited. */
static enum tw_act
run_once(struct tw_req *req, const struct rule_list *list, const struct rule *at,
    unsigned set, bool *strict)
{
	const bool memo = list->memo && tw_req_final(req);

	if (memo)
		tw_memo_begin(req);
	const enum tw_act act = run_list(req, list->first, at, set, strict);
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
run_conf(struct tw_req *req, const struct rules_conf *c, unsigned set,
    const struct rule **at, bool *strict)
{
	if (c->above != NULL) {
		const enum tw_act next = run_conf(req, c->above, set, at, strict);
		if (next != TW_ACT_NEXT)
			return next;
	}
	const struct rule *from = NULL;
	if (*at != NULL) { /* lists before the one that waited are done */
		if (!list_holds(&c->own[set], *at))
			return TW_ACT_NEXT;
		from = *at;
		*at = NULL;
	}
	return run_once(req, &c->own[set], from, set, strict);
}

enum tw_act
rules_run(struct tw_req *req, const struct tw_proxy *px, unsigned set)
{
	struct rules_wait *const w = waiting(req);
	const struct rule *at = NULL;
	bool strict = true;

	if (w != NULL && w->at != NULL && w->set == set) {
		at = w->at;
		w->at = NULL;
	}
	return run_conf(req, rules_of(px), set, &at, &strict);
}
