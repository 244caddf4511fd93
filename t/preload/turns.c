/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * turns.c - how much a connection sends before others have their turn, for
 * t/nice.t.
 *
 * Preloaded, it counts what is sent by each descriptor between two looks for
 * events, and keeps the most for each local port in the file that TW_TURNS_FILE
 * names: 65536 numbers of 64 bits.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_FDS 1024
#define API __attribute__((visibility("default"), used))

static _Atomic uint64_t *most;
static __thread uint64_t now[N_FDS];
static __thread int high; /* of those that sent */

__attribute__((constructor)) static void
most_map(void)
{
	const char *const path = getenv("TW_TURNS_FILE");
	const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *const p = mmap(
	    NULL, 65536 * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	most = p == MAP_FAILED ? NULL : p;
}

static void
sent(int fd, ssize_t n)
{
	if (n <= 0 || fd < 0 || fd >= N_FDS)
		return;
	now[fd] += (uint64_t)n;
	if (fd > high)
		high = fd;
}

static void
turn_end(void)
{
	for (int fd = 0; most != NULL && fd <= high; fd++) {
		struct sockaddr_in in = { 0 };
		socklen_t len = sizeof(in);

		if (now[fd] == 0)
			continue;
		if (getsockname(fd, (struct sockaddr *)&in, &len) == 0 &&
		    in.sin_family == AF_INET && now[fd] > most[ntohs(in.sin_port)])
			most[ntohs(in.sin_port)] = now[fd];
		now[fd] = 0;
	}
	high = 0;
}

API ssize_t
send(int fd, const void *p, size_t len, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);

	if (real == NULL)
		real = (ssize_t(*)(int, const void *, size_t, int))dlsym(
		    RTLD_NEXT, "send");
	const ssize_t n = real(fd, p, len, flags);
	sent(fd, n);
	return n;
}

API ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	static ssize_t (*real)(int, const struct msghdr *, int);

	if (real == NULL)
		real = (ssize_t(*)(int, const struct msghdr *, int))dlsym(
		    RTLD_NEXT, "sendmsg");
	const ssize_t n = real(fd, m, flags);
	sent(fd, n);
	return n;
}

API int
epoll_wait(int ep, struct epoll_event *ev, int n, int timeout)
{
	static int (*real)(int, struct epoll_event *, int, int);

	if (real == NULL)
		real = (int (*)(int, struct epoll_event *, int, int))dlsym(
		    RTLD_NEXT, "epoll_wait");
	turn_end();
	return real(ep, ev, n, timeout);
}
