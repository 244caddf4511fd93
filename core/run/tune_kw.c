/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tune_kw.c - tune.* and other words of the global section on the process.
 *
 * Words that tune machinery of HAProxy's which is not here, and change nothing
 * that a peer or a user could see, are taken as they are; their arguments are
 * checked nevertheless. Start-up and control thread. source: HAProxy's
 * manual, chapter 3.
 */
#include "config.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "core/run/gen.h"
#include "core/run/run.h"

#define AT(field) .offset = offsetof(struct tw__global, tune.field)

static struct tw__tune *
tune_of(const struct tw_line *ln)
{
	struct tw__global *const g = ln->core;

	return &g->tune;
}

/* --- setters --- */

static int
integer_parse(const struct tw_line *ln, long min, long max, long *out)
{
	const char *const word = tw_arg(ln, 0);
	char *end;
	const long n = strtol(word, &end, 10);

	if (*word == '\0' || *end != '\0' || n < min || n > max)
		return tw_line_fail(ln, 0, "'%s' takes a number from %ld to %ld",
		    ln->kw->word, min, max);
	*out = n;
	return 0;
}

static int
tune_set_maxaccept(struct tw_line *ln)
{
	struct tw__global *const g = ln->core;
	long n;

	if (integer_parse(ln, -1, 1 << 20, &n) < 0)
		return -1;
	if (n == 0)
		return tw_line_fail(ln, 0,
		    "'tune.maxaccept' takes a number from 1 on, or -1 for no limit");
	g->maxaccept = n < 0 ? UINT32_MAX : (uint32_t)n;
	return 0;
}

/* Bytes of a socket's buffer; 0: the system's. */
static int
tune_set_bytes(struct tw_line *ln)
{
	uint32_t *const out = (uint32_t *)((char *)ln->core + ln->kw->offset);
	struct tw_err err;
	uint64_t bytes;

	if (tw_parse_size(tw_arg(ln, 0), &bytes, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	if (bytes > INT32_MAX)
		return tw_line_fail(
		    ln, 0, "'%s' takes at most %d bytes", ln->kw->word, INT32_MAX);
	*out = (uint32_t)bytes;
	return 0;
}

static int
tune_set_strict_limits(struct tw_line *ln)
{
	tune_of(ln)->strict_limits = !ln->no;
	return 0;
}

static int
tune_set_renice(struct tw_line *ln)
{
	long n;

	if (integer_parse(ln, -20, 19, &n) < 0)
		return -1;
	tune_of(ln)->renice = (int)n;
	tune_of(ln)->has_renice = true;
	return 0;
}

static int
tune_set_dumpable(struct tw_line *ln)
{
	const char *const how = tw_arg(ln, 0);

	if (how != NULL && strcmp(how, "on") != 0 && strcmp(how, "off") != 0)
		return tw_line_fail(
		    ln, 0, "'set-dumpable' takes nothing, 'on' or 'off'");
	tune_of(ln)->dumpable = !ln->no && (how == NULL || strcmp(how, "on") == 0);
	return 0;
}

static const char word_chars[] = "abcdefghijklmnopqrstuvwxyz-";

/* One of the words between braces in the usage: "{ on | off }". */
static int
nothing_word(struct tw_line *ln)
{
	const char *const word = tw_arg(ln, 0), *at = ln->kw->usage;
	const size_t len = strlen(word);
	const bool is_word = len > 0 && word[strspn(word, word_chars)] == '\0';

	while (is_word && (at = strstr(at, word)) != NULL) {
		if (at[-1] == ' ' && at[len] == ' ')
			return 0;
		at += len;
	}
	return tw_line_fail(ln, 0, "'%s' expects one of %s, not '%s'", ln->kw->word,
	    ln->kw->usage, word);
}

static int
tune_set_shards(struct tw_line *ln)
{
	if (nothing_word(ln) < 0)
		return -1;
	tune_of(ln)->shards_by_thread = strcmp(tw_arg(ln, 0), "by-thread") == 0;
	tune_of(ln)->shards_by_group = strcmp(tw_arg(ln, 0), "by-group") == 0;
	return 0;
}

static int
tune_set_close_spread(struct tw_line *ln)
{
	struct tw_err err;
	uint32_t ms;

	tune_of(ln)->close_spread_ms = UINT32_MAX;
	if (strcmp(tw_arg(ln, 0), "infinite") == 0)
		return 0;
	if (tw_parse_ms(tw_arg(ln, 0), 1000, &ms, &err) != 0)
		return tw_line_fail(
		    ln, 0, "'close-spread-time': %s, or write 'infinite'", err.text);
	tune_of(ln)->close_spread_ms = ms;
	return 0;
}

static int
tune_set_localpeer(struct tw_line *ln)
{
	tune_of(ln)->localpeer = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	if (!tw__local_peer_given) /* -L is stronger */
		setenv("HAPROXY_LOCALPEER", tw_arg(ln, 0), 1);
	return 0;
}

/* --- capabilities --- */

static const struct {
	const char *name;
	unsigned number;
} capabilities[] = {
	{ "cap_net_admin", CAP_NET_ADMIN },
	{ "cap_net_bind_service", CAP_NET_BIND_SERVICE },
	{ "cap_net_raw", CAP_NET_RAW },
	{ "cap_sys_admin", CAP_SYS_ADMIN },
};

static int
capability_add(const struct tw_line *ln, const char *name, uint64_t *caps)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(capabilities); i++) {
		if (strcmp(name, capabilities[i].name) == 0) {
			*caps |= UINT64_C(1) << capabilities[i].number;
			return 0;
		}
	}
	return tw_line_fail(ln, 0,
	    "'setcap' does not know '%s'; there are cap_net_admin, "
	    "cap_net_bind_service, cap_net_raw and cap_sys_admin",
	    name);
}

