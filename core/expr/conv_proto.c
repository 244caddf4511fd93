/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_proto.c - converters of protocol buffers and gRPC messages.
 *
 * Fields are found by their numbers alone ("48.59.1"): the last number names
 * the value, those before it messages that hold it. Every length from a peer
 * is held against what is left. Any worker.
 * source: HAProxy's manual, 7.3.1; the encoding of protocol buffers.
 */
#include "config.h"

#include "expr/conv.h"

#define DEPTH_MAX 16

enum wire { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5, RAW = 7 };

struct pb_field {
	uint32_t number[DEPTH_MAX];
	int depth;
	enum wire wire; /* of the value; RAW: any, as bytes */
	int type;       /* index into types; -1: none given */
};

static const struct {
	const char *name;
	enum wire wire;
	bool zigzag, narrow, is_signed;
} types[] = {
	{ "int32", VARINT, false, true, true },
	{ "int64", VARINT, false, false, true },
	{ "uint32", VARINT, false, true, false },
	{ "uint64", VARINT, false, false, false },
	{ "sint32", VARINT, true, true, true },
	{ "sint64", VARINT, true, false, true },
	{ "bool", VARINT, false, false, false },
	{ "enum", VARINT, false, true, true },
	{ "fixed64", FIXED64, false, false, false },
	{ "sfixed64", FIXED64, false, false, true },
	{ "double", FIXED64, false, false, true },
	{ "fixed32", FIXED32, false, true, false },
	{ "sfixed32", FIXED32, false, true, true },
	{ "float", FIXED32, false, true, true },
};

static int
read_numbers(struct tw_arg_val *arg, struct pb_field *f, struct tw_err *err)
{
	const char *p = arg->str.p;

	while (f->depth < DEPTH_MAX) {
		uint64_t n = 0;
		const char *const start = p;
		while (*p >= '0' && *p <= '9' && n < (1u << 29))
			n = n * 10 + (unsigned)(*p++ - '0');
		if (p == start || n == 0 || n >= (1u << 29))
			break;
		f->number[f->depth++] = (uint32_t)n;
		if (*p == '\0')
			return 0;
		if (*p++ != '.')
			break;
	}
	return tw_err_set(
	    err, "'%s' is not a field: write numbers with dots, 48.59.1", arg->str.p);
}

TW__CHECK(field)
{
	struct pb_field *const f = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*f));

	f->type = -1;
	f->wire = RAW;
	args[0].ptr = f;
	if (read_numbers(&args[0], f, err) != 0)
		return -1;
	if (!tw__arg_is(&args[1]))
		return 0;
	for (size_t i = 0; i < TW_N_ELEMENTS(types); i++) {
		if (strcmp(args[1].str.p, types[i].name) != 0)
			continue;
		f->type = (int)i;
		f->wire = types[i].wire;
		return 0;
	}
	return tw_err_set(err,
	    "the type '%s' is unknown: write int32, uint64, bool, ...", args[1].str.p);
}

static bool
read_varint(struct tw_str *s, uint64_t *out)
{
	uint64_t n = 0;

	for (unsigned shift = 0; s->len > 0 && shift < 64; shift += 7) {
		const unsigned char c = (unsigned char)s->p[0];
		s->p++;
		s->len--;
		n |= (uint64_t)(c & 0x7f) << shift;
		if ((c & 0x80) == 0) {
			*out = n;
			return true;
		}
	}
	return false;
}

static uint64_t
little_endian(const char *p, size_t len)
{
	uint64_t n = 0;

	while (len-- > 0)
		n = n << 8 | (unsigned char)p[len];
	return n;
}

/* One field at the beginning of `s`, which moves behind it. out: number, wire,
 * value: its bytes (of LENGTH: without the length); n: of VARINT. */
