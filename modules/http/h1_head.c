/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h1_head.c - what a head says about its connection and its body.
 *
 * Every way of saying where a message ends that two parsers could read
 * differently is refused here: two lengths, a length beside a coding, a coding
 * that is not exactly "chunked", any coding in HTTP/1.0, a body where HTTP/1.0
 * expects none. Fields that concern
 * one hop are marked, not removed: rules may look at them, h1_write.c leaves
 * them out. Any thread. RFC 9112 sections 6 and 9, RFC 9110 section 7.
 */
#include "config.h"

#include <tideway/encode.h>

#include "h1.h"
#include "http.h"

const struct tw_self *tw__http_self; /* here, so that the codec stands alone */

/* A Connection field may take away fields nobody but its sender has asked for,
 * never those that others rely on. */
static bool
may_be_hop(const struct tw_hdr *h)
{
	switch (h->id) {
	case TW_H_OTHER:
	case TW_H_HTTP2_SETTINGS:
	case TW_H_TRAILER:
		return true;
	default:
		return false;
	}
}

static void
mark_named(struct tw_msg *msg, struct tw_str name)
{
	struct tw_hdr *h = NULL;

	while ((h = tw_msg_find(msg, name, h)) != NULL) {
		if (may_be_hop(h))
			h->flags |= TW_HDR_HOP;
	}
}

static void
mark_all(struct tw_msg *msg, enum tw_hdr_id id)
{
	for (struct tw_hdr *h = tw_msg_first(msg, id); h; h = tw_msg_next(msg, h))
		h->flags |= TW_HDR_HOP;
}

static bool
list_has(struct tw_msg *msg, enum tw_hdr_id id, struct tw_str word)
{
	for (struct tw_hdr *h = tw_msg_first(msg, id); h; h = tw_msg_next(msg, h)) {
		struct tw_str rest = tw_hdr_value(h), one;

		while (tw__h1_next_token(&rest, &one)) {
			if (tw_str_ieq(one, word))
				return true;
		}
	}
	return false;
}

/* An HTTP/2 connection inside this one would escape all rules. */
static bool
upgrade_is_wanted(struct tw_msg *msg)
{
	return tw_msg_first(msg, TW_H_UPGRADE) && msg->minor > 0 &&
	    !list_has(msg, TW_H_UPGRADE, TW_STR("h2c")) &&
	    !list_has(msg, TW_H_UPGRADE, TW_STR("h2"));
}

static void
connection(struct tw_msg *msg)
{
	bool upgrade = false, close = false, keep = msg->minor > 0;

	for (struct tw_hdr *h = tw_msg_first(msg, TW_H_CONNECTION); h;
	     h = tw_msg_next(msg, h)) {
		struct tw_str rest = tw_hdr_value(h), one;

		h->flags |= TW_HDR_HOP;
		while (tw__h1_next_token(&rest, &one)) {
			if (tw_str_ieq(one, TW_STR("close")))
				close = true;
			else if (tw_str_ieq(one, TW_STR("keep-alive")))
				keep = true;
			else if (tw_str_ieq(one, TW_STR("upgrade")))
				upgrade = true;
			else
				mark_named(msg, one);
		}
	}
	if (keep && !close)
		msg->flags |= TW_MSG_KEEP_ALIVE;
	if (msg->status == 101 || (upgrade && upgrade_is_wanted(msg)))
		msg->flags |= TW_MSG_UPGRADE;
	if (!(msg->flags & TW_MSG_UPGRADE))
		mark_all(msg, TW_H_UPGRADE);
}

static void
other_hop_fields(struct tw_msg *msg)
{
	if (msg->first[TW_H_KEEP_ALIVE])
		mark_all(msg, TW_H_KEEP_ALIVE);
	if (msg->first[TW_H_PROXY_CONNECTION])
		mark_all(msg, TW_H_PROXY_CONNECTION);
	if (msg->first[TW_H_TE]) {
		if (list_has(msg, TW_H_TE, TW_STR("trailers")))
			msg->flags |= TW_MSG_TE_TRAILERS;
		mark_all(msg, TW_H_TE);
	}
	if (msg->first[TW_H_EXPECT] && msg->minor > 0 &&
	    list_has(msg, TW_H_EXPECT, TW_STR("100-continue")))
		msg->flags |= TW_MSG_EXPECT;
}

