/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_conf.c - keepalived.conf: what each keyword makes of the model, and
 * what each mistake is told. Texts in memory, but for users and programs.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vrrp_conf_help.h"

/* --- instances ----------------------------------------------------------- */

static void
test_seed(void **state)
{
	(void)state;
	const struct vr_instance *const in = vi(
	    "vrrp_script my_chk {\n    script       \"/usr/local/bin/http_check.sh\"\n"
	    "    interval 2\n    fall 2\n    rise 2\n    weight 10\n}\n\n"
	    "vrrp_instance VI_1 {\n    state MASTER\n    interface enp0s8\n"
	    "    virtual_router_id 51\n    priority 100\n    advert_int 1\n"
	    "    authentication {\n        auth_type PASS\n        auth_pass 1111\n    }\n"
	    "    virtual_ipaddress {\n        192.168.2.100\n    }\n"
	    "    track_script {\n        my_chk\n    }\n}");

	assert_string_equal(in->name, "VI_1");
	assert_int_equal(in->where.line, 9);
	assert_string_equal(in->interface, "enp0s8");
	assert_true(in->wants_master);
	assert_int_equal(in->vrid, 51);
	assert_int_equal(in->priority, 100);
	assert_int_equal(in->advert_us, 1000000);
	assert_int_equal(in->auth, VR_AUTH_PASS);
	assert_memory_equal(in->password, "1111\0\0\0\0", 8);
	assert_int_equal(in->n_vips, 1);
	assert_int_equal(in->vip[0].prefix, 32);
	assert_string_equal(in->vip[0].dev, "enp0s8");
	assert_int_equal(in->n_tracks, 1);
	assert_int_equal(in->track[0].weight, 10);
	assert_int_equal(conf->script[0].rise, 2);
	assert_int_equal(conf->script[0].interval_us, 2000000);
	assert_int_equal(conf->script[0].timeout_us, 2000000);
	assert_string_equal(
	    conf->script[0].run.argv[0], "/usr/local/bin/http_check.sh");
	assert_null(conf->script[0].run.argv[1]);
}

static void
test_defaults(void **state)
{
	(void)state;
	const struct vr_instance *in = vi(VI(""));

	assert_int_equal(in->family, AF_INET);
	assert_int_equal(in->version, 2);
	assert_int_equal(in->priority, 100);
	assert_int_equal(in->advert_us, 1000000);
	assert_int_equal(in->garp.delay_us, 5000000);
	assert_int_equal(in->garp.repeat, 5);
	assert_int_equal(in->garp.refresh_us, 0);
	assert_int_equal(in->garp.keep_us, 1000000);
	assert_int_equal(in->garp.refresh_repeat, 1);
	assert_int_equal(in->garp.lower_prio_delay_us, 5000000);
	assert_int_equal(in->garp.lower_prio_repeat, 5);
	assert_int_equal(in->down_timer_adverts, 3);
	assert_int_equal(in->group, -1);
	assert_true(in->accept);
	assert_false(in->nopreempt);
	assert_string_equal(ip(&in->mcast_group), "224.0.0.18");
	assert_int_equal(conf->global.version, 2);
	assert_true(conf->global.router_id[0] != '\0');

	in = vi(VI6(""));
	assert_int_equal(in->family, AF_INET6);
	assert_int_equal(in->version, 3);
	assert_string_equal(ip(&in->mcast_group), "ff02::12");

	in = vi(VI("state MASTER"));
	assert_int_equal(in->priority, 255);
	warned("makes it 255");
}

