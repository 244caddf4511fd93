/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hooks.c - running a proxy's chain at a hook point.
 *
 * A chain is an array that ends with fn NULL, or NULL when nobody wants the
 * point: then it costs one comparison. A hook that waits is called again
 * when the request is resumed, or when the client's bytes come that it asked
 * tw_req_body() for; other events leave it alone. Each wait has a deadline.
 * One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/req.h"

#define WAIT_MS 30000 /* for hooks that set no deadline */

static const unsigned legal[TW_N_POINTS] = {
#define X(name, verdicts, text) [TW_ON_##name] = (verdicts) | 1u << TW_NEXT,
#include <tideway/hooks.def>
#undef X
};

static enum tw__hooks
verdict_of(struct tw_req *req, const struct tw__hook_entry *e, enum tw_verdict v)
{
	if (v == TW_WAIT) {
		req->hook_at = e;
		if (!req->body_wanted && req->timer.due_ms == 0)
			tw_req_deadline(req, WAIT_MS);
		return TW__H_WAIT;
	}
	return v == TW_DONE ? TW__H_DONE : v == TW_RESTART ? TW__H_RESTART : TW__H_FAIL;
}

static enum tw__hooks
overdue(struct tw_req *req)
{
	req->term[0] = 'I';
	req->term[1] = tw__step_term(req);
	tw_req_fail(req, 503, "a hook did not resume in time", &tw__origin_core);
	return TW__H_FAIL;
}

/* Nobody waits for the answer any more: the client has reset its connection, or
 * with option abortonclose, closed it. A FIN alone is no farewell. */
static bool
client_lost(struct tw_req *req)
{
	struct tw_conn *const cli = req->cli;

	if (tw__conn_is_reset(cli) || !cli->rdhup)
		return cli->failed;
	return req->fe->c.abortonclose || (req->be != NULL && req->be->c.abortonclose);
}

static enum tw__hooks
abandoned(struct tw_req *req)
{
	const int id = req->worker->id;

	tw__cnt(&req->fe->live->fe, id, TW_CNT_CLI_ABRT, 1);
	if (req->be_counted)
		tw__cnt(&req->be->live->be, id, TW_CNT_CLI_ABRT, 1);
	if (req->srv != NULL)
		tw__cnt(&req->srv->live->s, id, TW_CNT_CLI_ABRT, 1);
	req->term[0] = 'C';
	req->term[1] = tw__step_term(req);
	tw_req_fail(req, 0, "client left", &tw__origin_core);
	return TW__H_FAIL;
}

/* Calls one hook, again when it resumed the request before it said WAIT. */
static enum tw_verdict
hook_call(struct tw_req *req, const struct tw__hook_entry *e, enum tw_point point)
{
	enum tw_verdict v;

	do {
		req->resumed = req->body_wanted = false;
		v = e->fn(req, req->block + e->off);
		TW_ASSERT((legal[point] & 1u << v) != 0);
	} while (v == TW_WAIT && req->resumed);
	return v;
}

enum tw__hooks
tw__hooks_chain(struct tw_req *req, struct tw_proxy *px, enum tw_point point)
{
	const struct tw__hook_entry *e = px->chain[point];

	bool waited = req->hook_at != NULL;
	if (waited && req->timed_out)
		return overdue(req);
	if (waited && !req->resumed && TW_UNLIKELY(client_lost(req)))
		return abandoned(req);
	if (waited && !req->resumed && !req->body_wanted)
		return TW__H_WAIT;
	if (waited)
		e = req->hook_at;
	req->hook_at = NULL;
	req->chain_px = px;
	for (; e->fn != NULL; e++) {
		const enum tw_verdict v = hook_call(req, e, point);
		if (waited && v != TW_WAIT)
			tw_timer_set(&req->timer, 0);
		waited = false;
		if (v != TW_NEXT)
			return verdict_of(req, e, v);
	}
	return TW__H_NEXT;
}

static void
count_denied(struct tw_req *req)
{
	tw__count_client(req, TW_CNT_DREQ);
	if (req->be_counted)
		tw__cnt(&req->be->live->be, req->worker->id, TW_CNT_DREQ, 1);
}

enum tw__next
tw__hooks_fail(struct tw_req *req)
{
	if (req->fail_status == 0)
		return tw__flow_fail(req, 0, 'P', tw__step_term(req), req->fail_why);
	if (req->fail_status < 500)
		count_denied(req);
	return tw__flow_fail(
	    req, req->fail_status, 'P', tw__step_term(req), req->fail_why);
}
