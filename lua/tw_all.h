/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tw_all.h - tw.all{f, g, ...}.
 */
#ifndef TW_LUA_TW_ALL_H
#define TW_LUA_TW_ALL_H

#include "lu.h"

int lu_tw_all(lua_State *L);
void lu_open_all(lua_State *L);

#endif
