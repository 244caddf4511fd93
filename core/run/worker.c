/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * worker.c - worker threads: loop, clock, messages, timers.
 *
 * One libevent base for each worker, without locks, because only its thread
 * touches it. The loop runs one turn at a time so that the clock is read
 * once, lazily, in each turn, and so that log lines leave together at its
 * end. Messages are a lock-free stack that the owner takes whole and turns
 * around; an eventfd wakes it, once for any number of messages.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <tideway/assert.h>
#include "core/run/worker.h"

struct tw__post {
	struct tw__post *next;
	tw_post_fn *fn;
	void *arg;
};

__thread struct tw_worker *tw__self;
_Atomic bool tw__busy_polling;

static struct tw_worker *workers; /* owns: [n_workers + 1] */
static int n_workers;
static _Atomic int n_started; /* shared: the control thread writes */

/* Threads in their loops: nobody takes down what another may still post to. */
static pthread_mutex_t end_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t end_cond = PTHREAD_COND_INITIALIZER;
static int n_looping; /* shared: end_lock */

static uint64_t
clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
tw_now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

uint64_t
tw_turn_us(void)
{
	struct tw_worker *const w = tw__self;

	if (w == NULL)
		return tw_now_us();
	if (w->now_us == 0)
		w->now_us = tw_now_us();
	return w->now_us;
}

uint64_t
tw_now_ms(void)
{
	return tw_turn_us() / 1000;
}

uint64_t
tw_wall_us(void)
{
	struct tw_worker *const w = tw__self;

	if (w == NULL)
		return clock_us(CLOCK_REALTIME);
	const uint64_t now = tw_turn_us();
	if (now - w->wall_checked_us > 1000000 || w->wall_checked_us == 0) {
		w->wall_offset_us = clock_us(CLOCK_REALTIME) - now;
		w->wall_checked_us = now;
	}
	return now + w->wall_offset_us;
}

struct tw_worker *
tw_worker_self(void)
{
	return tw__self;
}

struct tw_worker *
tw_worker_at(int i)
{
	TW_ASSERT(i >= 0 && i <= n_workers);
	return &workers[i];
}

int
tw_worker_id(const struct tw_worker *w)
{
	return w->id;
}

int
tw_n_workers(void)
{
	return n_workers;
}

struct event_base *
tw_worker_base(struct tw_worker *w)
{
	return w->base;
}

/* --- messages --- */

