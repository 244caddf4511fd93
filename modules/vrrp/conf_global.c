/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_global.c - global_defs: what holds for the process, and the defaults of
 * instances.
 *
 * Who runs scripts is read first of all, since other lines need it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "conf.h"

#define DAY_US (86400 * INT64_C(1000000))
#define GL(field) VR_AT(struct vr_globals, field)
#define IN(field) VR_AT(struct vr_instance, field)

static void
set_script_user(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_globals *const g = to;
	(void)kw;
	g->has_script_user = vr_user_read(r, l, 1, &g->script_uid, &g->script_gid) == 0;
}

/* A keyword that sets what instances have unless they say otherwise: its offset
 * is in struct vr_instance. */
static void
set_default(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_kw inner = *kw;
	(void)to;
	if (kw->size == sizeof(bool) && kw->high == 0)
		vr_set_flag(r, &r->defaults, l, &inner);
	else if (kw->size == sizeof(uint64_t) && kw->high > 100)
		vr_set_seconds(r, &r->defaults, l, &inner);
	else
		vr_set_int(r, &r->defaults, l, &inner);
}

static void
set_strict(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	set_default(r, to, l, kw);
	((struct vr_globals *)to)->strict = r->defaults.strict;
}

static void
set_version(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	vr_set_int(r, to, l, kw);
	r->defaults.version = ((struct vr_globals *)to)->version;
}

static void
set_skip_check(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	vr_set_flag(r, to, l, kw);
	r->defaults.skip_check_adv_addr =
	    ((struct vr_globals *)to)->skip_check_adv_addr;
}

static void
set_min_garp(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	bool on = true;
	(void)to, (void)kw;
	if (l->n_words > 1 && vr_get_bool(r, l, l->word[1], &on) != 0)
		return;
	if (!on)
		return;
	r->defaults.garp.delay_us = r->defaults.garp.refresh_us = 0;
	r->defaults.garp.repeat = 1;
	r->defaults.garp.refresh_repeat = 1;
}

static void
set_group(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)to;
	vr_set_group_address(
	    r, kw->low == AF_INET6 ? &r->mcast_group6 : &r->mcast_group4, l, kw);
}

/* NAME [USER [GROUP]] */
static void
set_fifo(struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_fifo_conf *const f = (struct vr_fifo_conf *)((char *)to + kw->offset);

	if (f->path != NULL) {
		vr_fail(
		    r->rep, &l->where, "a second '%s': remove one of them", l->word[0]);
		return;
	}
	if (l->word[1][0] != '/')
		vr_expected(r, l, l->word[1], "a path that begins with '/'");
	f->path = l->word[1];
	if (l->n_words > 2)
		f->has_owner = vr_user_read(r, l, 2, &f->uid, &f->gid) == 0;
}

static void
set_fifo_script(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_fifo_conf *const f = (struct vr_fifo_conf *)((char *)to + kw->offset);

	if (f->script.argv != NULL)
		vr_fail(
		    r->rep, &l->where, "a second '%s': remove one of them", l->word[0]);
	else
		vr_command_read(r, l, &f->script);
}

static void
set_vmac_prefix(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)to, (void)kw;
	const char *name;
	if (strlen(l->word[1]) > 8)
		vr_expected(r, l, l->word[1], "a prefix of at most 8 bytes");
	else if (vr_get_dev(r, l, l->word[1], &name) == 0)
		r->vmac_prefix = name;
}

/* MTU, ADVERT or a number. */
static void
set_rx_policy(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	int64_t bytes;
	(void)kw;
	if (strcmp(l->word[1], "MTU") == 0 || strcmp(l->word[1], "ADVERT") == 0)
		vr_warn(r->rep, &l->where,
		    "'vrrp_rx_bufs_policy %s' has no effect: the system's size is used; "
		    "write a number of bytes for another",
		    l->word[1]);
	else if (vr_get_int(r, l, l->word[1], 1, INT32_MAX, &bytes) == 0)
		((struct vr_globals *)to)->rx_bufs = (unsigned long)bytes;
}

#define SECONDS(name, field, max, text)                                        \
	{                                                                      \
		name, "SECONDS", VR_KW_WORKS, 1, 1, 0, set_default, IN(field), \
		    .low = 0, .high = (max), .help = (text)                    \
	}
