/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * master.c - the process that keeps the privileges and supervises.
 *
 * It forks the modules' own processes and the worker process, passes signals
 * on, tells systemd, and starts a worker that died again: the first time at
 * once, then after a pause that grows while they die young. It keeps copies of
 * the worker's listening sockets, so that clients wait in the kernel's queue
 * instead of being refused meanwhile. It has no threads and reads no traffic.
 * A new worker reads the files itself; when they have become bad meanwhile it
 * takes the configuration of the first start, which this process keeps.
 * Opening files for a confined worker has its place here.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tideway/log.h>
#include <tideway/worker.h>
#include "core/net/handover.h"
#include "core/run/run.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 10000
#define LIVED_LONG_MS 10000
#define LEND_WAIT_MS 1000

struct master {
	struct tw__run *run;
	int signal_fd;
	int worker_fd;       /* what the worker tells; -1: none */
	pid_t worker;        /* 0: none */
	uint64_t started_ms; /* the worker's */
	uint64_t due_ms;     /* when to start another; 0: not waiting */
	unsigned pause_ms;
	int ending;     /* the signal that ends it; 0: none */
	int status;     /* exit status, once ended */
	bool was_ready; /* a worker has been up */
	bool has_ended;
};

static uint64_t
mono_ms(void)
{
	return tw_now_us() / 1000;
}

static void
mask_of(sigset_t *set)
{
	static const int numbers[] = { SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, SIGINT,
		SIGCHLD };

	sigemptyset(set);
	for (size_t i = 0; i < TW_N_ELEMENTS(numbers); i++)
		sigaddset(set, numbers[i]);
}

static void
systemd_tell(const struct master *m, const char *text)
{
	if (m->run->opt.notify)
		tw__notify("%s", text);
}

/* --- the worker --- */

/* A worker that follows another reads what the files say now. */
static void
files_read_again(struct tw__run *run)
{
	struct tw_report report = { .to = run->daemon ? NULL : stderr,
		.quiet_warnings = run->quiet };
	struct tw_gen *gen = tw__gen_build(run->opt.files, run->opt.n_files, &report);

	free(report.text);
	if (gen == NULL || gen->n_binds == 0) {
		tw_log(TW_ALERT,
		    "The configuration has become bad: starting "
		    "with the one of the first start.");
		tw__gen_free(&gen);
		return;
	}
	tw__gen_free(&run->first);
	run->first = gen;
}

static void
worker_main(struct master *m, int fd)
{
	struct tw__run *const run = m->run;

	if (m->worker_fd >= 0)
		close(m->worker_fd);
	close(m->signal_fd);
	tw__processes_in_worker();
	run->report_fd = fd;
	run->opt.n_old = 0; /* the master's to tell */
	if (run->ready_fd >= 0)
		close(run->ready_fd);
	run->ready_fd = -1;
	if (m->was_ready)
		files_read_again(run);
	const int status = tw__boot_run(run);
	close(run->report_fd);
	tw__options_fini(&run->opt);
	tw__run_end(run, status);
}

static int
worker_fork(struct master *m)
{
	int end[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0)
		return -1;
	fflush(NULL);
	const pid_t pid = fork();
	if (pid == 0) {
		close(end[0]);
		worker_main(m, end[1]);
	}
	close(end[1]);
	if (pid < 0) {
		close(end[0]);
		return -1;
	}
	m->worker = pid;
	m->worker_fd = end[0];
	m->started_ms = mono_ms();
	m->due_ms = 0;
	tw_log(TW_NOTICE, "New worker (%d) forked", (int)pid);
	return 0;
}

static void
worker_due(struct master *m)
{
	if (m->due_ms == 0 || m->due_ms > mono_ms() || m->has_ended)
		return;
	if (worker_fork(m) != 0) {
		tw_log(TW_ALERT, "cannot fork a worker: %s", strerror(errno));
		m->due_ms = mono_ms() + PAUSE_MAX_MS;
	}
}

static void
restart_plan(struct master *m)
{
	const uint64_t now = mono_ms();

	if (now - m->started_ms >= LIVED_LONG_MS)
		m->pause_ms = 0;
	m->due_ms = now + m->pause_ms;
	tw_log(TW_ALERT, "Another worker is started in %u ms.", m->pause_ms);
	m->pause_ms = m->pause_ms == 0 ? PAUSE_MIN_MS : m->pause_ms * 2;
	if (m->pause_ms > PAUSE_MAX_MS)
		m->pause_ms = PAUSE_MAX_MS;
	systemd_tell(m, "STATUS=The worker died; starting another");
}

static int
status_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void
worker_gone(struct master *m, int status)
{
	const int code = status_code(status);

	tw_log(code != 0 ? TW_ALERT : TW_WARNING,
	    "Current worker (%d) exited with code %d (%s)", (int)m->worker, code,
	    code > 128 ? strsignal(code - 128) : "Exit");
	m->worker = 0;
	close(m->worker_fd);
	m->worker_fd = -1;
	if (m->ending == 0 && m->was_ready) {
		restart_plan(m);
		return;
	}
	/* HAProxy's statuses: asked to end, 0; interrupted, 130 */
	m->status = m->ending == 0 ? code : m->ending == SIGINT ? 130 : 0;
	m->has_ended = true;
	tw_log(TW_WARNING, "All workers exited. Exiting... (%d)", m->status);
}

