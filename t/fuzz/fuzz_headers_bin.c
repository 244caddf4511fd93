/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_headers_bin.c - any bytes as a list of header fields in binary: what is
 * found lies in the input, one behind the other, and written again gives the
 * bytes that were read, or fewer.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "../../modules/rules/headers_bin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t
varint_bytes(uint64_t n)
{
	size_t bytes = 1;

	if (n < 240)
		return bytes;
	for (n = (n - 240) >> 4; n >= 128; n = (n - 128) >> 7)
		bytes++;
	return bytes + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *const copy = malloc(len + 1);

	TW_ASSERT(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	struct tw_str list = { copy, len }, text;
	const char *end = copy;
	while (list.len > 0) {
		const size_t before = list.len;
		const char *const at = list.p;

		if (!headers_bin_text(&list, &text))
			break;
		TW_ASSERT(text.p >= end && text.p + text.len == list.p);
		TW_ASSERT(list.p + list.len == copy + len && list.len < before);
		TW_ASSERT((size_t)(text.p - at) >= varint_bytes(text.len));
		headers_bin_is_name(text);
		end = list.p;
	}
	free(copy);
	return 0;
}
