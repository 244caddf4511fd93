/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * master.c - the state machine's steps while it holds the addresses.
 *
 * Coming: advertisement, addresses, announcements. Leaving: advertisement,
 * then addresses. Who steps down for a higher master advertises a last time,
 * so that the winner hears that somebody else was there and announces itself
 * again: else clients of the loser keep its hardware address for as long as
 * their caches do. source: RFC 9568 section 6.4.3; RFC 5227 section 2.4 for
 * how often claims of others are answered.
 */
#include "config.h"

#include "transition.h"

#define DEFEND_US 1000000u /* claims of others are not answered more often */

/* --- announcements --- */

static void
announce(struct vr_router *r, enum vr_announce why, unsigned repeat)
{
	if (repeat > 0 || why == VR_ANN_LOWER_PRIO)
		r->ops->announce(r, why, repeat);
}

static uint64_t
due_in(uint64_t now_us, uint64_t delay_us)
{
	return delay_us == 0 ? 0 : now_us + delay_us;
}

static unsigned
at_least_one(unsigned n)
{
	return n > 0 ? n : 1;
}

static void
contest_answer(struct vr_router *r, uint64_t now_us)
{
	r->contested_us = now_us;
	r->contest_due_us = 0;
	announce(r, VR_ANN_CONTESTED, at_least_one(r->conf->garp.repeat));
}

static void
announce_timers(struct vr_router *r, uint64_t now_us)
{
	const struct vr_garp *const g = &r->conf->garp;

	if (vr_is_due(r->burst_due_us, now_us)) {
		r->burst_due_us = 0;
		announce(r, VR_ANN_AGAIN, g->repeat);
	}
	if (vr_is_due(r->lower_due_us, now_us)) {
		r->lower_due_us = 0;
		announce(r, VR_ANN_AGAIN, g->lower_prio_repeat);
	}
	if (vr_is_due(r->refresh_due_us, now_us)) {
		r->refresh_due_us = due_in(now_us, g->refresh_us);
		announce(r, VR_ANN_REFRESH, at_least_one(g->refresh_repeat));
	}
	if (vr_is_due(r->contest_due_us, now_us))
		contest_answer(r, now_us);
}

/* Others announce several times in a row: the answer to the first of them is
 * followed by one when they have ended. Two that both insist do so once in
 * DEFEND_US each, not as fast as they can. */
void
vr_master_contested(struct vr_router *r, const struct vr_event *e)
{
	r->n.contested++;
	if (r->contested_us != 0 && e->now_us - r->contested_us < DEFEND_US) {
		r->contest_due_us = r->contested_us + DEFEND_US;
		return;
	}
	vr_say(r, TW_WARNING, "another machine claims its addresses: announcing them");
	contest_answer(r, e->now_us);
}

/* Half an interval early is in time. */
static void
keep(struct vr_router *r, uint64_t now_us)
{
	r->keep_due_us = now_us + r->conf->garp.keep_us - r->conf->advert_us / 2;
	announce(r, VR_ANN_KEEP, 1);
}

/* --- advertisements --- */

void
vr_advert_send(struct vr_router *r, uint8_t priority)
{
	r->n.adverts_sent++;
	if (priority == 0)
		r->n.zero_sent++;
	r->ops->advert(r, priority);
}

void
vr_zero_send(struct vr_router *r)
{
	vr_advert_send(r, 0);
	vr_say(r, TW_INFO, "sent 0 priority");
}

/* Out of turn: the next one follows an interval later. */
static void
advert_now(struct vr_router *r, uint64_t now_us)
{
	vr_advert_send(r, r->priority);
	r->advert_due_us = now_us + r->conf->advert_us;
	if (r->conf->garp.keep_us != 0 && now_us >= r->keep_due_us)
		keep(r, now_us);
}

/* A tick that came late does not shift the ones after it, unless it came so
 * late that they are past. */
void
vr_master_advert(struct vr_router *r, const struct vr_event *e)
{
	const uint64_t next = r->advert_due_us + r->conf->advert_us;

	advert_now(r, e->now_us);
	if (next > e->now_us)
		r->advert_due_us = next;
}

/* --- somebody else --- */

static uint64_t
patience_us(const struct vr_router *r)
{
	const uint64_t own = r->conf->advert_us, theirs = r->master_advert_us;

	return 2 * (theirs > own ? theirs : own);
}

/* Heard in the last interval and a half, not just when patience began. */
static bool
has_rival(const struct vr_router *r, uint64_t now_us)
{
	return r->path == VR_PATH_MASTER ||
	    (r->master_seen_us != 0 &&
		now_us - r->master_seen_us < patience_us(r) * 3 / 4);
}

/* In a change of master both hold the addresses for a moment: only what stays
 * so is a split. */
void
vr_rival_note(struct vr_router *r, uint64_t now_us)
{
	if (r->split_due_us == 0)
		r->split_due_us = now_us + patience_us(r);
}

static void
split_say(struct vr_router *r)
{
	char text[64] = "the peer on the second path";

	if (r->master_seen_us != 0)
		vr_ip_out(&r->master, text, sizeof(text));
	if (r->is_split)
		vr_say(r, TW_ALERT, "SPLIT BRAIN: %s claims the addresses too", text);
	else
		vr_say(r, TW_NOTICE,
		    "the split brain is over: nobody else claims the "
		    "addresses");
}

