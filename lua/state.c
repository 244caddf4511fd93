/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * state.c - one lua_State: made, filled, closed.
 *
 * All states of a unit run the same files; what differs is core.thread. A
 * shared one is entered by several threads, one at a time. The control thread
 * makes states; each is then used by its worker.
 */
#include "net.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "script.h"
#include "test.h"

const char *const lu_at_name[LU_N_ATS] = {
	[LU_AT_BODY] = "the file itself",
	[LU_AT_INIT] = "an init function",
	[LU_AT_TASK] = "a task",
	[LU_AT_ACTION] = "an action",
	[LU_AT_FETCH] = "a fetch",
	[LU_AT_CONV] = "a converter",
	[LU_AT_SERVICE] = "a service",
	[LU_AT_CLI] = "a command",
	[LU_AT_EVENT] = "an event handler",
	[LU_AT_FILTER] = "a filter",
	[LU_AT_HOOK] = "a hook",
};

struct lu_state *
lu_state_from(lua_State *L)
{
	void *mem;

	lua_getallocf(L, &mem);
	return (
	    struct lu_state *)(void *)((char *)mem - offsetof(struct lu_state, mem));
}

/* An error outside of any protected call is a defect of this module. */
static int
on_panic(lua_State *L)
{
	tw_panic(__FILE__, __LINE__, __func__, lua_tostring(L, -1));
}

/* in: field "path" or "cpath" of `package`, which is on top. */
static void
prepend_path(lua_State *L, const char *field, const char *what)
{
	if (what == NULL)
		return;
	lua_getfield(L, -1, field);
	lua_pushfstring(L, "%s;%s", what, lua_tostring(L, -1));
	lua_setfield(L, -3, field);
	lua_pop(L, 1);
}

static int
open_all(lua_State *L)
{
	const struct lu_state *const s = lua_touserdata(L, 1);
	const struct lu_conf *const conf = lu_conf_of(s->gen);

	luaL_openlibs(L);
	lua_getglobal(L, "package");
	prepend_path(L, "path", conf->path);
	prepend_path(L, "cpath", conf->cpath);
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setglobal(L, "core");
	lu_open_core(L);
	lu_open_sock(L);
	lu_open_client(L);
	lua_settop(L, 0);
	lu_open_act(L);
	lu_open_expr(L);
	lu_open_txn(L);
	lu_open_native(L);
	lu_open_tw(L);
	return 0;
}

static void
lock_init(struct lu_state *s)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&s->lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

struct lu_state *
lu_state_new(struct lu_set *set, int thread, struct tw_err *err)
{
	struct lu_state *s = calloc(1, sizeof(*s));
	struct lu_conf *const conf = lu_conf_of(set->gen);

	if (s == NULL) {
		tw_err_set(err, "out of memory");
		return NULL;
	}
	s->set = set;
	s->unit = set->unit;
	s->gen = set->gen;
	s->thread = thread;
	s->shared = set->unit->kind == LU_SHARED;
	s->mem.total = &conf->used;
	s->mem.total_limit = conf->maxmem;
	if (s->unit->script != NULL)
		s->mem.limit = s->unit->script->memory;
	s->txn_meta = s->txn_tcp_meta = LUA_NOREF;
	lock_init(s);
	s->L = lua_newstate(lu_mem_alloc, &s->mem);
	if (s->L == NULL) {
		tw_err_set(err, "out of memory for a Lua state");
		lu_state_free(&s);
		return NULL;
	}
	lua_atpanic(s->L, on_panic);
	*(struct lu_call **)lua_getextraspace(s->L) = NULL;
	lu_cover_state(s->L);
	lua_pushcfunction(s->L, open_all);
	lua_pushlightuserdata(s->L, s);
	if (lua_pcall(s->L, 1, 0, 0) != LUA_OK) {
		tw_err_set(err, "%s", lua_tostring(s->L, -1));
		lu_state_free(&s);
	}
	return s;
}

/* in: the message handler and the function are on the stack. */
static int
file_run(lua_State *L, const struct lu_file *file)
{
	for (int i = 0; i < file->n_args; i++)
		lua_pushstring(L, file->arg[i]);
	return lua_pcall(L, file->n_args, 0, -2 - file->n_args);
}

static int
script_run(lua_State *L, const struct lu_script *script)
{
	lu_script_push_args(L, script);
	const int rc = lua_pcall(L, 1, 1, -3);
	if (rc != LUA_OK)
		return rc;
	lua_pushcfunction(L, lu_script_loaded);
	lua_insert(L, -2);
	return lua_pcall(L, 1, 0, 0);
}

int
lu_state_load(struct lu_state *s, const struct lu_file *file, struct tw_err *err)
{
	lua_State *const L = s->L;
	int result = 0;

	lu_enter(s);
	s->loading = true;
	lu_cover_file(file->path);
	lua_pushcfunction(L, lu_traceback);
	int rc = luaL_loadfilex(L, file->path, "t");
	if (rc == LUA_OK) {
		rc = s->unit->script != NULL ? script_run(L, s->unit->script)
					     : file_run(L, file);
	}
	if (rc != LUA_OK)
		result = tw_err_set(err, "%.900s",
		    lua_isstring(L, -1) ? lua_tostring(L, -1)
					: "an error without text");
	lua_settop(L, 0);
	s->loading = false;
	lu_leave(s);
	return result;
}

static void
calls_free(struct lu_call **list)
{
	while (*list != NULL) {
		struct lu_call *const c = *list;
		*list = c->next;
		free(c);
	}
}

void
lu_state_free(struct lu_state **state)
{
	struct lu_state *const s = *state;

	*state = NULL;
	if (s == NULL)
		return;
	tw_timer_del(&s->gc_timer);
	while (s->live != NULL) {
		struct lu_call *c = s->live;
		lu_end(&c);
	}
	if (s->L != NULL)
		lua_close(s->L);
	calls_free(&s->pool);
	lu_mem_fini(&s->mem);
	pthread_mutex_destroy(&s->lock);
	free(s->fn);
	free(s->anchors);
	free(s);
}

void
lu_enter(struct lu_state *s)
{
	if (!s->shared)
		return;
	if (pthread_mutex_trylock(&s->lock) == 0)
		return;
	pthread_mutex_lock(&s->lock);
	s->n_contended++;
}

void
lu_leave(struct lu_state *s)
{
	if (s->shared)
		pthread_mutex_unlock(&s->lock);
}
