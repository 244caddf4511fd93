/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * publish.c - the present state goes into the shared memory.
 *
 * Who shows it reads it there, without asking; and this process's successor
 * learns from it whether it held the addresses a moment ago. The VRRP process
 * is the only writer.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fleet.h"

/* Longer than a restart takes; an interval more, because a master shows
 * itself at least so often. */
#define RESTART_US 500000

static uint64_t
wall_us(uint64_t monotonic_us)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	const uint64_t wall =
	    (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	return wall - (vr_now_us() - monotonic_us);
}

static void
copy_vips(struct vr_shown *row, const struct vr_instance *in)
{
	row->n_vips = (uint16_t)in->n_vips;
	for (unsigned i = 0; i < in->n_vips && i < TW_N_ELEMENTS(row->vip); i++)
		row->vip[i] = in->vip[i].ip;
}

static void
row_fill(struct vr_shown *row, const struct vr_node *n)
{
	const struct vr_instance *const in = n->conf;
	const struct vr_router *const r = &n->r;

	snprintf(row->name, sizeof(row->name), "%s", in->name);
	snprintf(row->interface, sizeof(row->interface), "%s", in->interface);
	snprintf(row->group, sizeof(row->group), "%s",
	    n->sync != NULL ? n->sync->conf->name : "");
	row->family = in->family;
	row->version = in->version;
	row->vrid = in->vrid;
	row->base_priority = in->priority;
	row->priority = r->priority;
	row->state = (uint8_t)r->state;
	row->wants_state = in->wants_master ? VR_MASTER : VR_BACKUP;
	row->path = (uint8_t)r->path;
	row->is_split = r->is_split;
	row->yielding = r->yielding;
	row->advert_us = in->advert_us;
	row->master_advert_us = r->master_advert_us;
	row->entered_wall_us = r->entered_us != 0 ? wall_us(r->entered_us) : 0;
	row->own = r->own;
	row->master = r->state == VR_MASTER && !r->is_split ? r->own : r->master;
	row->master_priority = r->state == VR_MASTER ? r->priority : r->master_priority;
	row->n = r->n;
	copy_vips(row, in);
}

void
vr_publish(const struct vr_fleet *f)
{
	struct vr_shared *const s = vr_shared;
	const unsigned n =
	    f->conf->n_instances < VR_MAX_SHOWN ? f->conf->n_instances : VR_MAX_SHOWN;

	const uint32_t turn =
	    atomic_load(&s->turn) | 1; /* also after a crash in here */

	atomic_store(&s->turn, turn);
	atomic_thread_fence(memory_order_seq_cst);
	s->vrrp_pid = getpid();
	s->held_us = vr_now_us();
	s->n_shown = n;
	for (unsigned i = 0; i < n; i++)
		row_fill(&s->shown[i], &f->node[i]);
	atomic_store(&s->turn, turn + 1);
}

bool
vr_publish_was_master(const struct vr_instance *in, uint64_t now_us)
{
	const struct vr_shared *const s = vr_shared;

	if (s->held_us == 0 || s->vrrp_pid == getpid() || s->held_us > now_us ||
	    now_us - s->held_us > in->advert_us + RESTART_US)
		return false;
	for (unsigned i = 0; i < s->n_shown && i < VR_MAX_SHOWN; i++) {
		const struct vr_shown *const row = &s->shown[i];

		if (row->vrid == in->vrid && row->family == in->family &&
		    strcmp(row->interface, in->interface) == 0)
			return row->state == VR_MASTER;
	}
	return false;
}
