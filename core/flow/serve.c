/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/serve.c - step serve: a service talks with the client.
 *
 * Each time something has happened the service is called; then what it wrote
 * leaves: in mode http behind a head that passes the RESPONSE chains as a
 * server's does, through the filters of the half `down`. While nobody takes
 * it, the service writes into what is left of one buffer. At the end the rest
 * of the request is read and thrown away, so that the connection can be kept.
 * One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include <tideway/edit.h>
#include "core/flow/serve.h"
#include "core/flow/watch.h"

/* Calls of a service that never waits, before others get their turn. */
#define TURN 32

/* --- the ends --- */

void
tw__serve_over(struct tw_req *req, bool complete)
{
	struct tw__serving *const s = req->serving;

	if (s->told)
		return;
	s->over = s->told = true;
	if (s->service->ended != NULL)
		s->service->ended(req, s->state, complete);
}

static enum tw__next
client_left(struct tw_req *req)
{
	const int id = req->worker->id;

	tw__cnt(&req->fe->live->fe, id, TW_CNT_CLI_ABRT, 1);
	if (req->be_counted)
		tw__cnt(&req->be->live->be, id, TW_CNT_CLI_ABRT, 1);
	return tw__flow_fail(req, 400, 'C', 'D', "client left");
}

/* The request's body is not what its head has promised. */
static enum tw__next
client_bad(struct tw_req *req)
{
	tw__count_client(req, TW_CNT_EREQ);
	req->cli->linger_wanted = true;
	return tw__flow_fail(req, req->up.in.status != 0 ? req->up.in.status : 400, 'P',
	    'D', req->up.in.why);
}

static enum tw__next
read_failed(struct tw_req *req)
{
	return req->serving->read_left ? client_left(req) : client_bad(req);
}

/* --- the service --- */

/* Reset, or nobody is there to be told any more. */
static bool
is_gone(struct tw_req *req)
{
	return tw__conn_is_reset(req->cli) ||
	    (req->http && req->cli->rdhup && req->be->c.abortonclose);
}

static void
call(struct tw_req *req, struct tw__serving *s)
{
	const bool of_hook = req->resumed && req->hook_at != NULL;

	s->hungry = s->full = req->resumed = false;
	switch (s->service->serve(req, s->state)) {
	case TW_SERVE_WAIT:
		break;
	case TW_SERVE_FAIL:
		s->failed = true;
		/* fall through */
	default:
		s->over = true;
		break;
	}
	if (s->failed)
		s->over = true;
	s->again = req->resumed;
	req->resumed = of_hook;
}

/* --- the answer --- */

/* As a server's: the backend's chain, then the frontend's. returns: H_NEXT: the
 * head may leave. */
static enum tw__hooks
response_hooks(struct tw_req *req, struct tw__serving *s)
{
	if (s->is_own && s->chain == 0) {
		tw__hooks_run(req, req->fe, TW_ON_OWN_RESPONSE);
		s->chain = 2;
	}
	for (; s->chain < 2; s->chain++) {
		if (s->chain == 0 && req->be == req->fe)
			continue;
		const enum tw__hooks v = tw__hooks_run(
		    req, s->chain == 0 ? req->be : req->fe, TW_ON_RESPONSE);
		if (v != TW__H_NEXT && (v != TW__H_DONE || req->step != TW__SERVE))
			return v;
	}
	return TW__H_NEXT;
}

static enum tw__pump
unfiltered(struct tw_req *req, struct tw__half *h, struct tw_str head)
{
	struct tw__net *const net = req->worker->net;
	struct tw_out scratch = { net->scratch + head.len,
		net->scratch + sizeof(net->scratch), false };
	struct iovec iov[TW_PROTO_IOV + 1] = { { net->scratch, head.len } };
	struct tw__serving *const s = req->serving;
	struct tw_str data = { NULL, 0 };
	size_t bytes = 0;

	if (head.len == 0 && tw__conn_backlog(req->cli))
		return TW__P_WAIT;
	const enum tw_io io = tw__serve_more(req, &data);
	const int skip = head.len == 0;
	int n = 1;
	if (data.len > 0 || io == TW_IO_END)
		n += req->proto->write_body(
		    &h->out, data, io == TW_IO_END, &scratch, iov + 1);
	for (int i = skip; i < n; i++)
		bytes += iov[i].iov_len;
	h->bytes += tw__counted(&h->out, bytes);
	h->begun = true;
	s->len = s->lent = 0; /* it leaves at once */
	if (bytes > 0)
		req->moved = true;
	if (bytes > 0 && tw__conn_send(req->cli, iov + skip, n - skip) == TW_IO_ERR)
		return TW__P_OUT_ERR;
	h->done = io == TW_IO_END;
	return h->done ? TW__P_DONE : TW__P_WAIT;
}

