/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel.c - the two sockets of kernel.h: events in, requests out.
 *
 * Events only say that something changed; the table follows them in order. A
 * socket that overflows loses some: then everything is read anew and compared
 * with the table, so that who listens misses nothing that lasts. The VRRP
 * process's one thread. source: rtnetlink(7).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>

#include <tideway/assert.h>

#include "netlink.h"

#define EVENT_BYTES (1 << 20) /* of the socket's buffer */
#define MAX_EVENTS 512        /* in one vr_kernel_read: others want to run too */
#define ANSWER_S 2            /* an answer that takes longer never comes */

#ifndef NETLINK_EXT_ACK
#define NETLINK_EXT_ACK 11
#endif
#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

static int
events_open(struct vr_kernel *k)
{
	const unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
	    RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE |
	    1u << (RTNLGRP_IPV6_RULE - 1);
	const int size = EVENT_BYTES;

	k->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (k->events == NULL ||
	    mnl_socket_bind(k->events, groups, MNL_SOCKET_AUTOPID) < 0)
		return -1;
	const int fd = mnl_socket_get_fd(k->events);
	/* Without the privilege the system's limit does. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return 0;
}

static int
requests_open(struct vr_kernel *k)
{
	const struct timeval limit = { .tv_sec = ANSWER_S };
	int on = 1;

	k->requests = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (k->requests == NULL ||
	    mnl_socket_bind(k->requests, 0, MNL_SOCKET_AUTOPID) < 0)
		return -1;
	/* Kernels before 4.12 and 4.20 do without: fewer words, longer dumps. */
	(void)mnl_socket_setsockopt(k->requests, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(
	    k->requests, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return setsockopt(mnl_socket_get_fd(k->requests), SOL_SOCKET, SO_RCVTIMEO,
	    &limit, sizeof(limit));
}

struct vr_kernel *
vr_kernel_new(const struct vr_kernel_events *ev, struct tw_err *err)
{
	struct vr_kernel *k = calloc(1, sizeof(*k));

	TW_ASSERT(k != NULL);
	k->magic = VR_KERNEL_MAGIC;
	k->ev = *ev;
	if (events_open(k) != 0 || requests_open(k) != 0) {
		tw_err_errno(err, "cannot open a netlink socket");
		vr_kernel_free(&k);
		return NULL;
	}
	k->is_quiet = true;
	if (vr_tables_read(k) != 0) {
		tw_err_errno(err, "cannot read the interfaces and their addresses");
		vr_kernel_free(&k);
		return NULL;
	}
	k->is_quiet = false;
	return k;
}

void
vr_kernel_free(struct vr_kernel **k)
{
	struct vr_kernel *const o = *k;

	if (o == NULL)
		return;
	TW_CHECK_MAGIC(o, VR_KERNEL_MAGIC);
	TW_ASSERT(!o->is_reading);
	vr_sysctl_return(o, true);
	o->is_quiet = true;
	while (o->n_links > 0)
		vr_link_drop(o, o->link[0]->index);
	if (o->events != NULL)
		mnl_socket_close(o->events);
	if (o->requests != NULL)
		mnl_socket_close(o->requests);
	free(o->link);
	free(o->ended);
	free(o->route);
	free(o->lent);
	free(o);
	*k = NULL;
}

int
vr_kernel_fd(const struct vr_kernel *k)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	return mnl_socket_get_fd(k->events);
}

static int
event_take(const struct nlmsghdr *nlh, void *arg)
{
	struct vr_kernel *const k = arg;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		vr_link_take(k, nlh, false);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		vr_addr_take(k, nlh);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		vr_route_take(k, nlh);
		break;
	case RTM_DELRULE:
		k->has_removed |= !vr_nl_is_ours(k, nlh);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

/* Returns whether events were lost. */
static bool
events_take(struct vr_kernel *k)
{
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	bool lost = false;

	for (unsigned i = 0; i < MAX_EVENTS; i++) {
		const ssize_t n = mnl_socket_recvfrom(k->events, buf, sizeof(buf));

		if (n > 0)
			(void)mnl_cb_run(buf, (size_t)n, 0, 0, event_take, k);
		else if (n < 0 && (errno == ENOBUFS || errno == ENOSPC))
			lost = true;
		else if (n == 0 || errno != EINTR)
			break;
	}
	return lost;
}

void
vr_kernel_read(struct vr_kernel *k)
{
	TW_CHECK_MAGIC(k, VR_KERNEL_MAGIC);
	if (k->is_reading)
		return;
	k->is_reading = true;
	if (events_take(k)) {
		(void)vr_tables_read(k);
		k->has_removed = true;
	}
	k->is_reading = false;
	if (k->has_removed) {
		k->has_removed = false;
		k->ev.removed(k->ev.arg);
	}
}
