/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * balance_mod.c - descriptor of the module of balance algorithms.
 *
 * Each algorithm is one file; the core builds, publishes and retires their
 * states (tideway/balance.h), so that none of them has to know of threads
 * that read while it builds. The word `balance` itself is the core's.
 */
#include <tideway/module.h>

#include "balance.h"

static const struct tw_balance balances[] = {
	{
	    .name = "roundrobin",
	    .build = roundrobin_build,
	    .free = roundrobin_free,
	    .pick = roundrobin_pick,
	    .help = "Servers in turn, as often as their weights say.",
	},
	{
	    .name = "leastconn",
	    .build = leastconn_build,
	    .free = leastconn_free,
	    .pick = leastconn_pick,
	    .moved = leastconn_moved,
	    .help = "The server with the fewest sessions for its weight.",
	},
	{ .name = NULL },
};

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "balance",
	.version = "1.0",
	.summary = "balance roundrobin and leastconn",
	.balances = balances,
};
