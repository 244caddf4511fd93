/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_field.c - one decoded field: is it allowed, and where does it go.
 *
 * Worker. source: RFC 9113 sections 8.2, 8.3; RFC 9110 section 5.
 */
#include "config.h"

#include "h2_priv.h"

#define C_NAME 0x01u  /* tchar, but upper case */
#define C_TOKEN 0x02u /* tchar */
#define C_PATH 0x04u  /* visible, but '#' */
#define C_HOST 0x08u
#define C_VALUE 0x10u

static uint8_t class_of[256];

__attribute__((constructor)) static void
classes(void)
{
	for (unsigned c = 0; c < 256; c++) {
		uint8_t *const k = &class_of[c];
		const bool is_lower = c >= 'a' && c <= 'z';
		const bool is_upper = c >= 'A' && c <= 'Z';
		const bool is_alnum = is_lower || is_upper || (c >= '0' && c <= '9');

		if (is_alnum || (c && strchr("!#$%&'*+-.^_`|~", (int)c)))
			*k |= is_upper ? C_TOKEN : C_TOKEN | C_NAME;
		if (c > ' ' && c < 0x7f && c != '#')
			*k |= C_PATH;
		if (is_alnum || (c && strchr("-._~%!$&'()*+;=:[]", (int)c)))
			*k |= C_HOST;
		if ((c >= ' ' && c != 0x7f) || c == '\t')
			*k |= C_VALUE;
	}
}

/* in: class, one bit. */
static bool
all(struct tw_str s, unsigned class)
{
	unsigned common = class;

	for (size_t i = 0; i < s.len; i++)
		common &= class_of[(uint8_t)s.p[i]];
	return common != 0 || s.len == 0;
}

