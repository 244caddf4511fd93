/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * signals.c - what a running worker process is told from outside.
 *
 * SIGUSR2 and SIGHUP reload, SIGUSR1 drains, SIGTERM and SIGINT stop at once.
 * libevent turns signals into events of the control thread; all other threads
 * block them. A master that is gone ends the worker, too: its socket reads
 * end-of-file. source: HAProxy's management guide, chapter 4.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <tideway/conn.h>
#include <tideway/log.h>
#include <tideway/proxy.h>
#include <tideway/worker.h>
#include "core/net/conn.h"
#include "core/net/handover.h"
#include "core/run/cli.h"
#include "core/run/run.h"
#include "core/run/worker.h"

#define DRAIN_POLL_MS 20
#define MOVE_DRAIN_MS 1000 /* before what a module's process holds moves */

static const int numbers[] = { SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, SIGINT, SIGCHLD };
#define N_WATCHED TW_N_ELEMENTS(numbers)

static struct {
	struct tw__run *run; /* borrow: the process's */
	struct event event[N_WATCHED];
	struct event master_event;
	struct tw_timer drain; /* looks whether the last one is gone */
	uint64_t grace_end_ms; /* goes on accepting until then */
	uint64_t hard_stop_ms; /* 0: never */
	bool is_draining, has_closed;
	struct tw_drain *clients; /* owns: before the modules' processes end */
} sig;                            /* control thread */

void
tw__tell_master(const struct tw__run *run, char what)
{
	if (run->report_fd < 0)
		return;
	while (write(run->report_fd, &what, 1) < 0 && errno == EINTR)
		;
}

void
tw__lend_sockets(const struct tw__run *run)
{
	struct tw_err err;

	if (run->report_fd < 0)
		return;
	tw__tell_master(run, TW__TELL_SOCKETS);
	if (tw__handover_lend(run->report_fd, &err) != 0)
		tw_log(
		    TW_WARNING, "the master does not have the sockets: %s", err.text);
}

static void
stop_now(int signal_number)
{
	sig.run->end_signal = signal_number;
	if (!sig.run->master)
		tw__processes_end_begin();
	tw__tell_master(sig.run, TW__TELL_STOPPING);
	tw__workers_stop();
}

/* --- draining --- */

static void
proxies_tell(struct tw_gen *gen)
{
	const struct tw_proxy *px;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		if (tw_proxy_is_disabled(px))
			continue;
		const uint64_t fe = tw_proxy_has(px, TW_FRONTEND)
		    ? tw_proxy_sum(px, TW_FRONTEND, TW_CNT_CONN)
		    : 0;
		const uint64_t be = tw_proxy_has(px, TW_BACKEND)
		    ? tw_proxy_sum(px, TW_BACKEND, TW_CNT_SESS)
		    : 0;
		tw_log(TW_WARNING,
		    "Proxy %s stopped (cumulated conns: FE: %llu, "
		    "BE: %llu).",
		    tw_proxy_name(px), (unsigned long long)fe, (unsigned long long)be);
	}
}

static void
listeners_close(void)
{
	sig.has_closed = true;
	tw__spread_begin(tw__gen_current()->global.tune.close_spread_ms);
	proxies_tell(tw__gen_current());
	tw__listeners_drain();
	tw__lend_sockets(sig.run); /* none: the master lets go of them, too */
	tw__frontends_changed(tw__gen_current());
}

static void
on_drain(struct tw_timer *t)
{
	const uint64_t now = tw_now_ms();

	if (!sig.has_closed && now >= sig.grace_end_ms)
		listeners_close();
	if (sig.has_closed && tw__conns_active() == 0) {
		stop_now(0);
		return;
	}
	if (sig.hard_stop_ms != 0 && now >= sig.hard_stop_ms) {
		tw_log(TW_WARNING,
		    "soft-stop running for too long, performing "
		    "a hard-stop (%u connections).",
		    tw__conns_active());
		stop_now(0);
		return;
	}
	tw_timer_set(t, now + DRAIN_POLL_MS);
}

