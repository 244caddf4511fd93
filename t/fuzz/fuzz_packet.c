/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_packet.c - any bytes as a frame, a packet and a TCP header.
 *
 * What is found must lie in the input, and fingerprints in their room.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "core/expr/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
lies_in(struct tw_str in, struct tw_str part)
{
	TW_ASSERT(
	    part.p == NULL || (part.p >= in.p && part.p + part.len <= in.p + in.len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tw__eth e;
	struct tw__ip ip;
	struct tw__tcp t;
	uint8_t fp[TW__FINGERPRINT_MAX];

	if (len > 4000)
		return 0;
	char *const exact = malloc(len > 0 ? len : 1);
	TW_ASSERT(exact != NULL);
	if (len > 0)
		memcpy(exact, data, len);
	const struct tw_str in = { exact, len };
	if (tw__eth_parse(in, &e)) {
		lies_in(in, e.header);
		lies_in(in, e.data);
		TW_ASSERT(e.header.len + e.data.len == len);
	}
	if (tw__ip_parse(in, &ip)) {
		lies_in(in, ip.header);
		lies_in(in, ip.data);
		lies_in(in, ip.src);
		lies_in(in, ip.dst);
	}
	if (tw__tcp_parse(in, &t))
		TW_ASSERT(t.header <= len && t.n_kinds <= 40);
	TW_ASSERT(tw__ip_fingerprint(in, 7, fp) <= sizeof(fp));
	free(exact);
	return 0;
}
