/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash_args.c - the `balance` lines of algorithms that hash.
 *
 * Control thread. source: HAProxy's manual, `balance`; messages in its words
 * where users search for them.
 */
#include "hash.h"

/* What stands between a word's parentheses. returns: p NULL: reported. */
static struct tw_str
in_parentheses(struct tw_line *ln, const char *what)
{
	const char *word = tw_arg(ln, 0);
	const char *open = strchr(word, '('), *end = word + strlen(word);

	if (open == NULL || end[-1] != ')' || end - open < 3) {
		(void)tw_line_fail(ln, 0,
		    "balance %.*s requires %s in parentheses, as in '%.*s(name)'",
		    (int)strcspn(word, "("), word, what, (int)strcspn(word, "("), word);
		return (struct tw_str){ NULL, 0 };
	}
	const struct tw_str s = { open + 1, (size_t)(end - open - 2) };
	return tw_arena_str(tw_gen_arena(ln->gen), s);
}

static int
no_parentheses(struct tw_line *ln)
{
	if (strchr(tw_arg(ln, 0), '(') != NULL)
		return tw_line_fail(ln, 0,
		    "balance '%.*s' takes nothing in parentheses",
		    (int)strcspn(tw_arg(ln, 0), "("), tw_arg(ln, 0));
	return 0;
}

int
source_args(struct tw_line *ln, void *conf)
{
	((struct hash_conf *)conf)->kind = HASH_SOURCE;
	if (ln->n_args > 1)
		return tw_line_fail(ln, 1, "balance 'source' takes no arguments");
	return no_parentheses(ln);
}

/* "len 5": a positive number. returns: arguments taken; -1: reported. */
static int
uri_number(struct tw_line *ln, int i, uint32_t *to)
{
	const char *value = tw_arg(ln, i + 1);
	struct tw_err err;
	uint64_t n;

	if (value == NULL || tw_parse_uint(value, 1, INT32_MAX, &n, &err) != 0)
		return tw_line_fail(ln, value != NULL ? i + 1 : i,
		    "balance uri : '%s' expects a positive integer (got '%s')",
		    tw_arg(ln, i), value != NULL ? value : "");
	*to = (uint32_t)n;
	return 2;
}

int
uri_args(struct tw_line *ln, void *conf)
{
	struct hash_conf *c = conf;

	c->kind = HASH_URI;
	for (int i = 1, n; i < ln->n_args; i += n) {
		const char *word = tw_arg(ln, i);

		n = 1;
		if (strcmp(word, "whole") == 0)
			c->whole = true;
		else if (strcmp(word, "path-only") == 0)
			c->path_only = true;
		else if (strcmp(word, "len") == 0)
			n = uri_number(ln, i, &c->len);
		else if (strcmp(word, "depth") == 0)
			n = uri_number(ln, i, &c->depth);
		else
			n = tw_line_fail(ln, i,
			    "balance uri only accepts parameters 'len', 'depth', "
			    "'path-only', and 'whole' (got '%s')",
			    word);
		if (n < 0)
			return -1;
	}
	return no_parentheses(ln);
}

int
url_param_args(struct tw_line *ln, void *conf)
{
	struct hash_conf *c = conf;
	const char *name = tw_arg(ln, 1), *word = tw_arg(ln, 2);

	c->kind = HASH_URL_PARAM;
	if (name == NULL || *name == '\0')
		return tw_line_fail(
		    ln, -1, "balance url_param requires an URL parameter name");
	c->name = tw_arena_str(tw_gen_arena(ln->gen), tw_str_of(name));
	c->check_post = word != NULL && strcmp(word, "check_post") == 0;
	if (word != NULL && !c->check_post)
		return tw_line_fail(ln, 2,
		    "balance url_param only accepts 'check_post' modifier (got '%s')",
		    word);
	if (ln->n_args > 4)
		return tw_line_fail(
		    ln, 4, "balance url_param takes nothing after 'check_post <max>'");
	if (ln->n_args > 3)
		return tw_line_warn(ln, 3,
		    "'check_post' has no argument any more; '%s' is ignored",
		    tw_arg(ln, 3));
	return no_parentheses(ln);
}

int
hdr_args(struct tw_line *ln, void *conf)
{
	struct hash_conf *c = conf;
	const char *word = tw_arg(ln, 1);

	c->kind = HASH_HDR;
	c->name = in_parentheses(ln, "an http header field name");
	if (c->name.p == NULL)
		return -1;
	c->id = tw_hdr_id(c->name);
	c->domain_only = word != NULL && strcmp(word, "use_domain_only") == 0;
	if (word != NULL && (!c->domain_only || ln->n_args > 2))
		return tw_line_fail(ln, c->domain_only ? 2 : 1,
		    "balance %s only accepts 'use_domain_only' modifier (got '%s')",
		    tw_arg(ln, 0), tw_arg(ln, c->domain_only ? 2 : 1));
	return 0;
}

int
expr_args(struct tw_line *ln, void *conf)
{
	struct hash_conf *c = conf;

	c->kind = HASH_EXPR;
	if (tw_arg(ln, 1) == NULL)
		return tw_line_fail(
		    ln, -1, "balance hash requires a sample expression");
	if (ln->n_args > 2)
		return tw_line_fail(ln, 2,
		    "balance hash takes no other argument (got '%s')", tw_arg(ln, 2));
	c->expr = tw_expr_compile(ln, 1, tw_arg(ln, 1), TW_AT_CONN | TW_AT_REQUEST);
	return c->expr != NULL ? no_parentheses(ln) : -1;
}
