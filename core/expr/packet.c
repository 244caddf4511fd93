/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * packet.c - headers of frames, as the system keeps a connection's first one.
 *
 * source: IEEE 802.1Q; RFC 791, RFC 8200, RFC 9293, RFC 7323; HAProxy's manual
 * (3.4), ip.fp.
 */
#include "config.h"

#include "expr/packet.h"

static uint32_t
number(struct tw_str s, size_t at, size_t bytes)
{
	uint32_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n = n << 8 | (unsigned char)s.p[at + i];
	return n;
}

static struct tw_str
part(struct tw_str s, size_t at, size_t len)
{
	return (struct tw_str){ s.p + at, len };
}

/* ---- Ethernet ------------------------------------------------------------- */

bool
tw__eth_parse(struct tw_str s, struct tw__eth *out)
{
	size_t at = 12;

	*out = (struct tw__eth){ .type = 0 };
	if (s.len < 14)
		return false;
	out->dst = part(s, 0, 6);
	out->src = part(s, 6, 6);
	out->type = number(s, at, 2);
	while (out->type == 0x8100 || out->type == 0x88a8 || out->type == 0x9100) {
		if (s.len < at + 6)
			return false;
		out->has_vlan = true;
		out->vlan = number(s, at + 2, 2) & 0xfff;
		at += 4;
		out->type = number(s, at, 2);
	}
	at += 2;
	out->header = part(s, 0, at);
	out->data = part(s, at, s.len - at);
	return true;
}

/* ---- IP -------------------------------------------------------------------- */

static bool
parse_v4(struct tw_str s, struct tw__ip *out)
{
	const size_t len = s.len >= 20 ? (number(s, 0, 1) & 15) * 4u : 0;

	if (len < 20 || s.len < len)
		return false;
	const uint32_t total = number(s, 2, 2);
	out->header = part(s, 0, len);
	out->data = part(s, len, s.len - len);
	out->tos = number(s, 1, 1);
	out->df = (number(s, 6, 1) & 0x40) != 0;
	out->ttl = number(s, 8, 1);
	out->proto = number(s, 9, 1);
	out->src = part(s, 12, 4);
	out->dst = part(s, 16, 4);
	out->has_options = len > 20;
	out->rest = total > len ? total - (uint32_t)len : 0;
	return true;
}

/* Headers between that of IPv6 and what it carries. */
static bool
is_extension(uint32_t next)
{
	return next == 0 || next == 43 || next == 44 || next == 51 || next == 60 ||
	    next == 135;
}

static bool
parse_v6(struct tw_str s, struct tw__ip *out)
{
	size_t len = 40;

	if (s.len < len)
		return false;
	out->tos = number(s, 0, 2) >> 4 & 0xff;
	out->df = true;
	out->ttl = number(s, 7, 1);
	out->proto = number(s, 6, 1);
	out->src = part(s, 8, 16);
	out->dst = part(s, 24, 16);
	while (is_extension(out->proto)) {
		if (s.len < len + 8)
			return false;
		const uint32_t units = number(s, len + 1, 1);
		const size_t ext = out->proto == 44 ? 8
		    : out->proto == 51              ? (units + 2) * 4u
						    : (units + 1) * 8u;
		if (s.len < len + ext)
			return false;
		out->proto = number(s, len, 1);
		len += ext;
		out->has_options = true;
	}
	const uint32_t total = 40 + number(s, 4, 2);
	out->header = part(s, 0, len);
	out->data = part(s, len, s.len - len);
	out->rest = total > len ? total - (uint32_t)len : 0;
	return true;
}

bool
tw__ip_parse(struct tw_str s, struct tw__ip *out)
{
	*out = (struct tw__ip){ .version = s.len > 0 ? number(s, 0, 1) >> 4 : 0 };
	return out->version == 4 ? parse_v4(s, out)
				 : out->version == 6 && parse_v6(s, out);
}

/* ---- TCP ------------------------------------------------------------------- */

