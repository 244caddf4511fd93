/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * call.c - running a script's function, and letting it wait.
 *
 * Coroutines are pooled: a function that does not wait costs no allocation.
 * One that waits keeps its coroutine until it is woken; one that failed leaves
 * a dead coroutine, which is thrown away. Worker.
 */
#include "lu.h"

#include <stdlib.h>

#include <tideway/log.h>

#include "script.h"

static void
link_to(struct lu_call **list, struct lu_call *c)
{
	c->next = *list;
	c->prev = list;
	if (c->next != NULL)
		c->next->prev = &c->next;
	*list = c;
}

static void
unlink_call(struct lu_call *c)
{
	if (c->prev == NULL)
		return;
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->prev = NULL;
}

static int
thread_new(lua_State *L)
{
	lua_newthread(L);
	return 1;
}

/* Its coroutine; protected, because there may be no memory for one. */
static bool
thread_give(struct lu_call *c)
{
	lua_State *const L = c->s->L;

	if (!lua_checkstack(L, 4))
		return false;
	lua_pushcfunction(L, thread_new);
	if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
		lua_pop(L, 1);
		return false;
	}
	c->L = lua_tothread(L, -1);
	*(struct lu_call **)lua_getextraspace(c->L) = c;
	c->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return true;
}

struct lu_call *
lu_begin(struct lu_state *s, enum lu_at at, struct tw_req *req)
{
	lu_enter(s);
	struct lu_call *c = s->pool;
	if (c != NULL) {
		unlink_call(c);
		s->n_pool--;
	} else {
		c = calloc(1, sizeof(*c));
		if (c != NULL)
			c->s = s;
	}
	if (c == NULL || (c->L == NULL && !thread_give(c))) {
		free(c);
		lu_leave(s);
		return NULL;
	}
	c->at = at;
	c->req = req;
	c->keeps = LU_KEEPS_ALL;
	c->began = true;
	return c;
}

bool
lu_push_slot(struct lu_call *c, struct lu_slot *slot)
{
	const struct lu_state *const s = c->s;

	c->slot = slot;
	if (slot->index >= s->n_fn || s->fn[slot->index].ref == LUA_NOREF)
		return false;
	c->keeps = s->fn[slot->index].keeps;
	lua_rawgeti(c->L, LUA_REGISTRYINDEX, s->fn[slot->index].ref);
	return true;
}

/* ---- waiting -------------------------------------------------------------------- */

bool
lu_may_yield(lua_State *L)
{
	const struct lu_call *const c = lu_call_of(L);

	if (c != NULL && c->at == LU_AT_ACTION && c->stage == TW_HTTP_AFTER)
		return false;
	if (c != NULL && c->at == LU_AT_HOOK && (LU_NO_YIELD & 1u << c->stage) != 0)
		return false;
	return c != NULL && c->at != LU_AT_INIT && c->at != LU_AT_FETCH &&
	    c->at != LU_AT_CONV && c->at != LU_AT_BODY && lua_isyieldable(L);
}

void
lu_check_yield(lua_State *L, const char *function)
{
	const struct lu_call *const c = lu_call_of(L);

	if (!lu_may_yield(L))
		luaL_error(L, "%s: yield not allowed in %s", function,
		    lu_at_name[c != NULL ? c->at : LU_AT_BODY]);
}

int
lu_yield(lua_State *L, lua_KContext ctx, lua_KFunction k)
{
	lu_call_of(L)->waits = true;
	return lua_yieldk(L, 0, ctx, k);
}

void
lu_wake(struct lu_call *c)
{
	if (!c->waits)
		return;
	c->waits = false;
	c->cancel = NULL;
	tw_timer_set(&c->timer, 0);
	c->on_wake(c);
}

static void
timer_fired(struct tw_timer *timer)
{
	lu_wake((
	    struct lu_call *)(void *)((char *)timer - offsetof(struct lu_call, timer)));
}

int
lu_sleep_then(lua_State *L, uint32_t ms, lua_KContext ctx, lua_KFunction k)
{
	struct lu_call *const c = lu_call_of(L);

	c->timer.fn = timer_fired;
	tw_timer_set(&c->timer, tw_now_ms() + ms);
	return lu_yield(L, ctx, k);
}

int
lu_finish(lua_State *L, enum tw_act verdict)
{
	struct lu_call *const c = lu_call_of(L);

	c->finished = true;
	c->verdict = verdict;
	if (lua_isyieldable(L))
		return lua_yield(L, 0);
	lua_pushliteral(L, "");
	return lua_error(L);
}

/* ---- running -------------------------------------------------------------------- */

/* coroutine.yield() outside of a coroutine of the script's own. */
static void
again_soon(struct lu_call *c)
{
	c->waits = true;
	c->timer.fn = timer_fired;
	tw_timer_set(&c->timer, tw_now_ms());
}

static enum lu_result
has_yielded(struct lu_call *c)
{
	if (c->finished)
		return LU_DONE;
	if (!c->waits)
		again_soon(c);
	if (c->prev == NULL) {
		link_to(&c->s->live, c);
		c->s->n_live++;
	}
	c->began = false;
	lua_settop(c->L, 0);
	lu_leave(c->s);
	return LU_WAITS;
}

