/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * pause.c - act.YIELD: the rule waits, and is then run again from the start.
 *
 * Nothing of the call is kept; what a script wants to know again it puts into
 * txn:set_priv(). Worker.
 */
#include "lu.h"

#include <tideway/edit.h>

#include "txn.h"

#define USUAL_MS 1000 /* no act.wake_time() */

static void
fired(struct tw_timer *timer)
{
	struct lu_pause *const p = (struct lu_pause *)timer; /* its first field */

	p->fired = true;
	tw_resume(p->req);
}

/* In mode tcp the client's, or the server's, next bytes end it, too. */
static void
wake_by_bytes(struct tw_req *req)
{
	struct tw_str bytes;

	if (!lu_is_http(req))
		(void)tw_req_content(req, tw_req_server_conn(req) != NULL, &bytes);
}

bool
lu_pause_begin(struct tw_req *req, uint64_t ms)
{
	struct lu_req *const r = tw_req_block(req, lu_self);

	if (r->pause == NULL) {
		r->pause = tw_arena_try(tw_req_arena(req), sizeof(*r->pause));
		if (r->pause == NULL)
			return false;
		*r->pause = (struct lu_pause){ .req = req, .timer.fn = fired };
	}
	r->pause->on = true;
	r->pause->fired = false;
	const uint32_t wait = ms != 0 ? (uint32_t)ms : USUAL_MS;
	tw_timer_set(&r->pause->timer, tw_now_ms() + wait);
	tw_req_deadline(req, UINT32_MAX / 2);
	wake_by_bytes(req);
	return true;
}

bool
lu_pause_over(struct tw_req *req)
{
	struct lu_pause *const p = ((struct lu_req *)tw_req_block(req, lu_self))->pause;

	if (p == NULL || !p->on)
		return true;
	if (!p->fired && lu_is_http(req))
		return false;
	tw_timer_set(&p->timer, 0);
	p->on = false;
	return true;
}
