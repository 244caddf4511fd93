/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel_rule.c - virtual rules: adding, removing, looking for them.
 *
 * They carry keepalived's protocol number, so that removing one never takes a
 * similar rule of somebody else's; but one that is there, whoever made it, is not
 * made again. The VRRP process's one thread. source:
 * rtnetlink(7), RTM_NEWRULE; ip-rule(8).
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <tideway/assert.h>

#include "netlink.h"

static void
put_selector(struct nlmsghdr *nlh, const struct vr_rule *ru)
{
	if (ru->from.family != 0)
		vr_nl_put_ip(nlh, FRA_SRC, &ru->from);
	if (ru->to.family != 0)
		vr_nl_put_ip(nlh, FRA_DST, &ru->to);
	if (ru->iif != NULL)
		vr_nl_put_name(nlh, FRA_IIFNAME, ru->iif);
	if (ru->oif != NULL)
		vr_nl_put_name(nlh, FRA_OIFNAME, ru->oif);
	if (ru->fwmark != 0 || ru->fwmask != 0)
		mnl_attr_put_u32(nlh, FRA_FWMARK, ru->fwmark);
	if (ru->fwmask != 0)
		mnl_attr_put_u32(nlh, FRA_FWMASK, ru->fwmask);
}

static void
rule_put(struct nlmsghdr *nlh, const struct vr_rule *ru)
{
	struct fib_rule_hdr *const h = mnl_nlmsg_put_extra_header(nlh, sizeof(*h));

	h->family = ru->family;
	h->src_len = ru->from.family != 0 ? ru->from_prefix : 0;
	h->dst_len = ru->to.family != 0 ? ru->to_prefix : 0;
	h->tos = ru->tos;
	h->table = ru->table < 256 ? (uint8_t)ru->table : RT_TABLE_UNSPEC;
	h->action = ru->action;
	h->flags = ru->invert ? FIB_RULE_INVERT : 0;
	put_selector(nlh, ru);
	if (ru->has_priority)
		mnl_attr_put_u32(nlh, FRA_PRIORITY, ru->priority);
	if (ru->table != 0)
		mnl_attr_put_u32(nlh, FRA_TABLE, ru->table);
	if (ru->action == FR_ACT_GOTO)
		mnl_attr_put_u32(nlh, FRA_GOTO, ru->goto_priority);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, VR_NL_PROTOCOL);
}

struct hunt {
	const struct vr_rule *ru;
	bool found;
};

static bool
is_ip(const struct vr_ip *wanted, uint8_t wanted_prefix, uint8_t prefix,
    const struct nlattr *attr)
{
	if (wanted->family == 0 || wanted_prefix == 0)
		return prefix == 0;
	const struct vr_ip there = vr_nl_ip(wanted->family, attr);
	return prefix == wanted_prefix && there.family != 0 &&
	    vr_ip_cmp(&there, wanted) == 0;
}

static bool
is_name(const char *wanted, const struct nlattr *attr)
{
	if (wanted == NULL || attr == NULL)
		return wanted == NULL && attr == NULL;
	return mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 &&
	    strcmp(mnl_attr_get_str(attr), wanted) == 0;
}

/* Without a mask the kernel writes one of all bits. */
static bool
is_mark(const struct vr_rule *ru, const struct nlattr *const *attr)
{
	const uint32_t given = ru->fwmark != 0 ? UINT32_MAX : 0;

	return vr_nl_u32(attr[FRA_FWMARK], 0) == ru->fwmark &&
	    vr_nl_u32(attr[FRA_FWMASK], 0) == (ru->fwmask != 0 ? ru->fwmask : given);
}

static bool
is_target(const struct vr_rule *ru, const struct fib_rule_hdr *h,
    const struct nlattr *const *attr)
{
	const uint32_t table = vr_nl_u32(attr[FRA_TABLE], h->table);

	return h->action == ru->action &&
	    (ru->action != FR_ACT_TO_TBL || ru->table == 0 || table == ru->table) &&
	    (ru->action != FR_ACT_GOTO ||
		vr_nl_u32(attr[FRA_GOTO], 0) == ru->goto_priority);
}

static bool
is_rule(const struct vr_rule *ru, const struct fib_rule_hdr *h,
    const struct nlattr *const *attr)
{
	return is_ip(&ru->from, ru->from_prefix, h->src_len, attr[FRA_SRC]) &&
	    is_ip(&ru->to, ru->to_prefix, h->dst_len, attr[FRA_DST]) &&
	    h->tos == ru->tos && ((h->flags & FIB_RULE_INVERT) != 0) == ru->invert &&
	    is_name(ru->iif, attr[FRA_IIFNAME]) &&
	    is_name(ru->oif, attr[FRA_OIFNAME]) && is_mark(ru, attr) &&
	    is_target(ru, h, attr) &&
	    (!ru->has_priority || vr_nl_u32(attr[FRA_PRIORITY], 0) == ru->priority);
}

static int
hunt_in(const struct nlmsghdr *nlh, void *arg)
{
	struct hunt *const h = arg;
	const struct fib_rule_hdr *const frh = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr[VR_MAX_ATTRS];

	if (nlh->nlmsg_type != RTM_NEWRULE || frh->family != h->ru->family)
		return MNL_CB_OK;
	vr_nl_attrs(nlh, sizeof(*frh), attr);
	h->found |= is_rule(h->ru, frh, attr);
	return MNL_CB_OK;
}

bool
vr_kernel_has_rule(struct vr_kernel *k, const struct vr_rule *ru)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct hunt h = { .ru = ru };
	struct nlmsghdr *const nlh = vr_nl_begin(k, buf, RTM_GETRULE, NLM_F_DUMP);
	struct fib_rule_hdr *const frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));

	frh->family = ru->family;
	(void)vr_nl_ask(k, nlh, hunt_in, &h);
	return h.found;
}

int
vr_kernel_rule(
    struct vr_kernel *k, const struct vr_rule *ru, bool add, struct tw_err *err)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct nlmsghdr *const nlh = vr_nl_begin(k, buf,
	    add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE | NLM_F_EXCL : 0);

	/* Without a priority the kernel would make a second one. */
	if (add && vr_kernel_has_rule(k, ru))
		return 0;
	rule_put(nlh, ru);
	const int e = vr_nl_change(k, nlh, err);
	const bool is_so = add ? e == EEXIST : e == ENOENT || e == ESRCH;
	return e == 0 || is_so ? 0 : -1;
}
