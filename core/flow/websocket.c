/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/websocket.c - what is spoken with a server for a WebSocket, where that may
 * be something else than for other requests: the server's word `ws`.
 *
 * Such a request has a connection of its own, which nobody uses after it. What
 * carries streams may take it, too, when the server offers that (RFC 8441); many
 * do not, so `auto` prefers HTTP/1.1 where TLS lets it choose. source: HAProxy's
 * manual, ws. One worker's thread.
 */
#include "config.h"

#include "core/flow/req.h"

bool
tw__wants_websocket(const struct tw_req *req)
{
	const unsigned i = req->req.first[TW_H_UPGRADE];

	return (req->req.flags & TW_MSG_UPGRADE) && i != 0 &&
	    tw_str_ieq(tw_hdr_value(&req->req.hdr[i - 1]), TW_STR("websocket"));
}

static bool
offers(const struct tw_req *req, const char *alpn)
{
	const struct tw_transport *const t = req->srv->transport;

	return t != NULL && t->offers != NULL &&
	    t->offers(req->srv->transport_conf, tw_str_of(alpn));
}

/* Streams may carry other requests to that server. */
static bool
may_carry(const struct tw_req *req)
{
	const struct tw_proto *const said = req->srv->proto,
				     *const mux = req->fe->mux_proto;

	if (said != NULL)
		return said->mux != NULL;
	return mux != NULL && offers(req, mux->alpn);
}

const struct tw_proto *
tw__websocket_instead(const struct tw_req *req)
{
	const struct tw_proto *const h1 = req->fe->proto,
				     *const mux = req->fe->mux_proto;

	if (TW_LIKELY(!(req->req.flags & TW_MSG_UPGRADE)) || !tw__wants_websocket(req))
		return NULL;
	switch (req->srv->ws) {
	case TW__WS_H1:
		return may_carry(req) ? h1 : NULL;
	case TW__WS_H2:
		return req->srv->proto == NULL || req->srv->proto->mux == NULL ? mux
									       : NULL;
	default:
		return req->srv->proto == NULL && may_carry(req) &&
			offers(req, h1->alpn)
		    ? h1
		    : NULL;
	}
}