bool
h2_is_token(struct tw_str s)
{
	return s.len > 0 && all(s, C_TOKEN);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_value(struct tw_str v)
{
	return v.len == 0 ||
	    (!is_blank(v.p[0]) && !is_blank(v.p[v.len - 1]) && all(v, C_VALUE));
}

static bool
is_name(struct tw_str n, const char *text, size_t len)
{
	return n.len == len && memcmp(n.p, text, len) == 0;
}
#define IS(n, lit) is_name(n, lit, sizeof(lit) - 1)

bool
h2_is_forbidden(struct tw_str n)
{
	switch (n.len) {
	case 7:
		return IS(n, "upgrade");
	case 10:
		return IS(n, "connection") || IS(n, "keep-alive");
	case 16:
		return IS(n, "proxy-connection");
	case 17:
		return IS(n, "transfer-encoding");
	default:
		return false;
	}
}

static const char *
put(struct h2_block *b, const char *p, size_t len)
{
	char *const to = b->text + b->n_text;

	memcpy(to, p, len);
	b->n_text += (uint32_t)len;
	return to;
}

/* A field as an HTTP/1 line: that is how trailers are passed on. */
static struct tw_hdr *
put_line(struct h2_block *b, struct tw_str name, struct tw_str value)
{
	struct tw_hdr *const h = &b->hdr[b->n_hdr++];

	*h = (struct tw_hdr){ .name_len = (uint16_t)name.len,
		.value_len = (uint32_t)value.len,
		.id = (uint8_t)tw_hdr_id(name) };
	h->name = put(b, name.p, name.len);
	put(b, ": ", 2);
	h->value = put(b, value.p, value.len);
	put(b, "\r\n", 2);
	return h;
}

/* ---- pseudo-header fields ---- */

struct pseudo {
	struct tw_str name;
	unsigned bit;
};

static const struct pseudo pseudos[] = {
	{ { ":path", 5 }, H2_P_PATH },
	{ { ":method", 7 }, H2_P_METHOD },
	{ { ":scheme", 7 }, H2_P_SCHEME },
	{ { ":status", 7 }, H2_P_STATUS },
	{ { ":authority", 10 }, H2_P_AUTHORITY },
	{ { ":protocol", 9 }, H2_P_PROTOCOL },
};

static struct tw_str
keep(struct h2_block *b, struct tw_str v)
{
	return (struct tw_str){ put(b, v.p, v.len), v.len };
}

static const char *
put_status(struct h2_block *b, struct tw_str v)
{
	if (v.len != 3 || v.p[0] < '1' || v.p[0] > '9' || v.p[1] < '0' ||
	    v.p[1] > '9' || v.p[2] < '0' || v.p[2] > '9')
		return "a wrong :status";
	b->head.status =
	    (uint16_t)((v.p[0] - '0') * 100 + (v.p[1] - '0') * 10 + v.p[2] - '0');
	return b->head.status == 101 ? "a 101 response" : NULL;
}

static const char *
put_authority(struct h2_block *b, struct tw_str v)
{
	if (v.len == 0 || !all(v, C_HOST))
		return "a wrong :authority";
	b->head.authority = tw_hdr_value(put_line(b, TW_STR("host"), v));
	return NULL;
}

/* Where it stands alone the URI is not absolute. */
static const char *
put_host(struct h2_block *b, struct tw_str v)
{
	if (v.len == 0 || !all(v, C_HOST))
		return "a wrong host";
	put_line(b, TW_STR("host"), v);
	return NULL;
}

static const char *
put_pseudo(struct h2_block *b, unsigned bit, struct tw_str v)
{
	switch (bit) {
	case H2_P_METHOD:
		b->head.method = keep(b, v);
		return h2_is_token(v) ? NULL : "a wrong :method";
	case H2_P_SCHEME:
		b->head.scheme = keep(b, v);
		return h2_is_token(v) ? NULL : "a wrong :scheme";
	case H2_P_PATH:
		b->head.path = keep(b, v);
		return v.len > 0 && all(v, C_PATH) ? NULL : "a wrong :path";
	case H2_P_PROTOCOL:
		b->head.protocol = keep(b, v);
		return h2_is_token(v) ? NULL : "a wrong :protocol";
	case H2_P_STATUS:
		return put_status(b, v);
	default:
		return put_authority(b, v);
	}
}

static const char *
add_pseudo(struct h2_block *b, struct tw_str name, struct tw_str value)
{
	if (b->is_trailers)
		return "a pseudo-header in trailers";
	if (b->pseudo & H2_P_REGULAR)
		return "a pseudo-header behind other fields";
	for (unsigned i = 0; i < TW_N_ELEMENTS(pseudos); i++) {
		if (!tw_str_eq(name, pseudos[i].name))
			continue;
		if (b->pseudo & pseudos[i].bit)
			return "a pseudo-header twice";
		b->pseudo |= (uint16_t)pseudos[i].bit;
		return put_pseudo(b, pseudos[i].bit, value);
	}
	return "an unknown pseudo-header";
}

/* ---- the others ---- */

static const char *
add_host(struct h2_block *b, struct tw_str value)
{
	if (b->pseudo & H2_P_HOST)
		return "two Host fields";
	b->pseudo |= H2_P_HOST;
	if (b->pseudo & H2_P_AUTHORITY)
		return tw_str_ieq(value, b->head.authority) ? NULL
							    : "Host is not :authority";
	return put_host(b, value);
}

static const char *
add_length(struct h2_block *b, struct tw_str value)
{
	uint64_t n;

	if (!tw_str_to_u64(value, &n) || n > INT64_MAX)
		return "a wrong content-length";
	if (b->head.has_length)
		return n == b->head.content_length ? NULL : "two lengths";
	b->head.has_length = true;
	b->head.content_length = n;
	put_line(b, TW_STR("content-length"), value);
	return NULL;
}

static const char *
add_regular(struct h2_block *b, struct tw_str name, struct tw_str value)
{
	b->pseudo |= H2_P_REGULAR;
	if (h2_is_forbidden(name))
		return "a field of the connection";
	if (IS(name, "te") && !tw_str_ieq(value, TW_STR("trailers")))
		return "te is not trailers";
	if (IS(name, "content-length") && !b->is_trailers)
		return add_length(b, value);
	if (IS(name, "host") && (b->pseudo & H2_P_METHOD))
		return add_host(b, value);
	if (b->is_trailers && (IS(name, "content-length") || IS(name, "host")))
		return "a field that trailers cannot have";
	if (IS(name, "cookie")) {
		b->crumbs++;
		b->crumb_bytes += (uint32_t)value.len + 2;
	}
	put_line(b, name, value);
	return NULL;
}

/* 4 bytes for the line, room kept for cookies put together in the end. */
static bool
has_room(const struct h2_block *b, struct tw_str name, struct tw_str value)
{
	return name.len + 2 * value.len + 32 + b->n_text + b->crumb_bytes <=
	    b->text_size &&
	    b->n_hdr + 1 < b->max_hdr;
}

void
h2_field_add(struct h2_block *b, struct tw_str name, struct tw_str value)
{
	const bool is_pseudo = name.len > 0 && name.p[0] == ':';

	if (b->bad != NULL || b->too_large)
		return;
	if (name.len > UINT16_MAX || !has_room(b, name, value))
		b->too_large = true;
	else if (!is_value(value))
		b->bad = "a wrong byte in a value";
	else if (is_pseudo)
		b->bad = add_pseudo(b, name, value);
	else if (name.len == 0 || !all(name, C_NAME))
		b->bad = "a wrong byte in a name";
	else
		b->bad = add_regular(b, name, value);
}
