/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cli.c - sessions of the control socket.
 *
 * A session reads lines, runs their commands in order, and answers each with
 * its text and an empty line. It closes after the first line, unless `prompt`
 * made it interactive or more lines have arrived. While a peer does not read
 * its answer no further command is run, so that it costs what one answer
 * costs. One event base: the control thread's or the master's.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <tideway/assert.h>
#include <tideway/worker.h>
#include "core/run/cli.h"

#define CLI_MAGIC 0x5457434cu
#define OUT_HIGH (64u << 10) /* bytes not yet sent: no other command is run */
#define STREAM_US 300u       /* a long answer's turn on the thread */

struct tw_cli {
	LIST_ENTRY(tw_cli) link;
	uint32_t magic;
	const struct tw__cli_host *host; /* borrow: as long as its base */
	struct bufferevent *bev;         /* owns */
	struct event *deadline;          /* owns: of tw_cli_wait */
	char *rest;                      /* owns: commands still to run, of `line` */
	char *line;                      /* owns: the buffer that `rest` points into */
	size_t line_len;
	struct tw__cli_text payload; /* p NULL: none */
	void (*gone)(void *arg);
	void *gone_arg;
	uint32_t timeout_ms;
	enum tw_cli_level level;
	bool prompt, expert, experimental, may_getsocks;
	bool waiting;     /* the answer comes later */
	bool gathering;   /* payload lines are coming */
	bool closing;     /* once all is sent */
	bool has_eof;     /* the peer sends no more */
	bool running;     /* inside session_run */
	bool bare;        /* the answer at hand ends without an empty line */
	pid_t context;    /* whom commands are for; 0: this process */
	bool lingering;   /* the answer was no text; until the peer has gone */
	uint8_t severity; /* enum tw__cli_severity */
	/* A long answer: writes the next piece; NULL: none is under way. */
	bool (*step)(struct tw_cli *cli, void *arg);
	void (*step_fini)(void *arg);
	void *step_arg;
	struct event *later; /* owns: its next turn; NULL: never needed */
	const void *origin;  /* only compared; NULL: none */
	/* Whose run is called; NULL: none is. */
	const struct tw_command *command;
};

static LIST_HEAD(, tw_cli) sessions = LIST_HEAD_INITIALIZER(sessions);
static uint32_t n_sessions;
void (*tw__cli_freed)(void);

static void session_run(struct tw_cli *cli);

/* --- the answer --- */

static struct evbuffer *
out_of(const struct tw_cli *cli)
{
	return bufferevent_get_output(cli->bev);
}

void
tw_cli_write(struct tw_cli *cli, struct tw_str text)
{
	TW_CHECK_MAGIC(cli, CLI_MAGIC);
	evbuffer_add(out_of(cli), text.p, text.len);
}

void
tw_cli_printf(struct tw_cli *cli, const char *fmt, ...)
{
	va_list ap;

	TW_CHECK_MAGIC(cli, CLI_MAGIC);
	va_start(ap, fmt);
	evbuffer_add_vprintf(out_of(cli), fmt, ap);
	va_end(ap);
}

static void
severity_add(struct tw_cli *cli, enum tw_level level)
{
	static const char *const word[] = { "emerg", "alert", "crit", "err", "warning",
		"notice", "info", "debug" };

	if (cli->severity == TW__CLI_SEVERITY_NUMBER)
		tw_cli_printf(cli, "[%d]: ", (int)level);
	else if (cli->severity == TW__CLI_SEVERITY_STRING)
		tw_cli_printf(cli, "[%s]: ", word[level]);
}

void
tw_cli_msg(struct tw_cli *cli, enum tw_level level, const char *fmt, ...)
{
	va_list ap;

	TW_CHECK_MAGIC(cli, CLI_MAGIC);
	severity_add(cli, level);
	va_start(ap, fmt);
	evbuffer_add_vprintf(out_of(cli), fmt, ap);
	va_end(ap);
}

struct tw_str
tw_cli_payload(const struct tw_cli *cli)
{
	return (struct tw_str){ cli->payload.p, cli->payload.len };
}

