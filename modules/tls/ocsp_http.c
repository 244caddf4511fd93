/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp_http.c - HTTP as far as an OCSP responder needs it: one request on one
 * connection, an answer of bounded length. What is odd is refused, not guessed:
 * it is asked again later. RFC 9112, sections 2.2, 6 and 7; RFC 6960, appendix A.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "ocsp_http.h"

#define GET_MAX 255 /* RFC 6960, A.1: of the encoded question */

/* --- the address --- */

static int
host_set(struct tls_url *url, const char *p, size_t len, struct tw_err *err)
{
	if (len == 0 || len >= sizeof(url->host))
		return tw_err_set(err, "no host in the responder's address");
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)p[i]) && strchr("-._:", p[i]) == NULL)
			return tw_err_set(
			    err, "a byte in the responder's address that no host has");
	memcpy(url->host, p, len);
	url->host[len] = '\0';
	return 0;
}

static int
port_set(struct tls_url *url, const char *p, size_t len, struct tw_err *err)
{
	unsigned port = 0;

	if (len == 0)
		return 0; /* "http://host:/": RFC 3986, 3.2.3 */
	for (size_t i = 0; i < len && port < 65536; i++) {
		if (p[i] < '0' || p[i] > '9')
			port = 65536;
		else
			port = port * 10 + (unsigned)(p[i] - '0');
	}
	if (port == 0 || port > 65535)
		return tw_err_set(err, "no port from 1 to 65535 behind the host");
	url->port = (uint16_t)port;
	return 0;
}

static int
authority_set(struct tls_url *url, struct tw_err *err)
{
	const char *const p = url->authority.p;
	const size_t len = url->authority.len;
	const char *end, *colon;

	if (len > 0 && p[0] == '[') {
		end = memchr(p, ']', len);
		if (end == NULL || (end + 1 < p + len && end[1] != ':'))
			return tw_err_set(err, "'[' without ']' in an address");
		if (host_set(url, p + 1, (size_t)(end - p) - 1, err) < 0)
			return -1;
		colon = end + 1 < p + len ? end + 1 : NULL;
	} else {
		colon = memchr(p, ':', len);
		if (host_set(url, p, colon != NULL ? (size_t)(colon - p) : len, err) <
		    0)
			return -1;
	}
	return colon == NULL
	    ? 0
	    : port_set(url, colon + 1, (size_t)(p + len - colon) - 1, err);
}

static bool
is_printable(struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return true;
}

int
tls__url_parse(const char *text, bool scheme, struct tls_url *url, struct tw_err *err)
{
	static const char http[] = "http://";
	size_t len;

	memset(url, 0, sizeof(*url));
	url->port = 80;
	if (scheme && strncasecmp(text, http, sizeof(http) - 1) != 0)
		return tw_err_set(err, "'%s' does not begin with http://", text);
	if (scheme)
		text += sizeof(http) - 1;
	len = strcspn(text, "/?#");
	url->authority = (struct tw_str){ text, len };
	url->path = (struct tw_str){ text + len, strcspn(text + len, "#") };
	if (!is_printable(url->path))
		return tw_err_set(err, "a control byte in the responder's address");
	if (!scheme && text[len] != '\0')
		return tw_err_set(err, "'%s' has more than a host and a port", text);
	return authority_set(url, err);
}

/* --- the question --- */

/* Base64 with what means something in a path escaped; a slash is escaped, too,
 * as nobody shall think that there are segments. */
static size_t
encode(struct tw_str der, char out[static 4 * GET_MAX])
{
	unsigned char b64[GET_MAX + 8];
	size_t n = 0;
	int len;

	if ((der.len + 2) / 3 * 4 >= GET_MAX)
		return 0;
	len = EVP_EncodeBlock(b64, (const unsigned char *)der.p, (int)der.len);
	for (int i = 0; i < len; i++) {
		const char *const esc = b64[i] == '+' ? "%2B"
		    : b64[i] == '/'                   ? "%2F"
		    : b64[i] == '='                   ? "%3D"
						      : NULL;
		if (esc != NULL) {
			memcpy(out + n, esc, 3);
			n += 3;
		} else
			out[n++] = (char)b64[i];
	}
	return n;
}

