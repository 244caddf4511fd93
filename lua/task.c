/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * task.c - core.register_init(), core.register_task().
 *
 * A task is a call without a request. Those that files and init functions
 * register start when the generation is in force: in each thread's state once;
 * those of the state that all share run on the control thread. While it runs a
 * task holds its generation, so all end when another one comes into force.
 */
#include "data.h"

#include <stdlib.h>

#include <tideway/log.h>

/* ---- the list --------------------------------------------------------------------- */

static void
link_last(struct lu_task **list, struct lu_task *t)
{
	while (*list != NULL)
		list = &(*list)->next;
	t->prev = list;
	*list = t;
}

static void
unlink_task(struct lu_task *t)
{
	if (t->prev == NULL)
		return;
	*t->prev = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->next = NULL;
	t->prev = NULL;
}

static void
task_free(struct lu_task *t)
{
	unlink_task(t);
	lu_end(&t->call);
	free(t);
}

int
lu_worker_of(const struct lu_state *s)
{
	return s->shared ? 0 : s->thread;
}

/* ---- running ------------------------------------------------------------------------ */

static void
task_end(struct lu_task *t)
{
	struct tw_gen *const gen = t->call->s->gen;
	void (*const on_end)(void *arg) = t->on_end;
	void *const arg = t->arg;

	task_free(t);
	if (on_end != NULL)
		on_end(arg);
	tw_gen_release(gen);
}

static void
task_run(struct lu_task *t, int n_args)
{
	if (lu_run(t->call, n_args) != LU_WAITS)
		task_end(t);
}

static void
on_wake(struct lu_call *c)
{
	task_run(c->owner, 0);
}

void
lu_task_go(struct lu_task *t)
{
	struct lu_worker *const w = tw_worker_block(tw_worker_self(), lu_self);

	unlink_task(t);
	tw_gen_hold(t->call->s->gen);
	link_last(&w->tasks, t);
	t->call->worker = tw_worker_id(tw_worker_self());
	t->call->on_wake = on_wake;
	t->call->owner = t;
	task_run(t, t->n_args);
}

/* A task of a set that was replaced does not begin any more. */
static void
start_posted(void *arg)
{
	struct lu_task *const t = arg;
	struct lu_state *const s = t->call->s;
	struct tw_gen *const gen = s->gen;

	if (atomic_load(&s->set->halted)) {
		if (t->on_end != NULL)
			t->on_end(t->arg);
		task_free(t);
	} else {
		lu_task_go(t);
	}
	tw_gen_release(gen);
}

/* Held from here, released there: a sum that holds as one of the two is the control
 * thread or both are the same. */
void
lu_task_soon(struct lu_task *t)
{
	tw_gen_hold(t->call->s->gen);
	tw_worker_post(tw_worker_at(lu_worker_of(t->call->s)), start_posted, t);
}

struct lu_task *
lu_task_new(lua_State *L, enum lu_at at, int n_args)
{
	struct lu_call *c = lu_begin(lu_state_from(L), at, NULL);
	struct lu_task *t = NULL;

	if (c != NULL) {
		t = calloc(1, sizeof(*t));
		if (t == NULL) {
			lu_end(&c);
		} else {
			lu_park(c);
		}
	}
	if (t == NULL)
		luaL_error(L, "out of memory for a task");
	t->call = c;
	t->n_args = n_args;
	lua_xmove(L, c->L, n_args + 1);
	return t;
}

void
lu_tasks_drop(struct lu_state *s)
{
	while (s->tasks != NULL)
		task_free(s->tasks);
}

void
lu_tasks_end(const struct lu_set *set)
{
	struct lu_worker *const w = tw_worker_block(tw_worker_self(), lu_self);
	struct lu_task *next;

	w->ending |= set == NULL;
	for (struct lu_task *t = w->tasks; t != NULL; t = next) {
		next = t->next;
		if (set == NULL || t->call->s->set == set)
			task_end(t);
	}
}

/* ---- sets ---------------------------------------------------------------------------- */

static struct lu_state *
state_here(struct lu_set *set, int worker)
{
	return worker < set->n ? set->state[worker] : NULL;
}