static void
answer_end(struct tw_cli *cli)
{
	char text[64];

	if (!cli->bare && !cli->closing)
		evbuffer_add(out_of(cli), "\n", 1);
	cli->bare = false;
	if (cli->prompt && !cli->closing) {
		cli->host->prompt(cli, text, sizeof(text));
		evbuffer_add(out_of(cli), text, strlen(text));
	}
	tw__cli_text_free(&cli->payload);
}

/* --- life --- */

static void
stream_end(struct tw_cli *cli)
{
	void (*const fini)(void *arg) = cli->step_fini;

	if (cli->step == NULL)
		return;
	cli->step = NULL;
	cli->step_fini = NULL;
	if (fini != NULL)
		fini(cli->step_arg);
}

static void
line_free(struct tw_cli *cli)
{
	tw__cli_wipe_free(cli->line, cli->line_len);
	cli->line = cli->rest = NULL;
}

static void
session_free(struct tw_cli *cli)
{
	void (*const gone)(void *arg) = cli->waiting ? cli->gone : NULL;
	void *const arg = cli->gone_arg;

	LIST_REMOVE(cli, link);
	n_sessions--;
	stream_end(cli);
	cli->magic = 0;
	tw__cli_drain(bufferevent_get_input(cli->bev), SIZE_MAX);
	bufferevent_free(cli->bev);
	if (cli->later != NULL)
		event_free(cli->later);
	if (cli->deadline != NULL)
		event_free(cli->deadline);
	tw__cli_text_free(&cli->payload);
	line_free(cli);
	free(cli);
	if (gone != NULL)
		gone(arg);
	if (tw__cli_freed != NULL)
		tw__cli_freed();
}

static bool
is_flushed(const struct tw_cli *cli)
{
	return evbuffer_get_length(out_of(cli)) == 0;
}

/* --- later answers --- */

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct tw_cli *const cli = arg;
	void (*const gone)(void *arg) = cli->gone;

	(void)fd;
	(void)what;
	cli->gone = NULL;
	if (gone != NULL)
		gone(cli->gone_arg);
	tw_cli_printf(cli, "No answer in time.\n");
	tw_cli_done(cli);
}

void
tw_cli_wait(
    struct tw_cli *cli, uint32_t deadline_ms, void (*gone)(void *arg), void *arg)
{
	const struct timeval tv = { .tv_sec = deadline_ms / 1000,
		.tv_usec = (suseconds_t)(deadline_ms % 1000 * 1000) };

	TW_CHECK_MAGIC(cli, CLI_MAGIC);
	cli->waiting = true;
	cli->gone = gone;
	cli->gone_arg = arg;
	if (cli->deadline == NULL)
		cli->deadline = evtimer_new(cli->host->base, on_deadline, cli);
	TW_ASSERT(cli->deadline != NULL);
	event_add(cli->deadline, &tv);
}

void
tw_cli_done(struct tw_cli *cli)
{
	TW_CHECK_MAGIC(cli, CLI_MAGIC);
	TW_ASSERT(cli->waiting);
	cli->waiting = false;
	event_del(cli->deadline);
	if (cli->step == NULL)
		answer_end(cli);
	session_run(cli);
}

/* --- long answers --- */

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	session_run(arg);
}

void
tw_cli_stream(struct tw_cli *cli, bool (*step)(struct tw_cli *cli, void *arg),
    void (*fini)(void *arg), void *arg)
{
	TW_CHECK_MAGIC(cli, CLI_MAGIC);
	TW_ASSERT(cli->step == NULL && !cli->waiting);
	cli->step = step;
	cli->step_fini = fini;
	cli->step_arg = arg;
	if (cli->later == NULL)
		cli->later = evtimer_new(cli->host->base, on_later, cli);
	TW_ASSERT(cli->later != NULL);
}

/* One turn: until the peer has enough to read, or others want the thread.
 * returns: whether the session can go on at once. */
