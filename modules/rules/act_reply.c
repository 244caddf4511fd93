/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_reply.c - deny, tarpit and return: answers that a rule describes.
 *
 * An answer is a page of the proxy (or of a file), head and all; or a body from
 * a string or file, fixed or a log-format, with header fields; or nothing but a
 * status. Files are read when the configuration is. source: HAProxy's manual,
 * http-request return, deny, tarpit.
 */
#include "reply.h"

#include "rules.h"

#define S(x) (1u << TW_##x)

static int
parse_deny(struct tw_action_line *a, const void **conf)
{
	return reply_parse(a, a->rules == TW_HTTP_RESPONSE ? 502 : 403, true, conf);
}

static int
parse_tarpit(struct tw_action_line *a, const void **conf)
{
	return reply_parse(a, 500, true, conf);
}

static int
parse_return(struct tw_action_line *a, const void **conf)
{
	return reply_parse(a, 200, false, conf);
}

static enum tw_act
run_return(struct tw_req *req, const struct tw_action_call *call)
{
	return reply_send(req, call);
}

static enum tw_act
run_deny(struct tw_req *req, const struct tw_action_call *call)
{
	const bool response = call->rules == TW_HTTP_RESPONSE;

	tw_req_denied(req, response);
	tw_req_set_term(req, 'P', response ? 'H' : 'R');
	return reply_send(req, call);
}

static uint32_t
tarpit_ms(const struct tw_req *req)
{
	const struct tw_proxy *const px = tw_req_proxy(req);
	const uint32_t set = tw_req_rule_timeout_ms(req, "tarpit");
	const uint32_t ms = set != 0 ? set : tw_proxy_timeout_ms(px, "tarpit");

	return ms != 0 ? ms : tw_proxy_timeout_ms(px, "connect");
}

static enum tw_act
run_tarpit(struct tw_req *req, const struct tw_action_call *call)
{
	struct rules_wait *const w = rules_wait_of(req);
	const uint32_t ms = tarpit_ms(req);

	tw_req_set_term(req, 'P', 'T');
	if (!call->again && w != NULL && ms != 0) {
		tw_req_denied(req, false);
		w->fired = false;
		tw_timer_set(&w->timer, tw_now_ms() + ms);
		tw_req_deadline(req, ms + 60000);
		return TW_ACT_WAIT;
	}
	if (w != NULL && ms != 0 && !w->fired)
		return TW_ACT_WAIT;
	return reply_send(req, call);
}

#define USAGE                                                                    \
	"[status <code>] [content-type <type>] [default-errorfiles | "           \
	"errorfiles <name> | errorfile <file> | file <file> | lf-file <file> | " \
	"string <text> | lf-string <fmt>] [hdr <name> <fmt>]..."

const struct tw_action act_reply[] = {
	{ "deny", S(HTTP_REQUEST) | S(HTTP_RESPONSE), parse_deny, run_deny, USAGE,
	    "Refuses: with 403 a request, with 502 a response.", TW_ACTION_FINAL },
	{ "tarpit", S(HTTP_REQUEST), parse_tarpit, run_tarpit, USAGE,
	    "Lets the client wait for 'timeout tarpit', then answers with 500.",
	    TW_ACTION_FINAL | TW_ACTION_WAITS },
	{ "return", S(HTTP_REQUEST) | S(HTTP_RESPONSE), parse_return, run_return, USAGE,
	    "Answers with 200, or as described.", TW_ACTION_FINAL },
	{ .name = NULL },
};
