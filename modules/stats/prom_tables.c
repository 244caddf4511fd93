/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * prom_tables.c - metrics of the stick tables.
 *
 * Their module gives the statistics page a table of its own, "sticktable",
 * with the columns name, type, size and used: that is read here. Worker.
 */
#include "prom.h"

enum { NAME, TYPE, SIZE, USED };

static const struct tw_stats_table *
table_find(void)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++) {
		const struct tw_stats_table *t = self->module->stats_tables;

		for (; t != NULL && t->name != NULL; t++)
			if (strcmp(t->name, "sticktable") == 0)
				return t;
	}
	return NULL;
}

bool
prom_table_row(struct tw_gen *gen, int i, struct tw_stats_row *row)
{
	const struct tw_stats_table *const t = table_find();

	memset(row, 0, sizeof(*row));
	return t != NULL && t->row(gen, i, row);
}

static void
sample_write(const struct prom_at *at, int column)
{
	tw_out_printf(at->out, "haproxy_sticktable_%s{name=\"%s\",type=\"%s\"} %s\n",
	    at->metric->name, at->row->cell[NAME], at->row->cell[TYPE],
	    at->row->cell[column]);
}

static void
size_write(const struct prom_at *at)
{
	sample_write(at, SIZE);
}

static void
used_write(const struct prom_at *at)
{
	sample_write(at, USED);
}

const struct prom_metric prom_table_metrics[] = {
	{ "size", "gauge", "Stick table size.", PROM_OTHER, 0, size_write, false },
	{ "used", "gauge", "Number of entries used in this stick table.", PROM_OTHER, 0,
	    used_write, false },
	{ .name = NULL },
};
