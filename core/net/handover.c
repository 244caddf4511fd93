/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * handover.c - listening sockets that pass from one process to another.
 *
 * The wire's part; offer.c keeps what arrived. Sending and receiving never
 * wait without a limit, and a peer that lies costs an error text, no
 * descriptor.
 */
#include "config.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/worker.h>
#include "core/net/conn.h"
#include "core/net/handover.h"

#define BATCH 252 /* HAProxy's; the kernel allows one more */
#define WORDS_BYTES (1 + 1 + IFNAMSIZ + sizeof(uint32_t)) /* of one socket */
#define COUNT_MAX (1u << 20)
#define SEND_WAIT_MS 1000
#define ASK_WAIT_MS 5000

/* --- waiting with a limit --- */

static uint64_t
mono_ms(void)
{
	return tw_now_us() / 1000;
}

/* returns: false when the time is over; errno says so. */
static bool
wait_until(int sock, short events, uint64_t deadline_ms)
{
	struct pollfd p = { .fd = sock, .events = events };
	const uint64_t now = mono_ms();

	if (now < deadline_ms) {
		const int n = poll(&p, 1, (int)(deadline_ms - now));
		if (n > 0 || (n < 0 && errno == EINTR))
			return true;
	}
	errno = ETIMEDOUT;
	return false;
}

