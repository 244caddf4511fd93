/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_packet.c - converters of frames, IP packets and TCP headers (packet.c).
 *
 * A packet may be given with its Ethernet header, too. Any worker.
 * source: HAProxy's manual (3.4), 7.3.1.
 */
#include "config.h"

#include "expr/conv.h"
#include "expr/fetch.h"
#include "expr/packet.h"

#define FIELD(kind, name, give)                                    \
	TW__CONV(kind##_##name)                                    \
	{                                                          \
		struct tw__##kind h;                               \
		(void)req, (void)args;                             \
		return tw__##kind##_parse(s->u.str, &h) && (give); \
	}
#define NUMBER(kind, name, value) FIELD(kind, name, tw_sample_int(s, value))
#define BYTES(kind, name, value) FIELD(kind, name, tw_sample_str(s, TW_BINARY, value))

BYTES(eth, data, h.data)
BYTES(eth, dst, h.dst)
BYTES(eth, hdr, h.header)
NUMBER(eth, proto, h.type)
BYTES(eth, src, h.src)
FIELD(eth, vlan, h.has_vlan &&tw_sample_int(s, h.vlan))

static bool
give_addr(struct tw_sample *s, struct tw_str bytes)
{
	s->type = bytes.len == 4 ? TW_IPV4 : TW_IPV6;
	memcpy(s->u.ip, bytes.p, bytes.len);
	return true;
}

BYTES(ip, data, h.data)
NUMBER(ip, df, h.df)
FIELD(ip, dst, give_addr(s, h.dst))
BYTES(ip, hdr, h.header)
NUMBER(ip, proto, h.proto)
FIELD(ip, src, give_addr(s, h.src))
NUMBER(ip, tos, h.tos)
NUMBER(ip, ttl, h.ttl)
NUMBER(ip, ver, h.version)

TW__CHECK(ip_fp)
{
	(void)gen;
	if (!tw__arg_is(&args[0]))
		args[0].n = 0;
	if (args[0].n < 0 || args[0].n > 7)
		return tw_err_set(err, "the mode %lld is not a sum of 1, 2 and 4",
		    (long long)args[0].n);
	return 0;
}

TW__CONV(ip_fp)
{
	char *const mem = tw__scratch(req, TW__FINGERPRINT_MAX);
	const size_t len =
	    tw__ip_fingerprint(s->u.str, (unsigned)args[0].n, (uint8_t *)mem);

	return len > 0 && tw__set_text(s, TW_BINARY, mem, len);
}

NUMBER(tcp, dst, h.dst)
NUMBER(tcp, flags, h.flags)
NUMBER(tcp, mss, h.mss)
NUMBER(tcp, sack, h.has_sack)
NUMBER(tcp, tsopt, h.has_ts)
FIELD(tcp, tsval, h.has_ts &&tw_sample_int(s, h.tsval))
NUMBER(tcp, wscale, h.wscale)
NUMBER(tcp, wsopt, h.has_wscale)
NUMBER(tcp, seq, h.seq)
NUMBER(tcp, src, h.src)
NUMBER(tcp, win, h.win)

TW__CONV(tcp_list)
{
	char *const mem = tw__scratch(req, sizeof(((struct tw__tcp *)NULL)->kinds));
	struct tw__tcp h;

	(void)args;
	if (!tw__tcp_parse(s->u.str, &h))
		return false;
	memcpy(mem, h.kinds, h.n_kinds);
	return tw__set_text(s, TW_BINARY, mem, h.n_kinds);
}

#define ROW(name, out, fn, help)                                \
	{                                                       \
		name, "", TW_BINARY, out, conv_##fn, NULL, help \
	}

const struct tw_conv tw__conv_packet[] = {
	ROW("eth.data", TW_BINARY, eth_data, "What an Ethernet frame carries."),
	ROW("eth.dst", TW_BINARY, eth_dst, "Where an Ethernet frame goes, 6 bytes."),
	ROW("eth.hdr", TW_BINARY, eth_hdr, "The header of an Ethernet frame."),
	ROW("eth.proto", TW_SINT, eth_proto, "The EtherType behind VLANs."),
	ROW("eth.src", TW_BINARY, eth_src, "Where an Ethernet frame is from, 6 bytes."),
	ROW("eth.vlan", TW_SINT, eth_vlan, "The id of a frame's last VLAN."),
	ROW("ip.data", TW_BINARY, ip_data, "What an IP packet carries."),
	ROW("ip.df", TW_SINT, ip_df, "1: a packet may not be cut; always so in IPv6."),
	ROW("ip.dst", TW_ANY, ip_dst, "Where an IP packet goes."),
	{ "ip.fp", "[i]", TW_BINARY, TW_BINARY, conv_ip_fp, check_ip_fp,
	    "(mode) A fingerprint of a SYN packet; and its TTL (1), its options (2), its "
	    "source (4)." },
	ROW("ip.hdr", TW_BINARY, ip_hdr,
	    "The header of an IP packet, with extensions."),
	ROW("ip.proto", TW_SINT, ip_proto, "The protocol in an IP packet; 6: TCP."),
	ROW("ip.src", TW_ANY, ip_src, "Where an IP packet is from."),
	ROW("ip.tos", TW_SINT, ip_tos, "The TOS field or traffic class."),
	ROW("ip.ttl", TW_SINT, ip_ttl, "The time to live or hop limit."),
	ROW("ip.ver", TW_SINT, ip_ver, "The IP version."),
	ROW("tcp.dst", TW_SINT, tcp_dst, "The destination port in a TCP header."),
	ROW("tcp.flags", TW_SINT, tcp_flags, "The flags in a TCP header."),
	ROW("tcp.options.mss", TW_SINT, tcp_mss, "The segment size offered; or 0."),
	ROW("tcp.options.sack", TW_SINT, tcp_sack, "1: selective ACKs are offered."),
	ROW("tcp.options.tsopt", TW_SINT, tcp_tsopt, "1: timestamps are offered."),
	ROW("tcp.options.tsval", TW_SINT, tcp_tsval, "The timestamp."),
	ROW("tcp.options.wscale", TW_SINT, tcp_wscale,
	    "The window scale offered; or 0."),
	ROW("tcp.options.wsopt", TW_SINT, tcp_wsopt, "1: window scaling is offered."),
	ROW("tcp.options_list", TW_BINARY, tcp_list, "The kinds of all TCP options."),
	ROW("tcp.seq", TW_SINT, tcp_seq, "The sequence number in a TCP header."),
	ROW("tcp.src", TW_SINT, tcp_src, "The source port in a TCP header."),
	ROW("tcp.win", TW_SINT, tcp_win, "The window in a TCP header, as it stands."),
	{ .name = NULL },
};
