/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * map.c - the class Map; core.set_map() and its like.
 *
 * A map is the same list as the one that the configuration names; so what a command,
 * a rule or another script changes is seen at once.
 * source: HAProxy's Lua manual, Map class.
 */
#include "data.h"

#include <tideway/list.h>

#define MAP "Map"

static const char *const methods_of[] = { "int", "ip", "str", "beg", "sub", "dir",
	"dom", "end", "reg", "regm" };

/* ---- Map ------------------------------------------------------------------------------ */

static int
to_string(lua_State *L)
{
	lua_pushliteral(L, "HAProxy class Map");
	return 1;
}

/* The file that the running line of the script names: in the body only. */
/*@ Map.new(file: string, method?: integer): Map */
static int
map_new(lua_State *L)
{
	struct lu_state *const s = lu_state_from(L);
	const char *const file = luaL_checkstring(L, 1);
	const lua_Integer method = luaL_optinteger(L, 2, 2);
	struct tw_err err = { "" };

	if (!s->loading)
		return luaL_error(L, "Map.new: only allowed while the file is loaded");
	luaL_argcheck(L, method >= 0 && method < (int)TW_N_ELEMENTS(methods_of), 2,
	    "Map.int, ip, str, beg, sub, dir, dom, end or reg is expected");
	struct tw_map **const map = lua_newuserdata(L, sizeof(*map));
	*map = tw_map_open(s->gen, file, methods_of[method], &err);
	if (*map == NULL)
		return luaL_error(L, "Map.new: %s", err.text);
	luaL_setmetatable(L, MAP);
	return 1;
}

static bool
look(lua_State *L, struct tw_str *value)
{
	struct tw_map **const map = luaL_checkudata(L, 1, MAP);

	return tw_map_find(*map, lu_check_str(L, 2), value);
}

/*@ Map:lookup(key: string): string|nil */
static int
map_lookup(lua_State *L)
{
	struct tw_str value;

	if (!look(L, &value))
		lua_pushnil(L);
	else
		lu_push_str(L, value);
	return 1;
}

/*@ Map:slookup(key: string): string */
static int
map_slookup(lua_State *L)
{
	struct tw_str value = TW_STR("");

	look(L, &value);
	lu_push_str(L, value);
	return 1;
}

static const luaL_Reg map_methods[] = {
	{ "lookup", map_lookup },
	{ "slookup", map_slookup },
	{ NULL, NULL },
};

/* ---- core.set_map and its like ------------------------------------------------- */

static int
list_gc(lua_State *L)
{
	struct tw_list **const list = lua_touserdata(L, 1);

	tw_list_free(list);
	return 0;
}

/* The list of argument 1, which the script's state keeps. */
static const char lists_key; /* registry: userdata by name */

static const struct tw_list *
check_list(lua_State *L, const char *function, const char *what)
{
	const char *const name = luaL_checkstring(L, 1);

	lua_rawgetp(L, LUA_REGISTRYINDEX, &lists_key);
	lua_pushvalue(L, 1);
	if (lua_rawget(L, -2) == LUA_TNIL) {
		lua_pop(L, 1);
		struct tw_list **const list = lua_newuserdata(L, sizeof(*list));
		*list = NULL;
		lua_pushvalue(L, lua_upvalueindex(1));
		lua_setmetatable(L, -2);
		*list = tw_list_find(lu_state_from(L)->gen, name);
		if (*list == NULL)
			luaL_error(
			    L, "core.%s: unknown %s file '%s'", function, what, name);
		lua_pushvalue(L, 1);
		lua_pushvalue(L, -2);
		lua_rawset(L, -4);
	}
	const struct tw_list *const list = *(struct tw_list **)lua_touserdata(L, -1);
	lua_pop(L, 2);
	return list;
}

/*@ core.set_map(file: string, key: string, value: string) */
static int
set_map(lua_State *L)
{
	const struct tw_list *const list = check_list(L, "set_map", "map");
	const struct tw_list_pair pair = { lu_check_text(L, 2), lu_check_text(L, 3) };
	struct tw_err err = { "" };

	if (tw_list_set(list, 0, &pair, true, &err) != 0)
		return luaL_error(L, "core.set_map: %s", err.text);
	return 0;
}

static int
del(lua_State *L, const char *function, const char *what)
{
	const struct tw_list *const list = check_list(L, function, what);

	tw_list_del(list, 0, lu_check_text(L, 2));
	return 0;
}

/*@ core.del_map(file: string, key: string) */
static int
del_map(lua_State *L)
{
	return del(L, "del_map", "map");
}

/*@ core.del_acl(file: string, key: string) */
static int
del_acl(lua_State *L)
{
	return del(L, "del_acl", "acl");
}

/*@ core.add_acl(file: string, key: string) */
static int
add_acl(lua_State *L)
{
	const struct tw_list *const list = check_list(L, "add_acl", "acl");
	const struct tw_list_pair pair = { lu_check_text(L, 2), "" };
	struct tw_err err = { "" };

	if (tw_list_add(list, 0, &pair, 1, &err) != 0)
		return luaL_error(L, "core.add_acl: %s", err.text);
	return 0;
}

static const luaL_Reg functions[] = {
	{ "add_acl", add_acl },
	{ "del_acl", del_acl },
	{ "del_map", del_map },
	{ "set_map", set_map },
	{ NULL, NULL },
};

static void
open_class(lua_State *L)
{
	lu_class(L, MAP, map_methods);
	lua_pushcfunction(L, to_string);
	lua_setfield(L, -2, "__tostring");
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushcfunction(L, map_new);
	lua_setfield(L, -2, "new");
	for (int i = 0; i < (int)TW_N_ELEMENTS(methods_of); i++) {
		lua_pushinteger(L, i);
		lua_setfield(L, -2, methods_of[i]);
		lua_pushfstring(L, "_%s", methods_of[i]);
		lua_pushinteger(L, i);
		lua_rawset(L, -3);
	}
	lua_setglobal(L, MAP);
}

void
lu_open_map(lua_State *L)
{
	open_class(L);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &lists_key);
	lua_newtable(L);
	lua_pushcfunction(L, list_gc);
	lua_setfield(L, -2, "__gc");
	luaL_setfuncs(L, functions, 1);
}
