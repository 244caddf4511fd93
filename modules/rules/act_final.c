/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_final.c - allow, accept, reject, silent-drop: they end a rule set.
 *
 * source: HAProxy's manual, 4.2 and 4.3.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "rules.h"

#define S(x) (1u << TW_##x)
#define TCP_REQUESTS (S(TCP_CONNECTION) | S(TCP_SESSION) | S(TCP_CONTENT))
#define HTTP_ALL (S(HTTP_REQUEST) | S(HTTP_RESPONSE))

static int
parse_final(struct tw_action_line *a, const void **conf)
{
	(void)conf;
	a->final = true;
	return 0;
}

static enum tw_act
run_stop(struct tw_req *req, const struct tw_action_call *call)
{
	(void)req;
	(void)call;
	return TW_ACT_STOP;
}

static bool
is_response(enum tw_rules rules)
{
	return rules == TW_HTTP_RESPONSE || rules == TW_TCP_RESPONSE;
}

static enum tw_act
refuse(struct tw_req *req, const struct tw_action_call *call, const char *why)
{
	const bool response = is_response(call->rules);

	if (call->rules == TW_TCP_CONNECTION || call->rules == TW_TCP_SESSION) {
		tw_proxy_count(tw_req_frontend(req), TW_FRONTEND,
		    call->rules == TW_TCP_SESSION ? TW_CNT_DSES : TW_CNT_DCON, 1);
		tw_req_set_log_level(req, -1); /* there is nothing to tell yet */
	} else {
		tw_req_denied(req, response);
	}
	tw_req_set_term(req, 'P',
	    !response                            ? 'R'
		: call->rules == TW_TCP_RESPONSE ? 'D'
						 : 'H');
	tw_req_fail(req, 0, why, call->origin);
	return TW_ACT_FAIL;
}

static enum tw_act
run_reject(struct tw_req *req, const struct tw_action_call *call)
{
	return refuse(req, call, "rejected by a rule");
}

/* The peer shall hear nothing: TCP_REPAIR closes without a packet, but takes
 * privileges; else the reset dies at the first router. */
static void
make_silent(int fd, int ttl)
{
	const int on = 1, hops = ttl != 0 ? ttl : 1;

	if (ttl == 0 && setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == 0)
		return;
	(void)setsockopt(fd, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops));
}

struct drop {
	int ttl; /* of the reset; 0: there is none, when that can be */
};

static int
parse_drop(struct tw_action_line *a, const void **conf)
{
	struct drop *const d = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*d));
	const char *const word = tw_action_arg(a);
	struct tw_err err;
	uint64_t n = 0;

	a->final = true;
	*conf = d;
	if (word == NULL)
		return 0;
	if (strcmp(word, "rst-ttl") != 0)
		return action_fail(
		    a, "'%s %s' takes 'rst-ttl <ttl>', or nothing", a->set, a->word);
	const char *const ttl = tw_action_arg(a);
	if (ttl == NULL)
		return action_missing(a, "a TTL from 1 to 255");
	if (tw_parse_uint(ttl, 1, 255, &n, &err) < 0)
		return action_fail(a, "%s", err.text);
	d->ttl = (int)n;
	return 0;
}

/* What the server has sent goes on to the client, then both are closed. */
static enum tw_act
run_close(struct tw_req *req, const struct tw_action_call *call)
{
	struct tw_conn *const conn = tw_req_server_conn(req);

	(void)call;
	if (conn != NULL)
		(void)shutdown(tw_conn_fd(conn), SHUT_RDWR);
	return TW_ACT_STOP;
}

static enum tw_act
run_silent_drop(struct tw_req *req, const struct tw_action_call *call)
{
	struct tw_conn *const conn = tw_req_conn(req);

	make_silent(tw_conn_fd(conn), ((const struct drop *)call->conf)->ttl);
	tw_conn_abort(conn);
	return refuse(req, call, "dropped by a rule");
}

const struct tw_action act_final[] = {
	{ "allow", HTTP_ALL | S(HTTP_AFTER), parse_final, run_stop, "",
	    "The rest of the section's rules of this kind is skipped.",
	    TW_ACTION_FINAL },
	{ "accept", TCP_REQUESTS | S(TCP_RESPONSE), parse_final, run_stop, "",
	    "The rest of the section's rules of this kind is skipped.",
	    TW_ACTION_FINAL },
	{ "reject", TCP_REQUESTS | S(TCP_RESPONSE) | S(HTTP_REQUEST), parse_final,
	    run_reject, "", "The connection is closed without an answer.",
	    TW_ACTION_FINAL },
	{ "silent-drop", TCP_REQUESTS | S(TCP_RESPONSE) | HTTP_ALL, parse_drop,
	    run_silent_drop, "[rst-ttl <ttl>]",
	    "The connection disappears; the client is not told. rst-ttl: routers up to "
	    "there are, with a reset.",
	    TW_ACTION_FINAL },
	{ "close", S(TCP_RESPONSE), parse_final, run_close, "",
	    "The server's connection is closed; what it sent so far goes to the client.",
	    TW_ACTION_FINAL },
	{ .name = NULL },
};
