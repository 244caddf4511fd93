/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_redirect.c - redirect, as an action and as a keyword of its own.
 *
 * The keyword takes its text as it stands, the action as a log-format; all
 * else is the same. source: HAProxy's manual, redirect; RFC 9110, section
 * 15.4.
 */
#include "rules.h"

#define S(x) (1u << TW_##x)
#define LOCATION_MAX 16384

enum kind { NOTHING, LOCATION, PREFIX, SCHEME };

struct redirect {
	enum kind kind;
	int code;
	bool drop_query, append_slash, ignore_empty;
	struct rule_text text;
	struct tw_str cookie; /* Set-Cookie's value; p NULL: none */
};

/* ---- parsing ------------------------------------------------------------ */

static int
set_text(struct tw_action_line *a, struct redirect *r, enum kind kind, const char *arg,
    bool literal)
{
	static const char *const names[] = { "", "location", "prefix", "scheme" };

	if (arg == NULL)
		return tw_line_fail(a->ln, a->i - 1, "'%s' expects a text behind '%s'",
		    a->word, names[kind]);
	if (r->kind != NOTHING)
		return action_fail(a,
		    "'%s' has a target already: one of 'location', 'prefix' and "
		    "'scheme' is enough",
		    a->word);
	r->kind = kind;
	if (!literal)
		return text_parse(a, a->i - 1, arg, true, &r->text);
	r->text.fixed = tw_str_of(gen_dup(a->ln, arg));
	return 0;
}

static int
set_code(struct tw_action_line *a, struct redirect *r, const char *arg)
{
	static const int codes[] = { 301, 302, 303, 307, 308 };

	for (size_t i = 0; arg != NULL && i < TW_N_ELEMENTS(codes); i++) {
		char text[8];
		struct tw_out o = tw_out_of(text, sizeof(text));

		tw_out_u64(&o, (uint64_t)codes[i]);
		if (tw_str_eq(tw_str_of(arg),
			(struct tw_str){ text, (size_t)(o.p - text) })) {
			r->code = codes[i];
			return 0;
		}
	}
	return tw_line_fail(a->ln, a->i - 1,
	    "'%s': 'code' expects 301, 302, 303, 307 or 308%s%s", a->word,
	    arg != NULL ? ", not " : "", arg != NULL ? arg : "");
}

static int
set_cookie(struct tw_action_line *a, struct redirect *r, const char *arg, bool clear)
{
	if (arg == NULL || *arg == '\0')
		return tw_line_fail(a->ln, a->i - 1,
		    "'%s': '%s-cookie' expects the cookie's name", a->word,
		    clear ? "clear" : "set");
	r->cookie = tw_str_of(tw_arena_printf(tw_gen_arena(a->ln->gen), "%s; path=/;%s",
	    arg, clear ? " Max-Age=0;" : ""));
	return text_is_field(r->cookie)
	    ? 0
	    : action_fail(a, "a cookie cannot hold line breaks");
}

/* returns: 1: taken; 0: no such option; -1 reported. */
static int
take_option(
    struct tw_action_line *a, struct redirect *r, const char *word, bool literal)
{
	int rc = 0;

	if (strcmp(word, "location") == 0 || strcmp(word, "to") == 0)
		rc = set_text(a, r, LOCATION, tw_action_arg(a), literal);
	else if (strcmp(word, "prefix") == 0)
		rc = set_text(a, r, PREFIX, tw_action_arg(a), literal);
	else if (strcmp(word, "scheme") == 0)
		rc = set_text(a, r, SCHEME, tw_action_arg(a), literal);
	else if (strcmp(word, "code") == 0)
		rc = set_code(a, r, tw_action_arg(a));
	else if (strcmp(word, "set-cookie") == 0)
		rc = set_cookie(a, r, tw_action_arg(a), false);
	else if (strcmp(word, "clear-cookie") == 0)
		rc = set_cookie(a, r, tw_action_arg(a), true);
	else if (strcmp(word, "drop-query") == 0)
		r->drop_query = true;
	else if (strcmp(word, "append-slash") == 0)
		r->append_slash = true;
	else if (strcmp(word, "ignore-empty") == 0)
		r->ignore_empty = true;
	else
		return 0;
	return rc == 0 ? 1 : -1;
}

