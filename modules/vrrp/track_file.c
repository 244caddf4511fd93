/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * track_file.c - numbers that others write into files.
 *
 * The directory is watched, not the file: so one that is made later, renamed
 * into place or removed is seen, too. A file that is not there counts as 0,
 * and so does one that does not begin with a number, as in keepalived; the
 * latter is logged. A directory that is not there is looked for once a second.
 * source: inotify(7), keepalived.conf(5).
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "watch_int.h"

#define VALUE_MAX 254 /* with the weight */
#define FAULT_BELOW (-253)
#define RETRY_US 1000000
#define DIR_EVENTS                                                          \
	(IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO | \
	    IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct file_watch {
	const struct vr_track_file *conf; /* borrow; NULL: not tracked */
	char dir[PATH_MAX];
	const char *base_name; /* borrow: conf's path */
	int wd;                /* of its directory; -1: none */
	long long number;
	struct vr_result result;
};

struct vr_files {
	struct vr_watch *watch;  /* borrow */
	struct file_watch *file; /* owns: [n] */
	unsigned n;
	int fd;
	struct event event, retry;
};

/* --- a file --- */

/* returns: false: there is something, but no number. out: number. */
static bool
number_parse(const char *text, long long *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	if (end != text && (*end == '\0' || strchr(" \t\r\n", *end) != NULL))
		return true; /* too large is the largest */
	*number = 0;
	return false;
}

/* out: number. returns: bytes read; 0: empty; -1: not there. */
static ssize_t
number_read(const struct vr_track_file *conf, long long *number)
{
	char text[64];
	const int fd = open(conf->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	*number = 0;
	if (n <= 0)
		return n;
	text[n] = '\0';
	if (!number_parse(text, number))
		tw_log_limited(TW_WARNING,
		    "Track file %s: %s does not begin with a number; taken as 0",
		    conf->name, conf->path);
	return n;
}

/* Far from the edges of any type: products stay in range. */
static long long
clamp(long long v, long long most)
{
	return v > most ? most : v < -most ? -most : v;
}

static struct vr_result
result_of(const struct vr_track_file *conf, long long number)
{
	const long long value =
	    clamp(clamp(number, INT_MAX) * clamp(conf->weight, INT_MAX), VALUE_MAX);

	return (struct vr_result){ .known = true,
		.good = conf->weight == 0 ? number == 0 : value >= FAULT_BELOW,
		.value = (int)clamp(number, INT_MAX) };
}

/* in: is_final, nobody is in the midst of writing: an empty file counts.
 * returns: whether the result is another one. */
static bool
file_read(struct file_watch *f, bool is_final)
{
	const struct vr_result was = f->result;
	long long number;

	if (number_read(f->conf, &number) == 0 && !is_final)
		return false;
	f->number = number;
	f->result = result_of(f->conf, f->number);
	return was.good != f->result.good || was.value != f->result.value ||
	    was.known != f->result.known;
}

static void
file_look(struct vr_files *fs, struct file_watch *f, bool is_final)
{
	struct vr_watch *const w = fs->watch;

	if (!file_read(f, is_final))
		return;
	tw_log(TW_INFO, "Track file %s: %s now says %lld", f->conf->name, f->conf->path,
	    f->number);
	w->changed(w->arg, VR_TRACK_FILE, (unsigned)(f - fs->file), &f->result);
}

static void
file_write(const struct vr_track_file *conf)
{
	const int excl = conf->init_overwrite ? O_TRUNC : O_EXCL;
	const int fd =
	    open(conf->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | excl, 0644);

	if (fd < 0 && errno == EEXIST)
		return;
	if (fd < 0 || dprintf(fd, "%d\n", conf->init_value) < 0)
		tw_log(TW_ERR, "Track file %s: cannot write %s: %s", conf->name,
		    conf->path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* --- directories --- */

static void
dirs_watch(struct vr_files *fs)
{
	const struct timeval again = vr_watch_timeval(RETRY_US);
	bool all = true;

	for (unsigned i = 0; i < fs->n; i++) {
		struct file_watch *const f = &fs->file[i];

		if (f->conf == NULL || f->wd >= 0)
			continue;
		f->wd = inotify_add_watch(fs->fd, f->dir, DIR_EVENTS);
		all = all && f->wd >= 0;
	}
	if (!all)
		event_add(&fs->retry, &again);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct vr_files *const fs = arg;

	(void)fd;
	(void)what;
	dirs_watch(fs);
	for (unsigned i = 0; i < fs->n; i++) {
		if (fs->file[i].conf != NULL)
			file_look(fs, &fs->file[i], true);
	}
}

static bool
is_meant(const struct file_watch *f, const struct inotify_event *ev)
{
	if (f->conf == NULL)
		return false;
	if (ev->mask & IN_Q_OVERFLOW)
		return true;
	return f->wd == ev->wd && (ev->len == 0 || strcmp(ev->name, f->base_name) == 0);
}

static void
event_take(struct vr_files *fs, const struct inotify_event *ev)
{
	const bool is_lost = (ev->mask & (IN_IGNORED | IN_MOVE_SELF)) != 0;
	const bool is_final = (ev->mask & (IN_MODIFY | IN_CREATE)) == 0;

	for (unsigned i = 0; i < fs->n; i++) {
		struct file_watch *const f = &fs->file[i];

		if (!is_meant(f, ev))
			continue;
		if (is_lost)
			f->wd = -1;
		file_look(fs, f, is_final);
	}
	if (ev->mask & IN_MOVE_SELF)
		inotify_rm_watch(fs->fd, ev->wd);
	if (is_lost)
		dirs_watch(fs);
}

static void
on_events(evutil_socket_t fd, short what, void *arg)
{
	struct vr_files *const fs = arg;
	char buf[8192] __attribute__((aligned(8)));
	const ssize_t n = read(fd, buf, sizeof(buf)); /* more: called again */
	const struct inotify_event *ev;

	(void)what;
	for (const char *p = buf; n > 0 && p < buf + n; p += sizeof(*ev) + ev->len) {
		ev = (const struct inotify_event *)(const void *)p;
		event_take(fs, ev);
	}
}

/* --- all of them --- */

static void
file_init(struct file_watch *f, const struct vr_track_file *conf)
{
	const char *const slash = strrchr(conf->path, '/');

	f->conf = conf;
	f->wd = -1;
	f->base_name = slash != NULL ? slash + 1 : conf->path;
	snprintf(f->dir, sizeof(f->dir), "%.*s",
	    slash != NULL ? (int)(slash - conf->path) : 1,
	    slash != NULL ? conf->path : ".");
	if (f->dir[0] == '\0')
		f->dir[0] = '/';
	if (conf->has_init)
		file_write(conf);
}

/* The first values are there at once: nobody needs to be called. */
struct vr_files *
vr_files_new(struct vr_watch *w, struct tw_err *err)
{
	struct vr_files *const fs = calloc(1, sizeof(*fs));

	TW_ASSERT(fs != NULL);
	fs->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fs->fd < 0) {
		tw_err_errno(err, "cannot watch track files (inotify)");
		free(fs);
		return NULL;
	}
	fs->watch = w;
	fs->n = w->conf->n_files;
	fs->file = calloc(fs->n, sizeof(*fs->file));
	TW_ASSERT(fs->file != NULL);
	event_assign(&fs->event, w->base, fs->fd, EV_READ | EV_PERSIST, on_events, fs);
	event_add(&fs->event, NULL);
	evtimer_assign(&fs->retry, w->base, on_retry, fs);
	for (unsigned i = 0; i < fs->n; i++) {
		if (vr_watch_wants(w->conf, VR_TRACK_FILE, i))
			file_init(&fs->file[i], &w->conf->file[i]);
	}
	dirs_watch(fs);
	for (unsigned i = 0; i < fs->n; i++) {
		if (fs->file[i].conf != NULL)
			file_read(&fs->file[i], true);
	}
	return fs;
}

void
vr_files_free(struct vr_files **pf)
{
	struct vr_files *const fs = *pf;

	if (fs == NULL)
		return;
	event_del(&fs->event);
	event_del(&fs->retry);
	close(fs->fd);
	free(fs->file);
	free(fs);
	*pf = NULL;
}

const struct vr_result *
vr_files_result(const struct vr_files *fs, unsigned index)
{
	return &fs->file[index].result;
}

void
vr_files_text(const struct vr_files *fs, unsigned index, char *buf, size_t size)
{
	const struct file_watch *const f = &fs->file[index];

	if (f->conf != NULL)
		snprintf(buf, size, "says %lld, counts %d", f->number, f->result.value);
}
