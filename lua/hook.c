/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hook.c - running the hooks of scripts at the points of a request's path, and
 * carrying out what they decided.
 *
 * A proxy without hooks of a stage has none in its chain. A hook that waits is
 * run again when it is woken; one that fails ends the request with on-error's
 * status and an id that stands in the log, too. Worker.
 */
#include "route.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tideway/edit.h>
#include <tideway/log.h>
#include <tideway/trail.h>

#define WAIT_MS 0x7fffffffu /* the script says when it goes on */
#define GRACE_MS 60000

static struct lu_req *
req_of(struct tw_req *req)
{
	return tw_req_block(req, lu_self);
}

/* ---- carrying out ---------------------------------------------------------- */

static void
fired(struct tw_timer *timer)
{
	struct lu_answer *const a = (struct lu_answer *)(void *)((char *)timer -
	    offsetof(struct lu_answer, timer));

	a->fired = true;
	tw_resume(a->req);
}

/* The proxies have a page for it. */
static bool
has_page(struct tw_req *req, int status)
{
	const struct tw_str page = tw_req_page(req, status);

	return page.len < 12 ||
	    (page.p[9] - '0') * 100 + (page.p[10] - '0') * 10 + (page.p[11] - '0') ==
	    status;
}

static enum tw_verdict
refuse(struct tw_req *req, const struct lu_answer *a, char when)
{
	tw_req_set_term(req, 'P', when);
	if (a->status != 0 && !has_page(req, a->status)) {
		const struct tw_reply reply = { .status = a->status };
		tw_req_denied(req, when == 'H');
		return tw_req_reply(req, &reply, a->origin);
	}
	if (a->status == 0 || a->status >= 500)
		tw_req_denied(req, when == 'H');
	return tw_req_fail(req, a->status, "a script denied it", a->origin);
}

static enum tw_verdict
tarpit(struct tw_req *req, struct lu_answer *a)
{
	if (!a->waits) {
		a->waits = true;
		a->req = req;
		a->timer.fn = fired;
		tw_timer_set(&a->timer, tw_now_ms() + a->ms);
		tw_req_deadline(req, a->ms + GRACE_MS);
	}
	return a->fired ? refuse(req, a, 'T') : TW_WAIT;
}

/* What a script has said how the request ends. */
static enum tw_verdict
answer(struct tw_req *req, struct lu_answer *a, bool response)
{
	const char when = response ? 'H' : 'R';

	switch (a->kind) {
	case LU_REPLY:
		return tw_req_reply(req, &a->reply, a->origin);
	case LU_DENY:
		return refuse(req, a, when);
	case LU_TARPIT:
		return tarpit(req, a);
	case LU_DROP:
		tw_req_denied(req, response);
		tw_req_set_term(req, 'P', when);
		return tw_req_fail(req, 0, "a script dropped it", a->origin);
	default:
		return TW_NEXT;
	}
}

/* ---- errors ---------------------------------------------------------------- */

static enum tw_verdict
error_page(struct tw_req *req, const struct lu_script *s,
    const struct tw_origin *origin, const char *id)
{
	static const struct tw_str name = { "x-request-error-id", 18 };
	struct tw_arena *const arena = tw_req_arena(req);
	struct tw_str *const header = tw_arena_try(arena, 2 * sizeof(*header));
	char *const body = tw_arena_try(arena, 96);

	if (header == NULL || body == NULL)
		return tw_req_fail(req, s->on_error, "a script failed", origin);
	header[0] = name;
	header[1] = tw_req_copy(req, tw_str_of(id));
	const int n = snprintf(body, 96, "%d %s: error id %s\n", s->on_error,
	    tw_status_reason(s->on_error), id);
	const struct tw_reply reply = { .status = s->on_error,
		.content_type = TW_STR("text/plain"),
		.headers = header,
		.n_headers = header[1].p != NULL ? 1 : 0,
		.body = { body, n > 0 ? (size_t)n : 0 } };
	tw_req_set_term(req, 'I', 'R');
	return tw_req_reply(req, &reply, origin);
}

/* The hook has failed, and said why. */
static enum tw_verdict
failed(struct tw_req *req, const struct lu_hooked *h, enum lu_stage stage)
{
	const struct lu_script *const s = h->script;
	const struct tw_origin *const origin = &s->origin[stage];
	char id[24];

	if (s->on_error == 0 || stage == LU_ON_LOG)
		return TW_NEXT;
	snprintf(id, sizeof(id), "%08" PRIx64, tw_req_id(req));
	tw_log_limited(TW_ERR,
	    "lua-script '%s': %s failed, answered with %d, error id %s", s->unit->name,
	    lu_stage_name[stage], s->on_error, id);
	if (tw_proxy_mode(tw_req_proxy(req)) != TW_MODE_HTTP || stage == LU_ON_ACCEPT)
		return tw_req_fail(req, 0, "a script failed", origin);
	return error_page(req, s, origin, id);
}

