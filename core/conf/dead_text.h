/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */

/*
 * dead_text.h - the bounded text that the rewrites of dead lines write.
 *
 * Appends, and quotes words as the configuration's lexer reads them. In a
 * header because the two files that use it stand without the rest of the core.
 * Control thread, while parsing.
 */
#ifndef TW_CONF_DEAD_TEXT_H
#define TW_CONF_DEAD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Where it writes; what does not fit is dropped, the end stays a NUL. */
struct out {
	char *buf;
	size_t size;
	size_t len;
};

/* A stretch of a word, not terminated. */
struct span {
	const char *s;
	size_t len;
};

static inline struct span span_skip(struct span s, size_t n)
{
	return (struct span){ s.s + n, s.len - n };
}

static inline void out_mem(struct out *o, const char *s, size_t len)
{
	size_t room = o->size - o->len - 1;

	if (len > room)
		len = room;
	memcpy(o->buf + o->len, s, len);
	o->len += len;
	o->buf[o->len] = '\0';
}

static inline void out_str(struct out *o, const char *s)
{
	out_mem(o, s, strlen(s));
}

/* A backslash matters only before what the lexer would unescape. */
static inline bool word_needs_quotes(const char *s, size_t len)
{
	if (len == 0)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (strchr(" \t\r\n\"'#", s[i]) != NULL)
			return true;
		if (s[i] == '\\' && (i + 1 == len || strchr("\\nrtx$", s[i + 1])))
			return true;
	}
	return false;
}

/* Between double quotes: what is special there is escaped. */
static inline void out_escaped(struct out *o, const char *s, size_t len)
{
	out_str(o, "\"");
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\r' || s[i] == '\n') {
			out_str(o, s[i] == '\r' ? "\\r" : "\\n");
			continue;
		}
		if (strchr("\"\\$", s[i]) != NULL)
			out_str(o, "\\");
		out_mem(o, s + i, 1);
	}
	out_str(o, "\"");
}

static inline bool has_any(const char *s, size_t len, const char *set)
{
	for (size_t i = 0; i < len; i++)
		if (strchr(set, s[i]) != NULL)
			return true;
	return false;
}

static inline void out_word(struct out *o, const char *s, size_t len)
{
	if (!word_needs_quotes(s, len)) {
		out_mem(o, s, len);
	} else if (has_any(s, len, "'\r\n")) {
		out_escaped(o, s, len);
	} else {
		out_str(o, "'");
		out_mem(o, s, len);
		out_str(o, "'");
	}
}

static inline void out_words(struct out *o, const char **words, int n)
{
	for (int i = 0; i < n; i++) {
		out_str(o, " ");
		out_word(o, words[i], strlen(words[i]));
	}
}

#endif