#define COUNT(name, field, min, text)                                                \
	{                                                                            \
		name, "NUMBER", VR_KW_WORKS, 1, 1, 0, set_default, IN(field), (min), \
		    100, text                                                        \
	}
#define FLAG(name, field, text)                                               \
	{                                                                     \
		name, "[BOOL]", VR_KW_WORKS, 0, 1, 0, set_default, IN(field), \
		    .help = (text)                                            \
	}
#define QUIET(name, args, text)                                                \
	{                                                                      \
		name, args, VR_KW_QUIET, .block = VR_MAY_BLOCK, .help = (text) \
	}
#define NOTED(name, args, text)                                                \
	{                                                                      \
		name, args, VR_KW_NOTED, .block = VR_MAY_BLOCK, .help = (text) \
	}
#define REFUSED(name, args, text)                                                \
	{                                                                        \
		name, args, VR_KW_REFUSED, .block = VR_MAY_BLOCK, .help = (text) \
	}
#define MAIL(name, args) \
	QUIET(name, args, "about mail, which is not sent; smtp_alert says so")
#define LVS(name, args) \
	QUIET(name, args, "about LVS, which is not part of this program")
#define SNMP(name, args)                                               \
	NOTED(name, args,                                              \
	    "no SNMP; the statistics page and the Prometheus metrics " \
	    "tell the same")

