/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * crt_list.c - cuts one line of a crt-list into file, options and filters.
 *
 * Blanks part words; `[` and `]` part them too and enclose the options. There
 * are no quotes and no escapes. A line that begins with # is a comment. What
 * the options mean is the caller's business. Pure: any thread.
 */
#include "config.h"

#include "crt_list.h"

struct cut {
	struct tls_crt_line *line;
	int opened, closed; /* how many brackets so far */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int
bracket(struct cut *c, char which, struct tw_err *err)
{
	int *const n = which == '[' ? &c->opened : &c->closed;

	if (which == '[' && c->line->n_words == 0)
		return tw_err_set(err, "file must start with a cert");
	if (++*n > 1 || c->closed > c->opened)
		return tw_err_set(err, "too many '%c'", which);
	if (which == '[' && c->line->n_words > 1)
		return tw_err_set(err,
		    "malformated line, filters can't be between filename "
		    "and options!");
	if (which == ']')
		c->line->n_options = c->line->n_words - 1;
	return 0;
}

static int
add_word(struct cut *c, char *word, struct tw_err *err)
{
	if (c->line->n_words == CRT_LIST_WORDS_MAX)
		return tw_err_set(
		    err, "too many words on one line, at most %d", CRT_LIST_WORDS_MAX);
	c->line->word[c->line->n_words++] = word;
	return 0;
}

int
tls__crt_line_parse(char *text, struct tls_crt_line *line, struct tw_err *err)
{
	struct cut c = { .line = line };

	line->n_words = line->n_options = 0;
	if (text[0] == '#')
		return 0;
	for (char *p = text; *p != '\0';) {
		const char at = *p;
		if (is_blank(at) || at == '[' || at == ']') {
			*p++ = '\0'; /* ends the word before it */
			if (!is_blank(at) && bracket(&c, at, err) != 0)
				return -1;
			continue;
		}
		if (add_word(&c, p, err) != 0)
			return -1;
		p += strcspn(p, " \t\r[]");
	}
	if (c.opened != c.closed)
		return tw_err_set(err, "the options' '[' is not closed by a ']'");
	return line->n_words > 0;
}