/* An error that no line of the script raised. */
static enum tw_verdict
wrong(struct tw_req *req, const struct lu_hooked *h, enum lu_stage stage,
    const char *what)
{
	tw_log_limited(TW_ALERT, "lua-script '%s': %s: %s", h->script->unit->name,
	    lu_stage_name[stage], what);
	return failed(req, h, stage);
}

/* ---- what hooks return ----------------------------------------------------- */

/* Where the hook of a request with a trail has returned. */
static _Thread_local const struct tw_origin *returned_at;

static void
on_return(lua_State *L, lua_Debug *ar)
{
	lua_getinfo(L, "Sl", ar);
	if (ar->currentline > 0)
		returned_at = lu_origin_at(L, ar);
}

static void
trace_return(lua_State *L)
{
	returned_at = NULL;
	if (lua_gethook(L) == NULL)
		lua_sethook(L, on_return, LUA_MASKRET, 0);
}

/* For a trail the line of the `return`, else the function's: to find the former
 * takes a hook of Lua's. */
static const struct tw_origin *
origin_of(const struct lu_call *c, const struct lu_hooked *h, enum lu_stage stage)
{
	return tw_trail_on(c->req) && returned_at != NULL ? returned_at
							  : &h->script->origin[stage];
}

/* A name, a backend, a split or a router. in: the value is at 1. returns: NULL: none
 * of them; *none: a router without a route for it. */
static struct tw_proxy *
backend_at(struct lu_call *c, bool *none)
{
	struct lu_split *const split = lu_test_split(c->L, 1);
	struct lu_router *const router = lu_test_router(c->L, 1);
	const bool http = tw_proxy_mode(tw_req_frontend(c->req)) == TW_MODE_HTTP;
	struct lu_view v;

	*none = false;
	if (lua_type(c->L, 1) == LUA_TSTRING)
		return tw_gen_find(c->s->gen, lua_tostring(c->L, 1), TW_BACKEND);
	if (split != NULL && http) {
		lu_view_of(&v, c->req);
		return lu_split_pick(split, &v);
	}
	if (router != NULL && http) {
		struct tw_proxy *const px = lu_router_find(router, c->req);
		*none = px == NULL;
		return px;
	}
	return lu_test_backend(c->L, 1);
}

static enum tw_verdict
route_return(struct lu_call *c, const struct lu_hooked *h)
{
	struct tw_req *const req = c->req;
	char text[320];
	bool none;

	if (lua_gettop(c->L) == 0 || lua_isnil(c->L, 1))
		return TW_NEXT;
	struct tw_proxy *const px = backend_at(c, &none);
	if (none)
		return TW_NEXT;
	if (px == NULL || tw_proxy_mode(px) != tw_proxy_mode(tw_req_frontend(req))) {
		snprintf(text, sizeof(text),
		    "it returned '%.200s', which is no backend of mode %s",
		    lua_type(c->L, 1) == LUA_TSTRING ? lua_tostring(c->L, 1)
						     : luaL_typename(c->L, 1),
		    tw_proxy_mode_name(tw_req_frontend(req)));
		return wrong(req, h, LU_ON_ROUTE, text);
	}
	tw_decide_backend(req, px, origin_of(c, h, LU_ON_ROUTE));
	return TW_NEXT;
}

/* on_route = tw.router{...}: no Lua is run. */
static enum tw_verdict
pure_route(struct tw_req *req, const struct lu_hooked *h, struct lu_router *router)
{
	if (tw_proxy_mode(tw_req_frontend(req)) != TW_MODE_HTTP)
		return TW_NEXT;
	struct tw_proxy *const px = lu_router_find(router, req);
	if (px != NULL && tw_proxy_mode(px) != TW_MODE_HTTP)
		return wrong(
		    req, h, LU_ON_ROUTE, "the router's backend is not in mode http");
	if (px != NULL)
		tw_decide_backend(req, px, lu_router_origin(router));
	return TW_NEXT;
}

/* A server that is down, or has just failed, is not forced on the request: the
 * balance algorithm decides. */
