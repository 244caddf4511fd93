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

/** lu_form_eq - text of a form, decoded, is `plain`. */
bool lu_form_eq(struct tw_str raw, struct tw_str plain);
/** lu_arg_find, lu_cookie_find - the first of that name. out: value, as written. */
bool lu_arg_find(struct tw_str query, struct tw_str name, struct tw_str *value);
bool lu_cookie_find(struct tw_msg *msg, struct tw_str name, struct tw_str *value);

#endif
