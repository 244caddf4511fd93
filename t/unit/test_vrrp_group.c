/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_group.c - sync groups of three, as a driver runs them; and what is
 * tracked as priority or fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vrrp_help.h"

#define N 3

static struct vr_vip vip;
static struct vr_instance in[N];
static struct vr_router r[N];
static struct vr_router *members[N];
static const struct vr_group conf = { .name = "G1", .n_members = N };
static struct vr_sync group;
static uint64_t now;
static unsigned n_entered, n_zero;
static char said[8192];

static void
on_advert(struct vr_router *at, uint8_t priority)
{
	(void)at;
	n_zero += priority == 0;
}

static void
on_nothing(struct vr_router *at)
{
	(void)at;
}

static void
on_announce(struct vr_router *at, enum vr_announce why, unsigned repeat)
{
	(void)at;
	(void)why;
	(void)repeat;
}

static void
on_entered(struct vr_router *at, enum vr_state from, const char *why)
{
	(void)from;
	(void)why;
	n_entered++;
	vr_sync_entered(&group, now, at);
}

static void
on_say(struct vr_router *at, int level, const char *text)
{
	(void)at;
	(void)level;
	strcat(strcat(said, text), "\n");
}

static const struct vr_router_ops ops = {
	.advert = on_advert,
	.take = on_nothing,
	.release = on_nothing,
	.announce = on_announce,
	.entered = on_entered,
	.say = on_say,
};

static void
on_group(struct vr_sync *g, enum vr_state from, void *arg)
{
	assert_int_not_equal(g->state, from);
	assert_ptr_equal(arg, &now);
}

static void
given(void)
{
	static const char *const names[N] = { "V1", "V2", "V3" };

	now = 1000;
	n_entered = n_zero = 0;
	said[0] = '\0';
	vip.ip = ip_of("10.9.0.100");
	for (unsigned i = 0; i < N; i++) {
		in[i] = instance_of(2, 100, &vip, 1);
		in[i].name = names[i];
		vr_router_init(&r[i], &in[i], &ops, NULL);
		r[i].own = ip_of("10.9.0.5");
		members[i] = &r[i];
	}
	group = (struct vr_sync){ .conf = &conf,
		.member = members,
		.n_members = N,
		.entered = on_group,
		.arg = &now };
}

static void
start(void)
{
	for (unsigned i = 0; i < N; i++)
		vr_router_start(&r[i], now, false);
}

static void
all(enum vr_state state)
{
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(r[i].state, state);
	assert_int_equal(group.state, state);
}

static void
fault(unsigned i, bool on)
{
	vr_router_set_fault(&r[i], now, on, "the test wants it");
	vr_sync_entered(&group, now, &r[i]);
}

static void
test_master_backup(void **state)
{
	const struct vr_advert higher = {
		.src = ip_of("10.9.0.1"), .priority = 101, .advert_us = 1000000
	};

	(void)state;
	given();
	start();
	all(VR_BACKUP);
	now += 10000000;
	vr_router_tick(&r[1], now);
	all(VR_MASTER);
	assert_non_null(
	    strstr(said, "VRRP_Group(G1) Syncing instances to MASTER state\n"));
	assert_non_null(strstr(said, "(V3) takes over at once: group G1 follows V2\n"));
	vr_router_heard(&r[2], now, &higher);
	all(VR_BACKUP);
	assert_int_equal(n_zero, 2); /* the peer's others need not wait */
	assert_int_equal(n_entered, 3 * N);
}

static void
test_stop(void **state)
{
	(void)state;
	given();
	start();
	vr_router_claim(&r[0], now, "the test wants it");
	all(VR_MASTER);
	vr_router_stop(&r[0], now);
	assert_int_equal(r[1].state, VR_MASTER); /* each is stopped by itself */
	vr_router_stop(&r[1], now);
	vr_router_stop(&r[2], now);
	all(VR_INIT);
}

static void
test_fault(void **state)
{
	(void)state;
	given();
	start();
	vr_router_claim(&r[0], now, "the test wants it");
	fault(1, true);
	all(VR_FAULT);
	n_entered = 0;
	fault(2, true); /* changes nothing */
	fault(1, false);
	all(VR_FAULT);
	assert_int_equal(n_entered, 0);
	fault(2, false);
	all(VR_BACKUP);
	assert_int_equal(n_entered, N);
}

static void
test_fault_at_start(void **state)
{
	(void)state;
	for (unsigned bad = 0; bad < N; bad++) {
		given();
		r[bad].fault = true;
		start();
		all(VR_FAULT);
		fault(bad, false);
		all(VR_BACKUP);
	}
}

static void
test_owner_leads(void **state)
{
	(void)state;
	given();
	in[2].priority = r[2].priority = 255;
	r[0].fault = true;
	start();
	all(VR_FAULT);
	fault(0, false);
	all(VR_MASTER);
}