static enum tw_verdict
server_take(struct tw_req *req, struct tw_server *srv, const struct tw_origin *origin)
{
	const bool alive = tw_server_is_alive(srv);

	if (!alive || srv == tw_req_avoid(req)) {
		tw_trail_note(req, "server %s is not used: it %s", tw_server_name(srv),
		    alive ? "has just failed this request" : "is down");
		return TW_NEXT;
	}
	tw_decide_server(req, srv, origin);
	return TW_DONE;
}

static struct tw_server *
server_named(struct lu_call *c, const struct tw_proxy *be)
{
	struct tw_server *const srv = lu_test_server(c->L, 1);

	if (srv != NULL)
		return tw_server_proxy(srv) == be ? srv : NULL;
	return lua_type(c->L, 1) == LUA_TSTRING
	    ? tw_proxy_find_server(be, lua_tostring(c->L, 1))
	    : NULL;
}

static enum tw_verdict
pick_return(struct lu_call *c, const struct lu_hooked *h)
{
	const struct tw_proxy *const be = tw_req_proxy(c->req);
	char text[320];

	if (lua_gettop(c->L) == 0 || lua_isnil(c->L, 1))
		return TW_NEXT;
	struct tw_server *const srv = server_named(c, be);
	if (srv != NULL)
		return server_take(c->req, srv, origin_of(c, h, LU_ON_PICK));
	snprintf(text, sizeof(text), "it returned '%.200s', which is no server of '%s'",
	    lua_type(c->L, 1) == LUA_TSTRING ? lua_tostring(c->L, 1)
					     : luaL_typename(c->L, 1),
	    tw_proxy_name(be));
	return wrong(c->req, h, LU_ON_PICK, text);
}

/* false: no more tries. A backend: there from the beginning. */
static enum tw_verdict
retry_return(struct lu_call *c, const struct lu_hooked *h)
{
	struct tw_req *const req = c->req;
	struct lu_req *const r = req_of(req);
	const struct tw_origin *const origin = origin_of(c, h, LU_ON_RETRY);

	if (lua_gettop(c->L) == 0 || lua_isnil(c->L, 1) ||
	    (lua_isboolean(c->L, 1) && lua_toboolean(c->L, 1)))
		return TW_NEXT;
	if (lua_isboolean(c->L, 1)) {
		tw_req_set_term(req, 'S', 'C');
		return tw_req_fail(req, 503, "a script gave it up", origin);
	}
	struct tw_proxy *px = lu_test_backend(c->L, 1);
	if (px == NULL && lua_type(c->L, 1) == LUA_TSTRING)
		px = tw_gen_find(c->s->gen, lua_tostring(c->L, 1), TW_BACKEND);
	if (px == NULL || tw_proxy_mode(px) != tw_proxy_mode(tw_req_frontend(req)))
		return wrong(req, h, LU_ON_RETRY, "it returned what is no backend");
	r->backend = px;
	r->backend_origin = origin;
	r->rerouted = true;
	return TW_RESTART;
}

static enum tw_verdict
returned(struct lu_call *c, const struct lu_hooked *h, enum lu_stage stage)
{
	switch (stage) {
	case LU_ON_ROUTE:
		return route_return(c, h);
	case LU_ON_PICK:
		return pick_return(c, h);
	case LU_ON_RETRY:
		return retry_return(c, h);
	default:
		return TW_NEXT;
	}
}

/* ---- one hook -------------------------------------------------------------- */

static void
wake(struct lu_call *c)
{
	tw_resume(c->req);
}

/* Its arguments. returns: how many. */
static int
push_args(struct lu_call *c, enum lu_stage stage)
{
	struct tw_req *const req = c->req;
	lua_State *const L = c->L;

	lu_push_native(c);
	switch (stage) {
	case LU_ON_ROUTE:
		if (tw_req_backend(req) != NULL)
			lua_pushstring(L, tw_proxy_name(tw_req_backend(req)));
		else
			lua_pushnil(L);
		return 2;
	case LU_ON_PICK:
		lu_push_backend(L, tw_req_proxy(req));
		return 2;
	case LU_ON_RETRY:
		lua_pushinteger(L, abs(tw_req_retries(req)) + 1);
		lua_pushliteral(L, "connect");
		return 3;
	case LU_ON_RESPONSE:
		lu_push_part(L, lua_touserdata(L, -1), LU_P_RES);
		lua_insert(L, -2);
		return 2;
	default:
		return 1;
	}
}

