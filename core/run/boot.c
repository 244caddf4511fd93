/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * boot.c - the worker process comes up step by step, and down in reverse.
 *
 * The order is the point of the table: what needs privileges comes before
 * they go, forks come before threads, and the generation is published before
 * the threads start, so that the first one to run finds everything in place.
 * Everything runs on the thread that becomes the control thread.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include "core/base/oplog.h"
#include "core/base/panic.h"
#include "core/flow/req.h"
#include "core/module/module_int.h"
#include "core/net/conn.h"
#include "core/net/handover.h"
#include "core/proxy/forward.h"
#include "core/proxy/logger.h"
#include "core/proxy/proxy.h"
#include "core/run/affinity.h"
#include "core/run/cli.h"
#include "core/run/limits.h"
#include "core/run/run.h"
#include "core/run/worker.h"

#define TICK_MS 1000

/* --- a thread's parts --- */

static uint32_t buf_bytes; /* set before threads start */

/* In the control thread's first turn: what is timed from here begins then. */
static void
first_running(void *arg)
{
	(void)arg;
	if (tw__gen_current() != NULL)
		tw__modules_running(tw__gen_current());
}

static int
worker_up(struct tw_worker *w)
{
	tw__panic_thread_init();
	tw__affinity_apply(&tw__gen_current()->global);
	if (tw__net_up(w, buf_bytes) != 0 || tw__log_worker_up(w) != 0 ||
	    tw__flow_up(w, (uint32_t)tw__module_block_bytes(TW_IN_REQ),
		(uint32_t)tw__module_block_bytes(TW_IN_CONN)) != 0)
		return -1;
	if (tw__modules_worker_init(w, w->block) != 0)
		return -1;
	if (w->id == 0) /* published before there were threads */
		tw_worker_post(w, first_running, NULL);
	return 0;
}

static void
worker_down(struct tw_worker *w)
{
	tw__flow_close_clients(w, true);
	tw__upstream_close_all(w);
	tw__listeners_down(w);
	tw__modules_worker_fini(w, w->block);
	tw__flow_down(w);
	tw__net_down(w);
	tw__log_worker_down(w);
}

static void
on_tick(struct tw_timer *t)
{
	tw__live_tick();
	tw__memory_give_back();
	tw_timer_set(t, tw_now_ms() + TICK_MS);
}

static struct tw_timer tick = { .fn = on_tick };

/* --- steps --- */

static int
memory_up(struct tw__run *run, struct tw_err *err)
{
	return tw__limits_memory(run->opt.memory_mb, err);
}

static int
limits_up(struct tw__run *run, struct tw_err *err)
{
	return tw__limits_apply(
	    run->first, tw__threads_wanted(&run->first->global), err);
}

/* With a master they are the master's children. */
static int
processes_up(struct tw__run *run, struct tw_err *err)
{
	return run->master ? 0 : tw__processes_start(run->first, err);
}

static void
processes_down(struct tw__run *run)
{
	if (!run->master)
		tw__processes_stop();
}

static int
workers_up(struct tw__run *run, struct tw_err *err)
{
	buf_bytes = run->first->global.bufsize;
	return tw__workers_init((int)tw__threads_wanted(&run->first->global),
	    tw__module_block_bytes(TW_IN_WORKER), err);
}

static void
workers_down(struct tw__run *run)
{
	(void)run;
	tw__workers_join();
}

static int
generation_up(struct tw__run *run, struct tw_err *err)
{
	return tw__gen_start(run->first, err);
}

static void
generation_down(struct tw__run *run)
{
	tw__gen_free(&run->first); /* not taken: it never was published */
	tw__gens_end();
}

static int
listeners_up(struct tw__run *run, struct tw_err *err)
{
	const int rc = tw__listeners_open(run->first, err);

	tw__handover_end(); /* what no line wanted */
	if (rc != 0 || tw__log_sources_open(run->first, err) != 0)
		return -1;
	return tw__control_prepare(run->first, err);
}

static int
pidfile_up(struct tw__run *run, struct tw_err *err)
{
	if (run->master || !run->daemon)
		return 0;
	return tw__pidfile_write(
	    run->opt.pidfile != NULL ? run->opt.pidfile : run->first->global.pidfile,
	    err);
}

