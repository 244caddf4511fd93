/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * complete.c - checks when all lines of a configuration are read.
 *
 * The rules that hold for a proxy are chosen and completed, servers that are
 * tracked are found, and what does not fit together is reported. Runs once
 * for each generation, off the workers.
 */
#include "hc.h"

static const char *
where(const struct tw_proxy *px, int *line)
{
	return tw_proxy_where(px, line);
}

/* in: who, "backend 'b'"; keyword, what chooses the kind of check there. */
static void
warn_ignored(struct tw_gen *gen, const char *who, const struct hc_set *set,
    const char *rules, const char *option)
{
	if (set->file != NULL && !set->inherited)
		tw_gen_warn(gen, set->file, set->line,
		    "%s uses '%s' rules without '%s', so the rules are ignored: add "
		    "'%s' to it",
		    who, rules, option, option);
}

/* Rules a section has for itself: what is in `defaults` is not touched. */
static struct hc_set *
set_copy(struct tw_arena *arena, const struct hc_set *from)
{
	struct hc_set *const to = tw_arena_zalloc(arena, sizeof(*to));
	const struct hc_rule *r;

	*to = *from;
	to->first = NULL;
	to->tail = &to->first;
	for (r = from->first; r != NULL; r = r->next) {
		struct hc_rule *const copy = tw_arena_alloc(arena, sizeof(*copy));

		*copy = *r;
		copy->next = NULL;
		*to->tail = copy;
		to->tail = &copy->next;
	}
	return to;
}

static struct hc_rule *
insert_after(struct tw_arena *arena, struct hc_rule *at, enum hc_act act)
{
	struct hc_rule *const r = tw_arena_zalloc(arena, sizeof(*r));

	r->act = act;
	r->next = at->next;
	at->next = r;
	return r;
}

static void
expect_usual(struct hc_rule *r)
{
	static const struct hc_range usual = { 200, 399 };

	r->u.expect.is_http = true;
	r->u.expect.match = HC_STATUS;
	r->u.expect.min_recv = -1;
	r->u.expect.range = &usual;
	r->u.expect.n_ranges = 1;
}

/* A request, and what is expected of its answer, where none was written. */
static void
http_complete(struct tw_arena *arena, struct hc_proxy *conf, struct hc_set *set)
{
	struct hc_rule *r = set->first, *last = NULL;

	if (!hc_set_has(set, HC_SEND)) {
		while (r->act != HC_CONNECT)
			r = r->next;
		insert_after(arena, r, HC_SEND)->u.send.is_http = true;
	}
	for (r = set->first; r != NULL; r = r->next) {
		if (r->act == HC_SEND && conf->first_send == NULL)
			conf->first_send = r;
		if (r->act == HC_SEND || r->act == HC_EXPECT)
			last = r;
	}
	if (last->act == HC_SEND)
		expect_usual(insert_after(arena, last, HC_EXPECT));
}

static int
external_check(struct tw_gen *gen, struct tw_proxy *px, const struct hc_proxy *conf)
{
	const struct hc_gen *const g = tw_gen_block(gen, hc_self);
	int line, rc = 0;
	const char *const file = where(px, &line);

	if (!g->external)
		rc = tw_gen_fail(gen, file, line,
		    "Proxy '%s': 'option external-check' unable to find required "
		    "'global.external-check'.",
		    tw_proxy_name(px));
	if (conf->command == NULL)
		rc = tw_gen_fail(gen, file, line,
		    "Proxy '%s': 'option external-check' unable to find required "
		    "'external-check command'.",
		    tw_proxy_name(px));
	return rc;
}

static void
conf_complete(struct tw_arena *arena, struct hc_proxy *conf)
{
	struct hc_set *set;

	conf->http.kind = HC_HTTP;
	conf->preset.kind = HC_PRESET;
	if (conf->kind == HC_TCP && !conf->tcp_given) {
		set = tw_arena_zalloc(arena, sizeof(*set)); /* connecting is enough */
	} else
		set = set_copy(arena,
		    conf->kind == HC_HTTP         ? &conf->http
			: conf->kind == HC_PRESET ? &conf->preset
						  : &conf->tcp);
	hc_set_complete(arena, set);
	conf->first_send = NULL;
	if (conf->kind == HC_HTTP)
		http_complete(arena, conf, set);
	conf->active = set;
}

