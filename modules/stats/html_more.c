/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * html_more.c - the details below a row: what HAProxy shows when the mouse
 * rests on a value. Hidden until its row's name is pressed. Worker.
 */
#include "html.h"

static void
list_begin(struct tw_out *o, const char *title)
{
	tw_out_printf(o, "<dl><div class=\"h\">%s</div>", title);
}

static void
list_end(struct tw_out *o)
{
	tw_out_lit(o, "</dl>");
}

static void
item(struct tw_out *o, const char *label, uint64_t v)
{
	tw_out_printf(o, "<dt>%s</dt><dd>", label);
	st_html_num(o, v);
	tw_out_lit(o, "</dd>");
}

/* in: unit, after the number. Nothing when the field is not there. */
static void
field(const struct st_row *row, struct tw_out *o, enum st_field f, const char *label,
    const char *unit)
{
	if (row->v[f].type == ST_NONE)
		return;
	tw_out_printf(o, "<dt>%s</dt><dd>", label);
	if (row->v[f].type == ST_STR)
		st_html_text(o, row->v[f].str);
	else
		st_html_num(o, row->v[f].u);
	tw_out_printf(o, "%s</dd>", unit);
}

static void
more_rates(const struct st_row *row, struct tw_out *o)
{
	list_begin(o, "Rates");
	field(row, o, ST_F_conn_rate, "Connections", "/s");
	field(row, o, ST_F_conn_rate_max, "Connections, max", "/s");
	field(row, o, ST_F_rate, "Sessions", "/s");
	field(row, o, ST_F_rate_max, "Sessions, max", "/s");
	field(row, o, ST_F_req_rate, "Requests", "/s");
	field(row, o, ST_F_req_rate_max, "Requests, max", "/s");
	list_end(o);
}

static void
more_totals(const struct st_row *row, struct tw_out *o)
{
	list_begin(o, "Totals");
	field(row, o, ST_F_conn_tot, "Cum. connections", "");
	field(row, o, ST_F_stot, "Cum. sessions", "");
	field(row, o, ST_F_connect, "New connections", "");
	field(row, o, ST_F_reuse, "Reused connections", "");
	if (row->v[ST_F_reuse].type != ST_NONE) {
		const uint64_t all =
		    st_num(row, ST_F_reuse) + st_num(row, ST_F_connect);

		tw_out_printf(o, "<dt>Reuse</dt><dd>%u%%</dd>",
		    (unsigned)(all ? st_num(row, ST_F_reuse) * 100 / all : 0));
	}
	field(row, o, ST_F_req_tot, "Cum. HTTP requests", "");
	field(row, o, ST_F_intercepted, "Intercepted requests", "");
	field(row, o, ST_F_wrew, "Failed hdr rewrites", "");
	field(row, o, ST_F_eint, "Internal errors", "");
	list_end(o);
}

static void
more_answers(const struct st_row *row, struct tw_out *o)
{
	if (row->v[ST_F_hrsp_2xx].type == ST_NONE)
		return;
	list_begin(o, "HTTP responses");
	field(row, o, ST_F_hrsp_1xx, "1xx", "");
	field(row, o, ST_F_hrsp_2xx, "2xx", "");
	field(row, o, ST_F_hrsp_3xx, "3xx", "");
	field(row, o, ST_F_hrsp_4xx, "4xx", "");
	field(row, o, ST_F_hrsp_5xx, "5xx", "");
	field(row, o, ST_F_hrsp_other, "other", "");
	list_end(o);
}

