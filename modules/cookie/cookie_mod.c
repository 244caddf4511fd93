/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cookie_mod.c - the cookie module: descriptor and hooks.
 *
 * PICK reads and edits the request and proposes the server that the cookie
 * names; RESPONSE edits the answer. A request is read once for each backend,
 * however often a server has to be chosen. Hooks run on workers.
 */
#include "config.h"

#include <tideway/trail.h>

#include "cookie.h"

const struct tw_self *tw__cookie_self;

static int
cookie_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	tw__cookie_self = self;
	return 0;
}

static int
cookie_start(struct tw_gen *gen, struct tw_err *err)
{
	struct tw_proxy *px;

	(void)err;
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		struct cookie_proxy *conf = tw_proxy_block(px, tw__cookie_self);

		if (!conf->on || !tw_proxy_has(px, TW_BACKEND))
			continue;
		tw__cookie_index(conf, px);
		if (conf->dynamic)
			tw__cookie_watch();
	}
	return 0;
}

static void
cookie_stop(struct tw_gen *gen)
{
	struct tw_proxy *px;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		if (tw_proxy_has(px, TW_BACKEND))
			tw__cookie_forget(tw_proxy_block(px, tw__cookie_self), px);
	}
}

/* A backend of mode tcp reads no cookies. */
static void
warn_mode(
    struct tw_gen *gen, const struct tw_proxy *px, const struct cookie_proxy *conf)
{
	const char *const kind = tw_proxy_has(px, TW_FRONTEND) ? "proxy" : "backend";
	const struct tw_server *srv;
	int line;
	const char *const file = tw_proxy_where(px, &line);

	if (conf->name.p != NULL)
		tw_gen_warn(gen, file, line,
		    "cookie will be ignored for %s '%s' (needs 'mode http').", kind,
		    tw_proxy_name(px));
	for (int i = 0; (srv = tw_proxy_server(px, i)) != NULL; i++)
		if (tw__cookie_value(srv).p != NULL)
			tw_gen_warn(gen, file, line,
			    "%s '%s' : ignoring cookie for server '%s' as HTTP mode is "
			    "disabled.",
			    kind, tw_proxy_name(px), tw_server_name(srv));
}

/* One side without the other does nothing. */
static void
hint_values(
    struct tw_gen *gen, const struct tw_proxy *px, const struct cookie_proxy *conf)
{
	const struct tw_server *srv;
	int line, with = 0, n = 0;
	const char *const file = tw_proxy_where(px, &line);

	for (; (srv = tw_proxy_server(px, n)) != NULL; n++)
		with += tw__cookie_value(srv).p != NULL;
	if (with > 0 && conf->name.p == NULL)
		tw_gen_hint(gen, file, line,
		    "servers of '%s' have cookie values, but it has no 'cookie' line "
		    "that gives the cookie's name.",
		    tw_proxy_name(px));
	else if (with < n && conf->name.p != NULL && conf->on && !conf->dynamic)
		tw_gen_hint(gen, conf->origin.file, conf->origin.line,
		    "%d of the %d servers of '%s' have no cookie value: clients do not "
		    "stay with them.",
		    n - with, n, tw_proxy_name(px));
}

static int
cookie_check(struct tw_gen *gen)
{
	struct tw_proxy *px;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		const struct cookie_proxy *conf = tw_proxy_block(px, tw__cookie_self);

		if (tw_proxy_has(px, TW_BACKEND) && tw_proxy_mode(px) != TW_MODE_HTTP)
			warn_mode(gen, px, conf);
		else if (tw_proxy_has(px, TW_BACKEND) && tw_gen_wants_hints(gen))
			hint_values(gen, px, conf);
		if (conf->on && conf->dynamic && conf->key == NULL &&
		    tw_proxy_has(px, TW_BACKEND))
			tw_gen_warn(gen, conf->origin.file, conf->origin.line,
			    "'cookie dynamic' of '%s' makes no cookies without a key; "
			    "add 'dynamic-cookie-key <secret>'",
			    tw_proxy_name(px));
	}
	return 0;
}

static bool
cookie_wants(const struct tw_proxy *px)
{
	const struct cookie_proxy *conf = tw_proxy_block(px, tw__cookie_self);

	return conf->on && tw_proxy_has(px, TW_BACKEND) &&
	    tw_proxy_mode(px) == TW_MODE_HTTP;
}

