/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conn_view.c - what modules may know of a connection (tideway/conn.h).
 *
 * One worker's thread.
 */
#include "config.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/net/conn.h"

#ifndef SO_ORIGINAL_DST
#define SO_ORIGINAL_DST 80 /* and IP6T_SO_ORIGINAL_DST */
#endif

const struct tw_addr *
tw_conn_src(const struct tw_conn *conn)
{
	return &conn->src;
}

/* Where the client wanted to go, before netfilter sent it here (REDIRECT, DNAT).
 * An IPv4 address in an IPv6 socket has none. source: linux/netfilter_ipv4.h. */
static bool
original_dst(int fd, int family, struct sockaddr_storage *ss, socklen_t *len)
{
	*len = sizeof(*ss);
	return (family == AF_INET || family == AF_INET6) &&
	    getsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		SO_ORIGINAL_DST, ss, len) == 0 &&
	    ss->ss_family == family;
}

static void
dst_find(struct tw_conn *conn)
{
	struct sockaddr_storage ss, before;
	socklen_t len = sizeof(ss), before_len;

	conn->dst_known = true;
	if (getsockname(conn->fd, (struct sockaddr *)&ss, &len) != 0)
		return;
	if (original_dst(conn->fd, ss.ss_family, &before, &before_len))
		tw_addr_from_sockaddr(
		    &conn->dst, (struct sockaddr *)&before, before_len);
	else
		tw_addr_from_sockaddr(&conn->dst, (struct sockaddr *)&ss, len);
}

const struct tw_addr *
tw_conn_dst(struct tw_conn *conn)
{
	if (!conn->dst_known)
		dst_find(conn);
	return &conn->dst;
}

struct tw_worker *
tw_conn_worker(const struct tw_conn *conn)
{
	return conn->worker;
}

const struct tw_bind *
tw_conn_bind(const struct tw_conn *conn)
{
	return conn->bind;
}

int
tw_conn_fd(const struct tw_conn *conn)
{
	return conn->fd;
}

uint32_t
tw_conn_requests(const struct tw_conn *conn)
{
	return conn->n_requests;
}
