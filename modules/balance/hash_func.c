/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash_func.c - from a key's bytes to 32 bits.
 *
 * Pure functions; any thread; the hashes themselves are the core's.
 */
#include "hash.h"

/* The key is a hash already: its last four bytes, so that a number (eight
 * bytes, the highest first) stands for itself. */
static uint32_t
none(struct tw_str key)
{
	uint32_t h = 0;

	for (size_t i = key.len > 4 ? key.len - 4 : 0; i < key.len; i++)
		h = h << 8 | (unsigned char)key.p[i];
	return h;
}

uint32_t
hash_of(enum hash_func func, struct tw_str key)
{
	switch (func) {
	case HASH_DJB2:
		return tw_hash_djb2(key);
	case HASH_CRC32:
		return tw_hash_crc32(key);
	case HASH_NONE:
		return none(key);
	default:
		return tw_hash_sdbm(key);
	}
}