static void
post_wake(struct tw_worker *w)
{
	const uint64_t one = 1;

	if (atomic_exchange(&w->post_armed, true))
		return;
	while (write(w->post_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void
tw_worker_post(struct tw_worker *w, tw_post_fn *fn, void *arg)
{
	struct tw__post *const p = malloc(sizeof(*p));

	TW_ASSERT(p != NULL);
	p->fn = fn;
	p->arg = arg;
	p->next = atomic_load(&w->posts);
	while (!atomic_compare_exchange_weak(&w->posts, &p->next, p))
		;
	post_wake(w);
}

/* What has been posted, behind what was taken before, in order. */
static void
posts_take(struct tw_worker *w)
{
	struct tw__post *newest = atomic_exchange(&w->posts, NULL);
	struct tw__post *oldest = NULL, **end = &w->taken;

	while (newest != NULL) {
		struct tw__post *const p = newest;
		newest = p->next;
		p->next = oldest;
		oldest = p;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = oldest;
}

static void
posts_run(struct tw_worker *w)
{
	struct tw__post *p;

	posts_take(w);
	while ((p = w->taken) != NULL) {
		w->taken = p->next;
		p->fn(p->arg);
		free(p);
	}
}

void
tw__worker_forget(tw_post_fn *fn, const void *arg)
{
	struct tw_worker *const w = tw__self;
	struct tw__post **at = &w->taken;

	posts_take(w);
	while (*at != NULL) {
		struct tw__post *const p = *at;

		if (p->fn != fn || p->arg != arg) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		free(p);
	}
}

/* For a worker whose parts are gone: what could its messages work on? */
static void
posts_drop(struct tw_worker *w)
{
	struct tw__post *p;

	posts_take(w);
	while ((p = w->taken) != NULL) {
		w->taken = p->next;
		free(p);
	}
}

static void
on_post(evutil_socket_t fd, short what, void *arg)
{
	struct tw_worker *const w = arg;
	uint64_t n;

	(void)what;
	while (read(fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
	atomic_store(&w->post_armed, false);
	posts_run(w);
}

/* --- retirement --- */

struct retire {
	LIST_ENTRY(retire) link;
	tw_post_fn *fn;
	void *arg;
	_Atomic int left;
};

/* Those that are on their way: what a worker that ends has not heard of is
 * forgotten with it. */
static LIST_HEAD(, retire) retiring; /* shared: retire_lock */
static pthread_mutex_t retire_lock = PTHREAD_MUTEX_INITIALIZER;

static void
retire_free(struct retire *r)
{
	pthread_mutex_lock(&retire_lock);
	LIST_REMOVE(r, link);
	pthread_mutex_unlock(&retire_lock);
	free(r);
}

static void
retire_end(void *arg)
{
	struct retire *const r = arg;

	r->fn(r->arg);
	retire_free(r);
}

static void
retire_seen(void *arg)
{
	struct retire *const r = arg;

	if (atomic_fetch_sub(&r->left, 1) == 1)
		tw_worker_post(&workers[0], retire_end, r);
}

void
tw_retire(tw_post_fn *fn, void *arg)
{
	const int n = n_started;

	if (n == 0) {
		fn(arg);
		return;
	}
	struct retire *const r = malloc(sizeof(*r));
	TW_ASSERT(r != NULL);
	*r = (struct retire){ .fn = fn, .arg = arg, .left = n };
	pthread_mutex_lock(&retire_lock);
	LIST_INSERT_HEAD(&retiring, r, link);
	pthread_mutex_unlock(&retire_lock);
	for (int i = 1; i <= n; i++)
		tw_worker_post(&workers[i], retire_seen, r);
}

/* --- timers --- */

static void
wheel_arm(struct tw_worker *w, uint64_t at_ms)
{
	const uint64_t now = tw_now_ms();
	const uint64_t ms = at_ms > now ? at_ms - now : 0;
	const struct timeval tv = { (time_t)(ms / 1000),
		(suseconds_t)(ms % 1000) * 1000 };

	w->wheel_armed_ms = at_ms;
	event_add(&w->wheel_event, &tv);
}

static void
on_wheel(evutil_socket_t fd, short what, void *arg)
{
	struct tw_worker *const w = arg;

	(void)fd;
	(void)what;
	/* A callback that sets a timer must not fire others in its midst. */
	w->wheel_armed_ms = 0;
	tw__wheel_advance(&w->wheel, tw_now_ms());
	w->wheel_armed_ms = UINT64_MAX;
	const uint64_t next = tw__wheel_next(&w->wheel);
	if (next < w->wheel_armed_ms)
		wheel_arm(w, next);
}

void
tw_timer_set(struct tw_timer *t, uint64_t due_ms)
{
	struct tw_worker *const w = tw__self;

	t->due_ms = due_ms;
	if (t->prev != NULL && (due_ms == 0 || due_ms >= t->slot_ms))
		return;
	if (due_ms == 0)
		return;
	tw__wheel_unlink(&w->wheel, t);
	if (w->wheel_armed_ms == UINT64_MAX) /* the wheel slept */
		tw__wheel_advance(&w->wheel, tw_now_ms());
	tw__wheel_link(&w->wheel, t);
	if (t->slot_ms < w->wheel_armed_ms)
		wheel_arm(w, t->slot_ms);
}

void
tw_timer_del(struct tw_timer *t)
{
	t->due_ms = 0;
	if (t->prev != NULL)
		tw__wheel_unlink(&tw__self->wheel, t);
}

/* --- life --- */

static struct event_base *
base_new(void)
{
	struct event_config *const cfg = event_config_new();
	struct event_base *base = NULL;

	if (cfg == NULL)
		return NULL;
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	event_config_require_features(
	    cfg, EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return base;
}

static int
worker_init(struct tw_worker *w, int id, size_t block_bytes, struct tw_err *err)
{
	w->magic = TW_WORKER_MAGIC;
	w->id = id;
	w->wheel_armed_ms = UINT64_MAX;
	w->block = calloc(1, block_bytes > 0 ? block_bytes : 1);
	w->post_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->base = base_new();
	if (w->block == NULL || w->post_fd < 0 || w->base == NULL)
		return tw_err_errno(err, "cannot make the event loop of worker %d", id);
	tw__wheel_init(&w->wheel, tw_now_us() / 1000);
	event_assign(&w->wheel_event, w->base, -1, 0, on_wheel, w);
	event_assign(
	    &w->post_event, w->base, w->post_fd, EV_READ | EV_PERSIST, on_post, w);
	event_add(&w->post_event, NULL);
	return 0;
}

int
tw__workers_init(int n, size_t block_bytes, struct tw_err *err)
{
	workers = aligned_alloc(64, sizeof(*workers) * (size_t)(n + 1));
	if (workers == NULL)
		return tw_err_set(err, "out of memory for %d workers", n);
	memset(workers, 0, sizeof(*workers) * (size_t)(n + 1));
	n_workers = n;
	for (int i = 0; i <= n; i++) {
		if (worker_init(&workers[i], i, block_bytes, err) != 0)
			return -1;
	}
	tw__self = &workers[0];
	workers[0].thread = pthread_self();
	return 0;
}

static void
turn_end(struct tw_worker *w)
{
	for (struct tw__turn_hook *h = w->turn_hooks; h != NULL; h = h->next)
		h->fn(w, h->arg);
	w->now_us = 0;
}

/* An old process that ends leaves the processor to its successor. */
static bool
is_busy(const struct tw_worker *w)
{
	return atomic_load_explicit(&tw__busy_polling, memory_order_relaxed) &&
	    w->id > 0 && !atomic_load_explicit(&tw__stopping, memory_order_relaxed);
}

void
tw__worker_run(struct tw_worker *w)
{
	TW_CHECK_MAGIC(w, TW_WORKER_MAGIC);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		event_base_loop(w->base, is_busy(w) ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
		__atomic_store_n(&w->n_loops, w->n_loops + 1, __ATOMIC_RELAXED);
		turn_end(w);
	}
	posts_run(w);
	turn_end(w);
}

void
tw__worker_poll(struct tw_worker *w)
{
	tw__self = w;
	tw_now_ms(); /* reads the clock once */
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	posts_run(w);
	for (struct tw__turn_hook *h = w->turn_hooks; h != NULL; h = h->next)
		h->fn(w, h->arg);
}

void
tw__worker_messages(struct tw_worker *w)
{
	tw__self = w;
	posts_run(w);
}

bool
tw__worker_skip(struct tw_worker *w)
{
	const uint64_t next = tw__wheel_next(&w->wheel);

	if (next == UINT64_MAX)
		return false;
	tw__self = w;
	if (next * 1000 > w->now_us)
		w->now_us = next * 1000;
	w->wheel_armed_ms = 0; /* as in on_wheel() */
	tw__wheel_advance(&w->wheel, tw_now_ms());
	w->wheel_armed_ms = UINT64_MAX;
	return true;
}

bool
tw__worker_skip_until(struct tw_worker *w, uint64_t until_us)
{
	const uint64_t next = tw__wheel_next(&w->wheel);

	if (next != UINT64_MAX && next * 1000 <= until_us)
		return tw__worker_skip(w);
	if (w->now_us < until_us)
		w->now_us = until_us;
	return false;
}

struct start {
	struct tw_worker *w;
	int (*up)(struct tw_worker *);
	void (*down)(struct tw_worker *);
};

/* Returns when no worker thread is in its loop any more. */
static void
loops_wait(void)
{
	pthread_mutex_lock(&end_lock);
	if (--n_looping == 0)
		pthread_cond_broadcast(&end_cond);
	while (n_looping > 0)
		pthread_cond_wait(&end_cond, &end_lock);
	pthread_mutex_unlock(&end_lock);
}

static void
looping_add(int n)
{
	pthread_mutex_lock(&end_lock);
	n_looping += n;
	pthread_mutex_unlock(&end_lock);
}

static void *
thread_main(void *arg)
{
	const struct start s = *(struct start *)arg;
	sigset_t all;

	free(arg);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	tw__self = s.w;
	TW_ASSERT(s.up(s.w) == 0);
	tw__worker_run(s.w);
	loops_wait();
	posts_run(s.w); /* the last ones: connections handed over, too */
	s.down(s.w);
	return NULL;
}

int
tw__workers_start(
    int (*up)(struct tw_worker *), void (*down)(struct tw_worker *), struct tw_err *err)
{
	if (up(&workers[0]) != 0)
		return tw_err_set(err, "cannot start the control thread");
	for (int i = 1; i <= n_workers; i++) {
		struct start *const s = malloc(sizeof(*s));
		TW_ASSERT(s != NULL);
		*s = (struct start){ &workers[i], up, down };
		looping_add(1);
		n_started = i; /* before it runs: it may retire something at once */
		const int rc = pthread_create(&workers[i].thread, NULL, thread_main, s);
		if (rc != 0) {
			n_started = i - 1;
			looping_add(-1);
			free(s);
			return tw_err_set(
			    err, "cannot start worker %d: %s", i, strerror(rc));
		}
	}
	return 0;
}

static void
stop_post(void *arg)
{
	struct tw_worker *const w = arg;

	atomic_store(&w->stop, true);
	event_base_loopbreak(w->base);
}

void
tw__workers_stop(void)
{
	for (int i = 0; i <= n_workers; i++)
		tw_worker_post(&workers[i], stop_post, &workers[i]);
}

static void
cpu_sample(struct tw_worker *w, uint64_t cpu_us)
{
	const uint64_t now_us = tw_now_us(), took_us = now_us - w->sampled_us;
	const uint64_t busy_us = cpu_us - w->cpu_us;

	if (w->sampled_us != 0 && took_us > 0)
		atomic_store(&w->cpu_pct,
		    busy_us >= took_us ? 100 : (uint32_t)(busy_us * 100 / took_us));
	w->cpu_us = cpu_us;
	w->sampled_us = now_us;
}

uint64_t
tw__workers_cpu_us(void)
{
	uint64_t sum = 0;

	for (int i = 1; i <= n_started; i++) {
		clockid_t id;

		if (pthread_getcpuclockid(workers[i].thread, &id) != 0)
			continue;
		const uint64_t cpu_us = clock_us(id);
		cpu_sample(&workers[i], cpu_us);
		sum += cpu_us;
	}
	return sum;
}

uint32_t
tw__worker_cpu_pct(const struct tw_worker *w)
{
	return atomic_load_explicit(&w->cpu_pct, memory_order_relaxed);
}

void
tw__turn_hook_add(struct tw_worker *w, struct tw__turn_hook *h)
{
	struct tw__turn_hook **at = &w->turn_hooks;

	while (*at != NULL)
		at = &(*at)->next;
	h->next = NULL;
	*at = h;
}

void
tw__turn_hook_del(struct tw_worker *w, struct tw__turn_hook *h)
{
	struct tw__turn_hook **at = &w->turn_hooks;

	while (*at != NULL && *at != h)
		at = &(*at)->next;
	if (*at != NULL)
		*at = h->next;
}

static void
worker_fini(struct tw_worker *w)
{
	posts_drop(w);
	event_del(&w->post_event);
	event_del(&w->wheel_event);
	event_base_free(w->base);
	close(w->post_fd);
	free(w->block);
}

void
tw__workers_wait(void)
{
	if (n_started == 0)
		return;
	for (int i = 1; i <= n_started; i++)
		pthread_join(workers[i].thread, NULL);
	n_started = 0;
	posts_run(&workers[0]); /* what they told the control thread at last */
}

void
tw__workers_join(void)
{
	tw__workers_wait();
	for (int i = n_workers; i >= 0; i--)
		worker_fini(&workers[i]);
	while (!LIST_EMPTY(&retiring))
		retire_free(LIST_FIRST(&retiring));
	free(workers);
	workers = NULL;
	tw__self = NULL;
	n_workers = 0;
}
