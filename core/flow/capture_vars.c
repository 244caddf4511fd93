/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/capture_vars.c - captured values in log lines and expressions.
 *
 * Request path, for frontends that log them. source: HAProxy's manual, 8.2.6
 * (%hr, %hrl, %hs, %hsl, %CC, %CS), 7.3.6 (capture.*), 7.3.1 (capture-req).
 */
#include "config.h"

#include <tideway/capture.h>
#include <tideway/proxy.h>

#include "expr/expr_int.h"
#include "flow/logvars.h"
#include "flow/req.h"

#define VAR(name) \
	static void var_##name(struct tw_req *req, struct tw_out *o, unsigned flags)
#define FETCH(name) static TW_GET_FN(fetch_##name)
#define CONV(name)               \
	static bool conv_##name( \
	    struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)

/* ---- in log lines ------------------------------------------------------- */

/* How many to show: none of a request that was not understood. */
static int
shown(const struct tw_req *req, enum tw_capture kind)
{
	const int n = req->fe->captures[kind].n;

	if (TW_LIKELY(n == 0) || tw_req_time_ms(req, TW_T_REQUEST) < 0)
		return 0;
	return n;
}

/* "{a|b}"; nothing at all when no slot is declared. */
static void
put_braces(struct tw_req *req, struct tw_out *o, enum tw_capture kind, unsigned flags)
{
	const int n = shown(req, kind);

	if (n == 0)
		return;
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
	tw_out_char(o, '{');
	for (int i = 0; i < n; i++) {
		if (i > 0)
			tw_out_char(o, '|');
		tw__log_header(
		    o, tw_capture_get(req, kind, i), flags & TW__LOG_VERBATIM);
	}
	tw_out_char(o, '}');
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
}

/* One field each: "a" "b". */
static void
put_fields(struct tw_req *req, struct tw_out *o, enum tw_capture kind, unsigned flags)
{
	const int n = shown(req, kind);

	for (int i = 0; i < n; i++) {
		const struct tw_str value = tw_capture_get(req, kind, i);

		if (i > 0)
			tw_out_char(o, ' ');
		if (flags & TW_LOG_QUOTE)
			tw_out_char(o, '"');
		if (value.p != NULL)
			tw__log_header(o, value, flags);
		else if (!(flags & TW_LOG_QUOTE))
			tw_out_char(o, '-');
		if (flags & TW_LOG_QUOTE)
			tw_out_char(o, '"');
	}
}

VAR(hr)
{
	put_braces(req, o, TW_CAPTURE_REQUEST, flags);
}

VAR(hs)
{
	put_braces(req, o, TW_CAPTURE_RESPONSE, flags);
}

VAR(hrl)
{
	put_fields(req, o, TW_CAPTURE_REQUEST, flags);
}

VAR(hsl)
{
	put_fields(req, o, TW_CAPTURE_RESPONSE, flags);
}

VAR(CC)
{
	tw__log_word(o, tw_capture_get(req, TW_CAPTURE_COOKIE, 0), flags);
}

VAR(CS)
{
	tw__log_word(o, tw_capture_get(req, TW_CAPTURE_COOKIE, 1), flags);
}

static const struct tw_logvar vars[] = {
	{ "CC", var_CC, TW_LOGVAR_HTTP, "captured request cookie" },
	{ "CS", var_CS, TW_LOGVAR_HTTP, "captured response cookie" },
	{ "hr", var_hr, TW__LOGVAR_NOTHING, "captured request headers" },
	{ "hrl", var_hrl, TW__LOGVAR_NOTHING, "captured request headers, CLF" },
	{ "hs", var_hs, TW__LOGVAR_NOTHING, "captured response headers" },
	{ "hsl", var_hsl, TW__LOGVAR_NOTHING, "captured response headers, CLF" },
	{ .name = NULL },
};

/* ---- in expressions ----------------------------------------------------- */

static int
slot_of(const struct tw_arg_val *args)
{
	return args[0].n < 0 || args[0].n > INT32_MAX ? -1 : (int)args[0].n;
}

static bool
set_str(struct tw_sample *out, struct tw_str s)
{
	return tw_sample_str(out, TW_STRING, s) && s.p != NULL;
}

FETCH(req_hdr)
{
	(void)cur;
	return set_str(out, tw_capture_get(req, TW_CAPTURE_REQUEST, slot_of(args)));
}

FETCH(res_hdr)
{
	(void)cur;
	return set_str(out, tw_capture_get(req, TW_CAPTURE_RESPONSE, slot_of(args)));
}

