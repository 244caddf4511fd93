/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter_mod.c - attaches the filters of a frontend and of a backend.
 *
 * Those of the frontend come first, then the backend's, each in the order of
 * their lines, in both directions. A request's are attached when all is decided
 * and its head is about to leave; a response's after all rules. In mode tcp
 * both directions' are attached when the server is connected. Worker.
 */
#include "config.h"

#include <tideway/service.h>

#include "filter.h"

const struct tw_self *filter_self;

/* Set by check(), just before the hooks are asked for: some proxy has filters.
 * A frontend's chain serves all backends. */
static bool any_filter, any_shared;

static int
filter_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	filter_self = self;
	return 0;
}

static void
attach_all(struct tw_req *req, const struct tw_proxy *px, bool response, bool http)
{
	const struct filter_line *l = filter_proxy_of(px)->first;
	const unsigned way = response ? TW_FILTER_RESPONSE : TW_FILTER_REQUEST;

	for (; l != NULL; l = l->next) {
		const struct tw_filter *const f = l->filter;
		if ((f->directions == 0 || (f->directions & way)) &&
		    (http || (f->flags & TW_FILTER_TCP)))
			tw_req_filter_line(req, f, l->conf, response);
	}
}

static void
attach(struct tw_req *req, bool response, bool http)
{
	const struct tw_proxy *const fe = tw_req_frontend(req);
	const struct tw_proxy *const be = tw_req_backend(req);

	attach_all(req, fe, response, http);
	if (be != fe)
		attach_all(req, be, response, http);
}

static enum tw_verdict
ask_heads(struct tw_req *req, const struct tw_proxy *px, bool response)
{
	const struct filter_line *l = filter_proxy_of(px)->first;
	enum tw_verdict v = TW_NEXT;

	for (; l != NULL && v == TW_NEXT; l = l->next)
		if (l->filter->head != NULL)
			v = l->filter->head(req, l->conf, response);
	return v;
}

/* What filters have to say about the head, before any of them is attached. */
static enum tw_verdict
ask(struct tw_req *req, bool response)
{
	const struct tw_proxy *const fe = tw_req_frontend(req);
	const struct tw_proxy *const be = tw_req_backend(req);
	const enum tw_verdict v = ask_heads(req, fe, response);

	return v == TW_NEXT && be != fe ? ask_heads(req, be, response) : v;
}

/* A service begins: nobody waits. */
static enum tw_verdict
filter_on_serve(struct tw_req *req, void *state)
{
	struct filter_req *const r = state;
	const bool http = tw_proxy_mode(tw_req_frontend(req)) == TW_MODE_HTTP;

	if (!r->up)
		attach(req, false, http);
	r->up = true;
	if (!http && !r->down)
		attach(req, true, false);
	r->down = !http;
	return TW_NEXT;
}

/* Called again for each attempt. */
static enum tw_verdict
filter_on_send(struct tw_req *req, void *state)
{
	const struct filter_req *const r = state;
	const bool http = tw_proxy_mode(tw_req_frontend(req)) == TW_MODE_HTTP;
	enum tw_verdict v = r->up ? TW_NEXT : ask(req, false);

	if (v == TW_NEXT && !http && !r->down)
		v = ask(req, true);
	return v == TW_NEXT ? filter_on_serve(req, state) : v;
}

static enum tw_verdict
filter_on_response(struct tw_req *req, void *state)
{
	struct filter_req *const r = state;

	if (tw_req_proxy(req) != tw_req_frontend(req) || r->down)
		return TW_NEXT;
	const enum tw_verdict v = ask(req, true);
	if (v != TW_NEXT)
		return v;
	attach(req, true, true);
	r->down = true;
	return TW_NEXT;
}

/* Of our own answers, those that are made piece by piece. */
static enum tw_verdict
filter_on_own(struct tw_req *req, void *state)
{
	struct filter_req *const r = state;

	if (tw_req_service(req) != NULL && !r->down)
		attach(req, true, true);
	return TW_NEXT;
}

