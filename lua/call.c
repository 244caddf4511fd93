/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * call.c - running a script's function, and letting it wait.
 *
 * Coroutines are pooled: a function that does not wait costs no allocation.
 * One that waits keeps its coroutine until it is woken; one that failed leaves
 * a dead coroutine, which is thrown away. Worker.
 */
#include "data.h"

#include <stdlib.h>

#include "count.h"
#include "err.h"
#include "gc.h"

#include "script.h"

static void
link_live(struct lu_call *c)
{
	c->next = c->s->live;
	c->prev = &c->s->live;
	if (c->next != NULL)
		c->next->prev = &c->next;
	c->s->live = c;
}

/* Who has entered the state counts; others only read. */
static void
count(_Atomic int *n, int more)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + more,
	    memory_order_relaxed);
}

static void
unlink_call(struct lu_call *c)
{
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->prev = NULL;
}

/* in: a call. */
static int
thread_new(lua_State *L)
{
	struct lu_call *const c = lua_touserdata(L, 1);
	lua_State *const co = lua_newthread(L);

	c->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	c->L = co;
	return 0;
}

/* Its coroutine; protected, because there may be no memory for one. */
static bool
thread_give(struct lu_call *c)
{
	lua_State *const L = c->s->L;

	if (!lua_checkstack(L, 4))
		return false;
	lua_pushcfunction(L, thread_new);
	lua_pushlightuserdata(L, c);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
		lua_pop(L, 1);
		return false;
	}
	return true;
}

static void
enter(struct lu_call *c)
{
	lu_enter(c->s);
	c->began = true;
	c->was_bounded = c->s->mem.bounded;
	c->s->mem.bounded = false;
}

void
lu_park(struct lu_call *c)
{
	c->began = false;
	c->s->mem.bounded = c->was_bounded;
	lu_leave(c->s);
}

int
lu_pcall(lua_State *L, int nargs, int nresults, int handler)
{
	struct lu_mem *const m = &lu_state_from(L)->mem;
	const bool was = m->bounded;

	m->bounded = true;
	const int rc = lua_pcall(L, nargs, nresults, handler);
	m->bounded = was;
	return rc;
}

