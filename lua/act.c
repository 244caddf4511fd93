/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act.c - rules `lua.NAME args`: actions that scripts have registered.
 *
 * An error lets the request pass, as in HAProxy: it is told and counted.
 * Worker; parsing: control thread.
 */
#include "lu.h"

#include <tideway/log.h>

#include "script.h"
#include "txn.h"

#define S(x) (1u << TW_##x)
#define WAIT_MS 0x7fffffffu /* the script says when it goes on */

struct act {
	struct lu_slot *slot;
	int n_args;
	const char *arg[];
};

static int
parse(struct tw_action_line *a, const void **conf)
{
	struct tw_gen *const gen = a->ln->gen;
	const char *const name = a->word + strlen("lua.");
	struct lu_slot *const slot =
	    lu_action_find(gen, tw_str_of(name), 1u << a->rules);

	if (slot == NULL && lu_slot_find(gen, LU_ACTION, tw_str_of(name)) == NULL)
		return tw_line_fail(a->ln, 0,
		    "no script has registered an action '%s': write lua-load before, of "
		    "a file that calls core.register_action()",
		    name);
	if (slot == NULL)
		return tw_line_fail(a->ln, 0,
		    "the action '%s' is not registered for '%s'", name, a->set);
	struct act *const act = tw_arena_zalloc(tw_gen_arena(gen),
	    sizeof(*act) + sizeof(act->arg[0]) * (size_t)slot->n_args);
	act->slot = slot;
	for (; act->n_args < slot->n_args; act->n_args++) {
		const char *const word = tw_arg(a->ln, a->i);
		if (word == NULL)
			return tw_line_fail(a->ln, -1,
			    "the action '%s' expects %d arguments, not %d", a->word,
			    slot->n_args, act->n_args);
		act->arg[act->n_args] = tw_arena_strdup(tw_gen_arena(gen), word);
		a->i++;
	}
	*conf = act;
	return 0;
}

/* A waiting action is woken: its rule is run again. */
static void
wake(struct lu_call *c)
{
	tw_resume(c->req);
}

static struct lu_call *
begin(struct tw_req *req, const struct tw_action_call *call, const struct act *act)
{
	struct lu_call *c =
	    lu_begin(lu_state_for(act->slot->unit, req), LU_AT_ACTION, req);

	if (c == NULL) {
		tw_log_limited(
		    TW_ALERT, "Lua action '%s': out of memory", act->slot->name);
		return NULL;
	}
	c->stage = call->rules;
	c->on_wake = wake;
	c->origin = call->origin;
	if (!lu_push_slot(c, act->slot)) {
		lu_end(&c);
		return NULL;
	}
	lu_push_txn(c);
	for (int i = 0; i < act->n_args; i++)
		lua_pushstring(c->L, act->arg[i]);
	return c;
}

/* What waits for this rule; what waits for another one, although the request is here
 * by now, ends. */
static struct lu_call *
waiting(struct lu_req *r, const struct tw_action_call *call, const struct act *act)
{
	const struct lu_call *const c = r->call;

	if (c != NULL &&
	    (c->at != LU_AT_ACTION || c->stage != (int)call->rules ||
		c->slot != act->slot))
		lu_end(&r->call);
	return r->call;
}

static enum tw_act
run(struct tw_req *req, const struct tw_action_call *call)
{
	const struct act *const act = call->conf;
	struct lu_req *const r = tw_req_block(req, lu_self);
	struct lu_call *c = waiting(r, call, act);
	enum tw_act next = TW_ACT_NEXT;
	enum lu_result result;

	if (c == NULL) {
		if (call->again && !lu_pause_over(req))
			return TW_ACT_WAIT;
		c = begin(req, call, act);
		if (c == NULL)
			return TW_ACT_NEXT;
		result = lu_run(c, 1 + act->n_args);
	} else if (c->waits && !c->on_bytes) {
		return TW_ACT_WAIT;
	} else {
		c->waits = c->on_bytes = false;
		result = lu_run(c, 0);
	}
	if (result == LU_WAITS) {
		r->call = c;
		tw_req_deadline(req, WAIT_MS);
		return TW_ACT_WAIT;
	}
	if (result == LU_DONE)
		next = lu_verdict(c, call);
	r->call = NULL;
	lu_end(&c);
	return next;
}

const struct tw_action lu_actions[] = {
	{ "lua.",
	    S(TCP_CONTENT) | S(TCP_RESPONSE) | S(HTTP_REQUEST) | S(HTTP_RESPONSE) |
		S(HTTP_AFTER),
	    parse, run, "[<arg>...]",
	    "A function that a script has registered with core.register_action().",
	    TW_ACTION_PREFIX | TW_ACTION_WAITS },
	{ "lua-hook", S(HTTP_REQUEST), lu_hook_parse, lu_hook_run, "<name>",
	    "Runs the hook on_request of a lua-script here, instead of after all "
	    "rules.",
	    TW_ACTION_WAITS },
	{ .name = NULL },
};
