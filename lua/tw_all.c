/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tw_all.c - tw.all{f, g, ...}: functions that wait at the same time.
 *
 * Each is a call of its own, of the pool, on behalf of the same request. The
 * parent waits until all are over; when it ends, they end. One that raises an
 * error ends the others, and the error is the parent's.
 *
 *   local a, b, why = tw.all{f, g}
 *
 * gives the first result of each, in order, then a table of the second results
 * by position, for the usual `return nil, "reason"`.
 */
#include "tw_all.h"

#include <stdlib.h>

#define BOX "tideway.all"
#define MAX_PARTS 1000

struct lu_all {
	struct lu_call *parent;
	int n, left;
	int results; /* reference: n first, n second results, the error */
	bool waits;  /* the parent does */
	bool failed, finished;
	enum tw_act verdict;
	struct lu_call *part[]; /* NULL: over */
};

static int
part_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
	lua_insert(L, 1);
	return lua_gettop(L);
}

/* in: the function. returns: whether it went well, two results or the error. */
static int
part_run(lua_State *L)
{
	return part_k(L, lua_pcallk(L, 0, 2, 0, 0, part_k), 0);
}

static void
end_all(struct lu_all *a)
{
	for (int i = 0; i < a->n; i++)
		if (a->part[i] != NULL)
			lu_end(&a->part[i]);
	a->left = 0;
}

/* Its results to where the parent finds them; nothing here may allocate. in: the
 * state is entered. */
static void
take_results(struct lu_all *a, int i, lua_State *L)
{
	lua_settop(L, 3);
	const bool ok = lua_toboolean(L, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, a->results);
	if (!ok) {
		a->failed = true;
		lua_pushvalue(L, 2);
		lua_rawseti(L, 4, 2 * a->n + 1);
		return;
	}
	lua_pushvalue(L, 2);
	lua_rawseti(L, 4, i + 1);
	lua_pushvalue(L, 3);
	lua_rawseti(L, 4, a->n + i + 1);
}

static void
go_on(struct lu_all *a, int i, int n_args)
{
	struct lu_call *const c = a->part[i];
	const enum lu_result r = lu_run(c, n_args);

	if (r == LU_WAITS)
		return;
	if (r == LU_DONE && c->finished) {
		a->finished = true;
		a->verdict = c->verdict;
	} else if (r == LU_DONE) {
		take_results(a, i, c->L);
	} else {
		a->failed = true;
	}
	a->left--;
	lu_end(&a->part[i]);
	if (a->failed || a->finished)
		end_all(a);
}

static void
part_woken(struct lu_call *c)
{
	struct lu_all *const a = c->group;
	int i = 0;

	while (a->part[i] != c)
		i++;
	go_on(a, i, 0);
	if (a->left == 0 && a->waits) {
		a->waits = false;
		lu_wake(a->parent);
	}
}

static void
forget(struct lu_call *c)
{
	struct lu_all *const a = c->waited;

	a->waits = false;
	end_all(a);
}

static int
all_gc(lua_State *L)
{
	struct lu_all *const a = luaL_checkudata(L, 1, BOX);

	luaL_unref(L, LUA_REGISTRYINDEX, a->results);
	a->results = LUA_NOREF;
	return 0;
}

static int
all_k(lua_State *L, int status, lua_KContext ctx)
{
	struct lu_all *const a = luaL_checkudata(L, 2, BOX);
	bool any = false;

	(void)status;
	(void)ctx;
	if (a->finished)
		return lu_finish(L, a->verdict);
	lua_rawgeti(L, LUA_REGISTRYINDEX, a->results);
	if (a->failed) {
		if (lua_rawgeti(L, 3, 2 * a->n + 1) == LUA_TNIL)
			lua_pushliteral(L, "tw.all: a function failed");
		return lua_error(L);
	}
	luaL_checkstack(L, a->n + 4, "tw.all");
	for (int i = 1; i <= a->n; i++)
		lua_rawgeti(L, 3, i);
	lua_newtable(L);
	for (int i = 1; i <= a->n; i++) {
		any = lua_rawgeti(L, 3, a->n + i) != LUA_TNIL || any;
		lua_rawseti(L, -2, i);
	}
	if (!any)
		lua_pop(L, 1);
	return a->n + any;
}

/* A part's call: it acts for whom the parent acts. */
static void
part_begin(lua_State *L, struct lu_all *a, int i)
{
	struct lu_call *const p = a->parent;
	struct lu_call *const c = lu_begin(p->s, p->at, p->req);

	if (c == NULL) {
		end_all(a);
		luaL_error(L, "tw.all: out of memory");
		return;
	}
	a->part[i] = c;
	c->stage = p->stage;
	c->txn = p->txn;
	c->slot = p->slot;
	c->owner = p->owner;
	c->worker = p->worker;
	c->on_wake = part_woken;
	c->group = a;
	lua_pushcfunction(c->L, part_run);
	lua_rawgeti(L, 1, i + 1);
	lua_xmove(L, c->L, 1);
	go_on(a, i, 1);
}

/*@ tw.all(functions: table): any... */
int
lu_tw_all(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lu_check_yield(L, "tw.all");
	const lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
	luaL_argcheck(
	    L, n > 0 && n <= MAX_PARTS, 1, "1 to 1000 functions are expected");
	for (lua_Integer i = 1; i <= n; i++) {
		if (lua_rawgeti(L, 1, i) != LUA_TFUNCTION)
			return luaL_error(L,
			    "tw.all: a function is expected at %d, not a %s", (int)i,
			    luaL_typename(L, -1));
		lua_pop(L, 1);
	}
	struct lu_all *const a =
	    lua_newuserdata(L, sizeof(*a) + sizeof(a->part[0]) * (size_t)n);
	memset(a, 0, sizeof(*a) + sizeof(a->part[0]) * (size_t)n);
	a->results = LUA_NOREF;
	luaL_setmetatable(L, BOX);
	lua_createtable(L, 2 * (int)n + 1, 0);
	a->results = luaL_ref(L, LUA_REGISTRYINDEX);
	a->parent = lu_call_of(L);
	a->n = a->left = (int)n;
	for (int i = 0; i < a->n && !a->failed && !a->finished; i++)
		part_begin(L, a, i);
	if (a->left == 0)
		return all_k(L, LUA_OK, 0);
	a->waits = true;
	a->parent->waited = a;
	a->parent->cancel = forget;
	return lu_yield(L, 0, all_k);
}

void
lu_open_all(lua_State *L)
{
	luaL_newmetatable(L, BOX);
	lua_pushcfunction(L, all_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
}
