/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * stats_kw.c - the `stats ...` words of a proxy.
 *
 * Each of them enables the statistics, as in HAProxy. Lists grow at their
 * head, so that a proxy may add to what its defaults section gave without
 * changing it there. source: HAProxy's manual, stats.
 */
#include <tideway/expr.h>

#include "st.h"

struct st_conf *
st_line_conf(struct tw_line *ln)
{
	struct st_conf *c = ln->state;

	c->enabled = true;
	c->origin = (struct tw_origin){ "stats", ln->file, ln->number };
	return c;
}

static const char *
gen_dup(struct tw_line *ln, const char *z)
{
	return tw_arena_strdup(tw_gen_arena(ln->gen), z);
}

static int
stats_set_enable(struct tw_line *ln)
{
	st_line_conf(ln);
	return 0;
}

static int
stats_set_uri(struct tw_line *ln)
{
	const char *arg = tw_arg(ln, 0);

	if (*arg == '\0' || arg[strcspn(arg, " \t\r\n")] != '\0')
		return tw_line_fail(ln, 0,
		    "'stats uri' needs a path without blanks, "
		    "such as /stats");
	st_line_conf(ln)->uri = gen_dup(ln, arg);
	return 0;
}

static int
stats_set_refresh(struct tw_line *ln)
{
	struct tw_err err;
	uint32_t ms;

	if (tw_parse_ms(tw_arg(ln, 0), 1000000, &ms, &err) < 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	st_line_conf(ln)->refresh_s = (ms + 999) / 1000;
	return 0;
}

static int
stats_set_realm(struct tw_line *ln)
{
	const char *arg = tw_arg(ln, 0);
	char *copy = tw_arena_alloc(tw_gen_arena(ln->gen), strlen(arg) * 2 + 1);
	char *to = copy;

	for (const char *p = arg; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return tw_line_fail(ln, 0,
			    "control characters cannot stand in "
			    "a realm");
		if (*p == '"' || *p == '\\')
			*to++ = '\\'; /* it goes out quoted */
		*to++ = *p;
	}
	*to = '\0';
	st_line_conf(ln)->realm = copy;
	return 0;
}

static int
stats_set_auth(struct tw_line *ln)
{
	struct st_conf *c = st_line_conf(ln);
	struct st_user *user = tw_arena_alloc(tw_gen_arena(ln->gen), sizeof(*user));

	if (strchr(tw_arg(ln, 0), ':') == NULL)
		return tw_line_fail(ln, 0, "write user:password");
	user->login = tw_str_of(gen_dup(ln, tw_arg(ln, 0)));
	user->next = c->users;
	c->users = user;
	return 0;
}

static int
stats_set_admin(struct tw_line *ln)
{
	struct st_conf *c = st_line_conf(ln);
	struct st_admin *admin = tw_arena_alloc(tw_gen_arena(ln->gen), sizeof(*admin));

	admin->cond = tw_cond_compile(ln, 0, TW_AT_CONN | TW_AT_REQUEST);
	if (admin->cond == NULL)
		return -1;
	admin->next = c->admins;
	c->admins = admin;
	return 0;
}

static int
stats_set_hide_version(struct tw_line *ln)
{
	st_line_conf(ln)->hide_version = true;
	return 0;
}

static int
stats_set_show_version(struct tw_line *ln)
{
	st_line_conf(ln)->hide_version = false;
	return 0;
}

static int
stats_set_modules(struct tw_line *ln)
{
	st_line_conf(ln);
	return 0;
}

static int
stats_set_legends(struct tw_line *ln)
{
	st_line_conf(ln)->legends = true;
	return 0;
}

static int
stats_set_node(struct tw_line *ln)
{
	struct st_conf *c = st_line_conf(ln);
	const char *arg = tw_arg(ln, 0);

	for (const char *p = arg ? arg : ""; *p != '\0'; p++)
		if (strchr("-_.", *p) == NULL && !(*p >= '0' && *p <= '9') &&
		    !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z'))
			return tw_line_fail(ln, 0,
			    "a node name consists of letters, "
			    "digits, '-', '_' and '.'");
	c->show_node = true;
	c->node = arg != NULL ? gen_dup(ln, arg) : NULL;
	return 0;
}

static int
stats_set_desc(struct tw_line *ln)
{
	struct st_conf *c = st_line_conf(ln);
	char text[1024];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);

	for (int i = 0; i < ln->n_args; i++) {
		if (i > 0)
			tw_out_char(&o, ' ');
		tw_out_str(&o, tw_str_of(tw_arg(ln, i)));
	}
	if (o.over)
		return tw_line_fail(ln, -1, "a description has at most 1023 bytes");
	*o.p = '\0';
	c->show_desc = true;
	c->desc = ln->n_args > 0 ? gen_dup(ln, text) : NULL;
	return 0;
}

#define NOT_DEFAULTS (TW_SC_FRONTEND | TW_SC_LISTEN | TW_SC_BACKEND)

const struct tw_kw st_keywords[] = {
	{ .word = "stats enable",
	    .scopes = TW_SC_PROXY,
	    .set = stats_set_enable,
	    .usage = "",
	    .help = "Serves the statistics page.",
	    .def = "off",
	    .flags = TW_KW_HTTP },
	{ .word = "stats uri",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = 1,
	    .set = stats_set_uri,
	    .usage = "<prefix>",
	    .help = "Where the statistics page is; enables it.",
	    .def = ST_URI,
	    .flags = TW_KW_HTTP },
	{ .word = "stats refresh",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = 1,
	    .set = stats_set_refresh,
	    .usage = "<time>",
	    .help = "The page renews itself that often (a bare number: seconds).",
	    .def = "never",
	    .flags = TW_KW_HTTP },
	{ .word = "stats auth",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = 1,
	    .set = stats_set_auth,
	    .usage = "<user>:<password>",
	    .help = "Asks for a login; more lines are more users.",
	    .def = "no login",
	    .flags = TW_KW_HTTP },
	{ .word = "stats realm",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = 1,
	    .set = stats_set_realm,
	    .usage = "<realm>",
	    .help = "What the browser shows when it asks for the login.",
	    .def = ST_REALM,
	    .flags = TW_KW_HTTP },
	{ .word = "stats admin",
	    .scopes = NOT_DEFAULTS,
	    .min_args = 2,
	    .max_args = -1,
	    .set = stats_set_admin,
	    .usage = "{if|unless} <condition>",
	    .help = "Who may change the servers' state from the page.",
	    .def = "nobody",
	    .flags = TW_KW_HTTP | TW_KW_REST },
	{ .word = "stats hide-version",
	    .scopes = TW_SC_PROXY,
	    .set = stats_set_hide_version,
	    .usage = "",
	    .help = "Leaves the version out of the page.",
	    .flags = TW_KW_HTTP },
	{ .word = "stats show-version",
	    .scopes = TW_SC_PROXY,
	    .set = stats_set_show_version,
	    .usage = "",
	    .help = "Undoes 'stats hide-version'.",
	    .flags = TW_KW_HTTP },
	{ .word = "stats scope",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = 1,
	    .set = st_set_scope,
	    .usage = "{ <name> | . }",
	    .help = "Shows this section ('.': the one of the line); more lines are "
		    "more of them.",
	    .def = "all",
	    .flags = TW_KW_HTTP },
	{ .word = "stats http-request",
	    .scopes = NOT_DEFAULTS,
	    .min_args = 1,
	    .max_args = -1,
	    .set = st_set_http_request,
	    .usage = "{ allow | deny | auth [realm <realm>] } [ { if | unless } "
		     "<condition> ]",
	    .help = "Who may see the page; the first line that holds decides.",
	    .def = "everybody",
	    .flags = TW_KW_HTTP | TW_KW_REST },
	{ .word = "stats show-modules",
	    .scopes = TW_SC_PROXY,
	    .set = stats_set_modules,
	    .usage = "",
	    .help = "Shows the tables of modules; they are there without it.",
	    .flags = TW_KW_HTTP },
	{ .word = "stats show-legends",
	    .scopes = TW_SC_PROXY,
	    .set = stats_set_legends,
	    .usage = "",
	    .help = "Shows modes, ids, addresses, algorithms and cookies.",
	    .flags = TW_KW_HTTP },
	{ .word = "stats show-node",
	    .scopes = TW_SC_PROXY,
	    .max_args = 1,
	    .set = stats_set_node,
	    .usage = "[<name>]",
	    .help = "Shows the node's name.",
	    .flags = TW_KW_HTTP },
	{ .word = "stats show-desc",
	    .scopes = TW_SC_PROXY,
	    .max_args = -1,
	    .set = stats_set_desc,
	    .usage = "[<text>]",
	    .help = "Shows a description.",
	    .flags = TW_KW_HTTP },
	{ .word = "option socket-stats",
	    .scopes = TW_SC_FE,
	    .set = tw_set_flag,
	    .usage = "",
	    .help = "Shows a row for each listener.",
	    .def = "off",
	    .flags = TW_KW_NO,
	    .offset = offsetof(struct st_conf, socket_stats) },
	{ .word = NULL },
};
