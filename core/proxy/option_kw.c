/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * option_kw.c - options and limits of a proxy that are one value for the flow.
 *
 * Each entry stores it where the flow looks; what has nothing to change here,
 * because it is done so always, says so in its help. source: HAProxy's manual,
 * chapter 4.2.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"

#define AT(name) .offset = offsetof(struct tw_proxy, c.name)
#define IGNORED(text, scope)                                                          \
	{                                                                             \
		.word = text, .scopes = scope, .max_args = -1, .set = tw__kw_ignored, \
		.flags = TW_KW_NO, .help = "Ignored here, with a warning."            \
	}

static int
option_nothing(struct tw_line *ln)
{
	(void)ln;
	return 0;
}

/* Bytes pass uncounted up to a megabyte, or not at all. */
static int
option_contstats(struct tw_line *ln)
{
	struct tw_proxy *px = ln->state;

	px->c.count_every = ln->no ? TW__COUNT_EVERY : 0;
	return 0;
}

static int
option_ka_queue(struct tw_line *ln)
{
	struct tw_proxy *px = ln->state;
	struct tw_err err;
	uint64_t n;

	px->c.ka_queue = 0;
	if (strcmp(tw_arg(ln, 0), "-1") == 0)
		return 0;
	if (tw_parse_uint(tw_arg(ln, 0), 0, INT32_MAX, &n, &err) < 0)
		return tw_line_fail(ln, 0,
		    "'max-keep-alive-queue' expects -1 (no limit) or a number: %s",
		    err.text);
	px->c.ka_queue = (uint32_t)n + 1;
	return 0;
}

const struct tw_kw tw__option_kw[] = {
	{ .word = "option contstats",
	    .scopes = TW_SC_FE,
	    .set = option_contstats,
	    .def = "off",
	    .help = "Bytes are counted as they pass; without it, after each megabyte "
		    "of a long transfer.",
	    .flags = TW_KW_NO },
	IGNORED("option contstats", TW_SC_BACKEND),
	{ .word = "option http-pretend-keepalive",
	    .scopes = TW_SC_BE,
	    .set = tw_set_flag,
	    AT(pretend_keepalive),
	    .def = "off",
	    .help = "Servers are not told that their connection will be closed.",
	    .flags = TW_KW_NO | TW_KW_HTTP },
	IGNORED("option http-pretend-keepalive", TW_SC_FRONTEND),
	{ .word = "option http-ignore-probes",
	    .scopes = TW_SC_FE,
	    .set = tw_set_flag,
	    AT(ignore_probes),
	    .def = "off",
	    .help = "Connections that bring nothing are closed without an answer, "
		    "a line of the log or an error counted.",
	    .flags = TW_KW_NO | TW_KW_HTTP },
	IGNORED("option http-ignore-probes", TW_SC_BACKEND),
	{ .word = "option idle-close-on-response",
	    .scopes = TW_SC_FE,
	    .set = tw_set_flag,
	    AT(idle_close_on_response),
	    .def = "off",
	    .help = "While the program stops, idle connections wait for one more "
		    "request, whose answer tells that they end.",
	    .flags = TW_KW_NO | TW_KW_HTTP },
	IGNORED("option idle-close-on-response", TW_SC_BACKEND),
	{ .word = "option independent-streams",
	    .scopes = TW_SC_PROXY,
	    .set = tw_set_flag,
	    AT(independent),
	    .def = "off",
	    .help = "What is sent to a side does not prolong the time it may be "
		    "silent.",
	    .flags = TW_KW_NO },
	{ .word = "option http-no-delay",
	    .scopes = TW_SC_PROXY,
	    .set = option_nothing,
	    .def = "on",
	    .help = "Data is passed on at once; it always is.",
	    .flags = TW_KW_NO | TW_KW_HTTP },
	{ .word = "option http-use-proxy-header",
	    .scopes = TW_SC_FE,
	    .set = option_nothing,
	    .def = "off",
	    .help = "Accepted: as with HAProxy since 2.0, Connection is what counts.",
	    .flags = TW_KW_NO | TW_KW_HTTP },
	IGNORED("option http-use-proxy-header", TW_SC_BACKEND),
	{ .word = "option disable-h2-upgrade",
	    .scopes = TW_SC_FE,
	    .set = tw_set_flag,
	    AT(no_mux_upgrade),
	    .def = "off",
	    .help = "A client in clear text speaks HTTP/1, even if its first bytes "
		    "are those of HTTP/2.",
	    .flags = TW_KW_NO },
	IGNORED("option disable-h2-upgrade", TW_SC_BACKEND),
	{ .word = "option use-small-buffers",
	    .scopes = TW_SC_BE,
	    .max_args = -1,
	    .set = option_nothing,
	    .usage = "[<use>...]",
	    .help = "Accepted: buffers have one size, and idle connections have none.",
	    .flags = TW_KW_NO },
	IGNORED("option use-small-buffers", TW_SC_FRONTEND),
	{ .word = "max-session-srv-conns",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw_set_uint,
	    AT(session_conns),
	    .usage = "<number>",
	    .def = "5",
	    .min = 0,
	    .max = INT32_MAX,
	    .help = "Idle server connections that are kept for one client alone; "
		    "at most one is." },
	IGNORED("max-session-srv-conns", TW_SC_BACKEND),
	{ .word = "max-keep-alive-queue",
	    .scopes = TW_SC_BE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = option_ka_queue,
	    .usage = "<number>",
	    .def = "-1, no limit",
	    .help = "Requests in its queue up to which a server that served the "
		    "client last is waited for (option prefer-last-server); 0: it is "
		    "never waited for.",
	    .flags = TW_KW_HTTP },
	IGNORED("max-keep-alive-queue", TW_SC_FRONTEND),
	{ .word = "rate-limit sessions",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw_set_uint,
	    AT(rate_limit),
	    .usage = "<number>",
	    .def = "0, no limit",
	    .min = 0,
	    .max = INT32_MAX,
	    .help = "Connections a second that are accepted; others wait in the "
		    "system's backlog." },
	IGNORED("rate-limit sessions", TW_SC_BACKEND),
	{ .word = NULL },
};
