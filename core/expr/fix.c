/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fix.c - messages of the Financial Information eXchange: fields "TAG=VALUE",
 * each ended by the byte 1.
 *
 * A frame is right when version, length and type lead it, the length is that of
 * what follows up to the checksum, and the checksum is the sum of all before it.
 * Pure. source: FIX 4.4 and FIXT 1.1, standard header and trailer.
 */
#include "config.h"

#include "expr/mqtt.h"

#define SOH '\001'
#define BODY_MAX 1000000
#define TRAILER 7 /* "10=nnn", SOH */

/* "TAG=VALUE" and the byte behind it. returns: 1; 0: it is not whole; -1. */
static int
take_field(struct tw_str *s, uint32_t *tag, struct tw_str *value)
{
	size_t i = 0;

	*tag = 0;
	while (i < s->len && s->p[i] >= '0' && s->p[i] <= '9' && i < 9)
		*tag = *tag * 10 + (uint32_t)(s->p[i++] - '0');
	if (i == s->len)
		return 0;
	if (i == 0 || s->p[i] != '=')
		return -1;
	const char *const from = s->p + i + 1, *const end = s->p + s->len;
	const char *const soh =
	    from < end ? memchr(from, SOH, (size_t)(end - from)) : NULL;
	if (soh == NULL)
		return 0;
	*value = (struct tw_str){ from, (size_t)(soh - from) };
	*s = (struct tw_str){ soh + 1, (size_t)(end - soh - 1) };
	return value->len > 0 ? 1 : -1;
}

static enum tw__seen
seen_of(int got)
{
	return got == 0 ? TW__SEEN_PART : TW__SEEN_NOT;
}

static bool
is_version(struct tw_str s)
{
	static const char *const versions[] = { "FIX.4.0", "FIX.4.1", "FIX.4.2",
		"FIX.4.3", "FIX.4.4", "FIXT.1.1" };

	for (size_t i = 0; i < TW_N_ELEMENTS(versions); i++)
		if (tw_str_eq(s, tw_str_of(versions[i])))
			return true;
	return false;
}

/* The body: whole fields, the first of which is the type. */
static bool
body_is_right(struct tw_str body)
{
	struct tw_str value;
	uint32_t tag;

	for (bool first = true; body.len > 0; first = false)
		if (take_field(&body, &tag, &value) != 1 || (first && tag != 35))
			return false;
	return true;
}

static bool
trailer_is_right(struct tw_str all, struct tw_str trailer)
{
	struct tw_str value;
	unsigned sum = 0;
	uint64_t want;
	uint32_t tag;

	if (take_field(&trailer, &tag, &value) != 1 || tag != 10 || value.len != 3 ||
	    trailer.len != 0 || !tw_str_to_u64(value, &want))
		return false;
	for (size_t i = 0; i < all.len - TRAILER; i++)
		sum += (unsigned char)all.p[i];
	return want == sum % 256;
}

enum tw__seen
tw__fix_parse(struct tw_str s)
{
	struct tw_str rest = s, value;
	uint32_t tag;
	uint64_t len;
	int got = take_field(&rest, &tag, &value);

	/* the version may be known to be wrong before it is whole */
	if (got == 0 && (s.len > 12 || (s.len > 0 && s.p[0] != '8')))
		return TW__SEEN_NOT;
	if (got != 1)
		return seen_of(got);
	if (tag != 8 || !is_version(value))
		return TW__SEEN_NOT;
	got = take_field(&rest, &tag, &value);
	if (got != 1)
		return rest.len > 12 ? TW__SEEN_NOT : seen_of(got);
	if (tag != 9 || !tw_str_to_u64(value, &len) || len == 0 || len > BODY_MAX)
		return TW__SEEN_NOT;
	if (rest.len < len + TRAILER)
		return TW__SEEN_PART;
	s.len = (size_t)(rest.p - s.p) + (size_t)len + TRAILER;
	return body_is_right((struct tw_str){ rest.p, (size_t)len }) &&
		trailer_is_right(s, (struct tw_str){ rest.p + len, TRAILER })
	    ? TW__SEEN_ALL
	    : TW__SEEN_NOT;
}

struct tw_str
tw__fix_tag(struct tw_str s, uint32_t tag)
{
	struct tw_str value;
	uint32_t is;

	while (take_field(&s, &is, &value) == 1) {
		if (is == tag)
			return value;
		if (is == 10) /* the end of the first message */
			break;
	}
	return (struct tw_str){ NULL, 0 };
}
