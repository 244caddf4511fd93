/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show_page.c - the VRRP table of the statistics page and of its JSON. Reads
 * the shared memory; any worker.
 */
#include "config.h"

#include <inttypes.h>

#include "show_text.h"

enum column {
	COL_INSTANCE,
	COL_STATE,
	COL_SINCE,
	COL_INTERFACE,
	COL_VRID,
	COL_PRIORITY,
	COL_BASE,
	COL_MASTER,
	COL_PATH,
	COL_SENT,
	COL_RECEIVED,
	COL_DROPPED,
	N_COLUMNS
};

static const struct tw_stats_column columns[] = {
	[COL_INSTANCE] = { "instance", "Instance", TW_STATS_TEXT },
	[COL_STATE] = { "state", "State", TW_STATS_STATE },
	[COL_SINCE] = { "since", "Since", TW_STATS_TEXT },
	[COL_INTERFACE] = { "interface", "Interface", TW_STATS_TEXT },
	[COL_VRID] = { "vrid", "Router id", TW_STATS_NUMBER },
	[COL_PRIORITY] = { "priority", "Priority", TW_STATS_NUMBER },
	[COL_BASE] = { "base_priority", "Base", TW_STATS_NUMBER },
	[COL_MASTER] = { "master", "Master", TW_STATS_TEXT },
	[COL_PATH] = { "second_path", "Second path", TW_STATS_TEXT },
	[COL_SENT] = { "adverts_sent", "Sent", TW_STATS_NUMBER },
	[COL_RECEIVED] = { "adverts_received", "Received", TW_STATS_NUMBER },
	[COL_DROPPED] = { "adverts_dropped", "Dropped", TW_STATS_NUMBER },
	[N_COLUMNS] = { .name = NULL },
};

static enum tw_stats_look
look_of(const struct vr_shown *row)
{
	if (row->is_split || row->state == VR_FAULT)
		return TW_STATS_DOWN;
	if (row->yielding)
		return TW_STATS_MAINT;
	return row->state == VR_MASTER ? TW_STATS_UP : TW_STATS_PLAIN;
}

static void
text_put(char *cell, const char *text)
{
	snprintf(cell, TW_STATS_CELL, "%s", text);
}

static void
number_put(char *cell, uint64_t v)
{
	snprintf(cell, TW_STATS_CELL, "%" PRIu64, v);
}

void
vr_show_cells(const struct vr_shown *row, struct tw_stats_row *out)
{
	char buf[64];

	out->look = look_of(row);
	text_put(out->cell[COL_INSTANCE], row->name);
	snprintf(out->cell[COL_STATE], TW_STATS_CELL, "%s%s%s",
	    vr_state_name(row->state), row->is_split ? " SPLIT" : "",
	    row->yielding ? " yields" : "");
	text_put(out->cell[COL_SINCE], vr_text_age(row->entered_wall_us, buf));
	text_put(out->cell[COL_INTERFACE], row->interface);
	number_put(out->cell[COL_VRID], row->vrid);
	number_put(out->cell[COL_PRIORITY], row->priority);
	number_put(out->cell[COL_BASE], row->base_priority);
	text_put(out->cell[COL_MASTER], vr_text_master(row, buf));
	text_put(out->cell[COL_PATH], vr_text_path((enum vr_second_path)row->path));
	number_put(out->cell[COL_SENT], row->n.adverts_sent);
	number_put(out->cell[COL_RECEIVED], row->n.adverts_received);
	number_put(out->cell[COL_DROPPED], vr_dropped(&row->n));
}

static bool
page_row(struct tw_gen *gen, int i, struct tw_stats_row *out)
{
	struct vr_shown row;

	(void)gen;
	if (!vr_show_copy_one((unsigned)i, &row))
		return false;
	vr_show_cells(&row, out);
	return true;
}

const struct tw_stats_table vr_stats_tables[] = {
	{ "vrrp", "VRRP", columns, page_row },
	{ .name = NULL },
};
