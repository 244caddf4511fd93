/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * path.c - default-path: where relative paths in configurations begin.
 *
 * The process changes its directory while a file is read, and comes back
 * after each; names of configuration files are always taken from where it was
 * started. Control thread or start-up. source: HAProxy's manual, 3.1.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <tideway/assert.h>
#include "core/conf/path.h"
#include "core/run/gen.h"

enum policy { CURRENT, CONFIG, PARENT, ORIGIN };

static int start_fd = -1; /* owns: the directory of the start, while reading */
static enum policy policy;
static const char *origin; /* gen */

static int
go_start(void)
{
	return start_fd >= 0 ? fchdir(start_fd) : 0;
}

/* Back to the start, and from there to where paths of `file` begin. out: dir, for
 * messages; arena. */
static int
go_there(struct tw_arena *arena, const char *file, const char **dir)
{
	const char *const slash = strrchr(file, '/');

	*dir = slash != NULL
	    ? tw_arena_printf(arena, "%.*s", (int)(slash - file) + 1, file)
	    : "./";
	if (policy == PARENT)
		*dir = tw_arena_printf(arena, "%s..", *dir);
	if (policy == ORIGIN)
		*dir = origin;
	if (policy == CURRENT)
		*dir = ".";
	if (start_fd < 0) /* no file is being read */
		return 0;
	return go_start() == 0 ? chdir(*dir) : -1;
}

void
tw__path_begin(void)
{
	policy = CURRENT;
	start_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int
tw__path_enter(struct tw_arena *arena, const char *file)
{
	const char *dir;

	return policy == CURRENT ? 0 : go_there(arena, file, &dir);
}

void
tw__path_leave(void)
{
	if (policy != CURRENT)
		go_start();
}

void
tw__path_end(void)
{
	tw__path_leave();
	policy = CURRENT;
	if (start_fd >= 0)
		close(start_fd);
	start_fd = -1;
}

const char *
tw_line_dir(const struct tw_line *ln)
{
	char dir[4096];

	if (policy == CURRENT || start_fd < 0 || getcwd(dir, sizeof(dir)) == NULL)
		return NULL;
	return tw_arena_strdup(tw_gen_arena(ln->gen), dir);
}

static int
path_set(struct tw_line *ln)
{
	static const char *const words[] = { [CURRENT] = "current",
		[CONFIG] = "config",
		[PARENT] = "parent",
		[ORIGIN] = "origin" };
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	const char *const how = tw_arg(ln, 0), *dir;
	size_t i = 0;

	while (i < TW_N_ELEMENTS(words) && strcmp(how, words[i]) != 0)
		i++;
	if (i == TW_N_ELEMENTS(words))
		return tw_line_fail(ln, 0,
		    "'default-path' expects 'current', 'config', 'parent' or 'origin "
		    "<path>', not '%s'",
		    how);
	if ((i == ORIGIN) != (ln->n_args == 2))
		return tw_line_fail(ln, i == ORIGIN ? 0 : 1,
		    i == ORIGIN ? "'default-path origin' expects a directory"
				: "'default-path %s' takes no argument",
		    how);
	policy = (enum policy)i;
	origin = i == ORIGIN ? tw_arena_strdup(arena, tw_arg(ln, 1)) : NULL;
	if (go_there(arena, ln->file, &dir) != 0)
		return tw_line_fail(ln, i == ORIGIN ? 1 : 0,
		    "'default-path': cannot enter the directory '%s': %s", dir,
		    strerror(errno));
	return 0;
}

const struct tw_kw tw__path_keywords[] = {
	{ .word = "default-path",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 2,
	    .set = path_set,
	    .usage = "{ current | config | parent | origin <path> }",
	    .def = "current",
	    .help = "Where relative paths of files begin: where the program was "
		    "started, the directory of the configuration file, the one "
		    "above that, or <path>." },
	{ .word = NULL },
};
