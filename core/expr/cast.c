/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cast.c - what a sample of one type means as another.
 *
 * Converters and match methods say what they take; the engine casts between.
 * Text made on the way lives in one of two buffers of the thread that take
 * turns, so that a cast's result may be the input of the next converter; what
 * does not fit there is taken from the request's arena. Any worker.
 * source: HAProxy's manual, 7.1 (matrix) and 7.1.6 (IPv4 within IPv6).
 */
#include "config.h"

#include <arpa/inet.h>

#include "expr/expr_int.h"

#define SCRATCH_BYTES 16384
#define SCRATCH_MAX 262144 /* what chains of converters may blow text up to */

static __thread char scratch[2][SCRATCH_BYTES];
static __thread int scratch_turn;

char *
tw__scratch(struct tw_req *req, size_t len)
{
	if (len > SCRATCH_BYTES)
		return req != NULL && len <= SCRATCH_MAX
		    ? tw_arena_try(tw_req_arena(req), len)
		    : NULL;
	scratch_turn ^= 1;
	return scratch[scratch_turn];
}

const char *
tw__type_name(enum tw_type type)
{
	static const char *const names[] = {
		[TW_ANY] = "any value",
		[TW_BOOL] = "a boolean",
		[TW_SINT] = "an integer",
		[TW_IPV4] = "an IPv4 address",
		[TW_IPV6] = "an IPv6 address",
		[TW_STRING] = "a string",
		[TW_BINARY] = "binary data",
		[TW_METH] = "a method",
	};

	return names[type];
}

bool
tw__cast_is_possible(enum tw_type from, enum tw_type to)
{
	if (from == to || from == TW_ANY || to == TW_ANY || to == TW_STRING)
		return true;
	switch (from) {
	case TW_BOOL:
		return to == TW_SINT || to == TW_BINARY;
	case TW_SINT:
		return to != TW_METH;
	case TW_IPV4:
		return to == TW_IPV6 || to == TW_SINT || to == TW_BOOL ||
		    to == TW_BINARY;
	case TW_IPV6:
		return to == TW_IPV4 || to == TW_BINARY;
	case TW_STRING:
		return true;
	case TW_BINARY:
		return to == TW_IPV4 || to == TW_IPV6;
	default:
		return to == TW_BINARY;
	}
}

/* As a number reads its text: an optional sign and digits, the rest ignored. */
static int64_t
leading_number(struct tw_str s)
{
	const bool minus = s.len > 0 && s.p[0] == '-';
	uint64_t n = 0;

	for (size_t i = minus || (s.len > 0 && s.p[0] == '+'); i < s.len; i++) {
		const unsigned digit = (unsigned)(s.p[i] - '0');
		if (digit > 9)
			break;
		if (n > ((uint64_t)INT64_MAX - digit) / 10) {
			n = INT64_MAX;
			break;
		}
		n = n * 10 + digit;
	}
	return minus ? -(int64_t)n : (int64_t)n;
}

bool
tw__parse_ip(struct tw_str s, struct tw_sample *out)
{
	char z[INET6_ADDRSTRLEN];

	if (s.len == 0 || s.len >= sizeof(z))
		return false;
	memcpy(z, s.p, s.len);
	z[s.len] = '\0';
	if (inet_pton(AF_INET, z, out->u.ip) == 1)
		out->type = TW_IPV4;
	else if (inet_pton(AF_INET6, z, out->u.ip) == 1)
		out->type = TW_IPV6;
	else
		return false;
	return true;
}

bool
tw__text_ip(struct tw_str s, struct tw_sample *out)
{
	uint8_t ip[4];
	const size_t n = tw_ipv4_leading(s, ip);

	if (n == 0 || (n < s.len && s.p[n] == '.'))
		return tw__parse_ip(s, out);
	memcpy(out->u.ip, ip, sizeof(ip));
	out->type = TW_IPV4;
	return true;
}

static bool
to_string(struct tw_req *req, struct tw_sample *s)
{
	const enum tw_type from = s->type;

	s->type = TW_STRING;
	if (from == TW_STRING || from == TW_BINARY || from == TW_METH)
		return true;
	char *const mem = tw__scratch(req, 64);
	struct tw_out o = tw_out_of(mem, 64);
	if (from == TW_BOOL || from == TW_SINT) {
		tw_out_i64(&o, s->u.n);
	} else {
		const int family = from == TW_IPV4 ? AF_INET : AF_INET6;
		if (inet_ntop(family, s->u.ip, mem, 64) == NULL)
			return false;
		o.p = mem + strlen(mem);
	}
	s->u.str = (struct tw_str){ mem, (size_t)(o.p - mem) };
	return true;
}

