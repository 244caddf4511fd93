/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_variant.c - options of a crt-list's lines. They are those of bind lines:
 * the same setters read them, over a copy of what the bind line says, and lines
 * with the same options share a context. source: HAProxy's manual, 5.1, crt-list.
 * Configuration and control thread.
 */
#include "certs.h"
#include "ocsp.h"

/* What may stand there, of this module's keywords for bind lines. */
static bool
is_allowed(const char *word)
{
	static const char *const words[] = { "alpn", "ca-file", "ca-verify-file",
		"ciphers", "ciphersuites", "client-sigalgs", "crl-file", "curves",
		"ecdhe", "no-alpn", "no-ca-names", "npn", "sigalgs", "ssl-max-ver",
		"ssl-min-ver", "verify", "allow-0rtt" };

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static const struct tw_kw *
keyword(const char *word, struct tw_err *err)
{
	const struct tw_kw *kw = tls_self->module->keywords;

	for (; is_allowed(word) && kw->word != NULL; kw++)
		if (kw->scopes & TW_SC_BIND && strcmp(kw->word, word) == 0)
			return kw;
	tw_err_set(err, "unknown ssl keyword %s", word);
	return NULL;
}

static int
apply(struct tw_gen *gen, const struct tls_entry *e, struct tls_opts *o,
    struct tw_err *err)
{
	for (int i = 0; i < e->n_options;) {
		if (strcmp(e->option[i], "ocsp-update") == 0) {
			if (tls__ocsp_option(e, i, err) < 0)
				return -1;
			i += 2;
			continue;
		}
		const struct tw_kw *const kw = keyword(e->option[i], err);
		const int left = e->n_options - i;

		if (kw == NULL)
			return -1;
		if (left <= kw->min_args)
			return tw_err_set(
			    err, "ssl args out of '[]' for %s", e->option[i]);
		const int n = tw_kw_apply(gen, kw, e->option + i, left, o, err);
		if (n < 0)
			return -1;
		i += n;
	}
	if (o->no_alpn)
		o->alpn_len = 0;
	return 0;
}

static const char *
key_of(struct tw_gen *gen, const struct tls_entry *e)
{
	const char *key = "";

	for (int i = 0; i < e->n_options; i++)
		key = tw_arena_printf(
		    tw_gen_arena(gen), i == 0 ? "%s%s" : "%s %s", key, e->option[i]);
	return key;
}

/* What tells servers that a request came early is there from the start or not at
 * all. */
static int
early_use(struct tls_certs *line, const struct tls_opts *o, struct tw_err *err)
{
	if (!o->allow_0rtt || line->side.early)
		return 0;
	if (line->built)
		return tw_err_set(err,
		    "'allow-0rtt' : neither the bind line nor its crt-list had it when it "
		    "began; add it to the file and reload");
	line->side.early = true;
	return 0;
}

static struct tls_variant *
variant_new(struct tls_certs *line, const struct tls_entry *e, struct tw_err *err)
{
	struct tw_gen *const gen = line->side.gen;
	struct tls_variant *const v = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*v));

	v->opts = *line->side.opts;
	v->key = key_of(gen, e);
	if (apply(gen, e, &v->opts, err) < 0 || early_use(line, &v->opts, err) < 0)
		return NULL;
	v->ctx = tls__ctx_new(gen, &v->opts, true, err);
	if (v->ctx == NULL)
		return NULL;
	tls__ctx_keep(gen, v->ctx);
	tls__certs_hook(line, v->ctx);
	v->next = line->variants;
	line->variants = v;
	return v;
}

static bool
has_key(const struct tls_entry *e, const char *key)
{
	for (int i = 0; i < e->n_options; i++) {
		const size_t len = strlen(e->option[i]);

		if (strncmp(key, e->option[i], len) != 0)
			return false;
		key += len;
		if (*key++ != (i + 1 < e->n_options ? ' ' : '\0'))
			return false;
	}
	return true;
}

int
tls__variant_get(struct tls_certs *line, const struct tls_entry *e,
    const struct tls_variant **variant, struct tw_err *err)
{
	struct tls_variant *v = line->variants;

	*variant = NULL;
	if (e->n_options == 0)
		return 0;
	while (v != NULL && !has_key(e, v->key))
		v = v->next;
	if (v == NULL)
		v = variant_new(line, e, err);
	*variant = v;
	return v == NULL ? -1 : 0;
}
