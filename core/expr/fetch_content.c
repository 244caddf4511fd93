/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_content.c - fetches from bytes that came and were not passed on yet.
 *
 * What is not there may still come: then the fetch gives nothing and says so
 * (tw__fetch_wait), and rules that inspect contents ask again. Any worker.
 * source: HAProxy's manual, 7.3.5.
 */
#include "config.h"

#include <tideway/text.h>

#include "expr/fetch.h"
#include "expr/hello.h"
#include "net/conn.h"

bool
tw__fetch_wait(struct tw_req *req, struct tw_sample *out)
{
	out->may_change = true;
	if (!tw_req_final(req))
		tw_req_undecided(req);
	return false;
}

static struct tw_str
bytes_of(const struct tw_conn *conn)
{
	if (conn == NULL || conn->in.base == NULL)
		return (struct tw_str){ "", 0 };
	return (struct tw_str){ conn->in.base + conn->in.head,
		conn->in.tail - conn->in.head };
}

static struct tw_str
request_bytes(struct tw_req *req)
{
	return bytes_of(tw_req_conn(req));
}

static struct tw_str
response_bytes(struct tw_req *req)
{
	return bytes_of(tw_req_server_conn(req));
}

/* No more can come than the buffer holds. */
static bool
can_grow(const struct tw_conn *conn)
{
	return conn != NULL && !conn->eof && !conn->failed &&
	    (conn->in.base == NULL || conn->in.tail < conn->in.size);
}

/* ---- lengths and parts -------------------------------------------------- */

static bool
give_len(struct tw_req *req, struct tw_str in, struct tw_sample *out)
{
	/* It is a value and open at once: another test may wait for more. */
	if (!tw_req_final(req))
		tw_req_undecided(req);
	out->may_change = true;
	return tw_sample_int(out, (int64_t)in.len);
}

TW__FETCH(req_len)
{
	TW_GET_UNUSED;
	return give_len(req, request_bytes(req), out);
}

TW__FETCH(res_len)
{
	TW_GET_UNUSED;
	return give_len(req, response_bytes(req), out);
}

static int
check_payload(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)gen;
	if (args[0].n < 0 || args[1].n < 0)
		return tw_err_set(err, "offset and length cannot be negative");
	return 0;
}

static bool
give_part(struct tw_req *req, const struct tw_conn *conn, uint64_t off, uint64_t len,
    struct tw_sample *out)
{
	const struct tw_str in = bytes_of(conn);
	const bool to_end = len == 0;

	if (off > in.len || (!to_end && len > in.len - off) ||
	    (to_end && off == in.len))
		return can_grow(conn) ? tw__fetch_wait(req, out) : false;
	if (to_end)
		out->may_change = can_grow(conn);
	return tw_sample_str(out, TW_BINARY,
	    (struct tw_str){ in.p + off, to_end ? in.len - off : (size_t)len });
}

TW__FETCH(req_payload)
{
	TW_GET_UNUSED;
	return give_part(
	    req, tw_req_conn(req), (uint64_t)args[0].n, (uint64_t)args[1].n, out);
}

TW__FETCH(res_payload)
{
	TW_GET_UNUSED;
	return give_part(req, tw_req_server_conn(req), (uint64_t)args[0].n,
	    (uint64_t)args[1].n, out);
}

/* out: args[3].n: where the part begins: a position, or relative to behind the
 * length (args[4].n true). */
static int
check_payload_lv(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	struct tw_str text = args[2].str;
	uint64_t n = 0;

	(void)gen;
	if (args[0].n < 0 || args[1].n < 1 || args[1].n > 8)
		return tw_err_set(err,
		    "the offset cannot be negative, and a length has 1 to 8 bytes");
	args[4].n = args[2].type == TW_ANY;
	if (args[2].type == TW_ANY)
		return 0;
	const bool minus = text.p[0] == '-';
	if (minus || text.p[0] == '+') {
		args[4].n = 1;
		text = (struct tw_str){ text.p + 1, text.len - 1 };
	}
	if (!tw_str_to_u64(text, &n) || n > INT32_MAX)
		return tw_err_set(
		    err, "'%s' is not an offset: write n, +n or -n", args[2].str.p);
	args[3].n = minus ? -(int64_t)n : (int64_t)n;
	if (minus && args[0].n + args[1].n + args[3].n < 0)
		return tw_err_set(err, "the offset lies before the beginning");
	return 0;
}

