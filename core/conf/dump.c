/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dump.c - -dC: the configuration as it was read.
 *
 * Comments and dot directives are gone, the environment is expanded, words
 * are quoted again where they must be: read again, the dump gives the same
 * words. Start-up only.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/trail.h>
#include "core/conf/parser.h"

FILE *tw__conf_dump_to;

static bool
is_plain(const char *word)
{
	const char *p = word;

	for (; *p != '\0'; p++) {
		const unsigned char c = (unsigned char)*p;

		if (c <= ' ' || c == 0x7f || strchr("\"'#\\", c) != NULL)
			return false;
	}
	return p > word;
}

static bool
fits_single_quotes(const char *word)
{
	for (; *word != '\0'; word++)
		if ((unsigned char)*word < ' ' || *word == '\'' || *word == 0x7f)
			return false;
	return true;
}

static void
dump_double_quoted(FILE *to, const char *word)
{
	fputc('"', to);
	for (; *word != '\0'; word++) {
		const unsigned char c = (unsigned char)*word;

		if (c < ' ' || c == 0x7f)
			fprintf(to, "\\x%02x", c);
		else if (strchr("\"\\$", c) != NULL)
			fprintf(to, "\\%c", c);
		else
			fputc(c, to);
	}
	fputc('"', to);
}

static void
dump_word(FILE *to, const char *word)
{
	if (is_plain(word))
		fputs(word, to);
	else if (fits_single_quotes(word))
		fprintf(to, "'%s'", word);
	else
		dump_double_quoted(to, word);
}

void
tw__conf_dump_line(char *const *word, int n_words, bool is_section)
{
	static bool any;

	if (tw__conf_dump_to == NULL)
		return;
	if (is_section && any)
		fputc('\n', tw__conf_dump_to);
	any = true;
	for (int i = 0; i < n_words; i++) {
		fputs(i > 0 ? " " : is_section ? "" : "\t", tw__conf_dump_to);
		dump_word(tw__conf_dump_to, word[i]);
	}
	fputc('\n', tw__conf_dump_to);
}

/* As most lines are: nothing in them needs quotes. returns: NULL: something does. */
static const char *
plain_text(const struct tw_line *ln)
{
	size_t len = 0;

	for (int i = ln->pos; i < ln->n_words; i++) {
		if (!is_plain(ln->word[i]))
			return NULL;
		len += strlen(ln->word[i]) + 1;
	}
	char *const text = tw_arena_alloc(tw_gen_arena(ln->gen), len + 1);
	char *p = text;
	for (int i = ln->pos; i < ln->n_words; i++) {
		const size_t n = strlen(ln->word[i]);

		memcpy(p, ln->word[i], n);
		p[n] = ' ';
		p += n + 1;
	}
	p[p > text ? -1 : 0] = '\0';
	return text;
}

static const char *
quoted_text(const struct tw_line *ln)
{
	char *text = NULL;
	size_t len = 0;
	FILE *const to = open_memstream(&text, &len);

	if (to == NULL)
		return NULL;
	for (int i = ln->pos; i < ln->n_words; i++) {
		if (i > ln->pos)
			fputc(' ', to);
		dump_word(to, ln->word[i]);
	}
	fclose(to);
	const char *const kept = tw_arena_strdup(tw_gen_arena(ln->gen), text);
	free(text);
	return kept;
}

const char *
tw_trail_text(const struct tw_line *ln)
{
	const char *const text = plain_text(ln);

	return text != NULL ? text : quoted_text(ln);
}
