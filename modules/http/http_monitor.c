/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_monitor.c - monitor-uri and monitor fail.
 *
 * A prober in front of the pair asks a frontend whether it serves. The answer
 * is given before anything else looks at the request, and is never logged.
 * Hook REQUEST, on the frontend's chain only. source: HAProxy's manual, 4.2.
 */
#include "config.h"

#include "http.h"
#include "http_opt.h"

int
tw__http_set_monitor_uri(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;
	const char *uri = tw_arg(ln, 0);

	if (*uri == '\0')
		return tw_line_fail(
		    ln, 0, "'monitor-uri' expects an URI, as in 'monitor-uri /alive'");
	conf->opt.monitor_uri = tw_arena_strdup(tw_gen_arena(ln->gen), uri);
	conf->opt.monitor = (struct tw_origin){ "monitor-uri", ln->file, ln->number };
	return 0;
}

int
tw__http_add_monitor_fail(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;
	const char *how = tw_arg(ln, 0);
	struct http_fail **at = &conf->opt.fails;
	struct http_fail *fail;

	if (how == NULL || (strcmp(how, "if") != 0 && strcmp(how, "unless") != 0))
		return tw_line_fail(ln, how != NULL ? 0 : -1,
		    "'monitor fail' requires either 'if' or 'unless' followed by a "
		    "condition");
	fail = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*fail));
	fail->cond = tw_cond_compile(ln, 0, TW_AT_CONN | TW_AT_REQUEST);
	if (fail->cond == NULL)
		return -1;
	while (*at != NULL)
		at = &(*at)->next;
	*at = fail;
	return 0;
}

bool
tw__http_wants_monitor(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) == TW_MODE_HTTP && tw_proxy_has(px, TW_FRONTEND) &&
	    tw__http_opt(px)->monitor_uri != NULL;
}

void
tw__http_check_monitor(struct tw_gen *gen, struct tw_proxy *px)
{
	struct http_opt *o = tw__http_opt(px);

	if (!tw_proxy_has(px, TW_FRONTEND) || o->monitor_uri == NULL)
		return;
	if (tw_proxy_mode(px) != TW_MODE_HTTP) {
		tw_gen_warn(gen, o->monitor.file, o->monitor.line,
		    "'monitor-uri' statement ignored for %s '%s' as it requires HTTP "
		    "mode.",
		    tw_proxy_has(px, TW_BACKEND) ? "proxy" : "frontend",
		    tw_proxy_name(px));
		return;
	}
	o->ready = tw__http_answer(gen, px, 200);
	o->failed = tw__http_answer(gen, px, 503);
}

/* A URI that begins with a slash is compared with the path and the query, so
 * that absolute targets match, too. */
static bool
is_monitor(const struct http_opt *o, const struct tw_msg *msg)
{
	const struct tw_str uri = tw_str_of(o->monitor_uri);
	struct tw_str target = msg->target;

	if (uri.p[0] == '/' && target.len > 0 && target.p[0] != '/') {
		const struct tw_str path = tw_msg_path(msg);

		if (path.p == NULL)
			return false;
		target.len -= (size_t)(path.p - target.p);
		target.p = path.p;
	}
	return tw_str_eq(target, uri);
}

static enum tw_verdict
answer(struct tw_req *req, const struct http_answer *a, const struct tw_origin *at)
{
	const struct tw_reply reply = {
		.status = a->status,
		.reason = a->reason,
		.headers = a->fields,
		.n_headers = a->n_fields,
		.body = a->body,
	};

	if (a->made != NULL)
		return tw__http_made_answer(req, a->made, at);
	if (a->silent)
		return tw_req_fail(req, 0, "an empty page", at);
	return tw_req_reply(req, &reply, at);
}

enum tw_verdict
tw__http_on_monitor(struct tw_req *req, void *state)
{
	const struct tw_proxy *px = tw_req_proxy(req);
	const struct http_opt *o = tw__http_opt(px);

	(void)state;
	if (px != tw_req_frontend(req) || !is_monitor(o, tw_req_request(req)))
		return TW_NEXT;
	tw_req_unlogged(req);
	for (const struct http_fail *f = o->fails; f != NULL; f = f->next) {
		if (tw_cond_eval(f->cond, req))
			return answer(req, o->failed, &o->monitor);
	}
	return answer(req, o->ready, &o->monitor);
}