static bool
is_to_wait(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static ssize_t
send_by(int sock, const struct msghdr *m, uint64_t deadline_ms)
{
	ssize_t n;

	while ((n = sendmsg(sock, m, MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 &&
	    is_to_wait() && wait_until(sock, POLLOUT, deadline_ms))
		;
	return n;
}

static ssize_t
recv_by(int sock, struct msghdr *m, uint64_t deadline_ms)
{
	ssize_t n;

	while ((n = recvmsg(sock, m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0 &&
	    is_to_wait() && wait_until(sock, POLLIN, deadline_ms))
		;
	return n;
}

/* --- sending --- */

union rights {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(BATCH * sizeof(int))];
};

static void
rights_put(struct msghdr *m, union rights *r, const int *fd, int n)
{
	memset(r, 0, sizeof(*r));
	m->msg_control = r->bytes;
	m->msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
	struct cmsghdr *const c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(c), fd, (size_t)n * sizeof(int));
}

/* The descriptors leave with the first bytes; the rest follows alone. */
static int
bytes_send(int sock, struct msghdr *m, uint64_t deadline_ms, struct tw_err *err)
{
	struct iovec *const iov = m->msg_iov;

	while (iov->iov_len > 0) {
		const ssize_t n = send_by(sock, m, deadline_ms);
		if (n < 0)
			return tw_err_errno(err, "cannot send listening sockets");
		iov->iov_base = (char *)iov->iov_base + n;
		iov->iov_len -= (size_t)n;
		m->msg_control = NULL;
		m->msg_controllen = 0;
	}
	return 0;
}

/* What HAProxy wants to know of a socket. returns: bytes. */
static size_t
words_put(char *out, int fd)
{
	char interface[IFNAMSIZ];

	tw__handover_interface(fd, interface);
	const size_t len = strlen(interface);
	out[0] = 0; /* no name space of its own */
	out[1] = (char)len;
	memcpy(out + 2, interface, len);
	memset(out + 2 + len, 0, sizeof(uint32_t));
	return 2 + len + sizeof(uint32_t);
}

static int
batch_send(int sock, const int *fd, int n, uint64_t deadline_ms, struct tw_err *err)
{
	char words[BATCH * WORDS_BYTES];
	union rights rights;
	struct iovec iov = { words, 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (int i = 0; i < n; i++)
		iov.iov_len += words_put(words + iov.iov_len, fd[i]);
	rights_put(&m, &rights, fd, n);
	return bytes_send(sock, &m, deadline_ms, err);
}

static int
sockets_send(int sock, const int *fd, int n, struct tw_err *err)
{
	const uint64_t deadline_ms = mono_ms() + SEND_WAIT_MS;
	uint32_t count = (uint32_t)n;
	struct iovec iov = { &count, sizeof(count) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (bytes_send(sock, &m, deadline_ms, err) != 0)
		return -1;
	for (int done = 0; done < n; done += BATCH) {
		const int part = n - done < BATCH ? n - done : BATCH;
		if (batch_send(sock, fd + done, part, deadline_ms, err) != 0)
			return -1;
	}
	return 0;
}

int
tw__handover_send(int sock, struct tw_err *err)
{
	int n;
	int *const fd = tw__listeners_fds(true, &n);
	const int rc = sockets_send(sock, fd, n, err);

	free(fd);
	if (rc == 0)
		tw__listeners_leave_paths();
	return rc;
}

int
tw__handover_lend(int sock, struct tw_err *err)
{
	int n;
	int *const fd = tw__listeners_fds(false, &n);
	const int rc = sockets_send(sock, fd, n, err);

	free(fd);
	return rc;
}

/* --- receiving --- */

struct received {
	int *fd; /* owns */
	uint32_t n, expected;
};

static int
count_receive(int sock, uint32_t *count, uint64_t deadline_ms, struct tw_err *err)
{
	struct iovec iov = { count, sizeof(*count) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	while (iov.iov_len > 0) {
		const ssize_t n = recv_by(sock, &m, deadline_ms);
		if (n < 0)
			return tw_err_errno(err, "cannot receive listening sockets");
		if (n == 0)
			return tw_err_set(err,
			    "the peer closed instead of sending its listening "
			    "sockets");
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
	}
	if (*count > COUNT_MAX)
		return tw_err_set(
		    err, "the peer sent no number of listening sockets: %u", *count);
	return 0;
}

static void
received_add(struct received *r, const unsigned char *data, size_t len)
{
	const size_t n = len / sizeof(int);

	r->fd = reallocarray(r->fd, r->n + n + 1, sizeof(*r->fd));
	TW_ASSERT(r->fd != NULL);
	memcpy(r->fd + r->n, data, n * sizeof(int));
	r->n += (uint32_t)n;
}

/* All that arrived is taken first, even if it is too much: it is open. */
static int
rights_take(struct received *r, struct msghdr *m, struct tw_err *err)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			received_add(r, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	}
	if (m->msg_flags & MSG_CTRUNC)
		return tw_err_set(err,
		    "not all of %u listening sockets could be taken over: raise the "
		    "limit of open files (ulimit -n, or LimitNOFILE in the unit)",
		    r->expected);
	if (r->n > r->expected)
		return tw_err_set(err,
		    "the peer sent more listening sockets than the %u it had "
		    "announced",
		    r->expected);
	return 0;
}

static void
acknowledge(int sock)
{
	const uint32_t zero = 0;

	send(sock, &zero, sizeof(zero), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int
batch_receive(int sock, struct received *r, uint64_t deadline_ms, struct tw_err *err)
{
	char words[BATCH * WORDS_BYTES]; /* not believed */
	union rights rights;
	struct iovec iov = { words, sizeof(words) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = rights.bytes,
		.msg_controllen = sizeof(rights.bytes) };
	const uint32_t before = r->n;
	const ssize_t n = recv_by(sock, &m, deadline_ms);

	if (n < 0)
		return tw_err_errno(err, "cannot receive listening sockets");
	if (n == 0)
		return tw_err_set(err,
		    "the peer closed after %u of %u listening sockets", r->n,
		    r->expected);
	if (rights_take(r, &m, err) != 0)
		return -1;
	if (r->n > before)
		acknowledge(sock);
	return 0;
}

int
tw__handover_receive(int sock, uint64_t deadline_ms, struct tw_err *err)
{
	struct received r = { 0 };
	int rc = count_receive(sock, &r.expected, deadline_ms, err);

	while (rc == 0 && r.n < r.expected) {
		rc = batch_receive(sock, &r, deadline_ms, err);
		if (rc == 0 && r.n < r.expected && mono_ms() >= deadline_ms)
			rc = tw_err_set(err,
			    "the peer took too long to send %u listening sockets",
			    r.expected);
	}
	if (rc == 0)
		tw__handover_replace(r.fd, r.n);
	for (uint32_t i = 0; rc != 0 && i < r.n; i++)
		close(r.fd[i]);
	free(r.fd);
	return rc;
}

static int
ask_connect(const char *path, struct tw_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(un.sun_path)) {
		close(sock);
		return tw_err_set(err, "the path '%s' is too long (-x)", path);
	}
	strcpy(un.sun_path, path);
	if (sock >= 0 && connect(sock, (struct sockaddr *)&un, sizeof(un)) == 0)
		return sock;
	tw_err_errno(err, "cannot connect to the old process's socket '%s' (-x)", path);
	if (sock >= 0)
		close(sock);
	return -1;
}

int
tw__handover_ask(const char *path, struct tw_err *err)
{
	static const char question[] = "_getsocks\n";
	const int sock = ask_connect(path, err);
	struct tw_err why;
	int rc = -1;

	if (sock < 0)
		return -1;
	if (send(sock, question, sizeof(question) - 1, MSG_NOSIGNAL) ==
	    (ssize_t)sizeof(question) - 1)
		rc = tw__handover_receive(sock, mono_ms() + ASK_WAIT_MS, &why);
	else
		tw_err_errno(&why, "cannot ask");
	if (rc != 0)
		tw_err_set(err,
		    "%s (-x %s: that must be a stats socket with 'expose-fd "
		    "listeners')",
		    why.text, path);
	close(sock);
	return rc;
}
