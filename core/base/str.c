/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * str.c - slices of text and the bounded writer: what is not inline.
 *
 * Digits are produced two at a time, because numbers are most of a log line.
 * Any thread.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <tideway/str.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct tw_str
tw_str_trim(struct tw_str s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

size_t
tw_ipv4_leading(struct tw_str s, uint8_t ip[4])
{
	size_t i = 0;

	for (int part = 0; part < 4; part++) {
		unsigned n = 0;
		if (part > 0 && (i == s.len || s.p[i++] != '.'))
			return 0;
		const size_t first = i;
		for (; i < s.len && s.p[i] >= '0' && s.p[i] <= '9' && n < 256; i++)
			n = n * 10 + (unsigned)(s.p[i] - '0');
		if (i == first || n > 255)
			return 0;
		ip[part] = (uint8_t)n;
	}
	return i;
}

bool
tw_str_to_u64(struct tw_str s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		const unsigned digit = (unsigned char)s.p[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*out = v;
	return true;
}

void
tw_out_u64(struct tw_out *o, uint64_t v)
{
	static const char pairs[] =
	    "00010203040506070809101112131415161718192021222324"
	    "25262728293031323334353637383940414243444546474849"
	    "50515253545556575859606162636465666768697071727374"
	    "75767778798081828384858687888990919293949596979899";
	char buf[20];
	char *p = buf + sizeof(buf);

	for (; v >= 100; v /= 100) {
		p -= 2;
		memcpy(p, pairs + v % 100 * 2, 2);
	}
	if (v >= 10) {
		p -= 2;
		memcpy(p, pairs + v * 2, 2);
	} else {
		*--p = (char)('0' + v);
	}
	tw_out_mem(o, p, (size_t)(buf + sizeof(buf) - p));
}

void
tw_out_i64(struct tw_out *o, int64_t v)
{
	char *const before = o->p;

	if (v < 0)
		tw_out_char(o, '-');
	tw_out_u64(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
	if (o->over)
		o->p = before;
}

/* vsnprintf wants a byte more for its NUL than the writer may have. */
static void
printf_exact(struct tw_out *o, const char *fmt, va_list ap)
{
	char *text;
	const int len = vasprintf(&text, fmt, ap);

	if (len < 0) {
		o->over = true;
		return;
	}
	tw_out_mem(o, text, (size_t)len);
	free(text);
}

void
tw_out_printf(struct tw_out *o, const char *fmt, ...)
{
	const size_t room = (size_t)(o->end - o->p);
	va_list ap;

	va_start(ap, fmt);
	const int len = vsnprintf(o->p, room, fmt, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len < room) {
		o->p += len;
		return;
	}
	if (len < 0 || (size_t)len > room) {
		o->over = true;
		return;
	}
	va_start(ap, fmt);
	printf_exact(o, fmt, ap);
	va_end(ap);
}
