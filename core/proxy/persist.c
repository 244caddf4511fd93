/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * persist.c - the keywords force-persist, ignore-persist and option persist.
 *
 * One list for each backend, in the order of the file: the first rule whose
 * condition holds says how persistence is to be taken for a request. Nobody
 * looks at the list but what is about to keep a request on its server (a
 * cookie). source: HAProxy's manual, 4.2.
 */
#include "config.h"

#include <tideway/trail.h>
#include "core/proxy/proxy_int.h"

static int
rule_add(struct tw_line *ln, enum tw_persistence what)
{
	struct tw_proxy *px = ln->state;
	struct tw__persist_rule *rule;
	const char *word = tw_arg(ln, 0);

	if (word == NULL || (strcmp(word, "if") != 0 && strcmp(word, "unless") != 0))
		return tw_line_fail(ln, word != NULL ? 0 : -1,
		    "'%s' requires either 'if' or 'unless' followed by a condition",
		    ln->kw->word);
	rule = tw_arena_zalloc(ln->gen->conf.arena, sizeof(*rule));
	rule->what = what;
	rule->origin = (struct tw_origin){ ln->kw->word, ln->file, ln->number };
	rule->text = tw_trail_text(ln);
	rule->cond = tw_cond_compile(ln, 0, TW_AT_CONN | TW_AT_REQUEST);
	if (rule->cond == NULL)
		return -1;
	STAILQ_INSERT_TAIL(&px->persists, rule, link);
	return 0;
}

static int
add_force(struct tw_line *ln)
{
	return rule_add(ln, TW_PERSIST_FORCE);
}

static int
add_ignore(struct tw_line *ln)
{
	return rule_add(ln, TW_PERSIST_IGNORE);
}

enum tw_persistence
tw__persist_rules(const struct tw_proxy *be, struct tw_req *req)
{
	const struct tw__persist_rule *rule;

	STAILQ_FOREACH(rule, &be->persists, link) {
		tw_trail_rule(req, &rule->origin, rule->text);
		const bool is = tw_trail_cond(req, rule->cond) == 1;
		tw_trail_result(req, is ? TW_TOLD_LAST : TW_TOLD_NO);
		if (is)
			return rule->what;
	}
	return be->c.persist ? TW_PERSIST_DOWN : TW_PERSIST_USUAL;
}

const struct tw_kw tw__persist_kw[] = {
	{ .word = "option persist",
	    .scopes = TW_SC_BE,
	    .set = tw_set_flag,
	    .help = "Tries the server that a cookie names even when it is down.",
	    .def = "off",
	    .flags = TW_KW_NO,
	    .offset = offsetof(struct tw_proxy, c.persist) },
	{ .word = "option persist",
	    .scopes = TW_SC_FRONTEND,
	    .max_args = -1,
	    .set = tw__kw_ignored,
	    .flags = TW_KW_NO,
	    .help = "Ignored here, with a warning." },
	{ .word = "force-persist",
	    .scopes = TW_SC_LISTEN | TW_SC_BACKEND,
	    .max_args = -1,
	    .set = add_force,
	    .usage = "{ if | unless } <condition>",
	    .help = "Requests that meet the condition reach the server that their "
		    "cookie names even when it is down or in maintenance." },
	{ .word = "ignore-persist",
	    .scopes = TW_SC_LISTEN | TW_SC_BACKEND,
	    .max_args = -1,
	    .set = add_ignore,
	    .usage = "{ if | unless } <condition>",
	    .help = "Requests that meet the condition are balanced whatever their "
		    "cookie says, and get none." },
	{ .word = "force-persist",
	    .scopes = TW_SC_FRONTEND,
	    .max_args = -1,
	    .set = tw__kw_ignored,
	    .help = "Ignored here, with a warning." },
	{ .word = "ignore-persist",
	    .scopes = TW_SC_FRONTEND,
	    .max_args = -1,
	    .set = tw__kw_ignored,
	    .help = "Ignored here, with a warning." },
	{ .word = NULL },
};
