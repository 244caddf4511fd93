/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server.c - step connect: a connection to the chosen server, and what to do
 * when there is none.
 *
 * An idle connection is used again when the policy allows it. Should the
 * server have closed it just then, a request that can be replayed goes out
 * once more on a fresh one and the client never knows (RFC 9110 section
 * 9.2.2). A failed attempt is retried on the same
 * server after a second, or at once on another (redispatch), as HAProxy
 * counts it. One worker's thread.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <tideway/assert.h>
#include <tideway/text.h>
#include "core/flow/req.h"

#define TURN_AROUND_MS 1000
#define ALPN_MAX 16 /* names of protocols that modules bring */

enum { BEGIN, CONNECTING, TURN_AROUND, HANDSHAKE };

/* Nothing of the body has to be sent again, and twice does no harm. */
bool
tw__can_replay(const struct tw_req *req)
{
	if (!req->http || req->req.body != TW_BODY_NONE || req->answered ||
	    req->cli->rdhup || req->cli->failed)
		return false;
	switch (req->req.method) {
	case TW_M_GET:
	case TW_M_HEAD:
	case TW_M_OPTIONS:
	case TW_M_TRACE:
	case TW_M_PUT:
	case TW_M_DELETE:
		return true;
	default:
		return false;
	}
}

/* It may go out once more without anybody knowing: the connection was closed while
 * it was idle; or the server says that it has not looked at the request, once,
 * whatever that is, when nothing of the body has passed by. source: RFC 9110
 * section 9.2.2, RFC 9113 section 8.7 */
bool
tw__is_stale(const struct tw_req *req)
{
	const struct tw_conn *const srvc = req->srvc;

	if (TW_UNLIKELY(srvc->untouched) && !req->fresh && !req->answered &&
	    !req->cli->failed && tw__body_is_whole(req))
		return true;
	return req->reused && tw__can_replay(req) &&
	    (!srvc->is_stream || srvc->carrier == NULL);
}

/* --- letting go --- */

static void
keep_private(struct tw_req *req)
{
	struct tw_conn *const cli = req->cli, *const srvc = req->srvc;

	TW_ASSERT(cli->kept == NULL);
	tw__buf_put(srvc);
	tw__upstream_unuse(srvc);
	tw__conn_watch(srvc);
	tw_timer_set(&srvc->timer, 0);
	srvc->req = NULL;
	srvc->kept_by = cli;
	cli->kept = srvc;
}

void
tw__kept_event(struct tw_conn *srvc)
{
	struct tw_conn *conn = srvc;

	if (!srvc->readable && !srvc->rdhup && !srvc->failed && !srvc->timed_out)
		return;
	if (!srvc->timed_out && tw__upstream_rests(srvc))
		return;
	srvc->kept_by->kept = NULL;
	tw__conn_free(&conn);
}

/* What a rule wants its packets to carry; NULL: nothing. */
static const struct tw__out_marks *
marks_of(const struct tw_req *req)
{
	const struct tw__req_limits *const l = req->limits;

	return TW_UNLIKELY(l != NULL) && (l->marks.has_mark || l->marks.has_tos)
	    ? &l->marks
	    : NULL;
}

static void
connection_leave(struct tw_req *req, bool reuse)
{
	/* a PROXY header speaks of one client */
	const bool own = req->srvc->private || req->srv->per_client ||
	    req->be->c.reuse == TW__REUSE_NEVER || marks_of(req) != NULL;

	tw__half_end(req, &req->up);
	tw__half_end(req, &req->down);
	if (TW_UNLIKELY(req->srv->max_reuse != 0) &&
	    req->srvc->n_requests >= req->srv->max_reuse)
		reuse = false;
	if (TW_UNLIKELY(req->srvc->is_stream)) {
		tw__conn_free(&req->srvc);
		return;
	}
	if (reuse && own && req->keep && tw__websocket_instead(req) == NULL &&
	    (marks_of(req) == NULL || req->srvc->private) && req->srv->redir == NULL &&
	    req->fe->c.session_conns > 0 && tw__upstream_is_clean(req->srvc))
		keep_private(req);
	else if (reuse && !own)
		tw__upstream_put(&req->srvc);
	else {
		if (req->srvc->err != 0)
			req->bc_errno = req->srvc->err;
		tw__conn_free(&req->srvc);
	}
	req->srvc = NULL;
}

