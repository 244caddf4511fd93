/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * patref.c - lists of patterns: reading files, compiled views, changes.
 *
 * Entries are kept as written, in the order of the file; a lock is around them,
 * as commands and rules of any worker change them. What workers search are the
 * views' compiled forms, which are never changed: a new form takes the old one's
 * place, and the old one is freed when every worker has turned (tw_retire).
 * source: HAProxy's manual, 7.1.1 (-f, opt@, virt@); management guide, 9.3.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/proxy.h>
#include <tideway/worker.h>

#include "expr/patref.h"

/* A compiled form: one of the two. */
struct form {
	struct tw__pats *pats;
	struct tw__mapidx *map;
	bool borrowed; /* the generation frees pats */
};

struct tw__patview {
	struct tw__patview *next;
	const struct tw__patref *ref; /* gen; contains this */
	struct tw__patkind kind;
	_Atomic(struct form *) form; /* shared: the control thread replaces it */
	struct form *fresh;          /* owns: while a change is being made */
};

static pthread_mutex_t patref_lock = PTHREAD_MUTEX_INITIALIZER;

void
tw__patref_lock(void)
{
	pthread_mutex_lock(&patref_lock);
}

void
tw__patref_unlock(void)
{
	pthread_mutex_unlock(&patref_lock);
}

/* ---- entries ------------------------------------------------------------ */

static void
elt_free(struct tw__patelt *e)
{
	free(e->key);
	free(e->value);
	free(e);
}

static struct tw__patelt *
elt_new(const char *key, const char *value, uint32_t version, int line)
{
	struct tw__patelt *const e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->key = strdup(key);
	e->value = value != NULL ? strdup(value) : NULL;
	e->version = version;
	e->line = line;
	if (e->key != NULL && (value == NULL || e->value != NULL))
		return e;
	elt_free(e);
	return NULL;
}

static void
append(struct tw__patref *ref, struct tw__patelt *e)
{
	*ref->tail = e;
	ref->tail = &e->next;
	if (e->version == ref->version)
		ref->n++;
}

/* Frees what `unwanted` says. returns: how many. */
static int
remove_if(struct tw__patref *ref,
    bool (*unwanted)(const struct tw__patelt *e, const void *arg), const void *arg)
{
	int n = 0;

	for (struct tw__patelt **p = &ref->first; *p != NULL;) {
		struct tw__patelt *const e = *p;
		if (!unwanted(e, arg)) {
			p = &e->next;
			continue;
		}
		*p = e->next;
		if (e->version == ref->version)
			ref->n--;
		elt_free(e);
		n++;
	}
	ref->tail = &ref->first;
	while (*ref->tail != NULL)
		ref->tail = &(*ref->tail)->next;
	return n;
}

/* ---- files -------------------------------------------------------------- */

/* A key and, in maps, what follows it without blanks around. */
static int
read_line(struct tw__patref *ref, char *line, int number)
{
	char *key = line + strspn(line, " \t"), *value = NULL;

	key[strcspn(key, "\r\n")] = '\0';
	if (line[0] == '#' || *key == '\0')
		return 0;
	if (ref->is_map) {
		value = key + strcspn(key, " \t");
		if (*value != '\0')
			*value++ = '\0';
		value += strspn(value, " \t");
		size_t len = strlen(value);
		while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			value[--len] = '\0';
	}
	struct tw__patelt *const e = elt_new(key, value, ref->version, number);
	if (e == NULL)
		return -1;
	append(ref, e);
	return 0;
}

static int
read_file(struct tw__patref *ref, const char *path, bool optional, struct tw_err *err)
{
	FILE *const f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	int number = 0, result = 0;

	if (f == NULL && optional && errno == ENOENT)
		return 0;
	if (f == NULL)
		return tw_err_errno(err, "cannot open the pattern file '%s'", path);
	errno = 0;
	while (result == 0 && getline(&line, &cap, f) >= 0)
		result = read_line(ref, line, ++number);
	if (result != 0)
		tw_err_set(err, "out of memory while reading '%s'", path);
	else if (ferror(f))
		result = tw_err_errno(err, "cannot read the pattern file '%s'", path);
	free(line);
	fclose(f);
	return result;
}

static int
fill(struct tw__patref *ref, struct tw_err *err)
{
	const struct tw_str name = tw_str_of(ref->name);

	if (tw_str_has_prefix(name, TW_STR("virt@")))
		return 0;
	if (tw_str_has_prefix(name, TW_STR("opt@")))
		return read_file(ref, ref->name + 4, true, err);
	if (tw_str_has_prefix(name, TW_STR("file@")))
		return read_file(ref, ref->name + 5, false, err);
	return read_file(ref, ref->name, false, err);
}

