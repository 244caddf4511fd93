/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * html_table.c - a module's own table on the page, above the proxies.
 *
 * Rows have no details; the page's script tells them by their section's
 * class. Cells are escaped like everything that comes from elsewhere. Worker.
 */
#include "html.h"

void
st_html_table_begin(struct st_report *rp, struct tw_out *o)
{
	const struct tw_stats_table *const t = rp->table;
	const struct tw_stats_column *const c = t->columns;

	tw_out_printf(o, "<section class=\"module\" id=\"t-%s\"><h2>", t->name);
	st_html_text(o, t->title);
	tw_out_lit(o, "</h2><div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
	for (int i = 0; i < TW_STATS_COLUMNS && c[i].name != NULL; i++) {
		tw_out_printf(o, "<th scope=\"col\"%s>",
		    i == 0                             ? " class=\"n\""
			: c[i].kind == TW_STATS_NUMBER ? ""
						       : " class=\"t\"");
		st_html_text(o, c[i].title);
		tw_out_lit(o, "</th>");
	}
	tw_out_lit(o, "</tr></thead><tbody>\n");
}

static void
cell(struct tw_out *o, enum tw_stats_kind kind, const char *text)
{
	tw_out_str(
	    o, kind == TW_STATS_NUMBER ? TW_STR("<td>") : TW_STR("<td class=\"t\">"));
	if (kind == TW_STATS_STATE)
		tw_out_lit(o, "<span class=\"st\">");
	st_html_text(o, text);
	if (kind == TW_STATS_STATE)
		tw_out_lit(o, "</span>");
	tw_out_lit(o, "</td>");
}

void
st_html_table_row(struct st_report *rp, struct tw_out *o)
{
	static const char *const css[] = {
		[TW_STATS_PLAIN] = "",
		[TW_STATS_UP] = "up",
		[TW_STATS_DOWN] = "down",
		[TW_STATS_MAINT] = "maint",
	};
	const struct tw_stats_column *const c = rp->table->columns;
	const struct tw_stats_row *const row = &rp->cells;

	tw_out_printf(o, "<tr data-r=\"t\" class=\"%s\" id=\"t-%s/", css[row->look],
	    rp->table->name);
	st_html_text(o, row->cell[0]);
	tw_out_lit(o, "\"><th class=\"n\" scope=\"row\">");
	st_html_text(o, row->cell[0]);
	tw_out_lit(o, "</th>");
	for (int i = 1; i < TW_STATS_COLUMNS && c[i].name != NULL; i++)
		cell(o, c[i].kind, row->cell[i]);
	tw_out_lit(o, "</tr>\n");
}

void
st_html_table_end(struct st_report *rp, struct tw_out *o)
{
	(void)rp;
	tw_out_lit(o, "</tbody></table></div></section>\n");
}
