/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/req.c - requests: their pool and the view that hooks get (req.h).
 *
 * A request object is reused by its worker, the arena in it too; only the
 * part before the header tables is cleared. One worker's thread.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>
#include "core/flow/req.h"

#define ARENA_CHUNK 4096

const struct tw_origin tw__origin_core = { .who = "core" };

static uint32_t conn_block_bytes;

/* A used arena stays with its request in the pool. */
static void
arena_drop(void *block)
{
	struct tw_req *const req = block;

	tw_arena_free(&req->arena);
}

int
tw__flow_up(struct tw_worker *w, uint32_t req_block, uint32_t conn_block)
{
	struct tw__flow *const f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	f->block_bytes = req_block;
	f->reqs.fini = arena_drop;
	f->reqs.size = (uint32_t)sizeof(struct tw_req) + req_block;
	f->next_id = (uint64_t)w->id;
	if (w->id == 0) { /* the control worker comes up first, alone */
		conn_block_bytes = conn_block;
		tw__crash_init();
	}
	w->flow = f;
	return 0;
}

uint64_t
tw__flow_next_id(const struct tw_worker *w)
{
	return w->flow->next_id;
}

void
tw__flow_down(struct tw_worker *w)
{
	struct tw__flow *const f = w->flow;

	if (f == NULL)
		return;
	tw__pool_drain(&f->reqs);
	tw__side_req_free(&f->message_req);
	free(f);
	w->flow = NULL;
}

struct tw__pool *
tw__flow_pool(struct tw_worker *w)
{
	return &w->flow->reqs;
}

static void
on_timer(struct tw_timer *t)
{
	struct tw_req *const req =
	    (struct tw_req *)((char *)t - offsetof(struct tw_req, timer));

	req->timed_out = true;
	tw__flow_run(req);
}

/* The pool's link lies over the first word, so a used arena survives. */
struct tw_req *
tw__req_new(struct tw_conn *cli)
{
	struct tw_worker *const w = cli->worker;
	struct tw__flow *const f = w->flow;
	const bool pooled = f->reqs.free != NULL;
	struct tw_req *const req = tw__pool_get(&f->reqs);

	if (req == NULL)
		return NULL;
	struct tw_arena *const arena = pooled ? req->arena : NULL;
	memset(req, 0, offsetof(struct tw_req, req) + offsetof(struct tw_msg, hdr));
	tw__msg_clear(&req->res);
	req->magic = TW_REQ_MAGIC;
	req->arena = arena;
	req->block = (char *)(req + 1);
	memset(req->block, 0, f->block_bytes);
	req->worker = w;
	req->cli = cli;
	req->fe = cli->bind->proxy;
	req->chain_px = req->fe;
	req->http = req->fe->c.mode == TW_MODE_HTTP;
	req->srv_proto = req->http ? req->fe->proto : &tw__raw_proto;
	req->proto = TW_LIKELY(cli->proto == NULL) ? req->srv_proto : cli->proto;
	req->up.in.px = req->fe;
	req->status = -1;
	req->timers_step = TW__N_STEPS;
	req->timer.fn = on_timer;
	req->pend.req = req;
	req->pend.worker = w;
	req->id = f->next_id; /* workers count in turns */
	f->next_id += (uint64_t)tw_n_workers() + 1;
	req->t_accept = cli->accepted_us;
	req->t_idle = cli->idle_us;
	cli->req = req;
	cli->n_requests++;
	return req;
}

void
tw__req_free(struct tw_req **preq)
{
	struct tw_req *const req = *preq;

	TW_CHECK_MAGIC(req, TW_REQ_MAGIC);
	*preq = NULL;
	tw_timer_del(&req->timer);
	if (req->reply_buf != NULL)
		tw__pool_put(&req->worker->net->bufs, req->reply_buf);
	if (req->arena != NULL) {
		if (TW_UNLIKELY(req->up.filters != NULL || req->down.filters != NULL)) {
			tw__filters_fini(req, &req->up);
			tw__filters_fini(req, &req->down);
		}
		tw_arena_reset(req->arena);
	}
	req->magic = 0;
	tw__pool_put(&req->worker->flow->reqs, req);
}

