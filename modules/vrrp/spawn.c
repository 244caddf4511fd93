/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * spawn.c - programs that are started, waited for and, if need be, killed.
 *
 * Each runs in a process group of its own. One that outruns its time gets
 * SIGTERM as keepalived does it, and SIGKILL when that does not help; whoever
 * started it learns at once that its time is over, so that a program that
 * cannot be killed (it waits for a disk) does not keep a check good. Only our
 * own pids are waited for. One event loop, one thread.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tideway/assert.h>

#include "spawn.h"
#include "watch.h"

#define GRACE_US 500000 /* between SIGTERM and SIGKILL */

struct vr_child {
	LIST_ENTRY(vr_child) link;
	pid_t pid; /* and its process group's */
	struct event timer;
	bool has_timeout;    /* a check: it ends with this process */
	bool is_condemned;   /* outran its time, or nobody wants it any more */
	vr_spawn_done *done; /* NULL: nobody asks */
	void *arg;
};

/* SIGCHLD is the process's, so there is one of these. */
static struct {
	struct event_base *base; /* borrow; NULL: not initialised */
	struct event sigchld;
	LIST_HEAD(, vr_child) children;
} spawner;

static void
arm(struct vr_child *c, uint64_t us)
{
	const struct timeval tv = { (time_t)(us / 1000000),
		(suseconds_t)(us % 1000000) };

	event_add(&c->timer, &tv);
}

static void
child_free(struct vr_child *c)
{
	LIST_REMOVE(c, link);
	event_del(&c->timer);
	free(c);
}

/* Whether it has ended. What is left of a condemned one's group is killed
 * while the number still belongs to it. */
static bool
is_over(const struct vr_child *c, int *status)
{
	siginfo_t info = { .si_pid = 0 };

	*status = VR_EXIT_CANNOT_RUN << 8; /* if somebody else took its status */
	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
		return errno == ECHILD;
	if (info.si_pid == 0)
		return false;
	if (c->is_condemned)
		kill(-c->pid, SIGKILL);
	waitpid(c->pid, status, 0);
	return true;
}

static bool
reap(struct vr_child *c)
{
	vr_spawn_done *const done = c->done;
	void *const arg = c->arg;
	const bool timed_out = c->is_condemned;
	int status;

	if (!is_over(c, &status))
		return false;
	child_free(c);
	if (done != NULL)
		done(arg, status, timed_out);
	return true;
}

/* `done` may start and forget others: begin anew after each. */
static void
on_sigchld(evutil_socket_t signal_number, short what, void *arg)
{
	struct vr_child *c = LIST_FIRST(&spawner.children);

	(void)signal_number;
	(void)what;
	(void)arg;
	while (c != NULL)
		c = reap(c) ? LIST_FIRST(&spawner.children) : LIST_NEXT(c, link);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct vr_child *const c = arg;

	(void)fd;
	(void)what;
	if (c->is_condemned) {
		kill(-c->pid, SIGKILL);
		return;
	}
	if (reap(c)) /* in time, after all */
		return;
	c->is_condemned = true;
	kill(-c->pid, SIGTERM);
	arm(c, GRACE_US);
	if (c->done != NULL)
		c->done(c->arg, VR_STILL_RUNNING, true);
}

int
vr_spawn_init(struct event_base *base, struct tw_err *err)
{
	TW_ASSERT(spawner.base == NULL);
	LIST_INIT(&spawner.children);
	if (evsignal_assign(&spawner.sigchld, base, SIGCHLD, on_sigchld, NULL) != 0 ||
	    event_add(&spawner.sigchld, NULL) != 0)
		return tw_err_set(err, "cannot wait for programs: no SIGCHLD");
	spawner.base = base;
	return 0;
}

void
vr_spawn_fini(void)
{
	if (spawner.base == NULL)
		return;
	while (!LIST_EMPTY(&spawner.children)) {
		struct vr_child *const c = LIST_FIRST(&spawner.children);

		if (c->has_timeout)
			kill(-c->pid, SIGKILL);
		child_free(c);
	}
	event_del(&spawner.sigchld);
	spawner.base = NULL;
}

static size_t
count(const char *const *words)
{
	size_t n = 0;

	while (words != NULL && words[n] != NULL)
		n++;
	return n;
}

/* returns: owned; the words are borrowed. */
static char **
argv_of(const struct vr_command *cmd, const char *const *extra)
{
	const size_t n = count((const char *const *)cmd->argv), m = count(extra);
	char **const argv = calloc(n + m + 1, sizeof(*argv));

	TW_ASSERT(argv != NULL);
	for (size_t i = 0; i < n; i++)
		argv[i] = cmd->argv[i];
	for (size_t i = 0; i < m; i++)
		argv[n + i] = (char *)(uintptr_t)extra[i]; /* execvp(3)'s type */
	return argv;
}

/* No signal may reach the event loop's handlers in the child. */
static pid_t
fork_quiet(const struct vr_command *cmd, char *const *argv, bool tied)
{
	const pid_t self = getpid();
	sigset_t all, former;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &former);
	const pid_t pid = fork();
	if (pid == 0)
		vr_spawn_become(cmd, argv, tied, self);
	const int error = errno;
	if (pid > 0)
		setpgid(pid, pid); /* both do it: nobody knows who is first */
	sigprocmask(SIG_SETMASK, &former, NULL);
	errno = error;
	return pid;
}

struct vr_child *
vr_spawn(const struct vr_command *cmd, const char *const *extra, uint64_t timeout_us,
    vr_spawn_done *done, void *arg, struct tw_err *err)
{
	struct vr_child *const c = calloc(1, sizeof(*c));

	TW_ASSERT(c != NULL && spawner.base != NULL && cmd->argv != NULL);
	char **const argv = argv_of(cmd, extra);
	c->pid = fork_quiet(cmd, argv, timeout_us != 0);
	free(argv);
	if (c->pid < 0) {
		tw_err_errno(err, "cannot start %s", cmd->argv[0]);
		free(c);
		return NULL;
	}
	c->done = done;
	c->arg = arg;
	c->has_timeout = timeout_us != 0;
	evtimer_assign(&c->timer, spawner.base, on_timer, c);
	LIST_INSERT_HEAD(&spawner.children, c, link);
	if (c->has_timeout)
		arm(c, timeout_us);
	return c;
}

void
vr_spawn_forget(struct vr_child *c, bool is_unwanted)
{
	c->done = NULL;
	event_del(&c->timer);
	if (!is_unwanted)
		return;
	c->is_condemned = true;
	kill(-c->pid, SIGKILL);
}

void
vr_spawn_end(struct vr_child *c)
{
	kill(-c->pid, SIGTERM);
	vr_spawn_forget(c, false);
}
