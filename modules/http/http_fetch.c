/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_fetch.c - what can be asked about a request or response head.
 *
 * Fetches give slices of the head; only those that join two parts need the
 * request's arena. Those of fields give all values through the cursor, split
 * at commas outside quotes unless the name says "f" for full. Any worker.
 * source: HAProxy's manual, section 7.3.6.
 */
#include "config.h"

#include <arpa/inet.h>

#include <tideway/edit.h>

#include "http.h"
#include "http_fetch.h"

#define FETCH(name) static TW_GET_FN(fetch_##name)
#define UNUSED_ARGS ((void)args, (void)cur)

FETCH(method)
{
	const struct tw_msg *msg = tw_req_request(req);

	UNUSED_ARGS;
	out->type = TW_METH;
	out->method = msg->method;
	out->u.str = msg->method_name;
	return true;
}

FETCH(url)
{
	UNUSED_ARGS;
	return tw_sample_str(out, TW_STRING, tw_req_uri(req));
}

FETCH(path)
{
	const struct tw_str path = tw_msg_path(tw_req_request(req));

	UNUSED_ARGS;
	return path.len > 0 && tw_sample_str(out, TW_STRING, path);
}

static struct tw_str
path_and_query(const struct tw_msg *msg)
{
	struct tw_str path = tw_msg_path(msg);
	const struct tw_str query = tw_msg_query(msg);

	if (query.p)
		path.len = (size_t)(query.p + query.len - path.p);
	return path;
}

FETCH(pathq)
{
	const struct tw_str s = path_and_query(tw_req_request(req));

	UNUSED_ARGS;
	return s.len > 0 && tw_sample_str(out, TW_STRING, s);
}

FETCH(query)
{
	const struct tw_str query = tw_msg_query(tw_req_request(req));

	UNUSED_ARGS;
	return query.p != NULL && tw_sample_str(out, TW_STRING, query);
}

/* The first Host field and something of the target behind it. */
static bool
host_and(struct tw_req *req, struct tw_str path, struct tw_sample *out)
{
	struct tw_hdr *h = tw_msg_first(tw_req_request(req), TW_H_HOST);

	if (!h)
		return path.len > 0 && tw_sample_str(out, TW_STRING, path);
	char *p = tw_arena_try(tw_req_arena(req), h->value_len + path.len + 1);

	if (!p)
		return false;
	memcpy(p, h->value, h->value_len);
	if (path.len > 0)
		memcpy(p + h->value_len, path.p, path.len);
	return tw_sample_str(
	    out, TW_STRING, (struct tw_str){ p, h->value_len + path.len });
}

FETCH(base)
{
	UNUSED_ARGS;
	return host_and(req, tw_msg_path(tw_req_request(req)), out);
}

FETCH(baseq)
{
	UNUSED_ARGS;
	return host_and(req, path_and_query(tw_req_request(req)), out);
}

static bool
version(const struct tw_msg *msg, struct tw_sample *out)
{
	return tw_sample_str(out, TW_STRING,
	    msg->major == 2             ? TW_STR("2.0")
		: tw_msg_is_http10(msg) ? TW_STR("1.0")
					: TW_STR("1.1"));
}

FETCH(req_ver)
{
	UNUSED_ARGS;
	return version(tw_req_request(req), out);
}

FETCH(res_ver)
{
	UNUSED_ARGS;
	return version(tw_req_response(req), out);
}

FETCH(status)
{
	UNUSED_ARGS;
	return tw_sample_int(out, tw_req_response(req)->status);
}

FETCH(http_first_req)
{
	UNUSED_ARGS;
	return tw_sample_bool(out, tw_conn_requests(tw_req_conn(req)) <= 1);
}

/* --- fields --- */

/* A walk over the values of all fields of a name (empty: of any). */
struct walk {
	struct tw_msg *msg;
	struct tw_str name;
	bool full;    /* do not split at commas */
	uint64_t i;   /* index of the field */
	uint64_t pos; /* in its value */
};

static bool
walk_next(struct walk *w, struct tw_str *value)
{
	for (; w->i < w->msg->n_hdr; w->i++, w->pos = 0) {
		const struct tw_hdr *h = &w->msg->hdr[w->i];

		if ((h->flags & TW_HDR_DELETED) || w->pos > h->value_len ||
		    (w->name.len > 0 &&
			!tw_str_ieq(w->name, (struct tw_str){ h->name, h->name_len })))
			continue;
		const char *p = h->value + w->pos;
		const char *end = h->value + h->value_len;
		const char *stop = w->full ? end : http_item_end(p, end, ',');

		w->pos = (uint64_t)(stop - h->value) + 1;
		*value = tw_str_trim((struct tw_str){ p, (size_t)(stop - p) });
		return true;
	}
	return false;
}

static int64_t
walk_count(struct walk w)
{
	struct tw_str value;
	int64_t n = 0;

	while (walk_next(&w, &value))
		n++;
	return n;
}

