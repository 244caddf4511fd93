/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * body.c - on_body(msg, chunk, req): a script looks at a body while it passes.
 *
 * A hook has asked for it with req:filter_body() or res:filter_body(); other
 * messages cost nothing. Each piece is one call. While that waits nothing more is
 * read, so that a sender is as fast as the script. What passes is kept as a string
 * in the script's state until the next piece. The state that the body has begun in
 * sees all of it, whatever is loaded meanwhile. Worker.
 */
#include "body.h"

#include <inttypes.h>
#include <stdio.h>

#include <tideway/edit.h>
#include <tideway/filter.h>
#include <tideway/log.h>

/* One direction of one request; in its arena. */
struct body {
	struct tw_req *req;
	struct lu_state *s;
	struct lu_call *call; /* that waits; NULL: none */
	struct lu_slot *slot; /* on_body's; NULL: it is not there */
	int fn;               /* references: the function; LUA_NOREF: on_body */
	int in, out;          /* what came, what the script has made of it */
	struct tw_str bytes;  /* what has just come */
	struct tw_str passes;
	bool response;
	bool last; /* the call is about the end */
};

/* ---- one call -------------------------------------------------------------- */

static void
forget(struct body *b)
{
	luaL_unref(b->s->L, LUA_REGISTRYINDEX, b->in);
	luaL_unref(b->s->L, LUA_REGISTRYINDEX, b->out);
	b->in = b->out = LUA_NOREF;
	b->passes = (struct tw_str){ "", 0 };
}

/* The string on top, until forget(). */
static struct tw_str
keep(lua_State *L, int *ref)
{
	struct tw_str s;

	s.p = lua_tolstring(L, -1, &s.len);
	*ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return s;
}

/* nil: it passes as it is; false: it does not. */
static int
take_result(lua_State *L, int status, lua_KContext ctx)
{
	struct body *const b = (struct body *)ctx;

	(void)status;
	if (lua_isnil(L, -1))
		return 0;
	if (lua_type(L, -1) == LUA_TSTRING)
		b->passes = keep(L, &b->out);
	else if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
		b->passes = (struct tw_str){ "", 0 };
	else
		return luaL_error(L, "on_body returns a string, false or nil, not a %s",
		    luaL_typename(L, -1));
	return 0;
}

static void
push_request(lua_State *L)
{
	lu_push_native(lu_state_from(L)->running);
}

/* (function, body) */
static int
call_script(lua_State *L)
{
	struct body *const b = lua_touserdata(L, 2);

	luaL_checkstack(L, 16, NULL);
	lua_pushvalue(L, 1);
	push_request(L);
	if (b->response) {
		lu_push_part(L, lua_touserdata(L, -1), LU_P_RES);
		lua_remove(L, -2);
	}
	if (b->last) {
		lua_pushnil(L);
	} else {
		lu_push_str(L, b->bytes);
		lua_pushvalue(L, -1);
		b->passes = keep(L, &b->in);
	}
	push_request(L);
	lua_callk(L, 3, 1, (lua_KContext)b, take_result);
	return take_result(L, LUA_OK, (lua_KContext)b);
}

static void
wake(struct lu_call *c)
{
	tw_filter_resume(c->req);
}

static struct lu_call *
begin_call(struct body *b)
{
	struct lu_call *c = lu_begin(b->s, LU_AT_HOOK, b->req);

	if (c == NULL)
		return NULL;
	c->stage = LU_ON_BODY;
	c->on_wake = wake;
	lua_pushcfunction(c->L, call_script);
	if (b->fn != LUA_NOREF) {
		c->slot = b->slot;
		lua_rawgeti(c->L, LUA_REGISTRYINDEX, b->fn);
	} else if (!lu_push_slot(c, b->slot)) {
		lu_end(&c);
		return NULL;
	}
	lua_pushlightuserdata(c->L, b);
	forget(b);
	return c;
}

/* Why was told. on-error continue: what the script has not seen to passes. */
static enum tw_io
failed(const struct body *b)
{
	const struct lu_script *const script = b->s->unit->script;

	if (script->on_error == 0)
		return TW_IO_OK;
	tw_log_limited(TW_ERR,
	    "lua-script '%s': on_body failed, the %s is cut off, error id %08" PRIx64,
	    script->unit->name, b->response ? "response" : "request",
	    tw_req_id(b->req));
	return TW_IO_ERR;
}

