/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * packet.c - VRRP advertisements: bytes to meaning and back.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-------+-------+---------------+---------------+---------------+
 * |version| type  | router id     | priority      | n addresses   |
 * +-------+-------+---------------+---------------+---------------+
 * | v2: auth type | v2: seconds   | checksum                      |
 * | v3: 0 and 12 bits centisec.   |                               |
 * +---------------+---------------+-------------------------------+
 * | addresses, 4 or 16 bytes each; v2: then 8 bytes of password   |
 *
 * The checks are functions in a table, in keepalived's order: the first that
 * finds something names it. No state; any thread. source: RFC 3768, RFC 5798
 * and RFC 9568, section 5 of each.
 */
#include "config.h"

#include <string.h>
#include <sys/socket.h>

#include <tideway/assert.h>

#include "packet.h"

#define TYPE_ADVERTISEMENT 1
#define HEAD_BYTES 8
#define V2_INTERVAL_US 1000000u /* version 2 counts seconds, 3 centiseconds */
#define V3_INTERVAL_US 10000u
#define V2_INTERVAL_MAX 255u
#define V3_INTERVAL_MAX 4095u

/* What the checks look at, and what they find out. */
struct check {
	const struct vr_datagram *d;
	const struct vr_instance *in;
	const struct vr_ip *own, *last;
	const struct vr_peer_addr *peer; /* the sender is this one; NULL: none */
	bool pseudo;
};

const char *
vr_drop_text(enum vr_drop why)
{
	static const char *const texts[VR_N_DROPS] = { [VR_OK] = "accepted",
#define X(id, text) [VR_DROP_##id] = (text),
		VR_DROPS(X)
#undef X
	};

	TW_ASSERT(why < VR_N_DROPS);
	return texts[why];
}

/* --- fields --- */

static unsigned
version_of(const uint8_t *b)
{
	return b[0] >> 4;
}

static size_t
address_bytes(uint8_t family)
{
	return family == AF_INET6 ? 16 : 4;
}

static size_t
packet_bytes(unsigned version, uint8_t family, unsigned n_addresses)
{
	return HEAD_BYTES + n_addresses * address_bytes(family) +
	    (version == 2 ? VR_MAX_PASSWORD : 0);
}

static uint64_t
interval_of(const uint8_t *b)
{
	if (version_of(b) == 2)
		return (uint64_t)b[5] * V2_INTERVAL_US;
	return (uint64_t)((b[4] & 0x0fu) << 8 | b[5]) * V3_INTERVAL_US;
}

static bool
is_multicast(const struct vr_ip *ip)
{
	return ip->family == AF_INET6 ? ip->bytes[0] == 0xff
				      : (ip->bytes[0] & 0xf0) == 0xe0;
}

int
vr_packet_vrid(const struct vr_datagram *d)
{
	return d->len < HEAD_BYTES ? -1 : d->bytes[1];
}

/* --- checksum --- */

uint32_t
vr_sum(const void *bytes, size_t len, uint32_t sum)
{
	const uint8_t *const b = bytes;

	for (size_t i = 0; i < len; i += 2) {
		uint16_t word = 0;

		memcpy(&word, b + i, len - i < 2 ? 1 : 2);
		sum += word;
	}
	return sum;
}

