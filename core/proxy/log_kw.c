/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * log_kw.c - the keywords of logging.
 *
 * `log` lines make loggers, in the global section and in proxies; formats are
 * compiled where they stand. What depends on a proxy's mode, which may be set
 * further down, is decided when all files are read. Start-up and control
 * thread. source: HAProxy's manual, 3.1 and 4.2, keyword `log`; 8.2.
 */
#include "config.h"

#include <stdlib.h>

#include "expr/expr_int.h"
#include "proxy/addr.h"
#include "proxy/logger.h"
#include "proxy/proxy_int.h"

#define SYSLOG_PORT 514

enum format_kind { KIND_DEFAULT, KIND_TCP, KIND_HTTP, KIND_CUSTOM };

static const char tcp_format[] =
    "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";
static const char http_format[] =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc "
    "%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
static const char clf_format[] =
    "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s "
    "%TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl";
static const char default_format[] = "Connect from %ci:%cp to %fi:%fp (%f/TCP)";
static const char default_http_format[] = "Connect from %ci:%cp to %fi:%fp (%f/HTTP)";

static const char *const facilities[] = {
	"kern",
	"user",
	"mail",
	"daemon",
	"auth",
	"syslog",
	"lpr",
	"news",
	"uucp",
	"cron",
	"auth2",
	"ftp",
	"ntp",
	"audit",
	"alert",
	"cron2",
	"local0",
	"local1",
	"local2",
	"local3",
	"local4",
	"local5",
	"local6",
	"local7",
};
static const char *const levels[] = {
	"emerg",
	"alert",
	"crit",
	"err",
	"warning",
	"notice",
	"info",
	"debug",
};
static const char *const formats[TW__N_LOG_FORMATS] = {
	"",
	"local",
	"rfc3164",
	"rfc5424",
	"priority",
	"short",
	"timed",
	"iso",
	"raw",
};

static int
index_of(const char *const *names, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], word) == 0)
			return (int)i;
	return -1;
}

/* ---- where to ----------------------------------------------------------- */

static int
parse_fd(struct tw_line *ln, const char *digits, struct tw__logger *lg)
{
	uint64_t fd;

	if (!tw_str_to_u64(tw_str_of(digits), &fd) || fd > INT32_MAX)
		return tw_line_fail(ln, 0,
		    "'fd@' takes the number of an open "
		    "descriptor, not '%s'",
		    digits);
	lg->target = tw__log_target_fd((int)fd);
	return 0;
}

