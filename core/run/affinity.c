/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * affinity.c - on which CPUs the worker threads run.
 *
 * CPUs are narrowed by cpu-set, then by the policy; what remains says how many
 * threads there are by default. cpu-map names CPUs for groups and threads: a
 * thread runs where its own line and its group's agree. Thread groups are a
 * way to number threads here, nothing else. source: HAProxy's manual, 3.1.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include "core/run/affinity.h"
#include "core/run/limits.h"
#include "core/run/run.h"
#include "core/run/worker.h"

static cpu_set_t at_start; /* what the process was given; before threads */
static bool at_start_known;

static const cpu_set_t *
cpus_at_start(void)
{
	if (at_start_known)
		return &at_start;
	if (sched_getaffinity(0, sizeof(at_start), &at_start) != 0)
		CPU_SET(0, &at_start);
	at_start_known = true;
	return &at_start;
}

/* "0-3,8" as the kernel writes it. */
static void
list_read(const char *path, cpu_set_t *cpus)
{
	FILE *const f = fopen(path, "re");
	int from, to;

	CPU_ZERO(cpus);
	if (f == NULL)
		return;
	while (fscanf(f, "%d", &from) == 1) {
		to = from;
		if (fscanf(f, "-%d", &to) != 1)
			to = from;
		for (int i = from; i <= to && i < CPU_SETSIZE; i++)
			CPU_SET((unsigned)i, cpus);
		if (fgetc(f) != ',')
			break;
	}
	fclose(f);
}

void
tw__node_cpus(int node, cpu_set_t *cpus)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
	list_read(path, cpus);
}

/* The first node with a usable CPU, when nobody restricted them otherwise. */
static void
first_node_apply(const struct tw__global *g, cpu_set_t *cpus)
{
	cpu_set_t online, both;

	list_read("/sys/devices/system/cpu/online", &online);
	if (g->nbthread != 0 || g->cpu->maps != NULL ||
	    CPU_COUNT(&online) != CPU_COUNT(cpus_at_start()))
		return;
	for (int node = 0; node < 64; node++) {
		tw__node_cpus(node, &both);
		CPU_AND(&both, &both, cpus);
		if (CPU_COUNT(&both) == 0)
			continue;
		*cpus = both;
		return;
	}
}

static void
cpus_usable(const struct tw__global *g, cpu_set_t *cpus)
{
	cpu_set_t keep;

	*cpus = *cpus_at_start();
	if (g->cpu == NULL)
		return;
	if (g->cpu->reset)
		list_read("/sys/devices/system/cpu/online", cpus);
	if (g->cpu->has_only)
		CPU_AND(cpus, cpus, &g->cpu->only);
	if (g->cpu->has_drop) {
		CPU_AND(&keep, cpus, &g->cpu->drop);
		CPU_XOR(cpus, cpus, &keep);
	}
	if (g->cpu->first_node)
		first_node_apply(g, cpus);
}

/* --- cpu-policy --- */

static int
cpus_of(const struct tw__topology *t)
{
	int n = 0;

	for (int i = 0; i < t->n; i++)
		n += CPU_COUNT(&t->cluster[i].cpus);
	return n;
}

/* A thread for each CPU, in the order of groups; when there are more, they go
 * round. */
static void
members_make(struct tw_gen *gen, const struct tw__topology *t, int n_threads)
{
	struct tw_arena *const arena = tw_gen_arena(gen);
	struct tw__cpu_conf *const c = gen->global.cpu;
	struct tw__threads *members[TW__MAX_CLUSTERS];
	const int n_cpus = cpus_of(t);

	c->members =
	    tw_arena_zalloc(arena, TW__MAX_GROUPS * sizeof(struct tw__threads *));
	for (int g = 0; g < t->n; g++)
		c->members[g] = members[g] =
		    tw_arena_zalloc(arena, sizeof(struct tw__threads));
	for (int i = 0; i < n_threads; i++) {
		int at = i % n_cpus, g = 0;

		while (at >= CPU_COUNT(&t->cluster[g].cpus))
			at -= CPU_COUNT(&t->cluster[g++].cpus);
		members[g]->bits[i / 64] |= UINT64_C(1) << i % 64;
	}
}

void
tw__policy_make(struct tw_gen *gen)
{
	struct tw__global *const g = &gen->global;
	struct tw__cpu_conf *const c = g->cpu;
	cpu_set_t cpus;

	cpus_at_start(); /* now: threads read it */
	if (c == NULL || c->policy == NULL || g->nbthread != 0 || c->groups != 0 ||
	    c->members != NULL || c->maps != NULL)
		return;
	struct tw__topology *const t = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*t));
	cpus_usable(g, &cpus);
	tw__topology_read(
	    t, "/sys/devices/system", &cpus, c->policy->kind != TW__POLICY_COMPLEXES);
	tw__policy_apply(t, c->policy);
	if (cpus_of(t) == 0)
		return;
	c->chosen = t;
	const int now = tw_n_workers();
	members_make(gen, t, now > 0 ? now : (int)tw__threads_wanted(g));
}

