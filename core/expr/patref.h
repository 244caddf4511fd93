/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/patref.h - lists of patterns that files give and commands change.
 *
 * A list (struct tw__patref) is read once and belongs to a generation. Who
 * searches it holds a view (struct tw__patview): the compiled form for one
 * match method, shared by all that ask for the same. A change makes new forms
 * beside the old ones and swaps pointers; readers take no lock, old forms go
 * through tw_retire(). Changes come from commands and from rules, on any
 * thread, one at a time (tw__patref_lock). What stands on an ACL's own line is
 * a list, too: it has no entries until a command asks for them.
 */
#ifndef TW_EXPR_PATREF_H
#define TW_EXPR_PATREF_H

#include <stdatomic.h>

#include <tideway/list.h>

#include "expr/pattern.h"

/* One entry, as written. */
struct tw__patelt {
	struct tw__patelt *next;
	char *key;   /* owns: with the entry */
	char *value; /* NULL: the list is no map */
	uint32_t version;
	int line; /* of the file; 0: added by a command */
};

struct tw__patview;

struct tw__patref {
	struct tw__patref *next;
	const char *name; /* as the configuration writes it; gen; "": a line */
	const char *file; /* where it was first used; gen */
	int line;
	int id; /* #id of commands */
	bool is_map;
	uint32_t version, next_version; /* in force; given out by `prepare` */
	uint32_t n;                     /* entries of the version in force */
	struct tw__patelt *first, **tail;
	struct tw__patview *views;            /* gen */
	const struct tw__patline *line_words; /* gen; NULL: a file's, or none */
	bool listed;                          /* the entries are there */
};

/* How a view compiles the list. */
struct tw__patkind {
	enum tw__match match;
	bool fold, resolve;
	bool is_map;      /* values are looked up, not only presence */
	enum tw_type out; /* of the values: STRING, SINT, IPV4 (any address) */
};

/* The patterns that stand on an ACL's line. */
struct tw__patline {
	const char *criterion; /* "path" */
	struct tw__patkind kind;
	char *const *word; /* n of them; gen */
	int n;
	int id;                               /* -u; -1: whichever is free */
	const struct tw__pats *first;         /* they, compiled; gen */
	const struct tw__pats *_Atomic *slot; /* what the ACL searches */
	atomic_bool *changed;                 /* set when any such list changes */
};

/** tw__patref_of_line - such a list. in: line, gen. errors: -1: another has
 * that -u. */
int tw__patref_of_line(const struct tw__ectx *cx, const struct tw__patline *line);
/** tw__patref_number - when all files are read: ids in the order of the lines.
 */
void tw__patref_number(struct tw__expr_gen *eg);

/** tw__patref_open - the list of that name, read when first asked for:
 * "file", "file@file", "opt@file" (may be missing), "virt@name" (no file).
 * in: map, lines are key and value. returns: NULL: cx->err. */
struct tw__patref *tw__patref_open(
    const struct tw__ectx *cx, const char *name, bool map);
/** tw__patref_view - compiled as `kind` says. returns: gen; NULL: cx->err says
 * which entry is wrong. */
struct tw__patview *tw__patref_view(
    const struct tw__ectx *cx, struct tw__patref *ref, const struct tw__patkind *kind);
/** tw__patview_pats - the form in force, for ACLs. context: any. */
const struct tw__pats *tw__patview_pats(const struct tw__patview *v);
/** tw__patview_ref - the list that it shows. */
const struct tw__patref *tw__patview_ref(const struct tw__patview *v);
/** tw__patview_map - the same for maps. */
const struct tw__mapidx *tw__patview_map(const struct tw__patview *v);
/** tw__patref_lists - when all files are read: the lists that rules name. */
void tw__patref_lists(struct tw_gen *gen);
/** tw__patref_fini - frees all lists of a generation and their forms. */
void tw__patref_fini(struct tw__expr_gen *eg);

/* ---- changing ----------------------------------------------------------- */

