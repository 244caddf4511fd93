/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/watch.c - what logs take from an exchange before its end.
 *
 * The server's connection is gone when the line is written, so the address it
 * came from is kept; `option logasap` writes the line when the response's head
 * leaves (mode tcp: when the server is connected). One worker's thread.
 * source: HAProxy's manual, 8.3.2.
 */
#include "config.h"

#include <sys/socket.h>

#include "core/flow/debug.h"
#include "core/flow/watch.h"

_Atomic unsigned tw__watch;

void
tw__watch_for(unsigned bits)
{
	atomic_fetch_or_explicit(&tw__watch, bits, memory_order_relaxed);
}

static void
keep_source(struct tw_req *req)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (req->source == NULL)
		req->source = tw_arena_try(tw_req_arena(req), sizeof(*req->source));
	if (req->source == NULL)
		return;
	memset(req->source, 0, sizeof(*req->source));
	if (getsockname(req->srvc->fd, (struct sockaddr *)&ss, &len) == 0 &&
	    ss.ss_family != AF_UNIX)
		tw_addr_from_sockaddr(req->source, (struct sockaddr *)&ss, len);
}

/* in: bytes, what %B shall say. */
static void
log_now(struct tw_req *req, uint64_t bytes)
{
	const uint64_t sent = req->down.bytes;

	if (!req->fe->c.logasap || req->logged)
		return;
	req->logged = true;
	req->t_end = tw_turn_us();
	req->down.bytes = bytes;
	tw__flow_log(req);
	req->down.bytes = sent;
	req->t_end = 0;
}

void
tw__watch_sent(struct tw_req *req)
{
	if (tw__debug_on)
		tw__debug_server(req);
	if (tw__watched() & TW__WATCH_SOURCE)
		keep_source(req);
	if (!req->http)
		log_now(req, 0);
}

void
tw__watch_head(struct tw_req *req, size_t bytes)
{
	if (req->http)
		log_now(req, bytes);
}
