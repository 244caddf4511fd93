/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * var.h - variables: "txn.name", as rules set them and var() reads them.
 *
 * The scope is part of the name: proc (the process), sess (the client's
 * connection), txn (the exchange), req (until it went to a server), res (from
 * then on). A value keeps its type. What no configuration names costs
 * nothing. source: HAProxy's manual, 2.8.
 */
#ifndef TIDEWAY_VAR_H
#define TIDEWAY_VAR_H

#include <tideway/expr.h>

struct tw_var;

/** tw_var_of - the variable of a name, made when it is new. returns: valid for
 * ever; NULL: err. context: any. */
TW_API struct tw_var *tw_var_of(struct tw_str name, struct tw_err *err);
/** tw_var_get - returns: false: it is not set. out: borrow, until RESET, or the
 * variable is set again. in: req, NULL: only scope proc. */
TW_API bool tw_var_get(struct tw_req *req, const struct tw_var *var,
    struct tw_sample *out);
/** tw_var_set - copies the sample. returns: false: out of memory, or the scope
 * is not there. */
TW_API bool tw_var_set(struct tw_req *req, const struct tw_var *var,
    const struct tw_sample *s);
TW_API void tw_var_unset(struct tw_req *req, const struct tw_var *var);
/** tw_var_exists - it was set once, in this scope's life. */
TW_API bool tw_var_exists(struct tw_req *req, const struct tw_var *var);
/** tw_var_test - a condition of set-var ("ifnotset") as one more bit. errors: -1:
 * err. */
TW_API int tw_var_test(struct tw_str word, unsigned *tests, struct tw_err *err);
/** tw_var_set_if - tw_var_set, when all of these conditions hold. */
TW_API bool tw_var_set_if(struct tw_req *req, const struct tw_var *var, unsigned tests,
    const struct tw_sample *s);
/* The variables of one check ("check.x", "sess.x"), which has no connection that
 * could keep them. */
struct tw__var_value;
/** tw_check_vars - those that a request of tw_check_req() reads and sets from now
 * on. in: vars, borrow until the next call; NULL: none. */
TW_API void tw_check_vars(struct tw_req *req, struct tw__var_value **vars);
TW_API void tw_vars_free(struct tw__var_value **vars);
/** tw_var_find - as tw_var_of, but of a name that somebody has named before: the
 * configuration, or who set it. returns: NULL: nobody has. */
TW_API struct tw_var *tw_var_find(struct tw_str name);

#endif
