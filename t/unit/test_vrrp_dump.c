/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_dump.c - dumps of VRRP, compared with what keepalived 2.2.7 wrote
 * of the same configuration.
 */
#include "vrrp_text.h"

#include <jansson.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <tideway/worker.h>

#include "../../modules/vrrp/dump.h"

static struct vr_vip vips[3];
static struct vr_hop hop = { .dev = "ve0" };
static struct vr_route route = { .family = AF_INET,
	.type = RTN_UNICAST,
	.to_prefix = 16,
	.protocol = 18,
	.hop = &hop,
	.n_hops = 1 };
static struct vr_rule rule = { .family = AF_INET,
	.action = FR_ACT_TO_TBL,
	.from_prefix = 32,
	.table = 100,
	.priority = 16384,
	.has_priority = true };
static char *const argv_master[] = { "/usr/bin/true", "m", NULL };
static char *const argv_any[] = { "/usr/bin/true", "x", NULL };
static char *const argv_script[] = { "/usr/bin/true", NULL };
static struct vr_track tracks[] = {
	{ .kind = VR_TRACK_SCRIPT, .name = "chk_bad", .weight = 7 },
	{ .kind = VR_TRACK_BACKEND, .name = "web", .weight = -20, .min_servers = 2 },
	{ .kind = VR_TRACK_INTERFACE, .name = "ve1", .weight = -3, .reverse = true },
};
static struct vr_script scripts[] = { {
    .name = "chk_bad",
    .run = { .argv = argv_script, .has_user = true },
    .interval_us = 2000000,
    .timeout_us = 2500000,
    .rise = 1,
    .fall = 2,
    .weight = 5,
} };
static struct vr_peer_addr peers[1];
static struct vr_instance instances[2];
static unsigned members[] = { 0 };
static struct vr_group groups[] = {
	{ .name = "G1", .member = members, .n_members = 1 }
};
static struct vr_router routers[2];
static struct vr_conf conf = { .global = { .router_id = "LB1",
				   .version = 2,
				   .script_security = true,
				   .has_script_user = true },
	.instance = instances,
	.n_instances = 2,
	.group = groups,
	.n_groups = 1,
	.script = scripts,
	.n_scripts = 1 };

static void
vips_make(void)
{
	vips[0] = (struct vr_vip){ .ip = ip("10.9.0.100"),
		.prefix = 32,
		.dev = "ve0",
		.preferred_s = UINT32_MAX };
	vips[1] = (struct vr_vip){ .ip = ip("10.9.0.101"),
		.prefix = 24,
		.dev = "ve0",
		.preferred_s = UINT32_MAX,
		.label = "ve0:1" };
	vips[2] = (struct vr_vip){ .ip = ip("10.9.0.102"),
		.prefix = 24,
		.dev = "ve0",
		.preferred_s = UINT32_MAX,
		.excluded = true };
	hop.via = ip("10.9.0.9");
	route.to = ip("10.20.0.0");
	rule.from = ip("10.9.0.100");
}

static const struct vr_garp garp = { .delay_us = 5000000,
	.repeat = 5,
	.refresh_repeat = 1,
	.lower_prio_delay_us = 5000000,
	.lower_prio_repeat = 5 };

