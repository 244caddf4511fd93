/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * log_cmd.c - the control socket's commands about logs: show events, show ring,
 * show log.
 *
 * Who waits for new events is looked after ten times a second; nobody who
 * writes to a ring waits for him. Control thread. source: HAProxy's management
 * guide, 9.3.
 */
#include "config.h"

#include <poll.h>
#include <stdlib.h>

#include <event2/event.h>

#include <tideway/assert.h>
#include <tideway/worker.h>

#include "proxy/forward.h"
#include "proxy/logger.h"
#include "proxy/proxy_int.h"
#include "proxy/ring.h"
#include "run/cli.h"

#define POLL_US 100000
#define UNSENT_MAX (1 << 20) /* bytes that a slow reader may leave behind */
#define MESSAGE_MAX (TW__LOG_LEN_MAX + 1)

/* A session that waits for new events. */
struct watcher {
	struct tw_cli *cli;
	struct tw__ring *ring;
	struct tw__ring_reader reader;
	struct event *timer; /* owns */
};

/* Everything there is to read. */
static void
dump(struct tw_cli *cli, struct tw__ring *r, struct tw__ring_reader *rd, size_t most)
{
	char *const mem = malloc(MESSAGE_MAX);
	size_t len;

	TW_ASSERT(mem != NULL);
	while (tw__cli_unsent(cli) < most &&
	    (len = tw__ring_next(r, rd, mem, MESSAGE_MAX - 1)) != SIZE_MAX) {
		mem[len] = '\n';
		tw_cli_write(cli, (struct tw_str){ mem, len + 1 });
	}
	free(mem);
}

static void
watcher_free(void *arg)
{
	struct watcher *const w = arg;

	event_free(w->timer);
	tw__ring_read_end(w->ring, &w->reader);
	free(w);
}

static bool
has_gone(const struct tw_cli *cli)
{
	struct pollfd p = { .fd = tw__cli_fd(cli) };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void
on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct watcher *const w = arg;
	struct tw_cli *const cli = w->cli;

	(void)fd;
	(void)what;
	dump(cli, w->ring, &w->reader, UNSENT_MAX);
	if (!tw__cli_drop_input(cli) && !has_gone(cli))
		return;
	watcher_free(w);
	tw_cli_done(cli);
}

static void
watch(struct tw_cli *cli, struct tw__ring *r, bool newest)
{
	const struct timeval tv = { .tv_usec = POLL_US };
	struct watcher *const w = calloc(1, sizeof(*w));

	TW_ASSERT(w != NULL);
	w->cli = cli;
	w->ring = r;
	w->timer =
	    event_new(tw_worker_base(tw_worker_self()), -1, EV_PERSIST, on_poll, w);
	TW_ASSERT(w->timer != NULL);
	tw__ring_read_from(r, &w->reader, newest);
	dump(cli, r, &w->reader, SIZE_MAX);
	event_add(w->timer, &tv);
	tw_cli_wait(cli, UINT32_MAX, watcher_free, w);
}

/* ---- show events -------------------------------------------------------- */

static void
list_ring(struct tw__ring *r, void *arg)
{
	if (r->in_use)
		tw_cli_printf(arg, "    %-10s : type=buffer, %llu dropped, %s\n",
		    r->name, (unsigned long long)atomic_load(&r->dropped),
		    r->description);
}

static void
list_sinks(struct tw_cli *cli)
{
	struct tw__log_target_info info;

	tw_cli_printf(cli,
	    "Supported events sinks are listed below. Add -w(wait), -n(new). Any key "
	    "to stop\n");
	for (int i = 0; tw__log_target_at(i, &info); i++)
		if (strcmp(info.type, "fd") == 0)
			tw_cli_printf(cli, "    %-10s : type=fd, %llu dropped\n",
			    info.name, (unsigned long long)info.dropped);
	tw__ring_each(list_ring, cli);
}

