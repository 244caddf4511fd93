/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * html.h - what the files that write the page share.
 */
#ifndef STATS_HTML_H
#define STATS_HTML_H

#include "st.h"

/* How a server is, for colours, filters and the summary. */
enum st_state {
	ST_UP, ST_GOING_DOWN, ST_GOING_UP, ST_DOWN, ST_NOLB, ST_MAINT, ST_DRAIN,
	ST_NO_CHECK, ST_N_STATES
};
extern const struct st_state_name {
	const char *css, *label, *legend;
} st_state_name[ST_N_STATES];
enum st_state st_state_of(const struct tw_server *srv);

/** st_html_num - a number in groups of three digits. */
void st_html_num(struct tw_out *o, uint64_t v);
/** st_html_time - seconds, as HAProxy shows them: "2d3h", "1m5s". */
void st_html_time(struct tw_out *o, int64_t s);
/** st_html_row - a table row, and the hidden one with the details below. */
void st_html_row(struct st_report *rp, struct tw_out *o);
/** st_html_more - the details. */
void st_html_more(struct st_report *rp, struct tw_out *o);
/** st_html_thead - the two rows above. */
void st_html_thead(struct tw_out *o);
/* A module's own table: html_table.c. */
void st_html_table_begin(struct st_report *rp, struct tw_out *o);
void st_html_table_row(struct st_report *rp, struct tw_out *o);
void st_html_table_end(struct st_report *rp, struct tw_out *o);
#define ST_HTML_COLUMNS "31"

#endif