static void
go_posted(void *arg)
{
	struct lu_set *const set = arg;
	const int worker = tw_worker_id(tw_worker_self());
	struct lu_state *const s = state_here(set, worker);
	struct tw_gen *const gen = set->gen;

	/* the control thread's state of a unit with one for each thread is for commands */
	const bool starts = (set->n == 1 || worker != 0) && !atomic_load(&set->halted);
	if (s != NULL && !starts) {
		lu_enter(s);
		lu_subs_drop(s);
		lu_leave(s);
		lu_tasks_drop(s);
	}
	while (s != NULL && s->tasks != NULL)
		lu_task_go(s->tasks);
	tw_gen_release(gen);
}

static void
halt_posted(void *arg)
{
	struct lu_set *const set = arg;
	struct tw_gen *const gen = set->gen;
	struct lu_state *const s = state_here(set, tw_worker_id(tw_worker_self()));

	if (s != NULL) {
		lu_enter(s);
		lu_subs_drop(s);
		lu_leave(s);
	}
	lu_tasks_end(set);
	tw_gen_release(gen);
}

static void
post_all(struct lu_set *set, tw_post_fn *fn)
{
	for (int i = 0; i < set->n; i++) {
		tw_gen_hold(set->gen);
		tw_worker_post(tw_worker_at(i), fn, set);
	}
}

void
lu_set_go(struct lu_set *set)
{
	post_all(set, go_posted);
}

void
lu_set_halt(struct lu_set *set)
{
	atomic_store(&set->halted, true);
	post_all(set, halt_posted);
}

/* ---- init functions ------------------------------------------------------------------- */

static int
init_run(struct lu_call *c, int ref, struct tw_err *err)
{
	lua_State *const L = c->L;

	lua_pushcfunction(L, lu_traceback);
	lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
	struct lu_cell *const cell = lu_cell_get();
	lua_State *const before = lu_watch_enter(cell, L, &c->s->limits[LU_AT_INIT], 0);
	const int rc = lu_pcall(L, 0, 0, -2);
	lu_watch_leave(cell, L, before);
	if (rc != LUA_OK && !c->finished)
		return tw_err_set(err, "Lua init: runtime error: %.900s",
		    lua_isstring(L, -1) ? lua_tostring(L, -1)
					: "an error without text");
	c->finished = false;
	lua_settop(L, 0);
	return 0;
}

int
lu_inits_run(struct lu_state *s, struct tw_err *err)
{
	struct lu_call *c = lu_begin(s, LU_AT_INIT, NULL);
	int result = 0;

	if (c == NULL)
		return tw_err_set(err, "out of memory");
	lu_proxies_show(s->L);
	s->running = c;
	while (s->inits != NULL) {
		struct lu_start *const i = s->inits;
		if (result == 0)
			result = init_run(c, i->ref, err);
		luaL_unref(s->L, LUA_REGISTRYINDEX, i->ref);
		s->inits = i->next;
		free(i);
	}
	s->running = NULL;
	lu_end(&c);
	return result;
}

/* ---- for scripts ----------------------------------------------------------------------- */

/*@ core.register_init(fn: function) */
static int
register_init(lua_State *L)
{
	struct lu_state *const s = lu_state_from(L);
	struct lu_start **end = &s->inits;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	if (!s->loading)
		return luaL_error(
		    L, "core.register_init: only allowed while the file is loaded");
	struct lu_start *const i = calloc(1, sizeof(*i));
	if (i == NULL)
		return luaL_error(L, "out of memory");
	while (*end != NULL)
		end = &(*end)->next;
	i->ref = LUA_NOREF;
	*end = i;
	lua_settop(L, 1);
	i->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

/*@ core.register_task(fn: function, arg1?: any, arg2?: any, arg3?: any, arg4?: any) */
static int
register_task(lua_State *L)
{
	struct lu_state *const s = lu_state_from(L);
	const struct lu_call *const c = lu_call_of(L);

	luaL_checktype(L, 1, LUA_TFUNCTION);
	if (lua_gettop(L) > 5)
		return luaL_error(L, "core.register_task: at most 4 arguments follow");
	struct lu_task *const t = lu_task_new(L, LU_AT_TASK, lua_gettop(L) - 1);
	if (s->loading || (c != NULL && c->at == LU_AT_INIT))
		link_last(&s->tasks, t);
	else
		lu_task_soon(t);
	return 0;
}

static const luaL_Reg functions[] = {
	{ "register_init", register_init },
	{ "register_task", register_task },
	{ NULL, NULL },
};

void
lu_open_task(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
