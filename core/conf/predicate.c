/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * predicate.c - the conditions of .if, .elif and -cc.
 *
 * Recursive descent: or, and, not, term. All of an expression is looked at,
 * so that a mistake behind "0 &&" is found as well. Versions are compared with
 * the HAProxy whose language this is, because that is what configuration
 * files ask for. Control thread. source: HAProxy's manual, 2.4.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/str.h>
#include "core/conf/conf.h"
#include "core/conf/lexer.h"
#include "core/conf/predicate.h"

#if defined(__has_include)
#if __has_include(<openssl/opensslv.h>)
#include <openssl/opensslv.h>
#endif
#endif
#ifndef OPENSSL_FULL_VERSION_STR
#define OPENSSL_FULL_VERSION_STR "0"
#endif

#define HAPROXY_LEVEL "3.4.0"
#define MAX_DEPTH 64
#define MAX_FEATURES 64
#define ARG_BYTES 1024

struct eval {
	const char *p;
	const char *at;
	struct tw_err *err;
	int depth;
};

/* Filled at start-up by whoever owns a feature; NULL-terminated. */
static const char *features[MAX_FEATURES];

static int eval_or(struct eval *e);

void
tw__feature_add(const char *name)
{
	int i = 0;

	while (features[i] != NULL)
		if (strcmp(features[i++], name) == 0)
			return;
	TW_ASSERT(i < MAX_FEATURES - 1);
	features[i] = name;
}

const char *
tw__feature_each(int i)
{
	return i >= 0 && i < MAX_FEATURES ? features[i] : NULL;
}

/* ---- versions ---- */

/* "2.4-dev19": numbers by rank; a development version is before all others of
 * its number; a letter behind an OpenSSL number counts above none. */
struct version {
	unsigned long part[3];
	unsigned long dev; /* ULONG_MAX: released */
	int letter;
};

static struct version
version_parse(const char *s)
{
	struct version v = { .dev = (unsigned long)-1 };
	char *end;

	for (int i = 0; i < 3; i++) {
		if (!isdigit((unsigned char)*s))
			break;
		v.part[i] = strtoul(s, &end, 10);
		s = *end == '.' ? end + 1 : end;
	}
	if (islower((unsigned char)*s))
		v.letter = *s++;
	if (strncmp(s, "-dev", 4) == 0)
		v.dev = strtoul(s + 4, NULL, 10);
	return v;
}

static int
version_cmp(const char *a, const char *b)
{
	const struct version x = version_parse(a), y = version_parse(b);

	for (int i = 0; i < 3; i++)
		if (x.part[i] != y.part[i])
			return x.part[i] < y.part[i] ? -1 : 1;
	if (x.letter != y.letter)
		return x.letter < y.letter ? -1 : 1;
	return (x.dev > y.dev) - (x.dev < y.dev);
}

/* ---- the predicates ---- */

typedef bool predicate_fn(const char *a, const char *b);

static bool
predicate_defined(const char *a, const char *b)
{
	(void)b;
	return *a != '\0' && getenv(a) != NULL;
}

static bool
predicate_enabled(const char *a, const char *b)
{
	static const char *const on[] = {
		"EPOLL",
		"FAST-FORWARD",
		"GETADDRINFO",
		"POLL",
		"REUSEPORT",
		"SPLICE",
		NULL,
	};

	(void)b;
	return tw_is_one_of(a, on);
}

static bool
predicate_feature(const char *a, const char *b)
{
	(void)b;
	return tw_is_one_of(a, features);
}

static bool
predicate_streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool
predicate_strneq(const char *a, const char *b)
{
	return strcmp(a, b) != 0;
}

static bool
predicate_strstr(const char *a, const char *b)
{
	return strstr(a, b) != NULL;
}

static bool
predicate_version_atleast(const char *a, const char *b)
{
	(void)b;
	return version_cmp(HAPROXY_LEVEL, a) >= 0;
}

