/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * router.c - one virtual router: the table of its state machine.
 *
 *                       +--------+
 *                       |  INIT  |<---------------- stop, from all states
 *                       +--------+
 *        start, fault  /    |     \  start: owner, adopts
 *             +-------'     |start `---------------------+
 *             v             v                            v
 *        +---------+  recovers  +----------+  down,  +----------+
 *        |  FAULT  |----------->|  BACKUP  |  claim  |  MASTER  |
 *        |         |<-----------|          |-------->|          |
 *        +---------+   fault    |          |<--------|          |
 *          ^   |                +----------+ higher, +----------+
 *          |   |                             retreat,    ^  |
 *          |   +---- recovers: owner --------- yield ----+  |
 *          +------------------------------------------------+
 *                                fault
 *
 * Each public function makes an event of what it is told and looks up its
 * step in the table; the steps are in backup.c and master.c. Nothing else
 * changes the state. A packet that was dropped is no event, so that it can
 * touch no timer. Pure: no clock, no I/O, no memory of its own.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include <tideway/assert.h>

#include "transition.h"

enum event {
	EV_START,
	EV_DOWN,   /* master-down timer */
	EV_ADVERT, /* advertisement timer */
	EV_ZERO,   /* heard priority 0 */
	EV_LOWER,  /* heard a lower one */
	EV_HIGHER, /* heard a higher one; a backup: or an equal one */
	EV_FAULT,
	EV_RECOVER,
	EV_CLAIM,
	EV_RETREAT,
	EV_CONTESTED,
	N_EVENTS
};

/* An empty cell: nothing happens. */
static vr_step *const table[VR_N_STATES][N_EVENTS] = {
	[VR_INIT] = {
		[EV_START] = vr_init_start,
		[EV_FAULT] = vr_backup_fault,
	},
	[VR_BACKUP] = {
		[EV_DOWN] = vr_backup_down,
		[EV_ZERO] = vr_backup_zero,
		[EV_LOWER] = vr_backup_lower,
		[EV_HIGHER] = vr_backup_follow,
		[EV_FAULT] = vr_backup_fault,
		[EV_CLAIM] = vr_backup_claim,
	},
	[VR_MASTER] = {
		[EV_ADVERT] = vr_master_advert,
		[EV_ZERO] = vr_master_zero,
		[EV_LOWER] = vr_master_lower,
		[EV_HIGHER] = vr_master_higher,
		[EV_FAULT] = vr_master_fault,
		[EV_RETREAT] = vr_master_retreat,
		[EV_CONTESTED] = vr_master_contested,
	},
	[VR_FAULT] = {
		[EV_RECOVER] = vr_fault_recover,
	},
};

static void
event(struct vr_router *r, enum event what, const struct vr_event *e)
{
	TW_ASSERT(r->state < VR_N_STATES);
	vr_step *const step = table[r->state][what];

	if (step != NULL)
		step(r, e);
}

const char *
vr_state_name(enum vr_state s)
{
	static const char *const names[VR_N_STATES] = { "INIT", "BACKUP", "MASTER",
		"FAULT" };

	TW_ASSERT(s < VR_N_STATES);
	return names[s];
}

void
vr_say(struct vr_router *r, enum tw_level level, const char *fmt, ...)
{
	char text[512];
	size_t len = (size_t)snprintf(text, sizeof(text), "(%s) ", r->conf->name);
	va_list ap;

	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	r->ops->say(r, level, text);
}

/* --- time --- */

/* Version 2 wants them equal, and a reload may have changed it. */
uint64_t
vr_interval_us(const struct vr_router *r)
{
	return r->conf->version == 2 ? r->conf->advert_us : r->master_advert_us;
}

uint64_t
vr_skew_us(const struct vr_router *r)
{
	const uint64_t whole_us = r->conf->version == 2 ? 1000000u : vr_interval_us(r);

	return whole_us * (256u - r->priority) / 256u;
}

uint64_t
vr_down_interval_us(const struct vr_router *r)
{
	return r->conf->down_timer_adverts * vr_interval_us(r) + vr_skew_us(r);
}

enum vr_state
vr_become(struct vr_router *r, uint64_t now_us, enum vr_state to)
{
	const enum vr_state from = r->state;

	r->state = to;
	r->entered_us = now_us;
	r->is_split = r->is_held = false;
	r->down_due_us = r->advert_due_us = r->preempt_due_us = 0;
	r->burst_due_us = r->refresh_due_us = r->lower_due_us = r->keep_due_us = 0;
	r->contested_us = r->contest_due_us = r->split_due_us = 0;
	return from;
}

uint64_t
vr_router_due(const struct vr_router *r)
{
	const uint64_t all[] = { r->down_due_us, r->advert_due_us, r->burst_due_us,
		r->refresh_due_us, r->lower_due_us, r->contest_due_us,
		r->split_due_us };
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < TW_N_ELEMENTS(all); i++) {
		if (all[i] != 0 && all[i] < first)
			first = all[i];
	}
	return first;
}

void
vr_router_tick(struct vr_router *r, uint64_t now_us)
{
	const struct vr_event e = { .now_us = now_us };

	if (vr_is_due(r->down_due_us, now_us))
		event(r, EV_DOWN, &e);
	if (vr_is_due(r->advert_due_us, now_us))
		event(r, EV_ADVERT, &e);
	if (r->state == VR_MASTER)
		vr_master_timers(r, now_us);
}

