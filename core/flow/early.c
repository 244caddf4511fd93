/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * early.c - requests that go to a server before its handshake is complete.
 *
 * The transport sends them so, and knows whether the server took them; what the
 * backend allows, and what an answer or a refusal means for the exchange, is decided
 * here. Who may not come twice has to wait: so has any attempt but the first.
 * source: HAProxy's manual, retry-on 0rtt-rejected and the server option allow-0rtt;
 * RFC 8470. One worker's thread.
 */
#include "config.h"

#include "core/flow/req.h"

enum tw_first
tw__early_first(struct tw_req *req)
{
	/* a filter may keep all there is to send, and the server may speak first */
	if (req->retries > 0 || req->fresh || (!req->http && req->up.filters != NULL))
		return TW_FIRST_WAITS;
	if (!req->http || !(req->be->c.retry_on & TW__RETRY_0RTT))
		return TW_FIRST_AS_CLIENT;
	if (req->up.in.body != TW_BODY_NONE)
		tw__retry_keep(req);
	return tw__retry_wanted(req, TW__RETRY_0RTT) ? TW_FIRST_EARLY
						     : TW_FIRST_AS_CLIENT;
}

/* Too Early, to what came early: the server rejects it as well. */
uint32_t
tw__early_retry(const struct tw_req *req)
{
	return req->res.status == 425 && req->srvc->n_requests == 1 &&
		tw__conn_session(req->srvc)->early
	    ? TW__RETRY_0RTT
	    : 0;
}

/* A carrier's only stream has it, as nobody joins before. */
static struct tw_req *
sent_by(const struct tw_conn *conn)
{
	const struct tw_conn *const s =
	    conn->mux != NULL ? LIST_FIRST(&conn->streams) : conn;

	return s != NULL ? s->req : NULL;
}

void
tw_conn_early(struct tw_conn *conn, enum tw_early what)
{
	struct tw_req *const req = sent_by(conn);

	conn->alone = what == TW_EARLY_BEGINS;
	conn->early = what == TW_EARLY_BEGINS || what == TW_EARLY_TAKEN;
	conn->untouched |= what == TW_EARLY_REFUSED;
	/* sent once more by the transport: an operator sees it as any other retry */
	if (what == TW_EARLY_REPEATED && req != NULL) {
		req->retries++;
		tw__count_retry(req);
	}
	if (what != TW_EARLY_BEGINS && what != TW_EARLY_REFUSED) {
		conn->writable = true; /* no event tells: the socket always was */
		tw__conn_again(conn);
	}
}
