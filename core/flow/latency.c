/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/latency.c - a request's time, into the histograms of who had to do with
 * it. Called by the hook of whoever shows them: nobody else pays. Worker.
 */
#include "config.h"

#include "core/flow/req.h"

static void
side_add(struct tw__side_live *s, int worker, uint32_t ms)
{
	struct tw__histogram *const h =
	    atomic_load_explicit(&s->histogram, memory_order_acquire);

	if (h != NULL)
		tw__histogram_add(&h[worker], ms);
}

void
tw_req_count_latency(const struct tw_req *req)
{
	const int64_t ms = tw_req_time_ms(req, req->http ? TW_T_ACTIVE : TW_T_TOTAL);
	const uint32_t n = ms > 0 ? (uint32_t)ms : 0;
	const int id = req->worker->id;

	if (!req->http || req->status > 0)
		side_add(&req->fe->live->fe, id, n);
	if (req->t_response == 0)
		return; /* as the averages */
	if (req->be_counted)
		side_add(&req->be->live->be, id, n);
	if (req->srv != NULL)
		side_add(&req->srv->live->s, id, n);
}
