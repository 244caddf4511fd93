/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_router.c - one virtual router: each transition, what it does in
 * which order, what it says, and when the next thing is due. Sync groups and
 * weights are in test_vrrp_group.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vrrp_record.h"

/* --- start and stop --- */

static void
test_start_backup(void **state)
{
	(void)state;
	given(2, 100);
	in.wants_master = true; /* no matter */
	assert_int_equal(vr_router_due(&r), UINT64_MAX);
	vr_router_start(&r, now, false);
	did("BACKUP, ");
	assert_string_equal(said, "(VI_1) Entering BACKUP STATE (init)\n");
	due_in(3 * SECOND + SECOND * 156 / 256);
	vr_router_stop(&r, now);
	did("INIT, ");
	assert_int_equal(vr_router_due(&r), UINT64_MAX);
	vr_router_stop(&r, now);
	hear(100);
	tick(10 * SECOND);
	did("");
}

static void
test_start_owner(void **state)
{
	(void)state;
	given(3, 255);
	vr_router_start(&r, now, false);
	did("advert 255, take, announce master 5, MASTER, ");
	assert_string_equal(said, "(VI_1) Entering MASTER STATE\n");
	vr_router_stop(&r, now);
	did("advert 0, release, INIT, ");
	says("(VI_1) sent 0 priority\n");
	assert_int_equal(r.n.zero_sent, 1);
}

static void
test_start_adopt(void **state)
{
	(void)state;
	given(3, 100);
	vr_router_start(&r, now, true);
	did("advert 100, take, announce master 5, MASTER, ");
	given(3, 100);
	r.fault = true;
	vr_router_start(&r, now, true);
	did("FAULT, ");
	says("(VI_1) Entering FAULT STATE\n");
	assert_int_equal(vr_router_due(&r), UINT64_MAX);
}

/* --- backup --- */

static void
test_backup_takes_over(void **state)
{
	(void)state;
	given_backup(2, 100);
	tick(2 * SECOND);
	hear(150);
	due_in(3 * SECOND + SECOND * 156 / 256);
	tick(3 * SECOND);
	did("");
	forget();
	tick(SECOND * 156 / 256);
	did("advert 100, take, announce master 5, MASTER, ");
	assert_string_equal(said,
	    "(VI_1) Receive advertisement timeout\n"
	    "(VI_1) Entering MASTER STATE\n");
	due_in(SECOND);
}

static void
test_backup_zero(void **state)
{
	(void)state;
	given_backup(2, 100);
	hear(150);
	hear(0);
	says("(VI_1) Backup received priority 0 advertisement\n");
	due_in(SECOND * 156 / 256);
	hear(150); /* it, or another, goes on */
	due_in(3 * SECOND + SECOND * 156 / 256);
	hear_from("10.9.0.2", 0); /* who is not the master */
	due_in(3 * SECOND + SECOND * 156 / 256);
	did("");
	given_backup(3, 100);
	in.advert_us = SECOND / 10;
	hear(150);
	hear(0);
	due_in(SECOND / 10 * 156 / 256);
}

static void
test_backup_learns(void **state)
{
	(void)state;
	given_backup(3, 128);
	in.advert_us = SECOND / 2; /* the other's, as it is heard */
	hear(200);
	assert_int_equal(r.master_advert_us, SECOND / 2);
	due_in(3 * SECOND / 2 + SECOND / 4);
	in.advert_us = SECOND;
	tick(2 * SECOND);
	assert_int_equal(r.state, VR_MASTER);
	due_in(SECOND); /* its own again */
	given_backup(2, 128);
	r.master_advert_us = 7 * SECOND; /* of before a reload: version 2 has one */
	hear(200);
	due_in(3 * SECOND + SECOND / 2);
}

/* One that has stepped down for the master speaks a last time. */
static void
test_backup_outbid(void **state)
{
	(void)state;
	given_backup(3, 50);
	hear_from("10.9.0.2", 200);
	tick(SECOND / 2);
	in.advert_us = SECOND / 10;
	hear_from("10.9.0.3", 100);
	in.advert_us = SECOND;
	assert_int_equal(r.master_priority, 200);
	due_in(5 * SECOND / 2 + SECOND * 206 / 256);
	tick(SECOND / 2);
	hear_from("10.9.0.3", 100); /* it goes on: the other must be gone */
	due_in(3 * SECOND + SECOND * 206 / 256);
	hear_from("10.9.0.2", 200);
	hear_from("10.9.0.3", 49); /* nor is its leaving the master's */
	hear_from("10.9.0.3", 0);
	due_in(3 * SECOND + SECOND * 206 / 256);
}

