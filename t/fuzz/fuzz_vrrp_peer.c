/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_vrrp_peer.c - any bytes as heartbeats of the second path.
 *
 * Without the key nothing is accepted. Signed for the fuzzer, whatever is
 * accepted is written and read again the same; and what is believed of the
 * peer never depends on a message that has not proven itself. Input: the
 * datagram without its signature.
 */
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <tideway/assert.h>

#include "../../modules/vrrp/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t key[] = "0123456789abcdef";

static void
again(const struct vr_peer_msg *m)
{
	uint8_t a[VR_PEER_BYTES], b[VR_PEER_BYTES];
	struct vr_peer_msg back;
	const size_t n = vr_peer_write(a, m, key, sizeof(key));

	TW_ASSERT(vr_peer_read(a, n, key, sizeof(key), &back) == 0);
	TW_ASSERT(vr_peer_write(b, &back, key, sizeof(key)) == n);
	TW_ASSERT(memcmp(a, b, n) == 0);
}

static void
judge(const struct vr_peer_msg *m)
{
	const struct vr_peer_conf conf = { .interval_us = 50000,
		.dead_after_us = 150000 };
	const struct vr_instance in = { .vrid = 51, .family = AF_INET };
	struct vr_peer_view v = { .own_run = 77, .own_sequence = 5 };

	TW_ASSERT(!vr_peer_heard(&v, &conf, m, 1000000, false));
	TW_ASSERT(vr_peer_path(&v, &in) == VR_PATH_NONE);
	if (vr_peer_heard(&v, &conf, m, 1000001, true)) {
		TW_ASSERT(m->echo_run == 77 && m->echo_sequence > 5);
		TW_ASSERT(vr_peer_path(&v, &in) != VR_PATH_GONE);
		TW_ASSERT(!vr_peer_heard(&v, &conf, m, 1000002, false));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t buf[VR_PEER_BYTES + 32];
	struct vr_peer_msg m;
	unsigned n = 0;

	TW_ASSERT(vr_peer_read(data, len, key, sizeof(key), &m) == -1);
	if (len > VR_PEER_BYTES)
		len = VR_PEER_BYTES;
	memcpy(buf, data, len);
	HMAC(EVP_sha256(), key, sizeof(key), buf, len, buf + len, &n);
	if (vr_peer_read(buf, len + n, key, sizeof(key), &m) == 0) {
		again(&m);
		judge(&m);
	}
	return 0;
}
