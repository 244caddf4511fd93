/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * core.h - the pieces of the global `core`: each file adds its functions to the
 * table on top of the stack.
 */
#ifndef TW_LUA_CORE_H
#define TW_LUA_CORE_H

#include "lu.h"

#include <tideway/log.h>

/* What tune.lua.log.* say; 0: nothing. */
enum { LU_LOG_ON = 1, LU_LOG_OFF, LU_LOG_AUTO };

/** lu_log - what a script says, to where its configuration wants it: the request's
 * proxy's loggers or the global ones, standard error. */
void lu_log(lua_State *L, enum tw_level level, const char *text);

#endif
