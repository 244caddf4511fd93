/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * answer.c - reads the answer to an HTTP check, as far as a check needs.
 *
 * Pure, on at most HC_ANSWER_MAX bytes that a possibly hostile peer sent.
 * Each call begins at the first byte: answers are short, and a responder
 * that drips pays with its timeout. source: RFC 9112, sections 4, 6 and 7.1.
 */
#include <ctype.h>

#include "hc.h"

/* Takes one line off `s`, without its CRLF or LF. */
static bool
take_line(struct tw_str *s, struct tw_str *line)
{
	const char *nl = s->len ? memchr(s->p, '\n', s->len) : NULL;

	if (nl == NULL)
		return false;
	size_t len = (size_t)(nl - s->p);
	const size_t taken = len + 1;
	if (len > 0 && s->p[len - 1] == '\r')
		len--;
	*line = (struct tw_str){ s->p, len };
	s->p += taken;
	s->len -= taken;
	return true;
}

/* "HTTP/1.1 200 OK"; a reason is not required, not even its space. */
static bool
status_parse(struct tw_str line, struct hc_head *head)
{
	const char *p = line.p;

	if (line.len < 12 || memcmp(p, "HTTP/", 5) != 0 ||
	    !isdigit((unsigned char)p[5]) || p[6] != '.' ||
	    !isdigit((unsigned char)p[7]) || p[8] != ' ')
		return false;
	for (int i = 9; i < 12; i++)
		if (!isdigit((unsigned char)p[i]))
			return false;
	if (line.len > 12 && p[12] != ' ')
		return false;
	head->status =
	    (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + p[11] - '0');
	head->reason = tw_str_trim((struct tw_str){ p + 12, line.len - 12 });
	return true;
}

static bool
field_parse(struct tw_str line, struct hc_head *head)
{
	const char *colon = memchr(line.p, ':', line.len);

	if (colon == NULL || colon == line.p)
		return false;
	const size_t n = (size_t)(colon - line.p);
	const struct tw_str name = { line.p, n };
	const struct tw_str value =
	    tw_str_trim((struct tw_str){ colon + 1, line.len - n - 1 });
	if (tw_str_ieq(name, TW_STR("transfer-encoding")))
		head->chunked = value.len >= 7 &&
		    tw_str_ieq(TW_STR("chunked"),
			(struct tw_str){ value.p + value.len - 7, 7 });
	else if (tw_str_ieq(name, TW_STR("content-length"))) {
		if (!tw_str_to_u64(value, &head->length))
			return false;
		head->has_length = true;
	}
	return true;
}

/* Can these bytes still become a status line? */
static bool
may_be_http(struct tw_str got)
{
	const size_t n = got.len < 5 ? got.len : 5;

	return n == 0 || memcmp(got.p, "HTTP/", n) == 0;
}

enum tw_io
hc_head_parse(struct tw_str got, struct hc_head *head)
{
	struct tw_str line;

	*head = (struct hc_head){ 0 };
	if (!may_be_http(got))
		return TW_IO_ERR;
	if (!take_line(&got, &line))
		return TW_IO_AGAIN;
	if (!status_parse(line, head))
		return TW_IO_ERR;
	head->fields.p = got.p;
	while (take_line(&got, &line)) {
		if (line.len == 0) {
			head->fields.len = (size_t)(line.p - head->fields.p);
			head->body = got;
			return TW_IO_OK;
		}
		if (line.p[0] == ' ' || line.p[0] == '\t')
			continue; /* a folded field: nothing a check looks at */
		if (!field_parse(line, head))
			return TW_IO_ERR;
	}
	return TW_IO_AGAIN;
}

bool
hc_field_next(struct tw_str *fields, struct tw_str *name, struct tw_str *value)
{
	struct tw_str line;

	while (take_line(fields, &line)) {
		const char *const colon =
		    line.len > 0 ? memchr(line.p, ':', line.len) : NULL;

		if (colon == NULL || line.p[0] == ' ' || line.p[0] == '\t')
			continue;
		*name = (struct tw_str){ line.p, (size_t)(colon - line.p) };
		*value =
		    tw_str_trim((struct tw_str){ colon + 1, line.len - name->len - 1 });
		return true;
	}
	return false;
}

static bool
chunk_size(struct tw_str line, size_t *size)
{
	size_t v = 0, n = 0;

	for (; n < line.len && isxdigit((unsigned char)line.p[n]); n++) {
		const int c = tolower((unsigned char)line.p[n]);

		v = v * 16 + (size_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		if (v > UINT32_MAX)
			return false;
	}
	*size = v;
	return n > 0;
}

/* returns: true when the last chunk was seen, or nothing more can be read. */
static bool
dechunk(struct tw_str in, char *mem, struct tw_str *body)
{
	struct tw_str line;
	size_t size;

	*body = (struct tw_str){ mem, 0 };
	while (take_line(&in, &line)) {
		if (!chunk_size(line, &size) || size == 0)
			return true;
		const size_t n = size < in.len ? size : in.len;
		memcpy(mem + body->len, in.p, n);
		body->len += n;
		in.p += n;
		in.len -= n;
		if (n < size || !take_line(&in, &line))
			return false;
	}
	return false;
}

bool
hc_body_of(const struct hc_head *head, bool eof, char *mem, struct tw_str *body)
{
	if (head->status == 204 || head->status == 304 || head->status < 200) {
		*body = (struct tw_str){ NULL, 0 };
		return true;
	}
	if (head->chunked)
		return dechunk(head->body, mem, body) || eof;
	*body = head->body;
	if (head->has_length && body->len >= head->length) {
		body->len = (size_t)head->length;
		return true;
	}
	return eof;
}
