/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_kernel.c - interfaces and their addresses through netlink, against
 * ip(8).
 */
#include "config.h"

#include "vrrp_kernel.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

/* --- links --- */

static void
test_links(void **state)
{
	(void)state;
	settle();
	const struct vr_link *const l = vr_kernel_link(k, "v0");
	assert_non_null(l);
	assert_true(l->is_up && l->has_arp);
	assert_int_equal(l->mtu, 1500);
	assert_int_equal(l->parent, 0);
	assert_ptr_equal(vr_kernel_link_at(k, l->index), l);
	assert_false(vr_kernel_link(k, "lo")->has_arp);
	assert_null(vr_kernel_link(k, "nope"));
	assert_null(vr_kernel_link_at(k, 0));
	net_do("ip link set v1 down");
	until(&seen.n_links, 2); /* both lose their carrier */
	assert_false(vr_kernel_link(k, "v0")->is_up);
	assert_false(vr_kernel_link(k, "v1")->is_up);
	memset(&seen, 0, sizeof(seen));
	net_do("ip link set v1 up");
	until(&seen.n_links, 2);
	assert_true(vr_kernel_link(k, "v0")->is_up);
	assert_true(seen.n_removed > 0); /* routes may be gone */
}

static void
test_link_comes_and_goes(void **state)
{
	(void)state;
	settle();
	net_do("ip link add w0 type veth peer name w1");
	until(&seen.n_links, 2);
	const unsigned index = vr_kernel_link(k, "w0")->index;
	assert_false(vr_kernel_link(k, "w0")->is_up);
	settle();
	net_do("ip link set w0 name w2");
	until(&seen.n_links, 2);
	assert_string_equal(seen.vanished, "w0");
	assert_string_equal(seen.link.name, "w2");
	assert_null(vr_kernel_link(k, "w0"));
	assert_int_equal(vr_kernel_link(k, "w2")->index, index);
	settle();
	net_do("ip link del w2");
	until(&seen.n_links, 2);
	assert_null(vr_kernel_link(k, "w2"));
	assert_null(vr_kernel_link(k, "w1"));
	assert_int_equal(seen.link.index, 0);
	net_do("ip link add w0 type veth peer name w1");
	until(&seen.n_links, 4);
	assert_int_not_equal(vr_kernel_link(k, "w0")->index, 0);
	net_do("ip link del w0");
}

/* A port that leaves its bridge has not vanished. */
static void
test_bridge_port(void **state)
{
	(void)state;
	if (net_run("ip link add br0 type bridge 2>/dev/null") != 0) {
		print_message("# this kernel has no bridges\n");
		return;
	}
	settle();
	net_do("ip link set v1 master br0");
	until(&seen.n_links, 1);
	settle();
	assert_int_equal(
	    vr_kernel_link(k, "v1")->master, vr_kernel_link(k, "br0")->index);
	net_do("ip link set v1 nomaster");
	until(&seen.n_links, 1);
	drain();
	assert_string_equal(seen.vanished, "");
	assert_int_equal(vr_kernel_link(k, "v1")->master, 0);
	net_do("ip link del br0");
}

/* --- addresses --- */

static void
test_addr(void **state)
{
	static const char show[] = "ip -j addr show dev v0";
	struct vr_vip vip = vip_of("192.0.2.100", 32);

	(void)state;
	settle();
	add(&vip);
	assert_true(vr_link_has(vr_kernel_link(k, "v0"), &vip.ip));
	net_says(
	    show, "\"local\":\"192.0.2.100\",\"prefixlen\":32,\"scope\":\"global\"");
	add(&vip); /* it is so already */
	assert_int_equal(vr_kernel_addr(k, &vip, false, &err), 0);
	assert_false(vr_link_has(vr_kernel_link(k, "v0"), &vip.ip));
	net_says_not(show, "192.0.2.100");
	assert_int_equal(vr_kernel_addr(k, &vip, false, &err), 0);
	settle();
	/* Ours are not called back for; they are in the table all the same. */
	add(&vip);
	vr_kernel_read(k);
	assert_int_equal(seen.n_added + seen.n_gone, 0);
	assert_true(vr_link_has(vr_kernel_link(k, "v0"), &vip.ip));
}

