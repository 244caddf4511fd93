/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1_body.c - framing of bodies in both directions (send, deliver).
 *
 * Reading decodes in place. Small chunks that lie in the buffer together are
 * moved together, so that a server that writes in small pieces does not cost a
 * system call each. Sizes, extensions, line ends and trailers are as strict as
 * heads are, and bounded. Any thread. RFC 9112 sections 6 and 7.
 */
#include "config.h"

#include <tideway/assert.h>

#include "h1.h"

#define MERGE_BYTES 4096 /* a longer chunk is not moved to its predecessor */

static void
chunk_set(struct tw_stream *st, enum h1_chunk state)
{
	st->state = (uint8_t)((st->state & ~H1_STATE) | state);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return (c | 0x20) - 'a' + 10;
}

static enum tw_io
chunk_digits(struct tw_stream *st, const char **p, const char *end)
{
	const char *s = *p;

	for (; s < end && h1_is(*s, H1_HEX); s++) {
		if (st->left >> 59 != 0)
			return tw__h1_refuse(st, 400, "chunk too large");
		st->left = st->left << 4 | (unsigned)hex_value(*s);
		chunk_set(st, H1_DIGITS);
	}
	*p = s;
	if (s == end)
		return TW_IO_AGAIN;
	if ((st->state & H1_STATE) == H1_SIZE)
		return tw__h1_refuse(st, 400, "malformed chunk size");
	if (*s == '\r') {
		chunk_set(st, H1_SIZE_LF);
		*p = s + 1;
	} else if (*s == ';' || *s == ' ' || *s == '\t') {
		chunk_set(st, H1_EXT);
	} else {
		return tw__h1_refuse(st, 400, "malformed chunk size");
	}
	return TW_IO_OK;
}

/* What an extension may say is of no interest; it may not hide a line end. */
static enum tw_io
chunk_ext(struct tw_stream *st, const char **p, const char *end)
{
	const char *s = *p;

	while ((s = tw__h1_ctl(s, end)) < end && *s == '\t')
		s++;
	st->own[H1_OWN_EXT] += (uint64_t)(s - *p);
	*p = s;
	if (st->own[H1_OWN_EXT] > H1_MAX_EXT)
		return tw__h1_refuse(st, 400, "chunk extensions too long");
	if (s == end)
		return TW_IO_AGAIN;
	if (*s != '\r')
		return tw__h1_refuse(st, 400, "control byte in a chunk extension");
	*p = s + 1;
	chunk_set(st, H1_SIZE_LF);
	return TW_IO_OK;
}

static enum tw_io
chunk_byte(struct tw_stream *st, const char **p, char want, enum h1_chunk next)
{
	if (**p != want)
		return tw__h1_refuse(st, 400, "malformed end of a chunk");
	++*p;
	chunk_set(st, next);
	return TW_IO_OK;
}

/* Fields that decided something before the body did may not come after it. */
static bool
trailer_passes(const struct tw_hdr *h)
{
	switch (h->id) {
	case TW_H_HOST:
	case TW_H_CONNECTION:
	case TW_H_CONTENT_LENGTH:
	case TW_H_TRANSFER_ENCODING:
	case TW_H_KEEP_ALIVE:
	case TW_H_PROXY_CONNECTION:
	case TW_H_UPGRADE:
	case TW_H_TE:
	case TW_H_TRAILER:
	case TW_H_EXPECT:
	case TW_H_COOKIE:
	case TW_H_SET_COOKIE:
	case TW_H_CACHE_CONTROL:
	case TW_H_AUTHORIZATION:
	case TW_H_PROXY_AUTHORIZATION:
	case TW_H_X_FORWARDED_FOR:
	case TW_H_CONTENT_TYPE:
	case TW_H_CONTENT_ENCODING:
		return false;
	default:
		return true;
	}
}

