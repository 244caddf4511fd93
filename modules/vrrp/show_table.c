/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show_table.c - `show vrrp`: all instances at a glance.
 *
 * Two walks: the first finds out how wide each column is. What an operator
 * must not overlook stands above the table. Any thread; no state.
 */
#include "config.h"

#include <inttypes.h>

#include "show_text.h"

#define CELL_BYTES 96

enum column {
	COL_INSTANCE,
	COL_INTERFACE,
	COL_VRID,
	COL_STATE,
	COL_SINCE,
	COL_PRIORITY,
	COL_MASTER,
	COL_PATH,
	COL_SENT,
	COL_RECEIVED,
	COL_DROPPED,
	N_COLUMNS
};

static const struct {
	const char *head;
	bool right; /* numbers */
} columns[N_COLUMNS] = {
	[COL_INSTANCE] = { "instance", false },
	[COL_INTERFACE] = { "interface", false },
	[COL_VRID] = { "vrid", true },
	[COL_STATE] = { "state", false },
	[COL_SINCE] = { "since", true },
	[COL_PRIORITY] = { "priority (base)", false },
	[COL_MASTER] = { "master", false },
	[COL_PATH] = { "second path", false },
	[COL_SENT] = { "sent", true },
	[COL_RECEIVED] = { "received", true },
	[COL_DROPPED] = { "dropped", true },
};

struct line {
	char cell[N_COLUMNS][CELL_BYTES];
};

static void
state_fill(char *cell, const struct vr_shown *row)
{
	snprintf(cell, CELL_BYTES, "%s%s%s", vr_state_name(row->state),
	    row->is_split ? " SPLIT" : "", row->yielding ? " yields" : "");
}

static void
line_fill(struct line *l, const struct vr_shown *row)
{
	char buf[64];

	snprintf(l->cell[COL_INSTANCE], CELL_BYTES, "%s", row->name);
	snprintf(l->cell[COL_INTERFACE], CELL_BYTES, "%s", row->interface);
	snprintf(l->cell[COL_VRID], CELL_BYTES, "%u", row->vrid);
	state_fill(l->cell[COL_STATE], row);
	vr_text_age(row->entered_wall_us, l->cell[COL_SINCE]);
	snprintf(l->cell[COL_PRIORITY], CELL_BYTES, "%u (%u)", row->priority,
	    row->base_priority);
	snprintf(l->cell[COL_MASTER], CELL_BYTES, "%s", vr_text_master(row, buf));
	snprintf(l->cell[COL_PATH], CELL_BYTES, "%s",
	    vr_text_path((enum vr_second_path)row->path));
	snprintf(l->cell[COL_SENT], CELL_BYTES, "%" PRIu64, row->n.adverts_sent);
	snprintf(
	    l->cell[COL_RECEIVED], CELL_BYTES, "%" PRIu64, row->n.adverts_received);
	snprintf(l->cell[COL_DROPPED], CELL_BYTES, "%" PRIu64, vr_dropped(&row->n));
}

static void
widen(int width[N_COLUMNS], const struct line *l)
{
	for (int c = 0; c < N_COLUMNS; c++) {
		const int len = (int)strlen(l->cell[c]);

		width[c] = len > width[c] ? len : width[c];
	}
}

static void
line_write(FILE *to, const struct line *l, const int width[N_COLUMNS])
{
	for (int c = 0; c < N_COLUMNS; c++) {
		const bool is_last = c + 1 == N_COLUMNS;

		if (columns[c].right)
			fprintf(to, "%*s", width[c], l->cell[c]);
		else
			fprintf(to, "%-*s", width[c], l->cell[c]);
		fputs(is_last ? "\n" : "  ", to);
	}
}

static void
head_fill(struct line *l)
{
	for (int c = 0; c < N_COLUMNS; c++)
		snprintf(l->cell[c], CELL_BYTES, "%s", columns[c].head);
}

static void
split_write(FILE *to, const struct vr_shown *row)
{
	char ip[64] = "another node";

	if (row->master.family != 0 && vr_ip_cmp(&row->master, &row->own) != 0)
		vr_ip_out(&row->master, ip, sizeof(ip));
	fprintf(to,
	    "*** SPLIT: %s on %s: this node and %s both claim the addresses. Look at "
	    "the network between them. ***\n",
	    row->name, row->interface, ip);
}

void
vr_show_table(FILE *to, const struct vr_shown *rows, unsigned n)
{
	int width[N_COLUMNS] = { 0 };
	struct line l;

	if (n == 0) {
		fputs("no VRRP instance: there is no 'vrrp-config' in 'global', or it "
		      "has not started\n",
		    to);
		return;
	}
	head_fill(&l);
	widen(width, &l);
	for (unsigned i = 0; i < n; i++) {
		if (rows[i].is_split)
			split_write(to, &rows[i]);
		line_fill(&l, &rows[i]);
		widen(width, &l);
	}
	head_fill(&l);
	line_write(to, &l, width);
	for (unsigned i = 0; i < n; i++) {
		line_fill(&l, &rows[i]);
		line_write(to, &l, width);
	}
}
