/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_fetch_url.c - fetches of parts of the target, and hashes of it.
 *
 * Any worker. source: HAProxy's manual, 7.3.6; RFC 3986.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include <tideway/edit.h>
#include <tideway/hash.h>

#include "http.h"
#include "http_fetch.h"

/* ---- the authority of an absolute target -------------------------------- */

static struct tw_str
authority(struct tw_str t)
{
	const char *const sep = t.len > 3 ? memmem(t.p, t.len, "://", 3) : NULL;

	if (sep == NULL || t.p[0] == '/')
		return (struct tw_str){ NULL, 0 };
	const char *p = sep + 3, *const end = t.p + t.len;
	size_t len = 0;
	while (p + len < end && strchr("/?#", p[len]) == NULL)
		len++;
	return (struct tw_str){ p, len };
}

/* Host and port apart, brackets removed. */
static bool
split_authority(struct tw_str a, char host[64], struct tw_str *port)
{
	const char *const close =
	    a.len > 0 && a.p[0] == '[' ? memchr(a.p, ']', a.len) : NULL;
	const char *const end = a.p + a.len;
	const char *p = close ? close + 1 : a.p;
	const char *const colon = p < end ? memchr(p, ':', (size_t)(end - p)) : NULL;
	const struct tw_str h = close
	    ? (struct tw_str){ a.p + 1, (size_t)(close - a.p - 1) }
	    : (struct tw_str){ a.p, (size_t)((colon ? colon : end) - a.p) };

	*port = colon ? (struct tw_str){ colon + 1, (size_t)(end - colon - 1) }
		      : (struct tw_str){ NULL, 0 };
	if (h.len == 0 || h.len >= 64)
		return false;
	memcpy(host, h.p, h.len);
	host[h.len] = '\0';
	return true;
}

HTTP_FETCH(url_ip)
{
	char host[64];
	struct tw_str port;
	const struct tw_str a = authority(tw_req_uri(req));

	TW_GET_UNUSED;
	if (a.len == 0 || !split_authority(a, host, &port))
		return false;
	out->type = TW_IPV4;
	if (inet_pton(AF_INET, host, out->u.ip) == 1)
		return true;
	out->type = TW_IPV6;
	return inet_pton(AF_INET6, host, out->u.ip) == 1;
}

HTTP_FETCH(url_port)
{
	char host[64];
	struct tw_str port;
	uint64_t n;
	const struct tw_str url = tw_req_uri(req), a = authority(url);

	TW_GET_UNUSED;
	if (a.len == 0 || !split_authority(a, host, &port))
		return false;
	if (port.len == 0)
		return tw_sample_int(
		    out, strncasecmp(url.p, "https:", 6) == 0 ? 443 : 80);
	return tw_str_to_u64(port, &n) && n <= 65535 && tw_sample_int(out, (int64_t)n);
}

/* ---- parameters --------------------------------------------------------- */

static bool
ends_param(const struct http_params *ps, char c)
{
	return c == '&' || c == ';' || c == ps->delim;
}

bool
http_params_next(struct http_params *ps, struct tw_str name, struct tw_str *value)
{
	while (ps->left.len > 0) {
		size_t len = 0;
		while (len < ps->left.len && !ends_param(ps, ps->left.p[len]))
			len++;
		const struct tw_str one = { ps->left.p, len };
		const size_t skip = len < ps->left.len ? len + 1 : len;
		ps->left = (struct tw_str){ ps->left.p + skip, ps->left.len - skip };
		const char *const eq = len > 0 ? memchr(one.p, '=', len) : NULL;
		if (eq == NULL)
			continue;
		const struct tw_str key = { one.p, (size_t)(eq - one.p) };
		if (name.len > 0 && !tw_str_eq(key, name))
			continue;
		*value = (struct tw_str){ eq + 1, len - key.len - 1 };
		return true;
	}
	return false;
}

/* What follows the first '?' or delimiter. cur: at[0]: how many were given. */
static bool
param(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_str *value)
{
	const struct tw_str t = tw_req_request(req)->target;
	const char delim =
	    args[1].type == TW_STRING && args[1].str.len > 0 ? args[1].str.p[0] : '?';
	const struct tw_str name = args[0].type == TW_STRING ? args[0].str : TW_STR("");
	size_t start = 0;
	struct tw_str after;

	while (start < t.len && t.p[start] != delim)
		start++;
	if (start == t.len)
		return false;
	struct http_params ps = { .left = { t.p + start + 1, t.len - start - 1 },
		.delim = delim };
	for (uint64_t skip = 0; skip <= cur->at[0]; skip++)
		if (!http_params_next(&ps, name, value))
			return false;
	cur->at[0]++;
	cur->more = cur->all && http_params_next(&ps, name, &after);
	return true;
}

HTTP_FETCH(url_param)
{
	struct tw_str value;

	return param(req, args, cur, &value) && tw_sample_str(out, TW_STRING, value);
}

HTTP_FETCH(url_param_val)
{
	struct tw_str value;

	return param(req, args, cur, &value) && tw_sample_int(out, http_number(value));
}

/* ---- hashes ------------------------------------------------------------- */

static uint32_t
sdbm(uint32_t h, struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++)
		h = h * 65599 + (unsigned char)s.p[i];
	return h;
}

static uint32_t
hash_of(struct tw_req *req, bool whole)
{
	struct tw_msg *const msg = tw_req_request(req);
	const struct tw_hdr *const host = tw_msg_first(msg, TW_H_HOST);
	uint32_t h = host != NULL ? sdbm(0, tw_hdr_value(host)) : 0;
	struct tw_str path = tw_msg_path(msg);
	const struct tw_str query = tw_msg_query(msg);

	if (whole && query.p != NULL)
		path.len = (size_t)(query.p + query.len - path.p);
	if (path.len > 0 && path.p[0] == '/')
		h = sdbm(h, path);
	return tw_hash_avalanche(h);
}

/* The hash and the client's address behind each other. */
static bool
with_src(struct tw_req *req, uint32_t hash, struct tw_sample *out)
{
	const struct tw_addr *const a = tw_conn_src(tw_req_conn(req));
	char *const mem = tw_arena_try(tw_req_arena(req), 20);
	const uint32_t n = htonl(hash);

	if (mem == NULL || a == NULL || (a->family != AF_INET && a->family != AF_INET6))
		return false;
	memcpy(mem, &n, 4);
	out->type = TW_BINARY;
	out->u.str = (struct tw_str){ mem, a->family == AF_INET ? 8 : 20 };
	memcpy(mem + 4, a->family == AF_INET ? a->u.v4 : a->u.v6, out->u.str.len - 4);
	return true;
}

#define HASH(name, whole)                                       \
	HTTP_FETCH(name)                                        \
	{                                                       \
		TW_GET_UNUSED;                                  \
		return tw_sample_int(out, hash_of(req, whole)); \
	}                                                       \
	HTTP_FETCH(name##_src)                                  \
	{                                                       \
		TW_GET_UNUSED;                                  \
		return with_src(req, hash_of(req, whole), out); \
	}

HASH(base32, false)
HASH(url32, true)
