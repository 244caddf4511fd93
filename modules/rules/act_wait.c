/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_wait.c - pause, wait-for-body, wait-for-handshake: a request stands still for
 * a while.
 *
 * source: HAProxy's manual, http-request wait-for-body, pause.
 */
#include <tideway/transport.h>

#include "rules.h"

#define S(x) (1u << TW_##x)
#define HANDSHAKE_MS 60000u   /* without a timeout client */
#define HANDSHAKE_LOOK_MS 50u /* a stream's bytes are its carrier's: nothing tells */

struct wait {
	uint32_t ms;
	const struct tw_expr *expr; /* pause: NULL: ms */
	uint64_t at_least;          /* bytes; 0: all, or what a buffer holds */
};

/* returns: true once the time is over; else the timer runs. */
static bool
is_over(struct tw_req *req, struct rules_wait *w, uint32_t ms, bool again)
{
	if (!again) {
		w->fired = false;
		tw_timer_set(&w->timer, tw_now_ms() + ms);
		tw_req_deadline(req, ms + 60000);
	}
	if (w->fired)
		tw_timer_set(&w->timer, 0);
	return w->fired;
}

static int
parse_pause(struct tw_action_line *a, const void **conf)
{
	struct wait *const v = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*v));
	const char *const word = tw_action_arg(a);
	struct tw_err err;

	*conf = v;
	if (word == NULL)
		return action_missing(a, "a time, or an expression for milliseconds");
	if (tw_parse_ms(word, 1000, &v->ms, &err) == 0)
		return 0;
	if (*word >= '0' && *word <= '9')
		return action_fail(a, "%s", err.text);
	v->expr = tw_expr_compile(a->ln, a->i - 1, word, a->where);
	return v->expr != NULL ? 0 : -1;
}

static enum tw_act
run_pause(struct tw_req *req, const struct tw_action_call *call)
{
	const struct wait *const v = call->conf;
	struct rules_wait *const w = rules_wait_of(req);
	struct tw_sample s;
	uint32_t ms = v->ms;

	if (w == NULL)
		return TW_ACT_NEXT;
	if (v->expr != NULL && !call->again) {
		if (!tw_expr_eval(v->expr, req, &s) ||
		    !tw_sample_cast(req, &s, TW_SINT) || s.u.n <= 0 ||
		    s.u.n > INT32_MAX)
			return TW_ACT_NEXT;
		ms = (uint32_t)s.u.n;
	}
	if (ms == 0 && !call->again)
		return TW_ACT_NEXT;
	return is_over(req, w, ms, call->again) ? TW_ACT_NEXT : TW_ACT_WAIT;
}

static int
parse_body(struct tw_action_line *a, const void **conf)
{
	struct wait *const v = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*v));
	const char *word = tw_action_arg(a), *arg = tw_action_arg(a);
	struct tw_err err;

	*conf = v;
	if (word == NULL || strcmp(word, "time") != 0 || arg == NULL)
		return action_fail(a, "'%s %s' expects 'time <time>'", a->set, a->word);
	if (tw_parse_ms(arg, 1000, &v->ms, &err) < 0)
		return action_fail(a, "%s", err.text);
	word = tw_arg(a->ln, a->i);
	if (word == NULL || strcmp(word, "at-least") != 0)
		return 0;
	a->i++;
	arg = tw_action_arg(a);
	if (arg == NULL || tw_parse_size(arg, &v->at_least, &err) < 0)
		return action_fail(a, "'at-least' expects a number of bytes");
	return 0;
}

#define BUFFER_BYTES 15360 /* what a buffer holds besides what rules may add */

static enum tw_act
body_overdue(struct tw_req *req, const struct tw_action_call *call)
{
	const bool response = call->rules == TW_HTTP_RESPONSE;

	tw_req_set_term(req, response ? 's' : 'c', response ? 'R' : 'D');
	tw_req_fail(req, response ? 504 : 408, "the body did not come", call->origin);
	return TW_ACT_FAIL;
}

static enum tw_act
run_body(struct tw_req *req, const struct tw_action_call *call)
{
	const struct wait *const v = call->conf;
	struct rules_wait *const w = rules_wait_of(req);
	struct tw_str body;
	size_t max = BUFFER_BYTES;

	if (w == NULL)
		return TW_ACT_NEXT;
	if (v->at_least > 0 && v->at_least < max)
		max = (size_t)v->at_least - 1; /* one more than that is enough */
	const enum tw_io io = call->rules == TW_HTTP_RESPONSE
	    ? tw_res_body(req, max, &body)
	    : tw_req_body(req, max, &body);
	if (io != TW_IO_AGAIN) {
		tw_timer_set(&w->timer, 0);
		return TW_ACT_NEXT;
	}
	return is_over(req, w, v->ms, call->again) ? body_overdue(req, call)
						   : TW_ACT_WAIT;
}

static enum tw_act
handshake_failed(struct tw_req *req, int status, const struct tw_action_call *call)
{
	tw_req_set_term(req, status == 408 ? 'c' : 'C', 'R');
	tw_req_fail(
	    req, status, "the client's handshake was not completed", call->origin);
	return TW_ACT_FAIL;
}

static enum tw_act
run_handshake(struct tw_req *req, const struct tw_action_call *call)
{
	const enum tw_io io = tw_req_handshake(req);
	struct rules_wait *w;
	uint32_t ms;

	if (TW_LIKELY(io == TW_IO_OK && !call->again))
		return TW_ACT_NEXT;
	w = rules_wait_of(req);
	if (io != TW_IO_AGAIN || w == NULL) {
		if (w != NULL)
			tw_timer_set(&w->timer, 0);
		return io == TW_IO_OK ? TW_ACT_NEXT : handshake_failed(req, 400, call);
	}
	ms = tw_req_timeout_ms(req, "client");
	if (!call->again)
		w->until_ms = tw_now_ms() + (ms != 0 ? ms : HANDSHAKE_MS);
	if (w->fired && tw_now_ms() >= w->until_ms)
		return handshake_failed(req, 408, call);
	(void)is_over(req, w, HANDSHAKE_LOOK_MS, false);
	return TW_ACT_WAIT;
}

/* clang-format off */
const struct tw_action act_wait[] = {
	{ "pause", S(HTTP_REQUEST) | S(HTTP_RESPONSE), parse_pause, run_pause,
		"{<time> | <expr>}", "The message goes on after that time.",
		TW_ACTION_WAITS },
	{ "wait-for-body", S(HTTP_REQUEST) | S(HTTP_RESPONSE), parse_body, run_body,
		"time <time> [at-least <bytes>]",
		"The message goes on when its body is there, or as much of it as a "
		"buffer holds; else, when the time is over, the client gets 408 for a "
		"request, 504 for a response.", TW_ACTION_WAITS },
	{ "wait-for-handshake", S(HTTP_REQUEST), NULL, run_handshake, "",
		"The request goes on when the client's handshake is complete: so nobody "
		"else has sent it, from early data that was recorded (allow-0rtt).",
		TW_ACTION_WAITS },
	{ .name = NULL },
};
/* clang-format on */
