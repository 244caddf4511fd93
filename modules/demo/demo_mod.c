/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * demo_mod.c - a web server to try a balancer with.
 *
 * `demo-origin NAME` in a frontend: every request is answered here, with a
 * page that says who answered and shows what arrived, so that one sees the
 * balancing, the cookies and the added headers at work. The name is in the
 * header X-Origin too, for scripts. What peers sent is escaped for HTML.
 */
#include <stdio.h>

#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/req.h>
#include <tideway/stats.h>

#define PAGE_MAX 65536u
#define SHOWN_MAX 512u /* bytes of a value that are shown */

struct demo_proxy {
	const char *name; /* gen; NULL: not configured */
};

static const struct tw_self *self; /* set once, at load */

static const char style[] =
    "<style>"
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;"
    "padding:0 1rem}"
    "h1{font-size:1.1rem;font-weight:500;opacity:.7;margin:0}"
    ".who{font-size:3rem;font-weight:700;margin:.1em 0;"
    "color:light-dark(#0b6bcb,#7cc0ff)}"
    "table{border-collapse:collapse;width:100%;margin-top:1.5rem}"
    "td{padding:.3rem .6rem;border-top:1px solid #8884;vertical-align:top;"
    "font-family:ui-monospace,monospace;font-size:.85rem;"
    "overflow-wrap:anywhere}"
    "td:first-child{opacity:.7;white-space:nowrap}"
    "</style>";

static int
demo_load(const struct tw_self *me, struct tw_err *err)
{
	(void)err;
	self = me;
	return 0;
}

static bool
demo_wants(const struct tw_proxy *px)
{
	const struct demo_proxy *p = tw_proxy_block(px, self);

	return p->name != NULL && tw_proxy_mode(px) == TW_MODE_HTTP;
}

/* Text of a peer's, harmless inside HTML. */
static void
out_html(struct tw_out *o, struct tw_str s)
{
	const size_t len = s.len < SHOWN_MAX ? s.len : SHOWN_MAX;

	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if (c == '<')
			tw_out_lit(o, "&lt;");
		else if (c == '>')
			tw_out_lit(o, "&gt;");
		else if (c == '&')
			tw_out_lit(o, "&amp;");
		else if (c == '"')
			tw_out_lit(o, "&quot;");
		else
			tw_out_char(o, c < ' ' || c >= 0x7f ? '?' : (char)c);
	}
	if (len < s.len)
		tw_out_lit(o, " ...");
}

static void
out_row(struct tw_out *o, struct tw_str name, struct tw_str value)
{
	tw_out_lit(o, "<tr><td>");
	out_html(o, name);
	tw_out_lit(o, "</td><td>");
	out_html(o, value);
	tw_out_lit(o, "</td></tr>\n");
}

static void
out_request(struct tw_out *o, struct tw_req *req)
{
	const struct tw_msg *msg = tw_req_request(req);
	const struct tw_addr *src = tw_conn_src(tw_req_conn(req));
	char text[128];
	struct tw_out from = tw_out_of(text, sizeof(text));

	tw_addr_port_out(&from, src);
	tw_out_lit(o, "<table>\n");
	out_row(o, TW_STR("from"), (struct tw_str){ text, (size_t)(from.p - text) });
	out_row(o, TW_STR("method"), msg->method_name);
	out_row(o, TW_STR("target"), msg->target);
	for (int i = 0; i < msg->n_hdr; i++) {
		const struct tw_hdr *h = &msg->hdr[i];

		if (!(h->flags & TW_HDR_DELETED))
			out_row(o, (struct tw_str){ h->name, h->name_len },
			    tw_hdr_value(h));
	}
	tw_out_lit(o, "</table>\n");
}

static void
out_page(struct tw_out *o, struct tw_req *req, const char *name, uint64_t count)
{
	tw_out_lit(o,
	    "<!DOCTYPE html>\n<html lang=\"en\"><head>"
	    "<meta charset=\"utf-8\"><meta name=\"viewport\" "
	    "content=\"width=device-width,initial-scale=1\"><title>");
	out_html(o, tw_str_of(name));
	tw_out_lit(o, "</title>");
	tw_out_lit(o, style);
	tw_out_lit(o,
	    "</head>\n<body><h1>This page comes from</h1>"
	    "<p class=\"who\">");
	out_html(o, tw_str_of(name));
	tw_out_lit(o, "</p>\n<p>Request ");
	tw_out_u64(o, count);
	tw_out_lit(o, " that was answered here. What arrived:</p>\n");
	out_request(o, req);
	tw_out_lit(o, "</body></html>\n");
}

static enum tw_verdict
demo_on_request(struct tw_req *req, void *state)
{
	static const struct tw_origin origin = { "demo-origin", NULL, 0 };
	const struct demo_proxy *p = tw_proxy_block(tw_req_proxy(req), self);
	char *page = tw_arena_try(tw_req_arena(req), PAGE_MAX);
	struct tw_str *headers = tw_arena_try(tw_req_arena(req), 4 * sizeof(*headers));
	struct tw_out o;

	(void)state;
	if (page == NULL || headers == NULL)
		return tw_req_fail(req, 503, "out of memory", &origin);
	headers[0] = TW_STR("X-Origin");
	headers[1] = tw_str_of(p->name);
	headers[2] = TW_STR("Cache-Control");
	headers[3] = TW_STR("no-store");
	o = tw_out_of(page, PAGE_MAX);
	out_page(
	    &o, req, p->name, tw_proxy_sum(tw_req_proxy(req), TW_FRONTEND, TW_CNT_REQ));
	return tw_req_reply(req,
	    &(struct tw_reply){
		.status = 200,
		.content_type = TW_STR("text/html; charset=utf-8"),
		.headers = headers,
		.n_headers = 2,
		.body = { page, (size_t)(o.p - page) },
	    },
	    &origin);
}

static const struct tw_kw keywords[] = {
	{
	    .word = "demo-origin",
	    .scopes = TW_SC_FRONTEND,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw_set_str,
	    .offset = offsetof(struct demo_proxy, name),
	    .flags = TW_KW_HTTP,
	    .usage = "<name>",
	    .help = "Answers every request with a page that shows the name and "
		    "the request.",
	},
	{ .word = NULL },
};

static const struct tw_hook hooks[] = {
	{ TW_ON_REQUEST, demo_on_request, "demo_on_request", demo_wants },
	{ .fn = NULL },
};

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "demo",
	.version = "1.0",
	.summary = "demo-origin: a web server to try a balancer with",
	.size_of = { [TW_IN_PROXY] = sizeof(struct demo_proxy) },
	.keywords = keywords,
	.hooks = hooks,
	.load = demo_load,
};