static void
test_globals_before_and_after(void **state)
{
	(void)state;
	static const char globals[] =
	    "global_defs { vrrp_garp_master_delay 10\n vrrp_garp_master_repeat 3\n"
	    " vrrp_garp_master_refresh 60\n vrrp_version 3\n router_id me\n"
	    " vrrp_mcast_group4 224.0.0.19\n vrrp_garp_interval 0.001\n"
	    " vrrp_down_timer_adverts 5\n vrrp_rt_priority 50\n vrrp_no_swap\n"
	    " vrrp_priority -10\n vrrp_rlimit_rttime 5000\n vrrp_startup_delay 5.5\n"
	    " vrrp_higher_prio_send_advert\n vrrp_skip_check_adv_addr yes\n}";
	const struct vr_instance *const in = vi2(VI("garp_master_delay 1"), globals);

	assert_int_equal(in->garp.delay_us, 1000000);
	assert_int_equal(in->garp.lower_prio_delay_us, 10000000);
	assert_int_equal(in->garp.repeat, 3);
	assert_int_equal(in->garp.lower_prio_repeat, 3);
	assert_int_equal(in->garp.refresh_us, 60000000);
	assert_int_equal(in->garp.keep_us, 0);
	assert_int_equal(in->garp.interval_us, 1000);
	assert_int_equal(in->version, 3);
	assert_int_equal(in->down_timer_adverts, 5);
	assert_true(in->higher_prio_send_advert);
	assert_true(in->skip_check_adv_addr);
	assert_string_equal(ip(&in->mcast_group), "224.0.0.19");
	assert_string_equal(conf->global.router_id, "me");
	assert_int_equal(conf->global.rt_priority, 50);
	assert_int_equal(conf->global.process_priority, -10);
	assert_int_equal(conf->global.rlimit_rttime_us, 5000);
	assert_int_equal(conf->global.startup_delay_us, 5500000);
	assert_true(conf->global.no_swap);
	vi("global_defs { vrrp_min_garp\n}" VI(""));
	assert_int_equal(conf->instance[0].garp.delay_us, 0);
	assert_int_equal(conf->instance[0].garp.repeat, 1);
}

static void
test_numbers(void **state)
{
	(void)state;
	bad(VI("priority 300"), "k.conf:7: priority '300': must be 1 to 255");
	bad(VI("priority 0"), "must be 1 to 255");
	bad(VI("priority high"), "a whole number from 1 to 255 is needed");
	bad(VI("priority"), "'priority' needs more words: priority NUMBER");
	bad(VI("advert_int 0"), "advert_int '0': seconds from 0.01 to 255");
	bad(VI("advert_int 1s"), "seconds from 0.01");
	bad(VI("advert_int 99999999999999999999999"), "seconds from 0.01");
	bad(VI("version 4"), "must be 2 to 3");
	bad(VI("state SLAVE"), "state 'SLAVE': MASTER or BACKUP is needed");
	bad(VI("preempt_delay 1001"), "seconds from 0 to 1000");
	bad(VI("down_timer_adverts 0"), "must be 1 to 100");
	bad(VI("dont_track_primary maybe"), "on, off, true");
	good(VI("priority 100 110"));
	warned("from '110' on is ignored");
}

static void
test_interval(void **state)
{
	(void)state;
	assert_int_equal(vi(VI("advert_int 0.1\n version 3"))->advert_us, 100000);
	assert_int_equal(vi(VI("advert_int 2.4"))->advert_us, 2000000);
	warned("rounded to 2");
	assert_int_equal(vi(VI("advert_int 0.1"))->advert_us, 1000000);
	bad(VI("advert_int 41\n version 3"), "at most 40.95 seconds in version 3");
	bad(VI6("version 2"), "version 2 knows IPv4 only");
}

static void
test_authentication(void **state)
{
	(void)state;
	good(VI("authentication { auth_type PASS\n auth_pass 123456789 }"));
	warned("has 9 characters: only the first 8 are used");
	assert_memory_equal(conf->instance[0].password, "12345678", 8);
	good(VI("version 3\n authentication { auth_type PASS\n auth_pass a }"));
	warned("version 3 has no authentication");
	assert_int_equal(conf->instance[0].auth, VR_AUTH_NONE);
	good(VI("authentication { auth_pass a }"));
	warned("auth_type is missing");
	good(VI("authentication { auth_type PASS }"));
	warned("auth_pass is missing");
	assert_int_equal(conf->instance[0].auth, VR_AUTH_NONE);
	bad(VI("authentication { auth_type AH\n auth_pass a }"),
	    "AH is not supported yet");
	bad(VI("authentication { auth_type MD5 }"), "PASS is needed");
	bad(VI("authentication PASS"), "needs a block");
}