static void
test_backup_preempts(void **state)
{
	(void)state;
	given_backup(2, 100);
	hear(99);
	says("(VI_1) received lower priority (99) advert from 10.9.0.1 - discarding\n");
	due_in(3 * SECOND + SECOND * 156 / 256);
	tick(SECOND);
	hear(99);
	due_in(2 * SECOND + SECOND * 156 / 256); /* touched no timer */
	hear(100);
	due_in(3 * SECOND + SECOND * 156 / 256); /* an equal one is followed */
}

static void
test_nopreempt(void **state)
{
	(void)state;
	given_backup(2, 100);
	in.nopreempt = true;
	tick(SECOND);
	hear(99);
	due_in(3 * SECOND + SECOND * 156 / 256);
}

static void
test_nopreempt_owner(void **state)
{
	(void)state;
	given(2, 255);
	in.nopreempt = true;
	vr_router_start(&r, now, false);
	vr_router_retreat(&r, now, "the test wants it");
	const uint64_t due = vr_router_due(&r);
	now += SECOND;
	hear(254);
	assert_int_equal(vr_router_due(&r), due);
}

static void
test_preempt_delay(void **state)
{
	(void)state;
	given_backup(3, 100);
	in.preempt_delay_us = 10 * SECOND;
	tick(SECOND);
	hear(99);
	says("(VI_1) start preempt delay (10.000000)\n");
	for (int i = 0; i < 9; i++) {
		due_in(3 * SECOND + SECOND * 156 / 256);
		tick(SECOND);
		hear(99);
	}
	assert_null(strstr(said, "discarding"));
	tick(SECOND);
	hear(99); /* the delay is over */
	says("discarding");
	due_in(2 * SECOND + SECOND * 156 / 256);
	hear(101); /* and begins anew when there was a better one */
	hear(99);
	due_in(3 * SECOND + SECOND * 156 / 256);
	did("");
}

/* It delays preemption, not taking over from nobody. */
static void
test_preempt_delay_silence(void **state)
{
	(void)state;
	given_backup(3, 100);
	in.preempt_delay_us = 100 * SECOND;
	hear(99);
	tick(4 * SECOND);
	did("advert 100, take, announce master 5, MASTER, ");
}

/* --- master --- */

static void
test_master_adverts(void **state)
{
	(void)state;
	given_master(2);
	tick(SECOND - 1);
	did("");
	tick(1 + 1000); /* a little late: the next one is not */
	did("advert 100, ");
	due_in(SECOND - 1000);
	tick(5 * SECOND / 2); /* so late that others are past: no burst */
	forget();
	due_in(SECOND);
}

static void
test_master_announces(void **state)
{
	(void)state;
	given(2, 100);
	in.advert_us = 100 * SECOND;
	in.garp.refresh_us = 60 * SECOND;
	in.garp.refresh_repeat = 2;
	vr_router_start(&r, now, true);
	forget();
	due_in(5 * SECOND);
	tick(5 * SECOND);
	did("announce again 5, ");
	due_in(55 * SECOND);
	tick(55 * SECOND);
	did("announce refresh 2, ");
	due_in(40 * SECOND);
	tick(40 * SECOND);
	tick(20 * SECOND);
	did("advert 100, announce refresh 2, ");
}

/* Beside advertisements, but not with each of them when they are many. */
static void
test_master_keeps(void **state)
{
	(void)state;
	given(2, 100);
	in.garp = (struct vr_garp){ .repeat = 1, .keep_us = SECOND };
	in.advert_us = SECOND;
	vr_router_start(&r, now, true);
	forget();
	tick(SECOND);
	did("advert 100, announce keep 1, ");
	tick(SECOND - 300); /* not all ticks are late alike */
	did("");
	tick(300);
	did("advert 100, announce keep 1, ");
	in.advert_us = SECOND / 5;
	tick(SECOND);
	forget();
	for (int i = 0; i < 4; i++) {
		tick(SECOND / 5);
		did("advert 100, ");
	}
	tick(SECOND / 5);
	did("advert 100, announce keep 1, ");
}

