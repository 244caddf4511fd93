/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * state.c - one lua_State: made, filled, closed.
 *
 * All states of a unit run the same files; what differs is core.thread. A
 * shared one is entered by several threads, one at a time. The control thread
 * makes states; each is then used by its worker.
 */
#include "data.h"
#include "net.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "gc.h"
#include "script.h"
#include "std.h"
#include "test.h"
#include "applet.h"
#include "filter.h"

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

/* What modules bring for scripts: require "NAME" gives what their opener returns. */
static void
preload_modules(lua_State *L)
{
	const struct tw_self *self;

	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	for (int i = 0; (self = tw_module_each(i)) != NULL; i++)
		if (self->module->lua_open != NULL) {
			lua_pushcfunction(L, self->module->lua_open);
			lua_setfield(L, -2, self->module->name);
		}
	lua_pop(L, 1);
}

static int
open_all(lua_State *L)
{
	struct lu_state *const s = lua_touserdata(L, 1);

	lu_open_libs(L, s);
	preload_modules(L);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setglobal(L, "core");
	lu_open_core(L);
	lu_open_data(L);
	lu_open_sock(L);
	lu_open_client(L);
	lua_settop(L, 0);
	lu_open_act(L);
	lu_open_expr(L);
	lu_open_filter(L);
	lu_open_txn(L);
	lu_open_native(L);
	lu_open_tw(L);
	lu_open_applets(L);
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

/* ---- limits -------------------------------------------------------------------- */

/* in: what a keyword stored. */
static uint32_t
ms_or(uint32_t said, uint32_t usual)
{
	return said == 0 ? usual : said == LU_NO_LIMIT ? 0 : said;
}

/* As in HAProxy: what loads and begins may take its time. */
static struct lu_limits
limits_of(const struct lu_unit *u, const struct lu_conf *conf, enum lu_at at, bool live)
{
	const uint32_t burst = ms_or(conf->burst_ms, 1000);

	if (at == LU_AT_BODY || at == LU_AT_INIT)
		return (struct lu_limits){ .hard = live ? ms_or(conf->session_ms, 4000)
							: 0 };
	if (u->kind == LU_SCRIPT)
		return u->limits;
	switch (at) {
	case LU_AT_TASK:
	case LU_AT_EVENT:
	case LU_AT_CLI:
		return (struct lu_limits){ 0, burst, ms_or(conf->task_ms, 0), 0 };
	case LU_AT_SERVICE:
		return (struct lu_limits){ 0, burst, ms_or(conf->service_ms, 4000), 0 };
	default:
		return (struct lu_limits){ 0, burst, ms_or(conf->session_ms, 4000), 0 };
	}
}

void
lu_state_settle(struct lu_state *s)
{
	const struct lu_conf *const conf = lu_conf_of(s->gen);

	for (int at = 0; at < LU_N_ATS; at++)
		s->limits[at] = limits_of(s->unit, conf, (enum lu_at)at, conf->began);
	lu_enter(s);
	lu_mem_limit(
	    &s->mem, s->unit->mem_limit, s->unit->kind == LU_SCRIPT ? 0 : conf->maxmem);
	lu_leave(s);
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
	lock_init(s);
	s->mem.total = &conf->used;
	s->gc_worker = -1;
	lu_state_settle(s);
	s->txn_meta = s->txn_tcp_meta = LUA_NOREF;
	s->L = lua_newstate(lu_mem_alloc, &s->mem);
	if (s->L == NULL) {
		tw_err_set(err, "out of memory for a Lua state");
		lu_state_free(&s);
		return NULL;
	}
	s->mem.L = s->L;
	lua_atpanic(s->L, on_panic);
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
	return lu_pcall(L, file->n_args, 0, -2 - file->n_args);
}

static int
script_run(lua_State *L, const struct lu_script *script)
{
	lu_script_push_args(L, script);
	const int rc = lu_pcall(L, 1, 1, -3);
	if (rc != LUA_OK)
		return rc;
	lua_pushcfunction(L, lu_script_loaded);
	lua_insert(L, -2);
	return lu_pcall(L, 1, 0, 0);
}

/* As luaL_loadfile() has it: a mark of UTF-8, a line for the shell. No bytecode:
 * the interpreter trusts it blindly. */
static int
compile(lua_State *L, const char *path, const struct lu_text *text)
{
	const char *p = text->p;
	size_t n = text->len;

	lua_pushfstring(L, "@%s", path);
	if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) {
		p += 3;
		n -= 3;
	}
	if (n > 0 && p[0] == '#')
		while (n > 0 && p[0] != '\n') {
			p++;
			n--;
		}
	const int rc =
	    luaL_loadbufferx(L, p != NULL ? p : "", n, lua_tostring(L, -1), "t");
	lua_remove(L, -2);
	return rc;
}