static uint32_t
move_limit_ms(const struct tw__global *g)
{
	return g->hard_stop_after_ms != 0 && g->hard_stop_after_ms < MOVE_DRAIN_MS
	    ? (uint32_t)g->hard_stop_after_ms
	    : MOVE_DRAIN_MS;
}

/* The processes end, and what they hold moves to another machine. */
static void
on_clients_drained(void *arg, bool is_clear)
{
	(void)arg;
	(void)is_clear;
	if (!sig.run->master)
		tw__processes_end_begin();
	tw__tell_master(sig.run, TW__TELL_STOPPING);
	sig.drain.fn = on_drain;
	on_drain(&sig.drain);
}

static void
drain_begin(void)
{
	const struct tw__global *const g = &tw__gen_current()->global;
	const uint64_t now = tw_now_ms();

	if (sig.is_draining)
		return;
	sig.is_draining = true;
	sig.grace_end_ms = now + g->grace_ms;
	sig.hard_stop_ms = g->hard_stop_after_ms != 0 ? now + g->hard_stop_after_ms : 0;
	if (tw__processes_any())
		tw__spread_begin(g->tune.close_spread_ms);
	if (tw__processes_any())
		sig.clients =
		    tw_drain_begin(move_limit_ms(g), on_clients_drained, NULL);
	else
		on_clients_drained(NULL, true);
}

/* --- events --- */

static void
children_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (tw__processes_reaped(pid, status))
			tw_log(TW_ALERT,
			    "it is not started again: only a "
			    "master can (-W, or master-worker in global)");
	}
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)what;
	(void)arg;
	switch (number) {
	case SIGUSR1:
		drain_begin();
		break;
	case SIGUSR2:
	case SIGHUP:
		if (!sig.is_draining)
			tw__reload(sig.run);
		break;
	case SIGCHLD:
		children_reap();
		break;
	default:
		stop_now((int)number);
	}
}

/* A byte with a descriptor is a session that the master passes on, and its
 * level; one without acknowledges sockets. out: session, -1: none. */
static ssize_t
master_read(int fd, char *byte, int *session)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	const ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *const c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*session = -1;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(session, CMSG_DATA(c), sizeof(*session));
	return n;
}

static void
on_master(evutil_socket_t fd, short what, void *arg)
{
	char byte;
	int session;

	(void)what;
	(void)arg;
	const ssize_t n = master_read(fd, &byte, &session);
	if (n > 0 && session >= 0)
		tw__control_session(session, (enum tw_cli_level)byte);
	if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
		return;
	tw_log(TW_ALERT, "The master process is gone: stopping.");
	event_del(&sig.master_event);
	stop_now(SIGTERM);
}

int
tw__signals_up(struct tw__run *run, struct tw_err *err)
{
	struct event_base *const base = tw_worker_base(tw_worker_at(0));
	int failed = 0;

	sig.run = run;
	for (size_t i = 0; i < N_WATCHED; i++) {
		evsignal_assign(&sig.event[i], base, numbers[i], on_signal, NULL);
		failed |= evsignal_add(&sig.event[i], NULL);
	}
	if (run->report_fd >= 0) {
		event_assign(&sig.master_event, base, run->report_fd,
		    EV_READ | EV_PERSIST, on_master, NULL);
		failed |= event_add(&sig.master_event, NULL);
	}
	if (failed != 0)
		return tw_err_set(err, "cannot watch for signals");
	tw__signals_hold(false); /* those that came meanwhile are served now */
	return 0;
}

void
tw__signals_down(void)
{
	tw_timer_del(&sig.drain);
	tw_drain_end(&sig.clients);
	for (size_t i = 0; i < N_WATCHED; i++)
		evsignal_del(&sig.event[i]);
	if (sig.run->report_fd >= 0)
		event_del(&sig.master_event);
}

void
tw__signals_hold(bool hold)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < TW_N_ELEMENTS(numbers); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

void
tw__signals_default(void)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(numbers); i++)
		signal(numbers[i], SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
}
