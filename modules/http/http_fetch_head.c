/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_fetch_head.c - fetches of all fields of a head at once.
 *
 * Names are given in lower case, as HAProxy keeps them. Any worker.
 * source: HAProxy's manual, 7.3.6; SPOE's variable length integers.
 */
#include <ctype.h>

#include "http.h"
#include "http_fetch.h"

static void
out_lower(struct tw_out *o, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		tw_out_char(o, (char)tolower((unsigned char)p[i]));
}

/* Below 240 one byte, else four bits and then seven in each that follows. */
static void
out_varint(struct tw_out *o, uint64_t n)
{
	if (n < 240) {
		tw_out_char(o, (char)n);
		return;
	}
	tw_out_char(o, (char)(n | 240));
	for (n = (n - 240) >> 4; n >= 128; n = (n - 128) >> 7)
		tw_out_char(o, (char)(n | 128));
	tw_out_char(o, (char)n);
}

static size_t
room_for(const struct tw_msg *msg)
{
	size_t room = 32;

	for (int i = 0; i < msg->n_hdr; i++)
		room += msg->hdr[i].name_len + (size_t)msg->hdr[i].value_len + 12;
	return room;
}

enum form { TEXT, BINARY, NAMES };

static void
out_field(struct tw_out *o, const struct tw_hdr *h, enum form form)
{
	if (form == BINARY)
		out_varint(o, h->name_len);
	out_lower(o, h->name, h->name_len);
	if (form == NAMES)
		return;
	if (form == TEXT)
		tw_out_lit(o, ": ");
	else
		out_varint(o, h->value_len);
	tw_out_mem(o, h->value, h->value_len);
	if (form == TEXT)
		tw_out_lit(o, "\r\n");
}

/* Connection is between two neighbours; HAProxy takes it out, but for what it
 * says of an upgrade. */
static bool
is_shown(const struct tw_msg *msg, const struct tw_hdr *h)
{
	if (h->flags & TW_HDR_DELETED)
		return false;
	return h->id != TW_H_CONNECTION || (msg->flags & TW_MSG_UPGRADE) != 0;
}

static bool
all(struct tw_req *req, struct tw_msg *msg, enum form form, char delim,
    struct tw_sample *out)
{
	const size_t room = room_for(msg);
	char *const mem = tw_arena_try(tw_req_arena(req), room);

	if (mem == NULL)
		return false;
	struct tw_out o = tw_out_of(mem, room);
	for (int i = 0; i < msg->n_hdr; i++) {
		if (!is_shown(msg, &msg->hdr[i]))
			continue;
		if (form == NAMES && o.p > mem)
			tw_out_char(&o, delim);
		out_field(&o, &msg->hdr[i], form);
	}
	if (form == TEXT)
		tw_out_lit(&o, "\r\n");
	if (form == BINARY)
		tw_out_mem(&o, "\0\0", 2);
	out->type = form == BINARY ? TW_BINARY : TW_STRING;
	out->u.str = (struct tw_str){ mem, (size_t)(o.p - mem) };
	return true;
}

static char
delim_of(const struct tw_arg_val *args)
{
	return args[0].type == TW_STRING && args[0].str.len > 0 ? args[0].str.p[0]
								: ',';
}

#define HEADS(prefix, msg)                                             \
	HTTP_FETCH(prefix##_hdrs)                                      \
	{                                                              \
		TW_GET_UNUSED;                                         \
		return all(req, msg(req), TEXT, 0, out);               \
	}                                                              \
	HTTP_FETCH(prefix##_hdrs_bin)                                  \
	{                                                              \
		TW_GET_UNUSED;                                         \
		return all(req, msg(req), BINARY, 0, out);             \
	}                                                              \
	HTTP_FETCH(prefix##_hdr_names)                                 \
	{                                                              \
		TW_GET_UNUSED;                                         \
		return all(req, msg(req), NAMES, delim_of(args), out); \
	}

HEADS(req, tw_req_request)
HEADS(res, tw_req_response)