static int
proxy_complete(struct tw_gen *gen, struct tw_proxy *px)
{
	struct hc_proxy *const conf = tw_proxy_block(px, hc_self);
	const char *const who =
	    tw_arena_printf(tw_gen_arena(gen), "backend '%s'", tw_proxy_name(px));

	if (conf->kind != HC_HTTP)
		warn_ignored(gen, who, &conf->http, "http-check", "option httpchk");
	if (conf->kind != HC_TCP || !conf->tcp_given)
		warn_ignored(gen, who, &conf->tcp, "tcp-check", "option tcp-check");
	if (conf->kind == HC_EXTERNAL)
		return external_check(gen, px, conf);
	conf_complete(tw_gen_arena(gen), conf);
	return 0;
}

static void
named_complete(struct tw_gen *gen, struct hc_named *n)
{
	struct hc_proxy *const conf = &n->conf;
	const char *const who =
	    tw_arena_printf(tw_gen_arena(gen), "healthcheck '%s'", n->name);

	if (conf->kind == HC_TCP) /* so it is without `type` */
		conf->tcp_given = true;
	if (conf->kind != HC_HTTP)
		warn_ignored(gen, who, &conf->http, "http-check", "type httpchk");
	if (conf->kind != HC_TCP)
		warn_ignored(gen, who, &conf->tcp, "tcp-check", "type tcp-check");
	conf_complete(tw_gen_arena(gen), conf);
}

/* ---- servers ---- */

/* The first step says where to connect. */
bool
hc_has_port(const struct hc_proxy *conf)
{
	const struct hc_rule *r = conf->active != NULL ? conf->active->first : NULL;

	while (r != NULL && r->act != HC_CONNECT)
		r = r->next;
	return conf->kind == HC_EXTERNAL ||
	    (r != NULL && (r->u.connect.port != 0 || r->u.connect.port_expr != NULL));
}

void
hc_agent_complete(struct tw_arena *arena, struct tw_server *srv, struct hc_server *s)
{
	struct tw_probe at = { .port = s->agent_port };

	if (s->agent_addr != NULL)
		at.addr = *s->agent_addr;
	hc_agent_set(arena, s);
	tw_server_conf_agent(srv, &at);
	tw_server_set_agent(srv);
}

int
hc_conf_choose(struct tw_gen *gen, struct tw_server *srv, struct tw_err *err)
{
	struct hc_server *const s = hc_server_of(srv);
	const struct hc_named *const named =
	    s->named != NULL ? hc_named_find(gen, s->named) : NULL;

	s->conf = named != NULL ? &named->conf : hc_proxy_of(srv);
	if (s->named != NULL && named == NULL)
		return tw_err_set(err,
		    "unknown healthcheck '%s': declare it in a section 'healthcheck "
		    "%s'",
		    s->named, s->named);
	if (s->proto == NULL || (s->conf->kind == HC_HTTP) == (s->proto[0] == 'h'))
		return 0;
	return tw_err_set(err,
	    "'check-proto %s' does not go with its checks, which %s HTTP", s->proto,
	    s->conf->kind == HC_HTTP ? "speak" : "do not speak");
}

static int
conf_choose(struct tw_gen *gen, const struct tw_proxy *px, struct tw_server *srv)
{
	struct tw_err err;
	int line;
	const char *const file = tw_server_where(srv, &line);

	if (hc_conf_choose(gen, srv, &err) == 0 && hc_secure_prepare(srv, &err) == 0)
		return 0;
	return tw_gen_fail(gen, file, line, "server '%s/%s': %s", tw_proxy_name(px),
	    tw_server_name(srv), err.text);
}

static int
server_complete(struct tw_gen *gen, struct tw_proxy *px, struct tw_server *srv)
{
	const struct hc_proxy *const conf = hc_conf_of(srv);
	struct hc_server *const s = hc_server_of(srv);
	struct tw_check_conf c;
	int line;
	const char *const file = tw_server_where(srv, &line);

	tw_server_check_conf(srv, &c);
	if (tw_server_is_checked(srv) && c.no_port && !hc_has_port(conf))
		return tw_gen_fail(gen, file, line,
		    "server '%s/%s' has neither a service port nor a check "
		    "port; write 'port <port>' for its checks",
		    tw_proxy_name(px), tw_server_name(srv));
	if (s->agent && s->agent_port == 0)
		return tw_gen_fail(gen, file, line,
		    "server '%s/%s' does not have agent port: write 'agent-port "
		    "<port>'",
		    tw_proxy_name(px), tw_server_name(srv));
	if (s->observe == HC_OBSERVE_L7 && tw_proxy_mode(px) != TW_MODE_HTTP)
		return tw_gen_fail(gen, file, line,
		    "server '%s/%s': 'observe layer7' can only be used in http "
		    "proxies; write 'observe layer4'",
		    tw_proxy_name(px), tw_server_name(srv));
	if (s->observe != HC_OBSERVE_NONE || hc_proxy_of(srv)->outlier.on)
		((struct hc_gen *)tw_gen_block(gen, hc_self))->observes = true;
	if (s->agent) {
		hc_agent_complete(tw_gen_arena(gen), srv, s);
	}
	return 0;
}

