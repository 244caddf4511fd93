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

#include "core/expr/cond.h"
#include "core/flow/req.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define WORDS_MAX 64

static bool
get_given(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)req;
	(void)cur;
	out->type = TW_STRING;
	out->u.str = args[0].str;
	return true;
}

/* Under names that the engine takes for constant and for steady. */
static const struct tw_fetch steady_fetches[] = {
	{ "hdr", "[s,i]", TW_STRING, TW_AT_ANY, get_many, NULL, NULL, "" },
	{ "path", "", TW_STRING, TW_AT_ANY, get_str, NULL, NULL, "" },
	{ "str", "s", TW_STRING, TW_AT_ANY, get_given, NULL, NULL, "" },
	{ .name = NULL },
};

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

/* What the fetches give stays the same, so it must be the same compiled. */
static void
try_folded(const struct tw_cond *c)
{
	static struct tw_req req = { .magic = TW_REQ_MAGIC };
	bool same[2];

	req.arena = tw_gen_arena(&test_gen);
	const bool holds = tw_cond_eval(c, &req);
	tw__exprs_fold(&test_gen);
	tw__exprs_memo(&test_gen);
	tw_memo_begin(&req);
	same[0] = tw_cond_eval(c, &req) == holds;
	same[1] = tw_cond_eval(c, &req) == holds;
	tw_memo_end(&req);
	TW_ASSERT(same[0] && same[1]);
	TW_ASSERT(tw_cond_constant(c) < 0 || tw_cond_constant(c) == holds);
	TW_ASSERT(tw_cond_implies(c, c) || tw_cond_constant(c) >= 0 ||
	    tw_cond_implies(c, NULL));
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
			try_folded(c);
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
	TW_ASSERT(text != NULL && expr_setup(NULL) == 0 &&
	    tw__expr_add_fetches(steady_fetches, &test_err) == 0);
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