/* The chunk on top gets globals of its own, behind which are the given ones. */
static void
own_env(lua_State *L)
{
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushglobaltable(L);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	if (lua_setupvalue(L, -2, 1) == NULL)
		lua_pop(L, 1);
}

int
lu_state_load(struct lu_state *s, const struct lu_file *file,
    const struct lu_text *text, struct tw_err *err)
{
	lua_State *const L = s->L;
	int result = 0;

	lu_enter(s);
	s->loading = true;
	s->strict = false;
	struct lu_cell *const cell = lu_cell_get();
	if (TW_LUA_POLLED)
		lu_steps_arm(L, 0);
	lua_State *const before = lu_watch_enter(cell, L, &s->limits[LU_AT_BODY], 0);
	lua_pushcfunction(L, lu_traceback);
	int rc = compile(L, file->path, text);
	if (rc == LUA_OK)
		lu_cover_file(L, file->path);
	if (rc == LUA_OK && s->unit->profile == LU_UNTRUSTED)
		own_env(L);
	if (rc == LUA_OK) {
		luaL_checkstack(L, file->n_args + 4, "too many arguments");
		rc = s->unit->script != NULL ? script_run(L, s->unit->script)
					     : file_run(L, file);
	}
	lu_watch_leave(cell, L, before);
	if (rc != LUA_OK)
		result = tw_err_set(err, "%.900s",
		    lua_isstring(L, -1) ? lua_tostring(L, -1)
					: "an error without text");
	lua_settop(L, 0);
	lu_strict_globals(L);
	s->loading = false;
	s->strict = true;
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

static void
leavers_free(struct lu_state *s)
{
	while (s->leavers != NULL) {
		struct lu_leaver *const it = s->leavers;
		s->leavers = it->next;
		free(it);
	}
}

static void
tallies_free(struct lu_state *s)
{
	for (int i = 0; i < s->n_fn; i++)
		free(s->tally[i]);
	free(s->tally);
}

void
lu_state_free(struct lu_state **state)
{
	struct lu_state *const s = *state;

	*state = NULL;
	if (s == NULL)
		return;
	lu_gc_forget(s);
	s->gc_at = 0;
	lu_data_fini(s);
	while (s->live != NULL) {
		struct lu_call *c = s->live;
		lu_end(&c);
	}
	if (s->L != NULL)
		lua_close(s->L);
	calls_free(&s->pool);
	lu_mem_fini(&s->mem);
	pthread_mutex_destroy(&s->lock);
	tallies_free(s);
	leavers_free(s);
	free(s->fn);
	free(s->anchors);
	free(s);
}

void
lu_lock(struct lu_state *s)
{
	if (pthread_mutex_trylock(&s->lock) == 0)
		return;
	pthread_mutex_lock(&s->lock);
	atomic_fetch_add_explicit(&s->n_contended, 1, memory_order_relaxed);
}

bool
lu_on_retire(struct lu_state *s, void (*fn)(struct lu_state *s, void *arg), void *arg)
{
	struct lu_leaver *const it = malloc(sizeof(*it));

	if (it == NULL)
		return false;
	*it = (struct lu_leaver){ s->leavers, fn, arg };
	s->leavers = it;
	return true;
}
