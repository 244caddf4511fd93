/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * section.c - `healthcheck` sections: checks with a name, for servers of any
 * backend.
 *
 * A section is what the check's lines make of a backend, kept apart: the same
 * setters fill it, the same code completes it (complete.c), and a server that
 * names it is checked so, whatever its backend says. Control thread. source:
 * HAProxy 3.4's `healthcheck` sections, their `type` and rules.
 */
#include "kw.h"

struct hc_proxy *
hc_conf_of_line(const struct tw_line *ln)
{
	if (ln->scope == TW_SC_SECTION)
		return &((struct hc_named *)ln->section)->conf;
	return ln->state;
}

const char *
hc_type_of_line(const struct tw_line *ln)
{
	return strchr(ln->kw->word, ' ') + 1;
}

struct hc_named *
hc_named_find(struct tw_gen *gen, const char *name)
{
	const struct hc_gen *const g = tw_gen_block(gen, hc_self);
	struct hc_named *n = g->named;

	while (n != NULL && strcmp(n->name, name) != 0)
		n = n->next;
	return n;
}

static int
section_open(struct tw_line *ln, void **section)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct hc_gen *const g = tw_gen_block(ln->gen, hc_self);
	const char *const name = ln->n_words > 1 ? ln->word[1] : "";
	const struct hc_named *const other = hc_named_find(ln->gen, name);
	struct hc_named *const n = tw_arena_zalloc(arena, sizeof(*n));

	n->name = tw_arena_strdup(arena, name);
	n->file = ln->file;
	n->line = ln->number;
	n->next = g->named;
	g->named = n;
	*section = n;
	if (name[0] == '\0')
		return tw_line_fail(ln, -1, "'healthcheck' expects a name");
	if (ln->n_words > 2)
		return tw_line_fail(ln, -1,
		    "'healthcheck' takes a name and nothing else, not '%s'",
		    ln->word[2]);
	if (other != NULL)
		return tw_line_fail(ln, -1,
		    "healthcheck '%s' is declared already at %s:%d", name, other->file,
		    other->line);
	return 0;
}

const struct tw_section hc_sections[] = {
	{ .word = "healthcheck",
	    .open = section_open,
	    .help = "A check with a name, for servers with 'healthcheck <name>'." },
	{ .word = NULL },
};

/* `type` and none of those that have an entry of their own. */
int
hc_line_type(struct tw_line *ln)
{
	return tw_line_fail(ln, 0,
	    "'type' expects 'tcp-check', 'httpchk', 'grpc-check', 'ldap-check', "
	    "'mysql-check', 'pgsql-check', 'redis-check', 'smtpchk', 'spop-check' or "
	    "'ssl-hello-chk', not '%s'",
	    tw_arg(ln, 0));
}
