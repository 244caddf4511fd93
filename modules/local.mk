# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A module is two blocks: libNAME.la holds its objects, so that a unit test
# can link them too, and NAME.la is the shared object the core loads. All of
# them land in modules/.libs, where a build is run from without installing.
#
# To add a source, add its line to modules_NAME_libNAME_la_SOURCES. To add a
# module, copy a block; libraries it needs go into modules_NAME_la_LIBADD.

noinst_HEADERS += $(wildcard $(srcdir)/modules/*/*.h \
	$(srcdir)/modules/*/*.def)

MODULE_LINK = $(AM_LDFLAGS) -module -avoid-version -shared \
	-export-symbols-regex '^tideway_module$$'

# A module is one file: libtool's own beside it would only be in the way.
install-data-hook:
	cd "$(DESTDIR)$(moduledir)" && rm -f $(notdir $(module_LTLIBRARIES))

uninstall-hook:
	cd "$(DESTDIR)$(moduledir)" && \
		rm -f $(notdir $(module_LTLIBRARIES:.la=.so))

# The example to start a module from is installed as source.
skeletondir = $(docdir)/skeleton
skeleton_DATA = $(wildcard $(srcdir)/modules/skeleton/*)
EXTRA_DIST += $(skeleton_DATA)

# ---- http
noinst_LTLIBRARIES += modules/http/libhttp.la
modules_http_libhttp_la_SOURCES = \
	modules/http/h1_body.c \
	modules/http/h1_head.c \
	modules/http/h1_loose.c \
	modules/http/h1_parse.c \
	modules/http/h1_scan.c \
	modules/http/h1_target.c \
	modules/http/h1_tune.c \
	modules/http/h1_write.c \
	modules/http/http_capture.c \
	modules/http/http_answer.c \
	modules/http/http_conf.c \
	modules/http/http_error_kw.c \
	modules/http/http_errorfile.c \
	modules/http/http_errors.c \
	modules/http/http_fetch.c \
	modules/http/http_forwarded.c \
	modules/http/http_guard.c \
	modules/http/http_fetch_auth.c \
	modules/http/http_fetch_body.c \
	modules/http/http_fetch_cookie.c \
	modules/http/http_fetch_head.c \
	modules/http/http_fetch_url.c \
	modules/http/http_mod.c \
	modules/http/http_monitor.c \
	modules/http/http_pages.c \
	modules/http/http_tune.c \
	modules/http/http_warn.c
module_LTLIBRARIES += modules/http.la
modules_http_la_SOURCES =
modules_http_la_LIBADD = modules/http/libhttp.la
modules_http_la_LDFLAGS = $(MODULE_LINK)

# ---- healthcheck
noinst_LTLIBRARIES += modules/healthcheck/libhealthcheck.la
modules_healthcheck_libhealthcheck_la_SOURCES = \
	modules/healthcheck/agent.c \
	modules/healthcheck/answer.c \
	modules/healthcheck/complete.c \
	modules/healthcheck/dynamic.c \
	modules/healthcheck/expect.c \
	modules/healthcheck/expect_kw.c \
	modules/healthcheck/external.c \
	modules/healthcheck/grpc.c \
	modules/healthcheck/hc_kw.c \
	modules/healthcheck/health.c \
	modules/healthcheck/healthcheck_mod.c \
	modules/healthcheck/judge.c \
	modules/healthcheck/mux.c \
	modules/healthcheck/observe.c \
	modules/healthcheck/option_kw.c \
	modules/healthcheck/outlier.c \
	modules/healthcheck/preset.c \
	modules/healthcheck/program.c \
	modules/healthcheck/regex.c \
	modules/healthcheck/request.c \
	modules/healthcheck/rule.c \
	modules/healthcheck/rule_kw.c \
	modules/healthcheck/runner.c \
	modules/healthcheck/script.c \
	modules/healthcheck/secure.c \
	modules/healthcheck/section.c \
	modules/healthcheck/server_kw.c \
	modules/healthcheck/talk.c \
	modules/healthcheck/vars.c
module_LTLIBRARIES += modules/healthcheck.la
modules_healthcheck_la_SOURCES =
modules_healthcheck_la_LIBADD = modules/healthcheck/libhealthcheck.la
modules_healthcheck_la_LDFLAGS = $(MODULE_LINK)

# ---- balance
noinst_LTLIBRARIES += modules/balance/libbalance.la
modules_balance_libbalance_la_SOURCES = \
	modules/balance/balance_kw.c \
	modules/balance/balance_mod.c \
	modules/balance/draw.c \
	modules/balance/first.c \
	modules/balance/hash.c \
	modules/balance/hash_args.c \
	modules/balance/hash_func.c \
	modules/balance/hash_key.c \
	modules/balance/hash_map.c \
	modules/balance/hash_ring.c \
	modules/balance/leastconn.c \
	modules/balance/log_hash.c \
	modules/balance/peak_ewma.c \
	modules/balance/random.c \
	modules/balance/rdp.c \
	modules/balance/rdp_token.c \
	modules/balance/roundrobin.c \
	modules/balance/static_rr.c \
	modules/balance/sticky.c
module_LTLIBRARIES += modules/balance.la
modules_balance_la_SOURCES =
modules_balance_la_LIBADD = modules/balance/libbalance.la
modules_balance_la_LDFLAGS = $(MODULE_LINK)

# ---- resolvers
noinst_LTLIBRARIES += modules/resolvers/libresolvers.la
modules_resolvers_libresolvers_la_SOURCES = \
	modules/resolvers/dns_msg.c \
	modules/resolvers/resolvers_mod.c \
	modules/resolvers/rs_apply.c \
	modules/resolvers/rs_ask.c \
	modules/resolvers/rs_kw.c \
	modules/resolvers/rs_look.c \
	modules/resolvers/rs_run.c \
	modules/resolvers/rs_show.c \
	modules/resolvers/rs_taken.c \
	modules/resolvers/rs_wire.c
module_LTLIBRARIES += modules/resolvers.la
modules_resolvers_la_SOURCES =
modules_resolvers_la_LIBADD = modules/resolvers/libresolvers.la
modules_resolvers_la_LDFLAGS = $(MODULE_LINK)

# ---- demo
noinst_LTLIBRARIES += modules/demo/libdemo.la
modules_demo_libdemo_la_SOURCES = \
	modules/demo/demo_mod.c
module_LTLIBRARIES += modules/demo.la
modules_demo_la_SOURCES =
modules_demo_la_LIBADD = modules/demo/libdemo.la
modules_demo_la_LDFLAGS = $(MODULE_LINK)

# ---- stats
noinst_LTLIBRARIES += modules/stats/libstats.la
modules_stats_libstats_la_SOURCES = \
	modules/stats/access.c \
	modules/stats/admin.c \
	modules/stats/auth.c \
	modules/stats/csv.c \
	modules/stats/fields.c \
	modules/stats/fields_help.c \
	modules/stats/guard.c \
	modules/stats/html.c \
	modules/stats/html_more.c \
	modules/stats/html_row.c \
	modules/stats/html_table.c \
	modules/stats/html_text.c \
	modules/stats/json.c \
	modules/stats/prom.c \
	modules/stats/prom_metrics.c \
	modules/stats/prom_states.c \
	modules/stats/prom_modules.c \
	modules/stats/prom_tables.c \
	modules/stats/report.c \
	modules/stats/show.c \
	modules/stats/stats_kw.c \
	modules/stats/stats_mod.c \
	modules/stats/typed.c \
	modules/stats/uri.c \
	modules/stats/values.c
module_LTLIBRARIES += modules/stats.la
modules_stats_la_SOURCES =
modules_stats_la_LIBADD = modules/stats/libstats.la
modules_stats_la_LDFLAGS = $(MODULE_LINK)
# The page's style and script become C strings.
nodist_modules_stats_libstats_la_SOURCES = modules/stats/assets.c
stats_assets = $(srcdir)/modules/stats/page.css $(srcdir)/modules/stats/page.js
EXTRA_DIST += $(stats_assets) contrib/dev/embed.sh
CLEANFILES += modules/stats/assets.c
modules/stats/assets.c: $(stats_assets) $(srcdir)/contrib/dev/embed.sh
	$(AM_V_GEN)$(MKDIR_P) modules/stats && \
	$(SHELL) $(srcdir)/contrib/dev/embed.sh \
		st_page_css=$(srcdir)/modules/stats/page.css \
		st_page_js=$(srcdir)/modules/stats/page.js > $@.tmp && mv $@.tmp $@

# ---- filter
noinst_LTLIBRARIES += modules/filter/libfilter.la
modules_filter_libfilter_la_SOURCES = \
	modules/filter/bwlim.c \
	modules/filter/bwlim_rate.c \
	modules/filter/bwlim_shared.c \
	modules/filter/filter_kw.c \
	modules/filter/filter_mod.c \
	modules/filter/trace.c
module_LTLIBRARIES += modules/filter.la
modules_filter_la_SOURCES =
modules_filter_la_LIBADD = modules/filter/libfilter.la
modules_filter_la_LDFLAGS = $(MODULE_LINK)

# ---- compression
noinst_LTLIBRARIES += modules/compression/libcompression.la
modules_compression_libcompression_la_SOURCES = \
	modules/compression/accept.c \
	modules/compression/codec.c \
	modules/compression/comp_filter.c \
	modules/compression/comp_kw.c \
	modules/compression/compression_mod.c \
	modules/compression/head.c
modules_compression_libcompression_la_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) \
	$(BROTLI_CFLAGS) $(ZSTD_CFLAGS)
module_LTLIBRARIES += modules/compression.la
modules_compression_la_SOURCES =
modules_compression_la_LIBADD = modules/compression/libcompression.la \
	$(ZLIB_LIBS) $(BROTLI_LIBS) $(ZSTD_LIBS)
modules_compression_la_LDFLAGS = $(MODULE_LINK)

# ---- ctl
noinst_LTLIBRARIES += modules/ctl/libctl.la
modules_ctl_libctl_la_SOURCES = \
	modules/ctl/activity.c \
	modules/ctl/ctl_mod.c \
	modules/ctl/dynamic.c \
	modules/ctl/errors.c \
	modules/ctl/find.c \
	modules/ctl/frontend.c \
	modules/ctl/info.c \
	modules/ctl/probe.c \
	modules/ctl/process.c \
	modules/ctl/server.c \
	modules/ctl/sess.c \
	modules/ctl/state.c \
	modules/ctl/state_file.c \
	modules/ctl/state_line.c \
	modules/ctl/walk.c
module_LTLIBRARIES += modules/ctl.la
modules_ctl_la_SOURCES =
modules_ctl_la_LIBADD = modules/ctl/libctl.la
modules_ctl_la_LDFLAGS = $(MODULE_LINK)

# ---- vrrp
if HAVE_LIBMNL
noinst_LTLIBRARIES += modules/vrrp/libvrrp.la
modules_vrrp_libvrrp_la_SOURCES = \
	modules/vrrp/announce.c \
	modules/vrrp/backup.c \
	modules/vrrp/claims.c \
	modules/vrrp/conf_command.c \
	modules/vrrp/conf_finish.c \
	modules/vrrp/conf_global.c \
	modules/vrrp/conf_group.c \
	modules/vrrp/conf_instance.c \
	modules/vrrp/conf_kw.c \
	modules/vrrp/conf_lvs.c \
	modules/vrrp/conf_read.c \
	modules/vrrp/conf_route.c \
	modules/vrrp/conf_rule.c \
	modules/vrrp/conf_script.c \
	modules/vrrp/conf_set.c \
	modules/vrrp/conf_track.c \
	modules/vrrp/conf_value.c \
	modules/vrrp/conf_vip.c \
	modules/vrrp/confine.c \
	modules/vrrp/connector.c \
	modules/vrrp/dump.c \
	modules/vrrp/dump_instance.c \
	modules/vrrp/dump_json.c \
	modules/vrrp/dump_stats.c \
	modules/vrrp/dump_text.c \
	modules/vrrp/dump_track.c \
	modules/vrrp/fifo.c \
	modules/vrrp/fleet.c \
	modules/vrrp/group.c \
	modules/vrrp/health.c \
	modules/vrrp/health_thread.c \
	modules/vrrp/health_watch.c \
	modules/vrrp/health_worker.c \
	modules/vrrp/heart.c \
	modules/vrrp/hold.c \
	modules/vrrp/ip.c \
	modules/vrrp/kernel.c \
	modules/vrrp/kernel_addr.c \
	modules/vrrp/kernel_find_route.c \
	modules/vrrp/kernel_link.c \
	modules/vrrp/kernel_route.c \
	modules/vrrp/kernel_rule.c \
	modules/vrrp/kernel_sysctl.c \
	modules/vrrp/kernel_vmac.c \
	modules/vrrp/lint.c \
	modules/vrrp/lint_firewall.c \
	modules/vrrp/lint_net.c \
	modules/vrrp/lint_peer.c \
	modules/vrrp/master.c \
	modules/vrrp/netlink.c \
	modules/vrrp/node.c \
	modules/vrrp/notify.c \
	modules/vrrp/packet.c \
	modules/vrrp/peer_kw.c \
	modules/vrrp/peer_msg.c \
	modules/vrrp/peer_view.c \
	modules/vrrp/process.c \
	modules/vrrp/procfs.c \
	modules/vrrp/publish.c \
	modules/vrrp/report.c \
	modules/vrrp/router.c \
	modules/vrrp/script.c \
	modules/vrrp/show_copy.c \
	modules/vrrp/show_json.c \
	modules/vrrp/show_metrics.c \
	modules/vrrp/show_one.c \
	modules/vrrp/show_page.c \
	modules/vrrp/show_table.c \
	modules/vrrp/show_text.c \
	modules/vrrp/spawn.c \
	modules/vrrp/spawn_child.c \
	modules/vrrp/text.c \
	modules/vrrp/text_file.c \
	modules/vrrp/text_loop.c \
	modules/vrrp/text_vars.c \
	modules/vrrp/text_word.c \
	modules/vrrp/track_file.c \
	modules/vrrp/track_process.c \
	modules/vrrp/tree.c \
	modules/vrrp/vrrp_mod.c \
	modules/vrrp/watch.c \
	modules/vrrp/weight.c \
	modules/vrrp/wire.c \
	modules/vrrp/wire_io.c
modules_vrrp_libvrrp_la_CFLAGS = $(AM_CFLAGS) $(LIBMNL_CFLAGS) \
	$(OPENSSL_CFLAGS) $(JANSSON_CFLAGS)
module_LTLIBRARIES += modules/vrrp.la
modules_vrrp_la_SOURCES =
modules_vrrp_la_LIBADD = modules/vrrp/libvrrp.la $(LIBMNL_LIBS) \
	$(OPENSSL_LIBS) $(JANSSON_LIBS)
modules_vrrp_la_LDFLAGS = $(MODULE_LINK)
endif

# ---- skeleton
# The example to start a module from: built and tested in a directory of its
# own, so that it is loaded only by who asks for it; its source is installed.
check_LTLIBRARIES += modules/skeleton/skeleton.la
modules_skeleton_skeleton_la_SOURCES = modules/skeleton/skeleton_mod.c
modules_skeleton_skeleton_la_LDFLAGS = $(MODULE_LINK) -rpath $(moduledir)

# ---- rules
noinst_LTLIBRARIES += modules/rules/librules.la
modules_rules_librules_la_SOURCES = \
	modules/rules/act_capture.c \
	modules/rules/act_conn.c \
	modules/rules/act_final.c \
	modules/rules/act_header.c \
	modules/rules/act_headers_bin.c \
	modules/rules/act_list.c \
	modules/rules/act_log.c \
	modules/rules/act_misc.c \
	modules/rules/act_normalize.c \
	modules/rules/act_redirect.c \
	modules/rules/act_reply.c \
	modules/rules/act_uri.c \
	modules/rules/act_var.c \
	modules/rules/act_wait.c \
	modules/rules/auth.c \
	modules/rules/headers_bin.c \
	modules/rules/reply.c \
	modules/rules/rules_compile.c \
	modules/rules/rules_conf.c \
	modules/rules/rules_late.c \
	modules/rules/rules_mod.c \
	modules/rules/rules_run.c \
	modules/rules/rules_text.c \
	modules/rules/rules_trail.c \
	modules/rules/rules_use.c
module_LTLIBRARIES += modules/rules.la
modules_rules_la_SOURCES =
modules_rules_la_LIBADD = modules/rules/librules.la -lcrypt
modules_rules_la_LDFLAGS = $(MODULE_LINK)

# ---- cookie
noinst_LTLIBRARIES += modules/cookie/libcookie.la
modules_cookie_libcookie_la_SOURCES = \
	modules/cookie/cookie_cmd.c \
	modules/cookie/cookie_conf.c \
	modules/cookie/cookie_edit.c \
	modules/cookie/cookie_index.c \
	modules/cookie/cookie_mod.c \
	modules/cookie/cookie_request.c \
	modules/cookie/cookie_response.c \
	modules/cookie/xxh64.c
module_LTLIBRARIES += modules/cookie.la
modules_cookie_la_SOURCES =
modules_cookie_la_LIBADD = modules/cookie/libcookie.la
modules_cookie_la_LDFLAGS = $(MODULE_LINK)

# ---- tls
noinst_LTLIBRARIES += modules/tls/libtls.la
modules_tls_libtls_la_SOURCES = \
	modules/tls/bind_crt.c \
	modules/tls/bio.c \
	modules/tls/certs_chain.c \
	modules/tls/certs_crtlist.c \
	modules/tls/certs_hello.c \
	modules/tls/certs_kw.c \
	modules/tls/certs_list.c \
	modules/tls/certs_live.c \
	modules/tls/certs_table.c \
	modules/tls/certs_variant.c \
	modules/tls/ca_dir.c \
	modules/tls/conv_x509.c \
	modules/tls/crt_list.c \
	modules/tls/crt_store.c \
	modules/tls/ctl_ca.c \
	modules/tls/ctl_cert.c \
	modules/tls/ctl_list.c \
	modules/tls/ctl_show.c \
	modules/tls/ctl_text.c \
	modules/tls/ctl_trust.c \
	modules/tls/ctx.c \
	modules/tls/expiry.c \
	modules/tls/early.c \
	modules/tls/early_seen.c \
	modules/tls/forge.c \
	modules/tls/fetch_cert.c \
	modules/tls/fetch_conn.c \
	modules/tls/fetch_dn.c \
	modules/tls/fetch_hello.c \
	modules/tls/fetch_keys.c \
	modules/tls/fetch_table.c \
	modules/tls/hello.c \
	modules/tls/keep.c \
	modules/tls/kernel.c \
	modules/tls/kernel.h \
	modules/tls/key.c \
	modules/tls/key.h \
	modules/tls/ocsp.c \
	modules/tls/ocsp_check.c \
	modules/tls/ocsp_cmd.c \
	modules/tls/ocsp_fetch.c \
	modules/tls/ocsp_http.c \
	modules/tls/ocsp_kw.c \
	modules/tls/ocsp_update.c \
	modules/tls/limits.c \
	modules/tls/memory.c \
	modules/tls/opts_kw.c \
	modules/tls/seal.c \
	modules/tls/server.c \
	modules/tls/server_conn.c \
	modules/tls/server_crt.c \
	modules/tls/server_early.c \
	modules/tls/server_kw.c \
	modules/tls/server_pp.c \
	modules/tls/server_sess.c \
	modules/tls/session.c \
	modules/tls/session_cache.c \
	modules/tls/sni.c \
	modules/tls/store.c \
	modules/tls/store_cert.c \
	modules/tls/store_load.c \
	modules/tls/ticket.c \
	modules/tls/ticket_ctl.c \
	modules/tls/ticket_file.c \
	modules/tls/tls_mod.c \
	modules/tls/transport.c \
	modules/tls/watch.c
module_LTLIBRARIES += modules/tls.la
modules_tls_la_SOURCES =
modules_tls_la_LIBADD = modules/tls/libtls.la $(OPENSSL_LIBS) $(LIBEVENT_EXTRA_LIBS)
modules_tls_la_LDFLAGS = $(MODULE_LINK)

# ---- table
noinst_LTLIBRARIES += modules/table/libtable.la
modules_table_libtable_la_SOURCES = \
	modules/table/act.c \
	modules/table/conv.c \
	modules/table/fetch.c \
	modules/table/filter.c \
	modules/table/key.c \
	modules/table/layout.c \
	modules/table/live.c \
	modules/table/ops.c \
	modules/table/public.c \
	modules/table/show.c \
	modules/table/siphash.c \
	modules/table/stick.c \
	modules/table/store.c \
	modules/table/table_conf.c \
	modules/table/table_mod.c \
	modules/table/track.c \
	modules/table/value.c \
	modules/table/walk.c
module_LTLIBRARIES += modules/table.la
modules_table_la_SOURCES =
modules_table_la_LIBADD = modules/table/libtable.la
modules_table_la_LDFLAGS = $(MODULE_LINK)

# ---- h2
if HAVE_NGHTTP2
noinst_LTLIBRARIES += modules/h2/libh2.la
modules_h2_libh2_la_SOURCES = \
	modules/h2/h2_block.c \
	modules/h2/h2_codec.c \
	modules/h2/h2_ctl.c \
	modules/h2/h2_feed.c \
	modules/h2/h2_field.c \
	modules/h2/h2_head.c \
	modules/h2/h2_out.c \
	modules/h2/h2_record.c \
	modules/h2/h2_session.c \
	modules/h2/h2_single.c \
	modules/h2/h2_stream.c \
	modules/h2/h2_submit.c
modules_h2_libh2_la_CFLAGS = $(AM_CFLAGS) $(NGHTTP2_CFLAGS)
module_LTLIBRARIES += modules/h2.la
modules_h2_la_SOURCES = \
	modules/h2/h2_conf.c \
	modules/h2/h2_mod.c \
	modules/h2/h2_mux.c \
	modules/h2/h2_report.c \
	modules/h2/h2_stream_io.c \
	modules/h2/h2_websocket.c
modules_h2_la_CFLAGS = $(AM_CFLAGS) $(NGHTTP2_CFLAGS)
modules_h2_la_LIBADD = modules/h2/libh2.la $(NGHTTP2_LIBS)
modules_h2_la_LDFLAGS = $(MODULE_LINK)
endif
