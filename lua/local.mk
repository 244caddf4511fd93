# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The Lua module and its scripts. To add a file, add its line.

noinst_HEADERS += $(wildcard $(srcdir)/lua/*.h)

noinst_LTLIBRARIES += lua/liblua.la
lua_liblua_la_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS)
lua_liblua_la_SOURCES = \
	lua/act.c \
	lua/call.c \
	lua/core.c \
	lua/expr.c \
	lua/lua_conf.c \
	lua/lua_mod.c \
	lua/mem.c \
	lua/state.c \
	lua/txn.c \
	lua/unit.c \
	lua/value.c \
	lua/verdict.c
module_LTLIBRARIES += modules/lua.la
modules_lua_la_SOURCES =
modules_lua_la_LDFLAGS = $(MODULE_LINK)
modules_lua_la_LIBADD = lua/liblua.la $(LUA_LIBS)
