/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * html_row.c - the tables of the page: columns and rows.
 *
 * One table of columns says heading, field and how a value looks, in
 * HAProxy's order. A row has a key (data-r) by which the script finds it
 * again when the page renews itself. Worker.
 */
#include <stdio.h>

#include "html.h"

typedef void cell_fn(const struct st_row *row, enum st_field f, struct tw_out *o);

static void
cell_num(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	if (row->v[f].type != ST_NONE)
		st_html_num(o, row->v[f].u);
}

/* The process's own unlimited: "-", as HAProxy shows it for servers. */
static void
cell_limit(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	if (row->v[f].type != ST_NONE && row->v[f].u != 0)
		st_html_num(o, row->v[f].u);
	else if (row->kind == ST_SERVER || row->kind == ST_LISTENER ||
	    (row->kind == ST_FRONTEND && f == ST_F_rate_lim))
		tw_out_char(o, '-');
}

static void
cell_bytes(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	static const char *const units[] = { "k", "M", "G", "T", "P", "E" };
	const uint64_t v = row->v[f].u;
	double shown = (double)v;
	int unit = -1;

	if (v < 1000000) {
		st_html_num(o, v);
		return;
	}
	while (shown >= 1000) {
		shown /= 1000;
		unit++;
	}
	tw_out_printf(o, "<span title=\"%llu bytes\">%.*f\u202f%s</span>",
	    (unsigned long long)v, shown < 100 ? 1 : 0, shown, units[unit]);
}

static void
cell_last(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	if (row->v[f].type != ST_NONE)
		st_html_time(o, row->v[f].s);
}

static void
cell_status(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	const enum st_state state =
	    row->kind == ST_SERVER ? st_state_of(row->srv) : ST_N_STATES;

	if (row->v[ST_F_lastchg].type != ST_NONE) {
		tw_out_lit(o, "<span class=\"age\">");
		st_html_time(o, (int64_t)row->v[ST_F_lastchg].u);
		tw_out_lit(o, "</span> ");
	}
	tw_out_lit(o, "<b class=\"st\">");
	st_html_text(o, row->v[f].str);
	if (state == ST_GOING_DOWN)
		tw_out_lit(o, " \u2193");
	else if (state == ST_GOING_UP)
		tw_out_lit(o, " \u2191");
	tw_out_lit(o, "</b>");
}

static void
cell_check(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	if (row->v[f].type == ST_NONE)
		return;
	tw_out_lit(o, "<span title=\"");
	if (row->v[ST_F_check_desc].type != ST_NONE)
		st_html_text(o, row->v[ST_F_check_desc].str);
	if (row->last_chk[0] != '\0') {
		tw_out_lit(o, ": ");
		st_html_text(o, row->last_chk);
	}
	tw_out_lit(o, "\">");
	st_html_text(o, row->v[f].str);
	if (row->v[ST_F_check_code].type != ST_NONE)
		tw_out_printf(o, "/%u", (unsigned)st_num(row, ST_F_check_code));
	if (row->v[ST_F_check_duration].type != ST_NONE)
		tw_out_printf(
		    o, " in %ums", (unsigned)st_num(row, ST_F_check_duration));
	tw_out_lit(o, "</span>");
}

static void
cell_weight(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	if (row->v[f].type != ST_NONE)
		tw_out_printf(o, "%u/%u", (unsigned)row->v[f].u,
		    (unsigned)st_num(row, ST_F_uweight));
}

/* A server is one of both; a backend counts them. */
static void
cell_role(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	if (row->kind == ST_SERVER)
		tw_out_char(o, row->v[f].u ? 'Y' : '-');
	else if (row->kind == ST_BACKEND)
		tw_out_u64(o, row->v[f].u);
}

static void
cell_time(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	if (row->v[f].type != ST_NONE)
		st_html_time(o, (int64_t)row->v[f].u);
}

static void
cell_throttle(const struct st_row *row, enum st_field f, struct tw_out *o)
{
	if (row->v[f].type != ST_NONE)
		tw_out_printf(o, "%u%%", (unsigned)row->v[f].u);
	else if (row->kind == ST_SERVER)
		tw_out_char(o, '-');
}

