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

#include <tideway/action.h>
#include <tideway/edit.h>
#include "core/flow/debug.h"
#include "core/flow/watch.h"

_Static_assert((int)TW__LOG_DO_HTTP_AFTER - TW__LOG_DO_TCP_CONNECTION == TW_HTTP_AFTER,
    "steps of do-log are in the order of the rule sets");

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

/* A line before the end. in: bytes, what %B shall say. */
static void
log_now(struct tw_req *req, enum tw__log_step step, uint64_t bytes)
{
	const uint64_t sent = req->down.bytes;

	req->t_end = tw_turn_us();
	req->down.bytes = bytes;
	req->log_step = (uint8_t)step;
	tw__flow_log(req);
	req->log_step = TW__LOG_AT_CLOSE;
	req->down.bytes = sent;
	req->t_end = 0;
}

/* `log-steps` names it, or it is where option logasap logs. */
static void
log_step(struct tw_req *req, enum tw__log_step step, bool is_asap, uint64_t bytes)
{
	const struct tw__proxy_conf *const c = &req->fe->c;

	if (c->log_steps & 1u << step) {
		log_now(req, step, bytes);
	} else if (c->log_steps == 0 && c->logasap && is_asap && !req->logged) {
		req->logged = true;
		log_now(req, step, bytes);
	}
}

/* The same line again and again does no harm to the one at the end. */
void
tw_req_log_now(struct tw_req *req, unsigned rules, const struct tw_log_profile *profile)
{
	const uint64_t end = req->t_end;
	const uint8_t step = req->log_step;

	if (req->log_level == TW__LOG_SILENT)
		return;
	if (end == 0)
		req->t_end = tw_turn_us();
	req->log_step = (uint8_t)(TW__LOG_DO_TCP_CONNECTION + rules);
	tw__log_request_as(req, (enum tw__log_step)req->log_step,
	    (const struct tw__log_profile *)profile);
	req->log_step = step;
	req->t_end = end;
}

const struct tw_log_profile *
tw_log_profile_find(const struct tw_gen *gen, const char *name)
{
	return (const struct tw_log_profile *)tw__log_profile_find(gen, name);
}

void
tw__watch_accept(struct tw_req *req)
{
	if (tw__debug_on)
		tw__debug_accept(req);
	log_step(req, TW__LOG_AT_ACCEPT, false, 0);
	if (!req->http)
		log_step(req, TW__LOG_AT_REQUEST, false, 0);
}

void
tw__watch_request(struct tw_req *req)
{
	log_step(req, TW__LOG_AT_REQUEST, false, 0);
}

void
tw__watch_sent(struct tw_req *req)
{
	if (tw__debug_on)
		tw__debug_server(req);
	if (tw__watched() & TW__WATCH_SOURCE)
		keep_source(req);
	log_step(req, TW__LOG_AT_CONNECT, !req->http, 0);
}

void
tw__watch_head(struct tw_req *req, size_t bytes)
{
	log_step(req, TW__LOG_AT_RESPONSE, req->http, bytes);
}