static bool
stream_run(struct tw_cli *cli)
{
	static const struct timeval at_once = { 0, 0 };
	const uint64_t until = tw_now_us() + STREAM_US;

	while (cli->step(cli, cli->step_arg)) {
		if (cli->waiting)
			return false; /* goes on after tw_cli_done() */
		if (evbuffer_get_length(out_of(cli)) >= OUT_HIGH)
			return false;
		if (tw_now_us() >= until) {
			event_add(cli->later, &at_once);
			return false;
		}
	}
	stream_end(cli);
	answer_end(cli);
	return true;
}

/* --- help --- */

static bool
is_shown(const struct tw_cli *cli, const struct tw_command *c)
{
	return c->level <= cli->level && !(c->flags & TW_CMD_HIDDEN) &&
	    (cli->expert || !(c->flags & TW_CMD_EXPERT)) &&
	    (cli->experimental || !(c->flags & TW_CMD_EXPERIMENTAL));
}

static void
help_line(struct tw_cli *cli, const struct tw_command *c)
{
	char text[160];

	snprintf(text, sizeof(text), "%s%s%s", c->words,
	    c->usage != NULL && c->usage[0] != '\0' ? " " : "",
	    c->usage != NULL ? c->usage : "");
	tw_cli_printf(cli, "  %-40s: %s\n", text, c->help);
}

static unsigned
help_lines(struct tw_cli *cli, const char *word, bool count_only)
{
	const struct tw_command *c;
	unsigned n = 0;

	for (int i = 0; (c = cli->host->command(i)) != NULL; i++) {
		if (!is_shown(cli, c) ||
		    (word != NULL && strncmp(c->words, word, strlen(word)) != 0))
			continue;
		n++;
		if (!count_only)
			help_line(cli, c);
	}
	return n;
}

void
tw__cli_help(struct tw_cli *cli, const char *word)
{
	const bool found = help_lines(cli, word, true) > 0;

	tw_cli_msg(cli, TW_INFO, "The following commands are valid at this level:\n");
	help_lines(cli, found ? word : NULL, false);
}

static void
unknown(struct tw_cli *cli, const char *word)
{
	const bool near = word != NULL && help_lines(cli, word, true) > 0;

	tw_cli_msg(cli, TW_INFO, "%s",
	    near ? "Unknown command, but maybe one of the following ones is a better "
		   "match:\n"
		 : "Unknown command. Please enter one of the following commands "
		   "only:\n");
	help_lines(cli, near ? word : NULL, false);
}

/* --- commands --- */

static const struct tw_command *
command_find(const struct tw_cli *cli, char *const *word, int n, int *used)
{
	const struct tw_command *c, *found = NULL;

	*used = 0;
	for (int i = 0; (c = cli->host->command(i)) != NULL; i++) {
		const int m = tw__cli_match(c->words, word, n);

		if (m > *used) {
			*used = m;
			found = c;
		}
	}
	return found;
}

const struct tw_command *
tw_cli_command(const struct tw_cli *cli)
{
	return cli->command;
}

static void
run(struct tw_cli *cli, const struct tw_command *c, int argc, char *const argv[])
{
	cli->command = c;
	c->run(cli, argc, argv);
	cli->command = NULL;
}

static void
command_run(struct tw_cli *cli, char *line)
{
	char *word[TW__CLI_WORDS_MAX + 1];
	int used;

	if (cli->host->route != NULL && (line = cli->host->route(cli, line)) == NULL)
		return;
	const int n = tw__cli_split_words(line, word);
	if (n < 0) {
		tw_cli_printf(cli, "Too many words on this line.\n");
		return;
	}
	const struct tw_command *const c = command_find(cli, word, n, &used);
	if (c == NULL)
		unknown(cli, word[0]);
	else if (cli->level < c->level)
		tw_cli_msg(cli, TW_ERR, "Permission denied\n");
	else if ((c->flags & TW_CMD_EXPERT) && !cli->expert)
		tw_cli_msg(cli, TW_ERR,
		    "This command is restricted to expert mode only: write "
		    "'expert-mode on' first\n");
	else if ((c->flags & TW_CMD_EXPERIMENTAL) && !cli->experimental)
		tw_cli_msg(cli, TW_ERR,
		    "This command is restricted to experimental mode only: write "
		    "'experimental-mode on' first\n");
	else
		run(cli, c, n - used, word + used);
}

