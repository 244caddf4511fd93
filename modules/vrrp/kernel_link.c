/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel_link.c - the table of interfaces, and reading all of it anew.
 *
 * An interface is known by its index; a name that moves to another index, or
 * an index to another name, is one that vanished and one that appeared. The
 * VRRP process's one thread. source: rtnetlink(7), RTM_NEWLINK.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <tideway/assert.h>

#include "netlink.h"

#define MAX_READINGS 5 /* of everything, when it changes meanwhile */

static unsigned
place_of(const struct vr_kernel *k, unsigned index)
{
	unsigned i = 0;

	while (i < k->n_links && k->link[i]->index != index)
		i++;
	return i;
}

const struct vr_link *
vr_kernel_link_at(const struct vr_kernel *k, unsigned index)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	const unsigned i = place_of(k, index);

	return i < k->n_links ? k->link[i] : NULL;
}

const struct vr_link *
vr_kernel_link(const struct vr_kernel *k, const char *name)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	for (unsigned i = 0; i < k->n_links; i++) {
		if (strcmp(k->link[i]->name, name) == 0)
			return k->link[i];
	}
	return NULL;
}

static void
tell(const struct vr_kernel *k, const struct vr_link *l)
{
	if (!k->is_quiet)
		k->ev.link(k->ev.arg, l);
}

static struct vr_link *
link_add(struct vr_kernel *k)
{
	struct vr_link *const l = calloc(1, sizeof(*l));

	k->link = realloc(k->link, (k->n_links + 1) * sizeof(struct vr_link *));
	TW_ASSERT(l != NULL && k->link != NULL);
	k->link[k->n_links++] = l;
	return l;
}

void
vr_link_drop(struct vr_kernel *k, unsigned index)
{
	const unsigned i = place_of(k, index);

	if (i == k->n_links)
		return;
	struct vr_link *const l = k->link[i];
	k->link[i] = k->link[--k->n_links];
	free(l->addr);
	l->addr = NULL;
	l->n_addrs = 0;
	l->index = 0;
	l->is_up = false;
	tell(k, l);
	free(l);
}

/* Only a macvlan's parent is of interest; a veth's peer is none. */
static unsigned
parent_of(const struct nlattr *const *attr)
{
	const struct nlattr *info[VR_MAX_ATTRS];

	if (attr[IFLA_LINKINFO] == NULL)
		return 0;
	vr_nl_nested(mnl_attr_get_payload(attr[IFLA_LINKINFO]),
	    mnl_attr_get_payload_len(attr[IFLA_LINKINFO]), info);
	if (info[IFLA_INFO_KIND] == NULL ||
	    mnl_attr_validate(info[IFLA_INFO_KIND], MNL_TYPE_NUL_STRING) < 0 ||
	    strcmp(mnl_attr_get_str(info[IFLA_INFO_KIND]), "macvlan") != 0)
		return 0;
	return vr_nl_u32(attr[IFLA_LINK], 0);
}

/* What is compared to see a change. */
static struct vr_link
link_parse(const struct ifinfomsg *ifi, const struct nlattr *const *attr)
{
	const unsigned silent = IFF_NOARP | IFF_POINTOPOINT | IFF_LOOPBACK;
	const unsigned up = IFF_UP | IFF_RUNNING;
	struct vr_link l = { .index = (unsigned)ifi->ifi_index,
		.mtu = vr_nl_u32(attr[IFLA_MTU], 0),
		.master = vr_nl_u32(attr[IFLA_MASTER], 0),
		.parent = parent_of(attr),
		.is_up = (ifi->ifi_flags & up) == up };

	strncpy(l.name, mnl_attr_get_str(attr[IFLA_IFNAME]), sizeof(l.name) - 1);
	const struct nlattr *const mac = attr[IFLA_ADDRESS];
	if (mac != NULL && mnl_attr_get_payload_len(mac) == sizeof(l.mac)) {
		memcpy(l.mac, mnl_attr_get_payload(mac), sizeof(l.mac));
		l.has_arp = ifi->ifi_type == ARPHRD_ETHER && !(ifi->ifi_flags & silent);
	}
	return l;
}

static bool
is_same(const struct vr_link *a, const struct vr_link *b)
{
	return memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && a->mtu == b->mtu &&
	    a->master == b->master && a->parent == b->parent && a->is_up == b->is_up &&
	    a->has_arp == b->has_arp;
}

/* Its addresses are its own: they stay. */
static void
link_update(struct vr_kernel *k, struct vr_link *l, const struct vr_link *now)
{
	const bool same = l->index != 0 && is_same(l, now);

	/* Whatever its state was: routes through it may be gone. */
	if (l->is_up != now->is_up)
		k->has_removed = true;
	l->index = now->index;
	memcpy(l->name, now->name, sizeof(l->name));
	memcpy(l->mac, now->mac, sizeof(l->mac));
	l->mtu = now->mtu;
	l->master = now->master;
	l->parent = now->parent;
	l->is_up = now->is_up;
	l->has_arp = now->has_arp;
	l->turn = k->turn;
	if (!same)
		tell(k, l);
}

