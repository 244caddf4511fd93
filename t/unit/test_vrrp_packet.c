/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_packet.c - advertisements: what keepalived 2.2.7 sends is read and
 * written byte for byte; each reason to drop one; and their order.
 *
 * With arguments (version, priority, source, destination, pseudo, addresses)
 * it prints one as hexadecimal bytes, for t/vrrp_packet.t.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vrrp_help.h"

/* Captured from keepalived 2.2.7. */
static const uint8_t v2_pass[] = { 0x21, 0x33, 0x64, 0x01, 0x01, 0x01, 0x0c, 0xfb, 0x0a,
	0x09, 0x00, 0x64, 0x31, 0x31, 0x31, 0x31, 0, 0, 0, 0 };
static const uint8_t v3_ip4[] = { 0x31, 0x34, 0x64, 0x01, 0x00, 0x32, 0x75, 0x91, 0x0a,
	0x09, 0x00, 0x65 };
static const uint8_t v3_ip6[] = { 0x31, 0x35, 0x5f, 0x01, 0x00, 0x32, 0x22, 0x95, 0xfd,
	0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x01 };

static const struct vr_ip nobody;
static struct vr_vip vip[2];
static struct vr_instance in;
static struct vr_ip own;
static struct vr_datagram d;
static struct vr_advert got;
static uint8_t bytes[VR_PACKET_MAX];

static void
given(const uint8_t *from, size_t len, const char *src, const char *dst)
{
	memcpy(bytes, from, len);
	d = (struct vr_datagram){ .src = ip_of(src),
		.dst = ip_of(dst),
		.ttl = 255,
		.bytes = bytes,
		.len = len };
}

static void
given_v2(void)
{
	vip[0] = (struct vr_vip){ .ip = ip_of("10.9.0.100") };
	in = instance_of(2, 100, vip, 1);
	in.auth = VR_AUTH_PASS;
	memcpy(in.password, "1111\0\0\0\0", VR_MAX_PASSWORD);
	own = ip_of("10.9.0.2");
	given(v2_pass, sizeof(v2_pass), "10.9.0.1", "224.0.0.18");
}

static void
given_v3(void)
{
	vip[0] = (struct vr_vip){ .ip = ip_of("10.9.0.101") };
	in = instance_of(3, 100, vip, 1);
	in.vrid = 52;
	in.advert_us = 500000;
	own = ip_of("10.9.0.2");
	given(v3_ip4, sizeof(v3_ip4), "10.9.0.1", "224.0.0.18");
}

static void
given_ip6(void)
{
	vip[0] = (struct vr_vip){ .ip = ip_of("fd00::101") };
	in = instance_of(3, 95, vip, 1);
	in.vrid = 53;
	in.advert_us = 500000;
	own = ip_of("fe80::1");
	given(v3_ip6, sizeof(v3_ip6), "fe80::3848:32ff:fe41:e758", "ff02::12");
}

static enum vr_drop
judged(void)
{
	return vr_packet_read(&d, &in, &own, &nobody, &got);
}

/* The bytes as they are now, with a right checksum. */
static void
seal(void)
{
	uint16_t sum;

	bytes[6] = bytes[7] = 0;
	sum = vr_checksum(bytes, d.len, 0);
	memcpy(bytes + 6, &sum, 2);
}

static void
same_as_written(const uint8_t *want, size_t len, uint8_t priority)
{
	uint8_t out[VR_PACKET_MAX];

	assert_int_equal(
	    vr_packet_write(out, &in, priority, &d.src, &d.dst, true), len);
	assert_memory_equal(out, want, len);
}

static void
test_keepalived(void **state)
{
	(void)state;
	given_v2();
	assert_int_equal(judged(), VR_OK);
	assert_int_equal(got.priority, 100);
	assert_int_equal(got.advert_us, 1000000);
	assert_int_equal(vr_ip_cmp(&got.src, &d.src), 0);
	same_as_written(v2_pass, sizeof(v2_pass), 100);

	given_v3();
	assert_int_equal(judged(), VR_OK);
	assert_int_equal(got.advert_us, 500000);
	assert_true(got.pseudo);
	same_as_written(v3_ip4, sizeof(v3_ip4), 100);

	given_ip6();
	assert_int_equal(judged(), VR_OK);
	assert_int_equal(got.priority, 95);
	assert_true(got.pseudo);
	same_as_written(v3_ip6, sizeof(v3_ip6), 95);
}