uint16_t
vr_checksum(const void *bytes, size_t len, uint32_t sum)
{
	sum = vr_sum(bytes, len, sum);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* RFC 768 for IPv4, RFC 8200 section 8.1 for IPv6: the same sum. */
static uint32_t
pseudo_sum(const struct vr_ip *src, const struct vr_ip *dst, size_t len)
{
	const uint8_t tail[4] = { (uint8_t)(len >> 8), (uint8_t)len, 0, VR_IPPROTO };
	uint32_t sum = vr_sum(src->bytes, address_bytes(src->family), 0);

	sum = vr_sum(dst->bytes, address_bytes(dst->family), sum);
	return vr_sum(tail, sizeof(tail), sum);
}

/* --- checks --- */

static enum vr_drop
check_vrid(struct check *c)
{
	if (c->d->len < HEAD_BYTES)
		return VR_DROP_LENGTH;
	return c->d->bytes[1] == c->in->vrid ? VR_OK : VR_DROP_VRID;
}

static enum vr_drop
check_own(struct check *c)
{
	return vr_ip_cmp(&c->d->src, c->own) == 0 ? VR_DROP_OWN : VR_OK;
}

/* By the version that it says it has: so that a wrong one is called that. */
static enum vr_drop
check_length(struct check *c)
{
	const uint8_t *const b = c->d->bytes;

	return c->d->len == packet_bytes(version_of(b), c->in->family, b[3])
	    ? VR_OK
	    : VR_DROP_LENGTH;
}

static enum vr_drop
check_ttl(struct check *c)
{
	const int ttl = c->d->ttl;

	for (unsigned i = 0; i < c->in->n_peers; i++) {
		if (vr_ip_cmp(&c->in->peer[i].ip, &c->d->src) == 0)
			c->peer = &c->in->peer[i];
	}
	if (ttl < 0)
		return VR_OK;
	if (c->in->n_peers == 0)
		return ttl == VR_TTL ? VR_OK : VR_DROP_TTL;
	return c->peer == NULL || (ttl >= c->peer->min_ttl && ttl <= c->peer->max_ttl)
	    ? VR_OK
	    : VR_DROP_TTL;
}

static enum vr_drop
check_version(struct check *c)
{
	return version_of(c->d->bytes) == c->in->version ? VR_OK : VR_DROP_VERSION;
}

static enum vr_drop
check_auth(struct check *c)
{
	const uint8_t *const b = c->d->bytes;

	if (c->in->version != 2)
		return VR_OK;
	if (b[4] != c->in->auth)
		return VR_DROP_AUTH_TYPE;
	if (c->in->auth != VR_AUTH_PASS)
		return VR_OK;
	const uint8_t *const password = b + c->d->len - VR_MAX_PASSWORD;
	return memcmp(password, c->in->password, VR_MAX_PASSWORD) == 0 ? VR_OK
								       : VR_DROP_AUTH;
}

/* Version 3 learns the master's; but nobody advertises all the time. */
static enum vr_drop
check_interval(struct check *c)
{
	const uint64_t us = interval_of(c->d->bytes);

	if (us == 0 || (c->in->version == 2 && us != c->in->advert_us))
		return VR_DROP_INTERVAL;
	return VR_OK;
}

static enum vr_drop
check_type(struct check *c)
{
	return (c->d->bytes[0] & 0x0f) == TYPE_ADVERTISEMENT ? VR_OK : VR_DROP_TYPE;
}

static enum vr_drop
check_count(struct check *c)
{
	return c->d->bytes[3] == c->in->n_advertised ? VR_OK : VR_DROP_COUNT;
}

static enum vr_drop
check_checksum(struct check *c)
{
	const struct vr_datagram *const d = c->d;
	const bool plain = c->in->family == AF_INET;

	if (c->in->version == 3 &&
	    vr_checksum(d->bytes, d->len, pseudo_sum(&d->src, &d->dst, d->len)) == 0) {
		c->pseudo = true;
		return VR_OK;
	}
	return plain && vr_checksum(d->bytes, d->len, 0) == 0 ? VR_OK
							      : VR_DROP_CHECKSUM;
}

static enum vr_drop
check_cast(struct check *c)
{
	if (is_multicast(&c->d->dst) != (c->in->n_peers == 0))
		return VR_DROP_CAST;
	return c->in->n_peers == 0 || c->peer != NULL ? VR_OK : VR_DROP_SENDER;
}

static bool
is_listed(const struct check *c, const struct vr_ip *ip)
{
	const size_t size = address_bytes(c->in->family);
	const uint8_t *at = c->d->bytes + HEAD_BYTES;

	for (unsigned i = 0; i < c->d->bytes[3]; i++, at += size) {
		if (memcmp(at, ip->bytes, size) == 0)
			return true;
	}
	return false;
}

static enum vr_drop
check_addresses(struct check *c)
{
	if (c->in->skip_check_adv_addr && vr_ip_cmp(&c->d->src, c->last) == 0)
		return VR_OK;
	for (unsigned i = 0; i < c->in->n_advertised; i++) {
		if (!is_listed(c, &c->in->vip[i].ip))
			return VR_DROP_ADDRESSES;
	}
	return VR_OK;
}

static enum vr_drop (*const checks[])(struct check *) = {
	check_vrid,
	check_own,
	check_length,
	check_ttl,
	check_version,
	check_auth,
	check_interval,
	check_type,
	check_count,
	check_checksum,
	check_cast,
	check_addresses,
};

enum vr_drop
vr_packet_read(const struct vr_datagram *d, const struct vr_instance *in,
    const struct vr_ip *own, const struct vr_ip *last, struct vr_advert *advert)
{
	struct check c = { .d = d, .in = in, .own = own, .last = last };
	enum vr_drop why = d->src.family == in->family ? VR_OK : VR_DROP_VERSION;

	for (size_t i = 0; why == VR_OK && i < TW_N_ELEMENTS(checks); i++)
		why = checks[i](&c);
	if (why == VR_OK) {
		*advert = (struct vr_advert){ .src = d->src,
			.priority = d->bytes[2],
			.advert_us = interval_of(d->bytes),
			.pseudo = c.pseudo };
	}
	return why;
}

/* --- out --- */

static void
interval_write(uint8_t *b, const struct vr_instance *in)
{
	const uint64_t unit = in->version == 2 ? V2_INTERVAL_US : V3_INTERVAL_US;
	const uint64_t max = in->version == 2 ? V2_INTERVAL_MAX : V3_INTERVAL_MAX;
	const uint64_t n = in->advert_us / unit;
	const unsigned value = (unsigned)(n > max ? max : n < 1 ? 1 : n);

	b[4] = in->version == 2 ? (uint8_t)in->auth : (uint8_t)(value >> 8);
	b[5] = (uint8_t)value;
}

static void
checksum_write(uint8_t *b, size_t len, uint32_t sum)
{
	const uint16_t value = vr_checksum(b, len, sum);

	memcpy(b + 6, &value, sizeof(value));
}

size_t
vr_packet_write(uint8_t *buf, const struct vr_instance *in, uint8_t priority,
    const struct vr_ip *src, const struct vr_ip *dst, bool pseudo)
{
	const size_t size = address_bytes(in->family);
	const size_t len = packet_bytes(in->version, in->family, in->n_advertised);
	uint8_t *at = buf + HEAD_BYTES;

	TW_ASSERT(in->n_advertised <= VR_MAX_VIPS && len <= VR_PACKET_MAX);
	memset(buf, 0, len);
	buf[0] = (uint8_t)(in->version << 4 | TYPE_ADVERTISEMENT);
	buf[1] = in->vrid;
	buf[2] = priority;
	buf[3] = (uint8_t)in->n_advertised;
	interval_write(buf, in);
	for (unsigned i = 0; i < in->n_advertised; i++, at += size)
		memcpy(at, in->vip[i].ip.bytes, size);
	if (in->version == 2)
		memcpy(at, in->password, VR_MAX_PASSWORD);
	pseudo = in->version == 3 && (pseudo || in->family == AF_INET6);
	checksum_write(buf, len, pseudo ? pseudo_sum(src, dst, len) : 0);
	return len;
}
