/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_balance.c - any bytes as what is hashed: parts of them stay parts of
 * them, and a token is an address or none.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/balance/hash.h"
#include "../../modules/balance/rdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_inside(struct tw_str part, struct tw_str all)
{
	TW_ASSERT(part.len <= all.len);
	TW_ASSERT(
	    part.len == 0 || (part.p >= all.p && part.p + part.len <= all.p + all.len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct hash_conf conf = {
		.len = len % 7, .depth = len % 3, .whole = len % 2 == 0
	};
	char *text = malloc(len + 1);
	const struct tw_str in = { text, len };
	struct tw_addr addr;

	TW_ASSERT(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	const struct tw_str uri = hash_uri(&conf, in);
	check_inside(uri, in);
	TW_ASSERT(conf.len == 0 || uri.len <= conf.len);
	TW_ASSERT(conf.whole || uri.len == 0 || memchr(uri.p, '?', uri.len) == NULL);
	check_inside(hash_domain(in), in);
	check_inside(hash_first_value(in), in);
	const struct tw_str value = hash_param(in, TW_STR("p"));
	check_inside(value, in);
	TW_ASSERT(value.len == 0 || memchr(value.p, '&', value.len) == NULL);
	if (rdp_token(in, &addr))
		TW_ASSERT(addr.family == AF_INET);
	for (int f = HASH_SDBM; f <= HASH_NONE; f++)
		(void)hash_of((enum hash_func)f, in);
	free(text);
	return 0;
}
