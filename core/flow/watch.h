/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/watch.h - logs that need more than an exchange's end: option logasap,
 * %bi and %bp.
 *
 * One word says whether anybody (option -d included) looks on while exchanges
 * pass; everyone else pays for all of them with one untaken branch.
 */
#ifndef TW_FLOW_WATCH_H
#define TW_FLOW_WATCH_H

#include "core/flow/req.h"
#include "core/proxy/logger.h"

extern _Atomic unsigned tw__watch; /* shared: TW__WATCH_...; they only grow */

static inline unsigned
tw__watched(void)
{
	return atomic_load_explicit(&tw__watch, memory_order_relaxed);
}

/* Called when tw__watched(). context: the worker. */
/** tw__watch_accept - a session (mode tcp) or request begins. */
void tw__watch_accept(struct tw_req *req);
/** tw__watch_request - the frontend has seen the request. */
void tw__watch_request(struct tw_req *req);
/** tw__watch_sent - the request is on its way to the server. */
void tw__watch_sent(struct tw_req *req);
/** tw__watch_head - the response's head is about to leave. in: its bytes. */
void tw__watch_head(struct tw_req *req, size_t bytes);

#endif
