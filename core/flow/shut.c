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

/* ---- a server was deleted ---- */

/* What a client has of it between two requests. */
static void
client_forget(
    struct tw_conn *cli, const struct tw_server *srv, const struct tw_server_live *live)
{
	if (cli->prefer == srv)
		cli->prefer = NULL;
	if (cli->kept == NULL || cli->kept->server != live)
		return;
	cli->kept->kept_by = NULL;
	tw__conn_free(&cli->kept);
}

static bool
names(const struct tw_req *req, const struct tw_server *srv,
    const struct tw_server_live *live)
{
	return req->srv == srv || req->avoid == srv || req->pend.want == srv ||
	    req->pend.granted == srv ||
	    (req->srvc != NULL && req->srvc->server == live);
}

/* In mode tcp there is no response that modules look at. */
static bool
is_past_response(const struct tw_req *req)
{
	return req->step == TW__DELIVER || (!req->http && req->step == TW__SEND);
}

/* A request that was there before may have more of it in a module's block, until
 * its response's head has passed; a later one cannot have found it. */
bool
tw__flow_holds(
    const struct tw_server *srv, const struct tw_server_live *live, uint64_t *before)
{
	bool is_held = false;
	struct tw_conn *cli;

	if (*before == 0)
		*before = tw__flow_next_id(tw_worker_self());
	TAILQ_FOREACH(cli, &tw_worker_self()->net->clients, link) {
		const struct tw_req *const req = cli->req;

		client_forget(cli, srv, live);
		if (req != NULL && req->id < *before &&
		    (!is_past_response(req) || names(req, srv, live)))
			is_held = true;
	}
	return is_held;
}

/* ---- ends ---- */

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