static int
parse_socket(struct tw_line *ln, const char *text, struct tw__logger *lg)
{
	struct tw__addr_spec spec;
	struct tw_err err = { "" };

	if (tw__addr_parse(tw_gen_arena(ln->gen), text, 0, &spec, &err) != 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	if (spec.host != NULL &&
	    tw__addr_resolve(spec.host, spec.family, &spec.addr, &err) != 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	if (spec.any)
		return tw_line_fail(ln, 0, "'%s' names no host to send to", text);
	if (spec.addr.family != AF_UNIX)
		spec.addr.port = spec.has_port ? (uint16_t)spec.port : SYSLOG_PORT;
	lg->target = tw__log_target_addr(&spec.addr);
	return 0;
}

static int
parse_target(struct tw_line *ln, struct tw__logger *lg)
{
	static const char *const later[] = {
		"ring@",
		"tcp@",
		"tcp4@",
		"tcp6@",
		"uxst@",
		"backend@",
		"sockpair@",
	};
	static const char *const datagram[] = {
		"udp@",
		"udp4@",
		"udp6@",
		"uxdg@",
	};
	const char *const text = tw_arg(ln, 0);

	if (strcmp(text, "stdout") == 0)
		return parse_fd(ln, "1", lg);
	if (strcmp(text, "stderr") == 0)
		return parse_fd(ln, "2", lg);
	if (strncmp(text, "fd@", 3) == 0)
		return parse_fd(ln, text + 3, lg);
	for (size_t i = 0; i < TW_N_ELEMENTS(later); i++)
		if (strncmp(text, later[i], strlen(later[i])) == 0)
			return tw_line_fail(ln, 0,
			    "'%s' targets are not "
			    "supported yet; use a UDP or unix address, stdout, "
			    "stderr or fd@N",
			    later[i]);
	for (size_t i = 0; i < TW_N_ELEMENTS(datagram); i++)
		if (strncmp(text, datagram[i], strlen(datagram[i])) == 0)
			return parse_socket(ln, text + strlen(datagram[i]), lg);
	return parse_socket(ln, text, lg);
}

/* ---- how ---------------------------------------------------------------- */

/* `len N`, `format F` from argument *i on. */
static int
parse_options(struct tw_line *ln, int *i, struct tw__logger *lg)
{
	for (const char *word; (word = tw_arg(ln, *i)) != NULL; *i += 2) {
		const char *const value = tw_arg(ln, *i + 1);
		uint64_t len;
		if (strcmp(word, "sample") == 0)
			return tw_line_fail(ln, *i, "'sample' is not supported yet");
		if (strcmp(word, "len") != 0 && strcmp(word, "format") != 0)
			return 0;
		if (value == NULL)
			return tw_line_fail(ln, *i, "'%s' needs an argument", word);
		if (word[0] == 'f') {
			const int f = index_of(formats, TW__N_LOG_FORMATS, value);
			if (f <= 0)
				return tw_line_fail(ln, *i + 1,
				    "unknown log "
				    "format '%s': write local, rfc3164, rfc5424, "
				    "priority, short, timed, iso or raw",
				    value);
			lg->format = (uint8_t)f;
			continue;
		}
		if (!tw_str_to_u64(tw_str_of(value), &len) || len < 80 ||
		    len > TW__LOG_LEN_MAX)
			return tw_line_fail(ln, *i + 1,
			    "invalid log length "
			    "'%s': it must be between 80 and %d",
			    value, TW__LOG_LEN_MAX);
		lg->max_len = (uint32_t)len;
	}
	return 0;
}

static int
parse_level(struct tw_line *ln, int i, uint8_t *level)
{
	const char *const word = tw_arg(ln, i);

	if (word == NULL)
		return 0;
	const int n = index_of(levels, TW_N_ELEMENTS(levels), word);
	if (n < 0)
		return tw_line_fail(ln, i,
		    "unknown log level '%s': write "
		    "emerg, alert, crit, err, warning, notice, info or debug",
		    word);
	*level = (uint8_t)n;
	return 0;
}

static int
parse_logger(struct tw_line *ln, struct tw__logger *lg)
{
	int i = 1;

	if (ln->n_args < 2)
		return tw_line_fail(ln, -1,
		    "'log' expects a target and a "
		    "facility, or 'global': write `log /dev/log local0`");
	if (parse_target(ln, lg) != 0 || parse_options(ln, &i, lg) != 0)
		return -1;
	if (tw_arg(ln, i) == NULL)
		return tw_line_fail(
		    ln, -1, "a facility is missing: write `local0` at the end");
	const int facility =
	    index_of(facilities, TW_N_ELEMENTS(facilities), tw_arg(ln, i));
	if (facility < 0)
		return tw_line_fail(ln, i, "unknown log facility '%s'", tw_arg(ln, i));
	lg->facility = (uint8_t)facility;
	if (parse_level(ln, i + 1, &lg->max_level) != 0 ||
	    parse_level(ln, i + 2, &lg->min_level) != 0)
		return -1;
	if (tw_arg(ln, i + 3) != NULL)
		return tw_line_fail(
		    ln, i + 3, "unexpected argument '%s'", tw_arg(ln, i + 3));
	return 0;
}

static int
set_no_log(struct tw_line *ln, struct tw__logger_list *list)
{
	if (ln->n_args > 0)
		return tw_line_fail(ln, 0, "'no log' takes no arguments");
	SLIST_INIT(list);
	if (ln->proxy != NULL)
		ln->proxy->c.log_global = false;
	return 0;
}

static int
set_log(struct tw_line *ln)
{
	struct tw__logger_list *const list =
	    ln->proxy ? &ln->proxy->c.loggers : &ln->gen->global.loggers;
	struct tw__logger *lg;
	int n = 0;

	if (ln->no)
		return set_no_log(ln, list);
	if (ln->n_args == 1 && strcmp(tw_arg(ln, 0), "global") == 0) {
		if (ln->proxy == NULL)
			return tw_line_fail(ln, 0,
			    "'log global' stands in "
			    "proxies; here, name a target and a facility");
		ln->proxy->c.log_global = true;
		return 0;
	}
	SLIST_FOREACH(lg, list, link)
		n++;
	if (n == TW__LOGGERS_MAX)
		return tw_line_fail(
		    ln, -1, "more than %d 'log' lines", TW__LOGGERS_MAX);
	lg = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*lg));
	lg->max_len = 1024;
	lg->max_level = TW_DEBUG;
	if (parse_logger(ln, lg) != 0)
		return -1;
	/* At the head: a tail may be shared with the defaults section. */
	SLIST_INSERT_HEAD(list, lg, link);
	return 0;
}

/* ---- formats ------------------------------------------------------------ */

static int
set_format(struct tw_line *ln, enum format_kind kind, int i, const char *text)
{
	struct tw__proxy_conf *const c = &ln->proxy->c;
	struct tw_logfmt *const f = tw_logfmt_compile(ln, i, text);

	if (f == NULL)
		return -1;
	c->logfmt = f;
	c->logfmt_kind = (uint8_t)kind;
	c->logfmt_text = tw_arena_strdup(tw_gen_arena(ln->gen), text);
	return 0;
}

