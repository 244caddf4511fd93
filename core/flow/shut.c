/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * shut.c - ends the sessions that use a server: a person or its health said so.
 *
 * Posted to each worker; each looks at its own clients. Logged with the
 * termination state K (killed by an administrator), D (the server went down)
 * or U (on a backup, and an active server came up).
 */
#include "config.h"

#include "core/flow/req.h"

static bool
uses(const struct tw_req *req, const struct tw_server_live *live)
{
	return req != NULL && req->step != TW__LOG && req->srv != NULL &&
	    req->srvc != NULL && req->srv->live == live;
}

static void
shut_all(const struct tw_server_live *live, char who, const char *why)
{
	struct tw_conn *cli, *next;

	cli = TAILQ_FIRST(&tw_worker_self()->net->clients);
	for (; cli != NULL; cli = next) {
		struct tw_req *const req = cli->req;

		next = TAILQ_NEXT(cli, link);
		if (!uses(req, live))
			continue;
		tw__flow_fail(req, 0, who, tw__step_term(req), why);
		tw__flow_run(req);
	}
}

void
tw__flow_shut_server(void *live)
{
	shut_all(live, 'K', "killed by an administrator");
}

void
tw__flow_shut_down(void *live)
{
	shut_all(live, 'D', "its server went down");
}

void
tw__flow_shut_up(void *live)
{
	shut_all(live, 'U', "an active server came up");
}
