/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * prom_tables.c - metrics of the stick tables and of certificates.
 *
 * Their modules give the statistics page tables of their own: "sticktable" with
 * the columns name, type, size and used; "certificate" with name, subject and
 * serial in front, and the dates in seconds behind what is for people. Those are
 * read here. Worker.
 */
#include "prom.h"

enum { NAME, TYPE, SIZE, USED };

static const struct tw_stats_table *
table_find(const char *name)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++) {
		const struct tw_stats_table *t = self->module->stats_tables;

		for (; t != NULL && t->name != NULL; t++)
			if (strcmp(t->name, name) == 0)
				return t;
	}
	return NULL;
}

bool
prom_table_row(
    struct tw_gen *gen, enum prom_scope scope, int i, struct tw_stats_row *row)
{
	const struct tw_stats_table *const t = table_find(prom_scope_names[scope]);

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

/* --- certificates --- */

enum { C_NAME, C_SUBJECT, C_SERIAL, C_BEFORE = 7, C_AFTER };

static void
label_write(struct tw_out *o, const char *name, const char *value)
{
	tw_out_printf(o, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			tw_out_char(o, '\\');
		tw_out_char(o, *value == '\n' ? ' ' : *value);
	}
	tw_out_char(o, '"');
}

static void
date_write(const struct prom_at *at, int column)
{
	tw_out_printf(at->out, "haproxy_certificate_%s{", at->metric->name);
	label_write(at->out, "name", at->row->cell[C_NAME]);
	label_write(at->out, ",subject", at->row->cell[C_SUBJECT]);
	label_write(at->out, ",serial", at->row->cell[C_SERIAL]);
	tw_out_printf(at->out, "} %s\n", at->row->cell[column]);
}

static void
before_write(const struct prom_at *at)
{
	date_write(at, C_BEFORE);
}

static void
after_write(const struct prom_at *at)
{
	date_write(at, C_AFTER);
}

const struct prom_metric prom_certificate_metrics[] = {
	{ "not_before_timestamp_seconds", "gauge",
	    "When the certificate begins to be valid, since the epoch.", PROM_OTHER, 0,
	    before_write, false },
	{ "not_after_timestamp_seconds", "gauge",
	    "When the certificate expires, since the epoch.", PROM_OTHER, 0,
	    after_write, false },
	{ .name = NULL },
};