struct tw__patref *
tw__patref_named(const struct tw__expr_gen *eg, const char *name, bool map)
{
	for (struct tw__patref *r = eg->patrefs; r != NULL; r = r->next)
		if (r->is_map == map && strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

struct tw__patref *
tw__patref_open(const struct tw__ectx *cx, const char *name, bool map)
{
	struct tw__expr_gen *const eg = tw__expr_gen(cx->gen);
	struct tw_arena *const arena = tw_gen_arena(cx->gen);
	struct tw__patref *ref = tw__patref_named(eg, name, map);

	if (ref != NULL)
		return ref;
	ref = tw_arena_zalloc(arena, sizeof(*ref));
	ref->name = tw_arena_strdup(arena, name);
	ref->file = cx->file;
	ref->line = cx->line;
	ref->is_map = map;
	ref->id = eg->n_patrefs++;
	ref->tail = &ref->first;
	ref->next = eg->patrefs;
	eg->patrefs = ref; /* now, so that it is freed also when this fails */
	return fill(ref, cx->err) == 0 ? ref : NULL;
}

/* ---- forms -------------------------------------------------------------- */

static void
form_free(void *arg)
{
	struct form *const f = arg;

	if (f == NULL)
		return;
	if (f->pats != NULL && !f->borrowed)
		tw__pats_free(&f->pats);
	if (f->map != NULL)
		tw__mapidx_free(&f->map);
	free(f);
}

static int
form_add(struct form *f, const struct tw__patkind *kind, const struct tw__patelt *e,
    struct tw_err *err)
{
	const struct tw__ectx cx = { .err = err };

	if (kind->is_map)
		return tw__mapidx_add(f->map, e->key, e->value ? e->value : "", err);
	return tw__pats_add(&cx, f->pats, e->key, kind->fold, kind->resolve);
}

static int
say_which(const struct tw__patref *ref, const struct tw__patelt *e, struct tw_err *err)
{
	const struct tw_err why = *err;

	if (e->line == 0)
		return -1;
	return tw_err_set(
	    err, "%.700s, at line %d of file '%.250s'", why.text, e->line, ref->name);
}

static struct form *
form_make(const struct tw__patref *ref, const struct tw__patkind *kind,
    uint32_t version, struct tw_err *err)
{
	struct form *const f = calloc(1, sizeof(*f));

	if (f == NULL) {
		tw_err_set(err, "out of memory");
		return NULL;
	}
	if (kind->is_map)
		f->map = tw__mapidx_new(kind);
	else
		f->pats = tw__pats_new_own(kind->match);
	for (const struct tw__patelt *e = ref->first; e != NULL; e = e->next) {
		if (e->version == version && form_add(f, kind, e, err) != 0) {
			say_which(ref, e, err);
			form_free(f);
			return NULL;
		}
	}
	if (kind->is_map)
		tw__mapidx_close(f->map);
	else
		tw__pats_close(f->pats);
	return f;
}

static bool
same_kind(const struct tw__patkind *a, const struct tw__patkind *b)
{
	return a->match == b->match && a->fold == b->fold && a->resolve == b->resolve &&
	    a->is_map == b->is_map && a->out == b->out;
}

struct tw__patview *
tw__patref_view(
    const struct tw__ectx *cx, struct tw__patref *ref, const struct tw__patkind *kind)
{
	for (struct tw__patview *v = ref->views; v != NULL; v = v->next)
		if (same_kind(&v->kind, kind))
			return v;
	struct form *const f = form_make(ref, kind, ref->version, cx->err);
	if (f == NULL)
		return NULL;
	struct tw__patview *const v =
	    tw_arena_zalloc(tw_gen_arena(cx->gen), sizeof(*v));
	v->ref = ref;
	v->kind = *kind;
	atomic_init(&v->form, f);
	v->next = ref->views;
	ref->views = v;
	return v;
}

const struct tw__pats *
tw__patview_pats(const struct tw__patview *v)
{
	return atomic_load_explicit(&v->form, memory_order_acquire)->pats;
}

const struct tw__patref *
tw__patview_ref(const struct tw__patview *v)
{
	return v->ref;
}

const struct tw__mapidx *
tw__patview_map(const struct tw__patview *v)
{
	return atomic_load_explicit(&v->form, memory_order_acquire)->map;
}

static bool
any(const struct tw__patelt *e, const void *arg)
{
	(void)e;
	(void)arg;
	return true;
}

void
tw__patref_fini(struct tw__expr_gen *eg)
{
	for (struct tw__patref *r = eg->patrefs; r != NULL; r = r->next) {
		remove_if(r, any, NULL);
		for (struct tw__patview *v = r->views; v != NULL; v = v->next)
			form_free(atomic_load(&v->form));
		if (r->line_words != NULL)
			free(r->views);
	}
	eg->patrefs = NULL;
}

/* ---- lines of ACLs ------------------------------------------------------ */

int
tw__patref_of_line(const struct tw__ectx *cx, const struct tw__patline *line)
{
	struct tw__expr_gen *const eg = tw__expr_gen(cx->gen);
	struct tw__patref *const ref =
	    tw_arena_zalloc(tw_gen_arena(cx->gen), sizeof(*ref));

	for (const struct tw__patref *r = eg->patrefs; line->id >= 0 && r; r = r->next)
		if (r->line_words != NULL && r->line_words->id == line->id)
			return tw_err_set(cx->err,
			    "-u %d is the number of the patterns at %s:%d", line->id,
			    r->file ? r->file : "-", r->line);
	ref->name = "";
	ref->file = cx->file;
	ref->line = cx->line;
	ref->id = eg->n_patrefs++;
	ref->tail = &ref->first;
	ref->line_words = line;
	ref->next = eg->patrefs;
	eg->patrefs = ref;
	for (int i = 0; i < line->n; i++)
		ref->n += !tw__pat_is_operator(line->kind.match, line->word[i]);
	return 0;
}

/* "gt" "5" as the entry "6:". */
static int
list_words(struct tw__patref *ref)
{
	const struct tw__patline *const l = ref->line_words;
	const char *operator= NULL;
	char text[96];

	ref->n = 0; /* counted again */
	for (int i = 0; i < l->n; i++) {
		if (tw__pat_is_operator(l->kind.match, l->word[i])) {
			operator= l->word[i];
			continue;
		}
		const char *const key =
		    tw__pat_with_operator(l->kind.match, operator, l->word[i], text);
		struct tw__patelt *const e = elt_new(key, NULL, ref->version, 0);
		if (e == NULL)
			return -1;
		append(ref, e);
	}
	return 0;
}

/* The entries and the view of a line, when a command first asks for them. */
static int
list_line(struct tw__patref *ref)
{
	const struct tw__patline *const l = ref->line_words;

	if (l == NULL || ref->listed)
		return 0;
	struct tw__patview *const v = calloc(1, sizeof(*v));
	struct form *const f = calloc(1, sizeof(*f));
	if (v == NULL || f == NULL || list_words(ref) != 0) {
		free(v);
		free(f);
		return -1;
	}
	f->pats = (struct tw__pats *)(uintptr_t)l->first;
	f->borrowed = true;
	v->kind = l->kind;
	atomic_init(&v->form, f);
	ref->views = v;
	ref->listed = true;
	return 0;
}

/* ---- changing ----------------------------------------------------------- */

struct tw__patref *
tw__patref_find(struct tw_gen *gen, const char *name, bool map)
{
	uint64_t id;
	struct tw__expr_gen *const eg = tw__expr_gen(gen);

	if (name[0] != '#')
		return name[0] != '\0' ? tw__patref_named(eg, name, map) : NULL;
	if (!tw_str_to_u64(tw_str_of(name + 1), &id))
		return NULL;
	for (struct tw__patref *r = eg->patrefs; r != NULL; r = r->next)
		if (r->is_map == map && (uint64_t)r->id == id)
			return list_line(r) == 0 ? r : NULL;
	return NULL;
}

int
tw__patref_add(
    struct tw__patref *ref, const char *key, const char *value, uint32_t version)
{
	struct tw__patelt *const e = elt_new(key, value, version, 0);

	if (e == NULL)
		return -1;
	append(ref, e);
	return 0;
}

int
tw__patref_test(const struct tw__patref *ref, const char *key, const char *value,
    struct tw_err *err)
{
	const struct tw__patelt e = { .key = (char *)(uintptr_t)key,
		.value = (char *)(uintptr_t)value };
	struct tw__patref alone = { .is_map = ref->is_map };
	int result = 0;

	for (const struct tw__patview *v = ref->views; v && result == 0; v = v->next) {
		if (tw__pat_is_operator(v->kind.match, key))
			return tw_err_set(err, "'%s' is not a number", key);
		struct form *const f = form_make(&alone, &v->kind, 0, err);
		result = f != NULL ? form_add(f, &v->kind, &e, err) : -1;
		form_free(f);
	}
	return result;
}

struct which {
	const char *key;
	const void *at;
	uint32_t version;
};

static bool
is_meant(const struct tw__patelt *e, const void *arg)
{
	const struct which *const w = arg;

	return e->version == w->version &&
	    (w->key != NULL ? strcmp(e->key, w->key) == 0 : (const void *)e == w->at);
}

int
tw__patref_del(struct tw__patref *ref, const char *key, const void *at)
{
	const struct which w = { key, at, ref->version };

	return remove_if(ref, is_meant, &w);
}

int
tw__patref_del_of(struct tw__patref *ref, uint32_t version, const char *key)
{
	const struct which w = { key, NULL, version };

	return remove_if(ref, is_meant, &w);
}

int
tw__patref_set(
    struct tw__patref *ref, const char *key, const void *at, const char *value)
{
	int n = 0;
	const struct which w = { key, at, ref->version };

	for (struct tw__patelt *e = ref->first; e != NULL; e = e->next) {
		if (!is_meant(e, &w))
			continue;
		char *const copy = strdup(value);
		if (copy == NULL)
			return n;
		free(e->value);
		e->value = copy;
		n++;
	}
	return n;
}

static bool
of_version(const struct tw__patelt *e, const void *arg)
{
	return e->version == *(const uint32_t *)arg;
}

void
tw__patref_clear(struct tw__patref *ref, uint32_t version)
{
	remove_if(ref, of_version, &version);
}

static void
put_in_force(struct tw__patref *ref, uint32_t version)
{
	ref->version = version;
	ref->n = 0;
	for (const struct tw__patelt *e = ref->first; e != NULL; e = e->next)
		ref->n += e->version == version;
	if (ref->line_words != NULL)
		atomic_store(ref->line_words->changed, true);
	for (struct tw__patview *v = ref->views; v != NULL; v = v->next) {
		struct form *const old =
		    atomic_exchange_explicit(&v->form, v->fresh, memory_order_acq_rel);
		v->fresh = NULL;
		if (ref->line_words != NULL)
			atomic_store_explicit(ref->line_words->slot,
			    tw__patview_pats(v), memory_order_release);
		tw_retire(form_free, old);
	}
}

int
tw__patref_apply(struct tw__patref *ref, uint32_t version, struct tw_err *err)
{
	struct tw__patview *v;

	for (v = ref->views; v != NULL; v = v->next) {
		v->fresh = form_make(ref, &v->kind, version, err);
		if (v->fresh == NULL)
			break;
	}
	if (v == NULL) {
		put_in_force(ref, version);
		return 0;
	}
	for (v = ref->views; v != NULL; v = v->next) {
		form_free(v->fresh);
		v->fresh = NULL;
	}
	return -1;
}

const char *
tw__patref_key(const struct tw__patref *ref, const char *key, const void *at)
{
	const struct which w = { key, at, ref->version };

	for (const struct tw__patelt *e = ref->first; e != NULL; e = e->next)
		if (is_meant(e, &w))
			return e->key;
	return NULL;
}

bool
tw__patref_get(
    const struct tw__patref *ref, int i, const char *text, struct tw__patgot *out)
{
	enum tw_type takes;
	const struct tw__patview *v = ref->views;
	struct tw_sample s = { .type = TW_STRING, .u.str = tw_str_of(text) };

	while (v != NULL && i-- > 0)
		v = v->next;
	if (v == NULL)
		return false;
	*out = (struct tw__patgot){ .method = tw__match_name(v->kind.match),
		.fold = v->kind.fold };
	if (!tw__match_takes(v->kind.match, TW_STRING, &takes))
		return true;
	if (v->kind.match != TW__IP && !tw__cast(NULL, &s, takes))
		return true;
	if (!v->kind.is_map) {
		out->matches = tw__pats_match(tw__patview_pats(v), NULL, &s);
		return true;
	}
	const struct tw__mapval *const val =
	    tw__mapidx_find(tw__patview_map(v), NULL, &s, NULL);
	out->matches = val != NULL;
	out->key = val != NULL ? val->key : NULL;
	out->value = val != NULL ? val->str.p : NULL;
	return true;
}

bool
tw__patref_quick(
    const struct tw__patref *ref, struct tw_str key, bool *found, struct tw_str *value)
{
	const struct tw_sample s = { .type = TW_STRING, .u.str = key };

	for (const struct tw__patview *v = ref->views; v != NULL; v = v->next) {
		if (v->kind.match != TW__STR || v->kind.fold)
			continue;
		if (!v->kind.is_map) {
			*found = tw__pats_match(tw__patview_pats(v), NULL, &s);
			return !ref->is_map || !*found;
		}
		const struct tw__mapval *const val =
		    tw__mapidx_find(tw__patview_map(v), NULL, &s, NULL);
		*found = val != NULL;
		if (val != NULL)
			*value = val->str;
		return true;
	}
	return false;
}
