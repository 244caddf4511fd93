/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server.c - what is said to servers: state, health, weight, limits.
 *
 * Maintenance and drain are apart: `enable server` ends the one and leaves
 * the other, `set server ... state ready` ends both. Control thread.
 */
#include <tideway/balance.h>
#include <tideway/transport.h>

#include "ctl.h"

/* --- state --- */

void
ctl_disable_server(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	(void)argc;
	if (srv != NULL)
		tw_server_set_admin(srv, tw_server_admin(srv) | TW_ADM_MAINT, CTL_WHO);
}

/* A server whose line has no address that is known stays away. */
void
ctl_enable_server(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	(void)argc;
	if (srv != NULL && tw_server_has_addr(srv))
		tw_server_set_admin(srv, tw_server_admin(srv) & ~TW_ADM_MAINT, CTL_WHO);
}

static void
set_state(struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	const char *const word = argc > 0 ? argv[0] : "";
	const unsigned kept = tw_server_has_addr(srv) ? 0 : TW_ADM_MAINT;

	if (strcmp(word, "ready") == 0)
		tw_server_set_admin(srv, kept, CTL_WHO);
	else if (strcmp(word, "drain") == 0)
		tw_server_set_admin(srv, TW_ADM_DRAIN | kept, CTL_WHO);
	else if (strcmp(word, "maint") == 0)
		tw_server_set_admin(srv, TW_ADM_MAINT, CTL_WHO);
	else
		tw_cli_msg(cli, TW_ERR,
		    "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n");
}

/* --- health --- */

void
ctl_disable_health(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	(void)argc;
	if (srv != NULL && tw_server_is_checked(srv))
		tw_server_pause_checks(srv, true, CTL_WHO);
}

void
ctl_enable_health(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	(void)argc;
	if (srv != NULL && !tw_server_is_checked(srv))
		tw_cli_msg(cli, TW_ERR,
		    "Health check was not configured on this server, cannot "
		    "enable.\n");
	else if (srv != NULL)
		tw_server_pause_checks(srv, false, CTL_WHO);
}

static void
set_health(struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	const char *const word = argc > 0 ? argv[0] : "";

	if (strcmp(word, "up") == 0)
		tw_server_force_health(srv, TW_UP, CTL_WHO);
	else if (strcmp(word, "stopping") == 0)
		tw_server_force_health(srv, TW_NOLB, CTL_WHO);
	else if (strcmp(word, "down") == 0)
		tw_server_force_health(srv, TW_DOWN, CTL_WHO);
	else
		tw_cli_msg(cli, TW_ERR,
		    "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n");
}

/* --- agents --- */

void
ctl_disable_agent(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	(void)argc;
	if (srv != NULL && tw_server_has_agent(srv))
		tw_server_pause_agent(srv, true, CTL_WHO);
}

void
ctl_enable_agent(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	(void)argc;
	if (srv == NULL)
		return;
	if (!tw_server_has_agent(srv))
		tw_cli_msg(cli, TW_ERR,
		    "Agent was not configured on this server, cannot enable.\n");
	else
		tw_server_pause_agent(srv, false, CTL_WHO);
}

static void
set_agent(struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	const char *const word = argc > 0 ? argv[0] : "";
	const bool up = strcmp(word, "up") == 0;

	if (!tw_server_has_agent(srv))
		tw_cli_msg(
		    cli, TW_ERR, "agent checks are not enabled on this server.\n");
	else if (!up && strcmp(word, "down") != 0)
		tw_cli_msg(
		    cli, TW_ERR, "'set server <srv> agent' expects 'up' or 'down'.\n");
	else
		tw_server_force_agent(srv, up, CTL_WHO);
}

/* --- weight --- */

static bool
is_static(const struct tw_server *srv)
{
	return tw_proxy_balance_flags(tw_server_proxy(srv)) & TW_BALANCE_STATIC;
}

static void
set_weight(struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	uint32_t weight;
	const char *const why = argc == 0
	    ? "Require <weight> or <weight%>.\n"
	    : tw_server_parse_weight(srv, argv[0], &weight);

	if (why != NULL)
		tw_cli_msg(cli, TW_ERR, "%s", why);
	else if (is_static(srv) && weight != 0 && weight != tw_server_iweight(srv))
		tw_cli_msg(cli, TW_ERR,
		    "Backend is using a static LB algorithm and only accepts weights "
		    "'0%%' and '100%%'.\n");
	else
		tw_server_set_weight(srv, weight, CTL_WHO);
}

void
ctl_set_weight(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	if (srv != NULL)
		set_weight(cli, srv, argc - 1, argv + 1);
}

void
ctl_get_weight(struct tw_cli *cli, int argc, char *const argv[])
{
	const struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	(void)argc;
	if (srv != NULL)
		tw_cli_printf(cli, "%u (initial %u)\n", (unsigned)tw_server_weight(srv),
		    (unsigned)tw_server_iweight(srv));
}

