/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_route.c - virtual routes and rules through netlink, against ip(8).
 */
#include "config.h"

#include "vrrp_kernel.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

/* --- routes --- */

static struct vr_route
route_of(const char *to, uint8_t prefix)
{
	const struct vr_ip ip = net_ip(to);

	return (struct vr_route){ .family = ip.family,
		.type = RTN_UNICAST,
		.to = ip,
		.to_prefix = prefix,
		.protocol = 18 };
}

/* Added, as ip(8) says; still there when added again; removed. */
static void
route_is(const struct vr_route *rt, const char *table, const char *text)
{
	char show[128];

	snprintf(show, sizeof(show), "ip -%d route show table %s",
	    rt->family == AF_INET6 ? 6 : 4, table);
	assert_false(vr_kernel_has_route(k, rt));
	if (vr_kernel_route(k, rt, true, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	net_says(show, text);
	if (!vr_kernel_has_route(k, rt))
		fail_msg("not found: %s", net_output(show));
	assert_int_equal(vr_kernel_route(k, rt, true, &err), 0);
	assert_int_equal(vr_kernel_route(k, rt, false, &err), 0);
	assert_false(vr_kernel_has_route(k, rt));
	net_says_not(show, text);
	assert_int_equal(vr_kernel_route(k, rt, false, &err), 0);
}

static void
test_routes(void **state)
{
	struct vr_hop hop = { .via = net_ip("192.0.2.254"), .dev = "v0" };
	struct vr_hop link = { .dev = "v0" };
	struct vr_route rt = route_of("10.1.0.0", 16);

	(void)state;
	net_do("ip addr add 192.0.2.5/24 dev v0");
	settle();
	rt.hop = &hop;
	rt.n_hops = 1;
	route_is(&rt, "main", "10.1.0.0/16 via 192.0.2.254 dev v0 proto keepalived");
	hop.dev = NULL;
	route_is(&rt, "main", "10.1.0.0/16 via 192.0.2.254 dev v0 proto keepalived");
	hop.dev = "v0";
	rt.metric = 12;
	rt.mtu = 1000;
	rt.advmss = 900;
	rt.window = 5000;
	rt.table = 6909;
	rt.tos = 4;
	rt.src = net_ip("192.0.2.5");
	route_is(&rt, "6909",
	    "10.1.0.0/16 tos 0x04 via 192.0.2.254 dev v0 proto keepalived src 192.0.2.5 "
	    "metric 12 mtu 1000 window 5000 advmss 900");
	rt = route_of("0.0.0.0", 0);
	rt.to.family = 0;
	rt.table = 100;
	rt.hop = &hop;
	rt.n_hops = 1;
	hop.via = net_ip("203.0.113.1");
	hop.onlink = true;
	route_is(&rt, "100", "default via 203.0.113.1 dev v0 proto keepalived onlink");
	rt = route_of("10.2.0.0", 16);
	rt.hop = &link;
	rt.n_hops = 1;
	route_is(&rt, "main", "10.2.0.0/16 dev v0 proto keepalived scope link");
	rt.has_scope = true;
	rt.scope = RT_SCOPE_UNIVERSE;
	route_is(&rt, "main", "10.2.0.0/16 dev v0 proto keepalived");
}

static void
test_route_types(void **state)
{
	static const struct {
		uint8_t type;
		const char *name;
	} types[] = { { RTN_BLACKHOLE, "blackhole" },
		{ RTN_UNREACHABLE, "unreachable" }, { RTN_PROHIBIT, "prohibit" },
		{ RTN_THROW, "throw" } };
	char text[64];

	(void)state;
	for (unsigned i = 0; i < TW_N_ELEMENTS(types); i++) {
		struct vr_route rt = route_of("192.168.114.0", 24);

		rt.type = types[i].type;
		snprintf(text, sizeof(text), "%s 192.168.114.0/24 proto keepalived",
		    types[i].name);
		route_is(&rt, "main", text);
		rt = route_of("2001:db8:9::", 48);
		rt.type = types[i].type;
		snprintf(text, sizeof(text),
		    "%s 2001:db8:9::/48 dev lo proto keepalived", types[i].name);
		route_is(&rt, "main", text);
	}
}

static void
test_multipath(void **state)
{
	struct vr_hop hop[2] = {
		{ .via = net_ip("192.0.2.253"), .dev = "v0", .weight = 1 },
		{ .via = net_ip("192.0.2.254"), .dev = "v0", .weight = 3 },
	};
	struct vr_route rt = route_of("10.1.0.0", 16);

	(void)state;
	net_do("ip addr add 192.0.2.5/24 dev v0; ip -6 addr add 2001:db8::5/64 dev v0");
	settle();
	rt.hop = hop;
	rt.n_hops = 2;
	route_is(&rt, "main",
	    "10.1.0.0/16 proto keepalived \n\tnexthop via 192.0.2.253 dev v0 weight 1 \n"
	    "\tnexthop via 192.0.2.254 dev v0 weight 3");
	hop[1].onlink = true;
	hop[1].via = net_ip("203.0.113.9");
	route_is(&rt, "main", "nexthop via 203.0.113.9 dev v0 weight 3 onlink");
	rt = route_of("2001:db8:1::", 48);
	hop[0].via = net_ip("2001:db8::fe");
	hop[1] = (struct vr_hop){ .via = net_ip("2001:db8::ff"), .dev = "v0" };
	rt.hop = hop;
	rt.n_hops = 2;
	route_is(&rt, "main", "nexthop via 2001:db8::ff dev v0 weight 1");
	/* IPv4 through an IPv6 router. */
	rt = route_of("10.3.0.0", 16);
	rt.hop = hop;
	rt.n_hops = 1;
	route_is(&rt, "main", "10.3.0.0/16 via inet6 2001:db8::fe dev v0");
}

static void
test_routes_ipv6(void **state)
{
	struct vr_hop hop = { .via = net_ip("2001:db8::fe"), .dev = "v0" };
	struct vr_route rt = route_of("2001:db8:1::", 48);

	(void)state;
	net_do("ip -6 addr add 2001:db8::5/64 dev v0");
	settle();
	rt.hop = &hop;
	rt.n_hops = 1;
	route_is(&rt, "main",
	    "2001:db8:1::/48 via 2001:db8::fe dev v0 proto keepalived metric 1024");
	rt.metric = 7;
	rt.mtu = 1400;
	rt.table = 300;
	route_is(&rt, "300",
	    "2001:db8:1::/48 via 2001:db8::fe dev v0 proto keepalived metric 7 mtu 1400");
}

static void
test_route_errors(void **state)
{
	struct vr_hop hop = { .via = net_ip("203.0.113.1"), .dev = "nope" };
	struct vr_route rt = route_of("10.1.0.0", 16);

	(void)state;
	rt.hop = &hop;
	rt.n_hops = 1;
	assert_int_equal(vr_kernel_route(k, &rt, true, &err), -1);
	assert_string_equal(err.text, "there is no interface nope");
	assert_int_equal(vr_kernel_route(k, &rt, false, &err), 0);
	hop.dev = "v0";
	assert_int_equal(vr_kernel_route(k, &rt, true, &err), -1);
	assert_non_null(strstr(err.text, "Nexthop has invalid gateway"));
}

static void
test_route_events(void **state)
{
	struct vr_hop hop = { .via = net_ip("192.0.2.254"), .dev = "v0" };
	struct vr_route rt = route_of("10.1.0.0", 16);

	(void)state;
	net_do("ip addr add 192.0.2.5/24 dev v0");
	settle();
	rt.hop = &hop;
	rt.n_hops = 1;
	assert_int_equal(vr_kernel_route(k, &rt, true, &err), 0);
	net_do("ip route add 10.7.0.0/16 via 192.0.2.9; ip route del 10.7.0.0/16");
	settle();
	net_do("ip route add 10.7.0.0/16 via 192.0.2.9; ip route del 10.7.0.0/16");
	assert_true(net_wait(vr_kernel_fd(k), net_ms() + NET_PATIENCE_MS));
	vr_kernel_read(k);
	assert_int_equal(seen.n_removed, 0); /* not ours */
	net_do("ip route del 10.1.0.0/16");
	until(&seen.n_removed, 1);
	assert_false(vr_kernel_has_route(k, &rt));
	assert_int_equal(vr_kernel_route(k, &rt, true, &err), 0);
	settle();
	net_do("ip route replace 10.1.0.0/16 via 192.0.2.9");
	until(&seen.n_removed, 1);
	assert_false(vr_kernel_has_route(k, &rt));
	assert_int_equal(vr_kernel_route(k, &rt, true, &err), 0);
	assert_true(vr_kernel_has_route(k, &rt));
	settle();
	assert_int_equal(vr_kernel_route(k, &rt, false, &err), 0);
	vr_kernel_read(k);
	assert_int_equal(seen.n_removed, 0); /* it was us */
	net_do("ip route del 10.1.0.0/16");
}

/* --- rules --- */

static void
rule_is(const struct vr_rule *ru, const char *text)
{
	const char *const show =
	    ru->family == AF_INET6 ? "ip -6 -d rule" : "ip -d rule";

	assert_false(vr_kernel_has_rule(k, ru));
	if (vr_kernel_rule(k, ru, true, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	net_says(show, text);
	if (!vr_kernel_has_rule(k, ru))
		fail_msg("not found: %s", net_output(show));
	assert_int_equal(vr_kernel_rule(k, ru, true, &err), 0);
	assert_int_equal(vr_kernel_rule(k, ru, false, &err), 0);
	assert_false(vr_kernel_has_rule(k, ru));
	net_says_not(show, text);
	assert_int_equal(vr_kernel_rule(k, ru, false, &err), 0);
}

static void
test_rules(void **state)
{
	struct vr_rule ru = { .family = AF_INET,
		.action = FR_ACT_TO_TBL,
		.from = net_ip("192.168.28.0"),
		.from_prefix = 24,
		.to = net_ip("192.168.29.0"),
		.to_prefix = 26,
		.table = 700 };

	(void)state;
	rule_is(
	    &ru, "from 192.168.28.0/24 to 192.168.29.0/26 lookup 700 proto keepalived");
	ru.iif = "lo";
	ru.oif = "v0";
	ru.fwmark = 24;
	ru.fwmask = 28;
	ru.has_priority = true;
	ru.priority = 39;
	ru.tos = 0x10;
	ru.table = 7;
	rule_is(&ru,
	    "39:\tfrom 192.168.28.0/24 to 192.168.29.0/26 tos 0x10 fwmark 0x18/0x1c "
	    "iif lo oif v0 lookup 7 proto keepalived");
	ru = (struct vr_rule){ .family = AF_INET,
		.action = FR_ACT_TO_TBL,
		.fwmark = 5,
		.invert = true,
		.table = 9 };
	rule_is(&ru, "not from all fwmark 0x5 lookup 9");
	ru = (struct vr_rule){ .family = AF_INET6,
		.action = FR_ACT_TO_TBL,
		.from = net_ip("2001:db8::"),
		.from_prefix = 32,
		.table = 6908 };
	rule_is(&ru, "from 2001:db8::/32 lookup 6908 proto keepalived");
}

static void
test_rule_actions(void **state)
{
	static const struct {
		uint8_t action;
		const char *name;
	} actions[] = { { FR_ACT_BLACKHOLE, "blackhole" },
		{ FR_ACT_UNREACHABLE, "unreachable" }, { FR_ACT_PROHIBIT, "prohibit" },
		{ FR_ACT_NOP, "nop" } };
	struct vr_rule ru = { .family = AF_INET,
		.from = net_ip("10.0.0.0"),
		.from_prefix = 8,
		.has_priority = true,
		.priority = 30 };
	char text[64];

	(void)state;
	for (unsigned i = 0; i < TW_N_ELEMENTS(actions); i++) {
		ru.action = actions[i].action;
		snprintf(
		    text, sizeof(text), "30:\tfrom 10.0.0.0/8 %s", actions[i].name);
		rule_is(&ru, text);
	}
	ru.action = FR_ACT_GOTO;
	ru.goto_priority = 32766;
	rule_is(&ru, "30:\tfrom 10.0.0.0/8 goto 32766");
}

static void
test_rule_events(void **state)
{
	const struct vr_rule ru = { .family = AF_INET6,
		.action = FR_ACT_TO_TBL,
		.from = net_ip("2001:db8::"),
		.from_prefix = 32,
		.table = 8 };
	struct vr_rule bad = ru;

	(void)state;
	settle();
	assert_int_equal(vr_kernel_rule(k, &ru, true, &err), 0);
	net_do("ip -6 rule del from 2001:db8::/32 table 8");
	until(&seen.n_removed, 1);
	assert_false(vr_kernel_has_rule(k, &ru));
	/* Somebody else's alike stays. */
	net_do("ip -6 rule add from 2001:db8::/32 table 8 protocol static");
	assert_int_equal(vr_kernel_rule(k, &ru, true, &err), 0);
	assert_true(vr_kernel_has_rule(k, &ru));
	assert_int_equal(vr_kernel_rule(k, &ru, false, &err), 0);
	net_says("ip -6 rule", "2001:db8::/32");
	net_do("ip -6 rule del from 2001:db8::/32 table 8");
	bad.from_prefix = 200;
	assert_int_equal(vr_kernel_rule(k, &bad, true, &err), -1);
	assert_true(err.text[0] != '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(test_routes),
		net_test(test_route_types),
		net_test(test_multipath),
		net_test(test_routes_ipv6),
		net_test(test_route_errors),
		net_test(test_route_events),
		net_test(test_rules),
		net_test(test_rule_actions),
		net_test(test_rule_events),
	};

	return net_make() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