/* Why there is a server, or none. */
static void
tell(struct tw_req *req, const struct cookie_req *r, const struct cookie_proxy *conf)
{
	static const struct {
		char in;
		const char *text;
	} why[] = { { 'N', "is not there" }, { 'I', "names no server of this backend" },
		{ 'D', "names a server that is down" }, { 'V', "names a server" },
		{ 'E', "was not used for too long" }, { 'O', "is too old" },
		{ 'U', "does not count here (ignore-persist)" } };

	for (size_t i = 0; i < TW_N_ELEMENTS(why); i++)
		if (why[i].in == r->in)
			tw_trail_note(req, "cookie %.*s %s%s%s", TW_STR_FMT(conf->name),
			    why[i].text, r->server != NULL ? ": " : "",
			    r->server != NULL ? tw_server_name(r->server) : "");
}

static enum tw_verdict
cookie_on_pick(struct tw_req *req, void *state)
{
	struct cookie_req *r = state;
	const struct cookie_proxy *conf =
	    tw_proxy_block(tw_req_backend(req), tw__cookie_self);

	if (r->conf != conf &&
	    tw__cookie_request(req, r, conf, tw_req_persistence(req)) != 0)
		return tw_req_fail(
		    req, 503, "out of memory for a cookie", &conf->origin);
	tw_req_cookie_state(req, r->in, 'N');
	if (tw_trail_on(req))
		tell(req, r, conf);
	/* It may have died since this request was read. */
	if (!r->server ||
	    (r->in == 'V' && r->how != TW_PERSIST_FORCE &&
		!tw_server_is_alive(r->server)))
		return TW_NEXT;
	tw_decide_server(req, r->server, &conf->origin);
	tw_req_persist(req);
	return TW_DONE;
}

/* A rule has chosen the server before it was this hook's turn to: the cookie does
 * not count, but the server does not see it either. */
static enum tw_verdict
cookie_on_send(struct tw_req *req, void *state)
{
	struct cookie_req *r = state;
	const struct cookie_proxy *conf =
	    tw_proxy_block(tw_req_backend(req), tw__cookie_self);

	if (TW_LIKELY(r->conf == conf))
		return TW_NEXT;
	if (tw__cookie_request(req, r, conf, TW_PERSIST_IGNORE) != 0)
		return tw_req_fail(
		    req, 503, "out of memory for a cookie", &conf->origin);
	tw_req_cookie_state(req, r->in, 'N');
	return TW_NEXT;
}

static enum tw_verdict
cookie_on_response(struct tw_req *req, void *state)
{
	struct cookie_req *r = state;
	const struct cookie_proxy *conf =
	    tw_proxy_block(tw_req_backend(req), tw__cookie_self);

	/* Not on the frontend's chain, not for 1xx, not without a server. */
	if (tw_req_proxy(req) != tw_req_backend(req) || r->conf != conf ||
	    tw_req_response(req)->status < 200 || !tw_req_server(req))
		return TW_NEXT;
	const char out = tw__cookie_response(req, r, conf);

	if (out == '\0')
		return tw_req_fail(req, 502, "no room for the cookie", &conf->origin);
	if (r->in == 'V' && r->server != tw_req_server(req))
		r->in = 'D';
	tw_req_cookie_state(req, r->in, out);
	return TW_NEXT;
}

static const struct tw_hook hooks[] = {
	{ TW_ON_PICK, cookie_on_pick, "cookie_on_pick", cookie_wants },
	{ TW_ON_SEND, cookie_on_send, "cookie_on_send", cookie_wants },
	{ TW_ON_RESPONSE, cookie_on_response, "cookie_on_response", cookie_wants },
	{ .fn = NULL },
};

static const char *const requires[] = { "http", NULL };

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "cookie",
	.version = PACKAGE_VERSION,
	.summary = "Session persistence with a cookie",
	.requires = requires,
	.size_of = { [TW_IN_PROXY] = sizeof(struct cookie_proxy),
	    [TW_IN_SERVER] = sizeof(struct cookie_server),
	    [TW_IN_REQ] = sizeof(struct cookie_req) },
	.keywords = tw__cookie_keywords,
	.commands = tw__cookie_commands,
	.hooks = hooks,
	.load = cookie_load,
	.check = cookie_check,
	.start = cookie_start,
	.stop = cookie_stop,
	.server_event = tw__cookie_server_event,
};
