/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * wire.c - the raw sockets of advertisements: opening and sharing them.
 *
 * Open ones are in a list, so that instances on one interface share them: a
 * raw socket gets every packet of the protocol, and whose it is only its bytes
 * say. The VRRP process's one thread. source: RFC 9568 section 5.1; ip(7),
 * ipv6(7), raw(7).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <tideway/assert.h>

#include "wire_socket.h"

#define PRIORITY 7 /* of a packet in the queues: TC_PRIO_CONTROL */

static LIST_HEAD(, vr_wire) wires = LIST_HEAD_INITIALIZER(wires);
static unsigned long receive_bytes;

void
vr_wire_set_buffer(unsigned long bytes)
{
	receive_bytes = bytes;
}

static int
set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* --- addresses --- */

socklen_t
vr_sockaddr_of(const struct vr_ip *ip, unsigned ifindex, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (ip->family == AF_INET) {
		struct sockaddr_in *const in = (void *)ss;
		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, ip->bytes, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *const in6 = (void *)ss;
	in6->sin6_family = AF_INET6;
	memcpy(&in6->sin6_addr, ip->bytes, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) ||
	    IN6_IS_ADDR_MC_LINKLOCAL(&in6->sin6_addr))
		in6->sin6_scope_id = ifindex;
	return sizeof(*in6);
}

/* --- opening --- */

static int
options_ipv4(const struct vr_wire *w)
{
	const struct ip_mreqn from = { .imr_ifindex = (int)w->key.ifindex };

	if (set_int(w->fd, IPPROTO_IP, IP_HDRINCL, 1) != 0 ||
	    set_int(w->fd, IPPROTO_IP, IP_PKTINFO, 1) != 0 ||
	    set_int(w->fd, IPPROTO_IP, IP_FREEBIND, 1) != 0 ||
	    set_int(w->fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) != 0 ||
	    set_int(w->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) != 0)
		return -1;
	return w->key.is_unicast
	    ? 0
	    : setsockopt(w->fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof(from));
}

/* The kernel neither makes nor looks at a checksum of protocol 112: it would
 * have to be told where it is (IPV6_CHECKSUM). */
static int
options_ipv6(const struct vr_wire *w)
{
	if (set_int(w->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) != 0 ||
	    set_int(w->fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) != 0 ||
	    set_int(w->fd, IPPROTO_IPV6, IPV6_FREEBIND, 1) != 0 ||
	    set_int(w->fd, IPPROTO_IPV6, IPV6_TCLASS, VR_TOS) != 0 ||
	    set_int(w->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, VR_TTL) != 0 ||
	    set_int(w->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, w->key.ttl) != 0 ||
	    set_int(w->fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) != 0)
		return -1;
	/* Kernels before 4.20 have no such thing; then others' groups come, too. */
	(void)set_int(w->fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
	return w->key.is_unicast
	    ? 0
	    : set_int(w->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)w->key.ifindex);
}

static int
bind_source(const struct vr_wire *w)
{
	struct sockaddr_storage ss;

	if (w->key.source.family == 0)
		return 0;
	const socklen_t len = vr_sockaddr_of(&w->key.source, w->key.ifindex, &ss);
	return bind(w->fd, (const struct sockaddr *)&ss, len);
}

static void
set_buffer(int fd)
{
	const int bytes = receive_bytes > INT32_MAX ? INT32_MAX : (int)receive_bytes;

	if (bytes != 0 && set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) != 0)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

static int
wire_open(struct vr_wire *w)
{
	w->fd =
	    socket(w->key.family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, VR_IPPROTO);
	if (w->fd < 0)
		return -1;
	set_buffer(w->fd);
	if (w->interface[0] != '\0' &&
	    setsockopt(w->fd, SOL_SOCKET, SO_BINDTODEVICE, w->interface,
		(socklen_t)strlen(w->interface)) != 0)
		return -1;
	if (set_int(w->fd, SOL_SOCKET, SO_PRIORITY, PRIORITY) != 0 ||
	    (w->key.family == AF_INET ? options_ipv4(w) : options_ipv6(w)) != 0)
		return -1;
	return bind_source(w);
}