/* One value: the occ-th from the front or (negative) from the back; when no number
 * was given, the next one of all, or the last where only one counts. */
static bool
walk_get(struct walk w, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_str *value)
{
	int64_t occ = args[0].type != TW_ANY && args[1].type == TW_SINT ? args[1].n : 0;

	if (occ != 0) {
		if (occ < 0)
			occ += walk_count(w) + 1;
		for (; occ > 0 && walk_next(&w, value); occ--) {
			if (occ == 1)
				return true;
		}
		return false;
	}
	if (!cur->all) {
		bool some = false;
		while (walk_next(&w, value))
			some = true;
		return some;
	}
	w.i = cur->at[0];
	w.pos = cur->at[1];
	if (!walk_next(&w, value))
		return false;
	cur->at[0] = w.i;
	cur->at[1] = w.pos;
	struct tw_str after;

	cur->more = walk_next(&w, &after);
	return true;
}

static struct walk
walk_of(struct tw_msg *msg, const struct tw_arg_val *args, bool full)
{
	return (struct walk){ .msg = msg,
		.name = args[0].type == TW_STRING ? args[0].str : TW_STR(""),
		.full = full };
}

static bool
field_str(struct tw_msg *msg, const struct tw_arg_val *args, struct tw_cursor *cur,
    bool full, struct tw_sample *out)
{
	struct tw_str value;

	return walk_get(walk_of(msg, args, full), args, cur, &value) &&
	    tw_sample_str(out, TW_STRING, value);
}

/* The number a value begins with; 0 when it begins with none. */
static bool
field_val(struct tw_msg *msg, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	struct tw_str value;
	int64_t n = 0;

	if (!walk_get(walk_of(msg, args, false), args, cur, &value))
		return false;
	const bool minus = value.len > 0 && value.p[0] == '-';

	for (size_t i = minus; i < value.len && value.p[i] >= '0' && value.p[i] <= '9';
	     i++) {
		if (n > (INT64_MAX - 9) / 10)
			return false;
		n = n * 10 + value.p[i] - '0';
	}
	return tw_sample_int(out, minus ? -n : n);
}

static bool
is_port(const char *p)
{
	uint64_t n;

	return tw_str_to_u64(tw_str_of(p), &n) && n <= 65535;
}

/* "1.2.3.4", "1.2.3.4:80", "::1", "[::1]", "[::1]:80" */
static bool
ip_of(struct tw_str s, struct tw_sample *out)
{
	char text[64];

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	char *p = text;

	if (*p == '[') {
		char *close = strchr(++p, ']');

		if (!close ||
		    (close[1] != '\0' && (close[1] != ':' || !is_port(close + 2))))
			return false;
		*close = '\0';
	} else if (strchr(p, '.') && strchr(p, ':') == strrchr(p, ':') &&
	    strchr(p, ':')) {
		char *colon = strchr(p, ':');

		if (!is_port(colon + 1))
			return false;
		*colon = '\0';
	}
	out->type = TW_IPV4;
	const struct tw_str bare = tw_str_of(p);
	if (p == text && tw_ipv4_leading(bare, out->u.ip) == bare.len)
		return true;
	out->type = TW_IPV6;
	return inet_pton(AF_INET6, p, out->u.ip) == 1;
}

/* Values that are no address are passed over. */
static bool
field_ip(struct tw_msg *msg, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	struct tw_str value;

	do {
		cur->more = false;
		if (!walk_get(walk_of(msg, args, false), args, cur, &value))
			return false;
		if (ip_of(value, out))
			return true;
	} while (cur->more);
	return false;
}

