/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash.h - what the core's converters and modules' hashes share: keys must go
 * where HAProxy's go.
 */
#ifndef TIDEWAY_HASH_H
#define TIDEWAY_HASH_H

#include <tideway/str.h>

/** tw_hash_avalanche - spreads small differences over all bits: Bob Jenkins'
 * six shifts; the last factor is what HAProxy's results show beside them. */
static inline uint32_t
tw_hash_avalanche(uint32_t a)
{
	a = (a + 0x7ed55d16u) + (a << 12);
	a = (a ^ 0xc761c23cu) ^ (a >> 19);
	a = (a + 0x165667b1u) + (a << 5);
	a = (a + 0xd3a2646cu) ^ (a << 9);
	a = (a + 0xfd7046c5u) + (a << 3);
	a = (a ^ 0xb55a4f09u) ^ (a >> 16);
	return a * 3221225473u;
}

/** tw_hash_crc32, ... - of bytes, as configurations name them. context: any. */
TW_API uint32_t tw_hash_crc32(struct tw_str s);
TW_API uint32_t tw_hash_crc32c(struct tw_str s);
TW_API uint32_t tw_hash_djb2(struct tw_str s);
TW_API uint32_t tw_hash_sdbm(struct tw_str s);
/** tw_hash_crc32c_more - goes on. in: before, what the bytes before these gave. */
TW_API uint32_t tw_hash_crc32c_more(uint32_t before, struct tw_str s);

#endif
