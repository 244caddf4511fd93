/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * field.h - header fields between Lua and messages: what may stand there, their
 * tables, regular expressions over them.
 */
#ifndef TW_LUA_FIELD_H
#define TW_LUA_FIELD_H

#include "lu.h"

/** lu_is_token - a name, a method. source: RFC 9110, 5.6.2. */
bool lu_is_token(struct tw_str s);
/** lu_is_field_value - no CR, LF, NUL. */
bool lu_is_field_value(struct tw_str s);
/** lu_push_lower - letters of ASCII in lower case. */
void lu_push_lower(lua_State *L, struct tw_str s);
/** lu_add_field - to the table on top: t[lower case name][0], [1], ... */
void lu_add_field(lua_State *L, struct tw_str name, struct tw_str value);
/** lu_push_fields - such a table of a message. */
void lu_push_fields(lua_State *L, const struct tw_msg *msg);
/** lu_host_changed - to be called with each field of a message that is set: the Host of a
 * request tells it from others. in: value must live until RESET. errors: a Lua error: it
 * cannot be part of the target. */
void lu_host_changed(lua_State *L, struct tw_req *req, const struct tw_msg *msg,
    struct tw_str name, struct tw_str value);
/** lu_check_regex - argument `i`, compiled once for each state; stays on the stack.
 * errors: a Lua error. */
const struct tw_regex *lu_check_regex(lua_State *L, int i);
void lu_open_fields(lua_State *L);

#endif
