/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * patref_public.c - lists of patterns and maps for modules (tideway/list.h).
 *
 * Names are looked up and entries read and changed under the lists' lock, as by
 * commands and rules; a map is searched without it. Any thread.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/list.h>
#include <tideway/proxy.h>

#include "expr/patref.h"
#include "expr/regex.h"

/* ---- watching ------------------------------------------------------------ */

static struct tw_list_watch *watches; /* written at load only */

void
tw_list_watch(struct tw_list_watch *w)
{
	w->next = watches;
	watches = w;
}

void
tw__patref_told(const struct tw__patref *ref, enum tw_list_change_kind what)
{
	for (struct tw_list_watch *w = watches; w != NULL; w = w->next)
		w->changed(w, ref->name, what);
}

/* ---- by name ------------------------------------------------------------- */

struct tw_list *
tw_list_find(struct tw_gen *gen, const char *name)
{
	struct tw__expr_gen *const eg = tw__expr_gen(gen);
	struct tw_list *list = NULL;

	tw__patref_lock();
	struct tw__patref *ref = tw__patref_named(eg, name, true);
	if (ref == NULL)
		ref = tw__patref_named(eg, name, false);
	if (ref != NULL && name[0] != '\0')
		list = calloc(1, sizeof(*list));
	if (list != NULL) {
		list->name = ref->name;
		list->map = ref->is_map;
		list->ref = ref;
	}
	tw__patref_unlock();
	return list;
}

void
tw_list_free(struct tw_list **list)
{
	free(*list);
	*list = NULL;
}

const char *
tw_list_name(const struct tw_list *list)
{
	return list->name;
}

bool
tw_list_is_map(const struct tw_list *list)
{
	return list->map;
}

/* ---- changes -------------------------------------------------------------- */

static uint32_t
version_of(const struct tw_list *list, uint32_t version)
{
	return version != 0 ? version : list->ref->version;
}

/* What is searched follows, when it is the version in force that has changed. */
static int
follow(const struct tw_list *list, uint32_t version, enum tw_list_change_kind what,
    struct tw_err *err)
{
	struct tw__patref *const ref = list->ref;

	if (version != ref->version)
		return 0;
	tw__patref_told(ref, what);
	return tw__patref_apply(ref, version, err);
}

uint32_t
tw_list_prepare(const struct tw_list *list)
{
	tw__patref_lock();
	const uint32_t version = ++list->ref->next_version;
	tw__patref_unlock();
	return version;
}

int
tw_list_commit(const struct tw_list *list, uint32_t version, struct tw_err *err)
{
	struct tw__patref *const ref = list->ref;

	tw__patref_lock();
	const uint32_t old = ref->version;
	const int result = tw__patref_apply(ref, version, err);
	if (result == 0 && old != version)
		tw__patref_clear(ref, old);
	if (result == 0)
		tw__patref_told(ref, TW_LIST_COMMITTED);
	tw__patref_unlock();
	return result;
}

void
tw_list_clear(const struct tw_list *list, uint32_t version)
{
	struct tw_err err;

	tw__patref_lock();
	tw__patref_clear(list->ref, version_of(list, version));
	follow(list, version_of(list, version), TW_LIST_CLEARED, &err);
	tw__patref_unlock();
}

static int
test(const struct tw_list *list, const struct tw_list_pair *p, struct tw_err *err)
{
	if (p->key[0] == '\0')
		return tw_err_set(err, "an empty key");
	return tw__patref_test(list->ref, p->key, list->map ? p->value : NULL, err);
}

int
tw_list_add(const struct tw_list *list, uint32_t version,
    const struct tw_list_pair *pair, size_t n, struct tw_err *err)
{
	int result = 0;

	tw__patref_lock();
	const uint32_t v = version_of(list, version);
	for (size_t i = 0; i < n && result == 0; i++)
		result = test(list, &pair[i], err);
	for (size_t i = 0; i < n && result == 0; i++) {
		result = tw__patref_add(
		    list->ref, pair[i].key, list->map ? pair[i].value : NULL, v);
		if (result != 0)
			tw_err_set(err, "out of memory");
	}
	if (result == 0)
		result = follow(list, v, TW_LIST_ADDED, err);
	tw__patref_unlock();
	return result;
}

/* The functions of patref.c look at the version in force; which one that is may
 * not change while the lock is held. */
static struct tw__patelt *
entry_find(const struct tw_list *list, uint32_t version, const char *key)
{
	struct tw__patelt *e = list->ref->first;

	while (e != NULL && (e->version != version || strcmp(e->key, key) != 0))
		e = e->next;
	return e;
}

static int
set_all(struct tw_list const *list, uint32_t version, const struct tw_list_pair *pair)
{
	struct tw__patelt *e;

	for (e = list->ref->first; e != NULL; e = e->next) {
		if (e->version != version || strcmp(e->key, pair->key) != 0)
			continue;
		char *const copy = strdup(pair->value);
		if (copy == NULL)
			return -1;
		free(e->value);
		e->value = copy;
	}
	return 0;
}

int
tw_list_set(const struct tw_list *list, uint32_t version,
    const struct tw_list_pair *pair, bool add, struct tw_err *err)
{
	int result;

	if (!list->map)
		return tw_err_set(err, "'%s' is no map", list->name);
	tw__patref_lock();
	const uint32_t v = version_of(list, version);
	const bool there = entry_find(list, v, pair->key) != NULL;
	if (!there && !add)
		result = tw_err_set(err, "key '%s' not found", pair->key);
	else
		result = test(list, pair, err);
	if (result == 0) {
		result = there ? set_all(list, v, pair)
			       : tw__patref_add(list->ref, pair->key, pair->value, v);
		if (result != 0)
			tw_err_set(err, "out of memory");
		else
			result = follow(
			    list, v, there ? TW_LIST_CHANGED : TW_LIST_ADDED, err);
	}
	tw__patref_unlock();
	return result;
}

