/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * std.h - Lua's standard libraries as scripts get them: what the profile allows,
 * with functions of our own where the originals cannot be stopped.
 */
#ifndef TW_LUA_STD_H
#define TW_LUA_STD_H

#include "lu.h"

/** lu_open_libs - all of it, into the globals. context: protected. */
void lu_open_libs(lua_State *L, struct lu_state *s);

/* Each replaces functions of a library that is open. context: protected. */
void lu_open_string(lua_State *L);
void lu_open_table(lua_State *L);
void lu_open_coroutine(lua_State *L);

/** lu_strict_globals - the files are run: what is a global is known. */
void lu_strict_globals(lua_State *L);

/** lu_open_json - luaopen_json: leaves its table. */
int lu_open_json(lua_State *L);

/** lu_set_in - function `fn` into a global library's table, if that is open. */
void lu_set_in(lua_State *L, const char *library, const luaL_Reg *functions);

#endif
