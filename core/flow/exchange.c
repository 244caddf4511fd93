/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * exchange.c - steps send, response, deliver: the two halves at work.
 *
 * The request's head leaves together with what is there of its body; the
 * rest follows while the response may already be coming. A response that is
 * complete before its request is ends both connections afterwards, so that
 * nothing is left in doubt. After 101, a successful CONNECT, and always in
 * mode tcp, both halves are tunnels until each side has closed. source:
 * RFC 9110 sections 7.5, 7.8, 15.2; RFC 9112 section 9. One worker's thread.
 */
#include "config.h"

#include <errno.h>

#include <tideway/assert.h>
#include "core/flow/debug.h"
#include "core/flow/req.h"
#include "core/flow/watch.h"

/* Where step deliver is. */
enum { HEAD, BODY, CLIENT_GONE, SERVER_BAD, INSPECTING };

/* --- send --- */

static int
request_head(struct tw_req *req, struct tw_out *out)
{
	const bool close = tw__closes_server(req) && !req->be->c.pretend_keepalive;

	if (TW_UNLIKELY(req->srv->per_client) && !req->reused &&
	    req->srvc->transport == NULL &&
	    (req->srv->send_proxy || req->srv->send_proxy2) &&
	    tw__proxy_head(req, out) != 0)
		return -1;
	if (!req->http)
		return 0;
	req->up.out.px = req->be;
	return req->srv_proto->write_head(
	    &req->up.out, &req->req, out, close ? TW_HEAD_CLOSE : 0);
}

void
tw__count_response_error(struct tw_req *req)
{
	tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_ERESP, 1);
	tw__cnt(&req->srv->live->s, req->worker->id, TW_CNT_ERESP, 1);
}

/* What is known of a stream's end. */
static const char *
why_lost(const struct tw_req *req, const char *otherwise)
{
	return TW_UNLIKELY(req->srvc->lost_why != NULL) ? req->srvc->lost_why
							: otherwise;
}

static enum tw__next
send_failed(struct tw_req *req)
{
	if (req->srvc->connecting || tw__is_stale(req))
		return tw__server_failed(req, false);
	if (tw__retry_wanted(req, TW__RETRY_EMPTY))
		return tw__retry(req);
	tw__count_response_error(req);
	return tw__flow_fail(
	    req, 502, 'S', 'H', why_lost(req, "the server closed the connection"));
}

static enum tw__next
body_bad(struct tw_req *req)
{
	tw__count_client(req, TW_CNT_EREQ);
	req->cli->linger_wanted = true;
	return tw__flow_fail(req, req->up.in.status != 0 ? req->up.in.status : 400, 'P',
	    'D', req->up.in.why);
}

static void
tunnel_begin(struct tw_req *req)
{
	req->tunnel = true;
	tw__conn_nodelay(req->srvc);
	if (!req->http)
		return;
	req->up.in = req->up.out = (struct tw_stream){ .body = TW_BODY_TUNNEL };
	req->down.in.body = req->down.out.body = TW_BODY_TUNNEL;
	req->up.done = false;
	if (req->up.filters != NULL)
		tw__filters_tunnel(req, &req->up);
}

enum tw__next
tw__step_send(struct tw_req *req)
{
	struct tw_out out = tw__head_out(req);
	const char *const start = out.p;

	switch (tw__hooks_run(req, req->be, TW_ON_SEND)) {
	case TW__H_WAIT:
		return TW__WAIT;
	case TW__H_FAIL:
		return tw__hooks_fail(req);
	default:
		break;
	}
	if (!req->http || req->up.in.body != TW_BODY_NONE) {
		tw__conn_nodelay(req->srvc);
		if (req->be->c.retry_on & ~TW__RETRY_CONN)
			tw__retry_keep(req);
	}
	if (request_head(req, &out) != 0)
		return tw__flow_fail(req, 431, 'P', 'R', "the edited head is too long");
	const enum tw__pump p = tw__half_begin(
	    req, &req->up, (struct tw_str){ start, (size_t)(out.p - start) });
	if (p == TW__P_OUT_ERR)
		return send_failed(req);
	if (p == TW__P_IN_BAD)
		return body_bad(req);
	req->srvc->connecting = false;
	tw__cnt(&req->srv->live->s, req->worker->id, TW_CNT_REQ, req->http ? 1 : 0);
	req->t_connect = tw_turn_us();
	req->sub = 0;
	req->step = req->http ? TW__RESPONSE : TW__DELIVER;
	if (!req->http) {
		tunnel_begin(req);
		req->t_response = req->t_connect;
		if (req->be->chain[TW_ON_RESPONSE_CONTENT] != NULL)
			req->sub = INSPECTING;
	}
	if (TW_UNLIKELY(tw__watched()))
		tw__watch_sent(req);
	return TW__MORE;
}

