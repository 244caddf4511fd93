/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * table.c - -Kt: the tables of keywords for programs, one entry a line.
 *
 * Columns, with tabs between: where it may stand (letters below, or the name of
 * a module's section), the word, fewest and most arguments (-1: no limit), the
 * kind of its argument, the least and the greatest number, flags, owner, usage.
 * Editors and tests read it. Start-up only.
 */
#include "config.h"

#include <inttypes.h>

#include <tideway/str.h>
#include "core/conf/parser.h"

static const struct {
	unsigned scope;
	char letter;
} scopes[] = {
	{ TW_SC_GLOBAL, 'g' },
	{ TW_SC_DEFAULTS, 'd' },
	{ TW_SC_FRONTEND, 'f' },
	{ TW_SC_LISTEN, 'l' },
	{ TW_SC_BACKEND, 'b' },
	{ TW_SC_BIND, 'B' },
	{ TW_SC_SERVER, 'S' },
};

static const struct {
	tw_kw_set *set;
	const char *kind;
} kinds[] = {
	{ tw_set_flag, "flag" },
	{ tw_set_ms, "time" },
	{ tw_set_uint, "number" },
	{ tw_set_size, "size" },
	{ tw_set_str, "text" },
};

static const char *
kind_of(const struct tw_kw *kw)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(kinds); i++) {
		if (kinds[i].set == kw->set)
			return kinds[i].kind;
	}
	return "own";
}

static void
print_places(FILE *to, const struct tw_kw *kw)
{
	if (kw->scopes & TW_SC_SECTION) {
		fprintf(to, "%s", kw->section != NULL ? kw->section : "?");
		return;
	}
	for (size_t i = 0; i < TW_N_ELEMENTS(scopes); i++) {
		if (kw->scopes & scopes[i].scope)
			fputc(scopes[i].letter, to);
	}
}

static void
print_entry(FILE *to, const struct tw__kw_entry *e)
{
	const struct tw_kw *const kw = e->kw;

	print_places(to, kw);
	fprintf(to, "\t%s\t%d\t%d\t%s\t%" PRIdPTR "\t%" PRIdPTR "\t", kw->word,
	    kw->min_args, kw->max_args, kind_of(kw), kw->min, kw->max);
	fprintf(to, "%s%s%s\t%s\t%s\n", kw->flags & TW_KW_NO ? "n" : "",
	    kw->flags & TW_KW_HTTP ? "h" : "", kw->flags & TW_KW_REST ? "r" : "",
	    tw__owner_name(e->owner), kw->usage != NULL ? kw->usage : "");
}

void
tw__conf_table(FILE *to)
{
	const struct tw__kw_entry *e;

	for (int i = 0; (e = tw__kw_at(i)) != NULL; i++)
		print_entry(to, e);
}
