/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_command.c - programs to run: their words, their user, whether they can.
 *
 * A check that cannot run must never count as passed: it is an error, where
 * keepalived drops the check with a line in its log. Other programs (notify
 * scripts) are dropped with a warning, as there. source: keepalived.conf(5),
 * "SCRIPTS", script_user, enable_script_security.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"

#define DEFAULT_USER "keepalived_script"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* returns: 0; -1: there is no such user. */
static int
user_find(const char *name, uid_t *uid, gid_t *gid)
{
	struct passwd pw, *found = NULL;
	char buf[16384];

	if (getpwnam_r(name, &pw, buf, sizeof(buf), &found) != 0 || found == NULL)
		return -1;
	*uid = pw.pw_uid;
	*gid = pw.pw_gid;
	return 0;
}

static int
group_find(const char *name, gid_t *gid)
{
	struct group gr, *found = NULL;
	char buf[16384];

	if (getgrnam_r(name, &gr, buf, sizeof(buf), &found) != 0 || found == NULL)
		return -1;
	*gid = gr.gr_gid;
	return 0;
}

/* USER [GROUP] at a word of the line. out: what, the one that is missing. */
static int
owner_find(
    const struct vr_line *l, unsigned first, uid_t *uid, gid_t *gid, const char **what)
{
	*what = "user";
	if (user_find(l->word[first], uid, gid) != 0)
		return -1;
	*what = "group";
	return first + 1 < l->n_words ? group_find(l->word[first + 1], gid) : 0;
}

static const char *
owner_word(const struct vr_line *l, unsigned first, const char *what)
{
	return l->word[first + (strcmp(what, "group") == 0)];
}

int
vr_user_read(struct vr_reader *r, const struct vr_line *l, unsigned first, uid_t *uid,
    gid_t *gid)
{
	const char *what;

	if (r->blind || owner_find(l, first, uid, gid, &what) == 0)
		return 0;
	vr_fail(r->rep, &l->where,
	    "%s: there is no %s '%s': create it (%sadd --system %s), or name another",
	    l->word[0], what, owner_word(l, first, what), what,
	    owner_word(l, first, what));
	return -1;
}

static void
say_root(struct vr_reader *r, const struct vr_where *at)
{
	if (r->root_said)
		return;
	r->root_said = true;
	vr_warn(r->rep, at,
	    "no script_user is given and there is no user " DEFAULT_USER
	    ": scripts run as root; write 'script_user USER' into global_defs");
}

/* Not run: a check is an error, another program is left out. */
__attribute__((format(printf, 4, 5))) static void
refuse(struct vr_reader *r, const struct vr_where *at, struct vr_command *c,
    const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->is_check) {
		vr_fail(r->rep, at, "%s", text);
		return;
	}
	vr_warn(r->rep, at, "%s; until then it is not run", text);
	c->argv = NULL;
}

void
vr_command_user(struct vr_reader *r, const struct vr_where *at, struct vr_command *c)
{
	const struct vr_globals *const g = &r->conf->global;

	if (c->has_user || r->blind)
		return;
	c->uid = g->script_uid;
	c->gid = g->script_gid;
	c->has_user =
	    g->has_script_user || user_find(DEFAULT_USER, &c->uid, &c->gid) == 0;
	if (c->has_user)
		return;
	if (g->script_security)
		refuse(r, at, c,
		    "enable_script_security without a user to run '%s': write "
		    "'script_user USER' into global_defs, or create the user " DEFAULT_USER,
		    c->text);
	else if (geteuid() == 0)
		say_root(r, at);
}

/* --- whether it can run -------------------------------------------------- */

/* By the file's mode, for a user who is not root. */
static bool
is_allowed(const struct stat *st, const struct vr_command *c)
{
	if (!c->has_user || c->uid == 0)
		return (st->st_mode & 0111) != 0;
	if (st->st_uid == c->uid)
		return (st->st_mode & S_IXUSR) != 0;
	if (st->st_gid == c->gid)
		return (st->st_mode & S_IXGRP) != 0;
	return (st->st_mode & S_IXOTH) != 0;
}

/* The directories on the way must let the user pass, too. out: where it ends. */
static bool
is_reachable(const char *path, const struct vr_command *c, char *where)
{
	struct stat st;

	for (const char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		snprintf(where, PATH_MAX, "%.*s", (int)(p - path), path);
		if (stat(where, &st) == 0 && !is_allowed(&st, c))
			return false;
	}
	return true;
}

