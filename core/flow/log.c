/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/log.c - step log: one record for each exchange, then the next request
 * or the end; and the deadlines of whoever waits.
 *
 * Counters are added once, at the end (and every megabyte of a long
 * transfer). Deadlines are stored in lazy timers, so setting them anew after
 * each bit of progress costs two stores. One worker's thread.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <tideway/assert.h>
#include <tideway/edit.h>
#include "core/flow/debug.h"
#include "core/flow/req.h"

/* --- deadlines --- */

static uint64_t
deadline(uint32_t ms)
{
	return ms != 0 ? tw_now_ms() + ms : 0;
}

/* Option independent-streams: only what a side sends prolongs its time. */
static void
keep_silent_sides(struct tw_req *req, uint64_t *cli, uint64_t *srv)
{
	const bool from_client = req->up.bytes + 1 != req->seen_up;
	const bool from_server = req->down.bytes + 1 != req->seen_down;

	req->seen_up = req->up.bytes + 1;
	req->seen_down = req->down.bytes + 1;
	if (req->fe->c.independent && !from_client && req->cli->timer.due_ms != 0)
		*cli = req->cli->timer.due_ms;
	if (req->be->c.independent && !from_server && req->srvc->timer.due_ms != 0)
		*srv = req->srvc->timer.due_ms;
}

/* What rules have set in the place of the proxies' timeouts. */
static void
limit(const struct tw_req *req, uint32_t *client_ms, uint32_t *server_ms,
    uint32_t *tunnel_ms)
{
	const struct tw__req_limits *const set = req->limits;

	if (set->client_ms != UINT32_MAX)
		*client_ms = set->client_ms;
	if (set->server_ms != UINT32_MAX)
		*server_ms = set->server_ms;
	if (set->tunnel_ms != UINT32_MAX)
		*tunnel_ms = set->tunnel_ms;
}

static void
tunnel_timers(struct tw_req *req, uint64_t *cli, uint64_t *srv)
{
	const struct tw__timeouts *const f = &req->fe->c.timeout,
					 *const b = &req->be->c.timeout;
	uint32_t client_ms = f->client, server_ms = b->server, tunnel_ms = b->tunnel;

	if (TW_UNLIKELY(req->limits != NULL))
		limit(req, &client_ms, &server_ms, &tunnel_ms);
	*cli = deadline(tunnel_ms != 0 ? tunnel_ms : client_ms);
	*srv = deadline(tunnel_ms != 0 ? tunnel_ms : server_ms);
	if (req->up.done || req->down.done) { /* half closed */
		if (f->client_fin != 0)
			*cli = deadline(f->client_fin);
		if (b->server_fin != 0)
			*srv = deadline(b->server_fin);
	}
	if (req->fe->c.independent || req->be->c.independent)
		keep_silent_sides(req, cli, srv);
}

/* Bytes wait for this half's receiver to take them. */
static bool
is_blocked(const struct tw__half *h, const struct tw_conn *to)
{
	return tw__conn_backlog(to) || (h->pipe != NULL && h->pipe->held > 0);
}

/* Who is waited for: the receiver of what is blocked, the sender of what is
 * not complete. */
static void
exchange_timers(struct tw_req *req, uint64_t *cli, uint64_t *srv)
{
	if (req->tunnel) {
		tunnel_timers(req, cli, srv);
		return;
	}
	uint32_t client_ms = req->fe->c.timeout.client, tunnel_ms;
	uint32_t server_ms = req->be->c.timeout.server;

	if (TW_UNLIKELY(req->limits != NULL))
		limit(req, &client_ms, &server_ms, &tunnel_ms);
	const bool up_over = req->up.done || req->up_broken;
	const bool up_blocked = is_blocked(&req->up, req->srvc);
	const bool down_blocked = is_blocked(&req->down, req->cli);

	if (down_blocked || (!up_over && !up_blocked))
		*cli = deadline(client_ms);
	if (!down_blocked && (up_over || up_blocked))
		*srv = deadline(server_ms);
}

/* A body that a hook gathers is part of what http-request limits. */
static uint64_t
request_deadline(const struct tw_req *req)
{
	return req->t_fail_head != 0 ? req->t_fail_head
				     : deadline(req->fe->c.timeout.client);
}

