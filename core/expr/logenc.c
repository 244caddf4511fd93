/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * logenc.c - JSON and CBOR in log-formats.
 *
 * Variables write text; what looks like the number it is said to be becomes
 * one, what is missing becomes null. Text of peers goes out whole: JSON
 * escapes it, bytes that are no UTF-8 become U+FFFD; CBOR has hexadecimal
 * digits unless it shall be binary. Any worker, request path of who uses it.
 * source: HAProxy's manual, 8.2.6; RFC 8259; RFC 8949.
 */
#include "config.h"

#include "expr/logenc.h"

#define TEXT_MAX 32768 /* of one variable */

/* ---- values ------------------------------------------------------------- */

static bool
parse_number(struct tw_str s, int64_t *n)
{
	uint64_t u;
	const bool minus = s.len > 0 && s.p[0] == '-';
	const bool sign = minus || (s.len > 0 && s.p[0] == '+'); /* not final */

	s = (struct tw_str){ s.p + sign, s.len - sign };
	if (!tw_str_to_u64(s, &u) || u > INT64_MAX)
		return false;
	*n = minus ? -(int64_t)u : (int64_t)u;
	return true;
}

static struct tw__logvalue
as_string(struct tw__logvalue v)
{
	static __thread char digits[24];
	struct tw_out o = tw_out_of(digits, sizeof(digits));

	if (v.type != TW_SINT && v.type != TW_BOOL)
		return v;
	if (v.type == TW_BOOL)
		tw_out_str(&o, v.n != 0 ? TW_STR("true") : TW_STR("false"));
	else
		tw_out_i64(&o, v.n);
	v.type = TW_STRING;
	v.str = (struct tw_str){ digits, (size_t)(o.p - digits) };
	return v;
}

/* A number or boolean; null for text that is none. */
static struct tw__logvalue
as_number(struct tw__logvalue v, uint8_t type)
{
	if (v.type == TW_STRING) {
		if (tw_str_eq(v.str, TW_STR("true")))
			v.n = 1;
		else if (tw_str_eq(v.str, TW_STR("false")))
			v.n = 0;
		else if (!parse_number(v.str, &v.n))
			return (struct tw__logvalue){ .type = TW_ANY };
	} else if (v.type == TW_BINARY) {
		return (struct tw__logvalue){ .type = TW_ANY };
	}
	v.type = type;
	if (type == TW_BOOL)
		v.n = v.n != 0;
	return v;
}

static struct tw__logvalue
as_type(struct tw__logvalue v, uint8_t type)
{
	if (v.type == TW_ANY || type == TW_ANY)
		return v;
	return type == TW_STRING ? as_string(v) : as_number(v, type);
}

struct tw__logvalue
tw__logenc_var(
    const struct tw_logvar *var, struct tw_req *req, unsigned flags, uint8_t type)
{
	static __thread char text[TEXT_MAX];
	struct tw_out o = tw_out_of(text, sizeof(text));
	struct tw__logvalue v = { .type = TW_ANY };

	var->out(req, &o, (flags & TW_LOG_HEX) | TW__LOG_VERBATIM);
	v.str = (struct tw_str){ text, (size_t)(o.p - text) };
	if (v.str.len == 0)
		return v;
	v.type = TW_STRING;
	if ((var->flags & TW_LOGVAR_NUMBER) && parse_number(v.str, &v.n))
		v.type = TW_SINT;
	return as_type(v, type);
}

struct tw__logvalue
tw__logenc_expr(const struct tw_expr *e, struct tw_req *req, uint8_t type)
{
	struct tw_sample s;
	struct tw__logvalue v = { .type = TW_ANY };

	if (!tw_expr_eval(e, req, &s))
		return v;
	if (s.type == TW_SINT || s.type == TW_BOOL) {
		v.n = s.u.n;
	} else if (s.type == TW_BINARY || tw__cast(req, &s, TW_STRING)) {
		v.str = s.u.str;
	} else {
		return v;
	}
	v.type = s.type;
	return as_type(v, type);
}

/* ---- JSON --------------------------------------------------------------- */

