/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lexer.c - one line of configuration into words.
 *
 * Quotes and escapes as in HAProxy's manual, 2.2: a backslash protects blank,
 * '#', '\', '"' and "'" and makes \n \r \t \xHH; before anything else it
 * stays. Within double quotes the environment is expanded (2.3), "\$" is a
 * dollar; within single quotes nothing is special. "${LIST[*]}" is split at
 * blanks into words. A default after a dash is taken as it stands, up to the
 * next brace. Control thread.
 */
#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <tideway/encode.h>
#include <tideway/assert.h>
#include <tideway/str.h>
#include "core/conf/lexer.h"

/* Where it is in the line. */
struct cursor {
	const char *line;
	const char *p, *end;
	unsigned flags;
	bool in_word;
	char quote; /* 0, '"' or '\'' */
	int quote_column;
	bool quoted;   /* the word has quotes: it counts though empty */
	bool expanded; /* the word has seen a variable */
	bool split;    /* ... a list of several words */
};

bool
tw__is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int
fail(struct tw__lexer *lx, const struct cursor *c, const char *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(lx->error, sizeof(lx->error), fmt, ap);
	va_end(ap);
	lx->error_column = (int)(at - c->line);
	return -1;
}

static void
put(struct tw__lexer *lx, char byte)
{
	if (lx->len == lx->cap) {
		lx->cap = lx->cap ? lx->cap * 2 : 512;
		lx->buf = realloc(lx->buf, lx->cap);
		TW_ASSERT(lx->buf != NULL);
	}
	lx->buf[lx->len++] = byte;
}

static int
word_begin(struct tw__lexer *lx, struct cursor *c)
{
	if (c->in_word)
		return 0;
	if (lx->n_words == TW__MAX_WORDS)
		return fail(lx, c, c->p, "too many words: a line has %d at most",
		    TW__MAX_WORDS);
	lx->start[lx->n_words] = lx->len;
	lx->column[lx->n_words] = (int)(c->p - c->line);
	c->in_word = true;
	c->quoted = c->expanded = c->split = false;
	return 0;
}

static void
word_end(struct tw__lexer *lx, struct cursor *c)
{
	const int i = lx->n_words;

	if (!c->in_word)
		return;
	c->in_word = false;
	const bool empty = lx->len == lx->start[i];
	if (empty && (c->split || !c->quoted))
		return; /* a list without members is no word */
	lx->emptied[i] = empty && c->expanded;
	put(lx, '\0');
	if (i == 0)
		lx->first_end = (int)(c->p - c->line);
	lx->n_words++;
}

static int
lex_hex(struct tw__lexer *lx, struct cursor *c)
{
	const int hi = c->end - c->p > 2 ? tw_hex_digit(c->p[2]) : -1;
	const int lo = c->end - c->p > 3 ? tw_hex_digit(c->p[3]) : -1;

	if (hi < 0 || lo < 0)
		return fail(lx, c, c->p, "truncated or invalid hexadecimal sequence");
	if (hi == 0 && lo == 0)
		return fail(lx, c, c->p, "a word cannot hold a NUL byte (\\x00)");
	put(lx, (char)(hi << 4 | lo));
	c->p += 4;
	return 0;
}

/* At a backslash outside single quotes. */
static int
lex_escape(struct tw__lexer *lx, struct cursor *c)
{
	const char next = c->p + 1 < c->end ? c->p[1] : '\0';
	char byte = next;

	switch (next) {
	case 'x':
		return lex_hex(lx, c);
	case 'n':
		byte = '\n';
		break;
	case 'r':
		byte = '\r';
		break;
	case 't':
		byte = '\t';
		break;
	case ' ':
	case '#':
	case '\\':
	case '"':
	case '\'':
		break;
	case '$':
		if (c->quote == '"')
			break;
		/* fallthrough */
	default:
		put(lx, '\\');
		c->p++;
		return 0;
	}
	put(lx, byte);
	c->p += 2;
	return 0;
}

static bool
is_name_char(char c, bool first)
{
	return c == '_' || isalpha((unsigned char)c) ||
	    (!first && isdigit((unsigned char)c));
}

/* The value of a variable or pseudo-variable; NULL: there is none. */
static const char *
variable(const struct tw__lexer *lx, const char *name, char text[static 16])
{
	if (strcmp(name, ".FILE") == 0)
		return lx->file ? lx->file : "";
	if (strcmp(name, ".SECTION") == 0)
		return lx->section ? lx->section : "";
	if (strcmp(name, ".LINE") == 0) {
		snprintf(text, 16, "%d", lx->line);
		return text;
	}
	return name[0] == '.' ? NULL : getenv(name);
}

/* Adds a variable's value; with `split` its blanks separate words. */
static int
put_value(struct tw__lexer *lx, struct cursor *c, struct tw_str v, bool split)
{
	c->expanded = true;
	c->split |= split;
	for (size_t i = 0; i < v.len; i++) {
		if (split && tw__is_blank(v.p[i])) {
			if (c->in_word && lx->len > lx->start[lx->n_words])
				word_end(lx, c);
			continue;
		}
		if (word_begin(lx, c) != 0)
			return -1;
		put(lx, v.p[i]);
	}
	return 0;
}

