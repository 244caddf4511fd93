/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * stick.c - what tables that remember clients ask of the core: when a
 * connection ends, whether a request is kept on its server, whose fault a
 * status is, which servers are not to be learned. One worker's thread.
 */
#include "config.h"

#include <tideway/module.h>
#include <tideway/server.h>

#include "core/flow/req.h"

void
tw_conn_at_end(struct tw_conn *conn, struct tw_conn_end *end)
{
	struct tw_conn *const session = tw__conn_session(conn);

	end->next = session->ends;
	session->ends = end;
}

void
tw__client_tell_end(struct tw_conn *cli)
{
	while (cli->ends != NULL) {
		struct tw_conn_end *const end = cli->ends;

		cli->ends = end->next;
		end->ended(end, cli);
	}
}

void *
tw_conn_block_seen(const struct tw_conn *conn, const struct tw_self *self)
{
	const struct tw_conn *const session =
	    conn->carrier != NULL ? conn->carrier : conn;

	return session->block != NULL ? session->block + self->off[TW_IN_CONN] : NULL;
}

bool
tw_req_is_persistent(const struct tw_req *req)
{
	return req->persist;
}

bool
tw_server_is_non_stick(const struct tw_server *srv)
{
	return srv->non_stick;
}