static bool
predicate_version_before(const char *a, const char *b)
{
	(void)b;
	return version_cmp(HAPROXY_LEVEL, a) < 0;
}

static bool
predicate_openssl_atleast(const char *a, const char *b)
{
	(void)b;
	return version_cmp(OPENSSL_FULL_VERSION_STR, a) >= 0;
}

static bool
predicate_openssl_before(const char *a, const char *b)
{
	(void)b;
	return version_cmp(OPENSSL_FULL_VERSION_STR, a) < 0;
}

static bool
predicate_ssllib(const char *a, const char *b)
{
	(void)b;
	return strncmp("OpenSSL", a, strlen(a)) == 0;
}

static const struct predicate {
	const char *name;
	int n_args;
	predicate_fn *fn;
} predicates[] = {
	{ "defined", 1, predicate_defined },
	{ "enabled", 1, predicate_enabled },
	{ "feature", 1, predicate_feature },
	{ "streq", 2, predicate_streq },
	{ "strneq", 2, predicate_strneq },
	{ "strstr", 2, predicate_strstr },
	{ "version_atleast", 1, predicate_version_atleast },
	{ "version_before", 1, predicate_version_before },
	{ "openssl_version_atleast", 1, predicate_openssl_atleast },
	{ "openssl_version_before", 1, predicate_openssl_before },
	{ "ssllib_name_startswith", 1, predicate_ssllib },
};

/* ---- the grammar ---- */

static void
skip_blanks(struct eval *e)
{
	while (tw__is_blank(*e->p))
		e->p++;
}

static int
unparsable(struct eval *e, const char *from)
{
	e->at = from;
	return tw_err_set(e->err, "unparsable conditional expression '%.200s'", from);
}

static const struct predicate *
predicate_find(const char *p, size_t len)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(predicates); i++)
		if (strlen(predicates[i].name) == len &&
		    memcmp(predicates[i].name, p, len) == 0)
			return &predicates[i];
	return NULL;
}

/* One quoted or plain character of an argument. out: its byte. */
static void
arg_char(const char **p, char *quote, struct tw_out *o)
{
	if (*quote == '\0' && (**p == '"' || **p == '\'')) {
		*quote = *(*p)++;
		return;
	}
	if (*quote != '\0' && **p == *quote) {
		*quote = '\0';
		(*p)++;
		return;
	}
	if (*quote != '\'' && **p == '\\' && (*p)[1] != '\0' &&
	    strchr(" \\\"'#", (*p)[1]) != NULL)
		(*p)++;
	tw_out_char(o, *(*p)++);
}

/* One argument, up to ',' or ')'. A parenthesis ends it even in quotes: the
 * line's own quotes are gone by now. */
static int
arg_parse(struct eval *e, const struct predicate *pr, int n, char *arg)
{
	struct tw_out o = tw_out_of(arg, ARG_BYTES - 1);
	const char *const from = e->p;
	char quote = '\0';

	while (*e->p != '\0' && *e->p != ')' && (quote || *e->p != ','))
		arg_char(&e->p, &quote, &o);
	*o.p = '\0';
	if (o.over || quote) {
		e->at = from;
		return tw_err_set(e->err, "argument %d of predicate '%s' %s", n + 1,
		    pr->name, o.over ? "is too long" : "has an unmatched quote");
	}
	return 0;
}

static int
args_parse(struct eval *e, const struct predicate *pr, char arg[2][ARG_BYTES])
{
	for (int i = 0; i < pr->n_args; i++) {
		if (i > 0 && *e->p != ',') {
			e->at = e->p;
			return tw_err_set(e->err,
			    "missing arguments of predicate '%s' (got %d/%d)", pr->name,
			    i, pr->n_args);
		}
		e->p += i > 0;
		if (arg_parse(e, pr, i, arg[i]) != 0)
			return -1;
	}
	if (*e->p != ')') {
		e->at = e->p;
		return tw_err_set(e->err,
		    "expected ')' after argument %d of predicate '%s'", pr->n_args,
		    pr->name);
	}
	e->p++;
	return 0;
}

