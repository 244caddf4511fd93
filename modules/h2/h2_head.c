/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_head.c - a whole decoded head: which pseudo-header fields it needs, and
 * crumbs of Cookie put together.
 *
 * Worker. source: RFC 9113 sections 8.1, 8.2.3, 8.3, 8.5; RFC 8441 section 4.
 */
#include "config.h"

#include "h2_priv.h"

#define ALL_PSEUDO                                                                \
	(H2_P_METHOD | H2_P_SCHEME | H2_P_AUTHORITY | H2_P_PATH | H2_P_PROTOCOL | \
	    H2_P_STATUS)

static const char *
check_connect(const struct h2_session *s, const struct h2_block *b)
{
	const unsigned p = b->pseudo & ALL_PSEUDO;

	if (p == (H2_P_METHOD | H2_P_AUTHORITY))
		return NULL;
	if (!(p & H2_P_PROTOCOL))
		return "CONNECT with other than an authority";
	if (!s->lim->connect_protocol)
		return ":protocol was not offered";
	if (p != (ALL_PSEUDO & ~H2_P_STATUS))
		return "extended CONNECT lacks a pseudo-header";
	return b->head.path.p[0] == '/' ? NULL : "a wrong :path";
}

static const char *
check_target(const struct h2_block *b)
{
	const struct h2_head *const hd = &b->head;
	const bool is_http = tw_str_ieq(hd->scheme, TW_STR("http")) ||
	    tw_str_ieq(hd->scheme, TW_STR("https"));

	if (is_http && !(b->pseudo & (H2_P_AUTHORITY | H2_P_HOST)))
		return "no authority";
	if (hd->path.p[0] == '/')
		return NULL;
	if (tw_str_eq(hd->path, TW_STR("*")) &&
	    tw_str_eq(hd->method, TW_STR("OPTIONS")))
		return NULL;
	return "a wrong :path";
}

static const char *
check_request(const struct h2_session *s, const struct h2_block *b)
{
	const unsigned need = H2_P_METHOD | H2_P_SCHEME | H2_P_PATH;
	const unsigned p = b->pseudo & ALL_PSEUDO;

	if (p & H2_P_STATUS)
		return ":status in a request";
	if (tw_str_eq(b->head.method, TW_STR("CONNECT")))
		return check_connect(s, b);
	if ((p & need) != need)
		return "a pseudo-header is missing";
	if (p & H2_P_PROTOCOL)
		return ":protocol without CONNECT";
	return check_target(b);
}

static const char *
check_response(struct h2_block *b)
{
	if ((b->pseudo & ALL_PSEUDO) != H2_P_STATUS)
		return "wrong pseudo-headers in a response";
	if (b->head.status >= 200)
		return NULL;
	b->head.kind = H2_INTERIM;
	return b->end ? "END_STREAM with 1xx" : NULL;
}

/* A port that the scheme implies is left out, as in HAProxy: names are compared. source:
 * RFC 9110 section 4.2.3 */
static void
trim_port(struct h2_block *b)
{
	struct h2_head *const hd = &b->head;
	const struct tw_str port =
	    tw_str_ieq(hd->scheme, TW_STR("https")) ? TW_STR(":443") : TW_STR(":80");
	const size_t len = hd->authority.len;

	if (len <= port.len || hd->scheme.p == NULL ||
	    memcmp(hd->authority.p + len - port.len, port.p, port.len) != 0)
		return;
	hd->authority.len -= port.len;
	for (uint32_t i = 0; i < b->n_hdr; i++)
		if (b->hdr[i].value == hd->authority.p)
			b->hdr[i].value_len -= (uint32_t)port.len;
}

/* The first crumb becomes the whole; room for it was kept. */
static void
join_cookies(struct h2_block *b)
{
	struct tw_hdr *first = NULL;
	char *to = b->text + b->n_text;
	const char *const begin = to;
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n_hdr; i++) {
		struct tw_hdr *const h = &b->hdr[i];

		if (h->id != TW_H_COOKIE) {
			b->hdr[n++] = *h;
			continue;
		}
		if (first == NULL)
			first = &b->hdr[n++];
		else
			*to++ = ';', *to++ = ' ';
		memcpy(to, h->value, h->value_len);
		to += h->value_len;
		*first = first->id == TW_H_COOKIE ? *first : *h;
	}
	first->value = begin;
	first->value_len = (uint32_t)(to - begin);
	b->n_text += first->value_len;
	b->n_hdr = n;
}

static const char *
check(const struct h2_session *s, struct h2_block *b)
{
	if (b->is_trailers)
		return b->end ? NULL : "trailers that do not end the stream";
	return s->is_client ? check_response(b) : check_request(s, b);
}

void
h2_head_finish(const struct h2_session *s, struct h2_block *b)
{
	struct h2_head *const hd = &b->head;

	hd->end = b->end;
	hd->kind = b->is_trailers ? H2_TRAILERS
	    : s->is_client        ? H2_RESPONSE
				  : H2_REQUEST;
	hd->too_large = b->too_large;
	if (b->bad != NULL || b->too_large)
		return;
	if ((b->bad = check(s, b)) != NULL)
		return;
	if (hd->kind == H2_REQUEST)
		trim_port(b);
	if (b->crumbs > 1 && hd->kind == H2_REQUEST)
		join_cookies(b);
	hd->hdr = b->hdr;
	hd->n_hdr = (uint16_t)b->n_hdr;
	hd->text = (struct tw_str){ b->text, b->n_text };
	if (b->is_trailers)
		hd->lines = hd->text;
}
