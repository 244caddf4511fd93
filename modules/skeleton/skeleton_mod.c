/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * skeleton_mod.c - the smallest whole module; copy it to begin one.
 *
 * One keyword, `skeleton-tag TEXT`, in frontends and defaults: each request
 * gets the header `X-Skeleton: TEXT` on its way to the server. One hook adds
 * it, one counter tells how often, and `show skeleton` on the control socket
 * tells the counter. Needs nothing but the installed headers.
 */
#include <tideway/command.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/req.h>
#include <tideway/stats.h>

/* The module's part of each proxy; zeroed, then filled by the keyword. */
struct skeleton_proxy {
	const char *tag; /* gen; NULL: not configured */
};

static const struct tw_self *self; /* set once, at load */

static int
skeleton_load(const struct tw_self *me, struct tw_err *err)
{
	(void)err;
	self = me;
	return 0;
}

static bool
skeleton_wants(const struct tw_proxy *px)
{
	const struct skeleton_proxy *p = tw_proxy_block(px, self);

	return p->tag != NULL && tw_proxy_mode(px) == TW_MODE_HTTP;
}

static enum tw_verdict
skeleton_on_request(struct tw_req *req, void *state)
{
	const struct skeleton_proxy *p = tw_proxy_block(tw_req_proxy(req), self);

	(void)state; /* no bytes wanted for each request */
	tw_msg_add(tw_req_request(req), TW_STR("X-Skeleton"), tw_str_of(p->tag));
	tw_count(self, 0, 1);
	return TW_NEXT;
}

static void
skeleton_show(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw_cli_printf(
	    cli, "requests: %llu\n", (unsigned long long)tw_count_sum(self, 0));
}

static const struct tw_kw keywords[] = {
	{
	    .word = "skeleton-tag",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw_set_str,
	    .offset = offsetof(struct skeleton_proxy, tag),
	    .flags = TW_KW_HTTP,
	    .usage = "<text>",
	    .help = "Adds the header X-Skeleton to each request.",
	},
	{ .word = NULL },
};

static const struct tw_hook hooks[] = {
	{ TW_ON_REQUEST, skeleton_on_request, "skeleton_on_request", skeleton_wants },
	{ .fn = NULL },
};

static const struct tw_counter counters[] = {
	{ "skeleton_requests_total", "Requests that got the header." },
	{ .name = NULL },
};

static const struct tw_command commands[] = {
	{ "show skeleton", TW_CLI_USER, 0, skeleton_show, "",
	    "show how many requests got the header" },
	{ .words = NULL },
};

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "skeleton",
	.version = "1.0",
	.summary = "an example: adds one header",
	.size_of = { [TW_IN_PROXY] = sizeof(struct skeleton_proxy) },
	.keywords = keywords,
	.hooks = hooks,
	.commands = commands,
	.counters = counters,
	.load = skeleton_load,
};
