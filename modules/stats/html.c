/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * html.c - the frame of the page: head, summary, proxies, actions.
 *
 * Everything is in the one document, style and script too (page.css,
 * page.js), under a policy that allows nothing else. Names and texts from
 * the configuration or from servers are escaped. Worker.
 */
#include "html.h"

static void
text_or(struct tw_out *o, const char *text, const char *fallback)
{
	st_html_text(o, text != NULL ? text : fallback != NULL ? fallback : "");
}

static const char *
node_of(const struct st_report *rp, const struct tw_process_info *p)
{
	if (!rp->conf->show_node)
		return NULL;
	return rp->conf->node != NULL ? rp->conf->node : p->node;
}

static void
head(struct st_report *rp, const struct tw_process_info *p, struct tw_out *o)
{
	const uint32_t refresh_s = rp->opt.no_refresh ? 0 : rp->conf->refresh_s;
	const char *node = node_of(rp, p);

	tw_out_lit(o,
	    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	    "<meta name=\"color-scheme\" content=\"light dark\">"
	    "<title>Statistics Report for tideway");
	if (node != NULL) {
		tw_out_lit(o, " on ");
		st_html_text(o, node);
	}
	tw_out_lit(o, "</title><link rel=\"icon\" href=\"data:,\">");
	if (refresh_s != 0)
		tw_out_printf(o,
		    "<noscript><meta http-equiv=\"refresh\" "
		    "content=\"%u\"></noscript>",
		    refresh_s);
	tw_out_printf(o, "<style nonce=\"%s\">", rp->nonce);
	tw_out_mem(o, st_page_css, st_page_css_len);
	tw_out_printf(o, "</style></head>\n<body data-refresh=\"%u\">", refresh_s);
}

/* --- the summary --- */

static void
count_states(struct tw_gen *gen, int n[ST_N_STATES])
{
	struct tw_proxy *px;
	struct tw_server *srv;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		if (!tw_proxy_is_disabled(px) && tw_proxy_has(px, TW_BACKEND))
			for (int s = 0; (srv = tw_proxy_server(px, s)) != NULL; s++)
				n[st_state_of(srv)]++;
}

static void
summary(struct tw_gen *gen, struct tw_out *o)
{
	int n[ST_N_STATES] = { 0 }, total = 0;

	count_states(gen, n);
	for (int i = 0; i < ST_N_STATES; i++)
		total += n[i];
	tw_out_printf(o,
	    "<div id=\"summary\"><span class=\"total\"><b>%d</b> "
	    "server%s</span>",
	    total, total == 1 ? "" : "s");
	for (int i = 0; i < ST_N_STATES; i++)
		if (n[i] > 0 || i == ST_UP || i == ST_DOWN)
			tw_out_printf(o,
			    "<button type=\"button\" class=\"chip %s%s\" "
			    "data-state=\"%s\" aria-pressed=\"false\" title=\"show only "
			    "these\"><b>%d</b> %s</button>",
			    st_state_name[i].css, n[i] == 0 ? " none" : "",
			    st_state_name[i].css, n[i], st_state_name[i].label);
	tw_out_lit(o, "</div>\n");
}

/* --- the process --- */

static void
fact(struct tw_out *o, const char *label, uint64_t v, const char *unit)
{
	tw_out_printf(o, "<div><dt>%s</dt><dd>", label);
	st_html_num(o, v);
	tw_out_printf(o, "%s</dd></div>", unit);
}

static void
bit_rate(struct tw_out *o, uint64_t bytes)
{
	static const char *const units[] = { "bps", "kbps", "Mbps", "Gbps", "Tbps" };
	double v = (double)bytes * 8;
	size_t unit = 0;

	while (v >= 1000 && unit + 1 < TW_N_ELEMENTS(units)) {
		v /= 1000;
		unit++;
	}
	tw_out_printf(o, "<div><dt>bit rate</dt><dd>%.*f %s</dd></div>",
	    unit > 0 && v < 100 ? 1 : 0, v, units[unit]);
}

/* What modules count of their own. */
static void
module_counters(struct tw_out *o)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++) {
		const struct tw_counter *const c = self->module->counters;
		for (int k = 0; c != NULL && c[k].name != NULL; k++)
			fact(o, c[k].name, tw_count_sum(self, k), "");
	}
}

