/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_crt_list.c - any bytes as a line of a crt-list: words lie inside the
 * line, none is empty, brackets are in none, and a refusal has its reason.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/tls/crt_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *const text = malloc(len + 1);
	struct tls_crt_line line;
	struct tw_err err = { "" };

	TW_ASSERT(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	const int rc = tls__crt_line_parse(text, &line, &err);
	TW_ASSERT((rc < 0) == (err.text[0] != '\0'));
	TW_ASSERT(rc < 0 || rc == (line.n_words > 0));
	for (int i = 0; rc > 0 && i < line.n_words; i++) {
		TW_ASSERT(line.word[i] >= text && line.word[i] < text + len);
		TW_ASSERT(line.word[i][0] != '\0');
		TW_ASSERT(strpbrk(line.word[i], " []") == NULL);
	}
	TW_ASSERT(rc <= 0 || line.n_options < line.n_words);
	free(text);
	return 0;
}