static void
worker_ready(struct master *m)
{
	if (!m->was_ready)
		tw_log(TW_NOTICE, "Loading success.");
	m->was_ready = true;
	if (m->run->opt.notify)
		tw__notify("READY=1\nSTATUS=Ready\nMAINPID=%d", (int)getpid());
	tw__boot_ready(m->run);
	m->run->opt.n_old = 0;
}

/* A worker that follows this one takes them up: no client is refused between
 * the two. */
static void
sockets_keep(struct master *m)
{
	struct tw_err err;

	if (tw__handover_receive(m->worker_fd, mono_ms() + LEND_WAIT_MS, &err) != 0)
		tw_log(TW_WARNING, "cannot keep the worker's listening sockets: %s",
		    err.text);
}

static void
worker_told(struct master *m)
{
	char what;
	const ssize_t n = read(m->worker_fd, &what, 1);

	if (n <= 0)
		return; /* SIGCHLD tells the rest */
	switch (what) {
	case TW__TELL_READY:
		worker_ready(m);
		break;
	case TW__TELL_SOCKETS:
		sockets_keep(m);
		break;
	case TW__TELL_RELOADING:
		if (m->run->opt.notify)
			tw__notify_reloading();
		break;
	case TW__TELL_RELOADED:
		systemd_tell(m, "READY=1\nSTATUS=Ready");
		break;
	case TW__TELL_REFUSED:
		systemd_tell(m,
		    "READY=1\nSTATUS=Reload refused: the former "
		    "configuration goes on");
		break;
	default:
		break;
	}
}

/* --- signals --- */

static void
worker_signal(const struct master *m, int number)
{
	if (m->worker != 0)
		kill(m->worker, number);
}

static void
end_begin(struct master *m, int number)
{
	if (m->ending == 0)
		tw_log(TW_WARNING, "Exiting Master process...");
	m->ending = number;
	tw__handover_end(); /* else they would go on queueing clients */
	systemd_tell(m, "STOPPING=1");
	if (m->worker == 0) {
		m->status = number == SIGINT ? 130 : 0;
		m->has_ended = true;
	}
	worker_signal(m, number);
}

static void
children_reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->worker)
			worker_gone(m, status);
		else
			tw__processes_reaped(pid, status);
	}
}

static void
signal_take(struct master *m)
{
	struct signalfd_siginfo info;

	if (read(m->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGCHLD:
		children_reap(m);
		break;
	case SIGUSR2:
	case SIGHUP:
		worker_signal(m, SIGUSR2);
		break;
	default:
		end_begin(m, (int)info.ssi_signo);
	}
}

/* --- the loop --- */

static int
wait_ms(const struct master *m)
{
	const int for_process = tw__processes_due(m->run->first);
	const uint64_t now = mono_ms();

	if (m->due_ms == 0)
		return for_process;
	const int for_worker = m->due_ms > now ? (int)(m->due_ms - now) : 0;
	return for_process >= 0 && for_process < for_worker ? for_process : for_worker;
}

static void
loop_turn(struct master *m)
{
	struct pollfd p[2] = {
		{ .fd = m->signal_fd, .events = POLLIN },
		{ .fd = m->worker_fd, .events = POLLIN },
	};

	if (poll(p, 2, wait_ms(m)) < 0)
		return;
	if (p[1].revents & POLLIN)
		worker_told(m);
	if (p[0].revents & POLLIN)
		signal_take(m);
	else if (p[1].revents & (POLLHUP | POLLERR))
		children_reap(m); /* its end is closed: it is going */
	worker_due(m);
}

static int
master_up(struct master *m, struct tw_err *err)
{
	const struct tw__run *const run = m->run;
	sigset_t set;

	mask_of(&set);
	tw__signals_hold(true);
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (m->signal_fd < 0)
		return tw_err_errno(err, "the master cannot watch for signals");
	if (tw__pidfile_write(run->opt.pidfile != NULL ? run->opt.pidfile
						       : run->first->global.pidfile,
		err) != 0 ||
	    tw__processes_start(run->first, err) != 0)
		return -1;
	if (worker_fork(m) != 0)
		return tw_err_errno(err, "cannot fork the worker");
	return 0;
}

int
tw__master_run(struct tw__run *run)
{
	struct master m = { .run = run, .worker_fd = -1 };
	struct tw_err err = { "" };

	tw__signals_default();
	if (master_up(&m, &err) != 0) {
		tw_log(TW_ALERT, "Cannot start: %s", err.text);
		tw__processes_stop();
		return 1;
	}
	while (!m.has_ended)
		loop_turn(&m);
	tw__processes_stop();
	close(m.signal_fd);
	return m.status;
}