/* A list as a rule, or a module, knows it (tideway/list.h). */
struct tw_list {
	struct tw_list *next;
	const char *name; /* gen */
	const char *file; /* gen; where the rule stands */
	int line;
	bool map;
	struct tw__patref *ref; /* NULL: nothing uses such a list */
};

/** tw__patref_told - watches hear of a change. context: under the lock. */
void tw__patref_told(const struct tw__patref *ref, enum tw_list_change_kind what);

/** tw__patref_lock - who reads or changes entries holds it: what follows, but
 * tw__patref_quick. context: any thread. */
void tw__patref_lock(void);
void tw__patref_unlock(void);

/** tw__patref_named - by its name alone. returns: NULL: there is none. */
struct tw__patref *tw__patref_named(
    const struct tw__expr_gen *eg, const char *name, bool map);
/** tw__patref_find - "#id" or a name. returns: NULL: there is none. */
struct tw__patref *tw__patref_find(struct tw_gen *gen, const char *name, bool map);
/** tw__patref_add - another entry, of a version; in force when apply() is
 * called. errors: out of memory. */
int tw__patref_add(
    struct tw__patref *ref, const char *key, const char *value, uint32_t version);
/** tw__patref_del, tw__patref_set - entries with this key, or the one at `at`
 * (key NULL). returns: how many. */
int tw__patref_del(struct tw__patref *ref, const char *key, const void *at);
int tw__patref_del_of(struct tw__patref *ref, uint32_t version, const char *key);
int tw__patref_set(
    struct tw__patref *ref, const char *key, const void *at, const char *value);
/** tw__patref_test - would all views take this entry? errors: -1. */
int tw__patref_test(const struct tw__patref *ref, const char *key, const char *value,
    struct tw_err *err);

/** tw__patref_clear - entries of a version. */
void tw__patref_clear(struct tw__patref *ref, uint32_t version);
/** tw__patref_apply - makes `version` the one in force and compiles all views
 * anew. errors: -1, nothing changed in what is searched (err: which entry). */
int tw__patref_apply(struct tw__patref *ref, uint32_t version, struct tw_err *err);

/** tw__patref_key - the key of such an entry; NULL: there is none. */
const char *tw__patref_key(
    const struct tw__patref *ref, const char *key, const void *at);

/* What one view makes of a key. */
struct tw__patgot {
	const char *method; /* "str" */
	bool fold, matches;
	const char *key, *value; /* of a map's entry; NULL */
};
/** tw__patref_quick - what a view of whole strings says of a key, without the
 * lock. returns: false: there is no such view. context: any thread. */
bool tw__patref_quick(
    const struct tw__patref *ref, struct tw_str key, bool *found, struct tw_str *value);
/** tw__patref_get - the i-th view's answer; false: there is none. */
bool tw__patref_get(
    const struct tw__patref *ref, int i, const char *text, struct tw__patgot *out);

/* ---- maps: from a sample to an entry (mapidx.c) -------------------------- */

struct tw__mapidx;

/** tw__mapidx_new - out: arena of its own, freed with it. */
struct tw__mapidx *tw__mapidx_new(const struct tw__patkind *kind);
/** tw__mapidx_add - the next entry. in: key, value: copied. */
int tw__mapidx_add(
    struct tw__mapidx *m, const char *key, const char *value, struct tw_err *err);
void tw__mapidx_close(struct tw__mapidx *m);
void tw__mapidx_free(struct tw__mapidx **m);

struct tw__mapval {
	const char *key;
	struct tw_str str;
	struct tw_sample typed; /* SINT or an address */
};
/** tw__mapidx_find - the finest (addresses, strings, prefixes) or first entry
 * that matches. out: re, for regular expressions, which; NULL: unwanted. */
const struct tw__mapval *tw__mapidx_find(const struct tw__mapidx *m, struct tw_req *req,
    const struct tw_sample *s, const struct tw__regex **re);

#endif
