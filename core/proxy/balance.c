/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * balance.c - who takes part in balancing, and asking the algorithm.
 *
 * The control thread looks at the servers of a backend when some of them have
 * changed, has the algorithm build a state from the usable ones, and publishes
 * both with one pointer; workers that still look at the former state are
 * waited for by tw_retire. However many servers change in one turn of its
 * loop, each backend is looked at once, at the turn's end; how many are usable
 * is counted at once, for logs and for requests: between the change and the
 * look the backend is `stale`, and who picks then asks the server itself
 * (core/flow/pick.c). Backups take part only when no other server is usable:
 * the first usable one, or all with option allbackups.
 */
#include "config.h"

#include <stdlib.h>

#include "core/proxy/forward.h"
#include "core/proxy/process.h"
#include "core/proxy/proxy_int.h"
#include "core/proxy/ring.h"

/* Backends with changes that their balance state does not have yet; control. */
static LIST_HEAD(, tw_proxy_live) stale = LIST_HEAD_INITIALIZER(stale);

void
tw__lb_free(void *arg)
{
	struct tw__lb *lb = arg;

	if (lb == NULL)
		return;
	if (lb->state != NULL)
		lb->algo->free(lb->state);
	free(lb);
}

/* Fills `of` with the usable servers of one kind. */
static int
choices_of(const struct tw_proxy *be, bool backup, struct tw_choice *of)
{
	const bool fixed = tw_proxy_balance_flags(be) & TW_BALANCE_STATIC;
	const uint32_t scale = tw__balance_scale(be);
	int n = 0;

	for (int i = 0; i < be->n_servers; i++) {
		struct tw_server *srv = be->server[i];

		if (srv->backup != backup || !tw_server_is_usable(srv))
			continue;
		const uint32_t weight = !fixed ? tw__balance_weight(srv)
		    : srv->weight > 0          ? srv->weight
					       : tw_server_uweight(srv);
		of[n++] = (struct tw_choice){ srv, weight, fixed ? 1 : scale };
	}
	return n;
}

/* Who is in use may take from the backend's queue. */
static void
in_use_mark(const struct tw_proxy *be, const struct tw_choice *of, int n)
{
	int k = 0;

	for (int i = 0; i < be->n_servers; i++) {
		const bool in = k < n && of[k].server == be->server[i];

		k += in;
		atomic_store(&be->server[i]->live->in_use, in);
	}
}

static void
backend_count_change(struct tw_proxy_live *l, bool usable)
{
	const bool was_down = atomic_load(&l->down);
	const uint64_t now = tw__live_ms();

	if (was_down != usable)
		return; /* down and still unusable, or the reverse */
	if (usable)
		atomic_fetch_add(&l->downtime_ms, now - atomic_load(&l->changed_ms));
	else
		atomic_fetch_add(&l->chkdown, 1);
	atomic_store(&l->changed_ms, now);
	atomic_store(&l->down, !usable);
}

/* One server's part in the backend's numbers, in place of what it was. */
static void
server_count(struct tw_proxy_live *live, const struct tw_server *srv)
{
	struct tw_server_live *l = srv->live;
	const uint32_t was = l->counted;
	const uint32_t is = tw_server_is_usable(srv) ? tw_server_weight(srv) : 0;

	l->counted = is;
	if (is == 0) /* takes nothing from the queue from now on */
		atomic_store(&l->in_use, false);
	if (srv->backup) {
		atomic_fetch_add(&live->n_backup, (is > 0) - (was > 0));
		return;
	}
	atomic_fetch_add(&live->n_active, (is > 0) - (was > 0));
	atomic_fetch_add(&live->weight, is - was);
}

static void
all_count(const struct tw_proxy *be)
{
	struct tw_proxy_live *live = be->live;
	int active = 0, backup = 0;
	uint32_t weight = 0;

	for (int i = 0; i < be->n_servers; i++) {
		const struct tw_server *srv = be->server[i];
		const bool usable = tw_server_is_usable(srv);

		srv->live->counted = usable ? tw_server_weight(srv) : 0;
		active += usable && !srv->backup;
		backup += usable && srv->backup;
		weight += srv->backup ? 0 : srv->live->counted;
	}
	atomic_store(&live->n_active, active);
	atomic_store(&live->n_backup, backup);
	atomic_store(&live->weight, weight);
}

static int
choices_in_use(const struct tw_proxy *be, struct tw__lb *lb, struct tw_choice *of)
{
	int n = choices_of(be, false, of);

	if (n == 0) {
		n = choices_of(be, true, of);
		lb->on_backup = n > 0;
		if (n > 1 && !be->c.allbackups)
			n = 1;
	}
	for (int i = 0; i < n; i++)
		lb->weight += of[i].weight;
	return n;
}