static void
test_master_min_garp(void **state)
{
	(void)state;
	given(2, 100);
	in.garp = (struct vr_garp){ .repeat = 1 };
	vr_router_start(&r, now, true);
	did("advert 100, take, announce master 1, MASTER, ");
	due_in(SECOND);
}

static void
test_master_lower(void **state)
{
	(void)state;
	given_master(2);
	tick(SECOND / 2);
	hear(99);
	did("advert 100, announce lower 5, ");
	says("(VI_1) Received advert from 10.9.0.1 with lower priority 99, ours 100, "
	     "forcing new election\n");
	due_in(SECOND);
	tick(5 * SECOND);
	did("advert 100, announce again 5, announce again 5, ");

	given_master(2);
	in.lower_prio_no_advert = true;
	in.garp.lower_prio_repeat = 0;
	in.garp.lower_prio_delay_us = 0;
	tick(SECOND / 2);
	hear(99);
	did("announce lower 0, ");
	due_in(SECOND / 2); /* touched no timer */
}

static void
test_master_zero(void **state)
{
	(void)state;
	given_master(2);
	tick(SECOND / 2);
	hear(0);
	did("advert 100, announce lower 5, ");
	due_in(SECOND);
	assert_false(r.is_split);
}

static void
test_master_higher(void **state)
{
	(void)state;
	given_master(3);
	in.advert_us = SECOND / 5;
	hear(109);
	did("advert 100, release, BACKUP, "); /* a last one of its own */
	says(
	    "(VI_1) Master received advert from 10.9.0.1 with higher priority 109, ours "
	    "100\n(VI_1) Entering BACKUP STATE\n");
	due_in(SECOND * 3 / 5 + SECOND / 5 * 156 / 256);
	assert_int_equal(r.master_priority, 109);
	given_master(3);
	in.strict = true;
	hear(109);
	did("release, BACKUP, ");
}

static void
test_master_tie(void **state)
{
	(void)state;
	given_master(2);
	hear_from("10.9.0.4", 100);
	did("advert 100, announce lower 5, ");
	hear_from("10.9.0.6", 100);
	did("advert 100, release, BACKUP, ");
	says("(VI_1) Master received advert from 10.9.0.6 with same priority 100 but "
	     "higher IP address than ours\n");
}

static void
test_contested(void **state)
{
	(void)state;
	given_master(2);
	in.advert_us = 100 * SECOND;
	r.advert_due_us = r.burst_due_us = 0;
	vr_router_contested(&r, now);
	did("announce contested 5, ");
	for (int i = 0; i < 100; i++) {
		now += 1000;
		vr_router_contested(&r, now);
	}
	did(""); /* once a second */
	due_in(SECOND - 100 * 1000);
	tick(SECOND);
	did("announce contested 5, ");
	assert_int_equal(r.n.contested, 101);
	assert_int_equal(vr_router_due(&r), UINT64_MAX);
	given_backup(2, 100);
	vr_router_contested(&r, now);
	did("");
}

/* --- priority and faults --- */

static void
test_priority(void **state)
{
	(void)state;
	given_master(2);
	forget();
	r.arithmetic = "base 100, script my_chk +10";
	vr_router_set_priority(&r, now, 110);
	vr_router_set_priority(&r, now, 110);
	assert_string_equal(said,
	    "(VI_1) Changing effective priority from 100 to 110 "
	    "(base 100, script my_chk +10)\n");
	vr_router_set_priority(&r, now, 90);
	says("(VI_1) Changing effective priority from 110 to 90\n");
	did("");
	tick(SECOND);
	did("advert 90, ");
}

