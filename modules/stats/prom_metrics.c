/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * prom_metrics.c - the tables of metrics, in HAProxy's order and by its names;
 * the histograms are ours.
 */
#include "prom.h"

const char *const prom_scope_names[PROM_N_SCOPES] = { "process", "frontend", "listener",
	"backend", "server", "sticktable", "certificate", "process" };

/* --- values that are neither counter nor gauge of the core --- */

static void
limit_or_nan(const struct prom_at *at, uint32_t limit)
{
	if (limit == 0)
		prom_nan(at);
	else
		prom_u64(at, NULL, NULL, limit);
}

static void
server_limit(const struct prom_at *at)
{
	limit_or_nan(at, tw_server_maxconn(at->srv));
}

static void
server_queue_limit(const struct prom_at *at)
{
	limit_or_nan(at, tw_server_maxqueue(at->srv));
}

static void
nan_value(const struct prom_at *at)
{
	prom_nan(at);
}

static void
zero(const struct prom_at *at)
{
	prom_u64(at, NULL, NULL, 0);
}

static void
server_weight(const struct prom_at *at)
{
	prom_u64(at, NULL, NULL, tw_server_weight(at->srv));
}

static void
server_changed(const struct prom_at *at)
{
	prom_i64(at, tw_server_changed_s(at->srv));
}

static bool
is_checked(const struct prom_at *at)
{
	return tw_server_is_checked(at->srv) && !tw_server_checks_paused(at->srv);
}

static void
checked_sum(const struct prom_at *at, enum tw_cnt id, uint64_t unit)
{
	if (is_checked(at))
		prom_u64(at, NULL, NULL, tw_server_sum(at->srv, id) / unit);
	else
		prom_nan(at);
}

static void
server_downtime(const struct prom_at *at)
{
	checked_sum(at, TW_CNT_DOWNTIME_MS, 1000);
}

static void
server_check_failures(const struct prom_at *at)
{
	checked_sum(at, TW_CNT_CHKFAIL, 1);
}

static void
server_up_down(const struct prom_at *at)
{
	checked_sum(at, TW_CNT_CHKDOWN, 1);
}

/* What a check said is told while it is made. */
static bool
tells_check(const struct prom_at *at)
{
	return is_checked(at) && !(tw_server_admin(at->srv) & TW_ADM_MAINT);
}

static void
server_check_status(const struct prom_at *at)
{
	if (tells_check(at))
		prom_check_status(at);
}

static void
server_check_code(const struct prom_at *at)
{
	struct tw_check_result r;

	if (!tells_check(at))
		return;
	tw_server_last_check(at->srv, &r);
	prom_u64(at, NULL, NULL, r.status);
}

static void
server_check_duration(const struct prom_at *at)
{
	struct tw_check_result r;

	if (!tells_check(at))
		return;
	tw_server_last_check(at->srv, &r);
	if (r.what == TW_CHK_UNK || r.what == TW_CHK_INI)
		return;
	prom_seconds(at, r.duration_ms);
}

static void
last_session(const struct prom_at *at)
{
	struct tw_gauges g;

	if (at->scope == PROM_SERVER)
		tw_server_gauges(at->srv, &g);
	else
		tw_proxy_gauges(at->px, TW_BACKEND, &g);
	prom_i64(at, g.last_session_s);
}

static void
usable(const struct prom_at *at, int *active, int *backup, uint32_t *weight)
{
	tw_proxy_usable(at->px, active, backup, weight);
}

static void
backend_weight(const struct prom_at *at)
{
	int active, backup;
	uint32_t weight;

	usable(at, &active, &backup, &weight);
	prom_u64(at, NULL, NULL, weight);
}

static void
backend_active(const struct prom_at *at)
{
	int active, backup;
	uint32_t weight;

	usable(at, &active, &backup, &weight);
	prom_u64(at, NULL, NULL, (uint64_t)active);
}