/* By one that is known from the second path only. */
static bool
is_outdone(const struct vr_router *r)
{
	return r->path == VR_PATH_MASTER &&
	    (r->path_priority > r->priority ||
		(r->path_priority == r->priority && r->path_wins_tie));
}

static void
split_look(struct vr_router *r, uint64_t now_us)
{
	const bool now = has_rival(r, now_us);

	r->split_due_us = now ? now_us + patience_us(r) : 0;
	if (now != r->is_split) {
		r->is_split = now;
		split_say(r);
	}
	if (now && is_outdone(r))
		vr_router_retreat(r, now_us, "the peer's priority is higher");
}

void
vr_master_timers(struct vr_router *r, uint64_t now_us)
{
	announce_timers(r, now_us);
	if (vr_is_due(r->split_due_us, now_us))
		split_look(r, now_us);
}

static void
rival_heard(struct vr_router *r, const struct vr_event *e)
{
	const struct vr_garp *const g = &r->conf->garp;

	r->master = e->advert->src;
	r->master_priority = e->advert->priority;
	if (r->lower_due_us == 0)
		r->lower_due_us = due_in(e->now_us, g->lower_prio_delay_us);
	announce(r, VR_ANN_LOWER_PRIO, g->lower_prio_repeat);
}

/* It has left, and had claimed the addresses until now. */
void
vr_master_zero(struct vr_router *r, const struct vr_event *e)
{
	advert_now(r, e->now_us);
	rival_heard(r, e);
}

void
vr_master_lower(struct vr_router *r, const struct vr_event *e)
{
	char text[64];

	vr_say(r, TW_INFO,
	    "Received advert from %s with lower priority %u, ours %u, forcing new election",
	    vr_ip_out(&e->advert->src, text, sizeof(text)), e->advert->priority,
	    r->priority);
	if (!r->conf->lower_prio_no_advert)
		advert_now(r, e->now_us);
	r->master_seen_us = e->now_us;
	r->master_advert_us = e->advert->advert_us;
	vr_rival_note(r, e->now_us);
	rival_heard(r, e);
}

static void
higher_say(struct vr_router *r, const struct vr_advert *a)
{
	char text[64];

	vr_ip_out(&a->src, text, sizeof(text));
	if (a->priority > r->priority)
		vr_say(r, TW_NOTICE,
		    "Master received advert from %s with higher priority %u, ours %u",
		    text, a->priority, r->priority);
	else if (a->priority == r->priority)
		vr_say(r, TW_NOTICE,
		    "Master received advert from %s with same priority %u but higher "
		    "IP address than ours",
		    text, a->priority);
	else
		vr_say(r, TW_NOTICE, "yields to %s with priority %u, ours %u", text,
		    a->priority, r->priority);
}

void
vr_master_higher(struct vr_router *r, const struct vr_event *e)
{
	const struct vr_advert *const a = e->advert;

	higher_say(r, a);
	r->n.preempted++;
	if (r->yielding)
		vr_zero_send(r); /* ours may be the higher one */
	else if (!r->conf->strict)
		vr_advert_send(r, r->priority);
	r->ops->release(r);
	r->n.released++;
	r->master = a->src;
	r->master_priority = a->priority;
	r->master_seen_us = e->now_us;
	r->master_advert_us = r->conf->version == 3 ? a->advert_us : r->conf->advert_us;
	vr_become_backup(r, e->now_us, "a higher priority is advertised", "");
}

/* --- coming and leaving --- */

void
vr_become_master(struct vr_router *r, uint64_t now_us, const char *why)
{
	const struct vr_garp *const g = &r->conf->garp;
	const enum vr_state from = vr_become(r, now_us, VR_MASTER);

	vr_say(r, TW_NOTICE, "Entering MASTER STATE");
	r->n.became_master++;
	r->master_seen_us = 0;
	r->master_advert_us = r->conf->advert_us;
	r->keep_due_us = now_us + g->keep_us;
	advert_now(r, now_us);
	r->ops->take(r);
	announce(r, VR_ANN_MASTER, g->repeat);
	r->burst_due_us = due_in(now_us, g->delay_us);
	r->refresh_due_us = due_in(now_us, g->refresh_us);
	if (r->path == VR_PATH_MASTER)
		vr_rival_note(r, now_us);
	r->ops->entered(r, from, why);
}

static void
leave(struct vr_router *r)
{
	vr_zero_send(r);
	r->ops->release(r);
	r->n.released++;
	r->master = (struct vr_ip){ .family = 0 };
	r->master_seen_us = 0;
	r->master_advert_us = r->conf->advert_us;
}

void
vr_master_fault(struct vr_router *r, const struct vr_event *e)
{
	vr_become(r, e->now_us, VR_FAULT);
	if (e->why != NULL && *e->why != '\0')
		vr_say(r, TW_WARNING, "fault: %s", e->why);
	vr_say(r, TW_WARNING, "Entering FAULT STATE");
	leave(r);
	r->ops->entered(r, VR_MASTER, e->why != NULL ? e->why : "");
}

void
vr_master_retreat(struct vr_router *r, const struct vr_event *e)
{
	vr_say(r, TW_NOTICE, "gives the addresses up: %s", e->why);
	leave(r);
	vr_become_backup(r, e->now_us, e->why, "");
}
