/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * commands.c - the control socket's built-in commands.
 *
 * What concerns a session and the process; everything else is its owner's:
 * modules bring tables. Answers are HAProxy's, byte by byte. Control thread.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tideway/log.h>
#include <tideway/module.h>
#include "core/conf/chapter.h"
#include "core/module/module_int.h"
#include "core/net/handover.h"
#include "core/proxy/logger.h"
#include "core/run/cli.h"
#include "core/run/run.h"

#define GETSOCKS_WAIT_MS 1000

extern char **environ;

static const char *const level_names[] = { "user", "operator", "admin" };

static void
cmd_help(struct tw_cli *cli, int argc, char *const argv[])
{
	char words[256] = "";

	for (int i = 0; i < argc && strlen(words) + strlen(argv[i]) + 2 < sizeof(words);
	     i++) {
		if (i > 0)
			strcat(words, " ");
		strcat(words, argv[i]);
	}
	tw__cli_help(cli, argc > 0 ? words : NULL);
}

static void
cmd_prompt(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw__cli_toggle_prompt(cli);
}

static void
cmd_quit(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw__cli_quit(cli);
}

static void
cmd_operator(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw__cli_set_level(cli, TW_CLI_OPERATOR);
}

static void
cmd_user(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw__cli_set_level(cli, TW_CLI_USER);
}

static void
cmd_expert_mode(struct tw_cli *cli, int argc, char *const argv[])
{
	if (argc == 0)
		tw_cli_msg(cli, TW_INFO, "expert-mode is %s\n",
		    tw__cli_is_expert(cli) ? "ON" : "OFF");
	else
		tw__cli_set_expert(cli, strcmp(argv[0], "on") == 0);
}

static void
cmd_experimental_mode(struct tw_cli *cli, int argc, char *const argv[])
{
	if (argc == 0)
		tw_cli_msg(cli, TW_INFO, "experimental-mode is %s\n",
		    tw__cli_is_experimental(cli) ? "ON" : "OFF");
	else
		tw__cli_set_experimental(cli, strcmp(argv[0], "on") == 0);
}

static void
cmd_show_cli_level(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw_cli_msg(cli, TW_INFO, "%s\n", level_names[tw_cli_level(cli)]);
}

static void
cmd_show_cli_sockets(struct tw_cli *cli, int argc, char *const argv[])
{
	const struct tw__control_conf *c;

	(void)argc;
	(void)argv;
	tw_cli_printf(cli, "# socket lvl processes\n");
	for (int i = 0; (c = tw__control_each(i)) != NULL; i++) {
		char text[160];
		struct tw_out o = tw_out_of(text, sizeof(text) - 1);

		tw_addr_port_out(&o, &c->addr);
		*o.p = '\0';
		tw_cli_printf(cli, "%s@%s %s all\n",
		    c->addr.family == AF_UNIX        ? "unix"
			: c->addr.family == AF_INET6 ? "ipv6"
						     : "ipv4",
		    text, level_names[c->level]);
	}
}

static void
cmd_show_env(struct tw_cli *cli, int argc, char *const argv[])
{
	if (argc > 0) {
		const char *const value = getenv(argv[0]);

		if (value != NULL)
			tw_cli_printf(cli, "%s=%s\n", argv[0], value);
		else
			tw_cli_msg(cli, TW_ERR, "Variable not found\n");
		return;
	}
	for (char *const *e = environ; *e != NULL; e++)
		tw_cli_printf(cli, "%s\n", *e);
}

static void
cmd_show_version(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw_cli_msg(cli, TW_INFO, "%s\n", PACKAGE_VERSION);
}

static void
cmd_set_timeout(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_err err;
	uint32_t ms;

	if (argc == 0)
		tw_cli_msg(cli, TW_ERR, "Expects an integer value.\n");
	else if (tw_parse_ms(argv[0], 1000000, &ms, &err) != 0 || ms == 0)
		tw_cli_msg(cli, TW_ERR, "Invalid timeout value.\n");
	else
		tw__cli_set_timeout(cli, ms);
}

static const char *const severities[] = { "none", "number", "string" };

int
tw__cli_severity_of(const char *word)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(severities); i++) {
		if (strcmp(word, severities[i]) == 0)
			return (int)i;
	}
	return -1;
}

static void
cmd_set_severity_output(struct tw_cli *cli, int argc, char *const argv[])
{
	const int severity = argc > 0 ? tw__cli_severity_of(argv[0]) : -1;

	if (severity < 0)
		tw_cli_msg(cli, TW_ERR,
		    "one of 'none', 'number', 'string' is a required argument\n");
	else
		tw__cli_set_severity(cli, (enum tw__cli_severity)severity);
}

static void
cmd_set_timeout_what(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw_cli_msg(cli, TW_ERR, "'set timeout' only supports 'cli'.\n");
}

/* HAProxy's way to ask for listening sockets. The answer has no text: the
 * session stays until its peer, who acknowledges what it got, has gone. */
static void
cmd_getsocks(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_err err;

	(void)argc;
	(void)argv;
	if (!tw__cli_may_getsocks(cli)) {
		tw_cli_printf(cli,
		    "This socket does not give listeners away: its line needs "
		    "'expose-fd listeners'\n");
		return;
	}
	if (tw__handover_send(tw__cli_fd(cli), &err) != 0)
		tw_log(TW_WARNING, "listening sockets were asked for: %s", err.text);
	else
		tw_log(TW_NOTICE, "another process has taken the listening sockets");
	tw__cli_linger(cli, GETSOCKS_WAIT_MS);
}

