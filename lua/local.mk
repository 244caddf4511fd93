# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The Lua module and its scripts. To add a file, add its line.

noinst_HEADERS += $(wildcard $(srcdir)/lua/*.h)

noinst_LTLIBRARIES += lua/liblua.la
lua_liblua_la_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS) \
	-DLU_SCRIPT_DIR=\"$(luascriptsdir)\"
lua_liblua_la_SOURCES = \
	lua/act.c \
	lua/applet.c \
	lua/applet_http.c \
	lua/backend.c \
	lua/body.c \
	lua/call.c \
	lua/change.c \
	lua/channel.c \
	lua/chunk.c \
	lua/cli.c \
	lua/client.c \
	lua/client_conf.c \
	lua/core.c \
	lua/core_text.c \
	lua/count.c \
	lua/cover.c \
	lua/data_open.c \
	lua/decide.c \
	lua/dial.c \
	lua/dict.c \
	lua/dns.c \
	lua/err.c \
	lua/escape.c \
	lua/event.c \
	lua/exchange.c \
	lua/expr.c \
	lua/field.c \
	lua/filter.c \
	lua/filter_conf.c \
	lua/filter_data.c \
	lua/filter_msg.c \
	lua/gc.c \
	lua/h1.c \
	lua/hook.c \
	lua/http.c \
	lua/json.c \
	lua/lint.c \
	lua/lua_conf.c \
	lua/lua_mod.c \
	lua/map.c \
	lua/mem.c \
	lua/message.c \
	lua/native.c \
	lua/object.c \
	lua/patref.c \
	lua/pause.c \
	lua/pick.c \
	lua/proxy.c \
	lua/queue.c \
	lua/regex.c \
	lua/reload.c \
	lua/reply.c \
	lua/router.c \
	lua/script.c \
	lua/server.c \
	lua/service.c \
	lua/shared.c \
	lua/show.c \
	lua/sock.c \
	lua/split.c \
	lua/state.c \
	lua/std.c \
	lua/std_co.c \
	lua/std_str.c \
	lua/std_tab.c \
	lua/sticktable.c \
	lua/task.c \
	lua/test.c \
	lua/test_play.c \
	lua/text.c \
	lua/ticket.c \
	lua/to.c \
	lua/tw.c \
	lua/tw_all.c \
	lua/tw_net.c \
	lua/txn.c \
	lua/txn_set.c \
	lua/types.c \
	lua/unit.c \
	lua/unload.c \
	lua/value.c \
	lua/verdict.c \
	lua/watch.c

# What the module carries with it.
lua_lib = $(srcdir)/lua/lib/test.lua $(srcdir)/lua/lib/tw.lua
nodist_lua_liblua_la_SOURCES = lua/lib.c
CLEANFILES += lua/lib.c lua/types.lua
EXTRA_DIST += $(lua_lib) contrib/dev/luatypes.sh
lua/lib.c: $(lua_lib) lua/types.lua $(srcdir)/contrib/dev/embed.sh
	$(AM_V_GEN)$(SHELL) $(srcdir)/contrib/dev/embed.sh \
		lu_lib_types=lua/types.lua \
		lu_lib_tw=$(srcdir)/lua/lib/tw.lua \
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
# What else a program is linked with that takes its objects.
LUA_LINK = lua/liblua.la $(LUA_LIBS) $(LIBEVENT_OPENSSL_LIBS) \
	$(LIBEVENT_EXTRA_LIBS) $(LIBEVENT_LIBS) $(OPENSSL_LIBS)
modules_lua_la_LIBADD = $(LUA_LINK)

dist_doc_DATA = lua/TUTORIAL.md

# Scripts ready to use: lua-script NAME file NAME.lua finds them. To add one, add its
# three lines.
luascriptsdir = $(pkgdatadir)/lua
dist_luascripts_DATA = \
	lua/scripts/blue_green.lua \
	lua/scripts/canary.lua \
	lua/scripts/circuit_breaker.lua \
	lua/scripts/cors.lua \
	lua/scripts/experiment.lua \
	lua/scripts/forward_auth.lua \
	lua/scripts/geo.lua \
	lua/scripts/jwt.lua \
	lua/scripts/maintenance.lua \
	lua/scripts/rate_limit.lua \
	lua/scripts/router.lua \
	lua/scripts/shadow.lua \
	lua/scripts/trace.lua
luadocdir = $(docdir)/lua
dist_luadoc_DATA = lua/scripts/README.md \
	lua/scripts/blue_green.md \
	lua/scripts/canary.md \
	lua/scripts/circuit_breaker.md \
	lua/scripts/cors.md \
	lua/scripts/experiment.md \
	lua/scripts/forward_auth.md \
	lua/scripts/geo.md \
	lua/scripts/jwt.md \
	lua/scripts/maintenance.md \
	lua/scripts/rate_limit.md \
	lua/scripts/router.md \
	lua/scripts/shadow.md \
	lua/scripts/trace.md
EXTRA_DIST += lua/scripts/routes.txt \
	lua/scripts/blue_green_test.lua \
	lua/scripts/canary_test.lua \
	lua/scripts/circuit_breaker_test.lua \
	lua/scripts/cors_test.lua \
	lua/scripts/experiment_test.lua \
	lua/scripts/forward_auth_test.lua \
	lua/scripts/geo_test.lua \
	lua/scripts/jwt_test.lua \
	lua/scripts/maintenance_test.lua \
	lua/scripts/rate_limit_test.lua \
	lua/scripts/router_test.lua \
	lua/scripts/shadow_test.lua \
	lua/scripts/trace_test.lua
