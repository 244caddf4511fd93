/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * check_req.c - the request in which a health check's expressions are evaluated.
 *
 * Fetches and variables get a request; a health check has none. This one has
 * no connection and no message, only the server that is checked: what is
 * valid at TW_AT_CHECK asks for no more. One for the control thread, where
 * all checks run one after the other.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/expr.h>
#include "core/flow/req.h"

static struct tw_req *the_req; /* owns; made when first asked for */

struct tw_req *
tw_check_req(struct tw_server *srv)
{
	struct tw_worker *const w = tw_worker_self();

	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	if (the_req == NULL) {
		the_req = calloc(1, sizeof(*the_req) + w->flow->block_bytes);
		if (the_req == NULL)
			return NULL;
		the_req->magic = TW_REQ_MAGIC;
		the_req->block = (char *)(the_req + 1);
		the_req->worker = w;
		the_req->status = -1;
	}
	if (the_req->arena != NULL)
		tw_arena_reset(the_req->arena);
	the_req->srv = srv;
	the_req->be = the_req->fe = the_req->chain_px = srv->proxy;
	return the_req;
}
