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
#include "proxy/forward.h"
#include "proxy/logger.h"
#include "proxy/proxy_int.h"
#include "proxy/ring.h"

#define SYSLOG_PORT 514

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

int
tw__log_format_of(const char *name)
{
	return index_of(formats, TW__N_LOG_FORMATS, name);
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
parse_address(struct tw_line *ln, const char *text, struct tw_addr *addr)
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
	*addr = spec.addr;
	return 0;
}

static int
parse_socket(struct tw_line *ln, const char *text, struct tw__logger *lg)
{
	struct tw_addr addr;

	if (parse_address(ln, text, &addr) != 0)
		return -1;
	lg->target = tw__log_target_addr(&addr);
	return 0;
}

/* A log server over a stream: messages go through a ring of their own. */
static int
parse_stream(struct tw_line *ln, const char *text, struct tw__logger *lg)
{
	struct tw_addr to;

	if (parse_address(ln, text, &to) != 0)
		return -1;
	lg->ring = tw__ring_implicit(ln, text, &to)->name;
	return 0;
}

static int
parse_ring(struct tw_line *ln, const char *name, struct tw__logger *lg)
{
	if (name[0] == '\0')
		return tw_line_fail(ln, 0, "'ring@' needs the name of a ring section");
	lg->ring = tw_arena_strdup(tw_gen_arena(ln->gen), name);
	return 0;
}

/* A logger of a backend chooses for each message: it shares no text. */
static int
parse_backend(struct tw_line *ln, const char *name, struct tw__logger *lg)
{
	if (name[0] == '\0')
		return tw_line_fail(
		    ln, 0, "'backend@' needs the name of a backend in 'mode log'");
	lg->backend_name = tw_arena_strdup(tw_gen_arena(ln->gen), name);
	lg->is_special = true;
	return 0;
}

static int
parse_target(struct tw_line *ln, struct tw__logger *lg)
{
	static const char *const streams[] = { "tcp@", "tcp4@", "tcp6@", "uxst@" };
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	const char *const text = tw_arg(ln, 0);
	bool is_dgram; /* it is, with a prefix or without */

	if (strcmp(text, "stdout") == 0)
		return parse_fd(ln, "1", lg);
	if (strcmp(text, "stderr") == 0)
		return parse_fd(ln, "2", lg);
	if (strncmp(text, "fd@", 3) == 0)
		return parse_fd(ln, text + 3, lg);
	if (strncmp(text, "ring@", 5) == 0)
		return parse_ring(ln, text + 5, lg);
	if (strncmp(text, "backend@", 8) == 0)
		return parse_backend(ln, text + 8, lg);
	if (strncmp(text, "sockpair@", 9) == 0)
		return tw_line_fail(ln, 0,
		    "'sockpair@' targets are not supported yet; use an address, "
		    "ring@NAME, backend@NAME, stdout, stderr or fd@N");
	for (size_t i = 0; i < TW_N_ELEMENTS(streams); i++)
		if (strncmp(text, streams[i], strlen(streams[i])) == 0)
			return parse_stream(ln, text, lg);
	return parse_socket(ln, tw__dgram_addr(arena, text, &is_dgram), lg);
}

/* ---- how ---------------------------------------------------------------- */

static int
parse_format(struct tw_line *ln, int i, struct tw__logger *lg)
{
	const int f = tw__log_format_of(tw_arg(ln, i));

	if (f <= 0)
		return tw_line_fail(ln, i, "unknown log format '%s': write %s",
		    tw_arg(ln, i), TW__LOG_FORMAT_NAMES);
	lg->format = (uint8_t)f;
	return 0;
}

static int
parse_len(struct tw_line *ln, int i, struct tw__logger *lg)
{
	uint64_t len;

	if (!tw_str_to_u64(tw_str_of(tw_arg(ln, i)), &len) || len < 80 ||
	    len > TW__LOG_LEN_MAX)
		return tw_line_fail(ln, i,
		    "invalid log length '%s': it must be between 80 and %d",
		    tw_arg(ln, i), TW__LOG_LEN_MAX);
	lg->max_len = (uint32_t)len;
	return 0;
}

/* Decimal digits at *p, which moves behind them. out: 0: there are none, or
 * too many. */
static uint32_t
read_number(const char **p)
{
	uint64_t n = 0;

	for (; **p >= '0' && **p <= '9'; ++*p)
		n = n < UINT32_MAX ? n * 10 + (uint64_t)(**p - '0') : n;
	return n < INT32_MAX ? (uint32_t)n : 0;
}

