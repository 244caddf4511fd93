/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * prescan.c - which modules do the files ask for?
 *
 * The files are parsed with the modules' keywords, and they say which modules
 * to load: so two words of `global` are looked for first. Only the lexer is
 * used; conditions are not evaluated, and whatever is wrong is left for the
 * parser to tell. Start-up only.
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/conf/lexer.h"
#include "core/module/module_int.h"
#include "core/run/run.h"

struct scan {
	struct tw_arena *arena;
	struct tw__module_choice *choice;
	const char **names;
	size_t n_names;
	bool in_global;
};

static void
names_add(struct scan *s, char *const *word, int n)
{
	const char **const names =
	    tw_arena_zalloc(s->arena, (s->n_names + (size_t)n + 1) * sizeof(*names));

	for (size_t i = 0; i < s->n_names; i++)
		names[i] = s->names[i];
	for (int i = 0; i < n; i++)
		names[s->n_names + (size_t)i] = tw_arena_strdup(s->arena, word[i]);
	s->names = names;
	s->n_names += (size_t)n;
	s->choice->names = names;
}

/* The first word of a line, unquoted as it stands. */
static struct tw_str
first_word(const char *line, size_t len)
{
	const struct tw_str s = tw_str_trim((struct tw_str){ line, len });
	size_t n = 0;

	while (n < s.len && !tw__is_blank(s.p[n]))
		n++;
	return (struct tw_str){ s.p, n };
}

static bool
is_section(struct tw_str word)
{
	static const char *const words[] = { "defaults", "frontend", "backend",
		"listen", "peers", "resolvers", "userlist", "program", "mailers",
		"cache", "ring", "http-errors", "fcgi-app", "log-forward", "crt-store",
		"traces", "log-profile", "acme" };

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (tw_str_eq(word, tw_str_of(words[i])))
			return true;
	}
	return false;
}

/* Most lines are done with after their first word: they are many. */
static void
line_take(struct scan *s, struct tw__lexer *lx, const char *line, size_t len)
{
	const struct tw_str word = first_word(line, len);

	if (tw_str_eq(word, TW_STR("global")))
		s->in_global = true;
	else if (s->in_global && is_section(word))
		s->in_global = false;
	if (!s->in_global || !tw_str_has_prefix(word, TW_STR("module-")) ||
	    tw__lex(lx, line, len, 0) != 0 || lx->n_words < 2)
		return;
	if (strcmp(lx->word[0], "module-path") == 0)
		s->choice->dir = tw_arena_strdup(s->arena, lx->word[1]);
	else if (strcmp(lx->word[0], "module-load") == 0)
		names_add(s, lx->word + 1, lx->n_words - 1);
}

static void
file_scan(struct scan *s, const char *path)
{
	struct tw__lexer lx = { .file = path };
	FILE *const f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	if (f == NULL)
		return;
	s->in_global = false;
	while ((len = getline(&line, &cap, f)) >= 0) {
		while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
			len--;
		lx.line++;
		line_take(s, &lx, line, (size_t)len);
	}
	free(line);
	fclose(f);
	tw__lexer_fini(&lx);
}

static int
is_cfg(const struct dirent *e)
{
	const size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 4 &&
	    strcmp(e->d_name + len - 4, ".cfg") == 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
dir_scan(struct scan *s, const char *dir)
{
	struct dirent **list;
	const int n = scandir(dir, &list, is_cfg, by_bytes);

	for (int i = 0; i < n; i++) {
		file_scan(s, tw_arena_printf(s->arena, "%s/%s", dir, list[i]->d_name));
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

void
tw__prescan(char *const *files, int n_files, struct tw_arena *arena,
    struct tw__module_choice *choice)
{
	struct scan s = { .arena = arena, .choice = choice };
	struct stat st;

	for (int i = 0; i < n_files; i++) {
		if (stat(files[i], &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			dir_scan(&s, files[i]);
		else if (S_ISREG(st.st_mode))
			file_scan(&s, files[i]);
	}
}
