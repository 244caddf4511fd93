/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * patref_rule.c - lists of patterns as rules change them (tideway/list.h).
 *
 * A change takes the lock, unless a look shows that there is nothing to change:
 * the same key set to the same value by each request costs a look. Any worker.
 * source: HAProxy's manual, 4.4 (add-acl, set-map and their like).
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/list.h>
#include <tideway/proxy.h>

#include "expr/patref.h"

struct tw_list *
tw_list_of(struct tw_line *ln, struct tw_str name, bool map)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tw__expr_gen *const eg = tw__expr_gen(ln->gen);
	struct tw_list *const list = tw_arena_zalloc(arena, sizeof(*list));

	list->name = tw_arena_str(arena, name).p;
	list->file = ln->file;
	list->line = ln->number;
	list->map = map;
	list->next = eg->lists;
	return eg->lists = list;
}

void
tw__patref_lists(struct tw_gen *gen)
{
	struct tw__expr_gen *const eg = tw__expr_gen(gen);

	for (struct tw_list *l = eg->lists; l != NULL; l = l->next) {
		l->ref = tw__patref_named(eg, l->name, l->map);
		if (l->ref == NULL && !l->map)
			l->ref = tw__patref_named(eg, l->name, true);
		if (l->ref == NULL)
			tw_gen_warn(gen, l->file, l->line,
			    "no %s uses '%s', so this rule does nothing",
			    l->map ? "map" : "ACL", l->name);
	}
}

static bool
is_so_already(
    const struct tw_list *l, enum tw_list_op op, struct tw_str key, struct tw_str value)
{
	struct tw_str now = TW_STR("");
	bool found;

	if (!tw__patref_quick(l->ref, key, &found, &now))
		return false;
	if (op == TW_LIST_DEL)
		return !found;
	return found && (op == TW_LIST_ADD || tw_str_eq(now, value));
}

static bool
change_locked(
    const struct tw_list *l, enum tw_list_op op, const char *key, const char *value)
{
	struct tw_err err = { "" };
	struct tw__patref *const ref = l->ref;
	enum tw_list_change_kind what = TW_LIST_ADDED;
	int n;

	if (op == TW_LIST_DEL) {
		n = tw__patref_del(ref, key, NULL);
		what = TW_LIST_DELETED;
	} else if (tw__patref_key(ref, key, NULL) != NULL) {
		if (op == TW_LIST_ADD)
			return true;
		if (tw__patref_test(ref, key, value, &err) != 0)
			return false;
		n = tw__patref_set(ref, key, NULL, value);
		what = TW_LIST_CHANGED;
	} else {
		if (tw__patref_test(ref, key, value, &err) != 0 ||
		    tw__patref_add(ref, key, value, ref->version) != 0)
			return false;
		n = 1;
	}
	if (n == 0)
		return true;
	tw__patref_told(ref, what);
	return tw__patref_apply(ref, ref->version, &err) == 0;
}

bool
tw_list_change(
    const struct tw_list *l, enum tw_list_op op, struct tw_str key, struct tw_str value)
{
	if (l->ref == NULL || key.len == 0 || memchr(key.p, '\0', key.len) != NULL ||
	    is_so_already(l, op, key, value))
		return true;
	char *const k = strndup(key.p, key.len);
	char *const v =
	    op == TW_LIST_SET ? strndup(value.p ? value.p : "", value.len) : NULL;
	bool done = false;
	if (k != NULL && (op != TW_LIST_SET || v != NULL)) {
		tw__patref_lock();
		done = change_locked(l, op, k, v);
		tw__patref_unlock();
	}
	free(k);
	free(v);
	return done;
}