/* All Content-Length fields and all values in them must be the same number;
 * one of them is kept. */
static enum tw_io
content_length(struct tw_stream *st, struct tw_msg *msg)
{
	struct tw_hdr *first = tw_msg_first(msg, TW_H_CONTENT_LENGTH);
	bool any = false;

	for (struct tw_hdr *h = first; h; h = tw_msg_next(msg, h)) {
		struct tw_str rest = tw_hdr_value(h), one;
		uint64_t n;

		if (rest.len == 0 || rest.p[0] == ',' || rest.p[rest.len - 1] == ',')
			return tw__h1_refuse_at(
			    st, h->value, 400, "malformed Content-Length");
		while (tw__h1_next_token(&rest, &one)) {
			if (!tw_str_to_u64(one, &n) || n > INT64_MAX)
				return tw__h1_refuse_at(
				    st, one.p, 400, "malformed Content-Length");
			if (any && n != msg->content_length)
				return tw__h1_refuse(
				    st, 400, "conflicting Content-Length");
			any = true;
			msg->content_length = n;
			if (one.len != h->value_len)
				tw_msg_set_value(msg, h, one);
		}
		if (h != first)
			tw_msg_del(msg, h);
	}
	return TW_IO_OK;
}

static bool
is_known_coding(struct tw_str s)
{
	return tw_str_ieq(s, TW_STR("chunked"));
}

static void
del_all(struct tw_msg *msg, enum tw_hdr_id id)
{
	struct tw_hdr *h;

	while ((h = tw_msg_first(msg, id)) != NULL)
		tw_msg_del(msg, h);
}

/* RFC 9112 section 6.1; the only coding there is for us is chunked. */
static enum tw_io
transfer_encoding(struct tw_stream *st, struct tw_msg *msg)
{
	int n_chunked = 0, n_other = 0;
	bool last = false;

	for (struct tw_hdr *h = tw_msg_first(msg, TW_H_TRANSFER_ENCODING); h;
	     h = tw_msg_next(msg, h)) {
		struct tw_str rest = tw_hdr_value(h), one;

		while (tw__h1_next_token(&rest, &one)) {
			last = is_known_coding(one);
			n_chunked += last;
			n_other += !last;
		}
	}
	if (msg->minor == 0)
		return tw__h1_refuse(st, 400, "Transfer-Encoding in HTTP/1.0");
	if (msg->first[TW_H_CONTENT_LENGTH])
		return tw__h1_refuse(
		    st, 400, "Content-Length beside Transfer-Encoding");
	if (TW_UNLIKELY(st->state & H1_LOOSE) && (st->state & H1_RESPONSE) &&
	    n_other == 0) {
		if (n_chunked == 0) /* none at all */
			del_all(msg, TW_H_TRANSFER_ENCODING);
		return TW_IO_OK;
	}
	if (n_chunked > 1 || (n_chunked == 1 && !last) || n_chunked + n_other == 0)
		return tw__h1_refuse(st, 400, "malformed Transfer-Encoding");
	if (n_other > 0)
		return tw__h1_refuse(st, 501, "unknown Transfer-Encoding");
	return TW_IO_OK;
}

static bool
has_no_body(const struct tw_msg *msg, const struct tw_msg *request)
{
	return request->method == TW_M_HEAD || msg->status < 200 ||
	    msg->status == 204 || msg->status == 304;
}

static enum tw_body
framing(const struct tw_msg *msg, const struct tw_msg *request)
{
	if (request) {
		if (msg->status == 101 ||
		    (request->method == TW_M_CONNECT && msg->status / 100 == 2))
			return TW_BODY_TUNNEL;
		if (has_no_body(msg, request))
			return TW_BODY_NONE;
	}
	if (msg->first[TW_H_TRANSFER_ENCODING])
		return TW_BODY_CHUNKED;
	if (msg->first[TW_H_CONTENT_LENGTH])
		return msg->content_length > 0 ? TW_BODY_LENGTH : TW_BODY_NONE;
	return request ? TW_BODY_CLOSE : TW_BODY_NONE;
}

