/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * unix_bind.c - unix-bind: what holds for the unix sockets of all bind lines.
 *
 * What a bind line says itself is stronger. Control thread or start-up.
 * source: HAProxy's manual, 3.1.
 */
#include "config.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "core/proxy/proxy_int.h"

struct tw__unix_bind {
	const char *prefix;
	uint32_t mode, uid, gid; /* as in struct tw_bind */
};

static int
user_set(const struct tw_line *ln, int i, struct tw__unix_bind *u)
{
	const struct passwd *const pw = getpwnam(tw_arg(ln, i));

	if (pw == NULL)
		return tw_line_fail(
		    ln, i, "there is no user '%s' on this system", tw_arg(ln, i));
	u->uid = pw->pw_uid;
	return 0;
}

static int
group_set(const struct tw_line *ln, int i, struct tw__unix_bind *u)
{
	const struct group *const gr = getgrnam(tw_arg(ln, i));

	if (gr == NULL)
		return tw_line_fail(
		    ln, i, "there is no group '%s' on this system", tw_arg(ln, i));
	u->gid = gr->gr_gid;
	return 0;
}

static int
number_set(const struct tw_line *ln, int i, int base, uint32_t *out)
{
	const char *const word = tw_arg(ln, i);
	char *end;
	const unsigned long n = strtoul(word, &end, base);

	if (*word < '0' || *word > '9' || *end != '\0' ||
	    n > (base == 8 ? 07777u : INT32_MAX))
		return tw_line_fail(ln, i, "'unix-bind': '%s' is not valid for '%s'%s",
		    word, tw_arg(ln, i - 1),
		    base == 8 ? "; write octal permissions, such as 660" : "");
	*out = (uint32_t)n;
	return 0;
}

static int
setting(struct tw_line *ln, int i, struct tw__unix_bind *u)
{
	const char *const word = tw_arg(ln, i);

	if (i + 1 == ln->n_args)
		return tw_line_fail(ln, i, "'unix-bind': '%s' expects a value", word);
	if (strcmp(word, "prefix") == 0) {
		u->prefix = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, i + 1));
		return 0;
	}
	if (strcmp(word, "mode") == 0)
		return number_set(ln, i + 1, 8, &u->mode);
	if (strcmp(word, "uid") == 0)
		return number_set(ln, i + 1, 10, &u->uid);
	if (strcmp(word, "gid") == 0)
		return number_set(ln, i + 1, 10, &u->gid);
	if (strcmp(word, "user") == 0)
		return user_set(ln, i + 1, u);
	if (strcmp(word, "group") == 0)
		return group_set(ln, i + 1, u);
	return tw_line_fail(ln, i,
	    "'unix-bind' does not know '%s'; it takes 'prefix', 'mode', 'user', "
	    "'uid', 'group' and 'gid', each with a value",
	    word);
}

static int
unix_bind_set(struct tw_line *ln)
{
	struct tw__global *const g = ln->core;
	struct tw__unix_bind *const u =
	    tw_arena_zalloc(ln->gen->conf.arena, sizeof(*u));

	u->uid = u->gid = UINT32_MAX;
	for (int i = 0; i < ln->n_args; i += 2) {
		if (setting(ln, i, u) < 0)
			return -1;
	}
	g->unix_bind = u;
	return 0;
}

const struct tw_kw tw__unix_bind_kw[] = {
	{ .word = "unix-bind",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 2,
	    .max_args = -1,
	    .set = unix_bind_set,
	    .usage = "[prefix <path>] [mode <octal>] [user <name>] [uid <number>] "
		     "[group <name>] [gid <number>]",
	    .help = "What holds for unix sockets of bind lines that do not say so "
		    "themselves; the prefix stands before their paths." },
	{ .word = NULL },
};

void
tw__unix_bind_apply(struct tw_gen *gen, struct tw_bind *b)
{
	const struct tw__unix_bind *const u = gen->global.unix_bind;

	if (u == NULL || b->addr.family != AF_UNIX || b->addr.u.path[0] == '@')
		return;
	if (u->prefix != NULL)
		b->addr.u.path =
		    tw_arena_printf(gen->conf.arena, "%s%s", u->prefix, b->addr.u.path);
	if (b->mode == 0)
		b->mode = u->mode;
	if (b->uid == UINT32_MAX)
		b->uid = u->uid;
	if (b->gid == UINT32_MAX)
		b->gid = u->gid;
}
