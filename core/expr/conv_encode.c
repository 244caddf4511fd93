/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_encode.c - converters: base64, URL encoding, JSON strings.
 *
 * Strict readers: what is not in the alphabet makes the converter fail. Any
 * worker. source: RFC 4648, RFC 3986, RFC 8259, RFC 3629; HAProxy's manual,
 * 7.3.1.
 */
#include "config.h"

#include <ctype.h>

#include <tideway/encode.h>

#include "expr/conv.h"

static bool
base64_out(struct tw_req *req, struct tw_sample *s, bool url)
{
	char *const mem = tw__scratch(req, s->u.str.len / 3 * 4 + 8);

	return mem != NULL &&
	    tw__set_text(s, TW_STRING, mem, tw_base64_encode(s->u.str, mem, url));
}

static bool
base64_in(struct tw_req *req, struct tw_sample *s, bool url)
{
	const size_t room = s->u.str.len / 4 * 3 + 8;
	char *const mem = tw__scratch(req, room);
	const int64_t len = mem ? tw_base64_decode(s->u.str, mem, room, url) : -1;

	return len >= 0 && tw__set_text(s, TW_BINARY, mem, (size_t)len);
}

TW__CONV(base64)
{
	(void)args;
	return base64_out(req, s, false);
}

TW__CONV(ub64enc)
{
	(void)args;
	return base64_out(req, s, true);
}

TW__CONV(b64dec)
{
	(void)args;
	return base64_in(req, s, false);
}

TW__CONV(ub64dec)
{
	(void)args;
	return base64_in(req, s, true);
}

/* ---- URLs --------------------------------------------------------------- */

TW__CHECK(url_enc)
{
	TW__UNUSED_CHECK;
	if (tw__arg_is(&args[0]) && !tw_str_ieq(args[0].str, TW_STR("query")))
		return tw_err_set(err, "'%s' is unknown: only query can be encoded for",
		    args[0].str.p);
	return 0;
}

TW__CONV(url_enc)
{
	static const char digits[] = "0123456789ABCDEF";
	const struct tw_str in = s->u.str;
	char *const mem = tw__scratch(req, in.len * 3 + 1);
	char *to = mem;

	(void)args;
	for (size_t i = 0; mem != NULL && i < in.len; i++) {
		const unsigned char c = (unsigned char)in.p[i];
		if (c < 128 && (isalnum(c) || strchr("-._~", c) != NULL) && c != 0) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	return mem != NULL && tw__set_text(s, TW_STRING, mem, (size_t)(to - mem));
}

TW__CONV(url_dec)
{
	const struct tw_str in = s->u.str;
	char *const mem = tw__scratch(req, in.len + 1);
	char *to = mem;
	bool form = args[0].n != 0;

	if (mem == NULL)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i];
		if (c == '+' && form) {
			c = ' ';
		} else if (c == '?') {
			form = true;
		} else if (c == '%') {
			const int hi = in.len - i > 2 ? tw_hex_digit(in.p[i + 1]) : -1;
			const int lo = in.len - i > 2 ? tw_hex_digit(in.p[i + 2]) : -1;
			if (hi < 0 || lo < 0)
				return false;
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		*to++ = c;
	}
	return tw__set_text(s, TW_STRING, mem, (size_t)(to - mem));
}

/* ---- JSON --------------------------------------------------------------- */

enum json_code { ASCII, UTF8, UTF8S, UTF8P, UTF8PS };

TW__CHECK(json)
{
	static const char *const names[] = { "ascii", "utf8", "utf8s", "utf8p",
		"utf8ps" };

	(void)gen;
	args[1].n = ASCII;
	if (!tw__arg_is(&args[0]))
		return 0;
	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++) {
		if (strcmp(args[0].str.p, names[i]) == 0) {
			args[1].n = (int64_t)i;
			return 0;
		}
	}
	return tw_err_set(err,
	    "'%s' is unknown: write ascii, utf8, utf8s, utf8p or utf8ps",
	    args[0].str.p);
}