static bool
give_lv(struct tw_req *req, const struct tw_conn *conn, const struct tw_arg_val *args,
    struct tw_sample *out)
{
	const struct tw_str in = bytes_of(conn);
	const uint64_t behind = (uint64_t)(args[0].n + args[1].n);
	uint64_t len = 0;

	if (in.len < behind)
		return can_grow(conn) ? tw__fetch_wait(req, out) : false;
	for (int64_t i = args[0].n; i < args[0].n + args[1].n; i++)
		len = len << 8 | (unsigned char)in.p[i];
	if (len == 0)
		return false;
	const uint64_t start =
	    args[4].n ? (uint64_t)((int64_t)behind + args[3].n) : (uint64_t)args[3].n;
	return give_part(req, conn, start, len, out);
}

TW__FETCH(req_payload_lv)
{
	TW_GET_UNUSED;
	return give_lv(req, tw_req_conn(req), args, out);
}

TW__FETCH(res_payload_lv)
{
	TW_GET_UNUSED;
	return give_lv(req, tw_req_server_conn(req), args, out);
}

TW__FETCH(wait_end)
{
	TW_GET_UNUSED;
	return tw_req_final(req) ? tw_sample_bool(out, true) : tw__fetch_wait(req, out);
}

/* ---- protocols ---------------------------------------------------------- */

static bool
seen(struct tw_req *req, const struct tw_conn *conn, enum tw__seen what,
    struct tw_sample *out)
{
	if (what == TW__SEEN_PART && can_grow(conn))
		return tw__fetch_wait(req, out);
	return what == TW__SEEN_ALL;
}

TW__FETCH(proto_http)
{
	TW_GET_UNUSED;
	const struct tw_proxy *const fe = tw_req_frontend(req);
	if (tw_proxy_mode(fe) == TW_MODE_HTTP)
		return tw_sample_bool(out, true);
	const enum tw__seen what = tw__http_seen(request_bytes(req));
	if (what == TW__SEEN_PART && can_grow(tw_req_conn(req)) && !tw_req_final(req))
		return tw__fetch_wait(req, out);
	return tw_sample_bool(out, what == TW__SEEN_ALL);
}

/* The cookie, when it has the name that is asked for. */
static bool
rdp_cookie(struct tw_req *req, const struct tw_arg_val *args, struct tw_str *value,
    struct tw_sample *out)
{
	struct tw_str name;
	const struct tw_conn *const conn = tw_req_conn(req);

	if (!seen(req, conn, tw__rdp_parse(bytes_of(conn), &name, value), out))
		return false;
	return name.p != NULL &&
	    (args[0].type == TW_ANY || tw_str_ieq(args[0].str, name));
}

TW__FETCH(rdp_cookie)
{
	struct tw_str value;

	TW_GET_UNUSED;
	return rdp_cookie(req, args, &value, out) &&
	    tw_sample_str(out, TW_STRING, value);
}

TW__FETCH(rdp_cookie_cnt)
{
	struct tw_str value;

	TW_GET_UNUSED;
	const bool found = rdp_cookie(req, args, &value, out);
	if (!found && out->may_change)
		return false;
	return tw_sample_int(out, found);
}

/* ---- TLS hellos --------------------------------------------------------- */

static bool
hello(struct tw_req *req, struct tw__hello *h, struct tw_sample *out)
{
	const struct tw_conn *const conn = tw_req_conn(req);

	return seen(req, conn, tw__hello_parse(bytes_of(conn), h), out) && h->type == 1;
}

TW__FETCH(hello_type)
{
	struct tw__hello h;

	TW_GET_UNUSED;
	return hello(req, &h, out) && tw_sample_int(out, h.type);
}

