/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * state.c - `show backend`, `show servers state`, `show servers conn`.
 *
 * The state is what server-state files hold: one line for each server, its
 * numbers HAProxy's. source: HAProxy's management guide, "show servers state".
 */
#include <stdio.h>

#include <tideway/transport.h>

#include "ctl.h"

void
ctl_show_backend(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_gen *const gen = tw_gen_running();
	const struct tw_proxy *px;

	(void)argc;
	(void)argv;
	tw_cli_printf(cli, "# name\n");
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		if (tw_proxy_has(px, TW_BACKEND))
			tw_cli_printf(cli, "%s\n", tw_proxy_name(px));
	}
}

static const struct ctl_check *
check_of(enum tw_chk what)
{
	static const struct ctl_check unknown = { 0, 0 };

	return (int)what < CTL_N_CHECKS ? &ctl_checks[what] : &unknown;
}

/* out: text; "-" when there is no such address. */
static void
addr_text(const struct tw_addr *a, char *text, size_t size)
{
	struct tw_out o = tw_out_of(text, size - 1);

	if (a->family == AF_UNIX)
		tw_out_str(&o, tw_str_of(a->u.path));
	else if (a->family != 0)
		tw_addr_out(&o, a);
	else
		tw_out_char(&o, '-');
	*o.p = '\0';
}

static unsigned
check_state(const struct tw_server *srv, const struct tw_check_result *r)
{
	unsigned state = 0;

	if (tw_server_is_checked(srv))
		state |= CTL_CHECK_CONFIGURED |
		    (tw_server_checks_paused(srv) ? 0 : CTL_CHECK_ENABLED) |
		    (r->running ? CTL_CHECK_INPROGRESS : 0);
	if (tw_server_admin(srv) & TW_ADM_MAINT)
		state |= CTL_CHECK_PAUSED;
	return state;
}

static unsigned
agent_state(const struct tw_server *srv)
{
	if (!tw_server_has_agent(srv))
		return 0;
	return CTL_CHECK_AGENT | CTL_CHECK_CONFIGURED |
	    (tw_server_agent_paused(srv) ? 0 : CTL_CHECK_ENABLED);
}

/* 0 stopped, 2 running, 3 stopping (persistent sessions only). */
static int
op_state(const struct tw_server *srv)
{
	if (!tw_server_is_alive(srv))
		return 0;
	return tw_server_health(srv) == TW_NOLB ? 3 : 2;
}

/* What it is by the server that it tracks. */
static unsigned
followed_state(const struct tw_server *srv)
{
	const struct tw_server *of = srv;
	unsigned admin = 0;

	while ((of = tw_server_tracked(of)) != NULL)
		admin |= tw_server_admin(of);
	return admin & TW_ADM_MAINT ? CTL_IMAINT
	    : admin & TW_ADM_DRAIN  ? CTL_IDRAIN
				    : 0;
}

/* As CTL_... has it. Nobody resolves the name of one that was added. */
static unsigned
admin_state(const struct tw_server *srv)
{
	const unsigned admin = tw_server_admin(srv);
	const bool has_addr = tw_server_has_addr(srv) || tw_server_is_dynamic(srv);

	return followed_state(srv) | (tw_server_host_is_set(srv) ? CTL_FHOST : 0) |
	    (has_addr ? 0 : CTL_RMAINT) |
	    (has_addr && (admin & TW_ADM_MAINT) ? CTL_FMAINT : 0) |
	    (tw_server_is_disabled(srv) ? CTL_CMAINT : 0) |
	    (admin & TW_ADM_DRAIN ? CTL_FDRAIN : 0);
}

