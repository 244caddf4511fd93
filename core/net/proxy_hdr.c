/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy_hdr.c - the PROXY protocol: versions 1 and 2 read and written.
 *
 * A header is at most 107 bytes (v1) or 16 + 65535 (v2, of which we take what
 * fits the receive buffer). It is consumed only when it is whole. Unknown
 * families and LOCAL keep the real addresses. What follows the addresses must be
 * whole, and a checksum in it must be right. source: "The PROXY protocol,
 * Versions 1 & 2", 2020/03/05, sections 2.1 and 2.2; RFC 3720 (CRC32c).
 */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include <tideway/hash.h>

#include "core/net/conn.h"

#define V1_MAX 107

static const char v2_sig[12] = "\r\n\r\n\0\r\nQUIT\n";

static bool
word_next(struct tw_str *rest, char *word, size_t size)
{
	const char *const sp = memchr(rest->p, ' ', rest->len);
	const size_t len = sp != NULL ? (size_t)(sp - rest->p) : rest->len;

	if (len == 0 || len >= size)
		return false;
	memcpy(word, rest->p, len);
	word[len] = '\0';
	const size_t skip = sp != NULL ? len + 1 : len;
	rest->p += skip;
	rest->len -= skip;
	return true;
}

static bool
v1_addr(struct tw_str *rest, struct tw_addr *a, int family)
{
	char word[64];

	a->family = (uint16_t)family;
	return word_next(rest, word, sizeof(word)) &&
	    inet_pton(family, word,
		family == AF_INET ? (void *)a->u.v4 : (void *)a->u.v6) == 1;
}

static bool
v1_port(struct tw_str *rest, struct tw_addr *a)
{
	char word[8];
	uint64_t port;

	if (!word_next(rest, word, sizeof(word)) ||
	    !tw_str_to_u64(tw_str_of(word), &port) || port > 65535)
		return false;
	a->port = (uint16_t)port;
	return true;
}

static enum tw_io
v1_read(struct tw_buf *in, struct tw_addr *src, struct tw_addr *dst)
{
	const char *const p = in->base + in->head;
	const size_t len = in->tail - in->head;
	const char *const nl = memchr(p, '\n', len < V1_MAX ? len : V1_MAX);
	char proto[16];

	if (nl == NULL)
		return len >= V1_MAX ? TW_IO_ERR : TW_IO_AGAIN;
	if (nl == p || nl[-1] != '\r')
		return TW_IO_ERR;
	struct tw_str rest = { p + 6, (size_t)(nl - 1 - p) - 6 };
	if ((size_t)(nl - 1 - p) < 6 || !word_next(&rest, proto, sizeof(proto)))
		return TW_IO_ERR;
	const int family = strcmp(proto, "TCP4") == 0 ? AF_INET
	    : strcmp(proto, "TCP6") == 0              ? AF_INET6
						      : 0;
	if (family == 0 && strcmp(proto, "UNKNOWN") != 0)
		return TW_IO_ERR;
	if (family != 0 &&
	    (!v1_addr(&rest, src, family) || !v1_addr(&rest, dst, family) ||
		!v1_port(&rest, src) || !v1_port(&rest, dst) || rest.len != 0))
		return TW_IO_ERR;
	in->head += (uint32_t)(nl + 1 - p);
	return TW_IO_OK;
}

