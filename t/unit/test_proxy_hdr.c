/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_proxy_hdr.c - the PROXY protocol's two versions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "core/net/conn.h"

static struct tw_addr src, dst;

static enum tw_io
hdr_read(const char *bytes, size_t len, uint32_t *taken)
{
	static char mem[1024];
	struct tw_buf in = { .base = mem, .size = sizeof(mem), .tail = (uint32_t)len };

	memcpy(mem, bytes, len);
	const enum tw_io io = tw__proxy_hdr_read(&in, &src, &dst);
	*taken = in.head;
	return io;
}

static void
test_v1(void **state)
{
	static const char line[] = "PROXY TCP4 192.0.2.1 198.51.100.7 1234 80\r\nGET";
	uint32_t taken;

	(void)state;
	for (size_t n = 1; n < sizeof(line) - 4; n++)
		assert_int_equal(hdr_read(line, n, &taken), TW_IO_AGAIN);
	assert_int_equal(hdr_read(line, sizeof(line) - 1, &taken), TW_IO_OK);
	assert_int_equal(taken, sizeof(line) - 4);
	assert_int_equal(src.family, AF_INET);
	assert_int_equal(src.port, 1234);
	assert_int_equal(dst.port, 80);
	assert_memory_equal(src.u.v4, "\xc0\x00\x02\x01", 4);
}

static void
test_v1_unknown(void **state)
{
	uint32_t taken;

	(void)state;
	assert_int_equal(hdr_read("PROXY UNKNOWN whatever\r\n", 24, &taken), TW_IO_OK);
	assert_int_equal(src.family, 0);
	assert_int_equal(taken, 24);
}

static void
test_v1_bad(void **state)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\n",
		"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
		"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
		"PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 x\r\n",
	};
	uint32_t taken;

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++)
		assert_int_equal(hdr_read(bad[i], strlen(bad[i]), &taken), TW_IO_ERR);
	char endless[200];
	memset(endless, 'x', sizeof(endless));
	memcpy(endless, "PROXY ", 6);
	assert_int_equal(hdr_read(endless, sizeof(endless), &taken), TW_IO_ERR);
}

