/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expect.c - `http-check expect`: what a good answer looks like.
 *
 * status and rstatus look at the code, string and rstring at the body; each
 * may be negated with "!". A regex that is not valid is refused where it is
 * written. Parsing at start-up or reload, matching on the control thread.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "hc.h"

#define MAX_RANGES 32
#define MATCH_LIMIT 100000 /* steps of the regex engine: some milliseconds */

static int
code_parse(const char **p, uint16_t *code)
{
	char *end;

	if (**p < '1' || **p > '9')
		return -1;
	const unsigned long v = strtoul(*p, &end, 10);
	if (v < 100 || v > 999)
		return -1;
	*p = end;
	*code = (uint16_t)v;
	return 0;
}

/* "200,201,300-310" */
static int
ranges_parse(struct tw_line *ln, int i, struct hc_expect *e)
{
	struct hc_range range[MAX_RANGES];
	const char *p = e->text;
	int n = 0;

	for (;; p++) {
		struct hc_range r;

		if (n == MAX_RANGES)
			return tw_line_fail(
			    ln, i, "more than %d ranges of status codes", MAX_RANGES);
		if (code_parse(&p, &r.from) < 0)
			break;
		r.to = r.from;
		if (*p == '-' && (p++, code_parse(&p, &r.to)) < 0)
			break;
		range[n++] = r;
		if (r.to >= r.from && *p == '\0') {
			struct hc_range *copy = tw_arena_alloc(
			    tw_gen_arena(ln->gen), sizeof(r) * (size_t)n);
			memcpy(copy, range, sizeof(r) * (size_t)n);
			e->range = copy;
			e->n_ranges = n;
			return 0;
		}
		if (r.to < r.from || *p != ',')
			break;
	}
	return tw_line_fail(ln, i,
	    "'%s' is no list of status codes; write codes "
	    "from 100 to 999 and ranges as in '200,300-399'",
	    e->text);
}

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

static int
regex_compile(struct tw_line *ln, int i, struct hc_expect *e)
{
	pcre2_general_context *g =
	    pcre2_general_context_create(arena_get, arena_put, tw_gen_arena(ln->gen));
	PCRE2_SIZE at;
	int code;

	e->regex = pcre2_compile((PCRE2_SPTR)e->text, PCRE2_ZERO_TERMINATED, 0, &code,
	    &at, pcre2_compile_context_create(g));
	if (e->regex != NULL)
		return 0;
	char why[120];
	pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
	return tw_line_fail(ln, i,
	    "regular expression '%s' is wrong at character "
	    "%zu: %s",
	    e->text, (size_t)at + 1, why);
}

static int
pattern_parse(struct tw_line *ln, int i, struct hc_expect *e)
{
	switch (e->match) {
	case HC_STATUS:
		return ranges_parse(ln, i, e);
	case HC_RSTATUS:
	case HC_RSTRING:
		return regex_compile(ln, i, e);
	default:
		return 0;
	}
}

int
hc_expect_parse(struct tw_line *ln, int i, struct hc_expect *e)
{
	static const struct {
		const char *word;
		enum hc_match match;
	} words[] = {
		{ "status", HC_STATUS },
		{ "rstatus", HC_RSTATUS },
		{ "string", HC_STRING },
		{ "rstring", HC_RSTRING },
	};
	const char *word = tw_arg(ln, i);

	*e = (struct hc_expect){ .match = HC_ANY_OK };
	if (word != NULL && word[0] == '!') {
		e->negate = true;
		word = word[1] != '\0' ? word + 1 : tw_arg(ln, ++i);
	}
	for (size_t w = 0; word != NULL && w < TW_N_ELEMENTS(words); w++) {
		if (strcmp(word, words[w].word) == 0)
			e->match = words[w].match;
	}
	if (e->match == HC_ANY_OK)
		return tw_line_fail(ln, word ? i : -1,
		    "write [!] status, rstatus, "
		    "string or rstring and a pattern here%s",
		    word ? "; other forms of 'http-check expect' are not supported yet"
			 : "");
	if (tw_arg(ln, i + 1) == NULL || *tw_arg(ln, i + 1) == '\0')
		return tw_line_fail(ln, i, "'%s' needs a pattern after it", word);
	if (tw_arg(ln, i + 2) != NULL)
		return tw_line_fail(ln, i + 2,
		    "nothing may follow the pattern; "
		    "escape its spaces with a backslash");
	e->text = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, i + 1));
	return pattern_parse(ln, i + 1, e);
}

/* A pattern that runs away on a hostile answer does not match. */
static bool
regex_matches(const pcre2_code *re, struct tw_str s)
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

static bool
status_matches(const struct hc_expect *e, uint16_t status)
{
	char text[8];

	if (e->match == HC_RSTATUS) {
		const int n = snprintf(text, sizeof(text), "%u", status);
		return regex_matches(e->regex, (struct tw_str){ text, (size_t)n });
	}
	for (int i = 0; i < e->n_ranges; i++)
		if (status >= e->range[i].from && status <= e->range[i].to)
			return true;
	return false;
}

bool
hc_status_is_expected(const struct hc_expect *e, uint16_t status)
{
	if (e->match == HC_ANY_OK)
		return status >= 200 && status <= 399;
	return status_matches(e, status) != e->negate;
}

bool
hc_body_matches(const struct hc_expect *e, struct tw_str body)
{
	if (e->match == HC_RSTRING)
		return regex_matches(e->regex, body);
	return memmem(body.p, body.len, e->text, strlen(e->text)) != NULL;
}
