/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * list.h - the lists of ACLs and maps (`-f FILE`, map(FILE)), as rules change
 * them.
 *
 * A list is named as its users name it. A change is seen by whoever looks next,
 * on any worker, and lasts until the configuration is read again.
 * source: HAProxy's manual, 4.4, set-map and its like.
 */
#ifndef TIDEWAY_LIST_H
#define TIDEWAY_LIST_H

#include <tideway/conf.h>

struct tw_list;

/** tw_list_of - the list of that name: found when all files are read, with a
 * warning when nobody uses it. returns: gen. context: control. */
TW_API struct tw_list *tw_list_of(struct tw_line *ln, struct tw_str name, bool map);

enum tw_list_op {
	TW_LIST_ADD, /* a key, unless it is there */
	TW_LIST_SET, /* a map's key gets this value, or is added */
	TW_LIST_DEL, /* all entries of this key */
};
/** tw_list_change - returns: false: the list cannot hold it, or out of memory.
 * in: value, for SET. context: any worker. */
TW_API bool tw_list_change(const struct tw_list *list, enum tw_list_op op,
    struct tw_str key, struct tw_str value);

/* ---- lists by name, for modules ------------------------------------------ */

/** tw_list_find - the list of that name, a map's or an ACL's, of a generation that
 * was read. returns: owned by the caller, tw_list_free() it before its generation
 * ends; NULL: there is none. context: any worker. */
TW_API struct tw_list *tw_list_find(struct tw_gen *gen, const char *name);
TW_API void tw_list_free(struct tw_list **list);
TW_API const char *tw_list_name(const struct tw_list *list);
TW_API bool tw_list_is_map(const struct tw_list *list);

/* Changes, to the version in force (0) or to one that is being prepared. */
/** tw_list_prepare - another, empty version. returns: its number. */
TW_API uint32_t tw_list_prepare(const struct tw_list *list);
/** tw_list_commit - makes it the one in force. errors: -1: err, nothing changed. */
TW_API int tw_list_commit(
    const struct tw_list *list, uint32_t version, struct tw_err *err);
/** tw_list_clear - without its entries. */
TW_API void tw_list_clear(const struct tw_list *list, uint32_t version);

struct tw_list_pair {
	const char *key, *value; /* NULL: the list is no map */
};
/** tw_list_add - more entries, all or none. errors: -1: err, which one. */
TW_API int tw_list_add(const struct tw_list *list, uint32_t version,
    const struct tw_list_pair *pair, size_t n, struct tw_err *err);
/** tw_list_set - the value of a key. in: add, also of one that is not there.
 * errors: -1: err. */
TW_API int tw_list_set(const struct tw_list *list, uint32_t version,
    const struct tw_list_pair *pair, bool add, struct tw_err *err);
/** tw_list_del - returns: how many entries had that key. */
TW_API int tw_list_del(const struct tw_list *list, uint32_t version, const char *key);
/** tw_list_get - the value of a key as written; "" in an ACL. returns: malloc()ed;
 * NULL: no such key. */
TW_API char *tw_list_get(const struct tw_list *list, uint32_t version, const char *key);
/** tw_list_copy - all entries of a version, as they are now. returns: one block of
 * memory for free(); NULL: out of memory. out: n. */
TW_API struct tw_list_pair *tw_list_copy(
    const struct tw_list *list, uint32_t version, size_t *n);

/* Who wants to know of changes; embed it. */
enum tw_list_change_kind {
	TW_LIST_ADDED,
	TW_LIST_DELETED,
	TW_LIST_CHANGED,
	TW_LIST_COMMITTED,
	TW_LIST_CLEARED,
};
struct tw_list_watch {
	struct tw_list_watch *next;
	/* context: any thread, under the lists' lock: must be brief and ask nothing. */
	void (*changed)(struct tw_list_watch *self, const char *name,
	    enum tw_list_change_kind what);
};
/** tw_list_watch - for the life of the process. context: a module's load. */
TW_API void tw_list_watch(struct tw_list_watch *w);

/* A map as the converters of that name search it. */
struct tw_map;
/** tw_map_open - in: method, "str", "beg", "ip", ...; the file is read if it was not.
 * returns: gen; NULL: err. context: while the configuration is read, start. */
TW_API struct tw_map *tw_map_open(
    struct tw_gen *gen, const char *file, const char *method, struct tw_err *err);
/** tw_map_find - out: value, borrow: until this loop turn ends. returns: false: no
 * key matches. context: any worker. */
TW_API bool tw_map_find(
    const struct tw_map *map, struct tw_str key, struct tw_str *value);

#endif