static int
privileges_up(struct tw__run *run, struct tw_err *err)
{
	tw__log_open(run->first); /* paths are found before chroot */
	const struct tw__global *const g = &run->first->global;

	run->is_confined = g->chroot != NULL || g->uid != 0 || g->gid != 0;
	return tw__privileges_drop(g, err);
}

static int
publish_up(struct tw__run *run, struct tw_err *err)
{
	(void)err;
	tw__gen_publish(run->first);
	tw__control_follow(run->first);
	tw__oplog_sink_set(tw__log_sink);
	run->first = NULL; /* taken */
	return 0;
}

static void
threads_down(struct tw__run *run)
{
	(void)run;
	tw__workers_wait();
	if (tw_worker_at(0)->flow != NULL)
		worker_down(tw_worker_at(0));
}

static int
threads_up(struct tw__run *run, struct tw_err *err)
{
	if (tw__workers_start(worker_up, worker_down, err) == 0)
		return 0;
	tw__workers_stop(); /* those that did start */
	threads_down(run);
	return -1;
}

static int
signals_up(struct tw__run *run, struct tw_err *err)
{
	tw_timer_set(&tick, tw_now_ms() + TICK_MS);
	return tw__signals_up(run, err);
}

static void
signals_down(struct tw__run *run)
{
	(void)run;
	tw_timer_del(&tick);
	tw__control_down(false);
	tw__signals_down();
}

static const struct {
	const char *name;
	int (*up)(struct tw__run *run, struct tw_err *err);
	void (*down)(struct tw__run *run);
} steps[] = {
	{ "memory", memory_up, NULL },
	{ "limits", limits_up, NULL },
	{ "processes", processes_up, processes_down },
	{ "workers", workers_up, workers_down },
	{ "generation", generation_up, generation_down },
	{ "listeners", listeners_up, NULL },
	{ "pidfile", pidfile_up, NULL },
	{ "privileges", privileges_up, NULL },
	{ "publication", publish_up, NULL },
	{ "threads", threads_up, threads_down },
	{ "signals", signals_up, signals_down },
};

static void
steps_down(struct tw__run *run, int n)
{
	while (n-- > 0) {
		if (steps[n].down != NULL)
			steps[n].down(run);
	}
}

void
tw__boot_ready(struct tw__run *run)
{
	for (int i = 0; i < run->opt.n_old; i++) {
		if (kill(run->opt.old[i], run->opt.old_signal) != 0)
			tw_log(TW_WARNING,
			    "cannot signal process %d (-sf, -st): "
			    "%s",
			    (int)run->opt.old[i], strerror(errno));
	}
	tw__daemon_ready(&run->ready_fd);
}

static void
ready_tell(struct tw__run *run)
{
	if (run->report_fd < 0) {
		tw__boot_ready(run);
		return;
	}
	if (run->daemon)
		tw__daemon_detach();
	tw__tell_master(run, TW__TELL_READY);
	tw__lend_sockets(run);
}

int
tw__boot_run(struct tw__run *run)
{
	const int n = (int)TW_N_ELEMENTS(steps);
	struct tw_err err = { "" };

	tw__signals_default();
	tw__signals_hold(true);
	for (int i = 0; i < n; i++) {
		if (steps[i].up(run, &err) == 0)
			continue;
		tw_log(TW_ALERT, "Cannot start (%s): %s", steps[i].name, err.text);
		steps_down(run, i);
		return 1;
	}
	ready_tell(run);
	tw__worker_run(tw_worker_at(0));
	steps_down(run, n);
	return 0;
}

#if defined(__SANITIZE_ADDRESS__)
#define TW__LSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TW__LSAN 1
#endif
#endif

/* Death by signal would skip the leak checker, and a confined process has no
 * /proc for it to read. */
static void
leaks_check(const struct tw__run *run, int status)
{
#ifdef TW__LSAN
	void __lsan_do_leak_check(void);

	if (run->is_confined && run->end_signal == 0)
		_exit(status);
	if (!run->is_confined)
		__lsan_do_leak_check();
#else
	(void)run;
	(void)status;
#endif
}

void
tw__run_end(const struct tw__run *run, int status)
{
	fflush(NULL);
	leaks_check(run, status);
	if (run->end_signal == 0)
		exit(status);
	signal(run->end_signal, SIG_DFL);
	raise(run->end_signal);
	_exit(128 + run->end_signal); /* it was blocked */
}
