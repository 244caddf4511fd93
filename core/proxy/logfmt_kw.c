/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * logfmt_kw.c - what a log line says: formats, and when one is written.
 *
 * Formats are compiled where they stand; what depends on a proxy's mode, which
 * may be set further down, is decided when all files are read. Start-up and
 * control thread. source: HAProxy's manual, 4.2 and 8.2.
 */
#include "config.h"

#include "expr/expr_int.h"
#include "proxy/forward.h"
#include "proxy/logger.h"
#include "proxy/proxy_int.h"
#include "proxy/ring.h"

enum format_kind {
	KIND_DEFAULT,
	KIND_TCP,
	KIND_HTTP,
	KIND_CUSTOM,
	KIND_HTTPS,
	KIND_JSON,
};

#define HTTP_FORMAT                                                        \
	"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc " \
	"%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"

static const char tcp_format[] =
    "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";
static const char http_format[] = HTTP_FORMAT;
static const char https_format[] = HTTP_FORMAT
    " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] "
    "%[ssl_fc_sni]/%sslv/%sslc";
/* The same where no module knows of TLS. */
static const char plain_https_format[] = HTTP_FORMAT " %[fc_err]/-/-/-/0 -/-/-";
static const char clf_format[] =
    "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s "
    "%TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl";
/* The names are a promise: they may become more, never others. What a client
 * can make long comes last, so that it takes no other field's room. */
#define JSON_BEGIN                                                  \
	"%{+json}o %(time)isodate %(client_ip)ci %(client_port)cp " \
	"%(frontend)f %(backend)b %(server)s "
#define JSON_COUNTS                                            \
	"%(bytes_out)B %(bytes_in)U %(connections)ac "         \
	"%(frontend_connections)fc %(backend_sessions)bc "     \
	"%(server_sessions)sc %(retries)rc %(server_queue)sq " \
	"%(backend_queue)bq %(unique_id)ID"
static const char json_http_format[] =
    JSON_BEGIN "%(status)ST %(state)tsc %(time_request)TR %(time_queue)Tw "
	       "%(time_connect)Tc %(time_response)Tr %(time_total)Ta " JSON_COUNTS
	       " %(method)HM %(version)HV %(request_cookie)CC %(response_cookie)CS "
	       "%(request_headers)hr %(response_headers)hs %(uri)HU";
static const char json_tcp_format[] = JSON_BEGIN
    "%(state)ts %(time_queue)Tw %(time_connect)Tc %(time_total)Tt " JSON_COUNTS;
static const char default_format[] = "Connect from %ci:%cp to %fi:%fp (%f/TCP)";
static const char default_http_format[] = "Connect from %ci:%cp to %fi:%fp (%f/HTTP)";
static const char error_format[] = "%ci:%cp [%t] %f/";

static struct tw__proxy_conf *
conf_of(struct tw_line *ln)
{
	return &ln->proxy->c;
}

/* ---- formats ------------------------------------------------------------ */

static int
set_format(struct tw_line *ln, enum format_kind kind, int i, const char *text)
{
	struct tw__proxy_conf *const c = conf_of(ln);
	struct tw_logfmt *const f = tw_logfmt_compile(ln, i, text);

	if (f == NULL)
		return -1;
	c->logfmt = f;
	c->logfmt_kind = (uint8_t)kind;
	c->logfmt_file = ln->file;
	c->logfmt_line = ln->number;
	c->logfmt_text = tw_arena_strdup(tw_gen_arena(ln->gen), text);
	return 0;
}

static int
unset_format(struct tw_line *ln, enum format_kind kind)
{
	struct tw__proxy_conf *const c = conf_of(ln);

	if (c->logfmt_kind != kind)
		return 0;
	c->logfmt = NULL;
	c->logfmt_kind = KIND_DEFAULT;
	return 0;
}

