/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * queue.c - slots of servers, and the requests that wait for one.
 *
 * A server with a maxconn has that many slots (`served` counts the taken
 * ones). A request that gets none waits in the server's queue when it must go
 * there, else in its backend's. Any worker may take, drop, add and cancel.
 *
 * Why no wake-up is lost. All operations on `served`, `len` and `added` are
 * sequentially consistent. Who waits raises len and added first and looks
 * for a slot afterwards; who drops a slot lowers served first and looks at
 * len afterwards. In the one order that all threads agree on, one of the two
 * comes second and sees the other: either the waiter takes the slot for its
 * queue, or the dropper does. serve_waiting() takes a slot before it has a
 * request, so a waiter may find all slots taken only because of such a
 * probe; therefore the prober, once it has put its slot back, compares
 * `added` with what it was before and probes again when it differs.
 *
 * Why no slot leaks. A slot has one holder at any time: a request that was
 * told so (take: true; a grant), a probe, or a drop under way. A grant sets
 * pend->queue to NULL under the lock of the queue; cancel looks at it under
 * the same lock, so that either the request leaves without a slot, or it is
 * told that one is on its way.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"

/* In proportion to the backend's sessions, as HAProxy is seen to do: all of
 * maxconn at fullconn, and never less than minconn. */
uint32_t
tw__server_limit_ramp(const struct tw_server_live *l)
{
	const struct tw_server *srv = atomic_load(&l->srv);
	const uint32_t max = atomic_load(&l->maxconn), min = atomic_load(&l->minconn);

	if (srv == NULL || max <= min)
		return max;
	const struct tw_proxy *const be = srv->proxy;
	const uint64_t now = atomic_load(&be->live->be.cur), full = tw__fullconn(be);

	if (now >= full)
		return max;
	const uint32_t part = (uint32_t)(max * now / full);
	return part > min ? part : min;
}

static inline bool
slot_take(struct tw_server_live *l)
{
	const uint32_t max = tw__server_limit(l);
	uint32_t n = atomic_load(&l->served);

	do {
		if (max != 0 && n >= max)
			return false;
	} while (!atomic_compare_exchange_weak(&l->served, &n, n + 1));
	return true;
}

/* The server behind a live one in the generation of `be`. */
static struct tw_server *
server_of(const struct tw_proxy *be, const struct tw_server_live *l)
{
	const uint32_t hint = atomic_load_explicit(&l->index, memory_order_relaxed);

	const struct tw__servers *const s = tw__servers_now(be);

	if (hint < (uint32_t)s->n && s->of[hint]->live == l)
		return s->of[hint];
	for (int i = 0; i < s->n; i++) {
		if (s->of[i]->live == l)
			return s->of[i];
	}
	return NULL;
}

/* Takes a request off its queue. context: queue lock held. */
static void
pend_unlink(struct tw__queue *q, struct tw__pend *p)
{
	uint32_t *ahead = p->want != NULL ? &p->ahead_srv : &p->ahead_be;

	TAILQ_REMOVE(&q->list, p, link);
	atomic_fetch_sub(&q->len, 1);
	p->queue = NULL;
	*ahead = (uint32_t)atomic_load(&q->served) - *ahead;
}

/* Tells the request. context: queue lock held, so that its owner, who may
 * cancel, cannot have freed it yet. */
static void
grant(struct tw__pend *p)
{
	tw_worker_post(p->worker, tw__pend_granted, p);
}

/* Grants this server to the request that has waited longest for it. returns:
 * false when there is none. */
static bool
queue_pop(struct tw__queue *q, const struct tw_server_live *l)
{
	struct tw__pend *p;

	if (atomic_load(&q->len) == 0)
		return false;
	pthread_mutex_lock(&q->lock);
	TAILQ_FOREACH(p, &q->list, link) {
		p->granted = p->want != NULL ? p->want : server_of(p->be, l);
		if (p->granted != NULL)
			break;
	}
	if (p != NULL) {
		pend_unlink(q, p);
		atomic_fetch_add(&q->served, 1);
		grant(p);
	}
	pthread_mutex_unlock(&q->lock);
	return p != NULL;
}

/* From the server's own queue first. */
static bool
pop_for(struct tw_server_live *l, struct tw_proxy_live *bl)
{
	return queue_pop(&l->queue, l) ||
	    (atomic_load(&l->in_use) && queue_pop(&bl->queue, l));
}

static bool
someone_waits(const struct tw_server_live *l, const struct tw_proxy_live *bl)
{
	return atomic_load(&l->queue.len) != 0 ||
	    (atomic_load(&bl->queue.len) != 0 && atomic_load(&l->in_use));
}

