/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel_find_route.c - is a virtual route there?
 *
 * The kernel is asked each time: only routes of the same table, type and
 * protocol are sent, so that a full table of somebody else's costs little. The
 * VRRP process's one thread. source: rtnetlink(7), RTM_GETROUTE.
 */
#include "config.h"

#include <string.h>
#include <linux/rtnetlink.h>

#include <tideway/assert.h>

#include "netlink.h"

#define IP6_METRIC 1024 /* what the kernel writes where none is given */

struct hunt {
	struct vr_kernel *k;
	const struct vr_route *rt;
	bool found;
};

static bool
is_via(const struct vr_hop *hop, uint8_t family, const struct nlattr *const *attr)
{
	const struct vr_ip *const via = &hop->via;
	const struct nlattr *const other = attr[RTA_VIA];

	if (via->family == 0)
		return attr[RTA_GATEWAY] == NULL && other == NULL;
	if (via->family == family) {
		const struct vr_ip there = vr_nl_ip(family, attr[RTA_GATEWAY]);
		return there.family != 0 && vr_ip_cmp(&there, via) == 0;
	}
	return other != NULL &&
	    mnl_attr_get_payload_len(other) == 2u + vr_ip_bytes(via->family) &&
	    memcmp((const char *)mnl_attr_get_payload(other) + 2, via->bytes,
		vr_ip_bytes(via->family)) == 0;
}

static bool
is_hop(const struct hunt *h, const struct vr_hop *hop, unsigned index,
    const struct nlattr *const *attr)
{
	unsigned wanted;

	if (vr_hop_index(h->k, hop, &wanted, NULL) != 0)
		return false;
	return (wanted == 0 || wanted == index) && is_via(hop, h->rt->family, attr);
}

static bool
has_hop(const struct hunt *h, unsigned index, const struct nlattr *const *attr)
{
	for (unsigned i = 0; i < h->rt->n_hops; i++) {
		if (is_hop(h, &h->rt->hop[i], index, attr))
			return true;
	}
	return false;
}

/* All of the kernel's are wanted, and there are as many. */
static bool
are_hops(const struct hunt *h, const struct nlattr *all)
{
	const struct nlattr *attr[VR_MAX_ATTRS];
	const struct rtnexthop *nh = mnl_attr_get_payload(all);
	int left = mnl_attr_get_payload_len(all);
	unsigned n = 0;

	for (; left >= (int)sizeof(*nh) && RTNH_OK(nh, left); n++, nh = RTNH_NEXT(nh)) {
		vr_nl_nested(RTNH_DATA(nh), nh->rtnh_len - RTNH_LENGTH(0), attr);
		if (!has_hop(h, (unsigned)nh->rtnh_ifindex, attr))
			return false;
		left -= (int)RTNH_ALIGN(nh->rtnh_len);
	}
	return n == h->rt->n_hops;
}

static bool
are_all_hops(const struct hunt *h, const struct nlattr *const *attr)
{
	if (h->rt->n_hops == 0)
		return true;
	if (attr[RTA_MULTIPATH] != NULL)
		return are_hops(h, attr[RTA_MULTIPATH]);
	return h->rt->n_hops == 1 && has_hop(h, vr_nl_u32(attr[RTA_OIF], 0), attr);
}

static bool
is_metric(const struct vr_route *rt, uint32_t there)
{
	return there ==
	    (rt->metric == 0 && rt->family == AF_INET6 ? IP6_METRIC : rt->metric);
}

static bool
is_source(const struct vr_route *rt, const struct nlattr *attr)
{
	const struct vr_ip there = vr_nl_ip(rt->family, attr);

	return rt->src.family == 0 ||
	    (there.family != 0 && vr_ip_cmp(&there, &rt->src) == 0);
}

static bool
is_route(
    const struct hunt *h, const struct rtmsg *rtm, const struct nlattr *const *attr)
{
	const struct vr_route *const rt = h->rt;
	struct vr_route_key key = { .to = vr_nl_ip(rtm->rtm_family, attr[RTA_DST]),
		.prefix = rtm->rtm_dst_len,
		.table = vr_nl_u32(attr[RTA_TABLE], rtm->rtm_table) };
	const struct vr_route_key wanted = vr_route_key_of(rt);

	key.to.family = rtm->rtm_family;
	return vr_route_is_key(&key, &wanted) && rtm->rtm_type == rt->type &&
	    rtm->rtm_protocol == rt->protocol &&
	    (rt->family == AF_INET6 || rtm->rtm_tos == rt->tos) &&
	    is_metric(rt, vr_nl_u32(attr[RTA_PRIORITY], 0)) &&
	    is_source(rt, attr[RTA_PREFSRC]) && are_all_hops(h, attr);
}

static int
hunt_in(const struct nlmsghdr *nlh, void *arg)
{
	struct hunt *const h = arg;
	const struct rtmsg *const rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr[VR_MAX_ATTRS];

	if (nlh->nlmsg_type != RTM_NEWROUTE || rtm->rtm_family != h->rt->family)
		return MNL_CB_OK;
	vr_nl_attrs(nlh, sizeof(*rtm), attr);
	h->found |= is_route(h, rtm, attr);
	return MNL_CB_OK;
}

bool
vr_kernel_has_route(struct vr_kernel *k, const struct vr_route *rt)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct hunt h = { .k = k, .rt = rt };
	struct nlmsghdr *const nlh = vr_nl_begin(k, buf, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *const rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = rt->family;
	rtm->rtm_protocol = rt->protocol;
	rtm->rtm_type = rt->type;
	mnl_attr_put_u32(nlh, RTA_TABLE, vr_route_table(rt));
	(void)vr_nl_ask(k, nlh, hunt_in, &h);
	return h.found;
}