static void
state_row(struct tw_cli *cli, const struct tw_server *srv)
{
	const struct tw_proxy *const px = tw_server_proxy(srv);
	const struct tw_addr *const addr = tw_server_addr(srv);
	const bool is_out = (tw_server_admin(srv) & TW_ADM_MAINT) != 0;
	const char *const host = tw_server_target(srv);
	const char *const label = tw_server_label(srv);
	struct tw_probe check, agent;
	struct tw_check_result r;
	char where[160], check_addr[160], agent_addr[160];

	tw_server_last_check(srv, &r);
	tw_server_probe(srv, TW_PROBE_CHECK, &check);
	tw_server_probe(srv, TW_PROBE_AGENT, &agent);
	addr_text(addr, where, sizeof(where));
	addr_text(&check.addr, check_addr, sizeof(check_addr));
	addr_text(&agent.addr, agent_addr, sizeof(agent_addr));
	tw_cli_printf(cli, "%u %s %u %s %s %d %u %u %u %lld %u %u %d %u %u ",
	    (unsigned)tw_proxy_id(px), tw_proxy_name(px), (unsigned)tw_server_id(srv),
	    tw_server_name(srv), where, op_state(srv), admin_state(srv),
	    (unsigned)tw_server_weight(srv), (unsigned)tw_server_iweight(srv),
	    (long long)tw_server_changed_s(srv),
	    tw_server_is_checked(srv) ? check_of(r.what)->status : 1,
	    tw_server_is_checked(srv) ? check_of(r.what)->result : 0,
	    is_out ? 0 : r.health, check_state(srv, &r), agent_state(srv));
	tw_cli_printf(cli, "%d %d %s %u %s %d %u %s %s %u\n", tw_proxy_id_is_forced(px),
	    tw_server_id_is_forced(srv), host != NULL && host != label ? host : "-",
	    addr->port, label != NULL ? label : "-", tw_server_uses_transport(srv),
	    (unsigned)check.port, check_addr, agent_addr, (unsigned)agent.port);
}

/* returns: false: answered. */
static bool
backend_arg(struct tw_cli *cli, const char *arg, struct tw_proxy **px)
{
	*px = arg != NULL ? ctl_backend(arg) : NULL;
	if (arg == NULL || *px != NULL)
		return true;
	tw_cli_msg(cli, TW_ERR, "Can't find backend.\n");
	return false;
}

void
ctl_show_servers_state(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_proxy *px;

	(void)argc;
	if (!backend_arg(cli, argv[0], &px))
		return;
	tw_cli_printf(cli,
	    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state "
	    "srv_uweight srv_iweight srv_time_since_last_change srv_check_status "
	    "srv_check_result srv_check_health srv_check_state srv_agent_state "
	    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl "
	    "srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n");
	ctl_walk(cli, px, state_row);
}

static void
conn_row(struct tw_cli *cli, const struct tw_server *srv)
{
	const struct tw_proxy *const px = tw_server_proxy(srv);
	const struct tw_addr *const addr = tw_server_addr(srv);
	struct tw_gauges g;
	char where[160];

	tw_server_gauges(srv, &g);
	addr_text(addr, where, sizeof(where));
	tw_cli_printf(cli, "%s/%s %u/%u %s %u - %u %u %u %u %u %u %d %u",
	    tw_proxy_name(px), tw_server_name(srv), (unsigned)tw_proxy_id(px),
	    (unsigned)tw_server_id(srv), where, addr->port, 5000u, (unsigned)g.cur,
	    (unsigned)g.max, (unsigned)g.cur, 0u, (unsigned)g.idle, -1,
	    (unsigned)g.idle);
	for (int i = 1; i <= tw_n_workers(); i++)
		tw_cli_printf(cli, " %u", (unsigned)tw_server_idle_at(srv, i));
	tw_cli_printf(cli, "\n");
}

void
ctl_show_servers_conn(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_proxy *px;

	(void)argc;
	if (!backend_arg(cli, argv[0], &px))
		return;
	tw_cli_printf(cli,
	    "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max "
	    "need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[%d]\n",
	    tw_n_workers());
	ctl_walk(cli, px, conn_row);
}