static void
process(const struct tw_process_info *p, struct tw_out *o)
{
	tw_out_printf(o,
	    "<dl id=\"process\"><div><dt>pid</dt><dd>%d "
	    "<small>(nbthread %d)</small></dd></div>",
	    p->pid, p->n_threads);
	tw_out_printf(o, "<div><dt>uptime</dt><dd>%llud %lluh%02llum%02llus</dd></div>",
	    (unsigned long long)p->uptime_s / 86400,
	    (unsigned long long)p->uptime_s / 3600 % 24,
	    (unsigned long long)p->uptime_s / 60 % 60,
	    (unsigned long long)p->uptime_s % 60);
	fact(o, "current conns", p->cur_conns, "");
	fact(o, "conn rate", p->conn_rate, "/s");
	bit_rate(o, p->bytes_out_rate);
	fact(o, "maxconn", p->maxconn, "");
	fact(o, "maxsock", p->maxsock, "");
	fact(o, "ulimit-n", p->ulimit_n, "");
	fact(o, "cum. conns", p->cum_conns, "");
	fact(o, "cum. requests", p->cum_req, "");
	fact(o, "listeners", p->n_listeners, "");
	fact(o, "reloads", p->generation > 0 ? p->generation - 1 : 0, "");
	fact(o, "idle", p->idle_pct, " %");
	if (p->log_lost > 0)
		fact(o, "log lines lost", p->log_lost, "");
	module_counters(o);
	tw_out_lit(o, "</dl>\n");
}

/* --- display options, legend, messages --- */

static void
option_link(
    struct st_report *rp, struct tw_out *o, const char *suffix, const char *label)
{
	tw_out_lit(o, "<a href=\"");
	st_html_text(o, rp->path);
	tw_out_printf(o, "%s\">%s</a>", suffix, label);
}

static void
links(struct st_report *rp, struct tw_out *o)
{
	const struct st_options *opt = &rp->opt;

	tw_out_lit(o, "<nav aria-label=\"Display option\">");
	if (opt->up)
		option_link(
		    rp, o, opt->no_refresh ? ";norefresh" : "", "Show all servers");
	else
		option_link(rp, o, opt->no_refresh ? ";up;norefresh" : ";up",
		    "Hide \u2018DOWN\u2019 servers");
	if (rp->conf->refresh_s > 0)
		option_link(rp, o,
		    opt->no_refresh ? opt->up ? ";up" : ""
			: opt->up   ? ";up;norefresh"
				    : ";norefresh",
		    opt->no_refresh ? "Enable refresh" : "Disable refresh");
	option_link(rp, o, ";csv;norefresh", "CSV export");
	option_link(rp, o, ";json;norefresh", "JSON export");
	tw_out_lit(o, "</nav>\n");
}

static void
legend(struct tw_out *o)
{
	tw_out_lit(o, "<details id=\"legend\"><summary>Legend</summary><ul>");
	for (int i = 0; i < ST_N_STATES; i++)
		tw_out_printf(o,
		    "<li><span class=\"swatch %s\"></span>active or backup "
		    "%s</li>",
		    st_state_name[i].css, st_state_name[i].legend);
	tw_out_lit(o,
	    "</ul><p>Press a name for details. \u201cNOLB\u201d and "
	    "\u201cDRAIN\u201d are UP with load-balancing disabled.</p></details>\n");
}

static void
message(struct st_report *rp, struct tw_out *o)
{
	static const struct {
		const char *code, *css, *text;
	} texts[] = {
		{ "DONE", "good", "Action processed successfully." },
		{ "NONE", "fair", "Nothing has changed." },
		{ "PART", "fair",
		    "Action partially processed. Some server names are "
		    "probably unknown or ambiguous." },
		{ "ERRP", "bad",
		    "Action not processed because of invalid parameters: "
		    "the action, the backend or the server names are unknown." },
		{ "EXCD", "bad",
		    "Action not processed: too many servers at a time. "
		    "Retry with less of them." },
		{ "DENY", "bad", "Action denied." },
		{ "UNKN", "fair", "Unexpected result." },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(texts); i++) {
		if (strcmp(texts[i].code, rp->opt.status) != 0)
			continue;
		tw_out_printf(o,
		    "<p class=\"message %s\" role=\"status\">%s <a href=\"",
		    texts[i].css, texts[i].text);
		st_html_text(o, rp->path);
		tw_out_lit(o, "\" aria-label=\"Remove this message\">\u2715</a></p>\n");
	}
}

static void
title(struct st_report *rp, const struct tw_process_info *p, struct tw_out *o)
{
	const char *node = node_of(rp, p);

	tw_out_lit(o, "<header><div class=\"title\"><h1>tideway");
	if (!rp->conf->hide_version) {
		tw_out_lit(o, " <small>version ");
		text_or(o, p->version, "");
		tw_out_lit(o, "</small>");
	}
	tw_out_lit(o, "</h1><p>Statistics Report");
	if (node != NULL) {
		tw_out_lit(o, " on <b>");
		st_html_text(o, node);
		tw_out_lit(o, "</b>");
	}
	if (rp->conf->show_desc) {
		tw_out_lit(o, ": ");
		text_or(o, rp->conf->desc, p->description);
	}
	tw_out_lit(o, "</p></div>\n");
}

