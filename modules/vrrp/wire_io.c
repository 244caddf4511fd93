/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * wire_io.c - advertisements as datagrams: receiving and sending.
 *
 * IPv4 packets leave with a header of our own, because a macvlan sends from
 * its parent's address, which is not its own; IPv6 ones say their source
 * beside. The VRRP process's one thread. source: RFC 9568 section 5.1; raw(7);
 * RFC 3542 section 6.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include <tideway/assert.h>

#include "wire_socket.h"

/* --- receiving --- */

static struct vr_ip
ip_of(uint8_t family, const void *bytes)
{
	struct vr_ip ip = { .family = family };

	memcpy(ip.bytes, bytes, family == AF_INET6 ? 16 : 4);
	return ip;
}

bool
vr_wire_strip(const uint8_t *bytes, size_t len, struct vr_datagram *d)
{
	struct iphdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, bytes, sizeof(ip));
	const size_t head = ip.ihl * 4u;
	if (ip.version != 4 || head < sizeof(ip) || head > len)
		return false;
	*d = (struct vr_datagram){ .src = ip_of(AF_INET, &ip.saddr),
		.dst = ip_of(AF_INET, &ip.daddr),
		.ttl = ip.ttl,
		.bytes = bytes + head,
		.len = len - head };
	return true;
}

/* out: where it came in, and of IPv6 what IPv4 has in its header. */
static void
take_ancillary(struct msghdr *m, struct vr_datagram *d)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			d->ifindex = (unsigned)info.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			d->ifindex = info.ipi6_ifindex;
			d->dst = ip_of(AF_INET6, &info.ipi6_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&d->ttl, CMSG_DATA(c), sizeof(d->ttl));
		}
	}
}

static bool
datagram_take(const struct vr_wire *w, const struct sockaddr_in6 *from, size_t len,
    struct vr_datagram *d)
{
	if (w->key.family == AF_INET)
		return vr_wire_strip(w->bytes, len, d);
	*d = (struct vr_datagram){ .src = ip_of(AF_INET6, &from->sin6_addr),
		.dst = { .family = AF_INET6 },
		.ttl = -1,
		.bytes = w->bytes,
		.len = len };
	return true;
}

int
vr_wire_recv(struct vr_wire *w, struct vr_datagram *d)
{
	TW_CHECK_MAGIC(w, VR_WIRE_MAGIC);
	_Alignas(struct cmsghdr) char control[256];
	struct sockaddr_in6 from = { 0 };

	for (;;) {
		struct iovec part = { w->bytes, sizeof(w->bytes) };
		struct msghdr m = { .msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control) };
		const ssize_t n = recvmsg(w->fd, &m, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
		if (!datagram_take(w, &from, (size_t)n, d))
			continue;
		take_ancillary(&m, d);
		return 1;
	}
}

/* --- sending --- */

/* The kernel writes length, identification and checksum. */
static int
send_ipv4(const struct vr_wire *w, const struct vr_ip *src, const struct vr_ip *dst,
    struct iovec *body)
{
	struct sockaddr_storage to;
	const bool is_multicast = IN_MULTICAST((uint32_t)dst->bytes[0] << 24);
	struct iphdr ip = { .version = 4,
		.ihl = sizeof(ip) / 4,
		.tos = VR_TOS,
		.ttl = is_multicast ? VR_TTL : w->key.ttl,
		.protocol = VR_IPPROTO };
	struct iovec part[2] = { { &ip, sizeof(ip) }, *body };
	const struct msghdr m = { .msg_name = &to,
		.msg_namelen = vr_sockaddr_of(dst, w->key.ifindex, &to),
		.msg_iov = part,
		.msg_iovlen = 2 };

	memcpy(&ip.saddr, src->bytes, sizeof(ip.saddr));
	memcpy(&ip.daddr, dst->bytes, sizeof(ip.daddr));
	return sendmsg(w->fd, &m, MSG_DONTWAIT) < 0 ? -1 : 0;
}

static int
send_ipv6(const struct vr_wire *w, const struct vr_ip *src, const struct vr_ip *dst,
    struct iovec *body)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] =
	    "";
	struct in6_pktinfo info = { .ipi6_ifindex = w->key.ifindex };
	struct sockaddr_storage to;
	struct msghdr m = { .msg_name = &to,
		.msg_namelen = vr_sockaddr_of(dst, w->key.ifindex, &to),
		.msg_iov = body,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *const c = CMSG_FIRSTHDR(&m);

	memcpy(&info.ipi6_addr, src->bytes, sizeof(info.ipi6_addr));
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return sendmsg(w->fd, &m, MSG_DONTWAIT) < 0 ? -1 : 0;
}

int
vr_wire_send(struct vr_wire *w, const struct vr_ip *src, const struct vr_ip *dst,
    const uint8_t *bytes, size_t len)
{
	TW_CHECK_MAGIC(w, VR_WIRE_MAGIC);
	TW_ASSERT(src->family == w->key.family && dst->family == w->key.family);
	struct iovec body = { (void *)(uintptr_t)bytes, len };

	return w->key.family == AF_INET ? send_ipv4(w, src, dst, &body)
					: send_ipv6(w, src, dst, &body);
}
