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
dump_double_quoted(const char *word)
{
	fputc('"', tw__conf_dump_to);
	for (; *word != '\0'; word++) {
		const unsigned char c = (unsigned char)*word;

		if (c < ' ' || c == 0x7f)
			fprintf(tw__conf_dump_to, "\\x%02x", c);
		else if (strchr("\"\\$", c) != NULL)
			fprintf(tw__conf_dump_to, "\\%c", c);
		else
			fputc(c, tw__conf_dump_to);
	}
	fputc('"', tw__conf_dump_to);
}

static void
dump_word(const char *word)
{
	if (is_plain(word))
		fputs(word, tw__conf_dump_to);
	else if (fits_single_quotes(word))
		fprintf(tw__conf_dump_to, "'%s'", word);
	else
		dump_double_quoted(word);
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
		dump_word(word[i]);
	}
	fputc('\n', tw__conf_dump_to);
}