static void
html_begin(struct st_report *rp, struct tw_out *o)
{
	struct tw_process_info p = { .pid = 0 };

	tw_process_info(&p);
	head(rp, &p, o);
	title(rp, &p, o);
	summary(tw_gen_running(), o);
	tw_out_lit(o,
	    "<div class=\"tools\"><input type=\"search\" id=\"filter\" "
	    "placeholder=\"Filter by name, address or state\" "
	    "aria-label=\"Filter\" hidden>"
	    "<button type=\"button\" id=\"live\" hidden></button>");
	links(rp, o);
	tw_out_lit(o, "</div></header>\n<main>");
	message(rp, o);
	process(&p, o);
	legend(o);
}

/* --- proxies --- */

static bool
has_actions(const struct st_report *rp)
{
	return rp->admin && tw_proxy_has(rp->px, TW_BACKEND) &&
	    tw_proxy_n_servers(rp->px) > 0;
}

static void
proxy_begin(struct st_report *rp, struct tw_out *o)
{
	const struct tw_proxy *px = rp->px;
	const char *desc = tw_proxy_description(px);
	const bool fe = tw_proxy_has(px, TW_FRONTEND);
	const bool be = tw_proxy_has(px, TW_BACKEND);

	tw_out_printf(o, "<section id=\"p%u\"><h2><a id=\"", tw_proxy_id(px));
	st_html_text(o, tw_proxy_name(px));
	tw_out_lit(o, "\" href=\"#");
	st_html_text(o, tw_proxy_name(px));
	tw_out_lit(o, "\">");
	st_html_text(o, tw_proxy_name(px));
	tw_out_lit(o, "</a>");
	if (rp->conf->legends) {
		tw_out_printf(o, " <small>cap: %s, mode: %s, id: %u",
		    fe && be ? "proxy"
			: fe ? "frontend"
			     : "backend",
		    tw_proxy_mode_name(px), tw_proxy_id(px));
		if (be)
			tw_out_printf(o, ", balancing: %s", tw_proxy_balance(px));
		tw_out_lit(o, "</small>");
	}
	if (desc != NULL) {
		tw_out_lit(o, " <small class=\"desc\">");
		st_html_text(o, desc);
		tw_out_lit(o, "</small>");
	}
	tw_out_lit(o, "</h2>");
	if (has_actions(rp))
		tw_out_lit(o, "<form method=\"post\">");
	tw_out_lit(o, "<div class=\"scroll\" tabindex=\"0\"><table>\n");
	st_html_thead(o);
	tw_out_lit(o, "<tbody>\n");
}

static void
proxy_end(struct st_report *rp, struct tw_out *o)
{
	tw_out_lit(o, "</tbody></table></div>");
	if (has_actions(rp)) {
		tw_out_lit(o,
		    "<div class=\"actions\"><label><input type=\"checkbox\" "
		    "class=\"all\"> all</label> <select name=\"action\" "
		    "aria-label=\"Action on the checked servers\">"
		    "<option value=\"\">Action on the checked servers\u2026</option>");
		for (const struct st_action *a = st_actions; a->word != NULL; a++)
			tw_out_printf(
			    o, "<option value=\"%s\">%s</option>", a->word, a->label);
		tw_out_printf(o,
		    "</select><input type=\"hidden\" name=\"b\" "
		    "value=\"#%u\"><input type=\"hidden\" name=\"t\" value=\"%s\"> "
		    "<button type=\"submit\">Apply</button></div></form>",
		    tw_proxy_id(rp->px), rp->token);
	}
	tw_out_lit(o, "</section>\n");
}

static void
html_end(struct st_report *rp, struct tw_out *o)
{
	tw_out_printf(o,
	    "<p id=\"empty\" hidden>No server matches the filter.</p>"
	    "</main>\n<script nonce=\"%s\">",
	    rp->nonce);
	tw_out_mem(o, st_page_js, st_page_js_len);
	tw_out_lit(o, "</script></body></html>\n");
}

const struct st_writer st_html = {
	.begin = html_begin,
	.proxy_begin = proxy_begin,
	.row = st_html_row,
	.proxy_end = proxy_end,
	.table_begin = st_html_table_begin,
	.table_row = st_html_table_row,
	.table_end = st_html_table_end,
	.end = html_end,
	.tables_first = true,
};
