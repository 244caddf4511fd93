/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * process.c - modules that run a process of their own.
 *
 * Such a process is forked before privileges are dropped and before there
 * are threads, so that it keeps what it needs and is not slowed by traffic.
 * Both ends of its control socket stay open in the process that forks: one
 * that died is started again, at first at once, on the same socket,
 * and the worker's end never changes. Master, or start-up without a master.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/worker.h>
#include "core/module/module_int.h"
#include "core/net/handover.h"
#include "core/run/cli.h"
#include "core/run/run.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 10000
#define LIVED_LONG_MS 10000
#define STOP_WAIT_MS 3000

struct process {
	const struct tw_self *self;
	int worker_end, own_end; /* own_end: the process's */
	pid_t pid;               /* 0: not running */
	uint64_t started_ms, due_ms;
	unsigned pause_ms;
};

static struct process *processes; /* owns */
static int n_processes;
static bool is_ending; /* those that end are not started again */

static uint64_t
mono_ms(void)
{
	return tw_now_us() / 1000;
}

static void
process_main(const struct process *p, struct tw_gen *gen)
{
	sigset_t none;

	tw__signals_default();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NAME, p->self->module->name);
	close(p->worker_end);
	tw__control_down(true);
	tw__handover_end(); /* it would keep the ports open */
	const int status = p->self->module->process(gen, p->own_end);
	fflush(NULL);
	_exit(status);
}

static int
process_fork(struct process *p, struct tw_gen *gen)
{
	fflush(NULL);
	const pid_t pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0)
		process_main(p, gen);
	p->pid = pid;
	p->started_ms = mono_ms();
	p->due_ms = 0;
	return 0;
}

static int
process_add(const struct tw_self *self, struct tw_gen *gen, struct tw_err *err)
{
	int end[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0)
		return tw_err_errno(err,
		    "cannot make the control socket of "
		    "module '%s'",
		    self->module->name);
	processes =
	    reallocarray(processes, (size_t)n_processes + 1, sizeof(*processes));
	TW_ASSERT(processes != NULL);
	struct process *const p = &processes[n_processes++];
	*p = (struct process){ .self = self, .worker_end = end[0], .own_end = end[1] };
	if (process_fork(p, gen) != 0)
		return tw_err_errno(err,
		    "cannot start the process of module "
		    "'%s'",
		    self->module->name);
	return 0;
}

int
tw__processes_start(struct tw_gen *gen, struct tw_err *err)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		if ((self->module->flags & TW_MODULE_PROCESS) == 0 ||
		    self->module->process == NULL ||
		    (self->module->process_wanted != NULL &&
			!self->module->process_wanted(gen)))
			continue;
		if (process_add(self, gen, err) != 0)
			return -1;
	}
	return 0;
}

void
tw__processes_in_worker(void)
{
	for (int i = 0; i < n_processes; i++)
		close(processes[i].own_end);
}

bool
tw__processes_any(void)
{
	return n_processes > 0;
}

int
tw_process_fd(const struct tw_self *self)
{
	for (int i = 0; i < n_processes; i++) {
		if (processes[i].self == self)
			return processes[i].worker_end;
	}
	return -1;
}

static struct process *
process_find(pid_t pid)
{
	for (int i = 0; i < n_processes; i++) {
		if (processes[i].pid == pid)
			return &processes[i];
	}
	return NULL;
}

bool
tw__processes_reaped(pid_t pid, int status)
{
	struct process *const p = process_find(pid);
	const uint64_t now = mono_ms();

	if (p == NULL)
		return false;
	p->pid = 0;
	if (is_ending)
		return true;
	if (now - p->started_ms >= LIVED_LONG_MS)
		p->pause_ms = 0;
	p->due_ms = now + p->pause_ms;
	p->pause_ms = p->pause_ms == 0 ? PAUSE_MIN_MS : p->pause_ms * 2;
	if (p->pause_ms > PAUSE_MAX_MS)
		p->pause_ms = PAUSE_MAX_MS;
	tw_log(TW_ALERT, "the process of module '%s' (%d) ended with %s %d",
	    p->self->module->name, (int)pid, WIFSIGNALED(status) ? "signal" : "code",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return true;
}

int
tw__processes_due(struct tw_gen *gen)
{
	const uint64_t now = mono_ms();
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < n_processes; i++) {
		struct process *const p = &processes[i];

		if (p->pid != 0 || is_ending)
			continue;
		if (p->due_ms <= now && process_fork(p, gen) != 0)
			p->due_ms = now + PAUSE_MAX_MS;
		if (p->pid == 0 && p->due_ms < next)
			next = p->due_ms;
	}
	return next == UINT64_MAX ? -1 : (int)(next - now);
}

static int
alive_count(void)
{
	int n = 0;

	for (int i = 0; i < n_processes; i++) {
		if (processes[i].pid != 0 &&
		    waitpid(processes[i].pid, NULL, WNOHANG) != 0)
			processes[i].pid = 0;
		n += processes[i].pid != 0;
	}
	return n;
}

static void
all_kill(int signal_number)
{
	for (int i = 0; i < n_processes; i++) {
		if (processes[i].pid != 0)
			kill(processes[i].pid, signal_number);
	}
}

void
tw__processes_end_begin(void)
{
	is_ending = true;
	all_kill(SIGTERM);
}

void
tw__processes_stop(void)
{
	const uint64_t end = mono_ms() + STOP_WAIT_MS;

	all_kill(SIGTERM);
	while (alive_count() > 0 && mono_ms() < end)
		usleep(5000);
	all_kill(SIGKILL);
	for (int i = 0; i < n_processes; i++) {
		if (processes[i].pid != 0)
			waitpid(processes[i].pid, NULL, 0);
		close(processes[i].worker_end);
		close(processes[i].own_end);
	}
	free(processes);
	processes = NULL;
	n_processes = 0;
	is_ending = false;
}
