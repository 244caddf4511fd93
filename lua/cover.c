/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cover.c - which lines of the scripts a test has run.
 *
 * The lines that have code are read from the compiled file, as lua_dump() writes
 * it, because functions that nothing calls must count, too. One thread.
 */
#include "lu.h"

#include <stdlib.h>

#include "chunk.h"
#include "test.h"

#define LINES_MAX 65536

enum { NO_CODE, CODE, RUN };

struct file {
	struct file *next;
	char *path;
	int n;      /* lines */
	char *line; /* owns: NO_CODE, ..; by number */
};

bool lu_cover_on;
static struct file *files;

/* ---- which lines have code ------------------------------------------------------ */

static void
mark(struct file *f, int line)
{
	if (line <= 0 || line >= LINES_MAX)
		return;
	if (line >= f->n) {
		char *const more = realloc(f->line, (size_t)line + 1);
		if (more == NULL)
			return;
		memset(more + f->n, NO_CODE, (size_t)(line + 1 - f->n));
		f->line = more;
		f->n = line + 1;
	}
	if (f->line[line] == NO_CODE)
		f->line[line] = CODE;
}

static void
mark_function(struct lu_chunk *c, struct file *f, int depth)
{
	struct lu_chunk_head head;

	lu_chunk_head(c, &head);
	lu_chunk_skip_constants(c);
	lu_chunk_skip(c, 2 * (size_t)lu_chunk_int(c)); /* upvalues */
	for (int n = lu_chunk_int(c); n > 0 && !c->bad && depth < 200; n--)
		mark_function(c, f, depth + 1);
	for (int n = lu_chunk_int(c); n > 0 && !c->bad; n--)
		mark(f, lu_chunk_int(c));
	for (int n = lu_chunk_int(c); n > 0 && !c->bad; n--) {
		lu_chunk_skip_string(c);
		lu_chunk_skip(c, 2 * sizeof(int));
	}
	for (int n = lu_chunk_int(c); n > 0 && !c->bad; n--)
		lu_chunk_skip_string(c);
}

/* ---- which lines are run ----------------------------------------------------------- */

static struct file *
find(const char *path)
{
	struct file *f = files;

	while (f != NULL && strcmp(f->path, path) != 0)
		f = f->next;
	return f;
}

void
lu_cover_file(lua_State *L, const char *path)
{
	struct lu_chunk c;

	if (!lu_cover_on || find(path) != NULL || !lu_chunk_dump(&c, L, false))
		return;
	struct file *const f = calloc(1, sizeof(*f));
	if (f != NULL) {
		f->path = strdup(path);
		f->next = files;
		files = f;
		mark_function(&c, f, 0);
	}
	lu_chunk_free(&c);
}

static void
on_line(lua_State *L, lua_Debug *ar)
{
	static struct file *last;

	lua_getinfo(L, "S", ar);
	if (ar->source[0] != '@')
		return;
	if (last == NULL || strcmp(last->path, ar->source + 1) != 0)
		last = find(ar->source + 1);
	if (last != NULL && ar->currentline > 0 && ar->currentline < last->n)
		last->line[ar->currentline] = RUN;
}

void
lu_cover_state(lua_State *L)
{
	if (lu_cover_on)
		lua_sethook(L, on_line, LUA_MASKLINE, 0);
}

void
lu_cover_begin(void)
{
	lu_cover_on = true;
}

/* ---- telling ------------------------------------------------------------------------- */

/* "12, 15-17": lines that follow one another without others that were run. */
static void
print_missing(FILE *to, const struct file *f)
{
	const char *between = "; not run: ";

	for (int i = 1; i < f->n; i++) {
		if (f->line[i] != CODE)
			continue;
		int last = i;
		for (int k = i + 1; k < f->n && f->line[k] != RUN; k++)
			if (f->line[k] == CODE)
				last = k;
		fprintf(to, last > i ? "%s%d-%d" : "%s%d", between, i, last);
		between = ", ";
		i = last;
	}
}

bool
lu_cover_print(FILE *to, int least)
{
	bool enough = true;

	for (const struct file *f = files; f != NULL; f = f->next) {
		int all = 0, run = 0;

		for (int i = 1; i < f->n; i++) {
			all += f->line[i] != NO_CODE;
			run += f->line[i] == RUN;
		}
		const int percent = all > 0 ? run * 100 / all : 100;
		fprintf(to, "# coverage %s: %d%% (%d of %d lines", f->path, percent,
		    run, all);
		print_missing(to, f);
		fprintf(to, ")\n");
		enough = enough && percent >= least;
	}
	return enough;
}

void
lu_cover_end(void)
{
	while (files != NULL) {
		struct file *const f = files;
		files = f->next;
		free(f->path);
		free(f->line);
		free(f);
	}
	lu_cover_on = false;
}