/* The kernel takes back what is not lent again, and our own renewals are no
 * news to us. */
static void
lend_and_lose(const struct vr_vip *vip, const char *show, const char *valid)
{
	settle();
	assert_int_equal(vr_kernel_lend(k, vip, 1000, &err), 0);
	assert_int_equal(vr_kernel_lend(k, vip, 2000, &err), 0);
	net_says(show, valid);
	settle();
	assert_int_equal(vr_kernel_lend(k, vip, VR_FOR_EVER, &err), 0);
	net_says_not(show, valid);
	assert_int_equal(vr_kernel_lend(k, vip, 1, &err), 0);
	vr_kernel_read(k);
	assert_int_equal(seen.n_added + seen.n_gone, 0);
	until(&seen.n_gone, 1);
	assert_false(vr_link_has(vr_kernel_link(k, "v0"), &vip->ip));
}

static void
test_addr_lent(void **state)
{
	struct vr_vip vip = vip_of("192.0.2.100", 32), six = vip_of("2001:db8::9", 64);

	(void)state;
	lend_and_lose(&vip, "ip -j -4 addr show dev v0", "\"valid_life_time\":2000");
	lend_and_lose(
	    &six, "ip -j -6 addr show dev v0 scope global", "\"valid_life_time\":2000");
	six.preferred_s = 0; /* not to be sent from, and still lent */
	assert_int_equal(vr_kernel_lend(k, &six, 2000, &err), 0);
	net_says("ip -j -6 addr show dev v0 scope global",
	    "\"valid_life_time\":2000,\"preferred_life_time\":0");
}

static void
test_addr_options(void **state)
{
	static const char show[] = "ip -j -d addr show dev v0";
	struct vr_vip vip = vip_of("192.0.2.1", 24);

	(void)state;
	vip.broadcast = net_ip("192.0.2.255");
	vip.label = "v0:vip";
	vip.scope = RT_SCOPE_LINK;
	add(&vip);
	net_says(show,
	    "\"local\":\"192.0.2.1\",\"prefixlen\":24,"
	    "\"broadcast\":\"192.0.2.255\",\"scope\":\"link\","
	    "\"label\":\"v0:vip\"");
	assert_int_equal(vr_kernel_addr(k, &vip, false, &err), 0);
	net_says_not(show, "192.0.2.1");
	vip = vip_of("192.0.2.7", 32);
	vip.peer = net_ip("198.51.100.1");
	add(&vip);
	net_says(show, "\"local\":\"192.0.2.7\",\"address\":\"198.51.100.1\"");
	assert_true(vr_link_has(vr_kernel_link(k, "v0"), &vip.ip));
	assert_int_equal(vr_kernel_addr(k, &vip, false, &err), 0);
	net_says_not(show, "192.0.2.7");
	vip = vip_of("192.0.2.8", 24);
	vip.flags = IFA_F_NOPREFIXROUTE | 0x80000000u; /* not the kernel's */
	add(&vip);
	net_says("ip addr show dev v0", "192.0.2.8/24 scope global noprefixroute");
	net_says_not("ip route", "192.0.2.0/24");
	vip = vip_of("239.1.2.3", 32);
	vip.flags = IFA_F_MCAUTOJOIN;
	add(&vip);
	net_says("ip addr show dev v0", "239.1.2.3/32 scope global autojoin");
	net_says("ip maddr show dev v0", "239.1.2.3");
}