static void
test_preemption(void **state)
{
	(void)state;
	good(VI("nopreempt\n state MASTER\n priority 100"));
	warned("nopreempt is honoured here");
	assert_true(conf->instance[0].nopreempt);
	assert_false(vi(VI("nopreempt\n preempt"))->nopreempt);
	assert_false(vi(VI("nopreempt\n priority 255"))->nopreempt);
	warned("nopreempt is ignored");
	good(VI("nopreempt\n preempt_delay 2.5"));
	warned("preempt_delay has no effect");
	assert_int_equal(conf->instance[0].preempt_delay_us, 2500000);
}

static void
test_incomplete(void **state)
{
	(void)state;
	bad("vrrp_instance A { virtual_router_id 1 }", "'A' has no interface");
	bad("vrrp_instance A { interface eth0 }", "'A' has no virtual_router_id");
	bad("vrrp_instance { interface eth0 }", "'vrrp_instance' needs more words");
	bad(VI("interface a/b"), "an interface's name");
	good("vrrp_instance A { interface eth0\n virtual_router_id 1 }");
	warned("has no address");
}

static void
test_unicast(void **state)
{
	(void)state;
	const struct vr_instance *const in = vi(VI(
	    "unicast_src_ip 192.0.2.5\n unicast_peer {\n 192.0.2.6\n"
	    " 192.0.2.7 min_ttl 250 max_ttl 255\n }\n unicast_ttl 9\n track_src_ip"));

	assert_int_equal(in->n_peers, 2);
	assert_string_equal(ip(&in->source), "192.0.2.5");
	assert_string_equal(ip(&in->peer[1].ip), "192.0.2.7");
	assert_int_equal(in->peer[0].max_ttl, 255);
	assert_int_equal(in->peer[1].min_ttl, 250);
	assert_int_equal(in->unicast_ttl, 9);
	assert_true(in->track_source);
	good(VI("unicast_src_ip 192.0.2.5"));
	warned("has no unicast_peer: it uses multicast");
	bad(VI("unicast_fault_no_peer"), "unicast_fault_no_peer forbids");
	bad(VI("unicast_peer { fe80::2 }"), "is no IPv4 address");
	bad(VI("unicast_peer { 192.0.2.6 192.0.2.7 }"), "each peer needs a line");
	bad(VI("unicast_src_ip 192.0.2.5\n unicast_peer { 192.0.2.5 }"),
	    "among its peers");
	bad(VI("mcast_dst_ip 192.0.2.5"), "a multicast address");
	bad(VI("mcast_dst_ip ff02::13"), "mcast_dst_ip ff02::13 is no IPv4 address");
	assert_string_equal(
	    ip(&vi(VI("mcast_dst_ip 224.0.0.20"))->mcast_group), "224.0.0.20");
}

static void
test_vmac(void **state)
{
	(void)state;
	static const uint8_t standard[6] = { 0, 0, 0x5e, 0, 1, 51 };
	static const uint8_t five[6] = { 0, 0x11, 0x22, 0x33, 0x44, 51 };
	const struct vr_instance *in = vi(VI("use_vmac"));

	assert_string_equal(in->vmac_name, "vrrp.51");
	assert_string_equal(in->vip[0].dev, "vrrp.51");
	assert_memory_equal(in->vmac_mac, standard, 6);
	in = vi("global_defs { vmac_prefix v }" VI(
	    "use_vmac 00:11:22:33:44\n"
	    "virtual_ipaddress_excluded { fe80::1 }"));
	assert_string_equal(in->vmac_name, "v.51");
	assert_string_equal(in->vip[1].dev, "eth0");
	assert_memory_equal(in->vmac_mac, five, 6);
	assert_string_equal(vi(VI("use_vmac foo"))->vmac_name, "foo");
	bad(VI("use_vmac 01:11:22:33:44:55"), "a unicast MAC address");
	bad(VI("use_vmac 00:11:zz:33:44:55"), "a unicast MAC address");
	good(VI("use_vmac\n unicast_peer { 192.0.2.9 }"));
	warned("vmac_xmit_base");
	good("vrrp_instance A { interface a\n virtual_router_id 7\n use_vmac\n }\n"
	     "vrrp_instance B { interface b\n virtual_router_id 7\n use_vmac\n }");
	assert_string_equal(conf->instance[1].vmac_name, "vrrp1.7");
}