static void
instances_make(void)
{
	vips_make();
	instances[0] = (struct vr_instance){ .name = "VI_1",
		.interface = "ve0",
		.family = AF_INET,
		.version = 2,
		.vrid = 51,
		.priority = 110,
		.wants_master = true,
		.advert_us = 1000000,
		.auth = VR_AUTH_PASS,
		.password = "secret",
		.vip = vips,
		.n_vips = 3,
		.n_advertised = 2,
		.route = &route,
		.n_routes = 1,
		.rule = &rule,
		.n_rules = 1,
		.mcast_group = ip("224.0.0.18"),
		.accept = true,
		.garp = garp,
		.down_timer_adverts = 3,
		.notify = { .master.argv = argv_master,
		    .master.has_user = true,
		    .any.argv = argv_any,
		    .any.has_user = true } };
	instances[1] = instances[0];
	instances[1].name = "VI_2";
	instances[1].version = 3;
	instances[1].vrid = 52;
	instances[1].wants_master = false;
	instances[1].advert_us = 500000;
	instances[1].auth = VR_AUTH_NONE;
	instances[1].n_vips = instances[1].n_advertised = 1;
	instances[1].n_routes = instances[1].n_rules = 0;
	instances[1].notify = (struct vr_notify){ 0 };
	instances[1].group = -1;
	instances[1].nopreempt = true;
	instances[1].source = ip("10.9.0.1");
	peers[0] = (struct vr_peer_addr){ .ip = ip("10.9.0.2"), .max_ttl = 255 };
	instances[1].peer = peers;
	instances[1].n_peers = 1;
	instances[1].unicast_ttl = 255;
	instances[1].track = tracks;
	instances[1].n_tracks = TW_N_ELEMENTS(tracks);
}

static void
routers_make(void)
{
	instances_make();
	routers[0] = (struct vr_router){ .conf = &instances[0],
		.state = VR_MASTER,
		.priority = 110,
		.own = ip("10.9.0.1"),
		.entered_us = tw_now_us(),
		.advert_due_us = tw_now_us() + 1000000,
		.n = { .adverts_sent = 5,
		    .became_master = 1,
		    .dropped = { [VR_DROP_COUNT] = 1,
			[VR_DROP_ADDRESSES] = 2,
			[VR_DROP_AUTH] = 4 } } };
	routers[1] = (struct vr_router){ .conf = &instances[1],
		.state = VR_BACKUP,
		.priority = 95,
		.own = ip("10.9.0.1"),
		.master = ip("10.9.0.2"),
		.master_priority = 120,
		.master_advert_us = 500000 };
}

/* Written by keepalived 2.2.7, without the lines that are not ours to know. */
static const char keepalived_data_1[] =
    "   Interface = ve0\n"
    "   Using src_ip = 10.9.0.1\n"
    "   Multicast address 224.0.0.18\n"
    "   Gratuitous ARP delay = 5\n"
    "   Gratuitous ARP repeat = 5\n"
    "   Gratuitous ARP refresh = 0\n"
    "   Gratuitous ARP refresh repeat = 1\n"
    "   Gratuitous ARP lower priority delay = 5\n"
    "   Gratuitous ARP lower priority repeat = 5\n"
    "   Down timer adverts = 3\n"
    "   Send advert after receive lower priority advert = true\n"
    "   Send advert after receive higher priority advert = false\n"
    "   Virtual Router ID = 51\n"
    "   Priority = 110\n"
    "   Effective priority = 110\n"
    "   Total priority = 110\n"
    "   Advert interval = 1 sec\n"
    "   Accept = enabled\n"
    "   Preempt = enabled\n"
    "   Promote_secondaries = disabled\n"
    "   Authentication type = SIMPLE_PASSWORD\n"
    "   Password = secret\n"
    "   Virtual IP (2):\n"
    "     10.9.0.100 dev ve0 scope global set\n"
    "     10.9.0.101/24 dev ve0 scope global label ve0:1 set\n"
    "   Virtual IP Excluded :\n"
    "     10.9.0.102/24 dev ve0 scope global set\n"
    "   Virtual Routes :\n"
    "     10.20.0.0/16 via inet 10.9.0.9 dev ve0 proto 18\n"
    "   Virtual Rules :\n"
    "     from 10.9.0.100 priority 16384 tos 0x0 lookup 100\n"
    "   Notify deleted = Fault\n"
    "   Master state transition script = '/usr/bin/true' 'm', uid:gid 0:0\n"
    "   Generic state transition script = '/usr/bin/true' 'x', uid:gid 0:0\n"
    "   Notify priority changes = false\n"
    " VRRP Instance = VI_2\n"
    "   VRRP Version = 3\n";

