/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf/lexer.h - one line of configuration into words.
 *
 * For the parser, -cc and tests. A lexer is reused from line to line, so that
 * reading a file does not allocate for each line. Control thread.
 */
#ifndef TW_CONF_LEXER_H
#define TW_CONF_LEXER_H

#include <tideway/abi.h>

#define TW__MAX_WORDS 64

#define TW__LEX_JOIN 0x01u       /* blanks do not separate: one word at most */
#define TW__LEX_NO_COMMENT 0x02u /* '#' is nothing special */

/* Zeroed, with the first three set, is ready for use. */
struct tw__lexer {
	const char *file;    /* borrow: .FILE */
	const char *section; /* borrow: .SECTION; NULL: "" */
	int line;            /* .LINE */
	char *buf;           /* owns: the words' bytes */
	size_t cap, len;
	char *word[TW__MAX_WORDS + 1]; /* into buf; NULL after the last */
	size_t start[TW__MAX_WORDS];   /* offset of each in buf */
	int column[TW__MAX_WORDS];     /* where it begins in the line, from 0 */
	bool emptied[TW__MAX_WORDS];   /* empty, because a variable was */
	int n_words;
	int first_end;       /* column after the first word */
	char error[160];
	int error_column;
};

/** tw__lex - in: flags, TW__LEX_. out: words, valid until the next call.
 * returns: 0, or -1 with error and error_column. source: HAProxy's manual,
 * 2.2 and 2.3. */
int tw__lex(struct tw__lexer *lx, const char *line, size_t len, unsigned flags);
void tw__lexer_fini(struct tw__lexer *lx);
/** tw__is_blank - what separates words. */
bool tw__is_blank(char c);

#endif
