/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bind_crt.c - a bind line is given its certificates: lists are read, a table is
 * built of them and tried once. Configuration thread.
 */
#include <tideway/assert.h>

#include "certs.h"
#include "crt_store.h"
#include "ctl_trust.h"
#include "forge.h"
#include "ocsp.h"

struct tls_load
tls__load_how(struct tw_gen *gen)
{
	const struct tls_gen *const g = tls_gen_of(gen);

	return (struct tls_load){
		.extras = g->extras_said ? g->extras : TLS_EXTRA_ALL,
		.del_ext = g->extras_del_ext,
		.shared = g->shared,
	};
}

static void
store_drop(void *arg)
{
	struct tls_gen *const g = arg;

	tls__cas_free(g);
	tls__store_free(&g->store);
	tls__shared_free(&g->shared);
}

int
tls__certs_begin(struct tw_gen *gen)
{
	struct tls_gen *const g = tls_gen_of(gen);

	if (g->store != NULL)
		return g->store_rc;
	g->store = tls__store_new();
	g->shared = tls__shared_new();
	tw_arena_at_end(tw_gen_arena(gen), store_drop, g);
	g->store_rc = tls__crt_stores_load(gen);
	return g->store_rc;
}

static void
table_drop(void *arg)
{
	struct tls_certs *const line = arg;
	struct tls_table *t = atomic_load(&line->table);

	atomic_store(&line->table, NULL);
	tls__table_free(&t);
	tls__forge_free(&line->forge);
}

static void
line_begin(struct tw_gen *gen, const struct tw_bind *bind, struct tls_bind *tb)
{
	struct tls_gen *const g = tls_gen_of(gen);
	struct tls_certs *const line = tb->certs;

	line->bind = bind;
	line->side = tb->side;
	line->next = g->lines;
	g->lines = line;
	tw_arena_at_end(tw_gen_arena(gen), table_drop, line);
}

static int
line_read(struct tls_certs *line)
{
	int rc = 0;

	for (struct tls_src *s = line->first; s != NULL; s = s->next) {
		s->list = tls__list_get(line, s);
		if (s->list == NULL || tls__ocsp_list(line, s->list) < 0)
			rc = -1;
	}
	return rc;
}

static bool
has_any(const struct tls_certs *line)
{
	for (const struct tls_src *s = line->first; s != NULL; s = s->next)
		if (s->list->first != NULL)
			return true;
	return false;
}

static int
none(struct tw_gen *gen, const struct tls_certs *line, const struct tw_bind *bind)
{
	return tw_gen_fail(gen, line == NULL ? NULL : line->file,
	    line == NULL ? 0 : line->line,
	    "no SSL certificate specified for bind '%s', a 'bind' line with 'ssl' "
	    "(use 'crt <file>', or 'strict-sni' when there may be none)",
	    tw_bind_name(bind));
}

#define FORGED_SIZE 1000

/* As in HAProxy, its key is that of the certificate shown by default. */
static int
line_forges(struct tls_certs *line, const struct tls_table *table, struct tw_err *err)
{
	const struct tls_gen *const g = tls_gen_of(line->side.gen);
	const struct tls_sni_ask any = { .kinds = ~0u, .now = time(NULL) };
	const struct tls_pick *const first = tls__table_default(table, &any);

	if (line->sign_file == NULL)
		return tw_err_set(err,
		    "'generate-certificates' needs the authority's certificate and "
		    "key: add 'ca-sign-file <file>'");
	line->forge = tls__forge_new(
	    &(struct tls_forge_conf){
		.file = line->sign_file,
		.pass = line->sign_pass,
		.key = first != NULL ? first->cert->key : NULL,
		.size = g->forged_size != 0 ? g->forged_size - 1 : FORGED_SIZE,
	    },
	    err);
	if (line->sign_pass != NULL) /* nobody needs it again */
		OPENSSL_cleanse(line->sign_pass, strlen(line->sign_pass));
	line->sign_pass = NULL;
	return line->forge == NULL ? -1 : 0;
}

bool
tls__bind_same(struct tls_bind *tb)
{
	if (tb->certs == NULL || !tb->certs->built)
		return false;
	tb->side = tb->certs->side;
	return true;
}

static bool
is_strict(const struct tls_bind *tb)
{
	const struct tls_gen *const g = tls_gen_of(tb->side.gen);

	return tb->opts.strict_sni || (g->bind.strict_sni && !tb->opts.no_strict_sni);
}

int
tls__bind_certs(
    const struct tw_proxy *px, const struct tw_bind *bind, struct tls_bind *tb)
{
	struct tw_gen *const gen = tb->side.gen;
	struct tls_table *table;
	struct tw_err err;

	if (tb->certs == NULL && is_strict(tb))
		tb->certs = tls__certs_new(gen, NULL, 0);
	struct tls_certs *const line = tb->certs;
	if (line == NULL)
		return none(gen, line, bind);
	if (line->failed) /* the copy for another address */
		return -1;
	line->failed = true;
	line->strict = is_strict(tb);
	line->px = px;
	line_begin(gen, bind, tb);
	if (line_read(line) < 0)
		return -1;
	if (!line->strict && !has_any(line))
		return none(gen, line, bind);
	table = tls__table_new(line, &err);
	if (table == NULL || tls__table_try(line, table, &err) < 0 ||
	    (line->generates && line_forges(line, table, &err) < 0)) {
		tls__table_free(&table);
		return tls__certs_fail(line, "ssl", err.text);
	}
	tls__side_abilities(&line->side);
	tls__certs_hook(line, line->side.ctx);
	tls__table_set(line, table);
	tb->side = line->side;
	line->failed = false;
	line->built = true;
	return 0;
}
