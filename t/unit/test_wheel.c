/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_wheel.c - timers: a random run against a plain list of deadlines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/run/worker.h"

#define N 500

static struct tw__wheel wheel;
static struct tw_timer timers[N];
static uint64_t want[N]; /* 0: not set */
static uint64_t now;
static int n_fired;

static void
fire(struct tw_timer *t)
{
	const size_t i = (size_t)(t - timers);

	assert_true(want[i] != 0 && want[i] <= now);
	want[i] = 0;
	n_fired++;
}

/* What tw_timer_set() does, on this wheel. */
static void
set(size_t i, uint64_t due)
{
	struct tw_timer *const t = &timers[i];

	want[i] = due;
	t->due_ms = due;
	if (t->prev != NULL && (due == 0 || due >= t->slot_ms))
		return;
	if (due == 0)
		return;
	tw__wheel_unlink(&wheel, t);
	tw__wheel_link(&wheel, t);
}

static void
none_overdue(void)
{
	for (int i = 0; i < N; i++)
		assert_true(want[i] == 0 || want[i] > now);
}

static void
test_random(void **state)
{
	(void)state;
	srand(7);
	now = 1000000;
	tw__wheel_init(&wheel, now);
	for (int i = 0; i < N; i++)
		timers[i].fn = fire;
	for (int round = 0; round < 20000; round++) {
		const size_t i = (size_t)rand() % N;
		const int span = 1 << (rand() % 28);
		set(i, rand() % 8 == 0 ? 0 : now + 1 + (uint64_t)(rand() % span));
		if (rand() % 3 == 0)
			continue;
		now += (uint64_t)(rand() % (1 << (rand() % 16)));
		tw__wheel_advance(&wheel, now);
		none_overdue();
	}
	assert_true(n_fired > 1000);
}

static void
test_next_is_never_late(void **state)
{
	(void)state;
	memset(timers, 0, sizeof(timers));
	memset(want, 0, sizeof(want));
	for (uint64_t ms = 1; ms < 1u << 29; ms = ms * 3 + 1) {
		now = 5000000;
		tw__wheel_init(&wheel, now);
		timers[0].next = timers[0].prev = NULL;
		timers[0].fn = fire;
		set(0, now + ms);
		while (want[0] != 0) {
			const uint64_t next = tw__wheel_next(&wheel);
			assert_true(next > now && next <= 5000000 + ms);
			now = next;
			tw__wheel_advance(&wheel, now);
		}
		assert_true(now == 5000000 + ms);
		assert_true(tw__wheel_next(&wheel) == UINT64_MAX);
	}
}

static void
test_empty_wheel_sleeps(void **state)
{
	(void)state;
	tw__wheel_init(&wheel, 77);
	assert_true(tw__wheel_next(&wheel) == UINT64_MAX);
	tw__wheel_advance(&wheel, 1u << 30);
	assert_true(wheel.now_ms == 1u << 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_next_is_never_late),
		cmocka_unit_test(test_empty_wheel_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
