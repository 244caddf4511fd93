/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * stats_mod.c - the descriptor of the statistics module, and its hooks.
 *
 * A REQUEST hook on proxies with `stats enable`: a request whose target is
 * not the page passes after one comparison. Else: login, then the report, or
 * an admin action that waits for the control thread and is answered with a
 * redirect to the page. Worker.
 */
#include <stdio.h>

#include <tideway/expr.h>
#include <tideway/service.h>

#include "prom.h"
#include "st.h"

#define ACTION_WAIT_MS 5000

const struct tw_self *st_self;

#define MAX_HEADERS 8

/* In the request's memory: they go out after the hook has returned. */
struct headers {
	struct tw_str h[MAX_HEADERS * 2];
	int n;
};

static struct headers *
headers_new(struct tw_req *req)
{
	struct tw_arena *arena = tw_req_arena(req);
	struct headers *hs = arena ? tw_arena_try(arena, sizeof(*hs)) : NULL;

	if (hs != NULL)
		hs->n = 0;
	return hs;
}

static enum tw_verdict
out_of_memory(struct tw_req *req, const struct st_conf *c)
{
	return tw_req_fail(req, 503, "out of memory", &c->origin);
}

static void
header_add(struct headers *hs, struct tw_str name, struct tw_str value)
{
	if (hs->n < MAX_HEADERS && value.p != NULL) {
		hs->h[hs->n * 2] = name;
		hs->h[hs->n * 2 + 1] = value;
		hs->n++;
	}
}

static struct tw_str
printed(struct tw_req *req, const char *fmt, const char *arg)
{
	char text[1024];
	const int n = snprintf(text, sizeof(text), fmt, arg);

	if (n < 0 || (size_t)n >= sizeof(text))
		return (struct tw_str){ NULL, 0 };
	return tw_req_copy(req, (struct tw_str){ text, (size_t)n });
}

static struct tw_str
uri_of(const struct st_conf *c)
{
	return tw_str_of(c->uri != NULL ? c->uri : ST_URI);
}

static struct tw_str
authorization(struct tw_req *req)
{
	struct tw_hdr *h = tw_msg_first(tw_req_request(req), TW_H_AUTHORIZATION);

	return h != NULL ? tw_hdr_value(h) : (struct tw_str){ NULL, 0 };
}

/* --- answers --- */

static enum tw_verdict
reply_login(struct tw_req *req, const struct st_conf *c, const char *realm)
{
	struct headers *hs = headers_new(req);

	if (hs == NULL)
		return out_of_memory(req, c);
	header_add(hs, TW_STR("WWW-Authenticate"),
	    printed(req, "Basic realm=\"%s\"",
		realm != NULL          ? realm
		    : c->realm != NULL ? c->realm
				       : ST_REALM));
	header_add(hs, TW_STR("Cache-Control"), TW_STR("no-cache"));
	const struct tw_reply reply = {
		.status = 401,
		.content_type = TW_STR("text/html"),
		.headers = hs->h,
		.n_headers = hs->n,
		.body = TW_STR(
		    "<html><body><h1>401 Unauthorized</h1>\n"
		    "You need a valid user and password to access this content.\n"
		    "</body></html>\n"),
	};
	return tw_req_reply(req, &reply, &c->origin);
}

/* As HAProxy's applet has it in the log. */
static enum tw_verdict
reply_as_stats(
    struct tw_req *req, const struct st_conf *c, const struct tw_reply *reply)
{
	const enum tw_verdict v = tw_req_reply(req, reply, &c->origin);

	tw_decide_note(req, TW_ANSWERED, "<STATS>", &c->origin);
	return v;
}

static enum tw_verdict
reply_redirect(struct tw_req *req, const struct st_conf *c, const struct st_options *o,
    const char *code)
{
	struct headers *hs = headers_new(req);
	char to[1024];
	const struct tw_str uri = uri_of(c);
	const int n = snprintf(to, sizeof(to), "%.*s;st=%s%s%s%s", TW_STR_FMT(uri),
	    code, o->up ? ";up" : "", o->no_refresh ? ";norefresh" : "",
	    o->no_maint ? ";no-maint" : "");

	if (hs == NULL)
		return out_of_memory(req, c);
	if (n < 0 || (size_t)n >= sizeof(to))
		return tw_req_fail(req, 500, "stats uri too long", &c->origin);
	header_add(hs, TW_STR("Location"), printed(req, "%s", to));
	header_add(hs, TW_STR("Cache-Control"), TW_STR("no-cache"));
	const struct tw_reply reply = {
		.status = 303,
		.content_type = TW_STR("text/plain"),
		.headers = hs->h,
		.n_headers = hs->n,
	};
	return reply_as_stats(req, c, &reply);
}

/* A browser renews the page by script, without losing its place; HAProxy's
 * header does it for everything else. */