static int
unset_format(struct tw_line *ln, enum format_kind kind)
{
	struct tw__proxy_conf *const c = &ln->proxy->c;

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
set_tcplog(struct tw_line *ln)
{
	if (ln->no)
		return unset_format(ln, KIND_TCP);
	return set_format(ln, KIND_TCP, -1, tcp_format);
}

static int
set_log_format(struct tw_line *ln)
{
	if (ln->n_args > 1)
		return tw_line_fail(ln, 1,
		    "'log-format' expects one argument: "
		    "put it in quotes, or escape its spaces");
	return set_format(ln, KIND_CUSTOM, 0, tw_arg(ln, 0));
}

static int
set_log_tag(struct tw_line *ln)
{
	ln->proxy->c.log_tag = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	return 0;
}

static const struct tw_kw log_keywords[] = {
	{ .word = "log",
	    .scopes = TW_SC_GLOBAL | TW_SC_PROXY,
	    .max_args = -1,
	    .set = set_log,
	    .flags = TW_KW_NO,
	    .usage = "global | <target> [len <bytes>] [format <format>] "
		     "<facility> [<max level> [<min level>]]",
	    .help = "Sends log lines there; `global`: to the global section's "
		    "targets." },
	{ .word = "log-tag",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_log_tag,
	    .usage = "<text>",
	    .help = "The program's name in this proxy's log lines." },
	{ .word = "log-format",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_log_format,
	    .usage = "<format>",
	    .help = "What a log line says, from variables and expressions." },
	{ .word = "option httplog",
	    .scopes = TW_SC_FE,
	    .max_args = 1,
	    .set = set_httplog,
	    .flags = TW_KW_NO,
	    .usage = "[clf]",
	    .help = "Logs requests with times, sizes, states and the request "
		    "line.",
	    .def = "off" },
	{ .word = "option tcplog",
	    .scopes = TW_SC_FE,
	    .max_args = 0,
	    .set = set_tcplog,
	    .flags = TW_KW_NO,
	    .usage = "",
	    .help = "Logs connections with times, sizes and states.",
	    .def = "off" },
	{ .word = "log-format",
	    .scopes = TW_SC_BACKEND,
	    .max_args = -1,
	    .set = tw__kw_ignored },
	{ .word = "option httplog",
	    .scopes = TW_SC_BACKEND,
	    .max_args = -1,
	    .set = tw__kw_ignored,
	    .flags = TW_KW_NO },
	{ .word = "option tcplog",
	    .scopes = TW_SC_BACKEND,
	    .max_args = -1,
	    .set = tw__kw_ignored,
	    .flags = TW_KW_NO },
	{ .word = NULL },
};

int
tw__log_register(struct tw_err *err)
{
	return tw__kw_add(log_keywords, NULL, err);
}

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

static int
check_tcp(struct tw_gen *gen, struct tw_proxy *px, const struct tw_logfmt *tcplog)
{
	if (px->c.logfmt_kind == KIND_HTTP) {
		tw_gen_warn(gen, px->file, px->line,
		    "'option httplog' not "
		    "usable with %s '%s' (needs 'mode http'). Falling back to "
		    "'option tcplog'",
		    tw__proxy_type(px), px->name);
		px->c.logfmt = tcplog;
		px->c.logfmt_kind = KIND_TCP;
		return 0;
	}
	const char *const name = tw__logfmt_needs_http(px->c.logfmt);
	if (name == NULL)
		return 0;
	return tw_gen_fail(gen, px->file, px->line,
	    "log-format of %s '%s': "
	    "the variable '%%%s' is reserved for HTTP mode",
	    tw__proxy_type(px), px->name, name);
}

static void
warn_unused(struct tw_gen *gen, const struct tw_proxy *px)
{
	if (px->c.logfmt_kind == KIND_DEFAULT || px->c.log_global ||
	    !SLIST_EMPTY(&px->c.loggers))
		return;
	tw_gen_warn(gen, px->file, px->line,
	    "log format ignored for %s '%s' "
	    "since it has no log address: add a 'log' line",
	    tw__proxy_type(px), px->name);
}

int
tw__log_check(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int result = 0;
	const struct tw_logfmt *const tcplog = builtin(gen, tcp_format);
	const struct tw_logfmt *const plain = builtin(gen, default_format);
	const struct tw_logfmt *const plain_http = builtin(gen, default_http_format);

	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (!tw__is_fe(px))
			continue;
		if (px->c.logfmt == NULL)
			px->c.logfmt = px->c.mode == TW_MODE_HTTP ? plain_http : plain;
		else if (px->c.mode == TW_MODE_TCP && check_tcp(gen, px, tcplog) != 0)
			result = -1;
		warn_unused(gen, px);
	}
	return result;
}
