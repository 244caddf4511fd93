/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1_parse.c - from received bytes to a message head (step read, response).
 *
 * One pass over the bytes fills the message with slices of the buffer. A head
 * that is not whole yet is tried once; after that only new bytes are searched
 * for its end, so that a peer who sends single bytes costs no more than his
 * bytes. Lines end with CRLF and nothing else, folded lines are refused: what
 * two parsers could read differently is read by none. RFC 9112 sections 2 to 5.
 */
#include "config.h"

#include <stdatomic.h>

#include "h1.h"
#include "http.h"

static enum tw_io
field_name(struct tw_stream *st, const char **p, const char *end, struct tw_hdr *h)
{
	const char *s = *p;

	while (s < end && h1_is(*s, H1_TOKEN))
		s++;
	if (s == end)
		return s - *p > UINT16_MAX
		    ? tw__h1_refuse(st, 400, "field name too long")
		    : TW_IO_AGAIN;
	if (TW_UNLIKELY(*s != ':' || s == *p || s - *p > UINT16_MAX)) {
		if (s == *p && (*s == ' ' || *s == '\t'))
			return tw__h1_refuse_at(st, s, 400, "folded field line");
		if (s == *p && *s == ':')
			return tw__h1_refuse_at(st, s, 400, "empty field name");
		if (*s == ' ' || *s == '\t')
			return tw__h1_refuse_at(st, s, 400, "space before the colon");
		return tw__h1_refuse_at(
		    st, s, 400, "invalid character in a field name");
	}
	h->name = *p;
	h->name_len = (uint16_t)(s - *p);
	h->id = (uint8_t)tw_hdr_id((struct tw_str){ h->name, h->name_len });
	h->flags = 0;
	*p = s + 1;
	return TW_IO_OK;
}

enum tw_io
tw__h1_line(struct tw_stream *st, const char **p, const char *end, struct tw_hdr *h)
{
	const char *s = *p;
	const enum tw_io r = field_name(st, &s, end, h);

	if (TW_UNLIKELY(r != TW_IO_OK))
		return r;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	const char *value = s;

	while ((s = tw__h1_ctl(s, end)) < end && *s == '\t')
		s++;
	if (TW_UNLIKELY(end - s < 2))
		return s == end || *s == '\r'
		    ? TW_IO_AGAIN
		    : tw__h1_refuse_at(st, s, 400, "control byte in a field value");
	if (TW_UNLIKELY(s[0] != '\r' || s[1] != '\n'))
		return tw__h1_refuse_at(st, s + (s[0] == '\r'), 400,
		    s[0] == '\r' || s[0] == '\n' ? "bare CR or LF"
						 : "control byte in a field value");
	*p = s + 2;
	while (s > value && (s[-1] == ' ' || s[-1] == '\t'))
		s--;
	h->value = value;
	h->value_len = (uint32_t)(s - value);
	return TW_IO_OK;
}

static enum tw_io
fields(struct tw_stream *st, const char **p, const char *end, struct tw_msg *msg)
{
	for (;;) {
		if (TW_UNLIKELY(*p == end))
			return TW_IO_AGAIN;
		if (**p == '\r') {
			if (end - *p < 2)
				return TW_IO_AGAIN;
			if ((*p)[1] != '\n')
				return tw__h1_refuse_at(
				    st, *p + 1, 400, "bare CR or LF");
			*p += 2;
			return TW_IO_OK;
		}
		if (TW_UNLIKELY(**p == '\n'))
			return tw__h1_refuse_at(st, *p, 400, "bare CR or LF");
		if (TW_UNLIKELY(msg->n_hdr == TW_MAX_HDR))
			return tw__h1_refuse_at(st, *p, 431, "too many fields");
		struct tw_hdr *h = &msg->hdr[msg->n_hdr];
		const enum tw_io r = tw__h1_line(st, p, end, h);

		if (TW_UNLIKELY(r != TW_IO_OK))
			return r;
		msg->n_hdr++;
		if (h->id != TW_H_OTHER && msg->first[h->id] == 0)
			msg->first[h->id] = msg->n_hdr;
	}
}

/* The first byte that is none of a version's. */
static int
version_bad(const char *p)
{
	static const char like[] = "HTTP/0.0";
	int i = 0;

	while (i < 7 && (like[i] == '0' ? p[i] >= '0' && p[i] <= '9' : p[i] == like[i]))
		i++;
	return i;
}