/* --- the request's rest, while the response comes --- */

void
tw__count_client_abort(struct tw_req *req)
{
	const int id = req->worker->id;

	tw__cnt(&req->fe->live->fe, id, TW_CNT_CLI_ABRT, 1);
	tw__cnt(&req->be->live->be, id, TW_CNT_CLI_ABRT, 1);
	if (req->srv != NULL)
		tw__cnt(&req->srv->live->s, id, TW_CNT_CLI_ABRT, 1);
}

/* It may have answered before it closed. */
static void
upload_broken(struct tw_req *req)
{
	req->up_broken = true;
	req->srvc->failed = false;
	req->srvc->shut = true;
}

/* returns: true when the exchange has to end; *next says how. */
static bool
upload(struct tw_req *req, enum tw__next *next)
{
	if (req->up_broken)
		return false;
	if (req->up.done) { /* and the last of it may have found no room */
		if (TW_UNLIKELY(tw__conn_backlog(req->srvc)) &&
		    tw__flow_flush(req, req->srvc) == TW_IO_ERR)
			upload_broken(req);
		return false;
	}
	switch (tw__half_pump(req, &req->up)) {
	case TW__P_IN_ERR:
		tw__count_client_abort(req);
		*next = tw__flow_fail(req, req->answered || req->tunnel ? 0 : 400, 'C',
		    req->answered || req->tunnel ? 'D' : 'H', "client left");
		return true;
	case TW__P_IN_BAD:
		*next = body_bad(req);
		return true;
	case TW__P_OUT_ERR:
		upload_broken(req);
		return false;
	default:
		return false;
	}
}

/* --- response --- */

static enum tw__next
response_bad(struct tw_req *req, const char *why)
{
	tw__count_response_error(req);
	return tw__flow_fail(req, 502, 'P', 'H', why);
}

static enum tw__next
response_missing(struct tw_req *req)
{
	const bool nothing = req->srvc->in.head == req->srvc->in.tail;

	/* It was never connected: the head was in the first packet (tfo). */
	if (TW_UNLIKELY(req->srvc->err == ECONNREFUSED))
		return tw__server_refused(req);
	if (nothing && tw__is_stale(req))
		return tw__server_failed(req, false);
	if (tw__retry_wanted(req, nothing ? TW__RETRY_EMPTY : TW__RETRY_JUNK))
		return tw__retry(req);
	tw__count_response_error(req);
	return tw__flow_fail(
	    req, 502, 'S', 'H', why_lost(req, "the server closed without an answer"));
}

/* 100, 103 and the like pass on; the real response follows. */
static enum tw__next
interim(struct tw_req *req)
{
	struct tw_out out = tw__head_out(req);
	struct tw_stream st = { .px = req->fe };
	struct iovec iov = { out.p, 0 };

	/* a client that takes nothing cannot make us gather them */
	if (!tw_msg_is_http10(&req->req) && !tw__conn_backlog(req->cli) &&
	    req->proto->write_head(&st, &req->res, &out, 0) == 0) {
		iov.iov_len = (size_t)(out.p - (char *)iov.iov_base);
		req->down.bytes += tw__counted(&st, iov.iov_len);
		if (tw__conn_send(req->cli, &iov, 1) == TW_IO_ERR)
			return tw__flow_fail(req, 0, 'C', 'H', "client left");
	}
	tw__msg_clear(&req->res);
	req->down.in = (struct tw_stream){ 0 };
	return TW__MORE;
}

