/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_fetch_cookie.c - fetches of cookies.
 *
 * A request's fields have pairs between semicolons, each Set-Cookie of a
 * response one pair and its attributes. With a name, the last of that name is
 * the value and conditions see all; without one, the first. Any worker.
 * source: HAProxy's manual, 7.3.6; RFC 6265.
 */
#include "http.h"
#include "http_fetch.h"

/* A walk over all pairs. */
struct jar {
	struct tw_msg *msg;
	enum tw_hdr_id id;
	struct tw_hdr *field; /* NULL: not begun */
	size_t pos;           /* in its value */
};

static bool
split_pair(struct tw_str pair, struct tw_str *name, struct tw_str *value)
{
	const char *const eq = pair.len > 0 ? memchr(pair.p, '=', pair.len) : NULL;

	if (eq == NULL)
		return false;
	*name = tw_str_trim((struct tw_str){ pair.p, (size_t)(eq - pair.p) });
	*value = tw_str_trim(
	    (struct tw_str){ eq + 1, (size_t)(pair.p + pair.len - eq - 1) });
	return true;
}

static bool
next_pair(struct jar *j, struct tw_str *name, struct tw_str *value)
{
	for (;;) {
		if (j->field == NULL || j->pos >= j->field->value_len) {
			j->field = j->field == NULL ? tw_msg_first(j->msg, j->id)
						    : tw_msg_next(j->msg, j->field);
			j->pos = 0;
			if (j->field == NULL)
				return false;
		}
		const char *const p = j->field->value + j->pos;
		const char *const end = j->field->value + j->field->value_len;
		const char *const stop = http_item_end(p, end, ';');
		j->pos = j->id == TW_H_SET_COOKIE
		    ? j->field->value_len
		    : (size_t)(stop - j->field->value) + 1;
		if (split_pair((struct tw_str){ p, (size_t)(stop - p) }, name, value))
			return true;
	}
}

static bool
next_named(struct jar *j, struct tw_str wanted, struct tw_str *value)
{
	struct tw_str name;

	while (next_pair(j, &name, value))
		if (wanted.len == 0 || tw_str_eq(name, wanted))
			return true;
	return false;
}

static struct tw_str
name_arg(const struct tw_arg_val *args)
{
	return args[0].type == TW_STRING ? args[0].str : TW_STR("");
}

/* cur: at[0]: how many were given. */
static bool
cookie(struct tw_msg *msg, enum tw_hdr_id id, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_str *value)
{
	struct jar j = { .msg = msg, .id = id };
	struct tw_str after;
	const struct tw_str name = name_arg(args);

	for (uint64_t skip = 0; skip <= cur->at[0]; skip++)
		if (!next_named(&j, name, value))
			return false;
	cur->at[0]++;
	cur->more = (cur->all || name.len > 0) && next_named(&j, name, &after);
	return true;
}

static int64_t
count(struct tw_msg *msg, enum tw_hdr_id id, const struct tw_arg_val *args)
{
	struct jar j = { .msg = msg, .id = id };
	struct tw_str value;
	int64_t n = 0;

	while (next_named(&j, name_arg(args), &value))
		n++;
	return n;
}

static bool
names(struct tw_req *req, struct tw_msg *msg, enum tw_hdr_id id,
    const struct tw_arg_val *args, struct tw_sample *out)
{
	struct jar j = { .msg = msg, .id = id };
	struct tw_str name, value;
	size_t room = 1;
	const char delim =
	    args[0].type == TW_STRING && args[0].str.len > 0 ? args[0].str.p[0] : ',';

	while (next_pair(&j, &name, &value))
		room += name.len + 1;
	char *const mem = tw_arena_try(tw_req_arena(req), room);
	if (mem == NULL)
		return false;
	struct tw_out o = tw_out_of(mem, room);
	for (j.field = NULL; next_pair(&j, &name, &value);) {
		if (o.p > mem)
			tw_out_char(&o, delim);
		tw_out_str(&o, name);
	}
	return tw_sample_str(
	    out, TW_STRING, (struct tw_str){ mem, (size_t)(o.p - mem) });
}

#define COOKIES(prefix, msg, id)                                      \
	HTTP_FETCH(prefix##_cook)                                     \
	{                                                             \
		struct tw_str value;                                  \
		return cookie(msg(req), id, args, cur, &value) &&     \
		    tw_sample_str(out, TW_STRING, value);             \
	}                                                             \
	HTTP_FETCH(prefix##_cook_val)                                 \
	{                                                             \
		struct tw_str value;                                  \
		return cookie(msg(req), id, args, cur, &value) &&     \
		    tw_sample_int(out, http_number(value));           \
	}                                                             \
	HTTP_FETCH(prefix##_cook_cnt)                                 \
	{                                                             \
		TW_GET_UNUSED;                                        \
		return tw_sample_int(out, count(msg(req), id, args)); \
	}                                                             \
	HTTP_FETCH(prefix##_cook_names)                               \
	{                                                             \
		TW_GET_UNUSED;                                        \
		return names(req, msg(req), id, args, out);           \
	}

COOKIES(req, tw_req_request, TW_H_COOKIE)
COOKIES(res, tw_req_response, TW_H_SET_COOKIE)
