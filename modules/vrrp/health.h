/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * health.h - what the traffic process and the VRRP process show each other.
 *
 * One piece of shared memory, made when the module is loaded and inherited by
 * all processes: it survives each of them. The traffic process writes its
 * health there: its pid, a beat of each thread, the state of the proxies that
 * something tracks; and rings a bell (an eventfd) when something changes. The
 * VRRP process writes what `show vrrp` and the statistics show. Every field
 * has one writer; who reads takes what it finds.
 */
#ifndef TW_VRRP_HEALTH_H
#define TW_VRRP_HEALTH_H

#include <stdatomic.h>

#include "router.h"

#define VR_MAX_THREADS 257
#define VR_MAX_WATCHED 128
#define VR_MAX_SHOWN 256
#define VR_NAME_LEN 64
#define VR_BEAT_MS 20 /* how often a thread beats */

struct vr_beat {
	_Atomic int32_t tid;      /* 0: no such thread */
	_Atomic uint64_t at_us;   /* of its last beat */
};

/* A proxy that something tracks. */
struct vr_watched {
	char name[VR_NAME_LEN];
	_Atomic uint8_t kind;     /* VR_TRACK_FRONTEND, VR_TRACK_BACKEND; 0: free */
	_Atomic uint8_t exists;
	_Atomic uint8_t listens;  /* frontend: it takes connections */
	_Atomic uint32_t usable;  /* backend: servers that take traffic */
};

/* An instance as it is shown. */
struct vr_shown {
	char name[VR_NAME_LEN], interface[IF_NAMESIZE], group[VR_NAME_LEN];
	uint8_t family, version, vrid, base_priority, priority, state, wants_state;
	uint8_t path, is_split, yielding;
	uint64_t advert_us, master_advert_us, entered_wall_us;
	struct vr_ip own, master;
	uint8_t master_priority;
	uint16_t n_vips;
	struct vr_ip vip[8]; /* the first ones */
	struct vr_router_counters n;
};

struct event_base;

struct vr_shared {
	uint32_t magic;
	/* written by the traffic process */
	_Atomic int32_t worker_pid;  /* 0: none */
	_Atomic uint32_t worker_run; /* raised by each new one */
	_Atomic uint32_t n_threads;
	_Atomic uint64_t beats_since_us; /* monotonic; 0: nobody asks for beats */
	struct vr_beat beat[VR_MAX_THREADS];
	/* written by the traffic process when a configuration comes into force:
	 * a name that stays keeps its place */
	_Atomic uint32_t n_watched; /* the places in use are below it */
	struct vr_watched watched[VR_MAX_WATCHED];
	/* written by the VRRP process, between two raises of `turn` (odd: being
	 * written) */
	_Atomic uint32_t turn;
	int32_t vrrp_pid;
	uint64_t held_us; /* when it last said that it is alive; monotonic */
	uint32_t n_shown;
	struct vr_shown shown[VR_MAX_SHOWN];
};

extern struct vr_shared *vr_shared; /* set by vr_health_load */

/** vr_health_load - makes the memory and the bell; at module load. */
int vr_health_load(struct tw_err *err);
/** vr_health_bell - readable when the traffic process changed something. */
int vr_health_bell(void);

/* the traffic process's side: health_worker.c */
/** vr_health_watch - which proxies shall be written, and whether threads shall
 * beat, once `gen` is in force; when a generation starts. in: conf, borrowed
 * during the call; NULL: nothing is tracked. context: control. */
void vr_health_watch(struct tw_gen *gen, const struct vr_conf *conf);
/** vr_health_worker_init, _fini - a thread begins and stops to beat. */
int vr_health_worker_init(struct tw_worker *w);
void vr_health_worker_fini(struct tw_worker *w);
/** vr_health_moved - the calling thread makes headway: a beat in the midst of
 * a long loop turn. Costs one load when nobody asks. context: worker. */
void vr_health_moved(void);

/* the VRRP process's side: health_watch.c */
enum vr_worker_state {
	VR_WORKER_OK,
	VR_WORKER_ABSENT, /* there is none (yet) */
	VR_WORKER_DEAD,
	VR_WORKER_HUNG,   /* a thread had the CPU or slept, and did not beat */
};
struct vr_health; /* looks at the memory */
typedef void vr_health_changed(void *arg);
/** vr_health_new - `changed` is called from the event loop only, for each change
 * of the worker's state or of a proxy. */
struct vr_health *vr_health_new(struct event_base *base, vr_health_changed *changed,
    void *arg, struct tw_err *err);
void vr_health_free(struct vr_health **h);
enum vr_worker_state vr_health_worker(const struct vr_health *h);
/** vr_health_result - of a VR_TRACK_WORKER, _FRONTEND, _BACKEND. A proxy counts
 * only as long as the worker does. Not known: the traffic process has not taken
 * up the name yet (a reload). */
struct vr_result vr_health_result(const struct vr_health *h, const struct vr_track *t);

#endif
