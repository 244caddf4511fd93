/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * peer_view.c - what is believed of the peer, from what was heard and when.
 *
 *	         silent for dead_after          no answer to three
 *	 heard ------------------------> asked ------------------> gone
 *	   ^         ask on all paths      |     asks on all paths    |
 *	   +-------------------------------+--------------------------+
 *	                   any valid message on any path
 *
 * One lost message changes nothing, a lost answer neither: the asks come
 * three times within dead_after/2. A process that slept itself does not call
 * the peer silent: it asks anew, because answers may lie unread. Pure.
 */
#include "config.h"

#include <sys/socket.h>

#include "peer.h"

#define N_ASKS 3

/* Between two asks: N_ASKS of them fill dead_after/2. */
static uint64_t
ask_step_us(const struct vr_peer_conf *conf)
{
	return conf->dead_after_us / (2 * N_ASKS);
}

static uint64_t
last_heard_us(const struct vr_peer_view *v)
{
	return v->heard_us > v->heard_primary_us ? v->heard_us : v->heard_primary_us;
}

/* --- who speaks --- */

/* It has heard us since it turned up: it lives now. */
static bool
is_proven(const struct vr_peer_view *v, const struct vr_peer_msg *m)
{
	return m->run == v->run && m->echo_run == v->own_run &&
	    m->echo_sequence >= v->fresh_from;
}

/* Our next messages echo this run, so that it can prove itself. */
static void
run_note(struct vr_peer_view *v, const struct vr_peer_msg *m, uint64_t now_us)
{
	v->n_unproven++;
	if (m->run == v->run) {
		if (m->sequence > v->sequence)
			v->sequence = m->sequence;
		return;
	}
	v->run = m->run;
	v->sequence = m->sequence;
	v->noted_us = now_us;
	v->fresh_from = v->own_sequence + 1;
	v->next_us = now_us;
}

/* Back to echoing the run that is believed, unless another one has just
 * turned up and may still prove itself. */
static void
echo_set(struct vr_peer_view *v, const struct vr_peer_conf *conf, uint64_t now_us)
{
	if (v->run != v->peer_run && now_us - v->noted_us < conf->dead_after_us)
		return;
	v->run = v->peer_run;
	v->sequence = v->peer_sequence;
}

static bool
is_new(struct vr_peer_view *v, const struct vr_peer_msg *m, uint64_t now_us)
{
	if (m->run == v->own_run) { /* our own message, sent back to us */
		v->n_replayed++;
		return false;
	}
	if (m->run != v->peer_run || !v->is_known) {
		if (!is_proven(v, m)) {
			run_note(v, m, now_us);
			return false;
		}
		v->peer_run = m->run;
		v->peer_sequence = 0;
		v->next_us = now_us; /* it waits for our proof too */
	}
	if (m->sequence <= v->peer_sequence) {
		v->n_replayed++;
		return false;
	}
	return true;
}

bool
vr_peer_heard(struct vr_peer_view *v, const struct vr_peer_conf *conf,
    const struct vr_peer_msg *m, uint64_t now_us, bool primary)
{
	v->n_received++;
	if (!is_new(v, m, now_us))
		return false;
	v->is_known = true;
	v->peer_sequence = m->sequence;
	echo_set(v, conf, now_us);
	if (m->echo_run == v->own_run && m->echo_sequence > v->echoed) {
		v->echoed = m->echo_sequence;
		v->echoed_us = now_us;
	}
	if (primary)
		v->heard_primary_us = now_us;
	else
		v->heard_us = now_us;
	v->asked_us = 0;
	v->last = *m;
	return true;
}

/* --- who is silent --- */

/* Until the peer is gone there is little time; afterwards there is enough. */
static bool
is_urgent(const struct vr_peer_view *v)
{
	return v->is_known && !v->is_gone;
}

static uint64_t
silent_from_us(const struct vr_peer_view *v, const struct vr_peer_conf *conf)
{
	return v->is_known ? last_heard_us(v) + conf->dead_after_us : 0;
}

static void
asking_begin(struct vr_peer_view *v, uint64_t now_us)
{
	v->asked_us = now_us;
	v->ask_us = now_us;
}

bool
vr_peer_tick(
    struct vr_peer_view *v, const struct vr_peer_conf *conf, uint64_t now_us, bool *ask)
{
	const uint64_t step_us = ask_step_us(conf);

	*ask = false;
	if (now_us < silent_from_us(v, conf)) {
		const bool is_back = v->is_gone;

		v->is_gone = false;
		return is_back;
	}
	if (v->asked_us == 0 || (is_urgent(v) && now_us > v->ask_us + step_us))
		asking_begin(v, now_us);
	if (is_urgent(v) && now_us >= v->asked_us + N_ASKS * step_us) {
		v->is_gone = true;
		v->n_gone++;
		v->ask_us = now_us + conf->dead_after_us;
		return true;
	}
	if (now_us >= v->ask_us) {
		*ask = true;
		v->ask_us = now_us + (is_urgent(v) ? step_us : conf->dead_after_us);
	}
	return false;
}

uint64_t
vr_peer_due(const struct vr_peer_view *v, const struct vr_peer_conf *conf)
{
	uint64_t due_us = v->asked_us != 0 ? v->ask_us : silent_from_us(v, conf);

	if (v->is_gone && v->asked_us == 0) /* heard: tick tells that it is back */
		due_us = 0;
	return due_us < v->next_us ? due_us : v->next_us;
}

/* --- what follows --- */

static const struct vr_peer_entry *
entry_find(const struct vr_peer_msg *m, const struct vr_instance *in)
{
	for (uint32_t i = 0; i < m->n_entries; i++)
		if (m->entry[i].vrid == in->vrid && m->entry[i].family == in->family)
			return &m->entry[i];
	return NULL;
}

enum vr_second_path
vr_peer_path(const struct vr_peer_view *v, const struct vr_instance *in)
{
	if (!v->is_known)
		return VR_PATH_NONE;
	if (v->is_gone)
		return VR_PATH_GONE;
	const struct vr_peer_entry *const e = entry_find(&v->last, in);
	if (e == NULL) /* not its concern, unless there was no room to say so */
		return v->last.n_entries == VR_PEER_MAX_ENTRIES ? VR_PATH_NONE
								: VR_PATH_BACKUP;
	return e->state == VR_MASTER ? VR_PATH_MASTER : VR_PATH_BACKUP;
}

bool
vr_peer_is_deaf(
    const struct vr_peer_view *v, const struct vr_peer_conf *conf, uint64_t now_us)
{
	return v->is_known && !v->is_gone && v->asked_us == 0 &&
	    now_us - v->echoed_us > conf->dead_after_us;
}
