/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/use_run.h - use_backend rules that are passed over together.
 */
#ifndef TW_PROXY_USE_RUN_H
#define TW_PROXY_USE_RUN_H

#include "core/proxy/proxy.h"

/** tw__use_runs - finds the runs among a frontend's rules, when all files are
 * read. */
void tw__use_runs(struct tw_arena *arena, struct tw__use_list *list);
/** tw__use_skip - from this rule on, the first that may apply: itself, or when
 * it begins a run, one further down. returns: NULL: none is left. */
const struct tw__use *tw__use_skip(const struct tw__use *use, struct tw_req *req);

#endif