static void
test_addr_ipv6(void **state)
{
	static const char show[] = "ip -6 addr show dev v0";
	struct vr_vip vip = vip_of("2001:db8::100", 128);

	(void)state;
	vip.flags = IFA_F_NODAD;
	vip.preferred_s = 0;
	add(&vip);
	net_says(show, "2001:db8::100/128 scope global nodad deprecated");
	net_says(show, "valid_lft forever preferred_lft 0sec");
	vip = vip_of("2001:db8::7", 64);
	vip.flags = IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_NOPREFIXROUTE;
	vip.preferred_s = 1000;
	add(&vip);
	net_says("ip -6 -j addr show dev v0", "\"home\":true");
	net_says("ip -6 -j addr show dev v0", "\"noprefixroute\":true");
	net_says_not("ip -6 route", "2001:db8::/64");
	net_says(show, "valid_lft forever preferred_lft");
	assert_int_equal(vr_kernel_addr(k, &vip, false, &err), 0);
	vip.flags = IFA_F_MANAGETEMPADDR;
	vip.preferred_s = UINT32_MAX;
	add(&vip);
	net_says("ip -6 addr show dev v0", "mngtmpaddr");
	vip = vip_of("2001:db8:1::1", 128);
	vip.peer = net_ip("2001:db8:2::1");
	add(&vip);
	net_says(show, "2001:db8:1::1 peer 2001:db8:2::1/128");
	assert_true(vr_link_has(vr_kernel_link(k, "v0"), &vip.ip));
}

static void
test_addr_errors(void **state)
{
	struct vr_vip vip = vip_of("192.0.2.100", 32);

	(void)state;
	vip.dev = "nope";
	assert_int_equal(vr_kernel_addr(k, &vip, false, &err), 0);
	assert_int_equal(vr_kernel_addr(k, &vip, true, &err), -1);
	assert_string_equal(err.text, "there is no interface nope");
	vip.dev = "v0";
	vip.prefix = 77;
	assert_int_equal(vr_kernel_addr(k, &vip, true, &err), -1);
	assert_non_null(strstr(err.text, "Invalid argument"));
	vip.prefix = 32;
	vip.label =
	    "a label that is far too long for every kernel there is on earth, and "
	    "even longer than that";
	assert_int_equal(vr_kernel_addr(k, &vip, true, &err), -1);
}

static void
test_addr_events(void **state)
{
	const struct vr_vip vip = vip_of("192.0.2.100", 32);

	(void)state;
	settle();
	net_do("ip addr add 192.0.2.50/24 dev v0");
	until(&seen.n_added, 1);
	assert_int_equal(
	    vr_ip_cmp(&seen.added, &(struct vr_ip){ AF_INET, { 192, 0, 2, 50 } }), 0);
	add(&vip);
	vr_kernel_read(k);
	assert_int_equal(seen.n_added, 1);
	seen.put_back = &vip;
	net_do("ip addr del 192.0.2.100/32 dev v0");
	until(&seen.n_gone, 1);
	assert_int_equal(vr_ip_cmp(&seen.gone, &vip.ip), 0);
	seen.put_back = NULL;
	net_says("ip -j addr show dev v0", "192.0.2.100");
	assert_true(vr_link_has(vr_kernel_link(k, "v0"), &vip.ip));
	settle();
	assert_true(vr_link_has(vr_kernel_link(k, "v0"), &vip.ip));
}

/* Removed and added before the events are read: nobody else did it. */
static void
test_addr_turns(void **state)
{
	const struct vr_vip vip = vip_of("192.0.2.100", 32);

	(void)state;
	add(&vip);
	settle();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(vr_kernel_addr(k, &vip, false, &err), 0);
		add(&vip);
	}
	vr_kernel_read(k);
	assert_int_equal(seen.n_gone + seen.n_added, 0);
	assert_true(vr_link_has(vr_kernel_link(k, "v0"), &vip.ip));
	/* With a primary address the kernel takes its secondaries. */
	const struct vr_vip first = vip_of("203.0.113.1", 24);
	const struct vr_vip second = vip_of("203.0.113.2", 24);
	net_do("echo 0 >/proc/sys/net/ipv4/conf/v0/promote_secondaries");
	add(&first);
	add(&second);
	vr_kernel_read(k);
	assert_int_equal(vr_kernel_addr(k, &first, false, &err), 0);
	until(&seen.n_gone, 1);
	assert_int_equal(vr_ip_cmp(&seen.gone, &second.ip), 0);
	assert_int_equal(vr_kernel_promote(k, "v0", &err), 0);
	add(&first);
	add(&second);
	assert_int_equal(vr_kernel_addr(k, &first, false, &err), 0);
	settle();
	net_says("ip -j addr show dev v0", "203.0.113.2");
	assert_true(vr_link_has(vr_kernel_link(k, "v0"), &second.ip));
}