void
tw__flow_timers(struct tw_req *req)
{
	uint64_t cli = 0, srv = 0;

	if (!req->moved && req->timers_step == req->step)
		return;
	req->moved = false;
	req->timers_step = req->step;
	switch (req->step) {
	case TW__HELLO:
		cli = deadline(req->fe->c.timeout.client_hs != 0
			? req->fe->c.timeout.client_hs
			: req->fe->c.timeout.client);
		break;
	case TW__ACCEPT:
	case TW__INSPECT:
		cli = deadline(req->fe->c.timeout.client);
		break;
	case TW__READ:
		cli = request_deadline(req);
		break;
	case TW__SERVE:
		if (req->hook_at == NULL && tw__serve_waits(req))
			cli = deadline(tw_req_timeout_ms(req, "client"));
		break;
	case TW__REPLY:
	case TW__LOG:
		cli = deadline(req->fe->c.timeout.client);
		break;
	case TW__REQUEST:
	case TW__ROUTE:
		cli = req->body_wanted ? request_deadline(req) : 0;
		break;
	case TW__CONNECT: /* the server's timer runs already */
		tw_timer_set(&req->cli->timer, 0);
		return;
	case TW__RESPONSE:
	case TW__DELIVER:
		if (req->hook_at == NULL) /* which has its own deadline */
			exchange_timers(req, &cli, &srv);
		break;
	default:
		break;
	}
	tw_timer_set(&req->cli->timer, cli);
	if (req->srvc != NULL)
		tw_timer_set(&req->srvc->timer, srv);
	if (req->up.bytes + req->down.bytes - req->counted_in - req->counted_out <=
	    req->fe->c.count_every)
		return;
	tw__flow_count_bytes(req);
	if (req->hook_at == NULL) /* no chain is under way */
		tw__hooks_run(req, req->fe, TW_ON_MOVED);
}

/* --- counters --- */

static void
count_bytes_in(struct tw__side_live *s, int id, uint64_t in, uint64_t out)
{
	tw__cnt(s, id, TW_CNT_BIN, in);
	tw__cnt(s, id, TW_CNT_BOUT, out);
}

void
tw__flow_count_bytes(struct tw_req *req)
{
	const uint64_t in = req->up.bytes - req->counted_in;
	const uint64_t out = req->down.bytes - req->counted_out;
	const int id = req->worker->id;

	req->counted_in = req->up.bytes;
	req->counted_out = req->down.bytes;
	count_bytes_in(&req->fe->live->fe, id, in, out);
	count_bytes_in(&req->cli->bind->live->s, id, in, out);
	if (req->be_counted)
		count_bytes_in(&req->be->live->be, id, in, out);
	if (req->srv != NULL)
		count_bytes_in(&req->srv->live->s, id, in, out);
}

void
tw__count_client(struct tw_req *req, enum tw_cnt what)
{
	const int id = req->worker->id;

	tw__cnt(&req->fe->live->fe, id, what, 1);
	tw__cnt(&req->cli->bind->live->s, id, what, 1);
}

static enum tw_cnt
status_class(int status)
{
	return status >= 100 && status < 600
	    ? (enum tw_cnt)(TW_CNT_HRSP_1XX + status / 100 - 1)
	    : TW_CNT_HRSP_OTHER;
}

static uint32_t
ms_of(const struct tw_req *req, enum tw_time which)
{
	const int64_t ms = tw_req_time_ms(req, which);

	return ms > 0 ? (uint32_t)ms : 0;
}

static void
count_times(struct tw_req *req, struct tw__side_live *s)
{
	const int id = req->worker->id;

	tw__time_add(s, id, 0, ms_of(req, TW_T_QUEUE));
	tw__time_add(s, id, 1, ms_of(req, TW_T_CONNECT));
	tw__time_add(s, id, 2, ms_of(req, TW_T_RESPONSE));
	tw__time_add(s, id, 3, ms_of(req, req->http ? TW_T_ACTIVE : TW_T_TOTAL));
}

