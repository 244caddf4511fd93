/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * count.c - times of a sample of calls, in buckets whose width is a third of
 * their size; sums and quantiles for those who show them; the module's counters
 * and its table on the statistics page.
 */
#include "count.h"

#include <stdio.h>
#include <time.h>

#include "err.h"

static uint64_t
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
lu_count_begin(struct lu_call *c)
{
	c->sampled = true;
	c->began_us = tw_now_us();
	c->cpu_ns = 0;
}

void
lu_count_burst(struct lu_call *c)
{
	c->burst_ns = cpu_ns();
}

void
lu_count_burst_end(struct lu_call *c)
{
	c->cpu_ns += cpu_ns() - c->burst_ns;
}

/* Two for each power of two, from 64 ns on. */
static unsigned
bucket_of(uint64_t ns)
{
	if (ns < 64)
		return 0;
	const unsigned log = 63u - (unsigned)__builtin_clzll(ns);
	const unsigned i = (log - 6) * 2 + (unsigned)(ns >> (log - 1) & 1) + 1;

	return i < LU_BUCKETS ? i : LU_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t
bucket_ns(unsigned i)
{
	if (i == 0)
		return 32;
	const unsigned log = (i - 1) / 2 + 6;

	return (1ull << log) + ((i - 1) % 2) * (1ull << (log - 1)) +
	    (1ull << (log - 1)) / 2;
}

static void
add(_Atomic uint32_t *bucket, uint64_t ns)
{
	_Atomic uint32_t *const n = &bucket[bucket_of(ns)];

	atomic_store_explicit(
	    n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_relaxed);
}

void
lu_count_end(struct lu_call *c)
{
	if (c->tally == NULL)
		return;
	add(c->tally->cpu, c->cpu_ns);
	add(c->tally->wall, (tw_now_us() - c->began_us) * 1000);
}

void
lu_count_event(enum lu_counter id, uint64_t n)
{
	if (tw_worker_self() != NULL)
		tw_count(lu_self, (int)id, n);
}

/* ---- sums ---------------------------------------------------------------------- */

static uint64_t
read64(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static void
sum_one(const struct lu_tally *t, struct lu_sum *out)
{
	out->calls += read64(&t->calls);
	out->errors += read64(&t->errors);
	out->yields += read64(&t->yields);
	out->slow += read64(&t->slow);
	out->stopped += read64(&t->stopped);
	for (int i = 0; i < LU_BUCKETS; i++) {
		out->cpu[i] += atomic_load_explicit(&t->cpu[i], memory_order_relaxed);
		out->wall[i] += atomic_load_explicit(&t->wall[i], memory_order_relaxed);
	}
}

void
lu_count_sum(const struct lu_set *set, const struct lu_slot *slot, struct lu_sum *out)
{
	*out = (struct lu_sum){ 0 };
	for (int i = 0; i < set->n; i++)
		if (set->state[i] != NULL && slot->index < set->state[i]->n_fn)
			sum_one(set->state[i]->tally[slot->index], out);
}

uint64_t
lu_count_quantile(const uint64_t *bucket, unsigned pct)
{
	uint64_t n = 0, seen = 0;

	for (int i = 0; i < LU_BUCKETS; i++)
		n += bucket[i];
	for (unsigned i = 0; i < LU_BUCKETS; i++) {
		seen += bucket[i];
		if (n > 0 && seen * 100 >= n * pct)
			return bucket_ns(i);
	}
	return 0;
}

/* ---- the module's counters ----------------------------------------------------- */

const struct tw_counter lu_counters[] = {
	[LU_CNT_ERRORS] = { "lua_errors_total", "Errors of scripts" },
	[LU_CNT_STOPPED] = { "lua_stopped_total",
	    "Calls of scripts that were stopped because they ran too long" },
	[LU_CNT_SLOW] = { "lua_slow_total",
	    "Calls of scripts that ran longer than their soft limit" },
	[LU_CNT_NO_MEMORY] = { "lua_no_memory_total",
	    "Errors of scripts for want of memory" },
	[LU_CNT_RELOADS] = { "lua_reloads_total", "Scripts that were loaded anew" },
	[LU_CNT_RELOADS_FAILED] = { "lua_reloads_failed_total",
	    "Scripts that could not be loaded anew" },
	[LU_CNT_GC_US] = { "lua_gc_microseconds_total",
	    "Time that was spent to collect garbage between calls" },
	[LU_N_CNT] = { .name = NULL },
};

/* ---- the statistics page ------------------------------------------------------- */

static const struct tw_stats_column columns[] = {
	{ "name", "Function", TW_STATS_TEXT },
	{ "unit", "Script", TW_STATS_TEXT },
	{ "kind", "Kind", TW_STATS_TEXT },
	{ "calls", "Calls", TW_STATS_NUMBER },
	{ "errors", "Errors", TW_STATS_NUMBER },
	{ "yields", "Waits", TW_STATS_NUMBER },
	{ "slow", "Slow", TW_STATS_NUMBER },
	{ "stopped", "Stopped", TW_STATS_NUMBER },
	{ "cpu_p50_us", "CPU p50 (us)", TW_STATS_NUMBER },
	{ "cpu_p99_us", "CPU p99 (us)", TW_STATS_NUMBER },
	{ "wall_p99_us", "Wall p99 (us)", TW_STATS_NUMBER },
	{ .name = NULL },
};

static const struct lu_slot *
slot_at(struct tw_gen *gen, int i)
{
	for (const struct lu_unit *u = lu_conf_of(gen)->units; u != NULL; u = u->next)
		for (const struct lu_slot *slot = u->slots; slot != NULL;
		     slot = slot->next)
			if (i-- == 0)
				return slot;
	return NULL;
}

static void
cell_number(struct tw_stats_row *row, int i, uint64_t n)
{
	snprintf(row->cell[i], sizeof(row->cell[i]), "%llu", (unsigned long long)n);
}

static bool
stats_row(struct tw_gen *gen, int i, struct tw_stats_row *row)
{
	const struct lu_slot *const slot = slot_at(gen, i);
	struct lu_sum sum;

	if (slot == NULL)
		return false;
	const struct lu_set *const set =
	    atomic_load_explicit(&slot->unit->set, memory_order_acquire);
	if (set == NULL)
		return false;
	lu_count_sum(set, slot, &sum);
	snprintf(row->cell[0], sizeof(row->cell[0]), "%s", slot->name);
	snprintf(row->cell[1], sizeof(row->cell[1]), "%s", slot->unit->name);
	snprintf(row->cell[2], sizeof(row->cell[2]), "%s", lu_reg_word[slot->reg]);
	cell_number(row, 3, sum.calls);
	cell_number(row, 4, sum.errors);
	cell_number(row, 5, sum.yields);
	cell_number(row, 6, sum.slow);
	cell_number(row, 7, sum.stopped);
	cell_number(row, 8, lu_count_quantile(sum.cpu, 50) / 1000);
	cell_number(row, 9, lu_count_quantile(sum.cpu, 99) / 1000);
	cell_number(row, 10, lu_count_quantile(sum.wall, 99) / 1000);
	return true;
}

const struct tw_stats_table lu_stats_tables[] = {
	{ "lua", "Lua", columns, stats_row },
	{ .name = NULL },
};
