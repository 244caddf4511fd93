/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_errors.c - errorloc, errorfiles and sections http-errors.
 *
 * All of them end as pages of a proxy, by status. `errorfiles` may name a
 * section that is further down: what it means is decided when all is read, and
 * a line for the same status that follows it takes its place. Start and
 * control thread. source: HAProxy's manual, 4.2 and 3.8.
 */
#include "config.h"

#include <stdlib.h>

#include "http.h"
#include "http_opt.h"

struct http_errors {
	struct http_errors *next;
	const char *name;
	struct tw_str page[HTTP_N_PAGES];
};

/* One `errorfiles` line, as a proxy's page refers to it. */
struct http_errors_ref {
	const char *name, *file;
	int line;
	bool is_named; /* the status was: it must be there */
};

/* --- status codes --- */

/* The page of the status that argument `i` names. returns: -1: reported. */
static int
page_index(struct tw_line *ln, int i)
{
	const char *code = tw_arg(ln, i);
	const int index = strlen(code) == 3 ? tw__http_page_index(atoi(code)) : -1;
	char known[256];
	struct tw_out o = tw_out_of(known, sizeof(known) - 1);

	if (index >= 0)
		return index;
	for (const struct http_page *p = tw__http_pages; p->status; p++) {
		tw_out_u64(&o, (uint64_t)p->status);
		tw_out_char(&o, p[1].status ? ' ' : '\0');
	}
	return tw_line_fail(ln, i,
	    "%s : status code '%s' not handled; write one of: %s", ln->kw->word, code,
	    known);
}

/* --- errorloc --- */

static bool
is_url(const char *url)
{
	for (; *url != '\0'; url++) {
		if ((unsigned char)*url <= ' ' || *url == 0x7f)
			return false;
	}
	return true;
}

/* errorloc, errorloc302, errorloc303 <code> <url> */
int
tw__http_set_errorloc(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;
	const char *url = tw_arg(ln, 1);
	const bool is_303 = strstr(ln->kw->word, "303") != NULL;
	const int i = page_index(ln, 0);

	if (i < 0)
		return -1;
	if (*url == '\0' || !is_url(url))
		return tw_line_fail(ln, 1,
		    "'%s': a blank or control character cannot be in an URL; write "
		    "it as %%XX",
		    ln->kw->word);
	const char *text = tw_arena_printf(tw_gen_arena(ln->gen),
	    "HTTP/1.1 %s\r\nCache-Control: no-cache\r\nContent-length: 0\r\n"
	    "Connection: close\r\nLocation: %s\r\n\r\n",
	    is_303 ? "303 See Other" : "302 Found", url);

	conf->error[i] = tw_str_of(text);
	conf->errors_ref[i] = NULL;
	return 0;
}

/* --- errorfiles --- */

int
tw__http_set_errorfiles(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;
	struct tw_arena *arena = tw_gen_arena(ln->gen);
	struct http_errors_ref *ref = tw_arena_zalloc(arena, sizeof(*ref));

	ref->name = tw_arena_strdup(arena, tw_arg(ln, 0));
	ref->file = ln->file;
	ref->line = ln->number;
	ref->is_named = ln->n_args > 1;
	for (int i = 0; !ref->is_named && i < HTTP_N_PAGES; i++)
		conf->errors_ref[i] = ref;
	for (int i = 1; i < ln->n_args; i++) {
		const int index = page_index(ln, i);

		if (index < 0)
			return -1;
		conf->errors_ref[index] = ref;
	}
	return 0;
}

static const struct http_errors *
section_find(struct tw_gen *gen, const char *name)
{
	const struct http_gen *g = tw_gen_block(gen, tw__http_self);

	for (const struct http_errors *e = g->errors; e != NULL; e = e->next) {
		if (strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

struct tw_str
tw__http_section_page(struct tw_gen *gen, const char *name, int status, bool *known)
{
	const struct http_errors *const e = section_find(gen, name);
	const int i = tw__http_page_index(status);

	*known = e != NULL;
	return e != NULL && i >= 0 ? e->page[i] : (struct tw_str){ NULL, 0 };
}

static int
page_take(struct tw_gen *gen, struct tw_proxy *px, int i)
{
	struct http_proxy *conf = tw_proxy_block(px, tw__http_self);
	const struct http_errors_ref *ref = conf->errors_ref[i];
	const struct http_errors *e = section_find(gen, ref->name);

	if (e == NULL)
		return tw_gen_fail(gen, ref->file, ref->line,
		    "proxy '%s': unknown http-errors section '%s'", tw_proxy_name(px),
		    ref->name);
	if (e->page[i].p != NULL)
		conf->error[i] = e->page[i];
	else if (ref->is_named)
		tw_gen_warn(gen, ref->file, ref->line,
		    "proxy '%s' : status '%d' not declared in http-errors section "
		    "'%s'",
		    tw_proxy_name(px), tw__http_pages[i].status, ref->name);
	return 0;
}

int
tw__http_check_errors(struct tw_gen *gen, struct tw_proxy *px)
{
	const struct http_proxy *conf = tw_proxy_block(px, tw__http_self);
	const struct http_errors_ref *bad = NULL;
	int rc = 0;

	for (int i = 0; i < HTTP_N_PAGES; i++) {
		if (conf->errors_ref[i] == NULL || conf->errors_ref[i] == bad)
			continue;
		if (page_take(gen, px, i) == 0)
			continue;
		bad = conf->errors_ref[i]; /* one line, one message */
		rc = -1;
	}
	return rc;
}

/* --- the section --- */

int
tw__http_errors_open(struct tw_line *ln, void **section)
{
	struct tw_arena *arena = tw_gen_arena(ln->gen);
	struct http_gen *g = tw_gen_block(ln->gen, tw__http_self);
	struct http_errors *e = tw_arena_zalloc(arena, sizeof(*e));
	const char *name = ln->n_words > 1 ? ln->word[1] : "";
	int rc = 0;

	*section = e;
	if (*name == '\0')
		rc = tw_line_fail(ln, -1, "section 'http-errors' expects a name");
	else if (ln->n_words > 2)
		rc = tw_line_fail(ln, -1,
		    "'http-errors' cannot handle unexpected argument '%s'",
		    ln->word[2]);
	else if (section_find(ln->gen, name) != NULL)
		rc = tw_line_fail(ln, -1,
		    "section 'http-errors' named '%s' was declared before; give each "
		    "a name of its own",
		    name);
	e->name = tw_arena_strdup(arena, name);
	e->next = g->errors;
	g->errors = e;
	return rc;
}

int
tw__http_section_errorfile(struct tw_line *ln)
{
	struct http_errors *e = ln->section;
	struct tw_err err;
	const int i = page_index(ln, 0);

	if (i < 0)
		return -1;
	const struct tw_str text =
	    tw__http_errorfile(tw_gen_arena(ln->gen), tw_arg(ln, 1), &err);

	if (text.p == NULL)
		return tw_line_fail(ln, 1, "%s", err.text);
	e->page[i] = text;
	return 0;
}
