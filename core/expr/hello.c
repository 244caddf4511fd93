/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hello.c - strict, bounded readers for the first bytes of a connection.
 *
 * Every length that the peer sent is held against what is left of what holds
 * it; nothing is copied. Pure; any worker.
 * source: RFC 8446, 4; RFC 6066, 3; RFC 7301; MS-RDPBCGR, 2.2.1.1; RFC 9112.
 */
#include "config.h"

#include <ctype.h>

#include "expr/hello.h"

/* What is left to read. */
struct cut {
	const unsigned char *p;
	size_t len;
};

static bool
take(struct cut *c, size_t len, struct cut *out)
{
	if (len > c->len)
		return false;
	*out = (struct cut){ c->p, len };
	c->p += len;
	c->len -= len;
	return true;
}

static bool
take_number(struct cut *c, size_t bytes, size_t *n)
{
	struct cut part;

	if (!take(c, bytes, &part))
		return false;
	*n = 0;
	for (size_t i = 0; i < bytes; i++)
		*n = *n << 8 | part.p[i];
	return true;
}

/* A part behind its length, which has `bytes` bytes. */
static bool
take_part(struct cut *c, size_t bytes, struct cut *out)
{
	size_t n;

	return take_number(c, bytes, &n) && take(c, n, out);
}

static struct tw_str
str_of(struct cut c)
{
	return (struct tw_str){ (const char *)c.p, c.len };
}

/* ---- TLS ---------------------------------------------------------------- */

static bool
read_sni(struct cut ext, struct tw__hello *h)
{
	struct cut list, name;
	size_t type;

	if (!take_part(&ext, 2, &list))
		return false;
	while (list.len > 0) {
		if (!take_number(&list, 1, &type) || !take_part(&list, 2, &name))
			return false;
		if (type != 0 || h->sni.p != NULL)
			continue;
		if (memchr(name.p, '\0', name.len) != NULL)
			return false;
		h->sni = str_of(name);
	}
	return true;
}

static bool
read_alpn(struct cut ext, struct tw__hello *h)
{
	struct cut list, name;

	if (!take_part(&ext, 2, &list))
		return false;
	h->alpn = str_of(list);
	while (list.len > 0)
		if (!take_part(&list, 1, &name) || name.len == 0)
			return false;
	return true;
}

static bool
read_list(struct cut ext, struct tw_str *out)
{
	struct cut list;

	if (!take_part(&ext, 2, &list))
		return false;
	*out = str_of(list);
	return true;
}

static bool
read_extension(size_t type, struct cut ext, struct tw__hello *h)
{
	switch (type) {
	case 0:
		return read_sni(ext, h);
	case 10:
		h->has_groups = true;
		return read_list(ext, &h->groups);
	case 13:
		return read_list(ext, &h->sigalgs);
	case 16:
		return read_alpn(ext, h);
	case 35:
		h->has_ticket = true;
		h->ticket_len = ext.len;
		return true;
	case 51:
		return read_list(ext, &h->key_shares);
	default:
		return true;
	}
}

static bool
read_client_hello(struct cut body, struct tw__hello *h)
{
	struct cut part, extensions, ext;
	size_t major, minor, type;

	if (!take_number(&body, 1, &major) || !take_number(&body, 1, &minor) ||
	    !take(&body, 32, &part) || !take_part(&body, 1, &part) || part.len > 32)
		return false;
	h->version = (uint32_t)(major << 16 | minor);
	if (major < 3 || !take_part(&body, 2, &part) || part.len == 0 ||
	    part.len % 2 != 0)
		return false;
	h->ciphers = str_of(part);
	if (!take_part(&body, 1, &part) || part.len == 0)
		return false;
	if (body.len == 0)
		return true; /* no extensions */
	if (!take_part(&body, 2, &extensions))
		return false;
	while (extensions.len > 0)
		if (!take_number(&extensions, 2, &type) ||
		    !take_part(&extensions, 2, &ext) || !read_extension(type, ext, h))
			return false;
	return true;
}

static bool
read_server_hello(struct cut body, struct tw__hello *h)
{
	struct cut part;
	size_t major, minor;

	if (!take_number(&body, 1, &major) || !take_number(&body, 1, &minor) ||
	    !take(&body, 32, &part))
		return false;
	h->version = (uint32_t)(major << 16 | minor);
	return major >= 3;
}

/* A hello in the form of SSL 2: length, type 1, version, three lengths. */
static enum tw__seen
read_ssl2(struct cut in, struct tw__hello *h)
{
	size_t len, type, major, minor, ciphers, id, challenge;

	if (in.len < 11)
		return TW__SEEN_PART;
	take_number(&in, 2, &len);
	take_number(&in, 1, &type);
	take_number(&in, 1, &major);
	take_number(&in, 1, &minor);
	take_number(&in, 2, &ciphers);
	take_number(&in, 2, &id);
	take_number(&in, 2, &challenge);
	len &= 0x7fff;
	if (type != 1 || len != 9 + ciphers + id + challenge || ciphers % 3 != 0 ||
	    (major == 2 ? minor != 0 : major != 3 && !(major == 0 && minor == 2)))
		return TW__SEEN_NOT;
	h->type = 1;
	h->version = major == 0 ? 2u << 16 : (uint32_t)(major << 16 | minor);
	return TW__SEEN_ALL;
}

