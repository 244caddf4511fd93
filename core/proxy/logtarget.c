/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * logtarget.c - sockets and descriptors that log lines leave by.
 *
 * Targets live as long as the process and are shared by all threads and
 * generations: a datagram socket takes a batch in one sendmmsg(), a
 * descriptor in writes of at most PIPE_BUF, which pipes keep whole. Nothing
 * ever waits: what a receiver has no room for is dropped and counted. A
 * receiver that went away is connected to again at once, then once a second.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/worker.h>

#include "proxy/logger.h"
#include "proxy/ring.h"

#define BATCH_MAX 64
#define RETRY_US 1000000
#define SEND_BUFFER_BYTES (1 << 20)

struct tw__log_target {
	SLIST_ENTRY(tw__log_target) link; /* shared: targets_lock */
	struct tw_addr addr;              /* family 0: a descriptor */
	struct tw__ring *ring;            /* for ever; NULL: another kind */
	_Atomic uint64_t sent, dropped;   /* lines */
	_Atomic int fd;                   /* -1: not open */
	bool is_file;                     /* a regular file takes any length */
	_Atomic bool down;                /* connecting failed; see retry_us */
	_Atomic uint64_t retry_us;        /* not before */
	pthread_mutex_t lock;             /* opening; writes to a descriptor */
};

static SLIST_HEAD(, tw__log_target) targets; /* shared: targets_lock */
static pthread_mutex_t targets_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t dropped;

uint64_t
tw__log_dropped(void)
{
	return atomic_load_explicit(&dropped, memory_order_relaxed);
}

void
tw__log_drop(struct tw__log_target *t, int n)
{
	if (t != NULL)
		atomic_fetch_add_explicit(
		    &t->dropped, (uint64_t)n, memory_order_relaxed);
	atomic_fetch_add_explicit(&dropped, (uint64_t)n, memory_order_relaxed);
}

static bool
same(const struct tw__log_target *t, const struct tw_addr *addr, int fd)
{
	if (addr == NULL)
		return t->addr.family == 0 && t->ring == NULL && t->fd == fd;
	return t->addr.family == addr->family && tw_addr_eq(&t->addr, addr);
}

static struct tw__log_target *
find_or_make(const struct tw_addr *addr, int fd)
{
	struct tw__log_target *t;

	pthread_mutex_lock(&targets_lock);
	SLIST_FOREACH(t, &targets, link)
		if (same(t, addr, fd))
			break;
	if (t == NULL) {
		t = calloc(1, sizeof(*t));
		TW_ASSERT(t != NULL);
		t->fd = fd;
		pthread_mutex_init(&t->lock, NULL);
		if (addr != NULL)
			t->addr = *addr;
		if (addr != NULL && addr->family == AF_UNIX) {
			t->addr.u.path = strdup(addr->u.path);
			TW_ASSERT(t->addr.u.path != NULL);
		}
		SLIST_INSERT_HEAD(&targets, t, link);
	}
	pthread_mutex_unlock(&targets_lock);
	return t;
}

struct tw__log_target *
tw__log_target_addr(const struct tw_addr *addr)
{
	return find_or_make(addr, -1);
}

struct tw__log_target *
tw__log_target_ring(struct tw__ring *ring)
{
	struct tw__log_target *const t = calloc(1, sizeof(*t));

	TW_ASSERT(t != NULL);
	t->fd = -1;
	t->ring = ring;
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_lock(&targets_lock);
	SLIST_INSERT_HEAD(&targets, t, link);
	pthread_mutex_unlock(&targets_lock);
	return t;
}

struct tw__log_target *
tw__log_target_fd(int fd)
{
	struct stat st;
	struct tw__log_target *const t = find_or_make(NULL, fd);

	t->is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	return t;
}

/* (Re)connects. A datagram socket may be connected again as it is. */
static bool
target_connect(struct tw__log_target *t)
{
	struct sockaddr_storage ss;
	const socklen_t len = tw_addr_to_sockaddr(&t->addr, &ss);
	const int room = SEND_BUFFER_BYTES;

	pthread_mutex_lock(&t->lock);
	int fd = t->fd;
	if (fd < 0) {
		fd = socket(
		    t->addr.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd >= 0)
			setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	}
	const bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&ss, len) == 0;
	t->fd = fd;
	t->retry_us = ok ? 0 : tw_now_us() + RETRY_US;
	t->down = !ok;
	pthread_mutex_unlock(&t->lock);
	return ok;
}

void
tw__log_target_open(struct tw__log_target *t)
{
	/* a path may be there only after chroot: the first line tries again */
	if (t->addr.family != 0 && (t->fd < 0 || t->down) && !target_connect(t))
		t->retry_us = 0;
}

static bool
is_usable(struct tw__log_target *t)
{
	if (TW_LIKELY(t->fd >= 0 && !t->down))
		return true;
	return tw_now_us() >= t->retry_us && target_connect(t);
}

/* Errors of a receiver that was there before: it may be back already. */
static bool
is_gone(int error)
{
	return error == ECONNREFUSED || error == ENOTCONN || error == ECONNRESET ||
	    error == EDESTADDRREQ || error == EPIPE || error == ENOENT;
}

