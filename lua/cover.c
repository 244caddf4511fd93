/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cover.c - which lines of the scripts a test has run.
 *
 * The lines that have code are read from the compiled file, as lua_dump() writes
 * it, because functions that nothing calls must count, too. One thread.
 * source: Lua 5.3's ldump.c (format of a binary chunk).
 */
#include "lu.h"

#include <stdlib.h>

#include "test.h"

#define LINES_MAX 65536
#define HEADER (4 + 1 + 1 + 6 + 5 + 8 + 8) /* signature .. numbers */

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

struct chunk {
	char *p;
	size_t len, room, at;
	bool bad;
};

static int
chunk_write(lua_State *L, const void *p, size_t len, void *chunk)
{
	struct chunk *const c = chunk;

	(void)L;
	if (c->len + len > c->room) {
		char *const more = realloc(c->p, (c->len + len) * 2);
		if (more == NULL)
			return 1;
		c->p = more;
		c->room = (c->len + len) * 2;
	}
	memcpy(c->p + c->len, p, len);
	c->len += len;
	return 0;
}

static void
take(struct chunk *c, void *to, size_t len)
{
	if (c->bad || c->len - c->at < len) {
		c->bad = true;
		if (to != NULL)
			memset(to, 0, len);
		return;
	}
	if (to != NULL)
		memcpy(to, c->p + c->at, len);
	c->at += len;
}

static int
take_int(struct chunk *c)
{
	int n = 0;

	take(c, &n, sizeof(n));
	return n;
}

static int
take_byte(struct chunk *c)
{
	unsigned char byte = 0;

	take(c, &byte, 1);
	return byte;
}

static void
skip_string(struct chunk *c)
{
	size_t len = (size_t)take_byte(c);

	if (len == 0xff)
		take(c, &len, sizeof(len));
	if (len > 0)
		take(c, NULL, len - 1);
}

static void
skip_constants(struct chunk *c)
{
	for (int n = take_int(c); n > 0 && !c->bad; n--)
		switch (take_byte(c)) {
		case LUA_TNIL:
			break;
		case LUA_TBOOLEAN:
			take_byte(c);
			break;
		case LUA_TNUMBER:
		case LUA_TNUMBER | 1 << 4: /* an integer */
			take(c, NULL, sizeof(lua_Integer));
			break;
		default:
			skip_string(c);
		}
}

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
take_function(struct chunk *c, struct file *f, int depth)
{
	skip_string(c);
	take(c, NULL, 2 * sizeof(int) + 3);
	take(c, NULL, 4 * (size_t)take_int(c)); /* instructions */
	skip_constants(c);
	take(c, NULL, 2 * (size_t)take_int(c)); /* upvalues */
	for (int n = take_int(c); n > 0 && !c->bad && depth < 200; n--)
		take_function(c, f, depth + 1);
	for (int n = take_int(c); n > 0 && !c->bad; n--)
		mark(f, take_int(c));
	for (int n = take_int(c); n > 0 && !c->bad; n--) {
		skip_string(c);
		take(c, NULL, 2 * sizeof(int));
	}
	for (int n = take_int(c); n > 0 && !c->bad; n--)
		skip_string(c);
}

static void
lines_find(struct file *f)
{
	struct chunk c = { .at = HEADER + 1 };
	lua_State *const L = luaL_newstate();

	if (L == NULL)
		return;
	if (luaL_loadfilex(L, f->path, "t") == LUA_OK &&
	    lua_dump(L, chunk_write, &c, 0) == 0)
		take_function(&c, f, 0);
	free(c.p);
	lua_close(L);
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
lu_cover_file(const char *path)
{
	if (!lu_cover_on || find(path) != NULL)
		return;
	struct file *const f = calloc(1, sizeof(*f));
	if (f == NULL)
		return;
	f->path = strdup(path);
	f->next = files;
	files = f;
	lines_find(f);
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
