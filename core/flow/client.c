/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * client.c - steps accept, hello, inspect, read, request, route; and the
 * client's connection between requests.
 *
 * An idle keep-alive connection holds no request and no buffer. The first
 * bytes of a request make one, on the generation that is current then: so a
 * long-lived connection follows a reload at its next request. source:
 * RFC 9112. One worker's thread.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>
#include "core/flow/debug.h"
#include "core/flow/req.h"
#include "core/flow/watch.h"

/* --- between requests --- */

static uint32_t
first_of(uint32_t a, uint32_t b, uint32_t c)
{
	return a != 0 ? a : b != 0 ? b : c;
}

/* HAProxy: the first request waits `http-request`, later ones
 * `http-keep-alive`; each falls back to the next, and then to `client`. */
void
tw__client_idle(struct tw_conn *cli)
{
	const struct tw__timeouts *const t = &cli->bind->proxy->c.timeout;
	const uint32_t ms = cli->n_requests == 0
	    ? first_of(t->http_request, t->client, 0)
	    : first_of(t->http_keep_alive, t->http_request, t->client);

	tw_timer_set(&cli->timer, ms != 0 ? tw_now_ms() + ms : 0);
	if (TW_UNLIKELY(atomic_load_explicit(&tw__stopping, memory_order_relaxed) != 0))
		tw_timer_set(&cli->timer, tw__stop_due(cli->timer.due_ms));
	tw__conn_watch(cli);
}

void
tw__client_end(struct tw_conn *cli)
{
	struct tw_conn *conn = cli;
	struct tw_gen *const gen = cli->gen;

	if (TW_UNLIKELY(cli->is_stream)) {
		tw__stream_ends(cli);
		return;
	}
	if (TW_UNLIKELY(cli->ends != NULL))
		tw__client_tell_end(cli);
	if (cli->kept != NULL) {
		cli->kept->kept_by = NULL;
		tw__conn_free(&cli->kept);
	}
	TAILQ_REMOVE(&cli->worker->net->clients, cli, link);
	tw__client_closed(cli);
	/* closed with bytes unread, the kernel would send a reset at once */
	const bool unread =
	    cli->in.head != cli->in.tail || (cli->readable && !cli->rdhup);
	const bool unsaid = !tw__conn_bye(cli);
	if ((cli->linger_wanted || unread || unsaid) && !cli->failed &&
	    !cli->bind->proxy->c.nolinger)
		tw__conn_linger(&conn);
	else
		tw__conn_free(&conn);
	tw__gen_unref(gen);
}

static bool
same_frontend(const struct tw_bind *a, const struct tw_bind *b)
{
	return a->proxy->live == b->proxy->live && a->proxy->c.mode == b->proxy->c.mode;
}

/* The generation may have changed since the last request. Where the new one has
 * no such listener, or it is another frontend's, one more request is served on
 * the old one. */
void
tw__client_follow(struct tw_conn *cli)
{
	struct tw_bind *const bind =
	    atomic_load_explicit(&cli->bind->live->bind, memory_order_acquire);

	if (TW_LIKELY(bind == cli->bind))
		return;
	if (bind == NULL || !same_frontend(bind, cli->bind)) {
		cli->last = !tw__spread_is_on();
		return;
	}
	tw__gen_ref(bind->proxy->gen);
	if (TW_UNLIKELY(cli->prefer != NULL))
		cli->prefer = atomic_load(&cli->prefer->live->srv);
	if (cli->prefer != NULL && cli->prefer->proxy->gen != bind->proxy->gen)
		cli->prefer = NULL;
	tw__gen_unref(cli->gen);
	cli->gen = bind->proxy->gen;
	cli->bind = bind;
}

/* A pipelined request moves to the front when little room is left behind it.
 * The reserve that the last one may have used is for bodies only. */
static void
to_front(struct tw_buf *in, uint32_t size)
{
	if (in->head > 0 && in->tail > size / 2) {
		memmove(in->base, in->base + in->head, in->tail - in->head);
		in->tail -= in->head;
		in->head = 0;
	}
	in->size = size;
}

