/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/condrun.h - many conditions on one fetch, answered by one look.
 */
#ifndef TW_EXPR_CONDRUN_H
#define TW_EXPR_CONDRUN_H

#include "expr/pattern.h"

struct tw__condrun;

/** tw__condrun_new - as many of the conditions, from the first on, as ask for
 * the same text. in: cond, NULL ones always hold and end a run. returns: gen
 * memory of `arena`; NULL: there is no run. context: control, all files are
 * read. */
struct tw__condrun *tw__condrun_new(struct tw_arena *arena,
    struct tw_cond *const *cond, int n);
int tw__condrun_length(const struct tw__condrun *run);
/** tw__condrun_first - the first condition of the run that may hold; its length:
 * none does. Nothing may change what the fetch gives before it is asked.
 * context: worker. */
int tw__condrun_first(const struct tw__condrun *run, struct tw_req *req);

/* What it looks at in ACLs (acl.c), conditions (cond.c) and patterns. */
struct tw__acl_view {
	const struct tw_expr *expr;
	const struct tw__pats *pats; /* NULL: none in the line */
	enum tw__match match;
	bool other; /* files or -m found, too */
};
/** tw__acl_test_view - the i-th test of an ACL; false: there is none. */
bool tw__acl_test_view(const struct tw__acl *acl, int i, struct tw__acl_view *out);
/** tw__cond_single - the ACL that alone is the condition; NULL: it is more. */
const struct tw__acl *tw__cond_single(const struct tw_cond *c);
const struct tw__strset *tw__pats_strings(const struct tw__pats *ps, bool folded);

#endif
