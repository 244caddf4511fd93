/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1.c - reading an HTTP/1 answer, for the scripts' own client.
 *
 * Not evhttp: that gives no reason when something fails, cannot use a TLS
 * connection twice and does not tell connecting from waiting. RFC 9112.
 */
#include "h1.h"

#include "field.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void
bad(struct lu_h1 *h, const char *why)
{
	h->at = LU_H1_BAD;
	h->why = why;
}

/* Of a head or of trailers. owns; NULL: more is needed, or it is bad. */
static char *
line(struct lu_h1 *h, struct evbuffer *in)
{
	size_t len;
	char *const text = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF);

	if (text == NULL) {
		if (evbuffer_get_length(in) + h->head_len > LU_H1_HEAD_MAX)
			bad(h, "its head is too long");
		return NULL;
	}
	h->head_len += len + 1;
	if (h->head_len <= LU_H1_HEAD_MAX && memchr(text, '\0', len) == NULL)
		return text;
	bad(h,
	    h->head_len > LU_H1_HEAD_MAX ? "its head is too long"
					 : "its head has a NUL");
	free(text);
	return NULL;
}

static void
status_line(struct lu_h1 *h, const char *s)
{
	if (strncmp(s, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)s[7]) ||
	    s[8] != ' ' || s[9] < '1' || s[9] > '9' || !isdigit((unsigned char)s[10]) ||
	    !isdigit((unsigned char)s[11]) || (s[12] != '\0' && s[12] != ' ')) {
		bad(h, "it is not HTTP/1");
		return;
	}
	h->minor = s[7] - '0';
	h->status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
	free(h->reason);
	h->reason = strdup(s[12] == ' ' ? s + 13 : "");
	h->fields_len = 0;
	h->at = LU_H1_FIELDS;
}

/* ---- fields ------------------------------------------------------------------------- */

static bool
put(struct lu_h1 *h, const char *p, size_t len)
{
	if (h->fields_len + len + 1 > h->fields_size) {
		const size_t size = (h->fields_len + len + 1) * 2 + 256;
		char *const more = realloc(h->fields, size);
		if (more == NULL) {
			bad(h, "out of memory");
			return false;
		}
		h->fields = more;
		h->fields_size = size;
	}
	memcpy(h->fields + h->fields_len, p, len);
	h->fields[h->fields_len + len] = '\0';
	h->fields_len += len + 1;
	return true;
}

