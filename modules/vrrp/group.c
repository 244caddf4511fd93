/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * group.c - sync groups: virtual routers that move together.
 *
 * A member that changes calls vr_sync_entered() from its `entered`; moving
 * the others makes each of them call it again, which is only noted, and looked
 * at when all have moved: an owner that becomes MASTER when the group's fault
 * ends still takes the others with it. Pure. source: keepalived.conf(5),
 * vrrp_sync_group.
 */
#include "config.h"

#include <stdio.h>

#include <tideway/assert.h>

#include "transition.h"

static bool
has_fault(const struct vr_sync *g, const struct vr_router *but)
{
	for (unsigned i = 0; i < g->n_members; i++) {
		if (g->member[i] != but && g->member[i]->fault)
			return true;
	}
	return false;
}

static bool
is_stopped(const struct vr_sync *g)
{
	for (unsigned i = 0; i < g->n_members; i++) {
		if (g->member[i]->state != VR_INIT)
			return false;
	}
	return true;
}

static void
faults_pass(struct vr_sync *g, uint64_t now_us)
{
	for (unsigned i = 0; i < g->n_members; i++)
		vr_router_set_group_fault(
		    g->member[i], now_us, has_fault(g, g->member[i]));
}

static void
state_pass(struct vr_sync *g, uint64_t now_us, const struct vr_router *from)
{
	char why[128];

	snprintf(
	    why, sizeof(why), "group %s follows %s", g->conf->name, from->conf->name);
	for (unsigned i = 0; i < g->n_members; i++) {
		if (g->member[i] == from)
			continue;
		if (from->state == VR_MASTER)
			vr_router_claim(g->member[i], now_us, why);
		else if (from->state == VR_BACKUP)
			vr_router_retreat(g->member[i], now_us, why);
	}
}

static void
group_say(struct vr_sync *g, enum vr_state to)
{
	struct vr_router *const r = g->member[0];
	char text[256];

	snprintf(text, sizeof(text), "VRRP_Group(%s) Syncing instances to %s state",
	    g->conf->name, vr_state_name(to));
	r->ops->say(r, TW_NOTICE, text);
}

static void
group_become(struct vr_sync *g, enum vr_state to)
{
	const enum vr_state from = g->state;

	if (to == from)
		return;
	g->state = to;
	if (to != VR_INIT)
		group_say(g, to);
	g->entered(g, from, g->arg);
}

/* A member that has stopped, or not started, leads nobody; an owner that came
 * back from the group's fault leads before others that did. */
static void
follow(struct vr_sync *g, uint64_t now_us, const struct vr_router *r)
{
	faults_pass(g, now_us);
	if (g->next != NULL && g->next->state == VR_MASTER)
		r = g->next;
	if (r->state != VR_INIT)
		state_pass(g, now_us, r);
	if (r->state != VR_INIT || is_stopped(g))
		group_become(g, r->state);
}

void
vr_sync_entered(struct vr_sync *g, uint64_t now_us, struct vr_router *r)
{
	if (g->moving) {
		g->next = r;
		return;
	}
	g->moving = true;
	/* Each pass ends in one state unless an owner insists: bounded. */
	for (unsigned i = 0; r != NULL && i <= 2 * g->n_members; i++) {
		g->next = NULL;
		follow(g, now_us, r);
		r = g->next != NULL && g->next->state != g->state ? g->next : NULL;
	}
	g->moving = false;
}

void
vr_sync_yield(struct vr_sync *g, uint64_t now_us, bool on)
{
	for (unsigned i = 0; i < g->n_members; i++)
		vr_router_yield(g->member[i], now_us, on);
}
