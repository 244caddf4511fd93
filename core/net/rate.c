/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rate.c - a sliding window of one second. Any thread, under its user's lock.
 */
#include "config.h"

#include "core/net/rate.h"

#define SECOND_US 1000000u

static void
window_turn(struct tw__window *w, uint64_t now_us)
{
	const uint64_t age = now_us - w->start_us;

	if (age < SECOND_US)
		return;
	w->before = age < 2 * SECOND_US ? w->now : 0;
	w->now = 0;
	w->start_us = now_us - age % SECOND_US;
}

uint32_t
tw__window_room(struct tw__window *w, uint32_t limit, uint64_t now_us)
{
	if (limit == 0)
		return UINT32_MAX;
	window_turn(w, now_us);
	const uint64_t left = SECOND_US - (now_us - w->start_us);
	const uint64_t passed = w->now + w->before * left / SECOND_US;

	return passed < limit ? limit - (uint32_t)passed : 0;
}

void
tw__window_add(struct tw__window *w, uint64_t now_us)
{
	window_turn(w, now_us);
	w->now++;
}
