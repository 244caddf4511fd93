/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/cond.h - conditions and ACLs from the inside, for those who compile
 * them: fold.c, memo.c, condrun.c, implies.c.
 *
 * They are written as the file has them, and changed until the generation
 * starts (control thread); workers only read.
 */
#ifndef TW_EXPR_COND_H
#define TW_EXPR_COND_H

#include <stdatomic.h>

#include "expr/pattern.h"

struct tw__patview;

/* Patterns that stand in a file. */
struct tw__acl_file {
	struct tw__acl_file *next;
	const struct tw__patview *view;
};

/* One line of an ACL. */
struct tw__acl_test {
	struct tw__acl_test *next;
	const struct tw_expr *expr;
	/* shared: in the line, or what a command made of it; NULL: none */
	const struct tw__pats *_Atomic pats;
	struct tw__acl_file *files;
	enum tw__match match;
	enum tw_type cast; /* before matching; TW_ANY: none */
	bool present;      /* -m found: patterns do not matter */
	/* for trails (acl_told.c) */
	const char *const *word; /* the patterns as written; gen */
	int n_words;
	bool fold, resolve;
	const char *file; /* where it stands; gen */
	int line;
};

struct tw__term {
	const struct tw__acl *acl;
	uint16_t skip; /* when false: index of the next group's first term */
	bool negated;
	bool last; /* of its group */
};

/* No terms: the condition is a constant, namely `unless`. */
struct tw_cond {
	struct tw_cond *next;         /* of the generation */
	const struct tw_proxy *proxy; /* whose ACLs these are; NULL: none */
	unsigned where;               /* TW_AT_...: what it can read */
	bool unless;
	uint16_t n;
	struct tw__term term[];
};

/* How a value may change while nothing but conditions is evaluated. */
enum tw__steady {
	TW__FIXED,   /* never */
	TW__STEADY,  /* not before something is edited */
	TW__BY_VARS, /* the same, unless some condition sets variables */
	TW__FICKLE,  /* at any time; asking for it changes nothing */
	TW__UNKNOWN, /* asking for it may change something */
};

/* steady.c; the late checks are done */
enum tw__steady tw__expr_steady(const struct tw_expr *e);
enum tw__steady tw__acl_steady(const struct tw__acl *acl);
/** tw__cond_is_pure - asking, or not asking, any part of it changes nothing. */
bool tw__cond_is_pure(const struct tw_cond *c);

/** tw__exprs_fold - fold.c: what is constant in the generation's expressions and
 * conditions is evaluated for good. context: control, the late checks are
 * done. */
void tw__exprs_fold(struct tw_gen *gen);

/** tw__exprs_memo - memo.c: gives those a place that are asked for twice. context:
 * control, after tw__exprs_fold(). */
void tw__exprs_memo(struct tw_gen *gen);
/** tw__memo_acl, tw__memo_next - as tw__acl_ask() and tw__expr_next(), once. in:
 * acl, e with memo not 0; req is tw__memo_owner. */
extern __thread const struct tw_req *tw__memo_owner; /* its list is gone through */
bool tw__memo_acl(const struct tw__acl *acl, struct tw_req *req);
int tw__memo_next(const struct tw_expr *e, struct tw_req *req, struct tw_cursor *cur,
    struct tw_sample *out);
/** tw__acl_ask - evaluates it anew. */
bool tw__acl_ask(const struct tw__acl *acl, struct tw_req *req);
/** tw__acl_test_ask - one of its tests. */
bool tw__acl_test_ask(const struct tw__acl_test *t, struct tw_req *req);

/** tw__expr_once - the next value, remembered when it has a place. */
int tw__expr_once(const struct tw_expr *e, struct tw_req *req, struct tw_cursor *cur,
    struct tw_sample *out);

const struct tw__strset *tw__pats_strings(const struct tw__pats *ps, bool folded);

#endif