static void
next_command(struct tw_cli *cli)
{
	char *const command = cli->rest;

	cli->rest = tw__cli_split_command(command);
	command_run(cli, command);
	if (!cli->waiting && !cli->lingering && !cli->closing && cli->step == NULL)
		answer_end(cli);
}

/* --- lines --- */

/* "... <<" at the end asks for lines of payload. */
static bool
wants_payload(char *line)
{
	size_t len = strlen(line);

	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	if (len < 2 || memcmp(line + len - 2, "<<", 2) != 0 ||
	    (len > 2 && line[len - 3] != ' '))
		return false;
	line[len - 2] = '\0';
	return true;
}

static void
line_take(struct tw_cli *cli, char *line, size_t len)
{
	if (cli->gathering) {
		if (line[0] != '\0')
			tw__cli_text_add(&cli->payload, line);
		else
			cli->gathering = false;
		tw__cli_wipe_free(line, len);
		return;
	}
	line_free(cli);
	cli->line = cli->rest = line;
	cli->line_len = len;
	if (wants_payload(line)) {
		cli->gathering = true;
		tw__cli_text_begin(&cli->payload);
	}
}

/* returns: owned; NULL: none is complete. */
static char *
line_read(struct tw_cli *cli, size_t *len)
{
	struct evbuffer *const in = bufferevent_get_input(cli->bev);
	char *const line = tw__cli_line(in, len);
	const size_t kept = evbuffer_get_length(in) + cli->payload.len;

	if (line == NULL && kept >= TW__CLI_LINE_MAX) {
		tw_cli_printf(cli, "The command is too long (%d bytes at most).\n",
		    TW__CLI_LINE_MAX);
		tw__cli_quit(cli);
	}
	return line;
}

/* One step. returns: false: there is nothing more to do now. */
static bool
session_step(struct tw_cli *cli)
{
	char *line;
	size_t len;

	if (cli->closing || cli->waiting || cli->lingering ||
	    evbuffer_get_length(out_of(cli)) >= OUT_HIGH)
		return false;
	if (cli->step != NULL)
		return stream_run(cli);
	if (cli->rest != NULL && !cli->gathering) {
		next_command(cli);
		return true;
	}
	if ((line = line_read(cli, &len)) != NULL) {
		line_take(cli, line, len);
		return true;
	}
	/* it has been answered, or will never be complete */
	if (!cli->closing && !cli->gathering &&
	    (cli->has_eof ||
		(cli->line != NULL && !cli->prompt && !cli->host->stays_open)))
		cli->closing = true;
	if (cli->gathering && cli->has_eof)
		cli->closing = true;
	return false;
}

static void
session_run(struct tw_cli *cli)
{
	if (cli->running)
		return;
	cli->running = true;
	while (session_step(cli))
		;
	cli->running = false;
	if (cli->closing && !cli->waiting && is_flushed(cli))
		session_free(cli);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	const struct tw_cli *const cli = arg;
	struct evbuffer *const in = bufferevent_get_input(bev);

	if (cli->lingering)
		evbuffer_drain(in, evbuffer_get_length(in));
	session_run(arg);
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	session_run(arg);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct tw_cli *const cli = arg;

	(void)bev;
	if (cli->lingering) {
		session_free(cli);
		return;
	}
	if ((what & BEV_EVENT_EOF) && !(what & BEV_EVENT_ERROR)) {
		cli->has_eof = true;
		session_run(cli);
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) &&
	    (cli->waiting || (cli->step != NULL && (what & BEV_EVENT_READING)))) {
		bufferevent_enable(cli->bev, EV_READ);
		return;
	}
	session_free(cli);
}

