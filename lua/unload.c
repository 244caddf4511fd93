/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * unload.c - on_unload: a state's data goes on in the one that replaces it.
 *
 * When the files of `lua reload` or of a new configuration have run, on_unload is
 * called in each old state, on its own thread, and what it returns is written down
 * as bytes; the new state of the same thread reads them as on_init's second argument.
 * The control thread waits meanwhile, a second at most: a thread that is stuck
 * leaves nothing. The old states go on: with requests that wait, or with all, if the
 * new ones fail.
 */
#include "unload.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <tideway/log.h>

#define SIZE_MAX_KEPT (1u << 20)
#define DEPTH_MAX 32
#define WAIT_S 1

/* Values as bytes: a tag, then the number, or a length and the text, or pairs. */
enum tag { T_NIL, T_FALSE, T_TRUE, T_INT, T_FLOAT, T_TEXT, T_TABLE, T_END };

struct bytes {
	char *p; /* owns: malloc */
	size_t len, size;
};

struct will {
	struct lu_legacy *of;
	struct lu_state *s; /* borrow: used by its thread */
	struct bytes b;
};

/* Shared by the control thread and those that have not answered yet. */
struct lu_legacy {
	pthread_mutex_t lock;
	pthread_cond_t done;
	int n_left; /* have not answered */
	int n_refs;
	bool given_up; /* nobody waits any more */
	struct lu_slot *slot;
	int n;
	struct will will[]; /* by thread */
};

/* ---- writing --------------------------------------------------------------- */

static void
put(lua_State *L, struct bytes *b, const void *p, size_t len)
{
	if (b->len + len > SIZE_MAX_KEPT)
		luaL_error(L, "on_unload: more than %d bytes", (int)SIZE_MAX_KEPT);
	if (b->len + len > b->size) {
		const size_t size =
		    b->size * 2 > b->len + len ? b->size * 2 : b->len + len + 256;
		char *const more = realloc(b->p, size);
		if (more == NULL)
			luaL_error(L, "on_unload: out of memory");
		b->p = more;
		b->size = size;
	}
	if (len > 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

static void
put_tag(lua_State *L, struct bytes *b, enum tag tag)
{
	const char c = (char)tag;

	put(L, b, &c, 1);
}

static void
put_number(lua_State *L, struct bytes *b)
{
	const lua_Integer n = lua_tointeger(L, -1);
	const lua_Number x = lua_tonumber(L, -1);

	put_tag(L, b, lua_isinteger(L, -1) ? T_INT : T_FLOAT);
	if (lua_isinteger(L, -1))
		put(L, b, &n, sizeof(n));
	else
		put(L, b, &x, sizeof(x));
}

static void
put_text(lua_State *L, struct bytes *b)
{
	size_t len;
	const char *const p = lua_tolstring(L, -1, &len);

	put_tag(L, b, T_TEXT);
	put(L, b, &len, sizeof(len));
	put(L, b, p, len);
}

static void put_value(lua_State *L, struct bytes *b, int depth);

static void
put_table(lua_State *L, struct bytes *b, int depth)
{
	if (depth == DEPTH_MAX)
		luaL_error(
		    L, "on_unload: tables in tables, more than %d deep", DEPTH_MAX);
	luaL_checkstack(L, 8, NULL);
	put_tag(L, b, T_TABLE);
	lua_pushnil(L);
	while (lua_next(L, -2) != 0) {
		lua_pushvalue(L, -2);
		put_value(L, b, depth + 1);
		lua_pop(L, 1);
		put_value(L, b, depth + 1);
		lua_pop(L, 1);
	}
	put_tag(L, b, T_END);
}

/* That on top, which stays there. */
static void
put_value(lua_State *L, struct bytes *b, int depth)
{
	switch (lua_type(L, -1)) {
	case LUA_TNIL:
		put_tag(L, b, T_NIL);
		break;
	case LUA_TBOOLEAN:
		put_tag(L, b, lua_toboolean(L, -1) ? T_TRUE : T_FALSE);
		break;
	case LUA_TNUMBER:
		put_number(L, b);
		break;
	case LUA_TSTRING:
		put_text(L, b);
		break;
	case LUA_TTABLE:
		put_table(L, b, depth);
		break;
	default:
		luaL_error(L,
		    "on_unload returns texts, numbers, booleans and tables of these; "
		    "there is a %s in it",
		    luaL_typename(L, -1));
	}
}

/* (function, will) */
static int
call_script(lua_State *L)
{
	struct will *const w = lua_touserdata(L, 2);

	lua_pushvalue(L, 1);
	lua_pushinteger(L, w->s->thread);
	lua_call(L, 1, 1);
	put_value(L, &w->b, 0);
	return 0;
}

/* ---- on the state's thread ------------------------------------------------- */

static void
bytes_free(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){ .p = NULL };
}

static void
run(struct will *w)
{
	struct lu_call *c = lu_begin(w->s, LU_AT_HOOK, NULL);

	if (c == NULL)
		return;
	c->stage = LU_ON_UNLOAD;
	lua_pushcfunction(c->L, call_script);
	if (lu_push_slot(c, w->of->slot)) {
		lua_pushlightuserdata(c->L, w);
		if (lu_run(c, 2) != LU_DONE)
			bytes_free(&w->b);
	}
	lu_end(&c);
}

static void
unref(struct lu_legacy *l)
{
	pthread_mutex_lock(&l->lock);
	const bool last = --l->n_refs == 0;
	pthread_mutex_unlock(&l->lock);
	if (!last)
		return;
	for (int i = 0; i < l->n; i++)
		bytes_free(&l->will[i].b);
	pthread_cond_destroy(&l->done);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* A late one does nothing: its state may be gone. */
static void
asked(void *arg)
{
	struct will *const w = arg;
	struct lu_legacy *const l = w->of;

	pthread_mutex_lock(&l->lock);
	const bool late = l->given_up;
	pthread_mutex_unlock(&l->lock);
	if (!late)
		run(w);
	pthread_mutex_lock(&l->lock);
	l->n_left--;
	pthread_cond_signal(&l->done);
	pthread_mutex_unlock(&l->lock);
	unref(l);
}

/* ---- the control thread ---------------------------------------------------- */

static struct lu_legacy *
legacy_new(const struct lu_set *set, struct lu_slot *slot)
{
	struct lu_legacy *const l =
	    calloc(1, sizeof(*l) + sizeof(l->will[0]) * (size_t)set->n);
	pthread_condattr_t attr;

	if (l == NULL)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->done, &attr);
	pthread_condattr_destroy(&attr);
	l->slot = slot;
	l->n = l->n_left = set->n;
	l->n_refs = 1 + set->n;
	for (int i = 0; i < set->n; i++) {
		l->will[i].of = l;
		l->will[i].s = set->state[i];
	}
	return l;
}

/* returns: all have answered. */
static bool
wait_for(struct lu_legacy *l)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&l->lock);
	while (l->n_left > 0 && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&l->done, &l->lock, &until);
	const bool all = l->n_left == 0;
	l->given_up = true;
	pthread_mutex_unlock(&l->lock);
	return all;
}

