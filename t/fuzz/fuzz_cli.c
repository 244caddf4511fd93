/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_cli.c - any bytes as a line of the control socket: every command and
 * word lies inside it, and nothing is longer than it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "core/run/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
words_check(char *line)
{
	char *word[TW__CLI_WORDS_MAX + 1];
	const size_t len = strlen(line);
	const int n = tw__cli_split_words(line, word);

	for (int i = 0; i < n; i++) {
		TW_ASSERT(word[i] >= line && word[i] + strlen(word[i]) <= line + len);
		TW_ASSERT(i == 0 || word[i] > word[i - 1] + strlen(word[i - 1]));
	}
	TW_ASSERT(n < 0 || word[n] == NULL);
	if (n > 0)
		TW_ASSERT(tw__cli_match("show cli level", word, n) <= n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *const line = malloc(len + 1);

	TW_ASSERT(line != NULL);
	memcpy(line, data, len);
	line[len] = '\0';
	for (char *rest = line; rest != NULL;) {
		char *const command = rest;

		rest = tw__cli_split_command(command);
		words_check(command);
	}
	free(line);
	return 0;
}
