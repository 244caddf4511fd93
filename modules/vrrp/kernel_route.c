/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel_route.c - virtual routes: adding and removing them.
 *
 * Of events only those about a destination of ours count: a routing daemon's
 * come by the thousand. The VRRP process's one thread. source: rtnetlink(7),
 * RTM_NEWROUTE; ip-route(8).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>

#include <tideway/assert.h>

#include "netlink.h"

#define MAX_HOPS 128

uint32_t
vr_route_table(const struct vr_route *rt)
{
	return rt->table != 0 ? rt->table : RT_TABLE_MAIN;
}

/* --- those that are there --- */

struct vr_route_key
vr_route_key_of(const struct vr_route *rt)
{
	struct vr_route_key key = {
		.to = rt->to, .prefix = rt->to_prefix, .table = vr_route_table(rt)
	};

	key.to.family = rt->family;
	return key;
}

bool
vr_route_is_key(const struct vr_route_key *a, const struct vr_route_key *b)
{
	return a->prefix == b->prefix && a->table == b->table &&
	    vr_ip_cmp(&a->to, &b->to) == 0;
}

static unsigned
key_find(const struct vr_kernel *k, const struct vr_route_key *key)
{
	unsigned i = 0;

	while (i < k->n_routes && !vr_route_is_key(&k->route[i], key))
		i++;
	return i;
}

static void
key_set(struct vr_kernel *k, const struct vr_route *rt, bool add)
{
	const struct vr_route_key key = vr_route_key_of(rt);
	const unsigned i = key_find(k, &key);

	if (!add && i < k->n_routes)
		k->route[i] = k->route[--k->n_routes];
	if (!add || i < k->n_routes)
		return;
	k->route = realloc(k->route, (k->n_routes + 1) * sizeof(*k->route));
	TW_ASSERT(k->route != NULL);
	k->route[k->n_routes++] = key;
}

void
vr_route_take(struct vr_kernel *k, const struct nlmsghdr *nlh)
{
	const struct rtmsg *const rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr[VR_MAX_ATTRS];

	/* A replaced route goes without a word of its own. */
	if (vr_nl_is_ours(k, nlh) || k->n_routes == 0 ||
	    (nlh->nlmsg_type == RTM_NEWROUTE && !(nlh->nlmsg_flags & NLM_F_REPLACE)))
		return;
	vr_nl_attrs(nlh, sizeof(*rtm), attr);
	struct vr_route_key key = { .to = vr_nl_ip(rtm->rtm_family, attr[RTA_DST]),
		.prefix = rtm->rtm_dst_len,
		.table = vr_nl_u32(attr[RTA_TABLE], rtm->rtm_table) };
	key.to.family = rtm->rtm_family;
	if (key_find(k, &key) < k->n_routes)
		k->has_removed = true;
}

/* --- as a request --- */

static uint8_t
scope_of(const struct vr_route *rt)
{
	if (rt->has_scope)
		return rt->scope;
	if (rt->family == AF_INET6 || rt->type != RTN_UNICAST)
		return rt->type == RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	return rt->n_hops > 0 && rt->hop[0].via.family == 0 ? RT_SCOPE_LINK
							    : RT_SCOPE_UNIVERSE;
}

/* A gateway may be of the other family: RFC 8950. */
static void
put_via(struct nlmsghdr *nlh, uint8_t family, const struct vr_ip *via)
{
	struct {
		uint16_t family;
		uint8_t bytes[16];
	} other = { .family = via->family };

	if (via->family == 0)
		return;
	if (via->family == family) {
		vr_nl_put_ip(nlh, RTA_GATEWAY, via);
		return;
	}
	memcpy(other.bytes, via->bytes, sizeof(other.bytes));
	mnl_attr_put(
	    nlh, RTA_VIA, sizeof(other.family) + vr_ip_bytes(via->family), &other);
}

int
vr_hop_index(const struct vr_kernel *k, const struct vr_hop *hop, unsigned *index,
    struct tw_err *err)
{
	const struct vr_link *l;

	*index = 0;
	if (hop->dev == NULL)
		return 0;
	l = vr_kernel_link(k, hop->dev);
	if (l == NULL)
		return vr_nl_no_link(hop->dev, err);
	*index = l->index;
	return 0;
}