static void
test_v2(void **state)
{
	static const char v4[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
				 "\xc0\0\2\1\xc6\x33\x64\7\x04\xd2\0\x50";
	static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
	uint32_t taken;

	(void)state;
	for (size_t n = 1; n < sizeof(v4) - 1; n++)
		assert_int_equal(hdr_read(v4, n, &taken), TW_IO_AGAIN);
	assert_int_equal(hdr_read(v4, sizeof(v4) - 1, &taken), TW_IO_OK);
	assert_int_equal(taken, 28);
	assert_int_equal(src.port, 1234);
	assert_int_equal(dst.port, 80);
	assert_int_equal(hdr_read(local, sizeof(local) - 1, &taken), TW_IO_OK);
	assert_int_equal(src.family, 0);
}

static void
test_v2_bad(void **state)
{
	static const char short_v4[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\1\2\3\4";
	static const char version[] = "\r\n\r\n\0\r\nQUIT\n\x11\x11\0\0";
	static const char command[] = "\r\n\r\n\0\r\nQUIT\n\x22\x11\0\0";
	static const char huge[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff";
	uint32_t taken;

	(void)state;
	assert_int_equal(hdr_read(short_v4, sizeof(short_v4) - 1, &taken), TW_IO_ERR);
	assert_int_equal(hdr_read(version, sizeof(version) - 1, &taken), TW_IO_ERR);
	assert_int_equal(hdr_read(command, sizeof(command) - 1, &taken), TW_IO_ERR);
	assert_int_equal(hdr_read(huge, sizeof(huge) - 1, &taken), TW_IO_ERR);
}

static void
test_write_reads_back(void **state)
{
	const struct tw_addr a = {
		.family = AF_INET6, .port = 5, .u.v6 = { 0x20, 1, [15] = 9 }
	};
	const struct tw_addr b = {
		.family = AF_INET6, .port = 65535, .u.v6 = { [15] = 1 }
	};
	char mem[128];
	struct tw_out out = tw_out_of(mem, sizeof(mem));
	uint32_t taken;

	(void)state;
	const size_t n = tw__proxy_hdr_write(&out, &a, &b);
	assert_memory_equal(mem, "PROXY TCP6 2001::9 ::1 5 65535\r\n", n);
	assert_int_equal(hdr_read(mem, n, &taken), TW_IO_OK);
	assert_true(tw_addr_eq(&a, &src) && tw_addr_eq(&b, &dst));
}

/* The example checksum is of the writer below and of RFC 3720's polynomial:
 * the header of 127.0.0.1:1 to 127.0.0.2:2 with one. */
static void
test_v2_values(void **state)
{
	char mem[512];
	struct tw_out out = tw_out_of(mem, sizeof(mem));
	const struct tw_addr a = {
		.family = AF_INET, .port = 1, .u.v4 = { 127, 0, 0, 1 }
	};
	const struct tw_addr b = {
		.family = AF_INET, .port = 2, .u.v4 = { 127, 0, 0, 2 }
	};
	uint32_t taken;

	(void)state;
	tw__proxy_hdr2_begin(&out, &a, &b);
	tw__proxy_tlv_out(&out, TW__PP_UNIQUE_ID, TW_STR("id-1"));
	tw__proxy_tlv_out(&out, 0xe0, TW_STR(""));
	tw__proxy_hdr2_end(&out, mem, true);
	assert_false(out.over);
	const size_t len = (size_t)(out.p - mem);
	assert_int_equal(len, 16 + 12 + 7 + 3 + 7);
	assert_int_equal(hdr_read(mem, len, &taken), TW_IO_OK);
	assert_int_equal(taken, len);
	assert_true(tw_addr_eq(&src, &a) && tw_addr_eq(&dst, &b));
	const struct tw_str tlvs = tw__proxy_hdr_tlvs(mem);
	assert_true(
	    tw_str_eq(tw__proxy_tlv_find(tlvs, TW__PP_UNIQUE_ID), TW_STR("id-1")));
	assert_non_null(tw__proxy_tlv_find(tlvs, 0xe0).p);
	assert_int_equal(tw__proxy_tlv_find(tlvs, 0xe0).len, 0);
	assert_null(tw__proxy_tlv_find(tlvs, 0xe1).p);

	mem[len - 1] ^= 1; /* a wrong sum */
	assert_int_equal(hdr_read(mem, len, &taken), TW_IO_ERR);
	mem[len - 1] ^= 1;
	mem[30] = 9; /* a value longer than the header */
	assert_int_equal(hdr_read(mem, len, &taken), TW_IO_ERR);
}

static void
test_v2_unknown(void **state)
{
	char mem[64];
	struct tw_out out = tw_out_of(mem, sizeof(mem));
	const struct tw_addr none = { .family = AF_UNIX, .u.path = "/x" };
	uint32_t taken;

	(void)state;
	tw__proxy_hdr2_begin(&out, &none, &none);
	tw__proxy_hdr2_end(&out, mem, false);
	assert_int_equal(out.p - mem, 16);
	assert_int_equal(hdr_read(mem, 16, &taken), TW_IO_OK);
	assert_int_equal(src.family, 0);
	assert_int_equal(tw__proxy_hdr_tlvs(mem).len, 0);
	out = tw_out_of(mem, 20); /* no room */
	tw__proxy_hdr2_begin(&out, &none, &none);
	tw__proxy_tlv_out(&out, 1, TW_STR("too long"));
	tw__proxy_hdr2_end(&out, mem, false);
	assert_true(out.over);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v1),
		cmocka_unit_test(test_v2_values),
		cmocka_unit_test(test_v2_unknown),
		cmocka_unit_test(test_v1_unknown),
		cmocka_unit_test(test_v1_bad),
		cmocka_unit_test(test_v2),
		cmocka_unit_test(test_v2_bad),
		cmocka_unit_test(test_write_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
