/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/target.c - the target of a request, in parts that rules and scripts
 * replace.
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
	const char *const colon = t.len > 0 ? memchr(t.p, ':', t.len) : NULL;

	return t.len > 0 && t.p[0] != '/' && !(t.p[0] == '*' && t.len == 1) &&
	    (colon == NULL || t.p + t.len - colon < 3 || colon[1] != '/' ||
		colon[2] != '/');
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

/* What has no path ("*", an authority) keeps its target. */
bool
tw_target_has_path(const struct tw_msg *msg)
{
	const struct tw_str t = msg->target;

	return t.len > 0 && msg->method != TW_M_CONNECT &&
	    (t.p[0] == '/' || tw_msg_path(msg).len > 0 || is_bare(t));
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
		p = (struct tw_target){ .path = text, .before = { "", 0 } };
		break;
	}
	return tw_target_join(req, &p);
}
