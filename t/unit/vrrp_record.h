/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp_record.h - a router whose driver writes down what it is told to do, for
 * test_vrrp_router.c.
 */
#ifndef TW_T_VRRP_RECORD_H
#define TW_T_VRRP_RECORD_H

#include "vrrp_help.h"

#define SECOND UINT64_C(1000000)
#define START (1000 * SECOND)

static struct vr_vip vip;
static struct vr_instance in;
static struct vr_router r;
static uint64_t now;
static char done[1024], said[4096];

static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	const size_t len = strlen(done);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(done + len, sizeof(done) - len, fmt, ap);
	va_end(ap);
}

static void
on_advert(struct vr_router *at, uint8_t priority)
{
	(void)at;
	note("advert %u, ", priority);
}

static void
on_take(struct vr_router *at)
{
	(void)at;
	note("take, ");
}

static void
on_release(struct vr_router *at)
{
	(void)at;
	note("release, ");
}

static void
on_announce(struct vr_router *at, enum vr_announce why, unsigned repeat)
{
	static const char *const whys[] = { "master", "again", "refresh", "keep", "lower",
		"contested" };

	(void)at;
	note("announce %s %u, ", whys[why], repeat);
}

static void
on_entered(struct vr_router *at, enum vr_state from, const char *why)
{
	assert_non_null(why);
	assert_int_not_equal(from, at->state);
	note("%s, ", vr_state_name(at->state));
}

static void
on_say(struct vr_router *at, int level, const char *text)
{
	(void)at;
	(void)level;
	assert_true(strlen(said) + strlen(text) + 2 < sizeof(said));
	strcat(strcat(said, text), "\n");
}

static const struct vr_router_ops ops = {
	.advert = on_advert,
	.take = on_take,
	.release = on_release,
	.announce = on_announce,
	.entered = on_entered,
	.say = on_say,
};

/* What was done since the last look. */
#define did(want)                                \
	do {                                     \
		assert_string_equal(done, want); \
		done[0] = '\0';                  \
	} while (0)

#define says(text) assert_non_null(strstr(said, text))

static void
forget(void)
{
	done[0] = said[0] = '\0';
}

static void
given(uint8_t version, uint8_t priority)
{
	vip.ip = ip_of("10.9.0.100");
	in = instance_of(version, priority, &vip, 1);
	now = START;
	forget();
	vr_router_init(&r, &in, &ops, NULL);
	r.own = ip_of("10.9.0.5");
}

static void
hear_from(const char *src, uint8_t priority)
{
	const struct vr_advert a = { .src = ip_of(src),
		.priority = priority,
		.advert_us = in.advert_us,
		.pseudo = true };

	vr_router_heard(&r, now, &a);
}

static void
hear(uint8_t priority)
{
	hear_from("10.9.0.1", priority);
}

static void
tick(uint64_t after_us)
{
	now += after_us;
	vr_router_tick(&r, now);
}

static void
due_in(uint64_t us)
{
	assert_int_equal(vr_router_due(&r), now + us);
}

static void
given_backup(uint8_t version, uint8_t priority)
{
	given(version, priority);
	vr_router_start(&r, now, false);
	did("BACKUP, ");
}

static void
given_master(uint8_t version)
{
	given_backup(version, 100);
	tick(vr_down_interval_us(&r));
	did("advert 100, take, announce master 5, MASTER, ");
}

#endif