/* returns: messages sent or given up; fewer than n: the receiver is full. */
static int
send_batch(struct tw__log_target *t, struct mmsghdr *msg, int n)
{
	bool again = true;

	for (int done = 0; done < n;) {
		const int sent = sendmmsg(t->fd, msg + done, (unsigned)(n - done),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0) {
			done += sent;
			again = true;
			continue;
		}
		const int error = errno;
		if (error == EINTR)
			continue;
		if (is_gone(error) && again && target_connect(t)) {
			again = false;
			continue;
		}
		if (error == EMSGSIZE) { /* this one alone is too long */
			tw__log_drop(t, 1);
			done++;
			continue;
		}
		if (error == EAGAIN || error == ENOBUFS)
			return done;
		tw__log_drop(t, n - done);
		return n;
	}
	return n;
}

/* Empty pieces at the end cost the kernel time for nothing. */
static size_t
iov_count(const struct iovec *iov, int n)
{
	while (n > 1 && iov[n - 1].iov_len == 0)
		n--;
	return (size_t)n;
}

static int
send_datagrams(struct tw__log_target *t, struct iovec *iov, int per_msg, int n)
{
	struct mmsghdr msg[BATCH_MAX];

	for (int i = 0; i < n; i += BATCH_MAX) {
		const int now = n - i < BATCH_MAX ? n - i : BATCH_MAX;
		memset(msg, 0, sizeof(msg[0]) * (size_t)now);
		for (int k = 0; k < now; k++) {
			msg[k].msg_hdr.msg_iov = iov + (i + k) * per_msg;
			msg[k].msg_hdr.msg_iovlen =
			    iov_count(iov + (i + k) * per_msg, per_msg);
		}
		const int sent = send_batch(t, msg, now);
		if (sent < now)
			return i + sent;
	}
	return n;
}

/* How many messages, from the first on, one write shall take. */
static int
fits(const struct iovec *iov, int per_msg, int n, size_t limit)
{
	size_t bytes = 0;
	int i;

	for (i = 0; i < n && (i + 1) * per_msg <= IOV_MAX; i++) {
		for (int k = 0; k < per_msg; k++)
			bytes += iov[i * per_msg + k].iov_len;
		if (bytes > limit && i > 0)
			break;
	}
	return i;
}

static bool
has_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

/* The descriptor may be shared with other programs (a terminal, a pipe), so
 * it is not made non-blocking: room for PIPE_BUF is looked for instead. */
static int
write_lines(struct tw__log_target *t, struct iovec *iov, int per_msg, int n)
{
	int i = 0;

	pthread_mutex_lock(&t->lock);
	while (i < n && (t->is_file || has_room(t->fd))) {
		const int now = fits(iov + i * per_msg, per_msg, n - i,
		    t->is_file ? SSIZE_MAX : PIPE_BUF);
		if (writev(t->fd, iov + i * per_msg, now * per_msg) < 0)
			tw__log_drop(t, now);
		i += now;
	}
	pthread_mutex_unlock(&t->lock);
	return i;
}

static void
put_lines(struct tw__log_target *t, const struct iovec *iov, int per_msg, int n)
{
	for (int i = 0; i < n; i++)
		if (!tw__ring_put(t->ring, iov + i * per_msg, per_msg))
			tw__log_drop(t, 1);
}

/* returns: how many were sent or given up. */
static int
send_any(struct tw__log_target *t, struct iovec *iov, int per_msg, int n)
{
	if (t->ring != NULL) {
		put_lines(t, iov, per_msg, n);
		return n;
	}
	if (t->addr.family == 0)
		return write_lines(t, iov, per_msg, n);
	if (is_usable(t))
		return send_datagrams(t, iov, per_msg, n);
	tw__log_drop(t, n);
	return n;
}

int
tw__log_target_send(struct tw__log_target *t, struct iovec *iov, int per_msg, int n)
{
	const int done = send_any(t, iov, per_msg, n);

	atomic_fetch_add_explicit(&t->sent, (uint64_t)done, memory_order_relaxed);
	return done;
}

/* ---- for `show log` ----------------------------------------------------- */

static void
name_out(const struct tw__log_target *t, char *mem, size_t size)
{
	struct tw_out o = tw_out_of(mem, size - 1);

	if (t->ring != NULL)
		tw_out_printf(&o, "ring@%s", t->ring->name);
	else if (t->addr.family == 0)
		tw_out_printf(&o, "fd@%d", t->fd);
	else
		tw_addr_port_out(&o, &t->addr);
	*o.p = '\0';
}

bool
tw__log_target_at(int i, struct tw__log_target_info *info)
{
	const struct tw__log_target *t;

	pthread_mutex_lock(&targets_lock);
	SLIST_FOREACH(t, &targets, link)
		if (i-- == 0)
			break;
	pthread_mutex_unlock(&targets_lock);
	if (t == NULL)
		return false;
	name_out(t, info->name, sizeof(info->name));
	info->type = t->ring != NULL ? "ring" : t->addr.family == 0 ? "fd" : "datagram";
	info->is_down = t->down;
	info->dropped = atomic_load_explicit(&t->dropped, memory_order_relaxed);
	info->sent = atomic_load_explicit(&t->sent, memory_order_relaxed);
	info->sent -= info->dropped < info->sent ? info->dropped : info->sent;
	return true;
}