TW__FETCH(res_hello_type)
{
	struct tw__hello h;
	const struct tw_conn *const conn = tw_req_server_conn(req);

	TW_GET_UNUSED;
	return seen(req, conn, tw__hello_parse(bytes_of(conn), &h), out) &&
	    tw_sample_int(out, h.type);
}

TW__FETCH(hello_ver)
{
	struct tw__hello h;

	TW_GET_UNUSED;
	return hello(req, &h, out) && tw_sample_int(out, h.version);
}

TW__FETCH(hello_ec)
{
	struct tw__hello h;

	TW_GET_UNUSED;
	/* Nothing, not false, when it has none: as HAProxy. */
	return hello(req, &h, out) && h.has_groups && tw_sample_bool(out, true);
}

TW__FETCH(hello_ticket)
{
	struct tw__hello h;

	TW_GET_UNUSED;
	return hello(req, &h, out) &&
	    tw_sample_int(out, h.has_ticket + (h.has_ticket && h.ticket_len > 0));
}

#define LIST(name, part)                                          \
	TW__FETCH(name)                                           \
	{                                                         \
		struct tw__hello h;                               \
		TW_GET_UNUSED;                                    \
		return hello(req, &h, out) && h.part.p != NULL && \
		    tw_sample_str(out, TW_BINARY, h.part);        \
	}

LIST(hello_ciphers, ciphers)
LIST(hello_groups, groups)
LIST(hello_sigalgs, sigalgs)

TW__FETCH(hello_sni)
{
	struct tw__hello h;

	TW_GET_UNUSED;
	return hello(req, &h, out) && h.sni.p != NULL &&
	    tw_sample_str(out, TW_STRING, h.sni);
}

/* Each name in turn; where one value counts, the first. cur: at[0]: offset. */
TW__FETCH(hello_alpn)
{
	struct tw__hello h;

	TW_GET_UNUSED;
	if (!hello(req, &h, out) || cur->at[0] >= h.alpn.len)
		return false;
	const char *const p = h.alpn.p + cur->at[0];
	const size_t len = (unsigned char)p[0];
	cur->at[0] += len + 1;
	cur->more = cur->all && cur->at[0] < h.alpn.len;
	return tw_sample_str(out, TW_STRING, (struct tw_str){ p + 1, len });
}

/* The groups of the shares, without the keys. */
TW__FETCH(hello_shares)
{
	struct tw__hello h;

	TW_GET_UNUSED;
	if (!hello(req, &h, out) || h.key_shares.p == NULL)
		return false;
	char *const mem = tw__scratch(req, h.key_shares.len + 1);
	if (mem == NULL)
		return false;
	struct tw_out o = tw_out_of(mem, h.key_shares.len);
	for (struct tw_str s = h.key_shares; s.len >= 4;) {
		const size_t n =
		    (size_t)(unsigned char)s.p[2] << 8 | (unsigned char)s.p[3];
		if (n > s.len - 4)
			return false;
		tw_out_mem(&o, s.p, 2);
		s = (struct tw_str){ s.p + 4 + n, s.len - 4 - n };
	}
	return tw_sample_str(
	    out, TW_BINARY, (struct tw_str){ mem, (size_t)(o.p - mem) });
}

#define E(n, a, t, fn, m, c, h)                             \
	{                                                   \
		n, a, t, TW__AT_CLIENT, fetch_##fn, m, c, h \
	}
#define PAYLOAD(n, fn, h) E(n, "i,i", TW_BINARY, fn, "bin", check_payload, h)
#define PAYLOAD_LV(n, fn, h) E(n, "i,i,[s]", TW_BINARY, fn, "bin", check_payload_lv, h)
#define LEN "Bytes of the buffer that were not passed on yet."
#define PART "(offset, length) Bytes of the buffer; length 0: to its end."
#define PART_LV "(offset, bytes, start) Bytes whose length stands at an offset."
#define COOKIE "(name) The cookie of an RDP connection request."
#define COOKIES "(name) How many cookies an RDP connection request has."

