/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_sim.c - days of virtual time for two to five nodes.
 *
 * Real state machines and real packets in an invented network: loss, delay,
 * duplication, garbage, cuts of one or both directions, crashes, restarts,
 * stalls, faults, changes of priority, yields; with and without a second path
 * and sync groups. There is no wall clock in a state machine, so that its
 * steps cannot matter. What must hold:
 *   - a network that has been whole for a while has one master for each
 *     router, and always the same one;
 *   - when it becomes whole again, of several masters one is left within an
 *     interval, and there is one again within a master-down interval;
 *   - when the master of a whole network dies, stops, fails or yields, there
 *     is another within the time that the protocol (or the second path)
 *     allows;
 *   - where the second path works all the time there are never two for long,
 *     and nobody takes over only because it hears nothing;
 *   - the members of a group are in one state;
 *   - who is MASTER holds the addresses, nobody else does.
 *
 * TW_SIM_SEED=N runs that one, TW_SIM_SEEDS=N so many, TW_SIM_HOURS=N so long
 * each, TW_SIM_TRACE=1 prints what the nodes say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vrrp_world.h"

/* --- what happens --- */

static uint64_t
down_us(void)
{
	return 4 * w.advert_us + SECOND + DELAY_US + LATE_US;
}

static void
stalls_end(void)
{
	uint64_t last = w.now;

	for (unsigned i = 0; i < w.n_nodes; i++) {
		if (w.node[i].is_up && w.node[i].stalled_us > last)
			last = w.node[i].stalled_us;
	}
	pass(last - w.now);
}

static void
heal(void)
{
	stalls_end();
	memset(w.cut, 0, sizeof(w.cut));
	w.path_cut = false;
	w.loss_pct = 0;
	for (unsigned i = 0; i < w.n_nodes; i++) {
		struct node *const n = &w.node[i];

		node_start(n, false);
		node_yield(n, false);
		for (unsigned k = 0; k < w.n_routers; k++)
			node_fault(n, k, false);
	}
	path_changed();
}

/* Of many one is left soon, and of none there is one. Who has learned a short
 * interval from a loser may not wait for the winner's first. */
static void
heal_and_settle(void)
{
	heal();
	pass((w.is_mixed ? 4 : 1) * w.advert_us + DELAY_US + LATE_US + MS);
	for (unsigned i = 0; i < w.n_routers; i++) {
		if (is_long(w.many_us[i], OVERLAP_US))
			wrong(i, "more than one master an interval after healing");
	}
	pass(down_us());
	for (unsigned i = 0; i < w.n_routers; i++) {
		if (w.n_masters[i] == 0 && is_long(w.odd_us[i], OVERLAP_US))
			wrong(i, "no master after healing");
	}
	pass(w.settle_us);
	w.is_settled = true;
	look_after();
	pass(w.advert_us * (5 + chance(50)));
	w.is_settled = false;
}

static struct node *
master_of(unsigned router)
{
	for (unsigned i = 0; i < w.n_nodes; i++) {
		if (w.node[i].is_up && w.node[i].r[router].state == VR_MASTER)
			return &w.node[i];
	}
	wrong(router, "there is no master");
}

enum loss { CRASH, STOP, FAULT, YIELD, N_LOSSES };

/* returns: how long there may be no master. */
static uint64_t
lose(struct node *n, enum loss how)
{
	const uint64_t slack = 2 * (DELAY_US + LATE_US) + MS;

	switch (how) {
	case CRASH:
		node_crash(n);
		return w.has_path ? DEAD_US + slack : down_us();
	case STOP:
		node_stop(n);
		break;
	case FAULT:
		node_fault(n, 0, true);
		break;
	default:
		node_yield(n, true);
		return w.has_path ? MS + slack : SECOND + w.advert_us + slack;
	}
	return SECOND + w.advert_us + slack; /* the skew is less than both */
}

/* One thing, in a network that is whole otherwise. */
static void
lose_master(void)
{
	struct node *const n = master_of(0);
	const enum loss how = (enum loss)chance(N_LOSSES);
	const uint64_t start = w.now, allowed = lose(n, how);

	replan();
	while (w.n_masters[0] == 0 && step(start + allowed))
		continue;
	if (w.n_masters[0] == 0)
		wrong(0, "it takes too long until there is another master");
	const uint64_t gap = w.now - start;
	if (master_of(0) == n)
		wrong(0, "who has left is master again");
	if (gap > w.max_gap_us)
		w.max_gap_us = gap;
}

static void
cut(bool on)
{
	const unsigned a = (unsigned)chance(w.n_nodes), b = (unsigned)chance(w.n_nodes);

	w.cut[a][b] = on;
	if (percent(70))
		w.cut[b][a] = on;
	path_changed();
}

static void
isolate(void)
{
	const unsigned a = (unsigned)chance(w.n_nodes);

	for (unsigned b = 0; b < w.n_nodes; b++)
		w.cut[a][b] = w.cut[b][a] = true;
	path_changed();
}

/* What starts at once knows whether it held the addresses. */
static void
crash_and_start(struct node *n)
{
	const bool was_master = n->is_up && n->holds[0];

	node_crash(n);
	if (percent(50))
		return;
	pass(chance(100 * MS));
	node_start(n, was_master);
}

