/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/body_res.c - a response's body, gathered before its head leaves.
 *
 * What was gathered goes out by the way that filters have (filter.c), so that
 * responses that nobody waits for do not pay for it. Step `response`. One
 * worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/serve.h"

/* Memory for max bytes and one buffer more, as a read takes what there is. */
static bool
room_for(struct tw_req *req, struct tw__gathered *g, size_t max)
{
	const size_t room = max + req->worker->net->buf_size + TW_BUF_RESERVE;

	if (g->p != NULL && room <= g->room)
		return true;
	char *const p = tw_arena_try(tw_req_arena(req), room);
	if (p == NULL)
		return false;
	if (g->len > 0)
		memcpy(p, g->p, g->len);
	g->p = p;
	g->room = room;
	return true;
}

/* returns: OK: something more, or the end is near; AGAIN; END: whole; ERR. */
static enum tw_io
gather_more(struct tw_req *req, struct tw__gathered *g)
{
	struct tw_conn *const srvc = req->srvc;
	struct tw_str data = { NULL, 0 };
	const enum tw_io io = req->serving != NULL
	    ? tw__serve_more(req, &data)
	    : req->srv_proto->read_body(&req->down.in, &srvc->in, &data, srvc->eof);

	if (io == TW_IO_ERR)
		return TW_IO_ERR;
	TW_ASSERT(data.len <= g->room - g->len);
	if (data.len > 0)
		memcpy(g->p + g->len, data.p, data.len);
	g->len += data.len;
	if (io != TW_IO_AGAIN || req->serving != NULL)
		return io;
	const enum tw_io rd = tw__conn_recv(srvc, req->down.keep);
	if (rd == TW_IO_OK)
		req->moved = true;
	return rd == TW_IO_END ? TW_IO_OK : rd;
}

enum tw_io
tw_res_body(struct tw_req *req, size_t max, struct tw_str *body)
{
	enum tw_io io = TW_IO_OK;

	*body = (struct tw_str){ "", 0 };
	if (req->down.in.body == TW_BODY_NONE || req->down.in.body == TW_BODY_TUNNEL)
		return TW_IO_OK;
	if (max > SIZE_MAX / 4)
		return TW_IO_ERR;
	struct tw__gathered *const g = tw__filters_gather(req, &req->down);
	if (g == NULL || !room_for(req, g, max))
		return TW_IO_ERR;
	while (!g->whole && io == TW_IO_OK && g->len <= max) {
		io = gather_more(req, g);
		g->whole = io == TW_IO_END;
	}
	req->body_wanted = io == TW_IO_AGAIN;
	if (g->len > max)
		return TW_IO_ERR;
	*body = (struct tw_str){ g->p, g->len };
	return g->whole ? TW_IO_OK : io;
}