#define FIELD_FETCHES(prefix, msg)                                                     \
	FETCH(prefix##_hdr)                                                            \
	{                                                                              \
		return field_str(msg(req), args, cur, false, out);                     \
	}                                                                              \
	FETCH(prefix##_fhdr)                                                           \
	{                                                                              \
		return field_str(msg(req), args, cur, true, out);                      \
	}                                                                              \
	FETCH(prefix##_hdr_cnt)                                                        \
	{                                                                              \
		(void)cur;                                                             \
		return tw_sample_int(out, walk_count(walk_of(msg(req), args, false))); \
	}                                                                              \
	FETCH(prefix##_fhdr_cnt)                                                       \
	{                                                                              \
		(void)cur;                                                             \
		return tw_sample_int(out, walk_count(walk_of(msg(req), args, true)));  \
	}                                                                              \
	FETCH(prefix##_hdr_val)                                                        \
	{                                                                              \
		return field_val(msg(req), args, cur, out);                            \
	}                                                                              \
	FETCH(prefix##_hdr_ip)                                                         \
	{                                                                              \
		return field_ip(msg(req), args, cur, out);                             \
	}

FIELD_FETCHES(req, tw_req_request)
FIELD_FETCHES(res, tw_req_response)

/* name, arguments, type, where, function, default match, help */
#define F(n, a, t, w, f, m, h)                                                    \
	{                                                                         \
		.name = n, .args = a, .out = t, .where = w, .get = f, .match = m, \
		.help = h                                                         \
	}
#define REQ TW_AT_REQUEST
#define RES TW_AT_RESPONSE

const struct tw_fetch tw__http_fetches[] = {
	F("base", "", TW_STRING, REQ, fetch_base, "str", "Host and path."),
	F("baseq", "", TW_STRING, REQ, fetch_baseq, "str", "Host, path and query."),
	F("hdr", "[s,i]", TW_STRING, REQ, fetch_req_hdr, "str",
	    "A value of a request field."),
	F("hdr_cnt", "[s]", TW_SINT, REQ, fetch_req_hdr_cnt, "int",
	    "The number of a request field's values."),
	F("hdr_ip", "[s,i]", TW_IPV4, REQ, fetch_req_hdr_ip, "ip",
	    "An address in a request field."),
	F("hdr_val", "[s,i]", TW_SINT, REQ, fetch_req_hdr_val, "int",
	    "A number in a request field."),
	F("http_first_req", "", TW_BOOL, REQ, fetch_http_first_req, "bool",
	    "Is it the connection's first request?"),
	F("method", "", TW_METH, REQ, fetch_method, "meth", "The request's method."),
	F("path", "", TW_STRING, REQ, fetch_path, "str",
	    "The target's path, without the query."),
	F("pathq", "", TW_STRING, REQ, fetch_pathq, "str", "Path and query."),
	F("query", "", TW_STRING, REQ, fetch_query, "str",
	    "What follows '?' in the target."),
	F("req.fhdr", "[s,i]", TW_STRING, REQ, fetch_req_fhdr, "str",
	    "A request field's whole value."),
	F("req.fhdr_cnt", "[s]", TW_SINT, REQ, fetch_req_fhdr_cnt, "int",
	    "The number of request fields of a name."),
	F("req.hdr", "[s,i]", TW_STRING, REQ, fetch_req_hdr, "str",
	    "A value of a request field."),
	F("req.hdr_cnt", "[s]", TW_SINT, REQ, fetch_req_hdr_cnt, "int",
	    "The number of a request field's values."),
	F("req.hdr_ip", "[s,i]", TW_IPV4, REQ, fetch_req_hdr_ip, "ip",
	    "An address in a request field."),
	F("req.hdr_val", "[s,i]", TW_SINT, REQ, fetch_req_hdr_val, "int",
	    "A number in a request field."),
	F("req.ver", "", TW_STRING, REQ, fetch_req_ver, "str",
	    "The request's HTTP version."),
	F("req_ver", "", TW_STRING, REQ, fetch_req_ver, "str",
	    "The request's HTTP version."),
	F("res.fhdr", "[s,i]", TW_STRING, RES, fetch_res_fhdr, "str",
	    "A response field's whole value."),
	F("res.fhdr_cnt", "[s]", TW_SINT, RES, fetch_res_fhdr_cnt, "int",
	    "The number of response fields of a name."),
	F("res.hdr", "[s,i]", TW_STRING, RES, fetch_res_hdr, "str",
	    "A value of a response field."),
	F("res.hdr_cnt", "[s]", TW_SINT, RES, fetch_res_hdr_cnt, "int",
	    "The number of a response field's values."),
	F("res.hdr_ip", "[s,i]", TW_IPV4, RES, fetch_res_hdr_ip, "ip",
	    "An address in a response field."),
	F("res.hdr_val", "[s,i]", TW_SINT, RES, fetch_res_hdr_val, "int",
	    "A number in a response field."),
	F("res.ver", "", TW_STRING, RES | TW_AT_LOG, fetch_res_ver, "str",
	    "The response's HTTP version."),
	F("resp_ver", "", TW_STRING, RES | TW_AT_LOG, fetch_res_ver, "str",
	    "The response's HTTP version."),
	F("shdr", "[s,i]", TW_STRING, RES, fetch_res_hdr, "str",
	    "A value of a response field."),
	F("shdr_cnt", "[s]", TW_SINT, RES, fetch_res_hdr_cnt, "int",
	    "The number of a response field's values."),
	F("shdr_ip", "[s,i]", TW_IPV4, RES, fetch_res_hdr_ip, "ip",
	    "An address in a response field."),
	F("shdr_val", "[s,i]", TW_SINT, RES, fetch_res_hdr_val, "int",
	    "A number in a response field."),
	F("status", "", TW_SINT, RES | TW_AT_LOG, fetch_status, "int",
	    "The response's status."),
	F("url", "", TW_STRING, REQ, fetch_url, "str",
	    "The request target as received; absolute in HTTP/2."),
#include "http_fetch_more.def"
	{ .name = NULL },
};