struct tw_cli *
tw__cli_new(const struct tw__cli_host *host, int fd, enum tw_cli_level level,
    uint32_t timeout_ms, bool may_getsocks)
{
	struct tw_cli *const cli = calloc(1, sizeof(*cli));

	TW_ASSERT(cli != NULL);
	evutil_make_socket_nonblocking(fd);
	*cli = (struct tw_cli){ .magic = CLI_MAGIC,
		.host = host,
		.level = level,
		.may_getsocks = may_getsocks };
	cli->bev = bufferevent_socket_new(host->base, fd, BEV_OPT_CLOSE_ON_FREE);
	TW_ASSERT(cli->bev != NULL);
	LIST_INSERT_HEAD(&sessions, cli, link);
	n_sessions++;
	bufferevent_setcb(cli->bev, on_read, on_written, on_event, cli);
	bufferevent_setwatermark(cli->bev, EV_READ, 0, TW__CLI_LINE_MAX);
	tw__cli_set_timeout(cli, timeout_ms);
	bufferevent_enable(cli->bev, EV_READ | EV_WRITE);
	return cli;
}

uint32_t
tw__cli_count(void)
{
	return n_sessions;
}

void
tw__cli_set_origin(struct tw_cli *cli, const void *origin)
{
	cli->origin = origin;
}

uint32_t
tw__cli_count_of(const void *origin)
{
	const struct tw_cli *cli;
	uint32_t n = 0;

	LIST_FOREACH(cli, &sessions, link)
		n += cli->origin == origin;
	return n;
}

void
tw__cli_end_all(bool is_child)
{
	struct tw_cli *cli;

	tw__cli_freed = NULL;
	while ((cli = LIST_FIRST(&sessions)) != NULL) {
		if (is_child)
			cli->waiting = false;
		session_free(cli);
	}
}

/* --- what commands change --- */

enum tw_cli_level
tw_cli_level(const struct tw_cli *cli)
{
	return cli->level;
}

bool
tw__cli_may_getsocks(const struct tw_cli *cli)
{
	return cli->may_getsocks;
}

int
tw__cli_fd(const struct tw_cli *cli)
{
	return bufferevent_getfd(cli->bev);
}

size_t
tw__cli_unsent(const struct tw_cli *cli)
{
	return evbuffer_get_length(out_of(cli));
}

bool
tw__cli_drop_input(struct tw_cli *cli)
{
	struct evbuffer *const in = bufferevent_get_input(cli->bev);
	const size_t len = evbuffer_get_length(in);

	tw__cli_drain(in, len);
	return len > 0;
}

void
tw__cli_set_level(struct tw_cli *cli, enum tw_cli_level level)
{
	cli->level = level;
}

void
tw__cli_toggle_prompt(struct tw_cli *cli)
{
	cli->prompt = !cli->prompt;
	cli->bare = cli->host->stays_open;
}

void
tw__cli_bare(struct tw_cli *cli)
{
	cli->bare = true;
}

pid_t
tw__cli_context(const struct tw_cli *cli)
{
	return cli->context;
}

void
tw__cli_set_context(struct tw_cli *cli, pid_t pid)
{
	cli->context = pid;
}

void
tw__cli_set_timeout(struct tw_cli *cli, uint32_t timeout_ms)
{
	const struct timeval tv = { .tv_sec = timeout_ms / 1000,
		.tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000) };
	const struct timeval *const t = timeout_ms > 0 ? &tv : NULL;

	cli->timeout_ms = timeout_ms;
	bufferevent_set_timeouts(cli->bev, t, t);
}

bool
tw__cli_is_expert(const struct tw_cli *cli)
{
	return cli->expert;
}

void
tw__cli_set_expert(struct tw_cli *cli, bool on)
{
	cli->expert = on;
}

bool
tw__cli_is_experimental(const struct tw_cli *cli)
{
	return cli->experimental;
}

void
tw__cli_set_experimental(struct tw_cli *cli, bool on)
{
	cli->experimental = on;
}

void
tw__cli_set_severity(struct tw_cli *cli, enum tw__cli_severity how)
{
	cli->severity = (uint8_t)how;
}

void
tw__cli_linger(struct tw_cli *cli, uint32_t timeout_ms)
{
	cli->lingering = true;
	tw__cli_set_timeout(cli, timeout_ms);
}

void
tw__cli_quit(struct tw_cli *cli)
{
	cli->closing = true;
}