/* --- what hooks see --- */

struct tw_conn *
tw_req_conn(const struct tw_req *req)
{
	return req->cli;
}

struct tw_conn *
tw_req_server_conn(const struct tw_req *req)
{
	return req->srvc;
}

struct tw_msg *
tw_req_request(struct tw_req *req)
{
	return &req->req;
}

struct tw_msg *
tw_req_response(struct tw_req *req)
{
	return &req->res;
}

struct tw_gen *
tw_req_gen(const struct tw_req *req)
{
	return req->cli->gen;
}

struct tw_proxy *
tw_req_proxy(const struct tw_req *req)
{
	return req->chain_px;
}

struct tw_proxy *
tw_req_frontend(const struct tw_req *req)
{
	return req->fe;
}

struct tw_proxy *
tw_req_backend(const struct tw_req *req)
{
	return req->be;
}

struct tw_server *
tw_req_server(const struct tw_req *req)
{
	return req->srv;
}

struct tw_arena *
tw_req_arena(struct tw_req *req)
{
	if (req->arena == NULL)
		req->arena = tw_arena_new(ARENA_CHUNK);
	return req->arena;
}

struct tw_str
tw_req_copy(struct tw_req *req, struct tw_str s)
{
	char *const p = tw_arena_try(tw_req_arena(req), s.len + 1);

	if (p == NULL)
		return (struct tw_str){ NULL, 0 };
	memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return (struct tw_str){ p, s.len };
}

uint64_t
tw_req_id(const struct tw_req *req)
{
	return req->id;
}

bool
tw_req_is_ssl(const struct tw_req *req)
{
	const struct tw_transport *const t = tw__conn_session(req->cli)->transport;

	return t != NULL && strcmp(t->name, "tls") == 0;
}

void *
tw_req_block(struct tw_req *req, const struct tw_self *self)
{
	return req->block + self->off[TW_IN_REQ];
}

void *
tw_conn_block(struct tw_conn *conn, const struct tw_self *self)
{
	conn = tw__conn_session(conn);
	if (conn->block == NULL)
		conn->block = calloc(1, conn_block_bytes + 1);
	TW_ASSERT(conn->block != NULL);
	return conn->block + self->off[TW_IN_CONN];
}

void *
tw_worker_block(struct tw_worker *w, const struct tw_self *self)
{
	return w->block + self->off[TW_IN_WORKER];
}

/* --- the decision and its trail --- */

void
tw_decide_note(struct tw_req *req, enum tw_what what, const char *name,
    const struct tw_origin *origin)
{
	const uint8_t i =
	    req->n_trail < TW_TRAIL_MAX ? req->n_trail++ : TW_TRAIL_MAX - 1;

	req->trail[i] = (struct tw_trail){ origin, what, name };
}

void
tw_decide_backend(
    struct tw_req *req, struct tw_proxy *backend, const struct tw_origin *origin)
{
	req->be = backend;
	tw_decide_note(req, TW_CHOSE_BACKEND, backend->name, origin);
}

void
tw_decide_server(
    struct tw_req *req, struct tw_server *server, const struct tw_origin *origin)
{
	req->srv = server;
	tw_decide_note(req, TW_CHOSE_SERVER, server->name, origin);
}

int
tw_req_trail(const struct tw_req *req, const struct tw_trail **trail)
{
	*trail = req->trail;
	return req->n_trail;
}

void
tw_req_persist(struct tw_req *req)
{
	req->persist = true;
}

struct tw_server *
tw_req_avoid(const struct tw_req *req)
{
	return req->avoid;
}

bool
tw_req_redispatched(const struct tw_req *req)
{
	return req->redispatched;
}

void
tw_req_unlogged(struct tw_req *req)
{
	req->log_level = TW__LOG_SILENT;
}

void
tw_req_private(struct tw_req *req)
{
	if (req->srvc != NULL)
		req->srvc->private = true;
}

/* --- answers and waiting --- */

