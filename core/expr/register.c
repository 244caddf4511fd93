/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * register.c - the engine's beginning and end.
 *
 * Apart from expr.c so that the engine can be tested without the fetches that
 * need running proxies.
 */
#include "config.h"

#include "expr/expr_int.h"
#include "expr/regex.h"
#include "run/gen.h"

extern const struct tw_fetch tw__core_fetches[];
extern const struct tw_fetch tw__proxy_hdr_fetches[];
extern const struct tw_conv tw__core_convs[];
extern const struct tw_fetch tw__var_fetches[];

int
tw__expr_register(struct tw_err *err)
{
	if (tw__expr_add_fetches(tw__core_fetches, err) != 0 ||
	    tw__expr_add_fetches(tw__proxy_hdr_fetches, err) != 0 ||
	    tw__expr_add_fetches(tw__var_fetches, err) != 0)
		return -1;
	return tw__expr_add_convs(tw__core_convs, err);
}

void
tw__expr_fini(struct tw_gen *gen)
{
	if (gen->expr != NULL)
		tw__regex_fini(gen->expr);
}