static void
set_length(struct lu_h1 *h, const char *value)
{
	uint64_t n = 0;
	const char *p = value;

	for (; isdigit((unsigned char)*p) && n < UINT64_MAX / 10 - 1; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (*p != '\0' || p == value || (h->has_length && h->left != n))
		bad(h, "its Content-Length is not a number");
	h->has_length = true;
	h->left = n;
}

static bool
has_token(const char *list, const char *token)
{
	const size_t len = strlen(token);

	for (const char *p = list; *p != '\0';) {
		p += strspn(p, " \t,");
		const size_t n = strcspn(p, ",");
		size_t m = n;
		while (m > 0 && (p[m - 1] == ' ' || p[m - 1] == '\t'))
			m--;
		if (m == len && strncasecmp(p, token, len) == 0)
			return true;
		p += n;
	}
	return false;
}

static void
heed(struct lu_h1 *h, const char *name, const char *value)
{
	if (strcmp(name, "content-length") == 0)
		set_length(h, value);
	else if (strcmp(name, "transfer-encoding") == 0)
		h->chunked = has_token(value, "chunked");
	else if (strcmp(name, "connection") == 0) {
		h->closes = h->closes || has_token(value, "close");
		h->keeps = h->keeps || has_token(value, "keep-alive");
	}
}

static void
field(struct lu_h1 *h, char *s)
{
	char *const colon = strchr(s, ':');

	if (colon == NULL || !lu_is_token((struct tw_str){ s, (size_t)(colon - s) })) {
		bad(h, "its head has a line that is no field");
		return;
	}
	for (char *p = s; p < colon; p++)
		*p = (char)tolower((unsigned char)*p);
	*colon = '\0';
	char *const value = colon + 1 + strspn(colon + 1, " \t");
	size_t len = strlen(value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		value[--len] = '\0';
	if (put(h, s, (size_t)(colon - s)) && put(h, value, len))
		heed(h, s, value);
}

/* The head is whole: what follows? RFC 9112, 6.3. */
static void
head_end(struct lu_h1 *h)
{
	if (h->status >= 100 && h->status < 200 && h->status != 101) {
		h->at = LU_H1_STATUS;
		h->chunked = h->has_length = h->closes = h->keeps = false;
		h->left = 0;
		return;
	}
	h->body = evbuffer_new();
	if (h->body == NULL)
		bad(h, "out of memory");
	else if (h->status == 101)
		bad(h, "it switches protocols");
	else if (h->is_head || h->status == 204 || h->status == 304)
		h->at = LU_H1_DONE;
	else if (h->chunked) {
		h->closes = h->closes || h->has_length;
		h->at = LU_H1_SIZE;
	} else if (h->has_length)
		h->at = h->left > 0 ? LU_H1_LENGTH : LU_H1_DONE;
	else
		h->at = LU_H1_CLOSE;
}

/* ---- bodies --------------------------------------------------------------------------- */

static void
chunk_size(struct lu_h1 *h, const char *s)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t n = 0;
	const char *p = s;
	const char *d;

	for (; *p != '\0' && (d = strchr(digits, tolower((unsigned char)*p))) != NULL;
	     p++) {
		if (n >> 56 != 0) {
			bad(h, "a chunk's size is too large");
			return;
		}
		n = n << 4 | (uint64_t)(d - digits);
	}
	if (p == s || (*p != '\0' && *p != ';' && *p != ' ' && *p != '\t')) {
		bad(h, "a chunk's size is not a number");
		return;
	}
	h->left = n;
	h->head_len = 0;
	h->at = n > 0 ? LU_H1_CHUNK : LU_H1_TRAILERS;
}

/* returns: more may be there. */
static bool
take(struct lu_h1 *h, struct evbuffer *in, enum lu_h1_at then)
{
	const size_t have = evbuffer_get_length(in);
	const size_t n = have < h->left ? have : (size_t)h->left;

	if (n == 0 || evbuffer_remove_buffer(in, h->body, n) < 0)
		return false;
	h->left -= n;
	if (h->left > 0)
		return false;
	h->at = then;
	return true;
}

/* A line of the state that reads lines. returns: one was there. */
static bool
read_line(struct lu_h1 *h, struct evbuffer *in)
{
	char *const s = line(h, in);

	if (s == NULL)
		return false;
	if (h->at == LU_H1_STATUS)
		status_line(h, s);
	else if (h->at == LU_H1_FIELDS && s[0] != '\0')
		field(h, s);
	else if (h->at == LU_H1_FIELDS)
		head_end(h);
	else if (h->at == LU_H1_SIZE)
		chunk_size(h, s);
	else if (h->at == LU_H1_CHUNK_END && s[0] == '\0')
		h->at = LU_H1_SIZE;
	else if (h->at == LU_H1_CHUNK_END)
		bad(h, "a chunk is longer than it says");
	else if (s[0] == '\0')
		h->at = LU_H1_DONE;
	free(s);
	return h->at != LU_H1_BAD;
}

static bool
step(struct lu_h1 *h, struct evbuffer *in)
{
	switch (h->at) {
	case LU_H1_LENGTH:
		return take(h, in, LU_H1_DONE);
	case LU_H1_CHUNK:
		return take(h, in, LU_H1_CHUNK_END);
	case LU_H1_CLOSE:
		evbuffer_add_buffer(h->body, in);
		return false;
	case LU_H1_DONE:
	case LU_H1_BAD:
		return false;
	default:
		return read_line(h, in);
	}
}

bool
lu_h1_feed(struct lu_h1 *h, struct evbuffer *in, bool end)
{
	while (step(h, in))
		;
	if (end && h->at == LU_H1_CLOSE)
		h->at = LU_H1_DONE;
	if (end && h->at < LU_H1_DONE)
		bad(h,
		    h->at < LU_H1_LENGTH ? "the connection was closed before its head"
					 : "the connection was closed before its end");
	return h->at >= LU_H1_DONE;
}

bool
lu_h1_keeps(const struct lu_h1 *h)
{
	return h->at == LU_H1_DONE && !h->closes && (h->minor > 0 || h->keeps) &&
	    (h->chunked || h->has_length || h->is_head || h->status == 204 ||
		h->status == 304);
}

void
lu_h1_fini(struct lu_h1 *h)
{
	free(h->reason);
	free(h->fields);
	if (h->body != NULL)
		evbuffer_free(h->body);
	*h = (struct lu_h1){ .is_head = h->is_head };
}
