/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * health_watch.c - the VRRP process looks at the traffic process.
 *
 * A descriptor of the process (pidfd) tells its death at once, the bell every
 * change of a proxy. Beats have to be looked at; a thread that does not beat
 * is judged in health_thread.c. The control thread computes and waits during a
 * reload and carries no traffic: only when it is stopped, or silent for very
 * long, does it count as hung. The VRRP process's one thread.
 */
#include "config.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/worker.h>

#include "health.h"
#include "health_thread.h"

#define LIMIT_US 1000000          /* a worker thread that the system starves */
#define LIMIT_CONTROL_US 10000000 /* the control thread, whatever it does */

struct vr_health {
	struct event_base *base; /* borrow */
	vr_health_changed *changed;
	void *arg;
	struct event bell, death, tick;
	int pidfd;   /* -1: none */
	int32_t pid; /* the process looked at; 0: none */
	uint32_t run;
	enum vr_worker_state state;
	bool is_ticking;
	uint64_t ticked_us; /* the former tick */
	uint64_t since_us;  /* beats_since_us that the threads are judged by */
	struct vr_thread thread[VR_MAX_THREADS];
};

static void
state_set(struct vr_health *h, enum vr_worker_state state)
{
	static const char *const words[] = {
		[VR_WORKER_OK] = "lives and moves",
		[VR_WORKER_ABSENT] = "has ended",
		[VR_WORKER_DEAD] = "is dead",
		[VR_WORKER_HUNG] = "hangs",
	};

	if (state == h->state)
		return;
	h->state = state;
	tw_log(state == VR_WORKER_OK ? TW_NOTICE : TW_ALERT,
	    "VRRP: the traffic process (%d) %s", (int)h->pid, words[state]);
}

/* --- beats --- */

static void
hung_tell(const struct vr_thread *t, int i)
{
	const struct vr_beat *const b = &vr_shared->beat[i];
	const uint64_t used =
	    t->last.cpu_us > t->first.cpu_us ? t->last.cpu_us - t->first.cpu_us : 0;

	tw_log(TW_ALERT,
	    "VRRP: thread %d (%d) of the traffic process has not moved for %u ms "
	    "(state %c, used %u ms of CPU since)",
	    i, (int)atomic_load(&b->tid), (unsigned)(t->quiet_us / 1000),
	    t->last.state != 0 ? t->last.state : '-', (unsigned)(used / 1000));
}

/* returns: whether it must be looked at again soon. */
static bool
thread_look(struct vr_health *h, int i, uint64_t passed_us)
{
	const struct vr_beat *const b = &vr_shared->beat[i];
	struct vr_thread *const t = &h->thread[i];
	const pid_t tid = atomic_load(&b->tid);
	const bool is_control = i == 0;
	const bool was_hung = t->is_hung;

	if (tid == 0) {
		memset(t, 0, sizeof(*t));
		return false;
	}
	if (!vr_thread_tick(t, atomic_load(&b->at_us), passed_us))
		return false;
	const struct vr_look look = vr_thread_look(h->pid, tid);
	/* one that has never beaten may just be starting */
	vr_thread_judge(t, &look, is_control ? LIMIT_CONTROL_US : LIMIT_US,
	    is_control || t->beat_us == 0);
	if (t->is_hung && !was_hung)
		hung_tell(t, i);
	return true;
}

static void
tick_arm(struct vr_health *h, bool soon)
{
	const struct timeval tv = { 0, soon ? VR_TICK_SUSPECT_US : VR_TICK_US };

	event_add(&h->tick, &tv);
}

static void
threads_look(struct vr_health *h)
{
	const uint64_t now = tw_now_us();
	const uint64_t passed = now - h->ticked_us;
	const int n = (int)atomic_load(&vr_shared->n_threads);
	bool any_hung = false, any_suspected = false;

	h->ticked_us = now;
	for (int i = 0; i < n && i < VR_MAX_THREADS; i++) {
		any_suspected = thread_look(h, i, passed) || any_suspected;
		any_hung = any_hung || h->thread[i].is_hung;
	}
	state_set(h, any_hung ? VR_WORKER_HUNG : VR_WORKER_OK);
	tick_arm(h, any_suspected && !any_hung);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct vr_health *const h = arg;
	const enum vr_worker_state was = h->state;

	(void)fd;
	(void)what;
	if (h->is_ticking)
		threads_look(h);
	if (h->state != was)
		h->changed(h->arg);
}

static void
ticks_stop(struct vr_health *h)
{
	event_del(&h->tick);
	h->is_ticking = false;
}

