/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * body.h - req:filter_body(), res:filter_body(): bodies pass through on_body.
 */
#ifndef TW_LUA_BODY_H
#define TW_LUA_BODY_H

#include "script.h"

int lu_req_filter_body(lua_State *L);
int lu_res_filter_body(lua_State *L);

#endif
