/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/serve_api.c - what a service may do (tideway/service.h): read, begin its
 * answer, write.
 *
 * Nothing here sends: the step `serve` (serve.c) does when the service has
 * returned. One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/serve.h"

static struct tw__serving *
serving(const struct tw_req *req)
{
	TW_ASSERT(req->serving != NULL);
	return req->serving;
}

const struct tw_service *
tw_req_service(const struct tw_req *req)
{
	return req->serving != NULL ? req->serving->service : NULL;
}

enum tw_verdict
tw_req_serve(struct tw_req *req, const struct tw_service *service, const char *shown,
    const struct tw_origin *origin)
{
	struct tw__serving *const s =
	    tw_arena_try(tw_req_arena(req), sizeof(*s) + service->state_size);

	TW_ASSERT(service->serve != NULL && req->serving == NULL);
	if (s == NULL)
		return tw_req_fail(req, 503, "out of memory", origin);
	memset(s, 0, sizeof(*s) + service->state_size);
	s->service = service;
	s->state = s + 1;
	req->serving = s;
	tw_decide_note(req, TW_ANSWERED, shown, origin);
	req->step = TW__SERVE;
	req->sub = 0;
	return TW_DONE;
}

/* --- reading --- */

static enum tw_io
read_fails(struct tw_req *req, struct tw__serving *s)
{
	s->read_over = s->read_bad = true;
	s->read_left = req->up.in.why == NULL && (req->cli->eof || req->cli->failed);
	return TW_IO_ERR;
}

/* The client waits to be told that its body is wanted. */
static void
say_continue(struct tw_req *req, struct tw__serving *s)
{
	if (!s->unexpected)
		return;
	s->unexpected = false;
	if (!s->headed && req->cli->in.head == req->cli->in.tail)
		tw__say_continue(req);
}

static enum tw_io
unfiltered(struct tw_req *req, struct tw_str *data)
{
	for (;;) {
		const bool eof = req->cli->eof;
		const enum tw_io io = tw__half_read(req, &req->up, data);

		if (io == TW_IO_ERR || io == TW_IO_END || data->len > 0)
			return io;
		if (eof)
			return TW_IO_ERR;
		switch (tw__half_recv(req, &req->up)) {
		case TW__P_DONE:
			break;
		case TW__P_WAIT:
			return TW_IO_AGAIN;
		default:
			return TW_IO_ERR;
		}
	}
}

enum tw_io
tw__serve_input(struct tw_req *req, struct tw_str *data)
{
	const enum tw_io io = req->up.filters != NULL
	    ? tw__filtered_read(req, &req->up, data)
	    : unfiltered(req, data);

	req->up.bytes += data->len;
	if (io == TW_IO_END)
		req->up.done = true;
	return io;
}

enum tw_io
tw_service_read(struct tw_req *req, struct tw_str *data)
{
	struct tw__serving *const s = serving(req);

	while (s->piece.len == 0) {
		if (s->read_over)
			return s->read_bad ? TW_IO_ERR : TW_IO_END;
		say_continue(req, s);
		switch (tw__serve_input(req, &s->piece)) {
		case TW_IO_ERR:
			return read_fails(req, s);
		case TW_IO_AGAIN:
			s->hungry = true;
			return TW_IO_AGAIN;
		case TW_IO_END:
			s->read_over = true;
			break;
		default:
			break;
		}
	}
	*data = s->piece;
	return TW_IO_OK;
}

void
tw_service_take(struct tw_req *req, size_t n)
{
	struct tw__serving *const s = serving(req);

	TW_ASSERT(n <= s->piece.len);
	s->piece.p += n;
	s->piece.len -= n;
	req->moved = true;
}

/* --- the head --- */

/* Framing and what is about one connection only are the codec's. */
static bool
is_left_out(struct tw_str name)
{
	const enum tw_hdr_id id = tw_hdr_id(name);

	return id == TW_H_CONNECTION || id == TW_H_TRANSFER_ENCODING ||
	    id == TW_H_CONTENT_LENGTH || id == TW_H_KEEP_ALIVE;
}

static int
set_length(struct tw__serving *s, uint64_t n)
{
	if (s->has_length && s->left != n)
		return -1;
	s->has_length = true;
	s->left = n;
	return 0;
}

static int
length_field(struct tw__serving *s, struct tw_str value)
{
	uint64_t n;

	return tw_str_to_u64(value, &n) ? set_length(s, n) : -1;
}