/* What was saved, of all that passed, as HAProxy has it. */
static void
more_compression(const struct st_row *row, struct tw_out *o)
{
	const uint64_t in = st_num(row, ST_F_comp_in), out = st_num(row, ST_F_comp_out);

	if (row->v[ST_F_comp_in].type == ST_NONE ||
	    (in == 0 && st_num(row, ST_F_comp_byp) == 0))
		return;
	list_begin(o, "Compression");
	field(row, o, ST_F_comp_rsp, "Responses", "");
	field(row, o, ST_F_comp_in, "In", " bytes");
	field(row, o, ST_F_comp_out, "Out", " bytes");
	field(row, o, ST_F_comp_byp, "Passed by", " bytes");
	tw_out_printf(o, "<dt>Savings</dt><dd>%u%%</dd>",
	    (unsigned)(in > out ? (in - out) * 100 / in : 0));
	list_end(o);
}

static void
time_item(const struct st_row *row, struct tw_out *o, const char *label,
    enum st_field max, enum st_field avg)
{
	tw_out_printf(o, "<dt>%s</dt><dd>", label);
	st_html_num(o, st_num(row, max));
	tw_out_lit(o, " / ");
	st_html_num(o, st_num(row, avg));
	tw_out_lit(o, " ms</dd>");
}

static void
more_times(const struct st_row *row, struct tw_out *o)
{
	if (row->v[ST_F_qtime].type == ST_NONE)
		return;
	list_begin(o, "Max / avg over last 1024");
	time_item(row, o, "Queue time", ST_F_qtime_max, ST_F_qtime);
	time_item(row, o, "Connect time", ST_F_ctime_max, ST_F_ctime);
	if (tw_proxy_mode(row->px) == TW_MODE_HTTP)
		time_item(row, o, "Response time", ST_F_rtime_max, ST_F_rtime);
	time_item(row, o, "Total time", ST_F_ttime_max, ST_F_ttime);
	list_end(o);
}

static void
more_aborts(const struct st_row *row, struct tw_out *o)
{
	if (row->v[ST_F_cli_abrt].type == ST_NONE)
		return;
	list_begin(o, "Aborted transfers");
	item(o, "by the client", st_num(row, ST_F_cli_abrt));
	item(o, "by the server", st_num(row, ST_F_srv_abrt));
	field(row, o, ST_F_used_conn_cur, "Connections in use", "");
	field(row, o, ST_F_srv_icur, "Connections idle", "");
	list_end(o);
}

static void
more_check(const struct st_row *row, struct tw_out *o)
{
	if (row->v[ST_F_check_desc].type == ST_NONE)
		return;
	list_begin(o, "Last check");
	field(row, o, ST_F_check_status, "Status", "");
	field(row, o, ST_F_check_desc, "Meaning", "");
	if (row->last_chk[0] != '\0')
		field(row, o, ST_F_last_chk, "Info", "");
	field(row, o, ST_F_check_code, "Code", "");
	field(row, o, ST_F_check_duration, "Duration", " ms");
	tw_out_printf(o, "<dt>Health</dt><dd>%d of %d (rise %d, fall %d)</dd>",
	    row->check.health, row->check.rise + row->check.fall - 1, row->check.rise,
	    row->check.fall);
	list_end(o);
}

static void
more_legend(const struct st_report *rp, struct tw_out *o)
{
	const struct st_row *row = &rp->row;

	if (!rp->conf->legends)
		return;
	list_begin(o, "Identity");
	field(row, o, ST_F_addr, "Address", "");
	field(row, o, ST_F_algo, "Balancing", "");
	field(row, o, ST_F_cookie, "Cookie", "");
	item(o, "Proxy id", st_num(row, ST_F_iid));
	if (row->kind == ST_SERVER || row->kind == ST_LISTENER)
		item(o, "id", st_num(row, ST_F_sid));
	list_end(o);
}

void
st_html_more(struct st_report *rp, struct tw_out *o)
{
	const struct st_row *row = &rp->row;

	more_legend(rp, o);
	more_check(row, o);
	if (row->kind == ST_FRONTEND)
		more_rates(row, o);
	more_totals(row, o);
	more_answers(row, o);
	more_compression(row, o);
	more_times(row, o);
	more_aborts(row, o);
}
