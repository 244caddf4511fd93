/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_list.c - what one word of a bind line names becomes a list of entries:
 * a file, its bundle of key types, or the files of a directory. Each file is
 * read once in a generation. Configuration and control thread.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <tideway/assert.h>

#include "certs.h"

struct tls_store *
tls__store_of(struct tw_gen *gen)
{
	return tls_gen_of(gen)->store;
}

struct tls_list *
tls__lists(struct tw_gen *gen)
{
	return tls_gen_of(gen)->lists;
}

struct tls_certs *
tls__lines(struct tw_gen *gen)
{
	return tls_gen_of(gen)->lines;
}

struct tls_list *
tls__list_find(struct tw_gen *gen, const char *name)
{
	for (struct tls_list *l = tls__lists(gen); l != NULL; l = l->next)
		if (l->kind != TLS_LIST_FILE && strcmp(l->name, name) == 0)
			return l;
	return NULL;
}

int
tls__certs_fail(const struct tls_certs *line, const char *word, const char *text)
{
	return tw_gen_fail(line->side.gen, line->file, line->line,
	    "Proxy '%s': bind '%s': '%s' : %s", tw_proxy_name(line->px),
	    tw_bind_name(line->bind), word, text);
}

struct tls_entry *
tls__entry_new(struct tls_list *list, struct tls_cert *cert)
{
	struct tls_entry *const e = calloc(1, sizeof(*e));

	TW_ASSERT(e != NULL);
	e->list = list;
	e->cert = tls__cert_ref(cert);
	return e;
}

static void
words_free(char **word, int n)
{
	for (int i = 0; i < n; i++)
		free(word[i]);
	free(word);
}

void
tls__entry_free(struct tls_entry **entry)
{
	struct tls_entry *const e = *entry;

	*entry = NULL;
	if (e == NULL)
		return;
	words_free(e->option, e->n_options);
	words_free(e->filter, e->n_filters);
	tls__cert_unref(&e->cert);
	free(e);
}

static char **
words_dup(char *const *word, int n)
{
	char **const copy = calloc((size_t)n + 1, sizeof(char *));

	TW_ASSERT(copy != NULL);
	for (int i = 0; i < n; i++) {
		copy[i] = strdup(word[i]);
		TW_ASSERT(copy[i] != NULL);
	}
	return copy;
}

void
tls__entry_words(struct tls_entry *e, char *const *word, int n_options, int n)
{
	e->option = words_dup(word, n_options);
	e->filter = words_dup(word + n_options, n - n_options);
	e->n_options = n_options;
	e->n_filters = n - n_options;
}

bool
tls__entry_is_default(const struct tls_entry *e)
{
	for (int i = 0; i < e->n_filters; i++)
		if (strcmp(e->filter[i], "*") == 0)
			return true;
	return false;
}

void
tls__list_append(struct tls_list *list, struct tls_entry *e)
{
	*list->last = e;
	list->last = &e->next;
	list->n_entries++;
	if (e->number > list->last_number)
		list->last_number = e->number;
}

static void
list_drop(void *arg)
{
	struct tls_list *const list = arg;
	struct tls_entry *e;

	while ((e = list->first) != NULL) {
		list->first = e->next;
		tls__entry_free(&e);
	}
}

static struct tls_list *
list_new(struct tw_gen *gen, enum tls_list_kind kind, const char *name)
{
	struct tw_arena *const arena = tw_gen_arena(gen);
	struct tls_list *const list = tw_arena_zalloc(arena, sizeof(*list));

	*list = (struct tls_list){ .kind = kind, .last = &list->first };
	list->name = tw_arena_strdup(arena, name);
	list->next = tls_gen_of(gen)->lists;
	tls_gen_of(gen)->lists = list;
	tw_arena_at_end(arena, list_drop, list);
	return list;
}

/* --- dates --- */

void
tls__warn_dates(
    struct tw_gen *gen, const char *file, int line, const struct tls_cert *c)
{
	const time_t now = time(NULL);
	const bool late = now > c->not_after;
	const time_t at = late ? c->not_after : c->not_before;
	char text[32];
	struct tm tm;

	if (!late && now >= c->not_before)
		return;
	gmtime_r(&at, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	(late && tw_check_expired() ? tw_gen_fail : tw_gen_warn)(gen, file, line,
	    late ? "the certificate in '%s' has expired on %s UTC; renew it, or take "
		   "it off the line"
		 : "the certificate in '%s' is not valid before %s UTC",
	    c->path, text);
}

/* --- files --- */

struct tls_cert *
tls__cert_obtain(struct tw_gen *gen, const char *path, const struct tls_load *how,
    bool *is_new, struct tw_err *err)
{
	struct tls_store *const store = tls__store_of(gen);
	struct tls_cert *cert = tls__store_find(store, path);

	*is_new = false;
	if (cert != NULL)
		return cert;
	if (path[0] == '@') {
		tw_err_set(err,
		    "unable to find the certificate '%s': no crt-store loads it", path);
		return NULL;
	}
	cert = tls__cert_load(path, how, err);
	if (cert == NULL)
		return NULL;
	tls__cert_complete(gen, cert);
	TW_ASSERT(tls__store_set(store, cert) == NULL);
	*is_new = true;
	return cert;
}

static struct tls_entry *
entry_load(const struct tls_certs *line, struct tls_list *list, const char *path,
    struct tw_err *err)
{
	struct tw_gen *const gen = line->side.gen;
	const struct tls_load how = tls__load_how(gen);
	bool is_new;
	struct tls_cert *const cert = tls__cert_obtain(gen, path, &how, &is_new, err);

