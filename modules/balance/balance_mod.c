/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * balance_mod.c - descriptor of the module of balance algorithms.
 *
 * Each algorithm is one file; the core builds, publishes and retires their
 * states (tideway/balance.h), so that none of them has to know of threads
 * that read while it builds. The word `balance` itself is the core's. Hooks
 * are for backends whose algorithm needs them only.
 */
#include <tideway/req.h>

#include "ewma.h"
#include "hash.h"
#include "rdp.h"

#define POST_MAX 16384 /* bytes of a body in which a parameter is looked for */

#define HASHES(word, parse, what)                                                   \
	{                                                                           \
		.name = word, .args = parse, .conf_size = sizeof(struct hash_conf), \
		.check = hash_check, .build = hash_build, .free = hash_free,        \
		.pick = hash_pick, .flags = TW_BALANCE_WAITS | TW_BALANCE_KEYED,    \
		.flags_of = hash_flags, .help = what                                \
	}

static const struct tw_balance balances[] = {
	{
	    .name = "roundrobin",
	    .build = roundrobin_build,
	    .free = roundrobin_free,
	    .pick = roundrobin_pick,
	    .pick_message = roundrobin_pick_message,
	    .help = "Servers in turn, as often as their weights say.",
	},
	{
	    .name = "static-rr",
	    .build = static_rr_build,
	    .free = static_rr_free,
	    .pick = static_rr_pick,
	    .flags = TW_BALANCE_STATIC,
	    .help = "The same by the weights of the file only.",
	},
	{
	    .name = "leastconn",
	    .build = leastconn_build,
	    .free = leastconn_free,
	    .pick = leastconn_pick,
	    .moved = leastconn_moved,
	    .help = "The server with the fewest sessions for its weight.",
	},
	{
	    .name = "first",
	    .build = first_build,
	    .free = first_free,
	    .pick = first_pick,
	    .moved = first_moved,
	    .help = "The server of the lowest number that is below its maxconn.",
	},
	{
	    .name = "sticky",
	    .build = sticky_build,
	    .free = sticky_free,
	    .pick = sticky_pick,
	    .pick_message = sticky_pick_message,
	    .help = "One server for everything until it goes; then the next.",
	},
	{
	    .name = "random",
	    .args = random_args,
	    .conf_size = sizeof(struct random_conf),
	    .check = random_check,
	    .build = random_build,
	    .free = random_free,
	    .pick = random_pick,
	    .pick_message = random_pick_message,
	    .help = "Of some servers drawn by chance the least loaded.",
	},
	{
	    .name = "p2c",
	    .build = random_build,
	    .free = random_free,
	    .pick = p2c_pick,
	    .help = "Of two different servers drawn by chance the less loaded.",
	},
	{
	    .name = "peak-ewma",
	    .build = random_build,
	    .free = random_free,
	    .pick = peak_ewma_pick,
	    .help = "Of two servers drawn by chance the one that should answer sooner.",
	},
	HASHES("source", source_args, "The client's address chooses the server."),
	HASHES("uri", uri_args, "The request's URI chooses the server."),
	HASHES(
	    "url_param", url_param_args, "A parameter of the URL chooses the server."),
	HASHES("hdr", hdr_args, "A request field chooses the server."),
	HASHES("hash", expr_args, "An expression's value chooses the server."),
	HASHES("rdp-cookie", rdp_args, "The RDP cookie's value chooses the server."),
	{
	    .name = "log-hash",
	    .args = log_hash_args,
	    .conf_size = sizeof(struct hash_conf),
	    .check = log_hash_check,
	    .build = hash_build,
	    .free = hash_free,
	    .pick = log_hash_pick,
	    .pick_message = log_hash_pick_message,
	    .flags = TW_BALANCE_MESSAGES,
	    .flags_of = hash_flags,
	    .help = "What converters make of a log message chooses the server "
		    "(mode log).",
	},
	{ .name = NULL },
};

const struct tw_self *balance_self;

static int
balance_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	balance_self = self;
	return 0;
}

static bool
is_ewma(const struct tw_proxy *px)
{
	const void *conf;
	const struct tw_balance *algo = tw_proxy_balance_of(px, &conf);

	return tw_proxy_has(px, TW_BACKEND) && algo != NULL &&
	    algo->pick == peak_ewma_pick;
}

static const struct hash_conf *
post_conf(const struct tw_proxy *px)
{
	const void *conf;
	const struct tw_balance *algo = tw_proxy_balance_of(px, &conf);
	const struct hash_conf *c = conf;

	return algo != NULL && algo->pick == hash_pick && c->kind == HASH_URL_PARAM &&
		c->check_post
	    ? c
	    : NULL;
}

static bool
wants_post(const struct tw_proxy *px)
{
	return tw_proxy_has(px, TW_BACKEND) && post_conf(px) != NULL;
}

/* The parameter may be in the body: as much of it as may hold it is waited for. */
static enum tw_verdict
balance_on_request(struct tw_req *req, void *state)
{
	const struct hash_conf *c = post_conf(tw_req_proxy(req));
	struct tw_str body;

	(void)state;
	if (c == NULL || !hash_body_wanted(c, req))
		return TW_NEXT;
	return tw_req_body(req, POST_MAX, &body) == TW_IO_AGAIN ? TW_WAIT : TW_NEXT;
}

static bool
wants_rdp(const struct tw_proxy *px)
{
	const struct balance_proxy *conf = tw_proxy_block(px, balance_self);

	return tw_proxy_has(px, TW_BACKEND) && conf->rdp != NULL;
}

static const struct tw_hook hooks[] = {
	{ TW_ON_PICK, rdp_on_pick, "rdp_on_pick", wants_rdp },
	{ TW_ON_REQUEST, balance_on_request, "balance_on_request", wants_post },
	{ TW_ON_SEND, peak_ewma_on_send, "peak_ewma_on_send", is_ewma },
	{ TW_ON_RESPONSE, peak_ewma_on_response, "peak_ewma_on_response", is_ewma },
	{ TW_ON_CONNECT_FAIL, peak_ewma_on_fail, "peak_ewma_on_fail", is_ewma },
	{ .fn = NULL },
};

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "balance",
	.version = "1.0",
	.summary = "balance roundrobin, leastconn, first, random, hashes and more",
	.size_of = { [TW_IN_PROXY] = sizeof(struct balance_proxy),
	    [TW_IN_SERVER] = sizeof(struct balance_server),
	    [TW_IN_SERVER_LIVE] = sizeof(struct ewma) },
	.keywords = balance_keywords,
	.balances = balances,
	.fetches = log_hash_fetches,
	.hooks = hooks,
	.load = balance_load,
};
