/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_mod.c - the http module: descriptor and hooks.
 *
 * Brings the HTTP/1 codec, its fetches, error pages and X-Forwarded-For. The
 * field is added at SEND, when frontend and backend are both known and rules
 * have seen the request as the client sent it. Hooks run on workers.
 */
#include "config.h"

#include "h1.h"
#include <tideway/edit.h>

#include "http.h"

static int
http_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	tw__http_self = self;
	return 0;
}

static bool
is_http(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) == TW_MODE_HTTP;
}

/* Set by check(), just before the hooks are asked for: some proxy adds fields.
 * SEND runs on the backend's chain, whatever frontend a request came by. */
static bool is_any_adding;

static bool
is_adding(const struct http_proxy *conf)
{
	return conf->forward.on || conf->originalto.on || conf->opt.forwarded != NULL ||
	    conf->opt.name_header != NULL;
}

static bool
http_wants_send(const struct tw_proxy *px)
{
	return is_http(px) && is_any_adding;
}

/* Settings of the generation are copied to where a codec finds them. */
static int
http_check(struct tw_gen *gen)
{
	const struct http_gen *g = tw_gen_block(gen, tw__http_self);
	struct tw_proxy *px;
	bool ids = false;
	int rc = 0;

	is_any_adding = false;
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		struct http_proxy *conf = tw_proxy_block(px, tw__http_self);

		conf->any_method = g->any_method;
		ids = ids || conf->unique_id_name != NULL;
		is_any_adding |= is_adding(conf);
		rc |= tw__http_check_errors(gen, px);
		tw__http_check_monitor(gen, px);
		tw__http_warn_mode(gen, px, conf);
	}
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		struct http_proxy *conf = tw_proxy_block(px, tw__http_self);

		conf->sees_unique_ids = ids && is_http(px);
	}
	tw__http_captures_check(gen);
	tw__http_tune_check(gen);
	return rc;
}

static bool
is_excepted(const struct http_forward *f, const struct tw_addr *src)
{
	const uint8_t *ip = src->family == AF_INET6 ? src->u.v6 : src->u.v4;
	const size_t len = src->family == AF_INET6 ? 16 : 4;

	if (!f->on || f->except_family != src->family)
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((ip[i] ^ f->except[i]) & f->except_mask[i])
			return false;
	}
	return true;
}

/* Frontend and backend may both ask for it: the backend's name wins (the usual
 * one, too), and one that does not say if-none wins. source: HAProxy's manual,
 * option forwardfor */
static void
forward_add(struct tw_req *req, const struct http_forward *fe,
    const struct http_forward *be, const struct tw_addr *src, struct tw_str name)
{
	struct tw_msg *msg = tw_req_request(req);
	const bool if_none = (!fe->on || fe->if_none) && (!be->on || be->if_none);
	char text[64];
	struct tw_out o = tw_out_of(text, sizeof(text));

	if ((src->family != AF_INET && src->family != AF_INET6) ||
	    is_excepted(fe, src) || is_excepted(be, src))
		return;
	if (be->on ? be->name != NULL : fe->name != NULL)
		name = tw_str_of(be->on ? be->name : fe->name);
	if (if_none && tw_msg_find(msg, name, NULL))
		return;
	tw_addr_out(&o, src);
	struct tw_str value =
	    tw_req_copy(req, (struct tw_str){ text, (size_t)(o.p - text) });

	if (!value.p || tw_msg_add(msg, name, value) != 0)
		tw_proxy_count(tw_req_backend(req), TW_BACKEND, TW_CNT_WREW, 1);
}

/* Each server that is tried gets its own. */
static void
name_header_set(struct tw_req *req, const char *header)
{
	const struct tw_str name = tw_str_of(header);
	const struct tw_str value = tw_str_of(tw_server_name(tw_req_server(req)));
	struct tw_msg *msg = tw_req_request(req);
	struct tw_hdr *h;

	while ((h = tw_msg_find(msg, name, NULL)) != NULL)
		tw_msg_del(msg, h);
	if (tw_msg_add(msg, name, value) != 0 ||
	    (tw_str_ieq(name, TW_STR("host")) && tw_req_host_changed(req, value) != 0))
		tw_proxy_count(tw_req_backend(req), TW_BACKEND, TW_CNT_WREW, 1);
}

static enum tw_verdict
http_on_send(struct tw_req *req, void *state)
{
	struct http_req *r = state;
	struct tw_conn *conn = tw_req_conn(req);
	const struct http_proxy *fe =
	    tw_proxy_block(tw_req_frontend(req), tw__http_self);
	const struct http_proxy *be =
	    tw_proxy_block(tw_req_backend(req), tw__http_self);

	if (be->opt.name_header != NULL)
		name_header_set(req, be->opt.name_header);
	if (r->forwarded)
		return TW_NEXT;
	r->forwarded = true;
	if (be->opt.forwarded != NULL)
		tw__http_forwarded_add(req, be->opt.forwarded);
	if (fe->forward.on || be->forward.on)
		forward_add(req, &fe->forward, &be->forward, tw_conn_src(conn),
		    TW_STR("x-forwarded-for"));
	if (fe->originalto.on || be->originalto.on)
		forward_add(req, &fe->originalto, &be->originalto, tw_conn_dst(conn),
		    TW_STR("x-original-to"));
	return TW_NEXT;
}

