/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bwlim_rate.c - how many bytes may pass, over a sliding period.
 *
 * What has passed in the last period is what did in this one so far, and of the
 * one before the part that the last period still reaches into. So no period,
 * wherever it begins, has much more than the limit; a stream that begins may
 * use its first one at once. Any thread.
 */
#include "filter.h"

static void
period_turn(struct bwlim_rate *r, uint32_t period_ms, uint64_t now_ms)
{
	if (r->start_ms == 0)
		r->start_ms = now_ms;
	const uint64_t age = now_ms - r->start_ms;

	if (age < period_ms)
		return;
	r->before = age / period_ms == 1 ? r->now : 0;
	r->now = 0;
	r->start_ms = now_ms - age % period_ms;
}

/* Of the last period; rounded up. */
static uint64_t
recent(const struct bwlim_rate *r, uint32_t period_ms, uint64_t now_ms)
{
	const uint64_t left = period_ms - (now_ms - r->start_ms);
	const double part = (double)r->before * (double)left / period_ms;

	return r->now + (uint64_t)part + (part > (double)(uint64_t)part);
}

/* When so many may pass: the part of the period before that falls away, or else
 * the beginning of the next one, when it is asked again. */
static uint32_t
wait_for(
    const struct bwlim_rate *r, uint64_t too_many, uint32_t period_ms, uint64_t now_ms)
{
	const uint64_t left = period_ms - (now_ms - r->start_ms);
	uint64_t ms = left;

	if (r->before > 0) {
		const double need =
		    (double)too_many * period_ms / (double)r->before + 1;
		if (need < (double)left)
			ms = (uint64_t)need;
	}
	return ms > 0 ? (uint32_t)ms : 1;
}

/* Never more at once than ever may pass. */
uint64_t
bwlim_least(uint64_t limit, uint64_t want, uint64_t min)
{
	if (min > limit)
		min = limit;
	if (min > want)
		min = want;
	return min > 0 ? min : 1;
}

uint64_t
bwlim_room(struct bwlim_rate *r, uint64_t limit, uint32_t period_ms, uint64_t now_ms,
    uint64_t want, uint64_t min, uint32_t *wait_ms)
{
	period_turn(r, period_ms, now_ms);
	const uint64_t passed = recent(r, period_ms, now_ms);
	const uint64_t room = passed < limit ? limit - passed : 0;

	min = bwlim_least(limit, want, min);
	if (room >= min)
		return room < want ? room : want;
	*wait_ms = wait_for(r, passed + min - limit, period_ms, now_ms);
	return 0;
}

void
bwlim_passed(struct bwlim_rate *r, uint64_t n)
{
	r->now += n;
}
