/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_conf_net.c - keepalived.conf's addresses, routes and rules.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "vrrp_conf_help.h"

/* --- addresses, routes, rules -------------------------------------------- */

static void
test_addresses(void **state)
{
	(void)state;
	const struct vr_instance *const in = vi(
	    "vrrp_instance A { interface eth0\n virtual_router_id 1\n"
	    " virtual_ipaddress_excluded {\n fe80::2/64 -nodad\n fd00::1\n"
	    " fd00::2/128 preferred_lft forever\n }\n"
	    " virtual_ipaddress {\n 192.0.2.1/24 brd + dev eth1 label eth1:1 no_track\n"
	    " 192.0.2.2/255.255.255.128 scope link\n 192.0.2.3 peer 192.0.2.9\n"
	    " 192.0.2.4/24 brd - preferred_lft 10 noprefixroute }\n"
	    " virtual_ipaddress {\n 192.0.2.5\n }\n}");

	assert_int_equal(in->n_vips, 8);
	assert_int_equal(in->n_advertised, 5);
	assert_string_equal(ip(&in->vip[0].broadcast), "192.0.2.255");
	assert_string_equal(in->vip[0].dev, "eth1");
	assert_string_equal(in->vip[0].label, "eth1:1");
	assert_true(in->vip[0].no_track);
	assert_int_equal(in->vip[0].preferred_s, UINT32_MAX);
	assert_int_equal(in->vip[1].prefix, 25);
	assert_int_equal(in->vip[1].scope, RT_SCOPE_LINK);
	assert_string_equal(ip(&in->vip[2].peer), "192.0.2.9");
	assert_string_equal(ip(&in->vip[3].broadcast), "192.0.2.0");
	assert_int_equal(in->vip[3].preferred_s, 10);
	assert_int_equal(in->vip[3].flags, IFA_F_NOPREFIXROUTE);
	assert_string_equal(ip(&in->vip[4].ip), "192.0.2.5");
	assert_true(in->vip[5].excluded);
	assert_int_equal(in->vip[5].flags, 0);
	assert_int_equal(in->vip[6].flags, IFA_F_NODAD);
	assert_int_equal(in->vip[6].preferred_s, 0);
	assert_int_equal(in->vip[7].preferred_s, UINT32_MAX);
}

#define VIP(line)                                                  \
	"vrrp_instance A { interface eth0\n virtual_router_id 1\n" \
	" virtual_ipaddress {\n" line "\n }\n}"

static void
test_address_errors(void **state)
{
	(void)state;
	bad(VIP("192.0.2.1 192.0.2.2"), "k.conf:4: '192.0.2.2' behind an address");
	bad(VIP("192.0.2.1/33"), "a prefix length up to /32");
	bad(VIP("192.0.2.1/255.0.255.0"), "a prefix length up to /32");
	bad(VIP("fe80::1/129"), "up to /128");
	bad(VIP("192.0.2.1/"), "a prefix length");
	bad(VIP("192.0.2.300"), "an address, as 192.0.2.1");
	bad(VIP("192.0.2.1\nfe80::1"), "k.conf:5: an IPv6 address among IPv4 ones");
	bad(VIP("192.0.2.1 label eth0:0123456789a"), "a label of at most 15 bytes");
	bad(VIP("192.0.2.1 dev"), "'dev' needs more words: dev INTERFACE");
	bad(VIP("192.0.2.1 scope world"), "global, site, link");
	bad(VIP("192.0.2.1 -nodad"), "is for IPv6 addresses");
	bad(VIP("192.0.2.1 peer fe80::1"), "an address of the same family");
	bad(VIP("192.0.2.1 peer 192.0.2.2 brd +"), "has no broadcast address");
	bad(VIP("192.0.2.1 use_vmac"), "'use_vmac' is not supported yet");
	bad(VIP("dev eth0"), "an address before it is needed");
	bad(VIP("{{ vip }}"), "'{' without a word before it");
	bad(VIP("${VIP}"), "a variable that was not replaced");
	bad(VIP("track_script"), "'track_script'");
}

#define ROUTE(line) VI("virtual_routes {\n" line "\n}")