/* "HTTP/1.1" at p, with at least 8 bytes there. */
static enum tw_io
version(struct tw_stream *st, const char *p, struct tw_msg *msg)
{
	if (TW_UNLIKELY(memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' ||
		p[6] != '.' || p[7] < '0' || p[7] > '9'))
		return tw__h1_refuse_at(
		    st, p + version_bad(p), 400, "malformed version");
	msg->major = (uint8_t)(p[5] - '0');
	msg->minor = (uint8_t)(p[7] - '0');
	if (TW_UNLIKELY(msg->major != 1))
		return tw__h1_refuse_at(st, p + 5, 505, "unknown major version");
	return TW_IO_OK;
}

/* A line's last part is followed by CRLF, or by nothing yet. */
static enum tw_io
line_end(struct tw_stream *st, const char **p, const char *end, const char *why)
{
	const char *s = *p;

	if (end - s >= 2 && s[0] == '\r' && s[1] == '\n') {
		*p = s + 2;
		return TW_IO_OK;
	}
	if (s == end || (*s == '\r' && end - s == 1))
		return TW_IO_AGAIN;
	return tw__h1_refuse_at(st, s + (*s == '\r'), 400,
	    *s == '\r' || *s == '\n' ? "bare CR or LF" : why);
}

static enum tw_io
request_line(struct tw_stream *st, const char **p, const char *end, struct tw_msg *msg)
{
	const char *s = *p;

	while (s < end && h1_is(*s, H1_TOKEN))
		s++;
	if (s == end)
		return TW_IO_AGAIN;
	if (TW_UNLIKELY(*s != ' ' || s == *p))
		return tw__h1_refuse_at(st, s, 400, "invalid method");
	msg->method_name = (struct tw_str){ *p, (size_t)(s - *p) };
	msg->method = (uint8_t)tw_method_of(msg->method_name);
	const char *target = ++s;

	while (s < end && h1_is(*s, H1_TARGET))
		s++;
	if (s == end)
		return TW_IO_AGAIN;
	if (TW_UNLIKELY(*s != ' ' || s == target))
		return tw__h1_refuse_at(st, s, 400, "invalid request target");
	msg->target = (struct tw_str){ target, (size_t)(s - target) };
	s++;
	if (end - s < 8)
		return TW_IO_AGAIN;
	if (version(st, s, msg) != TW_IO_OK)
		return TW_IO_ERR;
	*p = s + 8;
	return line_end(st, p, end, "malformed version");
}

static enum tw_io
status_line(struct tw_stream *st, const char **p, const char *end, struct tw_msg *msg)
{
	const char *s = *p;

	if (end - s < 13)
		return memcmp(s, "HTTP/1.", end - s < 7 ? (size_t)(end - s) : 7) == 0
		    ? TW_IO_AGAIN
		    : tw__h1_refuse(st, 502, "not an HTTP/1 response");
	if (version(st, s, msg) != TW_IO_OK)
		return TW_IO_ERR;
	for (int i = 9; i < 12; i++) {
		if (s[i] < '0' || s[i] > '9')
			return tw__h1_refuse_at(st, s + i, 502, "malformed status");
	}
	msg->status = (uint16_t)((s[9] - '0') * 100 + (s[10] - '0') * 10 + s[11] - '0');
	if (s[8] != ' ' || msg->status < 100 || (s[12] != ' ' && s[12] != '\r'))
		return tw__h1_refuse(st, 502, "malformed status");
	s += s[12] == ' ' ? 13 : 12;
	const char *reason = s;

	while ((s = tw__h1_ctl(s, end)) < end && *s == '\t')
		s++;
	msg->reason = (struct tw_str){ reason, (size_t)(s - reason) };
	*p = s;
	return line_end(st, p, end, "control byte in a reason phrase");
}

/* Blank lines before a request line are forgiven (RFC 9112 section 2.2), within
 * reason, and consumed at once, so that they do not look like a request. */
static enum tw_io
skip_blank(struct tw_stream *st, struct tw_buf *in)
{
	while (in->tail - in->head >= 2 && in->base[in->head] == '\r' &&
	    in->base[in->head + 1] == '\n') {
		if (++st->own[H1_OWN_BLANK] > H1_MAX_BLANK)
			return tw__h1_refuse(st, 400, "too many blank lines");
		in->head += 2;
		st->scanned = 0;
	}
	return TW_IO_OK;
}