enum tw__seen
tw__hello_parse(struct tw_str text, struct tw__hello *h)
{
	struct cut in = { (const unsigned char *)text.p, text.len }, record, body;
	size_t length, type;

	memset(h, 0, sizeof(*h));
	if (in.len == 0)
		return TW__SEEN_PART;
	if (in.p[0] != 22)
		return (in.p[0] & 0x80) ? read_ssl2(in, h) : TW__SEEN_NOT;
	if (in.len > 1 && in.p[1] != 3)
		return TW__SEEN_NOT;
	if (in.len < 9)
		return TW__SEEN_PART;
	length = (size_t)in.p[3] << 8 | in.p[4];
	in.p += 5;
	in.len -= 5;
	if (length < 4 || length > 16384 + 2048)
		return TW__SEEN_NOT;
	type = in.p[0];
	if (type != 1 && type != 2)
		return TW__SEEN_NOT;
	if (in.len < length)
		return TW__SEEN_PART;
	if (!take(&in, length, &record) || !take_number(&record, 1, &type) ||
	    !take_part(&record, 3, &body))
		return TW__SEEN_NOT;
	h->type = (uint8_t)type;
	if (!(type == 1 ? read_client_hello(body, h) : read_server_hello(body, h)))
		return TW__SEEN_NOT;
	return TW__SEEN_ALL;
}

/* ---- RDP ---------------------------------------------------------------- */

/* TPKT (version 3, length), X.224 connection request, "Cookie: name=value". */
enum tw__seen
tw__rdp_parse(struct tw_str in, struct tw_str *name, struct tw_str *value)
{
	static const char word[] = "cookie:";
	const unsigned char *const b = (const unsigned char *)in.p;

	*name = *value = (struct tw_str){ NULL, 0 };
	if ((in.len > 0 && b[0] != 3) || (in.len > 1 && b[1] != 0) ||
	    (in.len > 5 && (b[5] & 0xf0) != 0xe0))
		return TW__SEEN_NOT;
	if (in.len < 11)
		return TW__SEEN_PART;
	const size_t length = (size_t)b[2] << 8 | b[3];
	/* The length indicator counts what follows it. */
	if (length < 11 || (size_t)b[4] + 5 > length || b[4] < 6)
		return TW__SEEN_NOT;
	struct tw_str rest = { in.p + 11, (in.len < length ? in.len : length) - 11 };
	const size_t n = rest.len < sizeof(word) - 1 ? rest.len : sizeof(word) - 1;
	if (strncasecmp(rest.p, word, n) != 0)
		return TW__SEEN_ALL; /* no cookie */
	if (in.len < length)
		return TW__SEEN_PART;
	if (n < sizeof(word) - 1)
		return TW__SEEN_ALL;
	const char *p = rest.p + n, *const end = rest.p + rest.len;
	while (p < end && *p == ' ')
		p++;
	const char *const eq = memchr(p, '=', (size_t)(end - p));
	const char *const cr = memchr(p, '\r', (size_t)(end - p));
	if (cr == NULL || cr + 1 >= end || cr[1] != '\n')
		return TW__SEEN_NOT;
	if (eq == NULL || eq > cr)
		return TW__SEEN_ALL;
	*name = (struct tw_str){ p, (size_t)(eq - p) };
	*value = (struct tw_str){ eq + 1, (size_t)(cr - eq - 1) };
	return TW__SEEN_ALL;
}

/* ---- HTTP --------------------------------------------------------------- */

static bool
is_token(struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
			return false;
	}
	return s.len > 0;
}

/* "GET /x HTTP/1.1" */
static bool
is_request_line(struct tw_str s)
{
	static const char version[] = "HTTP/1.";
	const char *const sp = s.len > 0 ? memchr(s.p, ' ', s.len) : NULL;
	const char *const last = s.len > 0 ? memrchr(s.p, ' ', s.len) : NULL;

	if (sp == NULL || sp == last ||
	    !is_token((struct tw_str){ s.p, (size_t)(sp - s.p) }))
		return false;
	const struct tw_str v = { last + 1, (size_t)(s.p + s.len - last - 1) };
	if (v.len != sizeof(version) ||
	    memcmp(v.p, version, sizeof(version) - 1) != 0 ||
	    !isdigit((unsigned char)v.p[v.len - 1]))
		return false;
	for (const char *p = sp + 1; p < last; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f)
			return false;
	return last > sp + 1;
}

static bool
is_field_line(struct tw_str s)
{
	const char *const colon = memchr(s.p, ':', s.len);

	return colon != NULL && is_token((struct tw_str){ s.p, (size_t)(colon - s.p) });
}

enum tw__seen
tw__http_seen(struct tw_str in)
{
	bool first = true;

	if (in.len > 0 && !isupper((unsigned char)in.p[0]) && in.p[0] != '\r' &&
	    in.p[0] != '\n' && !is_token((struct tw_str){ in.p, 1 }))
		return TW__SEEN_NOT;
	while (in.len > 0) {
		const char *const nl = memchr(in.p, '\n', in.len);
		if (nl == NULL)
			return TW__SEEN_PART;
		struct tw_str line = { in.p, (size_t)(nl - in.p) };
		in = (struct tw_str){ nl + 1, in.len - line.len - 1 };
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0 && !first)
			return TW__SEEN_ALL;
		if (line.len == 0)
			continue; /* before the request line */
		if (!(first ? is_request_line(line) : is_field_line(line)))
			return TW__SEEN_NOT;
		first = false;
	}
	return TW__SEEN_PART;
}
