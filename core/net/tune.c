/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tune.c - sizes of the kernel's buffers, for those who ask for them, and how many
 * descriptors idle connections may take.
 *
 * Best effort: the system has limits of its own. Any thread.
 */
#include "config.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "core/net/conn.h"
#include "core/run/limits.h"

_Atomic int tw__idle_fd_low = INT_MAX, tw__idle_fd_high = INT_MAX;

static void
set_if(int fd, int level, int name, uint32_t value)
{
	const int v = (int)value;

	if (TW_UNLIKELY(v != 0))
		setsockopt(fd, level, name, &v, sizeof(v));
}

void
tw__socket_tune(int fd, const struct tw__tune *t, bool client)
{
	set_if(fd, SOL_SOCKET, SO_RCVBUF, client ? t->rcvbuf_client : t->rcvbuf_server);
	set_if(fd, SOL_SOCKET, SO_SNDBUF, client ? t->sndbuf_client : t->sndbuf_server);
	set_if(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
	    client ? t->lowat_client : t->lowat_server);
}

void
tw__dgram_tune(int fd, const struct tw__tune *t)
{
	set_if(fd, SOL_SOCKET, SO_RCVBUF, t->rcvbuf_frontend);
	set_if(fd, SOL_SOCKET, SO_SNDBUF, t->sndbuf_frontend);
}

int
tw__congestion_set(int fd, const char *name)
{
	return setsockopt(
	    fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name));
}

static int
share_of(uint32_t pct)
{
	const uint64_t n = tw__limits_now()->maxsock * pct / 100;

	return pct == 0 || n > INT_MAX ? INT_MAX : (int)n;
}

void
tw__idle_fds_set(uint32_t low_pct, uint32_t high_pct)
{
	atomic_store(&tw__idle_fd_low, share_of(low_pct));
	atomic_store(&tw__idle_fd_high, share_of(high_pct));
}