/* --- limits and sessions --- */

void
ctl_set_maxconn_server(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);
	uint64_t n;

	if (srv == NULL)
		return;
	if (argc < 2)
		tw_cli_msg(cli, TW_ERR, "Require <maxconn>.\n");
	else if (argv[1][0] < '0' || argv[1][0] > '9')
		tw_cli_msg(cli, TW_ERR, "maxconn string empty or preceded by garbage");
	else if (!ctl_number(argv[1], INT32_MAX, &n))
		tw_cli_msg(cli, TW_ERR, "Trailing garbage in maxconn string");
	else
		tw_server_set_maxconn(srv, (uint32_t)n, CTL_WHO);
}

void
ctl_shutdown_sessions(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	(void)argc;
	if (srv != NULL)
		tw_server_shut_sessions(srv);
}

/* --- set server --- */

/* --- address --- */

#define BY " by 'stats socket command'\n"

static void
addr_tell(struct tw_cli *cli, const struct tw_addr *was, const struct tw_addr *is,
    bool has_port)
{
	char from[80], to[80];
	struct tw_out f = tw_out_of(from, sizeof(from) - 1);
	struct tw_out t = tw_out_of(to, sizeof(to) - 1);
	struct tw_addr at_same_port = *is;

	tw_addr_out(&f, was);
	tw_addr_out(&t, is);
	*f.p = *t.p = '\0';
	at_same_port.port = was->port;
	if (tw_addr_eq(was, &at_same_port))
		tw_cli_msg(cli, TW_WARNING, "no need to change the addr");
	else
		tw_cli_msg(cli, TW_WARNING, "IP changed from '%s' to '%s'", from, to);
	if (was->port != is->port)
		tw_cli_printf(
		    cli, ", port changed from '%u' to '%u'", was->port, is->port);
	else if (has_port)
		tw_cli_printf(cli, ", no need to change the port");
	tw_cli_printf(cli, BY);
}

static void
set_addr(struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	const struct tw_addr was = *tw_server_addr(srv);
	struct tw_addr is;
	uint64_t port = was.port;

	if (argc == 0) {
		tw_cli_msg(cli, TW_ERR,
		    "set server <b>/<s> addr requires an address and optionally a "
		    "port.\n");
	} else if (!ctl_addr(argv[0], &is)) {
		tw_cli_msg(cli, TW_ERR, "Invalid addr '%s'" BY, argv[0]);
	} else if (argc > 2 && strcmp(argv[1], "port") == 0 &&
	    (!ctl_number(argv[2], 65535, &port) || port == 0)) {
		tw_cli_msg(
		    cli, TW_ERR, "problem converting port '%s' to an int" BY, argv[2]);
	} else {
		is.port = (uint16_t)port;
		tw_server_set_addr(srv, &is, NULL, CTL_WHO);
		addr_tell(cli, &was, &is, argc > 2 && strcmp(argv[1], "port") == 0);
	}
}

/* Health checks stay as they are. */
static void
set_ssl(struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	const bool on = argc > 0 && strcmp(argv[0], "on") == 0;

	if (!on && (argc == 0 || strcmp(argv[0], "off") != 0))
		tw_cli_msg(
		    cli, TW_ERR, "'set server <srv> ssl' expects 'on' or 'off'.\n");
	else if (tw_server_switch_transport(srv, on))
		tw_cli_msg(cli, TW_NOTICE, "server ssl setting updated.\n");
	else
		tw_cli_msg(cli, TW_ERR,
		    "'set server <srv> ssl' cannot be set.  default-server should "
		    "define ssl settings\n");
}

static const struct {
	const char *word;
	ctl_set *run;
} settings[] = {
	{ "addr", set_addr },
	{ "agent", set_agent },
	{ "agent-addr", ctl_set_agent_addr },
	{ "agent-port", ctl_set_agent_port },
	{ "agent-send", ctl_set_agent_send },
	{ "check-addr", ctl_set_check_addr },
	{ "check-port", ctl_set_check_port },
	{ "fqdn", ctl_set_fqdn },
	{ "health", set_health },
	{ "ssl", set_ssl },
	{ "state", set_state },
	{ "weight", set_weight },
};

void
ctl_set_server(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_server *const srv = ctl_server_arg(cli, argv[0]);

	if (srv == NULL)
		return;
	for (size_t i = 0; argc > 1 && i < TW_N_ELEMENTS(settings); i++) {
		if (strcmp(settings[i].word, argv[1]) != 0)
			continue;
		settings[i].run(cli, srv, argc - 2, argv + 2);
		return;
	}
	tw_cli_msg(cli, TW_ERR,
	    "usage: set server <backend>/<server> addr | agent | agent-addr | "
	    "agent-port | agent-send | check-addr | check-port | fqdn | health | ssl | "
	    "state | weight\n");
}
