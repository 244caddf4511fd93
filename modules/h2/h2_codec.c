/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_codec.c - the codec of one stream: records to messages and back.
 *
 * What is HTTP/2's own - frames, compression, windows, which fields are allowed
 * - has been dealt with by the engine when a record is read, and will be when
 * one is written. Any thread. source: RFC 9113 section 8.
 */
#include "config.h"

#include <string.h>

#include <tideway/assert.h>

#include "h2_mod.h"

/* struct tw_stream's `own`, by index. */
#define OWN_LEFT 0  /* bytes of a DATA record to come */
#define OWN_ENDED 1 /* the message ends with it */

/* returns: false: not all of the record is there. */
static bool
rec_whole(const struct tw_buf *in, struct h2_rec *rec)
{
	const size_t have = in->tail - in->head;

	if (in->base == NULL || have < sizeof(*rec))
		return false;
	memcpy(rec, in->base + in->head, sizeof(*rec));
	return rec->len <= have - sizeof(*rec);
}

static void
index_field(struct tw_msg *msg, unsigned i)
{
	const uint8_t id = msg->hdr[i].id;

	if (id != TW_H_OTHER && msg->first[id] == 0)
		msg->first[id] = (uint16_t)(i + 1);
}

static bool
field_is(struct tw_msg *msg, enum tw_hdr_id id, struct tw_str value)
{
	const struct tw_hdr *const h = tw_msg_first(msg, id);

	return h != NULL && tw_str_ieq(tw_hdr_value(h), value);
}

/* What the fields of a request mean for the flow. */
static void
request_meaning(struct tw_msg *msg, bool is_upgrade)
{
	const struct tw_hdr *const host = tw_msg_first(msg, TW_H_HOST);

	msg->method = (uint8_t)tw_method_of(msg->method_name);
	if (host != NULL)
		msg->host = tw_hdr_value(host);
	if (field_is(msg, TW_H_EXPECT, TW_STR("100-continue")))
		msg->flags |= TW_MSG_EXPECT;
	if (field_is(msg, TW_H_TE, TW_STR("trailers")))
		msg->flags |= TW_MSG_TE_TRAILERS;
	if (is_upgrade)
		msg->flags |= TW_MSG_UPGRADE;
	if (msg->method == TW_M_CONNECT || is_upgrade)
		msg->body = TW_BODY_NONE; /* a tunnel, once that has been agreed to */
}

/* What HTTP/2 has its own form for: WebSocket, and whatever came in that form. */
static bool
is_extended(const struct tw_msg *request)
{
	const unsigned i = request->first[TW_H_UPGRADE];

	return (request->flags & TW_MSG_UPGRADE) &&
	    (request->major == 2 ||
		(i != 0 &&
		    tw_str_ieq(
			tw_hdr_value(&request->hdr[i - 1]), TW_STR("websocket"))));
}

/* in: request: what it answers. */
static void
response_meaning(struct tw_msg *msg, const struct tw_msg *request)
{
	msg->flags |= TW_MSG_RESPONSE;
	if (msg->status == 200 && is_extended(request)) {
		msg->status = 101; /* as its HTTP/1 form has it */
		msg->flags |= TW_MSG_UPGRADE;
		msg->body = TW_BODY_TUNNEL;
	} else if (request->method == TW_M_CONNECT && msg->status / 100 == 2) {
		msg->body = TW_BODY_TUNNEL;
	}
}

static enum tw_io
refuse(struct tw_stream *st, int status, const char *why)
{
	st->status = (uint16_t)status;
	st->why = why;
	return TW_IO_ERR;
}

static void
message_of(struct tw_msg *msg, const struct h2_head *hd)
{
	msg->major = 2;
	msg->minor = 0;
	msg->n_hdr = hd->n_hdr;
	for (unsigned i = 0; i < hd->n_hdr; i++)
		index_field(msg, i);
	msg->status = hd->status;
	msg->content_length = hd->content_length;
	msg->raw = hd->text;
	msg->body = hd->end  ? TW_BODY_NONE
	    : hd->has_length ? TW_BODY_LENGTH
			     : TW_BODY_CHUNKED;
	if (hd->end && hd->has_length) /* the answer to HEAD says what there would be */
		msg->body = hd->status != 0 ? TW_BODY_LENGTH : TW_BODY_NONE;
}

