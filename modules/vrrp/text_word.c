/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * text_word.c - a line's comment and words. Pure functions.
 *
 * source: keepalived.conf(5), "Quoted strings". Within quotes a backslash
 * escapes; outside it does so before `#`, `!`, quotes and braces only, so that
 * what other programs read (paths, patterns) arrives as it was written.
 */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "text.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static unsigned
hex_of(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0')
					 : (unsigned)(tolower(c) - 'a' + 10);
}

/* After "\x": any number of hexadecimal digits, of which the last two count. */
static char
hex_escape(const char **p)
{
	unsigned value = 0;
	while (isxdigit((unsigned char)**p))
		value = (value << 4 | hex_of(*(*p)++)) & 0xff;
	return (char)value;
}

static char
octal_escape(const char **p)
{
	unsigned value = 0;
	for (int i = 0; i < 3 && **p >= '0' && **p <= '7'; i++)
		value = value << 3 | (unsigned)(*(*p)++ - '0');
	return (char)(value & 0xff);
}

/* What a backslash within quotes stands for; *p is behind it. */
static char
escape(const char **p)
{
	static const char names[] = "abEfnrtv", values[] = "\a\b\033\f\n\r\t\v";

	if (**p >= '0' && **p <= '7')
		return octal_escape(p);
	const char c = *(*p)++;
	if (c == 'x' && isxdigit((unsigned char)**p))
		return hex_escape(p);
	if (c == 'c' && **p != '\0')
		return (char)(*(*p)++ & 0x1f);
	const char *const found = strchr(names, c);
	return found != NULL ? values[found - names] : c;
}

/* From behind the opening quote to behind the closing one. An escaped NUL would
 * end the word unseen: it is left out. returns: NULL: it has no end. */
static const char *
quoted(const char *p, char quote, char **out)
{
	while (*p != quote) {
		if (*p == '\0')
			return NULL;
		char c = *p++;
		if (c == '\\' && *p != '\0')
			c = escape(&p);
		if (c != '\0')
			*(*out)++ = c;
	}
	return p + 1;
}

/* "${NAME}" that no variable replaced is a part of the word, braces and all. */
static size_t
unknown_variable(const char *p)
{
	const size_t len = p[0] == '$' && p[1] == '{' ? strcspn(p, "} \t\"'") : 0;
	return len > 0 && p[len] == '}' ? len + 1 : 0;
}

static const char *
word_piece(const char *p, char **out)
{
	const size_t len = unknown_variable(p);
	if (len > 0) {
		memcpy(*out, p, len);
		*out += len;
		return p + len;
	}
	if (*p == '"' || *p == '\'')
		return quoted(p + 1, *p, out);
	if (*p == '\\' && p[1] != '\0' && strchr("#!\"'{}", p[1]) != NULL)
		p++;
	*(*out)++ = *p;
	return p + 1;
}

enum vr_token
vr_token(const char **p, char *word, bool braces)
{
	while (is_blank(**p))
		(*p)++;
	if (**p == '\0')
		return VR_TOKEN_END;
	if (braces && (**p == '{' || **p == '}'))
		return *(*p)++ == '{' ? VR_TOKEN_OPEN : VR_TOKEN_CLOSE;
	while (**p != '\0' && !is_blank(**p) && !(braces && strchr("{}", **p))) {
		*p = word_piece(*p, &word);
		if (*p == NULL)
			return VR_TOKEN_BAD;
	}
	*word = '\0';
	return VR_TOKEN_WORD;
}

void
vr_cut_comment(char *line)
{
	char quote = '\0';

	for (char *p = line; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0') {
			p++;
		} else if (quote != '\0') {
			if (*p == quote)
				quote = '\0';
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '#' || *p == '!') {
			*p = '\0';
			return;
		}
	}
}

/* Quotes only: what else a backslash meant was resolved when the line was
 * read. */
static const char *
argument(const char *p, char **out)
{
	for (char quote = '\0'; *p != '\0' && (quote != '\0' || !is_blank(*p)); p++) {
		if (quote == '\0' && (*p == '"' || *p == '\''))
			quote = *p;
		else if (quote != '\0' && *p == quote)
			quote = '\0';
		else
			*(*out)++ = *p;
		if (quote != '\0' && p[1] == '\0')
			return NULL;
	}
	return p;
}

int
vr_split(struct tw_arena *arena, const char *text, char **word)
{
	int n = 0;

	for (;;) {
		while (is_blank(*text) || *text == '\n')
			text++;
		if (*text == '\0' || n == VR_MAX_WORDS)
			return n;
		char *out = tw_arena_alloc(arena, strlen(text) + 1);
		word[n++] = out;
		text = argument(text, &out);
		if (text == NULL)
			return -1;
		*out = '\0';
	}
}