struct tw_req *
tw__client_request(struct tw_conn *cli)
{
	if (cli->in.base != NULL)
		to_front(&cli->in, cli->worker->net->buf_size);
	tw__client_follow(cli);
	struct tw_req *const req = tw__req_new(cli);
	if (req == NULL)
		return NULL;
	req->t_first = tw_turn_us();
	req->step = TW__READ;
	tw__cnt(&req->fe->live->fe, req->worker->id, TW_CNT_REQ, 1);
	const uint32_t ms = first_of(req->fe->c.timeout.http_request, 0, 0);
	req->t_fail_head = ms != 0 ? tw_now_ms() + ms : 0;
	if (TW_UNLIKELY(tw__watched()))
		tw__watch_accept(req);
	return req;
}

void
tw__flow_accepted(struct tw_conn *cli)
{
	const struct tw_proxy *const fe = cli->bind->proxy;

	if (fe->c.mode == TW_MODE_HTTP && !cli->proxy_wanted &&
	    cli->bind->transport == NULL && fe->chain[TW_ON_CONN] == NULL &&
	    fe->chain[TW_ON_SESSION] == NULL) {
		tw__client_start(cli);
		return;
	}
	struct tw_req *const req = tw__req_new(cli);
	if (req == NULL) {
		tw__client_end(cli);
		return;
	}
	req->step = TW__ACCEPT;
	if (TW_UNLIKELY(tw__debug_on))
		tw__debug_conn(req);
	tw__flow_run(req);
}

static void
idle_end(struct tw_conn *cli, bool hard)
{
	if (hard || !tw__spread_is_on())
		tw__client_end(cli);
	else
		tw_timer_set(&cli->timer, tw__stop_due(cli->timer.due_ms));
}

static void
close_each(struct tw_worker *w, bool hard)
{
	struct tw_conn *cli, *next;

	for (cli = TAILQ_FIRST(&w->net->clients); cli != NULL; cli = next) {
		next = TAILQ_NEXT(cli, link);
		if (cli->mux == NULL && cli->req == NULL &&
		    (hard ||
			(cli->n_requests > 0 && !cli->readable &&
			    !cli->bind->proxy->c.idle_close_on_response)))
			idle_end(cli, hard);
		else if (hard && cli->req != NULL)
			tw__req_abort(cli->req);
	}
}

/* Streams are on the same list: only carriers are left when those have ended. */
static void
close_carriers(struct tw_worker *w, bool hard)
{
	struct tw_conn *cli, *next;

	for (cli = TAILQ_FIRST(&w->net->clients); cli != NULL; cli = next) {
		next = TAILQ_NEXT(cli, link);
		if (cli->mux == NULL)
			continue;
		if (hard)
			tw__mux_end(cli);
		else
			tw__mux_leave(cli);
		if (hard)
			next = TAILQ_FIRST(&w->net->clients);
	}
}

void
tw__flow_close_clients(struct tw_worker *w, bool hard)
{
	if (hard || atomic_load(&tw__stopping)) {
		close_each(w, hard);
		close_carriers(w, hard);
	}
	while (hard && !TAILQ_EMPTY(&w->net->lingering)) {
		struct tw_conn *conn = TAILQ_FIRST(&w->net->lingering);
		tw__conn_free(&conn);
	}
}

static enum tw__next
after_hooks(struct tw_req *req, enum tw__hooks verdict)
{
	switch (verdict) {
	case TW__H_WAIT:
		return TW__WAIT;
	case TW__H_FAIL:
		return tw__hooks_fail(req);
	default:
		return TW__MORE;
	}
}

/* --- accept --- */

/* What modules and servers may want of it. */
static void
proxy_values_keep(struct tw_conn *cli, const char *header)
{
	const struct tw_str tlvs = tw__proxy_hdr_tlvs(header);
	char *const copy = tlvs.len > 0 ? malloc(tlvs.len) : NULL;

	cli->pp_received = true;
	if (copy == NULL)
		return;
	memcpy(copy, tlvs.p, tlvs.len);
	cli->pp_tlvs = (struct tw_str){ copy, tlvs.len };
}