static bool
wants(const struct tw_proxy *px)
{
	(void)px;
	return any_filter;
}

static bool
wants_http(const struct tw_proxy *px)
{
	return any_filter && tw_proxy_mode(px) == TW_MODE_HTTP;
}

static bool
wants_reset(const struct tw_proxy *px)
{
	(void)px;
	return any_shared;
}

static int
filter_check(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int rc = 0;

	any_filter = false;
	any_shared =
	    ((struct filter_gen *)tw_gen_block(gen, filter_self))->shared != NULL;
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		rc |= filter_check_proxy(gen, px, &any_filter);
	return rc | bwlim_check(gen);
}

static const struct tw_kw keywords[] = {
	{
	    .word = "filter",
	    .scopes = TW_SC_FRONTEND | TW_SC_LISTEN | TW_SC_BACKEND,
	    .min_args = 1,
	    .max_args = -1,
	    .set = filter_set,
	    .usage = "{ compression | comp-req | comp-res | bwlim-in | bwlim-out | "
		     "trace | lua.<name> } [<param>...]",
	    .help = "Payload passes this filter, in the order of these lines, the "
		    "frontend's first.",
	    .flags = TW_KW_REST,
	},
	{ .word = NULL },
};

static const struct tw_hook hooks[] = {
	{ (enum tw_point)(TW_ON_SEND | TW_HOOK_LATE), filter_on_send, "filter_on_send",
	    wants },
	{ (enum tw_point)(TW_ON_OWN_RESPONSE | TW_HOOK_LATE), filter_on_own,
	    "filter_on_own", wants_http },
	{ TW_ON_SERVE, filter_on_serve, "filter_on_serve", wants },
	{ (enum tw_point)(TW_ON_RESPONSE | TW_HOOK_LATE), filter_on_response,
	    "filter_on_response", wants_http },
	{ TW_ON_RESET, bwlim_on_reset, "bwlim_on_reset", wants_reset },
	{ .fn = NULL },
};

static const char *const after[] = { "rules", "cookie", "http", NULL };

/* clang-format off */
#define PASSES TW_FILTER_SAME_LENGTH | TW_FILTER_TUNNEL | TW_FILTER_TCP
#define BWLIM(way, what) { \
	.name = "bwlim-" #way, .state_size = sizeof(struct bwlim_state), \
	.begin = bwlim_begin, .room = bwlim_room_of, .parse = bwlim_parse, \
	.flags = PASSES, .directions = TW_FILTER_##what, \
	.usage = "<name> { default-limit <size> default-period <time> | limit <size> key " \
		 "<expr> [table <table>] } [min-size <size>]"

static const struct tw_filter filters[] = {
	BWLIM(in, REQUEST), .help = "Limits the bytes that a client may send in a "
		"period, in streams for which a rule set-bandwidth-limit names it." },
	BWLIM(out, RESPONSE), .help = "Limits the bytes that a client gets in a period, "
		"in streams for which a rule set-bandwidth-limit names it." },
	{ .name = "trace", .state_size = sizeof(struct trace_state),
		.begin = trace_begin, .room = trace_room, .data = trace_data,
		.end = trace_end, .again = trace_again, .parse = trace_parse,
		.flags = PASSES,
		.usage = "[name <name>] [quiet] [random-forwarding] [hexdump]",
		.help = "Tells on standard error what passes." },
	{ .name = NULL },
};
/* clang-format on */

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "filter",
	.version = "0.1.0",
	.summary = "filter lines, bandwidth limits, trace",
	.after = after,
	.size_of = { [TW_IN_GEN] = sizeof(struct filter_gen),
	    [TW_IN_PROXY] = sizeof(struct filter_proxy),
	    [TW_IN_REQ] = sizeof(struct filter_req) },
	.keywords = keywords,
	.hooks = hooks,
	.actions = filter_actions,
	.filters = filters,
	.load = filter_load,
	.check = filter_check,
};
