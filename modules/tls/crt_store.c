/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * crt_store.c - crt-store sections. source: HAProxy's manual (3.0), 3.11.
 * Configuration thread.
 */
#include <tideway/assert.h>

#include "certs.h"
#include "crt_store.h"
#include "ocsp.h"
#include "opts_kw.h"

struct crt_store {
	const char *name;                /* gen; "": it has none */
	const char *crt_base, *key_base; /* gen; NULL: global's */
};

static int
store_open(struct tw_line *ln, void **section)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct crt_store *const s = tw_arena_zalloc(arena, sizeof(*s));
	const char *const name = tw_arg(ln, 0);

	*section = s;
	s->name = tw_arena_strdup(arena, name != NULL ? name : "");
	if (strchr(s->name, '/') != NULL)
		return tw_line_fail(
		    ln, 0, "'crt-store' : the name must not contain '/'");
	if (ln->n_args > 1)
		return tw_line_fail(ln, 1,
		    "'crt-store' cannot handle unexpected argument '%s'.",
		    tw_arg(ln, 1));
	return 0;
}

const struct tw_section tls__sections[] = {
	{ "crt-store", store_open, NULL,
	    "Certificates of which each part has a file, named @STORE/ALIAS." },
	{ .word = NULL },
};

int
tls_set_store_base(struct tw_line *ln)
{
	struct crt_store *const s = ln->section;
	const char **const at =
	    strcmp(ln->kw->word, "key-base") == 0 ? &s->key_base : &s->crt_base;

	if (*at != NULL)
		return tw_line_fail(ln, -1, "'%s' already specified.", ln->kw->word);
	*at = tls__line_file(ln, NULL);
	return 0;
}

/* --- load --- */

/* The parts, and what else HAProxy has there. */
static const struct {
	const char *word;
	size_t offset; /* in struct tls_crt_load; 0: alias, or not here yet */
	bool is_known;
} parts[] = {
	{ "crt", offsetof(struct tls_crt_load, crt), true },
	{ "key", offsetof(struct tls_crt_load, key), true },
	{ "ocsp", offsetof(struct tls_crt_load, ocsp), true },
	{ "issuer", offsetof(struct tls_crt_load, issuer), true },
	{ "sctl", offsetof(struct tls_crt_load, sctl), true },
	{ "alias", 0, true },
	{ "ocsp-update", offsetof(struct tls_crt_load, ocsp_update), true },
	{ "acme", 0, false },
	{ "domains", 0, false },
	{ "bits", 0, false },
	{ "curves", 0, false },
	{ "keytype", 0, false },
	{ "generate-dummy", 0, false },
	{ "jwt", 0, false },
};

static int
part_of(struct tw_line *ln, int i)
{
	for (size_t k = 0; k < TW_N_ELEMENTS(parts); k++) {
		if (strcmp(tw_arg(ln, i), parts[k].word) != 0)
			continue;
		if (!parts[k].is_known)
			return tw_line_fail(
			    ln, i, "'load' : '%s' is not supported yet", parts[k].word);
		if (tw_arg(ln, i + 1) == NULL || tw_arg(ln, i + 1)[0] == '\0')
			return tw_line_fail(
			    ln, i, "'load' : '%s' expects a value", parts[k].word);
		return (int)k;
	}
	return tw_line_fail(ln, i,
	    "'load' : unknown word '%s'; expected crt, key, alias, ocsp, issuer, "
	    "sctl or ocsp-update",
	    tw_arg(ln, i));
}

static const char *
base_of(const struct tw_line *ln, bool is_key)
{
	const struct crt_store *const s = ln->section;
	const struct tls_gen *const g = tls_gen_of(ln->gen);

	const char *const own = is_key ? s->key_base : s->crt_base;
	const char *const global = is_key ? g->key_base : g->crt_base;

	return own != NULL ? own : global != NULL ? global : tw_line_dir(ln);
}

static int
load_words(
    struct tw_line *ln, struct tls_crt_load *l, const char **alias, const char **crt)
{
	for (int i = 0; i < ln->n_args; i += 2) {
		const int k = part_of(ln, i);
		if (k < 0)
			return -1;
		const char *const word =
		    tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, i + 1));
		const char **const at =
		    parts[k].offset == 0 && strcmp(parts[k].word, "alias") == 0
		    ? alias
		    : (const char **)((char *)l + parts[k].offset);
		if (*at != NULL)
			return tw_line_fail(
			    ln, i, "'load' : '%s' is there twice", parts[k].word);
		if (at == alias && strchr(word, '/') != NULL)
			return tw_line_fail(
			    ln, i + 1, "'load' : an alias must not contain '/'");
		if (at == &l->ocsp_update && strcmp(word, "on") != 0 &&
		    strcmp(word, "off") != 0)
			return tw_line_fail(ln, i + 1,
			    "'load' : 'ocsp-update' expects 'on' or 'off', not '%s'",
			    word);
		if (at == &l->crt)
			*crt = word;
		*at = at == alias || at == &l->ocsp_update
		    ? word
		    : tls__file(ln->gen, base_of(ln, at == &l->key), word);
	}
	if (l->crt == NULL)
		return tw_line_fail(ln, -1, "'load' expects 'crt <file>'");
	return 0;
}

int
tls_set_load(struct tw_line *ln)
{
	const struct crt_store *const s = ln->section;
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tls_crt_load *const l = tw_arena_zalloc(arena, sizeof(*l));
	struct tls_gen *const g = tls_gen_of(ln->gen);
	const char *alias = NULL, *crt = NULL;

	if (load_words(ln, l, &alias, &crt) < 0)
		return -1;
	l->name = alias == NULL && s->name[0] == '\0'
	    ? l->crt
	    : tw_arena_printf(arena, "@%s/%s", s->name, alias != NULL ? alias : crt);
	for (const struct tls_crt_load *o = g->loads; o != NULL; o = o->next)
		if (strcmp(o->name, l->name) == 0)
			return tw_line_fail(ln, -1,
			    "'load' : '%s' is already loaded at [%s:%d]", l->name,
			    o->file, o->line);
	l->file = ln->file;
	l->line = ln->number;
	l->next = g->loads;
	g->loads = l;
	return 0;
}

int
tls__crt_stores_load(struct tw_gen *gen)
{
	struct tls_load how = tls__load_how(gen);
	struct tw_err err;
	int rc = 0;

	for (const struct tls_crt_load *l = tls_gen_of(gen)->loads; l != NULL;
	     l = l->next) {
		how.file = l->crt;
		how.key = l->key;
		how.ocsp = l->ocsp;
		how.issuer = l->issuer;
		how.sctl = l->sctl;
		struct tls_cert *const cert = tls__cert_load(l->name, &how, &err);
		if (cert == NULL) {
			rc =
			    tw_gen_fail(gen, l->file, l->line, "'load' : %s", err.text);
			continue;
		}
		if (l->ocsp_update != NULL)
			cert->ocsp_update = strcmp(l->ocsp_update, "on") == 0
			    ? TLS_OCSP_ON
			    : TLS_OCSP_OFF;
		tls__cert_complete(gen, cert);
		tls__warn_dates(gen, l->file, l->line, cert);
		TW_ASSERT(tls__store_set(tls__store_of(gen), cert) == NULL);
	}
	return rc;
}
