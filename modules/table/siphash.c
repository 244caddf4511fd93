/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * siphash.c - see siphash.h. One round for each word, three at the end. The
 * words are read in the machine's order: results stay inside of the process.
 */
#include "config.h"

#include <string.h>

#include "siphash.h"

static inline uint64_t
turned(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = turned(v[1], 13) ^ v[0];
	v[3] = turned(v[3], 16) ^ v[2];
	v[0] = turned(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = turned(v[1], 17) ^ v[2];
	v[3] = turned(v[3], 21) ^ v[0];
	v[2] = turned(v[2], 32);
}

static inline void
take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t
tb_siphash(const uint64_t secret[2], const void *p, size_t len)
{
	uint64_t v[4] = { secret[0] ^ 0x736f6d6570736575u,
		secret[1] ^ 0x646f72616e646f6du, secret[0] ^ 0x6c7967656e657261u,
		secret[1] ^ 0x7465646279746573u };
	const char *at = p;
	uint64_t word, last = (uint64_t)len << 56;

	for (size_t left = len; left >= 8; left -= 8, at += 8) {
		memcpy(&word, at, 8);
		take(v, word);
	}
	word = 0;
	if (len % 8 != 0)
		memcpy(&word, at, len % 8);
	take(v, last ^ word);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
