/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_log.c - do-log, set-log-level: what the log tells, and when.
 *
 * source: HAProxy's manual (3.4), 4.4.
 */
#include "rules.h"

#define EVERYWHERE ((1u << TW_N_RULES) - 1)
#define S(x) (1u << TW_##x)

/* ---- do-log ------------------------------------------------------------- */

struct do_log {
	const char *name; /* gen; NULL: none */
	const struct tw_log_profile *profile;
};

static int
check_profile(struct tw_gen *gen, void *conf, const struct tw_origin *origin)
{
	struct do_log *const d = conf;

	d->profile = tw_log_profile_find(gen, d->name);
	if (d->profile != NULL)
		return 0;
	return tw_gen_fail(gen, origin->file, origin->line,
	    "'%s': there is no log-profile '%s'", origin->who, d->name);
}

static int
parse_log(struct tw_action_line *a, const void **conf)
{
	struct do_log *const d = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*d));
	const char *const word = tw_action_arg(a);

	*conf = d;
	if (word == NULL)
		return 0;
	if (strcmp(word, "profile") != 0)
		return action_fail(
		    a, "'%s %s' takes 'profile <name>', or nothing", a->set, a->word);
	const char *const name = tw_action_arg(a);
	if (name == NULL)
		return action_missing(a, "the name of a log-profile");
	d->name = gen_dup(a->ln, name);
	rules_late(a, check_profile, d);
	return 0;
}

static enum tw_act
run_log(struct tw_req *req, const struct tw_action_call *call)
{
	tw_req_log_now(req, call->rules, ((const struct do_log *)call->conf)->profile);
	return TW_ACT_NEXT;
}

/* ---- set-log-level ------------------------------------------------------ */

struct level {
	int n; /* -1: silent */
};

static int
parse_level(struct tw_action_line *a, const void **conf)
{
	static const char *const words[] = { "emerg", "alert", "crit", "err", "warning",
		"notice", "info", "debug", "silent" };
	struct level *const v = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*v));
	const char *const word = tw_action_arg(a);

	*conf = v;
	for (int i = 0; word != NULL && i < (int)TW_N_ELEMENTS(words); i++) {
		if (strcmp(word, words[i]) == 0) {
			v->n = i <= TW_DEBUG ? i : -1;
			return 0;
		}
	}
	return action_fail(a,
	    "'%s %s' expects one of emerg, alert, crit, err, warning, notice, info, "
	    "debug and silent",
	    a->set, a->word);
}

static enum tw_act
run_level(struct tw_req *req, const struct tw_action_call *call)
{
	tw_req_set_log_level(req, ((const struct level *)call->conf)->n);
	return TW_ACT_NEXT;
}

/* clang-format off */
const struct tw_action act_log[] = {
	{ "do-log", EVERYWHERE, parse_log, run_log, "[profile <name>]",
		"Writes a line of the log now, besides the usual ones; 'on http-req' "
		"and the like of a log-profile say what is in it.", 0 },
	{ "set-log-level", S(TCP_CONTENT) | S(TCP_RESPONSE) | S(HTTP_REQUEST) |
		S(HTTP_RESPONSE) | S(HTTP_AFTER), parse_level, run_level, "<level>",
		"The level of the request's line in the log; 'silent': no line.", 0 },
	{ .name = NULL },
};
/* clang-format on */
