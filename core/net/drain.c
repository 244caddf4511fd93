/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * drain.c - client connections end early, and who waits for them is told.
 *
 * A kept-alive connection is a promise that the next request will be answered.
 * Before an address moves to another machine, or at a soft stop, answers say
 * that they are the last and idle connections are closed, while new ones are
 * accepted as ever. Each worker is asked now and then whether a connection of
 * the beginning is left: its oldest is the first in its list. Control thread,
 * except look().
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>

#include "core/net/conn.h"
#include "core/run/worker.h"

#define LOOK_MS 20

struct tw_drain {
	struct tw_timer timer;
	uint64_t begun_us, until_ms;
	tw_drained_fn *done; /* NULL: was called */
	void *arg;
	_Atomic unsigned n_older; /* workers that still have one */
	_Atomic int n_asked;      /* workers that have not answered */
	bool closes;              /* idle connections: the first time */
	bool is_asking;           /* answers are on their way */
	bool is_over;             /* freed when they are there */
};

_Atomic unsigned tw__stopping;

static void
drain_free(struct tw_drain *d)
{
	tw_timer_del(&d->timer);
	free(d);
}

/* The last worker has answered. */
static void
looked(void *arg)
{
	struct tw_drain *const d = arg;
	tw_drained_fn *const done = d->done;
	const uint64_t now = tw_now_ms();
	const bool is_clear = atomic_load(&d->n_older) == 0;

	d->is_asking = d->closes = false;
	if (d->is_over) {
		drain_free(d);
		return;
	}
	tw_timer_set(&d->timer, now + LOOK_MS);
	if (done == NULL || (!is_clear && now < d->until_ms))
		return;
	d->done = NULL;
	done(d->arg, is_clear);
}

/* On each worker. */
static void
look(void *arg)
{
	struct tw_drain *const d = arg;
	struct tw_worker *const w = tw_worker_self();

	if (d->closes) /* from then on they end by themselves */
		tw__flow_close_clients(w, false);
	const struct tw_conn *const oldest = TAILQ_FIRST(&w->net->clients);
	if (oldest != NULL && oldest->accepted_us < d->begun_us)
		atomic_fetch_add(&d->n_older, 1);
	if (atomic_fetch_sub(&d->n_asked, 1) == 1)
		tw_worker_post(tw_worker_at(0), looked, d);
}

static void
ask(struct tw_timer *t)
{
	struct tw_drain *const d = (struct tw_drain *)t;

	d->is_asking = true;
	atomic_store(&d->n_older, 0);
	atomic_store(&d->n_asked, tw_n_workers());
	for (int i = 1; i <= tw_n_workers(); i++)
		tw_worker_post(tw_worker_at(i), look, d);
}

struct tw_drain *
tw_drain_begin(uint32_t limit_ms, tw_drained_fn *done, void *arg)
{
	struct tw_drain *const d = calloc(1, sizeof(*d));

	TW_ASSERT(d != NULL);
	d->timer.fn = ask;
	d->begun_us = tw_now_us();
	d->until_ms = tw_now_ms() + limit_ms;
	d->done = done;
	d->arg = arg;
	d->closes = true;
	atomic_fetch_add(&tw__stopping, 1);
	ask(&d->timer);
	return d;
}

void
tw_drain_end(struct tw_drain **pd)
{
	struct tw_drain *const d = *pd;

	*pd = NULL;
	if (d == NULL)
		return;
	atomic_fetch_sub(&tw__stopping, 1);
	d->is_over = true;
	d->done = NULL;
	if (!d->is_asking)
		drain_free(d);
}
