/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * offer.c - the listening sockets that are on offer to bind lines.
 *
 * What a socket is bound to is asked of the kernel when it is offered, and
 * what its giver says of it is not believed: any program that can pass
 * descriptors can be taken over from. The kernel does not tell whether a path
 * still leads to the socket that was bound there, so the file is remembered:
 * another program may have put its own in that place. Start-up, the master,
 * and the control thread.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include "core/net/conn.h"
#include "core/net/handover.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)

/* One on offer. */
struct offer {
	int fd;
	bool taken; /* not the set's to close any more */
	int protocol;
	bool v6only;
	char interface[IFNAMSIZ]; /* "": all */
	socklen_t len;
	struct sockaddr_storage ss; /* what it is bound to */
	ino_t socket;               /* the same for all its descriptors */
	/* unix sockets that are files: where, and which one */
	char path[sizeof(struct sockaddr_un) - PATH_AT + 1];
	dev_t dev;
	ino_t ino;
};

struct offers {
	struct offer *offer; /* owns, and the descriptors of those not taken */
	int n;
};

static struct offers set;

/* --- what a socket is --- */

static int
int_option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

void
tw__handover_interface(int fd, char interface[IFNAMSIZ])
{
	socklen_t len = IFNAMSIZ - 1;

	memset(interface, 0, IFNAMSIZ);
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, &len) != 0)
		interface[0] = '\0';
}

static bool
is_file(const struct offer *o, struct stat *st)
{
	return lstat(o->path, st) == 0 && S_ISSOCK(st->st_mode);
}

/* HAProxy binds to PATH.PID.tmp and renames that to PATH. */
static void
temporary_cut(char *path)
{
	char *const end = strrchr(path, '.');
	char *at = end;

	if (end == NULL || strcmp(end, ".tmp") != 0)
		return;
	while (at > path && isdigit((unsigned char)at[-1]))
		at--;
	if (at < end && at > path && at[-1] == '.')
		at[-1] = '\0';
}

static void
file_find(struct offer *o)
{
	const struct sockaddr_un *const un = (const void *)&o->ss;
	struct stat st;

	if (un->sun_family != AF_UNIX || o->len <= PATH_AT || un->sun_path[0] == '\0')
		return;
	memcpy(o->path, un->sun_path, o->len - PATH_AT);
	if (!is_file(o, &st)) {
		temporary_cut(o->path);
		if (!is_file(o, &st))
			return; /* nobody can reach it any more */
	}
	o->dev = st.st_dev;
	o->ino = st.st_ino;
}

/* returns: false: no stream socket that listens. */
static bool
offer_describe(struct offer *o, int fd)
{
	struct stat st;

	*o = (struct offer){ .fd = fd, .len = sizeof(o->ss) };
	if (int_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 ||
	    int_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
	    getsockname(fd, (struct sockaddr *)&o->ss, &o->len) != 0 ||
	    fstat(fd, &st) != 0)
		return false;
	o->socket = st.st_ino;
	o->protocol = int_option(fd, SOL_SOCKET, SO_PROTOCOL);
	o->v6only = o->ss.ss_family == AF_INET6 &&
	    int_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;
	tw__handover_interface(fd, o->interface);
	file_find(o);
	return true;
}

/* --- the set --- */

int
tw__handover_offer(int fd)
{
	struct offer o;

	if (!offer_describe(&o, fd)) {
		tw_log(TW_WARNING,
		    "a socket was handed over that is no listening stream socket: "
		    "closed");
		close(fd);
		return -1;
	}
	set.offer = reallocarray(set.offer, (size_t)set.n + 1, sizeof(*set.offer));
	TW_ASSERT(set.offer != NULL);
	set.offer[set.n++] = o;
	return 0;
}

/* The file at its path may be another program's by now. */
static void
file_remember(struct offer *o, const struct offers *former)
{
	for (int i = 0; i < former->n; i++) {
		if (former->offer[i].socket != o->socket)
			continue;
		o->dev = former->offer[i].dev;
		o->ino = former->offer[i].ino;
	}
}

static void
offers_close(struct offers *all)
{
	for (int i = 0; i < all->n; i++) {
		if (!all->offer[i].taken)
			close(all->offer[i].fd);
	}
	free(all->offer);
	*all = (struct offers){ 0 };
}

void
tw__handover_replace(const int *fd, size_t n)
{
	struct offers former = set;

	set = (struct offers){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (tw__handover_offer(fd[i]) == 0)
			file_remember(&set.offer[set.n - 1], &former);
	}
	offers_close(&former);
}

bool
tw__handover_has(int fd)
{
	for (int i = 0; i < set.n; i++) {
		if (set.offer[i].fd == fd)
			return true;
	}
	return false;
}

void
tw__handover_end(void)
{
	offers_close(&set);
}

/* --- who wants it --- */

static bool
is_abstract(const struct offer *o, const struct tw_addr *addr)
{
	struct sockaddr_storage ss;
	const socklen_t len = tw_addr_to_sockaddr(addr, &ss);

	return o->len == len && memcmp(&o->ss, &ss, len) == 0;
}

/* A socket whose file was removed, or has become something else, hears of
 * nobody any more. */
static bool
is_at_path(const struct offer *o, const struct tw_addr *addr)
{
	const char *const path = addr->u.path;
	struct stat st;

	if (path[0] == '@')
		return is_abstract(o, addr);
	return strcmp(o->path, path) == 0 && is_file(o, &st) && st.st_dev == o->dev &&
	    st.st_ino == o->ino;
}

/* A wildcard alone may take IPv4 as well: the kernel itself ties sockets of
 * other addresses to IPv6. */
static bool
is_family_wanted(const struct offer *o, const struct tw_bind *b)
{
	const struct sockaddr_in6 *const in6 = (const void *)&o->ss;

	return b->addr.family != AF_INET6 ||
	    !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) ||
	    o->v6only == tw__bind_is_v6only(b);
}

static bool
is_wanted(const struct offer *o, const struct tw_bind *b)
{
	struct tw_addr addr;

	if (o->ss.ss_family != b->addr.family)
		return false;
	if (b->addr.family == AF_UNIX)
		return is_at_path(o, &b->addr);
	tw_addr_from_sockaddr(&addr, (const struct sockaddr *)&o->ss, o->len);
	return o->protocol == (b->mptcp ? IPPROTO_MPTCP : IPPROTO_TCP) &&
	    tw_addr_eq(&addr, &b->addr) &&
	    strcmp(o->interface, b->interface != NULL ? b->interface : "") == 0 &&
	    is_family_wanted(o, b) && tw__netns_is(b->netns, o->fd);
}

int
tw__handover_take(const struct tw_bind *b)
{
	for (int i = 0; i < set.n; i++) {
		if (set.offer[i].taken || !is_wanted(&set.offer[i], b))
			continue;
		const int fd = set.offer[i].fd;
		set.offer[i].taken = true;
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		return fd;
	}
	return -1;
}
