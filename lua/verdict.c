/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * verdict.c - the constants `act`, and what an action's return value does.
 *
 * source: HAProxy's Lua manual, core.register_action(), act class.
 */
#include "lu.h"

#include <tideway/edit.h>
#include <tideway/stats.h>

#include "txn.h"

/* In HAProxy's order: scripts may use the numbers. */
enum { CONTINUE, STOP, YIELD, ERROR, DONE, DENY, ABORT, INVALID, N_VERDICTS };

static const char *const names[N_VERDICTS] = {
	[CONTINUE] = "CONTINUE",
	[STOP] = "STOP",
	[YIELD] = "YIELD",
	[ERROR] = "ERROR",
	[DONE] = "DONE",
	[DENY] = "DENY",
	[ABORT] = "ABORT",
	[INVALID] = "INVALID",
};

/* Both act.wake_time(ms) and act:wake_time(ms) are written. */
/*@ act.wake_time(milliseconds: integer) */
static int
wake_time(lua_State *L)
{
	const int i = lua_istable(L, 1) ? 2 : 1;
	const lua_Integer ms = luaL_checkinteger(L, i);
	struct lu_call *const c = lu_call_of(L);

	luaL_argcheck(L, ms >= 0 && ms < UINT32_MAX, i, "the time is out of range");
	if (c == NULL || c->at != LU_AT_ACTION)
		return luaL_error(L, "act.wake_time: only allowed in an action");
	c->wake_ms = (uint64_t)ms;
	return 0;
}

/*@ act.CONTINUE: integer */
/*@ act.STOP: integer */
/*@ act.YIELD: integer */
/*@ act.ERROR: integer */
/*@ act.DONE: integer */
/*@ act.DENY: integer */
/*@ act.ABORT: integer */
/*@ act.INVALID: integer */
void
lu_open_act(lua_State *L)
{
	lua_newtable(L);
	lua_pushcfunction(L, wake_time);
	lua_setfield(L, -2, "wake_time");
	for (int i = 0; i < N_VERDICTS; i++) {
		lua_pushinteger(L, i);
		lua_setfield(L, -2, names[i]);
	}
	lua_setglobal(L, "act");
}

/* ---- the effects, each as HAProxy's -------------------------------------------------- */

/* At the frontend, unless it is a server's fault alone; at backend and server, if
 * the rules look at a response. */
static void
count(struct tw_req *req, bool response, enum tw_cnt id)
{
	if (id != TW_CNT_ERESP)
		tw_proxy_count(tw_req_frontend(req), TW_FRONTEND, id, 1);
	if (!response)
		return;
	tw_proxy_count(tw_req_backend(req), TW_BACKEND, id, 1);
	if (tw_req_server(req) != NULL)
		tw_server_count(tw_req_server(req), id, 1);
}

static bool
is_http_rule(const struct tw_action_call *call)
{
	return call->rules == TW_HTTP_REQUEST || call->rules == TW_HTTP_RESPONSE;
}

/* Ends it: with a page, when the rules are of mode http; without a word else. in:
 * who, the log's first letter. */
static enum tw_act
refuse(struct lu_call *c, const struct tw_action_call *call, char who, int status,
    const char *why)
{
	struct tw_req *const req = c->req;
	const bool response = lu_is_response(c);

	tw_req_set_term(req, who,
	    !response                            ? 'R'
		: call->rules == TW_TCP_RESPONSE ? 'D'
						 : 'H');
	if (status != 0 && is_http_rule(call))
		return tw_req_reply_page(req, status, status == 400, call->origin) ==
			TW_DONE
		    ? TW_ACT_DONE
		    : TW_ACT_FAIL;
	tw_req_fail(req, 0, why, call->origin);
	return TW_ACT_FAIL;
}

static enum tw_act
failed(struct lu_call *c, const struct tw_action_call *call)
{
	count(c->req, lu_is_response(c), TW_CNT_EINT);
	return refuse(c, call, 'I', 500, "a script failed it");
}

static enum tw_act
denied(struct lu_call *c, const struct tw_action_call *call)
{
	const bool response = lu_is_response(c);

	tw_req_denied(c->req, response);
	return refuse(c, call, 'P', response ? 502 : 403, "a script denied it");
}

static enum tw_act
invalid(struct lu_call *c, const struct tw_action_call *call)
{
	const bool response = lu_is_response(c);

	count(c->req, response, response ? TW_CNT_ERESP : TW_CNT_EREQ);
	return refuse(c, call, 'P', response ? 502 : 400, "a script found it invalid");
}

/* HAProxy answers a request with 503 for want of another answer; a response is cut
 * off, as its manual has it. */
static enum tw_act
aborted(struct lu_call *c, const struct tw_action_call *call)
{
	return refuse(c, call, 'P', lu_is_response(c) ? 0 : 503, "a script aborted it");
}

static enum tw_act
paused(struct lu_call *c)
{
	return lu_pause_begin(c->req, c->wake_ms) ? TW_ACT_WAIT : TW_ACT_NEXT;
}

enum tw_act
lu_verdict(struct lu_call *c, const struct tw_action_call *call)
{
	if (c->finished)
		return c->verdict;
	if (lua_gettop(c->L) == 0)
		return TW_ACT_NEXT;
	const lua_Integer said = lua_tointeger(c->L, 1);
	if (call->rules == TW_HTTP_AFTER) /* it is on its way: nothing else is left */
		return said == CONTINUE || said > INVALID || said < 0 ? TW_ACT_NEXT
								      : TW_ACT_STOP;
	switch (said) {
	case STOP:
	case DONE:
		return TW_ACT_STOP;
	case YIELD:
		return paused(c);
	case ERROR:
		return failed(c, call);
	case DENY:
		return denied(c, call);
	case ABORT:
		return aborted(c, call);
	case INVALID:
		return invalid(c, call);
	default:
		return TW_ACT_NEXT;
	}
}