uint32_t
tw__threads_wanted(const struct tw__global *g)
{
	cpu_set_t cpus;
	uint32_t n = g->nbthread;

	cpus_usable(g, &cpus);
	if (n == 0 && g->cpu != NULL && g->cpu->chosen != NULL)
		n = (uint32_t)cpus_of(g->cpu->chosen);
	if (n == 0)
		n = CPU_COUNT(&cpus) > 0 ? (uint32_t)CPU_COUNT(&cpus) : 1;
	if (g->cpu != NULL && g->cpu->hard_limit != 0 && n > g->cpu->hard_limit)
		n = g->cpu->hard_limit;
	return n > TW__MAX_THREADS ? TW__MAX_THREADS : n;
}

/* --- one thread --- */

/* The k-th CPU of a set, from 0. */
static void
cpu_at(const cpu_set_t *cpus, int k, cpu_set_t *out)
{
	CPU_ZERO(out);
	for (unsigned i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, cpus) && k-- == 0) {
			CPU_SET(i, out);
			return;
		}
	}
}

/* How many of a range are below number `n`. */
static int
rank_of(uint64_t range, int n)
{
	return __builtin_popcountll(range & ((UINT64_C(1) << (n - 1)) - 1));
}

static void
map_cpus(const struct tw__cpu_map *m, int group, int thread, cpu_set_t *out)
{
	if (!m->is_auto)
		*out = m->cpus;
	else if (__builtin_popcountll(m->groups) > 1)
		cpu_at(&m->cpus, rank_of(m->groups, group), out);
	else
		cpu_at(&m->cpus, rank_of(m->threads, thread), out);
}

bool
tw__affinity_of(const struct tw__global *g, int i, int n, cpu_set_t *cpus)
{
	const struct tw__cpu_map *of_group = NULL, *of_thread = NULL;
	cpu_set_t more;

	if (g->cpu == NULL)
		return false;
	const struct tw__place at = tw__place_of(g->cpu, i, n);
	const int group = at.group, thread = at.thread;
	if (g->cpu->chosen != NULL && group >= 1 && group <= g->cpu->chosen->n) {
		*cpus = g->cpu->chosen->cluster[group - 1].cpus;
		return true;
	}
	if (group < 1 || group > TW__MAX_GROUPS || thread > TW__GROUP_THREADS)
		return false;
	for (const struct tw__cpu_map *m = g->cpu->maps; m != NULL; m = m->next) {
		if ((m->groups >> (group - 1) & 1) == 0)
			continue;
		if (!m->of_threads)
			of_group = m;
		else if ((m->threads >> (thread - 1) & 1) != 0)
			of_thread = m;
	}
	if (of_group == NULL && of_thread == NULL) {
		cpus_usable(g, cpus);
		return CPU_COUNT(cpus) > 0 && !CPU_EQUAL(cpus, cpus_at_start());
	}
	map_cpus(of_thread != NULL ? of_thread : of_group, group, thread, cpus);
	if (of_thread != NULL && of_group != NULL) {
		map_cpus(of_group, group, thread, &more);
		CPU_AND(cpus, cpus, &more);
	}
	return CPU_COUNT(cpus) > 0;
}

static void
bind_self(const cpu_set_t *cpus, int i)
{
	if (pthread_setaffinity_np(pthread_self(), sizeof(*cpus), cpus) != 0)
		tw_log(TW_WARNING,
		    "cpu-map, cpu-set: thread %d cannot be bound: this system has "
		    "none of the CPUs that are named for it",
		    i);
}

void
tw__affinity_apply(const struct tw__global *g)
{
	const int i = tw_worker_id(tw_worker_self());
	cpu_set_t cpus;

	if (i > 0 && tw__affinity_of(g, i, tw_n_workers(), &cpus))
		bind_self(&cpus, i);
}

/* Runs on each worker. arg: the generation, which is in force. */
static void
follow_run(void *arg)
{
	struct tw_gen *const gen = tw__gen_current();
	cpu_set_t cpus;
	const int i = tw_worker_id(tw_worker_self());

	(void)arg;
	cpus = *cpus_at_start();
	tw__affinity_of(&gen->global, i, tw_n_workers(), &cpus);
	bind_self(&cpus, i);
}

void
tw__affinity_follow(struct tw_gen *gen)
{
	static bool was_bound; /* control thread */

	if (gen->global.cpu == NULL && !was_bound)
		return;
	was_bound = true;
	for (int i = 1; i <= tw_n_workers(); i++)
		tw_worker_post(tw_worker_at(i), follow_run, NULL);
}
