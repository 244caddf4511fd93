/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel_vmac.c - the virtual router's MAC: a macvlan on the interface.
 *
 * It has to answer for the virtual addresses, and its parent must not
 * (arp_ignore), nor must it ask in their name (arp_announce). It hears
 * advertisements of the other router, and sends its own, without an address
 * from that network, which reverse path filtering would drop; the filter of
 * `all` is therefore moved to each interface, where it means the same. No IPv6
 * address may come from its MAC, which the other router has too. The VRRP
 * process's one thread. source: RFC 9568 section 7.3; ip-sysctl.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <tideway/assert.h>

#include "netlink.h"

#define CONF_IPV4 "/proc/sys/net/ipv4/conf"

/* Of the vmac itself. */
static const struct setting {
	const char *family, *key;
	int value;
	bool is_vital;
} settings[] = {
	{ "ipv4", "arp_ignore", 1, true },
	{ "ipv4", "arp_filter", 0, true },
	{ "ipv4", "rp_filter", 0, true },
	{ "ipv4", "accept_local", 1, true },
	{ "ipv4", "promote_secondaries", 1, true },
	/* A kernel without IPv6 has none of these. */
	{ "ipv6", "addr_gen_mode", 1, false },
	{ "ipv6", "autoconf", 0, false },
	{ "ipv6", "accept_ra", 0, false },
};

/* Of its parent: it answers only for what it holds, and when it asks, it does
 * not name the virtual address beside its own MAC. */
static const struct {
	const char *key;
	int at_least;
} of_parent[] = {
	{ "arp_ignore", 1 },
	{ "arp_announce", 2 },
};

static int
vmac_settings(const char *name, struct tw_err *err)
{
	for (unsigned i = 0; i < TW_N_ELEMENTS(settings); i++) {
		const struct setting *const s = &settings[i];
		const struct vr_sysctl_key at = { s->family, name, s->key };
		int there;

		if (!s->is_vital && vr_sysctl_get(&at, &there) != 0)
			continue;
		if (vr_sysctl_set(&at, s->value, err) != 0)
			return -1;
	}
	return 0;
}

/* The larger of `all` and the interface's own value holds. */
static int
filter_move(struct vr_kernel *k, const char *link, int all, struct tw_err *err)
{
	const struct vr_sysctl_key at = { "ipv4", link, "rp_filter" };
	const struct vr_link *const l = vr_kernel_link(k, link);
	int own;

	if ((l != NULL && l->is_vmac) || vr_sysctl_get(&at, &own) != 0 || own >= all)
		return 0;
	return vr_sysctl_lend(k, &at, all, true, err);
}

static int
filters_move(struct vr_kernel *k, struct tw_err *err)
{
	const struct vr_sysctl_key at = { "ipv4", "all", "rp_filter" };
	struct dirent *entry;
	int all, r = 0;

	if (vr_sysctl_get(&at, &all) != 0 || all == 0)
		return 0;
	DIR *const dir = opendir(CONF_IPV4);
	if (dir == NULL)
		return tw_err_errno(err, "cannot read " CONF_IPV4);
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "all") != 0)
			r = filter_move(k, entry->d_name, all, err);
	}
	closedir(dir);
	return r == 0 ? vr_sysctl_lend(k, &at, 0, true, err) : -1;
}

static int
parent_settings(struct vr_kernel *k, const char *parent, struct tw_err *err)
{
	for (unsigned i = 0; i < TW_N_ELEMENTS(of_parent); i++) {
		const struct vr_sysctl_key at = { "ipv4", parent, of_parent[i].key };
		int now;

		if (vr_sysctl_get(&at, &now) == 0 && now >= of_parent[i].at_least)
			continue;
		if (vr_sysctl_lend(k, &at, of_parent[i].at_least, true, err) != 0)
			return -1;
	}
	return 0;
}

/* --- the link --- */

static void
put_kind(struct nlmsghdr *nlh)
{
	struct nlattr *const info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);

	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "macvlan");
	struct nlattr *const data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_MACVLAN_MODE, MACVLAN_MODE_PRIVATE);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

