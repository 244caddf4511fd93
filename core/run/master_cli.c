/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * master_cli.c - the master's command line (-S).
 *
 * The same sessions as on a control socket, with the master's own commands;
 * "@1 COMMAND" and "@!PID COMMAND" are the worker's, which gets one end of a
 * socket pair as a session of its own, at this session's level. The master's
 * one thread. source: HAProxy's management guide, 9.4.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <tideway/assert.h>
#include <tideway/worker.h>
#include "core/run/master.h"

#define IDLE_MS 60000
#define WORKER_MS 60000 /* how long the worker may take to answer */
#define RELOAD_MS 60000
#define MAX_SESSIONS 64

/* A command that the worker answers. */
struct relayed {
	struct tw_cli *cli;      /* borrow: until it is done or gone */
	struct bufferevent *bev; /* owns: this end of the pair */
};

/* A session that waits for the outcome of a reload. */
struct waiting {
	LIST_ENTRY(waiting) link;
	struct tw_cli *cli; /* borrow: until it is done or gone */
};

static LIST_HEAD(, waiting) reloads = LIST_HEAD_INITIALIZER(reloads);
static struct tw_arena *arena; /* owns: the sockets' settings */
static struct tw__cli_host master_host;

/* --- commands --- */

static void
uptime_print(struct tw_cli *cli, uint64_t since_ms)
{
	const uint64_t s = (tw_now_us() / 1000 - since_ms) / 1000;
	char text[32];

	snprintf(text, sizeof(text), "%llud%02lluh%02llum%02llus",
	    (unsigned long long)(s / 86400), (unsigned long long)(s / 3600 % 24),
	    (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
	tw_cli_printf(cli, "%-15s %s\n", text, PACKAGE_VERSION);
}

static void
cmd_show_proc(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw__master_info info;
	char reloads_text[64];

	(void)argc;
	(void)argv;
	tw__master_info(&info);
	snprintf(reloads_text, sizeof(reloads_text), "%u [failed: %u]", info.reloads,
	    info.failed);
	tw_cli_printf(cli, "%-15s %-15s %-15s %-15s %-15s\n", "#<PID>", "<type>",
	    "<reloads>", "<uptime>", "<version>");
	tw_cli_printf(
	    cli, "%-15u %-15s %-15s ", (unsigned)getpid(), "master", reloads_text);
	uptime_print(cli, info.started_ms);
	tw_cli_printf(cli, "# workers\n");
	if (info.worker != 0) {
		tw_cli_printf(cli, "%-15u %-15s %-15u ", (unsigned)info.worker,
		    "worker", info.worker_reloads);
		uptime_print(cli, info.worker_started_ms);
	}
	tw_cli_printf(cli, "# programs\n");
}

static void
reload_gone(void *arg)
{
	struct waiting *const w = arg;

	LIST_REMOVE(w, link);
	free(w);
}

static void
cmd_reload(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	if (!tw__master_reload()) {
		tw_cli_printf(cli,
		    "Success=0\n--\nThere is no worker: another one "
		    "reads the files when it starts.\n");
		return;
	}
	struct waiting *const w = calloc(1, sizeof(*w));
	TW_ASSERT(w != NULL);
	w->cli = cli;
	LIST_INSERT_HEAD(&reloads, w, link);
	tw_cli_wait(cli, RELOAD_MS, reload_gone, w);
}

void
tw__master_cli_reloaded(bool success)
{
	struct waiting *w;

	while ((w = LIST_FIRST(&reloads)) != NULL) {
		struct tw_cli *const cli = w->cli;

		reload_gone(w);
		tw_cli_printf(cli, "Success=%d\n", success);
		tw_cli_done(cli);
	}
}

/* Shown by `help`; the route takes them before they are looked up. */
static void
cmd_at(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw_cli_printf(cli, "Write @1, @!<pid> or @master.\n");
}

static const struct tw_command commands[] = {
	{ "@!<pid>", TW_CLI_USER, 0, cmd_at, "",
	    "send a command to the <pid> process" },
	{ "@<relative pid>", TW_CLI_USER, 0, cmd_at, "",
	    "send a command to the <relative pid> process" },
	{ "@master", TW_CLI_USER, 0, cmd_at, "",
	    "send a command to the master process" },
	{ "reload", TW_CLI_OPERATOR, 0, cmd_reload, "", "reload the configuration" },
	{ "show proc", TW_CLI_USER, 0, cmd_show_proc, "", "show processes status" },
};

static const struct tw_command *
master_command(int i)
{
	const int n = (int)TW_N_ELEMENTS(commands);

	if (i < n)
		return &commands[i];
	for (int k = 0; tw__commands_common[k].words != NULL; k++) {
		if (k == i - n)
			return &tw__commands_common[k];
	}
	return NULL;
}

/* --- to the worker --- */

static void
relayed_gone(void *arg)
{
	struct relayed *const r = arg;

	bufferevent_free(r->bev);
	free(r);
}

/* The worker's answer has its own empty line. */
static void
on_answer(struct bufferevent *bev, void *arg)
{
	const struct relayed *const r = arg;
	struct evbuffer *const in = bufferevent_get_input(bev);
	const size_t len = evbuffer_get_length(in);

	tw_cli_write(
	    r->cli, (struct tw_str){ (const char *)evbuffer_pullup(in, -1), len });
	evbuffer_drain(in, len);
}

static void
on_answered(struct bufferevent *bev, short what, void *arg)
{
	struct relayed *const r = arg;
	struct tw_cli *const cli = r->cli;

	if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
		return;
	on_answer(bev, r);
	relayed_gone(r);
	tw__cli_bare(cli);
	tw_cli_done(cli);
}

static void
on_asked(struct bufferevent *bev, void *arg)
{
	(void)arg;
	shutdown(bufferevent_getfd(bev), SHUT_WR); /* it answers this, and ends */
}

static void
worker_ask(struct tw_cli *cli, const char *line)
{
	const struct tw_str payload = tw_cli_payload(cli);
	const int fd = tw__master_session(tw_cli_level(cli));

	if (fd < 0) {
		tw_cli_printf(cli, "The worker cannot be asked: %s\n", strerror(errno));
		return;
	}
	struct relayed *const r = calloc(1, sizeof(*r));
	TW_ASSERT(r != NULL);
	evutil_make_socket_nonblocking(fd);
	r->cli = cli;
	r->bev = bufferevent_socket_new(master_host.base, fd, BEV_OPT_CLOSE_ON_FREE);
	TW_ASSERT(r->bev != NULL);
	bufferevent_setcb(r->bev, on_answer, on_asked, on_answered, r);
	evbuffer_add_printf(bufferevent_get_output(r->bev), "%s%s\n", line,
	    payload.p != NULL ? " <<" : "");
	if (payload.p != NULL) {
		tw__cli_send(bufferevent_get_output(r->bev), payload);
		bufferevent_write(r->bev, "\n", 1);
	}
	bufferevent_enable(r->bev, EV_READ | EV_WRITE);
	tw_cli_wait(cli, WORKER_MS, relayed_gone, r);
}

/* "@", "@master": 0; "@1", "@!PID": the worker's; -1: nobody's. */
static pid_t
target_pid(const char *text, size_t len)
{
	struct tw__master_info info;
	const struct tw_str word = { text, len };
	const bool by_pid = len > 0 && text[0] == '!';
	uint64_t n;

	tw__master_info(&info);
	if (len == 0 || tw_str_eq(word, TW_STR("master")))
		return 0;
	if (!tw_str_to_u64((struct tw_str){ text + by_pid, len - by_pid }, &n))
		return -1;
	if (by_pid && n == (uint64_t)getpid())
		return 0;
	return info.worker != 0 && n == (by_pid ? (uint64_t)info.worker : 1)
	    ? info.worker
	    : -1;
}

static char *
master_route(struct tw_cli *cli, char *line)
{
	pid_t pid = tw__cli_context(cli);

	line += strspn(line, " \t");
	if (line[0] == '@') {
		const size_t len = strcspn(line, " \t");

		pid = target_pid(line + 1, len - 1);
		if (pid < 0) {
			tw_cli_printf(cli,
			    "Can't find the target PID matching the prefix '%.*s'\n",
			    (int)len, line);
			tw__cli_quit(cli);
			return NULL;
		}
		line += len;
		line += strspn(line, " \t");
		if (line[0] == '\0') {
			tw__cli_set_context(cli, pid);
			tw__cli_bare(cli);
			return NULL;
		}
	}
	if (pid == 0 || strcmp(line, "prompt") == 0 || strcmp(line, "quit") == 0)
		return line;
	worker_ask(cli, line);
	return NULL;
}

static void
master_prompt(const struct tw_cli *cli, char *buf, size_t size)
{
	struct tw__master_info info;

	tw__master_info(&info);
	if (tw__cli_context(cli) != 0)
		snprintf(buf, size, "%d> ", (int)tw__cli_context(cli));
	else
		snprintf(
		    buf, size, "master%s> ", info.last_failed ? "[ReloadFailed]" : "");
}

/* --- up and down --- */

static struct tw__cli_host master_host = {
	.command = master_command,
	.route = master_route,
	.prompt = master_prompt,
	.max_sessions = MAX_SESSIONS,
	.stays_open = true,
};

/* in: arg, "address,name,value,..." */
static struct tw__control_conf *
argument_parse(const char *arg, struct tw_err *err)
{
	struct tw__control_conf *const c = tw_arena_zalloc(arena, sizeof(*c));
	char *text = tw_arena_strdup(arena, arg);
	char *word[32];
	int n = 0;

	while (text != NULL && n < (int)TW_N_ELEMENTS(word))
		word[n++] = strsep(&text, ",");
	c->level = TW_CLI_ADMIN;
	if (tw__control_parse(arena, word, n, c, err) != 0)
		return NULL;
	c->file = "-S";
	return c;
}

int
tw__master_cli_up(struct event_base *base, char *const *arg, int n, struct tw_err *err)
{
	struct tw__control_conf *list = NULL;
	struct tw_err why;

	arena = tw_arena_new(0);
	for (int i = n; i > 0; i--) {
		struct tw__control_conf *const c = argument_parse(arg[i - 1], &why);

		if (c == NULL)
			return tw_err_set(err, "-S %s: %s", arg[i - 1], why.text);
		c->next = list;
		list = c;
	}
	master_host.base = base;
	if (tw__control_open(list, err) != 0)
		return -1;
	if (list != NULL)
		tw__control_serve(list, &master_host, IDLE_MS);
	return 0;
}

void
tw__master_cli_down(bool is_child)
{
	tw__control_down(is_child);
	tw_arena_free(&arena);
}
