/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash_func.c - from a key's bytes to 32 bits.
 *
 * Pure functions; any thread. source: the functions as published: sdbm, djb2
 * (http://www.cse.yorku.ca/~oz/hash.html), CRC-32 (ISO 3309), and Bob Jenkins's
 * 4-byte integer hash (http://burtleburtle.net/bob/hash/integer.html).
 */
#include "hash.h"

static uint32_t
sdbm(struct tw_str key)
{
	uint32_t h = 0;

	for (size_t i = 0; i < key.len; i++)
		h = (unsigned char)key.p[i] + (h << 6) + (h << 16) - h;
	return h;
}

static uint32_t
djb2(struct tw_str key)
{
	uint32_t h = 5381;

	for (size_t i = 0; i < key.len; i++)
		h = (h << 5) + h + (unsigned char)key.p[i];
	return h;
}

/* Four bits at a time: the table fits two cache lines. */
static uint32_t
crc32(struct tw_str key)
{
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8,
		0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320,
		0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278,
		0xbdbdf21c };
	uint32_t h = 0xffffffffu;

	for (size_t i = 0; i < key.len; i++) {
		h ^= (unsigned char)key.p[i];
		h = h >> 4 ^ table[h & 15];
		h = h >> 4 ^ table[h & 15];
	}
	return ~h;
}

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
		return djb2(key);
	case HASH_CRC32:
		return crc32(key);
	case HASH_NONE:
		return none(key);
	default:
		return sdbm(key);
	}
}