static void
backend_backup(const struct prom_at *at)
{
	int active, backup;
	uint32_t weight;

	usable(at, &active, &backup, &weight);
	prom_u64(at, NULL, NULL, (uint64_t)backup);
}

static void
backend_up_down(const struct prom_at *at)
{
	prom_u64(at, NULL, NULL, tw_backend_chkdown(at->px));
}

static void
backend_changed(const struct prom_at *at)
{
	prom_i64(at, tw_backend_changed_s(at->px));
}

static void
backend_downtime(const struct prom_at *at)
{
	prom_u64(at, NULL, NULL, tw_backend_downtime_s(at->px));
}

/* --- the process --- */

static void
build_info(const struct prom_at *at)
{
	prom_u64(at, "version", at->process->version, 1);
}

#define PROCESS(fn, value)                                   \
	static void fn(const struct prom_at *at)             \
	{                                                    \
		prom_u64(at, NULL, NULL, (uint64_t)(value)); \
	}
PROCESS(p_nbthread, at->process->n_threads)
PROCESS(p_one, 1)
PROCESS(p_uptime, at->process->uptime_s)
PROCESS(p_fds, at->process->ulimit_n)
PROCESS(p_sockets, at->process->maxsock)
PROCESS(p_maxconn, at->process->maxconn)
PROCESS(p_hard_maxconn, at->process->hard_maxconn)
PROCESS(p_conns, at->process->cur_conns)
PROCESS(p_cum_conns, at->process->cum_conns)
PROCESS(p_cum_req, at->process->cum_req)
PROCESS(p_conn_rate, at->process->conn_rate)
PROCESS(p_conn_limit, at->process->conn_rate_limit)
PROCESS(p_comp_in, at->process->comp_in)
PROCESS(p_comp_out, at->process->comp_out)
PROCESS(p_comp_limit, at->process->comp_rate_limit)
PROCESS(p_comp_memory, at->process->comp_memory)
PROCESS(p_comp_memory_limit, at->process->comp_memory_limit)
PROCESS(p_conn_max, at->process->max_conn_rate)
PROCESS(p_sess_rate, at->process->cur_sess_rate)
PROCESS(p_sess_limit, at->process->sess_rate_limit)
PROCESS(p_sess_max, at->process->max_sess_rate)
PROCESS(p_tasks, at->process->n_tasks)
PROCESS(p_idle, at->process->idle_pct)
PROCESS(p_stopping, at->process->stopping)
PROCESS(p_jobs, at->process->cur_conns + at->process->n_listeners)
PROCESS(p_listeners, at->process->n_listeners)
PROCESS(p_lost, at->process->log_lost)
PROCESS(p_bytes, at->process->bytes_out)
PROCESS(p_bytes_rate, at->process->bytes_out_rate)
PROCESS(p_generation, at->process->generation)
PROCESS(p_heap, at->process->heap)
PROCESS(p_heap_used, at->process->heap_used)
PROCESS(tls_limit, tw_info("MaxSslConns"))
PROCESS(tls_now, tw_info("CurrSslConns"))
PROCESS(tls_ever, tw_info("CumSslConns"))
PROCESS(tls_rate, tw_info("SslRate"))
PROCESS(tls_rate_limit, tw_info("SslRateLimit"))
PROCESS(tls_rate_max, tw_info("MaxSslRate"))
PROCESS(tls_keys, tw_info("SslFrontendKeyRate"))
PROCESS(tls_keys_max, tw_info("SslFrontendMaxKeyRate"))
PROCESS(tls_reuse, tw_info("SslFrontendSessionReuse_pct"))
PROCESS(tls_srv_keys, tw_info("SslBackendKeyRate"))
PROCESS(tls_srv_keys_max, tw_info("SslBackendMaxKeyRate"))
PROCESS(tls_lookups, tw_info("SslCacheLookups"))
PROCESS(tls_misses, tw_info("SslCacheMisses"))
PROCESS(p_start, tw_wall_us() / 1000000 - at->process->uptime_s)

