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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/worker.h>
#include "core/net/handover.h"
#include "core/run/master.h"
#include "core/run/run.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 10000
#define LIVED_LONG_MS 10000
#define LEND_WAIT_MS 1000

static struct master {
	struct tw__run *run;
	struct event_base *base;                           /* owns */
	struct event *signal_event, *worker_event, *timer; /* owns */
	uint64_t began_ms;                                 /* its own start */
	unsigned reloads, failed, worker_reloads;
	bool last_failed;
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
} master = { .worker_fd = -1 };

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
events_free(struct master *m)
{
	if (m->worker_event != NULL)
		event_free(m->worker_event);
	event_free(m->signal_event);
	event_free(m->timer);
	event_base_free(m->base);
	m->base = NULL;
}

/* The parent's events are in the kernel's object that both share: a child must
 * not take them out there. */
static void
base_leave(struct master *m)
{
	event_reinit(m->base);
	tw__master_cli_down(true);
	events_free(m);
}

static void
worker_main(struct master *m, int fd)
{
	struct tw__run *const run = m->run;

	base_leave(m);
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

static void on_worker(evutil_socket_t fd, short what, void *arg);

static void
worker_watch(struct master *m)
{
	m->worker_event =
	    event_new(m->base, m->worker_fd, EV_READ | EV_PERSIST, on_worker, m);
	TW_ASSERT(m->worker_event != NULL && event_add(m->worker_event, NULL) == 0);
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
	m->worker_reloads = 0;
	worker_watch(m);
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
	event_free(m->worker_event);
	m->worker_event = NULL;
	close(m->worker_fd);
	m->worker_fd = -1;
	tw__master_cli_reloaded(false);
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
	if (m->ending != 0)
		tw__handover_end(); /* a reload was under way */
}

static void
reloaded(struct master *m, bool success)
{
	m->reloads++;
	m->worker_reloads++;
	m->failed += !success;
	m->last_failed = !success;
	systemd_tell(m,
	    success
		? "READY=1\nSTATUS=Ready"
		: "READY=1\nSTATUS=Reload refused: the former configuration goes on");
	tw__master_cli_reloaded(success);
}

/* Of what moves to another machine, and of sockets: they would go on queueing
 * clients. At a soft stop the worker drains first (TW__TELL_STOPPING). */
static void
let_go(void)
{
	tw__processes_end_begin();
	tw__handover_end();
}

/* returns: false: there is nothing (more). */
static bool
worker_told(struct master *m)
{
	char what;
	const ssize_t n = recv(m->worker_fd, &what, 1, MSG_DONTWAIT);

	if (n <= 0)
		return false; /* SIGCHLD tells the rest */
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
		reloaded(m, true);
		break;
	case TW__TELL_STOPPING:
		let_go();
		break;
	case TW__TELL_REFUSED:
		reloaded(m, false);
		break;
	default:
		break;
	}
	return true;
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
	if (number != SIGUSR1)
		let_go();
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
		if (pid == m->worker) {
			while (worker_told(m))
				; /* its last words */
			worker_gone(m, status);
		} else
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
on_worker(evutil_socket_t fd, short what, void *arg)
{
	struct master *const m = arg;

	(void)fd;
	(void)what;
	if (!worker_told(m))
		children_reap(m); /* its end is closed: it is going */
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	signal_take(arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg; /* the loop looks at what is due */
}

static void
loop_turn(struct master *m)
{
	const int ms = wait_ms(m);
	const struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	if (ms >= 0)
		event_add(m->timer, &tv);
	else
		event_del(m->timer);
	event_base_loop(m->base, EVLOOP_ONCE);
	worker_due(m);
}

static int
base_up(struct master *m, struct tw_err *err)
{
	const struct tw__options *const o = &m->run->opt;

	m->base = event_base_new();
	if (m->base == NULL)
		return tw_err_set(err, "the master has no event loop");
	m->timer = evtimer_new(m->base, on_timer, m);
	m->signal_event =
	    event_new(m->base, m->signal_fd, EV_READ | EV_PERSIST, on_signal, m);
	if (m->timer == NULL || m->signal_event == NULL ||
	    event_add(m->signal_event, NULL) != 0)
		return tw_err_set(err, "the master cannot watch for signals");
	return tw__master_cli_up(m->base, o->control, o->n_control, err);
}

static void
base_down(struct master *m)
{
	tw__master_cli_down(false);
	events_free(m);
}

/* --- for the command line --- */

void
tw__master_info(struct tw__master_info *out)
{
	*out = (struct tw__master_info){ .worker = master.worker,
		.started_ms = master.began_ms,
		.worker_started_ms = master.started_ms,
		.reloads = master.reloads,
		.failed = master.failed,
		.worker_reloads = master.worker_reloads,
		.last_failed = master.last_failed };
}

bool
tw__master_reload(void)
{
	worker_signal(&master, SIGUSR2);
	return master.worker != 0;
}

/* One byte, the level, and the descriptor beside it. */
static int
session_pass(int to, int fd, enum tw_cli_level level)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = (char)level;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };

	memset(&control, 0, sizeof(control));
	struct cmsghdr *const c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(to, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int
tw__master_session(enum tw_cli_level level)
{
	int end[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0)
		return -1;
	const int rc = session_pass(master.worker_fd, end[1], level);
	const int saved = errno;
	close(end[1]);
	if (rc == 0)
		return end[0];
	close(end[0]);
	errno = saved;
	return -1;
}

/* --- life --- */

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
	if (base_up(m, err) != 0)
		return -1;
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
	struct master *const m = &master;
	struct tw_err err = { "" };

	m->run = run;
	m->began_ms = mono_ms();
	tw__signals_default();
	if (master_up(m, &err) != 0) {
		tw_log(TW_ALERT, "Cannot start: %s", err.text);
		tw__processes_stop();
		return 1;
	}
	while (!m->has_ended)
		loop_turn(m);
	tw__processes_stop();
	base_down(m);
	close(m->signal_fd);
	return m->status;
}
