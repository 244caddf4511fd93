/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash_key.c - what of a request is hashed.
 *
 * Everything is a slice of the request or a number made from it; nothing is
 * allocated. Worker. source: HAProxy's manual, `balance`; the corners (which of
 * several fields, where a part ends) as HAProxy 2.6 is seen to treat them.
 */
#include <tideway/edit.h>
#include <tideway/worker.h>

#include "hash.h"

/* An address is a number already: IPv4 as it is, IPv6 folded to 32 bits. */
static bool
source_hash(struct tw_req *req, uint32_t *hash)
{
	const struct tw_addr *a = tw_conn_src(tw_req_conn(req));
	const uint8_t *b = a->u.v6;
	const int n = a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;

	*hash = 0;
	for (int i = 0; i < n; i += 4)
		*hash ^= (uint32_t)b[i] << 24 | (uint32_t)b[i + 1] << 16 |
		    (uint32_t)b[i + 2] << 8 | b[i + 3];
	return n > 0;
}

struct tw_str
hash_uri(const struct hash_conf *conf, struct tw_str target)
{
	uint32_t slashes = 0;
	size_t n = 0;

	for (; n < target.len; n++) {
		if ((conf->len != 0 && n == conf->len) ||
		    (!conf->whole && target.p[n] == '?') ||
		    (target.p[n] == '/' && conf->depth != 0 && ++slashes > conf->depth))
			break;
	}
	return (struct tw_str){ target.p, n };
}

/* The target from the path's first byte on. */
static struct tw_str
from_path(const struct tw_msg *msg)
{
	const struct tw_str path = tw_msg_path(msg);

	if (path.len == 0)
		return path;
	return (struct tw_str){ path.p,
		(size_t)(msg->target.p + msg->target.len - path.p) };
}

struct tw_str
hash_param(struct tw_str query, struct tw_str name)
{
	const char *p = query.p;
	const char *const end = query.p + query.len;

	while (p != NULL && (size_t)(end - p) > name.len) {
		const char *amp = memchr(p, '&', (size_t)(end - p));
		const char *stop = amp != NULL ? amp : end;

		if ((size_t)(stop - p) > name.len && p[name.len] == '=' &&
		    memcmp(p, name.p, name.len) == 0) {
			p += name.len + 1;
			return (struct tw_str){ p, (size_t)(stop - p) };
		}
		p = amp != NULL ? amp + 1 : NULL;
	}
	return (struct tw_str){ NULL, 0 };
}

struct tw_str
hash_domain(struct tw_str host)
{
	size_t end = host.len;

	while (end > 0 && host.p[end - 1] != '.')
		end--;
	if (end < 2) /* no dot, or only one at the beginning */
		return host;
	size_t begin = --end - 1;

	while (begin > 0 && host.p[begin - 1] != '.')
		begin--;
	return (struct tw_str){ host.p + begin, end - begin };
}

/* The first of a field's values, which commas outside quotes part. */
struct tw_str
hash_first_value(struct tw_str v)
{
	bool quoted = false;
	size_t n = 0;

	for (; n < v.len && (quoted || v.p[n] != ','); n++) {
		if (v.p[n] == '\\' && quoted && n + 1 < v.len)
			n++;
		else if (v.p[n] == '"')
			quoted = !quoted;
	}
	return tw_str_trim((struct tw_str){ v.p, n });
}

static struct tw_str
field_value(const struct hash_conf *conf, struct tw_req *req)
{
	struct tw_msg *msg = tw_req_request(req);
	struct tw_hdr *h = conf->id != TW_H_OTHER ? tw_msg_first(msg, conf->id)
						  : tw_msg_find(msg, conf->name, NULL);

	if (h == NULL)
		return (struct tw_str){ NULL, 0 };
	const struct tw_str v = hash_first_value(tw_hdr_value(h));
	return conf->domain_only && v.len > 0 ? hash_domain(v) : v;
}

bool
hash_body_wanted(const struct hash_conf *conf, struct tw_req *req)
{
	const struct tw_msg *msg = tw_req_request(req);

	return conf->check_post && msg->method == TW_M_POST &&
	    msg->body != TW_BODY_NONE &&
	    hash_param(tw_msg_query(msg), conf->name).p == NULL;
}

static struct tw_str
param_value(const struct hash_conf *conf, struct tw_req *req)
{
	struct tw_str v = hash_param(tw_msg_query(tw_req_request(req)), conf->name);

	if (v.p == NULL && hash_body_wanted(conf, req))
		v = hash_param(tw_req_body_seen(req), conf->name);
	return v;
}

/* A number is eight bytes, the highest first. out: mem. */
static bool
sample_bytes(const struct tw_sample *s, char mem[16], struct tw_str *out)
{
	switch (s->type) {
	case TW_STRING:
	case TW_BINARY:
	case TW_METH:
		*out = s->u.str;
		return true;
	case TW_IPV4:
	case TW_IPV6:
		*out = (struct tw_str){ mem, s->type == TW_IPV4 ? 4 : 16 };
		memcpy(mem, s->u.ip, out->len);
		return true;
	case TW_BOOL:
	case TW_SINT:
		for (int i = 0; i < 8; i++)
			mem[i] = (char)((uint64_t)s->u.n >> (56 - 8 * i));
		*out = (struct tw_str){ mem, 8 };
		return true;
	default:
		return false;
	}
}

static bool
expr_value(
    const struct hash_conf *conf, struct tw_req *req, char mem[16], struct tw_str *key)
{
	struct tw_sample s;

	return tw_expr_eval(conf->expr, req, &s) && sample_bytes(&s, mem, key);
}

/* returns: false when the request has nothing to hash. */
static bool
value(
    const struct hash_conf *conf, struct tw_req *req, char mem[16], struct tw_str *key)
{
	switch (conf->kind) {
	case HASH_URI:
		*key = hash_uri(conf,
		    conf->path_only ? from_path(tw_req_request(req))
				    : tw_req_uri(req)); /* absolute in HTTP/2 */
		return true;
	case HASH_URL_PARAM:
		*key = param_value(conf, req);
		return key->p != NULL;
	case HASH_HDR:
		*key = field_value(conf, req);
		return key->len > 0;
	case HASH_EXPR:
		return expr_value(conf, req, mem, key);
	default:
		return false;
	}
}

bool
hash_sample(const struct hash_conf *conf, const struct tw_sample *s, uint32_t *hash)
{
	struct tw_str key;
	char mem[16];

	if (!sample_bytes(s, mem, &key))
		return false;
	*hash = hash_of(conf->type.func, key);
	if (conf->type.avalanche)
		*hash = tw_hash_avalanche(*hash);
	return true;
}

bool
hash_key(const struct hash_conf *conf, struct tw_req *req, uint32_t *hash)
{
	struct tw_str key;
	char mem[16];

	if (conf->kind == HASH_SOURCE) {
		if (!source_hash(req, hash))
			return false;
	} else {
		if (!value(conf, req, mem, &key))
			return false;
		*hash = hash_of(conf->type.func, key);
	}
	if (conf->type.avalanche)
		*hash = tw_hash_avalanche(*hash);
	return true;
}
