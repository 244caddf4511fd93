/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * shut.c - ends the sessions that use a server, because a person said so.
 *
 * Posted to each worker by tw_server_shut_sessions(); each looks at its own
 * clients. Logged with the termination state K, killed by an administrator.
 */
#include "config.h"

#include "core/flow/req.h"

static bool
uses(const struct tw_req *req, const struct tw_server_live *live)
{
	return req != NULL && req->step != TW__LOG && req->srv != NULL &&
	    req->srvc != NULL && req->srv->live == live;
}

void
tw__flow_shut_server(void *arg)
{
	const struct tw_server_live *const live = arg;
	struct tw_conn *cli, *next;

	cli = TAILQ_FIRST(&tw_worker_self()->net->clients);
	for (; cli != NULL; cli = next) {
		struct tw_req *const req = cli->req;

		next = TAILQ_NEXT(cli, link);
		if (!uses(req, live))
			continue;
		tw__flow_fail(
		    req, 0, 'K', tw__step_term(req), "killed by an administrator");
		tw__flow_run(req);
	}
}
