/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf/conf.h - the parser's inside, for core units only.
 *
 * Files are read into physical lines, the lexer makes words of them
 * (quotes, escapes, comments, environment), dot directives decide which lines
 * count, sections say which scope holds, and the keyword registry says who
 * takes the line. All errors of all files are collected in one report; a
 * file with errors is read to its end. Control thread (or start-up) only.
 */
#ifndef TW_CONF_CONF_H
#define TW_CONF_CONF_H

#include <stdio.h>
#include <tideway/conf.h>
#include <tideway/log.h>
#include <tideway/module.h>

/* What was wrong. Messages are printed in HAProxy's shape:
 *   [ALERT]    (pid) : config : parsing [file:line] : text
 * with, for words at fault, the source line and a caret under the word. */
struct tw_report {
	int n_errors, n_warnings;
	FILE *to;         /* where to print at once; NULL: collect only */
	char *text;       /* owns: all messages (for a reload's answer) */
	size_t text_len, text_cap;
	bool quiet_warnings; /* -q */
	bool wants_hints; /* -c: tw_gen_hint() is heard */
};

/* A core section: `open` makes its object and sets ln->proxy, ln->core,
 * ln->block and the scope for the lines that follow; `close` runs at its end. */
struct tw__section {
	const char *word;
	unsigned scope;
	int (*open)(struct tw_line *ln);
	int (*close)(struct tw_line *ln);
};

/* What the parser needs from a generation (struct tw_gen embeds it first). */
struct tw__conf {
	struct tw_arena *arena;   /* owns: gen */
	struct tw_report *report; /* borrow: until the generation is built */
	struct tw_line *line;     /* the line being parsed, for tw_line_fail */
	const char *raw;          /* its source text */
	const int *column;        /* column of each word in raw, from 0 */
	/* Which options of a server there may be; NULL: any. */
	bool (*takes)(const char *word);
};

/* What tw_gen_arena() gives on this thread in place of the generation's, for who
 * compiles what does not live as long; NULL: nothing. */
extern _Thread_local struct tw_arena *tw__conf_other_arena;

/** tw__conf_read - reads one file ("-" is not special) or, for a directory, its
 * *.cfg in order. returns: 0, or -1 when anything was reported. */
int tw__conf_read(struct tw_gen *gen, const char *path);

/** tw__kw_add - registers a table (ends with word NULL) for its owner (NULL:
 * the core). errors: -1 when a word is taken in a common scope: names both. */
int tw__kw_add(const struct tw_kw *table, const struct tw_self *owner, struct tw_err *err);
int tw__section_add(const struct tw__section *section, struct tw_err *err);
int tw__module_section_add(const struct tw_section *s, const struct tw_self *owner,
    struct tw_err *err);
/** tw__kw_find - two words are tried before one. in: second may be NULL.
 * out: n_words taken (1 or 2), owner. returns: NULL when unknown. */
const struct tw_kw *tw__kw_find(unsigned scope, const char *first,
    const char *second, int *n_words, const struct tw_self **owner);
/** tw__line_options - parses the rest of a bind or server line, from word
 * `from`, by the keywords of `scope`. in: core, block: as in struct tw_line.
 * returns: 0 or -1 (reported). */
int tw__line_options(struct tw_line *ln, unsigned scope, int from, void *core,
    char *block);

/* Names that are no keywords. */
enum tw__known { TW__KNOWN_FETCH, TW__KNOWN_CONV, TW__KNOWN_LOGVAR };
/** tw__is_known - does HAProxy 3.4 have a fetch, converter or log variable of
 * this name? For messages about what is not supported yet. */
bool tw__is_known(enum tw__known kind, struct tw_str name);

/** tw__conf_manual - -K: prints the keyword manual from the tables. in: match,
 * NULL or a word to filter by. returns: was there any? */
bool tw__conf_manual(FILE *to, const char *match);
/** tw__conf_table - -Kt: all entries, for programs. */
void tw__conf_table(FILE *to);
/** tw__conf_predicate - -cc: 1 true, 0 false, -1 error. */
int tw__conf_predicate(const char *expression, struct tw_err *err);
/** tw__conf_dump - -dC: the configuration as read, directives resolved and
 * environment expanded. Set before reading. */
extern FILE *tw__conf_dump_to;

/** tw__report_level - the same with a level: ALERT is an error, NOTICE a hint,
 * which counts as neither error nor warning. */
void tw__report_level(struct tw_report *r, enum tw_level level, const char *file,
    int line, const char *raw, int column, const char *text);
/** tw__report_add - is_error picks ALERT or WARNING. in: column -1: no caret. */
void tw__report_add(struct tw_report *r, bool is_error, const char *file, int line,
    const char *raw, int column, const char *text);
/** tw__report_first - its first error, without what stands before it. */
void tw__report_first(const struct tw_report *r, struct tw_err *err);
/** tw__report_all - the same with all of its messages, a line each; "": none. */
void tw__report_all(const struct tw_report *r, struct tw_err *err);

#endif
