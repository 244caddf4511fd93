/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rules_conf.c - the lines of rule sets: which action, its arguments, its
 * condition; what a defaults section hands on; warnings about order.
 *
 * Actions come from this module's tables and from every other module's
 * descriptor. Rules of a defaults section stay in its block, to which the
 * proxies' blocks point: they run before a proxy's own. source: HAProxy's
 * manual, 4.2; its warnings are worded as there.
 */
#include <stdio.h>

#include "rules.h"

struct set_info {
	const char *word;
	unsigned where; /* what conditions and texts can read there */
	bool http;
};

#define AT_TCP (TW_AT_CONN | TW_AT_REQUEST)

static const struct set_info sets[N_SETS] = {
	[TW_TCP_CONNECTION] = { "tcp-request connection", TW_AT_CONN, false },
	[TW_TCP_SESSION] = { "tcp-request session", TW_AT_CONN, false },
	[TW_TCP_CONTENT] = { "tcp-request content", AT_TCP | TW_AT_REQ_BODY, false },
	[TW_TCP_RESPONSE] = { "tcp-response content", TW_AT_CONN | TW_AT_RESPONSE,
	    false },
	[TW_HTTP_REQUEST] = { "http-request",
	    TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY, true },
	[TW_HTTP_RESPONSE] = { "http-response", TW_AT_CONN | TW_AT_RESPONSE, true },
	[TW_HTTP_AFTER] = { "http-after-response", TW_AT_CONN | TW_AT_RESPONSE, true },
	[SET_REDIRECT] = { "redirect", TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY,
	    true },
};

const char *
rules_set_name(unsigned set)
{
	return sets[set].word;
}

/* ---- actions ------------------------------------------------------------ */

static bool
is_named(const struct tw_action *act, struct tw_str name)
{
	const size_t all = name.len;
	const struct tw_str own = tw_str_of(act->name);

	if ((act->flags & TW_ACTION_PREFIX) != 0)
		return name.len > own.len && tw_str_has_prefix(name, own);
	while ((act->flags & TW_ACTION_DIGITS) != 0 && name.len > 0 &&
	    name.p[name.len - 1] >= '0' && name.p[name.len - 1] <= '9')
		name.len--;
	return tw_str_eq(own, name) &&
	    (all > name.len) == ((act->flags & TW_ACTION_DIGITS) != 0);
}

static const struct tw_action *
find_in(const struct tw_action *t, struct tw_str name, unsigned set)
{
	for (; t != NULL && t->name != NULL; t++)
		if ((t->rules & 1u << set) != 0 && is_named(t, name))
			return t;
	return NULL;
}

static const struct tw_action *
action_find(struct tw_str name, unsigned set)
{
	const struct tw_action *found = NULL;
	const struct tw_self *self;

	for (int i = 0; found == NULL && (self = tw_module_each(i)) != NULL; i++)
		found = find_in(self->module->actions, name, set);
	return found;
}

/* "'allow', 'deny', ...": what may stand here. */
static void
actions_list(unsigned set, struct tw_out *o)
{
	const struct tw_self *self;
	bool any = false;

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++)
		for (const struct tw_action *t = self->module->actions;
		     t != NULL && t->name != NULL; t++)
			if (t->rules & 1u << set) {
				tw_out_printf(o, "%s'%s%s'", any ? ", " : "", t->name,
				    t->flags & TW_ACTION_DIGITS       ? "<N>"
					: t->flags & TW_ACTION_PREFIX ? "<name>"
								      : "");
				any = true;
			}
}