static bool
wants_refresh_header(struct tw_req *req, const struct st_report *rp)
{
	if (rp->conf->refresh_s == 0 || rp->opt.no_refresh)
		return false;
	return rp->opt.format != ST_HTML ||
	    tw_msg_find(tw_req_request(req), TW_STR("sec-fetch-mode"), NULL) == NULL;
}

static void
report_headers(struct tw_req *req, const struct st_report *rp, struct headers *hs)
{
	char n[16];

	header_add(hs, TW_STR("Cache-Control"), TW_STR("no-store"));
	header_add(hs, TW_STR("X-Content-Type-Options"), TW_STR("nosniff"));
	if (wants_refresh_header(req, rp)) {
		snprintf(n, sizeof(n), "%u", rp->conf->refresh_s);
		header_add(hs, TW_STR("Refresh"), printed(req, "%s", n));
	}
	if (rp->opt.format != ST_HTML)
		return;
	header_add(hs, TW_STR("Referrer-Policy"), TW_STR("same-origin"));
	header_add(hs, TW_STR("Content-Security-Policy"),
	    printed(req,
		"default-src 'none'; style-src 'nonce-%1$s'; script-src 'nonce-%1$s'; "
		"connect-src 'self'; img-src data:; form-action 'self'; "
		"base-uri 'none'; frame-ancestors 'self'",
		rp->nonce));
}

static struct st_report *
report_new(
    struct tw_req *req, const struct st_conf *c, const struct st_options *o, bool admin)
{
	struct tw_arena *arena = tw_req_arena(req);
	struct st_report *rp = arena ? tw_arena_try(arena, sizeof(*rp)) : NULL;

	if (rp == NULL)
		return NULL;
	*rp = (struct st_report){
		.conf = c,
		.px_self = tw_req_proxy(req),
		.opt = *o,
		.admin = admin,
		.path = uri_of(c).p,
		.text = tw_arena_try(arena, ST_ROW_MAX),
	};
	if (o->format == ST_HTML) {
		st_nonce(rp->nonce);
		st_guard_token(tw_proxy_name(rp->px_self), rp->token);
	}
	return rp->text != NULL ? rp : NULL;
}

static enum tw_verdict
reply_report(
    struct tw_req *req, const struct st_conf *c, const struct st_options *o, bool admin)
{
	static const struct tw_str types[] = {
		[ST_HTML] = { "text/html; charset=utf-8", 24 },
		[ST_CSV] = { "text/plain; charset=utf-8", 25 },
		[ST_JSON] = { "application/json", 16 },
	};
	struct st_report *rp = report_new(req, c, o, admin);
	struct headers *hs = headers_new(req);

	if (rp == NULL || hs == NULL)
		return out_of_memory(req, c);
	report_headers(req, rp, hs);
	const struct tw_reply reply = {
		.status = 200,
		.content_type = types[o->format],
		.headers = hs->h,
		.n_headers = hs->n,
		.produce = st_report_produce,
		.arg = rp,
	};
	return reply_as_stats(req, c, &reply);
}

/* --- requests --- */

static bool
is_admin(const struct st_conf *c, struct tw_req *req)
{
	for (const struct st_admin *a = c->admins; a != NULL; a = a->next)
		if (tw_cond_eval(a->cond, req))
			return true;
	return false;
}

/* For the log: "stats page (user admin, 127.0.0.1)". */
static void
who_asks(struct tw_req *req, char who[160])
{
	char user[64], addr[64];
	struct tw_out o = tw_out_of(addr, sizeof(addr) - 1);

	st_auth_user(authorization(req), user);
	tw_addr_out(&o, tw_conn_src(tw_req_conn(req)));
	*o.p = '\0';
	snprintf(who, 160, "stats page (%s%s%s%s)", user[0] ? "user " : "", user,
	    user[0] ? ", " : "", addr);
}

static enum tw_verdict
action_post(struct tw_req *req, struct st_req *st, const struct st_conf *c,
    const struct st_options *o)
{
	struct tw_str body;
	const char *code;
	char who[160];

	if (!is_admin(c, req))
		return reply_redirect(req, c, o, "DENY");
	switch (tw_req_body(req, ST_BODY_MAX, &body)) {
	case TW_IO_AGAIN:
		return TW_WAIT;
	case TW_IO_ERR:
		return reply_redirect(req, c, o, "EXCD");
	default:
		break;
	}
	who_asks(req, who);
	body = tw_req_copy(req, body); /* it is decoded in place */
	st->job = st_job_post(req, c, body, who, &code);
	if (st->job == NULL)
		return reply_redirect(req, c, o, code);
	tw_req_deadline(req, ACTION_WAIT_MS);
	return TW_WAIT;
}

