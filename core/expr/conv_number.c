/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_number.c - converters: arithmetic, bits, and bytes as numbers.
 *
 * Sums and products stop at the ends of 64 bits instead of wrapping. Any
 * worker. source: HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include <arpa/inet.h>

#include <tideway/encode.h>

#include "expr/conv.h"

TW__CHECK(operand)
{
	return tw__arg_number(gen, &args[0], err);
}

/* An operator: `n` is the argument, s->u.n the input and the result. */
#define OPERATOR(name, expression)                          \
	TW__CONV(name)                                      \
	{                                                   \
		int64_t n;                                  \
		if (!tw__arg_number_get(req, &args[0], &n)) \
			return false;                       \
		s->u.n = expression;                        \
		return true;                                \
	}

static int64_t
sum(int64_t a, int64_t b)
{
	int64_t r;

	if (!__builtin_add_overflow(a, b, &r))
		return r;
	return a > 0 ? INT64_MAX : INT64_MIN;
}

static int64_t
difference(int64_t a, int64_t b)
{
	int64_t r;

	if (!__builtin_sub_overflow(a, b, &r))
		return r;
	return a >= 0 ? INT64_MAX : INT64_MIN;
}

static int64_t
product(int64_t a, int64_t b)
{
	int64_t r;

	if (!__builtin_mul_overflow(a, b, &r))
		return r;
	return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

static int64_t
quotient(int64_t a, int64_t b)
{
	if (b == 0 || (a == INT64_MIN && b == -1))
		return INT64_MAX;
	return a / b;
}

static int64_t
rest(int64_t a, int64_t b)
{
	return b == 0 || b == -1 ? 0 : a % b;
}

OPERATOR(add, sum(s->u.n, n))
OPERATOR(sub, difference(s->u.n, n))
OPERATOR(mul, product(s->u.n, n))
OPERATOR(div, quotient(s->u.n, n))
OPERATOR(mod, rest(s->u.n, n))
OPERATOR(and, s->u.n &n)
OPERATOR(or, s->u.n | n)
OPERATOR(xor, s->u.n ^ n)

/* ---- bytes -------------------------------------------------------------- */

TW__CHECK(bytes)
{
	TW__UNUSED_CHECK;
	if (args[0].n < 0)
		return tw_err_set(err, "the offset cannot be negative");
	if (args[1].n < 0)
		return tw_err_set(err, "the length cannot be negative");
	return 0;
}

TW__CONV(bytes)
{
	const size_t off = (size_t)args[0].n;

	TW__UNUSED_CONV;
	if (s->u.str.len <= off) {
		s->u.str.len = 0;
		return true;
	}
	s->u.str.p += off;
	s->u.str.len -= off;
	if (tw__arg_is(&args[1]) && s->u.str.len > (size_t)args[1].n)
		s->u.str.len = (size_t)args[1].n;
	return true;
}

static int
check_chunks(struct tw_arg_val *args, int64_t max, struct tw_err *err)
{
	if (tw__arg_is(&args[1]) && (args[1].n < 1 || (max > 0 && args[1].n > max)))
		return tw_err_set(err, "the chunk size %lld is not %s",
		    (long long)args[1].n, max ? "between 1 and 8" : "above 0");
	if (tw__arg_is(&args[2]) && args[2].n != 0 && args[2].n != 1)
		return tw_err_set(err, "the flag for truncating is 0 or 1");
	return 0;
}

TW__CHECK(to_dec)
{
	TW__UNUSED_CHECK;
	return check_chunks(args, 8, err);
}

TW__CHECK(to_hex)
{
	TW__UNUSED_CHECK;
	return check_chunks(args, 0, err);
}

static uint64_t
number_of(const unsigned char *p, size_t len, bool big)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n = n << 8 | p[big ? i : len - 1 - i];
	return n;
}

static bool
to_dec(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s, bool big)
{
	const struct tw_str in = s->u.str;
	const size_t size = (size_t)args[1].n;
	const size_t room = (in.len / size + 1) * (20 + args[0].str.len) + 1;
	char *const mem = tw__scratch(req, room);

	if (mem == NULL)
		return false;
	struct tw_out o = tw_out_of(mem, room);
	for (size_t i = 0; i < in.len; i += size) {
		const size_t left = in.len - i, len = left < size ? left : size;
		if (len < size && args[2].n == 1)
			break;
		if (i > 0)
			tw_out_str(&o, args[0].str);
		tw_out_u64(&o, number_of((const unsigned char *)in.p + i, len, big));
	}
	return tw__set_text(s, TW_STRING, mem, (size_t)(o.p - mem));
}

