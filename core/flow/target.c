/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/target.c - the target of a request, in parts that rules and scripts
 * replace, and the URI that it is of.
 *
 * It has up to three: scheme and authority (in the absolute form), the path, the
 * query. A target that would not be one token is refused. source: RFC 9112,
 * section 3.2. One worker's thread.
 */
#include "config.h"

#include <tideway/edit.h>

#define TARGET_MAX 16384

static bool
is_target(struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] == 0x7f)
			return false;
	return s.len > 0;
}

/* A path that some rule left without its first slash. */
static bool
is_bare(struct tw_str t)
{
	struct tw_uri uri;

	return t.len > 0 && t.p[0] != '/' && !(t.p[0] == '*' && t.len == 1) &&
	    !tw_uri_split(t, &uri);
}

struct tw_target
tw_target_split(const struct tw_msg *msg)
{
	const struct tw_str t = msg->target;
	struct tw_target p = { .path = tw_msg_path(msg), .query = tw_msg_query(msg) };

	if (msg->method != TW_M_CONNECT && is_bare(t)) {
		const char *const q = memchr(t.p, '?', t.len);
		p.path = (struct tw_str){ t.p, q != NULL ? (size_t)(q - t.p) : t.len };
		if (q != NULL)
			p.query = (struct tw_str){ q + 1, t.len - p.path.len - 1 };
	}
	p.has_query = p.query.p != NULL;
	if (p.path.p == NULL || p.path.p < t.p || p.path.p > t.p + t.len)
		p.path = (struct tw_str){ t.p + t.len, 0 };
	p.before = (struct tw_str){ t.p, (size_t)(p.path.p - t.p) };
	return p;
}

/* What has none ("*", an authority) keeps its target; an empty one is a path, too. */
bool
tw_target_has_path(const struct tw_msg *msg)
{
	const struct tw_str t = msg->target;

	return t.len > 0 && msg->method != TW_M_CONNECT &&
	    !(t.len == 1 && t.p[0] == '*');
}

/* What would end the target. */
static void
put_escaped(struct tw_out *o, struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == ' ')
			tw_out_lit(o, "%20");
		else if (s.p[i] == '\t')
			tw_out_lit(o, "%09");
		else
			tw_out_char(o, s.p[i]);
	}
}

int
tw_target_join(struct tw_req *req, const struct tw_target *p)
{
	static __thread char mem[TARGET_MAX];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	tw_out_str(&o, p->before);
	put_escaped(&o, p->path);
	if (p->has_query) {
		tw_out_char(&o, '?');
		put_escaped(&o, p->query);
	}
	const struct tw_str made = { mem, (size_t)(o.p - mem) };
	if (o.over || !is_target(made))
		return -1;
	const struct tw_str target = tw_req_copy(req, made);
	if (target.p == NULL)
		return -1;
	tw_msg_set_target(tw_req_request(req), target);
	return 0;
}

/* ---- the authority ------------------------------------------------------ */

/* Without a user. returns: p NULL: the target has none. */
static struct tw_str
host_of(const struct tw_msg *msg)
{
	const struct tw_str t = msg->target, none = { NULL, 0 };
	struct tw_uri uri;

	if (tw_uri_split(t, &uri))
		return tw_authority_host(uri.authority);
	return msg->method == TW_M_CONNECT && t.len > 0 && t.p[0] != '/' &&
		t.p[0] != '*'
	    ? tw_authority_host(t)
	    : none;
}

/* In the request's memory. errors: p NULL. */
static struct tw_str
three(struct tw_req *req, struct tw_str a, struct tw_str b, struct tw_str c)
{
	const size_t len = a.len + b.len + c.len;
	char *const mem = tw_arena_try(tw_req_arena(req), len);
	struct tw_out o = tw_out_of(mem, len);

	if (mem == NULL)
		return (struct tw_str){ NULL, 0 };
	tw_out_str(&o, a);
	tw_out_str(&o, b);
	tw_out_str(&o, c);
	return (struct tw_str){ mem, len };
}

