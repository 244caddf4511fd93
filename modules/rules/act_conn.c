/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_conn.c - addresses, marks, niceness, timeouts, retries.
 *
 * At the layers of connections an address is changed for good; for a request
 * or content only until that exchange ends. source: HAProxy's manual, 4.2.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "rules.h"

#define S(x) (1u << TW_##x)
#define REQUESTS (S(TCP_CONNECTION) | S(TCP_SESSION) | S(TCP_CONTENT) | S(HTTP_REQUEST))
#define TO_SERVER (S(TCP_CONTENT) | S(HTTP_REQUEST))
#define CONTENTS (S(TCP_CONTENT) | S(TCP_RESPONSE) | S(HTTP_REQUEST) | S(HTTP_RESPONSE))

/* ---- addresses ---------------------------------------------------------- */

static int
parse_expr(struct tw_action_line *a, const void **conf)
{
	const char *const text = tw_action_arg(a);

	if (text == NULL)
		return action_missing(a, "an expression");
	*conf = tw_expr_compile(a->ln, a->i - 1, text, a->where);
	return *conf != NULL ? 0 : -1;
}

/* The connection's own address comes back when the exchange ends. */
static bool
keep_own(struct tw_req *req, enum tw_rules rules, bool src)
{
	struct tw_conn *const conn = tw_req_conn(req);

	if (rules == TW_TCP_CONNECTION || rules == TW_TCP_SESSION)
		return true;
	struct rules_wait *const w = rules_wait_of(req);
	if (w == NULL)
		return false;
	if (src && !w->has_src)
		w->src = *tw_conn_src(conn);
	if (!src && !w->has_dst)
		w->dst = *tw_conn_dst(conn);
	*(src ? &w->has_src : &w->has_dst) = true;
	return true;
}

static bool
address_of(struct tw_req *req, const struct tw_expr *e, struct tw_addr *addr)
{
	struct tw_sample s;

	if (!tw_expr_eval(e, req, &s))
		return false;
	if (s.type != TW_IPV6 && !tw_sample_cast(req, &s, TW_IPV4)) {
		if (!tw_expr_eval(e, req, &s) || !tw_sample_cast(req, &s, TW_IPV6))
			return false;
	}
	const bool v6 = s.type == TW_IPV6;
	addr->family = v6 ? AF_INET6 : AF_INET;
	addr->scope = 0;
	memcpy(v6 ? addr->u.v6 : addr->u.v4, s.u.ip, v6 ? 16 : 4);
	return true;
}

static enum tw_act
set_address(struct tw_req *req, const struct tw_action_call *call, bool src)
{
	struct tw_conn *const conn = tw_req_conn(req);
	struct tw_addr addr = src ? *tw_conn_src(conn) : *tw_conn_dst(conn);

	if (!keep_own(req, call->rules, src) || !address_of(req, call->conf, &addr))
		return TW_ACT_NEXT;
	if (src)
		tw_conn_set_src(conn, &addr);
	else
		tw_conn_set_dst(conn, &addr);
	return TW_ACT_NEXT;
}

static enum tw_act
set_port(struct tw_req *req, const struct tw_action_call *call, bool src)
{
	struct tw_conn *const conn = tw_req_conn(req);
	struct tw_addr addr = src ? *tw_conn_src(conn) : *tw_conn_dst(conn);
	struct tw_sample s;

	if (!keep_own(req, call->rules, src) || !tw_expr_eval(call->conf, req, &s) ||
	    !tw_sample_cast(req, &s, TW_SINT) || s.u.n < 0 || s.u.n > 65535)
		return TW_ACT_NEXT;
	addr.port = (uint16_t)s.u.n;
	if (src)
		tw_conn_set_src(conn, &addr);
	else
		tw_conn_set_dst(conn, &addr);
	return TW_ACT_NEXT;
}

static enum tw_act
run_src(struct tw_req *req, const struct tw_action_call *call)
{
	return set_address(req, call, true);
}

static enum tw_act
run_dst(struct tw_req *req, const struct tw_action_call *call)
{
	return set_address(req, call, false);
}

static enum tw_act
run_src_port(struct tw_req *req, const struct tw_action_call *call)
{
	return set_port(req, call, true);
}

static enum tw_act
run_dst_port(struct tw_req *req, const struct tw_action_call *call)
{
	return set_port(req, call, false);
}