TW__CONV(be2dec)
{
	return to_dec(req, args, s, true);
}

TW__CONV(le2dec)
{
	return to_dec(req, args, s, false);
}

TW__CONV(be2hex)
{
	static const char digits[] = "0123456789ABCDEF";
	const struct tw_str in = s->u.str, sep = args[0].str;
	const size_t size = args[1].n > 0 ? (size_t)args[1].n : in.len + 1;
	const size_t room = in.len * 2 + (in.len / size + 1) * sep.len + 1;
	char *const mem = tw__scratch(req, room);

	if (mem == NULL)
		return false;
	struct tw_out o = tw_out_of(mem, room);
	for (size_t i = 0; i < in.len; i++) {
		if (i % size == 0) {
			if (args[2].n == 1 && args[1].n > 0 && in.len - i < size)
				break;
			if (i > 0)
				tw_out_str(&o, sep);
		}
		tw_out_char(&o, digits[(unsigned char)in.p[i] >> 4]);
		tw_out_char(&o, digits[in.p[i] & 15]);
	}
	return tw__set_text(s, TW_STRING, mem, (size_t)(o.p - mem));
}

TW__CONV(base2)
{
	const struct tw_str in = s->u.str;
	char *const mem = tw__scratch(req, in.len * 8 + 1);

	(void)args;
	for (size_t i = 0; mem != NULL && i < in.len * 8; i++)
		mem[i] = (in.p[i / 8] >> (7 - i % 8)) & 1 ? '1' : '0';
	return tw__set_text(s, TW_STRING, mem, in.len * 8);
}

TW__CONV(hex2i)
{
	uint64_t n = 0;

	TW__UNUSED_CONV;
	for (size_t i = 0; i < s->u.str.len; i++) {
		const int d = tw_hex_digit(s->u.str.p[i]);
		if (d < 0)
			return false;
		n = n << 4 | (unsigned)d;
	}
	s->u.n = (int64_t)n;
	return true;
}

TW__CONV(htonl)
{
	const uint32_t n = htonl((uint32_t)s->u.n);
	char *const mem = tw__scratch(req, sizeof(n));

	(void)args;
	memcpy(mem, &n, sizeof(n));
	return tw__set_text(s, TW_BINARY, mem, sizeof(n));
}

#define NUMBER(name, help)                                                     \
	{                                                                      \
#name, "s", TW_SINT, TW_SINT, conv_##name, check_operand, help \
	}

const struct tw_conv tw__conv_number[] = {
	NUMBER(add, "The sum with a number or variable."),
	NUMBER(and, "The bits common with a number or variable."),
	{ "base2", "", TW_BINARY, TW_STRING, conv_base2, NULL,
	    "Eight binary digits for each byte." },
	{ "be2dec", "s,i,[i]", TW_BINARY, TW_STRING, conv_be2dec, check_to_dec,
	    "(separator, bytes, 1: no rest) Big-endian numbers, in decimal." },
	{ "be2hex", "[s,i,i]", TW_BINARY, TW_STRING, conv_be2hex, check_to_hex,
	    "(separator, bytes, 1: no rest) Hex digits in groups." },
	{ "bytes", "i,[i]", TW_BINARY, TW_BINARY, conv_bytes, check_bytes,
	    "(offset, length) A part of the bytes." },
	NUMBER(div, "The quotient by a number or variable; of 0: the largest number."),
	{ "hex2i", "", TW_STRING, TW_SINT, conv_hex2i, NULL,
	    "The number that the hex digits write." },
	{ "htonl", "", TW_SINT, TW_BINARY, conv_htonl, NULL,
	    "The lower 32 bits as four bytes in network order." },
	{ "le2dec", "s,i,[i]", TW_BINARY, TW_STRING, conv_le2dec, check_to_dec,
	    "(separator, bytes, 1: no rest) Little-endian numbers, in decimal." },
	NUMBER(mod, "The rest of the division by a number or variable."),
	NUMBER(mul, "The product with a number or variable."),
	NUMBER(or, "The bits set in either, it or a number or variable."),
	NUMBER(sub, "The difference to a number or variable."),
	NUMBER(xor, "The bits that differ from a number or variable."),
	{ .name = NULL },
};
