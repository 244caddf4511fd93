/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * sticktable.c - the class StickTable: Proxy.stktable.
 */
#include "data.h"

void
lu_push_stktable(lua_State *L, struct tw_proxy *px)
{
	(void)px;
	lua_pushnil(L);
}

void
lu_open_table(lua_State *L)
{
	(void)L;
}
