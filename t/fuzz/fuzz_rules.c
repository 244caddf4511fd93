/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_rules.c - any bytes as the path or query that a rule normalizes: none
 * gets longer, but for fragments that are encoded; doing it twice changes
 * nothing more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "modules/rules/normalize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

typedef bool normalizer(char *s, size_t *len, bool option);

static void
twice(normalizer *fn, bool option, const uint8_t *data, size_t len)
{
	char *const mem = malloc(len + 1), *const again = malloc(len + 1);
	size_t n = len;

	TW_ASSERT(mem != NULL && again != NULL);
	if (len > 0)
		memcpy(mem, data, len);
	if (fn(mem, &n, option)) {
		TW_ASSERT(n <= len);
		size_t m = n;
		memcpy(again, mem, n);
		TW_ASSERT(fn(again, &m, option));
		TW_ASSERT(m <= n);
	}
	free(mem);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static normalizer *const all[] = { normalize_upper, normalize_decode,
		normalize_slashes, normalize_dot, normalize_sort,
		normalize_strip_fragment };

	if (len > 16000)
		return 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		twice(all[i], false, data, len);
		twice(all[i], true, data, len);
	}
	if (len > 0 && data[0] == '/') { /* a path begins so */
		twice(normalize_dotdot, false, data, len);
		twice(normalize_dotdot, true, data, len);
	}
	return 0;
}
