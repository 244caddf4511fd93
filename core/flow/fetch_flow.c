/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/fetch_flow.c - fetches about how an exchange is handled: timeouts in
 * force, its place in queues, its connections, ACLs by name.
 *
 * Any worker. source: HAProxy's manual (3.4), 7.3.2, 7.3.3 and 7.3.7.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include <tideway/edit.h>

#include "core/expr/fetch.h"
#include "core/flow/req.h"
#include "core/proxy/process.h"
#include "core/run/gen.h"
#include "core/run/worker.h"

/* ---- timeouts ------------------------------------------------------------- */

#define TIMEOUT(which)                                                     \
	TW__FETCH(cur_##which)                                             \
	{                                                                  \
		TW_GET_UNUSED;                                             \
		return tw_sample_int(out, tw_req_timeout_ms(req, #which)); \
	}

TIMEOUT(client)
TIMEOUT(connect)
TIMEOUT(queue)
TIMEOUT(server)
TIMEOUT(tarpit)
TIMEOUT(tunnel)

/* ---- ACLs ----------------------------------------------------------------- */

/* While a late check runs: an ACL of the proxy that it is about. */
struct tw__acl *
tw__flow_acl(struct tw_gen *gen, struct tw_str name, struct tw_err *err)
{
	const struct tw_proxy *const px = tw__expr_late_proxy();
	struct tw__ectx cx = {
		.gen = gen, .proxy = px, .where = TW_AT_ANY, .err = err
	};

	if (px == NULL) {
		tw_err_set(err, "ACLs are declared in proxies: there is no '%.*s' here",
		    TW_STR_FMT(name));
		return NULL;
	}
	struct tw__acl **const list = tw__proxy_acls((struct tw_proxy *)(uintptr_t)px);
	struct tw__acl *acl = tw__acl_find(*list, name.p);
	tw__expr_late_where(&cx);
	if (acl == NULL)
		acl = tw__acl_builtin(&cx, list, name.p);
	if (acl == NULL && err->text[0] == '\0')
		tw_err_set(err, "no ACL '%.*s' was declared in proxy '%s'",
		    TW_STR_FMT(name), px->name);
	if (acl != NULL)
		acl->used = true;
	return acl;
}

/* args[i].ptr: the ACL; args[i].n: it must not hold. */
static int
check_acl(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	for (int i = 0; i < TW__ARGS_MAX && args[i].type != TW_ANY; i++) {
		struct tw_str name = args[i].str;
		args[i].n = name.len > 0 && name.p[0] == '!';
		name.p += args[i].n;
		name.len -= (size_t)args[i].n;
		args[i].ptr = tw__flow_acl(gen, name, err);
		if (args[i].ptr == NULL)
			return -1;
	}
	return 0;
}

TW__FETCH(acl)
{
	(void)cur;
	for (int i = 0; i < TW__ARGS_MAX && args[i].type != TW_ANY; i++)
		if (args[i].ptr == NULL ||
		    tw__acl_eval(args[i].ptr, req) == (args[i].n != 0))
			return tw_sample_bool(out, false);
	return tw_sample_bool(out, true);
}

/* ---- processor time -------------------------------------------------------- */

TW__FETCH(cpu_usage_proc)
{
	TW_GET_UNUSED;
	return tw_sample_int(out,
	    100 - atomic_load_explicit(&tw__process.idle_pct, memory_order_relaxed));
}

TW__FETCH(cpu_usage_thr)
{
	TW_GET_UNUSED;
	const struct tw_worker *const w = tw_worker_self();
	return w != NULL && tw_sample_int(out, tw__worker_cpu_pct(w));
}

/* ---- rules ---------------------------------------------------------------- */

TW__FETCH(last_rule_file)
{
	TW_GET_UNUSED;
	return req->last_rule != NULL && req->last_rule->file != NULL &&
	    tw_sample_str(out, TW_STRING, tw_str_of(req->last_rule->file));
}

TW__FETCH(last_rule_line)
{
	TW_GET_UNUSED;
	return req->last_rule != NULL && tw_sample_int(out, req->last_rule->line);
}

static bool
give_entity(struct tw_req *req, const struct tw_filter *filter,
    const struct tw_origin *rule, struct tw_sample *out)
{
	char text[1024];

	if (filter != NULL)
		return tw_sample_str(out, TW_STRING, tw_str_of(filter->name));
	if (rule == NULL || rule->file == NULL)
		return false;
	const int n = snprintf(text, sizeof(text), "%s:%d", rule->file, rule->line);
	const size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	char *const mem = tw__scratch(req, len);
	if (mem == NULL)
		return false;
	memcpy(mem, text, len);
	return tw_sample_str(out, TW_STRING, (struct tw_str){ mem, len });
}

TW__FETCH(last_entity)
{
	TW_GET_UNUSED;
	return give_entity(req, req->last_filter, req->last_rule, out);
}

TW__FETCH(waiting_entity)
{
	TW_GET_UNUSED;
	return give_entity(req, req->waiting_filter, req->waiting, out);
}

/* Of the client's connection, its codec, its stream, the exchange, and the same
 * of the server: "-", as documented for those that note none. */
TW__FETCH(term_events)
{
	TW_GET_UNUSED;
	return tw_sample_str(out, TW_STRING, TW_STR("{-,-,-,-,-,-,-}"));
}

/* ---- queues, proxies ------------------------------------------------------ */

TW__FETCH(prio_class)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, req->pend.prio_class);
}

TW__FETCH(prio_offset)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, req->pend.prio_offset_ms);
}

