/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr_help.h - a generation and fetches for tests of the expression engine.
 *
 * The fetches give what the test put into `given`; none looks at a request.
 */
#ifndef T_UNIT_EXPR_HELP_H
#define T_UNIT_EXPR_HELP_H

#include <stdlib.h>

#include "core/expr/conv.h"
#include "core/run/gen.h"

static struct {
	struct tw_str str;
	struct tw_sample ip;
	int64_t n;
	const char *many[4]; /* ends with NULL */
	int asked;           /* how often a fetch was called */
} given;

static bool
get_str(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	(void)req;
	(void)args;
	(void)cur;
	given.asked++;
	out->type = TW_STRING;
	out->u.str = given.str;
	return given.str.p != NULL;
}

static bool
get_int(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	(void)req;
	(void)args;
	(void)cur;
	given.asked++;
	out->type = TW_SINT;
	out->u.n = given.n;
	return true;
}

static bool
get_bool(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	(void)req;
	(void)args;
	(void)cur;
	given.asked++;
	out->type = TW_BOOL;
	out->u.n = given.n != 0;
	return true;
}

static bool
get_ip(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	(void)req;
	(void)args;
	(void)cur;
	*out = given.ip;
	return true;
}

static bool
get_many(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	(void)req;
	(void)args;
	const char *const value = given.many[cur->at[0]++];

	if (value == NULL)
		return false;
	out->type = TW_STRING;
	out->u.str = tw_str_of(value);
	cur->more = given.many[cur->at[0]] != NULL;
	return true;
}

/* echo(text[,n]): its arguments. */
static bool
get_echo(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	(void)req;
	(void)cur;
	given.n = args[1].type == TW_SINT ? args[1].n : -99;
	out->type = TW_STRING;
	out->u.str = args[0].str;
	return true;
}

static bool
get_fixed(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	(void)req;
	(void)cur;
	out->type = TW_BOOL;
	out->u.n = args[0].type != TW_ANY;
	return true;
}

static bool
get_true(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	const struct tw_arg_val present = { .type = TW_SINT };

	(void)args;
	return get_fixed(req, &present, cur, out);
}

extern const struct tw_conv tw__core_convs[];

/* The families of converters that need neither files nor proxies. */
static const struct tw_conv *const test_convs[] = { tw__core_convs, tw__conv_string,
	tw__conv_number, tw__conv_encode, tw__conv_hash, tw__conv_time, tw__conv_net,
	tw__conv_json, tw__conv_crypto, tw__conv_jwt, tw__conv_proto,
	tw__conv_regsub, tw__conv_rfc7239 };

static const struct tw_fetch test_fetches[] = {
	{ "always_false", "", TW_BOOL, TW_AT_ANY, get_fixed, NULL, NULL, "" },
	{ "always_true", "", TW_BOOL, TW_AT_ANY, get_true, NULL, NULL, "" },
	{ "src", "", TW_IPV4, TW_AT_ANY, get_ip, "ip", NULL, "" },
	{ "t_bin", "", TW_BINARY, TW_AT_ANY, get_str, NULL, NULL, "" },
	{ "t_bool", "", TW_BOOL, TW_AT_ANY, get_bool, NULL, NULL, "" },
	{ "t_echo", "s,[i]", TW_STRING, TW_AT_ANY, get_echo, NULL, NULL, "" },
	{ "t_int", "", TW_SINT, TW_AT_ANY, get_int, NULL, NULL, "" },
	{ "t_ip", "", TW_IPV4, TW_AT_ANY, get_ip, NULL, NULL, "" },
	{ "t_many", "", TW_STRING, TW_AT_ANY, get_many, NULL, NULL, "" },
	{ "t_str", "", TW_STRING, TW_AT_ANY, get_str, NULL, NULL, "" },
	{ .name = NULL },
};

static struct tw_gen test_gen;
static struct tw_err test_err;

static inline struct tw__ectx
test_cx(void)
{
	test_err.text[0] = '\0';
	return (struct tw__ectx){ .gen = &test_gen, .where = TW_AT_ANY,
		.err = &test_err };
}

static inline int
expr_setup(void **state)
{
	(void)state;
	test_gen.magic = TW_GEN_MAGIC;
	test_gen.conf.arena = tw_arena_new(0);
	for (size_t i = 0; i < TW_N_ELEMENTS(test_convs); i++)
		if (tw__expr_add_convs(test_convs[i], &test_err) != 0)
			return -1;
	return tw__expr_add_fetches(test_fetches, &test_err) != 0;
}

static inline int
expr_teardown(void **state)
{
	(void)state;
	tw__expr_fini(&test_gen);
	tw_arena_free(&test_gen.conf.arena);
	return 0;
}

/* Splits at blanks, in place. */
static inline int
split_words(char *text, char **word, int max)
{
	int n = 0;

	for (char *p = strtok(text, " "); p != NULL && n < max;
	    p = strtok(NULL, " "))
		word[n++] = p;
	return n;
}

#endif
