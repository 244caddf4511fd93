/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_accept.c - any bytes as Accept-Encoding: what is chosen is configured,
 * and named or covered by '*'; what has weight 0 alone is never chosen. Each line
 * is a field.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/compression/comp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool
holds(const char *text, size_t len, const char *token)
{
	const size_t n = strlen(token);

	for (size_t i = 0; i + n <= len; i++) {
		if (strncasecmp(text + i, token, n) == 0)
			return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *const text = malloc(len + 1);
	uint8_t algo[COMP_N_ALGOS];
	struct comp_accept a = { .algo = algo, .any_q = -1 };

	TW_ASSERT(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	for (int i = 1; comp_algo_at(i) != NULL; i++) /* all but identity */
		algo[a.n++] = (uint8_t)(i + 1);
	for (size_t at = 0; at < len;) {
		const char *const nl = memchr(text + at, '\n', len - at);
		const size_t n = nl != NULL ? (size_t)(nl - text) - at : len - at;
		comp_accept_field(&a, (struct tw_str){ text + at, n });
		at += n + 1;
	}
	TW_ASSERT(
	    a.best_q >= 0 && a.best_q <= 1000 && a.any_q >= -1 && a.any_q <= 1000);
	const struct comp_algo *const got = comp_accept_end(&a);
	TW_ASSERT(got == NULL || holds(text, len, got->token) || holds(text, len, "*"));
	TW_ASSERT(got == NULL || a.best_q > 0 || a.any_q > 0);
	free(text);
	return 0;
}
