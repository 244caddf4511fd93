/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * balance.c - who takes part in balancing, and asking the algorithm.
 *
 * The control thread looks at the servers of one backend whenever one of
 * them changes, has the algorithm build a state from the usable ones, and
 * publishes both with one pointer; workers that still look at the former
 * state are waited for by tw_retire. Backups take part only when no other
 * server is usable: the first usable one, or all with option allbackups.
 */
#include "config.h"

#include <stdlib.h>

#include "core/proxy/process.h"
#include "core/proxy/proxy_int.h"

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
	int n = 0;

	for (int i = 0; i < be->n_servers; i++) {
		struct tw_server *srv = be->server[i];

		if (srv->backup == backup && tw_server_is_usable(srv))
			of[n++] = (struct tw_choice){ srv, tw_server_weight(srv) };
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

static void
rebuild(const struct tw_proxy *be)
{
	struct tw_proxy_live *live = be->live;
	struct tw__lb *old = atomic_load(&live->balance);
	struct tw__lb *lb = calloc(1, sizeof(*lb));
	struct tw_choice *of = malloc(((size_t)be->n_servers + 1) * sizeof(*of));
	int n;

	if (lb == NULL || of == NULL)
		TW_WRONG("out of memory for a balance state");
	lb->be = be;
	lb->algo = be->c.balance;
	lb->conf = be->c.balance_conf;
	lb->n_backup = choices_of(be, true, of);
	n = lb->n_active = choices_of(be, false, of);
	if (n == 0) {
		n = choices_of(be, true, of);
		lb->on_backup = n > 0;
		if (n > 1 && !be->c.allbackups)
			n = 1;
	}
	for (int i = 0; i < n; i++)
		lb->weight += of[i].weight;
	if (n > 0)
		lb->state = lb->algo->build(of, n, lb->conf,
		    old != NULL && old->algo == lb->algo ? old->state : NULL);
	atomic_store(&live->balance, lb);
	in_use_mark(be, of, n);
	free(of);
	if (be->n_servers > 0)
		backend_count_change(live, n > 0);
	if (old != NULL)
		tw_retire(tw__lb_free, old);
	tw__proxy_changed(be);
}

void
tw__balance_rebuild(struct tw_proxy *be)
{
	const struct tw__lb *lb = atomic_load(&be->live->balance);

	if (lb != NULL)
		rebuild(lb->be); /* of the generation in force */
}

/* Idle connections to another address, or begun otherwise, are of no use. */
static uint32_t
epoch_of(const struct tw_server *srv, const struct tw_server *old)
{
	struct tw_server_live *l = srv->live;

	if (old == NULL)
		return atomic_load(&l->epoch);
	if (tw_addr_eq(&old->addr, &srv->addr) && old->map_port == srv->map_port &&
	    old->send_proxy == srv->send_proxy)
		return old->epoch;
	return atomic_fetch_add(&l->epoch, 1) + 1;
}

/* The same servers have a new configuration. */
static void
server_publish(struct tw_server *srv)
{
	struct tw_server_live *l = srv->live;
	const struct tw_server *old = atomic_load(&l->srv);
	unsigned admin = atomic_load(&l->admin);

	if (old != NULL && old->disabled && !srv->disabled)
		admin &= ~TW_ADM_MAINT;
	if (!srv->has_addr || (old != NULL && !old->disabled && srv->disabled))
		admin |= TW_ADM_MAINT;
	atomic_store(&l->admin, (uint8_t)admin);
	if (!srv->check)
		atomic_store(&l->health, TW_UP);
	atomic_store(&l->maxconn, srv->maxconn);
	atomic_store(&l->index, (uint32_t)srv->index);
	srv->epoch = epoch_of(srv, old);
	atomic_store(&l->gen, srv->proxy->gen->number);
	atomic_store(&l->srv, srv);
}

void
tw__backend_publish(struct tw_proxy *be)
{
	for (int i = 0; i < be->n_servers; i++)
		server_publish(be->server[i]);
	rebuild(be);
	tw__queue_kick(be);
}

void
tw__proxies_published(struct tw_gen *gen)
{
	struct tw_proxy *px;

	tw__process_published(gen);
	/* the listeners come last: through them workers find all this */
	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (tw__is_be(px))
			tw__backend_publish(px);
	}
}

void
tw__balance_forget(const struct tw_proxy *be)
{
	struct tw__lb *lb = atomic_load(&be->live->balance);

	if (lb == NULL || lb->be != be)
		return;
	atomic_store(&be->live->balance, NULL);
	tw_retire(tw__lb_free, lb);
}

/* The balanced servers are those of the generation in force; a request that
 * began on an older one goes on with its own. */
static struct tw_server *
server_of_own(const struct tw_proxy *be, const struct tw_server *srv)
{
	for (int i = 0; i < be->n_servers; i++) {
		if (be->server[i]->live == srv->live)
			return be->server[i];
	}
	for (int i = 0; i < be->n_servers; i++) {
		if (tw_server_is_usable(be->server[i]) &&
		    tw_server_has_room(be->server[i]))
			return be->server[i];
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
	if (!*any)
		return NULL;
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
	if (now != NULL && now->proxy == lb->be)
		lb->algo->moved(lb->state, now);
}

void
tw_proxy_usable(const struct tw_proxy *px, int *active, int *backup, uint32_t *weight)
{
	const struct tw__lb *lb =
	    px->live != NULL ? atomic_load(&px->live->balance) : NULL;

	*active = lb != NULL ? lb->n_active : 0;
	*backup = lb != NULL ? lb->n_backup : 0;
	*weight = lb != NULL ? lb->weight : 0;
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