static enum tw_verdict
stats_on_request(struct tw_req *req, void *state)
{
	const struct st_conf *c = st_conf_of(tw_req_proxy(req));
	const struct tw_msg *msg = tw_req_request(req);
	struct st_req *st = state;
	struct st_options o;

	if (!st_uri_matches(msg->target, uri_of(c), &o) ||
	    (msg->method != TW_M_GET && msg->method != TW_M_HEAD &&
		msg->method != TW_M_POST))
		return TW_NEXT;
	if (st->job != NULL) {
		const char *code = st_job_result(st->job);

		if (code == NULL)
			return TW_WAIT;
		st_job_leave(&st->job);
		return reply_redirect(req, c, &o, code);
	}
	if (c->rules != NULL) {
		const struct st_rule *const r = st_rule_for(c, req);

		if (r != NULL && r->kind == ST_RULE_DENY)
			return tw_req_fail(req, 403, "stats http-request", &c->origin);
		if (r != NULL && r->kind == ST_RULE_AUTH)
			return reply_login(req, c, r->realm);
	} else if (!st_auth_passes(c->users, authorization(req)))
		return reply_login(req, c, NULL);
	if (msg->method == TW_M_POST)
		return action_post(req, st, c, &o);
	return reply_report(req, c, &o, is_admin(c, req));
}

static enum tw_verdict
stats_on_reset(struct tw_req *req, void *state)
{
	struct st_req *st = state;

	(void)req;
	st_job_leave(&st->job);
	return TW_NEXT;
}

static bool
stats_wants(const struct tw_proxy *px)
{
	return st_conf_of(px)->enabled && tw_proxy_mode(px) == TW_MODE_HTTP;
}

/* Set by check(), just before the hooks are asked for: some backend that is
 * no frontend takes actions. RESET runs on the frontend's chain. */
static bool is_any_backend_admin;

static bool
stats_wants_reset(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) == TW_MODE_HTTP && tw_proxy_has(px, TW_FRONTEND) &&
	    (st_conf_of(px)->admins != NULL || is_any_backend_admin);
}

/* As messages call it. */
static const char *
kind_of(const struct tw_proxy *px)
{
	if (!tw_proxy_has(px, TW_FRONTEND))
		return "backend";
	return tw_proxy_has(px, TW_BACKEND) ? "proxy" : "frontend";
}

static int
stats_check(struct tw_gen *gen)
{
	struct tw_proxy *px;

	is_any_backend_admin = false;
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		const struct st_conf *c = st_conf_of(px);

		if (c->enabled && tw_proxy_mode(px) != TW_MODE_HTTP)
			tw_gen_warn(gen, c->origin.file, c->origin.line,
			    "'stats' "
			    "statement ignored for %s '%s' as it requires HTTP mode",
			    kind_of(px), tw_proxy_name(px));
		if (c->rules != NULL && (c->users != NULL || c->realm != NULL))
			tw_gen_warn(gen, c->origin.file, c->origin.line,
			    "%s '%s': stats 'auth'/'realm' and 'http-request' can't be "
			    "used at the same time.",
			    kind_of(px), tw_proxy_name(px));
		if (c->admins != NULL && !tw_proxy_has(px, TW_FRONTEND))
			is_any_backend_admin = true;
	}
	return 0;
}

/* --- histograms: for whoever asks for metrics --- */

/* Set by the generation that is being checked, just before the hooks are asked
 * for; NULL: no exporter is configured. */
static const struct tw_gen *exporter_gen;

static void
exporter_wanted(struct tw_gen *gen)
{
	exporter_gen = gen;
}

static bool
stats_wants_log(const struct tw_proxy *px)
{
	(void)px;
	return exporter_gen != NULL;
}

static enum tw_verdict
stats_on_log(struct tw_req *req, void *state)
{
	(void)state;
	tw_req_count_latency(req);
	return TW_NEXT;
}

static int
stats_start(struct tw_gen *gen, struct tw_err *err)
{
	(void)err;
	if (exporter_gen == gen)
		tw_histograms_begin();
	exporter_gen = NULL;
	return 0;
}

static const struct tw_hook hooks[] = {
	{ TW_ON_REQUEST, stats_on_request, "stats_on_request", stats_wants },
	{ TW_ON_RESET, stats_on_reset, "stats_on_reset", stats_wants_reset },
	{ TW_ON_LOG, stats_on_log, "stats_on_log", stats_wants_log },
	{ .fn = NULL },
};

static int
stats_load(const struct tw_self *self, struct tw_err *err)
{
	st_self = self;
	return st_guard_init(err);
}

static const struct tw_service services[] = {
	{ .name = "prometheus-exporter",
	    .run = prom_run,
	    .help = "Metrics in Prometheus's text format.",
	    .wanted = exporter_wanted,
	    .shown = "<PROMEX>" },
	{ .name = NULL },
};

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "stats",
	.version = "0.1.0",
	.summary = "statistics as a page, CSV and JSON, and admin actions",
	.size_of = {
		[TW_IN_PROXY] = sizeof(struct st_conf),
		[TW_IN_REQ] = sizeof(struct st_req),
	},
	.keywords = st_keywords,
	.hooks = hooks,
	.commands = st_commands,
	.services = services,
	.load = stats_load,
	.check = stats_check,
	.start = stats_start,
	.report_ops = st_reports,
};