void
tw__server_leave(struct tw_req *req, bool reuse)
{
	if (req->srvc != NULL)
		connection_leave(req, reuse);
	if (req->srv_counted) {
		req->srv_counted = false;
		tw__session_end(&req->srv->live->s);
	}
	if (req->slot) {
		req->slot = false;
		tw__server_drop(req->srv);
	}
}

/* --- failing --- */

uint32_t
tw__max_retries(const struct tw_req *req)
{
	return req->limits != NULL && req->limits->retries != UINT32_MAX
	    ? req->limits->retries
	    : req->be->c.retries;
}

uint32_t
tw__connect_ms(const struct tw_req *req)
{
	return TW_UNLIKELY(req->limits != NULL) && req->limits->connect_ms != UINT32_MAX
	    ? req->limits->connect_ms
	    : req->be->c.timeout.connect;
}

static bool
redispatch_now(const struct tw_req *req)
{
	const struct tw__proxy_conf *const c = &req->be->c;
	const int32_t every = (int32_t)c->redispatch_every;

	if (req->forced && req->persist)
		return false;
	if (!tw_server_is_alive(req->srv))
		return true;
	if (!c->redispatch)
		return false;
	if (every > 0)
		return req->retries % every == 0;
	/* -1: the last one */
	return req->retries == (int32_t)tw__max_retries(req) + 1 + every;
}

void
tw__count_retry(struct tw_req *req)
{
	tw__cnt(&req->srv->live->s, req->worker->id, TW_CNT_WRETR, 1);
	tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_WRETR, 1);
	tw_decide_note(req, TW_RETRIED, req->srv->name, &tw__origin_core);
}

enum tw__next
tw__server_retry(struct tw_req *req, bool pause)
{
	const uint32_t connect_ms = tw__connect_ms(req);
	const int id = req->worker->id;

	req->retries++;
	if (redispatch_now(req)) {
		tw__cnt(&req->srv->live->s, id, TW_CNT_WREDIS, 1);
		tw__cnt(&req->be->live->be, id, TW_CNT_WREDIS, 1);
		tw_decide_note(req, TW_REDISPATCHED, req->srv->name, &tw__origin_core);
		tw__server_leave(req, false);
		req->avoid = req->srv;
		req->srv = NULL;
		req->persist = false;
		req->redispatched = true;
		req->step = TW__PICK;
		req->sub = 0;
		return TW__MORE;
	}
	tw__count_retry(req);
	req->step = TW__CONNECT;
	req->sub = BEGIN;
	if (!pause)
		return TW__MORE;
	req->sub = TURN_AROUND;
	req->timed_out = false;
	tw_timer_set(&req->timer,
	    tw_now_ms() +
		(connect_ms != 0 && connect_ms < TURN_AROUND_MS ? connect_ms
								: TURN_AROUND_MS));
	return TW__WAIT;
}

static enum tw__next
give_up(struct tw_req *req, bool timed_out)
{
	tw__cnt(&req->srv->live->s, req->worker->id, TW_CNT_ECON, 1);
	tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_ECON, 1);
	return tw__flow_fail(req, 503, timed_out ? 's' : 'S', 'C',
	    req->connect_why != NULL ? req->connect_why : "server unreachable");
}

/* Its transport knows why the handshake came to nothing. */
static void
why_take(struct tw_req *req)
{
	req->connect_why = tw__conn_why(req->srvc);
	req->bc_errno = req->srvc->err;
}

/* The request was on its way with the first packet, which nobody took. */
enum tw__next
tw__server_refused(struct tw_req *req)
{
	return tw__retry_wanted(req, TW__RETRY_CONN) ? tw__retry(req)
						     : give_up(req, false);
}

