/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * transition.h - what the state machine's files share: its steps.
 *
 * router.c owns the table; backup.c and master.c have what its cells name.
 * Nothing here is for who drives a router.
 */
#ifndef TW_VRRP_TRANSITION_H
#define TW_VRRP_TRANSITION_H

#include <tideway/log.h>

#include "router.h"

/* An event with what belongs to it. */
struct vr_event {
	uint64_t now_us;
	const struct vr_advert *advert; /* borrow; of the HEARD ones */
	const char *why;                /* borrow; NULL */
};

typedef void vr_step(struct vr_router *r, const struct vr_event *e);

/* INIT */
vr_step vr_init_start;

/* BACKUP */
vr_step vr_backup_down;    /* the master-down timer has run out */
vr_step vr_backup_zero;
vr_step vr_backup_lower;   /* is preempted, or followed all the same */
vr_step vr_backup_follow;  /* as its master */
vr_step vr_backup_fault;
vr_step vr_backup_claim;

/* MASTER */
vr_step vr_master_advert;  /* the advertisement timer has run out */
vr_step vr_master_zero;
vr_step vr_master_lower;
vr_step vr_master_higher;
vr_step vr_master_fault;
vr_step vr_master_retreat;
vr_step vr_master_contested;

/* FAULT */
vr_step vr_fault_recover;

/** vr_become_master - sends, takes, announces. */
void vr_become_master(struct vr_router *r, uint64_t now_us, const char *why);
/** vr_become_backup - waits for a master; what a master holds has been given up
 * already. in: suffix, of the line in the log. */
void vr_become_backup(struct vr_router *r, uint64_t now_us, const char *why,
    const char *suffix);
/** vr_become - state and time, no timer runs. returns: the former state. */
enum vr_state vr_become(struct vr_router *r, uint64_t now_us, enum vr_state to);

/** vr_interval_us - between the master's advertisements. */
uint64_t vr_interval_us(const struct vr_router *r);

/** vr_advert_send - in: priority, 0 when leaving. */
void vr_advert_send(struct vr_router *r, uint8_t priority);
/** vr_master_timers - announcements and the look at a split, when due. */
void vr_master_timers(struct vr_router *r, uint64_t now_us);
/** vr_rival_note - something says that another holds the addresses too. */
void vr_rival_note(struct vr_router *r, uint64_t now_us);
/** vr_zero_send - leaves: an advertisement of priority 0. */
void vr_zero_send(struct vr_router *r);

/** vr_say - "(NAME) " and the text, to the driver. */
void vr_say(struct vr_router *r, enum tw_level level, const char *fmt, ...)
    TW_PRINTF(3, 4);

/* Is it over? A timer that does not run never is. */
static inline bool
vr_is_due(uint64_t due_us, uint64_t now_us)
{
	return due_us != 0 && due_us <= now_us;
}

#endif
