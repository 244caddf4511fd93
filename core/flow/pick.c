/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * pick.c - step pick: which server, and waiting for a slot of it.
 *
 * Persistence comes first (hook PICK), then the balance algorithm. A server
 * below its maxconn gives a slot at once; otherwise the request waits in that
 * server's queue (persistent) or in the backend's (any server will do). One
 * worker's thread; grants arrive as messages.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/req.h"

#define PICK_TRIES 4
#define MAX_RESTARTS 5

enum { CHOOSE, QUEUED };

void
tw__server_taken(struct tw_req *req)
{
	struct tw__side_live *const s = &req->srv->live->s;

	req->slot = true;
	req->srv_counted = true;
	tw__session_begin(s);
	tw__cnt(s, req->worker->id, TW_CNT_SESS, 1);
	req->t_queue = tw_turn_us();
	req->step = TW__CONNECT;
	req->sub = 0;
}

static enum tw__next
enqueue(struct tw_req *req, struct tw_server *srv)
{
	const struct tw__timeouts *const t = &req->be->c.timeout;
	uint32_t ms = t->queue != 0 ? t->queue : t->connect;

	if (TW_UNLIKELY(req->limits != NULL) && req->limits->queue_ms != UINT32_MAX)
		ms = req->limits->queue_ms;

	req->sub = QUEUED;
	req->granted = false;
	req->timed_out = false;
	tw_timer_set(&req->timer, ms != 0 ? tw_now_ms() + ms : 0);
	tw__queue_add(&req->pend, req->be, srv);
	return TW__WAIT;
}

/* Runs on the request's worker when a queue has spoken. */
void
tw__pend_granted(void *arg)
{
	struct tw__pend *const pend = arg;

	pend->req->granted = true;
	tw__flow_run(pend->req);
}

void
tw__pick_leave(struct tw_req *req)
{
	struct tw__pend *const pend = &req->pend;

	if (req->step != TW__PICK || req->sub != QUEUED || req->granted ||
	    tw__queue_cancel(pend))
		return;
	tw__worker_forget(tw__pend_granted, pend);
	if (pend->granted != NULL)
		tw__server_drop(pend->granted);
	pend->granted = NULL;
}

static enum tw__next
no_server(struct tw_req *req)
{
	tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_ECON, 1);
	return tw__flow_fail(req, 503, 'S', 'C', "no server is available");
}

static enum tw__next
queued(struct tw_req *req)
{
	if (req->granted) {
		tw_timer_set(&req->timer, 0);
		req->timed_out = false;
		req->granted = false;
		req->sub = CHOOSE;
		if (req->pend.granted == NULL) { /* the server went away */
			req->srv = NULL;
			req->persist = false;
			req->redispatched = true;
			return TW__MORE;
		}
		if (req->srv != req->pend.granted)
			tw_decide_server(
			    req, req->pend.granted, &req->be->balance_origin);
		tw__server_taken(req);
		return TW__MORE;
	}
	const bool left = tw__client_gave_up(req);
	if ((!req->timed_out && !left && !req->cli->failed) ||
	    !tw__queue_cancel(&req->pend))
		return TW__WAIT;
	req->sub = CHOOSE;
	req->t_queue = tw_turn_us();
	if (left || req->cli->failed) {
		tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_CLI_ABRT, 1);
		return tw__flow_fail(req, 400, 'C', 'Q', "client left the queue");
	}
	tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_ECON, 1);
	return tw__flow_fail(req, 503, 's', 'Q', "waited too long in the queue");
}

/* Servers have changed and the balance state does not know: it is asked for
 * another one when it names one that is gone. returns: NULL: it names no other;
 * the request waits in the queue for the new state. */
static struct tw_server *
pick_stale(struct tw_req *req, struct tw_server *srv, bool *any)
{
	for (int i = 0; i < PICK_TRIES && srv != NULL && !tw_server_is_usable(srv);
	     i++) {
		req->avoid = srv;
		srv = tw__balance_pick(req->be, req, any);
	}
	*any = tw__balance_any(req->be);
	return srv != NULL && tw_server_is_usable(srv) ? srv : NULL;
}

/* The server that has just failed is better than none. */
static struct tw_server *
pick(struct tw_req *req, bool *any)
{
	const bool stale = tw__balance_is_stale(req->be);
	struct tw_server *srv = tw__balance_pick(req->be, req, any);

	if (TW_UNLIKELY(stale))
		return pick_stale(req, srv, any);
	if (srv == NULL && *any && req->avoid != NULL) {
		req->avoid = NULL;
		srv = tw__balance_pick(req->be, req, any);
	}
	return srv;
}

static inline void
decided(struct tw_req *req, struct tw_server *srv)
{
	tw_decide_server(req, srv, &req->be->balance_origin);
	tw__cnt(&srv->live->s, req->worker->id, TW_CNT_LBTOT, 1);
	tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_LBTOT, 1);
}