static int
set_httplog(struct tw_line *ln)
{
	if (ln->no)
		return unset_format(ln, KIND_HTTP);
	if (ln->n_args == 0)
		return set_format(ln, KIND_HTTP, -1, http_format);
	if (strcmp(tw_arg(ln, 0), "clf") != 0)
		return tw_line_fail(
		    ln, 0, "'option httplog' only knows the argument 'clf'");
	return set_format(ln, KIND_HTTP, -1, clf_format);
}

static int
set_httpslog(struct tw_line *ln)
{
	const bool has_tls = tw__logvar_find(TW_STR("sslv")) != NULL;

	return ln->no ? unset_format(ln, KIND_HTTPS)
		      : set_format(ln, KIND_HTTPS, -1,
			    has_tls ? https_format : plain_https_format);
}

static int
set_jsonlog(struct tw_line *ln)
{
	return ln->no ? unset_format(ln, KIND_JSON)
		      : set_format(ln, KIND_JSON, -1, json_http_format);
}

static int
set_tcplog(struct tw_line *ln)
{
	return ln->no ? unset_format(ln, KIND_TCP)
		      : set_format(ln, KIND_TCP, -1, tcp_format);
}

/* The one argument of a format keyword; NULL: reported. */
static const char *
format_arg(struct tw_line *ln)
{
	if (ln->n_args == 1)
		return tw_arg(ln, 0);
	tw_line_fail(ln, 1,
	    "'%s' expects one argument: put it in quotes, or escape its spaces",
	    ln->kw->word);
	return NULL;
}

static int
set_log_format(struct tw_line *ln)
{
	const char *const text = format_arg(ln);

	return text != NULL ? set_format(ln, KIND_CUSTOM, 0, text) : -1;
}

static int
set_other_format(struct tw_line *ln, const struct tw_logfmt **fmt)
{
	const char *const text = format_arg(ln);
	const struct tw_logfmt *const f =
	    text != NULL ? tw_logfmt_compile(ln, 0, text) : NULL;

	if (f == NULL)
		return -1;
	*fmt = f;
	return 0;
}

static int
set_log_format_sd(struct tw_line *ln)
{
	return set_other_format(ln, &conf_of(ln)->logfmt_sd);
}

static int
set_error_log_format(struct tw_line *ln)
{
	return set_other_format(ln, &conf_of(ln)->error_logfmt);
}

static int
set_unique_id_format(struct tw_line *ln)
{
	return set_other_format(ln, &conf_of(ln)->unique_id);
}

/* "accept,close", or "all". */
static int
set_log_steps(struct tw_line *ln)
{
	const char *p = tw_arg(ln, 0);
	unsigned bits = 0;

	if (strcmp(p, "all") == 0)
		bits = (1u << TW__LOG_AT_ERROR) - 1; /* those before it */
	while (bits == 0 || *p == ',') {
		p += *p == ',';
		const struct tw_str word = { p, strcspn(p, ",") };
		const int step = tw__log_step_of(word);
		if (step < 0 || step >= TW__LOG_AT_ERROR)
			return tw_line_fail(ln, 0,
			    "unknown step '%.*s': write all, or some of accept, "
			    "request, connect, response and close with commas "
			    "between them",
			    TW_STR_FMT(word));
		bits |= 1u << step;
		p += word.len;
	}
	conf_of(ln)->log_steps = (uint8_t)bits;
	return 0;
}

#define AT(field) offsetof(struct tw_proxy, c.field)
#define IGNORED(text)                                                  \
	{                                                              \
		.word = text, .scopes = TW_SC_BACKEND, .max_args = -1, \
		.set = tw__kw_ignored, .flags = TW_KW_NO,              \
		.help = "Ignored here, with a warning."                \
	}