/* Gives free slots to who waits for them. */
static void
serve_waiting(struct tw_server_live *l, struct tw_proxy_live *bl)
{
	while (someone_waits(l, bl)) {
		const uint64_t added =
		    atomic_load(&l->queue.added) + atomic_load(&bl->queue.added);

		if (!slot_take(l))
			return;
		if (pop_for(l, bl))
			continue;
		atomic_fetch_sub(&l->served, 1);
		if (atomic_load(&l->queue.added) + atomic_load(&bl->queue.added) ==
		    added)
			return; /* who is there cannot use this server */
	}
}

bool
tw__server_take(struct tw_server *srv)
{
	struct tw_server_live *l = srv->live;

	if (atomic_load(&l->queue.len) != 0 || !slot_take(l))
		return false;
	tw__balance_moved(srv);
	return true;
}

void
tw__server_drop(struct tw_server *srv)
{
	struct tw_server_live *l = srv->live;
	struct tw_proxy_live *bl = srv->proxy->live;
	const uint32_t max = tw__server_limit(l);
	const bool too_many = max != 0 && atomic_load(&l->served) > max;

	TW_ASSERT(atomic_load(&l->served) > 0);
	if (too_many || !pop_for(l, bl)) { /* else the slot changes hands */
		atomic_fetch_sub(&l->served, 1);
		serve_waiting(l, bl);
	}
	tw__balance_moved(srv);
}

/* The class counts before time, the offset moves in time. source: HAProxy's
 * manual, http-request set-priority-class, set-priority-offset. */
static int64_t
rank_of(const struct tw__pend *p)
{
	return (int64_t)p->prio_class * (INT64_C(1) << 48) + (int64_t)tw_now_ms() +
	    p->prio_offset_ms;
}

/* Behind the last that goes before it: the last of all, as a rule. */
static void
queue_insert(struct tw__queue *q, struct tw__pend *p)
{
	struct tw__pend *before = TAILQ_LAST(&q->list, tw__pend_list);

	while (before != NULL && before->rank > p->rank)
		before = TAILQ_PREV(before, tw__pend_list, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&q->list, before, p, link);
	else
		TAILQ_INSERT_HEAD(&q->list, p, link);
}

static void
queue_append(struct tw__queue *q, struct tw__pend *p)
{
	uint32_t len, max;

	p->rank = rank_of(p);
	pthread_mutex_lock(&q->lock);
	p->home = p->queue = q;
	queue_insert(q, p);
	len = atomic_fetch_add(&q->len, 1) + 1;
	atomic_fetch_add(&q->added, 1);
	max = atomic_load(&q->max);
	if (len > max)
		atomic_store(&q->max, len);
	pthread_mutex_unlock(&q->lock);
}

void
tw__queue_add(struct tw__pend *p, struct tw_proxy *be, struct tw_server *srv)
{
	struct tw__queue *q = srv != NULL ? &srv->live->queue : &be->live->queue;

	p->be = be;
	p->want = srv;
	p->granted = NULL;
	p->ahead_srv = p->ahead_be = 0;
	*(srv != NULL ? &p->ahead_srv : &p->ahead_be) =
	    (uint32_t)atomic_load(&q->served);
	if (srv != NULL && srv->maxqueue != 0 &&
	    atomic_load(&q->len) >= srv->maxqueue) {
		p->home = q;
		p->queue = NULL;
		grant(p); /* of nothing: chooses again */
		return;
	}
	queue_append(q, p);
	/* From here on another thread may have granted: p is not touched. */
	if (srv == NULL) {
		tw__queue_kick(be);
		return;
	}
	serve_waiting(srv->live, be->live);
	if (!tw__server_runs(srv->live))
		tw__queue_flush(srv);
	tw__balance_moved(srv);
}

bool
tw__queue_cancel(struct tw__pend *p)
{
	struct tw__queue *q = p->home;
	struct tw_server *want = p->want;
	bool waits;

	if (q == NULL)
		return true;
	pthread_mutex_lock(&q->lock);
	waits = p->queue != NULL;
	if (waits)
		pend_unlink(q, p);
	pthread_mutex_unlock(&q->lock);
	if (waits && want != NULL)
		tw__balance_moved(want);
	return waits;
}

uint32_t
tw__queue_flush_n(struct tw_server *srv)
{
	struct tw__queue *q = &srv->live->queue;
	struct tw__pend *p;
	uint32_t n = 0;

	for (;;) {
		pthread_mutex_lock(&q->lock);
		p = TAILQ_FIRST(&q->list);
		if (p != NULL) {
			p->granted = NULL;
			pend_unlink(q, p);
			grant(p);
		}
		pthread_mutex_unlock(&q->lock);
		if (p == NULL)
			return n;
		n++;
	}
}

void
tw__queue_flush(struct tw_server *srv)
{
	tw__queue_flush_n(srv);
}

void
tw__queue_kick(struct tw_proxy *be)
{
	for (int i = 0; i < be->n_servers; i++)
		serve_waiting(be->server[i]->live, be->live);
}
