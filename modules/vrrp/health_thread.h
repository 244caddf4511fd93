/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * health_thread.h - whether one thread of the traffic process moves: pure.
 *
 *                 beats                    no beat for SUSPECT
 *      MOVES  <----------- SUSPECTED <------------------------- MOVES
 *        ^                     | stopped; asleep at several looks; used the
 *        |  beats steadily     v CPU; or no beat for the limit
 *        +------------------- HUNG
 *
 * Silence is counted in the watcher's own regular ticks, not by the clock:
 * when all of the machine stood still, nobody was silent. A thread that would
 * run if the system let it is not to blame, and has until the limit.
 */
#ifndef TW_VRRP_HEALTH_THREAD_H
#define TW_VRRP_HEALTH_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define VR_TICK_US 20000
#define VR_TICK_SUSPECT_US 10000

/* What /proc shows of a thread. */
struct vr_look {
	char state;      /* 'R', 'S', 'D', 'T', ...; 0: it is not there */
	uint64_t cpu_us; /* used so far */
};

struct vr_thread {
	uint64_t beat_us;       /* the last one seen */
	uint64_t quiet_us;      /* our time without another */
	unsigned n_looks;       /* since it is suspected */
	unsigned n_asleep;      /* looks in a row that found it so, unmoved */
	unsigned n_steady;      /* beats since it was hung */
	struct vr_look first, last;
	bool is_hung;
};

/** vr_thread_tick - one tick of the watcher. in: beat_us, as written; passed_us,
 * since the former tick. returns: it is suspected: look, then judge. */
bool vr_thread_tick(struct vr_thread *t, uint64_t beat_us, uint64_t passed_us);
/** vr_thread_judge - in: look, now; limit_us, after which no excuse counts;
 * is_patient, it may compute or wait for that long. */
void vr_thread_judge(struct vr_thread *t, const struct vr_look *look, uint64_t limit_us,
    bool is_patient);
/** vr_thread_look - reads /proc. */
struct vr_look vr_thread_look(pid_t pid, pid_t tid);

#endif