/* out: *call; NULL: a reload has taken the hook out. returns: false: no memory. */
static bool
begin(struct lu_call **call, struct tw_req *req, const struct lu_hooked *h,
    enum lu_stage stage, int *n)
{
	struct lu_call *const c =
	    lu_begin(lu_state_for(h->script->unit, req), LU_AT_HOOK, req);

	*call = c;
	if (c == NULL)
		return false;
	c->stage = stage;
	c->on_wake = wake;
	if (lu_push_slot(c, h->slot))
		*n = push_args(c, stage);
	else
		lu_end(call);
	return true;
}

/* What still waits, although the request is somewhere else by now, ends. */
static void
end_others(struct lu_req *r, enum lu_stage stage)
{
	if (r->call->at != LU_AT_HOOK || r->call->stage != (int)stage)
		lu_end(&r->call);
}

static enum tw_verdict
run_one(struct tw_req *req, struct lu_req *r, const struct lu_hooked *h,
    enum lu_stage stage)
{
	struct lu_call *c = r->call;
	enum tw_verdict v = TW_NEXT;
	int n = 0;

	if (stage == LU_ON_ROUTE) {
		struct lu_state *const s = lu_state_for(h->script->unit, req);
		if (s->router != NULL)
			return pure_route(req, h, s->router);
	}
	if (c == NULL && !begin(&c, req, h, stage, &n))
		return wrong(req, h, stage, "out of memory");
	if (c == NULL)
		return TW_NEXT;
	const bool told = tw_trail_on(req);
	if (TW_UNLIKELY(told))
		trace_return(c->L);
	const enum lu_result result = lu_run(c, n);
	if (TW_UNLIKELY(told) && lua_gethook(c->L) == on_return)
		lua_sethook(c->L, NULL, 0, 0);
	if (result == LU_WAITS && (LU_NO_YIELD & 1u << stage) != 0) {
		lu_end(&c);
		return wrong(req, h, stage, "yield not allowed");
	}
	if (result == LU_WAITS) {
		r->call = c;
		if (!c->wants_body)
			tw_req_deadline(req, WAIT_MS);
		return TW_WAIT;
	}
	r->call = NULL;
	if (result == LU_FAILED)
		v = failed(req, h, stage);
	else if (r->answer != NULL)
		v = answer(req, r->answer, stage == LU_ON_RESPONSE);
	else
		v = returned(c, h, stage);
	lu_end(&c);
	return v;
}

static const struct lu_hooked *
waiting(const struct lu_hooked *h, const struct lu_call *c)
{
	while (h != NULL && h->slot != c->slot)
		h = h->next;
	return h;
}

static enum tw_verdict
run_stage(struct tw_req *req, struct lu_req *r, enum lu_stage stage)
{
	const struct lu_hooked *h = lu_px_of(tw_req_proxy(req))->hooks[stage];
	enum tw_verdict v;

	if (TW_UNLIKELY(r->call != NULL))
		end_others(r, stage);
	if (TW_UNLIKELY(r->call != NULL)) {
		if (r->call->waits && !r->call->wants_body)
			return TW_WAIT;
		h = waiting(h, r->call);
	} else if (TW_UNLIKELY(r->answer != NULL)) {
		return answer(req, r->answer, stage == LU_ON_RESPONSE);
	}
	for (; h != NULL; h = h->next) {
		if (h->of_frontend && tw_req_proxy(req) != tw_req_frontend(req))
			continue;
		v = run_one(req, r, h, stage);
		if (v != TW_NEXT)
			return v;
	}
	return TW_NEXT;
}

/* ---- the points ------------------------------------------------------------ */

enum tw_verdict
lu_on_session(struct tw_req *req, void *state)
{
	return run_stage(req, state, LU_ON_ACCEPT);
}

enum tw_verdict
lu_on_request(struct tw_req *req, void *state)
{
	return run_stage(req, state, LU_ON_REQUEST);
}

enum tw_verdict
lu_on_route(struct tw_req *req, void *state)
{
	struct lu_req *const r = state;

	if (TW_LIKELY(r->backend == NULL &&
		lu_px_of(tw_req_proxy(req))->hooks[LU_ON_ROUTE] == NULL))
		return TW_NEXT;
	if (r->backend != NULL && r->call == NULL)
		tw_decide_backend(req, r->backend, r->backend_origin);
	r->backend = NULL;
	if (r->rerouted) { /* on_retry has the last word */
		r->rerouted = false;
		return TW_NEXT;
	}
	return run_stage(req, r, LU_ON_ROUTE);
}

