/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/acl_told.h - what an ACL saw and which pattern matched, for a trail.
 */
#ifndef TW_EXPR_ACL_TOLD_H
#define TW_EXPR_ACL_TOLD_H

#include "expr/patref.h"
#include "flow/trail.h"

/* The patterns of one test. */
struct tw__acl_patterns {
	enum tw__match match;
	const char *const *word;
	int n_words;
	bool fold, resolve;
	const struct tw__patref *file; /* the first one; NULL: none */
};

struct tw__acl_telling {
	const struct tw__acl_patterns *pats;
	struct tw__acl_told t;
	char value[512], pattern[512];
};

/** tw__acl_saw - a value, as it came. */
void tw__acl_saw(struct tw__acl_telling *told, struct tw_req *req,
    const struct tw_sample *s);
/** tw__acl_matched - in: s, of the type that the patterns are of. */
void tw__acl_matched(struct tw__acl_telling *told, struct tw_req *req,
    const struct tw_sample *s);
/** tw__acl_tell - the test is over. */
void tw__acl_tell(struct tw__acl_telling *told, struct tw_req *req, bool is_true);

#endif
