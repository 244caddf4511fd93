/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * spread.c - close-spread-time: at a soft stop, connections end one after the
 * other instead of all at once.
 *
 * An idle one gets a random time within the window to end at; an exchange is its
 * connection's last with a chance that grows until the window's end. So clients
 * come back over a while, and whoever serves them next is not flooded. The window
 * is set once, by the control thread; workers read it. source: HAProxy's manual,
 * close-spread-time.
 */
#include "config.h"

#include "core/net/conn.h"
#include "core/proxy/proxy_int.h"

static _Atomic uint64_t begin_ms, end_ms; /* shared: 0: no window; UINT64_MAX: never */

void
tw__spread_begin(uint32_t ms)
{
	if (ms == 0 || atomic_load(&end_ms) != 0)
		return;
	const uint64_t now = tw__live_ms();

	atomic_store(&begin_ms, now);
	atomic_store(&end_ms, ms == TW__SPREAD_EVER ? UINT64_MAX : now + ms);
}

bool
tw__spread_is_on(void)
{
	return atomic_load_explicit(&end_ms, memory_order_relaxed) != 0;
}

/* Good enough to spread: Marsaglia's xorshift, 2003. */
static uint64_t
random_below(uint64_t n)
{
	static __thread uint64_t x;

	if (x == 0)
		x = tw_now_us() ^ (uint64_t)(uintptr_t)&x;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x % n;
}

bool
tw__stop_closes_now(void)
{
	const uint64_t begin = atomic_load_explicit(&begin_ms, memory_order_relaxed);
	const uint64_t end = atomic_load_explicit(&end_ms, memory_order_relaxed);
	const uint64_t now = tw_now_ms();

	if (end == UINT64_MAX)
		return false;
	return end == 0 || now >= end || random_below(end - begin) < now - begin;
}

uint64_t
tw__stop_due(uint64_t due_ms)
{
	const uint64_t end = atomic_load_explicit(&end_ms, memory_order_relaxed);
	const uint64_t now = tw_now_ms();

	if (end == 0 || end == UINT64_MAX)
		return due_ms;
	const uint64_t mine = now >= end ? now + 1 : now + 1 + random_below(end - now);
	return due_ms == 0 || mine < due_ms ? mine : due_ms;
}