/* Its form is the absolute one where it has an authority. Servers want the origin form
 * all the same, but of a scheme that is not HTTP's own. */
static void
target_of(struct tw_msg *msg, const struct h2_head *hd)
{
	const struct tw_str a = hd->authority, path = hd->path;

	msg->target = path;
	if (a.len == 0)
		return;
	if (tw_str_ieq(hd->scheme, TW_STR("http")) ||
	    tw_str_ieq(hd->scheme, TW_STR("https"))) {
		msg->flags |= TW_MSG_ABSOLUTE;
		return;
	}
	msg->target = (struct tw_str){ hd->scheme.p,
		(size_t)(a.p + a.len - hd->scheme.p) +
		    (path.p == a.p + a.len ? path.len : 0) };
}

enum tw_io
h2__read_head(struct tw_stream *st, struct tw_buf *in, struct tw_msg *msg,
    const struct tw_msg *request, bool eof)
{
	struct h2_rec rec;
	struct h2_head hd;

	if (!rec_whole(in, &rec))
		return eof ? TW_IO_END : TW_IO_AGAIN;
	const char *const p = in->base + in->head + sizeof(rec);
	if (rec.flags & H2_REC_TOO_LARGE) {
		in->head += (uint32_t)sizeof(rec); /* nothing of it is to be shown */
		return refuse(st, 431, "head too large");
	}
	if (rec.type != H2_REC_HEAD || !h2__rec_read(&rec, p, &hd, msg->hdr))
		return refuse(st, 400, "a stream that does not begin with a head");
	in->head += (uint32_t)(sizeof(rec) + rec.len);
	message_of(msg, &hd);
	if (request == NULL) {
		msg->method_name = hd.method;
		target_of(msg, &hd);
		request_meaning(msg, hd.protocol.p != NULL);
	} else {
		response_meaning(msg, request);
		msg->reason = tw_str_of(tw_status_reason(msg->status));
	}
	st->body = hd.end && msg->body != TW_BODY_TUNNEL ? TW_BODY_NONE : msg->body;
	st->left = st->body == TW_BODY_LENGTH ? msg->content_length : 0;
	st->own[OWN_LEFT] = 0;
	st->own[OWN_ENDED] = hd.end;
	return TW_IO_OK;
}

/* --- bodies --- */

/* The next record's beginning. returns: OK: a DATA record. */
static enum tw_io
rec_next(struct tw_stream *st, struct tw_buf *in)
{
	struct h2_rec rec;

	if (st->own[OWN_ENDED])
		return TW_IO_END;
	if (in->base == NULL || in->tail - in->head < sizeof(rec))
		return TW_IO_AGAIN;
	memcpy(&rec, in->base + in->head, sizeof(rec));
	if (rec.type == H2_REC_TRAILERS) {
		if (!rec_whole(in, &rec))
			return TW_IO_AGAIN;
		st->trailers =
		    (struct tw_str){ in->base + in->head + sizeof(rec), rec.len };
		in->head += (uint32_t)(sizeof(rec) + rec.len);
		st->own[OWN_ENDED] = 1;
		return TW_IO_END;
	}
	if (rec.type != H2_REC_DATA)
		return refuse(st, 502, "a head inside a body");
	in->head += (uint32_t)sizeof(rec);
	st->own[OWN_LEFT] = rec.len;
	st->own[OWN_ENDED] = (rec.flags & H2_REC_END) != 0;
	return TW_IO_OK;
}

enum tw_io
h2__read_body(struct tw_stream *st, struct tw_buf *in, struct tw_str *data, bool eof)
{
	(void)eof;
	*data = (struct tw_str){ NULL, 0 };
	while (st->own[OWN_LEFT] == 0) {
		const enum tw_io io = rec_next(st, in);
		if (io != TW_IO_OK) {
			st->done = io == TW_IO_END;
			return io;
		}
	}
	size_t n = in->tail - in->head;
	if (n > st->own[OWN_LEFT])
		n = st->own[OWN_LEFT];
	if (n == 0)
		return TW_IO_AGAIN;
	*data = (struct tw_str){ in->base + in->head, n };
	in->head += (uint32_t)n;
	st->own[OWN_LEFT] -= n;
	if (st->body == TW_BODY_LENGTH)
		st->left -= n < st->left ? n : st->left;
	st->done = st->own[OWN_LEFT] == 0 && st->own[OWN_ENDED];
	return st->done ? TW_IO_END : TW_IO_OK;
}

