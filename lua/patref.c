/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * patref.c - the class Patref: a list of patterns as a script changes it.
 *
 * Changes are to what is in force, or, from prepare() to commit(), to a version of
 * their own. pairs() goes over a copy: what is changed meanwhile does not disturb it.
 * source: HAProxy's Lua manual 3.2, Patref class.
 */
#include "data.h"

#include <stdlib.h>

#include <tideway/list.h>

#define PATREF "Patref"
#define COPY "Patref (entries)"

struct patref {
	struct tw_list *list; /* owns */
	uint32_t version;     /* being prepared; 0: the one in force is meant */
};

static struct patref *
check(lua_State *L)
{
	return luaL_checkudata(L, 1, PATREF);
}

static int
patref_gc(lua_State *L)
{
	struct patref *const p = check(L);

	if (p->list != NULL && p->version != 0)
		tw_list_clear(p->list, p->version);
	tw_list_free(&p->list);
	return 0;
}

/* nil when no ACL or map has that name */
/*@ core.get_patref(name: string): Patref|nil */
static int
get_patref(lua_State *L)
{
	const char *const name = luaL_checkstring(L, 1);
	const struct lu_call *const c = lu_call_of(L);

	if (c == NULL)
		return luaL_error(L, "core.get_patref: not allowed in the file itself");
	struct patref *const p = lua_newuserdata(L, sizeof(*p));
	*p = (struct patref){ NULL, 0 };
	p->list = tw_list_find(lu_state_from(L)->gen, name);
	if (p->list == NULL)
		lua_pushnil(L);
	else
		luaL_setmetatable(L, PATREF);
	return 1;
}

static int
answer(lua_State *L, int result, const struct tw_err *err)
{
	if (result == 0) {
		lua_pushboolean(L, true);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, err->text);
	return 2;
}

/*@ Patref:get_name(): string */
static int
get_name(lua_State *L)
{
	lua_pushstring(L, tw_list_name(check(L)->list));
	return 1;
}

/*@ Patref:is_map(): boolean */
static int
is_map(lua_State *L)
{
	lua_pushboolean(L, tw_list_is_map(check(L)->list));
	return 1;
}

/*@ Patref:purge() */
static int
purge(lua_State *L)
{
	const struct patref *const p = check(L);

	tw_list_clear(p->list, p->version);
	return 0;
}

/* ---- versions ---------------------------------------------------------------------------- */

/*@ Patref:prepare() */
static int
prepare(lua_State *L)
{
	struct patref *const p = check(L);

	if (p->version != 0)
		tw_list_clear(p->list, p->version);
	p->version = tw_list_prepare(p->list);
	return 0;
}

/*@ Patref:commit(): boolean|nil, string? */
static int
commit(lua_State *L)
{
	struct patref *const p = check(L);
	struct tw_err err = { "" };

	if (p->version == 0)
		return luaL_error(L, "Patref:commit: prepare() comes first");
	const int result = tw_list_commit(p->list, p->version, &err);
	if (result == 0)
		p->version = 0;
	return answer(L, result, &err);
}

/*@ Patref:giveup() */
static int
giveup(lua_State *L)
{
	struct patref *const p = check(L);

	if (p->version == 0)
		return luaL_error(L, "Patref:giveup: prepare() comes first");
	tw_list_clear(p->list, p->version);
	p->version = 0;
	return 0;
}

/* ---- entries ------------------------------------------------------------------- */

/*@ Patref:add(key: string, value?: string): boolean|nil, string? */
static int
add(lua_State *L)
{
	const struct patref *const p = check(L);
	struct tw_list_pair pair = { lu_check_text(L, 2), "" };
	struct tw_err err = { "" };

	if (tw_list_is_map(p->list))
		pair.value = lu_check_text(L, 3);
	return answer(L, tw_list_add(p->list, p->version, &pair, 1, &err), &err);
}

/* The pairs of the table at 2: keys and values of a map, values for an ACL. The array
 * is a userdata, on top. */
static struct tw_list_pair *
pairs_of(lua_State *L, bool map, size_t *n)
{
	size_t count = 0;

	luaL_checktype(L, 2, LUA_TTABLE);
	for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
		luaL_argcheck(L,
		    lua_type(L, -1) == LUA_TSTRING &&
			(!map || lua_type(L, -2) == LUA_TSTRING),
		    2,
		    map ? "keys and values are to be strings"
			: "keys are to be strings");
		count++;
	}
	struct tw_list_pair *const pair =
	    lua_newuserdata(L, (count + 1) * sizeof(*pair));
	*n = 0;
	for (lua_pushnil(L); lua_next(L, 2) != 0 && *n < count; lua_pop(L, 1)) {
		pair[*n].key = lu_check_text(L, map ? -2 : -1);
		pair[(*n)++].value = map ? lu_check_text(L, -1) : "";
	}
	return pair;
}

