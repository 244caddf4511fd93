/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_uri.c - set-method, set-path, set-pathq, set-query, set-uri and
 * replace-path, replace-pathq, replace-uri.
 *
 * The target of a request has up to three parts: scheme and authority (in the
 * absolute form), the path, the query. Each action replaces some of them; the URI is
 * absolute where the client said it so, which in HTTP/2 most do. A target that would
 * not be one token makes the rewrite fail. source: HAProxy's manual, 4.2; RFC 9112,
 * section 3.2.
 */
#include "rules.h"

#define ON_REQUEST (1u << TW_HTTP_REQUEST)
#define TARGET_MAX 16384

#define METHOD TW_N_TARGET_PARTS

struct uri {
	unsigned part;             /* enum tw_target_part, or METHOD */
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
		unsigned part;
	} words[] = { { "-path", TW_TARGET_PATH }, { "-pathq", TW_TARGET_PATHQ },
		{ "-query", TW_TARGET_QUERY }, { "-uri", TW_TARGET_URI },
		{ "-method", METHOD } };
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
set_part(struct tw_req *req, unsigned part, struct tw_str text)
{
	return tw_req_set_target(req, (enum tw_target_part)part, text) == 0
	    ? TW_ACT_NEXT
	    : TW_ACT_ERROR;
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
	return set_part(req, u->part, text);
}

/* What the regular expression looks at. */
static struct tw_str
subject(struct tw_req *req, unsigned part)
{
	const struct tw_msg *const msg = tw_req_request(req);
	const struct tw_target p = tw_target_split(msg);

	if (part == TW_TARGET_PATH)
		return p.path;
	if (part == TW_TARGET_URI)
		return tw_req_uri(req);
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
	if (u->part != TW_TARGET_URI && !tw_target_has_path(msg))
		return TW_ACT_NEXT;
	if (!tw_regex_expand(u->re, subject(req, u->part), by, &o))
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
		"Changes the whole URI; one with an authority makes that the Host.", 0 },
	{ "replace-path", ON_REQUEST, parse_replace, run_replace, "<regex> <fmt>",
		"A path that matches becomes <fmt>, in which \\1 is what the first "
		"group took.", 0 },
	{ "replace-pathq", ON_REQUEST, parse_replace, run_replace, "<regex> <fmt>",
		"The same for the path with the query.", 0 },
	{ "replace-uri", ON_REQUEST, parse_replace, run_replace, "<regex> <fmt>",
		"The same for the whole URI, which in HTTP/2 is an absolute one.", 0 },
	{ .name = NULL },
};
/* clang-format on */
