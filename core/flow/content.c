/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/content.c - contents of mode tcp that a rule changes, or sends itself.
 *
 * What a rule sees of a stream is what was received and not passed on: the
 * receive buffer. It is changed there, before the relay takes it. One worker's
 * thread.
 */
#include "config.h"

#include <tideway/edit.h>
#include "core/flow/req.h"

static struct tw_conn *
content_of(const struct tw_req *req, bool response)
{
	return response ? req->srvc : req->cli;
}

/* All room that there is comes behind the bytes. */
static void
to_front(struct tw_buf *in)
{
	if (in->head == 0)
		return;
	memmove(in->base, in->base + in->head, in->tail - in->head);
	in->tail -= in->head;
	in->head = 0;
}

size_t
tw_req_content_room(const struct tw_req *req, bool response)
{
	const struct tw_conn *const conn = content_of(req, response);

	if (req->http || conn == NULL || conn->failed)
		return 0;
	if (conn->in.base == NULL)
		return req->worker->net->buf_size;
	return conn->in.size - (conn->in.tail - conn->in.head);
}

bool
tw_req_content_edit(
    struct tw_req *req, bool response, size_t at, size_t n, struct tw_str by)
{
	struct tw_conn *const conn = content_of(req, response);
	const size_t room = tw_req_content_room(req, response);

	if (req->http || conn == NULL || conn->failed)
		return false;
	struct tw_buf *const in = &conn->in;
	const size_t len = in->base != NULL ? in->tail - in->head : 0;
	if (at > len || n > len - at || by.len > room + n)
		return false;
	if (in->base == NULL && by.len == 0)
		return true;
	if (in->base == NULL && !tw__buf_get(conn))
		return false;
	if (by.len > n && in->tail + (by.len - n) > in->size)
		to_front(in);
	char *const p = in->base + in->head + at;
	memmove(p + by.len, p + n, len - at - n);
	if (by.len > 0)
		memcpy(p, by.p, by.len);
	in->tail = (uint32_t)(in->tail + by.len - n);
	return true;
}

enum tw_io
tw_req_content_send(struct tw_req *req, bool response, struct tw_str bytes)
{
	struct tw_conn *const conn = response ? req->cli : req->srvc;
	struct tw__half *const h = response ? &req->down : &req->up;
	struct iovec iov = { (void *)(uintptr_t)bytes.p, bytes.len };

	if (req->http || conn == NULL || conn->failed || conn->shut || conn->connecting)
		return TW_IO_ERR;
	if (tw__conn_backlog(conn) && tw__flow_flush(req, conn) != TW_IO_OK) {
		if (conn->failed)
			return TW_IO_ERR;
		req->body_wanted = true; /* its events call the hook again */
		return TW_IO_AGAIN;
	}
	if (bytes.len == 0)
		return TW_IO_OK;
	h->bytes += bytes.len;
	req->moved = true;
	if (response)
		conn->linger_wanted = true; /* it shall arrive, whatever follows */
	return tw__conn_send(conn, &iov, 1) == TW_IO_ERR ? TW_IO_ERR : TW_IO_OK;
}
