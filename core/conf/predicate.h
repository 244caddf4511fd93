/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf/predicate.h - the conditions of .if, .elif and -cc.
 */
#ifndef TW_CONF_PREDICATE_H
#define TW_CONF_PREDICATE_H

#include <tideway/err.h>

/** tw__predicate_eval - in: words already unquoted, in one string. out: at,
 * the place of an error in it (may be NULL). returns: 1, 0, or -1 with err. */
int tw__predicate_eval(const char *expression, const char **at,
    struct tw_err *err);
/** tw__feature_add - makes feature(NAME) true. in: name, for ever; at most 64.
 * context: start-up. */
void tw__feature_add(const char *name);
/** tw__feature_each - for -vv. returns: NULL after the last. */
const char *tw__feature_each(int i);

#endif