static enum tw_io
proxy_header(struct tw_conn *cli)
{
	struct tw_addr src, dst;

	for (;;) {
		const uint32_t at = cli->in.head;
		const enum tw_io io = cli->in.base == NULL
		    ? TW_IO_AGAIN
		    : tw__proxy_hdr_read(&cli->in, &src, &dst);
		if (io == TW_IO_OK && src.family != 0) {
			cli->src = src;
			cli->dst = dst;
			cli->dst_known = true;
		}
		if (io == TW_IO_OK)
			proxy_values_keep(cli, cli->in.base + at);
		if (io != TW_IO_AGAIN)
			return io;
		if (cli->in.base != NULL && cli->in.tail == cli->in.size)
			return TW_IO_ERR;
		const enum tw_io rd = tw__conn_recv(cli, 0);
		if (rd != TW_IO_OK)
			return rd == TW_IO_AGAIN ? TW_IO_AGAIN : TW_IO_ERR;
	}
}

/* HAProxy's words for it. */
static const char *
proxy_header_fault(const struct tw_conn *cli)
{
	const size_t len = cli->in.base != NULL ? cli->in.tail - cli->in.head : 0;
	const char *const p = cli->in.base + cli->in.head;

	if (len == 0)
		return "Connection closed while waiting for PROXY protocol header";
	if (memcmp(p, "PROXY ", len < 6 ? len : 6) != 0 &&
	    memcmp(p, "\r\n\r\n", len < 4 ? len : 4) != 0)
		return "Received something which does not look like a PROXY "
		       "protocol header";
	if (cli->eof)
		return "Truncated PROXY protocol header received";
	return "Received an invalid PROXY protocol header";
}

/* sub 0: the CONN chain, which knows nothing but the peer; 1: the header. */
enum tw__next
tw__step_accept(struct tw_req *req)
{
	struct tw_conn *const cli = req->cli;

	if (req->sub == 0) {
		const enum tw__hooks v = tw__hooks_run(req, req->fe, TW_ON_CONN);
		if (v == TW__H_WAIT || v == TW__H_FAIL)
			return after_hooks(req, v);
		req->sub = 1;
	}
	if (cli->proxy_wanted) {
		const enum tw_io io = proxy_header(cli);
		if (io == TW_IO_AGAIN)
			return TW__WAIT;
		if (io == TW_IO_ERR) {
			tw__count_client(req, TW_CNT_EREQ);
			return tw__flow_fail(req, 0, 'P', 'R', proxy_header_fault(cli));
		}
		cli->proxy_wanted = false;
	}
	req->sub = 0;
	req->step = TW__HELLO;
	return TW__MORE;
}

/* Bytes behind a PROXY header are the transport's. */
static bool
transport_begin(struct tw_conn *cli)
{
	const struct tw_start start = { .conf = cli->bind->transport_conf,
		.early = tw__buf_str(&cli->in) };

	if (!tw__conn_begin(cli, cli->bind->transport, &start))
		return false;
	cli->in.head = cli->in.tail;
	tw__buf_put(cli);
	return true;
}

static enum tw__next
handshake_failed(struct tw_req *req)
{
	const char *const why = tw__conn_why(req->cli);

	tw__count_client(req, TW_CNT_EREQ);
	return tw__flow_fail(req, 0, 'P', 'R', why != NULL ? why : "handshake failed");
}

enum tw_io
tw_req_handshake(struct tw_req *req)
{
	struct tw_conn *const cli = tw__conn_session(req->cli);

	if (cli->failed)
		return TW_IO_ERR;
	return cli->transport == NULL || cli->transport->complete == NULL
	    ? TW_IO_OK
	    : cli->transport->complete(cli, cli->transport_state);
}