static void
test_fault(void **state)
{
	(void)state;
	given_master(2);
	forget();
	vr_router_set_fault(&r, now, true, "interface eth0 is down");
	did("advert 0, release, FAULT, ");
	assert_string_equal(said,
	    "(VI_1) fault: interface eth0 is down\n"
	    "(VI_1) Entering FAULT STATE\n(VI_1) sent 0 priority\n");
	vr_router_set_fault(&r, now, true, "interface eth0 is down");
	hear(1);
	vr_router_claim(&r, now, "the test wants it");
	tick(100 * SECOND);
	did("");
	assert_int_equal(vr_router_due(&r), UINT64_MAX);
	vr_router_set_fault(&r, now, false, "");
	did("BACKUP, ");
	vr_router_set_fault(&r, now, true, "");
	did("FAULT, ");
}

static void
test_fault_owner(void **state)
{
	(void)state;
	given(2, 255);
	r.fault = true;
	vr_router_start(&r, now, false);
	vr_router_set_fault(&r, now, false, "");
	did("FAULT, advert 255, take, announce master 5, MASTER, ");
}

/* --- the second path --- */

static void
test_path_holds_back(void **state)
{
	(void)state;
	given_backup(2, 100);
	vr_router_set_path(&r, now, VR_PATH_MASTER);
	hear(150);
	tick(4 * SECOND);
	tick(4 * SECOND);
	did("");
	assert_int_equal(r.n.held_back, 2);
	says("not taking over");
	assert_null(strstr(strstr(said, "not taking") + 1, "not taking")); /* once */
	vr_router_set_path(&r, now, VR_PATH_BACKUP);
	did("advert 100, take, announce master 5, MASTER, ");
}

/* Preemption, and a master that leaves, are no silence. */
static void
test_path_lets_preempt(void **state)
{
	(void)state;
	given_backup(2, 100);
	vr_router_set_path(&r, now, VR_PATH_MASTER);
	for (int i = 0; i < 4; i++) {
		hear(99);
		tick(SECOND);
	}
	did("advert 100, take, announce master 5, MASTER, ");
	given_backup(2, 100);
	vr_router_set_path(&r, now, VR_PATH_MASTER);
	hear(150);
	hear(0);
	tick(SECOND);
	did("advert 100, take, announce master 5, MASTER, ");
}

static void
test_path_gone(void **state)
{
	(void)state;
	given_backup(2, 100);
	vr_router_set_path(&r, now, VR_PATH_GONE);
	did(""); /* who has gone was not the master, for all we know */
	vr_router_set_path(&r, now, VR_PATH_MASTER);
	hear(150);
	vr_router_set_path(&r, now, VR_PATH_GONE);
	did("advert 100, take, announce master 5, MASTER, ");
	says("(VI_1) takes over at once: the peer answers on no path\n");
}

static void
test_split(void **state)
{
	(void)state;
	given_master(2);
	vr_router_set_path(&r, now, VR_PATH_MASTER);
	tick(SECOND);
	assert_false(r.is_split); /* as in any change of master */
	tick(SECOND);
	assert_true(r.is_split);
	says(
	    "(VI_1) SPLIT BRAIN: the peer on the second path claims the addresses too\n");
	vr_router_set_path(&r, now, VR_PATH_BACKUP);
	tick(2 * SECOND);
	assert_false(r.is_split);
	says("(VI_1) the split brain is over");
}

/* Neither hears the other: the lower one gives up. */
static void
test_split_ends(void **state)
{
	(void)state;
	for (uint8_t theirs = 99; theirs <= 102; theirs++) {
		given_master(2);
		r.path_priority = theirs < 102 ? theirs : 100;
		r.path_wins_tie = theirs == 102;
		vr_router_set_path(&r, now, VR_PATH_MASTER);
		tick(SECOND);
		did("advert 100, ");
		tick(SECOND);
		did(theirs > 100 ? "advert 100, advert 0, release, BACKUP, "
				 : "advert 100, ");
		assert_int_equal(r.is_split, theirs <= 100);
	}
	tick(100 * SECOND);
	did("");
	assert_int_equal(r.n.held_back, 1);
}

/* The last word of one that steps down makes no split. */
static void
test_split_not(void **state)
{
	(void)state;
	given_master(2);
	vr_router_set_path(&r, now, VR_PATH_MASTER);
	tick(2000);
	hear(99);
	vr_router_set_path(&r, now, VR_PATH_BACKUP);
	tick(SECOND);
	tick(SECOND);
	assert_false(r.is_split);
	assert_int_equal(r.split_due_us, 0);
}