/* ---- marks of packets --------------------------------------------------- */

struct number {
	uint32_t n;
	const struct tw_expr *expr; /* NULL: n */
};

static int
parse_number(struct tw_action_line *a, int64_t max, const void **conf)
{
	struct number *const v = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*v));
	const char *const word = tw_action_arg(a);
	char *end = NULL;

	*conf = v;
	if (word != NULL && *word != '-' && (*word < '0' || *word > '9')) {
		v->expr = tw_expr_compile(a->ln, a->i - 1, word, a->where);
		return v->expr != NULL ? 0 : -1;
	}
	const long long n = word != NULL ? strtoll(word, &end, 0) : -1;
	if (word == NULL || *word == '\0' || *end != '\0' || n < 0 || n > max)
		return action_fail(a,
		    "'%s %s' expects a number from 0 to %#llx, or an expression",
		    a->set, a->word, (unsigned long long)max);
	v->n = (uint32_t)n;
	return 0;
}

static int
parse_tos(struct tw_action_line *a, const void **conf)
{
	return parse_number(a, 255, conf);
}

static int
parse_mark(struct tw_action_line *a, const void **conf)
{
	return parse_number(a, UINT32_MAX, conf);
}

static bool
number_of(struct tw_req *req, const struct number *v, int64_t max, uint32_t *n)
{
	struct tw_sample s;

	*n = v->n;
	if (v->expr == NULL)
		return true;
	if (!tw_expr_eval(v->expr, req, &s) || !tw_sample_cast(req, &s, TW_SINT) ||
	    s.u.n < 0 || s.u.n > max)
		return false;
	*n = (uint32_t)s.u.n;
	return true;
}

static enum tw_act
run_tos(struct tw_req *req, const struct tw_action_call *call)
{
	const int fd = tw_conn_fd(tw_req_conn(req));
	uint32_t n;

	if (!number_of(req, call->conf, 255, &n))
		return TW_ACT_NEXT;
	const int tos = (int)n;
	if (setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)) != 0 ||
	    tw_conn_src(tw_req_conn(req))->family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	return TW_ACT_NEXT;
}

static enum tw_act
run_mark(struct tw_req *req, const struct tw_action_call *call)
{
	const int fd = tw_conn_fd(tw_req_conn(req));
	uint32_t n;

	if (number_of(req, call->conf, UINT32_MAX, &n))
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &n, sizeof(n));
	return TW_ACT_NEXT;
}

static enum tw_act
run_server_tos(struct tw_req *req, const struct tw_action_call *call)
{
	uint32_t n;

	if (number_of(req, call->conf, 255, &n))
		tw_req_set_server_tos(req, (uint8_t)n);
	return TW_ACT_NEXT;
}

static enum tw_act
run_server_mark(struct tw_req *req, const struct tw_action_call *call)
{
	uint32_t n;

	if (number_of(req, call->conf, UINT32_MAX, &n))
		tw_req_set_server_mark(req, n);
	return TW_ACT_NEXT;
}

/* ---- set-nice, disable-l7-retry ----------------------------------------- */

struct nice {
	int n;
};

static int
parse_nice(struct tw_action_line *a, const void **conf)
{
	struct nice *const v = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*v));
	const char *const word = tw_action_arg(a);
	char *end = NULL;
	const long n = word != NULL ? strtol(word, &end, 10) : 0;

	*conf = v;
	if (word == NULL || *word == '\0' || *end != '\0')
		return action_fail(
		    a, "'%s %s' expects a number from -1024 to 1024", a->set, a->word);
	v->n = (int)(n < -1024 ? -1024 : n > 1024 ? 1024 : n);
	return 0;
}

static enum tw_act
run_nice(struct tw_req *req, const struct tw_action_call *call)
{
	tw_req_set_nice(req, ((const struct nice *)call->conf)->n);
	return TW_ACT_NEXT;
}

static enum tw_act
run_no_retry(struct tw_req *req, const struct tw_action_call *call)
{
	(void)call;
	tw_req_no_retry(req);
	return TW_ACT_NEXT;
}

/* ---- set-timeout -------------------------------------------------------- */

struct timeout {
	const char *which;
	uint32_t ms;
	const struct tw_expr *expr; /* NULL: ms */
};