static int
action_unknown(struct tw_line *ln, unsigned set, const char *word, struct tw_str name)
{
	char text[1400], bare[64] = "";
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);

	if (name.len < sizeof(bare))
		memcpy(bare, name.p, name.len);
	if (tw_known_word("http-request", bare) ||
	    tw_known_word(sets[set].word, bare) ||
	    tw_known_word("http-response", bare) || strncmp(word, "lua.", 4) == 0)
		return tw_line_fail(ln, 0,
		    "'%s %s' is known to HAProxy 3.4 but not supported by tideway %s",
		    sets[set].word, word,
		    action_find(name, TW_HTTP_REQUEST) ? "in this place" : "yet");
	actions_list(set, &o);
	*o.p = '\0';
	return tw_line_fail(
	    ln, 0, "'%s' expects %s, but got '%s'.", sets[set].word, text, word);
}

/* "set-var(txn.a)": the name, and what is between the parentheses. */
static int
action_split(
    struct tw_line *ln, const char *word, struct tw_str *name, struct tw_str *paren)
{
	const size_t len = strcspn(word, "(");
	const size_t end = strlen(word);

	*name = (struct tw_str){ word, len };
	*paren = (struct tw_str){ NULL, 0 };
	if (word[len] == '\0')
		return 0;
	if (word[end - 1] != ')')
		return tw_line_fail(ln, 0, "missing ')' at the end of '%s'", word);
	*paren = tw_arena_str(
	    tw_gen_arena(ln->gen), (struct tw_str){ word + len + 1, end - len - 2 });
	return 0;
}

/* ---- lines -------------------------------------------------------------- */

int
rules_parse_cond(struct tw_line *ln, int i, unsigned where, const char *what,
    const struct tw_cond **cond)
{
	const char *const word = tw_arg(ln, i);

	*cond = NULL;
	if (word == NULL)
		return 0;
	if (strcmp(word, "if") != 0 && strcmp(word, "unless") != 0)
		return tw_line_fail(ln, i,
		    "'%s' expects 'if' or 'unless' followed by a condition, or "
		    "nothing, not '%s'",
		    what, word);
	*cond = tw_cond_compile(ln, i, where);
	return *cond != NULL ? 0 : -1;
}

static bool
is_in_defaults(const struct tw_line *ln)
{
	return ln->scope == TW_SC_DEFAULTS;
}

static struct rules_conf *
conf_of(struct tw_line *ln)
{
	struct rules_conf *c = ln->state;

	c->owner = ln->proxy;
	return c;
}

/* A section without a name is nobody's in particular. */
static int
defaults_check(struct tw_line *ln)
{
	if (is_in_defaults(ln) && tw_proxy_name(ln->proxy)[0] == '\0')
		return tw_line_fail(ln, -1,
		    "'%s' rules are not allowed in a defaults section without a "
		    "name: write 'defaults NAME', and 'from NAME' in the sections "
		    "that use it",
		    ln->kw->word);
	return 0;
}

static void
list_append(struct rule_list *list, struct rule *r)
{
	if (list->last != NULL)
		list->last->next = r;
	else
		list->first = r;
	list->last = r;
	list->waits |= (r->action->flags & TW_ACTION_WAITS) != 0;
}

static const char *
short_name(unsigned set)
{
	return set <= TW_TCP_CONTENT ? "tcp-request" : sets[set].word;
}

/* In the order in which they run. */
static void
warn_order(struct tw_line *ln, const struct rules_conf *c, unsigned set)
{
	static const unsigned char order[] = { TW_TCP_CONNECTION, TW_TCP_SESSION,
		TW_TCP_CONTENT, TW_HTTP_REQUEST, SET_REDIRECT };
	const char *later = NULL;
	size_t i = 0;

	while (i < sizeof(order) && order[i] != set)
		i++;
	if (i == sizeof(order))
		return;
	for (i++; i < sizeof(order) && later == NULL; i++)
		if (c->own[order[i]].first != NULL)
			later = sets[order[i]].word;
	if (later == NULL && tw_proxy_has_routes(ln->proxy))
		later = "use_backend";
	if (later == NULL && c->servers != NULL)
		later = "use-server";
	if (later != NULL)
		tw_line_warn(ln, -1,
		    "a '%s' rule placed after %s '%s' rule will still be processed "
		    "before.",
		    short_name(set), later[0] == 'h' ? "an" : "a", later);
}

