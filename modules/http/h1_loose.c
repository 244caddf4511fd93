/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1_loose.c - heads that the parser has refused, where an option tolerates it.
 *
 * A second look, for option accept-unsafe-violations-in-http-request and
 * -response: any byte in a field's name or value, any visible one in a target, a
 * fragment there, versions of several digits, a GET without a version, and no
 * word on whether Host and target agree. What says where a message or a line
 * ends is never tolerated: bare CR or LF, folded lines, blanks around a name,
 * lengths that contradict each other. Any thread. source: HAProxy's manual, 4.2.
 */
#include "config.h"

#include "h1.h"

/* A line's end, CRLF and nothing else. in: p. out: stop, at its CR. returns: OK;
 * AGAIN; ERR. */
static enum tw_io
line_find(struct tw_stream *st, const char *p, const char *end, const char **stop)
{
	const char *const nl = memchr(p, '\n', (size_t)(end - p));
	const char *const cr = memchr(p, '\r', (size_t)((nl != NULL ? nl : end) - p));

	if (nl == NULL)
		return cr == NULL || cr == end - 1
		    ? TW_IO_AGAIN
		    : tw__h1_refuse(st, 400, "bare CR or LF");
	if (cr == NULL || cr + 1 != nl)
		return tw__h1_refuse(st, 400, "bare CR or LF");
	*stop = cr;
	return TW_IO_OK;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static enum tw_io
field(struct tw_stream *st, const char *p, const char *stop, struct tw_hdr *h)
{
	const char *const colon = memchr(p, ':', (size_t)(stop - p));

	if (colon == NULL || colon == p || colon - p > UINT16_MAX)
		return tw__h1_refuse(st, 400, "no field name");
	if (is_blank(*p) || is_blank(colon[-1]))
		return tw__h1_refuse(st, 400,
		    is_blank(*p) ? "folded field line" : "space before the colon");
	const char *value = colon + 1;

	while (value < stop && is_blank(*value))
		value++;
	while (stop > value && is_blank(stop[-1]))
		stop--;
	*h = (struct tw_hdr){ .name = p,
		.name_len = (uint16_t)(colon - p),
		.value = value,
		.value_len = (uint32_t)(stop - value) };
	h->id = (uint8_t)tw_hdr_id((struct tw_str){ h->name, h->name_len });
	return TW_IO_OK;
}

static enum tw_io
fields(struct tw_stream *st, const char **p, const char *end, struct tw_msg *msg)
{
	const char *stop;

	for (;;) {
		enum tw_io r = line_find(st, *p, end, &stop);

		if (r != TW_IO_OK)
			return r;
		if (stop == *p) {
			*p += 2;
			return TW_IO_OK;
		}
		if (msg->n_hdr == TW_MAX_HDR)
			return tw__h1_refuse(st, 431, "too many fields");
		struct tw_hdr *const h = &msg->hdr[msg->n_hdr];
		r = field(st, *p, stop, h);
		if (r != TW_IO_OK)
			return r;
		msg->n_hdr++;
		if (h->id != TW_H_OTHER && msg->first[h->id] == 0)
			msg->first[h->id] = msg->n_hdr;
		*p = stop + 2;
	}
}

static const char *
digits(const char *p, const char *end, unsigned *n)
{
	*n = 0;
	while (p < end && *p >= '0' && *p <= '9') {
		*n = *n * 10 + (unsigned)(*p++ - '0');
		if (*n > 1000)
			*n = 1000;
	}
	return p;
}

/* "HTTP/1.1", "HTTP/01.001"; what is newer than 1.1 is taken for that. */
static enum tw_io
version(struct tw_stream *st, struct tw_str v, struct tw_msg *msg)
{
	const char *p = v.p, *const end = v.p + v.len;
	unsigned major, minor;

	if (v.len < 8 || memcmp(p, "HTTP/", 5) != 0)
		return tw__h1_refuse(st, 400, "malformed version");
	const char *const dot = digits(p + 5, end, &major);
	if (dot == p + 5 || dot == end || *dot != '.')
		return tw__h1_refuse(st, 400, "malformed version");
	p = digits(dot + 1, end, &minor);
	if (p == dot + 1 || p != end)
		return tw__h1_refuse(st, 400, "malformed version");
	if (major != 1)
		return tw__h1_refuse(st, 505, "unknown major version");
	msg->major = 1;
	msg->minor = minor > 0;
	return TW_IO_OK;
}

static bool
is_target(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p > ' ' && *p != 0x7f)
		p++;
	return p == end;
}

