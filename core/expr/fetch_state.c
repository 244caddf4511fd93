/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_state.c - fetches about proxies, servers and listeners.
 *
 * Names in arguments are resolved when all files are read; without one, those
 * of the request are meant. Any worker. source: HAProxy's manual, 7.3.2, 7.3.3.
 */
#include "config.h"

#include <tideway/proxy.h>

#include "expr/fetch.h"
#include "expr/fetch_names.h"

/* ---- room --------------------------------------------------------------- */

/* Room for connections, and with slots for queued ones. -1: without limit. */
static int64_t
room_of(const struct tw_server *srv, bool slots)
{
	struct tw_gauges g;
	const int64_t maxconn = tw_server_maxconn(srv);
	const int64_t maxqueue = tw_server_maxqueue(srv);

	if (maxconn == 0 || (slots && maxqueue == 0))
		return -1;
	tw_server_gauges(srv, &g);
	int64_t room = maxconn > g.cur ? maxconn - g.cur : 0;
	if (slots && maxqueue > g.queue)
		room += maxqueue - g.queue;
	return room;
}

static bool
give_room(const struct tw_proxy *be, bool slots, struct tw_sample *out)
{
	int active, backup;
	uint32_t weight;
	int64_t sum = 0;

	if (be == NULL)
		return false;
	tw_proxy_usable(be, &active, &backup, &weight);
	const struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(be, i)) != NULL; i++) {
		if (!tw_server_is_usable(srv) ||
		    (tw_server_is_backup(srv) && active > 0))
			continue;
		const int64_t room = room_of(srv, slots);
		if (room < 0)
			return tw_sample_int(out, -1);
		sum += room;
	}
	return tw_sample_int(out, sum);
}

TW__FETCH(connslots)
{
	TW_GET_UNUSED;
	return give_room(tw__fetch_backend(req, args), true, out);
}

TW__FETCH(be_conn_free)
{
	TW_GET_UNUSED;
	return give_room(tw__fetch_backend(req, args), false, out);
}

TW__FETCH(srv_conn_free)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, room_of(args[0].ptr, false));
}

/* ---- names and numbers -------------------------------------------------- */

static bool
give_name(const char *name, struct tw_sample *out)
{
	return name != NULL && tw_sample_str(out, TW_STRING, tw_str_of(name));
}

static const struct tw_proxy *
own_backend(struct tw_req *req)
{
	static const struct tw_arg_val none[1];

	return tw__fetch_backend(req, none);
}

TW__FETCH(be_id)
{
	const struct tw_proxy *const be = own_backend(req);

	TW_GET_UNUSED;
	return be != NULL && tw_sample_int(out, tw_proxy_id(be));
}

TW__FETCH(be_name)
{
	const struct tw_proxy *const be = own_backend(req);

	TW_GET_UNUSED;
	return be != NULL && give_name(tw_proxy_name(be), out);
}

TW__FETCH(fe_id)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, tw_proxy_id(tw_req_frontend(req)));
}

TW__FETCH(fe_name)
{
	TW_GET_UNUSED;
	return give_name(tw_proxy_name(tw_req_frontend(req)), out);
}

TW__FETCH(so_id)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, tw_bind_id(tw_conn_bind(tw_req_conn(req))));
}

TW__FETCH(so_name)
{
	TW_GET_UNUSED;
	return give_name(tw_bind_name(tw_conn_bind(tw_req_conn(req))), out);
}

TW__FETCH(srv_id)
{
	const struct tw_server *const srv = tw_req_server(req);

	TW_GET_UNUSED;
	return srv != NULL && tw_sample_int(out, tw_server_id(srv));
}

TW__FETCH(srv_name)
{
	const struct tw_server *const srv = tw_req_server(req);

	TW_GET_UNUSED;
	return srv != NULL && give_name(tw_server_name(srv), out);
}

TW__FETCH(dst_conn)
{
	struct tw_gauges g;

	TW_GET_UNUSED;
	tw_bind_gauges(tw_conn_bind(tw_req_conn(req)), &g);
	return tw_sample_int(out, g.cur);
}

/* ---- timeouts ----------------------------------------------------------- */

static bool
give_timeout(const struct tw_proxy *px, const char *which, struct tw_sample *out)
{
	return px != NULL && tw_sample_int(out, tw_proxy_timeout_ms(px, which));
}

#define TIMEOUT(name, proxy, which)                     \
	TW__FETCH(name)                                 \
	{                                               \
		TW_GET_UNUSED;                          \
		return give_timeout(proxy, which, out); \
	}

TIMEOUT(be_connect, own_backend(req), "connect")
TIMEOUT(be_queue, own_backend(req), "queue")
TIMEOUT(be_server, own_backend(req), "server")
TIMEOUT(be_tarpit, own_backend(req), "tarpit")
TIMEOUT(be_tunnel, own_backend(req), "tunnel")
TIMEOUT(fe_client, tw_req_frontend(req), "client")
TIMEOUT(fe_tarpit, tw_req_frontend(req), "tarpit")

#define ONE(n, type, fn, help)                                           \
	{                                                                \
		n, "", type, TW__AT_CLIENT, fetch_##fn, NULL, NULL, help \
	}
#define BACKEND(name, help)                                               \
	{                                                                 \
#name, "[s]", TW_SINT, TW__AT_CLIENT, fetch_##name, NULL, \
		    tw__fetch_check_backend, help                         \
	}

const struct tw_fetch tw__fetch_state[] = {
	BACKEND(
	    be_conn_free, "Connections that a backend's servers still take; -1: any."),
	ONE("be_connect_timeout", TW_SINT, be_connect,
	    "The backend's timeout connect, ms."),
	ONE("be_id", TW_SINT, be_id, "The backend's number."),
	ONE("be_name", TW_STRING, be_name, "The backend's name."),
	ONE("be_queue_timeout", TW_SINT, be_queue, "The backend's timeout queue, ms."),
	ONE("be_server_timeout", TW_SINT, be_server,
	    "The backend's timeout server, ms."),
	ONE("be_tarpit_timeout", TW_SINT, be_tarpit,
	    "The backend's timeout tarpit, ms."),
	ONE("be_tunnel_timeout", TW_SINT, be_tunnel,
	    "The backend's timeout tunnel, ms."),
	BACKEND(connslots, "Connections and queue slots a backend still has; -1: any."),
	ONE("dst_conn", TW_SINT, dst_conn, "Connections of this listener now."),
	ONE("fe_client_timeout", TW_SINT, fe_client,
	    "The frontend's timeout client, ms."),
	ONE("fe_id", TW_SINT, fe_id, "The frontend's number."),
	ONE("fe_name", TW_STRING, fe_name, "The frontend's name."),
	ONE("fe_tarpit_timeout", TW_SINT, fe_tarpit,
	    "The frontend's timeout tarpit, ms."),
	ONE("so_id", TW_SINT, so_id, "The number of the listener."),
	ONE("so_name", TW_STRING, so_name, "The name of the listener."),
	{ "srv_conn_free", "s", TW_SINT, TW__AT_CLIENT, fetch_srv_conn_free, NULL,
	    tw__fetch_check_server,
	    "Connections that a server (BACKEND/SERVER) still takes; -1: any." },
	ONE("srv_id", TW_SINT, srv_id, "The number of the server that was chosen."),
	ONE("srv_name", TW_STRING, srv_name, "The name of the server that was chosen."),
	{ .name = NULL },
};
