/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_hello.c - any bytes as the beginning of a connection: TLS, RDP, HTTP.
 *
 * What is found must lie in the input, and a part of the input must never say
 * more than "not all is there" or "no" when the whole is one.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "core/expr/hello.h"

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
	struct tw__hello h, part;
	struct tw_str name, value;

	if (len > 20000)
		return 0;
	char *const copy = malloc(len + 1); /* of this length, for the sanitizer */
	TW_ASSERT(copy != NULL);
	memcpy(copy, data, len);
	char *const exact = realloc(copy, len > 0 ? len : 1);
	const struct tw_str in = { exact, len };
	const enum tw__seen seen = tw__hello_parse(in, &h);
	const struct tw_str found[] = { h.sni, h.alpn, h.ciphers, h.groups,
		h.key_shares, h.sigalgs };
	for (size_t i = 0; i < TW_N_ELEMENTS(found); i++)
		lies_in(in, found[i]);
	for (size_t n = 0; seen == TW__SEEN_ALL && n < len && n < 300; n++)
		TW_ASSERT(tw__hello_parse((struct tw_str){ exact, n }, &part) !=
		    TW__SEEN_NOT);
	(void)tw__rdp_parse(in, &name, &value);
	lies_in(in, name);
	lies_in(in, value);
	(void)tw__http_seen(in);
	free(exact);
	return 0;
}
