/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_vmac.c - the virtual router's MAC: macvlans and the settings that
 * go with them.
 */
#include "config.h"

#include "vrrp_kernel.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

static const uint8_t mac4[6] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 0x33 };
static const uint8_t mac6[6] = { 0x00, 0x00, 0x5e, 0x00, 0x02, 0x33 };

static void
setting_is(const char *path, const char *value)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "cat /proc/sys/net/%s", path);
	if (strcmp(net_output(cmd), value) != 0)
		fail_msg("%s is not %s", path, value);
}

static void
test_vmac(void **state)
{
	(void)state;
	net_do("echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter;"
	       "echo 2 >/proc/sys/net/ipv4/conf/v1/rp_filter;"
	       "echo 0 >/proc/sys/net/ipv4/conf/v0/rp_filter");
	settle();
	const unsigned index = vr_kernel_vmac(k, "v0", "vrrp.51", mac4, AF_INET, &err);
	if (index == 0)
		fail_msg("%s", err.text);
	const struct vr_link *const l = vr_kernel_link(k, "vrrp.51");
	assert_non_null(l);
	assert_int_equal(l->index, index);
	assert_memory_equal(l->mac, mac4, 6);
	assert_int_equal(l->parent, vr_kernel_link(k, "v0")->index);
	net_says("ip -d link show vrrp.51", "macvlan mode private");
	net_says("ip -d link show vrrp.51", "link/ether 00:00:5e:00:01:33");
	net_says("ip link show vrrp.51", ",UP");
	setting_is("ipv4/conf/vrrp.51/arp_ignore", "1\n");
	setting_is("ipv4/conf/vrrp.51/accept_local", "1\n");
	setting_is("ipv4/conf/vrrp.51/rp_filter", "0\n");
	setting_is("ipv4/conf/v0/arp_ignore", "1\n");
	setting_is("ipv4/conf/v0/arp_announce", "2\n");
	setting_is("ipv4/conf/all/rp_filter", "0\n");
	setting_is("ipv4/conf/v0/rp_filter", "1\n");
	setting_is("ipv4/conf/v1/rp_filter", "2\n");
	settle();
	assert_true(vr_kernel_link(k, "vrrp.51")->is_up);
	assert_int_equal(vr_kernel_link(k, "vrrp.51")->n_addrs, 0);
	/* Again: the same one. */
	assert_int_equal(
	    vr_kernel_vmac(k, "v0", "vrrp.51", mac4, AF_INET, &err), index);
	/* Another MAC: made anew. */
	assert_int_not_equal(
	    vr_kernel_vmac(k, "v0", "vrrp.51", mac6, AF_INET, &err), 0);
	net_says("ip -d link show vrrp.51", "link/ether 00:00:5e:00:02:33");
	settle();
	vr_kernel_vmac_end(k, "vrrp.51");
	assert_null(vr_kernel_link(k, "vrrp.51"));
	assert_int_not_equal(net_run("ip link show vrrp.51 2>/dev/null >&2"), 0);
	setting_is("ipv4/conf/v0/arp_ignore", "0\n");
	setting_is("ipv4/conf/v0/arp_announce", "0\n");
	setting_is("ipv4/conf/all/rp_filter", "1\n");
	setting_is("ipv4/conf/v0/rp_filter", "0\n");
	vr_kernel_read(k);
	assert_int_equal(seen.n_links, 0); /* all of it was us */
	net_do("echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter");
}

static void
test_vmac_ipv6(void **state)
{
	struct vr_ip parent, own;
	const struct vr_vip vip = { .ip = net_ip("fe80::51"),
		.prefix = 128,
		.flags = IFA_F_NODAD,
		.preferred_s = 0,
		.dev = "vrrp6.51" };

	(void)state;
	settle();
	assert_int_not_equal(
	    vr_kernel_vmac(k, "v0", "vrrp6.51", mac6, AF_INET6, &err), 0);
	const struct vr_link *const l = vr_kernel_link(k, "vrrp6.51");
	assert_true(
	    vr_link_primary(vr_kernel_link(k, "v0"), AF_INET6, NULL, 0, &parent));
	assert_true(vr_link_primary(l, AF_INET6, NULL, 0, &own));
	assert_int_equal(vr_ip_cmp(&parent, &own), 0);
	add(&vip);
	settle();
	assert_int_equal(l->n_addrs, 2); /* none from its own MAC */
	vr_kernel_vmac_end(k, "vrrp6.51");
}

static void
test_vmac_errors(void **state)
{
	(void)state;
	assert_int_equal(vr_kernel_vmac(k, "nope", "vrrp.51", mac4, AF_INET, &err), 0);
	assert_string_equal(err.text, "there is no interface nope");
	assert_int_equal(vr_kernel_vmac(k, "v0", "v1", mac4, AF_INET, &err), 0);
	assert_non_null(strstr(err.text, "use_vmac another name"));
	assert_int_equal(vr_kernel_vmac(k, "lo", "vrrp.51", mac4, AF_INET, &err), 0);
	assert_true(err.text[0] != '\0');
	vr_kernel_vmac_end(k, "v1");
	assert_non_null(vr_kernel_link(k, "v1"));
	net_do("ip link show v1 >/dev/null");
}

/* What was changed is undone at the end, but not what somebody changed. */
static void
test_lent(void **state)
{
	(void)state;
	net_do("echo 0 >/proc/sys/net/ipv4/conf/v0/promote_secondaries");
	assert_int_equal(vr_kernel_promote(k, "v0", &err), 0);
	setting_is("ipv4/conf/v0/promote_secondaries", "1\n");
	assert_int_not_equal(vr_kernel_vmac(k, "v0", "vrrp.9", mac4, AF_INET, &err), 0);
	net_do("echo 2 >/proc/sys/net/ipv4/conf/v0/arp_ignore");
	vr_kernel_vmac_end(k, "vrrp.9");
	setting_is("ipv4/conf/v0/arp_ignore", "2\n");
	setting_is("ipv4/conf/v0/promote_secondaries", "1\n");
	vr_kernel_free(&k);
	setting_is("ipv4/conf/v0/promote_secondaries", "0\n");
	net_do("echo 0 >/proc/sys/net/ipv4/conf/v0/arp_ignore");
	k = net_kernel();
	assert_int_equal(vr_kernel_promote(k, "nope", &err), -1);
	assert_non_null(strstr(err.text, "net.ipv4.conf.nope.promote_secondaries"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(test_vmac),
		net_test(test_vmac_ipv6),
		net_test(test_vmac_errors),
		net_test(test_lent),
	};

	return net_make() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
