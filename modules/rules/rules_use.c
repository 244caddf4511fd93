/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rules_use.c - use-server: a server chosen by a condition.
 *
 * The first rule that applies and whose server is up wins, before cookies and
 * the balance algorithm. source: HAProxy's manual, use-server.
 */
#include "rules.h"

#define WHERE (TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY)

int
rules_use_server(struct tw_line *ln)
{
	struct rules_conf *const c = ln->state;
	struct use_server *const u = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*u));
	const char *const name = tw_arg(ln, 0);

	if (tw_arg(ln, 1) == NULL)
		return tw_line_fail(ln, 0,
		    "'use-server' requires either 'if' or 'unless' followed by a "
		    "condition.");
	u->name = gen_dup(ln, name);
	u->origin = (struct tw_origin){ "use-server", ln->file, ln->number };
	u->text = tw_trail_text(ln);
	if (strchr(name, '%') != NULL &&
	    (u->fmt = tw_text_compile(ln, 0, name, WHERE, false)) == NULL)
		return -1;
	if (rules_parse_cond(ln, 1, WHERE, "use-server", &u->cond) != 0)
		return -1;
	if (c->servers_end == NULL)
		c->servers_end = &c->servers;
	*c->servers_end = u;
	c->servers_end = &u->next;
	return 0;
}

int
rules_check_servers(struct tw_gen *gen, struct tw_proxy *px)
{
	int rc = 0;

	for (struct use_server *u = rules_of(px)->servers; u != NULL; u = u->next) {
		if (u->fmt != NULL)
			continue;
		u->server = tw_proxy_find_server(px, u->name);
		if (u->server != NULL)
			tw_server_set_named(u->server);
		else
			rc = tw_gen_fail(gen, u->origin.file, u->origin.line,
			    "unable to find server '%s' in proxy '%s', referenced in "
			    "a 'use-server' rule",
			    u->name, tw_proxy_name(px));
	}
	return rc;
}

static struct tw_server *
server_of(struct tw_req *req, const struct use_server *u)
{
	char name[256];
	struct tw_out o = tw_out_of(name, sizeof(name) - 1);

	if (u->fmt == NULL)
		return u->server;
	tw_logfmt_out(u->fmt, req, &o);
	*o.p = '\0';
	return o.over ? NULL : tw_proxy_find_server(tw_req_proxy(req), name);
}

static bool
applies(const struct use_server *u, struct tw_req *req, bool told)
{
	if (!told)
		return u->cond == NULL || tw_cond_eval(u->cond, req);
	tw_trail_rule(req, &u->origin, u->text);
	return u->cond == NULL || tw_trail_cond(req, u->cond) == 1;
}

static bool
is_taken(const struct use_server *u, struct tw_req *req, const struct tw_server *srv)
{
	if (tw_server_is_alive(srv) && srv != tw_req_avoid(req))
		return true;
	tw_trail_note(req, "server %s is not used: it %s", u->name,
	    tw_server_is_alive(srv) ? "has just failed this request" : "is down");
	return false;
}

enum tw_verdict
rules_on_pick(struct tw_req *req, void *state)
{
	const bool told = tw_trail_on(req);

	(void)state;
	for (const struct use_server *u = rules_of(tw_req_proxy(req))->servers;
	     u != NULL; u = u->next) {
		const bool is = applies(u, req, told);
		struct tw_server *const srv = is ? server_of(req, u) : NULL;
		const bool taken = srv != NULL && is_taken(u, req, srv);

		if (told)
			tw_trail_result(req,
			    taken    ? TW_TOLD_LAST
				: is ? TW_TOLD_YES
				     : TW_TOLD_NO);
		if (taken) {
			tw_decide_server(req, srv, &u->origin);
			return TW_DONE;
		}
		if (is && srv == NULL) /* a made name that is nobody's ends it */
			return TW_NEXT;
	}
	return TW_NEXT;
}
