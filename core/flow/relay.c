/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * relay.c - moving bodies: one function for both directions.
 *
 * A half reads its sender's buffer through the codec, frames what comes for
 * its receiver and sends it. When the receiver has a backlog the half stops
 * reading, so a slow peer holds back a fast one. Long plain bodies go through a
 * pipe inside the kernel (splice) and are never seen. Halves with filters are
 * filter.c's.
 * Steps `send`, `response` and `deliver`. One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/serve.h"

/* Below this many bytes to come a copy is cheaper than a pipe. */
#define SPLICE_MIN (64u * 1024)
/* Bodies up to here are sent as one piece with their head. */
#define MERGE_MAX 4096u
#define RAW_IOV (TW_PROTO_IOV + 1)

/* --- the codec of mode tcp: opaque bytes until the end --- */

static enum tw_io
raw_read_body(struct tw_stream *st, struct tw_buf *in, struct tw_str *data, bool eof)
{
	(void)st;
	*data = (struct tw_str){ in->base + in->head, in->tail - in->head };
	in->head = in->tail;
	if (data->len > 0)
		return TW_IO_OK;
	return eof ? TW_IO_END : TW_IO_AGAIN;
}

static int
raw_write_body(struct tw_stream *st, struct tw_str data, bool end,
    struct tw_out *scratch, struct iovec *iov)
{
	(void)st;
	(void)end;
	(void)scratch;
	iov[0] = (struct iovec){ (void *)(uintptr_t)data.p, data.len };
	return data.len > 0 ? 1 : 0;
}

static uint64_t
raw_raw(const struct tw_stream *in, const struct tw_stream *out)
{
	(void)in;
	(void)out;
	return UINT64_MAX;
}

static void
raw_moved(struct tw_stream *in, struct tw_stream *out, uint64_t n)
{
	(void)out;
	in->own[0] += n;
}

const struct tw_proto tw__raw_proto = {
	.name = "raw",
	.read_body = raw_read_body,
	.write_body = raw_write_body,
	.raw = raw_raw,
	.moved = raw_moved,
};

/* --- one half --- */

static bool
is_up(const struct tw_req *req, const struct tw__half *h)
{
	return h == &req->up;
}

static struct tw_conn *
sender(const struct tw_req *req, const struct tw__half *h)
{
	return is_up(req, h) ? req->cli : req->srvc;
}

static struct tw_conn *
receiver(const struct tw_req *req, const struct tw__half *h)
{
	return is_up(req, h) ? req->srvc : req->cli;
}

struct tw_conn *
tw__half_sender(const struct tw_req *req, const struct tw__half *h)
{
	return sender(req, h);
}

struct tw_conn *
tw__half_receiver(const struct tw_req *req, const struct tw__half *h)
{
	return receiver(req, h);
}

