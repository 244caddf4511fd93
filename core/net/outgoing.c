/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * outgoing.c - how a socket to a server is made when there is more to it than
 * socket() and connect().
 *
 * A source address, an interface, a namespace, TCP options: what the line or its
 * backend asks for is put together once (struct tw__how); servers that have
 * nothing of that never get here. source: HAProxy's manual, source, namespace,
 * tcp-ut, tfo, srvtcpka-*. Any thread.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include <tideway/log.h>
#include <tideway/proxy.h>
#include <tideway/req.h>
#include "core/net/conn.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

#define HEADER_IP_MAX 64

static void
set_int(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value)); /* best effort */
}

void
tw__keepalive_set(int fd, const struct tw__keepalive *k)
{
	if (k->cnt != 0)
		set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)k->cnt);
	if (k->idle_s != 0)
		set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)k->idle_s);
	if (k->intvl_s != 0)
		set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)k->intvl_s);
}

/* --- which address --- */

static bool
ip_parse(struct tw_str text, struct tw_addr *a)
{
	char word[HEADER_IP_MAX];

	text = tw_str_trim(text);
	if (text.len == 0 || text.len >= sizeof(word))
		return false;
	memcpy(word, text.p, text.len);
	word[text.len] = '\0';
	*a = (struct tw_addr){ .family = AF_INET };
	if (inet_pton(AF_INET, word, a->u.v4) == 1)
		return true;
	a->family = AF_INET6;
	return inet_pton(AF_INET6, word, a->u.v6) == 1;
}

/* The occ-th element of all fields of the name, from 1, counted from the first. */
static bool
element_at(struct tw_msg *msg, struct tw_str name, int occ, struct tw_str *out)
{
	for (struct tw_hdr *h = tw_msg_find(msg, name, NULL); h != NULL;
	     h = tw_msg_find(msg, name, h)) {
		struct tw_str rest = tw_hdr_value(h);

		for (;;) {
			const char *const comma = memchr(rest.p, ',', rest.len);
			const size_t len =
			    comma != NULL ? (size_t)(comma - rest.p) : rest.len;
			if (--occ == 0) {
				*out = (struct tw_str){ rest.p, len };
				return true;
			}
			if (comma == NULL)
				break;
			rest.p += len + 1;
			rest.len -= len + 1;
		}
	}
	return false;
}

static int
elements(struct tw_msg *msg, struct tw_str name)
{
	struct tw_str value;
	int n = 0;

	while (element_at(msg, name, n + 1, &value))
		n++;
	return n;
}

static bool
header_ip(const struct tw__source *s, const struct tw_conn *client, struct tw_addr *a)
{
	const struct tw_str name = tw_str_of(s->header);
	struct tw_str value;

	if (client->req == NULL || s->occ == 0 ||
	    tw_proxy_mode(tw_req_frontend(client->req)) != TW_MODE_HTTP)
		return false;
	struct tw_msg *const msg = tw_req_request(client->req);
	const int occ = s->occ > 0 ? s->occ : elements(msg, name) + 1 + s->occ;
	return occ > 0 && element_at(msg, name, occ, &value) && ip_parse(value, a);
}

/* returns: false: the system shall choose. */
static bool
source_of(const struct tw__source *s, const struct tw_conn *client, struct tw_addr *a)
{
	switch (client != NULL ? s->as : TW__AS_ADDR) {
	case TW__AS_CLIENT:
	case TW__AS_CLIENTIP:
		*a = *tw_conn_src(client);
		if (s->as == TW__AS_CLIENTIP)
			a->port = 0;
		return true;
	case TW__AS_OTHER:
		*a = s->other;
		return true;
	case TW__AS_HEADER:
		return header_ip(s, client, a);
	default:
		*a = s->addr;
		return a->family != 0;
	}
}

static int
bind_to(int fd, const struct tw__source *s, struct tw_addr *a)
{
	struct sockaddr_storage ss;
	const int n = s->as == TW__AS_ADDR ? s->port_last - s->addr.port + 1 : 1;
	int rc = -1;

	if (a->port == 0)
		set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	else
		set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	for (int i = 0; rc != 0 && i < (n > 1 ? n : 1); i++) {
		if (n > 1)
			a->port = (uint16_t)(s->addr.port +
			    atomic_fetch_add_explicit(
				s->next_port, 1, memory_order_relaxed) %
				(uint32_t)n);
		const socklen_t len = tw_addr_to_sockaddr(a, &ss);
		rc = bind(fd, (struct sockaddr *)&ss, len);
		if (rc != 0 && errno != EADDRINUSE)
			break;
	}
	return rc;
}

static int
source_apply(
    int fd, const struct tw__source *s, int family, const struct tw_conn *client)
{
	struct tw_addr a;

	if (s->interface != NULL &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, s->interface,
		(socklen_t)strlen(s->interface) + 1) != 0)
		return -1;
	if (!source_of(s, client, &a) || a.family != family)
		return 0;
	if (s->as != TW__AS_ADDR && client != NULL)
		set_int(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		    family == AF_INET ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1);
	return bind_to(fd, s, &a);
}

/* --- the socket --- */

static const struct tw__netns *
netns_of(const struct tw__how *how, const struct tw_conn *client)
{
	if (TW_LIKELY(!how->netns_of_client))
		return how->netns;
	if (client == NULL || client->pp_tlvs.p == NULL)
		return NULL;
	return tw__netns_find(tw__proxy_tlv_find(client->pp_tlvs, TW__PP_NETNS));
}

/* The connection begins with its first bytes: there must be some, else nothing
 * would ever leave. In mode tcp it may be the server that speaks first. */
static bool
has_first_bytes(const struct tw_conn *client)
{
	char c;

	if (client == NULL || client->req == NULL)
		return false; /* a check */
	return tw_proxy_mode(tw_req_frontend(client->req)) == TW_MODE_HTTP ||
	    client->in.head != client->in.tail ||
	    (client->transport == NULL &&
		recv(client->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
}

static void
options_apply(int fd, const struct tw__how *how, const struct tw_conn *client)
{
	if (how->tfo && has_first_bytes(client))
		set_int(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	if (how->tcp_ut_ms != 0)
		set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)how->tcp_ut_ms);
	tw__keepalive_set(fd, &how->keepalive);
	if (how->cc != NULL)
		tw__congestion_set(fd, how->cc);
	if (how->smart_connect)
		set_int(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
}

int
tw__outgoing_socket(
    const struct tw_server *srv, int family, const struct tw_conn *client)
{
	const struct tw__how *const how = srv->how;
	const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

	if (TW_LIKELY(how == NULL))
		return socket(family, type, 0);
	const int fd = tw__netns_socket(netns_of(how, client), family, type,
	    how->mptcp && family != AF_UNIX ? IPPROTO_MPTCP : 0);
	if (fd < 0 || family == AF_UNIX)
		return fd;
	options_apply(fd, how, client);
	if (how->source == NULL || source_apply(fd, how->source, family, client) == 0)
		return fd;
	const int e = errno;
	tw_log_limited(TW_WARNING,
	    "Server %s/%s: cannot bind to its source before connecting: %s",
	    srv->proxy->name, srv->name, strerror(e));
	close(fd);
	errno = e;
	return -1;
}

int
tw_server_socket(const struct tw_server *srv, int family)
{
	return tw__outgoing_socket(srv, family, NULL);
}
