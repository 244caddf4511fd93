/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cookie_edit.h - finding and changing one cookie among others.
 *
 * Knows Cookie and Set-Cookie values as text, nothing of servers. What it does
 * not change it copies as it came. source: RFC 6265 sections 4 and 5, with the
 * quotes, commas and $ attributes of RFC 2965 that clients still send.
 */
#ifndef TW_COOKIE_EDIT_H
#define TW_COOKIE_EDIT_H

#include <tideway/str.h>

/* One part of a Cookie value between delimiters; slices of that value. */
struct cookie_pair {
	struct tw_str all;   /* between the delimiters, blanks included */
	struct tw_str name;
	struct tw_str value; /* p NULL: there is no '=' */
	char delim;          /* what stands before it; 0: nothing */
};

/** tw__cookie_next - in: rest, what is left of a Cookie value; pair zeroed for
 * the first. out: pair. returns: false at the end. */
bool tw__cookie_next(struct tw_str *rest, struct cookie_pair *pair);
/** tw__cookie_is_attribute - "$Path" and the like belong to the cookie before. */
bool tw__cookie_is_attribute(const struct cookie_pair *pair);

/** tw__cookie_delete - writes a Cookie value without the cookies called `name`
 * and their attributes. out: at most value.len bytes; none: nothing is left and
 * the field shall go. */
void tw__cookie_delete(struct tw_str value, struct tw_str name, struct tw_out *out);
/** tw__cookie_strip - writes a Cookie value; of cookies called `name`, all up to
 * the first `mark` in the value is left out. out: at most value.len bytes. */
void tw__cookie_strip(struct tw_str value, struct tw_str name, char mark,
    struct tw_out *out);

/** tw__set_cookie_split - in: a Set-Cookie value. out: value, the cookie's; rest,
 * what follows that (attributes, with the blanks and ';' before them). returns:
 * false when it does not set `name`. */
bool tw__set_cookie_split(struct tw_str field, struct tw_str name,
    struct tw_str *value, struct tw_str *rest);

/** tw__cookie_date - five characters of base64 that tell a time in units of
 * four seconds. returns: 0 when they do not. */
uint32_t tw__cookie_date(struct tw_str s);
void tw__cookie_date_out(struct tw_out *out, uint32_t date);

#endif