TW__FETCH(fe_defbe)
{
	TW_GET_UNUSED;
	const struct tw_proxy *const be = req->fe->default_backend;
	return be != NULL && tw_sample_str(out, TW_STRING, tw_str_of(be->name));
}

TW__FETCH(stopping)
{
	TW_GET_UNUSED;
	return tw_sample_bool(
	    out, atomic_load_explicit(&tw__stopping, memory_order_relaxed) != 0);
}

/* ---- connections ---------------------------------------------------------- */

TW__FETCH(bc_reused)
{
	TW_GET_UNUSED;
	return req->srvc != NULL && tw_sample_bool(out, req->reused);
}

/* HTTP/1 and TCP carry one exchange at a time, and count nothing odd. */
static bool
give_mux(struct tw_conn *conn, struct tw_sample *out, size_t field)
{
	struct tw_mux_info info;

	if (conn == NULL)
		return false;
	tw_mux_info(conn, &info);
	return tw_sample_int(
	    out, *(const uint32_t *)(const void *)((char *)&info + field));
}

#define MUX(name, field)                                                              \
	TW__FETCH(fc_##name)                                                          \
	{                                                                             \
		TW_GET_UNUSED;                                                        \
		return give_mux(                                                      \
		    tw_req_conn(req), out, offsetof(struct tw_mux_info, field));      \
	}                                                                             \
	TW__FETCH(bc_##name)                                                          \
	{                                                                             \
		TW_GET_UNUSED;                                                        \
		return give_mux(req->srvc, out, offsetof(struct tw_mux_info, field)); \
	}

MUX(glitches, glitches)
MUX(nb_streams, streams)
MUX(settings_streams_limit, limit)

/* What may go wrong before the first request, and with servers. Errors of other
 * kinds than these leave no record. */
static const struct conn_error {
	int id;
	const char *name, *text;
} conn_errors[] = {
	{ 0, "", "Success" },
	{ 1, "CONF_FDLIM", "Reached configured maxconn value" },
	{ 2, "PROC_FDLIM", "Too many sockets on the process" },
	{ 3, "SYS_FDLIM", "Too many sockets on the system" },
	{ 4, "SYS_MEMLIM", "Out of system buffers" },
	{ 5, "NOPROTO", "Protocol or address family not supported" },
	{ 6, "SOCK_ERR", "General socket error" },
	{ 11, "PRX_EMPTY",
	    "Connection closed while waiting for PROXY protocol header" },
	{ 12, "PRX_ABORT", "Connection error while waiting for PROXY protocol header" },
	{ 13, "PRX_TIMEOUT", "Timeout while waiting for PROXY protocol header" },
	{ 14, "PRX_TRUNCATED", "Truncated PROXY protocol header received" },
	{ 15, "PRX_NOT_HDR",
	    "Received something which does not look like a PROXY protocol "
	    "header" },
	{ 16, "PRX_BAD_HDR", "Received an invalid PROXY protocol header" },
	{ 7, "PORT_RANGE", "Source port range exhausted" },
	{ 9, "FREE_PORTS", "Out of local source ports on the system" },
	{ 10, "ADDR_INUSE", "Local source address already in use" },
	{ 46, "EREFUSED", "ECONNREFUSED returned by OS" },
	{ 47, "ERESET", "ECONNRESET returned by OS" },
	{ 48, "EUNREACH", "ENETUNREACH returned by OS" },
	{ 49, "ENOMEM", "ENOMEM returned by OS" },
	{ 50, "EBADF", "EBADF returned by OS" },
	{ 51, "EFAULT", "EFAULT returned by OS" },
	{ 52, "EINVAL", "EINVAL returned by OS" },
	{ 53, "ENCONN", "ENCONN returned by OS" },
	{ 54, "ENSOCK", "ENSOCK returned by OS" },
	{ 55, "ENOBUFS", "ENOBUFS returned by OS" },
	{ 56, "EPIPE", "EPIPE returned by OS" },
	{ 17, "PRX_BAD_PROTO",
	    "Received an unhandled protocol in the PROXY protocol header" },
	{ 24, "SSL_EMPTY", "Connection closed during SSL handshake" },
	{ 25, "SSL_ABORT", "Connection error during SSL handshake" },
	{ 26, "SSL_TIMEOUT", "Timeout during SSL handshake" },
	{ 28, "SSL_NO_MEM", "Out of memory when initializing an SSL connection" },
	{ 30, "SSL_CA_FAIL", "SSL client CA chain cannot be verified" },
	{ 31, "SSL_CRT_FAIL", "SSL client certificate not trusted" },
	{ 32, "SSL_MISMATCH",
	    "Server presented an SSL certificate different from the configured one" },
	{ 33, "SSL_MISMATCH_SNI",
	    "Server presented an SSL certificate different from the expected one" },
	{ 34, "SSL_HANDSHAKE", "SSL handshake failure" },
	{ 43, "SSL_FATAL", "SSL fatal error" },
};

/* in: text, NULL: none. returns: the first one when it is none of these. */
static const struct conn_error *
conn_error_named(const char *text)
{
	for (size_t i = 1; text != NULL && i < TW_N_ELEMENTS(conn_errors); i++)
		if (strcmp(conn_errors[i].text, text) == 0)
			return &conn_errors[i];
	return &conn_errors[0];
}

static const struct conn_error *
conn_error_of(const struct tw_req *req)
{
	return conn_error_named(
	    req->failed && req->failed_at <= TW__HELLO ? req->fail_why : NULL);
}

static const struct conn_error *
conn_error_by(int id)
{
	size_t i = TW_N_ELEMENTS(conn_errors) - 1;

	while (i > 0 && conn_errors[i].id != id)
		i--;
	return &conn_errors[i];
}

/* Of the connection to the server, or the last that failed. */
static const struct conn_error *
server_error_of(const struct tw_req *req)
{
	static const struct {
		int e, id;
	} ids[] = { { EMFILE, 2 }, { ENFILE, 3 }, { EAFNOSUPPORT, 5 },
		{ EADDRNOTAVAIL, 9 }, { EADDRINUSE, 10 }, { ECONNREFUSED, 46 },
		{ ECONNRESET, 47 }, { ENETUNREACH, 48 }, { EHOSTUNREACH, 48 },
		{ ENOMEM, 49 }, { EBADF, 50 }, { EFAULT, 51 }, { EINVAL, 52 },
		{ ENOTCONN, 53 }, { ENOTSOCK, 54 }, { ENOBUFS, 55 }, { EPIPE, 56 } };
	const int e = req->srvc != NULL ? req->srvc->err : req->bc_errno;
	const struct conn_error *const said = conn_error_named(
	    req->srvc != NULL ? tw__conn_why(req->srvc) : req->connect_why);

	if (said->id != 0)
		return said;
	for (size_t i = 0; i < TW_N_ELEMENTS(ids); i++)
		if (e == ids[i].e)
			return conn_error_by(ids[i].id);
	return conn_error_by(e != 0 ? 6 : 0);
}

TW__FETCH(bc_err)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, server_error_of(req)->id);
}

