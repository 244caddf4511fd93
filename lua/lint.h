/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lint.h - notices of -c about scripts.
 */
#ifndef TW_LUA_LINT_H
#define TW_LUA_LINT_H

#include "lu.h"

/** lu_lint - of all scripts of a generation. context: check. */
void lu_lint(struct tw_gen *gen);
/** lu_lint_text - of one text. in: file, for the messages. */
void lu_lint_text(struct tw_gen *gen, const char *file, struct tw_str text);

#endif
