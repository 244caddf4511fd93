/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_tls_hello.c - any bytes as a handshake message: parts lie inside of it,
 * and what is kept fits. The first byte is how much may be.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/tls/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_inside(struct tw_str part, struct tw_str msg)
{
	if (part.len > 0)
		TW_ASSERT(part.p >= msg.p && part.p + part.len <= msg.p + msg.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tls_hello_slices s;
	struct tls_hello *h;
	struct tw_str msg;
	uint32_t sum = 0;

	if (len == 0)
		return 0;
	char *const copy = malloc(len);
	TW_ASSERT(copy != NULL);
	memcpy(copy, data, len);
	msg = (struct tw_str){ copy + 1, len - 1 };
	const bool whole = tls__hello_parse(msg, &s);
	check_inside(s.extensions, msg);
	for (int i = 0; i < TLS_N_HELLO_PARTS; i++)
		check_inside(s.part[i], msg);
	h = whole ? tls__hello_keep(&s, data[0]) : NULL;
	for (int i = 0; h != NULL && i < TLS_N_HELLO_PARTS; i++)
		sum += h->len[i];
	TW_ASSERT(sum <= data[0]);
	free(h);
	free(copy);
	return 0;
}
