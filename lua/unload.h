/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * unload.h - what a script's states hand to those that replace them: on_unload.
 */
#ifndef TW_LUA_UNLOAD_H
#define TW_LUA_UNLOAD_H

#include "script.h"

struct lu_legacy;
/** lu_legacy_take - calls on_unload in each thread's state of the script of that name
 * that runs now, and waits for it. returns: NULL: there is none. context: control. */
struct lu_legacy *lu_legacy_take(const struct lu_unit *heir);
/** lu_legacy_push - what thread `i` has left; nil: nothing. in: legacy, may be NULL.
 * errors: a Lua error. */
void lu_legacy_push(lua_State *L, const struct lu_legacy *legacy, int i);
/** lu_legacy_free - clears the pointer. */
void lu_legacy_free(struct lu_legacy **legacy);

#endif