static bool
is_tunnel(const struct tw_req *req)
{
	return req->down.in.body == TW_BODY_TUNNEL;
}

static void
head_arrived(struct tw_req *req)
{
	req->status = (int16_t)req->res.status;
	req->down.keep = req->srvc->in.head;
	req->t_response = tw_turn_us();
	req->srv_keep = (req->res.flags & TW_MSG_KEEP_ALIVE) != 0 &&
	    !tw__closes_server(req) && req->res.body != TW_BODY_CLOSE;
	if (req->be->c.http_mode == TW__CLOSE)
		req->keep = false;
	if (is_tunnel(req))
		req->keep = req->srv_keep = false;
}

/* The server's answer is forgotten, when the request can be sent once more. */
static enum tw__next
response_restart(struct tw_req *req)
{
	if (!req->up.done || (req->req.body != TW_BODY_NONE && !req->body_read))
		return tw__flow_fail(
		    req, 500, 'I', 'H', "no restart: the body is not kept");
	tw__msg_clear(&req->res);
	tw__filters_fini(req, &req->down);
	req->down = (struct tw__half){ .bytes = req->down.bytes };
	req->up.begun = req->up.done = req->reused = req->body_sent = false;
	req->t_connect = req->t_response = 0;
	req->status = -1;
	return tw__flow_restart(req);
}

/* sub 0: reading; 1: the backend's RESPONSE chain; 2: the frontend's. */
static enum tw__next
response_hooks(struct tw_req *req)
{
	while (req->sub > 0 && req->sub <= 2) {
		const enum tw__hooks v = tw__hooks_run(
		    req, req->sub == 1 ? req->be : req->fe, TW_ON_RESPONSE);
		if (v == TW__H_WAIT)
			return TW__WAIT;
		if (v == TW__H_FAIL) {
			req->t_response = 0; /* the server's answer is thrown away */
			return tw__hooks_fail(req);
		}
		if (v == TW__H_RESTART)
			return response_restart(req);
		if (v == TW__H_DONE && req->step == TW__REPLY)
			tw__server_leave(req, false);
		if (req->step != TW__RESPONSE)
			return TW__MORE;
		req->sub = req->sub == 1 && req->be != req->fe ? 2 : 3;
	}
	req->sub = 0;
	req->step = TW__DELIVER;
	return TW__MORE;
}

bool
tw__client_gave_up(struct tw_req *req)
{
	return req->be->c.abortonclose &&
	    (req->cli->rdhup || tw__conn_is_reset(req->cli));
}

static enum tw__next
client_left(struct tw_req *req)
{
	tw__count_client_abort(req);
	return tw__flow_fail(req, 400, 'C', 'H', "client left");
}

/* For who asks what was wrong with it. */
static void
response_keep(struct tw_req *req)
{
	const struct tw_str head =
	    req->res.raw.p != NULL ? req->res.raw : tw__buf_str(&req->srvc->in);

	tw__bad_keep(req->be, TW_BACKEND,
	    &(struct tw_bad_message){ .wall_us = tw_wall_us(),
		.src = req->cli->src,
		.why = req->down.in.why,
		.bytes = head,
		.at = tw__bad_at(&req->down.in, head) },
	    req->fe, req->srv);
}

/* tune.maxrewrite wants room beside it. */
static enum tw__next
head_too_long(struct tw_req *req)
{
	req->down.in.why = "head too large";
	response_keep(req);
	return response_bad(req, req->down.in.why);
}

