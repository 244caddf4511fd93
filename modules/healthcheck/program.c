/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * program.c - the process that starts the programs of external checks.
 *
 * It was forked before there were threads and holds one socket, so that
 * forking is cheap and safe and a program gets nothing that is not its own:
 * no descriptor, no blocked signal, no privilege. Each runs in a process
 * group of its own, so that what it leaves behind can be ended with it. The
 * worker says when: this process keeps no time but the grace between SIGTERM
 * and SIGKILL.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/child.h>
#include <tideway/worker.h>

#include "program.h"

#define GRACE_MS 500
#define EXIT_CANNOT_RUN 127

struct child {
	uint32_t id;
	pid_t pid;        /* and its group's; 0: this place is free */
	uint64_t kill_ms; /* SIGKILL then; 0: it may run */
};

struct server {
	int fd, signals;
	struct child child[HC_PROGRAMS_MAX];
	char in[sizeof(struct hc_order) + HC_ORDER_MAX];
	size_t in_len;
};

static uint64_t
now_ms(void)
{
	return tw_now_us() / 1000;
}

static void
report(const struct server *s, uint32_t id, int status, int error)
{
	const struct hc_report r = { id, status, error };

	/* a worker that does not read has its timeouts */
	if (send(s->fd, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

/* ---- the program ---- */

static void
become(char *const *argv, char *const *env, pid_t parent)
{
	setpgid(0, 0);
	tw_child_streams();
	tw_child_capabilities();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_CANNOT_RUN);
	tw_child_signals();
	for (; *env != NULL; env++)
		putenv(*env);
	execvp(argv[0], argv);
	_exit(EXIT_CANNOT_RUN);
}

/* The strings behind an order, as two arrays in one. returns: owned; NULL: the
 * order is broken. */
static char **
words_of(const struct hc_order *o, char *text)
{
	const size_t n = (size_t)o->n_args + o->n_env;
	const char *const end = text + o->len;
	char **const words = calloc(n + 2, sizeof(*words));

	if (words == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		char *const nul =
		    text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;

		if (nul == NULL) {
			free(words);
			return NULL;
		}
		words[i < o->n_args ? i : i + 1] = text;
		text = nul + 1;
	}
	return words;
}

static struct child *
place_of(struct server *s, uint32_t id, bool is_free)
{
	for (int i = 0; i < HC_PROGRAMS_MAX; i++) {
		struct child *const c = &s->child[i];

		if (is_free ? c->pid == 0 : c->pid != 0 && c->id == id)
			return c;
	}
	return NULL;
}

static void
run(struct server *s, const struct hc_order *o, char *text)
{
	struct child *const c = place_of(s, 0, true);
	char **const words = o->n_args > 0 ? words_of(o, text) : NULL;
	const pid_t self = getpid();

	if (c == NULL || words == NULL) {
		report(s, o->id, 0, EAGAIN);
		free(words);
		return;
	}
	const pid_t pid = fork();
	if (pid == 0)
		become(words, words + o->n_args + 1, self);
	if (pid < 0)
		report(s, o->id, 0, errno);
	else {
		setpgid(pid, pid); /* both do it: nobody knows who is first */
		*c = (struct child){ .id = o->id, .pid = pid };
	}
	free(words);
}

static void
end(struct server *s, uint32_t id)
{
	struct child *const c = place_of(s, id, false);

	if (c == NULL || c->kill_ms != 0)
		return;
	kill(-c->pid, SIGTERM);
	c->kill_ms = now_ms() + GRACE_MS;
}

/* ---- the loop ---- */

/* returns: false: this process shall end. */
static bool
signals_read(const struct server *s)
{
	struct signalfd_siginfo info;
	bool on = true;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGTERM)
			on = false;
	return on;
}

static void
children_reap(struct server *s)
{
	int status;

	for (int i = 0; i < HC_PROGRAMS_MAX; i++) {
		struct child *const c = &s->child[i];

		if (c->pid == 0 || waitpid(c->pid, &status, WNOHANG) != c->pid)
			continue;
		kill(-c->pid, SIGKILL); /* what it left behind */
		report(s, c->id, status, 0);
		c->pid = 0;
	}
}

/* returns: ms until the next one is due; -1: none. */
static int
overdue_kill(struct server *s)
{
	const uint64_t now = now_ms();
	int next = -1;

	for (int i = 0; i < HC_PROGRAMS_MAX; i++) {
		struct child *const c = &s->child[i];

		if (c->pid == 0 || c->kill_ms == 0)
			continue;
		if (c->kill_ms <= now)
			kill(-c->pid, SIGKILL);
		else if (next < 0 || (int)(c->kill_ms - now) < next)
			next = (int)(c->kill_ms - now);
	}
	return next;
}

static bool
orders_take(struct server *s)
{
	struct hc_order o;

	while (s->in_len >= sizeof(o)) {
		memcpy(&o, s->in, sizeof(o));
		if (o.len > HC_ORDER_MAX || o.n_args > o.len || o.n_env > o.len)
			return false;
		const size_t whole = sizeof(o) + o.len;
		if (s->in_len < whole)
			return true;
		if (o.kind == HC_ORDER_RUN)
			run(s, &o, s->in + sizeof(o));
		else
			end(s, o.id);
		s->in_len -= whole;
		memmove(s->in, s->in + whole, s->in_len);
	}
	return true;
}

/* returns: false: the worker is gone. */
static bool
orders_read(struct server *s)
{
	const ssize_t n =
	    recv(s->fd, s->in + s->in_len, sizeof(s->in) - s->in_len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	s->in_len += (size_t)n;
	return n > 0 && orders_take(s);
}

static int
signals_take(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int
hc_programs_serve(int fd)
{
	static struct server s;

	s.fd = fd;
	s.signals = signals_take();
	if (s.signals < 0)
		return 1;
	for (;;) {
		struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
			{ .fd = s.signals, .events = POLLIN } };

		if (poll(fds, 2, overdue_kill(&s)) < 0 && errno != EINTR)
			break;
		if ((fds[0].revents != 0 && !orders_read(&s)) || !signals_read(&s))
			break;
		children_reap(&s);
	}
	for (int i = 0; i < HC_PROGRAMS_MAX; i++)
		if (s.child[i].pid != 0)
			kill(-s.child[i].pid, SIGKILL);
	return 0;
}
