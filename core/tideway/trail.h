/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * trail.h - telling, step by step, what becomes of a request.
 *
 * A few requests have a trail: those of `tideway explain`, and those that a
 * `trail` line or the command `trail` picks. Whoever decides something may add
 * to it; for all other requests these functions do nothing. What a rule has
 * changed is not told but found, by comparing the request before and after, so
 * that actions need not know of trails.
 */
#ifndef TIDEWAY_TRAIL_H
#define TIDEWAY_TRAIL_H

#include <tideway/decision.h>
#include <tideway/expr.h>

/** tw_trail_on - this request has a trail. */
TW_API bool tw_trail_on(const struct tw_req *req);
/** tw_trail_note - a remark of the module that decides: "cookie SRV=a: server
 * a". One line, without newline. */
TW_API void tw_trail_note(struct tw_req *req, const char *fmt, ...) TW_PRINTF(2, 3);

/* For who runs rules: tw_trail_rule, tw_trail_cond, then tw_trail_result. */

/* What came of a rule. */
enum tw_told {
	TW_TOLD_NO,        /* its condition does not hold */
	TW_TOLD_YES,       /* it was applied, the next one follows */
	TW_TOLD_LAST,      /* it was applied, and ends its set */
	TW_TOLD_WAITS,     /* it waits, or its condition does */
	TW_TOLD_FAILED,    /* a rewrite failed */
	TW_TOLD_UNREACHED, /* one before it has ended the set */
};

/** tw_trail_rule - a rule is looked at. in: origin, gen; text, the line (gen). */
TW_API void tw_trail_rule(
    struct tw_req *req, const struct tw_origin *origin, const char *text);
/** tw_trail_cond - evaluates a condition and tells what its ACLs saw. returns: as
 * tw_cond_try(), when the request's contents may be incomplete. */
TW_API int tw_trail_cond(struct tw_req *req, const struct tw_cond *c);
/** tw_trail_cond_run - what one look at a run's conditions has seen. */
TW_API void tw_trail_cond_run(struct tw_req *req, const struct tw_cond_run *run);
/** tw_trail_result - of the rule begun last; finds what it has changed. */
TW_API void tw_trail_result(struct tw_req *req, enum tw_told result);

/* Where a finished trail goes, beside the last ones that `show trail` keeps. */
#define TW_TRAIL_LOG 0x01u  /* the frontend's log servers, level debug */
#define TW_TRAIL_RING 0x02u /* a ring */

/** tw_trail_begin - from now on this request has a trail. in: origin, who wants
 * it (gen); to, TW_TRAIL_...; ring, its name (gen). */
TW_API void tw_trail_begin(struct tw_req *req, const struct tw_origin *origin,
    unsigned to, const char *ring);
/** tw_trail_prepare - the configuration may begin trails. context: check. */
TW_API void tw_trail_prepare(void);
/** tw_gen_has_ring - a ring of that name is declared. context: check. */
TW_API bool tw_gen_has_ring(const struct tw_gen *gen, const char *name);
/** tw_trail_text - a line as it is written, for tw_trail_rule(). returns: gen. */
TW_API const char *tw_trail_text(const struct tw_line *ln);

#endif