static bool
next_field(struct tw_str *s, uint32_t *number, enum wire *wire, struct tw_str *value,
    uint64_t *n)
{
	uint64_t key, len;

	if (!read_varint(s, &key) || key >> 3 == 0 || key >> 3 >= (1u << 29))
		return false;
	*number = (uint32_t)(key >> 3);
	*wire = (enum wire)(key & 7);
	*value = *s;
	switch (*wire) {
	case VARINT:
		if (!read_varint(s, n))
			return false;
		value->len -= s->len;
		return true;
	case FIXED64:
		len = 8;
		break;
	case FIXED32:
		len = 4;
		break;
	case LENGTH:
		if (!read_varint(s, &len))
			return false;
		break;
	default:
		return false;
	}
	if (len > s->len)
		return false;
	*value = (struct tw_str){ s->p, (size_t)len };
	*s = (struct tw_str){ s->p + len, s->len - (size_t)len };
	return true;
}

static double
real_of(const char *p, enum wire wire)
{
	double d;
	float f;

	if (wire == FIXED64) {
		memcpy(&d, p, sizeof(d));
		return d;
	}
	memcpy(&f, p, sizeof(f));
	return f;
}

static bool
set_number(
    const struct pb_field *f, struct tw_str value, uint64_t n, struct tw_sample *s)
{
	const char *const name = types[f->type].name;

	if (f->wire != VARINT)
		n = little_endian(value.p, value.len);
	if (strcmp(name, "double") == 0 || strcmp(name, "float") == 0) {
		const double d = real_of(value.p, f->wire);
		if (!(d > -9.2e18 && d < 9.2e18))
			return false;
		n = (uint64_t)(int64_t)d;
	} else if (types[f->type].zigzag) {
		n = n >> 1 ^ (0 - (n & 1));
	}
	if (types[f->type].narrow && f->wire != RAW && strcmp(name, "float") != 0)
		n = types[f->type].is_signed ? (uint64_t)(int64_t)(int32_t)n
					     : (uint32_t)n;
	s->u.n = (int64_t)n;
	s->type = TW_SINT;
	return true;
}

static bool
find(const struct pb_field *f, struct tw_str msg, struct tw_sample *s)
{
	int depth = 0;
	uint32_t number;
	enum wire wire;
	struct tw_str value;
	uint64_t n = 0;

	while (msg.len > 0 && next_field(&msg, &number, &wire, &value, &n)) {
		if (number != f->number[depth])
			continue;
		if (depth + 1 < f->depth) {
			if (wire != LENGTH)
				return false;
			msg = value;
			depth++;
			continue;
		}
		if (f->type < 0)
			return tw__set_text(s, TW_BINARY, value.p, value.len);
		return wire == f->wire && set_number(f, value, n, s);
	}
	return false;
}

TW__CONV(protobuf)
{
	(void)req;
	return find(args[0].ptr, s->u.str, s);
}

#define GRPC_HEAD 5 /* a flag, the length */

TW__CONV(ungrpc)
{
	struct tw_str left = s->u.str;

	(void)req;
	while (left.len > GRPC_HEAD) {
		const unsigned char *const p = (const unsigned char *)left.p;
		const size_t len =
		    (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
		if (p[0] != 0 || len > left.len - GRPC_HEAD)
			return false; /* compressed, or not all is there */
		if (find(args[0].ptr, (struct tw_str){ left.p + GRPC_HEAD, len }, s))
			return true;
		left = (struct tw_str){ left.p + GRPC_HEAD + len,
			left.len - GRPC_HEAD - len };
	}
	return false;
}

const struct tw_conv tw__conv_proto[] = {
	{ "protobuf", "s,[s]", TW_BINARY, TW_ANY, conv_protobuf, check_field,
	    "(numbers, type) A field of a protocol buffers message." },
	{ "ungrpc", "s,[s]", TW_BINARY, TW_ANY, conv_ungrpc, check_field,
	    "(numbers, type) A field of a gRPC message." },
	{ .name = NULL },
};
