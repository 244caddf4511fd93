/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * profile_kw.c - `log-profile` sections: lines that differ by where they go.
 *
 * Start-up and control thread. source: HAProxy's manual (3.4), 8.3.5.
 */
#include "config.h"

#include "expr/expr_int.h"
#include "proxy/logger.h"
#include "proxy/proxy_int.h"

#define STEP_NAMES                                                              \
	"accept, request, connect, response, close, error, any, or for do-log " \
	"tcp-req-conn, tcp-req-sess, tcp-req-cont, tcp-res-cont, http-req, "    \
	"http-res or http-after-res"

int
tw__log_step_of(struct tw_str name)
{
	static const char *const names[TW__N_LOG_STEPS] = {
		[TW__LOG_AT_CLOSE] = "close",
		[TW__LOG_AT_ACCEPT] = "accept",
		[TW__LOG_AT_REQUEST] = "request",
		[TW__LOG_AT_CONNECT] = "connect",
		[TW__LOG_AT_RESPONSE] = "response",
		[TW__LOG_AT_ERROR] = "error",
		[TW__LOG_AT_ANY] = "any",
#define X(at, name) [TW__LOG_DO_##at] = name,
		TW__LOG_DO_NAMES(X)
#undef X
	};

	for (int i = 0; i < TW__N_LOG_STEPS; i++)
		if (tw_str_eq(name, tw_str_of(names[i])))
			return i;
	return -1;
}

const struct tw__log_profile *
tw__log_profile_find(const struct tw_gen *gen, const char *name)
{
	const struct tw__log_profile *p = gen->log_profiles;

	while (p != NULL && strcmp(p->name, name) != 0)
		p = p->next;
	return p;
}

static int
profile_open(struct tw_line *ln, void **section)
{
	const char *const name = ln->n_words > 1 ? ln->word[1] : "";
	const struct tw__log_profile *const other = tw__log_profile_find(ln->gen, name);
	struct tw__log_profile *const p =
	    tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*p));

	p->name = tw_arena_strdup(tw_gen_arena(ln->gen), name);
	p->file = ln->file;
	p->line = ln->number;
	p->next = ln->gen->log_profiles;
	ln->gen->log_profiles = p;
	*section = p;
	if (name[0] == '\0')
		return tw_line_fail(ln, -1, "'log-profile' expects a name");
	if (ln->n_words > 2)
		return tw_line_fail(ln, -1,
		    "'log-profile' takes a name and nothing else, not '%s'",
		    ln->word[2]);
	if (other != NULL)
		return tw_line_fail(ln, -1,
		    "log-profile '%s' is declared already at %s:%d", name, other->file,
		    other->line);
	return 0;
}

static int
set_tag(struct tw_line *ln)
{
	struct tw__log_profile *const p = ln->section;

	p->tag = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	return 0;
}

/* `format F` or `sd F` at argument i. */
static int
set_step_format(struct tw_line *ln, int i, const struct tw_logfmt **fmt)
{
	if (tw_arg(ln, i + 1) == NULL)
		return tw_line_fail(ln, i, "'%s' needs an argument", tw_arg(ln, i));
	*fmt = tw_logfmt_compile(ln, i + 1, tw_arg(ln, i + 1));
	return *fmt != NULL ? 0 : -1;
}

static int
set_on(struct tw_line *ln)
{
	struct tw__log_profile *const p = ln->section;
	const int step = tw__log_step_of(tw_str_of(tw_arg(ln, 0)));

	if (step < 0)
		return tw_line_fail(
		    ln, 0, "unknown step '%s': write %s", tw_arg(ln, 0), STEP_NAMES);
	p->step[step].given = true;
	for (int i = 1; i < ln->n_args; i++) {
		const char *const word = tw_arg(ln, i);
		if (strcmp(word, "drop") == 0) {
			p->step[step].drop = true;
			continue;
		}
		if (strcmp(word, "format") != 0 && strcmp(word, "sd") != 0)
			return tw_line_fail(
			    ln, i, "unexpected '%s': write drop, format or sd", word);
		if (set_step_format(ln, i,
			word[0] == 'f' ? &p->step[step].fmt : &p->step[step].sd) != 0)
			return -1;
		i++;
	}
	return 0;
}

static const struct tw_kw keywords[] = {
	{ .word = "log-tag",
	    .scopes = TW_SC_SECTION,
	    .section = "log-profile",
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_tag,
	    .usage = "<text>",
	    .help = "In the place of the global or the proxy's log-tag." },
	{ .word = "on",
	    .scopes = TW_SC_SECTION,
	    .section = "log-profile",
	    .min_args = 2,
	    .max_args = -1,
	    .set = set_on,
	    .usage = "{ accept | request | connect | response | close | error | any | "
		     "tcp-req-conn | tcp-req-sess | tcp-req-cont | tcp-res-cont | "
		     "http-req | http-res | http-after-res } "
		     "[drop] [format <format>] [sd <format>]",
	    .help = "What a line written at that step says, in the place of the "
		    "frontend's log-format, error-log-format and log-format-sd; "
		    "drop: none is sent." },
	{ .word = NULL },
};

static const struct tw_section section = {
	.word = "log-profile",
	.open = profile_open,
	.help = "Formats and a tag for the 'log' lines that name it.",
};

int
tw__log_profile_register(struct tw_err *err)
{
	if (tw__module_section_add(&section, NULL, err) != 0)
		return -1;
	return tw__kw_add(keywords, NULL, err);
}
