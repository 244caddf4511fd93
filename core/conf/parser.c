/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * parser.c - lines into sections.
 *
 * A line is lexed, given to a directive, or opens a section, or belongs to
 * the one that is open; then line.c finds who takes it. What stands in a
 * section that could not be opened is still checked, but sets nothing; what
 * stands in a section that is not supported is passed over. Each file begins
 * and ends on its own. Control thread.
 */
#include "config.h"

#include <stdarg.h>

#include "core/conf/parser.h"
#include "core/run/gen.h"

void
tw__parse_fail(struct tw__parser *p, int column, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tw__report_add(p->gen->conf.report, true, p->lx.file, p->lx.line,
	    column < 0 ? NULL : p->gen->conf.raw, column, text);
	p->failed = true;
}

static void
section_end(struct tw__parser *p)
{
	const struct tw__section_entry *const s = p->section;
	int rc = 0;

	if (s != NULL && !p->skip) {
		p->gen->conf.raw = NULL;
		p->ln.n_words = 0;
		p->ln.number = p->section_line;
		if (s->core != NULL && s->core->close != NULL)
			rc = s->core->close(&p->ln);
		else if (s->module != NULL && s->module->close != NULL)
			rc = s->module->close(p->gen, p->ln.section);
	}
	if (rc != 0)
		p->failed = true;
	p->section = NULL;
	p->foreign = p->skip = false;
}

/* The words of the line that was lexed, in the section's line. */
static void
line_fill(struct tw__parser *p, const char *text)
{
	struct tw_line *const ln = &p->ln;

	ln->file = p->lx.file;
	ln->number = p->lx.line;
	ln->word = p->lx.word;
	ln->n_words = p->lx.n_words;
	ln->pos = 0;
	ln->arg = 1;
	ln->n_args = ln->n_words - 1;
	ln->used = 0;
	ln->no = false;
	ln->kw = NULL;
	p->gen->conf.line = ln;
	p->gen->conf.raw = text;
	p->gen->conf.column = p->lx.column;
}

/* A variable that is unset or empty ends the line, as with HAProxy: what is
 * optional may be given by a variable. */
static void
cut_at_emptied(struct tw__parser *p)
{
	for (int i = 1; i < p->lx.n_words; i++) {
		if (!p->lx.emptied[i])
			continue;
		if (i + 1 < p->lx.n_words)
			tw_line_warn(&p->ln, i - 1,
			    "this word is empty, because "
			    "its variable is, and ends the line; the words after "
			    "it are left out (\"${NAME[*]}\" leaves out only "
			    "itself)");
		p->lx.word[i] = NULL;
		p->lx.n_words = i;
		p->ln.n_words = i;
		p->ln.n_args = i - 1;
		return;
	}
}

static void
section_begin(struct tw__parser *p, const struct tw__section_entry *s, const char *text)
{
	section_end(p);
	p->ln = (struct tw_line){ .gen = p->gen };
	line_fill(p, text);
	cut_at_emptied(p);
	tw__conf_dump_line(p->lx.word, p->lx.n_words, true);
	p->section = s;
	p->section_line = p->lx.line;
	p->ln.scope = s->core ? s->core->scope : TW_SC_SECTION;
	p->lx.section = tw_arena_strdup(
	    p->gen->conf.arena, p->lx.n_words > 1 ? p->lx.word[1] : p->lx.word[0]);
	if (tw__dead_section(&p->ln)) {
		p->failed = true; /* goes on with the name alone */
		p->ln.n_words = p->ln.n_words > 2 ? 2 : p->ln.n_words;
		p->ln.n_args = p->ln.n_words - 1;
	}
	int rc;
	if (s->core != NULL)
		rc = s->core->open(&p->ln);
	else
		rc = s->module->open(&p->ln, &p->ln.section);
	p->skip = rc != 0;
	p->failed |= rc != 0;
}

static void
keyword_line(struct tw__parser *p)
{
	struct tw_line ln = p->ln;
	const struct tw__place at = { ln.scope,
		p->section->module ? p->section->word : NULL };

	p->gen->conf.line = &ln;
	if (tw__line_take(&ln, at, !p->skip) != 0)
		p->failed = true;
	p->gen->conf.line = &p->ln;
}

/* A section that HAProxy knows and tideway does not: told once, passed over. */
static void
foreign_begin(struct tw__parser *p, const char *text)
{
	section_end(p);
	line_fill(p, text);
	tw__unknown_section(&p->ln);
	p->failed = true;
	p->foreign = true;
}

/* A word at the margin that is no keyword here and nothing like one, but
 * nearly a section's: better one message than one for each line below it. */
static bool
is_misspelt_section(const struct tw__parser *p)
{
	const char *const first = p->lx.word[0], *const second = p->lx.word[1];
	int n_words;

	if (p->lx.column[0] != 0)
		return false;
	const struct tw__place at = { p->ln.scope, p->section->word };
	return tw__kw_lookup(at, first, second, &n_words) == NULL &&
	    tw__kw_nearest(at, first, second) == NULL &&
	    tw__section_nearest(first) != NULL;
}

static void
other_line(struct tw__parser *p, const char *text)
{
	line_fill(p, text);
	cut_at_emptied(p);
	tw__conf_dump_line(p->lx.word, p->lx.n_words, false);
	if (tw__is_foreign_section(p->lx.word[0]))
		foreign_begin(p, text);
	else if (p->foreign)
		return;
	else if (p->section == NULL)
		p->failed |= tw__unknown_section(&p->ln) != 0;
	else if (is_misspelt_section(p))
		foreign_begin(p, text);
	else
		keyword_line(p);
}

void
tw__parse_line(struct tw__parser *p, const char *text, size_t len)
{
	p->gen->conf.raw = text;
	p->gen->conf.column = p->lx.column;
	p->gen->conf.line = &p->ln;
	p->ln.file = p->lx.file;
	p->ln.number = p->lx.line;
	if (tw__lex(&p->lx, text, len, 0) != 0) {
		tw__parse_fail(p, p->lx.error_column, "%s at position %d:", p->lx.error,
		    p->lx.error_column + 1);
		return;
	}
	if (p->lx.n_words == 0)
		return;
	if (p->lx.word[0][0] == '.') {
		line_fill(p, text);
		tw__directive(p, text, len);
		return;
	}
	if (!tw__nest_active(&p->nest))
		return;
	const struct tw__section_entry *s = tw__section_find(p->lx.word[0]);
	if (s != NULL)
		section_begin(p, s, text);
	else
		other_line(p, text);
}

void
tw__parse_end(struct tw__parser *p)
{
	section_end(p);
	if (p->nest.n > 0)
		tw__parse_fail(p, -1, "non-terminated '.if' block.");
}