static void
target_out(struct tw_out *o, const struct tls_url *url, bool proxied, struct tw_str end)
{
	const bool slash = url->path.len > 0 && url->path.p[url->path.len - 1] == '/';

	if (proxied)
		tw_out_printf(
		    o, "http://%.*s", (int)url->authority.len, url->authority.p);
	if (url->path.len > 0 && url->path.p[0] == '?')
		tw_out_char(o, '/');
	tw_out_printf(o, "%.*s", (int)url->path.len, url->path.p);
	if (end.len > 0 ? !slash : url->path.len == 0)
		tw_out_char(o, '/');
	tw_out_printf(o, "%.*s", (int)end.len, end.p);
}

char *
tls__http_request(const struct tls_url *url, struct tw_str der, bool proxied, size_t *n)
{
	const size_t room = 2 * url->authority.len + url->path.len + der.len + 2048;
	char *const buf = malloc(room);
	struct tw_out o = tw_out_of(buf, room - der.len);
	char get[4 * GET_MAX];
	const bool query = memchr(url->path.p, '?', url->path.len) != NULL;
	const size_t len = query ? 0 : encode(der, get);

	if (buf == NULL)
		return NULL;
	tw_out_printf(&o, len > 0 ? "GET " : "POST ");
	target_out(&o, url, proxied, (struct tw_str){ get, len });
	tw_out_printf(&o,
	    " HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n"
	    "Accept: application/ocsp-response\r\n",
	    (int)url->authority.len, url->authority.p);
	if (len == 0)
		tw_out_printf(&o,
		    "Content-Type: application/ocsp-request\r\n"
		    "Content-Length: %zu\r\n",
		    der.len);
	tw_out_printf(&o, "\r\n");
	*n = (size_t)(o.p - buf);
	if (len == 0) {
		memcpy(buf + *n, der.p, der.len);
		*n += der.len;
	}
	return buf;
}

/* --- the answer --- */

struct head {
	bool chunked, has_length, has_type, is_ocsp;
	size_t length;
};

static bool
number(struct tw_str s, size_t *n)
{
	*n = 0;
	if (s.len == 0 || s.len > 9)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*n = *n * 10 + (size_t)(s.p[i] - '0');
	}
	return true;
}

static struct tw_str
trim(struct tw_str s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct tw_str){ s.p + 1, s.len - 1 };
	while (s.len > 0 && memchr(" \t\r", s.p[s.len - 1], 3) != NULL)
		s.len--;
	return s;
}

static bool
is_word(struct tw_str s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

/* returns: false: it contradicts what was there. */
static bool
header(struct tw_str line, struct head *h)
{
	const char *const colon = memchr(line.p, ':', line.len);
	struct tw_str name, value;
	size_t n;

	if (colon == NULL || colon == line.p)
		return false;
	name = (struct tw_str){ line.p, (size_t)(colon - line.p) };
	value = trim((struct tw_str){ colon + 1, line.len - name.len - 1 });
	if (is_word(name, "transfer-encoding")) {
		h->chunked = is_word(value, "chunked");
		return h->chunked;
	}
	if (is_word(name, "content-type")) {
		const char *const semi = memchr(value.p, ';', value.len);
		if (semi != NULL)
			value.len = (size_t)(semi - value.p);
		h->is_ocsp = is_word(trim(value), "application/ocsp-response");
	}
	if (!is_word(name, "content-length"))
		return true;
	if (!number(value, &n) || n > TLS_HTTP_MAX || (h->has_length && n != h->length))
		return false;
	h->has_length = true;
	h->length = n;
	return true;
}

/* in: s, the lines of the head behind the first. */
static bool
headers(struct tw_str s, struct head *h)
{
	while (s.len > 0) {
		const char *const nl = memchr(s.p, '\n', s.len);
		const size_t len = nl == NULL ? s.len : (size_t)(nl - s.p);
		struct tw_str line = { s.p, len };

		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0 && !header(line, h))
			return false;
		s = (struct tw_str){ s.p + len + (nl != NULL),
			s.len - len - (nl != NULL) };
	}
	return true;
}