/* Filters have taken what was there; the buffer is free when they ask for more. */
static enum tw__pump
begin_body(struct tw_req *req, const struct tw__serving *s, struct tw_str head)
{
	if (req->down.filters == NULL || s->no_body)
		return unfiltered(req, &req->down, head);
	const enum tw__pump p = tw__filtered_begin(req, &req->down, head);
	return p == TW__P_WAIT ? tw__filtered_pump(req, &req->down) : p;
}

static enum tw__next
too_long(struct tw_req *req)
{
	return tw__flow_fail(req, 500, 'I', 'L', "the answer's head is too long");
}

/* Its body is read to the end, unless the client waits to be asked for it. */
static bool
may_keep(const struct tw_req *req, const struct tw__serving *s)
{
	return req->keep && !tw__stop_closes() && !s->unexpected;
}

/* Sends the head and what is there of the body. returns: true: *p says how it
 * went; else *next. */
static bool
send_head(
    struct tw_req *req, struct tw__serving *s, enum tw__pump *p, enum tw__next *next)
{
	struct tw_out out = tw__head_out(req);
	const char *const start = out.p;

	req->keep = may_keep(req, s);
	req->down.out.px = req->fe;
	if (req->proto->write_head(
		&req->down.out, &req->res, &out, tw__response_how(req)) != 0) {
		*next = too_long(req);
		return false;
	}
	const struct tw_str head = { start, (size_t)(out.p - start) };
	if (req->down.out.last)
		req->keep = false;
	s->no_body = req->down.out.body == TW_BODY_NONE;
	req->status = (int16_t)req->res.status;
	if (!s->late)
		req->t_response = tw_turn_us();
	req->answered = s->headed = true;
	if (TW_UNLIKELY(tw__watched()))
		tw__watch_head(req, head.len);
	*p = begin_body(req, s, head);
	return true;
}

static enum tw__pump
pump(struct tw_req *req, struct tw__serving *s)
{
	const struct tw_str none = { NULL, 0 };

	if (req->down.done)
		return TW__P_DONE;
	return req->down.filters != NULL && !s->no_body
	    ? tw__filtered_pump(req, &req->down)
	    : unfiltered(req, &req->down, none);
}

/* A service that ends without an answer, or with less than it has told. */
static enum tw__next
broken(struct tw_req *req)
{
	return tw__flow_fail(req, 500, 'L', 'D', "the service failed");
}

/* It failed, or all has left and it is less than was told. */
static bool
is_broken(const struct tw_req *req, const struct tw__serving *s, enum tw__pump p)
{
	if (!req->http || !s->over)
		return false;
	return s->failed || (p == TW__P_DONE && s->left > 0 && !s->no_body);
}

/* returns: true: *next says how it goes on; else all has left that could. */
static bool
answer_ends(
    struct tw_req *req, struct tw__serving *s, enum tw__pump p, enum tw__next *next)
{
	if (p == TW__P_OUT_ERR)
		*next = client_left(req);
	else if (p != TW__P_WAIT && p != TW__P_DONE)
		*next = tw__flow_fail(req, 0, 'P', 'D', "a filter gave up");
	else if (is_broken(req, s, p))
		*next = broken(req);
	else
		return false;
	return true;
}

static enum tw__next
hooks_ended(struct tw_req *req, enum tw__hooks v)
{
	if (v == TW__H_WAIT)
		return TW__WAIT;
	if (v == TW__H_FAIL)
		return tw__hooks_fail(req);
	if (v == TW__H_RESTART || req->step == TW__SERVE)
		return tw__flow_fail(
		    req, 500, 'I', 'H', "a service's answer is not asked for again");
	tw__serve_over(req, false); /* another answer, in place of its own */
	return TW__MORE;
}

