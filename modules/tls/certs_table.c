/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_table.c - what a line's handshakes choose from: built by the
 * configuration or control thread, read by workers, retired when another one
 * has taken its place.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "certs.h"

struct tls_table {
	struct tls_sni *sni;         /* owns */
	struct tls_pick *pick;       /* owns */
	const struct tls_pick **def; /* owns: what is shown by default */
	int n, n_def;
	unsigned kinds; /* 1 << enum tls_kind */
};

void
tls__table_free(struct tls_table **table)
{
	struct tls_table *const t = *table;

	*table = NULL;
	if (t == NULL)
		return;
	tls__sni_free(&t->sni);
	for (int i = 0; i < t->n; i++)
		tls__cert_unref(&t->pick[i].cert);
	free(t->pick);
	free(t->def);
	free(t);
}

static void
table_retired(void *arg)
{
	struct tls_table *t = arg;

	tls__table_free(&t);
}

void
tls__table_set(struct tls_certs *line, struct tls_table *table)
{
	struct tls_table *const old =
	    atomic_exchange_explicit(&line->table, table, memory_order_acq_rel);

	if (old != NULL)
		tw_retire(table_retired, old);
}

static int
count_entries(const struct tls_certs *line)
{
	int n = 0;

	for (const struct tls_src *s = line->first; s != NULL; s = s->next)
		n += s->list->n_entries;
	return n;
}

static int
table_add(struct tls_table *t, struct tls_certs *line, const struct tls_entry *e,
    struct tls_sni_line *to, struct tw_err *err)
{
	struct tls_pick *const p = &t->pick[t->n];

	if (tls__variant_get(line, e, &p->own, err) < 0)
		return -1;
	p->cert = tls__cert_ref(e->cert);
	*to = (struct tls_sni_line){ e->cert, p, (const char *const *)e->filter,
		e->n_filters };
	t->kinds |= 1u << e->cert->kind;
	t->n++;
	return 0;
}

/* The first file of the line, with its bundle; or those that were said to be. */
static void
set_defaults(struct tls_table *t, const struct tls_certs *line)
{
	int at = 0;
	bool said = false;

	t->def = calloc((size_t)t->n + 1, sizeof(struct tls_pick *));
	TW_ASSERT(t->def != NULL);
	for (const struct tls_src *s = line->first; s != NULL; s = s->next) {
		const bool word = strcmp(s->word, "default-crt") == 0;
		int in_list = 0;

		for (const struct tls_entry *e = s->list->first; e != NULL;
		     e = e->next, at++, in_list++) {
			const bool is_said = word || tls__entry_is_default(e);
			const bool is_first = at == 0 ||
			    (at == in_list && s->list->kind == TLS_LIST_FILE);

			if (is_said && !said)
				t->n_def = 0;
			said |= is_said;
			if (is_said || (is_first && !said))
				t->def[t->n_def++] = &t->pick[at];
		}
	}
}

struct tls_table *
tls__table_new(struct tls_certs *line, struct tw_err *err)
{
	const size_t n = (size_t)count_entries(line);
	struct tls_table *t = calloc(1, sizeof(*t));
	struct tls_sni_line *const lines = calloc(n + 1, sizeof(*lines));
	int rc = 0;

	TW_ASSERT(t != NULL && lines != NULL);
	t->pick = calloc(n + 1, sizeof(*t->pick));
	TW_ASSERT(t->pick != NULL);
	for (const struct tls_src *s = line->first; s != NULL; s = s->next)
		for (const struct tls_entry *e = s->list->first; rc == 0 && e != NULL;
		     e = e->next)
			rc = table_add(t, line, e, &lines[t->n], err);
	if (rc == 0) {
		t->sni = tls__sni_new(lines, t->n);
		set_defaults(t, line);
	} else
		tls__table_free(&t);
	free(lines);
	return t;
}

int
tls__table_try(
    const struct tls_certs *line, const struct tls_table *table, struct tw_err *err)
{
	SSL *const ssl = SSL_new(line->side.ctx);
	int rc = 0;

	TW_ASSERT(ssl != NULL);
	for (int i = 0; rc == 0 && i < table->n; i++) {
		const struct tls_cert *const c = table->pick[i].cert;

		if (SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) != 1)
			rc = tls__ssl_error(
			    err, "unable to use the certificate from", c->path);
	}
	SSL_free(ssl);
	return rc;
}

unsigned
tls__table_kinds(const struct tls_table *table)
{
	return table->kinds;
}

const struct tls_pick *
tls__table_find(
    const struct tls_table *table, const struct tls_sni_ask *ask, bool *named)
{
	const struct tls_pick *const p = tls__sni_find(table->sni, ask);

	*named = p != NULL;
	return p;
}

const struct tls_pick *
tls__table_default(const struct tls_table *table, const struct tls_sni_ask *ask)
{
	const struct tls_pick *best = NULL;
	int rank = -1;

	for (int i = 0; i < table->n_def; i++) {
		const int r = tls__sni_rank(table->def[i]->cert, ask);

		if (r > rank) {
			rank = r;
			best = table->def[i];
		}
	}
	return best;
}