/* What root runs must be root's alone, with all directories above it. out:
 * where, that which is not. */
static bool
is_secure(const char *path, char *where)
{
	char real[PATH_MAX];
	struct stat st;

	if (realpath(path, real) == NULL)
		return true; /* said elsewhere */
	for (char *p = real;; p = dirname(p)) {
		snprintf(where, PATH_MAX, "%s", p);
		if (stat(p, &st) != 0 || st.st_uid != 0 ||
		    ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0) ||
		    ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0))
			return false;
		if (strcmp(p, "/") == 0)
			return true;
	}
}

static void
security_check(struct vr_reader *r, const struct vr_where *at, struct vr_command *c)
{
	char where[PATH_MAX];

	if (!r->conf->global.script_security || !c->has_user || c->uid != 0 ||
	    is_secure(c->argv[0], where))
		return;
	refuse(r, at, c,
	    "'%s' would run as root, but others than root may change '%s': give it to "
	    "root (chown root, chmod go-w), or run it as another user (script_user)",
	    c->argv[0], where);
}

void
vr_command_check(struct vr_reader *r, const struct vr_where *at, struct vr_command *c)
{
	char where[PATH_MAX];
	struct stat st;

	if (r->blind || c->argv == NULL)
		return;
	const char *const path = c->argv[0];
	if (strchr(path, '/') == NULL)
		refuse(r, at, c,
		    "there is no program '%s' in the PATH: write all of its path",
		    path);
	else if (stat(path, &st) != 0)
		refuse(r, at, c, "cannot run '%s': %s: install it, or correct the path",
		    path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || !is_allowed(&st, c))
		refuse(r, at, c,
		    "cannot run '%s': it is not executable for the user with id %u: chmod "
		    "a+x, or name another user (script_user)",
		    path, (unsigned)(c->has_user ? c->uid : geteuid()));
	else if (!is_reachable(path, c, where))
		refuse(r, at, c,
		    "cannot run '%s': the user with id %u may not enter '%s'", path,
		    (unsigned)c->uid, where);
	else
		security_check(r, at, c);
}

/* --- words --------------------------------------------------------------- */

static bool
is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

/* As a shell would find it. returns: the name itself: not found. */
static char *
program_find(struct vr_reader *r, char *name)
{
	const char *path = getenv("PATH");
	char full[PATH_MAX];

	if (strchr(name, '/') != NULL || r->blind)
		return name;
	for (path = path != NULL ? path : DEFAULT_PATH; *path != '\0';) {
		const size_t len = strcspn(path, ":");
		snprintf(full, sizeof(full), "%.*s/%s", (int)len, path, name);
		if (full[0] == '/' && is_program(full))
			return tw_arena_strdup(r->arena, full);
		path += len + (path[len] == ':');
	}
	return name;
}

int
vr_command_split(struct vr_reader *r, const struct vr_line *l, const char *text,
    struct vr_command *c)
{
	char *word[VR_MAX_WORDS + 1];
	const int n = vr_split(r->arena, text, word);

	if (n <= 0) {
		vr_fail(r->rep, &l->where, "%s '%s': %s", l->word[0], text,
		    n == 0 ? "a program is needed" : "a quote has no end");
		return -1;
	}
	word[0] = program_find(r, word[0]);
	word[n] = NULL;
	const size_t size = ((size_t)n + 1) * sizeof(word[0]);
	c->argv = memcpy(tw_arena_alloc(r->arena, size), word, size);
	c->text = text;
	return 0;
}

void
vr_command_read(struct vr_reader *r, const struct vr_line *l, struct vr_command *c)
{
	const char *what;

	if (vr_command_split(r, l, l->word[1], c) != 0)
		return;
	if (l->n_words > 2 && !r->blind) {
		if (owner_find(l, 2, &c->uid, &c->gid, &what) != 0) {
			refuse(r, &l->where, c,
			    "%s: there is no %s '%s'; where an argument is meant, put the "
			    "command and its arguments into quotes",
			    l->word[0], what, owner_word(l, 2, what));
			return;
		}
		c->has_user = true;
	}
	vr_command_user(r, &l->where, c);
	vr_command_check(r, &l->where, c);
}
