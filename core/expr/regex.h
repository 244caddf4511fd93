/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/regex.h - regular expressions of a generation (PCRE2 with JIT).
 */
#ifndef TW_EXPR_REGEX_H
#define TW_EXPR_REGEX_H

#include "expr/expr_int.h"

#define TW__REGEX_GROUPS 10 /* the whole match and \1 to \9 */

/** tw__regex_new - in an arena; NULL: malloc. Its code is freed by
 * tw__regex_free(). */
struct tw__regex *tw__regex_new(struct tw_arena *arena, const char *text,
    bool fold, struct tw_err *err);
void tw__regex_free(struct tw__regex *re);
/** tw__regex_compile - returns: gen; NULL: cx->err. */
struct tw__regex *tw__regex_compile(const struct tw__ectx *cx,
    const char *text, bool fold);
/** tw__regex_match - context: any thread. A subject on which the expression
 * exceeds PCRE2's limits does not match. */
bool tw__regex_match(const struct tw__regex *re, struct tw_str s);
/** tw__regex_find - as tw__regex_match(). out: group[0] the match, the others
 * what is in parentheses (empty: took no part); slices of `s`. in: not_begin,
 * `s` is what is left of a longer subject. */
bool tw__regex_find(const struct tw__regex *re, struct tw_str s, bool not_begin,
    struct tw_str group[TW__REGEX_GROUPS]);
/** tw__regex_subst - writes `by`, groups in the place of \0 to \9. */
void tw__regex_subst(struct tw_out *o, struct tw_str by,
    const struct tw_str group[TW__REGEX_GROUPS]);
/** tw__regex_fini - frees the code of a whole generation. */
void tw__regex_fini(struct tw__expr_gen *eg);

#endif
