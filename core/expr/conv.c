/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv.c - converters of the core: case, length, arithmetic, text forms.
 *
 * A converter changes the sample in place; text it makes lives in scratch
 * memory. The engine has cast the sample to `in` before. Any worker.
 * source: HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include "expr/expr_int.h"

static bool
change_case(struct tw_req *req, struct tw_sample *s, char from)
{
	const struct tw_str in = s->u.str;
	char *const mem = tw__scratch(req, in.len);

	if (mem == NULL)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		const unsigned char c = (unsigned char)in.p[i];
		mem[i] = (char)((unsigned)(c - from) < 26u ? c ^ 0x20 : c);
	}
	s->u.str.p = mem;
	return true;
}

static bool
conv_lower(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)args;
	return change_case(req, s, 'A');
}

static bool
conv_upper(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)args;
	return change_case(req, s, 'a');
}

static bool
conv_length(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)req;
	(void)args;
	s->u.n = (int64_t)s->u.str.len;
	return true;
}

static bool
conv_hex(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	static const char digits[] = "0123456789ABCDEF";
	const struct tw_str in = s->u.str;
	char *const mem = tw__scratch(req, in.len * 2);

	(void)args;
	if (mem == NULL)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		mem[2 * i] = digits[(unsigned char)in.p[i] >> 4];
		mem[2 * i + 1] = digits[in.p[i] & 15];
	}
	s->u.str = (struct tw_str){ mem, in.len * 2 };
	return true;
}

static bool
conv_bool(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)req;
	(void)args;
	s->u.n = s->u.n != 0;
	return true;
}

static bool
conv_not(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)req;
	(void)args;
	s->u.n = s->u.n == 0;
	return true;
}

static bool
conv_odd(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)req;
	(void)args;
	s->u.n = s->u.n & 1;
	return true;
}

static bool
conv_even(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)req;
	(void)args;
	s->u.n = (s->u.n & 1) == 0;
	return true;
}

static bool
conv_neg(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)req;
	(void)args;
	s->u.n = (int64_t)(0 - (uint64_t)s->u.n);
	return true;
}

static bool
conv_cpl(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)req;
	(void)args;
	s->u.n = ~s->u.n;
	return true;
}

static bool
conv_ltrim(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)req;
	while (s->u.str.len > 0 &&
	    memchr(args[0].str.p, s->u.str.p[0], args[0].str.len) != NULL) {
		s->u.str.p++;
		s->u.str.len--;
	}
	return true;
}

static bool
conv_rtrim(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	(void)req;
	while (s->u.str.len > 0 &&
	    memchr(args[0].str.p, s->u.str.p[s->u.str.len - 1], args[0].str.len) !=
		NULL)
		s->u.str.len--;
	return true;
}

const struct tw_conv tw__core_convs[] = {
	{ "bool", "", TW_SINT, TW_BOOL, conv_bool, NULL,
	    "True when the integer is not 0." },
	{ "cpl", "", TW_SINT, TW_SINT, conv_cpl, NULL,
	    "The bits of the integer inverted." },
	{ "even", "", TW_SINT, TW_BOOL, conv_even, NULL,
	    "True when the integer is even." },
	{ "hex", "", TW_BINARY, TW_STRING, conv_hex, NULL,
	    "Two upper case hex digits for each byte." },
	{ "length", "", TW_STRING, TW_SINT, conv_length, NULL,
	    "The length of the string, in bytes." },
	{ "lower", "", TW_STRING, TW_STRING, conv_lower, NULL,
	    "ASCII letters in lower case." },
	{ "ltrim", "s", TW_STRING, TW_STRING, conv_ltrim, NULL,
	    "Without any of the given characters at its beginning." },
	{ "neg", "", TW_SINT, TW_SINT, conv_neg, NULL,
	    "The integer with the opposite sign." },
	{ "not", "", TW_SINT, TW_BOOL, conv_not, NULL, "True when the integer is 0." },
	{ "odd", "", TW_SINT, TW_BOOL, conv_odd, NULL,
	    "True when the integer is odd." },
	{ "rtrim", "s", TW_STRING, TW_STRING, conv_rtrim, NULL,
	    "Without any of the given characters at its end." },
	{ "upper", "", TW_STRING, TW_STRING, conv_upper, NULL,
	    "ASCII letters in upper case." },
	{ .name = NULL },
};
