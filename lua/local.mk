# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The Lua module and its scripts. To add a file, add its line.

noinst_HEADERS += $(wildcard $(srcdir)/lua/*.h)

noinst_LTLIBRARIES += lua/liblua.la
lua_liblua_la_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS)
lua_liblua_la_SOURCES = \
	lua/act.c \
	lua/backend.c \
	lua/call.c \
	lua/chunk.c \
	lua/client.c \
	lua/client_conf.c \
	lua/core.c \
	lua/cover.c \
	lua/decide.c \
	lua/dial.c \
	lua/dns.c \
	lua/escape.c \
	lua/exchange.c \
	lua/expr.c \
	lua/h1.c \
	lua/hook.c \
	lua/lint.c \
	lua/lua_conf.c \
	lua/lua_mod.c \
	lua/mem.c \
	lua/message.c \
	lua/native.c \
	lua/script.c \
	lua/sock.c \
	lua/state.c \
	lua/test.c \
	lua/test_play.c \
	lua/to.c \
	lua/tw.c \
	lua/tw_all.c \
	lua/tw_net.c \
	lua/txn.c \
	lua/types.c \
	lua/unit.c \
	lua/value.c \
	lua/verdict.c

# What the module carries with it.
lua_lib = $(srcdir)/lua/lib/test.lua
nodist_lua_liblua_la_SOURCES = lua/lib.c
CLEANFILES += lua/lib.c lua/types.lua
EXTRA_DIST += $(lua_lib) contrib/dev/luatypes.sh
lua/lib.c: $(lua_lib) lua/types.lua $(srcdir)/contrib/dev/embed.sh
	$(AM_V_GEN)$(SHELL) $(srcdir)/contrib/dev/embed.sh \
		lu_lib_types=lua/types.lua \
		lu_lib_test=$(srcdir)/lua/lib/test.lua > $@.tmp && \
	mv -f $@.tmp $@
# What editors are told of its functions stands above them.
lua/types.lua: $(lua_liblua_la_SOURCES) $(srcdir)/contrib/dev/luatypes.sh
	$(AM_V_GEN)$(MKDIR_P) lua && \
	$(SHELL) $(srcdir)/contrib/dev/luatypes.sh \
		$(lua_liblua_la_SOURCES:%=$(srcdir)/%) > $@.tmp && mv -f $@.tmp $@

module_LTLIBRARIES += modules/lua.la
modules_lua_la_SOURCES =
modules_lua_la_LDFLAGS = $(MODULE_LINK)
modules_lua_la_LIBADD = lua/liblua.la $(LUA_LIBS) $(LIBEVENT_OPENSSL_LIBS) \
	$(LIBEVENT_EXTRA_LIBS) $(LIBEVENT_LIBS) $(OPENSSL_LIBS)
