/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * object.c - objects that are tables, as HAProxy's are: [0] is a userdata of C, the
 * metatable gives the methods. pairs() over one and fields of a script's own work.
 *
 * What a userdata is, its metatable tells, which is in the registry under the address
 * of the class's name: each class's name is one array, in its own file. Behind it
 * is the metatable of the table.
 */
#include "data.h"

#include <string.h>

#define META(class) ((class) + 1)

static int
to_string(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	return 1;
}

void
lu_class_of_objects(lua_State *L, const char *class, const luaL_Reg *methods)
{
	lua_newtable(L);
	lua_pushliteral(L, "access denied");
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, class);
	lua_newtable(L);
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pushstring(L, class);
	lua_setfield(L, -2, "__name");
	lua_pushfstring(L, "HAProxy class %s", class);
	lua_pushcclosure(L, to_string, 1);
	lua_setfield(L, -2, "__tostring");
	lua_rawsetp(L, LUA_REGISTRYINDEX, META(class));
}

void *
lu_object(lua_State *L, const char *class, size_t size)
{
	lua_newtable(L);
	void *const p = lua_newuserdata(L, size);
	memset(p, 0, size);
	lua_rawgetp(L, LUA_REGISTRYINDEX, class);
	lua_setmetatable(L, -2);
	lua_rawseti(L, -2, 0);
	lua_rawgetp(L, LUA_REGISTRYINDEX, META(class));
	lua_setmetatable(L, -2);
	return p;
}

void *
lu_check_object(lua_State *L, int i, const char *class)
{
	void *p = NULL;

	if (lua_istable(L, i)) {
		lua_rawgeti(L, i, 0);
		lua_rawgetp(L, LUA_REGISTRYINDEX, class);
		if (lua_getmetatable(L, -2)) {
			if (lua_rawequal(L, -1, -2))
				p = lua_touserdata(L, -3);
			lua_pop(L, 1);
		}
		lua_pop(L, 2);
	}
	if (p == NULL)
		luaL_argerror(L, i,
		    lua_pushfstring(
			L, "a %s is expected, not a %s", class, luaL_typename(L, i)));
	return p;
}
