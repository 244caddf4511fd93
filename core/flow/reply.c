/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * reply.c - step reply: an answer that a module or service gives itself.
 *
 * The answer becomes a response message like a server's, so that the codec
 * frames it. One that is produced piece by piece, or that a service gives, is sent
 * as a service's (serve_reply.c). One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/req.h"

enum { HEAD, LAST };

static int
fill_response(struct tw_req *req)
{
	const struct tw_reply *const r = &req->reply;
	struct tw_msg *const msg = &req->res;
	int rc = 0;

	tw__msg_clear(msg);
	msg->flags = TW_MSG_RESPONSE | TW_MSG_EDITED;
	msg->major = msg->minor = 1;
	msg->status = (uint16_t)r->status;
	msg->reason =
	    tw_str_of(r->reason != NULL ? r->reason : tw_status_reason(r->status));
	msg->body = TW_BODY_LENGTH;
	msg->content_length = r->body.len;
	char *const p = tw_arena_try(tw_req_arena(req), 24);
	if (p == NULL)
		return -1;
	struct tw_out out = tw_out_of(p, 24);
	tw_out_u64(&out, r->body.len);
	rc |= tw_msg_add(
	    msg, TW_STR("content-length"), (struct tw_str){ p, (size_t)(out.p - p) });
	if (r->content_type.p != NULL)
		rc |= tw_msg_add(msg, TW_STR("content-type"), r->content_type);
	for (int i = 0; i < r->n_headers; i++)
		rc |= tw_msg_add(msg, r->headers[2 * i], r->headers[2 * i + 1]);
	return rc;
}

static enum tw__next
send_head(struct tw_req *req)
{
	struct tw__net *const net = req->worker->net;
	struct tw_out out = tw__head_out(req);
	struct iovec iov[TW_PROTO_IOV + 1] = { { net->scratch, 0 } };
	int n = 1;

	if (!req->body_read && !req->up.done && req->up.in.body != TW_BODY_NONE) {
		req->keep = false;
		req->cli->linger_wanted = true;
	}
	if (req->reply.close || tw__stop_closes())
		req->keep = false;
	if (fill_response(req) != 0)
		return tw__flow_fail(
		    req, 500, 'I', 'L', "the answer's head is too long");
	tw__hooks_run(req, req->fe, TW_ON_OWN_RESPONSE);
	req->down.out.px = req->fe;
	if (req->proto->write_head(
		&req->down.out, &req->res, &out, tw__response_how(req)) != 0)
		return tw__flow_fail(
		    req, 500, 'I', 'L', "the answer's head is too long");
	if (req->down.out.last)
		req->keep = false;
	iov[0].iov_len = (size_t)(out.p - net->scratch);
	if (req->down.out.body != TW_BODY_NONE) {
		struct tw_out scratch = { out.p, out.end + TW__BODY_SCRATCH, false };
		n += req->proto->write_body(
		    &req->down.out, req->reply.body, true, &scratch, iov + 1);
	}
	req->status = (int16_t)req->res.status;
	req->answered = true;
	if (req->t_connect == 0) /* else the server's answer was thrown away */
		req->t_response = tw_turn_us();
	for (int i = 0; i < n; i++)
		req->down.bytes += iov[i].iov_len;
	req->down.bytes += tw__counted(&req->down.out, 0);
	if (tw__conn_send(req->cli, iov, n) == TW_IO_ERR)
		return tw__flow_fail(req, 0, 'C', 'D', "client left");
	req->sub = LAST;
	return TW__MORE;
}

/* Who refuses has set the letters and counted it (tw_req_denied). */
static void
begin(struct tw_req *req)
{
	req->t_response = 0; /* the server's answer, if any, is thrown away */
	if (req->term[0] != 0)
		return;
	tw__cnt(&req->fe->live->fe, req->worker->id, TW_CNT_INTERCEPTED, 1);
	req->term[0] = 'L';
	req->term[1] = req->t_connect != 0 ? 'H' : 'R';
}

enum tw__next
tw__step_reply(struct tw_req *req)
{
	if (tw__conn_backlog(req->cli) && tw__flow_flush(req, req->cli) != TW_IO_OK)
		return req->cli->failed ? tw__flow_fail(req, 0, 'C', 'D', "client left")
					: TW__WAIT;
	switch (req->sub) {
	case HEAD:
		begin(req);
		return req->reply.produce != NULL || req->reply.served
		    ? tw__serve_reply(req)
		    : send_head(req);
	default:
		req->t_end = tw_turn_us();
		req->step = TW__LOG;
		return TW__MORE;
	}
}
