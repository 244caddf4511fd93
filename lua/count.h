/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * count.h - what each slot's calls do and cost.
 *
 * A tally belongs to one state: who has entered it adds with plain stores. Times
 * are those of a sample, because to read a thread's CPU time is a system call.
 */
#ifndef TW_LUA_COUNT_H
#define TW_LUA_COUNT_H

#include <tideway/stats.h>

#include "lu.h"

#define LU_SAMPLE_EVERY 256 /* calls */
#define LU_SAMPLE_FIRST 32  /* the first ones all */

/* The module's own counters. */
enum lu_counter {
	LU_CNT_ERRORS,
	LU_CNT_STOPPED,
	LU_CNT_SLOW,
	LU_CNT_NO_MEMORY,
	LU_CNT_RELOADS,
	LU_CNT_RELOADS_FAILED,
	LU_CNT_GC_US,
	LU_N_CNT
};
extern const struct tw_counter lu_counters[];
extern const struct tw_stats_table lu_stats_tables[];

static inline void
lu_count_add(_Atomic uint64_t *n)
{
	atomic_store_explicit(
	    n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_relaxed);
}

void lu_count_begin(struct lu_call *c);
void lu_count_burst(struct lu_call *c);
void lu_count_burst_end(struct lu_call *c);
void lu_count_end(struct lu_call *c);
/** lu_count_event - to one of the module's counters, where there is a worker. */
void lu_count_event(enum lu_counter id, uint64_t n);

static inline void
lu_count_call(struct lu_call *c, struct lu_tally *t)
{
	const uint64_t n = atomic_load_explicit(&t->calls, memory_order_relaxed);

	c->tally = t;
	atomic_store_explicit(&t->calls, n + 1, memory_order_relaxed);
	if (n % LU_SAMPLE_EVERY == 0 || n < LU_SAMPLE_FIRST)
		lu_count_begin(c);
}

static inline void
lu_count_yield(const struct lu_call *c)
{
	if (c->tally != NULL)
		lu_count_add(&c->tally->yields);
}

/* Sums over the states of a set. */
struct lu_sum {
	uint64_t calls, errors, yields, slow, stopped;
	uint64_t cpu[LU_BUCKETS], wall[LU_BUCKETS];
};
void lu_count_sum(
    const struct lu_set *set, const struct lu_slot *slot, struct lu_sum *out);
/** lu_count_quantile - ns. in: pct, 1 to 99. returns: 0: nothing was measured. */
uint64_t lu_count_quantile(const uint64_t *bucket, unsigned pct);

#endif
