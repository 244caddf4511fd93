/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bound.h - fetches and converters called by name while traffic runs.
 *
 * For scripts: the configuration compiles its expressions once (expr.h). A
 * bound call may be made on any thread, is read-only afterwards, and must be
 * freed before its generation ends.
 */
#ifndef TIDEWAY_BOUND_H
#define TIDEWAY_BOUND_H

#include <tideway/expr.h>

struct tw_bound;

/** tw_fetch_at, tw_conv_at - the i-th of all, modules' included, from 0. returns:
 * NULL after the last. context: any. */
TW_API const struct tw_fetch *tw_fetch_at(int i);
TW_API const struct tw_conv *tw_conv_at(int i);
/** tw_fetch_find, tw_conv_find - by name. returns: NULL: there is none. */
TW_API const struct tw_fetch *tw_fetch_find(struct tw_str name);
TW_API const struct tw_conv *tw_conv_find(struct tw_str name);

/** tw_bound_fetch, tw_bound_conv - with these arguments: type STRING (terminated)
 * or SINT, turned into what is wanted; ANY: left out. returns: owned by the caller;
 * NULL: err. errors: too few, too many, not a number, what check() refuses. */
TW_API struct tw_bound *tw_bound_fetch(struct tw_gen *gen, const struct tw_fetch *fetch,
    const struct tw_arg_val *args, int n, struct tw_err *err);
TW_API struct tw_bound *tw_bound_conv(struct tw_gen *gen, const struct tw_conv *conv,
    const struct tw_arg_val *args, int n, struct tw_err *err);
/** tw_bound_free - and clears the pointer. */
TW_API void tw_bound_free(struct tw_bound **bound);
/** tw_bound_get - the value; the last one of several. out: borrow, as
 * tw_expr_eval(). returns: false: none. */
TW_API bool tw_bound_get(const struct tw_bound *b, struct tw_req *req,
    struct tw_sample *out);
/** tw_bound_apply - changes a sample. in: req may be NULL. */
TW_API bool tw_bound_apply(const struct tw_bound *b, struct tw_req *req,
    struct tw_sample *s);

#endif
