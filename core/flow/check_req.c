/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * check_req.c - requests for what is evaluated without one.
 *
 * Fetches, converters and variables get a request; a health check and a log
 * message have none. Theirs have no connection and no message, only a server
 * and a backend: what is valid at TW_AT_CHECK and TW_AT_MESSAGE asks for no
 * more. Checks share one, on the control thread, where they run one after the
 * other; each worker has one for log messages.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/expr.h>
#include "core/flow/req.h"

static struct tw_req *the_req; /* owns; made when first asked for */

static struct tw_req *
side_req_new(struct tw_worker *w)
{
	struct tw_req *const req = calloc(1, sizeof(*req) + w->flow->block_bytes);

	if (req == NULL)
		return NULL;
	req->magic = TW_REQ_MAGIC;
	req->block = (char *)(req + 1);
	req->worker = w;
	req->status = -1;
	return req;
}

/* The one at *req, made when there is none yet, as if it were new. */
static struct tw_req *
side_req(struct tw_req **req, struct tw_server *srv, struct tw_proxy *px)
{
	if (*req == NULL && (*req = side_req_new(tw_worker_self())) == NULL)
		return NULL;
	if ((*req)->arena != NULL)
		tw_arena_reset((*req)->arena);
	(*req)->srv = srv;
	(*req)->side_vars = NULL;
	(*req)->be = (*req)->fe = (*req)->chain_px = px;
	return *req;
}

struct tw_req *
tw_check_req(struct tw_server *srv)
{
	TW_CHECK_MAGIC(srv, TW_SERVER_MAGIC);
	return side_req(&the_req, srv, srv->proxy);
}

struct tw_req *
tw_message_req(struct tw_proxy *be)
{
	TW_CHECK_MAGIC(be, TW_PROXY_MAGIC);
	return side_req(&tw_worker_self()->flow->message_req, NULL, be);
}

void
tw__side_req_free(struct tw_req **req)
{
	if (*req == NULL)
		return;
	if ((*req)->arena != NULL)
		tw_arena_free(&(*req)->arena);
	free(*req);
	*req = NULL;
}
