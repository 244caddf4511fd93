/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * backup.c - the state machine's steps while it holds nothing: INIT, BACKUP
 * and FAULT.
 *
 * A backup follows a master: whom it accepts restarts the master-down timer;
 * whom it would preempt does not, so that the timer runs out. Silence alone
 * is no proof that the master is gone: where a second path says that the peer
 * lives and holds the addresses, the timer is held back. source: RFC 9568
 * section 6.4.1 and 6.4.2; keepalived for preempt_delay.
 */
#include "config.h"

#include "transition.h"

/* --- timers --- */

static void
down_restart(struct vr_router *r, uint64_t now_us)
{
	r->down_due_us = now_us + vr_down_interval_us(r);
}

static void
master_note(struct vr_router *r, const struct vr_event *e)
{
	r->master = e->advert->src;
	r->master_priority = e->advert->priority;
	r->master_seen_us = e->now_us;
}

/* Is it silent for so long that its master is none any more? */
static bool
is_silent(const struct vr_router *r, uint64_t now_us)
{
	return r->master_seen_us == 0 ||
	    now_us - r->master_seen_us >= vr_down_interval_us(r);
}

/* --- INIT --- */

void
vr_init_start(struct vr_router *r, const struct vr_event *e)
{
	if (r->conf->priority == VR_OWNER && !r->yielding)
		vr_become_master(r, e->now_us, "owner of the addresses");
	else
		vr_become_backup(r, e->now_us, "init", " (init)");
}

/* --- BACKUP --- */

void
vr_become_backup(
    struct vr_router *r, uint64_t now_us, const char *why, const char *suffix)
{
	const enum vr_state from = vr_become(r, now_us, VR_BACKUP);

	vr_say(r, TW_NOTICE, "Entering BACKUP STATE%s", suffix);
	down_restart(r, now_us);
	r->ops->entered(r, from, why);
}

/* Where the peer is known to hold the addresses, silence means that the
 * network is cut: a second owner would make it worse. */
static void
down_hold(struct vr_router *r, uint64_t now_us)
{
	r->n.held_back++;
	down_restart(r, now_us);
	if (r->is_held)
		return;
	r->is_held = true;
	vr_say(r, TW_WARNING,
	    "no advertisements come, but the second path says that the peer is "
	    "MASTER: not taking over");
}

void
vr_backup_down(struct vr_router *r, const struct vr_event *e)
{
	vr_say(r, TW_INFO, "Receive advertisement timeout");
	if (r->path == VR_PATH_MASTER && is_silent(r, e->now_us)) {
		down_hold(r, e->now_us);
		return;
	}
	if (r->yielding)
		vr_say(r, TW_WARNING,
		    "yields, but nobody takes the addresses: "
		    "taking them back");
	vr_become_master(r, e->now_us, "no advertisements");
}

/* A leaving router that is not the one followed says nothing about that. */
void
vr_backup_zero(struct vr_router *r, const struct vr_event *e)
{
	const bool is_master = vr_ip_cmp(&r->master, &e->advert->src) == 0;

	if (!is_master && !is_silent(r, e->now_us))
		return;
	vr_say(r, TW_INFO, "Backup received priority 0 advertisement");
	r->preempt_due_us = 0;
	master_note(r, e);
	r->down_due_us =
	    e->now_us + (r->yielding ? vr_down_interval_us(r) : vr_skew_us(r));
}

/* A better master has advertised within its interval: this is the last word of
 * one that has just stepped down for it, and nobody to wait for. */
static bool
is_outbid(const struct vr_router *r, const struct vr_event *e)
{
	return r->master_seen_us != 0 && e->advert->priority < r->master_priority &&
	    e->now_us - r->master_seen_us < vr_interval_us(r) &&
	    vr_ip_cmp(&r->master, &e->advert->src) != 0;
}

void
vr_backup_follow(struct vr_router *r, const struct vr_event *e)
{
	if (is_outbid(r, e))
		return;
	if (e->advert->priority >= r->priority)
		r->preempt_due_us = 0;
	master_note(r, e);
	r->is_held = false;
	if (r->conf->version == 3)
		r->master_advert_us = e->advert->advert_us;
	down_restart(r, e->now_us);
}

/* The delay begins with the first that is heard of a lower master. */
static bool
is_delayed(struct vr_router *r, uint64_t now_us)
{
	const uint64_t delay_us = r->conf->preempt_delay_us;

	if (r->preempt_due_us == 0 && delay_us > 0) {
		r->preempt_due_us = now_us + delay_us;
		vr_say(
		    r, TW_INFO, "start preempt delay (%.6f)", (double)delay_us / 1e6);
	}
	return r->preempt_due_us > now_us;
}

static bool
preempts(struct vr_router *r, uint64_t now_us)
{
	if (r->yielding)
		return false;
	if (r->conf->priority == VR_OWNER)
		return true;
	return !r->conf->nopreempt && !is_delayed(r, now_us);
}

void
vr_backup_lower(struct vr_router *r, const struct vr_event *e)
{
	const bool is_last_word = is_outbid(r, e);
	char text[64];

	if (!is_last_word && !preempts(r, e->now_us)) {
		vr_backup_follow(r, e);
		return;
	}
	if (!is_last_word)
		master_note(r, e);
	vr_say(r, TW_INFO, "received lower priority (%u) advert from %s - discarding",
	    e->advert->priority, vr_ip_out(&e->advert->src, text, sizeof(text)));
}

void
vr_backup_claim(struct vr_router *r, const struct vr_event *e)
{
	vr_say(r, TW_NOTICE, "takes over at once: %s", e->why);
	vr_become_master(r, e->now_us, e->why);
}

/* --- FAULT --- */

void
vr_backup_fault(struct vr_router *r, const struct vr_event *e)
{
	const enum vr_state from = vr_become(r, e->now_us, VR_FAULT);

	if (e->why != NULL && *e->why != '\0')
		vr_say(r, TW_WARNING, "fault: %s", e->why);
	vr_say(r, TW_WARNING, "Entering FAULT STATE");
	r->ops->entered(r, from, e->why != NULL ? e->why : "");
}

void
vr_fault_recover(struct vr_router *r, const struct vr_event *e)
{
	if (r->conf->priority == VR_OWNER && !r->yielding)
		vr_become_master(r, e->now_us, "owner of the addresses");
	else
		vr_become_backup(r, e->now_us, "fault is over", "");
}