static void
take_option(struct tw_str s, uint32_t kind, struct tw__tcp *out)
{
	if (kind == 2 && s.len == 4) {
		out->has_mss = true;
		out->mss = number(s, 2, 2);
	} else if (kind == 3 && s.len == 3) {
		out->has_wscale = true;
		out->wscale = number(s, 2, 1);
	} else if (kind == 4 && s.len == 2) {
		out->has_sack = true;
	} else if (kind == 8 && s.len == 10) {
		out->has_ts = true;
		out->tsval = number(s, 2, 4);
	}
}

static bool
take_options(struct tw_str s, struct tw__tcp *out)
{
	for (size_t at = 0; at < s.len;) {
		const uint32_t kind = number(s, at, 1);
		size_t len = 1;
		if (kind == 0)
			break;
		if (kind != 1) {
			if (s.len - at < 2)
				return false;
			len = number(s, at + 1, 1);
			if (len < 2 || len > s.len - at)
				return false;
			take_option(part(s, at, len), kind, out);
		}
		out->kinds[out->n_kinds++] = (uint8_t)kind;
		at += len;
	}
	return true;
}

bool
tw__tcp_parse(struct tw_str s, struct tw__tcp *out)
{
	*out = (struct tw__tcp){ .src = 0 };
	out->header = s.len >= 20 ? (number(s, 12, 1) >> 4) * 4 : 0;
	if (out->header < 20 || s.len < out->header)
		return false;
	out->src = number(s, 0, 2);
	out->dst = number(s, 2, 2);
	out->seq = number(s, 4, 4);
	out->flags = number(s, 13, 1);
	out->win = number(s, 14, 2);
	return take_options(part(s, 20, out->header - 20), out);
}

/* ---- fingerprints ---------------------------------------------------------- */

static uint8_t
kinds_seen(const struct tw__tcp *t)
{
	unsigned bits = 0;

	for (uint32_t i = 0; i < t->n_kinds; i++)
		if (t->kinds[i] >= 2)
			bits |= t->kinds[i] <= 8 ? 1u << (t->kinds[i] - 2) : 0x80u;
	return (uint8_t)bits;
}

static size_t
put_more(uint8_t *to, unsigned mode, const struct tw__ip *ip, const struct tw__tcp *t)
{
	size_t n = 0;

	if (mode & 1)
		to[n++] = (uint8_t)ip->ttl;
	if (mode & 2) {
		memcpy(to + n, t->kinds, t->n_kinds);
		n += t->n_kinds;
	}
	if (mode & 4) {
		memcpy(to + n, ip->src.p, ip->src.len);
		n += ip->src.len;
	}
	return n;
}

size_t
tw__ip_fingerprint(struct tw_str s, unsigned mode, uint8_t out[TW__FINGERPRINT_MAX])
{
	struct tw__ip ip;
	struct tw__tcp t;

	if (!tw__ip_parse(s, &ip) || ip.proto != 6 || !tw__tcp_parse(ip.data, &t))
		return 0;
	const unsigned ttl = ip.ttl <= 32 ? 0
	    : ip.ttl <= 64                ? 1
	    : ip.ttl <= 128               ? 2
					  : 3;
	const unsigned scale = !t.has_wscale ? 0 : t.wscale < 14 ? t.wscale + 1 : 15;
	out[0] = (uint8_t)ip.tos;
	out[1] = (uint8_t)((ip.version == 6) << 7 | ip.df << 6 | ttl << 4 |
	    ip.has_options << 3 | (ip.rest > t.header) << 2 |
	    ((t.flags & 0x80) != 0) << 1 | ((t.flags & 0x40) != 0));
	out[2] = (uint8_t)(t.header / 4 << 4 | scale);
	out[3] = (uint8_t)(t.win >> 8);
	out[4] = (uint8_t)t.win;
	out[5] = (uint8_t)(t.mss >> 8);
	out[6] = (uint8_t)t.mss;
	out[7] = kinds_seen(&t);
	return 8 + put_more(out + 8, mode, &ip, &t);
}
