/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * table_mod.c - the descriptor of the module `table`, and when its hooks run.
 *
 * What is tracked is counted before the rules that may ask for it, sessions
 * behind those that may refuse them. Stick rules come last of all that choose
 * a server.
 */
#include "config.h"

#include "mod.h"

const struct tw_self *tb_self;

#define ACTIONS_MAX 16

/* This module's actions as one table; filled once, at load. */
static struct tw_action actions[ACTIONS_MAX];

static int
table_load(const struct tw_self *self, struct tw_err *err)
{
	size_t n = 0;

	tb_self = self;
	actions[n++] = tb_track_action;
	for (const struct tw_action *a = tb_counter_actions; a->name != NULL; a++) {
		if (n == ACTIONS_MAX - 1)
			return tw_err_set(err, "too many actions");
		actions[n++] = *a;
	}
	return 0;
}

static int
table_check(struct tw_gen *gen)
{
	tb_tracks_check(gen);
	return tb_conf_check(gen);
}

#define LATE(point) ((enum tw_point)((point) | TW_HOOK_LATE))

static const struct tw_hook hooks[] = {
	{ LATE(TW_ON_SESSION), tb_on_session, "table_on_session", tb_wants_session },
	{ TW_ON_REQUEST, tb_on_request, "table_on_request", tb_wants_request },
	{ LATE(TW_ON_PICK), tb_on_pick, "table_on_pick", tb_wants_match },
	{ TW_ON_SEND, tb_on_send, "table_on_send", tb_wants_store },
	{ TW_ON_RESPONSE, tb_on_response, "table_on_response", tb_wants_response },
	{ TW_ON_RESPONSE, tb_on_learn, "table_on_learn", tb_wants_learn },
	{ TW_ON_RESPONSE_CONTENT, tb_on_learn, "table_on_learn", tb_wants_learn_tcp },
	{ TW_ON_MOVED, tb_on_moved, "table_on_moved", tb_any_tracks },
	{ TW_ON_LOG, tb_on_log, "table_on_log", tb_any_tracks },
	{ TW_ON_RESET, tb_on_reset, "table_on_reset", tb_any_tracks },
	{ .fn = NULL },
};

static const char *const before[] = { "rules", NULL };

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "table",
	.version = PACKAGE_VERSION,
	.summary = "stick tables: what is known of clients, limits, persistence",
	.before = before,
	.size_of = { [TW_IN_GEN] = sizeof(struct tb_gen),
	    [TW_IN_PROXY] = sizeof(struct tb_proxy),
	    [TW_IN_CONN] = sizeof(struct tb_conn),
	    [TW_IN_REQ] = sizeof(struct tb_req) },
	.keywords = tb_keywords,
	.hooks = hooks,
	.fetches = tb_fetches,
	.convs = tb_convs,
	.actions = actions,
	.commands = tb_commands,
	.load = table_load,
	.check = table_check,
	.start = tb_live_start,
	.stop = tb_live_stop,
	.worker_init = tb_live_up,
	.worker_fini = tb_live_down,
	.stats_tables = tb_stats_tables,
	.table_ops = tb_table_ops,
};
