/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * retry.c - `retry-on`: a request that went out is sent once more.
 *
 * The head stays in the client's buffer anyway. A body is copied while it
 * passes, as long as it fits one buffer: until then, and as long as nothing was
 * answered, all of it can go out again, and what has not come yet follows as
 * it would have. Backends without such conditions never get here. source:
 * HAProxy's manual, retry-on. One worker's thread.
 */
#include "config.h"

#include "core/flow/req.h"

void
tw__retry_keep(struct tw_req *req)
{
	const uint32_t room = req->worker->net->buf_size;

	if (!req->http || req->body != NULL || req->up.in.body == TW_BODY_TUNNEL ||
	    (req->up.in.body == TW_BODY_LENGTH && req->up.in.left > room))
		return;
	req->body = tw_arena_try(tw_req_arena(req), room);
	if (req->body == NULL)
		return;
	req->body_room = room;
	req->copying = req->body_sent = true;
}

/* in: io, of the read that brought the data. */
void
tw__retry_copy(struct tw_req *req, struct tw_str data, enum tw_io io)
{
	if (io == TW_IO_ERR || data.len > req->body_room - req->body_len) {
		req->copying = false;
		return;
	}
	if (data.len > 0)
		memcpy(req->body + req->body_len, data.p, data.len);
	req->body_len += data.len;
	req->body_read = io == TW_IO_END;
}

bool
tw__body_is_whole(const struct tw_req *req)
{
	return req->req.body == TW_BODY_NONE || req->copying ||
	    (req->body != NULL && req->body_read);
}

bool
tw__retry_wanted(const struct tw_req *req, uint32_t on)
{
	return (req->be->c.retry_on & on) != 0 && req->http && tw__body_is_whole(req) &&
	    !(req->limits != NULL && req->limits->no_retry) && !req->answered &&
	    !req->cli->failed && (uint32_t)req->retries < tw__max_retries(req);
}

uint32_t
tw__retry_status_bit(unsigned status)
{
	static const uint16_t statuses[] = { TW__RETRY_STATUSES };

	for (size_t i = 0; i < TW_N_ELEMENTS(statuses); i++) {
		if (statuses[i] == status)
			return TW__RETRY_STATUS << i;
	}
	return 0;
}

enum tw__next
tw__retry(struct tw_req *req)
{
	tw__half_end(req, &req->up);
	tw__half_end(req, &req->down);
	if (req->srvc != NULL)
		tw__conn_free(&req->srvc);
	tw__msg_clear(&req->res);
	tw__filters_fini(req, &req->down);
	req->down = (struct tw__half){ .bytes = req->down.bytes };
	req->up.out = (struct tw_stream){ 0 };
	req->up.begun = req->up.done = req->reused = req->body_sent = false;
	req->up_broken = false;
	req->fresh = true;
	req->t_connect = req->t_response = 0;
	req->status = -1;
	return tw__server_retry(req, false);
}
