/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * directives.c - .if .elif .else .endif .diag .notice .warning .alert
 *
 * A condition that cannot be evaluated is reported, and the whole block is
 * skipped, so that one mistake gives one message. Conditions of blocks that
 * are skipped anyway are not looked at. Control thread. source: HAProxy's
 * manual, 2.4.
 */
#include "config.h"

#include <tideway/log.h>
#include "core/conf/parser.h"
#include "core/conf/predicate.h"
#include "core/run/gen.h"

bool tw__conf_diag;

bool
tw__nest_active(const struct tw__nest *nest)
{
	return nest->n == 0 || nest->branch[nest->n - 1] == TW__BRANCH_TAKE;
}

/* Where the fault is in the source line: known when quoting has not moved the
 * condition's bytes, else where the condition begins. */
static int
condition_column(const char *text, int column, const char *expression, const char *at)
{
	const size_t len = strlen(expression);

	if (strncmp(text + column, expression, len) != 0)
		return column;
	return column + (int)(at - expression);
}

/* The condition behind .if or .elif: 1, 0, or -1 (reported). */
static int
condition(struct tw__parser *p, const char *text, size_t len)
{
	const int from = p->lx.first_end;
	const bool is_elif = p->lx.word[0][1] == 'e';
	struct tw_err err;
	const char *at;

	if (tw__lex(&p->lx, text + from, len - (size_t)from, TW__LEX_JOIN) != 0) {
		tw__parse_fail(p, from + p->lx.error_column, "%s", p->lx.error);
		return -1;
	}
	if (p->lx.n_words == 0)
		return 0;
	const int v = tw__predicate_eval(p->lx.word[0], &at, &err);
	if (v >= 0)
		return v;
	const int column =
	    condition_column(text, from + p->lx.column[0], p->lx.word[0], at);
	tw__parse_fail(p, column, "%s in '%s'", err.text, is_elif ? ".elif" : ".if");
	return -1;
}

static enum tw__branch
branch_of(int v)
{
	if (v < 0)
		return TW__BRANCH_DONE;
	return v ? TW__BRANCH_TAKE : TW__BRANCH_SEEK;
}

static void
directive_if(struct tw__parser *p, const char *text, size_t len)
{
	struct tw__nest *const nest = &p->nest;
	const bool active = tw__nest_active(nest);

	if (nest->n == TW__MAX_NESTED) {
		tw__parse_fail(
		    p, p->lx.column[0], "more than %d nested '.if'", TW__MAX_NESTED);
		return;
	}
	nest->has_else[nest->n] = false;
	nest->branch[nest->n] =
	    active ? branch_of(condition(p, text, len)) : TW__BRANCH_DONE;
	nest->n++;
}

/* Is there an open .if without .else? */
static bool
branch_allowed(struct tw__parser *p, const char *word)
{
	const struct tw__nest *const nest = &p->nest;

	if (nest->n == 0) {
		tw__parse_fail(
		    p, p->lx.column[0], "lone '%s' with no matching '.if'.", word);
		return false;
	}
	if (nest->has_else[nest->n - 1]) {
		tw__parse_fail(
		    p, p->lx.column[0], "'%s' after '.else' is not permitted.", word);
		return false;
	}
	return true;
}

static void
directive_elif(struct tw__parser *p, const char *text, size_t len)
{
	if (!branch_allowed(p, ".elif"))
		return;
	enum tw__branch *const b = &p->nest.branch[p->nest.n - 1];
	*b = *b == TW__BRANCH_SEEK ? branch_of(condition(p, text, len))
				   : TW__BRANCH_DONE;
}

static bool
no_args(struct tw__parser *p)
{
	if (p->lx.n_words == 1)
		return true;
	tw__parse_fail(p, p->lx.column[1], "Unexpected argument '%s' for '%s'.",
	    p->lx.word[1], p->lx.word[0]);
	return false;
}

static void
directive_else(struct tw__parser *p)
{
	if (!no_args(p) || !branch_allowed(p, ".else"))
		return;
	enum tw__branch *const b = &p->nest.branch[p->nest.n - 1];
	*b = *b == TW__BRANCH_SEEK ? TW__BRANCH_TAKE : TW__BRANCH_DONE;
	p->nest.has_else[p->nest.n - 1] = true;
}

static void
directive_endif(struct tw__parser *p)
{
	no_args(p);
	if (p->nest.n == 0)
		tw__parse_fail(
		    p, p->lx.column[0], "lone '.endif' with no matching '.if'.");
	else
		p->nest.n--;
}

static void
directive_message(struct tw__parser *p)
{
	const char *const kind = p->lx.word[0] + 1;
	const char *const text = p->lx.n_words > 1 ? p->lx.word[1] : "";

	if (p->lx.n_words > 2)
		tw__parse_fail(p, p->lx.column[2],
		    "Unexpected argument '%s' for "
		    "'.%s'. Use quotes if the message should contain spaces.",
		    p->lx.word[2], kind);
	else if (strcmp(kind, "alert") == 0)
		tw__parse_fail(p, -1, "'%s'.", text);
	else if (strcmp(kind, "warning") == 0)
		tw_line_warn(&p->ln, -1, "'%s'.", text);
	else if (strcmp(kind, "notice") == 0 || tw__conf_diag)
		tw_log(TW_NOTICE, "config : parsing [%s:%d] : '%s'.", p->lx.file,
		    p->lx.line, text);
}

static bool
is_message(const char *word)
{
	return strcmp(word, ".diag") == 0 || strcmp(word, ".notice") == 0 ||
	    strcmp(word, ".warning") == 0 || strcmp(word, ".alert") == 0;
}

void
tw__directive(struct tw__parser *p, const char *text, size_t len)
{
	const char *const word = p->lx.word[0];

	if (strcmp(word, ".if") == 0)
		directive_if(p, text, len);
	else if (strcmp(word, ".elif") == 0)
		directive_elif(p, text, len);
	else if (strcmp(word, ".else") == 0)
		directive_else(p);
	else if (strcmp(word, ".endif") == 0)
		directive_endif(p);
	else if (!tw__nest_active(&p->nest))
		return;
	else if (is_message(word))
		directive_message(p);
	else
		tw__parse_fail(p, p->lx.column[0],
		    "unknown directive '%s'; there "
		    "are .if, .elif, .else, .endif, .diag, .notice, .warning "
		    "and .alert",
		    word);
}
