/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_uri.c - set-method, set-path, set-pathq, set-query, set-uri and
 * replace-path, replace-pathq, replace-uri.
 *
 * The target of a request has up to three parts: scheme and authority (in the
 * absolute form), the path, the query. Each action replaces some of them. A
 * target that would not be one token makes the rewrite fail. source: HAProxy's
 * manual, 4.2; RFC 9112, section 3.2.
 */
#include "rules.h"
#include "uri.h"

#define ON_REQUEST (1u << TW_HTTP_REQUEST)
#define TARGET_MAX 16384

enum part { PATH, PATHQ, QUERY, URI, METHOD };

struct uri {
	enum part part;
	const struct tw_regex *re; /* replace-... */
	struct rule_text text;
};

static int
parse_text(struct tw_action_line *a, struct uri *u)
{
	const char *const fmt = tw_action_arg(a);

	if (fmt == NULL)
		return action_missing(a, "a log-format");
	return text_parse(a, a->i - 1, fmt, true, &u->text);
}

static struct uri *
uri_new(struct tw_action_line *a, const void **conf)
{
	static const struct {
		const char *word;
		enum part part;
	} words[] = { { "-path", PATH }, { "-pathq", PATHQ }, { "-query", QUERY },
		{ "-uri", URI }, { "-method", METHOD } };
	struct uri *const u = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*u));
	const char *const dash = strchr(a->word, '-');

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++)
		if (strcmp(dash, words[i].word) == 0)
			u->part = words[i].part;
	*conf = u;
	return u;
}

static int
parse_set(struct tw_action_line *a, const void **conf)
{
	return parse_text(a, uri_new(a, conf));
}

static int
parse_replace(struct tw_action_line *a, const void **conf)
{
	struct uri *const u = uri_new(a, conf);
	const char *const re = tw_action_arg(a);

	if (re == NULL)
		return action_missing(a, "a regular expression");
	u->re = tw_regex_compile(a->ln, a->i - 1, re, false);
	return u->re != NULL ? parse_text(a, u) : -1;
}

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

struct uri_parts
uri_split(const struct tw_msg *msg)
{
	const struct tw_str t = msg->target;
	struct uri_parts p = { .path = tw_msg_path(msg), .query = tw_msg_query(msg) };

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
uri_has_path(const struct tw_msg *msg)
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

enum tw_act
uri_join(struct tw_req *req, const struct uri_parts *p)
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
		return TW_ACT_ERROR;
	const struct tw_str target = tw_req_copy(req, made);
	if (target.p == NULL)
		return TW_ACT_ERROR;
	tw_msg_set_target(tw_req_request(req), target);
	return TW_ACT_NEXT;
}

static enum tw_act
set_part(struct tw_req *req, enum part part, struct tw_str text)
{
	struct uri_parts p = uri_split(tw_req_request(req));

	switch (part) {
	case PATH:
		p.path = text;
		break;
	case PATHQ:
		p.path = text;
		p.has_query = false;
		break;
	case QUERY:
		if (text.len > 0 && text.p[0] == '?')
			text = (struct tw_str){ text.p + 1, text.len - 1 };
		p.query = text;
		p.has_query = p.has_query || text.len > 0;
		break;
	default:
		p = (struct uri_parts){ .path = text, .before = { "", 0 } };
		break;
	}
	return uri_join(req, &p);
}

static bool
is_method(struct tw_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(s.p[i] >= 'A' && s.p[i] <= 'Z') &&
		    !(s.p[i] >= 'a' && s.p[i] <= 'z') &&
		    !(s.p[i] >= '0' && s.p[i] <= '9') &&
		    strchr("!#$%&'*+-.^_`|~", s.p[i]) == NULL)
			return false;
	return s.len > 0;
}

static enum tw_act
set_method(struct tw_req *req, struct tw_str text)
{
	return is_method(text) && tw_req_set_method(req, text) == 0 ? TW_ACT_NEXT
								    : TW_ACT_ERROR;
}

static enum tw_act
run_set(struct tw_req *req, const struct tw_action_call *call)
{
	const struct uri *const u = call->conf;
	const struct tw_str text = text_make(req, &u->text);

	if (text.p == NULL)
		return TW_ACT_ERROR;
	if (u->part == METHOD)
		return set_method(req, text);
	if (u->part != URI && !uri_has_path(tw_req_request(req)))
		return TW_ACT_NEXT;
	return set_part(req, u->part, text);
}

/* What the regular expression looks at. */
static struct tw_str
subject(const struct tw_msg *msg, enum part part)
{
	const struct uri_parts p = uri_split(msg);

	if (part == PATH)
		return p.path;
	if (part == URI)
		return msg->target;
	return (struct tw_str){ p.path.p, msg->target.len - p.before.len };
}

static enum tw_act
run_replace(struct tw_req *req, const struct tw_action_call *call)
{
	static __thread char mem[TARGET_MAX];
	const struct uri *const u = call->conf;
	struct tw_out o = tw_out_of(mem, sizeof(mem));
	struct tw_msg *const msg = tw_req_request(req);
	const struct tw_str by = text_make(req, &u->text);

	if (by.p == NULL)
		return TW_ACT_ERROR;
	if (u->part != URI && !uri_has_path(msg))
		return TW_ACT_NEXT;
	if (!tw_regex_expand(u->re, subject(msg, u->part), by, &o))
		return TW_ACT_NEXT;
	if (o.over)
		return TW_ACT_ERROR;
	const struct tw_str text =
	    tw_req_copy(req, (struct tw_str){ mem, (size_t)(o.p - mem) });
	return text.p != NULL ? set_part(req, u->part, text) : TW_ACT_ERROR;
}

/* clang-format off */
const struct tw_action act_uri[] = {
	{ "set-method", ON_REQUEST, parse_set, run_set, "<fmt>",
		"Changes the method.", 0 },
	{ "set-path", ON_REQUEST, parse_set, run_set, "<fmt>",
		"Changes the path; the query stays.", 0 },
	{ "set-pathq", ON_REQUEST, parse_set, run_set, "<fmt>",
		"Changes the path with the query.", 0 },
	{ "set-query", ON_REQUEST, parse_set, run_set, "<fmt>",
		"Changes the query; the path stays.", 0 },
	{ "set-uri", ON_REQUEST, parse_set, run_set, "<fmt>",
		"Changes the whole request target.", 0 },
	{ "replace-path", ON_REQUEST, parse_replace, run_replace, "<regex> <fmt>",
		"A path that matches becomes <fmt>, in which \\1 is what the first "
		"group took.", 0 },
	{ "replace-pathq", ON_REQUEST, parse_replace, run_replace, "<regex> <fmt>",
		"The same for the path with the query.", 0 },
	{ "replace-uri", ON_REQUEST, parse_replace, run_replace, "<regex> <fmt>",
		"The same for the whole request target.", 0 },
	{ .name = NULL },
};
/* clang-format on */