static const char *
timeout_name(struct tw_action_line *a, const char *word)
{
	static const char *const words[] = { "client", "connect", "queue", "server",
		"tarpit", "tunnel" };

	for (size_t i = 0; word != NULL && i < TW_N_ELEMENTS(words); i++)
		if (strcmp(word, words[i]) == 0)
			return words[i];
	action_fail(a,
	    "'%s %s' expects 'client', 'connect', 'queue', 'server', 'tarpit' or "
	    "'tunnel'",
	    a->set, a->word);
	return NULL;
}

static int
parse_timeout(struct tw_action_line *a, const void **conf)
{
	struct timeout *const t = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*t));
	struct tw_err err;

	*conf = t;
	t->which = timeout_name(a, tw_action_arg(a));
	if (t->which == NULL)
		return -1;
	const bool client = strcmp(t->which, "client") == 0;
	if (a->ln->scope != TW_SC_DEFAULTS && strcmp(t->which, "tarpit") != 0 &&
	    !tw_proxy_has(a->ln->proxy, client ? TW_FRONTEND : TW_BACKEND))
		return action_fail(a, "'%s %s %s': proxy '%s' has no %s capability",
		    a->set, a->word, t->which, tw_proxy_name(a->ln->proxy),
		    client ? "frontend" : "backend");
	const char *const word = tw_action_arg(a);
	if (word == NULL)
		return action_missing(a, "a time, or an expression for milliseconds");
	if (tw_parse_ms(word, 1000, &t->ms, &err) == 0)
		return t->ms > 0 ? 0 : action_fail(a, "a time above 0 is expected");
	if (*word >= '0' && *word <= '9')
		return action_fail(a, "%s", err.text);
	t->expr = tw_expr_compile(a->ln, a->i - 1, word, a->where);
	return t->expr != NULL ? 0 : -1;
}

static enum tw_act
run_timeout(struct tw_req *req, const struct tw_action_call *call)
{
	const struct timeout *const t = call->conf;
	struct tw_sample s;
	uint32_t ms = t->ms;

	if (t->expr != NULL) {
		if (!tw_expr_eval(t->expr, req, &s) ||
		    !tw_sample_cast(req, &s, TW_SINT) || s.u.n <= 0 ||
		    s.u.n > INT32_MAX)
			return TW_ACT_NEXT;
		ms = (uint32_t)s.u.n;
	}
	tw_req_set_timeout(req, t->which, ms);
	return TW_ACT_NEXT;
}

/* ---- set-retries -------------------------------------------------------- */

struct retries {
	uint32_t n;
	const struct tw_expr *expr; /* NULL: n */
};

static int
parse_retries(struct tw_action_line *a, const void **conf)
{
	struct retries *const r = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*r));
	const char *const word = tw_action_arg(a);
	uint64_t n;
	struct tw_err err;

	*conf = r;
	if (word == NULL)
		return action_missing(a, "a number from 0 to 100, or an expression");
	if (*word < '0' || *word > '9') {
		r->expr = tw_expr_compile(a->ln, a->i - 1, word, a->where);
		return r->expr != NULL ? 0 : -1;
	}
	if (tw_parse_uint(word, 0, 100, &n, &err) < 0)
		return action_fail(a, "%s", err.text);
	r->n = (uint32_t)n;
	return 0;
}

static enum tw_act
run_retries(struct tw_req *req, const struct tw_action_call *call)
{
	const struct retries *const r = call->conf;
	struct tw_sample s;
	uint32_t n = r->n;

	if (r->expr != NULL) {
		if (!tw_expr_eval(r->expr, req, &s) ||
		    !tw_sample_cast(req, &s, TW_SINT) || s.u.n < 0 || s.u.n > 100)
			return TW_ACT_NEXT;
		n = (uint32_t)s.u.n;
	}
	tw_req_set_retries(req, n);
	return TW_ACT_NEXT;
}

/* ---- priorities in queues ----------------------------------------------- */

static bool
priority_of(struct tw_req *req, const struct tw_expr *e, int64_t max, int *n)
{
	struct tw_sample s;

	if (!tw_expr_eval(e, req, &s) || !tw_sample_cast(req, &s, TW_SINT))
		return false;
	*n = (int)(s.u.n > max ? max : s.u.n < -max ? -max : s.u.n);
	return true;
}

