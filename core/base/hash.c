/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash.c - the 32-bit hashes that configurations name, and the checksum of the
 * PROXY protocol. Pure; any thread. source: sdbm, djb2
 * (http://www.cse.yorku.ca/~oz/hash.html), CRC-32 (ISO 3309), CRC-32C (RFC 3720,
 * B.4).
 */
#include "config.h"

#include <tideway/hash.h>

uint32_t
tw_hash_djb2(struct tw_str s)
{
	uint32_t h = 5381;

	for (size_t i = 0; i < s.len; i++)
		h = h * 33 + (unsigned char)s.p[i];
	return h;
}

uint32_t
tw_hash_sdbm(struct tw_str s)
{
	uint32_t h = 0;

	for (size_t i = 0; i < s.len; i++)
		h = h * 65599 + (unsigned char)s.p[i];
	return h;
}

/* Reflected, four bits at a time: the table fits a cache line. */
static uint32_t
crc(uint32_t before, struct tw_str s, const uint32_t table[16])
{
	uint32_t h = ~before;

	for (size_t i = 0; i < s.len; i++) {
		h ^= (unsigned char)s.p[i];
		h = h >> 4 ^ table[h & 15];
		h = h >> 4 ^ table[h & 15];
	}
	return ~h;
}

uint32_t
tw_hash_crc32(struct tw_str s)
{
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8,
		0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320,
		0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278,
		0xbdbdf21c };

	return crc(0, s, table);
}

/* The polynomial 0x1EDC6F41. */
uint32_t
tw_hash_crc32c_more(uint32_t before, struct tw_str s)
{
	static const uint32_t table[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede,
		0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78,
		0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a,
		0xf36e6f75 };

	return crc(before, s, table);
}

uint32_t
tw_hash_crc32c(struct tw_str s)
{
	return tw_hash_crc32c_more(0, s);
}