static void
test_strict(void **state)
{
	(void)state;
	bad(VI("strict_mode\n unicast_peer { 192.0.2.9 }"), "forbids unicast_peer");
	bad("global_defs { vrrp_strict }\nvrrp_instance A { interface a\n"
	    " virtual_router_id 1 }",
	    "forbids an instance without addresses");
	good(VI("strict_mode on\n preempt_delay 5\n state MASTER\n priority 100"));
	warned("strict mode has no preempt_delay");
	assert_int_equal(conf->instance[0].preempt_delay_us, 0);
	assert_false(conf->instance[0].wants_master);
	assert_true(conf->instance[0].lower_prio_no_advert);
	assert_false(vi("global_defs { vrrp_strict }" VI("strict_mode off"))->strict);
}

static void
test_two_instances(void **state)
{
	(void)state;
#define A(name, lines)                                                             \
	"vrrp_instance " name " {\n interface eth0\n virtual_router_id 51\n" lines \
	"\n}\n"
	bad(VI("") VI(""), "a second vrrp_instance 'VI'");
	bad(A("A", "") A("B", ""), "both have virtual_router_id 51");
	good(A("A", "") A("B", "native_ipv6"));
	good(A("A", "") A("B", "mcast_dst_ip 224.0.0.20"));
	good(A("A", "unicast_peer { 192.0.2.1 }") A("B", "unicast_peer { 192.0.2.2 }"));
	bad(A("A", "unicast_peer { 192.0.2.1 }") A("B", "unicast_peer { 192.0.2.1 }"),
	    "both have virtual_router_id 51");
}

/* --- what is tracked ----------------------------------------------------- */

static void
test_tracks(void **state)
{
	(void)state;
	static const char things[] =
	    "vrrp_script late { script /bin/a }\n"
	    "vrrp_script slow { script \"/bin/b 'c d' e\"\n interval 0.5\n weight -7 reverse\n"
	    " init_fail\n timeout 3\n rise 4\n fall 5 }\n"
	    "vrrp_track_process sshd { process /usr/sbin/sshd -D x\n quorum 2\n"
	    " quorum_max 9\n delay 0.5\n full_command\n param_match initial }\n"
	    "track_file num { file /run/num\n weight 2 reverse\n init_file 4 overwrite }";
	const struct vr_instance *const in = vi2(
	    VI("track_script { late weight 5 reverse\n"
	       " slow }\n track_interface { eth1\n eth2 weight -5 }\n"
	       "track_process { sshd }\n track_file { num weight 3 }\n"
	       "track_frontend web\n track_backend { app min-servers 2 weight 20\n}\n"
	       "track_backend api\n track_worker\n"),
	    things);

	assert_int_equal(in->n_tracks, 10);
	const struct vr_track *const t = in->track;
	assert_int_equal(t[0].index, 0);
	assert_int_equal(t[0].weight, 5);
	assert_true(t[0].reverse);
	assert_int_equal(t[1].index, 1);
	assert_int_equal(t[1].weight, -7);
	assert_true(t[1].reverse);
	assert_string_equal(t[2].name, "eth1");
	assert_int_equal(t[3].weight, -5);
	assert_int_equal(t[4].weight, 1);
	assert_int_equal(t[5].weight, 3);
	assert_true(t[5].reverse);
	assert_int_equal(t[6].kind, VR_TRACK_FRONTEND);
	assert_int_equal(t[7].min_servers, 2);
	assert_int_equal(t[7].weight, 20);
	assert_int_equal(t[8].min_servers, 1);
}

static void
test_tracked_things(void **state)
{
	(void)state;
	test_tracks(state);
	const struct vr_script *const s = &conf->script[1];
	assert_string_equal(s->run.argv[1], "c d");
	assert_int_equal(s->interval_us, 500000);
	assert_int_equal(s->timeout_us, 3000000);
	assert_int_equal(s->rise, 4);
	assert_int_equal(s->fall, 5);
	assert_true(s->init_fail && s->run.is_check);
	const struct vr_track_process *const p = &conf->process[0];
	assert_string_equal(p->command, "/usr/sbin/sshd");
	assert_string_equal(p->param, "-D x");
	assert_true(p->param_initial && p->full_command);
	assert_int_equal(p->quorum, 2);
	assert_int_equal(p->quorum_max, 9);
	assert_int_equal(p->terminate_delay_us, 500000);
	const struct vr_track_file *const f = &conf->file[0];
	assert_string_equal(f->path, "/run/num");
	assert_true(f->has_init && f->init_overwrite);
	assert_int_equal(f->init_value, 4);
	good("vrrp_script a { script /bin/sh -c \"a b\" }");
	warned("put all of it into quotes");
	assert_string_equal(conf->script[0].run.argv[2], "a b");
	good("vrrp_track_process p { process a\n param_match partial }");
	assert_string_equal(conf->process[0].param, "");
	assert_false(conf->process[0].param_initial);
}

