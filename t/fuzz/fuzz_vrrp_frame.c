/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_vrrp_frame.c - any bytes as a frame that may claim an address, and as
 * an IPv4 datagram with an advertisement: what is taken lies within them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <tideway/assert.h>

#include "../../modules/vrrp/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *const bytes = malloc(len > 0 ? len : 1), mac[6];
	struct vr_datagram d;
	struct vr_ip ip;

	TW_ASSERT(bytes != NULL);
	if (len > 0)
		memcpy(bytes, data, len);
	if (vr_claim_parse(bytes, len, &ip, mac))
		TW_ASSERT(ip.family == AF_INET || ip.family == AF_INET6);
	if (vr_wire_strip(bytes, len, &d)) {
		TW_ASSERT(d.bytes >= bytes + 20 && d.bytes + d.len == bytes + len);
		TW_ASSERT(d.ttl >= 0 && d.ttl <= 255);
	}
	free(bytes);
	return 0;
}
