/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * verdict.c - the constants `act`, and what an action's return value does.
 *
 * source: HAProxy's Lua manual, core.register_action(), act class.
 */
#include "lu.h"

#include <tideway/edit.h>

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

void
lu_open_act(lua_State *L)
{
	lua_newtable(L);
	for (int i = 0; i < N_VERDICTS; i++) {
		lua_pushinteger(L, i);
		lua_setfield(L, -2, names[i]);
	}
	lua_setglobal(L, "act");
}

static bool
is_response(const struct tw_action_call *call)
{
	return call->rules == TW_HTTP_RESPONSE || call->rules == TW_HTTP_AFTER ||
	    call->rules == TW_TCP_RESPONSE;
}

static enum tw_act
refuse(
    struct tw_req *req, const struct tw_action_call *call, int status, const char *why)
{
	const bool http = tw_proxy_mode(tw_req_proxy(req)) == TW_MODE_HTTP;

	tw_req_fail(req, http ? status : 0, why, call->origin);
	return TW_ACT_FAIL;
}

static enum tw_act
deny(struct tw_req *req, const struct tw_action_call *call)
{
	const bool response = is_response(call);

	tw_req_denied(req, response);
	return refuse(req, call, response ? 502 : 403, "a script denied it");
}

enum tw_act
lu_verdict(struct lu_call *c, const struct tw_action_call *call)
{
	struct tw_req *const req = c->req;

	if (c->finished)
		return c->verdict;
	if (lua_gettop(c->L) == 0)
		return TW_ACT_NEXT;
	switch (lua_tointeger(c->L, 1)) {
	case STOP:
		return TW_ACT_STOP;
	case ERROR:
		return refuse(req, call, 500, "a script failed it");
	case DONE:
		return refuse(req, call, 0, "a script ended it");
	case DENY:
		return deny(req, call);
	case ABORT:
		return refuse(req, call, 0, "a script aborted it");
	case INVALID:
		return refuse(req, call, is_response(call) ? 502 : 400,
		    "a script found it invalid");
	default:
		return TW_ACT_NEXT;
	}
}
