/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1_scan.c - looking for the byte that ends something.
 *
 * Field values are most of a head's bytes: they are looked at 16 at a time
 * with SSE2, 8 at a time elsewhere, for control bytes (what ends them, and what
 * may not be in them). Names are looked up in a table of classes. Any thread.
 */
#include "config.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "h1.h"

/* H1_TOKEN 1, H1_TARGET 2, H1_HOST 4, H1_HEX 8; by row of 16 */
const uint8_t tw__h1_class[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* 00 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* 10 */
	0, 7, 2, 1, 7, 7, 7, 7, 6, 6, 7, 7, 2, 7, 7, 2,           /* 20 */
	15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 2, 6, 2, 6, 2, 2, /* 30 */
	2, 15, 15, 15, 15, 15, 15, 7, 7, 7, 7, 7, 7, 7, 7, 7,     /* 40 */
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 2, 2, 3, 7,           /* 50 */
	3, 15, 15, 15, 15, 15, 15, 7, 7, 7, 7, 7, 7, 7, 7, 7,     /* 60 */
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 3, 2, 7, 0,           /* 70 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* 80 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* 90 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* a0 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* b0 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* c0 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* d0 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* e0 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* f0 */
};

static inline bool
is_ctl(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

#ifdef __SSE2__
const char *
tw__h1_ctl(const char *p, const char *end)
{
	const __m128i low = _mm_set1_epi8(0x1f);
	const __m128i del = _mm_set1_epi8(0x7f);

	for (; end - p >= 16; p += 16) {
		const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		const __m128i hit = _mm_or_si128(
		    _mm_cmpeq_epi8(_mm_min_epu8(v, low), v), _mm_cmpeq_epi8(v, del));
		const int bits = _mm_movemask_epi8(hit);

		if (bits != 0)
			return p + __builtin_ctz((unsigned)bits);
	}
	while (p < end && !is_ctl((unsigned char)*p))
		p++;
	return p;
}
#else
const char *
tw__h1_ctl(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t tops = ones << 7;

	for (; end - p >= 8; p += 8) {
		uint64_t v;

		memcpy(&v, p, sizeof(v));
		/* Exact whether there is any: below 0x20, or 0x7f. */
		const uint64_t low = (v - ones * 0x20) & ~v & tops;
		const uint64_t x = v ^ (ones * 0x7f);

		if ((low | ((x - ones) & ~x & tops)) != 0)
			break;
	}
	while (p < end && !is_ctl((unsigned char)*p))
		p++;
	return p;
}
#endif

bool
tw__h1_next_token(struct tw_str *rest, struct tw_str *one)
{
	const char *p = rest->p;
	const char *end = rest->p + rest->len;

	while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
		p++;
	if (p == end)
		return false;
	const char *comma = memchr(p, ',', (size_t)(end - p));
	const char *stop = comma ? comma : end;

	*rest = (struct tw_str){ stop, (size_t)(end - stop) };
	while (stop > p && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	*one = (struct tw_str){ p, (size_t)(stop - p) };
	return true;
}

enum tw_io
tw__h1_refuse(struct tw_stream *st, int status, const char *why)
{
	st->status = (uint16_t)((st->state & H1_RESPONSE) ? 502 : status);
	st->why = why;
	st->bad = NULL;
	return TW_IO_ERR;
}

enum tw_io
tw__h1_refuse_at(struct tw_stream *st, const char *at, int status, const char *why)
{
	tw__h1_refuse(st, status, why);
	st->bad = at;
	return TW_IO_ERR;
}
