/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * announce.c - telling the network where an address is now.
 *
 * Both kinds leave through one packet socket, as whole packets: an address
 * that has been added this moment cannot be sent from in another way, and
 * closing such a socket takes long in the kernel, so it stays open. The VRRP
 * process's one thread. source: RFC 826, RFC 5227 section 3; RFC 4861
 * sections 4.4 and 7.2.6; RFC 9568 section 8.2.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <linux/if_packet.h>

#include "netlink.h"
#include "wire.h"

static int announcer = -1;

static int
announcer_open(void)
{
	/* Protocol 0: it receives nothing. */
	if (announcer < 0)
		announcer =
		    socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return announcer < 0 ? -1 : 0;
}

void
vr_wire_announce_end(void)
{
	if (announcer >= 0)
		close(announcer);
	announcer = -1;
}

static int
send_frame(const struct vr_link *l, uint16_t protocol, const uint8_t to_mac[6],
    const void *packet, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)l->index,
		.sll_halen = ETH_ALEN };
	ssize_t n;

	if (announcer_open() != 0)
		return -1;
	memcpy(to.sll_addr, to_mac, ETH_ALEN);
	do
		n = sendto(announcer, packet, len, 0, (const struct sockaddr *)&to,
		    sizeof(to));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

static int
announce_arp(const struct vr_link *l, const struct vr_ip *ip)
{
	static const uint8_t everybody[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff };
	struct ether_arp arp = { .arp_hrd = htons(ARPHRD_ETHER),
		.arp_pro = htons(ETHERTYPE_IP),
		.arp_hln = ETH_ALEN,
		.arp_pln = 4,
		.arp_op = htons(ARPOP_REQUEST) };

	memcpy(arp.arp_sha, l->mac, ETH_ALEN);
	memcpy(arp.arp_spa, ip->bytes, 4);
	memcpy(arp.arp_tha, everybody, ETH_ALEN);
	memcpy(arp.arp_tpa, ip->bytes, 4);
	return send_frame(l, ETHERTYPE_ARP, everybody, &arp, sizeof(arp));
}

/* An advertisement and its option: RFC 4861 section 4.6.1. */
struct advertisement {
	struct ip6_hdr ip;
	struct nd_neighbor_advert na;
	uint8_t option_type, option_len; /* in units of 8 bytes */
	uint8_t mac[ETH_ALEN];
};
_Static_assert(sizeof(struct advertisement) == 40 + 24 + 8, "no padding");

/* RFC 4443 section 2.3: over a pseudo header and the message. */
static uint16_t
icmp6_checksum(const struct advertisement *a)
{
	const size_t len = sizeof(*a) - sizeof(a->ip);
	uint8_t bytes[2 * 16 + sizeof(*a)];
	uint32_t sum = (uint32_t)len + IPPROTO_ICMPV6;

	memcpy(bytes, &a->ip.ip6_src, 16);
	memcpy(bytes + 16, &a->ip.ip6_dst, 16);
	memcpy(bytes + 32, &a->na, len);
	for (size_t i = 0; i < 32 + len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Hosts that use the address as their router give it up when the flag is
 * missing. */
static bool
is_router(const struct vr_link *l)
{
	const struct vr_sysctl_key at = { "ipv6", l->name, "forwarding" };
	int value = 0;

	return vr_sysctl_get(&at, &value) == 0 && value != 0;
}

static int
announce_nd(const struct vr_link *l, const struct vr_ip *ip)
{
	static const uint8_t everybody[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct advertisement a = {
		.ip = { .ip6_dst = { { { 0xff, 0x02, [15] = 1 } } } },
		.na = { .nd_na_hdr = { .icmp6_type = ND_NEIGHBOR_ADVERT } },
		.option_type = ND_OPT_TARGET_LINKADDR,
		.option_len = 1,
	};

	a.ip.ip6_flow = htonl(6u << 28);
	a.ip.ip6_plen = htons(sizeof(a) - sizeof(a.ip));
	a.ip.ip6_nxt = IPPROTO_ICMPV6;
	a.ip.ip6_hlim = 255;
	memcpy(&a.ip.ip6_src, ip->bytes, 16);
	a.na.nd_na_flags_reserved =
	    ND_NA_FLAG_OVERRIDE | (is_router(l) ? ND_NA_FLAG_ROUTER : 0);
	memcpy(&a.na.nd_na_target, ip->bytes, 16);
	memcpy(a.mac, l->mac, ETH_ALEN);
	a.na.nd_na_cksum = icmp6_checksum(&a);
	return send_frame(l, ETHERTYPE_IPV6, everybody, &a, sizeof(a));
}

int
vr_wire_announce(const struct vr_link *l, const struct vr_ip *ip)
{
	if (!l->has_arp)
		return 0;
	return ip->family == AF_INET6 ? announce_nd(l, ip) : announce_arp(l, ip);
}