TW__FETCH(bc_err_name)
{
	TW_GET_UNUSED;
	return tw_sample_str(out, TW_STRING, tw_str_of(server_error_of(req)->name));
}

TW__FETCH(bc_err_str)
{
	TW_GET_UNUSED;
	return tw_sample_str(out, TW_STRING, tw_str_of(server_error_of(req)->text));
}

TW__FETCH(fc_err)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, conn_error_of(req)->id);
}

TW__FETCH(fc_err_name)
{
	TW_GET_UNUSED;
	return tw_sample_str(out, TW_STRING, tw_str_of(conn_error_of(req)->name));
}

TW__FETCH(fc_err_str)
{
	TW_GET_UNUSED;
	return tw_sample_str(out, TW_STRING, tw_str_of(conn_error_of(req)->text));
}

/* ---- bytes ---------------------------------------------------------------- */

TW__FETCH(req_bytes_out)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (int64_t)req->up.bytes);
}

TW__FETCH(res_bytes_in)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (int64_t)req->down.bytes);
}

/* clang-format off */
#define ONE(name, type, fn, help)                                            \
	{ name, "", type, TW__AT_CLIENT, fetch_##fn, NULL, NULL, help }
const struct tw_fetch tw__flow_fetches[] = {
	{ "acl", "s,[s,s,s,s,s,s,s,s,s,s,s]", TW_BOOL, TW__AT_CLIENT, fetch_acl,
	    NULL, check_acl, "True when all of these ACLs hold ('!': does not)." },
	ONE("bc_err", TW_SINT, bc_err,
	    "What went wrong with the server's connection; 0: nothing."),
	ONE("bc_err_name", TW_STRING, bc_err_name,
	    "The same as a word; empty: nothing."),
	ONE("bc_err_str", TW_STRING, bc_err_str, "The same as text."),
	ONE("bc_glitches", TW_SINT, bc_glitches,
	    "Odd things the server did on its connection; none are noted of HTTP/1."),
	ONE("bc_nb_streams", TW_SINT, bc_nb_streams,
	    "Exchanges on the server's connection: one, in HTTP/1."),
	ONE("bc_reused", TW_BOOL, bc_reused,
	    "True when the server's connection has served a request before."),
	ONE("bc_settings_streams_limit", TW_SINT, bc_settings_streams_limit,
	    "How many exchanges the server's connection may carry at once."),
	ONE("cpu_usage_grp", TW_SINT, cpu_usage_proc,
	    "As cpu_usage_proc: there is one group of threads."),
	ONE("cpu_usage_proc", TW_SINT, cpu_usage_proc,
	    "How busy the traffic threads were in the last second, in percent of all."),
	ONE("cpu_usage_thr", TW_SINT, cpu_usage_thr,
	    "The same of the thread that asks."),
	ONE("cur_client_timeout", TW_SINT, cur_client,
	    "The timeout client in force for this exchange, ms."),
	ONE("cur_connect_timeout", TW_SINT, cur_connect,
	    "The timeout connect in force for this exchange, ms."),
	ONE("cur_queue_timeout", TW_SINT, cur_queue,
	    "The timeout queue in force for this exchange, ms."),
	ONE("cur_server_timeout", TW_SINT, cur_server,
	    "The timeout server in force for this exchange, ms."),
	ONE("cur_tarpit_timeout", TW_SINT, cur_tarpit,
	    "The timeout tarpit in force for this exchange, ms."),
	ONE("cur_tunnel_timeout", TW_SINT, cur_tunnel,
	    "The timeout tunnel in force for this exchange, ms."),
	ONE("fc_err", TW_SINT, fc_err,
	    "What went wrong with the client's connection; 0: nothing."),
	ONE("fc_err_name", TW_STRING, fc_err_name,
	    "The same as a word; empty: nothing."),
	ONE("fc_err_str", TW_STRING, fc_err_str, "The same as text."),
	ONE("fc_glitches", TW_SINT, fc_glitches,
	    "Odd things the client did on its connection; none are noted of HTTP/1."),
	ONE("fc_nb_streams", TW_SINT, fc_nb_streams,
	    "Exchanges on the client's connection: one, in HTTP/1."),
	ONE("fc_settings_streams_limit", TW_SINT, fc_settings_streams_limit,
	    "How many exchanges the client's connection may carry at once."),
	ONE("fe_defbe", TW_STRING, fe_defbe, "The name of the frontend's default_backend."),
	ONE("last_entity", TW_STRING, last_entity,
	    "The last rule that ended its rule set, as <file>:<line>, or the filter "
	    "that gave up."),
	ONE("last_rule_file", TW_STRING, last_rule_file,
	    "The file of the last rule that ended its rule set."),
	ONE("last_rule_line", TW_SINT, last_rule_line,
	    "The line of the last rule that ended its rule set."),
	ONE("prio_class", TW_SINT, prio_class, "What set-priority-class has set."),
	ONE("prio_offset", TW_SINT, prio_offset, "What set-priority-offset has set."),
	ONE("req.bytes_out", TW_SINT, req_bytes_out, "Bytes sent to the server so far."),
	ONE("res.bytes_in", TW_SINT, res_bytes_in, "Bytes received from the server so far."),
	ONE("term_events", TW_STRING, term_events,
	    "What ended each layer of an exchange: seven times '-', as no layer notes "
	    "that."),
	ONE("waiting_entity", TW_STRING, waiting_entity,
	    "The rule, as <file>:<line>, or the filter that the exchange was waiting for "
	    "when it failed."),
	{ "stopping", "", TW_BOOL, TW_AT_ANY, fetch_stopping, NULL, NULL,
	    "True while the program stops, and clients drain." },
	{ .name = NULL },
};
/* clang-format on */