/* Each instance may have a group of its own; who shares it is there already. */
static int
join(const struct vr_wire *w, const struct vr_ip *group)
{
	struct group_req gr = { .gr_interface = w->key.ifindex };
	const int level = w->key.family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;

	if (w->key.is_unicast)
		return 0;
	vr_sockaddr_of(group, w->key.ifindex, &gr.gr_group);
	if (setsockopt(w->fd, level, MCAST_JOIN_GROUP, &gr, sizeof(gr)) != 0 &&
	    errno != EADDRINUSE)
		return -1;
	return 0;
}

/* --- sharing --- */

static struct wire_key
key_of(const struct vr_link *l, const struct vr_instance *in)
{
	struct wire_key key = { .ifindex = l != NULL ? l->index : 0,
		.family = in->family,
		.is_unicast = in->n_peers > 0,
		.ttl = VR_TTL };

	if (!key.is_unicast)
		return key;
	key.source = in->source;
	if (in->unicast_ttl != 0)
		key.ttl = in->unicast_ttl;
	return key;
}

static bool
is_key(const struct wire_key *a, const struct wire_key *b)
{
	return a->ifindex == b->ifindex && a->family == b->family &&
	    a->is_unicast == b->is_unicast && a->ttl == b->ttl &&
	    a->source.family == b->source.family &&
	    (a->source.family == 0 || vr_ip_cmp(&a->source, &b->source) == 0);
}

static struct vr_wire *
wire_find(const struct wire_key *key)
{
	struct vr_wire *w;

	LIST_FOREACH(w, &wires, next) {
		if (is_key(&w->key, key))
			return w;
	}
	return NULL;
}

static struct vr_wire *
wire_new(const struct vr_link *l, const struct wire_key *key, struct tw_err *err)
{
	struct vr_wire *w = calloc(1, sizeof(*w));

	TW_ASSERT(w != NULL);
	w->magic = VR_WIRE_MAGIC;
	w->key = *key;
	w->n_refs = 1;
	if (l != NULL)
		memcpy(w->interface, l->name, sizeof(w->interface));
	LIST_INSERT_HEAD(&wires, w, next);
	if (wire_open(w) != 0) {
		tw_err_errno(err, "cannot open a raw socket on %s",
		    l != NULL ? l->name : "any interface");
		vr_wire_put(&w);
	}
	return w;
}

struct vr_wire *
vr_wire_get(const struct vr_link *l, const struct vr_instance *in, struct tw_err *err)
{
	const struct wire_key key = key_of(l, in);
	struct vr_wire *w = wire_find(&key);
	char text[64];

	TW_ASSERT(l != NULL || key.is_unicast);
	if (w != NULL)
		w->n_refs++;
	else
		w = wire_new(l, &key, err);
	if (w != NULL && join(w, &in->mcast_group) != 0) {
		tw_err_errno(err, "cannot join %s on %s",
		    vr_ip_out(&in->mcast_group, text, sizeof(text)), w->interface);
		vr_wire_put(&w);
	}
	return w;
}

void
vr_wire_put(struct vr_wire **w)
{
	struct vr_wire *const o = *w;

	if (o == NULL)
		return;
	TW_CHECK_MAGIC(o, VR_WIRE_MAGIC);
	*w = NULL;
	if (--o->n_refs > 0)
		return;
	LIST_REMOVE(o, next);
	if (o->fd >= 0)
		close(o->fd);
	o->magic = 0;
	free(o);
}

int
vr_wire_fd(const struct vr_wire *w)
{
	TW_CHECK_MAGIC(w, VR_WIRE_MAGIC);
	return w->fd;
}