static int
parse(struct tw_action_line *a, const void **conf, bool literal)
{
	struct redirect *const r =
	    tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*r));
	const char *word;

	*conf = r;
	r->code = 302;
	while ((word = tw_action_arg(a)) != NULL) {
		const int rc = take_option(a, r, word, literal);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return action_fail(a,
			    "'%s' expects 'code', 'prefix', 'location', 'scheme', "
			    "'set-cookie', 'clear-cookie', 'drop-query', "
			    "'ignore-empty' or 'append-slash' (was '%s')",
			    a->word, word);
	}
	if (r->kind == NOTHING)
		return tw_line_fail(a->ln, -1,
		    "'%s' expects 'location', 'prefix' or 'scheme' with a text",
		    a->word);
	return 0;
}

static int
parse_action(struct tw_action_line *a, const void **conf)
{
	return parse(a, conf, false);
}

static int
parse_old(struct tw_action_line *a, const void **conf)
{
	return parse(a, conf, true);
}

/* ---- running ------------------------------------------------------------ */

static void
put_path(const struct redirect *r, const struct tw_msg *msg, struct tw_out *o)
{
	struct tw_str path = tw_msg_path(msg);
	const struct tw_str query = tw_msg_query(msg);

	if (path.len == 0 || tw_str_eq(path, TW_STR("*")))
		path = TW_STR("/");
	tw_out_str(o, path);
	if (!r->drop_query && query.p != NULL) {
		tw_out_char(o, '?');
		tw_out_str(o, query);
	}
	if (r->drop_query && r->append_slash && path.p[path.len - 1] != '/')
		tw_out_char(o, '/');
}

static void
put_host(struct tw_msg *msg, struct tw_out *o)
{
	const struct tw_hdr *const host = tw_msg_first(msg, TW_H_HOST);

	if (host != NULL)
		tw_out_str(o, tw_hdr_value(host));
}

static void
put_location(
    const struct redirect *r, struct tw_str text, struct tw_msg *msg, struct tw_out *o)
{
	if (r->kind != PREFIX || !tw_str_eq(text, TW_STR("/")))
		tw_out_str(o, text);
	if (r->kind == LOCATION)
		return;
	if (r->kind == SCHEME) {
		tw_out_lit(o, "://");
		put_host(msg, o);
	}
	put_path(r, msg, o);
}

struct answer {
	struct tw_str header[6];
	int n;
};

static void
add(struct answer *a, struct tw_str name, struct tw_str value)
{
	a->header[2 * a->n] = name;
	a->header[2 * a->n + 1] = value;
	a->n++;
}

static enum tw_act
run(struct tw_req *req, const struct tw_action_call *call)
{
	static __thread char mem[LOCATION_MAX];
	const struct redirect *const r = call->conf;
	struct tw_out o = tw_out_of(mem, sizeof(mem));
	const struct tw_str text = text_make(req, &r->text);

	if (text.p == NULL)
		return TW_ACT_ERROR;
	if (text.len == 0 && r->ignore_empty)
		return TW_ACT_NEXT;
	put_location(r, text, tw_req_request(req), &o);
	const struct tw_str location = { mem, (size_t)(o.p - mem) };
	if (o.over || !text_is_field(location))
		return TW_ACT_ERROR;
	struct answer *const a = tw_arena_try(tw_req_arena(req), sizeof(*a));
	const struct tw_str copy = tw_req_copy(req, location);
	if (a == NULL || copy.p == NULL)
		return TW_ACT_ERROR;
	a->n = 0;
	add(a, TW_STR("location"), copy);
	if (r->code == 302 || r->code == 303 || r->code == 307)
		add(a, TW_STR("cache-control"), TW_STR("no-cache"));
	if (r->cookie.p != NULL)
		add(a, TW_STR("set-cookie"), r->cookie);
	const struct tw_reply reply = {
		.status = r->code, .headers = a->header, .n_headers = a->n
	};
	tw_req_reply(req, &reply, call->origin);
	return TW_ACT_DONE;
}

#define USAGE                                                           \
	"{location <fmt> | prefix <fmt> | scheme <fmt>} [code <code>] " \
	"[drop-query] [append-slash] [ignore-empty] "                   \
	"[{set-cookie | clear-cookie} <name>[=<value>]]"

const struct tw_action act_redirect[] = {
	{ "redirect", S(HTTP_REQUEST) | S(HTTP_RESPONSE), parse_action, run, USAGE,
	    "Answers with a redirect.", TW_ACTION_FINAL },
	{ .name = NULL },
};

const struct tw_action act_redirect_old = { "redirect", S(HTTP_REQUEST), parse_old, run,
	USAGE, "Answers with a redirect.", TW_ACTION_FINAL };
