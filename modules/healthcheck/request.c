/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * request.c - the request of an HTTP check.
 *
 * Made for each check, because formats and the server's state may be part of
 * it. Header names go out in lower case and HTTP/1.1 gets "connection:
 * close", as HAProxy sends them. Control thread. source: RFC 9112; HAProxy's
 * manual, http-check send and send-state.
 */
#include <tideway/stats.h>

#include "hc.h"

static void
text_out(const struct hc_text *t, struct tw_req *req, struct tw_out *out)
{
	if (t->fmt != NULL)
		tw_logfmt_out(t->fmt, req, out);
	else
		tw_out_str(out, t->s);
}

struct tw_str
hc_text_of(const struct hc_text *t, struct tw_req *req)
{
	char mem[HC_TEXT_MAX];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	if (t->fmt == NULL)
		return t->s;
	tw_logfmt_out(t->fmt, req, &o);
	return tw_req_copy(req, (struct tw_str){ mem, (size_t)(o.p - mem) });
}

static bool
is_given(const struct hc_text *t)
{
	return t->fmt != NULL || t->s.p != NULL;
}

/* What a format made must not begin another line. */
static void
one_line(char *p, const char *end)
{
	for (; p < end; p++)
		if (*p == '\r' || *p == '\n' || *p == '\0')
			*p = ' ';
}

static const char *
version_of(const struct hc_send *s, const struct hc_send *opt)
{
	return s->version                 ? s->version
	    : opt != NULL && opt->version ? opt->version
					  : "HTTP/1.0";
}

static void
request_line(const struct hc_send *s, const struct hc_send *opt, struct tw_req *req,
    struct tw_out *out, struct hc_request *r)
{
	const char *const method = s->method ? s->method
	    : opt != NULL && opt->method     ? opt->method
					     : "OPTIONS";
	char *const from = out->p;

	tw_out_printf(out, "%s ", method);
	char *const target = out->p;
	if (is_given(&s->uri))
		text_out(&s->uri, req, out);
	else if (opt != NULL && is_given(&opt->uri))
		text_out(&opt->uri, req, out);
	else
		tw_out_char(out, '/');
	one_line(from, out->p);
	r->method = (struct tw_str){ from, strlen(method) };
	r->target = (struct tw_str){ target, (size_t)(out->p - target) };
	tw_out_printf(out, " %s\r\n", version_of(s, opt));
}

static void
headers_out(const struct hc_send *s, struct tw_req *req, struct tw_out *out)
{
	for (const struct hc_header *h = s->headers; h != NULL; h = h->next) {
		tw_out_str(out, h->name);
		tw_out_lit(out, ": ");
		char *const from = out->p;
		text_out(&h->value, req, out);
		one_line(from, out->p);
		tw_out_lit(out, "\r\n");
	}
}

static uint32_t
backend_sessions(const struct tw_proxy *px)
{
	struct tw_gauges g = { 0 };

	tw_proxy_gauges(px, TW_BACKEND, &g);
	return g.cur;
}

static void
where_out(const struct tw_server *srv, struct tw_out *out)
{
	const struct tw_addr *const a = tw_server_addr(srv);

	tw_out_lit(out, "address=");
	tw_addr_out(out, a);
	if (a->family == AF_UNIX)
		tw_out_lit(out, "; port=unix");
	else
		tw_out_printf(out, "; port=%u", a->port);
}

void
hc_state_out(const struct tw_server *srv, struct tw_out *out)
{
	const struct tw_proxy *const px = tw_server_proxy(srv);
	struct tw_process_info info;
	struct tw_gauges g = { 0 };
	char status[32];
	int active, backup;
	uint32_t weight;

	tw_server_status_text(srv, status);
	tw_process_info(&info);
	tw_server_gauges(srv, &g);
	tw_proxy_usable(px, &active, &backup, &weight);
	tw_out_printf(out, "x-haproxy-server-state: %s; ", status);
	where_out(srv, out);
	tw_out_printf(out,
	    "; name=%s/%s; node=%s; weight=%u/%u; scur=%u/%u; qcur=%u\r\n",
	    tw_proxy_name(px), tw_server_name(srv), info.node ? info.node : "",
	    (unsigned)tw_server_weight(srv), (unsigned)weight, (unsigned)g.cur,
	    (unsigned)backend_sessions(px), (unsigned)g.queue);
}

void
hc_http_request(const struct hc_send *s, const struct hc_send *opt, struct tw_req *req,
    struct tw_out *out, struct hc_request *r)
{
	const struct tw_server *const srv = req != NULL ? tw_req_server(req) : NULL;
	const struct hc_send *const body_of = s->has_body || opt == NULL ? s : opt;
	char mem[HC_REQUEST_MAX];
	struct tw_out body = tw_out_of(mem, sizeof(mem));

	request_line(s, opt, req, out, r);
	char *const fields = out->p;
	if (opt != NULL)
		headers_out(opt, req, out);
	headers_out(s, req, out);
	if (srv != NULL && hc_conf_of(srv)->send_state)
		hc_state_out(srv, out);
	if (body_of->has_body) {
		text_out(&body_of->body, req, &body);
		tw_out_printf(out, "content-length: %zu\r\n", (size_t)(body.p - mem));
	}
	if (!s->has_connection && (opt == NULL || !opt->has_connection) &&
	    strcmp(version_of(s, opt), "HTTP/1.0") != 0)
		tw_out_lit(out, "connection: close\r\n");
	r->fields = (struct tw_str){ fields, (size_t)(out->p - fields) };
	tw_out_lit(out, "\r\n");
	r->body = (struct tw_str){ out->p, (size_t)(body.p - mem) };
	tw_out_mem(out, mem, r->body.len);
	out->over = out->over || body.over;
}