const struct tw_fetch tw__fetch_content[] = {
	PAYLOAD("payload", req_payload, PART),
	PAYLOAD_LV("payload_lv", req_payload_lv, PART_LV),
	E("rdp_cookie", "[s]", TW_STRING, rdp_cookie, "str", NULL, COOKIE),
	E("rdp_cookie_cnt", "[s]", TW_SINT, rdp_cookie_cnt, "int", NULL, COOKIES),
	E("req.len", "", TW_SINT, req_len, "int", NULL, LEN),
	PAYLOAD("req.payload", req_payload, PART),
	PAYLOAD_LV("req.payload_lv", req_payload_lv, PART_LV),
	E("req.proto_http", "", TW_BOOL, proto_http, NULL, NULL,
	    "Is what came a request of HTTP?"),
	E("req.rdp_cookie", "[s]", TW_STRING, rdp_cookie, "str", NULL, COOKIE),
	E("req.rdp_cookie_cnt", "[s]", TW_SINT, rdp_cookie_cnt, "int", NULL, COOKIES),
	E("req_len", "", TW_SINT, req_len, "int", NULL, LEN),
	E("req_proto_http", "", TW_BOOL, proto_http, NULL, NULL,
	    "Is what came a request of HTTP?"),
	E("res.len", "", TW_SINT, res_len, "int", NULL, LEN),
	PAYLOAD("res.payload", res_payload, PART),
	PAYLOAD_LV("res.payload_lv", res_payload_lv, PART_LV),
	E("wait_end", "", TW_BOOL, wait_end, NULL, NULL,
	    "True when the time for inspection is over, else nothing yet."),
	{ .name = NULL },
};

#define TYPE "The type of the TLS hello: 1 of a client, 2 of a server."
#define SNI "The server name in a TLS ClientHello."
#define VER "The version in a TLS ClientHello: major * 65536 + minor."

const struct tw_fetch tw__fetch_hello[] = {
	E("rep_ssl_hello_type", "", TW_SINT, res_hello_type, "int", NULL, TYPE),
	E("req.ssl_alpn", "", TW_STRING, hello_alpn, "str", NULL,
	    "The protocols in a TLS ClientHello."),
	E("req.ssl_cipherlist", "", TW_BINARY, hello_ciphers, "bin", NULL,
	    "The ciphers of a TLS ClientHello, as sent."),
	E("req.ssl_ec_ext", "", TW_BOOL, hello_ec, NULL, NULL,
	    "Does a TLS ClientHello name elliptic curves?"),
	E("req.ssl_hello_type", "", TW_SINT, hello_type, "int", NULL, TYPE),
	E("req.ssl_keyshare_groups", "", TW_BINARY, hello_shares, "bin", NULL,
	    "The groups of a TLS ClientHello's key shares."),
	E("req.ssl_sigalgs", "", TW_BINARY, hello_sigalgs, "bin", NULL,
	    "The signature algorithms of a TLS ClientHello, as sent."),
	E("req.ssl_sni", "", TW_STRING, hello_sni, "str", NULL, SNI),
	E("req.ssl_st_ext", "", TW_SINT, hello_ticket, "int", NULL,
	    "Session tickets in a TLS ClientHello: 0 no, 1 possible, 2 one is sent."),
	E("req.ssl_supported_groups", "", TW_BINARY, hello_groups, "bin", NULL,
	    "The groups of a TLS ClientHello, as sent."),
	E("req.ssl_ver", "", TW_SINT, hello_ver, "ver", NULL, VER),
	E("req_ssl_hello_type", "", TW_SINT, hello_type, "int", NULL, TYPE),
	E("req_ssl_sni", "", TW_STRING, hello_sni, "str", NULL, SNI),
	E("req_ssl_ver", "", TW_SINT, hello_ver, "ver", NULL, VER),
	E("res.ssl_hello_type", "", TW_SINT, res_hello_type, "int", NULL, TYPE),
	{ .name = NULL },
};
