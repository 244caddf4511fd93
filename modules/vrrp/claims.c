/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * claims.c - who else says that an address is theirs.
 *
 * Two packet sockets, one for ARP and one for IPv6, with a filter in the
 * kernel that lets only frames from other hardware addresses pass which name
 * an owner; an epoll descriptor over both is what is waited for. A socket for
 * all protocols would make the kernel copy every packet that is sent. The
 * VRRP process's one thread. source: RFC 826; RFC 4861 section 4.4;
 * packet(7), the kernel's filter.txt.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <sys/epoll.h>
#include <linux/filter.h>
#include <linux/if_packet.h>

#include <tideway/assert.h>

#include "wire.h"

#define CLAIMS_MAGIC 0x56434c4du
#define FRAME_BYTES 256 /* what is looked at of one */

/* Places in a frame. */
#define ETH_SOURCE 6
#define ETH_HEAD 14
#define ARP_OP (ETH_HEAD + 6)
#define ARP_SHA (ETH_HEAD + 8)
#define ARP_SPA (ETH_HEAD + 14)
#define ARP_END (ETH_HEAD + 28)
#define IP6_NEXT (ETH_HEAD + 6)
#define IP6_HOPS (ETH_HEAD + 7)
#define ND_TYPE (ETH_HEAD + 40)
#define ND_TARGET (ND_TYPE + 8)
#define ND_OPTIONS (ND_TYPE + 24)

struct vr_claims {
	uint32_t magic;
	int epoll, arp, nd;
	uint8_t mac[6]; /* ours */
};

#define LOAD(size, at)                                \
	{                                             \
		BPF_LD | (size) | BPF_ABS, 0, 0, (at) \
	}
#define UNLESS(value, skip)                                   \
	{                                                     \
		BPF_JMP | BPF_JEQ | BPF_K, 0, (skip), (value) \
	}
#define IF(value, skip)                                       \
	{                                                     \
		BPF_JMP | BPF_JEQ | BPF_K, (skip), 0, (value) \
	}
#define GIVE(bytes)                            \
	{                                      \
		BPF_RET | BPF_K, 0, 0, (bytes) \
	}

static uint32_t
word(const uint8_t *b, unsigned n)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value = value << 8 | b[i];
	return value;
}

static int
filter(int fd, const struct sock_filter *code, unsigned short n)
{
	const struct sock_fprog program = { .len = n,
		.filter = (struct sock_filter *)(uintptr_t)code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* Another's hardware address, and a sender's address: without one it asks
 * whether somebody has it (RFC 5227 section 2.1.1). */
static int
filter_arp(int fd, const uint8_t mac[6])
{
	const struct sock_filter code[] = {
		LOAD(BPF_W, ARP_SPA),
		IF(0, 5),
		LOAD(BPF_W, ARP_SHA),
		UNLESS(word(mac, 4), 2),
		LOAD(BPF_H, ARP_SHA + 4),
		IF(word(mac + 4, 2), 1),
		GIVE(FRAME_BYTES),
		GIVE(0),
	};

	return filter(fd, code, TW_N_ELEMENTS(code));
}

static int
filter_nd(int fd, const uint8_t mac[6])
{
	const struct sock_filter code[] = {
		LOAD(BPF_B, IP6_NEXT),
		UNLESS(IPPROTO_ICMPV6, 9),
		LOAD(BPF_B, ND_TYPE),
		UNLESS(ND_NEIGHBOR_ADVERT, 7),
		LOAD(BPF_B, IP6_HOPS),
		UNLESS(255, 5),
		LOAD(BPF_W, ETH_SOURCE),
		UNLESS(word(mac, 4), 2),
		LOAD(BPF_H, ETH_SOURCE + 4),
		IF(word(mac + 4, 2), 1),
		GIVE(FRAME_BYTES),
		GIVE(0),
	};

	return filter(fd, code, TW_N_ELEMENTS(code));
}

/* Bound last: nothing comes before the filter is there. */
static int
tap_open(const struct vr_claims *c, const struct vr_link *l, uint16_t protocol)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)l->index };
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0)
		return -1;
	if ((protocol == ETHERTYPE_ARP ? filter_arp(fd, l->mac)
				       : filter_nd(fd, l->mac)) == 0 &&
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
	    epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) == 0)
		return fd;
	const int e = errno;
	close(fd);
	errno = e;
	return -1;
}

