/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/affinity.h - on which CPUs the worker threads run.
 */
#ifndef TW_RUN_AFFINITY_H
#define TW_RUN_AFFINITY_H

#include <sched.h>

#include "core/proxy/proxy.h"
#include "core/run/gen.h"
#include "core/run/topology.h"

#define TW__GROUP_THREADS 64 /* at most, in a thread group */
#define TW__MAX_GROUPS 64

struct tw__cpu_map {
	struct tw__cpu_map *next;
	bool is_auto;    /* one CPU for each of the range */
	bool of_threads; /* else of whole groups */
	uint64_t groups, threads; /* bit i: number i + 1 */
	cpu_set_t cpus;
};

/* What the global section says of CPUs; gen. */
struct tw__cpu_conf {
	struct tw__cpu_map *maps; /* in order */
	bool reset;               /* cpu-set reset: what was given at start is not
				   * heeded */
	bool has_only, has_drop;
	cpu_set_t only, drop;
	bool first_node;          /* cpu-policy first-usable-node */
	uint32_t groups, per_group, hard_limit;
	const struct tw__threads **members; /* thread-group lines, by number - 1;
					     * NULL: there are none */
	const char *file; /* of the last such line */
	int line;
	const struct tw__policy *policy; /* cpu-policy; NULL: none that makes groups */
	const struct tw__topology *chosen; /* by it; NULL: it has no say */
};

/* Where a thread is; from 1. Group 0: in none. */
struct tw__place {
	int group, thread;
};
/** tw__place_of - of thread `i` of `n`. in: c, NULL: nothing was said. */
struct tw__place tw__place_of(const struct tw__cpu_conf *c, int i, int n);
/** tw__groups_count - for n threads. in: c, NULL: nothing was said. */
int tw__groups_count(const struct tw__cpu_conf *c, int n);
/** tw__groups_check - every one of n threads is in a group. returns: 0; -1:
 * reported. */
int tw__groups_check(struct tw_gen *gen, int n);
/** tw__group_set - a thread-group line. */
int tw__group_set(struct tw_line *ln, struct tw__cpu_conf *c);

/** tw__cpus_register - cpu-map, cpu-policy, cpu-set and the words on threads. */
int tw__cpus_register(struct tw_err *err);
/** tw__policy_make - what cpu-policy chooses: CPUs, groups and their threads. in:
 * the whole global section has been read. context: control. */
void tw__policy_make(struct tw_gen *gen);
/** tw__threads_wanted - nbthread, or one for each CPU that may be used.
 * context: start-up. */
uint32_t tw__threads_wanted(const struct tw__global *g);
/** tw__node_cpus - of a NUMA node; none when it does not exist. */
void tw__node_cpus(int node, cpu_set_t *cpus);
/** tw__affinity_of - the CPUs of thread `i` of `n`, from 1. returns: false: it
 * is not bound. */
bool tw__affinity_of(const struct tw__global *g, int i, int n, cpu_set_t *cpus);
/** tw__affinity_apply - binds the calling worker's thread. */
void tw__affinity_apply(const struct tw__global *g);
/** tw__affinity_follow - the threads that run are bound as this says.
 * context: control. */
void tw__affinity_follow(struct tw_gen *gen);

#endif