static void
rebuild(struct tw_proxy *be)
{
	struct tw_proxy_live *live = be->live;
	struct tw__lb *old = atomic_load(&live->balance);
	struct tw__lb *lb = calloc(1, sizeof(*lb));
	struct tw_choice *of = malloc(((size_t)be->n_servers + 1) * sizeof(*of));

	if (lb == NULL || of == NULL)
		TW_WRONG("out of memory for a balance state");
	lb->be = be;
	lb->algo = be->c.balance;
	lb->conf = be->c.balance_conf;
	all_count(be);
	const int n = choices_in_use(be, lb, of);
	if (n > 0)
		lb->state = lb->algo->build(of, n, lb->conf,
		    old != NULL && old->algo == lb->algo ? old->state : NULL);
	atomic_store(&live->balance, lb);
	in_use_mark(be, of, n);
	free(of);
	tw__balance_fresh(live);
	if (be->n_servers > 0)
		backend_count_change(live, n > 0);
	if (old != NULL)
		tw_retire(tw__lb_free, old);
	tw__proxy_changed(be);
	tw__proxy_settled(be);
}

/* Requests that wait for a server which does not run choose again. */
static void
queues_flush(const struct tw_proxy *be)
{
	for (int i = 0; i < be->n_servers; i++) {
		struct tw_server *srv = be->server[i];

		if (atomic_load(&srv->live->queue.len) != 0 &&
		    !tw__server_runs(srv->live))
			tw__queue_flush(srv);
	}
}

/* The end of a loop turn in which servers have changed. */
static void
stale_rebuild(void *arg)
{
	struct tw_proxy_live *live;

	(void)arg;
	while ((live = LIST_FIRST(&stale)) != NULL) {
		const struct tw__lb *lb = atomic_load(&live->balance);

		if (lb == NULL) {
			tw__balance_fresh(live);
			continue;
		}
		struct tw_proxy *const be = lb->be; /* of the generation in force */
		rebuild(be);
		queues_flush(be);
		tw__queue_kick(be);
	}
}

void
tw__balance_now(struct tw_proxy *be)
{
	if (atomic_load(&be->live->balance) != NULL)
		rebuild(be);
}

void
tw__balance_fresh(struct tw_proxy_live *live)
{
	if (!atomic_load(&live->stale))
		return;
	atomic_store(&live->stale, false);
	LIST_REMOVE(live, stale_link);
}

void
tw__balance_rebuild(struct tw_proxy *be)
{
	struct tw_proxy_live *live = be->live;

	if (atomic_load(&live->stale) || atomic_load(&live->balance) == NULL)
		return;
	if (LIST_EMPTY(&stale))
		tw_worker_post(tw_worker_at(0), stale_rebuild, NULL);
	LIST_INSERT_HEAD(&stale, live, stale_link);
	atomic_store(&live->stale, true);
}

void
tw__balance_count(struct tw_server *srv)
{
	struct tw_proxy_live *live = srv->proxy->live;
	const struct tw__lb *lb = atomic_load(&live->balance);
	const struct tw_server *now = atomic_load(&srv->live->srv);

	if (lb == NULL || now == NULL || now->proxy != lb->be)
		return;
	server_count(live, now);
	backend_count_change(
	    live, atomic_load(&live->n_active) + atomic_load(&live->n_backup) > 0);
	tw__proxy_changed(lb->be);
}

/* Idle connections to another address, or begun otherwise, are of no use. */
static uint32_t
epoch_of(const struct tw_server *srv, const struct tw_server *old)
{
	struct tw_server_live *l = srv->live;

	if (old == NULL)
		return atomic_load(&l->epoch);
	if (srv->how == NULL && old->how == NULL && srv->transport == NULL &&
	    old->transport == NULL && tw_addr_eq(tw_server_addr(old), &srv->addr) &&
	    old->map_port == srv->map_port && old->per_client == srv->per_client)
		return atomic_load(&old->epoch);
	return atomic_fetch_add(&l->epoch, 1) + 1;
}

/* The same servers have a new configuration. */
static bool
is_looked_after(const struct tw_server *srv)
{
	return srv->check || srv->agent || srv->tracked != NULL;
}

void
tw__server_publish(struct tw_server *srv)
{
	struct tw_server_live *l = srv->live;
	const struct tw_server *old = atomic_load(&l->srv);
	unsigned admin = atomic_load(&l->admin);

	if (old != NULL && old->disabled && !srv->disabled)
		admin &= ~TW_ADM_MAINT;
	if (old != NULL && !old->disabled && srv->disabled)
		admin |= TW_ADM_MAINT;
	admin &= ~TW__ADM_NOADDR;
	if (!srv->has_addr && !(l->fresh && atomic_load(&l->where) != NULL))
		admin |= TW__ADM_NOADDR;
	atomic_store(&l->admin, (uint8_t)admin);
	if (!srv->agent)
		atomic_store(&l->agent_down, false);
	/* nobody looks after it any more; what a person forced stays */
	if (old != NULL && is_looked_after(old) && !is_looked_after(srv))
		atomic_store(&l->health, TW_UP);
	atomic_store(&l->minconn, srv->minconn);
	atomic_store(&l->pool_max, srv->pool_purge_ms != 0 ? srv->pool_max : 0);
	atomic_store(&l->pool_purge_ms, srv->pool_purge_ms);
	tw__server_limits_follow(srv);
	atomic_store(&srv->epoch, epoch_of(srv, old));
	tw__server_where_reset(srv);
	tw__server_probes_reset(srv);
	atomic_store(&l->gen, srv->proxy->gen->number);
	atomic_store(&l->srv, srv);
}

