/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * control.c - the sockets that control sessions arrive on.
 *
 * They are opened before privileges are dropped and served once the thread
 * that owns them runs. A reload keeps a socket whose address stays; its other
 * settings follow. A unix socket is made under another name, gets its mode and
 * owner, and is then renamed, so that nobody can connect in between and a
 * predecessor's is replaced in one step. Start-up, control thread, master.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include "core/run/cli.h"

#define BACKLOG 10

struct control {
	SLIST_ENTRY(control) link;
	const struct tw__control_conf *conf; /* borrow: the generation in force */
	char *text;                          /* owns: its address, as written */
	int fd;                              /* owns */
	struct event *readable;              /* owns; NULL: not served yet */
	char *path;                          /* owns: to remove; NULL: none */
	dev_t dev;
	ino_t ino;
	bool wanted;
};

static SLIST_HEAD(, control) controls = SLIST_HEAD_INITIALIZER(controls);
static const struct tw__cli_host *host;
static uint32_t timeout_ms;

/* --- opening --- */

static int
unix_owner(const char *path, const struct tw__control_conf *c)
{
	if (c->mode != 0 && chmod(path, c->mode) != 0)
		return -1;
	if ((c->uid != UINT32_MAX || c->gid != UINT32_MAX) &&
	    chown(path, c->uid, c->gid) != 0)
		return -1;
	return 0;
}

static int
bind_path(int fd, const struct tw__control_conf *c)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const int n = snprintf(un.sun_path, sizeof(un.sun_path), "%s.%d.tmp",
	    c->addr.u.path, (int)getpid());

	if (n < 0 || (size_t)n >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	unlink(un.sun_path);
	const mode_t mask = umask(0177);
	const int rc = bind(fd, (struct sockaddr *)&un, sizeof(un));
	umask(mask);
	if (rc != 0)
		return -1;
	if ((c->mode == 0 && chmod(un.sun_path, 0777 & ~mask) != 0) ||
	    unix_owner(un.sun_path, c) != 0 || listen(fd, BACKLOG) != 0 ||
	    rename(un.sun_path, c->addr.u.path) != 0) {
		const int saved = errno;

		unlink(un.sun_path);
		errno = saved;
		return -1;
	}
	return 0;
}

static int
bind_other(int fd, const struct tw__control_conf *c)
{
	struct sockaddr_storage ss;
	const socklen_t len = tw_addr_to_sockaddr(&c->addr, &ss);
	const int on = 1;

	if (c->addr.family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (c->addr.family == AF_INET6 && (c->v6only || c->v4v6))
		setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ c->v6only }, sizeof(int));
	if (c->interface != NULL && c->addr.family != AF_UNIX &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, c->interface,
		(socklen_t)strlen(c->interface) + 1) != 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&ss, len) != 0)
		return -1;
	return listen(fd, c->backlog != 0 ? (int)c->backlog : BACKLOG);
}

static bool
has_path(const struct tw__control_conf *c)
{
	return c->fd < 0 && c->addr.family == AF_UNIX && c->addr.u.path[0] != '@';
}

static int
socket_open(const struct tw__control_conf *c, struct tw_err *err)
{
	if (c->fd >= 0) {
		fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
		fcntl(c->fd, F_SETFD, FD_CLOEXEC);
		if (listen(c->fd, BACKLOG) == 0)
			return c->fd;
		return tw_err_errno(
		    err, "[%s:%d] : cannot listen on %s", c->file, c->line, c->text);
	}
	const int fd =
	    socket(c->addr.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && (has_path(c) ? bind_path(fd, c) : bind_other(fd, c)) == 0)
		return fd;
	tw_err_errno(err, "[%s:%d] : cannot bind the control socket [%s]", c->file,
	    c->line, c->text);
	if (fd >= 0)
		close(fd);
	return -1;
}

static void
path_keep(struct control *k, const struct tw__control_conf *c)
{
	struct stat st;

	if (!has_path(c) || lstat(c->addr.u.path, &st) != 0)
		return;
	k->path = strdup(c->addr.u.path);
	k->dev = st.st_dev;
	k->ino = st.st_ino;
}

static void
control_close(struct control *k, bool is_child)
{
	struct stat st;

	SLIST_REMOVE(&controls, k, control, link);
	if (k->path != NULL && !is_child && lstat(k->path, &st) == 0 &&
	    st.st_dev == k->dev && st.st_ino == k->ino)
		unlink(k->path);
	if (k->readable != NULL)
		event_free(k->readable);
	close(k->fd);
	free(k->path);
	free(k->text);
	free(k);
}

