/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/fetch_names.h - backends and servers that fetches name (fetch_l4.c).
 */
#ifndef TW_EXPR_FETCH_NAMES_H
#define TW_EXPR_FETCH_NAMES_H

#include <tideway/proxy.h>

#include "expr/expr_int.h"

/** tw__fetch_check_backend, tw__fetch_check_server - checks: args[0] names one;
 * absent: none is meant. out: args[0].ptr. */
int tw__fetch_check_backend(
    struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err);
int tw__fetch_check_server(
    struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err);
/** tw__fetch_backend - the argument's, the chosen one, or the proxy's own. */
const struct tw_proxy *tw__fetch_backend(
    struct tw_req *req, const struct tw_arg_val *args);

#endif
