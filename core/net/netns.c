/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * netns.c - sockets in other network namespaces (`namespace`).
 *
 * A namespace is opened once, by name, when a configuration that names it is
 * read: later, behind chroot, its path is out of reach. It stays open as long as
 * the process lives. A socket belongs to the namespace that its thread is in when
 * it is made, so the thread goes there for that one call and comes back. Needs
 * CAP_SYS_ADMIN whenever a socket is made. source: network_namespaces(7).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tideway/assert.h>
#include "core/net/conn.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

struct tw__netns {
	struct tw__netns *next;
	int fd;
	char name[];
};

/* owns; shared: only grows, by the control thread */
static struct tw__netns *_Atomic known;
static int own_fd = -1; /* where the process began */

static uint64_t
cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) != 0)
		return 0;
	return cookie;
}

static struct tw__netns *
netns_open(const char *name, struct tw_err *err)
{
	char path[300];
	struct tw_out o = tw_out_of(path, sizeof(path) - 1);

	tw_out_printf(&o, "/var/run/netns/%s", name);
	*o.p = '\0';
	const int fd =
	    o.over || strchr(name, '/') != NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (own_fd < 0)
		own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || own_fd < 0) {
		tw_err_errno(err,
		    "cannot open namespace '%s'; make it with 'ip netns add %s'", name,
		    name);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	struct tw__netns *const ns = calloc(1, sizeof(*ns) + strlen(name) + 1);
	TW_ASSERT(ns != NULL);
	strcpy(ns->name, name);
	ns->fd = fd;
	ns->next = atomic_load(&known);
	atomic_store_explicit(&known, ns, memory_order_release);
	return ns;
}

const struct tw__netns *
tw__netns_find(struct tw_str name)
{
	const struct tw__netns *ns = atomic_load_explicit(&known, memory_order_acquire);

	while (ns != NULL && !tw_str_eq(tw_str_of(ns->name), name))
		ns = ns->next;
	return ns;
}

struct tw__netns *
tw__netns_get(const char *name, struct tw_err *err)
{
	for (struct tw__netns *ns = atomic_load(&known); ns != NULL; ns = ns->next) {
		if (strcmp(ns->name, name) == 0)
			return ns;
	}
	return netns_open(name, err);
}

const char *
tw__netns_name(const struct tw__netns *ns)
{
	return ns->name;
}

int
tw__netns_socket(const struct tw__netns *ns, int family, int type, int protocol)
{
	int fd, e;

	if (TW_LIKELY(ns == NULL))
		return socket(family, type, protocol);
	if (setns(ns->fd, CLONE_NEWNET) != 0)
		return -1;
	fd = socket(family, type, protocol);
	e = errno;
	if (setns(own_fd, CLONE_NEWNET) != 0)
		TW_WRONG("cannot leave a network namespace");
	errno = e;
	return fd;
}

bool
tw__netns_is(const struct tw__netns *ns, int fd)
{
	const int other = tw__netns_socket(ns, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const uint64_t want = other >= 0 ? cookie_of(other) : 0;

	if (other >= 0)
		close(other);
	else if (ns != NULL)
		return false;
	return cookie_of(fd) == want; /* an old kernel tells of none: 0 */
}
