/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * trim.c - what a burst needed goes back once it is over.
 *
 * The free lists keep what was used, so that steady traffic allocates
 * nothing; but ten thousand connections that came once must not be kept for
 * ever. Each pool notes the fewest blocks that were free in a period: those
 * were not needed by anyone, and most of them are freed, a few at a time so
 * that no request waits for it. The control thread then lets the allocator
 * return whole pages to the system. Armed only while a pool holds more than
 * it always may. One worker's thread, except tw__memory_give_back().
 */
#include "config.h"

#include <malloc.h>
#include <stdlib.h>

#include "core/net/conn.h"

#define PERIOD_MS 2000
#define TURN_MS 10
#define TURN_BLOCKS 256

static _Atomic bool kept;  /* shared: no-memory-trimming */
static _Atomic bool freed; /* shared: since the control thread last looked */

bool
tw__pool_trim(struct tw__pool *pool)
{
	uint32_t n = TURN_BLOCKS;

	for (; n > 0 && pool->least > TW__POOL_KEEP; n--) {
		void *const p = pool->free;

		pool->free = *(void **)p;
		pool->n_free--;
		pool->least--;
		if (pool->fini != NULL)
			pool->fini(p);
		free(p);
	}
	if (n < TURN_BLOCKS)
		atomic_store_explicit(&freed, true, memory_order_relaxed);
	if (n == 0)
		return true;
	pool->least = pool->n_free;
	return false;
}

static void
on_trim(struct tw_timer *t)
{
	struct tw__net *const net = tw__self->net;
	struct tw__pool *const pools[] = { &net->bufs, &net->outs, &net->conns,
		tw__flow_pool(tw__self) };
	bool more = false, spare = false;

	for (size_t i = 0; i < TW_N_ELEMENTS(pools); i++) {
		more |= tw__pool_trim(pools[i]);
		spare |= pools[i]->n_free > TW__POOL_KEEP;
	}
	if (more || spare)
		tw_timer_set(t, tw_now_ms() + (more ? TURN_MS : PERIOD_MS));
}

void
tw__trim_arm(struct tw__net *net)
{
	net->trim.fn = on_trim;
	if (net->trim.due_ms == 0)
		tw_timer_set(&net->trim, tw_now_ms() + PERIOD_MS);
}

void
tw__memory_keep(bool keep)
{
	atomic_store(&kept, keep);
}

void
tw__memory_give_back(void)
{
	if (atomic_load(&kept))
		return;
	if (atomic_exchange_explicit(&freed, false, memory_order_relaxed))
		malloc_trim(0);
}