/* "HTTP/1.1 200 OK" */
static int
status_of(struct tw_str s)
{
	size_t n;

	if (s.len < 12 || memcmp(s.p, "HTTP/1.", 7) != 0 || s.p[8] != ' ' ||
	    !number((struct tw_str){ s.p + 9, 3 }, &n) || n < 100)
		return 0;
	return (int)n;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One chunk's first line. out: size; at, behind it. returns: AGAIN, ERR. */
static enum tw_io
chunk_head(struct tw_str s, size_t *at, size_t *size)
{
	const char *const nl = memchr(s.p + *at, '\n', s.len - *at);
	size_t i = *at, n = 0;

	if (nl == NULL)
		return s.len - *at > 256 ? TW_IO_ERR : TW_IO_AGAIN;
	for (; hex(s.p[i]) >= 0 && n <= TLS_HTTP_MAX; i++)
		n = n * 16 + (size_t)hex(s.p[i]);
	if (i == *at || n > TLS_HTTP_MAX || memchr(" \t;\r\n", s.p[i], 5) == NULL)
		return TW_IO_ERR;
	*at = (size_t)(nl - s.p) + 1;
	*size = n;
	return TW_IO_OK;
}

/* in: to, NULL: only looks whether all is there. out: len, of the body. */
static enum tw_io
chunks(struct tw_str s, char *to, size_t *len)
{
	size_t at = 0, size;

	*len = 0;
	for (;;) {
		const enum tw_io io = chunk_head(s, &at, &size);

		if (io != TW_IO_OK)
			return io;
		if (size == 0)
			return TW_IO_OK; /* trailers tell nothing */
		if (s.len - at < size + 1)
			return TW_IO_AGAIN;
		if (to != NULL)
			memmove(to + *len, s.p + at, size);
		*len += size;
		at += size;
		at += s.p[at] == '\r';
		if (at >= s.len)
			return TW_IO_AGAIN;
		if (s.p[at++] != '\n')
			return TW_IO_ERR;
	}
}

static enum tw_io
body(char *p, size_t len, bool eof, const struct head *h, struct tls_http_answer *a)
{
	enum tw_io io;

	a->body = (struct tw_str){ p, len };
	if (h->chunked && h->has_length)
		return TW_IO_ERR;
	if (h->chunked) {
		io = chunks(a->body, NULL, &a->body.len);
		a->body.len = len;
		if (io == TW_IO_AGAIN && eof)
			return TW_IO_ERR;
		return io == TW_IO_OK ? chunks(a->body, p, &a->body.len) : io;
	}
	if (!h->has_length)
		return eof ? TW_IO_OK : TW_IO_AGAIN;
	if (len < h->length)
		return eof ? TW_IO_ERR : TW_IO_AGAIN;
	a->body.len = h->length;
	return TW_IO_OK;
}

/* Behind the empty line; NULL: it is not there yet. */
static const char *
head_end(const char *p, size_t len)
{
	for (const char *nl = p;
	     (nl = memchr(nl, '\n', len - (size_t)(nl - p))) != NULL; nl++) {
		const size_t left = len - (size_t)(nl - p);

		if (left > 1 && nl[1] == '\n')
			return nl + 2;
		if (left > 2 && nl[1] == '\r' && nl[2] == '\n')
			return nl + 3;
	}
	return NULL;
}

/* Behind the interim answers: those say nothing. out: end, of the head. */
static enum tw_io
head_find(char **p, char *stop, const char **end, int *status)
{
	do {
		*end = head_end(*p, (size_t)(stop - *p));
		if (*end == NULL)
			return TW_IO_AGAIN;
		*status = status_of((struct tw_str){ *p, (size_t)(*end - *p) });
		if (*status >= 100 && *status < 200)
			*p += *end - *p;
	} while (*status >= 100 && *status < 200);
	return *status == 0 ? TW_IO_ERR : TW_IO_OK;
}

enum tw_io
tls__http_answer(char *p, size_t len, bool eof, struct tls_http_answer *a)
{
	char *const stop = p + len;
	const char *end, *nl;
	struct head h = { .chunked = false };
	enum tw_io io;

	memset(a, 0, sizeof(*a));
	io = head_find(&p, stop, &end, &a->status);
	if (io == TW_IO_AGAIN && (eof || len >= TLS_HTTP_MAX))
		return TW_IO_ERR;
	if (io != TW_IO_OK)
		return io;
	nl = memchr(p, '\n', (size_t)(end - p));
	if (!headers((struct tw_str){ nl + 1, (size_t)(end - nl) - 1 }, &h))
		return TW_IO_ERR;
	a->is_ocsp = h.is_ocsp;
	if (a->status != 200)
		return TW_IO_OK;
	p += end - p;
	return body(p, (size_t)(stop - p), eof, &h, a);
}