/* A lower one that does not hear us. */
static void
test_split_heard(void **state)
{
	(void)state;
	given_master(2);
	for (int i = 0; i < 4; i++) {
		hear(99);
		tick(SECOND);
	}
	assert_true(r.is_split);
	says("(VI_1) SPLIT BRAIN: 10.9.0.1 claims the addresses too\n");
	hear(101);
	assert_false(r.is_split);
}

/* --- orders --- */

static void
test_yield(void **state)
{
	(void)state;
	given_master(2);
	vr_router_yield(&r, now, true);
	vr_router_yield(&r, now, true);
	did("advert 0, release, BACKUP, ");
	for (int i = 0; i < 10; i++) {
		hear(1);
		due_in(3 * SECOND + SECOND * 156 / 256);
		tick(SECOND);
	}
	did("");
	hear(0); /* no hurry */
	due_in(3 * SECOND + SECOND * 156 / 256);
	vr_router_yield(&r, now, false);
	hear(1);
	tick(4 * SECOND);
	did("advert 100, take, announce master 5, MASTER, ");
}

/* When nobody wants them, somebody must have them: but no longer than that. */
static void
test_yield_to_nobody(void **state)
{
	(void)state;
	given_master(2);
	vr_router_yield(&r, now, true);
	forget();
	tick(4 * SECOND);
	did("advert 100, take, announce master 5, MASTER, ");
	says("nobody takes the addresses");
	hear(1);
	did("advert 0, release, BACKUP, ");
}

static void
test_claim(void **state)
{
	(void)state;
	given_backup(2, 100);
	vr_router_claim(&r, now, "the peer hands over");
	did("advert 100, take, announce master 5, MASTER, ");
	says("(VI_1) takes over at once: the peer hands over\n");
	vr_router_claim(&r, now, "the peer hands over");
	did("");
	vr_router_retreat(&r, now, "the group does");
	did("advert 0, release, BACKUP, ");
	vr_router_retreat(&r, now, "the group does");
	did("");
}

static void
test_pseudo(void **state)
{
	struct vr_advert a = {
		.src = ip_of("10.9.0.1"), .priority = 200, .advert_us = SECOND
	};

	(void)state;
	given_backup(2, 100);
	vr_router_heard(&r, now, &a);
	assert_true(r.pseudo); /* says nothing about version 3 */
	given_backup(3, 100);
	assert_true(r.pseudo); /* keepalived wants it */
	vr_router_heard(&r, now, &a);
	assert_false(r.pseudo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_backup),
		cmocka_unit_test(test_start_owner),
		cmocka_unit_test(test_start_adopt),
		cmocka_unit_test(test_backup_takes_over),
		cmocka_unit_test(test_backup_zero),
		cmocka_unit_test(test_backup_learns),
		cmocka_unit_test(test_backup_outbid),
		cmocka_unit_test(test_backup_preempts),
		cmocka_unit_test(test_nopreempt),
		cmocka_unit_test(test_nopreempt_owner),
		cmocka_unit_test(test_preempt_delay),
		cmocka_unit_test(test_preempt_delay_silence),
		cmocka_unit_test(test_master_adverts),
		cmocka_unit_test(test_master_announces),
		cmocka_unit_test(test_master_keeps),
		cmocka_unit_test(test_master_min_garp),
		cmocka_unit_test(test_master_lower),
		cmocka_unit_test(test_master_zero),
		cmocka_unit_test(test_master_higher),
		cmocka_unit_test(test_master_tie),
		cmocka_unit_test(test_contested),
		cmocka_unit_test(test_priority),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_fault_owner),
		cmocka_unit_test(test_path_holds_back),
		cmocka_unit_test(test_path_lets_preempt),
		cmocka_unit_test(test_path_gone),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_split_ends),
		cmocka_unit_test(test_split_not),
		cmocka_unit_test(test_split_heard),
		cmocka_unit_test(test_yield),
		cmocka_unit_test(test_yield_to_nobody),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_pseudo),
	};

	return cmocka_run_group_tests_name("vrrp router", tests, NULL, NULL);
}
