/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/use_run.h - use_backend rules that are passed over together.
 */
#ifndef TW_PROXY_USE_RUN_H
#define TW_PROXY_USE_RUN_H

#include "core/proxy/proxy.h"

/** tw__routes_compile - finds the runs among the frontends' rules, when all files
 * are read and what is constant is folded. */
void tw__routes_compile(struct tw_gen *gen);
/** tw__proxies_hint - hints.c: notices of -c, after all checks. */
void tw__proxies_hint(struct tw_gen *gen);
/** tw__use_skip - from this rule on, the first that may apply: itself, or when
 * it is of a run, perhaps one further down. in: hits, of the same walk; .run NULL
 * to begin with. returns: NULL: none is left. */
const struct tw__use *tw__use_skip(const struct tw__use *use, struct tw_req *req,
    struct tw_cond_hits *hits);

/** tw__use_tell - the rules from `use` to before `end` were passed over: tells the
 * request's trail. in: end, NULL: all of them. */
void tw__use_tell(
    const struct tw__use *use, const struct tw__use *end, struct tw_req *req);

#endif
