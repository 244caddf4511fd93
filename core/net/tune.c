/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tune.c - sizes of the kernel's buffers, for those who ask for them.
 *
 * Best effort: the system has limits of its own. Any thread.
 */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/net/conn.h"

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