static void
link_renamed(struct vr_kernel *k, struct vr_link *l, const char *name)
{
	struct vr_link old = { .index = 0 };

	memcpy(old.name, l->name, sizeof(old.name));
	snprintf(l->name, sizeof(l->name), "%s", name);
	tell(k, &old);
	tell(k, l);
}

/* An answer is the truth: a namesake's end was not heard. An event may be older
 * than the table, but never newer than one that it lacks: then it is stale. */
static void
link_new(struct vr_kernel *k, const struct vr_link *now, bool is_answer)
{
	const struct vr_link *const namesake = vr_kernel_link(k, now->name);

	if (namesake != NULL && namesake->index != now->index) {
		if (!is_answer)
			return;
		vr_link_drop(k, namesake->index);
	}
	const unsigned i = place_of(k, now->index);
	struct vr_link *const l = i < k->n_links ? k->link[i] : link_add(k);
	if (l->index != 0 && strcmp(l->name, now->name) != 0)
		link_renamed(k, l, now->name);
	link_update(k, l, now);
}

void
vr_link_end(struct vr_kernel *k, unsigned index)
{
	const bool was_quiet = k->is_quiet;

	k->is_quiet = true;
	vr_link_drop(k, index);
	k->is_quiet = was_quiet;
	k->ended = realloc(k->ended, (k->n_ended + 1) * sizeof(*k->ended));
	TW_ASSERT(k->ended != NULL);
	k->ended[k->n_ended++] = index;
}

/* The last event of an interface says that it is deleted. */
static bool
has_ended(struct vr_kernel *k, unsigned index, bool is_last)
{
	unsigned i = 0;

	while (i < k->n_ended && k->ended[i] != index)
		i++;
	const bool found = i < k->n_ended;
	if (found && is_last)
		k->ended[i] = k->ended[--k->n_ended];
	return found;
}

void
vr_link_take(struct vr_kernel *k, const struct nlmsghdr *nlh, bool is_answer)
{
	const struct ifinfomsg *const ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr[VR_MAX_ATTRS];

	/* Of another family it is about a bridge's port; without these two, about
	 * a radio. */
	if (ifi->ifi_family != AF_UNSPEC)
		return;
	const bool is_end = nlh->nlmsg_type == RTM_DELLINK;
	if (!is_answer && has_ended(k, (unsigned)ifi->ifi_index, is_end))
		return;
	vr_nl_attrs(nlh, sizeof(*ifi), attr);
	if (is_end) {
		vr_link_drop(k, (unsigned)ifi->ifi_index);
	} else if (attr[IFLA_MTU] != NULL && attr[IFLA_IFNAME] != NULL &&
	    mnl_attr_validate(attr[IFLA_IFNAME], MNL_TYPE_NUL_STRING) == 0) {
		const struct vr_link now = link_parse(ifi, attr);
		link_new(k, &now, is_answer);
	}
}

static int
take_link(const struct nlmsghdr *nlh, void *arg)
{
	if (nlh->nlmsg_type == RTM_NEWLINK)
		vr_link_take(arg, nlh, true);
	return MNL_CB_OK;
}

static int
take_addr(const struct nlmsghdr *nlh, void *arg)
{
	if (nlh->nlmsg_type == RTM_NEWADDR)
		vr_addr_take(arg, nlh);
	return MNL_CB_OK;
}

static int
links_read(struct vr_kernel *k)
{
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct nlmsghdr *const nlh = vr_nl_begin(k, buf, RTM_GETLINK, NLM_F_DUMP);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return vr_nl_ask(k, nlh, take_link, k);
}

static int
addrs_read(struct vr_kernel *k)
{
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct nlmsghdr *const nlh = vr_nl_begin(k, buf, RTM_GETADDR, NLM_F_DUMP);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	return vr_nl_ask(k, nlh, take_addr, k);
}

/* A callback may add one: then from the beginning. */
static void
links_sweep(struct vr_kernel *k)
{
	for (unsigned i = 0; i < k->n_links;) {
		if (k->link[i]->turn != k->turn) {
			vr_link_drop(k, k->link[i]->index);
			i = 0;
		} else {
			i++;
		}
	}
}

int
vr_tables_read(struct vr_kernel *k)
{
	int r = -1;

	k->n_ended = 0; /* their events may be lost */
	for (unsigned i = 0; i < MAX_READINGS && r != 0; i++) {
		k->turn++;
		r = links_read(k);
		if (r == 0) {
			links_sweep(k);
			r = addrs_read(k);
		}
		if (r == 0)
			vr_addrs_sweep(k);
		else if (errno != EINTR)
			break;
	}
	return r;
}

void
vr_link_refresh(struct vr_kernel *k, const char *name)
{
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	struct nlmsghdr *const nlh = vr_nl_begin(k, buf, RTM_GETLINK, NLM_F_ACK);
	const bool was_quiet = k->is_quiet;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	vr_nl_put_name(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	k->is_quiet = true;
	(void)vr_nl_ask(k, nlh, take_link, k);
	k->is_quiet = was_quiet;
}
