# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Tests: t/*.t are Perl and speak to the program; t/unit/test_*.c are cmocka
# programs that print TAP; t/fuzz/fuzz_*.c are fuzz targets. prove runs all
# and counts. `make check T="t/cookie.t" TESTS_JOBS=2` narrows it.
#
# To add a .t, put it into t/. To add a unit test, add a line with
# t/unit/test_NAME to UNIT_TESTS: its source is t/unit/test_NAME.c; when it
# needs a module's code, also t_unit_test_NAME_LDADD (see the end of it).

UNIT_TESTS = \
	t/unit/test_acl \
	t/unit/test_addr \
	t/unit/test_arena \
	t/unit/test_balance \
	t/unit/test_balance_hash \
	t/unit/test_balance_more \
	t/unit/test_child \
	t/unit/test_cli_line \
	t/unit/test_compression \
	t/unit/test_cond \
	t/unit/test_condrun \
	t/unit/test_cookie_edit \
	t/unit/test_ctl_state \
	t/unit/test_dead_forms \
	t/unit/test_dns_msg \
	t/unit/test_encode \
	t/unit/test_h1_body \
	t/unit/test_h1_parse \
	t/unit/test_h1_write \
	t/unit/test_handover \
	t/unit/test_hello \
	t/unit/test_healthcheck \
	t/unit/test_healthcheck_rules \
	t/unit/test_http_fetch \
	t/unit/test_http_pages \
	t/unit/test_lexer \
	t/unit/test_limits \
	t/unit/test_logfmt \
	t/unit/test_logtext \
	t/unit/test_lua_escape \
	t/unit/test_lua_mem \
	t/unit/test_lua_shared \
	t/unit/test_lua_str \
	t/unit/test_mqtt \
	t/unit/test_msg \
	t/unit/test_normalize \
	t/unit/test_oplog \
	t/unit/test_options \
	t/unit/test_order \
	t/unit/test_packet \
	t/unit/test_pool \
	t/unit/test_predicate \
	t/unit/test_proxy \
	t/unit/test_proxy_hdr \
	t/unit/test_queue \
	t/unit/test_rate \
	t/unit/test_read \
	t/unit/test_registry \
	t/unit/test_report \
	t/unit/test_ring \
	t/unit/test_stats_text \
	t/unit/test_statuses \
	t/unit/test_table \
	t/unit/test_str \
	t/unit/test_tls_certs \
	t/unit/test_tls_hello \
	t/unit/test_tls_ocsp \
	t/unit/test_tls_sessions \
	t/unit/test_tls_store \
	t/unit/test_topology \
	t/unit/test_trail_text \
	t/unit/test_tune \
	t/unit/test_units \
	t/unit/test_uri \
	t/unit/test_wheel

if HAVE_LIBMNL
UNIT_TESTS += \
	t/unit/test_vrrp_conf \
	t/unit/test_vrrp_conf_net \
	t/unit/test_vrrp_dump \
	t/unit/test_vrrp_frame \
	t/unit/test_vrrp_group \
	t/unit/test_vrrp_health \
	t/unit/test_vrrp_kernel \
	t/unit/test_vrrp_kw \
	t/unit/test_vrrp_lint \
	t/unit/test_vrrp_notify \
	t/unit/test_vrrp_packet \
	t/unit/test_vrrp_peer \
	t/unit/test_vrrp_proxies \
	t/unit/test_vrrp_route \
	t/unit/test_vrrp_router \
	t/unit/test_vrrp_show \
	t/unit/test_vrrp_sim \
	t/unit/test_vrrp_spawn \
	t/unit/test_vrrp_tree \
	t/unit/test_vrrp_vmac \
	t/unit/test_vrrp_watch \
	t/unit/test_vrrp_wire
endif

if HAVE_NGHTTP2
UNIT_TESTS += \
	t/unit/test_h2_frames \
	t/unit/test_h2_heads \
	t/unit/test_h2_talk
endif

