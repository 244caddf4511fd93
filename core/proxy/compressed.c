/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * compressed.c - what all compressors of the process take and give.
 *
 * The limit looks at a sliding second: this one so far, and the part of the one
 * before that the last second reaches into. Threads may tear a turn of the second
 * a little: it limits load, it does not bill. source: HAProxy's manual,
 * maxcomprate, maxcompcpuusage; its management guide, set rate-limit.
 */
#include "config.h"

#include <tideway/worker.h>
#include "core/proxy/process.h"

#define SECOND_US 1000000u

static void
second_turn(uint64_t second)
{
	struct tw__process *const p = &tw__process;
	uint64_t seen = atomic_load_explicit(&p->comp_second, memory_order_relaxed);

	if (seen == second ||
	    !atomic_compare_exchange_strong(&p->comp_second, &seen, second))
		return;
	const uint64_t last = atomic_exchange(&p->comp_now, 0);
	atomic_store(&p->comp_before, seen + 1 == second ? last : 0);
}

void
tw_process_compressed(uint64_t in, uint64_t out)
{
	struct tw__process *const p = &tw__process;

	atomic_fetch_add_explicit(&p->comp_in, in, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->comp_out, out, memory_order_relaxed);
	if (atomic_load_explicit(&p->comp_limit, memory_order_relaxed) == 0)
		return;
	second_turn(tw_turn_us() / SECOND_US);
	atomic_fetch_add_explicit(&p->comp_now, in, memory_order_relaxed);
}

uint64_t
tw_process_comp_memory(int64_t delta)
{
	return atomic_fetch_add_explicit(
		   &tw__process.comp_memory, (uint64_t)delta, memory_order_relaxed) +
	    (uint64_t)delta;
}

static bool
is_over_rate(void)
{
	const uint64_t limit =
	    atomic_load_explicit(&tw__process.comp_limit, memory_order_relaxed);

	if (TW_LIKELY(limit == 0))
		return false;
	const uint64_t now = tw_turn_us(), left = SECOND_US - now % SECOND_US;
	second_turn(now / SECOND_US);
	return atomic_load(&tw__process.comp_now) +
	    atomic_load(&tw__process.comp_before) * left / SECOND_US >=
	    limit;
}

bool
tw_process_may_compress(uint32_t cpu_pct)
{
	const uint32_t idle =
	    atomic_load_explicit(&tw__process.idle_pct, memory_order_relaxed);

	return !is_over_rate() && (cpu_pct >= 100 || idle + cpu_pct >= 100);
}

void
tw_process_comp_limits(uint64_t rate, uint64_t memory)
{
	atomic_store(&tw__process.comp_memory_limit, memory);
	if (rate == tw__process.comp_limit_conf)
		return;
	tw__process.comp_limit_conf = rate;
	atomic_store(&tw__process.comp_limit, rate);
}

void
tw_process_set_comp_rate(uint64_t rate)
{
	atomic_store(&tw__process.comp_limit, rate);
}
