/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * packet.h - VRRP advertisements as bytes, versions 2 and 3.
 *
 * Only looks at memory. What a packet must be like is judged in keepalived's
 * order, and each reason to drop one has a name and a counter. source: RFC
 * 3768, 5798 and 9568 section 5; version 3 over IPv4 is accepted with and
 * without the pseudo header in its checksum, and sent as the peer sends.
 * A dropped packet has no other effect than its counter.
 */
#ifndef TW_VRRP_PACKET_H
#define TW_VRRP_PACKET_H

#include "model.h"

#define VR_IPPROTO 112
#define VR_TTL 255
#define VR_PACKET_MAX (8 + 16 * 255 + 8) /* bytes, without the IP header */

/* Why a packet was dropped; also the counters' names. */
#define VR_DROPS(X)                                                           \
	X(LENGTH, "packet too short or longer than it says")                  \
	X(TTL, "TTL or hop limit is not 255")                                 \
	X(VERSION, "version differs")                                         \
	X(TYPE, "type is not advertisement")                                  \
	X(AUTH_TYPE, "authentication type differs")                           \
	X(AUTH, "password differs")                                           \
	X(INTERVAL, "advertisement interval differs")                         \
	X(COUNT, "number of addresses differs")                               \
	X(ADDRESSES, "addresses differ")                                      \
	X(CHECKSUM, "checksum is wrong")                                      \
	X(CAST, "unicast where multicast is used, or the reverse")            \
	X(SENDER, "sender is none of the unicast peers")                      \
	X(VRID, "router id is not ours")                                      \
	X(OWN, "own packet")

enum vr_drop {
	VR_OK,
#define X(id, text) VR_DROP_##id,
	VR_DROPS(X)
#undef X
	    VR_N_DROPS
};
const char *vr_drop_text(enum vr_drop why);

/* A datagram as it arrived, without its IP header. */
struct vr_datagram {
	struct vr_ip src, dst;
	int ttl;          /* -1: not known */
	unsigned ifindex; /* it came in on */
	const uint8_t *bytes; /* borrow: until the next is read */
	size_t len;
};

/* What the state machine wants to know of an advertisement. */
struct vr_advert {
	struct vr_ip src;
	uint8_t priority;   /* 0: the sender leaves */
	uint64_t advert_us; /* the sender's interval */
	bool pseudo;        /* its checksum covered the pseudo header */
};

/** vr_packet_vrid - whose packet it may be. returns: -1: too short. */
int vr_packet_vrid(const struct vr_datagram *d);
/** vr_packet_read - judges a datagram for an instance. in: own, the address
 * it sends from; last, whose advertisement was taken last, so that its list of
 * addresses is not looked at again where skip_check_adv_addr says so. out:
 * advert when VR_OK. */
enum vr_drop vr_packet_read(const struct vr_datagram *d, const struct vr_instance *in,
    const struct vr_ip *own, const struct vr_ip *last, struct vr_advert *advert);
/** vr_packet_write - in: src, dst as the checksum sees them; pseudo, version
 * 3 over IPv4 covers them (always over IPv6). out: buf, VR_PACKET_MAX bytes.
 * returns: length. */
size_t vr_packet_write(uint8_t *buf, const struct vr_instance *in, uint8_t priority,
    const struct vr_ip *src, const struct vr_ip *dst, bool pseudo);
/** vr_sum - adds 16-bit words as they lie in memory; len is even but for the
 * last piece. */
uint32_t vr_sum(const void *bytes, size_t len, uint32_t sum);
/** vr_checksum - RFC 1071. in: sum, vr_sum() of what stands before. returns: to
 * be stored as it is, in network order; 0 over a whole that is right. */
uint16_t vr_checksum(const void *bytes, size_t len, uint32_t sum);

#endif