const struct vr_kw vr_kw_global[] = {
	{ "router_id", "NAME", VR_KW_WORKS, 1, 1, 0, vr_set_name, GL(router_id),
	    .help = "this machine's name in messages; the host's unless given" },
	{ "script_user", "USER [GROUP]", VR_KW_WORKS, 1, 2, 0, set_script_user,
	    .help = "who runs scripts; keepalived_script if there is one, else root" },
	{ "enable_script_security", "", VR_KW_WORKS, 0, 0, 0, vr_set_flag,
	    GL(script_security), .help = "root runs only what nobody else can change" },
	{ "vrrp_version", "2|3", VR_KW_WORKS, 1, 1, 0, set_version, GL(version), 2, 3,
	    "of instances that do not say; 2" },
	{ "vrrp_mcast_group4", "ADDRESS", VR_KW_WORKS, 1, 1, 0, set_group,
	    .low = AF_INET, .help = "224.0.0.18 unless given" },
	{ "vrrp_mcast_group6", "ADDRESS", VR_KW_WORKS, 1, 1, 0, set_group,
	    .low = AF_INET6, .help = "ff02::12 unless given" },
	SECONDS("vrrp_garp_master_delay", garp.delay_us, DAY_US,
	    "until addresses are announced again; 5; 0: never"),
	COUNT("vrrp_garp_master_repeat", garp.repeat, 1, "announcements at a time; 5"),
	SECONDS("vrrp_garp_lower_prio_delay", garp.lower_prio_delay_us, DAY_US,
	    "after a lower advertisement; as vrrp_garp_master_delay"),
	COUNT("vrrp_garp_lower_prio_repeat", garp.lower_prio_repeat, 0,
	    "announcements then; as vrrp_garp_master_repeat"),
	SECONDS("vrrp_garp_master_refresh", garp.refresh_us, DAY_US,
	    "announces every so many seconds; 0: never"),
	COUNT("vrrp_garp_master_refresh_repeat", garp.refresh_repeat, 0,
	    "announcements at a refresh; 1"),
	SECONDS("vrrp_garp_interval", garp.interval_us, 10000000,
	    "pause between gratuitous ARPs on an interface"),
	SECONDS("vrrp_gna_interval", garp.na_interval_us, 10000000,
	    "pause between neighbour advertisements on an interface"),
	{ "vrrp_min_garp", "[BOOL]", VR_KW_WORKS, 0, 1, 0, set_min_garp,
	    .help = "one announcement, and no second time" },
	REFUSED("vrrp_garp_extra_if", "[all] SECONDS",
	    "vrrp_garp_master_refresh announces all addresses, on all interfaces"),
	COUNT("vrrp_down_timer_adverts", down_timer_adverts, 1,
	    "missed advertisements until the master counts as gone; 3"),
	FLAG("vrrp_lower_prio_no_advert", lower_prio_no_advert,
	    "does not answer an advertisement of lower priority"),
	FLAG("vrrp_higher_prio_send_advert", higher_prio_send_advert,
	    "sends one more before it gives way"),
	FLAG("vrrp_notify_priority_changes", notify.priority_changes,
	    "FIFOs are told of changed priorities, too"),
	{ "vrrp_skip_check_adv_addr", "[BOOL]", VR_KW_WORKS, 0, 1, 0, set_skip_check,
	    GL(skip_check_adv_addr),
	    .help = "does not compare the addresses of a known master again" },
	{ "vrrp_strict", "[BOOL]", VR_KW_WORKS, 0, 1, 0, set_strict, IN(strict),
	    .help = "nothing that the protocol's text does not have" },
	QUIET("vrrp_check_unicast_src", "", "senders are always checked"),
	{ "vrrp_startup_delay", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds,
	    GL(startup_delay_us), .high = 3600 * INT64_C(1000000),
	    .help = "until instances begin" },
	{ "vrrp_priority", "NUMBER", VR_KW_WORKS, 1, 1, 0, vr_set_int,
	    GL(process_priority), -20, 19, "nice value of the VRRP process" },
	{ "vrrp_rt_priority", "NUMBER", VR_KW_WORKS, 1, 1, 0, vr_set_int,
	    GL(rt_priority), 1, 99, "real-time scheduling of the VRRP process" },
	{ "vrrp_rlimit_rttime", "MICROSECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_int,
	    GL(rlimit_rttime_us), 2, INT32_MAX,
	    "CPU time between two waits, when it is real-time" },
	{ "vrrp_no_swap", "", VR_KW_WORKS, 0, 0, 0, vr_set_flag, GL(no_swap),
	    .help = "the VRRP process stays in memory" },
	NOTED("vrrp_cpu_affinity", "NUMBER ...",
	    "the VRRP process may run anywhere; taskset(1) can bind it"),
	NOTED("max_auto_priority", "[NUMBER]",
	    "priorities stay as they are; write vrrp_rt_priority"),
	QUIET("min_auto_priority_delay", "MICROSECONDS", "as max_auto_priority"),
	{ "vrrp_rx_bufs_policy", "MTU|ADVERT|BYTES", VR_KW_WORKS, 1, 1, 0,
	    set_rx_policy,
	    .help = "receive buffer in bytes; MTU and ADVERT: the system's size" },
	QUIET("vrrp_rx_bufs_multiplier", "NUMBER", "for MTU and ADVERT only"),
	{ "notify_fifo", "PATH [USER [GROUP]]", VR_KW_WORKS, 1, 3, 0, set_fifo,
	    GL(notify_fifo), .help = "all events are written there" },
	{ "vrrp_notify_fifo", "PATH [USER [GROUP]]", VR_KW_WORKS, 1, 3, 0, set_fifo,
	    GL(vrrp_fifo),
	    .help = "another, for the same: there are no events of LVS" },
	{ "notify_fifo_script", "COMMAND [USER [GROUP]]", VR_KW_WORKS, 1, 3, 0,
	    set_fifo_script, GL(notify_fifo),
	    .help = "reads the FIFO, which is its last argument" },
	{ "vrrp_notify_fifo_script", "COMMAND [USER [GROUP]]", VR_KW_WORKS, 1, 3, 0,
	    set_fifo_script, GL(vrrp_fifo), .help = "of vrrp_notify_fifo" },
	NOTED("fifo_write_vrrp_states_on_reload", "",
	    "a reload writes what it changes only"),
	{ "startup_script", "COMMAND [USER [GROUP]]", VR_KW_WORKS, 1, 3, 0,
	    vr_set_command, GL(startup_script), .help = "runs before all else" },
	{ "startup_script_timeout", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds,
	    GL(startup_script_timeout_us), 1000000, 1000 * INT64_C(1000000),
	    "then it is killed; 10" },
	{ "shutdown_script", "COMMAND [USER [GROUP]]", VR_KW_WORKS, 1, 3, 0,
	    vr_set_command, GL(shutdown_script), .help = "runs after all else" },
	{ "shutdown_script_timeout", "SECONDS", VR_KW_WORKS, 1, 1, 0, vr_set_seconds,
	    GL(shutdown_script_timeout_us), 1000000, 1000 * INT64_C(1000000),
	    "then it is killed; 10" },
	{ "vmac_prefix", "NAME", VR_KW_WORKS, 1, 1, 0, set_vmac_prefix,
	    .help = "macvlans are named NAME.ROUTER-ID; vrrp" },
	QUIET("vmac_addr_prefix", "NAME", "for use_vmac_addr, which is refused"),
	{ "include_check", "[CHECK ...]", VR_KW_WORKS, 0, VR_ANY, 0, vr_set_elsewhere,
	    .help = "what of include is an error" },
	{ "random_seed", "NUMBER", VR_KW_WORKS, 1, 1, 0, vr_set_elsewhere,
	    .help = "for ${_RANDOM}; from the file and host names unless given" },
	QUIET("dynamic_interfaces", "[allow_if_changes]",
	    "interfaces may always come and go"),
	NOTED("default_interface", "NAME", "each instance needs its own 'interface'"),
	NOTED("log_unknown_vrids", "", "unknown router ids are counted"),
	NOTED("disable_local_igmp", "", "set the sysctl igmp_link_local_mcast_reports"),
	QUIET("reload_check_config", "[FILE]", "every reload checks first"),
	NOTED("reload_time_file", "PATH", "reload from cron(8) or at(1)"),
	QUIET("reload_repeat", "", "for reload_time_file"),
	NOTED("reload_file", "[PATH]", "replace files by renaming, then reload"),
	QUIET("data_use_instance", "[BOOL]", "file names of dumps"),
	QUIET("tmp_config_directory", "PATH", "no copy of the files is made"),
	QUIET("config_save_dir", "PATH", "no copy of the files is made"),
	QUIET("umask", "[MODE]", "only FIFOs are made, for their owner alone"),
	QUIET("process_names", "", "processes have their own names"),
	QUIET("process_name", "NAME", "processes have their own names"),
	QUIET("vrrp_process_name", "NAME", "processes have their own names"),
	LVS("checker_process_name", "NAME"),
	QUIET("bfd_process_name", "NAME", "there is no BFD process"),
	QUIET("vrrp_netlink_cmd_rcv_bufs", "BYTES", "lost events are read anew"),
	QUIET("vrrp_netlink_cmd_rcv_bufs_force", "BOOL", "lost events are read anew"),
	QUIET("vrrp_netlink_monitor_rcv_bufs", "BYTES", "lost events are read anew"),
	QUIET(
	    "vrrp_netlink_monitor_rcv_bufs_force", "BOOL", "lost events are read anew"),
	QUIET("process_monitor_rcv_bufs", "BYTES", "lost events are read anew"),
	QUIET("process_monitor_rcv_bufs_force", "BOOL", "lost events are read anew"),
	QUIET(
	    "nftables", "[TABLE]", "no firewall rules are made: no_accept is refused"),
	QUIET("nftables_priority", "NUMBER", "as nftables"),
	QUIET("nftables_counters", "", "as nftables"),
	QUIET("nftables_ifindex", "", "as nftables"),
	QUIET("vrrp_iptables", "[IN [OUT]]", "as nftables"),
	QUIET("vrrp_ipsets", "[NAME ...]", "as nftables"),
	LVS("nftables_ipvs", "[TABLE]"),
	LVS("nftables_ipvs_priority", "NUMBER"),
	LVS("nftables_ipvs_start_fwmark", "NUMBER"),
	MAIL("notification_email", "{ ADDRESS ... }"),
	MAIL("notification_email_from", "ADDRESS"),
	MAIL("smtp_server", "HOST [PORT]"),
	MAIL("smtp_helo_name", "NAME"),
	MAIL("smtp_connect_timeout", "SECONDS"),
	MAIL("no_email_faults", ""),
	MAIL("no_checker_emails", ""),
	NOTED("smtp_alert", "[BOOL]", "no mail is sent; a notify script can send it"),
	NOTED("smtp_alert_vrrp", "[BOOL]",
	    "no mail is sent; a notify script can send it"),
	LVS("smtp_alert_checker", "[BOOL]"),
	LVS("checker_log_all_failures", "[BOOL]"),
	LVS("checker_priority", "NUMBER"),
	LVS("checker_no_swap", ""),
	LVS("checker_cpu_affinity", "NUMBER ..."),
	LVS("checker_rt_priority", "NUMBER"),
	LVS("checker_rlimit_rttime", "NUMBER"),
	LVS("lvs_sync_daemon", "INTERFACE ..."),
	LVS("lvs_timeouts", "[tcp N] ..."),
	LVS("lvs_flush", ""),
	LVS("lvs_flush_on_stop", "[VS]"),
	LVS("lvs_notify_fifo", "PATH"),
	LVS("lvs_notify_fifo_script", "COMMAND"),
	LVS("lvs_netlink_cmd_rcv_bufs", "BYTES"),
	LVS("lvs_netlink_cmd_rcv_bufs_force", "BOOL"),
	LVS("lvs_netlink_monitor_rcv_bufs", "BYTES"),
	LVS("lvs_netlink_monitor_rcv_bufs_force", "BOOL"),
	LVS("rs_init_notifies", ""),
	QUIET("bfd_priority", "NUMBER", "there is no BFD process"),
	QUIET("bfd_no_swap", "", "there is no BFD process"),
	QUIET("bfd_cpu_affinity", "NUMBER ...", "there is no BFD process"),
	QUIET("bfd_rt_priority", "NUMBER", "there is no BFD process"),
	QUIET("bfd_rlimit_rttime", "NUMBER", "there is no BFD process"),
	SNMP("snmp_socket", "SOCKET"),
	SNMP("enable_snmp_vrrp", ""),
	SNMP("enable_snmp_checker", ""),
	SNMP("enable_snmp_rfc", ""),
	SNMP("enable_snmp_rfcv2", ""),
	SNMP("enable_snmp_rfcv3", ""),
	SNMP("enable_traps", ""),
	NOTED("enable_dbus", "", "no D-Bus; the control socket has `show vrrp`"),
	QUIET("dbus_service_name", "NAME", "for enable_dbus"),
	{ .word = NULL },
};