static int
put_hop(struct vr_kernel *k, struct nlmsghdr *nlh, const struct vr_route *rt,
    struct tw_err *err)
{
	struct rtmsg *const rtm = mnl_nlmsg_get_payload(nlh);
	unsigned index;

	if (vr_hop_index(k, rt->hop, &index, err) != 0)
		return -1;
	if (rt->hop->onlink)
		rtm->rtm_flags |= RTNH_F_ONLINK;
	put_via(nlh, rt->family, &rt->hop->via);
	if (index != 0)
		mnl_attr_put_u32(nlh, RTA_OIF, index);
	return 0;
}

static int
put_hops(struct vr_kernel *k, struct nlmsghdr *nlh, const struct vr_route *rt,
    struct tw_err *err)
{
	struct nlattr *const all = mnl_attr_nest_start(nlh, RTA_MULTIPATH);

	if (rt->n_hops > MAX_HOPS)
		return tw_err_set(
		    err, "%u next hops: at most %d are possible", rt->n_hops, MAX_HOPS);
	for (unsigned i = 0; i < rt->n_hops; i++) {
		struct rtnexthop *const nh = mnl_nlmsg_get_payload_tail(nlh);
		const struct vr_hop *const hop = &rt->hop[i];
		unsigned index;

		if (vr_hop_index(k, hop, &index, err) != 0)
			return -1;
		nlh->nlmsg_len += RTNH_LENGTH(0);
		nh->rtnh_hops = (uint8_t)(hop->weight > 0 ? hop->weight - 1 : 0);
		nh->rtnh_flags = hop->onlink ? RTNH_F_ONLINK : 0;
		nh->rtnh_ifindex = (int)index;
		put_via(nlh, rt->family, &hop->via);
		nh->rtnh_len =
		    (uint16_t)((char *)mnl_nlmsg_get_payload_tail(nlh) - (char *)nh);
	}
	mnl_attr_nest_end(nlh, all);
	return 0;
}

static void
put_metrics(struct nlmsghdr *nlh, const struct vr_route *rt)
{
	if (rt->mtu == 0 && rt->advmss == 0 && rt->window == 0)
		return;
	struct nlattr *const all = mnl_attr_nest_start(nlh, RTA_METRICS);
	if (rt->mtu != 0)
		mnl_attr_put_u32(nlh, RTAX_MTU, rt->mtu);
	if (rt->advmss != 0)
		mnl_attr_put_u32(nlh, RTAX_ADVMSS, rt->advmss);
	if (rt->window != 0)
		mnl_attr_put_u32(nlh, RTAX_WINDOW, rt->window);
	mnl_attr_nest_end(nlh, all);
}

static int
route_put(struct vr_kernel *k, struct nlmsghdr *nlh, const struct vr_route *rt,
    struct tw_err *err)
{
	const uint32_t table = vr_route_table(rt);
	struct rtmsg *const rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = rt->family;
	rtm->rtm_dst_len = rt->to_prefix;
	rtm->rtm_tos = rt->tos;
	rtm->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC;
	rtm->rtm_protocol = rt->protocol;
	rtm->rtm_scope = scope_of(rt);
	rtm->rtm_type = rt->type;
	mnl_attr_put_u32(nlh, RTA_TABLE, table);
	if (rt->to_prefix > 0)
		mnl_attr_put(nlh, RTA_DST, vr_ip_bytes(rt->family), rt->to.bytes);
	if (rt->src.family != 0)
		vr_nl_put_ip(nlh, RTA_PREFSRC, &rt->src);
	if (rt->metric != 0)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, rt->metric);
	put_metrics(nlh, rt);
	if (rt->n_hops == 1)
		return put_hop(k, nlh, rt, err);
	return rt->n_hops > 1 ? put_hops(k, nlh, rt, err) : 0;
}

int
vr_kernel_route(
    struct vr_kernel *k, const struct vr_route *rt, bool add, struct tw_err *err)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct nlmsghdr *const nlh = vr_nl_begin(
	    k, buf, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE : 0);

	if (!add)
		key_set(k, rt, false);
	/* Without its interface the route is gone, too. */
	if (route_put(k, nlh, rt, err) != 0)
		return add ? -1 : 0;
	const int e = vr_nl_change(k, nlh, err);
	const bool is_so = add ? e == EEXIST : e == ESRCH || e == ENOENT || e == ENODEV;
	if (e != 0 && !is_so)
		return -1;
	if (add)
		key_set(k, rt, true);
	return 0;
}