/* setcap <name>[,<name>...] */
static int
tune_set_setcap(struct tw_line *ln)
{
	char *save, *text = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	uint64_t caps = 0;

	for (char *name = strtok_r(text, ",", &save); name != NULL;
	     name = strtok_r(NULL, ",", &save)) {
		if (capability_add(ln, name, &caps) < 0)
			return -1;
	}
	if (caps == 0)
		return tw_line_fail(ln, 0,
		    "'setcap' expects names of capabilities, as in 'setcap cap_net_raw'");
	tune_of(ln)->caps |= caps;
	return 0;
}

/* --- what is taken and changes nothing --- */

static int
nothing_flag(struct tw_line *ln)
{
	(void)ln;
	return 0;
}

static int
nothing_number(struct tw_line *ln)
{
	long n;

	return integer_parse(
	    ln, ln->kw->min, ln->kw->max != 0 ? ln->kw->max : INT32_MAX, &n);
}

static int
nothing_size(struct tw_line *ln)
{
	struct tw_err err;
	uint64_t bytes;

	if (tw_parse_size(tw_arg(ln, 0), &bytes, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	return 0;
}

static int
tune_set_idle(struct tw_line *ln)
{
	struct tw_err err;
	uint32_t ms;

	if (tw_parse_ms(tw_arg(ln, 0), 1000, &ms, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	if (ms > UINT16_MAX)
		return tw_line_fail(
		    ln, 0, "'%s' goes from 0 to 65535 ms", ln->kw->word);
	tune_of(ln)->idle_ms = ms;
	return 0;
}

#define ONE .scopes = TW_SC_GLOBAL, .min_args = 1, .max_args = 1
#define NOTHING "Accepted: there is no such machinery here to be tuned."

/* clang-format off */
static const struct tw_kw keywords[] = {
	{ .word = "tune.maxaccept", ONE, .set = tune_set_maxaccept,
	  .usage = "<number>", .def = "64",
	  .help = "Connections accepted in a row before others get a turn; -1: "
		  "no limit." },
	{ .word = "tune.rcvbuf.client", ONE, .set = tune_set_bytes,
	  AT(rcvbuf_client), .usage = "<size>", .def = "the system's",
	  .help = "Bytes of the kernel's receive buffer of a client's connection." },
	{ .word = "tune.sndbuf.client", ONE, .set = tune_set_bytes,
	  AT(sndbuf_client), .usage = "<size>", .def = "the system's",
	  .help = "Bytes of the kernel's send buffer of a client's connection." },
	{ .word = "tune.rcvbuf.server", ONE, .set = tune_set_bytes,
	  AT(rcvbuf_server), .usage = "<size>", .def = "the system's",
	  .help = "Bytes of the kernel's receive buffer of a server's connection." },
	{ .word = "tune.sndbuf.server", ONE, .set = tune_set_bytes,
	  AT(sndbuf_server), .usage = "<size>", .def = "the system's",
	  .help = "Bytes of the kernel's send buffer of a server's connection." },
	{ .word = "tune.notsent-lowat.client", ONE, .set = tune_set_bytes,
	  AT(lowat_client), .usage = "<size>", .def = "the system's",
	  .help = "Unsent bytes in the kernel up to which a client's connection "
		  "takes more." },
	{ .word = "tune.notsent-lowat.server", ONE, .set = tune_set_bytes,
	  AT(lowat_server), .usage = "<size>", .def = "the system's",
	  .help = "Unsent bytes in the kernel up to which a server's connection "
		  "takes more." },
	{ .word = "tune.pipesize", ONE, .set = tune_set_bytes, AT(pipesize),
	  .usage = "<size>", .def = "262144",
	  .help = "Bytes of a pipe that long bodies are spliced through." },
	{ .word = "maxpipes", ONE, .set = tw_set_uint, AT(maxpipes), .min = 0,
	  .max = INT32_MAX, .usage = "<number>", .def = "0, no limit",
	  .help = "Pipes at a time for splicing; without one, bytes are copied." },
	{ .word = "nosplice", .scopes = TW_SC_GLOBAL, .set = tw_set_flag,
	  AT(nosplice), .def = "off",
	  .help = "Bytes are copied, never spliced.", .flags = TW_KW_NO },
	{ .word = "noreuseport", .scopes = TW_SC_GLOBAL, .set = tw_set_flag,
	  AT(noreuseport), .def = "off",
	  .help = "Listening sockets do not share their port with another program's.",
	  .flags = TW_KW_NO },
	{ .word = "no-memory-trimming", .scopes = TW_SC_GLOBAL,
	  .set = tw_set_flag, AT(no_trimming),
	  .help = "Memory that a burst needed is not given back to the system." },
	{ .word = "fd-hard-limit", ONE, .set = tw_set_uint, AT(fd_hard_limit),
	  .min = 1, .max = INT32_MAX, .usage = "<number>",
	  .help = "Most descriptors to ask for or to plan with." },
	{ .word = "strict-limits", .scopes = TW_SC_GLOBAL,
	  .set = tune_set_strict_limits, .def = "off",
	  .help = "Refuses to start when the system gives fewer descriptors than "
		  "maxconn needs, instead of running with a lower maxconn.",
	  .flags = TW_KW_NO },
	{ .word = "tune.renice.runtime", ONE, .set = tune_set_renice,
	  .usage = "<priority>",
	  .help = "The process's nice value, from -20 to 19." },
	{ .word = "set-dumpable", .scopes = TW_SC_GLOBAL, .max_args = 1,
	  .set = tune_set_dumpable, .usage = "[on | off]", .def = "off",
	  .help = "Lets a crash leave a core file, also after user and group were "
		  "changed.", .flags = TW_KW_NO },
	{ .word = "setcap", ONE, .set = tune_set_setcap, .usage = "<name>[,<name>...]",
	  .help = "Capabilities that are kept when the user is changed." },
	{ .word = "localpeer", ONE, .set = tune_set_localpeer, .usage = "<name>",
	  .def = "the host's name",
	  .help = "This process's name among its peers, as -L, which is stronger." },

	{ .word = "tune.http.logurilen", ONE, .set = tw_set_uint, AT(logurilen),
	  .min = 1, .max = INT32_MAX, .usage = "<number>", .def = "no limit",
	  .help = "Bytes of a request's first line that logs have, be it whole or "
		  "by its parts." },
	{ .word = "tune.pool-low-fd-ratio", ONE, .set = tw_set_uint,
	  AT(pool_low_pct), .min = 1, .max = 100, .usage = "<percent>",
	  .def = "100",
	  .help = "A server's connection that was opened while more of the "
		  "descriptors than this were in use is not kept idle." },
	{ .word = "tune.pool-high-fd-ratio", ONE, .set = tw_set_uint,
	  AT(pool_high_pct), .min = 1, .max = 100, .usage = "<percent>",
	  .def = "100",
	  .help = "With more of the descriptors in use than this, a new server "
		  "connection takes the place of an idle one." },
	{ .word = "tune.rcvbuf.frontend", ONE, .set = tune_set_bytes,
	  AT(rcvbuf_frontend), .usage = "<size>", .def = "the system's",
	  .help = "Bytes of the kernel's receive buffer of 'dgram-bind'." },
	{ .word = "tune.sndbuf.frontend", ONE, .set = tune_set_bytes,
	  AT(sndbuf_frontend), .usage = "<size>", .def = "the system's",
	  .help = "Bytes of the kernel's send buffer of 'dgram-bind'." },
	{ .word = "tune.vars.sess-max-size", ONE, .set = tune_set_bytes,
	  AT(vars_sess), .usage = "<size>", .def = "0, no limit",
	  .help = "Bytes that the variables of a session, its exchange's "
		  "included, may have; one that finds no room is unset." },
	{ .word = "tune.vars.txn-max-size", ONE, .set = tune_set_bytes,
	  AT(vars_txn), .usage = "<size>", .def = "0, no limit",
	  .help = "Bytes that the variables of an exchange (txn, req, res) may "
		  "have; one that finds no room is unset." },
	{ .word = "tune.vars.reqres-max-size", ONE, .set = tune_set_bytes,
	  AT(vars_reqres), .usage = "<size>", .def = "0, no limit",
	  .help = "Bytes that the variables of a request, or of a response, may "
		  "have; one that finds no room is unset." },
	{ .word = "busy-polling", .scopes = TW_SC_GLOBAL, .set = tw_set_flag,
	  AT(busy_polling), .def = "off", .flags = TW_KW_NO,
	  .help = "Worker threads look for events without ever sleeping, which "
		  "saves some microseconds and costs whole CPUs." },
	{ .word = "insecure-fork-wanted", .scopes = TW_SC_GLOBAL, .set = tw_set_flag,
	  AT(fork_wanted), .def = "off", .flags = TW_KW_NO,
	  .help = "Scripts may start programs while requests are served; external "
		  "checks do not need it, a process made for them starts theirs." },
	{ .word = "close-spread-time", ONE, .set = tune_set_close_spread,
	  .usage = "{ <time> | infinite }", .def = "0, at once",
	  .help = "Over which time clients' connections end at a soft stop; "
		  "infinite: by themselves only." },
	{ .word = "quick-exit", .scopes = TW_SC_GLOBAL, .set = nothing_flag,
	  .help = NOTHING },
	{ .word = "nopoll", .scopes = TW_SC_GLOBAL, .set = nothing_flag,
	  .help = "Accepted: poll() is not used." },
	{ .word = "nokqueue", .scopes = TW_SC_GLOBAL, .set = nothing_flag,
	  .help = "Accepted: kqueue is not used." },
	{ .word = "noevports", .scopes = TW_SC_GLOBAL, .set = nothing_flag,
	  .help = "Accepted: event ports are not used." },
	{ .word = "insecure-setuid-wanted", .scopes = TW_SC_GLOBAL,
	  .set = nothing_flag, .flags = TW_KW_NO,
	  .help = "Accepted: programs that are started may change their user." },
	{ .word = "expose-experimental-directives", .scopes = TW_SC_GLOBAL,
	  .set = nothing_flag,
	  .help = "Accepted: no word here asks for it." },
	{ .word = "expose-deprecated-directives", .scopes = TW_SC_GLOBAL,
	  .set = nothing_flag,
	  .help = "Accepted: no word here asks for it." },
	{ .word = "mworker-max-reloads", ONE, .set = nothing_number,
	  .usage = "<number>",
	  .help = "Accepted: a reload leaves no former worker behind." },
	{ .word = "h1-do-not-close-on-insecure-transfer-encoding",
	  .scopes = TW_SC_GLOBAL, .set = nothing_flag,
	  .help = "Accepted: requests with both a length and a transfer coding are "
		  "refused." },
	{ .word = "tune.defaults.purge", .scopes = TW_SC_GLOBAL,
	  .set = nothing_flag, .help = NOTHING },
	{ .word = "tune.fail-alloc", ONE, .set = nothing_number, .max = 100,
	  .usage = "<percent>",
	  .help = "Accepted: as in HAProxy, allocations fail only where that was "
		  "asked for at the start." },
	{ .word = "tune.runqueue-depth", ONE, .set = nothing_number,
	  .usage = "<number>", .help = NOTHING },
	{ .word = "tune.maxpollevents", ONE, .set = nothing_number, .min = 1,
	  .usage = "<number>", .help = NOTHING },
	{ .word = "tune.events.max-events-at-once", ONE, .set = nothing_number,
	  .min = 1, .usage = "<number>", .help = NOTHING },
	{ .word = "tune.max-rules-at-once", ONE, .set = nothing_number,
	  .usage = "<number>", .help = NOTHING },
	{ .word = "tune.pattern.cache-size", ONE, .set = nothing_number,
	  .usage = "<number>", .help = NOTHING },
	{ .word = "tune.ring.queues", ONE, .set = nothing_number,
	  .usage = "<number>", .help = NOTHING },
	{ .word = "tune.buffers.reserve", ONE, .set = nothing_number,
	  .usage = "<number>", .help = NOTHING },
	{ .word = "tune.bufsize.small", ONE, .set = nothing_size,
	  .usage = "<size>", .help = NOTHING },
	{ .word = "tune.bufsize.large", ONE, .set = nothing_size,
	  .usage = "<size>", .help = NOTHING },
	{ .word = "tune.recv_enough", ONE, .set = nothing_size,
	  .usage = "<size>", .help = NOTHING },
	{ .word = "tune.memory.hot-size", ONE, .set = nothing_size,
	  .usage = "<size>", .help = NOTHING },
	{ .word = "tune.idletimer", ONE, .set = tune_set_idle, .usage = "<time>",
	  .def = "1s",
	  .help = "After so much silence tune.ssl.maxrecord holds again; 0: never "
		  "again." },
	{ .word = "tune.sched.low-latency", ONE, .set = nothing_word,
	  .usage = "{ on | off }", .help = NOTHING },
	{ .word = "tune.fd.edge-triggered", ONE, .set = nothing_word,
	  .usage = "{ on | off }",
	  .help = "Accepted: events are always edge-triggered." },
	{ .word = "tune.idle-pool.shared", ONE, .set = nothing_word,
	  .usage = "{ on | off }",
	  .help = "Accepted: each thread has its own idle connections." },
	{ .word = "tune.takeover-other-tg-connections", ONE, .set = nothing_word,
	  .usage = "{ none | restricted | full }",
	  .help = "Accepted: each thread has its own idle connections." },
	{ .word = "tune.listener.multi-queue", ONE, .set = nothing_word,
	  .usage = "{ on | fair | off }",
	  .help = "Accepted: a connection always goes to the thread with the "
		  "fewest." },
	{ .word = "tune.listener.default-shards", ONE, .set = tune_set_shards,
	  .usage = "{ by-process | by-thread | by-group }", .def = "by-process",
	  .help = "The 'shards' of bind lines that have none; by-process: all "
		  "threads share a socket." },
	{ .word = "prealloc-fd", .scopes = TW_SC_GLOBAL, .set = tw_set_flag,
	  AT(prealloc_fd), .def = "off", .flags = TW_KW_NO,
	  .help = "The kernel's table of descriptors has its full size from the "
		  "start." },
	{ .word = "tune.disable-fast-forward", .scopes = TW_SC_GLOBAL,
	  .set = nothing_flag, .help = NOTHING },
	{ .word = "tune.disable-zero-copy-forwarding", .scopes = TW_SC_GLOBAL,
	  .set = nothing_flag, .help = NOTHING },
	{ .word = "tune.h1.zero-copy-fwd-recv", ONE, .set = nothing_word,
	  .usage = "{ on | off }", .help = NOTHING },
	{ .word = "tune.h1.zero-copy-fwd-send", ONE, .set = nothing_word,
	  .usage = "{ on | off }", .help = NOTHING },
	{ .word = "tune.pt.zero-copy-forwarding", ONE, .set = nothing_word,
	  .usage = "{ on | off }", .help = NOTHING },
	{ .word = "tune.applet.zero-copy-forwarding", ONE, .set = nothing_word,
	  .usage = "{ on | off }", .help = NOTHING },
	{ .word = NULL },
};
/* clang-format on */

int
tw__tune_register(struct tw_err *err)
{
	return tw__kw_add(keywords, NULL, err);
}