const struct tw_kw tw__logfmt_kw[] = {
	{ .word = "log-format",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_log_format,
	    .usage = "<format>",
	    .help = "What a log line says, from variables and expressions." },
	{ .word = "log-format-sd",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_log_format_sd,
	    .usage = "<format>",
	    .help = "Structured data (RFC 5424, 6.3) of log lines in format "
		    "rfc5424." },
	{ .word = "error-log-format",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_error_log_format,
	    .usage = "<format>",
	    .help = "What the log line of a connection says that failed before "
		    "its first request: a bad PROXY header, a TLS handshake." },
	{ .word = "option httplog",
	    .scopes = TW_SC_FE,
	    .max_args = 1,
	    .set = set_httplog,
	    .flags = TW_KW_NO,
	    .usage = "[clf]",
	    .help = "Logs requests with times, sizes, states and the request "
		    "line.",
	    .def = "off" },
	{ .word = "option httpslog",
	    .scopes = TW_SC_FE,
	    .max_args = 0,
	    .set = set_httpslog,
	    .flags = TW_KW_NO,
	    .usage = "",
	    .help = "As option httplog, and what became of TLS.",
	    .def = "off" },
	{ .word = "option tcplog",
	    .scopes = TW_SC_FE,
	    .max_args = 0,
	    .set = set_tcplog,
	    .flags = TW_KW_NO,
	    .usage = "",
	    .help = "Logs connections with times, sizes and states.",
	    .def = "off" },
	{ .word = "option jsonlog",
	    .scopes = TW_SC_FE,
	    .max_args = 0,
	    .set = set_jsonlog,
	    .flags = TW_KW_NO,
	    .usage = "",
	    .help = "Logs one JSON object a line with the fields time, client_ip, "
		    "client_port, frontend, backend, server, bytes_out, "
		    "bytes_in, connections, frontend_connections, "
		    "backend_sessions, server_sessions, retries, server_queue, "
		    "backend_queue, unique_id, time_queue, time_connect, "
		    "time_total, state; of requests also method, uri, version, "
		    "status, time_request, time_response, request_cookie, "
		    "response_cookie, request_headers, response_headers. These "
		    "names stay; what is missing is null; times are "
		    "milliseconds, -1 when not reached. Values that "
		    "do not fit into the target's `len` are null.",
	    .def = "off" },
	{ .word = "option logasap",
	    .scopes = TW_SC_FE,
	    .max_args = 0,
	    .set = tw_set_flag,
	    .offset = AT(logasap),
	    .flags = TW_KW_NO,
	    .usage = "",
	    .help = "Logs when the response's head has come (mode tcp: when the "
		    "server is connected), not at the end; '+' marks what is "
		    "not final.",
	    .def = "off" },
	{ .word = "log-steps",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_log_steps,
	    .usage = "{ all | <step>[,<step>...] }",
	    .help = "When lines are written: accept, request, connect, response, "
		    "close. A step before the end shows what is known by then.",
	    .def = "close" },
	{ .word = "unique-id-format",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_unique_id_format,
	    .usage = "<format>",
	    .help = "A name for each request: %ID in logs, unique-id in "
		    "expressions, unique-id-header for servers." },
	IGNORED("log-format"),
	IGNORED("log-format-sd"),
	IGNORED("error-log-format"),
	IGNORED("option httplog"),
	IGNORED("option httpslog"),
	IGNORED("option tcplog"),
	IGNORED("option jsonlog"),
	IGNORED("option logasap"),
	IGNORED("log-steps"),
	IGNORED("unique-id-format"),
	{ .word = NULL },
};

/* ---- after reading ------------------------------------------------------ */

static const struct tw_logfmt *
builtin(struct tw_gen *gen, const char *text)
{
	struct tw_err err = { "" };
	const struct tw__ectx cx = { .gen = gen, .where = TW_AT_ANY, .err = &err };
	const struct tw_logfmt *const f = tw__logfmt_parse(&cx, text);

	TW_ASSERT(f != NULL);
	return f;
}