static enum tw__next
response_read(struct tw_req *req)
{
	struct tw_conn *const srvc = req->srvc;

	for (;;) {
		req->down.in.px = req->be;
		const enum tw_io io = srvc->in.base == NULL
		    ? TW_IO_AGAIN
		    : req->srv_proto->read_head(
			  &req->down.in, &srvc->in, &req->res, &req->req, srvc->eof);
		if (io == TW_IO_OK) {
			if (TW_UNLIKELY(tw__debug_on))
				tw__debug_response(req);
			if (TW_UNLIKELY(
				req->res.raw.len > req->cli->gen->global.head_max))
				return head_too_long(req);
			if (TW_UNLIKELY(req->down.in.why != NULL)) /* tolerated */
				response_keep(req);
			if (req->res.status >= 200 || req->res.status == 101)
				break;
			const enum tw__next next = interim(req);
			if (req->step != TW__RESPONSE)
				return next;
			continue;
		}
		if (io == TW_IO_ERR) {
			response_keep(req);
			return tw__retry_wanted(req, TW__RETRY_JUNK)
			    ? tw__retry(req)
			    : response_bad(req, req->down.in.why);
		}
		if (io == TW_IO_END)
			return response_missing(req);
		switch (tw__conn_recv(srvc, 0)) {
		case TW_IO_OK:
			req->moved = true;
			break;
		case TW_IO_AGAIN:
			return req->up.done && tw__client_gave_up(req)
			    ? client_left(req)
			    : TW__WAIT;
		case TW_IO_END:
			if (srvc->in.head == srvc->in.tail)
				return response_missing(req);
			break; /* the codec sees eof and decides */
		case TW_IO_ERR:
			return response_missing(req);
		}
	}
	if (TW_UNLIKELY(req->res.status > 400) &&
	    tw__retry_wanted(
		req, tw__retry_status_bit(req->res.status) | tw__early_retry(req)))
		return tw__retry(req);
	head_arrived(req);
	req->sub = 1;
	return TW__MORE;
}

enum tw__next
tw__step_response(struct tw_req *req)
{
	enum tw__next next;

	if (upload(req, &next))
		return next;
	if (req->sub == 0) {
		next = response_read(req);
		if (req->sub == 0)
			return next;
	}
	return response_hooks(req);
}

/* --- deliver --- */

unsigned
tw__response_how(const struct tw_req *req)
{
	const bool old = tw_msg_is_http10(&req->req);

	return (!req->keep   ? TW_HEAD_CLOSE
		       : old ? TW_HEAD_KEEP
			     : 0) |
	    (old ? TW_HEAD_HTTP10 : 0) | (tw__is_head(req) ? TW_HEAD_NO_BODY : 0);
}

/* The client asked with HEAD and the server has not heard of it: its connection
 * ends with the body that nobody wants. */
static void
body_drop(struct tw_req *req)
{
	if (req->down.in.body == TW_BODY_NONE)
		return;
	req->down.in.body = TW_BODY_NONE;
	req->down.in.left = 0;
	req->srv_keep = false;
}

static enum tw__next
deliver_head(struct tw_req *req)
{
	struct tw_out out = tw__head_out(req);
	const char *const start = out.p;

	if (!req->up.done && !is_tunnel(req))
		req->keep = req->srv_keep = false; /* answered early */
	if (tw__stop_closes())
		req->keep = false;
	req->down.out.px = req->fe;
	if (req->proto->write_head(
		&req->down.out, &req->res, &out, tw__response_how(req)) != 0)
		return response_bad(req, "the edited head is too long");
	if (req->down.out.last)
		req->keep = false;
	if (is_tunnel(req))
		tunnel_begin(req);
	else if (TW_UNLIKELY(req->head_how == TW__HEAD_ASKED))
		body_drop(req);
	if (TW_UNLIKELY(tw__watched()))
		tw__watch_head(req, (size_t)(out.p - start));
	const enum tw__pump p = tw__half_begin(
	    req, &req->down, (struct tw_str){ start, (size_t)(out.p - start) });
	if (p == TW__P_IN_BAD && req->down.filters == NULL) /* nothing has left yet */
		return response_bad(req, req->down.in.why);
	req->answered = true;
	req->sub = p == TW__P_OUT_ERR ? CLIENT_GONE
	    : p == TW__P_IN_BAD       ? SERVER_BAD
				      : BODY;
	return TW__MORE;
}

