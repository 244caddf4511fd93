/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * wheel.c - the timing wheel behind tw_timer.
 *
 * Five levels of 64 slots; level l's slots are 64^l ms wide, so a timer is
 * linked in O(1) and looked at once for each level it sinks through. Timers
 * are lazy: setting a later deadline only stores it, and the slot's visit
 * finds that it is not due and links it again. So a connection whose timeout
 * is pushed back with every request costs one store. Each level keeps a bit
 * for each slot in use, so the next slot is found without a walk. One wheel
 * for each worker, used by its thread only. source: Varghese and Lauck,
 * "Hashed and hierarchical timing wheels", 1987, scheme 7.
 */
#include "config.h"

#include <string.h>

#include <tideway/assert.h>
#include "core/run/worker.h"

#define SPAN(level) ((uint64_t)1 << (6 * ((level) + 1)))
#define TICK(level, ms) ((ms) >> (6 * (level)))

void
tw__wheel_init(struct tw__wheel *wh, uint64_t now_ms)
{
	memset(wh, 0, sizeof(*wh));
	wh->now_ms = now_ms;
}

static int
level_for(uint64_t delta)
{
	int level = 0;

	while (level < TW__WHEEL_LEVELS - 1 && delta >= SPAN(level))
		level++;
	return level;
}

void
tw__wheel_link(struct tw__wheel *wh, struct tw_timer *t)
{
	uint64_t due = t->due_ms > wh->now_ms ? t->due_ms : wh->now_ms + 1;
	const int level = level_for(due - wh->now_ms);

	/* Beyond the last level: its farthest slot; it is linked again there. */
	if (due - wh->now_ms >= SPAN(level))
		due = wh->now_ms + SPAN(level) - 1;
	const unsigned i = TICK(level, due) & (TW__WHEEL_SLOTS - 1);
	struct tw_timer **const head = &wh->slot[level][i];

	t->slot_ms = TICK(level, due) << (6 * level);
	t->next = *head;
	t->prev = (struct tw_timer *)head; /* the head, seen as a timer's next */
	if (*head != NULL)
		(*head)->prev = t;
	*head = t;
	wh->used[level] |= (uint64_t)1 << i;
}

static void
slot_forget(struct tw__wheel *wh, struct tw_timer **head)
{
	const size_t at = (size_t)(head - &wh->slot[0][0]);

	if (at < TW__WHEEL_LEVELS * TW__WHEEL_SLOTS)
		wh->used[at / TW__WHEEL_SLOTS] &=
		    ~((uint64_t)1 << (at % TW__WHEEL_SLOTS));
}

/* `next` is the first member, so a slot's head and a timer's next field are
 * both a struct tw_timer * at the address that prev holds. */
void
tw__wheel_unlink(struct tw__wheel *wh, struct tw_timer *t)
{
	struct tw_timer **const link = (struct tw_timer **)t->prev;

	if (link == NULL)
		return;
	*link = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	else if (wh != NULL)
		slot_forget(wh, link);
	t->next = t->prev = NULL;
}

uint64_t
tw__wheel_next(const struct tw__wheel *wh)
{
	uint64_t best = UINT64_MAX;

	for (int level = 0; level < TW__WHEEL_LEVELS; level++) {
		const uint64_t used = wh->used[level];
		if (used == 0)
			continue;
		const uint64_t tick = TICK(level, wh->now_ms);
		const unsigned from = (tick + 1) & (TW__WHEEL_SLOTS - 1);
		const uint64_t turned =
		    used >> from | (from != 0 ? used << (64 - from) : 0);
		const uint64_t at = (tick + 1 + (uint64_t)__builtin_ctzll(turned))
		    << (6 * level);
		if (at < best)
			best = at;
	}
	return best;
}

/* Takes the slot's list; what is due fires, the rest is linked again. A
 * timer may be set or deleted by another's callback: pop one at a time. */
static void
slot_visit(struct tw__wheel *wh, int level, uint64_t now_ms)
{
	const unsigned i = TICK(level, wh->now_ms) & (TW__WHEEL_SLOTS - 1);
	struct tw_timer *mine = wh->slot[level][i];

	wh->slot[level][i] = NULL;
	wh->used[level] &= ~((uint64_t)1 << i);
	if (mine != NULL)
		mine->prev = (struct tw_timer *)&mine;
	while (mine != NULL) {
		struct tw_timer *const t = mine;
		tw__wheel_unlink(wh, t);
		if (t->due_ms == 0)
			continue;
		if (t->due_ms > now_ms) {
			tw__wheel_link(wh, t);
			continue;
		}
		t->due_ms = 0;
		t->fn(t);
	}
}

void
tw__wheel_advance(struct tw__wheel *wh, uint64_t now_ms)
{
	for (;;) {
		const uint64_t next = tw__wheel_next(wh);
		if (next > now_ms)
			break;
		wh->now_ms = next;
		for (int level = TW__WHEEL_LEVELS - 1; level >= 0; level--) {
			if ((next & ((SPAN(level) >> 6) - 1)) == 0)
				slot_visit(wh, level, now_ms);
		}
	}
	if (now_ms > wh->now_ms)
		wh->now_ms = now_ms;
}