struct variable {
	char name[256];
	bool split;
	bool has_default;
	struct tw_str otherwise;
	const char *end; /* after it */
};

/* After the name, within braces: [*], -default, and the closing brace. */
static int
lex_braces(struct tw__lexer *lx, struct cursor *c, const char *p, struct variable *v)
{
	const char *const brace = c->p + 1;

	if (c->end - p >= 3 && memcmp(p, "[*]", 3) == 0) {
		v->split = true;
		p += 3;
	}
	if (p < c->end && *p == '-') {
		const char *close = memchr(p, '}', (size_t)(c->end - p));

		v->has_default = true;
		v->otherwise.p = p + 1;
		p = close ? close : c->end;
		v->otherwise.len = (size_t)(p - v->otherwise.p);
	}
	if (p >= c->end || *p != '}')
		return fail(
		    lx, c, brace, "unmatched brace in environment variable name");
	v->end = p + 1;
	return 0;
}

/* At a dollar within double quotes. */
static int
lex_variable_name(struct tw__lexer *lx, struct cursor *c, struct variable *v)
{
	const bool brace = c->p + 1 < c->end && c->p[1] == '{';
	const char *const name = c->p + 1 + brace;
	const char *p = name;

	if (p < c->end && *p == '.')
		p++;
	if (p >= c->end || !is_name_char(*p, true))
		return fail(lx, c, name < c->end ? name : c->end,
		    "forbidden first char in environment variable name");
	while (p < c->end && is_name_char(*p, false))
		p++;
	const size_t len = (size_t)(p - name);
	if (len >= sizeof(v->name))
		return fail(lx, c, name, "environment variable name too long");
	memcpy(v->name, name, len);
	v->name[len] = '\0';
	v->end = p;
	return brace ? lex_braces(lx, c, p, v) : 0;
}

static int
lex_variable(struct tw__lexer *lx, struct cursor *c)
{
	struct variable v = { 0 };
	char text[16];

	if (lex_variable_name(lx, c, &v) != 0)
		return -1;
	const char *value = variable(lx, v.name, text);
	if (value == NULL && v.name[0] == '.')
		return fail(lx, c, c->p + 1,
		    "'%.60s' is not one of .FILE, .LINE and .SECTION", v.name);
	const bool dflt = value == NULL && v.has_default;
	if (put_value(lx, c, dflt ? v.otherwise : tw_str_of(value), v.split) != 0)
		return -1;
	c->p = v.end;
	return 0;
}

static int
lex_quoted(struct tw__lexer *lx, struct cursor *c)
{
	if (*c->p == c->quote) {
		c->quote = 0;
		c->p++;
		return 0;
	}
	if (c->quote == '"' && *c->p == '$')
		return lex_variable(lx, c);
	if (word_begin(lx, c) != 0)
		return -1;
	if (c->quote == '"' && *c->p == '\\')
		return lex_escape(lx, c);
	put(lx, *c->p++);
	return 0;
}

static int
lex_plain(struct tw__lexer *lx, struct cursor *c)
{
	const char ch = *c->p;

	if (tw__is_blank(ch) && (!(c->flags & TW__LEX_JOIN) || !c->in_word)) {
		word_end(lx, c);
		c->p++;
		return 0;
	}
	if (ch == '#' && !(c->flags & TW__LEX_NO_COMMENT)) {
		word_end(lx, c);
		c->p = c->end;
		return 0;
	}
	if (word_begin(lx, c) != 0)
		return -1;
	if (ch == '\\')
		return lex_escape(lx, c);
	if (ch != '"' && ch != '\'') {
		put(lx, ch);
	} else {
		c->quote = ch;
		c->quote_column = (int)(c->p - c->line);
		c->quoted = true;
	}
	c->p++;
	return 0;
}

/* In a joined word the blanks before the comment or the end are no part. */
static void
trim_joined(struct tw__lexer *lx)
{
	char *const w = lx->word[0];
	size_t len = strlen(w);

	while (len > 0 && tw__is_blank(w[len - 1]))
		len--;
	w[len] = '\0';
}

int
tw__lex(struct tw__lexer *lx, const char *line, size_t len, unsigned flags)
{
	struct cursor c = {
		.line = line,
		.p = line,
		.end = line + len,
		.flags = flags,
	};

	lx->len = 0;
	lx->n_words = 0;
	lx->first_end = 0;
	lx->word[0] = NULL;
	const char *const nul = memchr(line, '\0', len);
	if (nul != NULL)
		return fail(lx, &c, nul, "the line holds a NUL byte");
	while (c.p < c.end)
		if ((c.quote ? lex_quoted(lx, &c) : lex_plain(lx, &c)) != 0)
			return -1;
	if (c.quote)
		return fail(lx, &c, line + c.quote_column, "unmatched quote");
	word_end(lx, &c);
	for (int i = 0; i < lx->n_words; i++)
		lx->word[i] = lx->buf + lx->start[i];
	lx->word[lx->n_words] = NULL;
	if ((flags & TW__LEX_JOIN) && lx->n_words > 0)
		trim_joined(lx);
	return 0;
}

void
tw__lexer_fini(struct tw__lexer *lx)
{
	free(lx->buf);
	lx->buf = NULL;
	lx->cap = 0;
}