static enum tw__next
client_gone(struct tw_req *req)
{
	tw__count_client_abort(req);
	return tw__flow_fail(req, 0, 'C', 'D', "client left");
}

static enum tw__next
server_gone(struct tw_req *req, char who)
{
	const int id = req->worker->id;

	tw__cnt(&req->be->live->be, id, TW_CNT_SRV_ABRT, 1);
	tw__cnt(&req->srv->live->s, id, TW_CNT_SRV_ABRT, 1);
	if (who == 'P')
		tw__cnt(&req->be->live->be, id, TW_CNT_ERESP, 1);
	return tw__flow_fail(req, 0, who, 'D', "the server broke off");
}

/* Passes FIN on once everything before it has been sent. */
static void
pass_fin(struct tw__half *h, struct tw_conn *to)
{
	if (h->done && !h->shut && !tw__conn_backlog(to)) {
		h->shut = true;
		tw__conn_shut(to);
	}
}

static enum tw__next
finish(struct tw_req *req)
{
	if (!req->up.done) {
		req->keep = false;
		req->cli->linger_wanted = true;
	}
	req->t_end = tw_turn_us();
	tw__server_leave(req,
	    req->srv_keep && req->up.done && !req->up_broken && !req->down.in.last);
	req->step = TW__LOG;
	return TW__MORE;
}

static enum tw__next
tunnel_turn(struct tw_req *req)
{
	if (tw__conn_backlog(req->srvc) && tw__flow_flush(req, req->srvc) == TW_IO_ERR)
		req->up_broken = true;
	pass_fin(&req->up, req->srvc);
	pass_fin(&req->down, req->cli);
	/* RFC 9110 section 9.3.6: a side that closes ends an HTTP tunnel; the
	 * client's FIN alone is passed on, as the answer may still be coming. */
	if (req->down.done && (req->http || req->up.done || req->up_broken) &&
	    !tw__conn_backlog(req->cli) &&
	    (req->http || req->up_broken || !tw__conn_backlog(req->srvc)))
		return finish(req);
	return TW__WAIT;
}

/* Mode tcp: nothing of the server's passes before its bytes have been looked
 * at. returns: true when *next says how it goes on. */
static bool
inspecting(struct tw_req *req, enum tw__next *next)
{
	if (upload(req, next))
		return true;
	const enum tw__hooks v = tw__hooks_run(req, req->be, TW_ON_RESPONSE_CONTENT);
	*next = v == TW__H_FAIL ? tw__hooks_fail(req) : TW__WAIT;
	if (v == TW__H_WAIT || v == TW__H_FAIL)
		return true;
	req->sub = BODY;
	return false;
}

enum tw__next
tw__step_deliver(struct tw_req *req)
{
	enum tw__next next;

	if (req->http && req->sub == HEAD && deliver_head(req) != TW__MORE)
		return TW__WAIT;
	if (req->step != TW__DELIVER)
		return TW__MORE;
	if (TW_UNLIKELY(req->sub >= CLIENT_GONE)) {
		if (req->sub != INSPECTING)
			return req->sub == CLIENT_GONE ? client_gone(req)
						       : server_gone(req, 'P');
		if (inspecting(req, &next))
			return next;
	}
	switch (tw__half_pump(req, &req->down)) {
	case TW__P_OUT_ERR:
		return client_gone(req);
	case TW__P_IN_ERR:
		return server_gone(req, 'S');
	case TW__P_IN_BAD:
		return server_gone(req, 'P');
	default:
		break;
	}
	if (tw__conn_backlog(req->cli) && tw__flow_flush(req, req->cli) != TW_IO_OK)
		return req->cli->failed ? client_gone(req) : TW__WAIT;
	if (req->down.done && !req->tunnel)
		return finish(req);
	if (upload(req, &next))
		return next;
	return req->tunnel ? tunnel_turn(req) : TW__WAIT;
}