static const struct lu_unit *
running_unit(const char *name)
{
	struct tw_gen *const gen = tw_gen_running();
	const struct lu_unit *u = gen != NULL ? lu_conf_of(gen)->units : NULL;

	while (u != NULL && (u->script == NULL || strcmp(u->name, name) != 0))
		u = u->next;
	return u;
}

struct lu_legacy *
lu_legacy_take(const struct lu_unit *heir)
{
	const struct lu_unit *const u = running_unit(heir->name);
	const struct lu_set *const set =
	    u != NULL ? atomic_load_explicit(&u->set, memory_order_acquire) : NULL;

	if (set == NULL || u->script->slot[LU_ON_UNLOAD] == NULL ||
	    !lu_conf_of(u->gen)->began)
		return NULL;
	struct lu_legacy *l = legacy_new(set, u->script->slot[LU_ON_UNLOAD]);
	if (l == NULL)
		return NULL;
	for (int i = 1; i < set->n; i++)
		tw_worker_post(tw_worker_at(i), asked, &l->will[i]);
	asked(&l->will[0]);
	if (wait_for(l))
		return l;
	tw_log(TW_ALERT,
	    "lua-script '%s': on_unload: a thread is stuck: nothing is handed over",
	    heir->name);
	lu_legacy_free(&l);
	return NULL;
}

void
lu_legacy_free(struct lu_legacy **legacy)
{
	struct lu_legacy *const l = *legacy;

	*legacy = NULL;
	if (l != NULL)
		unref(l);
}

/* ---- reading --------------------------------------------------------------- */

static const char *
take(const char **at, size_t len)
{
	const char *const p = *at;

	*at += len;
	return p;
}

static void push_value(lua_State *L, const char **at);

static void
push_table(lua_State *L, const char **at)
{
	luaL_checkstack(L, 8, NULL);
	lua_newtable(L);
	while (**at != T_END) {
		push_value(L, at);
		push_value(L, at);
		lua_rawset(L, -3);
	}
	take(at, 1);
}

static void
push_text(lua_State *L, const char **at)
{
	size_t len;

	memcpy(&len, take(at, sizeof(len)), sizeof(len));
	lua_pushlstring(L, take(at, len), len);
}

static void
push_value(lua_State *L, const char **at)
{
	lua_Integer n;
	lua_Number x;
	const enum tag tag = (enum tag) * take(at, 1);

	switch (tag) {
	case T_FALSE:
	case T_TRUE:
		lua_pushboolean(L, tag == T_TRUE);
		break;
	case T_INT:
		memcpy(&n, take(at, sizeof(n)), sizeof(n));
		lua_pushinteger(L, n);
		break;
	case T_FLOAT:
		memcpy(&x, take(at, sizeof(x)), sizeof(x));
		lua_pushnumber(L, x);
		break;
	case T_TEXT:
		push_text(L, at);
		break;
	case T_TABLE:
		push_table(L, at);
		break;
	default:
		lua_pushnil(L);
		break;
	}
}

void
lu_legacy_push(lua_State *L, const struct lu_legacy *legacy, int i)
{
	const char *at = legacy != NULL && i < legacy->n ? legacy->will[i].b.p : NULL;

	if (at == NULL)
		lua_pushnil(L);
	else
		push_value(L, &at);
}