/* req:server(name), before the backend was known. */
static enum tw_verdict
wanted_server(struct tw_req *req, struct lu_req *r)
{
	const struct tw_proxy *const be = tw_req_proxy(req);
	struct tw_server *const srv = tw_proxy_find_server(be, r->server);

	if (srv != NULL)
		return server_take(req, srv, r->server_origin);
	tw_log_limited(TW_ALERT,
	    "%s:%d: req:server: there is no server '%s' in backend '%s'",
	    r->server_origin->file != NULL ? r->server_origin->file : "a script",
	    r->server_origin->line, r->server, tw_proxy_name(be));
	return tw_req_fail(req, 500, "a script named no server", r->server_origin);
}

enum tw_verdict
lu_on_pick(struct tw_req *req, void *state)
{
	struct lu_req *const r = state;

	if (TW_LIKELY(r->server == NULL &&
		lu_px_of(tw_req_proxy(req))->hooks[LU_ON_PICK] == NULL))
		return TW_NEXT;
	const enum tw_verdict v = run_stage(req, r, LU_ON_PICK);
	if (v != TW_NEXT || r->server == NULL)
		return v;
	return wanted_server(req, r);
}

enum tw_verdict
lu_on_retry(struct tw_req *req, void *state)
{
	return run_stage(req, state, LU_ON_RETRY);
}

enum tw_verdict
lu_on_response(struct tw_req *req, void *state)
{
	return run_stage(req, state, LU_ON_RESPONSE);
}

enum tw_verdict
lu_on_log(struct tw_req *req, void *state)
{
	struct lu_req *const r = state;

	if (r->answer != NULL)
		tw_timer_del(&r->answer->timer);
	r->answer = NULL;
	run_stage(req, r, LU_ON_LOG);
	return TW_NEXT;
}

bool
lu_wants_session(const struct tw_proxy *px)
{
	return lu_px_of(px)->hooks[LU_ON_ACCEPT] != NULL;
}

bool
lu_wants_request(const struct tw_proxy *px)
{
	return lu_px_of(px)->hooks[LU_ON_REQUEST] != NULL;
}

bool
lu_wants_route(const struct tw_proxy *px)
{
	return lu_px_of(px)->decides && tw_proxy_has(px, TW_FRONTEND);
}

bool
lu_wants_pick(const struct tw_proxy *px)
{
	return lu_px_of(px)->decides && tw_proxy_has(px, TW_BACKEND);
}

bool
lu_wants_retry(const struct tw_proxy *px)
{
	return lu_px_of(px)->hooks[LU_ON_RETRY] != NULL;
}

bool
lu_wants_response(const struct tw_proxy *px)
{
	return lu_px_of(px)->hooks[LU_ON_RESPONSE] != NULL;
}

bool
lu_wants_log(const struct tw_proxy *px)
{
	return lu_px_of(px)->hooks[LU_ON_LOG] != NULL;
}

/* ---- http-request lua-hook ------------------------------------------------- */

int
lu_hook_parse(struct tw_action_line *a, const void **conf)
{
	const char *const name = tw_action_arg(a);

	if (name == NULL)
		return tw_line_fail(
		    a->ln, -1, "'lua-hook' expects the name of a lua-script");
	struct lu_script *const s = lu_script_find(a->ln->gen, name);
	if (s == NULL)
		return tw_line_fail(a->ln, a->i - 1,
		    "'lua-hook': there is no script '%s': a line 'lua-script %s file "
		    "...' must stand before, in 'global'",
		    name, name);
	struct lu_hooked *const h =
	    tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*h));
	*h = (struct lu_hooked){ .next = s->placed,
		.script = s,
		.conf_file = a->ln->file,
		.conf_line = a->ln->number };
	s->placed = h;
	*conf = h;
	return 0;
}

enum tw_act
lu_hook_run(struct tw_req *req, const struct tw_action_call *call)
{
	static const enum tw_act acts[] = {
		[TW_NEXT] = TW_ACT_NEXT,
		[TW_DONE] = TW_ACT_DONE,
		[TW_WAIT] = TW_ACT_WAIT,
		[TW_FAIL] = TW_ACT_FAIL,
	};
	struct lu_req *const r = req_of(req);

	if (r->call != NULL)
		end_others(r, LU_ON_REQUEST);
	if (call->again && r->call != NULL && r->call->waits && !r->call->wants_body)
		return TW_ACT_WAIT;
	if (r->answer != NULL)
		return acts[answer(req, r->answer, false)];
	return acts[run_one(req, r, call->conf, LU_ON_REQUEST)];
}