	if (is_new)
		tls__warn_dates(gen, line->file, line->line, cert);
	return cert != NULL ? tls__entry_new(list, cert) : NULL;
}

static int
add_file(const struct tls_certs *line, struct tls_list *list, const char *path,
    struct tw_err *err)
{
	struct tls_entry *const e = entry_load(line, list, path, err);

	if (e == NULL)
		return -1;
	tls__list_append(list, e);
	return 0;
}

static bool
has_bundle(const char *path, int i, char name[static 4096])
{
	static const char *const ext[] = { "rsa", "ecdsa", "dsa" };
	struct stat st;

	return snprintf(name, 4096, "%s.%s", path, ext[i]) < 4096 &&
	    stat(name, &st) == 0;
}

/* "x.pem" that is not there may be x.pem.rsa, x.pem.ecdsa and x.pem.dsa.
 * returns: -1: err says why; else how many. */
static int
add_bundle(const struct tls_certs *line, struct tls_list *list, const char *path,
    struct tw_err *err)
{
	char name[4096];
	int n = 0;

	for (int i = 0; i < 3; i++)
		if (has_bundle(path, i, name)) {
			if (add_file(line, list, name, err) < 0)
				return -1;
			n++;
		}
	return n;
}

static bool
is_there(struct tw_gen *gen, const char *path)
{
	struct stat st;

	return tls__store_find(tls__store_of(gen), path) != NULL ||
	    stat(path, &st) == 0;
}

int
tls__list_add_path(const struct tls_certs *line, struct tls_list *list,
    const char *path, struct tw_err *err)
{
	struct tw_gen *const gen = line->side.gen;

	if (path[0] != '@' && !is_there(gen, path) &&
	    (tls__load_how(gen).extras & TLS_EXTRA_BUNDLE) != 0) {
		const int n = add_bundle(line, list, path, err);
		if (n != 0)
			return n < 0 ? -1 : 0;
	}
	return add_file(line, list, path, err);
}

/* --- directories --- */

static int
is_certificate(const struct dirent *d)
{
	static const char *const not_these[] = { ".key", ".ocsp", ".issuer", ".sctl",
		".dh" };
	const char *const dot = strrchr(d->d_name, '.');

	if (d->d_name[0] == '.')
		return 0;
	for (size_t i = 0; dot != NULL && i < TW_N_ELEMENTS(not_these); i++)
		if (strcmp(dot, not_these[i]) == 0)
			return 0;
	return 1;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
add_dir(const struct tls_certs *line, struct tls_list *list, const char *word)
{
	struct dirent **d = NULL;
	const int n = scandir(list->name, &d, is_certificate, by_bytes);
	struct tw_err err;
	struct stat st;
	int rc = 0;

	if (n < 0) {
		tw_err_set(&err, "unable to scan directory '%s' : %s.", list->name,
		    strerror(errno));
		return tls__certs_fail(line, word, err.text);
	}
	for (int i = 0; i < n; i++) {
		char path[4096];
		const int len =
		    snprintf(path, sizeof(path), "%s/%s", list->name, d[i]->d_name);
		free(d[i]);
		if (len >= (int)sizeof(path) ||
		    (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
			continue;
		if (add_file(line, list, path, &err) < 0)
			rc = tls__certs_fail(line, word, err.text);
	}
	free(d);
	if (rc == 0 && list->n_entries == 0 && !line->strict) {
		tw_err_set(&err,
		    "there is no certificate in the directory '%s' (with 'strict-sni' "
		    "there may be none)",
		    list->name);
		return tls__certs_fail(line, word, err.text);
	}
	return rc;
}

/* --- all of it --- */

const char *
tls__crt_name(const struct tls_certs *line, const char *name)
{
	const char *const base = tls_gen_of(line->side.gen)->crt_base;

	return tls__file(line->side.gen, base != NULL ? base : line->dir, name);
}

/* "DIR/" is "DIR". */
static const char *
name_of(const struct tls_certs *line, const char *word)
{
	char *const name =
	    tw_arena_strdup(tw_gen_arena(line->side.gen), tls__crt_name(line, word));
	size_t len = strlen(name);

	while (len > 1 && name[len - 1] == '/')
		name[--len] = '\0';
	return name;
}

static int
list_read(struct tls_certs *line, struct tls_list *list, const char *word)
{
	struct tw_err err;

	if (list->kind == TLS_LIST_CRT)
		return tls__crt_list_read(line, list);
	if (list->kind == TLS_LIST_DIR)
		return add_dir(line, list, word);
	if (tls__list_add_path(line, list, list->name, &err) < 0)
		return tls__certs_fail(line, word, err.text);
	return 0;
}

static struct tls_list *
list_seek(struct tw_gen *gen, const char *name, bool is_crt_list)
{
	for (struct tls_list *l = tls__lists(gen); l != NULL; l = l->next)
		if ((l->kind == TLS_LIST_CRT) == is_crt_list &&
		    strcmp(l->name, name) == 0)
			return l;
	return NULL;
}

static enum tls_list_kind
kind_of(const char *name, bool is_crt_list)
{
	struct stat st;

	if (is_crt_list)
		return TLS_LIST_CRT;
	return stat(name, &st) == 0 && S_ISDIR(st.st_mode) ? TLS_LIST_DIR
							   : TLS_LIST_FILE;
}

struct tls_list *
tls__list_get(struct tls_certs *line, const struct tls_src *src)
{
	struct tw_gen *const gen = line->side.gen;
	const bool is_crt_list = strcmp(src->word, "crt-list") == 0;
	const char *const name = is_crt_list ? tls__file(gen, line->dir, src->name)
					     : name_of(line, src->name);
	struct tls_list *list = list_seek(gen, name, is_crt_list);

	if (list == NULL) {
		list = list_new(gen, kind_of(name, is_crt_list), name);
		list->failed = list_read(line, list, src->word) < 0;
	}
	return list->failed ? NULL : list;
}
