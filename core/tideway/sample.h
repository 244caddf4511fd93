/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * sample.h - a typed value, as fetches take and converters change it.
 */
#ifndef TIDEWAY_SAMPLE_H
#define TIDEWAY_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include <tideway/str.h>

enum tw_type {
	TW_ANY, TW_BOOL, TW_SINT, TW_IPV4, TW_IPV6, TW_STRING, TW_BINARY, TW_METH,
};

struct tw_sample {
	uint8_t type;   /* enum tw_type */
	bool may_change; /* may differ when asked again in the same step */
	union {
		int64_t n;         /* BOOL, SINT */
		uint8_t ip[16];    /* IPV4: first 4 bytes */
		struct tw_str str; /* STRING, BINARY; METH: the token */
	} u;
	uint8_t method; /* METH: enum tw_method */
};

/* What a fetch or a converter gives. returns: true, as they do then. */
static inline bool
tw_sample_int(struct tw_sample *out, int64_t n)
{
	out->type = TW_SINT;
	out->u.n = n;
	return true;
}

static inline bool
tw_sample_bool(struct tw_sample *out, bool value)
{
	out->type = TW_BOOL;
	out->u.n = value;
	return true;
}

/** tw_sample_str - in: type, STRING or BINARY; s, borrowed. */
static inline bool
tw_sample_str(struct tw_sample *out, enum tw_type type, struct tw_str s)
{
	out->type = (uint8_t)type;
	out->u.str = s;
	return true;
}

#endif