/* returns: as answer_ends. */
static bool
deliver(struct tw_req *req, struct tw__serving *s, enum tw__next *next)
{
	enum tw__pump p;

	if (!req->http || s->headed) {
		p = pump(req, s);
		return answer_ends(req, s, p, next);
	}
	if (!s->started) {
		if (s->over)
			*next = broken(req);
		return s->over;
	}
	const enum tw__hooks v = response_hooks(req, s);
	if (v == TW__H_WAIT)
		return false;
	if (v != TW__H_NEXT) {
		*next = hooks_ended(req, v);
		return true;
	}
	return !send_head(req, s, &p, next) || answer_ends(req, s, p, next);
}

/* --- the end --- */

/* The rest of the request, so that the next one is found. returns: false: later. */
static bool
drain(struct tw_req *req)
{
	struct tw_str data;
	enum tw_io io = TW_IO_OK;

	while (!req->up.done && io == TW_IO_OK)
		io = tw__serve_input(req, &data);
	if (io == TW_IO_AGAIN)
		return false;
	req->keep = req->up.done;
	return true;
}

static enum tw__next
finish(struct tw_req *req)
{
	if (tw__conn_backlog(req->cli) && tw__flow_flush(req, req->cli) != TW_IO_OK)
		return req->cli->failed ? client_left(req) : TW__WAIT;
	tw__serve_over(req, !req->serving->failed);
	if (req->keep && !drain(req))
		return TW__WAIT;
	if (!req->keep && !req->up.done &&
	    (!req->http || req->req.body != TW_BODY_NONE))
		req->cli->linger_wanted = true;
	req->t_end = tw_turn_us();
	req->step = TW__LOG;
	return TW__MORE;
}

/* --- the step --- */

/* For the log it is a server that was there at once, as in HAProxy. */
static void
begin(struct tw_req *req, struct tw__serving *s)
{
	req->sub = 1;
	if (req->be == NULL)
		req->be = req->fe;
	s->late = req->t_connect != 0; /* a server's answer was thrown away */
	if (!s->late)
		req->t_queue = req->t_connect = req->t_head;
	tw__conn_nodelay(req->cli);
	tw__hooks_run(req, req->fe, TW_ON_SERVE);
	req->up.begun = true;
	if (!req->http) {
		req->t_response = req->t_connect;
		req->down.begun = true;
		return;
	}
	if (!s->is_reply)
		tw__cnt(&req->fe->live->fe, req->worker->id, TW_CNT_INTERCEPTED, 1);
	req->up.bytes = req->req.raw.len;
	s->unexpected = (req->req.flags & TW_MSG_EXPECT) != 0 && req->body == NULL &&
	    req->up.in.body != TW_BODY_NONE;
	if (req->term[0] == 0)
		tw_req_set_term(req, 'L', 'R');
}

/* The client's time runs while it is waited for, and from when that begins. */
static enum tw__next
waiting(struct tw_req *req, struct tw__serving *s)
{
	const bool waits =
	    s->hungry || tw__conn_backlog(req->cli) || (s->told && !req->up.done);

	if (waits != s->waits)
		req->moved = true;
	s->waits = waits;
	return TW__WAIT;
}

bool
tw__serve_waits(const struct tw_req *req)
{
	return req->serving->waits;
}

enum tw__next
tw__step_serve(struct tw_req *req)
{
	struct tw__serving *const s = req->serving;
	enum tw__next next;

	if (req->sub == 0)
		begin(req, s);
	for (int n = 0;; n++) {
		if (is_gone(req))
			return client_left(req);
		if (tw__conn_backlog(req->cli))
			tw__flow_flush(req, req->cli);
		if (!s->over)
			call(req, s);
		if (s->read_bad)
			return read_failed(req);
		if (deliver(req, s, &next))
			return next;
		if (req->down.done)
			break;
		if (!s->again && (!s->full || tw_service_room(req) == 0))
			return waiting(req, s);
		if (n == TURN) {
			tw__conn_again(req->cli);
			return waiting(req, s);
		}
	}
	next = finish(req);
	return next == TW__WAIT ? waiting(req, s) : next;
}
