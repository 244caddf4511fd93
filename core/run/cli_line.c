/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cli_line.c - a line of the control socket as commands and words. Pure.
 * source: HAProxy's management guide, 9.3.
 */
#include "config.h"

#include <string.h>

#include "core/run/cli.h"

char *
tw__cli_split_command(char *line)
{
	for (char *p = line; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0') {
			p++;
		} else if (*p == ';') {
			*p = '\0';
			return p + 1;
		}
	}
	return NULL;
}

/* Moves a word to the front of where it stood. returns: behind it. */
static char *
word_unescape(char *p)
{
	char *to = p;

	while (*p != '\0' && *p != ' ' && *p != '\t') {
		if (*p == '\\' && p[1] != '\0')
			p++;
		*to++ = *p++;
	}
	const bool more = *p != '\0';
	*to = '\0';
	return more ? p + 1 : p;
}

int
tw__cli_split_words(char *line, char *word[TW__CLI_WORDS_MAX + 1])
{
	int n = 0;

	for (;;) {
		line += strspn(line, " \t");
		if (*line == '\0')
			break;
		if (n == TW__CLI_WORDS_MAX)
			return -1;
		word[n++] = line;
		line = word_unescape(line);
	}
	word[n] = NULL;
	return n;
}

int
tw__cli_match(const char *words, char *const *word, int n)
{
	int i = 0;

	while (*words != '\0') {
		const size_t len = strcspn(words, " ");

		if (i == n || strlen(word[i]) != len ||
		    memcmp(word[i], words, len) != 0)
			return 0;
		i++;
		words += len + (words[len] == ' ');
	}
	return i;
}
