/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/packet.h - headers of frames: Ethernet, IP, TCP.
 *
 * Slices of what was given; a header that is not whole, or whose lengths lead
 * out of it, is none. Pure.
 */
#ifndef TW_EXPR_PACKET_H
#define TW_EXPR_PACKET_H

#include <tideway/str.h>

struct tw__eth {
	struct tw_str dst, src, header, data;
	uint32_t type; /* behind the VLANs */
	uint32_t vlan; /* the last one's id */
	bool has_vlan;
};
bool tw__eth_parse(struct tw_str s, struct tw__eth *out);

struct tw__ip {
	struct tw_str header, data; /* with extensions; what follows */
	struct tw_str src, dst;     /* 4 or 16 bytes */
	uint32_t version, tos, ttl, proto;
	uint32_t rest; /* bytes behind the header, as it says itself */
	bool df, has_options;
};
bool tw__ip_parse(struct tw_str s, struct tw__ip *out);

struct tw__tcp {
	uint32_t src, dst, seq, flags, win;
	uint32_t mss, wscale, tsval;
	uint32_t header; /* bytes */
	bool has_mss, has_wscale, has_ts, has_sack;
	uint8_t kinds[60]; /* of the options, in their order */
	uint32_t n_kinds;
};
bool tw__tcp_parse(struct tw_str s, struct tw__tcp *out);

#define TW__FINGERPRINT_MAX (8 + 1 + 40 + 16)
/** tw__ip_fingerprint - as HAProxy's ip.fp. returns: bytes; 0: not IP and TCP. */
size_t tw__ip_fingerprint(
    struct tw_str s, unsigned mode, uint8_t out[TW__FINGERPRINT_MAX]);

#endif