static void
test_track_errors(void **state)
{
	(void)state;
	bad(VI("track_script { chk }"), "there is no vrrp_script of that name");
	bad(VI("track_script { chk }") "vrrp_script chkk { script /bin/a }",
	    "is 'chkk' meant?");
	bad(VI("track_process { p }"), "there is no vrrp_track_process");
	bad(VI("track_file { p }"), "there is no track_file");
	bad(VI("track_interface { eth0 weight 300 }"), "must be -253 to 253");
	bad(VI("track_interface { eth0 eth1 }"), "weight N, reverse or noreverse");
	bad(VI("track_interface"), "'track_interface' needs a name");
	bad(VI("track_backend web min-servers 0"), "must be 1 to");
	bad(VI("track_worker x"), "weight N");
	bad(VI("track_bfd { x }"), "'track_bfd' is not supported yet");
	good(VI("track_interface eth1\n track_interface { eth1 weight 5 }"));
	warned("a second time");
	bad("vrrp_script a { interval 1 }", "has no script");
	bad("vrrp_script a { script \"\" }", "a program is needed");
	bad("vrrp_script a { script \"/bin/x 'y\" }", "a quote has no end");
	bad("vrrp_script a { script /a\n rise 0 }", "must be 1 to");
	bad("vrrp_script a { script /a\n weight 5 inverse }", "nothing or 'reverse'");
	bad("vrrp_script a { script /a }\nvrrp_script a { script /a }",
	    "a second vrrp_script");
	bad("track_file a { weight 1 }", "has no file");
	bad("track_file a { file b }", "must begin with '/'");
	bad("vrrp_track_process a { quorum 1 }", "has no process");
	bad("vrrp_track_process a { process x\n quorum_max 0 }", "weight 0 reverse");
	bad("vrrp_track_process a { process x\n quorum 3\n quorum_max 2 }",
	    "below quorum");
}

/* --- groups -------------------------------------------------------------- */

#define TWO                                                     \
	"vrrp_instance A { interface a\n virtual_router_id 1\n" \
	" track_interface { x weight 5\n y }\n}\n"              \
	"vrrp_instance B { interface b\n virtual_router_id 1\n }\n"

static void
test_groups(void **state)
{
	(void)state;
	good(
	    "vrrp_sync_group G { group { B\n A\n }\n track_interface z\n notify_deleted\n"
	    " notify_master \"/bin/m x\"\n }" TWO);
	warned("what it tracks with a weight is ignored");
	assert_int_equal(conf->group[0].n_members, 2);
	assert_int_equal(conf->group[0].member[0], 1);
	assert_int_equal(conf->instance[0].group, 0);
	assert_int_equal(conf->instance[0].n_tracks, 1);
	assert_string_equal(conf->instance[0].track[0].name, "y");
	assert_string_equal(conf->group[0].track[0].name, "z");
	assert_true(conf->group[0].notify.tells_deleted);
	assert_string_equal(conf->group[0].notify.master.argv[1], "x");
	good("vrrp_sync_group G { group { A B }\n sync_group_tracking_weight }" TWO);
	assert_int_equal(conf->instance[0].n_tracks, 2);
	good("vrrp_sync_group G { group { A }\n }" TWO);
	warned("has 1 members");
	bad("vrrp_sync_group G { group { A\n BB } }" TWO, "is 'B' meant?");
	bad("vrrp_sync_group G { notify /bin/x }" TWO, "has no members");
	bad("vrrp_sync_group G { A\n B }" TWO, "unknown keyword 'A'");
	bad("vrrp_sync_group G { group { A } }\nvrrp_sync_group H { group { A } }" TWO,
	    "in sync group 'G' already");
}

