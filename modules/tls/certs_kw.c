/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_kw.c - words of bind lines that name certificates. They are only noted
 * here: files are read by check(), when all of `global` is known.
 */
#include "certs.h"
#include "certs_kw.h"

/* The copies of a bind line for its other addresses get the same pointer. */
struct tls_certs *
tls__certs_of_line(struct tw_line *ln)
{
	struct tls_bind *const tb = ln->state;

	if (tb->certs == NULL) {
		tb->certs = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*tb->certs));
		tb->certs->magic = TLS_CERTS_MAGIC;
		tb->certs->last = &tb->certs->first;
		tb->certs->file = ln->file;
		tb->certs->line = ln->number;
	}
	return tb->certs;
}

int
tls_set_crt(struct tw_line *ln)
{
	struct tls_certs *const c = tls__certs_of_line(ln);
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
tls_set_strict_sni(struct tw_line *ln)
{
	tls__certs_of_line(ln)->strict = true;
	return 0;
}