/* In HAProxy's words, and like it not of tcp-request rules. */
static void
warn_final(struct tw_line *ln, const struct rules_conf *c, unsigned set)
{
	const struct rule *const last = c->own[set].last;

	if (last == NULL || !sets[set].http || set == SET_REDIRECT ||
	    last->cond != NULL || !(last->action->flags & TW_ACTION_FINAL))
		return;
	tw_line_warn(ln, -1,
	    "previous '%s' action is final and has no condition attached, further "
	    "entries are NOOP.",
	    sets[set].word);
}

static struct rule *
rule_new(struct tw_line *ln, const struct tw_action *act, const char *who)
{
	struct rule *r = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*r));

	r->action = act;
	r->origin = (struct tw_origin){ who, ln->file, ln->number };
	r->text = tw_trail_text(ln);
	return r;
}

static int
rule_parse(struct tw_line *ln, unsigned set, struct tw_action_line *a,
    const struct tw_action *act)
{
	struct rules_conf *const c = conf_of(ln);
	struct rule *const r = rule_new(ln, act,
	    set == SET_REDIRECT ? "redirect"
				: tw_arena_printf(tw_gen_arena(ln->gen), "%s %s",
				      sets[set].word, act->name));

	a->ln = ln;
	a->rules = set == SET_REDIRECT ? TW_HTTP_REQUEST : (enum tw_rules)set;
	a->set = sets[set].word;
	a->where = sets[set].where;
	a->origin = &r->origin;
	if (act->parse != NULL && act->parse(a, &r->conf) != 0)
		return -1;
	const struct tw_cond *cond;
	if (rules_parse_cond(ln, a->i, sets[set].where, r->origin.who, &cond) != 0)
		return -1;
	r->cond = cond;
	if (is_in_defaults(ln) && c->used_in == NULL)
		c->used_in = &r->origin;
	warn_order(ln, c, set);
	warn_final(ln, c, set);
	list_append(&c->own[set], r);
	return 0;
}

static unsigned
set_of(const struct tw_line *ln)
{
	unsigned set = 0;

	while (strcmp(sets[set].word, ln->kw->word) != 0)
		set++;
	return set;
}

static int
rules_set_line(struct tw_line *ln)
{
	const unsigned set = set_of(ln);
	const char *const word = tw_arg(ln, 0);
	struct tw_action_line a = { .word = word, .i = 1 };
	struct tw_str name;

	if (defaults_check(ln) != 0 || action_split(ln, word, &name, &a.paren) != 0)
		return -1;
	const struct tw_action *const act = action_find(name, set);
	if (act == NULL)
		return action_unknown(ln, set, word, name);
	if ((a.paren.p != NULL) != ((act->flags & TW_ACTION_PAREN) != 0))
		return tw_line_fail(ln, 0,
		    a.paren.p
			? "'%s' takes nothing in parentheses"
			: "'%s' needs its arguments in parentheses: write '%s(...)'",
		    act->name, act->name);
	return rule_parse(ln, set, &a, act);
}

static int
rules_set_redirect(struct tw_line *ln)
{
	struct tw_action_line a = { .word = "redirect", .i = 0 };

	return defaults_check(ln) != 0
	    ? -1
	    : rule_parse(ln, SET_REDIRECT, &a, &act_redirect_old);
}