int
tw_list_del(const struct tw_list *list, uint32_t version, const char *key)
{
	struct tw__patref *const ref = list->ref;
	struct tw_err err;

	tw__patref_lock();
	const uint32_t v = version_of(list, version);
	const int n = tw__patref_del_of(ref, v, key);
	if (n > 0)
		follow(list, v, TW_LIST_DELETED, &err);
	tw__patref_unlock();
	return n;
}

/* ---- reading --------------------------------------------------------------- */

char *
tw_list_get(const struct tw_list *list, uint32_t version, const char *key)
{
	tw__patref_lock();
	const struct tw__patelt *const e =
	    entry_find(list, version_of(list, version), key);
	char *const copy = e != NULL ? strdup(e->value != NULL ? e->value : "") : NULL;
	tw__patref_unlock();
	return copy;
}

static size_t
text_size(const struct tw__patelt *e)
{
	return strlen(e->key) + 1 + (e->value != NULL ? strlen(e->value) + 1 : 0);
}

static char *
text_put(char **at, const char *text)
{
	char *const here = *at;
	const size_t size = strlen(text) + 1;

	memcpy(here, text, size);
	*at += size;
	return here;
}

static struct tw_list_pair *
copy_locked(const struct tw_list *list, uint32_t version, size_t *n)
{
	size_t size = 1;

	*n = 0;
	for (const struct tw__patelt *e = list->ref->first; e != NULL; e = e->next) {
		if (e->version != version)
			continue;
		size += sizeof(struct tw_list_pair) + text_size(e);
		(*n)++;
	}
	struct tw_list_pair *const pair = malloc(size);
	if (pair == NULL)
		return NULL;
	char *at = (char *)(pair + *n);
	size_t i = 0;
	for (const struct tw__patelt *e = list->ref->first; e != NULL; e = e->next) {
		if (e->version != version)
			continue;
		pair[i].key = text_put(&at, e->key);
		pair[i++].value = e->value != NULL ? text_put(&at, e->value) : NULL;
	}
	return pair;
}

struct tw_list_pair *
tw_list_copy(const struct tw_list *list, uint32_t version, size_t *n)
{
	tw__patref_lock();
	struct tw_list_pair *const pair =
	    copy_locked(list, version_of(list, version), n);
	tw__patref_unlock();
	return pair;
}

/* ---- maps -------------------------------------------------------------------- */

struct tw_map {
	struct tw__patview *view;
	enum tw__match match;
	bool subst; /* "regm" */
};

/* With which a map can be searched. */
static bool
is_method(const char *word)
{
	static const char *const words[] = { "beg", "dir", "dom", "end", "int", "ip",
		"reg", "regm", "str", "sub", NULL };

	return tw_is_one_of(word, words);
}

/* A file that could not be read is not there for the next who asks. */
static void
forget_failed(struct tw__expr_gen *eg, const char *file)
{
	struct tw__patref *const newest = eg->patrefs;

	if (newest == NULL || !newest->is_map || strcmp(newest->name, file) != 0)
		return;
	tw__patref_clear(newest, newest->version);
	eg->patrefs = newest->next;
}

struct tw_map *
tw_map_open(
    struct tw_gen *gen, const char *file, const char *method, struct tw_err *err)
{
	struct tw__ectx cx = { .gen = gen, .err = err };
	const bool subst = strcmp(method, "regm") == 0;
	const struct tw__patkind kind = { .match = tw__match_of(subst ? "reg" : method),
		.is_map = true,
		.out = TW_STRING };

	if (!is_method(method)) {
		tw_err_set(err, "there is no method '%s' for maps", method);
		return NULL;
	}
	tw__patref_lock();
	struct tw__patref *const ref = tw__patref_open(&cx, file, true);
	struct tw__patview *const view =
	    ref != NULL ? tw__patref_view(&cx, ref, &kind) : NULL;
	if (ref == NULL)
		forget_failed(tw__expr_gen(gen), file);
	tw__patref_unlock();
	if (view == NULL)
		return NULL;
	struct tw_map *const map = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*map));
	*map = (struct tw_map){ view, kind.match, subst };
	return map;
}

static bool
substitute(struct tw_str key, const struct tw__regex *re, struct tw_str *value)
{
	static _Thread_local char text[16384];
	struct tw_str group[TW__REGEX_GROUPS];
	struct tw_out o = tw_out_of(text, sizeof(text));

	if (!tw__regex_find(re, key, false, group))
		return false;
	tw__regex_subst(&o, *value, group);
	*value = (struct tw_str){ text, (size_t)(o.p - text) };
	return !o.over;
}

/* As the converters take it: numbers for numbers, addresses for addresses. */
static bool
sample_of(const struct tw_map *map, struct tw_str key, struct tw_sample *s)
{
	struct tw_sample ip;

	*s = (struct tw_sample){ .type = TW_STRING, .u.str = key };
	if (map->match == TW__IP)
		return tw__text_ip(key, &ip);
	return map->match != TW__INT || tw__cast(NULL, s, TW_SINT);
}

bool
tw_map_find(const struct tw_map *map, struct tw_str key, struct tw_str *value)
{
	const struct tw__regex *re = NULL;
	struct tw_sample s;

	if (!sample_of(map, key, &s))
		return false;
	const struct tw__mapval *const v =
	    tw__mapidx_find(tw__patview_map(map->view), NULL, &s, &re);
	if (v == NULL)
		return false;
	*value = v->str;
	return !map->subst || re == NULL || substitute(key, re, value);
}