/* Mode tcp: a format of mode http gives way. */
static void
fall_back(struct tw_gen *gen, struct tw_proxy *px)
{
	const char *const option =
	    px->c.logfmt_kind == KIND_HTTPS ? "httpslog" : "httplog";

	tw_gen_warn(gen, px->c.logfmt_file, px->c.logfmt_line,
	    "'option %s' not usable with %s '%s' (needs 'mode http'). Falling "
	    "back to 'option tcplog'",
	    option, tw__proxy_type(px), px->name);
	px->c.logfmt = builtin(gen, tcp_format);
	px->c.logfmt_kind = KIND_TCP;
}

static int
check_tcp(struct tw_gen *gen, const struct tw_proxy *px, const char *word,
    const struct tw_logfmt *fmt)
{
	const char *const name = fmt != NULL ? tw__logfmt_needs_http(fmt) : NULL;

	if (name == NULL)
		return 0;
	return tw_gen_fail(gen, px->file, px->line,
	    "%s of %s '%s': the variable '%%%s' is reserved for HTTP mode", word,
	    tw__proxy_type(px), px->name, name);
}

static int
check_mode(struct tw_gen *gen, struct tw_proxy *px)
{
	struct tw__proxy_conf *const c = &px->c;

	if (c->mode != TW_MODE_TCP)
		return 0;
	if (c->logfmt_kind == KIND_HTTP || c->logfmt_kind == KIND_HTTPS)
		fall_back(gen, px);
	if (c->logfmt_kind == KIND_JSON)
		c->logfmt = builtin(gen, json_tcp_format);
	return check_tcp(gen, px, "log-format", c->logfmt) |
	    check_tcp(gen, px, "log-format-sd", c->logfmt_sd) |
	    check_tcp(gen, px, "unique-id-format", c->unique_id);
}

static void
warn_unused(struct tw_gen *gen, const struct tw_proxy *px)
{
	const bool has_address = !SLIST_EMPTY(&px->c.loggers) ||
	    (px->c.log_global && !SLIST_EMPTY(&gen->global.loggers));

	if (has_address ||
	    (px->c.logfmt_kind == KIND_DEFAULT && px->c.logfmt_sd == NULL))
		return;
	tw_gen_warn(gen, px->file, px->line,
	    "log format ignored for %s '%s' "
	    "since it has no log address: add a 'log' line",
	    tw__proxy_type(px), px->name);
}

/* Captures that the proxy declares none of. */
static bool
is_never_captured(const struct tw_logvar *var, const void *arg)
{
	static const struct {
		const char *name;
		enum tw_capture kind;
	} vars[] = {
		{ "CC", TW_CAPTURE_COOKIE },
		{ "CS", TW_CAPTURE_COOKIE },
		{ "hr", TW_CAPTURE_REQUEST },
		{ "hrl", TW_CAPTURE_REQUEST },
		{ "hs", TW_CAPTURE_RESPONSE },
		{ "hsl", TW_CAPTURE_RESPONSE },
	};
	const struct tw_proxy *const px = arg;

	for (size_t i = 0; i < TW_N_ELEMENTS(vars); i++)
		if (strcmp(var->name, vars[i].name) == 0)
			return px->captures[vars[i].kind].n == 0;
	return false;
}

static int
check_profile(struct tw_gen *gen, const struct tw_proxy *px, struct tw__logger *lg)
{
	int result = 0;

	lg->profile = tw__log_profile_find(gen, lg->profile_name);
	if (lg->profile == NULL)
		return tw_gen_fail(gen, lg->file, lg->line,
		    "unknown log-profile '%s': declare it in a section "
		    "'log-profile %s'",
		    lg->profile_name, lg->profile_name);
	for (int i = 0; i < TW__N_LOG_STEPS; i++) {
		if (tw__logfmt_has(lg->profile->step[i].fmt, TW__LOGVAR_SOURCE) ||
		    tw__logfmt_has(lg->profile->step[i].sd, TW__LOGVAR_SOURCE))
			tw__watch_for(TW__WATCH_SOURCE);
		if (px == NULL || px->c.mode != TW_MODE_TCP)
			continue;
		result |= check_tcp(gen, px, "log-profile", lg->profile->step[i].fmt);
		result |= check_tcp(gen, px, "log-profile", lg->profile->step[i].sd);
	}
	return result;
}