static int
eval_predicate(struct eval *e)
{
	char arg[2][ARG_BYTES] = { "", "" };
	const size_t len = strspn(e->p, "abcdefghijklmnopqrstuvwxyz_");
	const struct predicate *pr = predicate_find(e->p, len);

	if (pr == NULL || e->p[len] != '(')
		return unparsable(e, e->p);
	e->p += len + 1;
	if (args_parse(e, pr, arg) != 0)
		return -1;
	return pr->fn(arg[0], arg[1]);
}

static int
eval_group(struct eval *e)
{
	const char *const from = e->p++;

	const int v = eval_or(e);
	if (v < 0)
		return -1;
	skip_blanks(e);
	if (*e->p != ')') {
		e->at = e->p;
		return tw_err_set(
		    e->err, "expected ')' after conditional expression '%.200s'", from);
	}
	e->p++;
	return v;
}

static int
eval_number(struct eval *e)
{
	char *end;
	const long v = strtol(e->p, &end, 0);

	if (end == e->p)
		return unparsable(e, e->p);
	e->p = end;
	return v != 0;
}

static int
eval_term(struct eval *e)
{
	bool negate = false;

	skip_blanks(e);
	const char *const from = e->p;
	for (; *e->p == '!'; skip_blanks(e)) {
		negate = !negate;
		e->p++;
	}
	int v;
	if (*e->p == '\0')
		v = unparsable(e, from);
	else if (*e->p == '(')
		v = eval_group(e);
	else if (isdigit((unsigned char)*e->p) || *e->p == '-' || *e->p == '+')
		v = eval_number(e);
	else
		v = eval_predicate(e);
	return v < 0 ? -1 : v != negate;
}

static int
eval_and(struct eval *e)
{
	int all = eval_term(e);

	for (skip_blanks(e); all >= 0 && strncmp(e->p, "&&", 2) == 0; skip_blanks(e)) {
		e->p += 2;
		const int v = eval_term(e);
		all = v < 0 ? -1 : all & v;
	}
	return all;
}

static int
eval_or(struct eval *e)
{
	if (++e->depth > MAX_DEPTH) {
		e->at = e->p;
		return tw_err_set(e->err, "more than %d nested parentheses", MAX_DEPTH);
	}
	int any = eval_and(e);
	for (skip_blanks(e); any >= 0 && strncmp(e->p, "||", 2) == 0; skip_blanks(e)) {
		e->p += 2;
		const int v = eval_and(e);
		any = v < 0 ? -1 : any | v;
	}
	e->depth--;
	return any;
}

int
tw__predicate_eval(const char *expression, const char **at, struct tw_err *err)
{
	struct eval e = { .p = expression, .at = expression, .err = err };

	skip_blanks(&e);
	if (*e.p == '\0')
		return 0;
	int v = eval_or(&e);
	skip_blanks(&e);
	if (v >= 0 && *e.p != '\0') {
		e.at = e.p;
		v = tw_err_set(err,
		    "unexpected character '%c' at the end of "
		    "conditional expression '%.200s'",
		    isprint((unsigned char)*e.p) ? *e.p : '?', expression);
	}
	if (at != NULL)
		*at = e.at;
	return v;
}

int
tw__conf_predicate(const char *expression, struct tw_err *err)
{
	struct tw__lexer lx = { .file = "", .line = 0 };
	int v = -1;

	if (tw__lex(&lx, expression, strlen(expression),
		TW__LEX_JOIN | TW__LEX_NO_COMMENT) != 0)
		tw_err_set(err, "%s", lx.error);
	else
		v = tw__predicate_eval(lx.n_words ? lx.word[0] : "", NULL, err);
	tw__lexer_fini(&lx);
	return v;
}