static int
vmac_make(struct vr_kernel *k, unsigned parent, const char *name, const uint8_t mac[6],
    struct tw_err *err)
{
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct nlmsghdr *const nlh =
	    vr_nl_begin(k, buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	vr_nl_put_name(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_LINK, parent);
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	put_kind(nlh);
	return vr_nl_change(k, nlh, err) == 0 ? 0 : -1;
}

/* Its mode, too: one that was found may have another. */
static int
vmac_up(struct vr_kernel *k, unsigned index, struct tw_err *err)
{
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct nlmsghdr *const nlh = vr_nl_begin(k, buf, RTM_NEWLINK, 0);
	struct ifinfomsg *const ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	put_kind(nlh);
	return vr_nl_change(k, nlh, err) == 0 ? 0 : -1;
}

static void
vmac_delete(struct vr_kernel *k, unsigned index)
{
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct nlmsghdr *const nlh = vr_nl_begin(k, buf, RTM_DELLINK, 0);
	struct ifinfomsg *const ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	if (vr_nl_change(k, nlh, NULL) == 0)
		vr_link_end(k, index);
}

/* Finds it as it should be, or makes it. */
static int
vmac_have(struct vr_kernel *k, const struct vr_link *parent, const char *name,
    const uint8_t mac[6], struct tw_err *err)
{
	const struct vr_link *const old = vr_kernel_link(k, name);

	if (old != NULL && old->parent == 0)
		return tw_err_set(err,
		    "interface %s is there and is no macvlan: give "
		    "use_vmac another name",
		    name);
	if (old != NULL && old->parent == parent->index &&
	    memcmp(old->mac, mac, 6) == 0)
		return 0;
	if (old != NULL)
		vmac_delete(k, old->index);
	if (vmac_make(k, parent->index, name, mac, err) != 0)
		return -1;
	vr_link_refresh(k, name);
	return 0;
}

/* --- its link-local address --- */

/* RFC 4291, appendix A. */
static struct vr_ip
ip_from_mac(const uint8_t mac[6])
{
	struct vr_ip ip = { .family = AF_INET6, .bytes = { 0xfe, 0x80 } };

	memcpy(ip.bytes + 8, mac, 3);
	ip.bytes[8] ^= 0x02;
	ip.bytes[11] = 0xff;
	ip.bytes[12] = 0xfe;
	memcpy(ip.bytes + 13, mac + 3, 3);
	return ip;
}

static int
give_link_local(struct vr_kernel *k, const struct vr_link *parent, const char *name,
    struct tw_err *err)
{
	struct vr_vip vip = { .prefix = 64,
		.scope = RT_SCOPE_LINK,
		.flags = IFA_F_NODAD,
		.preferred_s = VR_FOR_EVER,
		.dev = name };

	if (vr_link_primary(vr_kernel_link(k, name), AF_INET6, NULL, 0, &vip.ip))
		return 0;
	if (!vr_link_primary(parent, AF_INET6, NULL, 0, &vip.ip))
		vip.ip = ip_from_mac(parent->mac);
	return vr_kernel_addr(k, &vip, true, err);
}

/* --- both --- */

/* The settings of `default` reach interfaces that have none of their own: the
 * vmac's come last. */
static int
vmac_ready(struct vr_kernel *k, const struct vr_link *parent, const char *name,
    uint8_t family, struct tw_err *err)
{
	if (parent_settings(k, parent->name, err) != 0 || filters_move(k, err) != 0 ||
	    vmac_settings(name, err) != 0 ||
	    vmac_up(k, vr_kernel_link(k, name)->index, err) != 0)
		return -1;
	return family == AF_INET6 ? give_link_local(k, parent, name, err) : 0;
}

static void
mark_vmac(struct vr_kernel *k, const char *name)
{
	for (unsigned i = 0; i < k->n_links; i++) {
		if (strcmp(k->link[i]->name, name) == 0)
			k->link[i]->is_vmac = true;
	}
}

unsigned
vr_kernel_vmac(struct vr_kernel *k, const char *parent, const char *name,
    const uint8_t mac[6], uint8_t family, struct tw_err *err)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	const struct vr_link *const p = vr_kernel_link(k, parent);

	if (p == NULL) {
		vr_nl_no_link(parent, err);
		return 0;
	}
	if (vmac_have(k, p, name, mac, err) != 0)
		return 0;
	if (vr_kernel_link(k, name) == NULL) {
		tw_err_set(
		    err, "interface %s was removed as soon as it was made", name);
		return 0;
	}
	mark_vmac(k, name);
	if (vmac_ready(k, p, name, family, err) != 0)
		return 0;
	vr_link_refresh(k, name);
	const struct vr_link *const l = vr_kernel_link(k, name);
	return l != NULL ? l->index : 0;
}

static bool
has_vmac(const struct vr_kernel *k)
{
	for (unsigned i = 0; i < k->n_links; i++) {
		if (k->link[i]->is_vmac)
			return true;
	}
	return false;
}

void
vr_kernel_vmac_end(struct vr_kernel *k, const char *name)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	const struct vr_link *const l = vr_kernel_link(k, name);

	if (l != NULL && l->is_vmac)
		vmac_delete(k, l->index);
	if (!has_vmac(k))
		vr_sysctl_return(k, false);
}

int
vr_kernel_promote(struct vr_kernel *k, const char *name, struct tw_err *err)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	const struct vr_sysctl_key at = { "ipv4", name, "promote_secondaries" };

	return vr_sysctl_lend(k, &at, 1, false, err);
}