int
h2__write_body(struct tw_stream *st, struct tw_str data, bool end,
    struct tw_out *scratch, struct iovec *iov)
{
	const bool trailers = end && st->trailers.len > 0;
	char *const p = scratch->p;
	int n = 0;

	if (st->body == TW_BODY_NONE || st->done)
		return 0;
	st->done = end;
	TW_ASSERT(scratch->end - scratch->p >= (ptrdiff_t)(2 * sizeof(struct h2_rec)));
	if (data.len > 0 || (end && !trailers)) {
		scratch->p = h2__rec_put(scratch->p, (uint32_t)data.len, H2_REC_DATA,
		    end && !trailers ? H2_REC_END : 0);
		st->extra += sizeof(struct h2_rec);
		iov[n++] = (struct iovec){ p, sizeof(struct h2_rec) };
		if (data.len > 0)
			iov[n++] =
			    (struct iovec){ (void *)(uintptr_t)data.p, data.len };
	}
	if (trailers) {
		char *const t = scratch->p;
		scratch->p =
		    h2__rec_put(t, (uint32_t)st->trailers.len, H2_REC_TRAILERS, 0);
		st->extra += sizeof(struct h2_rec);
		iov[n++] = (struct iovec){ t, sizeof(struct h2_rec) };
		iov[n++] = (struct iovec){ (void *)(uintptr_t)st->trailers.p,
			st->trailers.len };
	}
	return n;
}

uint64_t
h2__raw(const struct tw_stream *in, const struct tw_stream *out)
{
	(void)in;
	(void)out;
	return 0;
}

void
h2__moved(struct tw_stream *in, struct tw_stream *out, uint64_t n)
{
	(void)in;
	(void)out;
	(void)n;
}

/* --- heads that go out --- */

static bool
is_interim(const struct tw_msg *msg)
{
	return (msg->flags & TW_MSG_RESPONSE) && msg->status < 200 &&
	    msg->status != 101;
}

static enum tw_body
body_out(const struct tw_msg *msg, unsigned how)
{
	if (msg->body == TW_BODY_TUNNEL)
		return TW_BODY_TUNNEL;
	if ((msg->flags & TW_MSG_RESPONSE) &&
	    ((how & TW_HEAD_NO_BODY) || msg->status < 200 || msg->status == 204 ||
		msg->status == 304))
		return TW_BODY_NONE;
	if (msg->body == TW_BODY_LENGTH && msg->content_length == 0)
		return TW_BODY_NONE;
	return (enum tw_body)msg->body;
}

/* The length goes out as that of the message, once. Without a body what the peer said
 * of it stays: it may be the answer to HEAD. */
static bool
says_length(const struct tw_msg *msg)
{
	return msg->body == TW_BODY_LENGTH &&
	    (!(msg->flags & TW_MSG_RESPONSE) ||
		(msg->status >= 200 && msg->status != 204));
}

/* A length of a message that may have none, or another one now. */
static bool
length_stays(const struct tw_msg *msg)
{
	return says_length(msg) || msg->body != TW_BODY_NONE ||
	    ((msg->flags & TW_MSG_RESPONSE) &&
		(msg->status < 200 || msg->status == 204));
}

/* A field with one hop to go, or one that is made anew. */
static bool
stays(const struct tw_msg *msg, const struct tw_hdr *h)
{
	if (h->flags & (TW_HDR_DELETED | TW_HDR_HOP))
		return true;
	switch (h->id) {
	case TW_H_CONNECTION:
	case TW_H_KEEP_ALIVE:
	case TW_H_PROXY_CONNECTION:
	case TW_H_TRANSFER_ENCODING:
		return true;
	case TW_H_UPGRADE: /* says which protocol an extended CONNECT is for */
		return (msg->flags & TW_MSG_RESPONSE) || !is_extended(msg);
	case TW_H_TE:
		return !(msg->flags & TW_MSG_TE_TRAILERS);
	case TW_H_CONTENT_LENGTH:
		return length_stays(msg);
	default:
		return msg->body == TW_BODY_TUNNEL && (msg->flags & TW_MSG_UPGRADE) &&
		    tw_str_ieq((struct tw_str){ h->name, h->name_len },
			TW_STR("sec-websocket-accept"));
	}
}

