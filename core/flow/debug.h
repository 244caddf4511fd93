/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/debug.h - who looks on: option -d shows exchanges on standard output,
 * trails tell what becomes of them (trail.h).
 */
#ifndef TW_FLOW_DEBUG_H
#define TW_FLOW_DEBUG_H

#include "core/flow/req.h"

extern _Atomic unsigned tw__debug_bits; /* shared: TW__DEBUG_...; they only grow */
#define TW__DEBUG_SHOW 0x01u   /* option -d */
#define TW__DEBUG_TRAILS 0x02u /* some request may get a trail */
#define tw__debug_on atomic_load_explicit(&tw__debug_bits, memory_order_relaxed)

/** tw__debug_up - from now on exchanges are shown. context: start-up. */
void tw__debug_up(void);

/* Called where these happen, when tw__debug_on. context: the worker. */
/** tw__debug_conn - a connection that rules look at, or of mode tcp. */
void tw__debug_conn(struct tw_req *req);
void tw__debug_accept(const struct tw_req *req);
void tw__debug_request(struct tw_req *req);
void tw__debug_server(struct tw_req *req);
void tw__debug_response(struct tw_req *req);
void tw__debug_end(struct tw_req *req);

#endif
