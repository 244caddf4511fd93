/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_proxy_hdr.c - any bytes as a PROXY header: whatever is accepted is
 * inside the buffer, and what is written of it is accepted again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include "core/net/conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Values lie inside of the header; with them, version 2 is accepted again. */
static void
values_check(
    const struct tw_buf *in, const struct tw_addr *src, const struct tw_addr *dst)
{
	static char mem[70000];
	struct tw_out out = tw_out_of(mem, sizeof(mem));
	const struct tw_str tlvs = tw__proxy_hdr_tlvs(in->base);
	struct tw_addr a, b;

	TW_ASSERT(tlvs.len == 0 ||
	    (tlvs.p > in->base && tlvs.p + tlvs.len == in->base + in->head));
	tw__proxy_hdr2_begin(&out, src, dst);
	for (unsigned type = 0; type < 256; type++) {
		const struct tw_str v = tw__proxy_tlv_find(tlvs, (uint8_t)type);
		TW_ASSERT(
		    v.p == NULL || (v.p >= tlvs.p && v.p + v.len <= tlvs.p + tlvs.len));
		if (v.p != NULL && type != TW__PP_CRC32C)
			tw__proxy_tlv_out(&out, (uint8_t)type, v);
	}
	tw__proxy_hdr2_end(&out, mem, true);
	if (out.over)
		return;
	struct tw_buf again = {
		.base = mem, .size = sizeof(mem), .tail = (uint32_t)(out.p - mem)
	};
	TW_ASSERT(tw__proxy_hdr_read(&again, &a, &b) == TW_IO_OK);
	TW_ASSERT(tw_addr_eq(&a, src) && tw_addr_eq(&b, dst));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tw_addr src, dst;
	struct tw_buf in = {
		.base = malloc(len + 1), .size = (uint32_t)len, .tail = (uint32_t)len
	};

	memcpy(in.base, data, len);
	const enum tw_io io = tw__proxy_hdr_read(&in, &src, &dst);
	TW_ASSERT(in.head <= in.tail);
	TW_ASSERT(io == TW_IO_OK ? in.head > 0 : in.head == 0);
	if (io == TW_IO_OK)
		values_check(&in, &src, &dst);
	if (io == TW_IO_OK && src.family != 0) {
		char mem[256];
		struct tw_out out = tw_out_of(mem, sizeof(mem));
		struct tw_addr a, b;
		struct tw_buf again = { .base = mem, .size = sizeof(mem) };
		again.tail = (uint32_t)tw__proxy_hdr_write(&out, &src, &dst);
		TW_ASSERT(tw__proxy_hdr_read(&again, &a, &b) == TW_IO_OK);
		TW_ASSERT(tw_addr_eq(&a, &src) && tw_addr_eq(&b, &dst));
	}
	free(in.base);
	return 0;
}
