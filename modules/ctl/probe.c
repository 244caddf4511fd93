/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * probe.c - `set server` for where checks and agents connect, and for names.
 *
 * The next check or question goes there. What is set ends with the
 * generation. Answers are HAProxy's. Control thread.
 */
#include <arpa/inet.h>

#include "ctl.h"

bool
ctl_addr(const char *text, struct tw_addr *a)
{
	*a = (struct tw_addr){ .family = AF_INET };
	if (inet_pton(AF_INET, text, a->u.v4) == 1)
		return true;
	a->family = AF_INET6;
	return inet_pton(AF_INET6, text, a->u.v6) == 1;
}

/* returns: false: answered. */
static bool
port_take(struct tw_cli *cli, const char *word, uint32_t *port)
{
	uint64_t n;

	if (!ctl_number(word, UINT64_MAX, &n)) {
		tw_cli_msg(cli, TW_ERR, "provided port is not an integer");
		return false;
	}
	if (n > 65535) {
		tw_cli_msg(cli, TW_ERR, "provided port is invalid");
		return false;
	}
	*port = (uint32_t)n;
	return true;
}

static bool
agent_is_on(const struct tw_server *srv)
{
	return tw_server_has_agent(srv) && !tw_server_agent_paused(srv);
}

/* returns: false: answered. */
static bool
may_probe(struct tw_cli *cli, const struct tw_server *srv, enum tw_probe_kind kind)
{
	if (kind == TW_PROBE_CHECK &&
	    (!tw_server_is_checked(srv) || tw_server_checks_paused(srv)))
		tw_cli_msg(cli, TW_ERR, "health checks are not enabled on this server");
	else if (kind == TW_PROBE_AGENT && !agent_is_on(srv))
		tw_cli_msg(cli, TW_ERR, "agent checks are not enabled on this server");
	else
		return true;
	return false;
}

static void
set_addr(struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[],
    enum tw_probe_kind kind)
{
	const bool has_port = argc > 2 && strcmp(argv[1], "port") == 0;
	struct tw_addr addr;
	uint32_t port;

	if (argc == 0)
		tw_cli_msg(cli, TW_ERR,
		    "set server <b>/<s> %s requires an address and optionally a "
		    "port.\n",
		    kind == TW_PROBE_CHECK ? "check-addr" : "agent-addr");
	else if (!may_probe(cli, srv, kind))
		return;
	else if (!ctl_addr(argv[0], &addr))
		tw_cli_msg(cli, TW_ERR, "invalid addr '%s'", argv[0]);
	else if (!has_port || port_take(cli, argv[2], &port))
		tw_server_set_probe(srv, kind, &addr, has_port ? &port : NULL);
}

static void
set_port(struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[],
    enum tw_probe_kind kind)
{
	uint32_t port;

	if (argc == 0)
		tw_cli_msg(cli, TW_ERR, "set server <b>/<s> %s requires a port.\n",
		    kind == TW_PROBE_CHECK ? "check-port" : "agent-port");
	else if (may_probe(cli, srv, kind) && port_take(cli, argv[0], &port))
		tw_server_set_probe(srv, kind, NULL, &port);
}

void
ctl_set_check_addr(
    struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	set_addr(cli, srv, argc, argv, TW_PROBE_CHECK);
}

void
ctl_set_check_port(
    struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	set_port(cli, srv, argc, argv, TW_PROBE_CHECK);
}

void
ctl_set_agent_addr(
    struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	set_addr(cli, srv, argc, argv, TW_PROBE_AGENT);
}

void
ctl_set_agent_port(
    struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	set_port(cli, srv, argc, argv, TW_PROBE_AGENT);
}

void
ctl_set_agent_send(
    struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	if (!agent_is_on(srv))
		tw_cli_msg(
		    cli, TW_ERR, "agent checks are not enabled on this server.\n");
	else
		tw_server_set_agent_send(srv, argc > 0 ? argv[0] : "");
}

/* RFC 1035, 2.3.4; what cannot be asked for is refused here. */
static bool
is_name(const char *text)
{
	size_t label = 0, len = 0;

	for (; text[len] != '\0'; len++) {
		const char c = text[len];

		label = c == '.' ? 0 : label + 1;
		if (label > 63 || (c == '.' && (len == 0 || text[len - 1] == '.')) ||
		    (strchr(".-_", c) == NULL &&
			!((c | 32) >= 'a' && (c | 32) <= 'z') &&
			!(c >= '0' && c <= '9')))
			return false;
	}
	return len > 0 && len < 254 && text[0] != '_';
}

void
ctl_set_fqdn(struct tw_cli *cli, struct tw_server *srv, int argc, char *const argv[])
{
	const char *const was = tw_server_host(srv);

	if (argc == 0)
		tw_cli_msg(cli, TW_ERR, "set server <b>/<s> fqdn requires a FQDN.\n");
	else if (!tw_server_is_resolved(srv))
		tw_cli_msg(cli, TW_ERR,
		    "set server <b>/<s> fqdn failed because no resolution is "
		    "configured.\n");
	else if (tw_server_label(srv) != NULL)
		tw_cli_msg(cli, TW_ERR,
		    "set server <b>/<s> fqdn failed because SRV resolution is "
		    "configured.\n");
	else if (!is_name(argv[0]))
		tw_cli_msg(cli, TW_ERR, "invalid FQDN '%s'\n", argv[0]);
	else if (was != NULL && strcmp(was, argv[0]) == 0)
		tw_cli_msg(cli, TW_WARNING,
		    "no need to change the FDQN by 'stats socket command'\n");
	else {
		tw_cli_msg(cli, TW_WARNING,
		    "%s/%s changed its FQDN from %s to %s by 'stats socket command'\n",
		    tw_proxy_name(tw_server_proxy(srv)), tw_server_name(srv),
		    was != NULL ? was : "(none)", argv[0]);
		tw_server_set_host(srv, argv[0], CTL_WHO);
	}
}
