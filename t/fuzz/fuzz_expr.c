/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_expr.c - any text as an expression, an ACL, a condition, a log-format;
 * what is accepted is evaluated. A refusal must say why.
 *
 * The first byte chooses. Words after -f become patterns, so that no file is
 * read, and host names are never asked for (-n).
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>

#include <tideway/assert.h>

#include "../unit/expr_help.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define WORDS_MAX 64

/* Of what arguments name: what fails must say why. */
static bool
checks_pass(void)
{
	struct tw__expr_gen *const eg = tw__expr_gen(&test_gen);

	for (struct tw__late *late = eg->late; late != NULL; late = late->next) {
		struct tw_err err = { "" };
		if (late->check(&test_gen, late->args, &err) == 0)
			continue;
		TW_ASSERT(err.text[0] != '\0');
		return false;
	}
	return true;
}

static void
try_expr(const char *text)
{
	struct tw_sample s;
	const struct tw__ectx cx = test_cx();
	const char *p = text, *match;
	const struct tw_expr *const e = tw__expr_parse(&cx, &p, &match);

	TW_ASSERT(p >= text && p <= text + strlen(text));
	if (e == NULL)
		TW_ASSERT(test_err.text[0] != '\0');
	else if (checks_pass() && tw_expr_eval(e, NULL, &s))
		(void)tw__cast(NULL, &s, TW_STRING);
}

static void
try_acl(char **word, int n)
{
	const struct tw__ectx cx = test_cx();
	static char no_names[] = "-n";
	char *with[WORDS_MAX + 1] = { n > 0 ? word[0] : NULL, no_names };

	for (int i = 1; i < n; i++)
		with[i + 1] = word[i];
	const struct tw__acl *const acl =
	    tw__acl_anonymous(&cx, with, n > 0 ? n + 1 : 0);
	if (acl == NULL)
		TW_ASSERT(test_err.text[0] != '\0');
	else if (checks_pass())
		(void)tw__acl_eval(acl, NULL);
}

static void
try_cond(char **word, int n)
{
	struct tw__acl *list = NULL;
	int bad = -1;
	const struct tw__ectx cx = test_cx();
	const struct tw_cond *const c = tw__cond_parse(&cx, &list, word, n, &bad);

	if (c != NULL) {
		if (checks_pass())
			(void)tw_cond_eval(c, NULL);
		return;
	}
	TW_ASSERT(test_err.text[0] != '\0');
	TW_ASSERT(bad >= 0 && (bad < n || n == 0));
}

static void
try_logfmt(const char *text)
{
	char mem[256];
	struct tw_out o = tw_out_of(mem, sizeof(mem));
	const struct tw__ectx cx = test_cx();
	const struct tw_logfmt *const f = tw__logfmt_parse(&cx, text);

	if (f == NULL)
		TW_ASSERT(test_err.text[0] != '\0');
	else if (checks_pass())
		TW_ASSERT(tw_logfmt_out(f, NULL, &o) <= sizeof(mem));
}

/* In conditions: braces may hold names of files and hosts. */
static void
tame(char **word, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(word[i], "-f") == 0)
			word[i][1] = 'i';
}

static bool
names_hosts(char *const *word, int n)
{
	for (int i = 0; i < n; i++)
		if (strstr(word[i], "t_ip") != NULL || strcmp(word[i], "ip") == 0)
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *word[WORDS_MAX];

	if (len < 1 || len > 4096)
		return 0;
	char *const text = malloc(len);
	TW_ASSERT(text != NULL && expr_setup(NULL) == 0);
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	if (strstr(text, "jwt_verify") != NULL && strchr(text, '/') != NULL) {
		expr_teardown(NULL); /* it would read that file */
		free(text);
		return 0;
	}
	given.str = TW_STR("some/Text.of 10.0.0.1");
	given.many[0] = "a";
	given.many[1] = "b";
	given.ip = (struct tw_sample){ .type = TW_IPV4, .u.ip = { 10, 0, 0, 1 } };
	if (data[0] % 4 == 0) {
		try_expr(text);
	} else if (data[0] % 4 == 1) {
		try_logfmt(text);
	} else {
		const int n = split_words(text, word, WORDS_MAX);
		tame(word, n);
		if (data[0] % 4 == 2)
			try_acl(word, n);
		else if (!names_hosts(word, n))
			try_cond(word, n);
	}
	expr_teardown(NULL);
	test_gen.expr = NULL;
	free(text);
	return 0;
}