enum lu_result
lu_run(struct lu_call *c, int nargs)
{
	if (!c->began) {
		lu_enter(c->s);
		c->began = true;
	}
	struct lu_call *const outer = c->s->running;
	c->s->running = c;
	const int rc = lua_resume(c->L, outer != NULL ? outer->L : NULL, nargs);
	c->s->running = outer;
	if (rc == LUA_OK)
		return LU_DONE;
	if (rc == LUA_YIELD)
		return has_yielded(c);
	c->over = true;
	if (c->finished)
		return LU_DONE;
	lu_failed(c, c->L, c->s, rc);
	return LU_FAILED;
}

static void
coroutine_drop(struct lu_call *c)
{
	luaL_unref(c->s->L, LUA_REGISTRYINDEX, c->ref);
	c->L = NULL;
}

static int
collect(lua_State *L)
{
	lua_gc(L, LUA_GCCOLLECT, 0);
	return 0;
}

/* A whole collection, as HAProxy does: what a call has left open without a reference
 * ends with it. A script that closes its sockets does not pay for this. */
static void
sweep(struct lu_state *s)
{
	if (!lua_checkstack(s->L, 4))
		return;
	lua_pushcfunction(s->L, collect);
	if (lua_pcall(s->L, 0, 0, 0) != LUA_OK)
		lua_pop(s->L, 1);
}

void
lu_end(struct lu_call **call)
{
	struct lu_call *const c = *call;
	struct lu_state *const s = c->s;
	const bool waited = c->prev != NULL;

	*call = NULL;
	if (!c->began)
		lu_enter(s);
	if (waited) {
		unlink_call(c);
		s->n_live--;
	}
	if (c->waits && c->cancel != NULL)
		c->cancel(c);
	tw_timer_del(&c->timer);
	if (c->over || c->finished || lua_status(c->L) != LUA_OK)
		coroutine_drop(c);
	else
		lua_settop(c->L, 0);
	const bool forgot = c->n_open > 0;
	lua_State *const L = c->L;
	const int ref = c->ref;
	*c = (struct lu_call){ .s = s, .L = L, .ref = ref };
	link_to(&s->pool, c);
	s->n_pool++;
	if (forgot)
		sweep(s);
	lu_leave(s);
}

/* ---- errors --------------------------------------------------------------------- */

int
lu_traceback(lua_State *L)
{
	const char *const text = lua_tostring(L, 1);

	if (text != NULL)
		luaL_traceback(L, L, text, 1);
	else if (luaL_callmeta(L, 1, "__tostring") == 0)
		lua_pushfstring(L, "(an error that is a %s)", luaL_typename(L, 1));
	return 1;
}

static const char *const reg_word[LU_N_REGS] = { "action", "fetch", "converter",
	"service", "command", "filter", "hook" };

void
lu_failed(struct lu_call *c, lua_State *L, struct lu_state *s, int status)
{
	const char *text = lua_tostring(L, -1);

	(void)status;
	(void)s;
	if (text == NULL)
		text = "an error without text";
	if (c != NULL && c->slot != NULL)
		tw_log(TW_ALERT, "Lua %s '%s': %s", reg_word[c->slot->reg],
		    c->slot->name, text);
	else
		tw_log(TW_ALERT, "Lua: %s", text);
}

unsigned
lu_where(const struct lu_call *c)
{
	static const unsigned of_rules[TW_N_RULES] = {
		[TW_TCP_CONNECTION] = TW_AT_CONN,
		[TW_TCP_SESSION] = TW_AT_CONN,
		[TW_TCP_CONTENT] = TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY,
		[TW_TCP_RESPONSE] = TW_AT_CONN | TW_AT_RESPONSE,
		[TW_HTTP_REQUEST] = TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY,
		[TW_HTTP_RESPONSE] = TW_AT_CONN | TW_AT_RESPONSE,
		[TW_HTTP_AFTER] = TW_AT_CONN | TW_AT_RESPONSE,
	};

#define EARLY (TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY)
	static const unsigned of_hooks[LU_N_STAGES] = {
		[LU_ON_ACCEPT] = TW_AT_CONN,
		[LU_ON_REQUEST] = EARLY,
		[LU_ON_ROUTE] = EARLY,
		[LU_ON_PICK] = EARLY,
		[LU_ON_RETRY] = EARLY,
		[LU_ON_RESPONSE] = TW_AT_CONN | TW_AT_RESPONSE,
		[LU_ON_LOG] = TW_AT_ANY,
	};
#undef EARLY

	switch (c->at) {
	case LU_AT_ACTION:
		return of_rules[c->stage];
	case LU_AT_SERVICE:
		return TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY;
	case LU_AT_HOOK:
		return of_hooks[c->stage];
	default:
		return TW_AT_ANY;
	}
}

struct tw_req *
lu_req(lua_State *L, const char *function)
{
	const struct lu_call *const c = lu_call_of(L);

	if (c == NULL || c->req == NULL)
		luaL_error(L, "%s: there is no request in %s", function,
		    lu_at_name[c != NULL ? c->at : LU_AT_BODY]);
	return c->req;
}
