/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel_addr.c - the addresses in the table; adding and removing them.
 *
 * A change of ours is in the table as soon as the kernel has acknowledged it.
 * Its event comes later, maybe after another change of ours: an address
 * remembers the request that added it last, so that the event of an earlier
 * removal does not count. The VRRP process's one thread. source:
 * rtnetlink(7), RTM_NEWADDR; ip-address(8).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <tideway/assert.h>

#include "netlink.h"

/* What of a configured address's flags is the kernel's. */
#define KERNEL_FLAGS                                              \
	(IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | \
	    IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

static struct vr_link *
link_at(struct vr_kernel *k, unsigned index)
{
	for (unsigned i = 0; i < k->n_links; i++) {
		if (k->link[i]->index == index)
			return k->link[i];
	}
	return NULL;
}

static struct vr_link_addr *
addr_find(struct vr_link *l, const struct vr_ip *ip, uint8_t prefix)
{
	for (unsigned i = 0; i < l->n_addrs; i++) {
		if (l->addr[i].prefix == prefix && vr_ip_cmp(&l->addr[i].ip, ip) == 0)
			return &l->addr[i];
	}
	return NULL;
}

static struct vr_link_addr *
addr_add(struct vr_link *l, const struct vr_ip *ip, uint8_t prefix)
{
	l->addr = realloc(l->addr, (l->n_addrs + 1) * sizeof(*l->addr));
	TW_ASSERT(l->addr != NULL);
	struct vr_link_addr *const a = &l->addr[l->n_addrs++];
	*a = (struct vr_link_addr){ .ip = *ip, .prefix = prefix };
	return a;
}

static void
addr_drop(struct vr_link *l, struct vr_link_addr *a)
{
	struct vr_link_addr *const end = l->addr + l->n_addrs;

	memmove(a, a + 1, (size_t)(end - (a + 1)) * sizeof(*a));
	l->n_addrs--;
}

static void
tell(const struct vr_kernel *k, const struct vr_link *l, const struct vr_ip *ip,
    bool added)
{
	if (!k->is_quiet)
		k->ev.addr(k->ev.arg, l, ip, added);
}

static bool
is_tentative(uint32_t flags)
{
	return (flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC);
}

static void
addr_came(struct vr_kernel *k, struct vr_link *l, const struct vr_link_addr *now)
{
	struct vr_link_addr *a = addr_find(l, &now->ip, now->prefix);
	const bool known = a != NULL;

	if (!known)
		a = addr_add(l, &now->ip, now->prefix);
	const bool ripened =
	    known && is_tentative(a->flags) && !is_tentative(now->flags);
	a->scope = now->scope;
	a->flags = now->flags;
	a->turn = k->turn;
	if (!known || ripened)
		tell(k, l, &now->ip, true);
}

static void
addr_went(struct vr_kernel *k, struct vr_link *l, const struct vr_link_addr *now,
    uint32_t our_request)
{
	struct vr_link_addr *const a = addr_find(l, &now->ip, now->prefix);

	if (a == NULL)
		return;
	/* We have added it again since. */
	if (our_request != 0 && a->sequence != 0 &&
	    (int32_t)(our_request - a->sequence) < 0)
		return;
	addr_drop(l, a);
	k->has_removed = true;
	tell(k, l, &now->ip, false);
}

void
vr_addr_take(struct vr_kernel *k, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *const ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr[VR_MAX_ATTRS];
	struct vr_link *const l = link_at(k, ifa->ifa_index);

	vr_nl_attrs(nlh, sizeof(*ifa), attr);
	/* With a peer, IFA_ADDRESS is the peer's. */
	const struct nlattr *const at =
	    attr[IFA_LOCAL] != NULL ? attr[IFA_LOCAL] : attr[IFA_ADDRESS];
	const struct vr_link_addr now = { .ip = vr_nl_ip(ifa->ifa_family, at),
		.prefix = ifa->ifa_prefixlen,
		.scope = ifa->ifa_scope,
		.flags = vr_nl_u32(attr[IFA_FLAGS], ifa->ifa_flags) };
	if (l == NULL || now.ip.family == 0)
		return;
	if (nlh->nlmsg_type == RTM_NEWADDR)
		addr_came(k, l, &now);
	else
		addr_went(k, l, &now, vr_nl_is_ours(k, nlh) ? nlh->nlmsg_seq : 0);
}

/* Removes one that the last reading did not see. */
static bool
sweep_one(struct vr_kernel *k)
{
	for (unsigned i = 0; i < k->n_links; i++) {
		struct vr_link *const l = k->link[i];

		for (unsigned j = 0; j < l->n_addrs; j++) {
			if (l->addr[j].turn == k->turn)
				continue;
			const struct vr_ip ip = l->addr[j].ip;
			addr_drop(l, &l->addr[j]);
			tell(k, l, &ip, false);
			return true;
		}
	}
	return false;
}

void
vr_addrs_sweep(struct vr_kernel *k)
{
	while (sweep_one(k))
		k->has_removed = true;
}

bool
vr_link_has(const struct vr_link *l, const struct vr_ip *ip)
{
	for (unsigned i = 0; i < l->n_addrs; i++) {
		if (vr_ip_cmp(&l->addr[i].ip, ip) == 0)
			return true;
	}
	return false;
}

/* How good an address is to send from; 0: not at all. IPv6 advertisements
 * come from the link-local one; for IPv4 one of a narrower scope will do. */
static unsigned
fitness(const struct vr_link_addr *a)
{
	if (is_tentative(a->flags) || (a->flags & IFA_F_DADFAILED))
		return 0;
	if (a->ip.family == AF_INET6)
		return a->scope == RT_SCOPE_LINK ? 2 : 0;
	return a->scope == RT_SCOPE_UNIVERSE ? 2 : a->scope < RT_SCOPE_HOST;
}

static bool
is_among(const struct vr_vip *vip, unsigned n, const struct vr_ip *ip)
{
	for (unsigned i = 0; i < n; i++) {
		if (vr_ip_cmp(&vip[i].ip, ip) == 0)
			return true;
	}
	return false;
}

bool
vr_link_primary(const struct vr_link *l, uint8_t family, const struct vr_vip * not,
    unsigned n_not, struct vr_ip *out)
{
	unsigned best = 0;

	for (unsigned i = 0; i < l->n_addrs; i++) {
		const struct vr_link_addr *const a = &l->addr[i];

		if (a->ip.family == family && fitness(a) > best &&
		    !is_among(not, n_not, &a->ip)) {
			best = fitness(a);
			*out = a->ip;
		}
	}
	return best > 0;
}

/* The kernel refuses one that is preferred for longer than it is valid. */
static void
put_lifetime(struct nlmsghdr *nlh, uint32_t preferred_s, uint32_t valid_s)
{
	const struct ifa_cacheinfo life = {
		.ifa_prefered = preferred_s < valid_s ? preferred_s : valid_s,
		.ifa_valid = valid_s
	};

	if (life.ifa_prefered != VR_FOR_EVER || valid_s != VR_FOR_EVER)
		mnl_attr_put(nlh, IFA_CACHEINFO, sizeof(life), &life);
}

/* in: valid_s, 0 to remove it. */
static void
addr_put(
    struct nlmsghdr *nlh, const struct vr_vip *vip, unsigned index, uint32_t valid_s)
{
	const uint32_t flags = vip->flags & KERNEL_FLAGS;
	struct ifaddrmsg *const ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = vip->ip.family;
	ifa->ifa_prefixlen = vip->prefix;
	ifa->ifa_index = index;
	ifa->ifa_scope = vip->scope;
	ifa->ifa_flags = (uint8_t)flags;
	vr_nl_put_ip(nlh, IFA_LOCAL, &vip->ip);
	vr_nl_put_ip(nlh, IFA_ADDRESS, vip->peer.family != 0 ? &vip->peer : &vip->ip);
	if (valid_s == 0)
		return;
	mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
	if (vip->broadcast.family != 0)
		vr_nl_put_ip(nlh, IFA_BROADCAST, &vip->broadcast);
	if (vip->label != NULL)
		vr_nl_put_name(nlh, IFA_LABEL, vip->label);
	put_lifetime(nlh, vip->preferred_s, valid_s);
}

/* The table follows at once; the event will find it so. */
static void
addr_done(struct vr_kernel *k, struct vr_link *l, const struct vr_vip *vip, bool add)
{
	struct vr_link_addr *a = addr_find(l, &vip->ip, vip->prefix);

	if (!add && a != NULL)
		addr_drop(l, a);
	if (!add)
		return;
	if (a == NULL) {
		a = addr_add(l, &vip->ip, vip->prefix);
		a->scope = vip->scope;
		a->flags = vip->flags & KERNEL_FLAGS;
		a->turn = k->turn;
	}
	a->sequence = k->sequence;
}

static int
addr_change(
    struct vr_kernel *k, const struct vr_vip *vip, uint32_t valid_s, struct tw_err *err)
{
	const bool add = valid_s != 0;
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	const struct vr_link *const named = vr_kernel_link(k, vip->dev);

	if (named == NULL)
		return add ? vr_nl_no_link(vip->dev, err) : 0;
	struct vr_link *const l = link_at(k, named->index);
	struct nlmsghdr *const nlh = vr_nl_begin(k, buf,
	    add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	addr_put(nlh, vip, l->index, valid_s);
	const int e = vr_nl_change(k, nlh, err);
	const bool is_so =
	    add ? e == EEXIST : e == EADDRNOTAVAIL || e == ENODEV || e == ENXIO;
	if (e != 0 && !is_so)
		return -1;
	addr_done(k, l, vip, add);
	return 0;
}

int
vr_kernel_addr(
    struct vr_kernel *k, const struct vr_vip *vip, bool add, struct tw_err *err)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	return addr_change(k, vip, add ? VR_FOR_EVER : 0, err);
}

int
vr_kernel_lend(
    struct vr_kernel *k, const struct vr_vip *vip, uint32_t valid_s, struct tw_err *err)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	TW_ASSERT(valid_s > 0);
	return addr_change(k, vip, valid_s, err);
}
