/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * regex.c - regular expressions of expect rules.
 *
 * Compiled into the generation's arena when the line is read, so that a wrong
 * one is refused there; matched on the control thread with a limit, because
 * the subject is a peer's.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "hc.h"

#define MATCH_LIMIT 100000 /* steps of the regex engine: some milliseconds */

static void *
arena_get(size_t len, void *arena)
{
	return tw_arena_alloc(arena, len);
}

static void
arena_put(void *p, void *arena)
{
	(void)p;
	(void)arena; /* it dies with the generation */
}

void *
hc_regex_compile(struct tw_line *ln, int i, const char *text)
{
	pcre2_general_context *g =
	    pcre2_general_context_create(arena_get, arena_put, tw_gen_arena(ln->gen));
	PCRE2_SIZE at;
	int code;

	void *re = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &code, &at,
	    pcre2_compile_context_create(g));
	if (re != NULL)
		return re;
	char why[120];
	pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
	tw_line_fail(ln, i,
	    "regular expression '%s' is wrong at character "
	    "%zu: %s",
	    text, (size_t)at + 1, why);
	return NULL;
}

/* A pattern that runs away on a hostile answer does not match. */
bool
hc_regex_matches(const void *re, struct tw_str s)
{
	pcre2_match_data *m = pcre2_match_data_create(1, NULL);
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	int rc = -1;

	if (m != NULL && limits != NULL) {
		pcre2_set_match_limit(limits, MATCH_LIMIT);
		rc = pcre2_match(
		    re, (PCRE2_SPTR)(s.p ? s.p : ""), s.len, 0, 0, m, limits);
	}
	pcre2_match_context_free(limits);
	pcre2_match_data_free(m);
	return rc >= 0;
}
