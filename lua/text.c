/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * text.c - reads the files of scripts. Control thread.
 */
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE 16384u

static int
read_all(FILE *f, struct lu_text *text)
{
	size_t room = 0;

	for (;;) {
		if (room - text->len < PIECE) {
			room += room / 2 + 2 * PIECE;
			char *const more = realloc(text->p, room);
			if (more == NULL)
				return -1;
			text->p = more;
		}
		const size_t n = fread(text->p + text->len, 1, PIECE, f);
		text->len += n;
		if (n == 0)
			return ferror(f) ? -1 : 0;
	}
}

void
lu_file_find(struct tw_line *ln, struct lu_file *file, const char *path)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	char dir[PATH_MAX];

	file->path = file->real = tw_arena_strdup(arena, path);
	if (path[0] != '/' && getcwd(dir, sizeof(dir)) != NULL)
		file->real = tw_arena_printf(arena, "%s/%s", dir, path);
}

int
lu_text_read(const char *path, struct lu_text *text, struct tw_err *err)
{
	*text = (struct lu_text){ NULL, 0 };
	FILE *const f = fopen(path, "re");
	if (f == NULL)
		return tw_err_set(err, "cannot open %s: %s", path, strerror(errno));
	const int rc = read_all(f, text);
	const int why = errno;
	fclose(f);
	if (rc == 0)
		return 0;
	free(text->p);
	*text = (struct lu_text){ NULL, 0 };
	return tw_err_set(err, "cannot read %s: %s", path, strerror(why));
}

void
lu_texts_free(struct lu_text **text, int n)
{
	for (int i = 0; *text != NULL && i < n; i++)
		free((*text)[i].p);
	free(*text);
	*text = NULL;
}
