/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * router.h - one virtual router: the state machine, pure.
 *
 * It knows time only as a parameter and acts only through struct
 * vr_router_ops, so that a simulator can run it for days of virtual time.
 * Whoever drives it calls vr_router_tick() at vr_router_due() or later.
 * Time is monotonic microseconds; 0 means never. source: RFC 9568 section 6,
 * RFC 3768 section 6; what keepalived does where they are silent.
 */
#ifndef TW_VRRP_ROUTER_H
#define TW_VRRP_ROUTER_H

#include "packet.h"

enum vr_state { VR_INIT, VR_BACKUP, VR_MASTER, VR_FAULT, VR_N_STATES };
const char *vr_state_name(enum vr_state s); /* "MASTER" */

/* What another path than the advertisements' says about the peer. */
enum vr_second_path {
	VR_PATH_NONE,    /* there is no second path, or it has never worked */
	VR_PATH_MASTER,  /* the peer lives and holds the addresses */
	VR_PATH_BACKUP,  /* the peer lives and does not hold them */
	VR_PATH_GONE,    /* the peer answers on no path */
};

/* Why addresses are announced. */
enum vr_announce {
	VR_ANN_MASTER,     /* became master */
	VR_ANN_AGAIN,      /* the second burst */
	VR_ANN_REFRESH,
	VR_ANN_KEEP,       /* the next address alone */
	VR_ANN_LOWER_PRIO, /* heard a lower advertisement while master; also called
	                    * when nothing is to be announced: repeat is 0 then */
	VR_ANN_CONTESTED,  /* somebody else claimed an address */
};

struct vr_router;

struct vr_router_ops {
	/** advert - sends one now. in: priority, 0 when leaving. */
	void (*advert)(struct vr_router *r, uint8_t priority);
	/** take, release - the addresses, routes and rules. */
	void (*take)(struct vr_router *r);
	void (*release)(struct vr_router *r);
	void (*announce)(struct vr_router *r, enum vr_announce why, unsigned repeat);
	/** entered - after a change of state: log line, notify, group. */
	void (*entered)(struct vr_router *r, enum vr_state from, const char *why);
	/** say - a line for the operator, in keepalived's words. */
	void (*say)(struct vr_router *r, int level, const char *text);
};

struct vr_router_counters {
	uint64_t adverts_sent, adverts_received, zero_sent, zero_received;
	uint64_t became_master, released, preempted, contested;
	uint64_t dropped[VR_N_DROPS];
	uint64_t held_back; /* did not take over: the second path forbade it */
};

struct vr_router {
	const struct vr_instance *conf; /* borrow: the configuration */
	const struct vr_router_ops *ops;
	void *arg;                      /* the driver's */
	enum vr_state state;
	uint8_t priority;               /* effective */
	struct vr_ip own;               /* the address it sends from */
	const char *arithmetic;         /* borrow: until vr_router_set_priority is
	                                 * called; for its line; NULL: none */
	bool fault;                     /* something tracked with weight 0 is bad */
	bool group_fault;               /* another of its group has a fault */
	bool pseudo;                    /* version 3: as the peer sends it */
	bool yielding;                  /* `vrrp yield`: stays backup until told */
	bool is_split;                  /* both claim the addresses, and go on so */
	bool is_held;                   /* the second path forbids to take over */
	enum vr_second_path path;
	/* Of two that both claim and do not hear each other the lower gives up.
	 * The driver sets these before vr_router_set_path(): */
	uint8_t path_priority;          /* the peer's; 0: not known */
	bool path_wins_tie;             /* its address on the second path is higher */

	uint64_t master_advert_us; /* the interval the master advertises */
	struct vr_ip master;       /* who was heard last; family 0: nobody. While
	                            * MASTER: who else advertises */
	uint8_t master_priority;
	uint64_t master_seen_us;
	uint64_t down_due_us;      /* backup: master-down timer */
	uint64_t advert_due_us;    /* master: next advertisement */
	uint64_t preempt_due_us;   /* backup: may preempt from then on; 0: at once */
	uint64_t burst_due_us;     /* master: second burst */
	uint64_t refresh_due_us;
	uint64_t keep_due_us;      /* master: from then on with an advertisement */
	uint64_t lower_due_us;     /* announces again after a lower advertisement */
	uint64_t contested_us;     /* when a claim of others was last answered */
	uint64_t contest_due_us;   /* and is answered again */
	uint64_t split_due_us;     /* looks whether both still claim */
	uint64_t entered_us;       /* the present state */
	struct vr_router_counters n;
};