static void
test_garp_groups(void **state)
{
	(void)state;
	good("garp_group { garp_interval 0.5\n interface a }\n"
	     "garp_group { gna_interval 1\n interfaces { a\n b } }" TWO);
	assert_int_equal(conf->instance[0].garp.interval_us, 500000);
	assert_int_equal(conf->instance[0].garp.na_interval_us, 1000000);
	assert_int_equal(conf->instance[1].garp.interval_us, 0);
	assert_int_equal(conf->instance[1].garp.na_interval_us, 1000000);
	bad("garp_group { garp_interval 1 }", "either 'interface' or 'interfaces'");
}

/* --- what is not done ---------------------------------------------------- */

static void
test_unknown(void **state)
{
	(void)state;
	bad(VI("prioriti 100"),
	    "unknown keyword 'prioriti' in vrrp_instance: is 'priority'");
	bad(VI("quux"), "unknown keyword 'quux'");
	bad(VI("script /bin/x"),
	    "'script' is not for vrrp_instance but for vrrp_script");
	bad("vrrp_instanc A { }", "is 'vrrp_instance' meant?");
	bad("global_defs { routerid a }", "is 'router_id' meant?");
	bad("vrrp_instance A", "'vrrp_instance' needs a block");
	bad(VI("priority { 1 }"), "'priority' has no block");
	bad("bfd_instance x { }", "'bfd_instance' is not supported yet");
	bad("net_namespace x", "ip netns exec");
}

static void
test_no_effect(void **state)
{
	(void)state;
	good("global_defs { notification_email { a@example.org\n b@example.org }\n"
	     " notification_email_from x@example.org\n smtp_server 127.0.0.1 25\n"
	     " smtp_connect_timeout 30\n lvs_flush\n process_names\n smtp_alert off\n"
	     " max_auto_priority -1 }\n" VI(""));
	assert_string_equal(said, "");
	good(VI("smtp_alert"));
	warned("no mail is sent");
	good("global_defs { enable_snmp_vrrp }");
	warned("no SNMP");
}

static void
test_lvs(void **state)
{
	(void)state;
	good("virtual_server 192.0.2.1 80 {\n lb_algo wlc\n protocol TCP\n"
	     " real_server 192.0.2.11 8080 {\n weight 3\n TCP_CHECK { }\n }\n"
	     " real_server fd00::1 8080 { }\n sorry_server 192.0.2.12 80\n }");
	warned("listen NAME; mode tcp; bind 192.0.2.1:80; balance leastconn; "
	       "server s1 192.0.2.11:8080 weight 3 check; server s2 [fd00::1]:8080; "
	       "server s3 192.0.2.12:80 backup");
	assert_int_equal(report.n_warnings, 1);
	good("virtual_server 192.0.2.1 53 { protocol UDP\n}");
	warned("UDP is not balanced here");
	good("virtual_server_group g { 192.0.2.1 80\n}\n"
	     "virtual_server group g { }\nSSL { a b }");
	assert_int_equal(report.n_warnings, 3);
}

static void
test_fifo(void **state)
{
	(void)state;
	good(
	    "global_defs { vrrp_notify_fifo /run/fifo\n vrrp_notify_fifo_script /bin/x\n"
	    " vrrp_notify_priority_changes on }" VI(""));
	assert_string_equal(conf->global.vrrp_fifo.path, "/run/fifo");
	assert_string_equal(conf->global.vrrp_fifo.script.argv[0], "/bin/x");
	assert_null(conf->global.notify_fifo.path);
	assert_true(conf->instance[0].notify.priority_changes);
	bad("global_defs { notify_fifo /a\n notify_fifo /b }",
	    "a second 'notify_fifo'");
	bad("global_defs { notify_fifo a }", "begins with '/'");
	bad("global_defs { notify_fifo_script /bin/x }", "without notify_fifo");
}

static unsigned n_lines;

static void
manual_line(void *arg, const char *text)
{
	assert_ptr_equal(arg, &n_lines);
	const char *const first = strstr(text, " | ");
	assert_non_null(first);
	const char *const help = strstr(first + 3, " | ");
	if (help == NULL || help[3] == '\0')
		fail_msg("no help: %s", text);
	n_lines++;
}

static void
test_manual(void **state)
{
	(void)state;
	n_lines = 0;
	vr_conf_manual(manual_line, &n_lines);
	assert_in_range(n_lines, 300, 1000);
}