static enum tw_io
request_line(struct tw_stream *st, const char *p, const char *stop, struct tw_msg *msg)
{
	const char *s = p;

	while (s < stop && h1_is(*s, H1_TOKEN))
		s++;
	if (s == stop || *s != ' ' || s == p)
		return tw__h1_refuse(st, 400, "invalid method");
	msg->method_name = (struct tw_str){ p, (size_t)(s - p) };
	msg->method = (uint8_t)tw_method_of(msg->method_name);
	const char *const target = s + 1;
	const char *const sp = memchr(target, ' ', (size_t)(stop - target));
	const char *const behind = sp != NULL ? sp : stop;

	if (behind == target || !is_target(target, behind))
		return tw__h1_refuse(st, 400, "invalid request target");
	msg->target = (struct tw_str){ target, (size_t)(behind - target) };
	if (sp != NULL)
		return version(
		    st, (struct tw_str){ sp + 1, (size_t)(stop - sp - 1) }, msg);
	if (msg->method != TW_M_GET) /* RFC 1945: there is nothing else in HTTP/0.9 */
		return tw__h1_refuse(st, 400, "no version");
	msg->major = 1; /* as HTTP/1.0, which the answer may be in, too */
	msg->minor = 0;
	return TW_IO_OK;
}

static enum tw_io
status_line(struct tw_stream *st, const char *p, const char *stop, struct tw_msg *msg)
{
	const char *const sp = memchr(p, ' ', (size_t)(stop - p));
	unsigned status;

	if (sp == NULL)
		return tw__h1_refuse(st, 502, "malformed status");
	if (version(st, (struct tw_str){ p, (size_t)(sp - p) }, msg) != TW_IO_OK)
		return TW_IO_ERR;
	const char *const s = digits(sp + 1, stop, &status);
	if (s != sp + 4 || status < 100 || (s < stop && *s != ' '))
		return tw__h1_refuse(st, 502, "malformed status");
	msg->status = (uint16_t)status;
	msg->reason = s < stop ? (struct tw_str){ s + 1, (size_t)(stop - s - 1) }
			       : (struct tw_str){ s, 0 };
	return TW_IO_OK;
}

enum tw_io
tw__h1_loose_head(
    struct tw_stream *st, const char **p, const char *end, struct tw_msg *msg)
{
	const unsigned flags = msg->flags & TW_MSG_RESPONSE;
	const char *stop;

	memset(msg, 0, offsetof(struct tw_msg, hdr));
	msg->flags = (uint16_t)flags;
	enum tw_io r = line_find(st, *p, end, &stop);
	if (r != TW_IO_OK)
		return r;
	r = flags != 0 ? status_line(st, *p, stop, msg)
		       : request_line(st, *p, stop, msg);
	if (r != TW_IO_OK)
		return r;
	*p = stop + 2;
	r = fields(st, p, end, msg);
	st->state |= H1_LOOSE;
	return r;
}

/* Whoever is meant: the first Host field, or else the target says so. */
const char *
tw__h1_loose_host(struct tw_msg *msg, struct tw_str authority)
{
	struct tw_hdr *const h = tw_msg_first(msg, TW_H_HOST);

	if (h != NULL && tw_msg_next(msg, h) != NULL)
		return "more than one Host field";
	msg->host = h != NULL ? tw_hdr_value(h) : authority;
	return NULL;
}