static struct control *
control_find(const char *text)
{
	struct control *k;

	SLIST_FOREACH(k, &controls, link) {
		if (strcmp(k->text, text) == 0)
			return k;
	}
	return NULL;
}

static int
control_add(const struct tw__control_conf *c, struct tw_err *err)
{
	const int fd = socket_open(c, err);

	if (fd < 0)
		return -1;
	struct control *const k = calloc(1, sizeof(*k));
	TW_ASSERT(k != NULL);
	*k = (struct control){ .conf = c, .text = strdup(c->text), .fd = fd };
	TW_ASSERT(k->text != NULL);
	path_keep(k, c);
	SLIST_INSERT_HEAD(&controls, k, link);
	return 0;
}

void
tw__control_abandon(void)
{
	struct control *k, *next;

	for (k = SLIST_FIRST(&controls); k != NULL; k = next) {
		next = SLIST_NEXT(k, link);
		if (k->readable == NULL)
			control_close(k, false);
	}
}

int
tw__control_open(const struct tw__control_conf *list, struct tw_err *err)
{
	for (const struct tw__control_conf *c = list; c != NULL; c = c->next) {
		if (control_find(c->text) != NULL || control_add(c, err) == 0)
			continue;
		tw__control_abandon();
		return -1;
	}
	return 0;
}

/* --- serving --- */

/* It has as many sessions as its line allows. */
static bool
is_full(const struct control *k)
{
	return k->conf->maxconn != 0 && tw__cli_count_of(k) >= k->conf->maxconn;
}

static void
all_watch(bool on)
{
	struct control *k;

	SLIST_FOREACH(k, &controls, link) {
		if (k->readable == NULL)
			continue;
		if (on && !is_full(k))
			event_add(k->readable, NULL);
		else
			event_del(k->readable);
	}
}

static void
on_freed(void)
{
	if (host != NULL && tw__cli_count() < host->max_sessions)
		all_watch(true);
}

static void
on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct control *const k = arg;
	const int c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (c < 0)
		return;
	struct tw_cli *const cli =
	    tw__cli_new(host, c, k->conf->level, timeout_ms, k->conf->expose_listeners);

	tw__cli_set_severity(cli, k->conf->severity);
	tw__cli_set_origin(cli, k);
	if (is_full(k))
		event_del(k->readable);
	if (tw__cli_count() >= host->max_sessions)
		all_watch(false); /* others wait in the kernel's queue */
}

static void
control_serve(struct control *k, const struct tw__control_conf *c)
{
	k->conf = c;
	k->wanted = true;
	if (k->path != NULL)
		unix_owner(k->path, c);
	if (k->readable != NULL)
		return;
	k->readable =
	    event_new(host->base, k->fd, EV_READ | EV_PERSIST, on_connection, k);
	TW_ASSERT(k->readable != NULL);
	event_add(k->readable, NULL);
}

void
tw__control_serve(const struct tw__control_conf *list, const struct tw__cli_host *by,
    uint32_t idle_ms)
{
	struct control *k, *next;

	host = by;
	timeout_ms = idle_ms;
	tw__cli_freed = on_freed;
	SLIST_FOREACH(k, &controls, link)
		k->wanted = false;
	for (const struct tw__control_conf *c = list; c != NULL; c = c->next) {
		k = control_find(c->text);
		TW_ASSERT(k != NULL);
		control_serve(k, c);
	}
	for (k = SLIST_FIRST(&controls); k != NULL; k = next) {
		next = SLIST_NEXT(k, link);
		if (!k->wanted)
			control_close(k, false);
	}
	on_freed();
}

void
tw__control_down(bool is_child)
{
	if (is_child && host != NULL)
		event_reinit(host->base); /* or the parent would lose its events */
	while (!SLIST_EMPTY(&controls))
		control_close(SLIST_FIRST(&controls), is_child);
	tw__cli_end_all(is_child);
	host = NULL;
}

const struct tw__control_conf *
tw__control_each(int i)
{
	const struct control *k;
	int n = 0;

	/* the list has the last line first */
	SLIST_FOREACH(k, &controls, link)
		n++;
	SLIST_FOREACH(k, &controls, link) {
		if (--n == i)
			return k->conf;
	}
	return NULL;
}