/** vr_router_init - in state INIT. in: priority, effective at start. */
void vr_router_init(struct vr_router *r, const struct vr_instance *conf,
    const struct vr_router_ops *ops, void *arg);
/** vr_router_start - leaves INIT: BACKUP, MASTER (owner, or `adopt`: this
 * program held the addresses a moment ago), or FAULT. */
void vr_router_start(struct vr_router *r, uint64_t now_us, bool adopt);
/** vr_router_stop - leaves at priority 0, gives the addresses up; INIT. */
void vr_router_stop(struct vr_router *r, uint64_t now_us);
void vr_router_heard(struct vr_router *r, uint64_t now_us, const struct vr_advert *a);
/** vr_router_tick - lets what is due happen. The driver has read all that has
 * arrived first: an advertisement that waits is better than a timer. */
void vr_router_tick(struct vr_router *r, uint64_t now_us);
/** vr_router_due - returns: when to tick next; UINT64_MAX: no timer runs. */
uint64_t vr_router_due(const struct vr_router *r);
/** vr_router_set_priority - effective, from weights. */
void vr_router_set_priority(struct vr_router *r, uint64_t now_us, uint8_t priority);
void vr_router_set_fault(struct vr_router *r, uint64_t now_us, bool fault, const char *why);
/** vr_router_set_group_fault - as vr_sync_entered() does. */
void vr_router_set_group_fault(struct vr_router *r, uint64_t now_us, bool fault);
void vr_router_set_path(struct vr_router *r, uint64_t now_us, enum vr_second_path path);
/** vr_router_yield - a master hands over at priority 0 and does not preempt
 * until `off`. It takes the addresses back only when nobody has advertised for
 * a whole master-down interval. Members of a group: vr_sync_yield. */
void vr_router_yield(struct vr_router *r, uint64_t now_us, bool on);
/** vr_router_claim - takes over at once: the peer yields, is gone, or the
 * group's others did. Nothing in FAULT. */
void vr_router_claim(struct vr_router *r, uint64_t now_us, const char *why);
/** vr_router_retreat - becomes BACKUP because the group's others did. */
void vr_router_retreat(struct vr_router *r, uint64_t now_us, const char *why);
/** vr_router_contested - another machine announced one of our addresses. */
void vr_router_contested(struct vr_router *r, uint64_t now_us);

/** vr_skew_us - source: RFC 9568 section 6.1; version 2: of one second. */
uint64_t vr_skew_us(const struct vr_router *r);
uint64_t vr_down_interval_us(const struct vr_router *r);

/* --- sync groups: group.c --- */

struct vr_sync {
	const struct vr_group *conf;
	struct vr_router **member; /* borrow */
	unsigned n_members;
	enum vr_state state;
	bool moving; /* a change of one is passing to the others */
	struct vr_router *next; /* borrow: who changed meanwhile; NULL: nobody */
	void (*entered)(struct vr_sync *g, enum vr_state from, void *arg);
	void *arg;
};
/** vr_sync_entered - a member changed its state: the others follow: FAULT
 * makes all FAULT (until none has a fault of its own), MASTER all MASTER,
 * BACKUP all BACKUP. Also to be called after vr_router_set_fault(), which
 * changes no state where the group was in FAULT before. */
void vr_sync_entered(struct vr_sync *g, uint64_t now_us, struct vr_router *r);
/** vr_sync_yield - vr_router_yield of all members. */
void vr_sync_yield(struct vr_sync *g, uint64_t now_us, bool on);

/* --- what is tracked: weight.c --- */

/* A tracked thing's present value. */
struct vr_result {
	bool known;  /* there was a first result; before it nothing is weighed */
	bool good;
	int value;   /* VR_TRACK_FILE: the number read */
};
/** vr_weigh - base and weights. A positive weight is added while the thing is
 * good, a negative one while it is bad; `reverse` turns the sign. Weight 0: bad
 * is a fault (`reverse`: good is). A file adds its number times the weight;
 * below -253 that is a fault, and with weight 0 any number but 0 is. out:
 * fault. returns: effective priority; 1..254, or the base when that is 255. */
uint8_t vr_weigh(uint8_t base, const struct vr_track *track,
    const struct vr_result *const *result, unsigned n, bool *fault);
/** vr_weigh_text - the same sum for people: "base 100, script my_chk +10".
 * returns: buf; what does not fit is left out. */
const char *vr_weigh_text(char *buf, size_t size, uint8_t base,
    const struct vr_track *track, const struct vr_result *const *result, unsigned n);
/** vr_track_is_bad - by itself a reason for FAULT. */
bool vr_track_is_bad(const struct vr_track *t, const struct vr_result *r);

#endif
