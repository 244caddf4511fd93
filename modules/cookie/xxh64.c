/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * xxh64.c - XXH64 with seed 0, after its specification.
 *
 * A hash once per server, when a configuration is read: not worth a library.
 * Pure; any thread. source: xxHash fast digest algorithm, 0.1.1, XXH64.
 */
#include "xxh64.h"

#define P1 0x9e3779b185ebca87ull
#define P2 0xc2b2ae3d27d4eb4full
#define P3 0x165667b19e3779f9ull
#define P4 0x85ebca77c2b2ae63ull
#define P5 0x27d4eb2f165667c5ull

static uint64_t
rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

/* n bytes, the lowest first. */
static uint64_t
load(const unsigned char *p, int n)
{
	uint64_t x = 0;

	while (n-- > 0)
		x = x << 8 | p[n];
	return x;
}

static uint64_t
lane(uint64_t acc, uint64_t input)
{
	return rotl(acc + input * P2, 31) * P1;
}

static uint64_t
stripes(const unsigned char **p, size_t *left)
{
	uint64_t v[4] = { P1 + P2, P2, 0, 0 - P1 };
	uint64_t h;

	for (; *left >= 32; *left -= 32) {
		for (int i = 0; i < 4; i++, *p += 8)
			v[i] = lane(v[i], load(*p, 8));
	}
	h = rotl(v[0], 1) + rotl(v[1], 7) + rotl(v[2], 12) + rotl(v[3], 18);
	for (int i = 0; i < 4; i++)
		h = (h ^ lane(0, v[i])) * P1 + P4;
	return h;
}

static uint64_t
rest(uint64_t h, const unsigned char *p, size_t left)
{
	for (; left >= 8; left -= 8, p += 8)
		h = rotl(h ^ lane(0, load(p, 8)), 27) * P1 + P4;
	for (; left >= 4; left -= 4, p += 4)
		h = rotl(h ^ load(p, 4) * P1, 23) * P2 + P3;
	for (; left > 0; left--, p++)
		h = rotl(h ^ *p * P5, 11) * P1;
	return h;
}

uint64_t
tw__xxh64(struct tw_str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t left = s.len;
	uint64_t h = (left >= 32 ? stripes(&p, &left) : P5) + s.len;

	h = rest(h, p, left);
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}
