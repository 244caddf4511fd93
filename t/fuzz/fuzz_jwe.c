/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_jwe.c - any text as an encrypted token, and as a key for one.
 *
 * The converters answer with a text, or an empty one, whatever comes.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "core/expr/conv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
open_with(size_t which, struct tw_str token, const char *key)
{
	const struct tw_conv *const c = &tw__conv_jwe[which];
	struct tw_arg_val args[TW__ARGS_MAX + 1] = { { .type = TW_STRING,
	    .str = tw_str_of(key) } };
	struct tw_sample s = { .type = TW_BINARY, .u.str = token };

	TW_ASSERT(c->apply(NULL, args, &s));
	TW_ASSERT(s.u.str.p != NULL && s.u.str.len <= token.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char secret[] = "ICcuNTxDSlFYX2ZtdHuCiZCXnqWss7rByM_W3eTr8vk";
	static const char ec[] =
	    "{\"kty\":\"EC\",\"crv\":\"P-256\","
	    "\"x\":\"coh_34jPMx_I-xaWI3YlzpeaVCR0TMnUUF2489w29dA\","
	    "\"y\":\"OBJqS5zP40xUhB4M2a-NPtvafblk5ze47y8QrZvISFw\","
	    "\"d\":\"k45JDfqoNNEW-4vN6gggOrWeJIVWFOMhvyIONmHMHJY\"}";
	static const char jwk[] = "{\"kty\":\"oct\",\"k\":\"EBUaHyQpLjM4PUJHTFFWWw\"}";

	if (len > 8000)
		return 0;
	char *const text = malloc(len + 1);
	TW_ASSERT(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	const struct tw_str token = { text, len };
	open_with(0, token, jwk);
	open_with(0, token, ec);
	open_with(1, token, secret);
	if (strlen(text) == len && len > 0 && len < 200)
		open_with(0,
		    TW_STR("eyJhbGciOiAiZGlyIiwgImVuYyI6ICJBMTI4R0NNIn0..a.a.a"), text);
	free(text);
	return 0;
}