static const char keepalived_head[] =
    "------< VRRP Topology >------\n"
    " VRRP Instance = VI_1\n"
    "   VRRP Version = 2\n"
    "   Sync group = G1\n"
    "   State = MASTER\n"
    "   Flags: none\n"
    "   Wantstate = MASTER\n"
    "   Number of config faults = 0\n"
    "   Number of interface and track script faults = 0\n"
    "   Last transition = ";

static void
test_data(void **state)
{
	FILE *to = NULL;
	char *text = NULL;
	size_t len;

	(void)state;
	routers_make();
	written(&to, &text, &len);
	vr_dump_data(to, &conf, routers, NULL);
	written(&to, &text, &len);
	has(text, "------< Global definitions >------\n Router ID = LB1\n");
	has(text, " Script security enabled\n Default script uid:gid 0:0\n");
	has(text, keepalived_head);
	has(text, keepalived_data_1);
	has(text, "   Flags:\n     Using unicast\n");
	has(text,
	    "   Master router = 10.9.0.2\n   Master priority = 120\n"
	    "   Master advert int = 0.50 sec\n");
	has(text, "   Using src_ip = 10.9.0.1 (from configuration)\n");
	has(text,
	    "   Advert interval = 500 milli-sec\n"
	    "   Master advert interval = 500 milli-sec\n");
	has(text, "   Preempt = disabled\n");
	has(text, "   Virtual IP (1):\n     10.9.0.100 dev ve0 scope global\n");
	has(text, "   Unicast Peer :\n     10.9.0.2 min_ttl 0 max_ttl 255\n");
	has(text,
	    "   Tracked interfaces :\n     ve1 weight -3 reverse\n"
	    "   Tracked scripts :\n     chk_bad weight 7\n"
	    "   Tracked backends :\n     web weight -20 min-servers 2\n");
	has(text,
	    "------< VRRP Sync groups >------\n VRRP Sync Group = G1, MASTER\n"
	    "   Num member fault 0, num member init 0\n"
	    "   VRRP member instances :\n     VI_1\n");
	has(text,
	    "------< VRRP Scripts >------\n VRRP Script = chk_bad\n"
	    "   Command = '/usr/bin/true'\n   Interval = 2 sec\n"
	    "   Timeout = 2.5 sec\n   Weight = 5\n   Rise = 1\n   Fall = 2\n"
	    "   Init state = unknown\n   Script uid:gid = 0:0\n"
	    "   Status = INIT\n   Tracking instances :\n"
	    "     VI_2, weight 7\n");
	free(text);
}

static void
test_stats(void **state)
{
	FILE *to = NULL;
	char *text = NULL;
	size_t len;

	(void)state;
	routers_make();
	written(&to, &text, &len);
	vr_dump_stats(to, &conf, routers);
	written(&to, &text, &len);
	has(text,
	    "VRRP Instance: VI_1\n"
	    "  Advertisements:\n    Received: 0\n    Sent: 5\n"
	    "  Became master: 1\n  Released master: 0\n"
	    "  Packet Errors:\n    Length: 0\n    TTL: 0\n    Invalid Type: 0\n"
	    "    Advertisement Interval: 0\n    Address List: 3\n"
	    "  Authentication Errors:\n    Invalid Type: 0\n"
	    "    Type Mismatch: 0\n    Failure: 4\n"
	    "  Priority Zero:\n    Received: 0\n    Sent: 0\n"
	    "VRRP Instance: VI_2\n");
	free(text);
}

