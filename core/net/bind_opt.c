/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bind_opt.c - options of listening sockets, as their lines and proxies say.
 *
 * Most are inherited by the connections that are accepted. One that was handed
 * over, or came as fd@N, may have been another line's: all that a line can say is
 * set, also to its default. source: tcp(7), ip(7), ipv6(7).
 */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/net/conn.h"

#define DEFAULT_BACKLOG 4096

static void
set_opt(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value)); /* best effort */
}

/* net.ipv6.bindv6only, as a new socket has it. */
static bool
system_is_v6only(void)
{
	int value = 0;
	socklen_t len = sizeof(value);
	const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &len);
	close(fd);
	return value != 0;
}

bool
tw__bind_is_v6only(const struct tw_bind *b)
{
	return b->v6only || (!b->v4v6 && system_is_v6only());
}

int
tw__bind_backlog(const struct tw_bind *b)
{
	return (int)(b->backlog != 0       ? b->backlog
		: b->proxy->c.backlog != 0 ? b->proxy->c.backlog
					   : DEFAULT_BACKLOG);
}

/* A negative mss lowers the one that a new socket has. */
static void
mss_set(int fd, int32_t mss)
{
	int usual = 0;
	socklen_t len = sizeof(usual);

	if (mss < 0 && getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &usual, &len) != 0)
		return;
	if (usual + mss > 0)
		set_opt(fd, IPPROTO_TCP, TCP_MAXSEG, usual + mss);
}

/* Those that accepted sockets inherit, and those of the listener itself. One
 * that was handed over may have others: all are set. */
void
tw__bind_tcp_options(int fd, const struct tw_bind *b)
{
	const struct linger now = { .l_onoff = b->proxy->c.nolinger };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	set_opt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_opt(fd, SOL_SOCKET, SO_KEEPALIVE, b->proxy->c.tcpka_client);
	tw__keepalive_set(fd, &b->proxy->c.keepalive_client);
	set_opt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, b->defer_accept);
	set_opt(fd, IPPROTO_TCP, TCP_SAVE_SYN, (int)b->save_syn);
	set_opt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)b->tcp_ut_ms);
	tw__socket_tune(fd, &b->proxy->gen->global.tune, true); /* inherited, too */
	if (b->cc != NULL)
		tw__congestion_set(fd, b->cc);
	if (b->mss != 0)
		mss_set(fd, b->mss);
	if (b->tfo)
		set_opt(fd, IPPROTO_TCP, TCP_FASTOPEN, tw__bind_backlog(b));
}

void
tw__bind_options(int fd, const struct tw_bind *b)
{
	set_opt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* -sf: a successor binds, too */
	set_opt(fd, SOL_SOCKET, SO_REUSEPORT, !b->proxy->gen->global.tune.noreuseport);
	if (b->addr.family == AF_INET6)
		set_opt(fd, IPPROTO_IPV6, IPV6_V6ONLY, tw__bind_is_v6only(b));
	tw__bind_tcp_options(fd, b);
}

/* The address may be foreign: what is routed here for it is taken. */
int
tw__bind_transparent(int fd, int family)
{
	const int one = 1;

	if (family == AF_INET6)
		return setsockopt(
		    fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one));
	return setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one));
}

/* What listen() would forget. */
int
tw__bind_listens(int fd, const struct tw_bind *b)
{
	if (b->addr.family != AF_UNIX)
		set_opt(fd, IPPROTO_TCP, TCP_QUICKACK, b->proxy->c.smart_accept == 2);
	return fd;
}

/* --- unix sockets --- */

int
tw__bind_unix_permissions(const struct tw_bind *b)
{
	const char *const path = b->addr.u.path;

	if (b->mode != 0 && chmod(path, b->mode) != 0)
		return -1;
	if ((b->uid != UINT32_MAX || b->gid != UINT32_MAX) &&
	    chown(path, b->uid, b->gid) != 0)
		return -1;
	return 0;
}

/* What another program left at the path is replaced, as HAProxy does. */
int
tw__bind_unix(int fd, const struct tw_bind *b)
{
	struct sockaddr_storage ss;
	socklen_t len = tw_addr_to_sockaddr(&b->addr, &ss);
	struct sockaddr_un *const un = (struct sockaddr_un *)&ss;

	if (b->addr.u.path[0] == '@')
		return bind(fd, (struct sockaddr *)&ss, len);
	unlink(un->sun_path);
	if (bind(fd, (struct sockaddr *)&ss, len) != 0)
		return -1;
	return tw__bind_unix_permissions(b);
}
