/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/debug.h - option -d: exchanges shown on standard output.
 */
#ifndef TW_FLOW_DEBUG_H
#define TW_FLOW_DEBUG_H

#include "core/flow/req.h"

extern bool tw__debug_on; /* set before the threads start */

/** tw__debug_up - from now on exchanges are shown. context: start-up. */
void tw__debug_up(void);

/* Called where these happen, when tw__debug_on. context: the worker. */
void tw__debug_accept(const struct tw_req *req);
void tw__debug_request(struct tw_req *req);
void tw__debug_server(struct tw_req *req);
void tw__debug_response(struct tw_req *req);
void tw__debug_end(const struct tw_req *req);

#endif
