# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The core: everything but main.c is an archive, so that the unit tests link
# what the program links. The program takes the whole archive and exports its
# TW_API symbols, because modules resolve them from there.
#
# To add a source, add its line to core_libcore_a_SOURCES, sorted. Headers
# need no line.

noinst_LIBRARIES += core/libcore.a
core_libcore_a_SOURCES = \
	core/base/arena.c \
	core/base/child.c \
	core/base/encode.c \
	core/base/err.c \
	core/base/hash.c \
	core/base/oplog.c \
	core/base/panic.c \
	core/base/str.c \
	core/conf/apply.c \
	core/conf/chapter.c \
	core/conf/dead_forms.c \
	core/conf/dead_rules.c \
	core/conf/directives.c \
	core/conf/dump.c \
	core/conf/env.c \
	core/conf/lexer.c \
	core/conf/line.c \
	core/conf/manual.c \
	core/conf/parser.c \
	core/conf/path.c \
	core/conf/predicate.c \
	core/conf/read.c \
	core/conf/registry.c \
	core/conf/report.c \
	core/conf/table.c \
	core/conf/units.c \
	core/conf/unknown.c \
	core/expr/acl.c \
	core/expr/acl_told.c \
	core/expr/arg_var.c \
	core/expr/bound.c \
	core/expr/cast.c \
	core/expr/cond.c \
	core/expr/condrun.c \
	core/expr/conv.c \
	core/expr/conv_crypto.c \
	core/expr/conv_encode.c \
	core/expr/conv_hash.c \
	core/expr/conv_json.c \
	core/expr/conv_jwt.c \
	core/expr/conv_map.c \
	core/expr/conv_mqtt.c \
	core/expr/conv_net.c \
	core/expr/conv_number.c \
	core/expr/conv_proto.c \
	core/expr/conv_packet.c \
	core/expr/conv_regsub.c \
	core/expr/conv_rfc7239.c \
	core/expr/conv_state.c \
	core/expr/conv_string.c \
	core/expr/conv_time.c \
	core/expr/ecdh.c \
	core/expr/expr.c \
	core/expr/fetch_conn.c \
	core/expr/fetch_const.c \
	core/expr/fetch_content.c \
	core/expr/fetch_l4.c \
	core/expr/fetch_proxy.c \
	core/expr/jwe.c \
	core/expr/logenc.c \
	core/expr/fetch_state.c \
	core/expr/fix.c \
	core/expr/fold.c \
	core/expr/hello.c \
	core/expr/implies.c \
	core/expr/logfmt.c \
	core/expr/logtext.c \
	core/expr/mapidx.c \
	core/expr/memo.c \
	core/expr/mqtt.c \
	core/expr/packet.c \
	core/expr/patref.c \
	core/expr/patref_cmd.c \
	core/expr/patref_number.c \
	core/expr/patref_public.c \
	core/expr/patref_rule.c \
	core/expr/pattern.c \
	core/expr/regex.c \
	core/expr/register.c \
	core/expr/replace.c \
	core/expr/steady.c \
	core/expr/strset.c \
	core/flow/capture.c \
	core/flow/capture_vars.c \
	core/expr/topics.c \
	core/expr/vars.c \
	core/expr/vars_dump.c \
	core/expr/vars_if.c \
	core/expr/vars_proc.c \
	core/flow/check_req.c \
	core/expr/subset.c \
	core/flow/body_now.c \
	core/flow/body_res.c \
	core/flow/client.c \
	core/flow/content.c \
	core/flow/crash.c \
	core/flow/debug.c \
	core/flow/conv_flow.c \
	core/flow/early.c \
	core/flow/edit.c \
	core/flow/fetch_flow.c \
	core/flow/exchange.c \
	core/flow/filter.c \
	core/flow/hooks.c \
	core/flow/latency.c \
	core/flow/log.c \
	core/flow/logvars.c \
	core/flow/msg.c \
	core/flow/mux.c \
	core/flow/websocket.c \
	core/flow/pick.c \
	core/flow/proxy_head.c \
	core/flow/relay.c \
	core/flow/reply.c \
	core/flow/serve.c \
	core/flow/serve_api.c \
	core/flow/serve_names.c \
	core/flow/serve_reply.c \
	core/flow/req.c \
	core/flow/retry.c \
	core/flow/run.c \
	core/flow/server.c \
	core/flow/sessions.c \
	core/flow/shut.c \
	core/flow/stick.c \
	core/flow/target.c \
	core/flow/trail.c \
	core/flow/trail_diff.c \
	core/flow/trail_json.c \
	core/flow/trail_live.c \
	core/flow/trail_text.c \
	core/flow/unique_id.c \
	core/flow/uri.c \
	core/flow/watch.c \
	core/module/find.c \
	core/module/hooks.c \
	core/module/life.c \
	core/module/loader.c \
	core/module/object.c \
	core/module/order.c \
	core/module/report.c \
	core/module/table.c \
	core/net/ask.c \
	core/net/bind_opt.c \
	core/net/buf.c \
	core/net/conn.c \
	core/net/conn_view.c \
	core/net/drain.c \
	core/net/handover.c \
	core/net/later.c \
	core/net/linger.c \
	core/net/listener.c \
	core/net/netns.c \
	core/net/offer.c \
	core/net/outgoing.c \
	core/net/pause.c \
	core/net/proxy_hdr.c \
	core/net/rate.c \
	core/net/trim.c \
	core/net/spread.c \
	core/net/tune.c \
	core/net/upstream.c \
	core/proxy/access.c \
	core/proxy/acl_kw.c \
	core/proxy/addr.c \
	core/proxy/bad.c \
	core/proxy/balance.c \
	core/proxy/bind.c \
	core/proxy/capture_kw.c \
	core/proxy/check.c \
	core/proxy/check_pause.c \
	core/proxy/direct.c \
	core/proxy/dynamic.c \
	core/proxy/hints.c \
	core/proxy/histogram.c \
	core/proxy/forward.c \
	core/proxy/forward_kw.c \
	core/proxy/forward_msg.c \
	core/proxy/guid.c \
	core/proxy/compressed.c \
	core/proxy/follow.c \
	core/proxy/info.c \
	core/proxy/labels.c \
	core/proxy/live.c \
	core/proxy/log_backend.c \
	core/proxy/log_cmd.c \
	core/proxy/log_kw.c \
	core/proxy/logbuf.c \
	core/proxy/logfmt_kw.c \
	core/proxy/logger.c \
	core/proxy/logtarget.c \
	core/proxy/persist.c \
	core/proxy/profile_kw.c \
	core/proxy/option_kw.c \
	core/proxy/probe.c \
	core/proxy/proxy_kw.c \
	core/proxy/queue.c \
	core/proxy/resolve.c \
	core/proxy/retry_kw.c \
	core/proxy/ring.c \
	core/proxy/ring_file.c \
	core/proxy/ring_kw.c \
	core/proxy/ring_send.c \
	core/proxy/route.c \
	core/proxy/sections.c \
	core/proxy/server.c \
	core/proxy/server_addr.c \
	core/proxy/server_pp.c \
	core/proxy/runtime.c \
	core/proxy/server_state.c \
	core/proxy/socket_kw.c \
	core/proxy/source_kw.c \
	core/proxy/stats.c \
	core/proxy/status_kw.c \
	core/proxy/unix_bind.c \
	core/proxy/turn.c \
	core/proxy/use_run.c \
	core/proxy/watch.c \
	core/run/affinity.c \
	core/run/affinity_kw.c \
	core/run/groups.c \
	core/run/topology.c \
	core/run/boot.c \
	core/run/cli.c \
	core/run/cli_line.c \
	core/run/cli_text.c \
	core/run/commands.c \
	core/run/control.c \
	core/run/control_conf.c \
	core/run/daemon.c \
	core/run/explain.c \
	core/run/explain_drive.c \
	core/run/explain_opt.c \
	core/run/explain_print.c \
	core/run/play.c \
	core/run/gen.c \
	core/run/global.c \
	core/run/limits.c \
	core/run/master.c \
	core/run/master_cli.c \
	core/run/notify.c \
	core/run/options.c \
	core/run/pidfile.c \
	core/run/prescan.c \
	core/run/privileges.c \
	core/run/process.c \
	core/run/reload.c \
	core/run/show.c \
	core/run/signals.c \
	core/run/tune_kw.c \
	core/run/usage.c \
	core/run/wheel.c \
	core/run/worker.c

pkginclude_HEADERS = $(wildcard $(srcdir)/core/tideway/*.h \
	$(srcdir)/core/tideway/*.def)
noinst_HEADERS += $(filter-out $(srcdir)/core/tideway/%, \
	$(wildcard $(srcdir)/core/*/*.h $(srcdir)/core/*/*.def))

sbin_PROGRAMS += tideway
tideway_SOURCES = core/run/main.c
tideway_LDFLAGS = $(AM_LDFLAGS) -Wl,--export-dynamic \
	-Wl,--whole-archive,core/libcore.a,--no-whole-archive
tideway_LDADD = $(TW_CORE_LIBS)
tideway_DEPENDENCIES = core/libcore.a

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = core/tideway.pc