static int
check_backend(struct tw_gen *gen, struct tw__logger *lg)
{
	lg->backend = tw_gen_find(gen, lg->backend_name, TW_BACKEND);
	if (lg->backend == NULL)
		return tw_gen_fail(gen, lg->file, lg->line,
		    "unknown backend '%s': declare it in a section 'backend %s' with "
		    "'mode log'",
		    lg->backend_name, lg->backend_name);
	if (lg->backend->c.mode != TW_MODE_LOG)
		return tw_gen_fail(gen, lg->file, lg->line,
		    "%s '%s' (%s:%d) is in 'mode %s'; log messages go to a backend in "
		    "'mode log'",
		    tw__proxy_type(lg->backend), lg->backend->name, lg->backend->file,
		    lg->backend->line, tw_proxy_mode_name(lg->backend));
	return 0;
}

/* Rings, backends and profiles may stand further down than the lines that name them. */
static int
check_loggers(
    struct tw_gen *gen, const struct tw_proxy *px, const struct tw__logger_list *list)
{
	struct tw__logger *lg;
	int result = 0;

	SLIST_FOREACH(lg, list, link) {
		if (lg->profile_name != NULL && check_profile(gen, px, lg) != 0)
			result = -1;
		if (lg->backend_name != NULL && check_backend(gen, lg) != 0)
			result = -1;
		if (lg->ring == NULL || lg->target != NULL)
			continue;
		const struct tw__ring_conf *const c = tw__ring_conf_find(gen, lg->ring);
		if (c == NULL) {
			result = tw_gen_fail(gen, lg->file, lg->line,
			    "unknown ring '%s': declare it in a section 'ring %s'",
			    lg->ring, lg->ring);
			continue;
		}
		lg->target = tw__ring_get(c->name)->target;
		if (!c->implicit && lg->format == TW__LOG_DEFAULT)
			lg->format = c->format;
	}
	return result;
}

int
tw__log_check(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int result = tw__log_backends_check(gen);
	if (check_loggers(gen, NULL, &gen->global.loggers) != 0)
		result = -1;
	const struct tw_logfmt *const plain = builtin(gen, default_format);
	const struct tw_logfmt *const plain_http = builtin(gen, default_http_format);

	for (const struct tw__forward *fw = gen->forwards; fw != NULL; fw = fw->next)
		if (check_loggers(gen, NULL, &fw->loggers) != 0)
			result = -1;
	gen->error_logfmt = builtin(gen, error_format);
	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (check_loggers(gen, px, &px->c.loggers) != 0)
			result = -1;
		if (!tw__is_fe(px))
			continue;
		if (check_mode(gen, px) != 0)
			result = -1;
		warn_unused(gen, px);
		if (px->c.logfmt == NULL)
			px->c.logfmt = px->c.mode == TW_MODE_HTTP ? plain_http : plain;
		if (px->c.logfmt_kind == KIND_JSON && px->c.error_logfmt == NULL)
			px->c.error_logfmt = px->c.logfmt;
		px->c.logfmt =
		    tw__logfmt_trim(gen, px->c.logfmt, is_never_captured, px);
		px->c.log_special = px->c.dontlognull || px->c.dontlog_normal ||
		    px->c.logasap || px->c.log_steps != 0;
		if (px->c.log_steps != 0)
			tw__watch_for(TW__WATCH_STEPS);
		if (px->c.logasap)
			tw__watch_for(TW__WATCH_ASAP);
		if (tw__logfmt_has(px->c.logfmt, TW__LOGVAR_SOURCE) ||
		    tw__logfmt_has(px->c.logfmt_sd, TW__LOGVAR_SOURCE))
			tw__watch_for(TW__WATCH_SOURCE);
	}
	return result;
}