/* clang-format off */
#define C(name, id, help) \
	{ name "_total", "counter", help, PROM_COUNTER_CELL, TW_CNT_##id, NULL, false },
#define CH(name, id, help) \
	{ name "_total", "counter", help, PROM_COUNTER_CELL, TW_CNT_##id, NULL, true },
#define G(name, field, help) \
	{ name, "gauge", help, PROM_GAUGE32, offsetof(struct tw_gauges, field), NULL, false },
#define GH(name, field, help) \
	{ name, "gauge", help, PROM_GAUGE32, offsetof(struct tw_gauges, field), NULL, true },
#define S(name, field, help) \
	{ name "_seconds", "gauge", help, PROM_GAUGE_MS, \
	  offsetof(struct tw_gauges, field), NULL, false },
#define F(name, type, fn, help) { name, type, help, PROM_OTHER, 0, fn, false },
#define FH(name, type, fn, help) { name, type, help, PROM_OTHER, 0, fn, true },

static const struct prom_metric process[] = {
	F("nbthread", "gauge", p_nbthread, "Threads.")
	F("nbproc", "gauge", p_one, "Worker processes, always 1.")
	F("relative_process_id", "gauge", p_one, "Number of this process, always 1.")
	F("uptime_seconds", "gauge", p_uptime, "How long the process has been running.")
	F("pool_failures_total", "counter", zero, "Requests for memory that failed.")
	F("max_fds", "gauge", p_fds, "Limit of open file descriptors.")
	F("max_sockets", "gauge", p_sockets, "Limit of sockets.")
	F("max_connections", "gauge", p_maxconn, "Limit of connections in force.")
	F("hard_max_connections", "gauge", p_hard_maxconn,
	  "Limit of connections as configured.")
	F("current_connections", "gauge", p_conns, "Connections now.")
	F("connections_total", "counter", p_cum_conns, "Connections so far.")
	F("requests_total", "counter", p_cum_req, "Requests so far.")
	F("max_ssl_connections", "gauge", tls_limit, "Limit of TLS connections, 0: none.")
	F("current_ssl_connections", "gauge", tls_now, "TLS connections now.")
	F("ssl_connections_total", "counter", tls_ever, "TLS connections so far.")
	F("max_pipes", "gauge", zero, "Limit of pipes for splicing, 0: none.")
	F("pipes_used_total", "counter", zero, "Pipes in use.")
	F("pipes_free_total", "counter", zero, "Pipes that wait for use.")
	F("current_connection_rate", "gauge", p_conn_rate, "Connections in the last second.")
	F("limit_connection_rate", "gauge", p_conn_limit, "Limit of connections in a second.")
	F("max_connection_rate", "gauge", p_conn_max, "Most connections in a second.")
	F("current_session_rate", "gauge", p_sess_rate, "Sessions in the last second.")
	F("limit_session_rate", "gauge", p_sess_limit, "Limit of sessions in a second.")
	F("max_session_rate", "gauge", p_sess_max, "Most sessions in a second.")
	F("current_ssl_rate", "gauge", tls_rate, "TLS connections in the last second.")
	F("limit_ssl_rate", "gauge", tls_rate_limit, "Limit of TLS connections in a second.")
	F("max_ssl_rate", "gauge", tls_rate_max, "Most TLS connections in a second.")
	F("current_frontend_ssl_key_rate", "gauge", tls_keys, "TLS keys for clients now.")
	F("max_frontend_ssl_key_rate", "gauge", tls_keys_max,
	  "Most TLS keys for clients in a second.")
	F("frontend_ssl_reuse", "gauge", tls_reuse,
	  "TLS connections without a new key, percent.")
	F("current_backend_ssl_key_rate", "gauge", tls_srv_keys, "TLS keys for servers now.")
	F("max_backend_ssl_key_rate", "gauge", tls_srv_keys_max,
	  "Most TLS keys for servers in a second.")
	F("ssl_cache_lookups_total", "counter", tls_lookups,
	  "TLS sessions looked for in the cache.")
	F("ssl_cache_misses_total", "counter", tls_misses,
	  "TLS sessions not found in the cache.")
	F("http_comp_bytes_in_total", "counter", p_comp_in, "Bytes given to the compressor.")
	F("http_comp_bytes_out_total", "counter", p_comp_out, "Bytes that the compressor made.")
	F("limit_http_comp", "gauge", p_comp_limit, "Limit of the compressor's rate.")
	F("current_zlib_memory", "gauge", p_comp_memory, "Memory of the compressor.")
	F("max_zlib_memory", "gauge", p_comp_memory_limit, "Limit of the compressor's memory.")
	F("current_tasks", "gauge", p_tasks, "Tasks.")
	F("current_run_queue", "gauge", zero, "Tasks that are ready to run.")
	F("idle_time_percent", "gauge", p_idle, "Part of the last second slept.")
	F("stopping", "gauge", p_stopping, "1 while the process ends.")
	F("jobs", "gauge", p_jobs, "Connections and listeners.")
	F("unstoppable_jobs", "gauge", zero, "Jobs that nothing can stop.")
	F("listeners", "gauge", p_listeners, "Listeners.")
	F("active_peers", "gauge", zero, "Peers that are verified.")
	F("connected_peers", "gauge", zero, "Peers that are connected.")
	F("dropped_logs_total", "counter", p_lost, "Log lines that a receiver did not take.")
	F("busy_polling_enabled", "gauge", zero, "1 while threads poll without sleeping.")
	F("failed_resolutions", "counter", zero, "Names that could not be resolved.")
	F("bytes_out_total", "counter", p_bytes, "Bytes sent to clients so far.")
	F("spliced_bytes_out_total", "counter", zero,
	  "Bytes sent through a pipe of the kernel.")
	F("bytes_out_rate", "gauge", p_bytes_rate, "Bytes sent to clients in the last second.")
	F("recv_logs_total", "counter", zero, "Log messages received.")
	F("build_info", "gauge", build_info, "The build.")
	F("max_memory_bytes", "gauge", zero, "Limit of memory, 0: none.")
	F("pool_allocated_bytes", "gauge", p_heap, "Memory taken from the system.")
	F("pool_used_bytes", "gauge", p_heap_used, "Memory in use.")
	F("start_time_seconds", "gauge", p_start, "When the process was started.")
	F("configurations_total", "counter", p_generation, "Configurations so far.")
	{ .name = NULL },
};

#define SESSIONS \
	G("current_sessions", cur, "Sessions now.") \
	G("max_sessions", max, "Most sessions so far.")
#define BYTES \
	C("bytes_in", BIN, "Bytes from clients.") \
	C("bytes_out", BOUT, "Bytes to clients.")
#define RESPONSES FH("http_responses_total", "counter", prom_responses, "Responses by status.")
#define COMPRESSION \
	CH("http_comp_bytes_in", COMP_IN, "Bytes given to the compressor.") \
	CH("http_comp_bytes_out", COMP_OUT, "Bytes that the compressor made.") \
	CH("http_comp_bytes_bypassed", COMP_BYP, "Bytes that passed by the compressor.") \
	CH("http_comp_responses", COMP_RSP, "Responses compressed.")
#define CACHE \
	CH("http_cache_lookups", CACHE_LOOKUPS, "Lookups in the cache.") \
	CH("http_cache_hits", CACHE_HITS, "Lookups that found something in the cache.")
#define AVERAGES \
	S("queue_time_average", qtime_ms, "Time in the queue, average of the last 1024.") \
	S("connect_time_average", ctime_ms, "Time to connect, average of the last 1024.") \
	S("response_time_average", rtime_ms, \
	  "Time to the response, average of the last 1024.") \
	S("total_time_average", ttime_ms, "Time in all, average of the last 1024.")
#define MAXIMA \
	S("max_queue_time", qtime_max_ms, "Longest time in the queue.") \
	S("max_connect_time", ctime_max_ms, "Longest time to connect.") \
	S("max_response_time", rtime_max_ms, "Longest time until the response.") \
	S("max_total_time", ttime_max_ms, "Longest time in all.")
#define UPSTREAM \
	C("connection_errors", ECON, "Failed attempts to connect to a server.") \
	C("response_errors", ERESP, "Responses that were bad or aborted.") \
	C("retry_warnings", WRETR, "Attempts to connect that were repeated.") \
	C("redispatch_warnings", WREDIS, "Requests sent to another server than wanted.")
#define ABORTS \
	C("client_aborts", CLI_ABRT, "Transfers aborted by clients.") \
	C("server_aborts", SRV_ABRT, "Transfers aborted by servers.")
#define CONNECTIONS \
	C("connection_attempts", CONNECT, "Attempts to connect.") \
	C("connection_reuses", REUSE, "Idle connections used again.")
#define LATENCY F("latency_seconds", "histogram", prom_latency, \
	"Time in all of requests (mode http) or sessions.")

static const struct prom_metric frontend[] = {
	SESSIONS
	G("limit_sessions", limit, "Limit of sessions.")
	C("sessions", SESS, "Sessions so far.")
	BYTES
	C("requests_denied", DREQ, "Requests denied by rules.")
	C("responses_denied", DRESP, "Responses denied by rules.")
	C("request_errors", EREQ, "Requests that were bad, late or aborted.")
	F("status", "gauge", prom_status, "State now.")
	F("limit_session_rate", "gauge", zero, "Limit of sessions in a second.")
	G("max_session_rate", rate_max, "Most sessions in a second.")
	RESPONSES
	GH("http_requests_rate_max", req_rate_max, "Most requests in a second.")
	CH("http_requests", REQ, "Requests so far.")
	COMPRESSION
	G("connections_rate_max", conn_rate_max, "Most connections in a second.")
	C("connections", CONN, "Connections so far.")
	CH("intercepted_requests", INTERCEPTED, "Requests answered by the program itself.")
	C("denied_connections", DCON, "Connections denied by rules.")
	C("denied_sessions", DSES, "Sessions denied by rules.")
	C("failed_header_rewriting", WREW, "Headers that could not be changed.")
	CACHE
	C("internal_errors", EINT, "Internal errors.")
	LATENCY
	{ .name = NULL },
};

static const struct prom_metric listener[] = {
	SESSIONS
	G("limit_sessions", limit, "Limit of sessions.")
	C("sessions", SESS, "Sessions so far.")
	BYTES
	C("requests_denied", DREQ, "Requests denied by rules.")
	C("responses_denied", DRESP, "Responses denied by rules.")
	C("request_errors", EREQ, "Requests that were bad, late or aborted.")
	F("status", "gauge", prom_status, "State now.")
	C("denied_connections", DCON, "Connections denied by rules.")
	C("denied_sessions", DSES, "Sessions denied by rules.")
	C("failed_header_rewriting", WREW, "Headers that could not be changed.")
	C("internal_errors", EINT, "Internal errors.")
	{ .name = NULL },
};

static const struct prom_metric backend[] = {
	G("current_queue", queue, "Requests in the queue now.")
	G("max_queue", queue_max, "Most requests in the queue so far.")
	SESSIONS
	G("limit_sessions", limit, "Limit of sessions.")
	C("sessions", SESS, "Sessions so far.")
	BYTES
	C("requests_denied", DREQ, "Requests denied by rules.")
	C("responses_denied", DRESP, "Responses denied by rules.")
	UPSTREAM
	F("status", "gauge", prom_status, "State now.")
	F("weight", "gauge", backend_weight, "Sum of the weights in force.")
	F("active_servers", "gauge", backend_active, "Active servers that are usable.")
	F("backup_servers", "gauge", backend_backup, "Backup servers that are usable.")
	F("check_up_down_total", "counter", backend_up_down, "Changes from up to down.")
	F("check_last_change_seconds", "gauge", backend_changed, "Since the state changed.")
	F("downtime_seconds_total", "counter", backend_downtime, "Time spent down.")
	C("loadbalanced", LBTOT, "Times a server was chosen by the balance algorithm.")
	G("max_session_rate", rate_max, "Most sessions in a second.")
	RESPONSES
	CH("http_requests", REQ, "Requests so far.")
	ABORTS
	COMPRESSION
	F("last_session_seconds", "gauge", last_session, "Since the last session, -1: none.")
	AVERAGES
	C("failed_header_rewriting", WREW, "Headers that could not be changed.")
	CONNECTIONS
	CACHE
	MAXIMA
	C("internal_errors", EINT, "Internal errors.")
	F("uweight", "gauge", backend_weight, "Sum of the weights that were set.")
	F("agg_server_status", "gauge", prom_agg_server, "Servers by their state.")
	F("agg_server_check_status", "gauge", prom_agg_server, "The same, by its old name.")
	F("agg_check_status", "gauge", prom_agg_check, "Servers by their last health check.")
	LATENCY
	{ .name = NULL },
};

static const struct prom_metric server[] = {
	G("current_queue", queue, "Requests in the queue now.")
	G("max_queue", queue_max, "Most requests in the queue so far.")
	SESSIONS
	F("limit_sessions", "gauge", server_limit, "Limit of sessions.")
	C("sessions", SESS, "Sessions so far.")
	BYTES
	C("responses_denied", DRESP, "Responses denied by rules.")
	UPSTREAM
	F("status", "gauge", prom_status, "State now.")
	F("weight", "gauge", server_weight, "Weight in force.")
	F("check_failures_total", "counter", server_check_failures,
	  "Failed checks while it was up.")
	F("check_up_down_total", "counter", server_up_down, "Changes from up to down.")
	F("check_last_change_seconds", "gauge", server_changed, "Since the state changed.")
	F("downtime_seconds_total", "counter", server_downtime, "Time spent down.")
	F("queue_limit", "gauge", server_queue_limit, "Limit of the queue.")
	F("current_throttle", "gauge", nan_value, "Part of the weight during slow start.")
	C("loadbalanced", LBTOT, "Times chosen by the balance algorithm.")
	G("max_session_rate", rate_max, "Most sessions in a second.")
	F("check_status", "gauge", server_check_status, "Result of the last health check.")
	F("check_code", "gauge", server_check_code, "Status code of the last health check.")
	F("check_duration_seconds", "gauge", server_check_duration, "The last check's time.")
	RESPONSES
	ABORTS
	F("last_session_seconds", "gauge", last_session, "Since the last session, -1: none.")
	AVERAGES
	C("failed_header_rewriting", WREW, "Headers that could not be changed.")
	CONNECTIONS
	G("idle_connections_current", idle, "Idle connections now.")
	F("idle_connections_limit", "gauge", nan_value, "Limit of idle connections.")
	MAXIMA
	C("internal_errors", EINT, "Internal errors.")
	F("unsafe_idle_connections_current", "gauge", zero, "Idle, not safe to share.")
	G("safe_idle_connections_current", idle, "Idle connections that are safe to share.")
	G("used_connections_current", cur, "Connections in use now.")
	G("need_connections_current", cur, "Connections that are needed, estimated.")
	F("uweight", "gauge", server_weight, "Weight that was set.")
	LATENCY
	{ .name = NULL },
};
/* clang-format on */

const struct prom_metric *const prom_metrics[PROM_N_SCOPES] = { process, frontend,
	listener, backend, server, prom_table_metrics, prom_certificate_metrics,
	prom_module_metrics };