/* ---- track ---- */

static int
track_fail(struct tw_gen *gen, const struct tw_server *srv, const char *why,
    const struct tw_server *other)
{
	int line;
	const char *const file = tw_server_where(srv, &line);

	return tw_gen_fail(gen, file, line,
	    "server '%s/%s': unable to track %s%s%s: %s",
	    tw_proxy_name(tw_server_proxy(srv)), tw_server_name(srv),
	    other ? tw_proxy_name(tw_server_proxy(other)) : "'",
	    other ? "/" : hc_server_of(srv)->track, other ? tw_server_name(other) : "'",
	    why);
}

static int
track_find(struct tw_gen *gen, struct tw_server *srv)
{
	struct hc_server *const s = hc_server_of(srv);
	const char *const slash = strchr(s->track, '/');
	struct tw_proxy *px = tw_server_proxy(srv);

	if (slash != NULL) {
		char *const name = tw_arena_printf(
		    tw_gen_arena(gen), "%.*s", (int)(slash - s->track), s->track);
		px = tw_gen_find(gen, name, TW_BACKEND);
	}
	if (px != NULL)
		s->tracked =
		    tw_proxy_find_server(px, slash != NULL ? slash + 1 : s->track);
	if (s->tracked == NULL)
		return track_fail(gen, srv, "there is no such server", NULL);
	if (tw_server_is_checked(srv))
		return track_fail(gen, srv,
		    "checks and tracking are not possible at the same time; remove "
		    "'check' or 'track'",
		    NULL);
	return 0;
}

/* The end of the chain must be checked; a chain must have an end. */
static int
track_check(struct tw_gen *gen, struct tw_server *srv)
{
	struct hc_server *const s = hc_server_of(srv);
	const struct tw_server *at = s->tracked;
	int n = 0;

	while (
	    at != NULL && at != srv && hc_server_of(at)->tracked != NULL && n++ < 10000)
		at = hc_server_of(at)->tracked;
	if (at == srv || n >= 10000)
		return track_fail(gen, srv, "the chain of tracking loops", s->tracked);
	if (!tw_server_is_checked(at) && !hc_server_of(at)->agent)
		return track_fail(gen, srv,
		    "it has no check and no agent-check; add 'check' to it", at);
	if (hc_conf_of(at)->disable_on_404 != hc_conf_of(srv)->disable_on_404)
		return track_fail(gen, srv,
		    "'http-check disable-on-404' must be in both proxies or in "
		    "neither",
		    at);
	tw_server_set_tracked(srv, s->tracked);
	return 0;
}

typedef int each_fn(struct tw_gen *gen, struct tw_server *srv);

static int
each_tracking(struct tw_gen *gen, each_fn *fn)
{
	struct tw_proxy *px;
	struct tw_server *srv;
	int rc = 0;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		for (int s = 0; tw_proxy_has(px, TW_BACKEND) &&
		     (srv = tw_proxy_server(px, s)) != NULL;
		     s++)
			if (hc_server_of(srv)->track != NULL && fn(gen, srv) < 0)
				rc = -1;
	return rc;
}

int
hc_complete(struct tw_gen *gen)
{
	struct tw_proxy *px;
	struct tw_server *srv;
	const struct hc_gen *const g = tw_gen_block(gen, hc_self);
	int rc = 0;

	for (struct hc_named *n = g->named; n != NULL; n = n->next)
		named_complete(gen, n);
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		if (!tw_proxy_has(px, TW_BACKEND))
			continue;
		if (proxy_complete(gen, px) < 0)
			rc = -1;
		for (int s = 0; (srv = tw_proxy_server(px, s)) != NULL; s++)
			if (conf_choose(gen, px, srv) < 0 ||
			    server_complete(gen, px, srv) < 0)
				rc = -1;
	}
	if (each_tracking(gen, track_find) < 0)
		return -1;
	return each_tracking(gen, track_check) < 0 ? -1 : rc;
}
