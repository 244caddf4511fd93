/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_live.c - changes of certificates while their generation runs.
 *
 * Lists are changed in place, as workers never see them; each line that is
 * concerned gets a new table. What can fail is done before the first line
 * has changed. Control thread.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "certs.h"
#include "crt_list.h"
#include "server.h"

bool
tls__line_uses(const struct tls_certs *line, const struct tls_list *list)
{
	for (const struct tls_src *s = line->first; s != NULL; s = s->next)
		if (s->list == list)
			return true;
	return false;
}

static bool
list_has(const struct tls_list *list, const struct tls_cert *cert)
{
	for (const struct tls_entry *e = list->first; e != NULL; e = e->next)
		if (e->cert == cert)
			return true;
	return false;
}

bool
tls__cert_is_used(struct tw_gen *gen, const struct tls_cert *cert)
{
	for (const struct tls_list *l = tls__lists(gen); l != NULL; l = l->next)
		if (list_has(l, cert))
			return true;
	return tls__servers_showing(gen, cert) > 0;
}

/* --- new tables --- */

/* What a change makes: first all tables, then they are set. */
struct change {
	struct tls_certs **line;  /* owns */
	struct tls_table **table; /* owns, until they are set */
	int n;
};

static int
change_add(struct change *c, struct tls_certs *line, struct tw_err *err)
{
	const size_t n = (size_t)c->n + 1;
	struct tls_table *t = tls__table_new(line, err);

	if (t == NULL || tls__table_try(line, t, err) < 0) {
		tls__table_free(&t);
		return -1;
	}
	c->line = realloc(c->line, n * sizeof(struct tls_certs *));
	c->table = realloc(c->table, n * sizeof(struct tls_table *));
	TW_ASSERT(c->line != NULL && c->table != NULL);
	c->line[c->n] = line;
	c->table[c->n++] = t;
	return 0;
}

static void
change_end(struct change *c, bool keep)
{
	for (int i = 0; i < c->n; i++)
		if (keep)
			tls__table_set(c->line[i], c->table[i]);
		else
			tls__table_free(&c->table[i]);
	free(c->line);
	free(c->table);
}

/* All lines that use one of the lists for which `is` holds. */
static int
change_lines(struct tw_gen *gen, bool (*is)(const struct tls_list *, const void *),
    const void *arg, struct tw_err *err)
{
	struct change c = { 0 };
	int rc = 0;

	for (struct tls_certs *line = tls__lines(gen); rc == 0 && line != NULL;
	     line = line->next) {
		bool uses = false;

		for (const struct tls_src *s = line->first; s != NULL; s = s->next)
			uses |= is(s->list, arg);
		if (uses)
			rc = change_add(&c, line, err);
	}
	change_end(&c, rc == 0);
	return rc;
}

/* --- another certificate of a name --- */

static void
swap_entries(struct tw_gen *gen, const struct tls_cert *from, struct tls_cert *to)
{
	for (struct tls_list *l = tls__lists(gen); l != NULL; l = l->next)
		for (struct tls_entry *e = l->first; e != NULL; e = e->next)
			if (e->cert == from) {
				tls__cert_unref(&e->cert);
				e->cert = tls__cert_ref(to);
			}
}

static bool
is_with_cert(const struct tls_list *list, const void *cert)
{
	return list_has(list, cert);
}

int
tls__cert_publish(struct tw_gen *gen, struct tls_cert *cert, struct tw_err *err)
{
	struct tls_store *const store = tls__store_of(gen);

	tls__cert_complete(gen, cert);
	struct tls_cert *old = tls__store_set(store, cert);

	if (old == NULL)
		return 0;
	int rc = tls__servers_try(gen, old, cert, err);
	swap_entries(gen, old, cert);
	if (rc == 0)
		rc = change_lines(gen, is_with_cert, cert, err);
	if (rc == 0)
		tls__servers_show(gen, old, cert);
	else { /* as it was */
		swap_entries(gen, cert, old);
		TW_ASSERT(tls__store_set(store, old) == cert);
		old = cert;
	}
	tls__cert_unref(&old);
	return rc;
}

/* --- lines of lists --- */

static bool
is_list(const struct tls_list *list, const void *other)
{
	return list == other;
}

static struct tls_entry *
take(struct tls_list *list, struct tls_entry *e)
{
	struct tls_entry **at = &list->first;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (e->next == NULL)
		list->last = at;
	e->next = NULL;
	list->n_entries--;
	return e;
}

static struct tls_entry *
entry_of(struct tw_gen *gen, struct tls_list *list, char *text, struct tw_err *err)
{
	struct tls_crt_line l;
	const int rc = tls__crt_line_parse(text, &l, err);

	if (rc < 0)
		return NULL;
	struct tls_cert *const cert =
	    rc == 0 ? NULL : tls__store_find(tls__store_of(gen), l.word[0]);
	if (cert == NULL) {
		tw_err_set(
		    err, "certificate '%s' does not exist!", rc == 0 ? "" : l.word[0]);
		return NULL;
	}
	struct tls_entry *const e = tls__entry_new(list, cert);
	tls__entry_words(e, l.word + 1, l.n_options, l.n_words - 1);
	return e;
}

int
tls__list_add(struct tw_gen *gen, struct tls_list *list, char *text, struct tw_err *err)
{
	struct tls_entry *e = entry_of(gen, list, text, err);

	if (e == NULL)
		return -1;
	if (list->kind == TLS_LIST_DIR && e->n_filters + e->n_options > 0) {
		tls__entry_free(&e);
		return tw_err_set(err,
		    "this is a directory, SSL options or SNI filters are not "
		    "allowed!");
	}
	e->number = list->kind == TLS_LIST_CRT ? list->last_number + 1 : 0;
	tls__list_append(list, e);
	if (change_lines(gen, is_list, list, err) == 0)
		return 0;
	e = take(list, e);
	tls__entry_free(&e);
	return -1;
}

int
tls__list_del(struct tw_gen *gen, struct tls_list *list, const char *name, int number,
    struct tw_err *err)
{
	struct tls_entry *e = list->first;

	while (e != NULL &&
	    (strcmp(e->cert->path, name) != 0 || (number != 0 && e->number != number)))
		e = e->next;
	if (e == NULL)
		return tw_err_set(err, "certificate '%s' is not in '%s'%s!", name,
		    list->name, number != 0 ? " on this line" : "");
	e = take(list, e);
	TW_ASSERT(change_lines(gen, is_list, list, err) == 0);
	tls__entry_free(&e);
	return 0;
}
