/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * text.h - texts that rules make: log-formats outside of logs, and regular
 * expressions that replace.
 *
 * Both are compiled when the configuration is read; making a text writes into
 * the memory it is given. source: HAProxy's manual, 8.2.6, http-request
 * replace-header.
 */
#ifndef TIDEWAY_TEXT_H
#define TIDEWAY_TEXT_H

#include <tideway/expr.h>

/** tw_text_compile - a log-format whose values are written as they are: empty
 * ones as nothing. in: i, the word of the line (for messages); where, TW_AT_...
 * that hold there; http, control characters are written as %XX. returns:
 * gen; NULL: reported. To be written with tw_logfmt_out(). */
TW_API struct tw_logfmt *tw_text_compile(struct tw_line *ln, int i, const char *text,
    unsigned where, bool http);

/** tw_regex_compile - returns: gen; NULL: reported. */
TW_API struct tw_regex *tw_regex_compile(struct tw_line *ln, int i, const char *text,
    bool fold);
TW_API bool tw_regex_match(const struct tw_regex *re, struct tw_str s);
/** tw_regex_expand - what takes the subject's place: `by` with \0 to \9
 * replaced by what the groups took. returns: false: no match. */
TW_API bool tw_regex_expand(const struct tw_regex *re, struct tw_str subject,
    struct tw_str by, struct tw_out *out);

/** tw_sample_cast - changes a sample's type, as converters have it. returns:
 * false: it has no meaning as that. */
TW_API bool tw_sample_cast(struct tw_req *req, struct tw_sample *s, enum tw_type to);

/** tw_cond_try - as tw_cond_eval, where contents may be incomplete. returns: 1
 * true, 0 false, -1: only what is to come will tell. */
TW_API int tw_cond_try(const struct tw_cond *c, struct tw_req *req);
/** tw_req_undecided - a fetch tells that its answer may become another one when
 * more bytes have come. */
TW_API void tw_req_undecided(struct tw_req *req);
/** tw_req_final - whether nothing more will be waited for. */
TW_API bool tw_req_final(const struct tw_req *req);
TW_API void tw_req_set_final(struct tw_req *req, bool final);

/** tw_regex_new - while traffic runs. returns: owned by the caller; NULL: err.
 * context: any. tw_regex_free - and clears the pointer. */
TW_API struct tw_regex *tw_regex_new(const char *text, bool fold, struct tw_err *err);
TW_API void tw_regex_free(struct tw_regex **re);
/** tw_regex_expand_list - tw_regex_expand() for each value of a list separated by
 * commas, those in quotes not being separators. out: all of the list. returns:
 * whether some value was replaced. */
TW_API bool tw_regex_expand_list(const struct tw_regex *re, struct tw_str list,
    struct tw_str by, struct tw_out *out);

#endif