/* sub 0: the handshake; 1: the SESSION chain, which may wait. */
enum tw__next
tw__step_hello(struct tw_req *req)
{
	struct tw_conn *const cli = req->cli;

	if (req->sub == 0 && cli->transport == NULL && cli->bind->transport != NULL &&
	    !transport_begin(cli))
		return handshake_failed(req);
	if (req->sub == 0 && cli->transport != NULL) {
		switch (tw__conn_handshake(cli)) {
		case TW_IO_OK:
			break;
		case TW_IO_AGAIN:
			return TW__WAIT;
		default:
			return handshake_failed(req);
		}
	}
	req->sub = 1;
	const enum tw__hooks v = tw__hooks_run(req, req->fe, TW_ON_SESSION);
	if (v == TW__H_WAIT || v == TW__H_FAIL)
		return after_hooks(req, v);
	req->sub = 0;
	req->step = TW__INSPECT;
	return TW__MORE;
}

/* Mode tcp goes on to routing; mode http lets the connection wait for its
 * first request without a request object. */
enum tw__next
tw__step_inspect(struct tw_req *req)
{
	struct tw_conn *const cli = req->cli;

	if (!req->http) {
		const enum tw__hooks v = tw__hooks_run(req, req->fe, TW_ON_CONTENT);
		if (v == TW__H_WAIT || v == TW__H_FAIL)
			return after_hooks(req, v);
		req->t_first = req->t_head = tw_turn_us();
		if (TW_UNLIKELY(tw__watched()))
			tw__watch_accept(req);
		if (TW_LIKELY(req->step == TW__INSPECT))
			req->step = TW__ROUTE;
		return TW__MORE;
	}
	tw__hooks_run(req, req->fe, TW_ON_RESET);
	cli->req = NULL;
	cli->n_requests = 0;
	tw__req_free(&req);
	return TW__KEEP;
}

/* --- read --- */

static struct tw_str
first_line(const struct tw_buf *in)
{
	const char *p = in->base + in->head;
	size_t len = in->tail - in->head;

	while (len > 0 && (*p == '\r' || *p == '\n')) {
		p++;
		len--;
	}
	const char *const nl = len > 0 ? memchr(p, '\n', len) : NULL;
	if (nl != NULL)
		len = (size_t)(nl - p);
	if (len > 0 && p[len - 1] == '\r')
		len--;
	return (struct tw_str){ p, len };
}

/* For who asks what was wrong with it. in: bytes. */
static void
request_keep(struct tw_req *req, struct tw_str bytes)
{
	tw__bad_keep(req->fe, TW_FRONTEND,
	    &(struct tw_bad_message){ .wall_us = tw_wall_us(),
		.src = req->cli->src,
		.why = req->up.in.why,
		.bytes = bytes,
		.at = tw__bad_at(&req->up.in, bytes) },
	    NULL, NULL);
}

static enum tw__next
bad_request(struct tw_req *req)
{
	const int status = req->up.in.status != 0 ? req->up.in.status : 400;

	req->start_line = first_line(&req->cli->in);
	tw__count_client(req, TW_CNT_EREQ);
	request_keep(req, tw__buf_str(&req->cli->in));
	req->cli->linger_wanted = true;
	return tw__flow_fail(req, status, 'P', 'R', req->up.in.why);
}

/* tune.maxrewrite wants room beside it. */
static enum tw__next
head_too_long(struct tw_req *req)
{
	req->cli->in.head -= (uint32_t)req->req.raw.len; /* shown by `show errors` */
	req->up.in.status = 431;
	req->up.in.why = "head too large";
	return bad_request(req);
}

static enum tw__next
client_left(struct tw_req *req, bool reset)
{
	const bool silent = req->cli->in.head == req->cli->in.tail;

	if (!silent)
		req->start_line = first_line(&req->cli->in);
	tw__count_client(req, TW_CNT_EREQ);
	req->status = 400; /* in the log, also when nobody is there to be told */
	return tw__flow_fail(req, reset || silent ? 0 : 400, 'C', 'R', "client left");
}