static bool
to_sint(struct tw_sample *s)
{
	switch ((enum tw_type)s->type) {
	case TW_BOOL:
	case TW_SINT:
		break;
	case TW_STRING:
		if (s->u.str.len == 0)
			return false;
		s->u.n = leading_number(s->u.str);
		break;
	case TW_IPV4:
		s->u.n =
		    (int64_t)((uint32_t)s->u.ip[0] << 24 | (uint32_t)s->u.ip[1] << 16 |
			(uint32_t)s->u.ip[2] << 8 | s->u.ip[3]);
		break;
	default:
		return false;
	}
	s->type = TW_SINT;
	return true;
}

static bool
to_ipv4(struct tw_sample *s)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (s->type == TW_STRING || s->type == TW_BINARY) {
		const struct tw_str text = s->u.str;
		if (!tw__text_ip(text, s))
			return false;
	}
	if (s->type == TW_SINT) {
		const uint32_t n = htonl((uint32_t)s->u.n);
		memcpy(s->u.ip, &n, sizeof(n));
	} else if (s->type == TW_IPV6) {
		if (memcmp(s->u.ip, mapped, sizeof(mapped)) != 0)
			return false;
		memmove(s->u.ip, s->u.ip + 12, 4);
	} else if (s->type != TW_IPV4) {
		return false;
	}
	s->type = TW_IPV4;
	return true;
}

static bool
to_ipv6(struct tw_sample *s)
{
	if (s->type == TW_STRING || s->type == TW_BINARY) {
		const struct tw_str text = s->u.str;
		if (!tw__text_ip(text, s))
			return false;
	}
	if (s->type == TW_SINT && !to_ipv4(s))
		return false;
	if (s->type == TW_IPV4) {
		memmove(s->u.ip + 12, s->u.ip, 4);
		memset(s->u.ip, 0, 10);
		memset(s->u.ip + 10, 0xff, 2);
		s->type = TW_IPV6;
	}
	return s->type == TW_IPV6;
}

/* A number is its eight bytes, the most significant first. */
static bool
to_binary(struct tw_req *req, struct tw_sample *s)
{
	if (s->type == TW_SINT || s->type == TW_BOOL) {
		char *const mem = tw__scratch(req, 8);
		for (int i = 0; i < 8; i++)
			mem[i] = (char)((uint64_t)s->u.n >> (56 - 8 * i));
		s->u.str = (struct tw_str){ mem, 8 };
	} else if (s->type == TW_IPV4 || s->type == TW_IPV6) {
		const size_t len = s->type == TW_IPV4 ? 4 : 16;
		char *const mem = tw__scratch(req, len);
		memcpy(mem, s->u.ip, len);
		s->u.str = (struct tw_str){ mem, len };
	} else if (s->type != TW_STRING && s->type != TW_METH) {
		return false;
	}
	s->type = TW_BINARY;
	return true;
}

bool
tw__cast(struct tw_req *req, struct tw_sample *s, enum tw_type to)
{
	if (TW_LIKELY(s->type == to) || to == TW_ANY)
		return true;
	switch (to) {
	case TW_BOOL:
		if (!to_sint(s))
			return false;
		s->u.n = s->u.n != 0;
		s->type = TW_BOOL;
		return true;
	case TW_SINT:
		return to_sint(s);
	case TW_IPV4:
		return to_ipv4(s);
	case TW_IPV6:
		return to_ipv6(s);
	case TW_STRING:
		return to_string(req, s);
	case TW_BINARY:
		return to_binary(req, s);
	case TW_METH:
		if (s->type != TW_STRING)
			return false;
		s->method = (uint8_t)tw_method_of(s->u.str);
		s->type = TW_METH;
		return true;
	default:
		return false;
	}
}

const char *
tw__type_word(enum tw_type type)
{
	static const char *const words[] = { [TW_ANY] = "any",
		[TW_BOOL] = "bool",
		[TW_SINT] = "sint",
		[TW_IPV4] = "ipv4",
		[TW_IPV6] = "ipv6",
		[TW_STRING] = "str",
		[TW_BINARY] = "bin",
		[TW_METH] = "meth" };

	return words[type];
}
