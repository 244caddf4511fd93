/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_topology.c - CPUs of machines that are not at hand: what the kernel would
 * tell of them, and what each cpu-policy makes of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/run/topology.h"

static char root[64];

static void
put(int cpu, const char *name, const char *text)
{
	char path[200], *slash;

	snprintf(path, sizeof(path), "%s/cpu/cpu%d/%s", root, cpu, name);
	for (slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	FILE *const f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%s\n", text);
	fclose(f);
}

static void
cpu_make(int cpu, const char *level3, const char *capacity)
{
	put(cpu, "topology/physical_package_id", cpu < 8 ? "0" : "1");
	put(cpu, "cache/index0/level", "1");
	put(cpu, "cache/index0/shared_cpu_list", "0");
	if (level3 != NULL) {
		put(cpu, "cache/index3/level", "3");
		put(cpu, "cache/index3/shared_cpu_list", level3);
	}
	if (capacity != NULL)
		put(cpu, "cpu_capacity", capacity);
}

static void
machine_new(void)
{
	strcpy(root, "/tmp/topology.XXXXXX");
	assert_non_null(mkdtemp(root));
}

static void
machine_end(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r '%s'", root);
	assert_int_equal(system(command), 0);
}

/* "0 1|2 3": the CPUs of each group. */
static const char *
chosen(const char *policy, int n_cpus)
{
	static char text[512];
	static struct tw__topology t;
	const struct tw__policy *const p = tw__policy_find(policy);
	cpu_set_t all;
	size_t len = 0;

	CPU_ZERO(&all);
	for (unsigned i = 0; i < (unsigned)n_cpus; i++)
		CPU_SET(i, &all);
	assert_non_null(p);
	tw__topology_read(&t, root, &all, p->kind != TW__POLICY_COMPLEXES);
	tw__policy_apply(&t, p);
	text[0] = '\0';
	for (int g = 0; g < t.n; g++) {
		if (g > 0)
			len += (size_t)sprintf(text + len, "|");
		for (unsigned i = 0; i < (unsigned)n_cpus; i++) {
			if (CPU_ISSET(i, &t.cluster[g].cpus))
				len += (size_t)sprintf(text + len, "%x", i);
		}
	}
	return text;
}

/* One cache for fast and efficient ones. */
static void
test_hybrid(void **state)
{
	(void)state;
	machine_new();
	for (int i = 0; i < 8; i++)
		cpu_make(i, "0-7", i < 4 ? "1024" : "700");
	assert_string_equal(chosen("group-by-cluster", 8), "0123|4567");
	assert_string_equal(chosen("group-by-ccx", 8), "01234567");
	assert_string_equal(chosen("performance", 8), "0123");
	assert_string_equal(chosen("efficiency", 8), "4567");
	assert_string_equal(chosen("resource", 8), "4567");
	/* those that may be used may be fewer */
	assert_string_equal(chosen("performance", 3), "012");
	assert_string_equal(chosen("resource", 5), "4");
	machine_end();
}

/* Equal ones with a cache for each four, in two packages. */
static void
test_complexes(void **state)
{
	static const char *const caches[] = { "0-3", "4-7", "8-11", "12-15" };

	(void)state;
	machine_new();
	for (int i = 0; i < 16; i++)
		cpu_make(i, caches[i / 4], NULL);
	assert_string_equal(chosen("group-by-cluster", 16), "0123|4567|89ab|cdef");
	assert_string_equal(chosen("group-by-2-clusters", 16), "01234567|89abcdef");
	assert_string_equal(chosen("group-by-3-ccx", 16), "0123456789ab|cdef");
	assert_string_equal(chosen("group-by-4-ccx", 16), "0123456789abcdef");
	assert_string_equal(chosen("performance", 16), "0123|4567|89ab|cdef");
	assert_string_equal(chosen("efficiency", 16), "0123|4567|89ab|cdef");
	assert_string_equal(chosen("resource", 16), "0123");
	assert_string_equal(chosen("resource", 14), "cd");
	machine_end();
}

/* No such cache: packages. Nothing at all: one cluster. */
static void
test_little_known(void **state)
{
	(void)state;
	machine_new();
	for (int i = 0; i < 12; i++)
		cpu_make(i, NULL, NULL);
	assert_string_equal(chosen("group-by-cluster", 12), "01234567|89ab");
	machine_end();
	strcpy(root, "/nonexistent");
	assert_string_equal(chosen("performance", 4), "0123");
	assert_null(tw__policy_find("group-by-5-ccx"));
	assert_null(tw__policy_find(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_complexes),
		cmocka_unit_test(test_little_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