/* From keepalived's, but for the time and the words of routes and rules. */
static const char keepalived_json_1[] =
    "\"garp_delay\":5,\"garp_refresh\":0,\"garp_rep\":5,\"garp_refresh_rep\":1,"
    "\"garp_lower_prio_delay\":5,\"garp_lower_prio_rep\":5,"
    "\"lower_prio_no_advert\":0,\"higher_prio_send_advert\":0,\"vrid\":51,"
    "\"base_priority\":110,\"effective_priority\":110,\"vipset\":true,"
    "\"promote_secondaries\":false,\"adver_int\":1,\"master_adver_int\":1,"
    "\"accept\":1,\"nopreempt\":false,\"preempt_delay\":0,\"state\":2,"
    "\"wantstate\":2,\"version\":2,\"smtp_alert\":false,\"notify_deleted\":false,"
    "\"script_master\":\"'\\/usr\\/bin\\/true' 'm'\","
    "\"script\":\"'\\/usr\\/bin\\/true' 'x'\","
    "\"vips\":[\"10.9.0.100 dev ve0 scope global set\","
    "\"10.9.0.101\\/24 dev ve0 scope global label ve0:1 set\"],"
    "\"evips\":[\"10.9.0.102\\/24 dev ve0 scope global set\"],"
    "\"vroutes\":[\"10.20.0.0\\/16 via inet 10.9.0.9 dev ve0 proto 18\"],"
    "\"vrules\":[\"from 10.9.0.100 priority 16384 tos 0x0 lookup 100\"],"
    "\"auth_type\":1,\"auth_data\":\"secret\"},\"stats\":{\"advert_rcvd\":0,"
    "\"advert_sent\":5,\"become_master\":1,\"release_master\":0,"
    "\"packet_len_err\":0,\"advert_interval_err\":0,\"ip_ttl_err\":0,"
    "\"invalid_type_rcvd\":0,\"addr_list_err\":3,\"invalid_authtype\":0,"
    "\"authtype_mismatch\":0,\"auth_failure\":4,\"pri_zero_rcvd\":0,"
    "\"pri_zero_sent\":0}}";

static void
test_dump_json(void **state)
{
	FILE *to = NULL;
	char *text = NULL;
	size_t len;

	(void)state;
	routers_make();
	written(&to, &text, &len);
	vr_dump_json(to, &conf, routers);
	json_t *const all = json_loads(written(&to, &text, &len), 0, NULL);
	assert_int_equal(json_array_size(all), 2);
	json_decref(all);
	has(text,
	    "[{\"data\":{\"iname\":\"VI_1\",\"dont_track_primary\":0,"
	    "\"skip_check_adv_addr\":0,\"strict_mode\":0,\"vmac_ifname\":\"\","
	    "\"ifp_ifname\":\"ve0\",\"master_priority\":0,\"last_transition\":1");
	has(text, keepalived_json_1);
	has(text, "\"adver_int\":0.5,\"master_adver_int\":0.5");
	has(text,
	    "\"track_ifp\":[\"ve1\"],\"track_script\":[\"'\\/usr\\/bin\\/true'\"]");
	free(text);
}

static void
test_address_words(void **state)
{
	struct vr_instance in = {
		.interface = "ve0", .vmac_name = "vrrp.52", .use_vmac = true
	};
	struct vr_vip v = { .ip = ip("10.9.0.200"),
		.prefix = 32,
		.dev = "ve0",
		.preferred_s = UINT32_MAX };
	char text[VR_TEXT_BYTES];

	(void)state;
	assert_string_equal(vr_text_vip(&in, &v, false, text),
	    "10.9.0.200 dev vrrp.52@ve0 scope global");
	in.use_vmac = false;
	v = (struct vr_vip){ .ip = ip("10.9.0.100"),
		.prefix = 24,
		.dev = "ve0",
		.broadcast = ip("10.9.0.255"),
		.scope = RT_SCOPE_LINK,
		.label = "ve0:1",
		.preferred_s = UINT32_MAX };
	assert_string_equal(vr_text_vip(&in, &v, false, text),
	    "10.9.0.100/24 brd 10.9.0.255 dev ve0 scope link label ve0:1");
	v = (struct vr_vip){ .ip = ip("10.9.0.103"),
		.prefix = 32,
		.peer = ip("10.9.0.104"),
		.preferred_s = UINT32_MAX };
	assert_string_equal(vr_text_vip(&in, &v, false, text),
	    "10.9.0.103 dev ve0 scope global peer 10.9.0.104/32");
	v = (struct vr_vip){
		.ip = ip("fe80::100"), .prefix = 128, .dev = "ve0", .flags = IFA_F_NODAD
	};
	assert_string_equal(vr_text_vip(&in, &v, true, text),
	    "fe80::100 dev ve0 scope global deprecated set");
	v = (struct vr_vip){ .ip = ip("fd00::100"),
		.prefix = 64,
		.dev = "ve0",
		.preferred_s = 100,
		.flags = IFA_F_NOPREFIXROUTE };
	assert_string_equal(vr_text_vip(&in, &v, false, text),
	    "fd00::100/64 dev ve0 scope global noprefixroute preferred_lft 100");
}

