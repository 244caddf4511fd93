/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * message.h - metamethods of a request's parts.
 */
#ifndef TW_LUA_MESSAGE_H
#define TW_LUA_MESSAGE_H

#include "script.h"

int lu_headers_index(lua_State *L);
int lu_headers_newindex(lua_State *L);
int lu_args_index(lua_State *L);
int lu_cookies_index(lua_State *L);
/* closures over one table */
int lu_vars_index(lua_State *L);
int lu_vars_newindex(lua_State *L);
/** lu_set_pairs - __pairs of the metatable on top. */
void lu_set_pairs(lua_State *L, enum lu_part_kind kind);

#endif