static void
cmd_show_events(struct tw_cli *cli, int argc, char *const argv[])
{
	bool wait = false, newest = false;

	if (argc == 0) {
		list_sinks(cli);
		return;
	}
	struct tw__ring *const r = tw__ring_find(argv[0]);
	if (r == NULL || !r->in_use) {
		tw_cli_printf(cli, "No such event sink\n");
		return;
	}
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-' || argv[i][1] == '\0' ||
		    strspn(argv[i] + 1, "wn") != strlen(argv[i] + 1)) {
			tw_cli_printf(
			    cli, "unknown option '%s': write -w, -n or -wn\n", argv[i]);
			return;
		}
		wait = wait || strchr(argv[i], 'w') != NULL;
		newest = newest || strchr(argv[i], 'n') != NULL;
	}
	if (wait) {
		watch(cli, r, newest);
		return;
	}
	struct tw__ring_reader rd = { .holds = false };
	tw__ring_read_from(r, &rd, newest);
	dump(cli, r, &rd, SIZE_MAX);
	tw__ring_read_end(r, &rd);
}

/* ---- show ring ---------------------------------------------------------- */

static void
show_ring(struct tw__ring *r, void *arg)
{
	const struct tw__ring_server *s;
	struct tw_cli *const cli = arg;
	uint64_t messages;

	if (!r->in_use)
		return;
	const uint64_t used = tw__ring_used(r, &messages);
	tw_cli_printf(cli,
	    "%s: size=%llu used=%llu messages=%llu total=%llu dropped=%llu maxlen=%u "
	    "(%s)\n",
	    r->name, (unsigned long long)r->size, (unsigned long long)used,
	    (unsigned long long)messages, (unsigned long long)atomic_load(&r->messages),
	    (unsigned long long)atomic_load(&r->dropped), r->maxlen, r->description);
	LIST_FOREACH(s, &r->servers, link) {
		char text[160];
		struct tw_out o = tw_out_of(text, sizeof(text) - 1);

		tw_addr_port_out(&o, &s->addr);
		*o.p = '\0';
		tw_cli_printf(cli, "  server %s %s: %s sent=%llu failures=%llu\n",
		    s->name, text,
		    s->connected     ? "connected"
			: s->fd >= 0 ? "connecting"
				     : "idle",
		    (unsigned long long)atomic_load(&s->sent),
		    (unsigned long long)atomic_load(&s->failures));
	}
}

static void
cmd_show_ring(struct tw_cli *cli, int argc, char *const argv[])
{
	if (argc == 0) {
		tw__ring_each(show_ring, cli);
		return;
	}
	struct tw__ring *const r = tw__ring_find(argv[0]);
	if (r == NULL || !r->in_use)
		tw_cli_printf(cli, "No such ring\n");
	else
		show_ring(r, cli);
}

/* ---- show log ----------------------------------------------------------- */

static void
cmd_show_log(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw__log_target_info info;

	(void)argc;
	(void)argv;
	tw_cli_printf(cli, "# target type state sent dropped\n");
	for (int i = 0; tw__log_target_at(i, &info); i++)
		tw_cli_printf(cli, "%s %s %s %llu %llu\n", info.name, info.type,
		    info.is_down ? "down" : "up", (unsigned long long)info.sent,
		    (unsigned long long)info.dropped);
	uint64_t messages, broken;
	tw__forward_counts(&messages, &broken);
	tw_cli_printf(cli, "# log-forward: messages=%llu broken_streams=%llu\n",
	    (unsigned long long)messages, (unsigned long long)broken);
}

const struct tw_command tw__log_commands[] = {
	{ "show events", TW_CLI_OPERATOR, 0, cmd_show_events, "[<sink>] [-w] [-n]",
	    "show event sink state" },
	{ "show log", TW_CLI_OPERATOR, 0, cmd_show_log, "",
	    "log targets, what they took and what was dropped" },
	{ "show ring", TW_CLI_OPERATOR, 0, cmd_show_ring, "[<ring>]",
	    "rings, their use and their servers" },
	{ .words = NULL },
};