/* --- life --- */

void
vr_router_init(struct vr_router *r, const struct vr_instance *conf,
    const struct vr_router_ops *ops, void *arg)
{
	*r = (struct vr_router){ .conf = conf,
		.ops = ops,
		.arg = arg,
		.priority = conf->priority,
		.master_advert_us = conf->advert_us,
		.pseudo = true };
}

static bool
is_faulty(const struct vr_router *r)
{
	return r->fault || r->group_fault;
}

void
vr_router_start(struct vr_router *r, uint64_t now_us, bool adopt)
{
	const struct vr_event e = { .now_us = now_us };

	TW_ASSERT(r->state == VR_INIT);
	if (is_faulty(r))
		event(r, EV_FAULT, &e);
	else if (adopt)
		vr_become_master(r, now_us, "held the addresses before");
	else
		event(r, EV_START, &e);
}

void
vr_router_stop(struct vr_router *r, uint64_t now_us)
{
	if (r->state == VR_INIT)
		return;
	const enum vr_state from = vr_become(r, now_us, VR_INIT);
	if (from == VR_MASTER) {
		vr_zero_send(r);
		r->ops->release(r);
		r->n.released++;
	}
	r->ops->entered(r, from, "stops");
}

/* --- what is heard --- */

static bool
is_higher(const struct vr_router *r, const struct vr_advert *a)
{
	if (a->priority != r->priority)
		return a->priority > r->priority;
	return r->state != VR_MASTER || vr_ip_cmp(&a->src, &r->own) > 0;
}

/* A master that yields is glad of any other. */
static enum event
heard_event(const struct vr_router *r, const struct vr_advert *a)
{
	if (a->priority == 0)
		return EV_ZERO;
	if (r->state == VR_MASTER && r->yielding)
		return EV_HIGHER;
	return is_higher(r, a) ? EV_HIGHER : EV_LOWER;
}

void
vr_router_heard(struct vr_router *r, uint64_t now_us, const struct vr_advert *a)
{
	const struct vr_event e = { .now_us = now_us, .advert = a };

	r->n.adverts_received++;
	if (a->priority == 0)
		r->n.zero_received++;
	if (r->conf->version == 3)
		r->pseudo = a->pseudo;
	event(r, heard_event(r, a), &e);
}

void
vr_router_contested(struct vr_router *r, uint64_t now_us)
{
	event(r, EV_CONTESTED, &(struct vr_event){ .now_us = now_us });
}

/* --- what is told --- */

void
vr_router_set_priority(struct vr_router *r, uint64_t now_us, uint8_t priority)
{
	const char *const sum = r->arithmetic;

	(void)now_us; /* the next advertisement says it, as keepalived's does */
	r->arithmetic = NULL;
	if (priority == r->priority)
		return;
	vr_say(r, TW_INFO, "Changing effective priority from %u to %u%s%s%s",
	    r->priority, priority, sum != NULL ? " (" : "", sum != NULL ? sum : "",
	    sum != NULL ? ")" : "");
	r->priority = priority;
}

static void
fault_look(struct vr_router *r, uint64_t now_us, const char *why)
{
	const struct vr_event e = { .now_us = now_us, .why = why };

	if (r->state == VR_INIT)
		return;
	if (is_faulty(r) != (r->state == VR_FAULT))
		event(r, is_faulty(r) ? EV_FAULT : EV_RECOVER, &e);
}

void
vr_router_set_fault(struct vr_router *r, uint64_t now_us, bool fault, const char *why)
{
	r->fault = fault;
	fault_look(r, now_us, why);
}

void
vr_router_set_group_fault(struct vr_router *r, uint64_t now_us, bool fault)
{
	r->group_fault = fault;
	fault_look(r, now_us, "another of its group has one");
}

/* What was held back happens now; and when the master itself is what has gone,
 * its silence need not be waited for. */
void
vr_router_set_path(struct vr_router *r, uint64_t now_us, enum vr_second_path path)
{
	const enum vr_second_path was = r->path;
	const bool is_gone = was == VR_PATH_MASTER && path == VR_PATH_GONE;

	r->path = path;
	if (path == was)
		return;
	if (r->state == VR_MASTER && path == VR_PATH_MASTER)
		vr_rival_note(r, now_us);
	if (r->state == VR_BACKUP && !r->yielding && (is_gone || r->is_held))
		vr_router_claim(r, now_us,
		    is_gone ? "the peer answers on no path" : "the peer is not MASTER");
}

void
vr_router_yield(struct vr_router *r, uint64_t now_us, bool on)
{
	if (r->yielding == on)
		return;
	r->yielding = on;
	vr_say(r, TW_NOTICE, on ? "yields" : "does not yield any more");
	if (on)
		vr_router_retreat(r, now_us, "yields");
}

void
vr_router_claim(struct vr_router *r, uint64_t now_us, const char *why)
{
	event(r, EV_CLAIM, &(struct vr_event){ .now_us = now_us, .why = why });
}

void
vr_router_retreat(struct vr_router *r, uint64_t now_us, const char *why)
{
	event(r, EV_RETREAT, &(struct vr_event){ .now_us = now_us, .why = why });
}