FETCH(unique_id)
{
	(void)args;
	(void)cur;
	return set_str(out, tw_req_unique_id(req));
}

/* The request line as it came, whatever rules have made of it. */
static struct tw__line
line_of(const struct tw_req *req)
{
	struct tw__line l = { .method = { NULL, 0 } };

	tw__line_split(req->start_line, &l);
	return l;
}

FETCH(req_method)
{
	(void)args;
	(void)cur;
	return set_str(out, line_of(req).method);
}

/* The first slash and what follows it, without scheme and authority. */
FETCH(req_uri)
{
	struct tw_str uri = line_of(req).uri;
	const char *p = uri.p;

	(void)args;
	(void)cur;
	if (p != NULL && *p != '/') {
		struct tw_uri parts;
		p = tw_uri_split(uri, &parts)
		    ? memchr(parts.pathq.p, '/', parts.pathq.len)
		    : NULL;
	}
	if (p == NULL)
		return false;
	uri.len -= (size_t)(p - uri.p);
	uri.p = p;
	return set_str(out, uri);
}

static struct tw_str
version(const struct tw_msg *msg)
{
	return msg->major == 2      ? TW_STR("HTTP/2.0")
	    : tw_msg_is_http10(msg) ? TW_STR("HTTP/1.0")
				    : TW_STR("HTTP/1.1");
}

FETCH(req_ver)
{
	const struct tw_msg *const msg = tw_req_request(req);

	(void)args;
	(void)cur;
	return msg->method_name.len > 0 && set_str(out, version(msg));
}

FETCH(res_ver)
{
	const struct tw_msg *const msg = tw_req_response(req);

	(void)args;
	(void)cur;
	return msg->status != 0 && set_str(out, version(msg));
}

#define REQ TW_AT_REQUEST | TW_AT_RESPONSE | TW_AT_LOG
#define RES TW_AT_RESPONSE | TW_AT_LOG

static const struct tw_fetch fetches[] = {
	{ .name = "capture.req.hdr",
	    .args = "i",
	    .out = TW_STRING,
	    .where = REQ,
	    .get = fetch_req_hdr,
	    .help = "The value in a request capture slot, counted from 0." },
	{ .name = "capture.req.method",
	    .args = "",
	    .out = TW_STRING,
	    .where = REQ,
	    .get = fetch_req_method,
	    .help = "The request's method, also in logs." },
	{ .name = "capture.req.uri",
	    .args = "",
	    .out = TW_STRING,
	    .where = REQ,
	    .get = fetch_req_uri,
	    .help = "The request's URI from its first slash on, also in logs." },
	{ .name = "capture.req.ver",
	    .args = "",
	    .out = TW_STRING,
	    .where = REQ,
	    .get = fetch_req_ver,
	    .help = "The request's version, as HTTP/1.1, also in logs." },
	{ .name = "capture.res.hdr",
	    .args = "i",
	    .out = TW_STRING,
	    .where = RES,
	    .get = fetch_res_hdr,
	    .help = "The value in a response capture slot, counted from 0." },
	{ .name = "capture.res.ver",
	    .args = "",
	    .out = TW_STRING,
	    .where = RES,
	    .get = fetch_res_ver,
	    .help = "The response's version, as HTTP/1.1, also in logs." },
	{ .name = "unique-id",
	    .args = "",
	    .out = TW_STRING,
	    .where = TW_AT_ANY & ~TW_AT_CHECK,
	    .get = fetch_unique_id,
	    .help = "What the frontend's unique-id-format says of the request." },
	{ .name = NULL },
};

CONV(capture_req)
{
	tw_capture_set(req, TW_CAPTURE_REQUEST, slot_of(args), s->u.str);
	return true;
}

CONV(capture_res)
{
	tw_capture_set(req, TW_CAPTURE_RESPONSE, slot_of(args), s->u.str);
	return true;
}

static const struct tw_conv convs[] = {
	{ "capture-req", "i", TW_STRING, TW_STRING, conv_capture_req, NULL,
	    "The string as it is; a copy is left in a request capture slot." },
	{ "capture-res", "i", TW_STRING, TW_STRING, conv_capture_res, NULL,
	    "The string as it is; a copy is left in a response capture slot." },
	{ .name = NULL },
};

int
tw__captures_register(struct tw_err *err)
{
	if (tw__logvar_add(vars, err) != 0 || tw__expr_add_fetches(fetches, err) != 0)
		return -1;
	return tw__expr_add_convs(convs, err);
}