static void
test_yield(void **state)
{
	(void)state;
	given();
	start();
	vr_router_claim(&r[0], now, "the test wants it");
	vr_sync_yield(&group, now, true);
	all(VR_BACKUP);
	for (unsigned i = 0; i < N; i++)
		assert_true(r[i].yielding);
	assert_int_equal(n_zero, N);
	vr_sync_yield(&group, now, false);
	all(VR_BACKUP);
	assert_false(r[2].yielding);
}

/* --- weights --- */

static uint8_t
weigh(struct vr_track t, struct vr_result what, bool *is_fault)
{
	const struct vr_result *const results[] = { &what };

	what.known = true;
	return vr_weigh(100, &t, results, 1, is_fault);
}

static void
test_weight(void **state)
{
	/* weight, reverse, while good, while bad: as keepalived 2.2.7 does */
	static const int table[][4] = { { 10, 0, 110, 100 }, { -10, 0, 100, 90 },
		{ 10, 1, 90, 100 }, { -10, 1, 100, 110 }, { 253, 0, 254, 100 },
		{ -253, 0, 100, 1 } };
	bool bad;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct vr_track t = { .kind = VR_TRACK_SCRIPT,
			.name = "s",
			.weight = table[i][0],
			.reverse = table[i][1] != 0 };

		assert_int_equal(
		    weigh(t, (struct vr_result){ .good = true }, &bad), table[i][2]);
		assert_false(bad);
		assert_int_equal(
		    weigh(t, (struct vr_result){ .good = false }, &bad), table[i][3]);
		assert_false(bad);
	}
}

static void
test_weight_zero(void **state)
{
	const struct vr_track t[] = { { .kind = VR_TRACK_INTERFACE },
		{ .kind = VR_TRACK_INTERFACE, .reverse = true } };
	bool bad;

	(void)state;
	assert_int_equal(weigh(t[0], (struct vr_result){ .good = false }, &bad), 100);
	assert_true(bad);
	weigh(t[0], (struct vr_result){ .good = true }, &bad);
	assert_false(bad);
	weigh(t[1], (struct vr_result){ .good = true }, &bad);
	assert_true(bad);
	weigh(t[1], (struct vr_result){ .good = false }, &bad);
	assert_false(bad);
}

static void
test_weight_file(void **state)
{
	/* weight, reverse, number, priority (0: fault) */
	static const int table[][4] = { { 1, 0, 20, 120 }, { -2, 0, 20, 60 },
		{ 1, 1, 20, 80 }, { 2, 0, -126, 1 }, { 1, 0, -254, 0 },
		{ 254, 0, -1, 0 }, { 0, 0, 0, 100 }, { 0, 0, 1, 0 }, { 0, 1, 0, 0 },
		{ 0, 1, -7, 100 }, { 254, 0, INT32_MAX, 254 },
		{ 254, 0, INT32_MIN, 0 } };
	bool bad;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct vr_track t = { .kind = VR_TRACK_FILE,
			.name = "f",
			.weight = table[i][0],
			.reverse = table[i][1] != 0 };
		const uint8_t got =
		    weigh(t, (struct vr_result){ .value = table[i][2] }, &bad);

		assert_int_equal(bad ? 0 : got, table[i][3]);
	}
}

static void
test_weight_sum(void **state)
{
	const struct vr_track t[] = {
		{ .kind = VR_TRACK_SCRIPT, .name = "my_chk", .weight = 10 },
		{ .kind = VR_TRACK_BACKEND, .name = "www", .weight = -30 },
		{ .kind = VR_TRACK_WORKER, .weight = 0 },
		{ .kind = VR_TRACK_SCRIPT, .name = "slow", .weight = -7 },
	};
	const struct vr_result good = { .known = true, .good = true },
			       bad = { .known = true }, unknown = { .known = false };
	const struct vr_result *const results[] = { &good, &bad, &good, &unknown };
	char text[128];
	bool is_fault;

	(void)state;
	assert_int_equal(vr_weigh(100, t, results, 4, &is_fault), 80);
	assert_false(is_fault);
	assert_string_equal(vr_weigh_text(text, sizeof(text), 100, t, results, 4),
	    "base 100, script my_chk +10, backend www -30");
	vr_weigh_text(text, 20, 100, t, results, 4);
	assert_int_equal(strlen(text), 19);
	assert_int_equal(vr_weigh(255, t, results, 4, &is_fault), 255);
	assert_string_equal(
	    vr_weigh_text(text, sizeof(text), 255, t, results, 4), "base 255");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_master_backup),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_fault_at_start),
		cmocka_unit_test(test_owner_leads),
		cmocka_unit_test(test_yield),
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_weight_zero),
		cmocka_unit_test(test_weight_file),
		cmocka_unit_test(test_weight_sum),
	};

	return cmocka_run_group_tests_name("vrrp groups", tests, NULL, NULL);
}
