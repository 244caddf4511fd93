/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * headers_bin.c - reads lists of header fields in binary. Pure; what it reads may
 * be a peer's.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "headers_bin.h"

static bool
take_varint(struct tw_str *s, uint64_t *out)
{
	const unsigned char *const p = (const unsigned char *)s->p;
	size_t i = 0;

	if (s->len == 0)
		return false;
	*out = p[i++];
	for (unsigned shift = 4; *out >= 240; shift += 7) {
		if (i == s->len || shift > 56)
			return false;
		*out += (uint64_t)p[i] << shift;
		if (p[i++] < 128)
			break;
	}
	*s = (struct tw_str){ s->p + i, s->len - i };
	return true;
}

bool
headers_bin_text(struct tw_str *s, struct tw_str *out)
{
	uint64_t n;

	if (!take_varint(s, &n) || n > s->len)
		return false;
	*out = (struct tw_str){ s->p, (size_t)n };
	*s = (struct tw_str){ s->p + n, s->len - (size_t)n };
	return true;
}

bool
headers_bin_is_name(struct tw_str s)
{
	static const char other[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.len; i++) {
		const char c = s.p[i];

		if (!((c >= '0' && c <= '9') ||
			((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			(c != '\0' && strchr(other, c) != NULL)))
			return false;
	}
	return s.len > 0;
}