/* One character. out: c; bad: broken, forbidden or overlong (then `overlong`).
 * returns: bytes that it takes. */
static size_t
utf8_next(struct tw_str s, uint32_t *c, bool *bad, bool *overlong)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *const p = (const unsigned char *)s.p;
	const size_t n = p[0] < 0x80 ? 1
	    : p[0] < 0xc0            ? 0
	    : p[0] < 0xe0            ? 2
	    : p[0] < 0xf0            ? 3
	    : p[0] < 0xf8            ? 4
				     : 0;

	*bad = *overlong = false;
	*c = n < 2 ? p[0] : p[0] & (0x7fu >> n);
	if (n == 0) {
		*bad = true;
		return 1;
	}
	for (size_t i = 1; i < n; i++) {
		if (i >= s.len || (p[i] & 0xc0) != 0x80) {
			*bad = true;
			return i;
		}
		*c = *c << 6 | (p[i] & 0x3fu);
	}
	*overlong = *c < least[n];
	*bad = (*c >= 0xd800 && *c <= 0xdfff) || *c == 0xfffe || *c == 0xffff ||
	    *c > 0x10ffff;
	return n;
}

static void
json_char(struct tw_out *o, uint32_t c)
{
	static const char plain[] = "\"\\/\b\f\n\r\t", named[] = "\"\\/bfnrt";
	static const char digits[] = "0123456789abcdef";
	const char *const at = c > 0 && c < 128 ? strchr(plain, (int)c) : NULL;

	if (at != NULL) {
		tw_out_char(o, '\\');
		tw_out_char(o, named[at - plain]);
	} else if (c >= 32 && c < 127) {
		tw_out_char(o, (char)c);
	} else {
		tw_out_lit(o, "\\u");
		for (int shift = 12; shift >= 0; shift -= 4)
			tw_out_char(o, digits[c >> shift & 15]);
	}
}

TW__CONV(json)
{
	const enum json_code code = (enum json_code)args[1].n;
	struct tw_str in = s->u.str;
	const size_t room = in.len * 6 + 1;
	char *const mem = tw__scratch(req, room);

	if (mem == NULL)
		return false;
	struct tw_out o = tw_out_of(mem, room);
	while (in.len > 0) {
		uint32_t c = (unsigned char)in.p[0];
		bool bad = false, overlong = false;
		const size_t n = code == ASCII ? 1 : utf8_next(in, &c, &bad, &overlong);
		if (overlong && code != UTF8P && code != UTF8PS)
			bad = true;
		if (c > 0xffff) /* has no escape of four digits */
			bad = true;
		if (bad && (code == UTF8 || code == UTF8P))
			return false;
		if (!bad)
			json_char(&o, c);
		in = (struct tw_str){ in.p + n, in.len - n };
	}
	return tw__set_text(s, TW_STRING, mem, (size_t)(o.p - mem));
}

const struct tw_conv tw__conv_encode[] = {
	{ "b64dec", "", TW_STRING, TW_BINARY, conv_b64dec, NULL,
	    "The bytes that base64 text stands for." },
	{ "base64", "", TW_BINARY, TW_STRING, conv_base64, NULL,
	    "The bytes as base64 text." },
	{ "json", "[s]", TW_STRING, TW_STRING, conv_json, check_json,
	    "Escaped for a JSON string; the input is ascii or utf8[p][s]." },
	{ "ub64dec", "", TW_STRING, TW_BINARY, conv_ub64dec, NULL,
	    "The bytes that base64url text stands for." },
	{ "ub64enc", "", TW_BINARY, TW_STRING, conv_ub64enc, NULL,
	    "The bytes as base64url text." },
	{ "url_dec", "[i]", TW_STRING, TW_STRING, conv_url_dec, NULL,
	    "Without URL encoding; 1: '+' is a space everywhere." },
	{ "url_enc", "[s]", TW_STRING, TW_STRING, conv_url_enc, check_url_enc,
	    "Encoded for a URL's query." },
	{ .name = NULL },
};
