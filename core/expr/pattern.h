/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/pattern.h - a set of patterns of one match method.
 *
 * Filled when the configuration is read, then closed, which builds the form
 * that is searched: exact strings, prefixes and suffixes in a hash by length,
 * numbers and addresses as sorted ranges, regular expressions compiled.
 */
#ifndef TW_EXPR_PATTERN_H
#define TW_EXPR_PATTERN_H

#include "expr/expr_int.h"

enum tw__match {
	TW__FOUND, TW__BOOL, TW__INT, TW__IP, TW__STR, TW__BEG, TW__END,
	TW__SUB, TW__DIR, TW__DOM, TW__LEN, TW__REG, TW__BIN, TW__METH,
	TW__VER, /* numbers written "3.1": 3 * 65536 + 1 */
	TW__N_MATCH
};

struct tw__pats;

/** tw__match_of - by the name after -m. returns: TW__N_MATCH when unknown. */
enum tw__match tw__match_of(const char *name);
const char *tw__match_name(enum tw__match m);
/** tw__match_takes - the type that it compares; false: samples of type `from`
 * never become one. out: to. */
bool tw__match_takes(enum tw__match m, enum tw_type from, enum tw_type *to);

struct tw__pats *tw__pats_new(const struct tw__ectx *cx, enum tw__match m);
/** tw__pats_new_own - in an arena of its own; tw__pats_free() frees it. */
struct tw__pats *tw__pats_new_own(enum tw__match m);
void tw__pats_free(struct tw__pats **ps);
/** tw__pats_add - one pattern as written. in: fold, ignore case; resolve, a
 * host name may stand for an address. Operators (eq, gt, ...) hold for what
 * follows. */
int tw__pats_add(const struct tw__ectx *cx, struct tw__pats *ps,
    const char *text, bool fold, bool resolve);
/** tw__pats_close - no more will come. */
void tw__pats_close(struct tw__pats *ps);
/** tw__pats_match - in: s, of the type of tw__match_takes(). context: any. */
bool tw__pats_match(const struct tw__pats *ps, struct tw_req *req,
    const struct tw_sample *s);

/* Sets of strings (strset.c); fold: they are in lower case. */
struct tw__strset {
	struct tw_str *item;  /* gen */
	uint32_t n, cap;
	uint32_t *slot;       /* gen; 1 + index of the item; NULL: too few */
	uint32_t mask;
	uint32_t *length;     /* gen; the distinct lengths, ascending */
	uint32_t n_lengths;
	bool fold;
};
void tw__strset_add(struct tw_arena *arena, struct tw__strset *set,
    struct tw_str s);
void tw__strset_close(struct tw_arena *arena, struct tw__strset *set);
bool tw__strset_has(const struct tw__strset *set, struct tw_req *req,
    struct tw_str s);
bool tw__strset_has_prefix_of(const struct tw__strset *set,
    struct tw_req *req, struct tw_str s);
bool tw__strset_has_suffix_of(const struct tw__strset *set,
    struct tw_req *req, struct tw_str s);
uint32_t tw__strset_hash(const char *p, size_t len);
/** tw__strset_find - the first item that is `s`, tw__strset_prefix - the longest
 * that `s` begins with, tw__strset_suffix - the first that it ends with.
 * returns: 1 + its index; 0: none. Not for folded sets. */
uint32_t tw__strset_find(const struct tw__strset *set, struct tw_str s);
uint32_t tw__strset_prefix(const struct tw__strset *set, struct tw_str s);
uint32_t tw__strset_suffix(const struct tw__strset *set, struct tw_str s);

/* Strings that are looked for inside of others (subset.c). */
struct tw__subset {
	const struct tw__strset *set; /* NULL: not of a method that needs it */
	const char *delims;   /* around a match; NULL: none are needed */
	uint32_t width, mask; /* width 0: too few, compared one by one */
	uint32_t *head, *next;
};
/** tw__subset_trim - a pattern of this method without its own delimiters. */
struct tw_str tw__subset_trim(enum tw__match m, struct tw_str s);
void tw__subset_build(struct tw_arena *arena, struct tw__subset *ss,
    const struct tw__strset *set, enum tw__match m);
/** tw__subset_find - returns: 1 + index of the first item that is in `s`. */
uint32_t tw__subset_find(const struct tw__subset *ss, struct tw_str s);
/** tw__subset_each - calls `fn` for each item that is in `s`, some more than
 * once; of items of the same text perhaps only for the first. */
void tw__subset_each(const struct tw__subset *ss, struct tw_str s,
    void (*fn)(void *arg, uint32_t item), void *arg);

/* An address or network as patterns write it. */
struct tw__patip {
	bool is_v6;
	uint32_t addr, mask;    /* IPv4 */
	uint8_t lo[16], hi[16]; /* IPv6 */
};
int tw__pat_parse_ip(const char *text, bool resolve, struct tw__patip *out,
    struct tw_err *err);
/** tw__pat_parse_int - "5", "1:9", "1:", ":9". */
int tw__pat_parse_int(const char *text, int64_t *lo, int64_t *hi, struct tw_err *err);
/** tw__pat_is_operator - "gt" and the like, before numbers. */
bool tw__pat_is_operator(enum tw__match m, const char *text);
/** tw__pat_with_operator - a number behind an operator as a range: "gt" "5" is
 * "6:". in: op, NULL: none. out: the text, in `mem` or the word itself. */
const char *tw__pat_with_operator(enum tw__match m, const char *op,
    const char *word, char mem[96]);
/** tw__v4_within - the IPv4 address that an IPv6 address carries; NULL: none. */
const uint8_t *tw__v4_within(const uint8_t ip[16]);

/** tw__lower - a copy in lower case in scratch memory. errors: p NULL. */
struct tw_str tw__lower(struct tw_req *req, struct tw_str s);

#endif