static void
count(struct tw_req *req)
{
	const int id = req->worker->id;

	if (req->up.bytes == 0)
		req->up.bytes = req->req.raw.len;
	tw__flow_count_bytes(req);
	if (req->http && req->status > 0) {
		const enum tw_cnt c = status_class(req->status);
		tw__cnt(&req->fe->live->fe, id, c, 1);
		if (req->be_counted)
			tw__cnt(&req->be->live->be, id, c, 1);
		if (req->srv != NULL && req->t_response != 0)
			tw__cnt(&req->srv->live->s, id, c, 1);
	}
	if (req->be_counted && req->t_response != 0)
		count_times(req, &req->be->live->be);
	if (req->srv != NULL && req->t_response != 0)
		count_times(req, &req->srv->live->s);
}

/* --- the record --- */

/* The client has sent nothing at all: a probe. What a server said does not
 * count, as in HAProxy. */
static bool
is_null(const struct tw_req *req)
{
	const struct tw_conn *const cli = req->cli;
	int waiting = 0;

	if (req->up.bytes != 0 || req->start_line.len != 0 ||
	    (cli->in.base != NULL && cli->in.head != cli->in.tail))
		return false;
	if (req->http)
		return req->silent || (req->failed && req->failed_at <= TW__HELLO);
	return ioctl(cli->fd, FIONREAD, &waiting) != 0 || waiting == 0;
}

/* No error, no retry; what a rule refuses (P) is not normal, an answer of our own (L)
 * is, as in HAProxy. */
static bool
is_normal(const struct tw_req *req)
{
	return !req->failed && req->status < 500 && req->retries == 0 &&
	    !req->redispatched && (req->term[0] == 0 || req->term[0] == 'L');
}

/* What the frontend's options say. */
static bool
is_wanted(const struct tw_req *req)
{
	const struct tw__proxy_conf *const c = &req->fe->c;

	if (c->log_steps != 0 && !(c->log_steps & 1u << req->log_step))
		return false;
	if (c->dontlognull && is_null(req))
		return false;
	return !(c->dontlog_normal && is_normal(req)) &&
	    req->log_level != TW__LOG_SILENT;
}

void
tw__flow_log(struct tw_req *req)
{
	const bool silent = req->log_level == TW__LOG_SILENT;

	if (TW_LIKELY(!(req->fe->c.log_special | req->failed | silent))) {
		tw__log_request(req, (enum tw__log_step)req->log_step);
		return;
	}
	if (!is_wanted(req))
		return;
	if (req->failed && req->failed_at <= TW__HELLO)
		tw__log_connection(req, req->fail_why);
	else
		tw__log_request(req, (enum tw__log_step)req->log_step);
}

/* Everything that must not survive into the next exchange. */
static void
reset(struct tw_req *req)
{
	tw__hooks_run(req, req->fe, TW_ON_RESET);
	tw__half_end(req, &req->up);
	tw__half_end(req, &req->down);
}

/* What the transport says when no more is to come belongs to it: as long as that waits
 * the client is one still, and its timeout runs. */
static bool
last_waits(struct tw_req *req)
{
	struct tw_conn *const cli = req->cli;

	if (tw__conn_backlog(cli) && tw__flow_flush(req, cli) == TW_IO_AGAIN)
		return true;
	return !req->keep && !cli->is_stream && !cli->failed && !tw__conn_bye(cli);
}

enum tw__next
tw__step_log(struct tw_req *req)
{
	struct tw_conn *const cli = req->cli;

	if (req->t_end == 0)
		req->t_end = tw_turn_us();
	if (!req->failed && last_waits(req))
		return TW__WAIT;
	count(req);
	if (TW_UNLIKELY(tw__debug_on))
		tw__debug_end(req);
	if (req->be_counted) /* before the record: it shows who is left */
		tw__session_end(&req->be->live->be);
	tw__hooks_run(req, req->fe, TW_ON_LOG);
	if (TW_LIKELY(!req->logged))
		tw__flow_log(req);
	const bool keep = req->keep && !cli->failed && !cli->shut &&
	    (TW_LIKELY(!atomic_load_explicit(&tw__stopping, memory_order_relaxed)) ||
		tw__spread_is_on());
	if (!keep)
		tw__hooks_run(req, req->fe, TW_ON_CLOSE);
	reset(req);
	cli->req = NULL;
	cli->idle_us = req->t_end;
	tw__req_free(&req);
	if (keep)
		return TW__KEEP;
	tw__client_end(cli);
	return TW__GONE;
}
