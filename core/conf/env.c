/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * env.c - setenv, presetenv, unsetenv and resetenv.
 *
 * They change the real environment, because Lua, libraries and programs that
 * are started shall see it too, as with HAProxy. A reload starts over from
 * the environment of the start. Control thread, while parsing.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/str.h>
#include "core/conf/env.h"

static char **initial; /* owns: "NAME=value", NULL-terminated */

static size_t
env_count(char **env)
{
	size_t n = 0;

	while (env != NULL && env[n] != NULL)
		n++;
	return n;
}

static char **
env_copy(char **env)
{
	const size_t n = env_count(env);
	char **copy = calloc(n + 1, sizeof(*copy));

	TW_ASSERT(copy != NULL);
	for (size_t i = 0; i < n; i++) {
		copy[i] = strdup(env[i]);
		TW_ASSERT(copy[i] != NULL);
	}
	return copy;
}

static bool
env_same(char **a, char **b)
{
	const size_t n = env_count(a);

	if (n != env_count(b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

/* Sets one "NAME=value". */
static void
env_put(const char *pair)
{
	const char *const value = strchr(pair, '=');
	char *name = value ? strndup(pair, (size_t)(value - pair)) : NULL;

	if (name != NULL)
		setenv(name, value + 1, 1);
	free(name);
}

void
tw__env_begin(void)
{
	if (initial == NULL) {
		initial = env_copy(environ);
		return;
	}
	if (env_same(initial, environ))
		return; /* untouched: nobody who reads it is disturbed */
	clearenv();
	for (char **e = initial; *e != NULL; e++)
		env_put(*e);
}

static int
env_set(struct tw_line *ln, int overwrite)
{
	const char *const name = tw_arg(ln, 0);

	if (setenv(name, tw_arg(ln, 1), overwrite) != 0)
		return tw_line_fail(ln, 0, "'%s' failed on variable '%s' : %s.",
		    ln->kw->word, name, strerror(errno));
	return 0;
}

static int
env_set_setenv(struct tw_line *ln)
{
	return env_set(ln, 1);
}

static int
env_set_presetenv(struct tw_line *ln)
{
	return env_set(ln, 0);
}

static int
env_set_unsetenv(struct tw_line *ln)
{
	for (int i = 0; i < ln->n_args; i++)
		if (unsetenv(tw_arg(ln, i)) != 0)
			return tw_line_fail(ln, i,
			    "'unsetenv' failed on variable '%s' : %s.", tw_arg(ln, i),
			    strerror(errno));
	return 0;
}

static bool
is_named(const struct tw_line *ln, const char *pair)
{
	for (int i = 0; i < ln->n_args; i++) {
		const size_t len = strlen(tw_arg(ln, i));

		if (strncmp(pair, tw_arg(ln, i), len) == 0 && pair[len] == '=')
			return true;
	}
	return false;
}

static int
env_set_resetenv(struct tw_line *ln)
{
	char **const all = env_copy(environ);

	clearenv();
	for (char **e = all; *e != NULL; e++) {
		if (is_named(ln, *e))
			env_put(*e);
		free(*e);
	}
	free(all);
	return 0;
}

const struct tw_kw tw__env_keywords[] = {
	{ "presetenv", TW_SC_GLOBAL, 2, 2, env_set_presetenv, .usage = "<name> <value>",
	    .help = "Sets an environment variable unless it exists." },
	{ "resetenv", TW_SC_GLOBAL, 0, -1, env_set_resetenv, .usage = "[<name> ...]",
	    .help = "Removes all environment variables but those named." },
	{ "setenv", TW_SC_GLOBAL, 2, 2, env_set_setenv, .usage = "<name> <value>",
	    .help = "Sets an environment variable; the next line sees it." },
	{ "unsetenv", TW_SC_GLOBAL, 1, -1, env_set_unsetenv, .usage = "<name> ...",
	    .help = "Removes environment variables." },
	{ .word = NULL },
};
