/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_conf.c - any bytes as a configuration file, and as a condition.
 *
 * Beyond not crashing: a text is refused if and only if an error was
 * reported, and what is accepted can be dumped and read again with the same
 * result.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../unit/conf_lang.h"
#include "core/base/oplog.h"
#include "core/conf/predicate.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("LIST", "a b  c", 1);
	setenv("EMPTY", "", 1);
	tw__env_begin();
	tw__oplog_quiet(true);
	lang_register();
	return 0;
}

/* Parses, and dumps what counted. returns: owned; out: failed. */
static char *
parse_and_dump(const void *data, size_t len, int *failed)
{
	struct tw_report r = { 0 };
	char *text = NULL;
	size_t text_len;

	tw__env_begin();
	tw__conf_dump_to = open_memstream(&text, &text_len);
	TW_ASSERT(tw__conf_dump_to != NULL);
	*failed = lang_parse(data, len, &r, NULL) != 0;
	fclose(tw__conf_dump_to);
	TW_ASSERT(*failed == (r.n_errors > 0));
	TW_ASSERT((r.text != NULL) == (r.n_errors + r.n_warnings > 0));
	free(r.text);
	return text;
}

static void
fuzz_condition(const uint8_t *data, size_t len)
{
	struct tw_err err = { .text = "" };
	char *const text = strndup((const char *)data, len);

	TW_ASSERT(text != NULL);
	TW_ASSERT((tw__conf_predicate(text, &err) < 0) == (err.text[0] != '\0'));
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int failed, failed_again;

	fuzz_condition(data, len);
	char *const once = parse_and_dump(data, len, &failed);
	if (!failed) {
		char *const again = parse_and_dump(once, strlen(once), &failed_again);

		TW_ASSERT(!failed_again);
		TW_ASSERT(strcmp(once + strspn(once, "\n"),
			      again + strspn(again, "\n")) == 0);
		free(again);
	}
	free(once);
	return 0;
}
