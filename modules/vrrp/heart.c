/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * heart.c - the second path's socket: heartbeats out and in.
 *
 * One UDP socket on all addresses, because the peer may ask on the
 * advertisements' network when the second path is silent; what is not signed
 * is counted and forgotten. What is believed of the peer is peer_view.c's. The
 * VRRP process's thread.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "fleet.h"

struct vr_heart {
	struct vr_fleet *fleet;
	struct vr_peer_conf conf;
	struct vr_peer_view view;
	struct event *readable; /* owns */
	int fd;                 /* owns */
	bool is_v6;             /* it takes both families */
	bool was_deaf;
};

/* --- addresses --- */

static void
map_v4(const struct vr_ip *ip, struct in6_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], ip->bytes, 4);
}

static socklen_t
sockaddr_of(const struct vr_heart *h, const struct vr_ip *ip, uint16_t port,
    struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *const six = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *const four = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (!h->is_v6) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		memcpy(&four->sin_addr, ip->bytes, 4);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	if (ip->family == AF_INET)
		map_v4(ip, &six->sin6_addr);
	else
		memcpy(&six->sin6_addr, ip->bytes, 16);
	return sizeof(*six);
}

static struct vr_ip
ip_of(const struct sockaddr_storage *ss, uint16_t *port)
{
	const struct sockaddr_in6 *const six = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *const four = (const struct sockaddr_in *)ss;
	struct vr_ip ip = { .family = (uint8_t)ss->ss_family };

	if (ss->ss_family == AF_INET) {
		*port = ntohs(four->sin_port);
		memcpy(ip.bytes, &four->sin_addr, 4);
		return ip;
	}
	*port = ntohs(six->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		ip.family = AF_INET;
		memcpy(ip.bytes, &six->sin6_addr.s6_addr[12], 4);
	} else {
		memcpy(ip.bytes, &six->sin6_addr, 16);
	}
	return ip;
}

/* --- out --- */