static void
test_routes(void **state)
{
	(void)state;
	const struct vr_instance *const in = vi(ROUTE(
	    "src 192.168.100.1 to 192.168.109.0/24 via 192.168.200.254 dev eth1\n"
	    "192.168.111.0/24 dev eth2 no_track scope link\n"
	    "192.168.113.0/24 via 192.168.200.254 or 192.168.100.254 dev eth1\n"
	    "blackhole 192.168.114.0/24\n"
	    "0.0.0.0/0 gw 192.168.0.1 table 100 metric 7 mtu 1400 tos 0x4 proto static\n"
	    "10.0.0.0/8 nexthop via 10.0.0.1 dev eth0 weight 2 nexthop via 10.0.0.2 onlink\n"
	    "default via fe80::1 dev eth0\n default6 via fe80::1\n inet6 default dev eth0"));

	assert_int_equal(in->n_routes, 9);
	const struct vr_route *const rt = in->route;
	assert_string_equal(ip(&rt[0].src), "192.168.100.1");
	assert_int_equal(rt[0].to_prefix, 24);
	assert_int_equal(rt[0].table, RT_TABLE_MAIN);
	assert_int_equal(rt[0].protocol, 18);
	assert_string_equal(rt[0].hop[0].dev, "eth1");
	assert_int_equal(rt[1].hop[0].via.family, 0);
	assert_true(rt[1].no_track && rt[1].has_scope);
	assert_int_equal(rt[2].n_hops, 2);
	assert_int_equal(rt[3].type, RTN_BLACKHOLE);
	assert_int_equal(rt[3].n_hops, 0);
	assert_int_equal(rt[4].table, 100);
	assert_int_equal(rt[4].metric, 7);
	assert_int_equal(rt[4].mtu, 1400);
	assert_int_equal(rt[4].tos, 4);
	assert_int_equal(rt[4].protocol, RTPROT_STATIC);
	assert_int_equal(rt[5].n_hops, 2);
	assert_int_equal(rt[5].hop[0].weight, 2);
	assert_true(rt[5].hop[1].onlink);
	for (int i = 6; i < 9; i++) {
		assert_int_equal(rt[i].family, AF_INET6);
		assert_int_equal(rt[i].to_prefix, 0);
	}
}

static void
test_route_errors(void **state)
{
	(void)state;
	bad(ROUTE("192.0.2.0/24"), "needs 'via ADDRESS' or 'dev INTERFACE'");
	bad(ROUTE("via 192.0.2.1"), "a route needs a destination");
	bad(ROUTE("192.0.2.0/24 via fe80::1"), "an IPv6 address is needed");
	bad(ROUTE("blackhole 192.0.2.0/24 dev eth0"), "leads nowhere");
	bad(ROUTE("192.0.2.0/24 dev eth0 hoplimit 5"),
	    "'hoplimit' is not supported yet");
	bad(ROUTE("192.0.2.0/24 dev eth0 mettric 5"), "is 'metric' meant?");
	bad(ROUTE("192.0.2.0/24 dev eth0 table nosuch"), "a number, or a name");
	bad(ROUTE("192.0.2.0/24 via 192.0.2.1 nexthop via 192.0.2.2"),
	    "before the first");
	bad(ROUTE("192.0.2.0/24 nexthop weight 3"), "each nexthop needs");
	bad("static_routes { 192.0.2.0/24 dev eth0 }",
	    "'static_routes' is not supported");
}

#define RULE(line) VI("virtual_rules {\n" line "\n}")

static void
test_rules(void **state)
{
	(void)state;
	const struct vr_instance *const in = vi(RULE(
	    "from 192.0.2.0/24 table 1\n to 10.0.0.0/8 lookup main preference 5 no_track\n"
	    "not from any fwmark 0x3/0xf blackhole\n iif eth0 oif eth1 table 3\n"
	    "inet6 from all table 3\n to any goto 40 priority 30\n"
	    "from fd00::/8 prohibit tos 4"));

	assert_int_equal(in->n_rules, 7);
	const struct vr_rule *const ru = in->rule;
	warned("a rule without 'preference' gets 16384");
	assert_int_equal(ru[0].priority, 16384);
	assert_int_equal(ru[0].action, FR_ACT_TO_TBL);
	assert_int_equal(ru[0].from_prefix, 24);
	assert_int_equal(ru[1].priority, 5);
	assert_int_equal(ru[1].table, 254);
	assert_true(ru[1].no_track);
	assert_int_equal(ru[2].priority, 16383);
	assert_true(ru[2].invert);
	assert_int_equal(ru[2].from.family, 0);
	assert_int_equal(ru[2].fwmark, 3);
	assert_int_equal(ru[2].fwmask, 15);
	assert_int_equal(ru[2].action, FR_ACT_BLACKHOLE);
	assert_string_equal(ru[3].iif, "eth0");
	assert_string_equal(ru[3].oif, "eth1");
	assert_int_equal(ru[4].family, AF_INET6);
	assert_int_equal(ru[5].action, FR_ACT_GOTO);
	assert_int_equal(ru[5].goto_priority, 40);
	assert_int_equal(ru[6].family, AF_INET6);
	assert_int_equal(ru[6].tos, 4);
}

static void
test_rule_errors(void **state)
{
	(void)state;
	bad(RULE("from 192.0.2.0/24"), "a rule needs 'table NUMBER'");
	bad(RULE("from 192.0.2.0/24 to fe80::/10 table 1"),
	    "an IPv4 address is needed");
	bad(RULE("goto 40"), "needs 'preference NUMBER'");
	bad(RULE("goto 40 preference 50"), "must be above the preference");
	bad(RULE("from 192.168.100./24 table 1"), "an address");
	bad(RULE("from any table 1 uidrange 1-2"), "'uidrange' is not supported yet");
	bad(RULE("from any tabel 1"), "is 'table' meant?");
	bad(RULE("from any table 1 fwmark x"), "a whole number");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_errors),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_route_errors),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_rule_errors),
	};
	return cmocka_run_group_tests(tests, NULL, forget);
}