static void
test_route_words(void **state)
{
	struct vr_hop hops[] = { { .via = ip("10.9.0.9"), .dev = "ve0", .weight = 2 },
		{ .via = ip("10.9.0.8"), .dev = "ve0", .weight = 3 } };
	struct vr_route rt = { .to = ip("10.20.0.0"),
		.to_prefix = 16,
		.src = ip("10.9.0.100"),
		.hop = hops,
		.n_hops = 1,
		.table = 5,
		.protocol = 18,
		.metric = 10,
		.type = RTN_UNICAST };
	char text[VR_TEXT_BYTES];

	(void)state;
	assert_string_equal(vr_text_route(&rt, text),
	    "10.20.0.0/16 src 10.9.0.100 via inet 10.9.0.9 dev ve0 table 5 proto 18 "
	    "metric 10");
	rt.n_hops = 2;
	rt.table = rt.metric = 0;
	rt.no_track = true;
	assert_string_equal(vr_text_route(&rt, text),
	    "10.20.0.0/16 src 10.9.0.100 proto 18 nexthop via inet 10.9.0.9 dev ve0 "
	    "weight 2 nexthop via inet 10.9.0.8 dev ve0 weight 3 no_track");
	rt = (struct vr_route){ .to = ip("10.22.0.0"),
		.to_prefix = 16,
		.type = RTN_BLACKHOLE,
		.protocol = 18 };
	assert_string_equal(
	    vr_text_route(&rt, text), "blackhole 10.22.0.0/16 proto 18");
	rt =
	    (struct vr_route){ .tos = 8, .mtu = 1400, .has_scope = true, .scope = 253 };
	assert_string_equal(
	    vr_text_route(&rt, text), "default tos 8 scope 253 mtu 1400");
}

static void
test_rule_words(void **state)
{
	struct vr_rule ru = { .from = ip("10.9.0.100"),
		.from_prefix = 32,
		.to = ip("10.2.0.0"),
		.to_prefix = 16,
		.table = 100,
		.action = FR_ACT_TO_TBL,
		.has_priority = true,
		.priority = 77,
		.no_track = true };
	char text[VR_TEXT_BYTES];

	(void)state;
	assert_string_equal(vr_text_rule(&ru, text),
	    "from 10.9.0.100 to 10.2.0.0/16 priority 77 tos 0x0 lookup 100 no_track");
	ru = (struct vr_rule){ .invert = true,
		.has_priority = true,
		.priority = 78,
		.fwmark = 4,
		.fwmask = 0xff,
		.iif = "ve0",
		.oif = "ve1",
		.action = FR_ACT_GOTO,
		.goto_priority = 40000 };
	assert_string_equal(vr_text_rule(&ru, text),
	    "not from all priority 78 tos 0x0 fwmark 0x4/0xff iif ve0 oif ve1 goto 40000");
	ru = (struct vr_rule){ .to = ip("10.9.0.100"),
		.to_prefix = 32,
		.has_priority = true,
		.priority = 79,
		.action = FR_ACT_BLACKHOLE };
	assert_string_equal(vr_text_rule(&ru, text),
	    "from all to 10.9.0.100 priority 79 tos 0x0 type blackhole");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_dump_json),
		cmocka_unit_test(test_address_words),
		cmocka_unit_test(test_route_words),
		cmocka_unit_test(test_rule_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