/* The one Host field of a request with another target; who sent none gets none. */
static void
host_follows(struct tw_msg *msg, struct tw_str host)
{
	struct tw_hdr *const first = tw_msg_first(msg, TW_H_HOST);
	struct tw_hdr *next;

	msg->host = host;
	if (first == NULL)
		return;
	while ((next = tw_msg_next(msg, first)) != NULL)
		tw_msg_del(msg, next);
	if (!tw_str_eq(tw_hdr_value(first), host))
		tw_msg_set_value(msg, first, host);
}

int
tw_req_host_changed(struct tw_req *req, struct tw_str value)
{
	struct tw_msg *const msg = tw_req_request(req);
	const struct tw_str t = msg->target, old = host_of(msg);

	msg->host = value;
	if (old.p == NULL || tw_str_eq(old, value))
		return 0;
	if (!is_target(value))
		return -1;
	const size_t before = (size_t)(old.p - t.p);
	const struct tw_str target = three(req, (struct tw_str){ t.p, before }, value,
	    (struct tw_str){ old.p + old.len, t.len - before - old.len });
	if (target.p == NULL)
		return -1;
	tw_msg_set_target(msg, target);
	return 0;
}

/* ---- the URI ------------------------------------------------------------ */

/* Where the line as it came says the scheme, with "://". */
static struct tw_str
line_scheme(const struct tw_msg *msg)
{
	const char *const uri = (const char *)memchr(msg->raw.p, ' ', msg->raw.len) + 1;
	const size_t left = (size_t)(msg->raw.p + msg->raw.len - uri);
	const char *const colon = memchr(uri, ':', left);

	return (struct tw_str){ uri, (size_t)(colon - uri) + 3 };
}

/* The parts stand side by side in the line, while no rule has changed one of them. */
static struct tw_str
absolute(struct tw_req *req, const struct tw_msg *msg)
{
	const struct tw_str scheme = line_scheme(msg), host = msg->host;
	const bool is_star = msg->target.len == 1 && msg->target.p[0] == '*';
	const struct tw_str path = is_star ? TW_STR("") : msg->target;
	const char *const at = scheme.p + scheme.len;
	const size_t left = (size_t)(msg->raw.p + msg->raw.len - at);

	if (host.len <= left && memcmp(at, host.p, host.len) == 0 &&
	    (path.len == 0 || path.p == at + host.len))
		return (struct tw_str){ scheme.p, scheme.len + host.len + path.len };
	const struct tw_str made = three(req, scheme, host, path);
	return made.p != NULL ? made : msg->target;
}

struct tw_str
tw_req_uri(struct tw_req *req)
{
	struct tw_msg *const msg = tw_req_request(req);

	return TW_UNLIKELY(msg->flags & TW_MSG_ABSOLUTE) ? absolute(req, msg)
							 : msg->target;
}

static int
uri_set(struct tw_req *req, struct tw_str text)
{
	const struct tw_target p = { .path = text, .before = { "", 0 } };
	struct tw_msg *const msg = tw_req_request(req);

	if (tw_target_join(req, &p) != 0)
		return -1;
	const struct tw_str host = host_of(msg);
	msg->flags &= (uint16_t)~TW_MSG_ABSOLUTE;
	if (host.p != NULL && host.len == 0)
		return -1; /* http:///x */
	if (host.p != NULL)
		host_follows(msg, host);
	return 0;
}

int
tw_req_set_target(struct tw_req *req, enum tw_target_part part, struct tw_str text)
{
	struct tw_target p = tw_target_split(tw_req_request(req));

	if (part != TW_TARGET_URI && !tw_target_has_path(tw_req_request(req)))
		return 0;
	switch (part) {
	case TW_TARGET_PATH:
		p.path = text;
		break;
	case TW_TARGET_PATHQ:
		p.path = text;
		p.has_query = false;
		break;
	case TW_TARGET_QUERY:
		if (text.len > 0 && text.p[0] == '?')
			text = (struct tw_str){ text.p + 1, text.len - 1 };
		p.query = text;
		p.has_query = p.has_query || text.len > 0;
		break;
	default:
		return uri_set(req, text);
	}
	return tw_target_join(req, &p);
}