struct head_out {
	struct h2_head hd;
	struct tw_hdr hdr[TW_MAX_HDR + 1];
	char length[24];
};

/* returns: fields. */
static uint16_t
fields_out(struct head_out *h, const struct tw_msg *msg)
{
	uint16_t n = 0;

	for (unsigned i = 0; i < msg->n_hdr; i++) {
		if (!stays(msg, &msg->hdr[i]))
			h->hdr[n++] = msg->hdr[i];
	}
	if (says_length(msg)) {
		struct tw_out o = tw_out_of(h->length, sizeof(h->length));
		tw_out_u64(&o, msg->body == TW_BODY_LENGTH ? msg->content_length : 0);
		h->hdr[n++] = (struct tw_hdr){ .name = "content-length",
			.name_len = 14,
			.value = h->length,
			.value_len = (uint32_t)(o.p - h->length),
			.id = TW_H_CONTENT_LENGTH };
	}
	return n;
}

/* What a request of HTTP/2 was sent with stays, also when its target is a new one. */
static void
scheme_as_received(struct h2_head *hd, struct tw_msg *msg)
{
	const struct tw_str raw = msg->raw;
	const char *const space = raw.len > 0 ? memchr(raw.p, ' ', raw.len) : NULL;

	if (space == NULL)
		return;
	const struct tw_str rest = { space + 1, (size_t)(raw.p + raw.len - space - 1) };
	struct tw_uri uri;
	if (!tw_uri_split(rest, &uri))
		return;
	hd->scheme = uri.scheme;
	hd->authority = msg->host;
	for (struct tw_hdr *h = tw_msg_first(msg, TW_H_HOST); h != NULL;
	     h = tw_msg_next(msg, h))
		hd->authority = tw_hdr_value(h);
}

/* The URI in parts; "http://" alone is none. */
static void
target_out(struct h2_head *hd, struct tw_msg *msg)
{
	const struct tw_str t = msg->target;
	struct tw_uri uri;

	hd->path = t;
	if (msg->method == TW_M_CONNECT)
		return;
	if (!tw_uri_split(t, &uri) || uri.authority.len + uri.pathq.len == 0) {
		if (msg->major == 2)
			scheme_as_received(hd, msg);
		return;
	}
	hd->scheme = uri.scheme;
	hd->authority = tw_authority_host(uri.authority);
	hd->path = uri.pathq;
	if (hd->path.len == 0)
		hd->path = msg->method == TW_M_OPTIONS ? TW_STR("*") : TW_STR("/");
}

int
h2__write_head(
    struct tw_stream *st, struct tw_msg *msg, struct tw_out *out, unsigned how)
{
	const bool response = (msg->flags & TW_MSG_RESPONSE) != 0;
	const size_t room = (size_t)(out->end - out->p);
	struct head_out h;

	st->body = (uint8_t)body_out(msg, how);
	st->left = 0;
	st->done = st->body == TW_BODY_NONE;
	h.hd = (struct h2_head){ .end = st->done && !is_interim(msg),
		.status = msg->status == 101 ? 200 : msg->status,
		.hdr = h.hdr };
	h.hd.n_hdr = fields_out(&h, msg);
	if (!response) {
		h.hd.method = msg->method_name;
		target_out(&h.hd, msg);
		if (is_extended(msg))
			h.hd.protocol = TW_STR("websocket"); /* the field says it */
	}
	const size_t n = response ? h2__rec_response(out->p, room, &h.hd)
				  : h2__rec_request(out->p, room, &h.hd, NULL);
	if (n <= sizeof(struct h2_rec)) {
		out->over = true;
		return -1;
	}
	struct h2_rec_head head;
	memcpy(&head, out->p + sizeof(struct h2_rec), sizeof(head));
	st->extra += (uint32_t)n - head.text_len;
	out->p += n;
	return 0;
}