struct column {
	const char *group; /* over the columns from here on; NULL: goes on */
	int group_span;
	const char *head, *title;
	enum st_field field;
	cell_fn *cell;
};

static const struct column columns[] = {
	{ "Queue", 3, "Cur", "requests waiting now", ST_F_qcur, cell_num },
	{ NULL, 0, "Max", "most requests that waited", ST_F_qmax, cell_num },
	{ NULL, 0, "Limit", "most that may wait", ST_F_qlimit, cell_limit },
	{ "Session rate", 3, "Cur", "sessions in the last second", ST_F_rate,
	    cell_num },
	{ NULL, 0, "Max", "most sessions in a second", ST_F_rate_max, cell_num },
	{ NULL, 0, "Limit", "most sessions a second", ST_F_rate_lim, cell_limit },
	{ "Sessions", 6, "Cur", "sessions now", ST_F_scur, cell_num },
	{ NULL, 0, "Max", "most sessions at a time", ST_F_smax, cell_num },
	{ NULL, 0, "Limit", "most sessions allowed", ST_F_slim, cell_limit },
	{ NULL, 0, "Total", "sessions since the start", ST_F_stot, cell_num },
	{ NULL, 0, "LbTot", "times chosen by load balancing", ST_F_lbtot, cell_num },
	{ NULL, 0, "Last", "since the last session", ST_F_lastsess, cell_last },
	{ "Bytes", 2, "In", "bytes from clients", ST_F_bin, cell_bytes },
	{ NULL, 0, "Out", "bytes to clients", ST_F_bout, cell_bytes },
	{ "Denied", 2, "Req", "requests denied by rules", ST_F_dreq, cell_num },
	{ NULL, 0, "Resp", "responses denied by rules", ST_F_dresp, cell_num },
	{ "Errors", 3, "Req", "bad or incomplete requests", ST_F_ereq, cell_num },
	{ NULL, 0, "Conn", "errors connecting to a server", ST_F_econ, cell_num },
	{ NULL, 0, "Resp", "bad responses", ST_F_eresp, cell_num },
	{ "Warnings", 2, "Retr", "connection retries", ST_F_wretr, cell_num },
	{ NULL, 0, "Redis", "redispatches to another server", ST_F_wredis, cell_num },
	{ "Server", 9, "Status", "state, and since when", ST_F_status, cell_status },
	{ NULL, 0, "LastChk", "result of the last check", ST_F_check_status,
	    cell_check },
	{ NULL, 0, "Wght", "weight: effective / configured", ST_F_weight, cell_weight },
	{ NULL, 0, "Act", "active servers", ST_F_act, cell_role },
	{ NULL, 0, "Bck", "backup servers", ST_F_bck, cell_role },
	{ NULL, 0, "Chk", "failed checks while up", ST_F_chkfail, cell_num },
	{ NULL, 0, "Dwn", "transitions to DOWN", ST_F_chkdown, cell_num },
	{ NULL, 0, "Dwntme", "total time DOWN", ST_F_downtime, cell_time },
	{ NULL, 0, "Thrtle", "share of its weight during slow start", ST_F_throttle,
	    cell_throttle },
};

/* Columns of the same width in every table are easier to follow. */
static const char *
column_css(const struct column *c)
{
	if (c->cell == cell_status || c->cell == cell_check)
		return " wide";
	return c->cell == cell_bytes || c->field == ST_F_stot ? " mid" : "";
}

void
st_html_thead(struct tw_out *o)
{
	tw_out_lit(o, "<thead><tr><th rowspan=\"2\" class=\"n\">Name</th>");
	for (size_t i = 0; i < TW_N_ELEMENTS(columns); i++)
		if (columns[i].group != NULL)
			tw_out_printf(o,
			    "<th class=\"g\" colspan=\"%d\" scope=\"colgroup\">"
			    "%s</th>",
			    columns[i].group_span, columns[i].group);
	tw_out_lit(o, "</tr><tr>");
	for (size_t i = 0; i < TW_N_ELEMENTS(columns); i++)
		tw_out_printf(o,
		    "<th class=\"%s%s\" scope=\"col\" title=\"%s\">%s"
		    "</th>",
		    columns[i].group != NULL ? "g" : "", column_css(&columns[i]),
		    columns[i].title, columns[i].head);
	tw_out_lit(o, "</tr></thead>\n");
}