/* --- users and programs -------------------------------------------------- */

static char dir[64], file_name[96], program[96];

static struct vr_conf *
file_read(const char *text)
{
	FILE *const f = fopen(file_name, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	report = (struct vr_report){ .say = say };
	said[0] = '\0';
	return vr_conf_read(file_name, &report);
}

static void
refused(const char *lines, const char *words)
{
	char text[512];
	snprintf(text, sizeof(text), "vrrp_script a {\n %s\n}\n", lines);
	vr_conf_free(&conf);
	conf = file_read(text);
	if (conf != NULL || strstr(said, words) == NULL)
		fail_msg("'%s' is not in: %s", words, said);
}

static void
test_programs(void **state)
{
	(void)state;
	refused("script /nonexistent/x", "cannot run '/nonexistent/x': No such file");
	refused("script nosuchprogram0", "no program 'nosuchprogram0' in the PATH");
	refused("script /etc/passwd", "it is not executable");
	refused("script /", "it is not executable");
	refused(
	    "script /bin/true\n user nosuchuser0", "there is no user 'nosuchuser0'");
	refused("script /bin/true\n user root nosuchgroup0", "there is no group");

	vr_conf_free(&conf);
	conf = file_read("vrrp_script a { script \"true x\"\n user root }");
	assert_non_null(conf);
	assert_int_equal(conf->script[0].run.argv[0][0], '/');
	assert_true(conf->script[0].run.has_user);
	vr_conf_free(&conf);
	conf = file_read("vrrp_instance A { interface a\n virtual_router_id 1\n"
			 " notify /nonexistent/x\n}");
	assert_non_null(conf);
	warned("until then it is not run");
	assert_null(conf->instance[0].notify.any.argv);
	vr_conf_free(&conf);
	conf = file_read("vrrp_instance A { interface a\n virtual_router_id 1\n"
			 " notify_master /bin/true nosuchuser0\n}");
	assert_non_null(conf);
	warned("there is no user 'nosuchuser0'; where an argument is meant");
	assert_null(conf->instance[0].notify.master.argv);
	vr_conf_free(&conf);
	conf = file_read("global_defs { script_user nosuchuser0 }");
	assert_null(conf);
}

static void
test_security(void **state)
{
	(void)state;
	char text[512];
	snprintf(text, sizeof(text),
	    "vrrp_script a { script %s\n user root }\nglobal_defs { enable_script_security }",
	    program);
	vr_conf_free(&conf);
	chmod(program, 0777);
	conf = file_read(text);
	assert_null(conf);
	assert_non_null(strstr(said, "others than root may change"));
	if (geteuid() == 0) {
		chmod(program, 0755);
		conf = file_read(text);
		assert_non_null(conf);
	}
	vr_conf_free(&conf);
	conf = file_read("vrrp_script a { script /bin/true\n user root }\n"
			 "global_defs { enable_script_security }");
	assert_non_null(conf);
	if (system("getent passwd keepalived_script >/dev/null") == 0)
		return;
	vr_conf_free(&conf);
	conf = file_read("global_defs { enable_script_security }\n"
			 "vrrp_script a { script /bin/true }");
	assert_null(conf);
	assert_non_null(strstr(said, "write 'script_user USER'"));
}

static int
setup(void **state)
{
	(void)state;
	const char *const tmp = getenv("TMPDIR");
	/* what root runs must lie where only root writes; the sticky bit of /tmp
	 * is enough */
	snprintf(dir, sizeof(dir), "%.40s/vrconf.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(file_name, sizeof(file_name), "%s/k.conf", dir);
	snprintf(program, sizeof(program), "%s/check", dir);
	FILE *const f = fopen(program, "w");
	return f == NULL ? -1 : fclose(f);
}

static int
teardown(void **state)
{
	(void)state;
	vr_conf_free(&conf);
	remove(file_name);
	remove(program);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_globals_before_and_after),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_authentication),
		cmocka_unit_test(test_preemption),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_unicast),
		cmocka_unit_test(test_vmac),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_two_instances),
		cmocka_unit_test(test_tracks),
		cmocka_unit_test(test_tracked_things),
		cmocka_unit_test(test_track_errors),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_garp_groups),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_no_effect),
		cmocka_unit_test(test_lvs),
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_security),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
