/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * topology.c - which CPUs belong together, and cpu-policy's choice among them.
 *
 * A complex (CCX) is what shares a level 3 cache, a cluster those of a complex that
 * are of one kind, by capacity or highest frequency. Where the kernel tells of no
 * such cache, the package takes its place. A policy gives sets of CPUs, one for each
 * thread group. Start-up and control thread. source: HAProxy's manual, cpu-policy;
 * Linux, Documentation/ABI/testing/sysfs-devices-system-cpu.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "core/run/topology.h"

#define CACHES 8

static bool
word_read(const char *root, int cpu, const char *name, char *out, size_t size)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/cpu/cpu%d/%s", root, cpu, name);
	FILE *const f = fopen(path, "re");
	if (f == NULL)
		return false;
	const bool ok = fgets(out, (int)size, f) != NULL;
	fclose(f);
	if (ok)
		out[strcspn(out, "\n")] = '\0';
	return ok;
}

static long
number_read(const char *root, int cpu, const char *name)
{
	char text[32];
	long n;

	return word_read(root, cpu, name, text, sizeof(text)) &&
		sscanf(text, "%ld", &n) == 1
	    ? n
	    : -1;
}

/* The lowest CPU that shares the last cache. returns: -1: there is none. */
static int
complex_of(const char *root, int cpu)
{
	char name[64], text[256];
	int first;

	for (int i = 0; i < CACHES; i++) {
		snprintf(name, sizeof(name), "cache/index%d/level", i);
		if (number_read(root, cpu, name) != 3)
			continue;
		snprintf(name, sizeof(name), "cache/index%d/shared_cpu_list", i);
		if (word_read(root, cpu, name, text, sizeof(text)) &&
		    sscanf(text, "%d", &first) == 1)
			return first;
	}
	return -1;
}

static uint32_t
capacity_of(const char *root, int cpu)
{
	static const char *const names[] = { "cpu_capacity", "acpi_cppc/highest_perf",
		"cpufreq/cpuinfo_max_freq" };

	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++) {
		const long n = number_read(root, cpu, names[i]);
		if (n > 0)
			return (uint32_t)n;
	}
	return 0;
}

/* In the order of their lowest CPU. */
static struct tw__cluster *
cluster_get(struct tw__topology *t, int ccx, uint32_t capacity, bool apart)
{
	for (int i = 0; i < t->n; i++) {
		struct tw__cluster *const c = &t->cluster[i];

		if (c->ccx == ccx && (!apart || c->capacity == capacity))
			return c;
	}
	if (t->n == TW__MAX_CLUSTERS)
		return &t->cluster[t->n - 1];
	struct tw__cluster *const c = &t->cluster[t->n++];
	*c = (struct tw__cluster){ .ccx = ccx, .capacity = capacity };
	CPU_ZERO(&c->cpus);
	return c;
}

void
tw__topology_read(
    struct tw__topology *t, const char *root, const cpu_set_t *usable, bool apart)
{
	t->n = 0;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET((unsigned)cpu, usable))
			continue;
		int ccx = complex_of(root, cpu);
		if (ccx < 0)
			ccx = CPU_SETSIZE +
			    (int)number_read(root, cpu, "topology/physical_package_id");
		struct tw__cluster *const c =
		    cluster_get(t, ccx, capacity_of(root, cpu), apart);
		CPU_SET((unsigned)cpu, &c->cpus);
	}
}

/* --- policies --- */

static uint32_t
best_of(const struct tw__topology *t)
{
	uint32_t best = 0;

	for (int i = 0; i < t->n; i++) {
		if (t->cluster[i].capacity > best)
			best = t->cluster[i].capacity;
	}
	return best;
}

static bool
is_fast(const struct tw__cluster *c, uint32_t best)
{
	return (uint64_t)c->capacity * 100 >= (uint64_t)best * TW__FAST_PCT;
}

/* Leaves the fast ones, or the others when there are any. */
static void
keep_kind(struct tw__topology *t, bool fast)
{
	const uint32_t best = best_of(t);
	int n = 0, n_of = 0;

	for (int i = 0; i < t->n; i++)
		n_of += is_fast(&t->cluster[i], best) == fast;
	for (int i = 0; i < t->n && n_of > 0; i++) {
		if (is_fast(&t->cluster[i], best) == fast)
			t->cluster[n++] = t->cluster[i];
	}
	if (n > 0)
		t->n = n;
}

static void
keep_least(struct tw__topology *t)
{
	int least = 0;

	for (int i = 1; i < t->n; i++) {
		const struct tw__cluster *const a = &t->cluster[i],
						*const b = &t->cluster[least];
		const int n = CPU_COUNT(&a->cpus), m = CPU_COUNT(&b->cpus);

		if (n < m || (n == m && a->capacity < b->capacity))
			least = i;
	}
	if (t->n > 0)
		t->cluster[0] = t->cluster[least];
	t->n = t->n > 0;
}

/* So many neighbours become one. */
static void
join(struct tw__topology *t, int by)
{
	int n = 0;

	for (int i = 0; i < t->n; i += by) {
		t->cluster[n] = t->cluster[i];
		for (int k = i + 1; k < i + by && k < t->n; k++)
			CPU_OR(&t->cluster[n].cpus, &t->cluster[n].cpus,
			    &t->cluster[k].cpus);
		n++;
	}
	t->n = n;
}

void
tw__policy_apply(struct tw__topology *t, const struct tw__policy *p)
{
	if (p->kind == TW__POLICY_PERFORMANCE || p->kind == TW__POLICY_EFFICIENCY)
		keep_kind(t, p->kind == TW__POLICY_PERFORMANCE);
	if (p->kind == TW__POLICY_RESOURCE)
		keep_least(t);
	join(t, p->by);
}

const struct tw__policy *
tw__policy_find(const char *name)
{
	static const struct tw__policy policies[] = {
		{ "performance", TW__POLICY_PERFORMANCE, 1 },
		{ "efficiency", TW__POLICY_EFFICIENCY, 1 },
		{ "resource", TW__POLICY_RESOURCE, 1 },
		{ "group-by-cluster", TW__POLICY_CLUSTERS, 1 },
		{ "group-by-2-clusters", TW__POLICY_CLUSTERS, 2 },
		{ "group-by-3-clusters", TW__POLICY_CLUSTERS, 3 },
		{ "group-by-4-clusters", TW__POLICY_CLUSTERS, 4 },
		{ "group-by-ccx", TW__POLICY_COMPLEXES, 1 },
		{ "group-by-2-ccx", TW__POLICY_COMPLEXES, 2 },
		{ "group-by-3-ccx", TW__POLICY_COMPLEXES, 3 },
		{ "group-by-4-ccx", TW__POLICY_COMPLEXES, 4 },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(policies); i++) {
		if (strcmp(policies[i].name, name) == 0)
			return &policies[i];
	}
	return NULL;
}
