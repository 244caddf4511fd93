/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl_mod.c - the descriptor, and the table of the control socket's commands.
 */
#include "ctl.h"

const struct tw_self *ctl_self;

static int
ctl_load(const struct tw_self *self, struct tw_err *err)
{
	(void)err;
	ctl_self = self;
	return 0;
}

static int
ctl_start(struct tw_gen *gen, struct tw_err *err)
{
	(void)err;
	ctl_states_load(gen);
	return 0;
}

/* Known by name, so that nobody looks for a mistake. */
static void
ctl_not_yet(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw_cli_msg(cli, TW_ERR,
	    "This is known to HAProxy but not to tideway yet: change the file and "
	    "reload, no connection is lost and counters go on.\n");
}

static const struct tw_command commands[] = {
	{ "add backend", TW_CLI_ADMIN, TW_CMD_HIDDEN, ctl_not_yet, "", "" },
	{ "del backend", TW_CLI_ADMIN, TW_CMD_HIDDEN, ctl_not_yet, "", "" },
	{ "publish backend", TW_CLI_ADMIN, TW_CMD_HIDDEN, ctl_not_yet, "", "" },
	{ "unpublish backend", TW_CLI_ADMIN, TW_CMD_HIDDEN, ctl_not_yet, "", "" },
	{ "dump stats-file", TW_CLI_ADMIN, TW_CMD_HIDDEN, ctl_not_yet, "", "" },
	{ "add server", TW_CLI_ADMIN, 0, ctl_add_server, "<bk>/<srv>",
	    "create a new server" },
	{ "del server", TW_CLI_ADMIN, 0, ctl_del_server, "<bk>/<srv>",
	    "remove a dynamically added server" },
	{ "clear counters", TW_CLI_OPERATOR, 0, ctl_clear_counters, "[all]",
	    "clear max statistics counters (or all counters)" },
	{ "disable agent", TW_CLI_ADMIN, 0, ctl_disable_agent, "<bk>/<srv>",
	    "disable agent checks" },
	{ "disable frontend", TW_CLI_ADMIN, 0, ctl_disable_frontend, "<frontend>",
	    "temporarily disable specific frontend" },
	{ "disable health", TW_CLI_ADMIN, 0, ctl_disable_health, "<bk>/<srv>",
	    "disable health checks" },
	{ "disable server", TW_CLI_ADMIN, 0, ctl_disable_server, "<bk>/<srv>",
	    "disable a server for maintenance (use 'set server' instead)" },
	{ "enable agent", TW_CLI_ADMIN, 0, ctl_enable_agent, "<bk>/<srv>",
	    "enable agent checks" },
	{ "enable frontend", TW_CLI_ADMIN, 0, ctl_enable_frontend, "<frontend>",
	    "re-enable specific frontend" },
	{ "enable health", TW_CLI_ADMIN, 0, ctl_enable_health, "<bk>/<srv>",
	    "enable health checks" },
	{ "enable server", TW_CLI_ADMIN, 0, ctl_enable_server, "<bk>/<srv>",
	    "enable a disabled server (use 'set server' instead)" },
	{ "get weight", TW_CLI_USER, 0, ctl_get_weight, "<bk>/<srv>",
	    "report a server's current weight" },
	{ "set maxconn frontend", TW_CLI_ADMIN, 0, ctl_set_maxconn_frontend,
	    "<frontend> <value>", "change a frontend's maxconn setting" },
	{ "set maxconn global", TW_CLI_ADMIN, 0, ctl_set_maxconn_global, "<value>",
	    "change the per-process maxconn setting" },
	{ "set maxconn server", TW_CLI_ADMIN, 0, ctl_set_maxconn_server, "<bk>/<srv>",
	    "change a server's maxconn setting" },
	{ "set rate-limit", TW_CLI_ADMIN, 0, ctl_set_rate_limit, "<setting> <value>",
	    "change a rate limiting value" },
	{ "set server", TW_CLI_ADMIN, 0, ctl_set_server, "<bk>/<srv> [opts]",
	    "change a server's state, weight or health" },
	{ "set weight", TW_CLI_ADMIN, 0, ctl_set_weight, "<bk>/<srv>",
	    "change a server's weight (use 'set server' instead)" },
	{ "show activity", TW_CLI_USER, 0, ctl_show_activity, "",
	    "show per-thread activity stats" },
	{ "show backend", TW_CLI_USER, 0, ctl_show_backend, "",
	    "list backends in the current running config" },
	{ "show errors", TW_CLI_OPERATOR, 0, ctl_show_errors,
	    "[<px>] [request|response]",
	    "report last request and/or response errors for each proxy" },
	{ "show fd", TW_CLI_OPERATOR, 0, ctl_show_fd, "",
	    "dump list of file descriptors in use" },
	{ "show info", TW_CLI_USER, 0, ctl_show_info, "[desc|json|typed|float]*",
	    "report information about the running process" },
	{ "show pools", TW_CLI_USER, 0, ctl_show_pools, "",
	    "report information about the memory pools usage" },
	{ "show schema json", TW_CLI_USER, 0, ctl_show_schema, "",
	    "report schema used for stats" },
	{ "show servers conn", TW_CLI_USER, 0, ctl_show_servers_conn, "[<backend>]",
	    "dump server connections status (all or for a single backend)" },
	{ "show servers state", TW_CLI_USER, 0, ctl_show_servers_state, "[<backend>]",
	    "dump volatile server information (all or for a single backend)" },
	{ "show sess", TW_CLI_OPERATOR, 0, ctl_show_sess, "[<id>|help|<options>*]",
	    "report the list of current sessions or dump this exact session" },
	{ "shutdown frontend", TW_CLI_ADMIN, 0, ctl_shutdown_frontend, "<frontend>",
	    "stop a specific frontend" },
	{ "shutdown session", TW_CLI_ADMIN, 0, ctl_shutdown_session, "[id]",
	    "kill a specific session" },
	{ "shutdown sessions server", TW_CLI_ADMIN, 0, ctl_shutdown_sessions,
	    "<bk>/<srv>", "kill sessions on a server" },
	{ "wait", TW_CLI_ADMIN, 0, ctl_wait, "{-h|<delay_ms>} [<condition> [<args>]]",
	    "wait the specified time or condition (-h to see list)" },
	{ .words = NULL },
};

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "ctl",
	.version = "0.1.0",
	.summary = "the control socket's commands",
	.size_of = {
		[TW_IN_GEN] = sizeof(struct ctl_global),
		[TW_IN_PROXY] = sizeof(struct ctl_proxy),
	},
	.keywords = ctl_keywords,
	.commands = commands,
	.load = ctl_load,
	.start = ctl_start,
	.report_ops = ctl_reports,
};