/* Is there something in the bytes not looked at yet that decides: the blank
 * line, or a line end that is none? */
static bool
worth_parsing(const struct tw_stream *st, const char *p, const char *end)
{
	const char *s = p + (st->scanned > 3 ? st->scanned - 3 : 0);

	while ((s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
		if (s == p || s[-1] != '\r')
			return true;
		if (s - p >= 3 && s[-2] == '\n')
			return true;
		s++;
	}
	return false;
}

static enum tw_io
incomplete(struct tw_stream *st, const struct tw_buf *in, bool eof)
{
	const char *p = in->base + in->head;
	const uint32_t len = in->tail - in->head;

	st->scanned = len;
	if (eof)
		return tw__h1_refuse(st, 400, "connection closed within the head");
	if (len < in->size)
		return TW_IO_AGAIN;
	if (!memchr(p, '\n', len))
		return tw__h1_refuse(st, 414, "start line too long");
	return tw__h1_refuse(st, 431, "head too large");
}

static enum tw_io
meaning(struct tw_stream *st, struct tw_msg *msg, const struct tw_msg *request,
    struct tw_str raw)
{
	msg->raw = raw;
	if (TW_UNLIKELY(
		atomic_load_explicit(&tw__http_is_limited, memory_order_relaxed)) &&
	    tw__http_has_too_many(st->px, msg))
		return tw__h1_refuse(st, 431, "too many fields");
	return tw__h1_meaning(st, msg, request);
}

/* What was wrong stays in st->why, for who wants to know. */
static enum tw_io __attribute__((noinline, cold)) again_loosely(struct tw_stream *st,
    const struct tw_buf *in, struct tw_msg *msg, const struct tw_msg *request)
{
	const char *const begin = in->base + in->head, *p = begin;
	const char *const why = st->why;

	st->state &= (uint8_t)~H1_PORT;
	enum tw_io r = tw__h1_loose_head(st, &p, in->base + in->tail, msg);

	if (r == TW_IO_OK)
		r = meaning(
		    st, msg, request, (struct tw_str){ begin, (size_t)(p - begin) });
	st->state &= (uint8_t)~H1_LOOSE;
	if (r != TW_IO_ERR)
		st->why = why;
	return r;
}

enum tw_io
tw__h1_read_head(struct tw_stream *st, struct tw_buf *in, struct tw_msg *msg,
    const struct tw_msg *request, bool eof)
{
	st->state = request ? H1_RESPONSE : 0;
	if (!request && skip_blank(st, in) != TW_IO_OK)
		return TW_IO_ERR;
	if (in->head == in->tail)
		return eof ? TW_IO_END : TW_IO_AGAIN;
	const char *const begin = in->base + in->head;
	const char *const end = in->base + in->tail;
	const char *p = begin;

	if (st->scanned > 0 && !worth_parsing(st, begin, end))
		return incomplete(st, in, eof);
	memset(msg, 0, offsetof(struct tw_msg, hdr));
	msg->flags = request ? TW_MSG_RESPONSE : 0;
	/* A lone CR may become a blank line. */
	enum tw_io r = !request && *p == '\r' && end - p == 1 ? TW_IO_AGAIN
	    : request ? status_line(st, &p, end, msg)
		      : request_line(st, &p, end, msg);

	if (r == TW_IO_OK)
		r = fields(st, &p, end, msg);
	if (r == TW_IO_AGAIN)
		return incomplete(st, in, eof);
	if (r == TW_IO_OK)
		r = meaning(
		    st, msg, request, (struct tw_str){ begin, (size_t)(p - begin) });
	if (TW_UNLIKELY(r != TW_IO_OK)) {
		if (tw__h1_is_loose(st))
			r = again_loosely(st, in, msg, request);
		if (r == TW_IO_AGAIN)
			return incomplete(st, in, eof);
		if (r != TW_IO_OK)
			return r;
	}
	in->head += (uint32_t)msg->raw.len;
	if (TW_UNLIKELY(st->state & H1_PORT)) {
		st->state &= (uint8_t)~H1_PORT;
		tw__h1_drop_port(in, msg);
	}
	st->scanned = 0;
	st->own[0] = st->own[1] = 0;
	return TW_IO_OK;
}
