/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/topology.h - CPUs that belong together, and the policies that choose some.
 */
#ifndef TW_RUN_TOPOLOGY_H
#define TW_RUN_TOPOLOGY_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include <tideway/str.h>

#define TW__MAX_CLUSTERS 64
#define TW__FAST_PCT 80 /* of the best capacity: what less have is efficient */

struct tw__cluster {
	cpu_set_t cpus;
	int ccx;           /* which cache they share */
	uint32_t capacity; /* of one; 0: the system does not tell */
};

struct tw__topology {
	struct tw__cluster cluster[TW__MAX_CLUSTERS];
	int n;
};

enum tw__policy_kind {
	TW__POLICY_CLUSTERS, TW__POLICY_COMPLEXES, TW__POLICY_PERFORMANCE,
	TW__POLICY_EFFICIENCY, TW__POLICY_RESOURCE,
};

struct tw__policy {
	const char *name;
	enum tw__policy_kind kind;
	int by; /* clusters, or complexes, of a group */
};

/** tw__policy_find - one that makes groups. returns: NULL: there is none. */
const struct tw__policy *tw__policy_find(const char *name);
/** tw__topology_read - of some CPUs. in: root, "/sys/devices/system"; apart, CPUs of
 * other capacities are other clusters. */
void tw__topology_read(struct tw__topology *t, const char *root,
    const cpu_set_t *usable, bool apart);
/** tw__policy_apply - leaves a cluster for each group. */
void tw__policy_apply(struct tw__topology *t, const struct tw__policy *p);

#endif