static void
defaults_set(struct vr_reader *r)
{
	struct vr_globals *const g = &r->conf->global;
	struct utsname host;

	g->router_id =
	    uname(&host) == 0 ? tw_arena_strdup(r->arena, host.nodename) : "";
	g->version = 2;
	g->startup_script_timeout_us = g->shutdown_script_timeout_us = 10000000;
	g->rlimit_rttime_us = 10000;
	r->vmac_prefix = "vrrp";
	vr_ip_parse("224.0.0.18", &r->mcast_group4);
	vr_ip_parse("ff02::12", &r->mcast_group6);
	r->defaults = (struct vr_instance){ .version = 2,
		.advert_us = 1000000,
		.accept = true,
		.down_timer_adverts = 3,
		.group = -1,
		.garp = { .delay_us = 5000000,
		    .repeat = 5,
		    .refresh_us = VR_NOT_GIVEN,
		    .refresh_repeat = 1,
		    .lower_prio_delay_us = VR_NOT_GIVEN,
		    .lower_prio_repeat = UINT32_MAX } };
}

static bool
is_about_users(const struct vr_line *l)
{
	return strcmp(l->word[0], "script_user") == 0 ||
	    strcmp(l->word[0], "enable_script_security") == 0;
}

static void
pass(struct vr_reader *r, bool users)
{
	for (const struct vr_line *b = r->lines; b != NULL; b = b->next) {
		if (strcmp(b->word[0], "global_defs") != 0)
			continue;
		for (const struct vr_line *l = b->child; l != NULL; l = l->next) {
			if (is_about_users(l) == users)
				vr_kw_apply(r, vr_kw_global, "global_defs", l,
				    &r->conf->global);
		}
	}
}

static void
fifo_complete(struct vr_reader *r, const struct vr_fifo_conf *f, const char *word)
{
	if (f->script.argv != NULL && f->path == NULL)
		vr_fail(r->rep, &(struct vr_where){ .file = r->conf->path },
		    "%s_script without %s: write %s PATH", word, word, word);
}

void
vr_globals_read(struct vr_reader *r)
{
	struct vr_garp *const garp = &r->defaults.garp;

	defaults_set(r);
	pass(r, true);
	pass(r, false);
	if (garp->lower_prio_delay_us == VR_NOT_GIVEN)
		garp->lower_prio_delay_us = garp->delay_us;
	if (garp->lower_prio_repeat == UINT32_MAX)
		garp->lower_prio_repeat = garp->repeat;
	fifo_complete(r, &r->conf->global.notify_fifo, "notify_fifo");
	fifo_complete(r, &r->conf->global.vrrp_fifo, "vrrp_notify_fifo");
}
