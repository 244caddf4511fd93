/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hello.c - a client's hello: its parts, and what of them is kept.
 *
 * OpenSSL hands over the message before it has looked at it: any bytes. Pure;
 * any thread. source: RFC 8446, 4.1.2 and 4.2; RFC 8422, 5.1; RFC 8701.
 */
#include <stdlib.h>

#include <tideway/bound.h>

#include "watch.h"

/* --- reading --- */

struct reader {
	const unsigned char *p, *end;
};

static bool
get_number(struct reader *r, int bytes, uint32_t *n)
{
	if (r->end - r->p < bytes)
		return false;
	for (*n = 0; bytes > 0; bytes--)
		*n = *n << 8 | *r->p++;
	return true;
}

/* A list behind its length of so many bytes. */
static bool
get_list(struct reader *r, int bytes, struct tw_str *out)
{
	uint32_t len;

	if (!get_number(r, bytes, &len) || (size_t)(r->end - r->p) < len)
		return false;
	*out = (struct tw_str){ (const char *)r->p, len };
	r->p += len;
	return true;
}

static struct reader
reader_of(struct tw_str s)
{
	const unsigned char *const p = (const unsigned char *)s.p;

	return (struct reader){ p, s.len == 0 ? p : p + s.len };
}

/* One extension that has a list in it. */
static void
take_list(struct tls_hello_slices *out, uint32_t type, struct tw_str data)
{
	static const struct {
		uint32_t type;
		enum tls_hello_part part;
		int bytes;
	} lists[] = {
		{ 10, TLS_HELLO_GROUPS, 2 },
		{ 11, TLS_HELLO_FORMATS, 1 },
		{ 43, TLS_HELLO_VERSIONS, 1 },
		{ 13, TLS_HELLO_SIGALGS, 2 },
	};
	struct reader r = reader_of(data);
	struct tw_str list;

	for (size_t i = 0; i < TW_N_ELEMENTS(lists); i++)
		if (lists[i].type == type && get_list(&r, lists[i].bytes, &list))
			out->part[lists[i].part] = list;
}

bool
tls__hello_parse(struct tw_str msg, struct tls_hello_slices *out)
{
	struct reader r = reader_of(msg);
	struct tw_str body, skip, data;
	uint32_t n;

	memset(out, 0, sizeof(*out));
	if (!get_number(&r, 1, &n) || n != 1 || !get_list(&r, 3, &body))
		return false;
	r = reader_of(body);
	if (!get_number(&r, 2, &n) || r.end - r.p < 32)
		return false;
	out->version = (uint16_t)n;
	r.p += 32;
	if (!get_list(&r, 1, &skip) ||
	    !get_list(&r, 2, &out->part[TLS_HELLO_CIPHERS]) || !get_list(&r, 1, &skip))
		return false;
	if (r.p == r.end)
		return true;
	if (!get_list(&r, 2, &out->extensions))
		return false;
	for (r = reader_of(out->extensions); r.p < r.end;) {
		if (!get_number(&r, 2, &n) || !get_list(&r, 2, &data))
			return false;
		take_list(out, n, data);
	}
	return true;
}

/* --- keeping --- */

static int64_t
hash_of(struct tw_str ciphers, bool *hashed)
{
	const struct tw_conv *const c = tw_conv_find(TW_STR("xxh64"));
	const struct tw_arg_val none[2] = { { .type = TW_ANY } };
	struct tw_sample s = { .type = TW_BINARY, .u.str = ciphers };

	*hashed = c != NULL && c->check == NULL && c->apply(NULL, none, &s);
	return *hashed ? s.u.n : 0;
}

/* As much as there is room for. */
static void
put(struct tls_hello *h, enum tls_hello_part part, struct tw_str s, struct tw_out *o)
{
	const size_t room = (size_t)(o->end - o->p);
	const size_t len = s.len < room ? s.len : room;

	tw_out_mem(o, s.p, len);
	h->len[part] = (uint16_t)len;
}

static void
put_types(struct tls_hello *h, struct tw_str extensions, struct tw_out *o)
{
	struct reader r = reader_of(extensions);
	struct tw_str data;
	uint32_t type;
	const char *const from = o->p;

	while (
	    o->end - o->p >= 2 && get_number(&r, 2, &type) && get_list(&r, 2, &data)) {
		tw_out_char(o, (char)(type >> 8));
		tw_out_char(o, (char)type);
	}
	h->len[TLS_HELLO_EXTENSIONS] = (uint16_t)(o->p - from);
}

/* No more than the parts can need. */
static size_t
room_for(const struct tls_hello_slices *s, uint32_t room)
{
	size_t len = s->extensions.len / 2; /* a type takes at least four bytes */

	for (int i = 0; i < TLS_N_HELLO_PARTS; i++)
		len += s->part[i].len;
	return len < room ? len : room;
}

struct tls_hello *
tls__hello_keep(const struct tls_hello_slices *s, uint32_t room)
{
	const size_t len = room_for(s, room);
	struct tls_hello *const h = calloc(1, sizeof(*h) + len);
	struct tw_out o;

	if (h == NULL)
		return NULL;
	o = tw_out_of((char *)h->data, len);
	h->version = s->version;
	h->xxh = hash_of(s->part[TLS_HELLO_CIPHERS], &h->hashed);
	for (int i = 0; i < TLS_N_HELLO_PARTS; i++)
		if (i == TLS_HELLO_EXTENSIONS)
			put_types(h, s->extensions, &o);
		else
			put(h, (enum tls_hello_part)i, s->part[i], &o);
	return h;
}

struct tw_str
tls__hello_part(const struct tls_hello *h, enum tls_hello_part part)
{
	const unsigned char *p = h->data;

	for (int i = 0; i < (int)part; i++)
		p += h->len[i];
	return (struct tw_str){ (const char *)p, h->len[part] };
}