/*@ Patref:add_bulk(entries: table): boolean|nil, string? */
static int
add_bulk(lua_State *L)
{
	const struct patref *const p = check(L);
	struct tw_err err = { "" };
	size_t n;

	lua_settop(L, 2);
	const struct tw_list_pair *const pair =
	    pairs_of(L, tw_list_is_map(p->list), &n);
	return answer(L, tw_list_add(p->list, p->version, pair, n, &err), &err);
}

/*@ Patref:del(key: string): boolean */
static int
del(lua_State *L)
{
	const struct patref *const p = check(L);

	lua_pushboolean(L, tw_list_del(p->list, p->version, lu_check_text(L, 2)) > 0);
	return 1;
}

/* force: adds the key when it is not there */
/*@ Patref:set(key: string, value: string, force?: boolean): boolean|nil, string? */
static int
set(lua_State *L)
{
	const struct patref *const p = check(L);
	const struct tw_list_pair pair = { lu_check_text(L, 2), lu_check_text(L, 3) };
	struct tw_err err = { "" };

	return answer(L,
	    tw_list_set(p->list, p->version, &pair, lua_toboolean(L, 4), &err), &err);
}

/* ---- reading ------------------------------------------------------------------- */

struct copy {
	struct tw_list_pair *pair; /* owns */
	size_t n, at;
};

static int
copy_gc(lua_State *L)
{
	struct copy *const c = luaL_checkudata(L, 1, COPY);

	free(c->pair);
	c->pair = NULL;
	c->n = 0;
	return 0;
}

static int
copy_next(lua_State *L)
{
	struct copy *const c = luaL_checkudata(L, 1, COPY);

	if (c->at >= c->n)
		return 0;
	lua_pushstring(L, c->pair[c->at].key);
	if (c->pair[c->at].value != NULL)
		lua_pushstring(L, c->pair[c->at].value);
	else
		lua_pushboolean(L, true);
	c->at++;
	return 2;
}

static int
pairs(lua_State *L)
{
	const struct patref *const p = check(L);

	lua_pushcfunction(L, copy_next);
	struct copy *const c = lua_newuserdata(L, sizeof(*c));
	*c = (struct copy){ NULL, 0, 0 };
	luaL_setmetatable(L, COPY);
	c->pair = tw_list_copy(p->list, p->version, &c->n);
	if (c->pair == NULL)
		return luaL_error(L, "Patref: out of memory");
	return 2;
}

/* A method, or the value of a key (ACLs: true). Upvalue 1: the methods. */
static int
lookup(lua_State *L)
{
	const struct patref *const p = check(L);

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL ||
	    lua_type(L, 2) != LUA_TSTRING)
		return 1;
	struct copy *const c = lua_newuserdata(L, sizeof(*c));
	*c = (struct copy){ NULL, 0, 0 };
	luaL_setmetatable(L, COPY);
	char *const value = tw_list_get(p->list, p->version, lua_tostring(L, 2));
	c->pair = (struct tw_list_pair *)(void *)value; /* to be freed */
	if (value == NULL)
		lua_pushnil(L);
	else if (tw_list_is_map(p->list))
		lua_pushstring(L, value);
	else
		lua_pushboolean(L, true);
	return 1;
}

static int
event_sub(lua_State *L)
{
	return lu_event_sub_list(L, tw_list_name(check(L)->list), 2);
}

static const luaL_Reg methods[] = {
	{ "add", add },
	{ "add_bulk", add_bulk },
	{ "commit", commit },
	{ "del", del },
	{ "event_sub", event_sub },
	{ "get_name", get_name },
	{ "giveup", giveup },
	{ "is_map", is_map },
	{ "prepare", prepare },
	{ "purge", purge },
	{ "set", set },
	{ NULL, NULL },
};

void
lu_open_patref(lua_State *L)
{
	lua_pushcfunction(L, get_patref);
	lua_setfield(L, -2, "get_patref");
	lu_class(L, PATREF, methods);
	lua_getfield(L, -1, "__index");
	lua_pushcclosure(L, lookup, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, patref_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, pairs);
	lua_setfield(L, -2, "__pairs");
	luaL_newmetatable(L, COPY);
	lua_pushcfunction(L, copy_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 2);
}