/* "2.1.3": kind, proxy, number; unique in the page. */
static void
row_key(const struct st_row *row, struct tw_out *o)
{
	tw_out_printf(o, "%u.%d.%u", (unsigned)st_num(row, ST_F_iid), row->kind,
	    (unsigned)st_num(row, ST_F_sid));
}

static const char *
row_css(const struct st_row *row)
{
	switch (row->kind) {
	case ST_FRONTEND:
		return "frontend";
	case ST_LISTENER:
		return "socket";
	case ST_BACKEND:
		return strcmp(row->v[ST_F_status].str, "DOWN") == 0 ? "backend down"
								    : "backend";
	default:
		return st_state_name[st_state_of(row->srv)].css;
	}
}

/* As HAProxy names its anchors: "web/Frontend", "b/s1", "b/+sock". */
static void
row_anchor(const struct st_row *row, struct tw_out *o)
{
	st_html_text(o, row->v[ST_F_pxname].str);
	tw_out_char(o, '/');
	if (row->kind == ST_LISTENER)
		tw_out_char(o, '+');
	if (row->kind == ST_FRONTEND)
		tw_out_lit(o, "Frontend");
	else if (row->kind == ST_BACKEND)
		tw_out_lit(o, "Backend");
	else
		st_html_text(o, row->v[ST_F_svname].str);
}

static void
row_name(const struct st_report *rp, struct tw_out *o)
{
	const struct st_row *row = &rp->row;
	const char *name = row->kind == ST_FRONTEND ? "Frontend"
	    : row->kind == ST_BACKEND               ? "Backend"
						    : row->v[ST_F_svname].str;

	tw_out_lit(o, "<th scope=\"row\" class=\"n\">");
	if (rp->admin && row->kind == ST_SERVER) {
		tw_out_lit(o, "<input type=\"checkbox\" name=\"s\" value=\"");
		st_html_text(o, name);
		tw_out_lit(o, "\" aria-label=\"select ");
		st_html_text(o, name);
		tw_out_lit(o, "\">");
	}
	tw_out_lit(
	    o, "<button type=\"button\" class=\"more\" aria-expanded=\"false\">");
	st_html_text(o, name);
	tw_out_lit(o, "</button>");
	if (row->kind == ST_SERVER && tw_server_is_backup(row->srv))
		tw_out_lit(o, "<small>backup</small>");
	/* For narrow screens, where the status is out of sight. */
	tw_out_lit(o, " <span class=\"brief st\">");
	st_html_text(o, row->v[ST_F_status].str);
	tw_out_lit(o, "</span></th>");
}

void
st_html_row(struct st_report *rp, struct tw_out *o)
{
	const struct st_row *row = &rp->row;

	tw_out_lit(o, "<tr data-r=\"");
	row_key(row, o);
	tw_out_printf(o, "\" class=\"%s %s\" id=\"",
	    row->kind == ST_SERVER ? "server" : "sum", row_css(row));
	row_anchor(row, o);
	tw_out_lit(o, "\">");
	row_name(rp, o);
	for (size_t i = 0; i < TW_N_ELEMENTS(columns); i++) {
		const struct column *c = &columns[i];

		if (c->group != NULL)
			tw_out_lit(o, "<td class=\"g\">");
		else
			tw_out_lit(o, "<td>");
		c->cell(row, c->field, o);
		tw_out_lit(o, "</td>");
	}
	tw_out_lit(o, "</tr>\n<tr data-r=\"");
	row_key(row, o);
	tw_out_lit(o,
	    "+\" class=\"details\" hidden><td colspan=\"" ST_HTML_COLUMNS "\"><div>");
	st_html_more(rp, o);
	tw_out_lit(o, "</div></td></tr>\n");
}