/* It has no room, but the algorithm will have no other: a hash keeps its keys
 * where they are. */
static enum tw__next
queue_at(struct tw_req *req, struct tw_server *srv)
{
	if (srv->maxqueue != 0 && atomic_load(&srv->live->queue.len) >= srv->maxqueue) {
		tw__cnt(&srv->live->s, req->worker->id, TW_CNT_ECON, 1);
		tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_ECON, 1);
		return tw__flow_fail(
		    req, 503, 'S', 'Q', "the queue of the only server is full");
	}
	decided(req, srv);
	return enqueue(req, srv);
}

/* The server of the client's last request, while a connection to it is there.
 * returns: NULL: the algorithm decides. */
static struct tw_server *
preferred(const struct tw_req *req)
{
	struct tw_server *const srv = tw__conn_session(req->cli)->prefer;
	const struct tw_conn *const kept = req->cli->kept;

	if (srv == NULL || srv->proxy != req->be || srv == req->avoid ||
	    !tw_server_is_usable(srv) ||
	    !atomic_load_explicit(&srv->live->in_use, memory_order_relaxed))
		return NULL;
	if (kept != NULL ? kept->server != srv->live
			 : tw_server_idle_at(srv, req->worker->id) == 0)
		return NULL;
	return srv;
}

/* It has no room. What a login asked for is waited for in any case. */
static bool
is_waited_for(const struct tw_req *req, const struct tw_server *srv)
{
	const uint32_t most = req->be->c.ka_queue;

	return !req->be->c.prefer_last || most == 0 ||
	    atomic_load_explicit(&srv->live->queue.len, memory_order_relaxed) + 1 <
	    most;
}

static inline enum tw__next
taken(struct tw_req *req, struct tw_server *srv)
{
	decided(req, srv);
	tw__server_taken(req);
	return TW__MORE;
}

static inline enum tw__next
by_algorithm(struct tw_req *req)
{
	struct tw_server *srv, *before = NULL;
	bool any = false;

	for (int i = 0; i < PICK_TRIES; i++) {
		srv = pick(req, &any);
		if (srv == NULL)
			break;
		if (tw__server_take(srv))
			return taken(req, srv);
		/* the same once more: not for a slot that was lost to another */
		if (srv == before && (req->be->c.balance->flags & TW_BALANCE_WAITS))
			return queue_at(req, srv);
		before = srv;
	}
	return any ? enqueue(req, NULL) : no_server(req);
}

/* Nothing is balanced: dispatch, option transparent. */
static enum tw__next
directly(struct tw_req *req)
{
	struct tw_server *const srv = req->be->direct;

	return tw__server_take(srv) ? taken(req, srv) : no_server(req);
}

/* This client's requests go to one server, while that can be. */
static enum tw__next __attribute__((noinline)) by_preference(struct tw_req *req)
{
	if (req->be->direct != NULL)
		return directly(req);
	struct tw_server *const srv = preferred(req);
	const enum tw__next next = srv == NULL ? by_algorithm(req)
	    : tw__server_take(srv)             ? taken(req, srv)
	    : is_waited_for(req, srv)          ? queue_at(req, srv)
					       : by_algorithm(req);

	if (req->step == TW__CONNECT)
		tw_req_stay(req);
	return next;
}

static enum tw__next
by_balance(struct tw_req *req)
{
	if (TW_UNLIKELY(
		tw__conn_session(req->cli)->prefer != NULL || req->be->c.prefer_last))
		return by_preference(req);
	return by_algorithm(req);
}

enum tw__next
tw__flow_restart(struct tw_req *req)
{
	if (++req->restarts > MAX_RESTARTS)
		return tw__flow_fail(
		    req, 500, 'I', tw__step_term(req), "too many restarts");
	tw__server_leave(req, false);
	req->srv = NULL;
	req->persist = req->forced = false;
	if (req->be_counted)
		tw__session_end(&req->be->live->be);
	req->be_counted = false;
	req->step = TW__ROUTE;
	req->sub = 0;
	return TW__MORE;
}

static enum tw__next
choose(struct tw_req *req)
{
	const enum tw__hooks v =
	    req->redispatched ? TW__H_NEXT : tw__hooks_run(req, req->be, TW_ON_PICK);

	if (v == TW__H_WAIT)
		return TW__WAIT;
	if (v == TW__H_FAIL)
		return tw__hooks_fail(req);
	if (v == TW__H_RESTART)
		return tw__flow_restart(req);
	if (req->step != TW__PICK)
		return TW__MORE;
	if (v != TW__H_DONE || req->srv == NULL)
		return by_balance(req);
	if (!tw__server_take(req->srv))
		return enqueue(req, req->srv);
	tw__server_taken(req);
	return TW__MORE;
}

enum tw__next
tw__step_pick(struct tw_req *req)
{
	return req->sub == QUEUED ? queued(req) : choose(req);
}
