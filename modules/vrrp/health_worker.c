/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * health_worker.c - the traffic process shows how it is.
 *
 * What is tracked is taken up when a configuration has come into force, on the
 * control thread, which alone writes the proxies' state: when the core tells
 * of a change, then the bell is rung. Threads beat only while something
 * tracks the worker; each writes its own beat.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/proxy.h>
#include <tideway/worker.h>

#include "health.h"

/* What a configuration wants to be shown; posted to the control thread. */
struct wish {
	const struct tw_gen *gen; /* compared, never followed */
	bool beats;
	unsigned n;
	struct {
		char name[VR_NAME_LEN];
		enum vr_track_kind kind;
	} proxy[VR_MAX_WATCHED];
};

/* This process's; each timer belongs to its thread. */
static struct tw_timer timers[VR_MAX_THREADS];
static struct tw_proxy_watch proxy_watch; /* control */

static void
bell_ring(void)
{
	const uint64_t one = 1;

	while (write(vr_health_bell(), &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* --- beats --- */

static void
beat(int id)
{
	atomic_store_explicit(
	    &vr_shared->beat[id].at_us, tw_now_us(), memory_order_relaxed);
}

static void
on_beat(struct tw_timer *t)
{
	beat((int)(t - timers));
	tw_timer_set(t, tw_now_ms() + VR_BEAT_MS);
}

/* On the thread itself: beats, or no more. */
static void
beat_sync(void *arg)
{
	struct tw_timer *const t = arg;

	if (atomic_load(&vr_shared->beats_since_us) == 0) {
		tw_timer_del(t);
		return;
	}
	t->fn = on_beat;
	on_beat(t);
}

static int
n_beating(void)
{
	const int n = tw_n_workers() + 1;

	return n < VR_MAX_THREADS ? n : VR_MAX_THREADS;
}

static void
beats_set(bool on)
{
	const bool was = atomic_load(&vr_shared->beats_since_us) != 0;

	if (was == on)
		return;
	for (int i = 0; i < n_beating(); i++)
		atomic_store(&vr_shared->beat[i].at_us, 0);
	atomic_store(&vr_shared->beats_since_us, on ? tw_now_us() : 0);
	for (int i = 0; i < n_beating(); i++)
		tw_worker_post(tw_worker_at(i), beat_sync, &timers[i]);
}

void
vr_health_moved(void)
{
	const struct tw_worker *const w = tw_worker_self();

	if (vr_shared == NULL || w == NULL || tw_worker_id(w) >= VR_MAX_THREADS ||
	    atomic_load_explicit(&vr_shared->beats_since_us, memory_order_relaxed) == 0)
		return;
	beat(tw_worker_id(w));
}

/* --- proxies --- */

static uint32_t
usable_of(const struct tw_proxy *px)
{
	int active, backup;
	uint32_t weight;

	tw_proxy_usable(px, &active, &backup, &weight);
	return tw_proxy_is_disabled(px) ? 0 : (uint32_t)(active + backup);
}

/* returns: whether it is otherwise than before. */
static bool
watched_look(struct vr_watched *v)
{
	const bool is_fe = v->kind == VR_TRACK_FRONTEND;
	struct tw_gen *const gen = tw_gen_running();
	const struct tw_proxy *const px = gen != NULL
	    ? tw_gen_find(gen, v->name, is_fe ? TW_FRONTEND : TW_BACKEND)
	    : NULL;
	const bool exists = px != NULL;
	const bool listens = exists && is_fe && tw_proxy_listens(px);
	const uint32_t usable = exists && !is_fe ? usable_of(px) : 0;

	const bool existed = atomic_exchange(&v->exists, exists);
	const bool listened = atomic_exchange(&v->listens, listens);
	const uint32_t was_usable = atomic_exchange(&v->usable, usable);
	return existed != exists || listened != listens || was_usable != usable;
}

static void
on_changed(struct tw_proxy_watch *self, const struct tw_proxy *px)
{
	const uint32_t n = atomic_load(&vr_shared->n_watched);
	bool any = false;

	(void)self;
	for (uint32_t i = 0; i < n; i++) {
		struct vr_watched *const v = &vr_shared->watched[i];

		if (v->kind != 0 && strcmp(v->name, tw_proxy_name(px)) == 0)
			any = watched_look(v) || any;
	}
	if (any)
		bell_ring();
}

static bool
is_wished(const struct wish *wish, const struct vr_watched *v)
{
	for (unsigned i = 0; i < wish->n; i++) {
		if (wish->proxy[i].kind == v->kind &&
		    strcmp(wish->proxy[i].name, v->name) == 0)
			return true;
	}
	return false;
}

/* The VRRP process finds entries by name, at any time: an entry in use is never
 * rewritten, and one gets its kind last. */
static void
watched_add(const char *name, enum vr_track_kind kind)
{
	struct vr_watched *v = vr_shared->watched, *free_one = NULL;

	for (; v < vr_shared->watched + VR_MAX_WATCHED; v++) {
		if (v->kind == kind && strcmp(v->name, name) == 0)
			return;
		if (v->kind == 0 && free_one == NULL)
			free_one = v;
	}
	TW_ASSERT(free_one != NULL); /* a wish has no more than there are */
	strncpy(free_one->name, name, sizeof(free_one->name) - 1);
	atomic_store(&free_one->exists, 0);
	atomic_store(&free_one->listens, 0);
	atomic_store(&free_one->usable, 0);
	atomic_store(&free_one->kind, (uint8_t)kind);
	const uint32_t n = (uint32_t)(free_one - vr_shared->watched) + 1;
	if (n > atomic_load(&vr_shared->n_watched))
		atomic_store(&vr_shared->n_watched, n);
}

static void
watched_set(const struct wish *wish)
{
	for (unsigned i = 0; i < VR_MAX_WATCHED; i++) {
		struct vr_watched *const v = &vr_shared->watched[i];

		if (v->kind != 0 && !is_wished(wish, v))
			atomic_store(&v->kind, 0);
	}
	for (unsigned i = 0; i < wish->n; i++)
		watched_add(wish->proxy[i].name, wish->proxy[i].kind);
	for (unsigned i = 0; i < atomic_load(&vr_shared->n_watched); i++) {
		if (vr_shared->watched[i].kind != 0)
			watched_look(&vr_shared->watched[i]);
	}
}

/* --- what is wished --- */

static void
wish_apply(void *arg)
{
	struct wish *const wish = arg;

	if (tw_gen_running() == wish->gen) { /* else it was refused */
		watched_set(wish);
		beats_set(wish->beats);
		bell_ring();
	}
	free(wish);
}

static void
wish_add(struct wish *wish, const struct vr_track *t)
{
	if (t->kind == VR_TRACK_WORKER)
		wish->beats = true;
	if (t->kind != VR_TRACK_FRONTEND && t->kind != VR_TRACK_BACKEND)
		return;
	for (unsigned i = 0; i < wish->n; i++) {
		if (wish->proxy[i].kind == t->kind &&
		    strcmp(wish->proxy[i].name, t->name) == 0)
			return;
	}
	if (wish->n == VR_MAX_WATCHED || strlen(t->name) >= VR_NAME_LEN) {
		tw_log(TW_ALERT,
		    "VRRP cannot track proxy %s: at most %d, with names below %d bytes",
		    t->name, VR_MAX_WATCHED, VR_NAME_LEN);
		return;
	}
	memcpy(wish->proxy[wish->n].name, t->name, strlen(t->name) + 1);
	wish->proxy[wish->n++].kind = t->kind;
}

static void
wish_add_all(struct wish *wish, const struct vr_track *track, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		wish_add(wish, &track[i]);
}

void
vr_health_watch(struct tw_gen *gen, const struct vr_conf *conf)
{
	struct wish *const wish = calloc(1, sizeof(*wish));

	TW_ASSERT(wish != NULL && vr_shared != NULL);
	wish->gen = gen;
	for (unsigned i = 0; conf != NULL && i < conf->n_instances; i++)
		wish_add_all(wish, conf->instance[i].track, conf->instance[i].n_tracks);
	for (unsigned i = 0; conf != NULL && i < conf->n_groups; i++)
		wish_add_all(wish, conf->group[i].track, conf->group[i].n_tracks);
	tw_worker_post(tw_worker_at(0), wish_apply, wish);
}

/* --- threads --- */

/* The first thread of a process: what a predecessor left is void. */
static void
process_begin(void)
{
	atomic_store(&vr_shared->beats_since_us, 0);
	for (int i = 0; i < VR_MAX_THREADS; i++)
		atomic_store(&vr_shared->beat[i].tid, 0);
	for (int i = 0; i < VR_MAX_WATCHED; i++) {
		atomic_store(&vr_shared->watched[i].exists, 0);
		atomic_store(&vr_shared->watched[i].listens, 0);
		atomic_store(&vr_shared->watched[i].usable, 0);
	}
	proxy_watch.changed = on_changed;
	tw_proxy_watch(&proxy_watch);
	atomic_store(&vr_shared->n_threads, (uint32_t)n_beating());
	atomic_fetch_add(&vr_shared->worker_run, 1);
	atomic_store(&vr_shared->worker_pid, getpid());
	bell_ring();
}

static void
process_end(void)
{
	tw_proxy_unwatch(&proxy_watch);
	atomic_store(&vr_shared->beats_since_us, 0);
	atomic_store(&vr_shared->worker_pid, 0);
	bell_ring();
}

int
vr_health_worker_init(struct tw_worker *w)
{
	const int id = tw_worker_id(w);

	if (id == 0)
		process_begin();
	if (id < VR_MAX_THREADS)
		atomic_store(&vr_shared->beat[id].tid, gettid());
	return 0;
}

void
vr_health_worker_fini(struct tw_worker *w)
{
	const int id = tw_worker_id(w);

	if (id < VR_MAX_THREADS) {
		tw_timer_del(&timers[id]);
		atomic_store(&vr_shared->beat[id].tid, 0);
	}
	if (id == 0)
		process_end();
}
