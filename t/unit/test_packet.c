/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_packet.c - headers of frames (core/expr/packet.c).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/expr/packet.h"

#define BYTES(text) ((struct tw_str){ text, sizeof(text) - 1 })

#define TCP                                                                \
	"\x9c\x40\x01\xbb\x01\x02\x03\x04\0\0\0\0\xa0\x02\xfa\xf0\0\0\0\0" \
	"\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x2a\0\0\0\0\x01\x03\x03\x07"
#define V4 "\x45\x10\0\x3c\0\0\x40\0\x40\x06\0\0\x0a\x01\x02\x03\xc0\0\x02\x01"
#define V6                                           \
	"\x60\x20\0\0\0\x30\0\x80"                   \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" \
	"\x06\0\0\0\0\0\0\0" /* hop-by-hop */

static void
test_v4(void **state)
{
	static const char all[] = "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c"
				  "\x81\0\0\x05\x08\0" V4 TCP;
	struct tw__eth e;
	struct tw__ip ip;
	struct tw__tcp t;

	(void)state;
	assert_true(tw__eth_parse(BYTES(all), &e));
	assert_int_equal(e.type, 0x800);
	assert_int_equal(e.vlan, 5);
	assert_int_equal(e.header.len, 18);
	assert_memory_equal(e.src.p, "\7\x08\x09\x0a\x0b\x0c", 6);
	assert_true(tw__ip_parse(e.data, &ip));
	assert_int_equal(ip.version, 4);
	assert_int_equal(ip.tos, 0x10);
	assert_int_equal(ip.ttl, 64);
	assert_int_equal(ip.proto, 6);
	assert_true(ip.df);
	assert_int_equal(ip.rest, 40);
	assert_true(tw__tcp_parse(ip.data, &t));
	assert_int_equal(t.src, 40000);
	assert_int_equal(t.dst, 443);
	assert_int_equal(t.seq, 0x01020304);
	assert_int_equal(t.flags, 2);
	assert_int_equal(t.win, 64240);
	assert_int_equal(t.mss, 1460);
	assert_int_equal(t.wscale, 7);
	assert_int_equal(t.tsval, 42);
	assert_true(t.has_sack && t.has_ts);
	assert_int_equal(t.n_kinds, 5);
	assert_memory_equal(t.kinds, "\2\4\x08\1\3", 5);
	for (size_t n = 0; n < sizeof(all) - 1; n++) { /* cut anywhere */
		const struct tw_str cut = { all, n };
		if (tw__eth_parse(cut, &e) && tw__ip_parse(e.data, &ip))
			assert_false(tw__tcp_parse(ip.data, &t));
	}
}

static void
test_v6(void **state)
{
	static const char all[] = V6 TCP;
	struct tw__ip ip;
	uint8_t fp[TW__FINGERPRINT_MAX];

	(void)state;
	assert_true(tw__ip_parse(BYTES(all), &ip));
	assert_int_equal(ip.version, 6);
	assert_int_equal(ip.tos, 2);
	assert_int_equal(ip.header.len, 48);
	assert_int_equal(ip.proto, 6);
	assert_int_equal(ip.ttl, 128);
	assert_int_equal(ip.src.len, 16);
	assert_true(ip.has_options);
	assert_int_equal(tw__ip_fingerprint(BYTES(all), 4, fp), 24);
	assert_memory_equal(fp + 8, ip.src.p, 16);
}

static void
test_fingerprint(void **state)
{
	static const char all[] = V4 TCP;
	uint8_t fp[TW__FINGERPRINT_MAX];

	(void)state;
	assert_int_equal(tw__ip_fingerprint(BYTES(all), 0, fp), 8);
	assert_memory_equal(fp, "\x10\x50\xa8\xfa\xf0\x05\xb4\x47", 8);
	assert_int_equal(tw__ip_fingerprint(BYTES(all), 7, fp), 8 + 1 + 5 + 4);
	assert_memory_equal(fp + 8, "\x40\2\4\x08\1\3\x0a\1\2\3", 10);
	assert_int_equal(tw__ip_fingerprint(TW_STR("GET /"), 0, fp), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