/* Beats were asked for, or are not any more. */
static void
beats_follow(struct vr_health *h)
{
	const uint64_t since = atomic_load(&vr_shared->beats_since_us);
	const bool alive = h->state == VR_WORKER_OK || h->state == VR_WORKER_HUNG;

	if (since == h->since_us && h->is_ticking == (alive && since != 0))
		return;
	h->since_us = since;
	memset(h->thread, 0, sizeof(h->thread));
	h->is_ticking = alive && since != 0;
	h->ticked_us = tw_now_us();
	if (h->is_ticking)
		tick_arm(h, false);
	else
		event_del(&h->tick);
	if (h->state == VR_WORKER_HUNG) /* nobody asks any more, or anew */
		state_set(h, VR_WORKER_OK);
}

/* --- the process --- */

static void
on_death(evutil_socket_t fd, short what, void *arg)
{
	struct vr_health *const h = arg;

	(void)fd;
	(void)what;
	event_del(&h->death);
	ticks_stop(h);
	/* it said so before, or it did not come to that */
	state_set(h,
	    atomic_load(&vr_shared->worker_pid) == h->pid ? VR_WORKER_DEAD
							  : VR_WORKER_ABSENT);
	h->changed(h->arg);
}

static void
pidfd_drop(struct vr_health *h)
{
	if (h->pidfd < 0)
		return;
	event_del(&h->death);
	close(h->pidfd);
	h->pidfd = -1;
}

static void
process_follow(struct vr_health *h)
{
	const int32_t pid = atomic_load(&vr_shared->worker_pid);
	const uint32_t run = atomic_load(&vr_shared->worker_run);

	if (pid == h->pid && run == h->run)
		return;
	pidfd_drop(h);
	ticks_stop(h);
	if (pid == 0) {
		state_set(h, VR_WORKER_ABSENT);
		h->pid = 0;
		return;
	}
	h->pid = pid;
	h->run = run;
	h->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (h->pidfd < 0) {
		state_set(h, VR_WORKER_DEAD);
		return;
	}
	event_assign(&h->death, h->base, h->pidfd, EV_READ, on_death, h);
	event_add(&h->death, NULL);
	state_set(h, VR_WORKER_OK);
}

static void
on_bell(evutil_socket_t fd, short what, void *arg)
{
	struct vr_health *const h = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0)
		return; /* another process has heard it: our predecessor */
	process_follow(h);
	beats_follow(h);
	h->changed(h->arg);
}

/* --- life --- */

struct vr_health *
vr_health_new(
    struct event_base *base, vr_health_changed *changed, void *arg, struct tw_err *err)
{
	struct vr_health *const h = calloc(1, sizeof(*h));

	if (h == NULL || vr_shared == NULL) {
		free(h);
		tw_err_set(err, "no memory shared with the traffic process");
		return NULL;
	}
	h->base = base;
	h->changed = changed;
	h->arg = arg;
	h->pidfd = -1;
	h->state = VR_WORKER_ABSENT;
	evtimer_assign(&h->tick, base, on_tick, h);
	event_assign(
	    &h->bell, base, vr_health_bell(), EV_READ | EV_PERSIST, on_bell, h);
	event_add(&h->bell, NULL);
	process_follow(h);
	beats_follow(h);
	return h;
}

void
vr_health_free(struct vr_health **ph)
{
	struct vr_health *const h = *ph;

	if (h == NULL)
		return;
	event_del(&h->bell);
	event_del(&h->tick);
	pidfd_drop(h);
	free(h);
	*ph = NULL;
}

enum vr_worker_state
vr_health_worker(const struct vr_health *h)
{
	return h->state;
}

static const struct vr_watched *
watched_of(const struct vr_track *t)
{
	const uint32_t n = atomic_load(&vr_shared->n_watched);

	for (uint32_t i = 0; i < n && i < VR_MAX_WATCHED; i++) {
		const struct vr_watched *const v = &vr_shared->watched[i];

		if (atomic_load(&v->kind) == t->kind && strcmp(v->name, t->name) == 0)
			return v;
	}
	return NULL;
}

struct vr_result
vr_health_result(const struct vr_health *h, const struct vr_track *t)
{
	const uint32_t wanted = t->min_servers > 0 ? t->min_servers : 1;
	const bool is_alive = h->state == VR_WORKER_OK;
	struct vr_result r = { .known = true, .good = is_alive };

	if (t->kind == VR_TRACK_WORKER || !is_alive)
		return r;
	const struct vr_watched *const v = watched_of(t);
	r.known = v != NULL;
	r.good = v != NULL &&
	    (t->kind == VR_TRACK_FRONTEND ? atomic_load(&v->listens) != 0
					  : atomic_load(&v->usable) >= wanted);
	return r;
}