static void
test_primary(void **state)
{
	const struct vr_vip vip = vip_of("192.0.2.100", 24);
	struct vr_ip ip;
	char text[64];

	(void)state;
	const struct vr_link *const l = vr_kernel_link(k, "v0");
	assert_false(vr_link_primary(l, AF_INET, NULL, 0, &ip));
	add(&vip);
	assert_false(vr_link_primary(l, AF_INET, &vip, 1, &ip));
	net_do("ip addr add 169.254.1.1/16 dev v0 scope link");
	settle();
	assert_true(vr_link_primary(l, AF_INET, &vip, 1, &ip));
	assert_string_equal(vr_ip_out(&ip, text, sizeof(text)), "169.254.1.1");
	net_do("ip addr add 192.0.2.5/24 dev v0; ip addr add 192.0.2.6/24 dev v0;"
	       "ip -6 addr add 2001:db8::1/64 dev v0");
	settle();
	assert_true(vr_link_primary(l, AF_INET, &vip, 1, &ip));
	assert_string_equal(vr_ip_out(&ip, text, sizeof(text)), "192.0.2.5");
	assert_true(vr_link_primary(l, AF_INET6, NULL, 0, &ip));
	assert_int_equal(ip.bytes[0] << 8 | ip.bytes[1], 0xfe80);
}

/* An IPv6 address is reported again when it may be used. */
static void
test_tentative(void **state)
{
	struct vr_ip ip;

	(void)state;
	vr_kernel_free(&k);
	net_do("ip link add w0 type veth peer name w1; ip link set w1 up;"
	       "ip link set w0 up");
	begin(NULL);
	const struct vr_link *const l = vr_kernel_link(k, "w0");
	if (l->n_addrs == 0) {
		until(&seen.n_added, 1);
		memset(&seen, 0, sizeof(seen));
	}
	if (l->addr[0].flags & IFA_F_TENTATIVE) {
		assert_false(vr_link_primary(l, AF_INET6, NULL, 0, &ip));
		while (l->addr[0].flags & IFA_F_TENTATIVE) {
			const unsigned before = seen.n_added;
			until(&seen.n_added, before + 1);
		}
	}
	assert_true(vr_link_primary(l, AF_INET6, NULL, 0, &ip));
	net_do("ip link del w0");
}

/* --- events that get lost --- */

static void
test_lost_events(void **state)
{
	const int least = 1;
	const struct vr_ip kept = net_ip("192.0.2.50"), gone = net_ip("192.0.2.51");
	const struct vr_ip last = net_ip("10.0.1.144");

	(void)state;
	net_do("ip addr add 192.0.2.50/24 dev v0; ip addr add 192.0.2.51/32 dev v0;"
	       "ip link add w0 type veth peer name w1");
	settle();
	assert_int_equal(setsockopt(vr_kernel_fd(k), SOL_SOCKET, SO_RCVBUFFORCE, &least,
			     sizeof(least)),
	    0);
	net_do("for i in $(seq 400); do"
	       "  echo addr add 10.0.$((i / 256)).$((i %% 256))/32 dev v0; done |"
	       "ip -batch -");
	net_do("ip addr del 192.0.2.51/32 dev v0; ip link del w0");
	until(&seen.n_removed, 1);
	settle();
	const struct vr_link *const l = vr_kernel_link(k, "v0");
	assert_true(vr_link_has(l, &kept));
	assert_true(vr_link_has(l, &last));
	assert_false(vr_link_has(l, &gone));
	assert_null(vr_kernel_link(k, "w0"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(test_links),
		net_test(test_link_comes_and_goes),
		net_test(test_bridge_port),
		net_test(test_addr),
		net_test(test_addr_lent),
		net_test(test_addr_options),
		net_test(test_addr_ipv6),
		net_test(test_addr_errors),
		net_test(test_addr_events),
		net_test(test_addr_turns),
		net_test(test_primary),
		net_test(test_tentative),
		net_test(test_lost_events),
	};

	return net_make() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
