/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fleet.h - the VRRP process from the inside: its instances and their I/O.
 *
 * A node joins an instance's pure state machine with sockets, kernel and
 * notify scripts. The fleet is all nodes of the configuration in force with
 * what they share. One thread, one event base.
 */
#ifndef TW_VRRP_FLEET_H
#define TW_VRRP_FLEET_H

#include <event2/event.h>

#include <tideway/worker.h>

#include "vrrp.h"
#include "watch.h"
#include "wire.h"

struct vr_fleet;

struct vr_node {
	struct vr_router r;
	struct vr_fleet *fleet;
	const struct vr_instance *conf; /* borrow: the fleet's configuration */
	struct vr_sync *sync;           /* borrow; NULL: in no group */
	struct vr_wire *wire;           /* NULL: the interface is not usable */
	struct vr_wire *tx;             /* what it sends on; may be `wire` */
	struct event *readable;         /* owns */
	struct vr_claims *claims;       /* owns; NULL */
	struct event *claimed;          /* owns */
	struct event *pacing;           /* owns: announcements with a pause between */
	unsigned pace_at, pace_left;    /* next address; announcements to come */
	unsigned keep_at;               /* the next address to be announced alone */
	struct vr_track *track;         /* owns: the instance's and its group's */
	unsigned n_tracks;
	const struct vr_result **result; /* owns the array: one for each track */
	struct vr_result *own;          /* owns: of those that no watch looks at */
	unsigned ifindex;               /* the interface it is bound to; 0: none */
	bool has_vmac;                  /* its macvlan is this node's to remove */
	bool is_deleted;                /* a reload does not know it any more */
	bool holds;                     /* the addresses are (to be) there */
	uint32_t lease_s;               /* for how long they are lent; VR_FOR_EVER */
	uint64_t lease_due_us;          /* when they are lent again */
	char why[1100];                 /* of the present fault, for the log */
};

struct vr_heart; /* the second path's sockets: heart.c */

struct vr_fleet {
	struct event_base *base;
	struct vr_conf *conf;           /* owns */
	const char *path;               /* borrow: gen */
	struct vr_node *node;           /* owns; one for each instance */
	struct vr_sync *sync;           /* owns; one for each group */
	struct vr_router **members;     /* owns: the groups' arrays */
	struct vr_kernel *kernel;       /* owns */
	struct vr_watch *watch;         /* owns */
	struct vr_notifier *notifier;   /* owns */
	struct vr_health *health;       /* owns */
	struct vr_heart *heart;         /* owns; NULL: no second path */
	struct event *kernel_event, *timer; /* owns */
	struct event *delayed;          /* owns: nothing starts before it; NULL */
	bool lends;                     /* addresses: hold.c */
	bool is_stopping;
};

static inline uint64_t
vr_now_us(void)
{
	return tw_now_us();
}

/* node.c */
extern const struct vr_router_ops vr_node_ops;
/** vr_node_init - in: conf, of the fleet's. The node is not started. */
void vr_node_init(struct vr_node *n, struct vr_fleet *f, const struct vr_instance *conf);
void vr_node_fini(struct vr_node *n);
/** vr_node_bind - opens the sockets when the interface is usable, closes them
 * when it is not. returns: NULL; else why it cannot work now. borrow: n->why. */
const char *vr_node_bind(struct vr_node *n);
/** vr_node_weigh - looks at all that is tracked: priority and fault. */
void vr_node_weigh(struct vr_node *n);
/** vr_node_start - INIT to the state it begins in. */
void vr_node_start(struct vr_node *n);

/* hold.c: the addresses, routes and rules of a master */
void vr_hold_take(struct vr_node *n);
void vr_hold_release(struct vr_node *n);
/** vr_hold_restore - puts back what somebody removed. returns: how many. */
unsigned vr_hold_restore(struct vr_node *n);
/** vr_hold_renew - lends again what is held. returns: when next; UINT64_MAX. */
uint64_t vr_hold_renew(struct vr_node *n, uint64_t now_us);
/** vr_hold_change - after a reload, while master: what was held by `old` and is
 * not wanted any more goes, what is new comes. */
void vr_hold_change(struct vr_node *n, const struct vr_instance *old);
/** vr_hold_leftovers - returns: how many of its addresses are on the system. */
unsigned vr_hold_leftovers(const struct vr_node *n);
void vr_hold_announce(struct vr_node *n, enum vr_announce why, unsigned repeat);

/* fleet.c */
/** vr_fleet_up - in: conf, taken. errors: err. */
int vr_fleet_up(struct vr_fleet *f, struct vr_conf *conf, struct tw_err *err);
/** vr_fleet_reload - the file is read again; when it is bad, all stays. */
void vr_fleet_reload(struct vr_fleet *f);
/** vr_fleet_stop - all leave at priority 0. */
void vr_fleet_stop(struct vr_fleet *f);
void vr_fleet_down(struct vr_fleet *f);
/** vr_fleet_settle - after anything happened: runs timers that are due, sets
 * the next one, shows the new state to the others. */
void vr_fleet_settle(struct vr_fleet *f);
/** vr_fleet_order - `vrrp yield` and `vrrp resume`. in: name; "": all. */
void vr_fleet_order(struct vr_fleet *f, const char *name, bool yield);

/* publish.c */
void vr_publish(const struct vr_fleet *f);
/** vr_publish_was_master - before this process, and a moment ago. */
bool vr_publish_was_master(const struct vr_instance *in, uint64_t now_us);

/* heart.c */
struct vr_heart *vr_heart_new(struct vr_fleet *f, const struct vr_peer_conf *conf,
    struct tw_err *err);
void vr_heart_free(struct vr_heart **h);
/** vr_heart_tick - sends what is due. returns: when to call again; UINT64_MAX. */
uint64_t vr_heart_tick(struct vr_heart *h, uint64_t now_us);
/** vr_heart_beat - tells the peer at once; a state has changed. */
void vr_heart_beat(struct vr_heart *h);
/** vr_heart_look - tells a router what is believed of the peer. */
void vr_heart_look(const struct vr_heart *h, struct vr_node *n, uint64_t now_us);

/* confine.c */
/** vr_confine - keeps what the process needs and drops the rest: capabilities,
 * memory locked, scheduling as the file wants. Failures are told, not fatal. */
void vr_confine(const struct vr_globals *g);

#endif