static void
source_set(const struct vr_heart *h, const struct vr_ip *src, struct msghdr *msg)
{
	struct cmsghdr *const c = CMSG_FIRSTHDR(msg);

	if (h->is_v6) {
		struct in6_pktinfo info = { .ipi6_ifindex = 0 };

		if (src->family == AF_INET)
			map_v4(src, &info.ipi6_addr);
		else
			memcpy(&info.ipi6_addr, src->bytes, 16);
		*c = (struct cmsghdr){ .cmsg_level = IPPROTO_IPV6,
			.cmsg_type = IPV6_PKTINFO,
			.cmsg_len = CMSG_LEN(sizeof(info)) };
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in_pktinfo info = { .ipi_ifindex = 0 };

		memcpy(&info.ipi_spec_dst, src->bytes, 4);
		*c = (struct cmsghdr){ .cmsg_level = IPPROTO_IP,
			.cmsg_type = IP_PKTINFO,
			.cmsg_len = CMSG_LEN(sizeof(info)) };
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

static void
entries_fill(const struct vr_fleet *f, struct vr_peer_msg *m)
{
	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		const struct vr_node *const n = &f->node[i];

		if (m->n_entries == VR_PEER_MAX_ENTRIES)
			return;
		m->entry[m->n_entries++] = (struct vr_peer_entry){
			.vrid = n->conf->vrid,
			.family = n->conf->family,
			.state = (uint8_t)n->r.state,
			.priority = n->r.priority,
			.flags =
			    (uint8_t)((f->is_stopping || n->r.yielding ? VR_ENTRY_YIELDS
								       : 0) |
				(n->r.state != VR_FAULT ? VR_ENTRY_HEALTHY : 0)),
			.advert_ms = (uint32_t)(n->conf->advert_us / 1000),
		};
	}
}

/* in: src, NULL: the system's choice. */
static void
message_send(struct vr_heart *h, enum vr_peer_kind kind, const struct vr_ip *src,
    const struct vr_ip *dst, uint16_t port)
{
	struct vr_peer_msg m = { .kind = (uint8_t)kind,
		.run = h->view.own_run,
		.sequence = ++h->view.own_sequence,
		.echo_run = h->view.run,
		.echo_sequence = h->view.sequence };
	uint8_t bytes[VR_PEER_BYTES];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
	struct sockaddr_storage to;

	entries_fill(h->fleet, &m);
	memset(&control, 0, sizeof(control));
	struct iovec iov = { bytes,
		vr_peer_write(bytes, &m, h->conf.key, h->conf.key_len) };
	struct msghdr msg = { .msg_name = &to,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_namelen = sockaddr_of(h, dst, port, &to) };

	if (src != NULL) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		source_set(h, src, &msg);
	}
	if (sendmsg(h->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		h->view.n_sent++;
}

static void
second_send(struct vr_heart *h, enum vr_peer_kind kind)
{
	message_send(h, kind, &h->conf.local, &h->conf.remote, h->conf.remote_port);
}

void
vr_heart_beat(struct vr_heart *h)
{
	h->view.next_us = vr_now_us() + h->conf.interval_us;
	second_send(h, VR_MSG_STATE);
}

/* Where the peer's advertisements come from. */
static bool
can_ask_there(const struct vr_heart *h, const struct vr_node *n)
{
	const struct vr_ip *const ip = &n->r.master;

	return ip->family != 0 && (h->is_v6 || ip->family == AF_INET) &&
	    n->r.state != VR_MASTER &&
	    !(ip->family == AF_INET6 && ip->bytes[0] == 0xfe);
}

static void
ask(struct vr_heart *h)
{
	const struct vr_fleet *const f = h->fleet;

	second_send(h, VR_MSG_ASK);
	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		const struct vr_node *const n = &f->node[i];

		if (can_ask_there(h, n))
			message_send(
			    h, VR_MSG_ASK, NULL, &n->r.master, h->conf.remote_port);
	}
}

static void
change_tell(const struct vr_heart *h)
{
	char text[64];

	vr_ip_out(&h->conf.remote, text, sizeof(text));
	if (h->view.is_gone)
		tw_log(TW_ALERT, "the VRRP peer %s answers on no path", text);
	else
		tw_log(TW_NOTICE, "the VRRP peer %s is heard", text);
}

/* Datagrams pass in one direction only: a firewall, most often. */
static void
deaf_tell(struct vr_heart *h, uint64_t now_us)
{
	const bool is_deaf = vr_peer_is_deaf(&h->view, &h->conf, now_us);

	if (is_deaf && !h->was_deaf)
		tw_log(TW_WARNING,
		    "the VRRP peer is heard on the second path, but does not hear this "
		    "node: let UDP port %u through on both",
		    (unsigned)h->conf.local_port);
	h->was_deaf = is_deaf;
}

uint64_t
vr_heart_tick(struct vr_heart *h, uint64_t now_us)
{
	bool shall_ask = false;

	if (vr_peer_tick(&h->view, &h->conf, now_us, &shall_ask))
		change_tell(h);
	deaf_tell(h, now_us);
	if (shall_ask)
		ask(h);
	if (now_us >= h->view.next_us)
		vr_heart_beat(h);
	return vr_peer_due(&h->view, &h->conf);
}

static bool
is_of(const struct vr_peer_entry *e, const struct vr_instance *in)
{
	return e->vrid == in->vrid && e->family == in->family;
}

void
vr_heart_look(const struct vr_heart *h, struct vr_node *n, uint64_t now_us)
{
	const struct vr_peer_msg *const m = &h->view.last;

	n->r.path_priority = 0;
	n->r.path_wins_tie = vr_ip_cmp(&h->conf.remote, &h->conf.local) > 0;
	for (uint32_t i = 0; i < m->n_entries; i++) {
		if (is_of(&m->entry[i], n->conf))
			n->r.path_priority = m->entry[i].priority;
	}
	vr_router_set_path(&n->r, now_us, vr_peer_path(&h->view, n->conf));
}

/* --- in --- */

/* The peer was master a moment ago and is not any more, because it leaves or
 * because it is at fault: nobody need wait for a timer. */
static bool
hands_over(const struct vr_peer_entry *e, const struct vr_node *n)
{
	const bool leaves =
	    (e->flags & VR_ENTRY_YIELDS) != 0 || (e->flags & VR_ENTRY_HEALTHY) == 0;

	return leaves && e->state != VR_MASTER && is_of(e, n->conf) &&
	    n->r.path == VR_PATH_MASTER && n->r.state == VR_BACKUP && !n->r.yielding;
}

static void
handovers(struct vr_fleet *f, const struct vr_peer_msg *m)
{
	for (unsigned i = 0; i < f->conf->n_instances; i++) {
		for (uint32_t k = 0; k < m->n_entries; k++) {
			if (hands_over(&m->entry[k], &f->node[i]))
				vr_router_claim(
				    &f->node[i].r, vr_now_us(), "the peer hands over");
		}
	}
}

static void
message_take(struct vr_heart *h, const struct vr_peer_msg *m,
    const struct sockaddr_storage *from)
{
	uint16_t port;
	const struct vr_ip src = ip_of(from, &port);
	const bool primary = vr_ip_cmp(&src, &h->conf.remote) != 0;

	if (!vr_peer_heard(&h->view, &h->conf, m, vr_now_us(), primary))
		return;
	if (m->kind == VR_MSG_ASK)
		message_send(h, VR_MSG_ANSWER, NULL, &src, port);
	if (!h->fleet->is_stopping)
		handovers(h->fleet, m);
}

static void
on_message(evutil_socket_t fd, short what, void *arg)
{
	struct vr_heart *const h = arg;
	struct sockaddr_storage from;
	uint8_t bytes[VR_PEER_BYTES + 1];
	ssize_t len;

	(void)what;
	for (;;) {
		struct vr_peer_msg m;
		socklen_t from_len = sizeof(from);

		len = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT,
		    (struct sockaddr *)&from, &from_len);
		if (len < 0)
			break;
		if (vr_peer_read(
			bytes, (size_t)len, h->conf.key, h->conf.key_len, &m) == 0)
			message_take(h, &m, &from);
		else
			h->view.n_bad++;
	}
	vr_fleet_settle(h->fleet);
}