static int
add_field(struct tw_req *req, struct tw__serving *s, const struct tw_str field[2])
{
	if (tw_hdr_id(field[0]) == TW_H_CONTENT_LENGTH)
		return length_field(s, field[1]);
	if (is_left_out(field[0]))
		return 0;
	const struct tw_str name = tw_req_copy(req, field[0]);
	const struct tw_str value = tw_req_copy(req, field[1]);
	if (name.p == NULL || value.p == NULL)
		return -1;
	return tw_msg_add(&req->res, name, value);
}

static int
head_begin(struct tw_req *req, const struct tw_service_head *head)
{
	struct tw_msg *const msg = &req->res;

	tw__msg_clear(msg);
	msg->flags = TW_MSG_RESPONSE | TW_MSG_EDITED | TW_MSG_KEEP_ALIVE;
	msg->major = msg->minor = 1;
	msg->status = (uint16_t)head->status;
	msg->reason = head->reason.p != NULL
	    ? tw_req_copy(req, head->reason)
	    : tw_str_of(tw_status_reason(head->status));
	return msg->reason.p != NULL ? 0 : -1;
}

/* What follows a successful CONNECT has no framing. */
static void
head_frame(struct tw_req *req, struct tw__serving *s)
{
	struct tw_msg *const msg = &req->res;
	const bool opaque = req->req.method == TW_M_CONNECT && msg->status < 300;

	msg->body = opaque  ? TW_BODY_CLOSE
	    : s->has_length ? TW_BODY_LENGTH
			    : TW_BODY_CHUNKED;
	msg->content_length = s->has_length ? s->left : 0;
	s->no_body = tw__is_head(req) || msg->status == 204 || msg->status == 304;
	req->down.in.body = s->no_body ? TW_BODY_NONE : msg->body;
	s->started = true;
}

int
tw_service_start(struct tw_req *req, const struct tw_service_head *head)
{
	struct tw__serving *const s = serving(req);

	if (!req->http || s->started || head->status < 200 || head->status > 999 ||
	    head_begin(req, head) != 0)
		return -1;
	s->has_length = false;
	if (head->length >= 0)
		set_length(s, (uint64_t)head->length);
	for (int i = 0; i < head->n_headers; i++)
		if (add_field(req, s, &head->headers[2 * i]) != 0)
			return -1;
	head_frame(req, s);
	return 0;
}

/* --- writing --- */

static size_t
min_size(size_t a, uint64_t b)
{
	return b < a ? (size_t)b : a;
}

size_t
tw_service_room(const struct tw_req *req)
{
	const struct tw__serving *const s = serving(req);

	return req->worker->net->buf_size - s->len;
}

/* What does not go out: beyond the length, or no body is to be sent. */
static size_t
wanted_of(const struct tw__serving *s, size_t n)
{
	if (s->no_body)
		return 0;
	return s->has_length ? min_size(n, s->left) : n;
}

bool
tw__serve_buf(struct tw_req *req)
{
	if (req->reply_buf == NULL)
		req->reply_buf = tw__pool_get(&req->worker->net->bufs);
	return req->reply_buf != NULL;
}

size_t
tw_service_write(struct tw_req *req, struct tw_str data)
{
	struct tw__serving *const s = serving(req);
	const size_t wanted = wanted_of(s, data.len);
	const size_t n = min_size(wanted, tw_service_room(req));

	TW_ASSERT(!req->http || s->started);
	if (!tw__serve_buf(req)) {
		s->failed = true;
		return data.len;
	}
	if (n > 0)
		memcpy(req->reply_buf + s->len, data.p, n);
	s->len += n;
	if (s->has_length)
		s->left -= s->no_body ? min_size(data.len, s->left) : n;
	s->full = n < wanted;
	return s->full ? n : data.len;
}

enum tw_io
tw__serve_more(struct tw_req *req, struct tw_str *data)
{
	struct tw__serving *const s = serving(req);

	*data = (struct tw_str){ req->reply_buf + s->lent, s->len - s->lent };
	if (data->len == 0) {
		data->p = NULL;
		s->len = 0;
	}
	s->lent = s->len;
	if (s->over && (!s->failed || !req->http))
		return TW_IO_END;
	return data->len > 0 ? TW_IO_OK : TW_IO_AGAIN;
}