static int
rules_set_inspect(struct tw_line *ln)
{
	struct tw_err err;
	uint32_t ms;

	if (defaults_check(ln) != 0)
		return -1;
	if (tw_parse_ms(tw_arg(ln, 0), 1000, &ms, &err) < 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	conf_of(ln)->inspect_ms[strncmp(ln->kw->word, "tcp-response", 12) == 0] = ms;
	return 0;
}

static int
rules_no_frontend(struct tw_line *ln)
{
	return tw_line_fail(ln, -1,
	    "'%s' is not allowed because backend '%s' is not a frontend", ln->kw->word,
	    tw_proxy_name(ln->proxy));
}

static int
rules_no_backend(struct tw_line *ln)
{
	return tw_line_fail(ln, -1,
	    "'%s' is not allowed because frontend '%s' is not a backend", ln->kw->word,
	    tw_proxy_name(ln->proxy));
}

/* ---- inheritance, checks ------------------------------------------------ */

int
rules_inherit(struct tw_gen *gen, void *block)
{
	struct rules_conf *const c = block;

	(void)gen;
	if (c->owner != NULL)
		c->above = rules_of(c->owner);
	memset(c->own, 0, sizeof(c->own));
	c->owner = NULL;
	c->servers = NULL;
	c->servers_end = NULL;
	c->trails = NULL;
	c->trails_end = NULL;
	c->used_in = NULL;
	c->compiled = false;
	return 0;
}

static const char *
kind_of(const struct tw_proxy *px)
{
	if (!tw_proxy_has(px, TW_FRONTEND))
		return "backend";
	return tw_proxy_has(px, TW_BACKEND) ? "proxy" : "frontend";
}

static void
warn_mode(struct tw_gen *gen, const struct tw_proxy *px, const struct rules_conf *c)
{
	for (unsigned set = TW_HTTP_REQUEST; set < N_SETS; set++) {
		const struct rule *const r = c->own[set].first;

		if (r != NULL)
			tw_gen_warn(gen, r->origin.file, r->origin.line,
			    "'%s' rules ignored for %s '%s' as they require HTTP "
			    "mode.",
			    sets[set].word, kind_of(px), tw_proxy_name(px));
	}
}

/* Rules of a defaults section cannot mean both sides of the proxies. */
static int
check_defaults(
    struct tw_gen *gen, const struct tw_proxy *px, const struct rules_conf *c)
{
	const struct rules_conf *const d = c->above;
	int line;
	const char *const file = tw_proxy_where(px, &line);

	if (d == NULL || d->used_in == NULL ||
	    !(tw_proxy_has(px, TW_FRONTEND) && tw_proxy_has(px, TW_BACKEND)))
		return 0;
	return tw_gen_fail(gen, file, line,
	    "%s '%s' cannot use the defaults section '%s': it holds rules (%s:%d), "
	    "and would be of a frontend and of a backend at once",
	    kind_of(px), tw_proxy_name(px), tw_proxy_name(d->owner), d->used_in->file,
	    d->used_in->line);
}

int
rules_check_proxy(struct tw_gen *gen, struct tw_proxy *px)
{
	const struct rules_conf *const c = rules_of(px);

	if (tw_proxy_mode(px) != TW_MODE_HTTP)
		warn_mode(gen, px, c);
	return check_defaults(gen, px, c) | rules_check_servers(gen, px) |
	    rules_check_trails(gen, px);
}

/* ---- the table ---------------------------------------------------------- */

#define COND " [{if | unless} <condition>]"
#define FE_ONLY (TW_SC_DEFAULTS | TW_SC_FRONTEND | TW_SC_LISTEN)

/* clang-format off */
const struct tw_kw rules_keywords[] = {
	{ "http-request", TW_SC_PROXY, 1, -1, rules_set_line, "<action> [<argument>...]" COND,
		"A rule for requests, in the order of the file.", NULL,
		TW_KW_REST | TW_KW_HTTP, 0, 0, 0, NULL },
	{ "http-response", TW_SC_PROXY, 1, -1, rules_set_line, "<action> [<argument>...]" COND,
		"A rule for the servers' responses: the backend's first.", NULL,
		TW_KW_REST | TW_KW_HTTP, 0, 0, 0, NULL },
	{ "http-after-response", TW_SC_PROXY, 1, -1, rules_set_line,
		"<action> [<argument>...]" COND,
		"A rule for all responses, the proxy's own answers among them.", NULL,
		TW_KW_REST | TW_KW_HTTP, 0, 0, 0, NULL },
	{ "tcp-request connection", FE_ONLY, 1, -1, rules_set_line,
		"<action> [<argument>...]" COND,
		"A rule for a connection that was just accepted.", NULL,
		TW_KW_REST, 0, 0, 0, NULL },
	{ "tcp-request session", FE_ONLY, 1, -1, rules_set_line,
		"<action> [<argument>...]" COND,
		"A rule for a connection whose PROXY header and handshake are done.",
		NULL, TW_KW_REST, 0, 0, 0, NULL },
	{ "tcp-request content", TW_SC_PROXY, 1, -1, rules_set_line,
		"<action> [<argument>...]" COND,
		"A rule for the bytes that a client sends; in mode http, for each "
		"request, before 'http-request'.", NULL, TW_KW_REST, 0, 0, 0, NULL },
	{ "tcp-response content", TW_SC_BE, 1, -1, rules_set_line,
		"<action> [<argument>...]" COND,
		"A rule for the first bytes of a server's response; in mode http, for "
		"each response, before 'http-response'.", NULL,
		TW_KW_REST, 0, 0, 0, NULL },
	{ "tcp-request inspect-delay", TW_SC_PROXY, 1, 1, rules_set_inspect, "<time>",
		"How long 'tcp-request content' rules may wait for bytes.", "none",
		0, 0, 0, 0, NULL },
	{ "tcp-response inspect-delay", TW_SC_BE, 1, 1, rules_set_inspect, "<time>",
		"How long 'tcp-response content' rules may wait for bytes.", "none",
		0, 0, 0, 0, NULL },
	{ "redirect", TW_SC_PROXY, 1, -1, rules_set_redirect,
		"{location <text> | prefix <text> | scheme <text>} [code <code>] "
		"[<option>...]" COND,
		"Answers with a redirect, after the 'http-request' rules.", NULL,
		TW_KW_REST | TW_KW_HTTP, 0, 0, 0, NULL },
	{ "use-server", TW_SC_LISTEN | TW_SC_BACKEND, 1, -1, rules_use_server,
		"<server> {if | unless} <condition>",
		"A request that meets the condition goes to that server, if it is up.",
		NULL, TW_KW_REST, 0, 0, 0, NULL },
	{ "trail", TW_SC_PROXY, 0, -1, rules_set_trail,
		"[log] [ring <name>]" COND,
		"Keeps a trail of the requests that meet the condition: which rules "
		"were applied, what their ACLs saw and what they changed. The command "
		"'show trail' prints the last ones; 'log' sends each to the frontend's "
		"log servers at level debug, 'ring' to a ring, line by line.",
		NULL, TW_KW_REST, 0, 0, 0, NULL },
	{ .word = "group", .scopes = TW_SC_SECTION, .min_args = 1, .max_args = 3,
		.set = auth_set_group, .usage = "<name> [users <user>,...]",
		.help = "A group of users.", .section = "userlist" },
	{ .word = "user", .scopes = TW_SC_SECTION, .min_args = 1, .max_args = 5,
		.set = auth_set_user,
		.usage = "<name> [{password | insecure-password} <text>] "
			 "[groups <group>,...]",
		.help = "A user; 'password' is as crypt(3) makes it.",
		.section = "userlist" },
	{ .word = "tcp-request connection", .scopes = TW_SC_BACKEND, .max_args = -1,
		.set = rules_no_frontend, .help = "Refused here." },
	{ .word = "tcp-request session", .scopes = TW_SC_BACKEND, .max_args = -1,
		.set = rules_no_frontend, .help = "Refused here." },
	{ .word = "tcp-response content", .scopes = TW_SC_FRONTEND, .max_args = -1,
		.set = rules_no_backend, .help = "Refused here." },
	{ .word = "tcp-response inspect-delay", .scopes = TW_SC_FRONTEND,
		.max_args = -1, .set = rules_no_backend, .help = "Refused here." },
	{ .word = NULL },
};
/* clang-format on */