const struct tw_command tw__commands_common[] = {
	{ "experimental-mode", TW_CLI_ADMIN, 0, cmd_experimental_mode, "[on|off]",
	    "enable/disable experimental mode" },
	{ "expert-mode", TW_CLI_ADMIN, 0, cmd_expert_mode, "[on|off]",
	    "enable/disable expert mode" },
	{ "help", TW_CLI_USER, 0, cmd_help, "[<command>]",
	    "list matching or all commands" },
	{ "operator", TW_CLI_OPERATOR, 0, cmd_operator, "",
	    "lower the level of the current CLI session to operator" },
	{ "prompt", TW_CLI_USER, 0, cmd_prompt, "",
	    "toggle interactive mode with prompt" },
	{ "quit", TW_CLI_USER, 0, cmd_quit, "", "disconnect" },
	{ "set severity-output", TW_CLI_USER, 0, cmd_set_severity_output,
	    "[none|number|string]",
	    "set presence of severity level in feedback information" },
	{ "set timeout", TW_CLI_USER, TW_CMD_HIDDEN, cmd_set_timeout_what, "", "" },
	{ "set timeout cli", TW_CLI_USER, 0, cmd_set_timeout, "<delay>",
	    "change the CLI's inactivity timeout" },
	{ "show cli level", TW_CLI_USER, 0, cmd_show_cli_level, "",
	    "display the level of the current CLI session" },
	{ "show cli sockets", TW_CLI_USER, 0, cmd_show_cli_sockets, "",
	    "dump list of cli sockets" },
	{ "show version", TW_CLI_USER, 0, cmd_show_version, "",
	    "show version of the current process" },
	{ "user", TW_CLI_USER, 0, cmd_user, "",
	    "lower the level of the current CLI session to user" },
	{ .words = NULL },
};

extern const struct tw_command tw__commands_patref[]; /* core/expr */
extern const struct tw_command tw__trail_commands[];  /* core/flow */
extern const struct tw_command tw__commands_var[];    /* core/expr */

static const struct tw_command of_worker[] = {
	{ "_getsocks", TW_CLI_USER, TW_CMD_HIDDEN, cmd_getsocks, "",
	    "pass the listening sockets" },
	{ "show env", TW_CLI_OPERATOR, 0, cmd_show_env, "[var]",
	    "dump environment variables known to the process" },
	{ .words = NULL },
};

/* returns: the i-th of a table; NULL with i lowered by the table's length. */
static const struct tw_command *
of_table(const struct tw_command *table, int *i)
{
	for (; table != NULL && table->words != NULL; table++) {
		if ((*i)-- == 0)
			return table;
	}
	return NULL;
}

struct tw__gen_command {
	struct tw__gen_command *next;
	const struct tw_command *command;
};

/* in: gen, NULL: none is in force yet. */
static const struct tw_command *
of_generation(const struct tw_gen *gen, int i)
{
	const struct tw__gen_command *g = gen != NULL ? gen->commands : NULL;

	for (; g != NULL && i > 0; i--)
		g = g->next;
	return g != NULL ? g->command : NULL;
}

/* The core's and the modules'. out: i, lowered by their number when there is none. */
static const struct tw_command *
lasting(int *i)
{
	const struct tw_self *self;
	const struct tw_command *c = of_table(tw__commands_common, i);

	if (c == NULL)
		c = of_table(of_worker, i);
	if (c == NULL)
		c = of_table(tw__log_commands, i);
	if (c == NULL)
		c = of_table(tw__commands_patref, i);
	if (c == NULL)
		c = of_table(tw__trail_commands, i);
	if (c == NULL)
		c = of_table(tw__commands_var, i);
	for (int m = 0; c == NULL && (self = tw__module_at(m)) != NULL; m++)
		c = of_table(self->module->commands, i);
	return c;
}

const struct tw_command *
tw__command_worker(int i)
{
	const struct tw_command *const c = lasting(&i);

	return c != NULL ? c : of_generation(tw__gen_current(), i);
}

static bool
is_taken(const struct tw_gen *gen, const char *words)
{
	const struct tw_command *c;

	for (int i = 0;; i++) {
		int k = i;
		c = lasting(&k);
		if (c == NULL)
			c = of_generation(gen, k);
		if (c == NULL || strcmp(c->words, words) == 0)
			return c != NULL;
	}
}

int
tw_command_add(struct tw_gen *gen, const struct tw_command *command, struct tw_err *err)
{
	if (is_taken(gen, command->words))
		return tw_err_set(
		    err, "there is a command '%s' already", command->words);
	struct tw__gen_command *const g =
	    tw_arena_zalloc(tw_gen_arena(gen), sizeof(*g));
	*g = (struct tw__gen_command){ gen->commands, command };
	gen->commands = g;
	return 0;
}

static bool
command_at(int i, struct tw__topic *t)
{
	static const char *const levels[] = {
		[TW_CLI_USER] = "user",
		[TW_CLI_OPERATOR] = "operator",
		[TW_CLI_ADMIN] = "admin",
	};
	const struct tw_command *c;

	for (int k = 0; (c = tw__command_worker(k)) != NULL; k++)
		if (!(c->flags & TW_CMD_HIDDEN) && i-- == 0)
			break;
	if (c == NULL)
		return false;
	t->name = c->words;
	t->help = c->help;
	snprintf(t->usage, sizeof(t->usage), "%s%s", c->usage && *c->usage ? " " : "",
	    c->usage ? c->usage : "");
	snprintf(t->note, sizeof(t->note), "Level %s.", levels[c->level]);
	return true;
}

int
tw__commands_register(struct tw_err *err)
{
	return tw__chapter_add("Commands of control sockets", command_at, err);
}
