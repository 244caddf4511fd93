/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fifo.c - a named pipe that lines are written to, and who reads it.
 *
 * It is opened for both directions, so that lines that come before a reader
 * wait for it, and that a write never blocks or fails for want of one. When
 * it is full it is opened anew: if nobody else has it open, the kernel forgets
 * what was in it. A script that ends is started again after a pause.
 * source: fifo(7), pipe(7).
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "fifo.h"

#define AGAIN_S 1

struct vr_fifo {
	struct vr_fifo_conf conf;  /* owns its path; its script is the copy */
	int fd;                    /* -1: could not be opened */
	struct vr_command *script; /* owns; NULL: none */
	struct vr_child *child;    /* NULL: does not run now */
	struct event again;
};

/* --- the pipe --- */

static int
pipe_give(const struct vr_fifo_conf *conf, struct tw_err *err)
{
	const struct vr_command *const s = &conf->script;
	const bool is_scripts = !conf->has_owner && s->argv != NULL && s->has_user;
	const uid_t uid = is_scripts ? s->uid : conf->uid;

	if (!is_scripts && !conf->has_owner)
		return 0;
	if (chown(conf->path, uid, is_scripts ? s->gid : conf->gid) != 0)
		return tw_err_errno(
		    err, "cannot give FIFO %s to user %u", conf->path, (unsigned)uid);
	return 0;
}

static int
pipe_make(const struct vr_fifo_conf *conf, struct tw_err *err)
{
	const char *const path = conf->path;
	struct stat st;

	if (mkfifo(path, 0600) == 0)
		return pipe_give(conf, err);
	if (errno != EEXIST || lstat(path, &st) != 0)
		return tw_err_errno(err, "cannot make FIFO %s", path);
	if (!S_ISFIFO(st.st_mode))
		return tw_err_set(err,
		    "%s is there and is no FIFO: remove it or choose another name",
		    path);
	return 0;
}

static int
pipe_open(struct vr_fifo *f)
{
	struct stat st;

	if (f->fd >= 0)
		close(f->fd);
	f->fd = open(f->conf.path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd >= 0 && (fstat(f->fd, &st) != 0 || !S_ISFIFO(st.st_mode))) {
		close(f->fd);
		f->fd = -1;
		errno = EINVAL;
	}
	return f->fd >= 0 ? 0 : -1;
}

/* Somebody may have put another FIFO in its place. */
static bool
is_current(const struct vr_fifo *f)
{
	struct stat ours, there;

	return f->fd >= 0 && fstat(f->fd, &ours) == 0 &&
	    lstat(f->conf.path, &there) == 0 && ours.st_dev == there.st_dev &&
	    ours.st_ino == there.st_ino;
}

static bool
is_written(const struct vr_fifo *f, const char *line, size_t len)
{
	return f->fd >= 0 && write(f->fd, line, len) == (ssize_t)len;
}

void
vr_fifo_write(struct vr_fifo *f, const char *line, size_t len)
{
	if (!is_current(f) && pipe_make(&f->conf, NULL) == 0)
		pipe_open(f);
	if (is_written(f, line, len))
		return;
	if (errno == EAGAIN)
		tw_log_limited(TW_WARNING,
		    "FIFO %s is full: nobody reads it, and lines are lost",
		    f->conf.path);
	if (pipe_open(f) == 0 && is_written(f, line, len))
		return;
	if (errno != EAGAIN)
		tw_log_limited(TW_WARNING, "cannot write to FIFO %s: %s", f->conf.path,
		    strerror(errno));
}

/* --- its script --- */

static void
again_arm(struct vr_fifo *f)
{
	const struct timeval tv = { AGAIN_S, 0 };

	event_add(&f->again, &tv);
}

static void
on_done(void *arg, int status, bool timed_out)
{
	struct vr_fifo *const f = arg;

	(void)status;
	(void)timed_out;
	f->child = NULL;
	tw_log_limited(TW_WARNING, "FIFO script %s ended; it is started again",
	    f->script->argv[0]);
	again_arm(f);
}

static void
script_start(struct vr_fifo *f)
{
	const char *const extra[] = { f->conf.path, NULL };
	struct tw_err err = { "" };

	f->child = vr_spawn(f->script, extra, 0, on_done, f, &err);
	if (f->child != NULL)
		return;
	tw_log_limited(TW_ERR, "FIFO script: %s", err.text);
	again_arm(f);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	script_start(arg);
}

/* --- both --- */

static size_t
argv_count(char *const *argv)
{
	size_t n = 0;

	while (argv[n] != NULL)
		n++;
	return n;
}

static size_t
argv_bytes(char *const *argv, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(argv[i]) + 1;
	return bytes;
}

struct vr_command *
vr_command_copy(const struct vr_command *cmd)
{
	const size_t n = argv_count(cmd->argv);
	struct vr_command *const copy =
	    malloc(sizeof(*copy) + (n + 1) * sizeof(char *) + argv_bytes(cmd->argv, n));

	TW_ASSERT(copy != NULL);
	char **const argv = (char **)(copy + 1);
	char *words = (char *)(argv + n + 1);
	for (size_t i = 0; i < n; i++) {
		argv[i] = words;
		words = stpcpy(words, cmd->argv[i]) + 1;
	}
	argv[n] = NULL;
	*copy = *cmd;
	copy->argv = argv;
	copy->text = n > 0 ? argv[0] : "";
	return copy;
}

struct vr_fifo *
vr_fifo_new(
    struct event_base *base, const struct vr_fifo_conf *conf, struct tw_err *err)
{
	if (pipe_make(conf, err) != 0)
		return NULL;
	struct vr_fifo *f = calloc(1, sizeof(*f));
	TW_ASSERT(f != NULL);
	f->conf = *conf;
	f->conf.path = strdup(conf->path);
	f->fd = -1;
	TW_ASSERT(f->conf.path != NULL);
	evtimer_assign(&f->again, base, on_again, f);
	if (pipe_open(f) != 0) {
		tw_err_errno(err, "cannot open FIFO %s", conf->path);
		vr_fifo_free(&f);
		return NULL;
	}
	if (conf->script.argv != NULL) {
		f->script = vr_command_copy(&conf->script);
		f->conf.script = *f->script;
		script_start(f);
	}
	return f;
}

void
vr_fifo_free(struct vr_fifo **pf)
{
	struct vr_fifo *const f = *pf;

	if (f == NULL)
		return;
	event_del(&f->again);
	if (f->child != NULL)
		vr_spawn_end(f->child);
	if (f->fd >= 0)
		close(f->fd);
	free(f->script);
	free((char *)(uintptr_t)f->conf.path);
	free(f);
	*pf = NULL;
}
