/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hooks.c - running a proxy's chain at a hook point.
 *
 * A chain is an array that ends with fn NULL, or NULL when nobody wants the
 * point: then it costs one comparison. A hook that waits is called again
 * when the request is resumed. One worker's thread.
 */
#include "config.h"

#include <tideway/assert.h>
#include "core/flow/req.h"

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
		req->waiting = true;
		return TW__H_WAIT;
	}
	req->hook_at = NULL;
	tw_timer_set(&req->timer, 0);
	return v == TW_DONE ? TW__H_DONE : v == TW_RESTART ? TW__H_RESTART : TW__H_FAIL;
}

enum tw__hooks
tw__hooks_run(struct tw_req *req, struct tw_proxy *px, enum tw_point point)
{
	const struct tw__hook_entry *e = px->chain[point];

	if (TW_LIKELY(e == NULL))
		return TW__H_NEXT;
	if (req->hook_at != NULL)
		e = req->hook_at;
	req->hook_at = NULL;
	req->waiting = false;
	req->chain_px = px;
	for (; e->fn != NULL; e++) {
		const enum tw_verdict v = e->fn(req, req->block + e->off);
		TW_ASSERT((legal[point] & 1u << v) != 0);
		if (v != TW_NEXT)
			return verdict_of(req, e, v);
	}
	return TW__H_NEXT;
}

enum tw__next
tw__hooks_fail(struct tw_req *req)
{
	if (req->fail_status == 0)
		return tw__flow_fail(req, 0, 'P', tw__step_term(req), req->fail_why);
	if (req->fail_status < 500)
		tw__cnt(&req->fe->live->fe, req->worker->id, TW_CNT_DREQ, 1);
	return tw__flow_fail(
	    req, req->fail_status, 'P', tw__step_term(req), req->fail_why);
}