enum tw_verdict
tw_req_reply(
    struct tw_req *req, const struct tw_reply *reply, const struct tw_origin *origin)
{
	req->reply = *reply;
	tw_decide_note(req, TW_ANSWERED, origin != NULL ? origin->who : NULL, origin);
	req->step = TW__REPLY;
	req->sub = 0;
	return TW_DONE;
}

enum tw_verdict
tw_req_fail(
    struct tw_req *req, int status, const char *why, const struct tw_origin *origin)
{
	req->fail_status = (uint16_t)status;
	req->fail_why = why;
	tw_decide_note(req, TW_REFUSED, why, origin);
	return TW_FAIL;
}

void
tw_resume(struct tw_req *req)
{
	TW_CHECK_MAGIC(req, TW_REQ_MAGIC);
	req->resumed = true;
	if (req->worker->flow->running != req) /* else its hook is still at it */
		tw__flow_run(req);
}

void
tw_req_deadline(struct tw_req *req, uint32_t ms)
{
	req->timed_out = false;
	tw_timer_set(&req->timer, tw_now_ms() + ms);
}

void
tw__say_continue(struct tw_req *req)
{
	struct tw_out out = tw__head_out(req);
	struct tw_stream st = { .px = req->fe };
	struct tw_msg *const msg = &req->res; /* no response has come yet */
	struct iovec iov = { out.p, 0 };

	if ((req->req.flags & TW_MSG_EXPECT) == 0 || tw_msg_is_http10(&req->req))
		return;
	tw__msg_clear(msg);
	msg->flags = TW_MSG_RESPONSE | TW_MSG_EDITED;
	msg->status = 100;
	if (req->proto->write_head(&st, msg, &out, 0) == 0) {
		iov.iov_len = (size_t)(out.p - (char *)iov.iov_base);
		tw__conn_send(req->cli, &iov, 1);
	}
	tw__msg_clear(msg);
}

/* Memory for max bytes and one buffer more: what turns out to be too long is
 * passed on nevertheless when the hook lets it. */
static bool
body_room(struct tw_req *req, size_t max)
{
	const size_t over = req->worker->net->buf_size + TW_BUF_RESERVE;
	const size_t room = max < SIZE_MAX / 4 ? max + over : SIZE_MAX;

	if (req->body != NULL && room <= req->body_room)
		return true;
	char *const p = tw_arena_try(tw_req_arena(req), room);
	if (p == NULL)
		return false;
	if (req->body_len > 0)
		memcpy(p, req->body, req->body_len);
	req->body = p;
	req->body_room = room;
	return true;
}

static enum tw_io
body_more(struct tw_req *req)
{
	struct tw_str data = { NULL, 0 };
	const enum tw_io io =
	    req->proto->read_body(&req->up.in, &req->cli->in, &data, req->cli->eof);

	if (io == TW_IO_ERR)
		return TW_IO_ERR;
	TW_ASSERT(data.len <= req->body_room - req->body_len);
	if (data.len > 0)
		memcpy(req->body + req->body_len, data.p, data.len);
	req->body_len += data.len;
	if (io != TW_IO_AGAIN)
		return io;
	const enum tw_io rd = tw__conn_recv(req->cli, req->up.keep);
	if (rd == TW_IO_OK)
		req->moved = true;
	return rd == TW_IO_END ? TW_IO_ERR : rd;
}

enum tw_io
tw_req_body(struct tw_req *req, size_t max, struct tw_str *body)
{
	const bool first = req->body == NULL;
	enum tw_io io = TW_IO_OK;

	if (!body_room(req, max))
		return TW_IO_ERR;
	if (first && req->up.in.body != TW_BODY_NONE &&
	    req->cli->in.head == req->cli->in.tail)
		tw__say_continue(req);
	while (!req->body_read && io == TW_IO_OK && req->body_len <= max) {
		io = req->up.in.body == TW_BODY_NONE ? TW_IO_END : body_more(req);
		if (io == TW_IO_END)
			req->body_read = true;
	}
	req->body_wanted = !req->body_read && io == TW_IO_AGAIN;
	if (req->body_len > max)
		return TW_IO_ERR;
	if (!req->body_read)
		return io;
	*body = (struct tw_str){ req->body, req->body_len };
	return TW_IO_OK;
}

