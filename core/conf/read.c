/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * read.c - files and directories into lines.
 *
 * A file is read as a whole, so that NUL bytes and a missing end of the last
 * line are seen; both are errors, as the file may have been cut. A directory
 * gives its *.cfg, but no hidden ones, in the order of their bytes. Control
 * thread.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tideway/assert.h>
#include "core/conf/path.h"
#include "core/conf/parser.h"
#include "core/conf/read.h"
#include "core/run/gen.h"

struct buffer {
	char *p; /* owns */
	size_t len, cap;
};

static int
read_fail(struct tw_gen *gen, const char *what, const char *path)
{
	char text[512];

	snprintf(
	    text, sizeof(text), "Cannot %s %.300s : %s", what, path, strerror(errno));
	tw__report_add(gen->conf.report, true, NULL, 0, NULL, -1, text);
	return -1;
}

static int
read_all(int fd, struct buffer *b)
{
	for (;;) {
		if (b->len + 1 >= b->cap) {
			b->cap = b->cap ? b->cap * 2 : 65536;
			b->p = realloc(b->p, b->cap);
			TW_ASSERT(b->p != NULL);
		}
		const ssize_t n = read(fd, b->p + b->len, b->cap - b->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		b->len += (size_t)n;
	}
}

/* One line, terminated in place. returns: where the next one begins. */
static char *
take_line(struct tw__parser *p, char *line, char *end)
{
	char *const nl = memchr(line, '\n', (size_t)(end - line));
	char *stop = nl ? nl : end;

	p->lx.line++;
	if (stop > line && stop[-1] == '\r')
		stop--;
	*stop = '\0';
	tw__parse_line(p, line, (size_t)(stop - line));
	if (nl == NULL)
		tw__parse_fail(p, (int)(stop - line),
		    "Missing LF on last line, "
		    "file might have been truncated at position %d.",
		    (int)(stop - line) + 1);
	return nl ? nl + 1 : end;
}

int
tw__conf_read_text(struct tw_gen *gen, const char *name, char *text, size_t len)
{
	struct tw__conf *const conf = &gen->conf;
	struct tw__parser p = { .gen = gen };
	char *const end = text + len;

	p.lx.file = tw_arena_strdup(conf->arena, name);
	p.ln.gen = gen;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* an editor's byte order mark */
	while (text < end)
		text = take_line(&p, text, end);
	tw__parse_end(&p);
	tw__lexer_fini(&p.lx);
	conf->raw = NULL;
	conf->column = NULL;
	conf->line = NULL;
	return p.failed ? -1 : 0;
}

static int
read_file(struct tw_gen *gen, const char *path)
{
	struct buffer b = { 0 };
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return read_fail(gen, "open configuration file/directory", path);
	int rc = read_all(fd, &b);
	if (rc != 0)
		rc = read_fail(gen, "read configuration file", path);
	else if (tw__path_enter(gen->conf.arena, path) != 0)
		rc = read_fail(gen, "enter the directory ('default-path') of", path);
	else
		rc = tw__conf_read_text(gen, path, b.p, b.len);
	tw__path_leave();
	free(b.p);
	close(fd);
	return rc;
}

static int
is_cfg(const struct dirent *d)
{
	const size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 4 &&
	    strcmp(d->d_name + len - 4, ".cfg") == 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
read_entry(struct tw_gen *gen, const char *dir, const char *name)
{
	char *const path = tw_arena_printf(gen->conf.arena, "%s%s%s", dir,
	    dir[strlen(dir) - 1] == '/' ? "" : "/", name);
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return 0;
	return read_file(gen, path);
}

int
tw__conf_read(struct tw_gen *gen, const char *path)
{
	struct dirent **entry;
	struct stat st;
	int rc = 0;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return read_file(gen, path);
	const int n = scandir(path, &entry, is_cfg, by_bytes);
	if (n < 0)
		return read_fail(gen, "open configuration file/directory", path);
	for (int i = 0; i < n; i++) {
		rc |= read_entry(gen, path, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	return rc;
}