static int
sample_bad(struct tw_line *ln, int i)
{
	return tw_line_fail(ln, i,
	    "invalid sample '%s': write which lines of how many, as 1:10 or "
	    "1,4-6:10, in rising order and not above the last number",
	    tw_arg(ln, i));
}

/* "1,4-6:10" */
static int
parse_sample(struct tw_line *ln, int i, struct tw__logger *lg)
{
	const char *p = tw_arg(ln, i);
	uint32_t last = 0;
	struct tw__log_sample *const s = tw_arena_zalloc(tw_gen_arena(ln->gen),
	    sizeof(*s) + sizeof(s->range[0]) * (strlen(p) / 2 + 1));

	do {
		const uint32_t low = read_number(&p);
		uint32_t high = low;

		if (*p == '-') {
			p++;
			high = read_number(&p);
		}
		if (low <= last || high < low)
			return sample_bad(ln, i);
		s->range[s->n_ranges].low = low;
		s->range[s->n_ranges++].high = last = high;
	} while (*p++ == ',');
	if (p[-1] != ':')
		return sample_bad(ln, i);
	s->size = read_number(&p);
	if (s->size < last || *p != '\0')
		return sample_bad(ln, i);
	lg->sample = s;
	lg->is_special = true;
	return 0;
}

static int
parse_profile(struct tw_line *ln, int i, struct tw__logger *lg)
{
	lg->profile_name = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, i));
	lg->is_special = true;
	return 0;
}

/* `len N`, `format F` and the like from argument *i on. */
static int
parse_options(struct tw_line *ln, int *i, struct tw__logger *lg)
{
	static const struct {
		const char *word;
		int (*parse)(struct tw_line *ln, int i, struct tw__logger *lg);
	} options[] = {
		{ "len", parse_len },
		{ "format", parse_format },
		{ "sample", parse_sample },
		{ "profile", parse_profile },
	};

	while (tw_arg(ln, *i) != NULL) {
		const char *const word = tw_arg(ln, *i);
		size_t k = 0;

		while (k < TW_N_ELEMENTS(options) && strcmp(word, options[k].word) != 0)
			k++;
		if (k == TW_N_ELEMENTS(options))
			return 0;
		if (tw_arg(ln, *i + 1) == NULL)
			return tw_line_fail(ln, *i, "'%s' needs an argument", word);
		if (options[k].parse(ln, *i + 1, lg) != 0)
			return -1;
		*i += 2;
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

int
tw__log_line(struct tw_line *ln, struct tw__logger_list *list)
{
	struct tw__logger *lg;
	int n = 0;

	SLIST_FOREACH(lg, list, link)
		n++;
	if (n == TW__LOGGERS_MAX)
		return tw_line_fail(
		    ln, -1, "more than %d 'log' lines", TW__LOGGERS_MAX);
	lg = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*lg));
	lg->max_len = 1024;
	lg->max_level = TW_DEBUG;
	lg->file = ln->file;
	lg->line = ln->number;
	if (parse_logger(ln, lg) != 0)
		return -1;
	/* At the head: a tail may be shared with the defaults section. */
	SLIST_INSERT_HEAD(list, lg, link);
	return 0;
}

static int
set_log(struct tw_line *ln)
{
	struct tw__logger_list *const list =
	    ln->proxy ? &ln->proxy->c.loggers : &ln->gen->global.loggers;

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
	return tw__log_line(ln, list);
}

/* ---- keywords ----------------------------------------------------------- */

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
		     "[sample <ranges>:<size>] [profile <name>] <facility> "
		     "[<max level> [<min level>]]",
	    .help = "Sends log lines there; `global`: to the global section's "
		    "targets." },
	{ .word = "log-tag",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_log_tag,
	    .usage = "<text>",
	    .help = "The program's name in this proxy's log lines." },
	{ .word = NULL },
};

int
tw__log_register(struct tw_err *err)
{
	if (tw__kw_add(log_keywords, NULL, err) != 0 ||
	    tw__kw_add(tw__log_server_kw, NULL, err) != 0 ||
	    tw__ring_register(err) != 0 || tw__log_profile_register(err) != 0 ||
	    tw__forward_register(err) != 0)
		return -1;
	return tw__kw_add(tw__logfmt_kw, NULL, err);
}