static enum tw_act
run_class(struct tw_req *req, const struct tw_action_call *call)
{
	int n;

	if (priority_of(req, call->conf, 2047, &n))
		tw_req_set_priority_class(req, n);
	return TW_ACT_NEXT;
}

static enum tw_act
run_offset(struct tw_req *req, const struct tw_action_call *call)
{
	int n;

	if (priority_of(req, call->conf, 524287, &n))
		tw_req_set_priority_offset(req, n);
	return TW_ACT_NEXT;
}

/* ---- expect-proxy ------------------------------------------------------- */

static int
parse_proxy(struct tw_action_line *a, const void **conf)
{
	const char *const word = tw_action_arg(a);

	(void)conf;
	if (word == NULL || strcmp(word, "layer4") != 0)
		return action_fail(a, "'%s %s' expects 'layer4'", a->set, a->word);
	return 0;
}

static enum tw_act
run_proxy(struct tw_req *req, const struct tw_action_call *call)
{
	(void)call;
	tw_conn_expect_proxy(tw_req_conn(req));
	return TW_ACT_NEXT;
}

/* clang-format off */
const struct tw_action act_conn[] = {
	{ "set-src", REQUESTS, parse_expr, run_src, "<expr>",
		"Changes the client's address, for what follows.", TW_ACTION_WAITS },
	{ "set-src-port", REQUESTS, parse_expr, run_src_port, "<expr>",
		"Changes the client's port.", TW_ACTION_WAITS },
	{ "set-dst", REQUESTS, parse_expr, run_dst, "<expr>",
		"Changes the local address.", TW_ACTION_WAITS },
	{ "set-dst-port", REQUESTS, parse_expr, run_dst_port, "<expr>",
		"Changes the local port.", TW_ACTION_WAITS },
	{ "set-tos", REQUESTS | CONTENTS, parse_tos, run_tos, "{<number> | <expr>}",
		"Sets the TOS or DSCP field of packets to the client.", 0 },
	{ "set-fc-tos", REQUESTS | CONTENTS, parse_tos, run_tos, "{<number> | <expr>}",
		"The same as set-tos.", 0 },
	{ "set-mark", REQUESTS | CONTENTS, parse_mark, run_mark, "{<number> | <expr>}",
		"Sets the system's mark of packets to the client.", 0 },
	{ "set-fc-mark", REQUESTS | CONTENTS, parse_mark, run_mark,
		"{<number> | <expr>}", "The same as set-mark.", 0 },
	{ "set-bc-tos", TO_SERVER, parse_tos, run_server_tos, "{<number> | <expr>}",
		"Sets the TOS or DSCP field of packets to the server; this request's "
		"connection is not shared with others.", 0 },
	{ "set-bc-mark", TO_SERVER, parse_mark, run_server_mark, "{<number> | <expr>}",
		"Sets the system's mark of packets to the server; this request's "
		"connection is not shared with others.", 0 },
	{ "set-nice", CONTENTS, parse_nice, run_nice, "<-1024..1024>",
		"How much a long transfer moves before others have their turn: each 256 "
		"halve it, or double it when negative.", 0 },
	{ "disable-l7-retry", S(HTTP_REQUEST), NULL, run_no_retry, "",
		"The request is not sent again, whatever 'retry-on' says, once it was "
		"sent.", 0 },
	{ "set-timeout", CONTENTS, parse_timeout, run_timeout,
		"{client | connect | queue | server | tarpit | tunnel} {<time> | <expr>}",
		"In place of the timeout of that name, for this exchange.", 0 },
	{ "set-retries", S(HTTP_REQUEST) | S(TCP_CONTENT), parse_retries, run_retries,
		"{<number> | <expr>}", "In place of 'retries', for this exchange.", 0 },
	{ "set-priority-class", S(HTTP_REQUEST) | S(TCP_CONTENT), parse_expr, run_class,
		"<expr>", "Requests of a lower class (-2047 to 2047) leave queues first.",
		0 },
	{ "set-priority-offset", S(HTTP_REQUEST) | S(TCP_CONTENT), parse_expr, run_offset,
		"<expr>", "A request leaves queues as if it had come so many milliseconds "
		"later (-524287 to 524287).", 0 },
	{ "expect-proxy", S(TCP_CONNECTION), parse_proxy, run_proxy, "layer4",
		"A PROXY header must come first.", 0 },
	{ .name = NULL },
};
/* clang-format on */