static void
trouble_one(void)
{
	struct node *const n = &w.node[chance(w.n_nodes)];

	switch (chance(12)) {
	case 0:
		crash_and_start(n);
		break;
	case 1:
		node_stop(n);
		break;
	case 2:
	case 3:
		node_start(n, false);
		break;
	case 4:
		isolate();
		break;
	case 5:
	case 6:
		cut(percent(60));
		break;
	case 7:
		w.loss_pct = (unsigned)chance(60);
		break;
	case 8:
		if (n->is_up)
			node_fault(n, (unsigned)chance(w.n_routers), percent(50));
		break;
	case 9:
		if (n->is_up)
			node_yield(n, percent(50));
		break;
	case 10: /* who does not run does not give up either */
		if (!w.path_is_safe && n->stalled_us <= w.now)
			n->stalled_us = w.now + chance(5 * w.advert_us);
		break;
	default:
		if (n->is_up)
			node_priority(n, (uint8_t)(1 + chance(254)));
		if (!w.path_is_safe)
			w.path_cut = percent(50);
		path_changed();
	}
}

static void
trouble(void)
{
	for (uint64_t n = chance(20); n > 0; n--) {
		trouble_one();
		pass(chance(percent(50) ? w.advert_us : 6 * w.advert_us));
	}
}

/* --- worlds --- */

static void
instance_make(struct node *n, unsigned at, uint8_t version)
{
	const uint8_t priority = (uint8_t)(1 + chance(254));
	struct vr_instance *const in = &n->conf[at];

	*in = instance_of(
	    version, at > 0 ? n->conf[0].priority : priority, &w.vip[at], 1);
	in->name = at > 0 ? "V2" : "V1";
	in->vrid = (uint8_t)(51 + at);
	in->advert_us = w.advert_us;
	if (w.is_mixed)
		in->advert_us -= chance(w.advert_us / (100 * MS)) * 100 * MS;
	in->nopreempt = percent(20);
	in->preempt_delay_us = percent(20) ? chance(2 * w.advert_us) : 0;
	in->lower_prio_no_advert = percent(20);
	in->strict = percent(20);
	in->garp = (struct vr_garp){ .repeat = 1, .delay_us = 5 * SECOND };
}

static void
world_make(uint64_t seed)
{
	static const uint64_t intervals[] = { 100 * MS, 300 * MS, SECOND, 1500 * MS,
		2 * SECOND, 3 * SECOND };
	struct item *const queue = w.queue;
	const bool is_v2 = seed % 2 == 0, is_ip6 = !is_v2 && seed % 4 == 1;

	memset(&w, 0, sizeof(w));
	w.queue = queue;
	w.seed = seed;
	w.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w.now = HOUR;
	w.n_nodes = percent(50) ? 2 : (unsigned)(3 + chance(MAX_NODES - 2));
	w.n_routers = 1 + (unsigned)chance(MAX_ROUTERS);
	w.has_group = w.n_routers > 1 && percent(70);
	w.has_path = w.n_nodes == 2 && percent(70);
	w.path_is_safe = w.has_path && percent(50);
	w.advert_us = is_v2 ? (1 + chance(3)) * SECOND : intervals[chance(6)];
	w.is_mixed = !is_v2 && percent(30);
	w.settle_us = 3 * down_us() + 2 * w.advert_us;
	for (unsigned i = 0; i < MAX_ROUTERS; i++) {
		w.vip[i].ip = ip_of(is_ip6 ? "fd00::100" : "10.9.0.100");
		w.vip[i].ip.bytes[is_ip6 ? 15 : 3] += (uint8_t)i;
		w.odd_us[i] = w.many_us[i] = NEVER;
	}
	for (unsigned i = 0; i < w.n_nodes; i++) {
		w.node[i].own = ip_of(is_ip6 ? "fe80::10" : "10.9.0.10");
		w.node[i].own.bytes[is_ip6 ? 15 : 3] += (uint8_t)i;
		for (unsigned k = 0; k < w.n_routers; k++)
			instance_make(&w.node[i], k, is_v2 ? 2 : 3);
	}
	if (percent(20)) {
		for (unsigned k = 0; k < w.n_routers; k++)
			w.node[0].conf[k].priority = VR_OWNER;
	}
}

static void
world_run(uint64_t seed, uint64_t hours)
{
	world_make(seed);
	w.end = w.now + hours * HOUR;
	while (w.now < w.end) {
		heal_and_settle();
		lose_master();
		trouble();
		w.n_worlds++;
	}
	printf("# seed %llu: %u nodes, %u routers%s%s, every %.1f s: %llu times into "
	       "trouble and out, %llu packets, %llu of them bad, %llu masters, longest "
	       "gap %.0f ms\n",
	    (unsigned long long)seed, w.n_nodes, w.n_routers,
	    w.has_group ? " in a group" : "", w.has_path ? ", a second path" : "",
	    (double)w.advert_us / 1e6, (unsigned long long)w.n_worlds,
	    (unsigned long long)w.n_packets, (unsigned long long)w.n_dropped,
	    (unsigned long long)w.n_changes, (double)w.max_gap_us / 1e3);
	assert_true(w.n_worlds > 0 && w.n_dropped > 0 && w.n_changes > w.n_worlds);
}

static uint64_t
setting(const char *name, uint64_t otherwise)
{
	const char *const value = getenv(name);

	return value != NULL ? strtoull(value, NULL, 10) : otherwise;
}

static void
test_days(void **state)
{
	const uint64_t one = setting("TW_SIM_SEED", 0), n = setting("TW_SIM_SEEDS", 16);
	const uint64_t hours = setting("TW_SIM_HOURS", 24);

	(void)state;
	trace = setting("TW_SIM_TRACE", 0) != 0;
	w.queue = malloc(QUEUE_MAX * sizeof(*w.queue));
	assert_non_null(w.queue);
	for (uint64_t seed = one != 0 ? one : 1; seed <= (one != 0 ? one : n); seed++)
		world_run(seed, hours);
	free(w.queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days),
	};

	return cmocka_run_group_tests_name("vrrp simulator", tests, NULL, NULL);
}