/* --- life --- */

static int
socket_open(struct vr_heart *h)
{
	const int on = 1, off = 0;
	struct sockaddr_storage any;
	const struct vr_ip wildcard = { .family = AF_INET6 };

	h->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	h->is_v6 = h->fd >= 0;
	if (h->is_v6)
		setsockopt(h->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	else
		h->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (h->fd < 0)
		return -1;
	setsockopt(h->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	const socklen_t len = sockaddr_of(h, &wildcard, h->conf.local_port, &any);
	return bind(h->fd, (struct sockaddr *)&any, len);
}

/* Wall clock: a restarted process must have a higher number. */
static uint64_t
run_number(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

struct vr_heart *
vr_heart_new(struct vr_fleet *f, const struct vr_peer_conf *conf, struct tw_err *err)
{
	struct vr_heart *h = calloc(1, sizeof(*h));

	TW_ASSERT(h != NULL);
	h->fleet = f;
	h->conf = *conf;
	h->view.own_run = run_number();
	if (socket_open(h) != 0) {
		tw_err_errno(err, "vrrp-peer: cannot listen on UDP port %u",
		    (unsigned)conf->local_port);
		vr_heart_free(&h);
		return NULL;
	}
	h->readable = event_new(f->base, h->fd, EV_READ | EV_PERSIST, on_message, h);
	TW_ASSERT(h->readable != NULL && event_add(h->readable, NULL) == 0);
	return h;
}

void
vr_heart_free(struct vr_heart **ph)
{
	struct vr_heart *const h = *ph;

	*ph = NULL;
	if (h == NULL)
		return;
	if (h->readable != NULL)
		event_free(h->readable);
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}