struct vr_claims *
vr_claims_new(const struct vr_link *l, struct tw_err *err)
{
	struct vr_claims *c = calloc(1, sizeof(*c));

	TW_ASSERT(c != NULL);
	c->magic = CLAIMS_MAGIC;
	c->arp = c->nd = -1;
	memcpy(c->mac, l->mac, sizeof(c->mac));
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0 || (c->arp = tap_open(c, l, ETHERTYPE_ARP)) < 0 ||
	    (c->nd = tap_open(c, l, ETHERTYPE_IPV6)) < 0) {
		tw_err_errno(err, "cannot listen for others' ARP on %s", l->name);
		vr_claims_free(&c);
	}
	return c;
}

void
vr_claims_free(struct vr_claims **c)
{
	struct vr_claims *const o = *c;

	if (o == NULL)
		return;
	TW_CHECK_MAGIC(o, CLAIMS_MAGIC);
	if (o->nd >= 0)
		close(o->nd);
	if (o->arp >= 0)
		close(o->arp);
	if (o->epoll >= 0)
		close(o->epoll);
	o->magic = 0;
	free(o);
	*c = NULL;
}

int
vr_claims_fd(const struct vr_claims *c)
{
	TW_CHECK_MAGIC(c, CLAIMS_MAGIC);
	return c->epoll;
}

static bool
parse_arp(const uint8_t *f, size_t len, struct vr_ip *ip, uint8_t mac[6])
{
	static const uint8_t head[] = { 0, ARPHRD_ETHER, 0x08, 0x00, 6, 4 };
	static const uint8_t nobody[4];

	if (len < ARP_END || memcmp(f + ETH_HEAD, head, sizeof(head)) != 0 ||
	    memcmp(f + ARP_SPA, nobody, sizeof(nobody)) == 0)
		return false;
	const uint32_t op = word(f + ARP_OP, 2);
	if (op != ARPOP_REQUEST && op != ARPOP_REPLY)
		return false;
	*ip = (struct vr_ip){ .family = AF_INET };
	memcpy(ip->bytes, f + ARP_SPA, 4);
	memcpy(mac, f + ARP_SHA, 6);
	return true;
}

/* Without the option the frame's sender is meant. */
static bool
parse_nd(const uint8_t *f, size_t len, struct vr_ip *ip, uint8_t mac[6])
{
	if (len < ND_OPTIONS || f[IP6_NEXT] != IPPROTO_ICMPV6 || f[IP6_HOPS] != 255 ||
	    f[ND_TYPE] != ND_NEIGHBOR_ADVERT)
		return false;
	*ip = (struct vr_ip){ .family = AF_INET6 };
	memcpy(ip->bytes, f + ND_TARGET, 16);
	memcpy(mac, f + ETH_SOURCE, 6);
	for (size_t at = ND_OPTIONS; at + 8 <= len && f[at + 1] != 0;
	     at += f[at + 1] * 8u) {
		if (f[at] == ND_OPT_TARGET_LINKADDR)
			memcpy(mac, f + at + 2, 6);
	}
	return true;
}

bool
vr_claim_parse(const uint8_t *frame, size_t len, struct vr_ip *ip, uint8_t mac[6])
{
	if (len < ETH_HEAD)
		return false;
	switch (word(frame + 12, 2)) {
	case ETHERTYPE_ARP:
		return parse_arp(frame, len, ip, mac);
	case ETHERTYPE_IPV6:
		return parse_nd(frame, len, ip, mac);
	default:
		return false;
	}
}

static int
tap_recv(const struct vr_claims *c, int fd, struct vr_ip *ip, uint8_t mac[6])
{
	uint8_t frame[FRAME_BYTES];

	for (;;) {
		const ssize_t n = recv(fd, frame, sizeof(frame), 0);

		/* ENETDOWN is said once; when the interface is up, frames come again. */
		if (n < 0 && (errno == EINTR || errno == ENETDOWN))
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
		if (vr_claim_parse(frame, (size_t)n, ip, mac) &&
		    memcmp(mac, c->mac, sizeof(c->mac)) != 0)
			return 1;
	}
}

int
vr_claims_recv(struct vr_claims *c, struct vr_ip *ip, uint8_t mac[6])
{
	TW_CHECK_MAGIC(c, CLAIMS_MAGIC);
	const int r = tap_recv(c, c->arp, ip, mac);

	return r != 0 ? r : tap_recv(c, c->nd, ip, mac);
}
