/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * gc.c - the collector runs in short steps, from a timer, between requests.
 *
 * Lua's own collector stands still. When a call ends and the state has grown
 * enough, it is put on its worker's list, whose timer works at it for a fifth of
 * a millisecond each millisecond until the cycle is done. If that does not keep
 * up, mem.c lets Lua collect by itself, inside of calls. The timers belong to
 * the workers, not to the states, so that a state can be freed at any time.
 */
#include "gc.h"

#include <tideway/log.h>

#include "count.h"

#define STEP_US 200
#define GROWS_BYTES (256u << 10) /* at least, from cycle to cycle */
#define CEILING_BYTES (16u << 20)
#define POOL_KEEPS 64
#define POOL_TRIM 32 /* a step */

struct collector {
	pthread_mutex_t lock; /* its list, and each state's gc_worker in it */
	struct lu_state *list;
	struct tw_timer timer;
};

static struct collector collectors[LU_MAX_WORKERS]; /* shared: by its lock */

void
lu_gc_load(void)
{
	for (int i = 0; i < LU_MAX_WORKERS; i++)
		pthread_mutex_init(&collectors[i].lock, NULL);
}

static void
plan(struct lu_state *s)
{
	const size_t used = atomic_load_explicit(&s->mem.used, memory_order_relaxed);

	s->gc_at = used + used / 2 + GROWS_BYTES;
	s->mem.ceiling = 4 * s->gc_at + CEILING_BYTES;
}

struct pass {
	int what; /* LUA_GCSTEP, LUA_GCCOLLECT */
	bool done;
};

static int
pass(lua_State *L)
{
	struct pass *const p = lua_touserdata(L, 1);

	p->done = lua_gc(L, p->what, 0) != 0;
	return 0;
}

/* Protected: finalizers of scripts may fail. returns: LUA_GCSTEP: the cycle is done. */
static bool
run_pass(lua_State *L, int what)
{
	struct pass p = { what, false };

	if (!lua_checkstack(L, 4))
		return false;
	lua_pushcfunction(L, pass);
	lua_pushlightuserdata(L, &p);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
		tw_log_limited(TW_ALERT, "Lua: %s",
		    lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
						   : "a finalizer failed");
		lua_pop(L, 1);
	}
	return p.done;
}

void
lu_gc_all(struct lu_state *s)
{
	run_pass(s->L, LUA_GCCOLLECT);
}

void
lu_gc_begin(struct lu_state *s)
{
	lu_gc_all(s);
	lua_gc(s->L, LUA_GCSTOP, 0);
	plan(s);
}

static void fire(struct tw_timer *timer);

static void
arm(struct collector *co)
{
	co->timer.fn = fire;
	tw_timer_set(&co->timer, tw_now_ms() + 1);
}

void
lu_gc_wanted(struct lu_state *s)
{
	const struct tw_worker *const w = tw_worker_self();
	const int id = w != NULL ? tw_worker_id(w) : LU_MAX_WORKERS;

	if (id >= LU_MAX_WORKERS || s->gc_worker >= 0)
		return;
	if (!s->shared && id != s->thread) /* being made: not in use yet */
		return;
	struct collector *const co = &collectors[id];
	pthread_mutex_lock(&co->lock);
	s->gc_worker = id;
	s->gc_next = co->list;
	co->list = s;
	pthread_mutex_unlock(&co->lock);
	arm(co);
}

/* Idle coroutines that a rush has left behind. */
static void
trim(struct lu_state *s)
{
	for (int i = 0; i < POOL_TRIM && s->n_pool > POOL_KEEPS; i++)
		lu_pool_drop(s);
}

/* returns: the cycle is done. */
static bool
work(struct lu_state *s)
{
	const uint64_t from = tw_now_us();
	uint64_t now = from;
	bool done = false;

	trim(s);
	while (!done && now - from < STEP_US) {
		done = run_pass(s->L, LUA_GCSTEP);
		now = tw_now_us();
	}
	atomic_fetch_add_explicit(&s->gc_us, now - from, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->gc_steps, 1, memory_order_relaxed);
	tw_count(lu_self, LU_CNT_GC_US, now - from);
	if (!done)
		return false;
	atomic_fetch_add_explicit(&s->gc_cycles, 1, memory_order_relaxed);
	lua_gc(s->L, LUA_GCSTOP, 0); /* it may have been needed meanwhile */
	plan(s);
	return true;
}

/* One state a turn. The list's lock is held, so that it cannot be freed; a
 * shared one that another thread is in is left for the next turn. */
static void
fire(struct tw_timer *timer)
{
	struct collector *const co = (struct collector *)(void *)((char *)timer -
	    offsetof(struct collector, timer));

	pthread_mutex_lock(&co->lock);
	struct lu_state *const s = co->list;
	if (s != NULL && lu_try_enter(s)) {
		co->list = s->gc_next;
		if (work(s)) {
			s->gc_worker = -1;
			s->gc_next = NULL;
		} else {
			struct lu_state **at = &co->list;
			while (*at != NULL)
				at = &(*at)->gc_next;
			s->gc_next = NULL;
			*at = s;
		}
		lu_leave(s);
	}
	const bool more = co->list != NULL;
	pthread_mutex_unlock(&co->lock);
	if (more)
		arm(co);
}

void
lu_gc_forget(struct lu_state *s)
{
	for (int i = 0; i < LU_MAX_WORKERS; i++) {
		struct collector *const co = &collectors[i];
		pthread_mutex_lock(&co->lock);
		struct lu_state **at = &co->list;
		while (*at != NULL && *at != s)
			at = &(*at)->gc_next;
		if (*at == s)
			*at = s->gc_next;
		pthread_mutex_unlock(&co->lock);
	}
}
