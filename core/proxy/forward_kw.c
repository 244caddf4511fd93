/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * forward_kw.c - the words of `log-forward` sections.
 *
 * Start-up and control thread. source: HAProxy's manual, 3.10.
 */
#include "config.h"

#include "proxy/addr.h"
#include "proxy/forward.h"
#include "proxy/proxy_int.h"

#define MAXCONN 10 /* HAProxy's */

static struct tw__forward *
conf_of(struct tw_line *ln)
{
	return ln->section;
}

static int
forward_open(struct tw_line *ln, void **section)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	const char *const name = ln->n_words > 1 ? ln->word[1] : "";
	struct tw__forward *const f = tw_arena_zalloc(arena, sizeof(*f));
	const struct tw__forward *other = ln->gen->forwards;

	f->name = tw_arena_strdup(arena, name);
	f->gen = ln->gen;
	f->maxconn = MAXCONN;
	f->file = ln->file;
	f->line = ln->number;
	f->next = ln->gen->forwards;
	ln->gen->forwards = f;
	*section = f;
	if (name[0] == '\0')
		return tw_line_fail(ln, -1, "'log-forward' expects a name");
	if (ln->n_words > 2)
		return tw_line_fail(ln, -1,
		    "'log-forward' takes a name and nothing else, not '%s'",
		    ln->word[2]);
	while (other != NULL && strcmp(other->name, name) != 0)
		other = other->next;
	if (other != NULL)
		return tw_line_fail(ln, -1,
		    "log-forward '%s' is declared already at %s:%d", name, other->file,
		    other->line);
	return 0;
}

static int
add_bind(struct tw_line *ln, bool is_dgram)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tw__addr_spec spec;
	struct tw_err err = { "" };
	const char *text = tw_arg(ln, 0);

	if (ln->n_args > 1)
		return tw_line_fail(ln, 1,
		    "'%s' is not supported here: write one address and its port",
		    tw_arg(ln, 1));
	if (is_dgram)
		text = tw__dgram_addr(arena, text, &is_dgram);
	is_dgram = strcmp(ln->kw->word, "dgram-bind") == 0;
	if (tw__addr_parse(arena, text, TW__ADDR_NEED_PORT, &spec, &err) != 0 ||
	    (spec.host != NULL &&
		tw__addr_resolve(spec.host, spec.family, &spec.addr, &err) != 0))
		return tw_line_fail(ln, 0, "%s", err.text);
	if (spec.any && spec.addr.family == 0)
		spec.addr.family =
		    (uint16_t)(spec.family == AF_INET6 ? AF_INET6 : AF_INET);
	if (spec.addr.family != AF_INET && spec.addr.family != AF_INET6)
		return tw_line_fail(
		    ln, 0, "'%s' expects an IPv4 or IPv6 address", ln->kw->word);
	struct tw__forward_bind *const b = tw_arena_zalloc(arena, sizeof(*b));
	b->addr = spec.addr;
	b->addr.port = (uint16_t)spec.port;
	b->is_dgram = is_dgram;
	b->file = ln->file;
	b->line = ln->number;
	b->next = conf_of(ln)->binds;
	conf_of(ln)->binds = b;
	ln->gen->n_binds++;
	return 0;
}

static int
set_bind(struct tw_line *ln)
{
	return add_bind(ln, false);
}

static int
set_dgram_bind(struct tw_line *ln)
{
	return add_bind(ln, true);
}

static int
set_log(struct tw_line *ln)
{
	struct tw__forward *const f = conf_of(ln);

	if (ln->n_args == 1 && strcmp(tw_arg(ln, 0), "global") == 0) {
		f->log_global = true;
		return 0;
	}
	return tw__log_line(ln, &f->loggers);
}

static int
set_number(struct tw_line *ln, uint32_t *number)
{
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 1, INT32_MAX, &n, &err) != 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	*number = (uint32_t)n;
	return 0;
}

static int
set_maxconn(struct tw_line *ln)
{
	return set_number(ln, &conf_of(ln)->maxconn);
}

static int
set_backlog(struct tw_line *ln)
{
	return set_number(ln, &conf_of(ln)->backlog);
}

static int
set_timeout_client(struct tw_line *ln)
{
	struct tw_err err;

	if (tw_parse_ms(tw_arg(ln, 0), 1000, &conf_of(ln)->client_ms, &err) != 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	return 0;
}

static int
set_dont_parse(struct tw_line *ln)
{
	conf_of(ln)->dont_parse = !ln->no;
	return 0;
}

static int
set_always_lines(struct tw_line *ln)
{
	conf_of(ln)->always_lines = !ln->no;
	return 0;
}

static int
set_host(struct tw_line *ln)
{
	static const char *const words[] = {
		[TW__HOST_KEEP] = "keep",
		[TW__HOST_FILL] = "fill",
		[TW__HOST_REPLACE] = "replace",
		[TW__HOST_APPEND] = "append",
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (strcmp(tw_arg(ln, 0), words[i]) != 0)
			continue;
		conf_of(ln)->host = (uint8_t)i;
		return 0;
	}
	return tw_line_fail(ln, 0,
	    "'option host' expects 'replace', 'fill', 'keep' or 'append', not '%s'",
	    tw_arg(ln, 0));
}

#define KW(text, min, max, setter)                                       \
	.word = text, .scopes = TW_SC_SECTION, .section = "log-forward", \
	.min_args = min, .max_args = max, .set = setter

static const struct tw_kw keywords[] = {
	{ KW("bind", 1, -1, set_bind), .usage = "<address>:<port>",
	    .help = "Takes messages from TCP streams, as lines or with octet "
		    "counts (RFC 6587)." },
	{ KW("dgram-bind", 1, -1, set_dgram_bind), .usage = "<address>:<port>",
	    .help = "Takes messages from UDP datagrams." },
	{ KW("log", 1, -1, set_log),
	    .usage = "global | <target> [len <bytes>] [format <format>] [sample "
		     "<ranges>:<size>] <facility> [<max level> [<min level>]]",
	    .help = "Where messages go. Without a format they keep theirs; the "
		    "facility is for those that have none." },
	{ KW("maxconn", 1, 1, set_maxconn), .usage = "<number>",
	    .help = "Streams at a time on each address.", .def = "10" },
	{ KW("backlog", 1, 1, set_backlog), .usage = "<number>",
	    .help = "Connections that may wait to be accepted.", .def = "128" },
	{ KW("timeout client", 1, 1, set_timeout_client), .usage = "<time>",
	    .help = "How long a stream may be silent.", .def = "none" },
	{ KW("option dont-parse-log", 0, 0, set_dont_parse), .flags = TW_KW_NO,
	    .usage = "", .help = "Messages are passed on as they come, header and all.",
	    .def = "off" },
	{ KW("option assume-rfc6587-ntf", 0, 0, set_always_lines), .flags = TW_KW_NO,
	    .usage = "", .help = "Streams are lines, also when they begin with digits.",
	    .def = "off" },
	{ KW("option host", 1, 1, set_host),
	    .usage = "{ replace | fill | keep | append }",
	    .help = "The host in messages of RFC 3164 and 5424: the sender's address, "
		    "that when the message names none, the message's own, or its own, "
		    "a comma and the sender's address.",
	    .def = "keep" },
	{ .word = NULL },
};

static const struct tw_section section = {
	.word = "log-forward",
	.open = forward_open,
	.help = "Takes other programs' syslog messages and passes them on to log "
		"targets.",
};

int
tw__forward_register(struct tw_err *err)
{
	if (tw__module_section_add(&section, NULL, err) != 0)
		return -1;
	return tw__kw_add(keywords, NULL, err);
}
