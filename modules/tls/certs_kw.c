/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_kw.c - words of bind lines that name certificates. They are only noted
 * here: files are read by check(), when all of `global` is known.
 */
#include "certs.h"
#include "certs_kw.h"
#include "opts_kw.h"

struct tls_certs *
tls__certs_new(struct tw_gen *gen, const char *file, int line)
{
	struct tls_certs *const c = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*c));

	c->magic = TLS_CERTS_MAGIC;
	c->last = &c->first;
	c->file = file;
	c->line = line;
	return c;
}

/* The copies of a bind line for its other addresses get the same pointer. */
static struct tls_certs *
certs_of(struct tw_line *ln)
{
	struct tls_bind *const tb = ln->state;

	if (tb->certs == NULL) {
		tb->certs = tls__certs_new(ln->gen, ln->file, ln->number);
		tb->certs->dir = tw_line_dir(ln);
	}
	return tb->certs;
}

int
tls_set_crt(struct tw_line *ln)
{
	struct tls_certs *const c = certs_of(ln);
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tls_src *const src = tw_arena_zalloc(arena, sizeof(*src));

	if (tw_arg(ln, 0)[0] == '\0')
		return tw_line_fail(
		    ln, 0, "'%s' : missing certificate location", ln->kw->word);
	src->word = ln->kw->word;
	src->name = tw_arena_strdup(arena, tw_arg(ln, 0));
	*c->last = src;
	c->last = &src->next;
	return 0;
}

int
tls_set_extra_files(struct tw_line *ln)
{
	static const struct {
		const char *word;
		unsigned bits;
	} words[] = {
		{ "none", 0 },
		{ "all", TLS_EXTRA_ALL },
		{ "bundle", TLS_EXTRA_BUNDLE },
		{ "sctl", TLS_EXTRA_SCTL },
		{ "ocsp", TLS_EXTRA_OCSP },
		{ "issuer", TLS_EXTRA_ISSUER },
		{ "key", TLS_EXTRA_KEY },
	};
	struct tls_gen *const g = ln->state;

	g->extras = 0;
	g->extras_said = true;
	for (int i = 0; i < ln->n_args; i++) {
		size_t k = 0;

		while (k < TW_N_ELEMENTS(words) &&
		    strcmp(tw_arg(ln, i), words[k].word) != 0)
			k++;
		if (k == TW_N_ELEMENTS(words))
			return tw_line_fail(ln, i,
			    "'%s' : unknown word '%s'; expected none, all, bundle, "
			    "sctl, ocsp, issuer or key",
			    ln->kw->word, tw_arg(ln, i));
		if (words[k].bits == 0 && ln->n_args > 1)
			return tw_line_fail(
			    ln, i, "'%s' : 'none' stands alone", ln->kw->word);
		g->extras |= words[k].bits;
	}
	return 0;
}

int
tls_set_generate(struct tw_line *ln)
{
	certs_of(ln)->generates = true;
	return 0;
}

int
tls_set_sign(struct tw_line *ln)
{
	struct tls_certs *const c = certs_of(ln);

	if (strcmp(ln->kw->word, "ca-sign-pass") == 0)
		c->sign_pass = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	else
		c->sign_file = tls__line_file(ln, tls_gen_of(ln->gen)->ca_base);
	return 0;
}

int
tls_set_forged_size(struct tw_line *ln)
{
	struct tls_gen *const g = ln->state;
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 0, 1000000, &n, &err) < 0)
		return tw_line_fail(ln, 0, "'%s' : %s", ln->kw->word, err.text);
	g->forged_size = (uint32_t)n + 1;
	return 0;
}
