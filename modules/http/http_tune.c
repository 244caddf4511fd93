/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_tune.c - settings that reach into the HTTP/1 codec.
 *
 * tune.http.maxhdr, h1-case-adjust with its file and options, and option
 * accept-unsafe-violations-in-http-request and -response. The codec asks for
 * them where it has been told that some configuration has one (two flags that
 * are only ever set), or when it has refused something anyway: h1_tune.c. Start
 * and control thread. source: HAProxy's manual, 3.1
 * and 4.2.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "h1.h"
#include "http.h"

/* --- tune.http.maxhdr --- */

/* The first line counts, too. */
int
tw__http_set_maxhdr(struct tw_line *ln)
{
	struct http_gen *const g = ln->state;
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 1, 32767, &n, &err) != 0)
		return tw_line_fail(ln, 0, "'tune.http.maxhdr': %s", err.text);
	if (n > TW_MAX_HDR + 1)
		return tw_line_fail(ln, 0,
		    "'tune.http.maxhdr' is at most %d here, as there is room for %d "
		    "fields; write that, or remove the line",
		    TW_MAX_HDR + 1, TW_MAX_HDR);
	g->max_hdr = (uint16_t)n;
	return 0;
}

/* --- h1-case-adjust --- */

static bool
is_token(const char *s)
{
	if (*s == '\0')
		return false;
	while (h1_is(*s, H1_TOKEN))
		s++;
	return *s == '\0';
}

/* returns: NULL, or what is wrong with it. */
static const char *
case_add(struct tw_gen *gen, struct http_case **list, const char *from, const char *to)
{
	struct tw_arena *const arena = tw_gen_arena(gen);

	if (!is_token(from) || !is_token(to))
		return "is not a name of a field";
	for (const char *p = from; *p != '\0'; p++) {
		if (isupper((unsigned char)*p))
			return "must be in lower case";
	}
	if (strcasecmp(from, to) != 0)
		return "and its replacement differ in more than case";
	if (tw__http_case_find(*list, tw_str_of(from)) != NULL)
		return "is adjusted already";
	struct http_case *const c = tw_arena_zalloc(arena, sizeof(*c));
	*c = (struct http_case){ *list, tw_str_of(tw_arena_strdup(arena, to)) };
	*list = c;
	return NULL;
}

int
tw__http_set_case(struct tw_line *ln)
{
	struct http_gen *const g = ln->state;
	const char *const why =
	    case_add(ln->gen, &g->cases, tw_arg(ln, 0), tw_arg(ln, 1));

	return why == NULL
	    ? 0
	    : tw_line_fail(ln, 0, "'h1-case-adjust': '%s' %s", tw_arg(ln, 0), why);
}

/* in: text, one line. */
static const char *
case_line(struct tw_gen *gen, struct http_case **list, char *text)
{
	static const char blanks[] = " \t\r\n";
	char *save;
	const char *const from = strtok_r(text, blanks, &save);

	if (from == NULL || *from == '#')
		return NULL;
	const char *const to = strtok_r(NULL, blanks, &save);
	if (to == NULL || strtok_r(NULL, blanks, &save) != NULL)
		return "expects two names";
	return case_add(gen, list, from, to);
}

/* The last file counts. */
int
tw__http_set_case_file(struct tw_line *ln)
{
	struct http_gen *const g = ln->state;
	FILE *const f = fopen(tw_arg(ln, 0), "re");
	char text[1024];
	const char *why = NULL;
	int n = 0;

	if (f == NULL)
		return tw_line_fail(
		    ln, 0, "'h1-case-adjust-file': cannot open '%s'", tw_arg(ln, 0));
	g->file_cases = NULL;
	while (why == NULL && fgets(text, sizeof(text), f) != NULL) {
		n++;
		why = strchr(text, '\n') == NULL && !feof(f)
		    ? "is too long"
		    : case_line(ln->gen, &g->file_cases, text);
	}
	fclose(f);
	if (why != NULL)
		return tw_line_fail(ln, 0, "'h1-case-adjust-file': %s:%d: '%s' %s",
		    tw_arg(ln, 0), n, strtok(text, " \t\r\n"), why);
	return 0;
}

/* --- options --- */

/* "option accept-unsafe-violations-in-http-request", or its name before 3.1. */
int
tw__http_set_loose(struct tw_line *ln)
{
	struct http_proxy *const conf = ln->state;
	const char *const word = ln->kw->word + strlen("option ");
	const bool is_request = strstr(word, "-request") != NULL;

	if (is_request)
		conf->opt.loose_request = !ln->no;
	else
		conf->opt.loose_response = !ln->no;
	if (ln->no)
		return 0;
	if (strncmp(word, "accept-invalid-", 15) == 0)
		tw_line_warn(ln, -1,
		    "'option %s' is deprecated; its name is 'option "
		    "accept-unsafe-violations-in-http-%s'",
		    word, is_request ? "request" : "response");
	return tw_line_warn(ln, -1,
	    "'option %s' lets %s pass that others may read in another way, which "
	    "attacks are made of; use it only until the fault is mended",
	    word, is_request ? "requests" : "responses");
}

int
tw__http_set_adjust(struct tw_line *ln)
{
	struct http_proxy *const conf = ln->state;

	if (strstr(ln->kw->word, "client") != NULL)
		conf->opt.adjust_client = !ln->no;
	else
		conf->opt.adjust_server = !ln->no;
	return 0;
}

/* --- check --- */

/* Names of the file follow those of the lines, which are stronger. */
static const struct http_case *
cases_join(struct http_gen *g)
{
	struct http_case **at = &g->cases;

	while (*at != NULL)
		at = &(*at)->next;
	*at = g->file_cases;
	g->file_cases = NULL;
	return g->cases;
}

void
tw__http_tune_check(struct tw_gen *gen)
{
	struct http_gen *const g = tw_gen_block(gen, tw__http_self);
	const struct http_case *const cases = cases_join(g);
	struct tw_proxy *px;

	if (g->max_hdr != 0)
		tw__http_is_limited = true;
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		struct http_opt *const opt = tw__http_opt(px);

		opt->max_hdr = g->max_hdr;
		opt->cases = cases;
		if (cases != NULL && (opt->adjust_client || opt->adjust_server))
			tw__http_is_adjusting = true;
	}
}