/* The frontend's name for the request, told to the server. */
static enum tw_verdict
http_on_send_id(struct tw_req *req, void *state)
{
	struct http_req *r = state;
	const struct http_proxy *fe =
	    tw_proxy_block(tw_req_frontend(req), tw__http_self);

	if (fe->unique_id_name == NULL || r->identified)
		return TW_NEXT;
	const struct tw_str id = tw_req_unique_id(req);

	r->identified = true;
	if (id.p != NULL &&
	    tw_msg_add(tw_req_request(req), tw_str_of(fe->unique_id_name), id) != 0)
		tw_proxy_count(tw_req_backend(req), TW_BACKEND, TW_CNT_WREW, 1);
	return TW_NEXT;
}

static bool
http_sees_unique_ids(const struct tw_proxy *px)
{
	const struct http_proxy *conf = tw_proxy_block(px, tw__http_self);

	return conf->sees_unique_ids;
}

static bool
asks_for_login(struct tw_msg *msg, enum tw_hdr_id id)
{
	for (struct tw_hdr *h = tw_msg_first(msg, id); h; h = tw_msg_next(msg, h)) {
		if ((h->value_len >= 4 && strncasecmp(h->value, "NTLM", 4) == 0) ||
		    (h->value_len >= 9 && strncasecmp(h->value, "Negotiate", 9) == 0))
			return true;
	}
	return false;
}

/* A login may span several requests; NTLM and Negotiate log a connection in, not
 * a request: nobody else may use it from now on. */
static void __attribute__((noinline))
login_begins(struct tw_req *req, struct tw_msg *msg)
{
	tw_req_stay(req);
	if (asks_for_login(msg,
		msg->status == 401 ? TW_H_WWW_AUTHENTICATE : TW_H_PROXY_AUTHENTICATE))
		tw_req_private(req);
}

static enum tw_verdict
http_on_response(struct tw_req *req, void *state)
{
	struct tw_msg *msg = tw_req_response(req);

	(void)state;
	if (msg->status == 401 || msg->status == 407)
		login_begins(req, msg);
	return TW_NEXT;
}

static struct tw_str
h1_error_text(const struct tw_proxy *px, int status)
{
	int i = tw__http_page_index(status);

	if (i < 0)
		i = tw__http_page_index(status >= 400 && status < 500 ? 400 : 500);
	if (!px)
		return tw__http_pages[i].text;
	const struct http_proxy *conf = tw_proxy_block(px, tw__http_self);
	return conf->error[i];
}

static struct tw_str
h1_error_made(const struct tw_proxy *px, int status, struct tw_req *req)
{
	const struct http_proxy *conf = tw_proxy_block(px, tw__http_self);
	const int i = tw__http_page_index(status);

	return i >= 0 && conf->made[i] != NULL ? tw__http_made_page(conf->made[i], req)
					       : (struct tw_str){ NULL, 0 };
}

struct http_opt *
tw__http_opt(const struct tw_proxy *px)
{
	struct http_proxy *conf = tw_proxy_block(px, tw__http_self);

	return &conf->opt;
}

static const struct tw_section http_sections[] = {
	{ "http-errors", tw__http_errors_open, NULL,
	    "Error pages that 'errorfiles' names." },
	{ .word = NULL },
};

static const struct tw_proto protos[] = {
	{ .name = "h1",
	    .alpn = "http/1.1",
	    .read_head = tw__h1_read_head,
	    .write_head = tw__h1_write_head,
	    .read_body = tw__h1_read_body,
	    .write_body = tw__h1_write_body,
	    .raw = tw__h1_raw,
	    .moved = tw__h1_moved,
	    .error_text = h1_error_text,
	    .error_made = h1_error_made,
	    .error_named = tw__http_page_named },
	{ .name = NULL },
};

/* Captures come first: they see what peers sent. */
static const struct tw_hook hooks[] = {
	{ TW_ON_REQUEST, tw__http_capture_request, "http_capture_request",
	    tw__http_captures_request },
	{ TW_ON_RESPONSE, tw__http_capture_response, "http_capture_response",
	    tw__http_captures_response },
	{ TW_ON_REQUEST, tw__http_on_monitor, "http_on_monitor",
	    tw__http_wants_monitor },
	{ TW_ON_REQUEST, tw__http_on_names_request, "http_on_names_request",
	    tw__http_wants_names },
	{ TW_ON_REQUEST, tw__http_on_buffer, "http_on_buffer", tw__http_wants_buffer },
	{ TW_ON_ROUTE, tw__http_on_names_route, "http_on_names_route",
	    tw__http_wants_names },
	{ TW_ON_RESPONSE, tw__http_on_checkcache, "http_on_checkcache",
	    tw__http_wants_checkcache },
	{ TW_ON_SEND, http_on_send_id, "http_on_send_id", http_sees_unique_ids },
	{ TW_ON_SEND, http_on_send, "http_on_send", http_wants_send },
	{ TW_ON_RESPONSE, http_on_response, "http_on_response", is_http },
	{ .fn = NULL },
};

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "http",
	.version = PACKAGE_VERSION,
	.summary = "HTTP/1.0 and 1.1, error pages, X-Forwarded-For",
	.size_of = { [TW_IN_GEN] = sizeof(struct http_gen),
	    [TW_IN_PROXY] = sizeof(struct http_proxy),
	    [TW_IN_REQ] = sizeof(struct http_req) },
	.keywords = tw__http_keywords,
	.sections = http_sections,
	.hooks = hooks,
	.fetches = tw__http_fetches,
	.protos = protos,
	.load = http_load,
	.check = http_check,
};