/* Length of the UTF-8 sequence at p; 0: it is none. source: RFC 3629 */
static size_t
utf8_len(const unsigned char *p, size_t len)
{
	const size_t n = p[0] < 0x80 ? 1
	    : p[0] < 0xc2            ? 0
	    : p[0] < 0xe0            ? 2
	    : p[0] < 0xf0            ? 3
	    : p[0] < 0xf5            ? 4
				     : 0;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void
json_char(struct tw_out *o, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	switch (c) {
	case '"':
	case '\\':
		tw_out_mem(o, (const char[2]){ '\\', (char)c }, 2);
		break;
	case '\n':
		tw_out_lit(o, "\\n");
		break;
	case '\r':
		tw_out_lit(o, "\\r");
		break;
	case '\t':
		tw_out_lit(o, "\\t");
		break;
	default:
		if (c >= 0x20 && c != 0x7f) {
			tw_out_char(o, (char)c);
			break;
		}
		tw_out_lit(o, "\\u00");
		tw_out_char(o, digits[c >> 4]);
		tw_out_char(o, digits[c & 15]);
	}
}

static void
json_string(struct tw_out *o, struct tw_str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	const unsigned char *const end = p + s.len;

	tw_out_char(o, '"');
	while (p < end && !o->over) {
		const size_t n = utf8_len(p, (size_t)(end - p));
		if (n == 1)
			json_char(o, *p);
		else if (n > 1)
			tw_out_mem(o, p, n);
		else
			tw_out_lit(o, "\\ufffd");
		p += n > 0 ? n : 1;
	}
	tw_out_char(o, '"');
}

/* Bytes in hexadecimal digits, as an expression has them in text. */
static void
hex_out(struct tw_out *o, const void *mem, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *const p = mem;

	for (size_t i = 0; i < len && !o->over; i++)
		tw_out_mem(
		    o, (const char[2]){ digits[p[i] >> 4], digits[p[i] & 15] }, 2);
}

static void
json_value(struct tw_out *o, const struct tw__logvalue *v)
{
	switch (v->type) {
	case TW_SINT:
		tw_out_i64(o, v->n);
		break;
	case TW_BOOL:
		tw_out_str(o, v->n != 0 ? TW_STR("true") : TW_STR("false"));
		break;
	case TW_STRING:
		json_string(o, v->str);
		break;
	case TW_BINARY:
		tw_out_char(o, '"');
		hex_out(o, v->str.p, v->str.len);
		tw_out_char(o, '"');
		break;
	default:
		tw_out_lit(o, "null");
	}
}

/* ---- CBOR --------------------------------------------------------------- */

#define CBOR_UINT 0x00
#define CBOR_NINT 0x20
#define CBOR_BYTES 0x40
#define CBOR_TEXT 0x60
#define CBOR_MAP_OPEN 0xbf
#define CBOR_FALSE 0xf4
#define CBOR_NULL 0xf6
#define CBOR_BREAK 0xff

static void
cbor_mem(struct tw_out *o, const void *p, size_t len, unsigned flags)
{
	if (flags & TW__LOG_BIN)
		tw_out_mem(o, p, len);
	else
		hex_out(o, p, len);
}

static void
cbor_byte(struct tw_out *o, unsigned byte, unsigned flags)
{
	const unsigned char c = (unsigned char)byte;

	cbor_mem(o, &c, 1, flags);
}

/* The initial byte and the argument in the shortest form. */
static void
cbor_head(struct tw_out *o, unsigned major, uint64_t n, unsigned flags)
{
	unsigned char bytes[9];
	const int log = n <= UINT8_MAX ? 0
	    : n <= UINT16_MAX          ? 1
	    : n <= UINT32_MAX          ? 2
				       : 3;
	const size_t len = (size_t)1 << log;

	if (n < 24) {
		cbor_byte(o, major | (unsigned)n, flags);
		return;
	}
	bytes[0] = (unsigned char)(major | (24u + (unsigned)log));
	for (size_t i = len; i > 0; i--, n >>= 8)
		bytes[i] = (unsigned char)n;
	cbor_mem(o, bytes, len + 1, flags);
}

static void
cbor_string(struct tw_out *o, unsigned major, struct tw_str s, unsigned flags)
{
	cbor_head(o, major, s.len, flags);
	cbor_mem(o, s.p, s.len, flags);
}

static void
cbor_value(struct tw_out *o, const struct tw__logvalue *v, unsigned flags)
{
	switch (v->type) {
	case TW_SINT:
		if (v->n >= 0)
			cbor_head(o, CBOR_UINT, (uint64_t)v->n, flags);
		else
			cbor_head(o, CBOR_NINT, (uint64_t)(-1 - v->n), flags);
		break;
	case TW_BOOL:
		cbor_byte(o, CBOR_FALSE + (v->n != 0), flags);
		break;
	case TW_STRING:
		cbor_string(o, CBOR_TEXT, v->str, flags);
		break;
	case TW_BINARY:
		cbor_string(o, CBOR_BYTES, v->str, flags);
		break;
	default:
		cbor_byte(o, CBOR_NULL, flags);
	}
}

/* ---- both --------------------------------------------------------------- */

void
tw__logenc_put(struct tw_out *o, const struct tw__logvalue *v, unsigned flags)
{
	if (flags & TW__LOG_JSON)
		json_value(o, v);
	else
		cbor_value(o, v, flags);
}

void
tw__logenc_begin(struct tw_out *o, unsigned flags)
{
	if (flags & TW__LOG_JSON)
		tw_out_char(o, '{');
	else
		cbor_byte(o, CBOR_MAP_OPEN, flags);
}

void
tw__logenc_pair(struct tw_out *o, unsigned n, struct tw_str name,
    const struct tw__logvalue *v, unsigned flags)
{
	if (flags & TW__LOG_CBOR) {
		cbor_string(o, CBOR_TEXT, name, flags);
	} else {
		if (n > 0)
			tw_out_lit(o, ", ");
		json_string(o, name);
		tw_out_lit(o, ": ");
	}
	tw__logenc_put(o, v, flags);
}

void
tw__logenc_end(struct tw_out *o, unsigned flags)
{
	if (flags & TW__LOG_JSON)
		tw_out_char(o, '}');
	else
		cbor_byte(o, CBOR_BREAK, flags);
}
