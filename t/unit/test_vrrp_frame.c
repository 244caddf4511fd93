/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_frame.c - bytes as datagrams and as claims to an address.
 */
#include "config.h"

#include "vrrp_net.h"

#include "../../modules/vrrp/wire.h"

static void
test_strip(void **state)
{
	uint8_t ip[64] = { 0x45, 0xc0, 0, 28, 0, 0, 0, 0, 255, 112, 0, 0, 192, 0, 2, 1,
		224, 0, 0, 18, 0x21 };
	struct vr_datagram d;

	(void)state;
	assert_true(vr_wire_strip(ip, 28, &d));
	assert_int_equal(d.len, 8);
	assert_int_equal(d.bytes[0], 0x21);
	assert_int_equal(d.ttl, 255);
	assert_true(vr_wire_strip(ip, 20, &d));
	assert_int_equal(d.len, 0);
	assert_false(vr_wire_strip(ip, 19, &d));
	ip[0] = 0x46; /* with an option */
	assert_true(vr_wire_strip(ip, 28, &d));
	assert_int_equal(d.len, 4);
	assert_false(vr_wire_strip(ip, 23, &d));
	ip[0] = 0x44;
	assert_false(vr_wire_strip(ip, 28, &d));
	ip[0] = 0x65;
	assert_false(vr_wire_strip(ip, 28, &d));
}

static void
test_claim_parse(void **state)
{
	uint8_t arp[42] = { [6] = 2,
		[12] = 8,
		[13] = 6,
		[15] = 1,
		[16] = 8,
		[18] = 6,
		[19] = 4,
		[21] = 2,
		[22] = 2,
		[27] = 9,
		[28] = 192,
		[30] = 2,
		[31] = 7 };
	uint8_t na[86] = { [6] = 2,
		[11] = 8,
		[12] = 0x86,
		[13] = 0xdd,
		[20] = 58,
		[21] = 255,
		[54] = 136,
		[62] = 0xfe,
		[63] = 0x80,
		[77] = 9,
		[78] = 2,
		[79] = 1,
		[80] = 2,
		[85] = 7 };
	struct vr_ip ip;
	uint8_t mac[6];

	(void)state;
	assert_true(vr_claim_parse(arp, sizeof(arp), &ip, mac));
	assert_true(net_is_ip(&ip, "192.0.2.7"));
	assert_int_equal(mac[5], 9);
	assert_false(vr_claim_parse(arp, sizeof(arp) - 1, &ip, mac));
	arp[21] = 3; /* reverse ARP */
	assert_false(vr_claim_parse(arp, sizeof(arp), &ip, mac));
	assert_true(vr_claim_parse(na, sizeof(na), &ip, mac));
	assert_true(net_is_ip(&ip, "fe80::9"));
	assert_int_equal(mac[5], 7);
	/* Without its option. */
	assert_true(vr_claim_parse(na, sizeof(na) - 8, &ip, mac));
	assert_int_equal(mac[5], 8);
	na[79] = 0;
	assert_true(vr_claim_parse(na, sizeof(na), &ip, mac));
	na[21] = 254; /* it was forwarded */
	assert_false(vr_claim_parse(na, sizeof(na), &ip, mac));
	assert_false(vr_claim_parse(na, 13, &ip, mac));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strip),
		cmocka_unit_test(test_claim_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