enum tw_persistence
tw_req_persistence(struct tw_req *req)
{
	const enum tw_persistence p = tw__persist_rules(req->be, req);

	req->forced = p == TW_PERSIST_FORCE;
	return p;
}

void
tw_req_stay(struct tw_req *req)
{
	if (req->srv != NULL && !(tw_proxy_balance_flags(req->be) & TW_BALANCE_KEYED))
		tw__conn_session(req->cli)->prefer = req->srv;
}

struct tw_str
tw_req_body_seen(const struct tw_req *req)
{
	return (struct tw_str){ req->body, req->body_len };
}

/* --- times and sizes --- */

uint64_t
tw_req_server_us(const struct tw_req *req)
{
	return req->slot ? tw_turn_us() - req->t_queue : 0;
}

static int64_t
span_ms(uint64_t from, uint64_t to)
{
	return from == 0 || to < from ? -1 : (int64_t)((to - from) / 1000);
}

static int64_t
since_ms(const struct tw_req *req, uint64_t from)
{
	return span_ms(from, req->t_end);
}

/* HAProxy's manual 8.4; a phase that was never reached is -1. */
int64_t
tw_req_time_ms(const struct tw_req *req, enum tw_time which)
{
	switch (which) {
	case TW_T_HANDSHAKE:
		return 0;
	case TW_T_IDLE:
		return req->http ? span_ms(req->t_idle, req->t_first) : 0;
	case TW_T_REQUEST:
		return span_ms(req->t_first, req->t_head);
	case TW_T_QUEUE:
		return span_ms(req->t_head, req->t_queue);
	case TW_T_CONNECT:
		return span_ms(req->t_queue, req->t_connect);
	case TW_T_RESPONSE:
		return span_ms(req->t_connect, req->t_response);
	case TW_T_DATA:
		return span_ms(req->t_response, req->t_end);
	case TW_T_ACTIVE:
		return since_ms(req, req->http ? req->t_first : req->t_accept);
	case TW_T_TOTAL:
		return since_ms(req, req->http ? req->t_idle : req->t_accept);
	case TW_T_QUERY:
		return span_ms(req->t_idle, req->t_head);
	case TW_T_USER:
		return since_ms(req, req->t_idle);
	}
	TW_WRONG("no such time");
}

uint64_t
tw_req_wall_us(const struct tw_req *req, bool accepted)
{
	const uint64_t now = tw_turn_us();
	const uint64_t then = accepted || !req->http ? req->t_accept
	    : req->t_first != 0                      ? req->t_first
						     : req->t_idle;

	return tw_wall_us() - (now > then ? now - then : 0);
}

uint64_t
tw_req_bytes_in(const struct tw_req *req)
{
	return req->up.bytes;
}

uint64_t
tw_req_bytes_out(const struct tw_req *req)
{
	return req->down.bytes;
}

int
tw_req_status(const struct tw_req *req)
{
	return req->status;
}

int
tw_req_retries(const struct tw_req *req)
{
	return req->redispatched ? -req->retries : req->retries;
}

uint32_t
tw_req_server_queue(const struct tw_req *req)
{
	return req->pend.ahead_srv;
}

uint32_t
tw_req_backend_queue(const struct tw_req *req)
{
	return req->pend.ahead_be;
}

void
tw_req_term(const struct tw_req *req, char t[4])
{
	t[0] = req->term[0] != 0 ? req->term[0] : '-';
	t[1] = req->term[1] != 0 ? req->term[1] : '-';
	t[2] = req->cookie[0] != 0 ? req->cookie[0] : '-';
	t[3] = req->cookie[1] != 0 ? req->cookie[1] : '-';
}

void
tw_req_cookie_state(struct tw_req *req, char in, char out)
{
	if (in != 0)
		req->cookie[0] = in;
	if (out != 0)
		req->cookie[1] = out;
}

struct tw_str
tw_req_start_line(const struct tw_req *req)
{
	return req->start_line;
}

bool
tw_req_complete(const struct tw_req *req)
{
	return req->step == TW__LOG;
}