static enum tw_io
request_meaning(struct tw_stream *st, struct tw_msg *msg)
{
	struct tw_str authority;
	const char *why = tw__h1_target(msg, &authority);

	if (TW_UNLIKELY(why && (st->state & H1_LOOSE) && authority.p))
		why = NULL;
	if (!why)
		why = TW_UNLIKELY(st->state & H1_LOOSE)
		    ? tw__h1_loose_host(msg, authority)
		    : tw__h1_host(msg, authority);
	if (why)
		return tw__h1_refuse(st, 400, why);
	if (TW_UNLIKELY(authority.p != NULL) && msg->method != TW_M_CONNECT &&
	    tw__h1_has_implied_port(msg, authority))
		st->state |= H1_PORT;
	return TW_IO_OK;
}

/* A server of HTTP/1.0 may not look for a body there, and take it for the next
 * request. */
static bool
body_is_risky(const struct tw_stream *st, const struct tw_msg *msg)
{
	if (msg->method != TW_M_GET && msg->method != TW_M_HEAD &&
	    msg->method != TW_M_DELETE)
		return false;
	return !st->px ||
	    !((const struct http_proxy *)tw_proxy_block(st->px, tw__http_self))
		 ->any_method;
}

static struct tw_str
field_value(const struct tw_msg *msg, struct tw_str name)
{
	for (unsigned i = 0; i < msg->n_hdr; i++) {
		const struct tw_hdr *const h = &msg->hdr[i];
		if (!(h->flags & TW_HDR_DELETED) &&
		    tw_str_ieq((struct tw_str){ h->name, h->name_len }, name))
			return tw_hdr_value(h);
	}
	return (struct tw_str){ NULL, 0 };
}

/* A client of HTTP/2 gives no key: the one that its codec has made is for us to
 * check. source: RFC 8441 section 5.1 */
static bool
is_websocket_proven(const struct tw_msg *msg, const struct tw_msg *request)
{
	const struct tw_str key = field_value(request, TW_STR("sec-websocket-key"));
	char want[TW_WEBSOCKET_ACCEPT];

	if (key.p == NULL)
		return true; /* another protocol */
	tw_websocket_accept(key, want);
	return tw_str_eq(field_value(msg, TW_STR("sec-websocket-accept")),
	    (struct tw_str){ want, sizeof(want) });
}

enum tw_io
tw__h1_meaning(struct tw_stream *st, struct tw_msg *msg, const struct tw_msg *request)
{
	enum tw_io r = request ? TW_IO_OK : request_meaning(st, msg);

	if (r == TW_IO_OK && msg->first[TW_H_TRANSFER_ENCODING])
		r = transfer_encoding(st, msg);
	if (r == TW_IO_OK && msg->first[TW_H_CONTENT_LENGTH])
		r = content_length(st, msg);
	if (r != TW_IO_OK)
		return r;
	connection(msg);
	other_hop_fields(msg);
	if (msg->status == 101 && !(request->flags & TW_MSG_UPGRADE))
		return tw__h1_refuse(st, 502, "101 without having been asked");
	if (TW_UNLIKELY(msg->status == 101 && request->major == 2) &&
	    !is_websocket_proven(msg, request))
		return tw__h1_refuse(st, 502, "a wrong Sec-WebSocket-Accept");
	msg->body = (uint8_t)framing(msg, request);
	if (!request && msg->minor == 0 && msg->body != TW_BODY_NONE &&
	    body_is_risky(st, msg))
		return tw__h1_refuse(st, 413, "body with this method in HTTP/1.0");
	st->body = msg->body;
	st->left = msg->body == TW_BODY_LENGTH ? msg->content_length : 0;
	st->last = !(msg->flags & TW_MSG_KEEP_ALIVE) || msg->body == TW_BODY_CLOSE ||
	    msg->body == TW_BODY_TUNNEL;
	st->done = msg->body == TW_BODY_NONE;
	return TW_IO_OK;
}