static size_t
iov_bytes(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* A small body is copied behind its head: one piece costs the kernel less
 * than two. in: the head, in scratch memory with room behind it. */
static int
iov_merge(struct iovec *iov)
{
	memcpy(
	    (char *)iov[0].iov_base + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	iov[0].iov_len += iov[1].iov_len;
	return 1;
}

void
tw__half_trailers(const struct tw_req *req, struct tw__half *h)
{
	h->out.trailers = h->in.trailers;
	if (TW_UNLIKELY(h->in.trailers.len != 0) &&
	    (h == &req->up ? req->be->c.drop_req_trailers
			   : req->fe->c.drop_res_trailers))
		h->out.trailers.len = 0;
}

/* Sends a head (may be empty) and framed payload in one call. */
static enum tw_io
half_send(struct tw_req *req, struct tw__half *h, struct tw_str head,
    struct tw_str data, bool end)
{
	struct tw__net *const net = req->worker->net;
	struct tw_out scratch = { net->scratch + head.len,
		net->scratch + sizeof(net->scratch), false };
	struct iovec iov[RAW_IOV];
	int n = 0;

	if (head.len > 0)
		iov[n++] = (struct iovec){ (void *)(uintptr_t)head.p, head.len };
	if (data.len > 0 || end) {
		tw__half_trailers(req, h);
		n += tw__half_out_proto(req, h)->write_body(
		    &h->out, data, end, &scratch, iov + n);
	}
	TW_ASSERT(!scratch.over);
	if (n == 0)
		return TW_IO_OK;
	if (n == 2 && head.len > 0 && iov[1].iov_len <= MERGE_MAX &&
	    scratch.p == net->scratch + head.len)
		n = iov_merge(iov);
	h->bytes += tw__counted(&h->out, iov_bytes(iov, n));
	req->moved = true;
	return tw__conn_send(receiver(req, h), iov, n);
}

static enum tw__pump
half_pass(struct tw_req *req, struct tw__half *h, struct tw_str head,
    struct tw_str data, bool end)
{
	return half_send(req, h, head, data, end) == TW_IO_ERR ? TW__P_OUT_ERR
							       : TW__P_DONE;
}

/* What tw_req_body() gathered goes first; it may be only a part. */
static enum tw_io
half_gathered(struct tw_req *req, struct tw_str *data)
{
	if (!req->body_sent)
		*data = (struct tw_str){ req->body, req->body_len };
	req->body_sent = true;
	return req->body_read ? TW_IO_END : TW_IO_OK;
}

static enum tw_io
half_next(struct tw_req *req, struct tw__half *h, struct tw_str *data)
{
	struct tw_conn *const from = sender(req, h);

	if (h->in.body == TW_BODY_NONE && req->http)
		return TW_IO_END;
	return tw__half_in_proto(req, h)->read_body(&h->in, &from->in, data, from->eof);
}

/* What tw_req_body() gathered goes first; what passes is kept for retry-on.
 * Seldom: so it stays out of the way of what is often. */
static __attribute__((noinline)) enum tw_io
half_kept(struct tw_req *req, struct tw__half *h, struct tw_str *data)
{
	if (req->body_read || (!req->body_sent && req->body_len > 0))
		return half_gathered(req, data);
	const enum tw_io io = half_next(req, h, data);
	if (req->copying) {
		req->body_sent = true;
		tw__retry_copy(req, *data, io);
	}
	return io;
}

/* The next payload: gathered earlier, or from the buffer. */
static enum tw_io
half_read(struct tw_req *req, struct tw__half *h, struct tw_str *data)
{
	*data = (struct tw_str){ NULL, 0 };
	if (is_up(req, h) && TW_UNLIKELY(req->body != NULL))
		return half_kept(req, h, data);
	return half_next(req, h, data);
}

static enum tw__pump
half_finish(struct tw_req *req, struct tw__half *h)
{
	h->done = true;
	req->moved = true;
	tw__half_end(req, h);
	return TW__P_DONE;
}

void
tw__half_end(struct tw_req *req, struct tw__half *h)
{
	if (h->pipe != NULL)
		tw__pipe_put(req->worker, &h->pipe);
}

enum tw__pump
tw__half_begin(struct tw_req *req, struct tw__half *h, struct tw_str head)
{
	struct tw_str data;

	if (TW_UNLIKELY(h->filters != NULL))
		return tw__filtered_begin(req, h, head);
	const enum tw_io io = half_read(req, h, &data);

	if (io == TW_IO_ERR)
		return sender(req, h)->eof ? TW__P_IN_ERR : TW__P_IN_BAD;
	const enum tw__pump p = half_pass(req, h, head, data, io == TW_IO_END);
	if (p != TW__P_DONE)
		return p;
	h->begun = true;
	return io == TW_IO_END ? half_finish(req, h) : TW__P_WAIT;
}

static bool
can_splice(const struct tw_req *req, const struct tw__half *h)
{
	const struct tw_conn *const from = sender(req, h), *const to = receiver(req, h);

	if (h->pipe != NULL && h->pipe->held > 0)
		return true;
	return from->in.head == from->in.tail && tw__conn_splices(from, to);
}

/* Bytes worth a pipe: a known long rest; for an unknown one, only after a
 * read has filled the whole buffer. */
static uint64_t
splice_want(const struct tw_req *req, const struct tw__half *h)
{
	const struct tw_conn *const from = sender(req, h);
	const uint64_t raw = tw__half_in_proto(req, h)->raw(&h->in, &h->out);

	if (h->pipe != NULL && h->pipe->held > 0)
		return UINT64_MAX; /* it has to leave; nothing is taken before */
	if (raw < SPLICE_MIN)
		return 0;
	if (raw == UINT64_MAX && h->pipe == NULL &&
	    (from->in.size == 0 || from->in.tail < from->in.size))
		return 0;
	return raw;
}

static enum tw__pump
splice_ended(struct tw_req *req, struct tw__half *h, enum tw_io io)
{
	struct tw_conn *const from = sender(req, h), *const to = receiver(req, h);

	if (io == TW_IO_ERR)
		return to->failed || to->shut ? TW__P_OUT_ERR : TW__P_IN_ERR;
	if (io == TW_IO_AGAIN && h->pipe->held == 0 && !from->readable)
		tw__half_end(req, h); /* idle again: give the pipe back */
	return TW__P_WAIT;
}

/* returns: WAIT, an error, or DONE when the caller shall go on reading. */
static enum tw__pump
half_splice(struct tw_req *req, struct tw__half *h, uint64_t want)
{
	struct tw_conn *const from = sender(req, h), *const to = receiver(req, h);
	uint64_t n;

	if (h->pipe == NULL) {
		if (TW_UNLIKELY(is_up(req, h) ? req->fe->c.no_splice_request ||
				req->be->c.no_splice_request
					      : req->fe->c.no_splice_response ||
				req->be->c.no_splice_response))
			return TW__P_DONE;
		h->pipe = tw__pipe_get(req->worker);
		if (h->pipe == NULL)
			return TW__P_DONE; /* no descriptors: copy */
		if (is_up(req, h))
			req->copying = false; /* too long for that */
	}
	const uint32_t before = h->pipe->held;
	const enum tw_io io = tw__conn_splice(from, to, h->pipe, want, &n);
	if (n > 0 || h->pipe->held != before)
		req->moved = true;
	h->bytes += n;
	/* Counted when taken from the sender: the pipe is ours. */
	const uint64_t taken = n + h->pipe->held - before;
	if (taken > 0)
		tw__half_in_proto(req, h)->moved(&h->in, &h->out, taken);
	if (io == TW_IO_OK || io == TW_IO_END)
		return TW__P_DONE;
	return splice_ended(req, h, io);
}

/* The codec waits for more of what cannot be passed on in parts (trailers),
 * and there is no room for more. */
static enum tw__pump
half_full(struct tw__half *h)
{
	h->in.status = 431;
	h->in.why = "no room for the trailers behind so long a head";
	return TW__P_IN_BAD;
}

static enum tw__pump
half_recv(struct tw_req *req, struct tw__half *h)
{
	struct tw_conn *const from = sender(req, h);

	if (from->short_read && (req->tunnel || !req->http))
		tw__conn_ask_later(from); /* not worth a call for each piece */
	switch (tw__conn_recv(from, h->keep)) {
	case TW_IO_OK:
		req->moved = true;
		return TW__P_DONE;
	case TW_IO_AGAIN:
		if (!req->http)
			tw__buf_put(from);
		return TW__P_WAIT;
	case TW_IO_END:
		return TW__P_DONE;
	default:
		return from->failed ? TW__P_IN_ERR : half_full(h);
	}
}

/* One turn of the pump. returns: DONE to turn again. */
static enum tw__pump
half_turn(struct tw_req *req, struct tw__half *h, bool *finished)
{
	struct tw_conn *const from = sender(req, h);
	struct tw_str data;

	if (can_splice(req, h)) {
		const uint64_t want = splice_want(req, h);
		if (want > 0) {
			const enum tw__pump p = half_splice(req, h, want);
			if (p != TW__P_DONE ||
			    (h->pipe != NULL && (h->pipe->held > 0 || !from->eof)))
				return p;
		}
	}
	const bool eof = from->eof;
	const enum tw_io io = half_read(req, h, &data);
	if (io == TW_IO_ERR) /* cut short, or malformed */
		return eof ? TW__P_IN_ERR : TW__P_IN_BAD;
	if (data.len > 0 || io == TW_IO_END) {
		const enum tw__pump p = half_pass(
		    req, h, (struct tw_str){ NULL, 0 }, data, io == TW_IO_END);
		*finished = p == TW__P_DONE && io == TW_IO_END;
		return p;
	}
	return eof ? TW__P_IN_ERR : half_recv(req, h);
}

enum tw_io
tw__flow_flush(struct tw_req *req, struct tw_conn *conn)
{
	const bool asked = conn->retried; /* nobody has said that there is room */

	conn->retried = false;
	if (tw__conn_backlog(conn) && conn->writable && !asked)
		req->moved = true;
	return tw__conn_flush(conn);
}

enum tw__pump
tw__half_pump(struct tw_req *req, struct tw__half *h)
{
	struct tw_conn *const to = receiver(req, h);
	const uint64_t start = h->bytes;
	const uint32_t turn = TW_UNLIKELY(req->limits != NULL)
	    ? req->limits->turn_bytes
	    : req->cli->bind->turn_bytes;
	bool finished = false;

	if (h->done)
		return TW__P_DONE;
	if (TW_UNLIKELY(h->filters != NULL))
		return tw__filtered_pump(req, h);
	for (;;) {
		if (tw__conn_backlog(to) && tw__flow_flush(req, to) != TW_IO_OK)
			return to->failed ? TW__P_OUT_ERR : TW__P_WAIT;
		const enum tw__pump p = half_turn(req, h, &finished);
		if (finished)
			return half_finish(req, h);
		if (p != TW__P_DONE)
			return p;
		/* one that never has to wait still leaves room for others */
		if (h->bytes - start >= turn) {
			tw__conn_again(sender(req, h));
			return TW__P_WAIT;
		}
	}
}

/* --- for halves with filters --- */

enum tw_io
tw__half_read(struct tw_req *req, struct tw__half *h, struct tw_str *data)
{
	if (!is_up(req, h) && req->serving != NULL)
		return tw__serve_more(req, data);
	return half_read(req, h, data);
}

bool
tw__half_eof(const struct tw_req *req, const struct tw__half *h)
{
	const struct tw_conn *const from = sender(req, h);

	return from != NULL && from->eof;
}

enum tw__pump
tw__half_recv(struct tw_req *req, struct tw__half *h)
{
	if (sender(req, h) == NULL)
		return TW__P_WAIT; /* a service: it is called by its step */
	return half_recv(req, h);
}

enum tw__pump
tw__half_finish(struct tw_req *req, struct tw__half *h)
{
	return half_finish(req, h);
}