static bool
trailers_end(const char *p, const char *end, size_t seen)
{
	const char *s = p + (seen > 3 ? seen - 3 : 0);

	while ((s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
		if (s - p < 2 || s[-1] != '\r' || s[-2] == '\n')
			return true; /* the end, or a mistake that is told now */
		s++;
	}
	return false;
}

static enum tw_io
trailers_more(struct tw_stream *st, const char *p, const char *end)
{
	if (end - p > H1_MAX_TRAILERS)
		return tw__h1_refuse(st, 431, "trailers too large");
	st->own[H1_OWN_SEEN] = (uint64_t)(end - p);
	return TW_IO_AGAIN;
}

/* Checks the whole section. out: p, at its blank line. */
static enum tw_io
trailers_check(struct tw_stream *st, const char **p, const char *end)
{
	const char *s = *p;

	for (int n = 0;; n++) {
		struct tw_hdr h;

		if (s == end || (*s == '\r' && end - s == 1))
			return TW_IO_AGAIN;
		if (s[0] == '\r' && s[1] == '\n')
			break;
		if (n == H1_MAX_TRAILER_FIELDS)
			return tw__h1_refuse(st, 431, "too many trailers");
		const enum tw_io r = tw__h1_line(st, &s, end, &h);

		if (r != TW_IO_OK)
			return r;
		if (s - *p > H1_MAX_TRAILERS)
			return tw__h1_refuse(st, 431, "trailers too large");
	}
	*p = s;
	return TW_IO_OK;
}

/* Moves those that pass together. in: to, where p..end may be written. */
static void
trailers_keep(struct tw_stream *st, char *to, const char *p, const char *end)
{
	char *keep = to;

	while (p < end) {
		const char *line = p;
		struct tw_hdr h;

		TW_ASSERT(tw__h1_line(st, &p, end, &h) == TW_IO_OK);
		if (!trailer_passes(&h))
			continue;
		memmove(keep, line, (size_t)(p - line));
		keep += p - line;
		st->n_trailers++;
	}
	st->trailers = (struct tw_str){ to, (size_t)(keep - to) };
}

/* All of them at once, or none. in: to, *p as bytes that may be written. */
static enum tw_io
trailers(struct tw_stream *st, char *to, const char **p, const char *end)
{
	const char *s = *p;

	if (st->own[H1_OWN_SEEN] > 0 && !trailers_end(s, end, st->own[H1_OWN_SEEN]))
		return trailers_more(st, s, end);
	const enum tw_io r = trailers_check(st, &s, end);

	if (r == TW_IO_AGAIN)
		return trailers_more(st, *p, end);
	if (r != TW_IO_OK)
		return r;
	trailers_keep(st, to, *p, s);
	*p = s + 2;
	chunk_set(st, H1_ENDED);
	return TW_IO_END;
}

/* Payload from *p on joins `data`. returns: false when it has to wait for the
 * next call. */
static bool
chunk_data(struct tw_stream *st, const char **p, const char *end, struct tw_str *data)
{
	size_t n = (size_t)(end - *p);

	if (n > st->left)
		n = (size_t)st->left;
	if (data->len == 0) {
		*data = (struct tw_str){ *p, n };
	} else if (n <= MERGE_BYTES) {
		/* the buffer is ours to write; slices of it are const */
		memmove((char *)(uintptr_t)(data->p + data->len), *p, n);
		data->len += n;
	} else {
		return false;
	}
	*p += n;
	st->left -= n;
	if (st->left == 0)
		chunk_set(st, H1_DATA_CR);
	return true;
}

static enum tw_io
chunk_step(struct tw_stream *st, const char **p, const char *end)
{
	switch (st->state & H1_STATE) {
	case H1_SIZE:
	case H1_DIGITS:
		return chunk_digits(st, p, end);
	case H1_EXT:
		return chunk_ext(st, p, end);
	case H1_SIZE_LF:
		return chunk_byte(st, p, '\n', st->left > 0 ? H1_DATA : H1_TRAILERS);
	case H1_DATA_CR:
		return chunk_byte(st, p, '\r', H1_DATA_LF);
	case H1_DATA_LF:
		return chunk_byte(st, p, '\n', H1_SIZE);
	default:
		TW_WRONG("unknown state of the chunk decoder");
	}
}

static enum tw_io
chunked(struct tw_stream *st, struct tw_buf *in, struct tw_str *data)
{
	const char *p = in->base + in->head;
	const char *const end = in->base + in->tail;
	enum tw_io r = TW_IO_OK;

	while (r == TW_IO_OK) {
		const unsigned state = st->state & H1_STATE;

		if (state == H1_ENDED)
			r = TW_IO_END;
		else if (p == end)
			r = TW_IO_AGAIN;
		else if (state == H1_TRAILERS)
			r = trailers(st, in->base + (p - in->base), &p, end);
		else if (state != H1_DATA)
			r = chunk_step(st, &p, end);
		else if (!chunk_data(st, &p, end, data))
			break;
	}
	in->head = (uint32_t)(p - in->base);
	if (r == TW_IO_AGAIN && data->len > 0)
		return TW_IO_OK;
	return r;
}

static enum tw_io
counted(struct tw_stream *st, struct tw_buf *in, struct tw_str *data)
{
	size_t n = in->tail - in->head;

	if (n > st->left)
		n = (size_t)st->left;
	if (n > 0)
		*data = (struct tw_str){ in->base + in->head, n };
	in->head += (uint32_t)n;
	st->left -= n;
	if (st->left == 0)
		return TW_IO_END;
	return n > 0 ? TW_IO_OK : TW_IO_AGAIN;
}

static enum tw_io
unframed(struct tw_buf *in, struct tw_str *data)
{
	const size_t n = in->tail - in->head;

	if (n == 0)
		return TW_IO_AGAIN;
	*data = (struct tw_str){ in->base + in->head, n };
	in->head = in->tail;
	return TW_IO_OK;
}

enum tw_io
tw__h1_read_body(struct tw_stream *st, struct tw_buf *in, struct tw_str *data, bool eof)
{
	enum tw_io r = TW_IO_END;

	*data = (struct tw_str){ NULL, 0 };
	if (st->body == TW_BODY_LENGTH)
		r = counted(st, in, data);
	else if (st->body == TW_BODY_CHUNKED)
		r = chunked(st, in, data);
	else if (st->body == TW_BODY_CLOSE || st->body == TW_BODY_TUNNEL)
		r = unframed(in, data);
	if (r == TW_IO_AGAIN && eof) {
		if (st->body != TW_BODY_CLOSE && st->body != TW_BODY_TUNNEL)
			return tw__h1_refuse(
			    st, 400, "connection closed within the body");
		r = TW_IO_END;
	}
	if (r == TW_IO_END)
		st->done = 1;
	return r;
}

static int
iov_add(struct iovec *iov, int n, struct tw_str s)
{
	if (s.len == 0)
		return n;
	iov[n].iov_base = (void *)(uintptr_t)s.p;
	iov[n].iov_len = s.len;
	return n + 1;
}

/* The size of a chunk, with its CRLF. */
static struct tw_str
size_line(struct tw_out *scratch, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[18];
	char *p = text + sizeof(text);

	*--p = '\n';
	*--p = '\r';
	do
		*--p = digits[n & 15];
	while ((n >>= 4) != 0);
	const size_t len = (size_t)(text + sizeof(text) - p);
	const char *begin = scratch->p;

	tw_out_mem(scratch, p, len);
	TW_ASSERT(!scratch->over);
	return (struct tw_str){ begin, len };
}

static int
write_chunked(struct tw_stream *st, struct tw_str data, bool end,
    struct tw_out *scratch, struct iovec *iov)
{
	int n = 0;

	if (data.len > 0) {
		n = iov_add(iov, n, size_line(scratch, data.len));
		n = iov_add(iov, n, data);
	}
	if (!end)
		return data.len > 0 ? iov_add(iov, n, TW_STR("\r\n")) : n;
	if (st->trailers.len == 0) {
		return iov_add(iov, n,
		    data.len > 0 ? TW_STR("\r\n0\r\n\r\n") : TW_STR("0\r\n\r\n"));
	}
	n = iov_add(iov, n, data.len > 0 ? TW_STR("\r\n0\r\n") : TW_STR("0\r\n"));
	n = iov_add(iov, n, st->trailers);
	return iov_add(iov, n, TW_STR("\r\n"));
}

int
tw__h1_write_body(struct tw_stream *st, struct tw_str data, bool end,
    struct tw_out *scratch, struct iovec *iov)
{
	int n = 0;

	switch (st->body) {
	case TW_BODY_NONE:
		break; /* the answer to HEAD: what there is stays here */
	case TW_BODY_LENGTH:
		TW_ASSERT(data.len <= st->left);
		st->left -= data.len;
		n = iov_add(iov, n, data);
		break;
	case TW_BODY_CHUNKED:
		if (!st->done)
			n = write_chunked(st, data, end, scratch, iov);
		break;
	default:
		n = iov_add(iov, n, data);
		break;
	}
	if (end)
		st->done = 1;
	return n;
}

static bool
is_opaque(const struct tw_stream *st)
{
	return st->body == TW_BODY_CLOSE || st->body == TW_BODY_TUNNEL;
}

uint64_t
tw__h1_raw(const struct tw_stream *in, const struct tw_stream *out)
{
	if (is_opaque(in))
		return is_opaque(out) ? UINT64_MAX : 0;
	if (in->body != TW_BODY_LENGTH)
		return 0;
	if (is_opaque(out))
		return in->left;
	if (out->body != TW_BODY_LENGTH)
		return 0;
	return in->left < out->left ? in->left : out->left;
}

void
tw__h1_moved(struct tw_stream *in, struct tw_stream *out, uint64_t n)
{
	if (in->body == TW_BODY_LENGTH) {
		TW_ASSERT(n <= in->left);
		in->left -= n;
	}
	if (out->body == TW_BODY_LENGTH) {
		TW_ASSERT(n <= out->left);
		out->left -= n;
	}
}