static void
test_checksum(void **state)
{
	/* RFC 1071 section 3's example: its sum is ddf2 */
	static const uint8_t rfc[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	static const uint8_t want[] = { 0x22, 0x0d };
	const uint16_t sum = vr_checksum(rfc, sizeof(rfc), 0);

	(void)state;
	assert_memory_equal(&sum, want, 2);
	assert_int_equal(vr_checksum(rfc + 2, 6, vr_sum(rfc, 2, 0)), sum);

	given_v3();
	bytes[7] ^= 1;
	assert_int_equal(judged(), VR_DROP_CHECKSUM);
	seal(); /* as RFC 9568 has it */
	assert_int_equal(judged(), VR_OK);
	assert_false(got.pseudo);
	assert_int_equal(
	    vr_packet_write(bytes, &in, 100, &d.src, &d.dst, false), d.len);
	assert_int_equal(judged(), VR_OK);
	assert_false(got.pseudo);

	given_ip6();
	seal(); /* never without over IPv6 */
	assert_int_equal(judged(), VR_DROP_CHECKSUM);
}

static void
test_head(void **state)
{
	(void)state;
	given_v2();
	assert_int_equal(vr_packet_vrid(&d), 51);
	d.len = 7;
	assert_int_equal(vr_packet_vrid(&d), -1);
	assert_int_equal(judged(), VR_DROP_LENGTH);
	for (size_t len = 0; len < sizeof(v2_pass) + 3; len++) {
		given_v2();
		d.len = len;
		assert_int_equal(
		    judged(), len == sizeof(v2_pass) ? VR_OK : VR_DROP_LENGTH);
	}
	given_v2();
	in.vrid = 50;
	assert_int_equal(judged(), VR_DROP_VRID);
	given_v2();
	own = d.src;
	assert_int_equal(judged(), VR_DROP_OWN);
	given_v2();
	d.ttl = 254;
	assert_int_equal(judged(), VR_DROP_TTL);
	d.ttl = -1;
	assert_int_equal(judged(), VR_OK);
	given_v2();
	d.src = ip_of("fe80::2");
	assert_int_equal(judged(), VR_DROP_VERSION);
}

static void
test_v2_fields(void **state)
{
	(void)state;
	given_v2();
	in.version = 3;
	assert_int_equal(judged(), VR_DROP_VERSION);
	given_v2();
	in.auth = VR_AUTH_NONE;
	assert_int_equal(judged(), VR_DROP_AUTH_TYPE);
	given_v2();
	in.password[7] = 'x';
	assert_int_equal(judged(), VR_DROP_AUTH);
	given_v2();
	in.advert_us = 2000000;
	assert_int_equal(judged(), VR_DROP_INTERVAL);
	given_v2();
	bytes[0] = 0x22;
	seal();
	assert_int_equal(judged(), VR_DROP_TYPE);
	given_v2();
	bytes[2] = 0; /* it leaves */
	seal();
	assert_int_equal(judged(), VR_OK);
	assert_int_equal(got.priority, 0);
	given_v2();
	bytes[8] ^= 1; /* the password is covered too: no sum to be found wrong twice */
	assert_int_equal(judged(), VR_DROP_CHECKSUM);
}

static void
test_v3_interval(void **state)
{
	(void)state;
	given_v3();
	in.advert_us = 1000000; /* is learned, not compared */
	assert_int_equal(judged(), VR_OK);
	bytes[4] = 0xff; /* four reserved bits */
	bytes[5] = 0xff;
	seal();
	assert_int_equal(judged(), VR_OK);
	assert_int_equal(got.advert_us, 40950000);
	bytes[4] = 0xf0;
	bytes[5] = 0;
	seal();
	assert_int_equal(judged(), VR_DROP_INTERVAL);
	in.advert_us = 50000000; /* more than 12 bits hold */
	vr_packet_write(bytes, &in, 100, &d.src, &d.dst, true);
	assert_int_equal(judged(), VR_OK);
	assert_int_equal(got.advert_us, 40950000);
}

static void
test_addresses(void **state)
{
	struct vr_advert ignored;

	(void)state;
	given_v2();
	in.n_advertised = 0;
	assert_int_equal(judged(), VR_DROP_COUNT);
	in.n_advertised = 1;
	vip[0].ip = ip_of("10.9.0.99");
	assert_int_equal(judged(), VR_DROP_ADDRESSES);
	in.skip_check_adv_addr = true; /* but only of whom was accepted last */
	assert_int_equal(judged(), VR_DROP_ADDRESSES);
	assert_int_equal(vr_packet_read(&d, &in, &own, &d.src, &ignored), VR_OK);
}

static void
test_address_order(void **state)
{
	(void)state;
	given_v3();
	vip[1] = (struct vr_vip){ .ip = ip_of("10.9.0.7") };
	in.n_vips = in.n_advertised = 2;
	d.len = vr_packet_write(bytes, &in, 100, &d.src, &d.dst, true);
	assert_int_equal(d.len, 16);
	vip[1] = vip[0];
	vip[0] = (struct vr_vip){ .ip = ip_of("10.9.0.7") };
	assert_int_equal(judged(), VR_OK);
}

static void
test_unicast(void **state)
{
	static struct vr_peer_addr peers[2];

	(void)state;
	given_v2();
	peers[0] = (struct vr_peer_addr){ .ip = ip_of("10.9.0.3"), .max_ttl = 255 };
	peers[1] = (struct vr_peer_addr){ .ip = ip_of("10.9.0.1"), .max_ttl = 255 };
	in.peer = peers;
	in.n_peers = 2;
	assert_int_equal(judged(), VR_DROP_CAST);
	d.dst = own;
	d.ttl = 63; /* routed */
	assert_int_equal(judged(), VR_OK);
	peers[1].min_ttl = 64;
	assert_int_equal(judged(), VR_DROP_TTL);
	peers[1].min_ttl = 0;
	peers[1].max_ttl = 62;
	assert_int_equal(judged(), VR_DROP_TTL);
	in.n_peers = 1;
	assert_int_equal(judged(), VR_DROP_SENDER);
	in.n_peers = 0;
	d.ttl = 255;
	assert_int_equal(judged(), VR_DROP_CAST);
}

/* Everything is wrong: mended in keepalived's order, each is named in turn. */
static void
test_order(void **state)
{
	(void)state;
	given_v2();
	in.auth = VR_AUTH_NONE;
	in.password[0] = 'x';
	in.advert_us = 2000000;
	in.n_advertised = 0;
	in.vip[0].ip = ip_of("10.9.0.99");
	bytes[0] = 0x22;
	d.ttl = 1;
	d.dst = own;
	d.len--;
	assert_int_equal(judged(), VR_DROP_LENGTH);
	d.len++;
	assert_int_equal(judged(), VR_DROP_TTL);
	d.ttl = 255;
	assert_int_equal(judged(), VR_DROP_AUTH_TYPE);
	in.auth = VR_AUTH_PASS;
	assert_int_equal(judged(), VR_DROP_AUTH);
	in.password[0] = '1';
	assert_int_equal(judged(), VR_DROP_INTERVAL);
	in.advert_us = 1000000;
	assert_int_equal(judged(), VR_DROP_TYPE);
	bytes[0] = 0x21;
	assert_int_equal(judged(), VR_DROP_COUNT);
	in.n_advertised = 1;
	bytes[7] ^= 1;
	assert_int_equal(judged(), VR_DROP_CHECKSUM);
	bytes[7] ^= 1;
	assert_int_equal(judged(), VR_DROP_CAST);
	d.dst = in.mcast_group;
	assert_int_equal(judged(), VR_DROP_ADDRESSES);
	in.vip[0].ip = ip_of("10.9.0.100");
	assert_int_equal(judged(), VR_OK);
}

static void
test_texts(void **state)
{
	(void)state;
	for (enum vr_drop why = VR_OK; why < VR_N_DROPS; why++)
		assert_true(strlen(vr_drop_text(why)) > 5);
}

static int
print_one(char **word)
{
	const struct vr_ip src = ip_of(word[3]), dst = ip_of(word[4]);
	struct vr_vip list[VR_MAX_VIPS] = { 0 };
	unsigned n = 0;

	for (; word[6 + n] != NULL && n < VR_MAX_VIPS; n++)
		list[n].ip = ip_of(word[6 + n]);
	in = instance_of((uint8_t)atoi(word[1]), 100, list, n);
	const size_t len = vr_packet_write(
	    bytes, &in, (uint8_t)atoi(word[2]), &src, &dst, atoi(word[5]) != 0);
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	puts("");
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keepalived),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_v2_fields),
		cmocka_unit_test(test_v3_interval),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_order),
		cmocka_unit_test(test_unicast),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_texts),
	};

	if (argc > 6)
		return print_one(argv);
	return cmocka_run_group_tests_name("vrrp packet", tests, NULL, NULL);
}