void
tw__backend_publish(struct tw_proxy *be)
{
	for (int i = 0; i < be->n_servers; i++)
		tw__server_publish(be->server[i]);
	if (be->direct != NULL)
		tw__server_publish(be->direct);
	rebuild(be);
	tw__queue_kick(be);
}

void
tw__proxies_published(struct tw_gen *gen)
{
	struct tw_proxy *px;

	tw__process_published(gen);
	tw__rings_published(gen);
	tw__forwards_published(gen);
	/* the listeners come last: through them workers find all this */
	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (tw__is_fe(px))
			tw__frontend_limits_follow(px);
		if (tw__is_be(px))
			tw__backend_publish(px);
		for (int i = 0; i < px->n_servers; i++)
			px->server[i]->live->fresh = false;
		if (px->direct != NULL)
			px->direct->live->fresh = false;
	}
	TAILQ_FOREACH(px, &gen->proxies, link) {
		for (int i = 0; i < px->n_servers; i++)
			if (px->server[i]->trackers != NULL)
				tw__track_follow(px->server[i]);
	}
}

void
tw__balance_forget(const struct tw_proxy *be)
{
	struct tw__lb *lb = atomic_load(&be->live->balance);

	if (lb == NULL || lb->be != be)
		return;
	tw__balance_fresh(be->live);
	atomic_store(&be->live->balance, NULL);
	tw_retire(tw__lb_free, lb);
}

/* The balanced servers are those of the generation in force; a request that
 * began on an older one goes on with its own. */
static struct tw_server *
server_of_own(const struct tw_proxy *be, const struct tw_server *srv)
{
	const struct tw__servers *const s = tw__servers_now(be);

	for (int i = 0; i < s->n; i++) {
		if (s->of[i]->live == srv->live)
			return s->of[i];
	}
	for (int i = 0; i < s->n; i++) {
		if (tw_server_is_usable(s->of[i]) && tw_server_has_room(s->of[i]))
			return s->of[i];
	}
	return NULL;
}

struct tw_server *
tw__balance_pick(const struct tw_proxy *be, struct tw_req *req, bool *any)
{
	const struct tw__lb *lb =
	    atomic_load_explicit(&be->live->balance, memory_order_acquire);
	struct tw_server *srv;

	*any = lb != NULL && lb->state != NULL;
	if (TW_UNLIKELY(!*any)) {
		*any = tw__balance_is_stale(be) && tw__balance_any(be);
		return NULL;
	}
	srv = lb->algo->pick(lb->state, lb->conf, req);
	if (srv == NULL || TW_LIKELY(srv->proxy == be))
		return srv;
	return server_of_own(be, srv);
}

void
tw__balance_moved(struct tw_server *srv)
{
	const struct tw__lb *lb =
	    atomic_load_explicit(&srv->proxy->live->balance, memory_order_acquire);
	struct tw_server *now;

	if (lb == NULL || lb->state == NULL || lb->algo->moved == NULL)
		return;
	now = atomic_load_explicit(&srv->live->srv, memory_order_acquire);
	if (now != NULL && now->proxy == lb->be && now != lb->be->direct)
		lb->algo->moved(lb->state, now);
}

void
tw_proxy_usable(const struct tw_proxy *px, int *active, int *backup, uint32_t *weight)
{
	const struct tw__lb *lb =
	    px->live != NULL ? atomic_load(&px->live->balance) : NULL;

	*active = lb != NULL ? atomic_load(&px->live->n_active) : 0;
	*backup = lb != NULL ? atomic_load(&px->live->n_backup) : 0;
	*weight = lb == NULL ? 0
	    : *active > 0    ? atomic_load(&px->live->weight)
			     : lb->weight;
}

int64_t
tw_backend_changed_s(const struct tw_proxy *px)
{
	return (int64_t)(tw__live_ms() - atomic_load(&px->live->changed_ms)) / 1000;
}

uint64_t
tw_backend_downtime_s(const struct tw_proxy *px)
{
	const struct tw_proxy_live *l = px->live;
	uint64_t ms = atomic_load(&l->downtime_ms);

	if (atomic_load(&l->down))
		ms += tw__live_ms() - atomic_load(&l->changed_ms);
	return ms / 1000;
}

uint64_t
tw_backend_chkdown(const struct tw_proxy *px)
{
	return atomic_load(&px->live->chkdown);
}

unsigned
tw_proxy_balance_flags(const struct tw_proxy *px)
{
	const struct tw_balance *const algo = px->c.balance;

	if (algo == NULL)
		return 0;
	return algo->flags |
	    (algo->flags_of != NULL ? algo->flags_of(px->c.balance_conf) : 0);
}

const struct tw_balance *
tw_proxy_balance_of(const struct tw_proxy *px, const void **conf)
{
	*conf = px->c.balance_conf;
	return px->c.balance;
}

uint32_t
tw_proxy_sessions(const struct tw_proxy *px)
{
	return atomic_load_explicit(&px->live->be.cur, memory_order_relaxed);
}
