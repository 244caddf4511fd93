/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_capture.c - capture: a value for a slot of the frontend's log line.
 *
 * Slots belong to the core's captures. source: HAProxy's manual,
 * http-request capture, declare capture.
 */
#include <tideway/capture.h>

#include "rules.h"

#define S(x) (1u << TW_##x)

struct capture {
	const struct tw_expr *expr;
	enum tw_capture kind;
	int slot;
};

static int
parse_len(struct tw_action_line *a, struct capture *c, const char *arg)
{
	struct tw_err err;
	uint64_t n;

	if (c->kind == TW_CAPTURE_RESPONSE || a->ln->scope == TW_SC_DEFAULTS ||
	    !tw_proxy_has(a->ln->proxy, TW_FRONTEND))
		return action_fail(a,
		    "'len' declares a slot of a frontend's requests: write 'id' with "
		    "the number of a declared one here");
	if (tw_parse_uint(arg, 1, 65535, &n, &err) < 0)
		return action_fail(a, "%s", err.text);
	c->slot = tw_capture_declare(a->ln->proxy, c->kind, (uint32_t)n);
	return 0;
}

static int
parse_id(struct tw_action_line *a, struct capture *c, const char *arg)
{
	struct tw_err err;
	uint64_t n;

	if (a->rules == TW_TCP_CONTENT)
		return action_fail(
		    a, "'%s %s' expects 'len <length>'", a->set, a->word);
	if (tw_parse_uint(arg, 0, 65535, &n, &err) < 0)
		return action_fail(a, "%s", err.text);
	c->slot = (int)n;
	if (a->ln->scope != TW_SC_DEFAULTS && tw_proxy_has(a->ln->proxy, TW_FRONTEND) &&
	    c->slot >= tw_capture_slots(a->ln->proxy, c->kind))
		return action_fail(a,
		    "unable to find capture id '%s' referenced by '%s %s': 'declare "
		    "capture' makes it, above this line",
		    arg, a->set, a->word);
	return 0;
}

static int
parse(struct tw_action_line *a, const void **conf)
{
	struct capture *const c = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*c));

	*conf = c;
	c->kind = a->rules == TW_HTTP_RESPONSE || a->rules == TW_HTTP_AFTER
	    ? TW_CAPTURE_RESPONSE
	    : TW_CAPTURE_REQUEST;
	const char *const text = tw_action_arg(a);
	if (text == NULL)
		return action_missing(a, "an expression");
	c->expr = tw_expr_compile(a->ln, a->i - 1, text, a->where);
	if (c->expr == NULL)
		return -1;
	const char *const word = tw_action_arg(a), *const arg = tw_action_arg(a);
	if (arg != NULL && strcmp(word, "len") == 0)
		return parse_len(a, c, arg);
	if (arg != NULL && strcmp(word, "id") == 0)
		return parse_id(a, c, arg);
	return action_missing(a, "'len <length>' or 'id <number>'");
}

static enum tw_act
run(struct tw_req *req, const struct tw_action_call *call)
{
	const struct capture *const c = call->conf;
	struct tw_sample s;

	if (tw_expr_eval(c->expr, req, &s) && tw_sample_cast(req, &s, TW_STRING))
		tw_capture_set(req, c->kind, c->slot, s.u.str);
	return TW_ACT_NEXT;
}

const struct tw_action act_capture[] = {
	{ "capture",
	    S(TCP_CONTENT) | S(HTTP_REQUEST) | S(HTTP_RESPONSE) | S(HTTP_AFTER), parse,
	    run, "<expr> {len <length> | id <number>}",
	    "Puts a value into a slot of the log line (%hr, %hs).", 0 },
	{ .name = NULL },
};