# Linked by every program that says nothing else: the unit tests.
LDADD = core/libcore.a $(TW_CORE_LIBS) $(CMOCKA_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
UNIT_RUN = $(UNIT_TESTS)
endif
EXTRA_PROGRAMS += $(UNIT_TESTS)

# A fuzz target is one function. Without libFuzzer the driver is its main():
# it replays files and varies them a little, so make check always has a run.
FUZZ_TARGETS = \
	t/fuzz/fuzz_accept \
	t/fuzz/fuzz_balance \
	t/fuzz/fuzz_check \
	t/fuzz/fuzz_check_rules \
	t/fuzz/fuzz_chunk \
	t/fuzz/fuzz_cli \
	t/fuzz/fuzz_conf \
	t/fuzz/fuzz_cookie \
	t/fuzz/fuzz_server_state \
	t/fuzz/fuzz_crt_list \
	t/fuzz/fuzz_expr \
	t/fuzz/fuzz_dns \
	t/fuzz/fuzz_h1 \
	t/fuzz/fuzz_headers_bin \
	t/fuzz/fuzz_hello \
	t/fuzz/fuzz_jwe \
	t/fuzz/fuzz_lua_h1 \
	t/fuzz/fuzz_lua_message \
	t/fuzz/fuzz_mqtt \
	t/fuzz/fuzz_ocsp \
	t/fuzz/fuzz_packet \
	t/fuzz/fuzz_proxy_hdr \
	t/fuzz/fuzz_rules \
	t/fuzz/fuzz_syslog \
	t/fuzz/fuzz_table \
	t/fuzz/fuzz_tls_choice \
	t/fuzz/fuzz_tls_hello
if HAVE_LIBMNL
FUZZ_TARGETS += \
	t/fuzz/fuzz_vrrp_conf \
	t/fuzz/fuzz_vrrp_frame \
	t/fuzz/fuzz_vrrp_packet \
	t/fuzz/fuzz_vrrp_peer
endif
if HAVE_NGHTTP2
FUZZ_TARGETS += \
	t/fuzz/fuzz_h2 \
	t/fuzz/fuzz_h2_flow \
	t/fuzz/fuzz_h2_single
endif
check_PROGRAMS += $(FUZZ_TARGETS)
if FUZZING
FUZZ_MAIN = $(TW_FUZZ_LDFLAGS)
else
check_LIBRARIES += t/fuzz/libdriver.a
t_fuzz_libdriver_a_SOURCES = t/fuzz/driver.c
FUZZ_MAIN = t/fuzz/libdriver.a
endif
FUZZ_LINK = core/libcore.a $(TW_CORE_LIBS) $(FUZZ_MAIN)

EXTRA_DIST += $(filter-out $(srcdir)/t/unit $(srcdir)/t/fuzz,\
	$(wildcard $(srcdir)/t/*)) $(wildcard $(srcdir)/t/fuzz/corpus)
noinst_HEADERS += $(wildcard $(srcdir)/t/unit/*.h $(srcdir)/t/fuzz/*.h)

TESTS_JOBS = 1
T =
PROVE_FLAGS =

# All that make check runs, without running it.
check-build: all
	@$(MAKE) $(check_PROGRAMS) $(check_LTLIBRARIES)
.PHONY: check-build

check-local:
	@test -n "$(PROVE)" || { \
		echo "make check needs prove: apt-get install perl" >&2; exit 1; }
	@test -n "$(UNIT_RUN)" || echo "unit tests skipped: none, or no cmocka"
	srcdir='$(abs_srcdir)' builddir='$(abs_builddir)' \
	TIDEWAY='$(abs_builddir)/tideway' \
	TIDEWAY_MODULE_PATH='$(abs_builddir)/modules/.libs' \
	TW_SANITIZER='$(TW_SANITIZER)' CC='$(CC)' MAKE='$(MAKE)' \
	ASAN_OPTIONS="$${ASAN_OPTIONS-detect_stack_use_after_return=1}" \
	UBSAN_OPTIONS="$${UBSAN_OPTIONS-print_stacktrace=1}" \
	TSAN_OPTIONS="$${TSAN_OPTIONS-halt_on_error=1}" \
	CMOCKA_MESSAGE_OUTPUT=TAP \
	$(PROVE) -I '$(abs_srcdir)/t/lib' -j $(TESTS_JOBS) $(PROVE_FLAGS) \
		$(if $(strip $(T)),$(addprefix $(srcdir)/,$(T)),\
			-r $(srcdir)/t $(UNIT_RUN))
t_fuzz_fuzz_dns_LDADD = modules/resolvers/libresolvers.la $(FUZZ_LINK)
t_unit_test_lua_mem_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS)
t_unit_test_lua_mem_LDADD = $(LUA_LINK) $(LDADD)
t_unit_test_lua_str_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS)
t_unit_test_lua_str_LDADD = $(LUA_LINK) $(LDADD)
t_unit_test_dns_msg_LDADD = modules/resolvers/libresolvers.la $(LDADD)
t_fuzz_fuzz_cli_LDADD = $(FUZZ_LINK)
t_fuzz_fuzz_conf_LDADD = $(FUZZ_LINK)
t_fuzz_fuzz_proxy_hdr_LDADD = $(FUZZ_LINK)
t_fuzz_fuzz_syslog_LDADD = $(FUZZ_LINK)
t_unit_test_h1_body_LDADD = modules/http/libhttp.la $(LDADD)
t_unit_test_h1_parse_LDADD = modules/http/libhttp.la $(LDADD)
t_unit_test_h1_write_LDADD = modules/http/libhttp.la $(LDADD)
t_fuzz_fuzz_chunk_LDADD = modules/http/libhttp.la $(FUZZ_LINK)
t_fuzz_fuzz_balance_LDADD = modules/balance/libbalance.la $(FUZZ_LINK)
t_unit_test_tls_hello_LDADD = modules/tls/libtls.la $(LDADD)
t_fuzz_fuzz_tls_hello_LDADD = modules/tls/libtls.la $(FUZZ_LINK)
t_unit_test_tls_certs_LDADD = modules/tls/libtls.la $(LDADD)
t_unit_test_tls_store_LDADD = modules/tls/libtls.la $(LDADD)
t_fuzz_fuzz_tls_choice_LDADD = modules/tls/libtls.la $(FUZZ_LINK)
t_unit_test_tls_ocsp_LDADD = modules/tls/libtls.la $(LDADD)
t_unit_test_tls_sessions_LDADD = modules/tls/libtls.la $(LDADD)
t_fuzz_fuzz_ocsp_LDADD = modules/tls/libtls.la $(FUZZ_LINK)
t_fuzz_fuzz_crt_list_LDADD = modules/tls/libtls.la $(FUZZ_LINK)
t_fuzz_fuzz_cookie_LDADD = modules/cookie/libcookie.la $(FUZZ_LINK)
t_fuzz_fuzz_h1_LDADD = modules/http/libhttp.la $(FUZZ_LINK)
t_unit_test_balance_LDADD = modules/balance/libbalance.la $(LDADD)
t_unit_test_balance_hash_LDADD = modules/balance/libbalance.la $(LDADD)
t_unit_test_balance_more_LDADD = modules/balance/libbalance.la $(LDADD)
RULES_LINK = modules/rules/librules.la
t_unit_test_normalize_LDADD = $(RULES_LINK) $(LDADD) -lcrypt
t_fuzz_fuzz_rules_LDADD = $(RULES_LINK) $(FUZZ_LINK) -lcrypt
t_fuzz_fuzz_headers_bin_LDADD = $(RULES_LINK) $(FUZZ_LINK) -lcrypt
t_unit_test_lua_escape_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir) $(LUA_CFLAGS)
t_fuzz_fuzz_lua_h1_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
t_fuzz_fuzz_lua_h1_LDADD = $(LUA_LINK) $(FUZZ_LINK)
t_fuzz_fuzz_lua_message_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir) $(LUA_CFLAGS)
t_fuzz_fuzz_lua_message_LDADD = $(LUA_LINK) $(FUZZ_LINK)
t_unit_test_lua_escape_LDADD = $(LUA_LINK) $(LDADD)
t_unit_test_lua_shared_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
t_unit_test_lua_shared_LDADD = $(LUA_LINK) $(LDADD)
t_unit_test_cookie_edit_LDADD = modules/cookie/libcookie.la $(LDADD)
t_unit_test_http_pages_LDADD = modules/http/libhttp.la $(LDADD)
t_fuzz_fuzz_expr_LDADD = $(FUZZ_LINK)
t_fuzz_fuzz_hello_LDADD = $(FUZZ_LINK)
t_fuzz_fuzz_jwe_LDADD = $(FUZZ_LINK)
t_fuzz_fuzz_mqtt_LDADD = $(FUZZ_LINK)
t_fuzz_fuzz_packet_LDADD = $(FUZZ_LINK)
t_unit_test_http_fetch_LDADD = modules/http/libhttp.la $(LDADD)
t_unit_test_healthcheck_LDADD = modules/healthcheck/libhealthcheck.la $(LDADD)
t_unit_test_ctl_state_LDADD = modules/ctl/libctl.la $(LDADD)
t_fuzz_fuzz_server_state_LDADD = modules/ctl/libctl.la $(FUZZ_LINK)
t_unit_test_healthcheck_rules_LDADD = modules/healthcheck/libhealthcheck.la $(LDADD)
t_unit_test_stats_text_LDADD = modules/stats/libstats.la $(LDADD)
t_unit_test_table_LDADD = modules/table/libtable.la $(LDADD)
t_fuzz_fuzz_table_LDADD = modules/table/libtable.la $(FUZZ_LINK)
t_fuzz_fuzz_check_LDADD = modules/healthcheck/libhealthcheck.la $(FUZZ_LINK)
t_fuzz_fuzz_check_rules_LDADD = modules/healthcheck/libhealthcheck.la $(FUZZ_LINK)
COMPRESSION_LINK = modules/compression/libcompression.la \
	$(ZLIB_LIBS) $(BROTLI_LIBS) $(ZSTD_LIBS)
t_unit_test_compression_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
t_unit_test_compression_LDADD = modules/filter/libfilter.la $(COMPRESSION_LINK) $(LDADD)
t_fuzz_fuzz_accept_LDADD = $(COMPRESSION_LINK) $(FUZZ_LINK)

VRRP_LINK = modules/vrrp/libvrrp.la $(LIBMNL_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS)
t_unit_test_vrrp_conf_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_conf_net_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_dump_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_frame_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_group_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_health_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_kernel_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_kw_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_lint_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_notify_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_packet_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_peer_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_proxies_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_route_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_router_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_show_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_sim_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_spawn_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_tree_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_vmac_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_watch_LDADD = $(VRRP_LINK) $(LDADD)
t_unit_test_vrrp_wire_LDADD = $(VRRP_LINK) $(LDADD)
t_fuzz_fuzz_vrrp_conf_LDADD = $(VRRP_LINK) $(FUZZ_LINK)
t_fuzz_fuzz_vrrp_frame_LDADD = $(VRRP_LINK) $(FUZZ_LINK)
t_fuzz_fuzz_vrrp_packet_LDADD = $(VRRP_LINK) $(FUZZ_LINK)
t_fuzz_fuzz_vrrp_peer_LDADD = $(VRRP_LINK) $(FUZZ_LINK)
H2_LINK = modules/h2/libh2.la $(NGHTTP2_LIBS)
t_unit_test_h2_frames_LDADD = $(H2_LINK) $(LDADD)
t_unit_test_h2_heads_LDADD = $(H2_LINK) $(LDADD)
t_unit_test_h2_talk_LDADD = $(H2_LINK) $(LDADD)
t_fuzz_fuzz_h2_LDADD = $(H2_LINK) $(FUZZ_LINK)
t_fuzz_fuzz_h2_flow_LDADD = $(H2_LINK) $(FUZZ_LINK)
t_fuzz_fuzz_h2_single_LDADD = modules/healthcheck/libhealthcheck.la $(H2_LINK) $(FUZZ_LINK)
