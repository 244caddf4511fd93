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

#endif
