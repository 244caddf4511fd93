/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/body_now.c - what is there of a body, for those who only look (req.h).
 *
 * Nothing is read or consumed. Chunks are not taken apart here: of such a body
 * there is something when it was gathered before. One worker's thread.
 */
#include "config.h"

#include "core/flow/req.h"

static struct tw_str
not_passed_on(
    const struct tw__half *h, const struct tw_conn *conn, const struct tw_msg *msg)
{
	if (h->begun || conn == NULL || conn->in.base == NULL ||
	    (msg->body != TW_BODY_LENGTH && msg->body != TW_BODY_CLOSE))
		return (struct tw_str){ "", 0 };
	size_t len = conn->in.tail - conn->in.head;
	if (msg->body == TW_BODY_LENGTH && len > msg->content_length)
		len = (size_t)msg->content_length;
	return (struct tw_str){ conn->in.base + conn->in.head, len };
}

struct tw_str
tw_req_body_now(struct tw_req *req)
{
	if (req->body != NULL)
		return (struct tw_str){ req->body, req->body_len };
	return not_passed_on(&req->up, req->cli, &req->req);
}

struct tw_str
tw_res_body_now(struct tw_req *req)
{
	const struct tw_str gathered = tw__filters_gathered(&req->down);

	if (gathered.p != NULL)
		return gathered;
	return not_passed_on(&req->down, req->srvc, &req->res);
}