struct lu_call *
lu_begin(struct lu_state *s, enum lu_at at, struct tw_req *req)
{
	lu_enter(s);
	const bool was_bounded = s->mem.bounded;
	struct lu_call *c = s->pool;

	s->mem.bounded = false;
	if (TW_LIKELY(c != NULL)) {
		s->pool = c->next;
		count(&s->n_pool, -1);
	} else {
		c = calloc(1, sizeof(*c));
		if (c != NULL)
			c->s = s;
	}
	if (c == NULL || (TW_UNLIKELY(c->L == NULL) && !thread_give(c))) {
		free(c);
		s->mem.bounded = was_bounded;
		lu_leave(s);
		return NULL;
	}
	c->was_bounded = was_bounded;
	c->at = at;
	c->req = req;
	c->keeps = LU_KEEPS_ALL;
	c->began = true;
	c->steps_left = s->limits[at].steps;
	s->n_refs++;
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
	lu_count_call(c, s->tally[slot->index]);
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
	if (c != NULL && c->blocked > 0)
		return false;
	return c != NULL && c->at != LU_AT_INIT && c->at != LU_AT_FETCH &&
	    c->at != LU_AT_CONV && c->at != LU_AT_BODY && c->at != LU_AT_FILTER &&
	    lua_isyieldable(L);
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

static int
slept(lua_State *L, int status, lua_KContext ctx)
{
	(void)L;
	(void)status;
	(void)ctx;
	return 0;
}

int
lu_sleep(lua_State *L, uint32_t ms)
{
	return lu_sleep_then(L, ms, 0, slept);
}

/* Set after an error that a pcall of the script has caught: at its next step the
 * call ends all the same. */
static void
finish_hook(lua_State *L, lua_Debug *ar)
{
	const struct lu_call *const c = lu_call_of(L);

	(void)ar;
	if (c == NULL || !c->finished) { /* a coroutine that the script has kept */
		lua_sethook(L, NULL, 0, 0);
	} else if (L == c->L && lua_isyieldable(L)) {
		lua_yield(L, 0);
	} else {
		lua_pushliteral(L, "the call has ended");
		lua_error(L);
	}
}

int
lu_finish(lua_State *L, enum tw_act verdict)
{
	struct lu_call *const c = lu_call_of(L);

	if (c == NULL)
		return luaL_error(L, "nothing is run that could be ended");
	c->finished = true;
	c->verdict = verdict;
	if (lua_isyieldable(L)) /* out of the script's own coroutines, too */
		return lua_yield(L, 0);
	lua_sethook(c->L, finish_hook, LUA_MASKCOUNT, 1);
	if (L != c->L)
		lua_sethook(L, finish_hook, LUA_MASKCOUNT, 1);
	lua_pushliteral(L, "the call has ended");
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
	lu_count_yield(c);
	if (c->prev == NULL) {
		link_live(c);
		count(&c->s->n_live, 1);
	}
	lua_settop(c->L, 0);
	lu_gc_look(c->s); /* a task may never end */
	lu_park(c);
	return LU_WAITS;
}

/* What of its whole time is left; 1 at least, because 0 is no limit. */
static uint32_t
time_left(const struct lu_call *c, const struct lu_limits *lim)
{
	if (lim->total == 0)
		return 0;
	return lim->total > c->spent_ms ? lim->total - c->spent_ms : 1;
}

static int
resume(struct lu_call *c, int nargs)
{
	struct lu_state *const s = c->s;
	struct lu_call *const outer = s->running;
	struct lu_cell *const cell = lu_cell_get();
	const struct lu_limits *const lim = &s->limits[c->at];

	if (TW_UNLIKELY(c->sampled))
		lu_count_burst(c);
	if (TW_LUA_HOOKED(lim))
		lu_steps_arm(c->L, lim->steps);
	s->running = c;
	lua_State *const before = lu_watch_enter(cell, c->L, lim, time_left(c, lim));
	s->mem.bounded = true;
	const int rc = lua_resume(c->L, outer != NULL ? outer->L : NULL, nargs);
	s->mem.bounded = false;
	if (TW_UNLIKELY(rc > LUA_YIELD))
		c->stopped |= lu_stopping();
	c->spent_ms += lu_watch_leave(cell, c->L, before);
	s->running = outer;
	if (TW_UNLIKELY(c->sampled))
		lu_count_burst_end(c);
	return rc;
}

enum lu_result
lu_run(struct lu_call *c, int nargs)
{
	if (!c->began)
		enter(c);
	const int rc = resume(c, nargs);
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

void
lu_pool_drop(struct lu_state *s)
{
	struct lu_call *const c = s->pool;

	s->pool = c->next;
	if (c->L != NULL)
		coroutine_drop(c);
	count(&s->n_pool, -1);
	free(c);
}

void
lu_end(struct lu_call **call)
{
	struct lu_call *const c = *call;
	struct lu_state *const s = c->s;

	*call = NULL;
	if (!c->began)
		enter(c);
	if (c->prev != NULL) {
		unlink_call(c);
		count(&s->n_live, -1);
	}
	if (c->waits && c->cancel != NULL)
		c->cancel(c);
	if (c->alarms != NULL)
		lu_alarms_drop(&c->alarms);
	if (c->timer.fn != NULL)
		tw_timer_del(&c->timer);
	if (TW_UNLIKELY(c->sampled))
		lu_count_end(c);
	if (c->over || c->finished || lua_status(c->L) != LUA_OK)
		coroutine_drop(c);
	else
		lua_settop(c->L, 0);
	const bool forgot = c->n_open > 0;
	const bool was_bounded = c->was_bounded;
	memset(&c->prev, 0, sizeof(*c) - offsetof(struct lu_call, prev));
	c->next = s->pool;
	s->pool = c;
	count(&s->n_pool, 1);
	if (forgot)
		lu_gc_all(s);
	lu_gc_look(s);
	s->mem.bounded = was_bounded;
	lu_release(s);
	lu_leave(s);
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
		[LU_ON_BODY] = TW_AT_CONN | TW_AT_REQUEST,
	};
#undef EARLY

	switch (c->at) {
	case LU_AT_ACTION:
		return of_rules[c->stage];
	case LU_AT_FILTER:
		return TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY |
		    (c->stage != 0 ? TW_AT_RESPONSE : 0);
	case LU_AT_SERVICE:
		return TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY;
	case LU_AT_HOOK:
		return of_hooks[c->stage];
	default:
		return c->req != NULL && tw_req_conn(c->req) == NULL ? TW_AT_CHECK
								     : TW_AT_ANY;
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
