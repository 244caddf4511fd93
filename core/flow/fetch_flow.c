/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/fetch_flow.c - fetches about how an exchange is handled: timeouts in
 * force, its place in queues, its connections.
 *
 * Any worker. source: HAProxy's manual (3.4), 7.3.2 and 7.3.3.
 */
#include "config.h"

#include <tideway/edit.h>

#include "core/expr/fetch.h"
#include "core/flow/req.h"

#define TIMEOUT(which)                                                    \
	TW__FETCH(cur_##which)                                            \
	{                                                                 \
		TW__UNUSED_FETCH;                                         \
		return tw__give_int(out, tw_req_timeout_ms(req, #which)); \
	}

TIMEOUT(client)
TIMEOUT(connect)
TIMEOUT(queue)
TIMEOUT(server)
TIMEOUT(tarpit)
TIMEOUT(tunnel)

const struct tw_fetch tw__flow_fetches[] = {
#define ONE(name, type, fn, help)                                           \
	{                                                                   \
		name, "", type, TW__AT_CLIENT, fetch_##fn, NULL, NULL, help \
	}
	ONE("cur_client_timeout", TW_SINT, cur_client,
	    "The timeout client in force for this exchange, ms."),
	ONE("cur_connect_timeout", TW_SINT, cur_connect,
	    "The timeout connect in force for this exchange, ms."),
	ONE("cur_queue_timeout", TW_SINT, cur_queue,
	    "The timeout queue in force for this exchange, ms."),
	ONE("cur_server_timeout", TW_SINT, cur_server,
	    "The timeout server in force for this exchange, ms."),
	ONE("cur_tarpit_timeout", TW_SINT, cur_tarpit,
	    "The timeout tarpit in force for this exchange, ms."),
	ONE("cur_tunnel_timeout", TW_SINT, cur_tunnel,
	    "The timeout tunnel in force for this exchange, ms."),
	{ .name = NULL },
};
