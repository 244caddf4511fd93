/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * connector.c - the kernel tells of processes that come.
 *
 * Netlink's process connector. It needs CAP_NET_ADMIN and the initial network
 * and process namespaces; a subscription is answered with an error code, or,
 * elsewhere, by silence. Ends of processes are not taken from here: a descriptor of
 * each one that matters tells them. source: linux/cn_proc.h.
 */
#include "config.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "procfs.h"

#define READS_AT_ONCE 64

/* Answers go to all listeners; the one to us bears our number, plus one. */
static uint32_t
own_number(void)
{
	return (uint32_t)getpid();
}

static int
say(int fd, enum proc_cn_mcast_op op)
{
	char buf[NLMSG_SPACE(sizeof(struct cn_msg) + sizeof(enum proc_cn_mcast_op))]
	    __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *const nl = (struct nlmsghdr *)buf;
	struct cn_msg *const cn = NLMSG_DATA(nl);

	memset(buf, 0, sizeof(buf));
	nl->nlmsg_len = NLMSG_LENGTH(sizeof(*cn) + sizeof(op));
	nl->nlmsg_type = NLMSG_DONE;
	nl->nlmsg_pid = (uint32_t)getpid();
	cn->id.idx = CN_IDX_PROC;
	cn->id.val = CN_VAL_PROC;
	cn->ack = own_number();
	cn->len = sizeof(op);
	memcpy(cn->data, &op, sizeof(op));
	return send(fd, nl, nl->nlmsg_len, 0) < 0 ? -1 : 0;
}

int
vr_connector_open(void)
{
	const struct sockaddr_nl addr = { .nl_family = AF_NETLINK,
		.nl_groups = CN_IDX_PROC };
	const int fd = socket(
	    AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_CONNECTOR);

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    say(fd, PROC_CN_MCAST_LISTEN) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The kernel counts its listeners, and goes on working for those it counts. */
void
vr_connector_close(int fd)
{
	if (say(fd, PROC_CN_MCAST_IGNORE) != 0)
		errno = 0; /* it was none */
	close(fd);
}

static void
event_take(const struct proc_event *ev, vr_proc_appeared *appeared, void *arg)
{
	if (ev->what == PROC_EVENT_EXEC)
		appeared(arg, ev->event_data.exec.process_tgid);
	else if (ev->what == PROC_EVENT_COMM)
		appeared(arg, ev->event_data.comm.process_tgid);
	else if (ev->what == PROC_EVENT_FORK &&
	    ev->event_data.fork.child_pid == ev->event_data.fork.child_tgid)
		appeared(arg, ev->event_data.fork.child_tgid);
}

/* returns: 1: our subscription is confirmed; -1: it was refused. */
static int
message_take(const char *buf, size_t len, vr_proc_appeared *appeared, void *arg)
{
	const size_t head = NLMSG_HDRLEN + sizeof(struct cn_msg);
	struct proc_event ev = { .what = PROC_EVENT_NONE };
	struct cn_msg cn;

	if (len <= head)
		return 0;
	memcpy(&cn, buf + NLMSG_HDRLEN, sizeof(cn));
	len -= head;
	memcpy(&ev, buf + head, len < sizeof(ev) ? len : sizeof(ev));
	if (ev.what != PROC_EVENT_NONE) {
		event_take(&ev, appeared, arg);
		return 0;
	}
	if (cn.ack != own_number() + 1)
		return 0;
	errno = (int)ev.event_data.ack.err;
	return errno == 0 ? 1 : -1;
}

int
vr_connector_read(int fd, vr_proc_appeared *appeared, void *arg)
{
	char buf[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	int rc = 0;

	for (int i = 0; i < READS_AT_ONCE; i++) {
		const ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		const int one =
		    n > 0 ? message_take(buf, (size_t)n, appeared, arg) : -1;
		if (one < 0)
			return -1;
		rc |= one;
	}
	return rc;
}
