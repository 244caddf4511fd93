/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_vrrp_packet.c - any bytes as an advertisement: nothing is read beyond
 * their end; what is accepted has the interval, count and addresses that were
 * asked for, and what is written of it is accepted again with the same meaning.
 *
 * The first byte says for whom: version, family, multicast or unicast, and
 * whether the checksum is set right first, so that what lies behind it is
 * reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <tideway/assert.h>

#include "../../modules/vrrp/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define BIT_V3 0x01
#define BIT_IP6 0x02
#define BIT_UNICAST 0x04
#define BIT_SEAL 0x08

static struct vr_vip vip;
static struct vr_peer_addr peer;
static struct vr_ip own, src, dst;
static const struct vr_ip nobody;

static struct vr_ip
ip(const char *text)
{
	struct vr_ip out;

	TW_ASSERT(vr_ip_parse(text, &out) == 0);
	return out;
}

static struct vr_instance
instance(uint8_t bits)
{
	const bool is_ip6 = (bits & BIT_IP6) != 0,
		   is_unicast = (bits & BIT_UNICAST) != 0;

	vip.ip = ip(is_ip6 ? "fd00::101" : "10.9.0.100");
	own = ip(is_ip6 ? "fe80::2" : "10.9.0.2");
	src = ip(is_ip6 ? "fe80::1" : "10.9.0.1");
	dst = is_unicast ? own : ip(is_ip6 ? "ff02::12" : "224.0.0.18");
	peer = (struct vr_peer_addr){ .ip = src, .max_ttl = 255 };
	return (struct vr_instance){ .family = is_ip6 ? AF_INET6 : AF_INET,
		.version = bits & (BIT_V3 | BIT_IP6) ? 3 : 2,
		.vrid = 51,
		.advert_us = 1000000,
		.auth = VR_AUTH_PASS,
		.password = "1111",
		.vip = &vip,
		.n_vips = 1,
		.n_advertised = 1,
		.peer = &peer,
		.n_peers = is_unicast ? 1 : 0 };
}

static void
seal(uint8_t *bytes, size_t len)
{
	uint16_t sum;

	if (len < 8)
		return;
	bytes[6] = bytes[7] = 0;
	sum = vr_checksum(bytes, len, 0);
	memcpy(bytes + 6, &sum, 2);
}

static void
again(struct vr_instance *in, const struct vr_datagram *d, const struct vr_advert *a)
{
	uint8_t out[VR_PACKET_MAX];
	struct vr_datagram copy = *d;
	struct vr_advert b;

	in->advert_us = a->advert_us;
	copy.bytes = out;
	copy.len = vr_packet_write(out, in, a->priority, &src, &dst, a->pseudo);
	TW_ASSERT(copy.len == d->len);
	TW_ASSERT(vr_packet_read(&copy, in, &own, &nobody, &b) == VR_OK);
	TW_ASSERT(a->priority == b.priority && a->advert_us == b.advert_us);
	TW_ASSERT(a->pseudo == b.pseudo);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	struct vr_instance in = instance(data[0]);
	uint8_t *const bytes = malloc(len); /* its end is where reading must end */
	TW_ASSERT(bytes != NULL);
	memcpy(bytes, data + 1, len - 1);
	if (data[0] & BIT_SEAL)
		seal(bytes, len - 1);
	uint8_t *const exact = realloc(bytes, len > 1 ? len - 1 : 1);
	const struct vr_datagram d = {
		.src = src, .dst = dst, .ttl = 255, .bytes = exact, .len = len - 1
	};
	struct vr_advert a = { .advert_us = 0 };

	TW_ASSERT(vr_packet_vrid(&d) == (len < 9 ? -1 : exact[1]));
	const enum vr_drop why = vr_packet_read(&d, &in, &own, &nobody, &a);
	TW_ASSERT(why < VR_N_DROPS && (a.advert_us != 0) == (why == VR_OK));
	if (why == VR_OK)
		again(&in, &d, &a);
	free(exact);
	return 0;
}
