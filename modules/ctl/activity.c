/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * activity.c - `show activity`. Control thread.
 */
#include <tideway/session.h>

#include "ctl.h"

#define MAX_THREADS 256

struct field {
	const char *name;
	uint64_t (*get)(const struct tw_activity *a);
};

static uint64_t
loops(const struct tw_activity *a)
{
	return a->loops;
}

static uint64_t
accepted(const struct tw_activity *a)
{
	return a->accepted;
}

static uint64_t
conns(const struct tw_activity *a)
{
	return a->conns;
}

static uint64_t
cpu_ms(const struct tw_activity *a)
{
	return a->cpu_us / 1000;
}

static const struct field fields[] = {
	{ "loops", loops },
	{ "accepted", accepted },
	{ "conns", conns },
	{ "cpu_ms", cpu_ms },
};

/* "name: sum [ a b ]" */
static void
field_write(struct tw_cli *cli, const struct field *f, const struct tw_activity *a)
{
	uint64_t sum = 0;

	for (int i = 0; i < tw_n_workers() && i < MAX_THREADS; i++)
		sum += f->get(&a[i]);
	tw_cli_printf(cli, "%s: %llu [", f->name, (unsigned long long)sum);
	for (int i = 0; i < tw_n_workers() && i < MAX_THREADS; i++)
		tw_cli_printf(cli, " %llu", (unsigned long long)f->get(&a[i]));
	tw_cli_printf(cli, " ]\n");
}

void
ctl_show_activity(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_activity a[MAX_THREADS];
	const uint64_t wall = tw_wall_us();

	(void)argc;
	(void)argv;
	for (int i = 0; i < tw_n_workers() && i < MAX_THREADS; i++)
		tw_worker_activity(i + 1, &a[i]);
	tw_cli_printf(cli, "thread_id: 0 (1..%d)\ndate_now: %llu.%06u\n",
	    tw_n_workers(), (unsigned long long)(wall / 1000000),
	    (unsigned)(wall % 1000000));
	for (size_t i = 0; i < TW_N_ELEMENTS(fields); i++)
		field_write(cli, &fields[i], a);
}