enum tw__next
tw__server_failed(struct tw_req *req, bool timed_out)
{
	const bool stale =
	    !timed_out && (req->reused || (req->srvc != NULL && req->srvc->untouched));

	if (req->srvc != NULL) {
		why_take(req);
		tw__half_end(req, &req->up);
		tw__conn_free(&req->srvc);
		req->srvc = NULL;
	}
	req->up.begun = req->up.done = req->reused = req->body_sent = false;
	req->up_broken = false;
	req->t_connect = 0;
	req->step = TW__CONNECT;
	req->sub = BEGIN;
	if (stale) { /* closed while idle: not the server's failure */
		req->fresh = true;
		return TW__MORE;
	}
	switch (tw__hooks_run(req, req->be, TW_ON_CONNECT_FAIL)) {
	case TW__H_FAIL:
		return tw__hooks_fail(req);
	case TW__H_RESTART:
		return tw__flow_restart(req);
	default:
		break;
	}
	if (req->step == TW__REPLY) {
		tw__server_leave(req, false);
		return TW__MORE;
	}
	if ((uint32_t)req->retries < tw__max_retries(req) &&
	    (!req->http || (req->be->c.retry_on & TW__RETRY_CONN)))
		return tw__server_retry(req, true);
	return give_up(req, timed_out);
}

/* --- connecting --- */

static bool
may_reuse(const struct tw_req *req)
{
	if (!req->http || req->fresh || tw__closes_server(req) ||
	    req->srv->per_client || marks_of(req) != NULL)
		return false;
	switch (req->be->c.reuse) {
	case TW__REUSE_NEVER:
		return false;
	case TW__REUSE_SAFE: /* a first request must not be lost to a stale one */
		return req->cli->n_requests > 1 || tw__can_replay(req);
	default:
		return true;
	}
}

/* A request that cannot be replayed goes out only on a connection that the
 * server has not closed as far as the kernel knows. */