static enum tw_io
run(struct body *b, struct tw_str *out)
{
	struct lu_call *c = b->call;
	const bool begins = c == NULL;

	if (!begins && c->waits)
		return TW_FILTER_WAIT;
	b->call = NULL;
	if (begins)
		c = begin_call(b);
	if (c == NULL)
		return TW_IO_ERR;
	const enum lu_result result = lu_run(c, begins ? 2 : 0);
	if (result == LU_WAITS) {
		b->call = c;
		return TW_FILTER_WAIT;
	}
	lu_end(&c);
	*out = b->passes;
	return result == LU_DONE ? TW_IO_OK : failed(b);
}

/* ---- the filter ------------------------------------------------------------ */

static struct body *
body_of(void *state)
{
	return (struct body *)(uintptr_t)tw_filter_conf(state);
}

static int
begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	(void)msg;
	if (!body_of(state)->response)
		tw_req_no_retry(req); /* the script has seen it once */
	return 0;
}

static enum tw_io
data(struct tw_req *req, void *state, struct tw_str bytes, struct tw_str *out)
{
	struct body *const b = body_of(state);

	(void)req;
	if (b->call == NULL && bytes.len == 0)
		return TW_IO_OK;
	b->bytes = bytes;
	return run(b, out);
}

static enum tw_io
end(struct tw_req *req, void *state, struct tw_str *out)
{
	struct body *const b = body_of(state);

	(void)req;
	b->last = true;
	return run(b, out);
}

/* The body comes once more: another server is tried. */
static void
again(struct tw_req *req, void *state)
{
	struct body *const b = body_of(state);

	(void)req;
	if (b->call != NULL)
		lu_end(&b->call);
	b->last = false;
}

static void
fini(struct tw_req *req, void *state)
{
	struct body *const b = body_of(state);
	struct lu_state *const s = b->s;

	again(req, state);
	lu_enter(s);
	forget(b);
	luaL_unref(s->L, LUA_REGISTRYINDEX, b->fn);
	lu_release(s);
	lu_leave(s);
}

static const struct tw_filter filter = {
	.name = "lua-script",
	.state_size = sizeof(const void *),
	.begin = begin,
	.data = data,
	.end = end,
	.again = again,
	.fini = fini,
};

/* ---- what a hook says ------------------------------------------------------ */

/* in: 2: a function, or nothing. errors: a Lua error. */
static struct body *
body_new(lua_State *L, struct tw_req *req, bool response, const char *function)
{
	struct body *const b = tw_arena_try(tw_req_arena(req), sizeof(*b));
	struct lu_state *const s = lu_state_from(L);

	if (b == NULL)
		luaL_error(L, "out of memory");
	*b = (struct body){ .req = req,
		.s = s,
		.slot = s->unit->script->slot[LU_ON_BODY],
		.fn = LUA_NOREF,
		.in = LUA_NOREF,
		.out = LUA_NOREF,
		.response = response };
	lua_settop(L, 2);
	if (!lua_isnil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	else if (b->slot == NULL || s->fn[b->slot->index].ref == LUA_NOREF)
		luaL_error(L, "%s: the script has no on_body, and no function is given",
		    function);
	else
		return b;
	b->fn = luaL_ref(L, LUA_REGISTRYINDEX);
	return b;
}

/* false: there is no body. */
static int
attach(lua_State *L, struct tw_req *req, bool response, const char *function)
{
	const struct tw_msg *const msg =
	    response ? tw_req_response(req) : tw_req_request(req);

	if (tw_proxy_mode(tw_req_frontend(req)) != TW_MODE_HTTP)
		return luaL_error(L, "%s: only in mode http", function);
	struct body *const b = body_new(L, req, response, function);
	const bool any = msg->body != TW_BODY_NONE && msg->body != TW_BODY_TUNNEL;
	const bool bad = any && tw_req_filter_line(req, &filter, b, response) != 0;
	if (any && !bad)
		lu_hold(b->s);
	else
		luaL_unref(L, LUA_REGISTRYINDEX, b->fn);
	if (bad)
		return luaL_error(L,
		    "%s: not possible: too many filters, or a client of HTTP/1.0 "
		    "without a host",
		    function);
	lua_pushboolean(L, any);
	return 1;
}

/*@ Request:filter_body(fn?: function): boolean */
int
lu_req_filter_body(lua_State *L)
{
	const struct lu_native *const n = lu_native(L, 1, "filter_body");

	lu_stage_check(L, LU_BIT(REQUEST) | LU_BIT(ROUTE), "req:filter_body");
	return attach(L, n->req, false, "req:filter_body");
}

/*@ Response:filter_body(fn?: function): boolean */
int
lu_res_filter_body(lua_State *L)
{
	const struct lu_part *const p = lu_part(L, 1, LU_P_RES);

	lu_stage_check(L, LU_BIT(RESPONSE), "res:filter_body");
	return attach(L, p->of->req, true, "res:filter_body");
}