static uint16_t
be16(const unsigned char *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool
v2_addrs(const unsigned char *p, size_t len, int family, struct tw_addr *src,
    struct tw_addr *dst)
{
	const size_t a = family == AF_INET ? 4 : 16;

	if (len < 2 * a + 4)
		return false;
	src->family = dst->family = (uint16_t)family;
	memcpy(src->u.v6, p, a);
	memcpy(dst->u.v6, p + a, a);
	src->port = be16(p + 2 * a);
	dst->port = be16(p + 2 * a + 2);
	return true;
}

/* --- what follows the addresses of version 2 --- */

static size_t
addr_bytes(int family)
{
	static const uint8_t bytes[] = { 0, 12, 36, 216 };

	return family >= 1 && family <= 3 ? bytes[family] : 0;
}

struct tw_str
tw__proxy_hdr_tlvs(const char *start)
{
	const unsigned char *const p = (const unsigned char *)start;
	const size_t a = start[0] == '\r' ? addr_bytes(p[13] >> 4) : 0;

	if (start[0] != '\r' || be16(p + 14) <= a)
		return (struct tw_str){ NULL, 0 };
	return (struct tw_str){ start + 16 + a, be16(p + 14) - a };
}

/* The next one. returns: false: none, or it is cut off. */
static bool
tlv_next(struct tw_str *rest, uint8_t *type, struct tw_str *value)
{
	const unsigned char *const p = (const unsigned char *)rest->p;

	if (rest->len < 3 || rest->len - 3 < be16(p + 1))
		return false;
	*type = p[0];
	*value = (struct tw_str){ rest->p + 3, be16(p + 1) };
	rest->p += 3 + value->len;
	rest->len -= 3 + value->len;
	return true;
}

struct tw_str
tw__proxy_tlv_find(struct tw_str tlvs, uint8_t want)
{
	struct tw_str value;
	uint8_t type;

	while (tlv_next(&tlvs, &type, &value)) {
		if (type == want)
			return value;
	}
	return (struct tw_str){ NULL, 0 };
}

/* Of the whole header, with zeros in the checksum's place. */
static uint32_t
header_crc(const char *p, size_t len, size_t at)
{
	uint32_t crc = tw_hash_crc32c((struct tw_str){ p, at });

	crc = tw_hash_crc32c_more(crc, TW_STR("\0\0\0\0"));
	return tw_hash_crc32c_more(crc, (struct tw_str){ p + at + 4, len - at - 4 });
}

static bool
tlvs_are_sound(const char *p, size_t len)
{
	struct tw_str rest = tw__proxy_hdr_tlvs(p), value;
	bool summed = false; /* adding up again and again would cost too much */
	uint8_t type;

	while (tlv_next(&rest, &type, &value)) {
		if (type != TW__PP_CRC32C)
			continue;
		const unsigned char *const v = (const unsigned char *)value.p;
		if (summed || value.len != 4 ||
		    header_crc(p, len, (size_t)(value.p - p)) !=
			((uint32_t)be16(v) << 16 | be16(v + 2)))
			return false;
		summed = true;
	}
	return rest.len == 0;
}

static enum tw_io
v2_read(struct tw_buf *in, struct tw_addr *src, struct tw_addr *dst)
{
	const unsigned char *const p = (const unsigned char *)in->base + in->head;
	const size_t len = in->tail - in->head;

	if (len < 16)
		return TW_IO_AGAIN;
	const size_t body = be16(p + 14);
	const int command = p[12] & 0xf, family = p[13] >> 4;
	if (p[12] >> 4 != 2 || command > 1)
		return TW_IO_ERR;
	if (len < 16 + body)
		return 16 + body > in->size ? TW_IO_ERR : TW_IO_AGAIN;
	if (command == 1 && (family == 1 || family == 2) &&
	    !v2_addrs(p + 16, body, family == 1 ? AF_INET : AF_INET6, src, dst))
		return TW_IO_ERR;
	if (!tlvs_are_sound((const char *)p, 16 + body))
		return TW_IO_ERR;
	in->head += (uint32_t)(16 + body);
	return TW_IO_OK;
}

enum tw_io
tw__proxy_hdr_read(struct tw_buf *in, struct tw_addr *src, struct tw_addr *dst)
{
	const char *const p = in->base + in->head;
	const size_t len = in->tail - in->head;
	enum tw_io io = TW_IO_ERR;

	*src = *dst = (struct tw_addr){ 0 };
	if (len == 0)
		return TW_IO_AGAIN;
	if (memcmp(p, v2_sig, len < 12 ? len : 12) == 0)
		io = len < 12 ? TW_IO_AGAIN : v2_read(in, src, dst);
	else if (memcmp(p, "PROXY ", len < 6 ? len : 6) == 0)
		io = len < 6 ? TW_IO_AGAIN : v1_read(in, src, dst);
	if (io != TW_IO_OK)
		*src = *dst = (struct tw_addr){ 0 };
	return io;
}

size_t
tw__proxy_hdr_write(
    struct tw_out *out, const struct tw_addr *src, const struct tw_addr *dst)
{
	const char *const start = out->p;

	if ((src->family != AF_INET && src->family != AF_INET6) ||
	    src->family != dst->family) {
		tw_out_lit(out, "PROXY UNKNOWN\r\n");
		return (size_t)(out->p - start);
	}
	tw_out_str(out,
	    src->family == AF_INET ? TW_STR("PROXY TCP4 ") : TW_STR("PROXY TCP6 "));
	tw_addr_out(out, src);
	tw_out_char(out, ' ');
	tw_addr_out(out, dst);
	tw_out_char(out, ' ');
	tw_out_u64(out, src->port);
	tw_out_char(out, ' ');
	tw_out_u64(out, dst->port);
	tw_out_lit(out, "\r\n");
	return (size_t)(out->p - start);
}

/* --- version 2 --- */

static void
be16_out(struct tw_out *out, unsigned v)
{
	tw_out_char(out, (char)(v >> 8));
	tw_out_char(out, (char)v);
}

void
tw__proxy_hdr2_begin(
    struct tw_out *out, const struct tw_addr *src, const struct tw_addr *dst)
{
	const bool known = (src->family == AF_INET || src->family == AF_INET6) &&
	    src->family == dst->family;
	const size_t a = src->family == AF_INET ? 4 : 16;

	tw_out_mem(out, v2_sig, sizeof(v2_sig));
	tw_out_char(out, 0x21); /* version 2, PROXY */
	tw_out_char(out, !known ? 0 : a == 4 ? 0x11 : 0x21);
	be16_out(out, 0); /* set at the end */
	if (!known)
		return;
	tw_out_mem(out, src->u.v6, a);
	tw_out_mem(out, dst->u.v6, a);
	be16_out(out, src->port);
	be16_out(out, dst->port);
}

void
tw__proxy_tlv_out(struct tw_out *out, uint8_t type, struct tw_str value)
{
	if (value.len > UINT16_MAX || (size_t)(out->end - out->p) < 3 + value.len) {
		out->over = true;
		return;
	}
	tw_out_char(out, (char)type);
	be16_out(out, (unsigned)value.len);
	tw_out_str(out, value);
}

void
tw__proxy_hdr2_end(struct tw_out *out, char *start, bool crc)
{
	if (crc)
		tw__proxy_tlv_out(out, TW__PP_CRC32C, TW_STR("\0\0\0\0"));
	const size_t len = (size_t)(out->p - start);
	if (out->over || len - 16 > UINT16_MAX) {
		out->over = true;
		return;
	}
	start[14] = (char)((len - 16) >> 8);
	start[15] = (char)(len - 16);
	if (!crc)
		return;
	const uint32_t sum = header_crc(start, len, len - 4);
	for (int i = 0; i < 4; i++)
		start[len - 4 + (size_t)i] = (char)(sum >> (24 - 8 * i));
}
