/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_hash.c - converters: 32- and 64-bit hashes.
 *
 * The same values as HAProxy's, so that what was stored or balanced by them
 * fits. xxHash comes from libxxhash when it was there at build time. Any
 * worker. source: HAProxy's manual, 7.3.1 and hash-type.
 */
#include "config.h"

#ifdef HAVE_XXHASH
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

#include <tideway/hash.h>

#include "expr/conv.h"

TW__CHECK(avalanche)
{
	TW__UNUSED_CHECK;
	if (tw__arg_is(&args[0]) && args[0].n != 0 && args[0].n != 1)
		return tw_err_set(err, "the avalanche flag is 0 or 1");
	return 0;
}

#define HASH(name)                                                  \
	TW__CONV(name)                                              \
	{                                                           \
		const uint32_t h = tw_hash_##name(s->u.str);        \
		(void)req;                                          \
		s->u.n = args[0].n == 1 ? tw_hash_avalanche(h) : h; \
		return true;                                        \
	}

HASH(crc32)
HASH(crc32c)
HASH(djb2)
HASH(sdbm)

#ifdef HAVE_XXHASH
#define check_xxh NULL
#define XXH(name, expression)                   \
	TW__CONV(name)                          \
	{                                       \
		(void)req;                      \
		s->u.n = (int64_t)(expression); \
		return true;                    \
	}
#else
TW__CHECK(xxh)
{
	TW__UNUSED_CHECK;
	return tw_err_set(err, "this tideway was built without libxxhash");
}
#define XXH(name, expression)    \
	TW__CONV(name)           \
	{                        \
		TW__UNUSED_CONV; \
		return false;    \
	}
#endif

XXH(xxh32, XXH32(s->u.str.p, s->u.str.len, (unsigned)args[0].n))
XXH(xxh64, XXH64(s->u.str.p, s->u.str.len, (uint64_t)args[0].n))
XXH(xxh3, XXH3_64bits_withSeed(s->u.str.p, s->u.str.len, (uint64_t)args[0].n))

#define ENTRY(name, help)                                                            \
	{                                                                            \
#name, "[i]", TW_BINARY, TW_SINT, conv_##name, check_avalanche, help \
	}

const struct tw_conv tw__conv_hash[] = {
	ENTRY(crc32, "CRC32 as in Ethernet; 1: with avalanche."),
	ENTRY(crc32c, "CRC32C (RFC 4960); 1: with avalanche."),
	ENTRY(djb2, "Dan Bernstein's hash; 1: with avalanche."),
	ENTRY(sdbm, "The hash of sdbm; 1: with avalanche."),
	{ "xxh3", "[i]", TW_BINARY, TW_SINT, conv_xxh3, check_xxh,
	    "XXH3, 64 bits, with an optional seed." },
	{ "xxh32", "[i]", TW_BINARY, TW_SINT, conv_xxh32, check_xxh,
	    "XXH32 with an optional seed." },
	{ "xxh64", "[i]", TW_BINARY, TW_SINT, conv_xxh64, check_xxh,
	    "XXH64 with an optional seed." },
	{ .name = NULL },
};
