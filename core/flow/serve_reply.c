/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/serve_reply.c - replies (tw_req_reply) that are sent as a service's answer:
 * made piece by piece as the client takes them, and seen by filters. Those that
 * a rule use-service has begun are seen by http-response rules, too, as in
 * HAProxy. Steps `reply` and `serve`. One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/serve.h"

static int
start(struct tw_req *req)
{
	const struct tw_reply *const r = &req->reply;
	const int n = r->n_headers + 1;
	struct tw_str *const fields =
	    tw_arena_try(tw_req_arena(req), (size_t)(2 * n) * sizeof(*fields));
	int skip = 2;

	if (fields == NULL)
		return -1;
	if (r->content_type.p != NULL) {
		fields[0] = TW_STR("content-type");
		fields[1] = r->content_type;
		skip = 0;
	}
	for (int i = 0; i < 2 * r->n_headers; i++)
		fields[2 + i] = r->headers[i];
	return tw_service_start(req,
	    &(struct tw_service_head){ .status = r->status,
		.reason = r->reason != NULL ? tw_str_of(r->reason)
					    : (struct tw_str){ NULL, 0 },
		.headers = fields + skip,
		.n_headers = n - skip / 2,
		.length = r->produce != NULL ? -1 : (int64_t)r->body.len });
}

/* Each piece gets a whole buffer, as it may need that. */
static enum tw_serve
produce(struct tw_req *req, struct tw__serving *s)
{
	if (s->len > 0) {
		s->full = true;
		return TW_SERVE_WAIT;
	}
	if (!tw__serve_buf(req))
		return TW_SERVE_FAIL;
	struct tw_out out = tw_out_of(req->reply_buf, req->worker->net->buf_size);
	const enum tw_io io = req->reply.produce(req, &out, req->reply.arg);
	s->len = (size_t)(out.p - req->reply_buf);
	TW_ASSERT(s->len > 0 || io != TW_IO_OK);
	s->full = true; /* once that has left */
	return io == TW_IO_OK ? TW_SERVE_WAIT
	    : io == TW_IO_END ? TW_SERVE_END
			      : TW_SERVE_FAIL;
}

static enum tw_serve
serve(struct tw_req *req, void *state)
{
	struct tw_str *const rest = &req->reply.body;

	(void)state;
	if (!req->serving->started && start(req) != 0)
		return TW_SERVE_FAIL;
	if (req->serving->no_body)
		return TW_SERVE_END;
	if (req->reply.produce != NULL)
		return produce(req, req->serving);
	const size_t n = tw_service_write(req, *rest);
	rest->p += n;
	rest->len -= n;
	return rest->len > 0 ? TW_SERVE_WAIT : TW_SERVE_END;
}

static const struct tw_service service = { .name = "reply", .serve = serve };

enum tw__next
tw__serve_reply(struct tw_req *req)
{
	struct tw__serving *const s = tw_arena_try(tw_req_arena(req), sizeof(*s));

	if (s == NULL)
		return tw__flow_fail(req, 503, 'R', 'L', "out of memory");
	tw__filters_fini(req, &req->down); /* of a server's answer */
	req->down = (struct tw__half){ .bytes = req->down.bytes };
	*s = (struct tw__serving){
		.service = &service, .is_reply = true, .is_own = !req->reply.served
	};
	req->serving = s;
	if (req->reply.close)
		req->keep = false;
	req->step = TW__SERVE;
	req->sub = 0;
	return TW__MORE;
}