static bool
looks_open(struct tw_conn *srvc)
{
	char c;

	return srvc->transport != NULL || srvc->mux != NULL ||
	    (recv(srvc->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

/* Policy `aggressive`: a first request goes only over a connection that has
 * proven that it can be used again. */
static bool
wants_proven(const struct tw_req *req)
{
	return req->be->c.reuse == TW__REUSE_AGGRESSIVE && req->cli->n_requests == 1 &&
	    !tw__can_replay(req);
}

/* What pool-conn-name says of a request. returns: arena; p NULL: nothing. */
static struct tw_str
conn_name(struct tw_req *req)
{
	struct tw_sample s;

	if (req->srv->pool_name == NULL ||
	    !tw_expr_eval(req->srv->pool_name, req, &s) ||
	    !tw_sample_cast(req, &s, TW_STRING))
		return (struct tw_str){ NULL, 0 };
	return s.u.str;
}

/* Without memory it is for this client only. */
static void __attribute__((noinline))
name_keep(struct tw_conn *srvc, struct tw_str name)
{
	char *const copy = malloc(name.len + 1);

	if (copy == NULL) {
		srvc->private = true;
		return;
	}
	if (name.len > 0)
		memcpy(copy, name.p, name.len);
	srvc->pool_name = (struct tw_str){ copy, name.len };
}

static struct tw_conn *
take_kept(struct tw_req *req)
{
	struct tw_conn *srvc = req->cli->kept;

	if (srvc == NULL)
		return NULL;
	req->cli->kept = NULL;
	srvc->kept_by = NULL;
	if (srvc->server == req->srv->live && !req->fresh &&
	    (TW_LIKELY(req->srv->pool_name == NULL) ||
		tw_str_eq(srvc->pool_name, conn_name(req))) &&
	    tw__upstream_leads_to(srvc, req->srv, req->cli))
		return srvc;
	tw__conn_free(&srvc);
	return NULL;
}

static struct tw_conn *
idle_connection(struct tw_req *req)
{
	struct tw_conn *srvc = take_kept(req);
	const struct tw_str name = TW_LIKELY(req->srv->pool_name == NULL)
	    ? (struct tw_str){ NULL, 0 }
	    : conn_name(req);

	while (srvc == NULL && may_reuse(req)) {
		srvc = tw__upstream_get(req->worker, req->srv, wants_proven(req), name);
		if (srvc == NULL)
			return NULL;
		if (!tw__can_replay(req) && !looks_open(srvc))
			tw__conn_free(&srvc);
	}
	return srvc;
}

static void
attach(struct tw_req *req, struct tw_conn *srvc)
{
	req->srvc = srvc;
	if (TW_UNLIKELY(srvc->proto != NULL))
		req->srv_proto = srvc->proto;
	else if (req->http)
		req->srv_proto = req->fe->proto;
	srvc->req = req;
	srvc->n_requests++;
	srvc->short_read = false;
	tw__upstream_use(srvc);
}

/* Option redir of the server: clients fetch it there themselves. */
static __attribute__((noinline)) bool
redirect(struct tw_req *req)
{
	const struct tw_str prefix = tw_str_of(req->srv->redir);
	const struct tw_str path = tw_msg_path(&req->req),
			    query = tw_msg_query(&req->req);
	const size_t room = prefix.len + path.len + 1 + query.len;

	if (!req->http || (req->req.method != TW_M_GET && req->req.method != TW_M_HEAD))
		return false;
	char *const mem = tw_arena_try(tw_req_arena(req), room);
	if (mem == NULL)
		return false;
	struct tw_out out = tw_out_of(mem, room);
	tw_out_str(&out, prefix);
	tw_out_str(&out, path);
	if (query.p != NULL) {
		tw_out_char(&out, '?');
		tw_out_str(&out, query);
	}
	const struct tw_str headers[] = { TW_STR("cache-control"), TW_STR("no-cache"),
		TW_STR("location"), { mem, (size_t)(out.p - mem) } };
	struct tw_str *const copy = tw_arena_try(tw_req_arena(req), sizeof(headers));
	if (copy == NULL)
		return false;
	memcpy(copy, headers, sizeof(headers));
	tw_req_reply(req,
	    &(struct tw_reply){ .status = 302, .headers = copy, .n_headers = 2 },
	    &req->srv->origin);
	tw__server_leave(req, false);
	return true;
}

/* In: a carrier: one that has streams, or an idle one. */
static __attribute__((noinline)) struct tw_conn *
stream_of(struct tw_conn *carrier)
{
	struct tw_conn *const s = tw__mux_stream(carrier);

	if (s == NULL && !carrier->shared)
		tw__conn_free(&carrier);
	return s;
}

static enum tw__next
begin(struct tw_req *req)
{
	const int id = req->worker->id;
	const struct tw_proto *const instead = tw__websocket_instead(req);
	struct tw_conn *srvc = TW_LIKELY(instead == NULL) ? idle_connection(req) : NULL;

	if (TW_UNLIKELY(srvc != NULL && srvc->mux != NULL))
		srvc = stream_of(srvc);
	req->reused = srvc != NULL;
	if (srvc != NULL) {
		attach(req, srvc);
		tw__cnt(&req->srv->live->s, id, TW_CNT_REUSE, 1);
		tw__cnt(&req->be->live->be, id, TW_CNT_REUSE, 1);
		req->step = TW__SEND;
		return TW__MORE;
	}
	if (TW_UNLIKELY(req->srv->redir != NULL) && redirect(req))
		return TW__MORE;
	tw__cnt(&req->srv->live->s, id, TW_CNT_CONNECT, 1);
	tw__cnt(&req->be->live->be, id, TW_CNT_CONNECT, 1);
	srvc = tw__upstream_connect(req->worker, req->srv, req->cli, marks_of(req));
	if (srvc == NULL) {
		req->bc_errno = (uint8_t)errno;
		return tw__server_failed(req, false);
	}
	if (TW_UNLIKELY(req->srv->pool_name != NULL))
		name_keep(srvc, conn_name(req));
	srvc->private |= instead != NULL;
	attach(req, srvc);
	req->sub = CONNECTING;
	if (!srvc->connecting && req->srv->transport == NULL)
		return TW__MORE;
	const uint32_t ms = tw__connect_ms(req);
	tw_timer_set(&srvc->timer, ms != 0 ? tw_now_ms() + ms : 0);
	return srvc->connecting ? TW__WAIT : TW__MORE;
}

/* Mode http learns of a failed connect() from its first send; without bytes
 * to send, or with some of a body that a retry would lack, the socket has to be
 * asked. */
static bool
has_error(struct tw_conn *srvc)
{
	int e = 0;
	socklen_t len = sizeof(e);

	if (getsockopt(srvc->fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
		e = errno;
	srvc->err = (uint8_t)e;
	return e != 0;
}

/* A PROXY header goes before all else: what is enciphered, a carrier's own
 * words. returns: false: *next says what is to be done. */
static bool
header_sent(struct tw_req *req, enum tw__next *next)
{
	struct tw_out out = tw__head_out(req);
	struct iovec iov = { out.p, 0 };

	if (!req->srv->send_proxy && !req->srv->send_proxy2)
		return true;
	if (tw__proxy_head(req, &out) != 0) {
		*next =
		    tw__flow_fail(req, 500, 'P', 'C', "the PROXY header is too long");
		return false;
	}
	iov.iov_len = (size_t)(out.p - (char *)iov.iov_base);
	/* a new socket takes all of it */
	if (tw__conn_send(req->srvc, &iov, 1) == TW_IO_OK)
		return true;
	*next = tw__server_failed(req, false);
	return false;
}

/* It becomes a carrier. */
static __attribute__((noinline)) bool
carries(struct tw_req *req, const struct tw_proto *proto)
{
	if (has_error(req->srvc) || !tw__mux_connected(req, proto))
		return false;
	attach(req, req->srvc);
	return true;
}

static enum tw__next
connected(struct tw_req *req)
{
	const struct tw_proto *const proto = req->http ? tw__mux_speaks(req) : NULL;

	enum tw__next next;

	if (TW_UNLIKELY(proto != NULL)) {
		if (req->srvc->transport == NULL && !header_sent(req, &next))
			return next;
		if (!carries(req, proto))
			return tw__server_failed(req, false);
	}
	req->step = TW__SEND;
	req->sub = 0;
	return TW__MORE;
}

/* Until the request is on its way, a client that left is not waited for. */
static enum tw__next
client_left(struct tw_req *req)
{
	tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_CLI_ABRT, 1);
	return tw__flow_fail(req, 0, 'C', 'C', "client left");
}

static enum tw__next
handshake(struct tw_req *req)
{
	struct tw_conn *const srvc = req->srvc;

	if (tw__client_gave_up(req))
		return client_left(req);
	switch (tw__conn_handshake(srvc)) {
	case TW_IO_OK:
		return connected(req);
	case TW_IO_AGAIN:
		return TW__WAIT;
	default:
		return tw__server_failed(req, false);
	}
}

/* One name, as TLS has it. */
static struct tw_str
alpn_wire(const struct tw_proto *proto, char to[ALPN_MAX])
{
	const size_t n = strlen(proto->alpn);

	TW_ASSERT(n < ALPN_MAX);
	to[0] = (char)n;
	memcpy(to + 1, proto->alpn, n);
	return (struct tw_str){ to, n + 1 };
}

static enum tw__next
transport_begin(struct tw_req *req, const struct tw_transport *transport)
{
	const struct tw_proto *const instead = tw__websocket_instead(req);
	struct tw_start start = { .conf = req->srv->transport_conf,
		.req = req,
		.is_server = true,
		.first = tw__early_first(req) };
	char alpn[ALPN_MAX];
	enum tw__next next;

	if (!header_sent(req, &next))
		return next;
	if (TW_UNLIKELY(instead != NULL))
		start.alpn = alpn_wire(instead, alpn);
	if (!tw__conn_begin(req->srvc, transport, &start))
		return tw__server_failed(req, false);
	req->sub = HANDSHAKE;
	return handshake(req);
}

static enum tw__next
connecting(struct tw_req *req)
{
	const struct tw_transport *const transport = req->srv->transport;
	struct tw_conn *const srvc = req->srvc;

	if (tw__client_gave_up(req))
		return client_left(req);
	if (!srvc->writable && !srvc->readable)
		return TW__WAIT;
	if ((!req->http || req->req.body != TW_BODY_NONE || transport != NULL) &&
	    has_error(srvc))
		return tw__server_failed(req, false);
	/* played requests are in clear text */
	if (transport == NULL || TW_UNLIKELY(tw__upstream_instead != NULL))
		return connected(req);
	return transport_begin(req, transport);
}

enum tw__next
tw__step_connect(struct tw_req *req)
{
	switch (req->sub) {
	case BEGIN:
		return begin(req);
	case CONNECTING:
		return connecting(req);
	case HANDSHAKE:
		return handshake(req);
	case TURN_AROUND:
		if (!req->timed_out)
			return TW__WAIT;
		req->timed_out = false;
		req->sub = BEGIN;
		if (tw_server_is_alive(req->srv) || (req->forced && req->persist))
			return TW__MORE;
		tw__server_leave(req, false);
		req->srv = NULL;
		req->redispatched = true;
		req->step = TW__PICK;
		return TW__MORE;
	default:
		TW_WRONG("no such place in step connect");
	}
}