static void
head_read(struct tw_req *req)
{
	req->t_head = tw_turn_us();
	req->start_line = (struct tw_str){ req->req.method_name.p,
		req->req.raw.len > 0 ? (size_t)((const char *)memchr(req->req.raw.p,
						    '\n', req->req.raw.len) -
					   req->req.method_name.p)
				     : 0 };
	while (req->start_line.len > 0 &&
	    req->start_line.p[req->start_line.len - 1] == '\r')
		req->start_line.len--;
	if (TW_UNLIKELY(req->start_line.len > req->fe->c.log_uri_max))
		req->start_line.len = req->fe->c.log_uri_max;
	if (TW_UNLIKELY(req->up.in.why != NULL)) /* tolerated */
		request_keep(req, req->req.raw);
	if (TW_UNLIKELY(tw__debug_on))
		tw__debug_request(req);
	req->up.keep = req->cli->in.head;
	req->keep = (req->req.flags & TW_MSG_KEEP_ALIVE) != 0 && !req->cli->last &&
	    req->fe->c.http_mode != TW__CLOSE;
	req->step = TW__REQUEST;
	req->moved = true;
}

enum tw__next
tw__step_read(struct tw_req *req)
{
	struct tw_conn *const cli = req->cli;

	for (;;) {
		switch (req->proto->read_head(
		    &req->up.in, &cli->in, &req->req, NULL, cli->eof)) {
		case TW_IO_OK:
			if (TW_UNLIKELY(req->req.raw.len > cli->gen->global.head_max))
				return head_too_long(req);
			head_read(req);
			return TW__MORE;
		case TW_IO_END:
			return client_left(req, false);
		case TW_IO_ERR:
			return bad_request(req);
		case TW_IO_AGAIN:
			break;
		}
		switch (tw__conn_recv(cli, 0)) {
		case TW_IO_OK:
			req->moved = true;
			break;
		case TW_IO_AGAIN:
			return TW__WAIT;
		case TW_IO_END:
			return client_left(req, false);
		case TW_IO_ERR:
			return client_left(req, true);
		}
	}
}

/* --- request, route --- */

enum tw__next
tw__step_request(struct tw_req *req)
{
	const enum tw__hooks v = tw__hooks_run(req, req->fe, TW_ON_REQUEST);
	if (v == TW__H_NEXT || (v == TW__H_DONE && req->step == TW__REQUEST))
		req->step = TW__ROUTE;
	if (TW_UNLIKELY(tw__watched()) && req->step != TW__REQUEST)
		tw__watch_request(req);
	return after_hooks(req, v);
}

static enum tw__next
no_backend(struct tw_req *req)
{
	return tw__flow_fail(req, 503, 'S', 'C', "no backend");
}

static void
enter_backend(struct tw_req *req)
{
	tw__session_begin(&req->be->live->be);
	tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_SESS, 1);
	if (req->http)
		tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_REQ, 1);
	req->be_counted = true;
}

/* sub 0: choose; 1: the frontend's ROUTE chain; 2: the backend's REQUEST. */
enum tw__next
tw__step_route(struct tw_req *req)
{
	const struct tw_origin *origin = NULL;
	enum tw__hooks v = TW__H_NEXT;

	if (req->sub == 0) {
		struct tw_proxy *const be = TW_LIKELY(req->record == NULL)
		    ? tw__route(req->fe, req, &origin)
		    : tw__route_told(req->fe, req, &origin);
		if (be != NULL)
			tw_decide_backend(req, be, origin);
		req->sub = 1;
	}
	if (req->sub == 1) {
		v = tw__hooks_run(req, req->fe, TW_ON_ROUTE);
		if (v == TW__H_FAIL) /* it was proposed only */
			req->be = NULL;
		if (v == TW__H_WAIT || v == TW__H_FAIL || req->step != TW__ROUTE)
			return after_hooks(req, v);
		if (req->be == NULL)
			return no_backend(req);
		enter_backend(req);
		req->sub = 2;
	}
	if (req->be != req->fe) {
		v = tw__hooks_run(
		    req, req->be, req->http ? TW_ON_REQUEST : TW_ON_CONTENT);
		if (v == TW__H_WAIT || v == TW__H_FAIL || req->step != TW__ROUTE)
			return after_hooks(req, v);
	}
	req->sub = 0;
	req->step = TW__PICK;
	return TW__MORE;
}
