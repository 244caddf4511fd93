/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf/parser.h - what the parser's files share.
 */
#ifndef TW_CONF_PARSER_H
#define TW_CONF_PARSER_H

#include <tideway/str.h>
#include "core/conf/lexer.h"
#include "core/conf/registry.h"

#define TW__MAX_NESTED 128

/* Where a level of .if stands. */
enum tw__branch {
	TW__BRANCH_SEEK,  /* nothing was true yet: lines are skipped */
	TW__BRANCH_TAKE,  /* this branch counts */
	TW__BRANCH_DONE,  /* one was taken, or the level is in a skipped one */
};

struct tw__nest {
	enum tw__branch branch[TW__MAX_NESTED];
	bool has_else[TW__MAX_NESTED];
	int n;
};

/* One file while it is read. */
struct tw__parser {
	struct tw_gen *gen;
	struct tw__lexer lx;
	struct tw__nest nest;
	struct tw_line ln;       /* the section's; lines work on a copy */
	const struct tw__section_entry *section; /* NULL: none yet, or foreign */
	int section_line;        /* where it begins */
	bool foreign;            /* in a section that is not supported */
	bool skip;               /* its opener failed: no setter is called */
	bool failed;
};

/** tw__parse_line - one line, without its end. in: text, NUL-terminated at
 * len. */
void tw__parse_line(struct tw__parser *p, const char *text, size_t len);
/** tw__parse_end - closes the section and checks that every .if is closed. */
void tw__parse_end(struct tw__parser *p);
/** tw__parse_fail - reports at a column of the line; -1: no caret. */
void tw__parse_fail(struct tw__parser *p, int column, const char *fmt, ...)
    TW_PRINTF(3, 4);

/** tw__directive - a line whose first word begins with a dot. */
void tw__directive(struct tw__parser *p, const char *text, size_t len);
/** tw__nest_active - do lines count here? */
bool tw__nest_active(const struct tw__nest *nest);
/** tw__conf_diag - -dD: .diag speaks. */
extern bool tw__conf_diag;

/** tw__line_take - a keyword's line: finds who takes it, checks, calls.
 * returns: 0 or -1 (reported). */
int tw__line_take(struct tw_line *ln, struct tw__place at, bool call);

/** tw__unknown_word - reports what is wrong with word `i`, which nobody takes
 * at that place. returns: -1; 0 when it is but ignored there, with a warning. */
int tw__unknown_word(const struct tw_line *ln, int i, struct tw__place at);
/** tw__unknown_section - the same for the first word of a line that stands
 * outside of any section, or is taken for a section. returns: -1. */
int tw__unknown_section(const struct tw_line *ln);
/** tw__is_foreign_section - does HAProxy know a section of this name? */
bool tw__is_foreign_section(const char *word);
/** tw__dead_section - reports a line that opens a section in a form that
 * HAProxy has dropped. returns: false when it has not. */
bool tw__dead_section(const struct tw_line *ln);
/** tw__scope_names - "'defaults', 'listen' and 'backend'". */
void tw__scope_names(struct tw_out *o, unsigned scopes);

/** tw__conf_dump_line - for -dC. */
void tw__conf_dump_line(char *const *word, int n_words, bool is_section);

#endif
