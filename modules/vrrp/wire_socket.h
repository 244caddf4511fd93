/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * wire_socket.h - what wire.c, which opens and shares raw sockets, and
 * wire_io.c, which sends and receives, know of them.
 */
#ifndef TW_VRRP_WIRE_SOCKET_H
#define TW_VRRP_WIRE_SOCKET_H

#include <sys/queue.h>
#include <sys/socket.h>

#include "wire.h"

#define VR_WIRE_MAGIC 0x56574952u
#define VR_TOS 0xc0 /* class selector 6: network control */
#define VR_MAX_IP_HEAD 60

/* What a socket is shared for. */
struct wire_key {
	unsigned ifindex;
	uint8_t family;
	bool is_unicast;
	uint8_t ttl;
	struct vr_ip source; /* unicast: bound to; family 0: any */
};

struct vr_wire {
	uint32_t magic;
	LIST_ENTRY(vr_wire) next;
	unsigned n_refs;
	struct wire_key key;
	char interface[IF_NAMESIZE]; /* "": any */
	int fd;
	uint8_t bytes[VR_MAX_IP_HEAD + VR_PACKET_MAX + 64];
};

/** vr_sockaddr_of - in: ifindex, for an address of one link. returns: length. */
socklen_t vr_sockaddr_of(const struct vr_ip *ip, unsigned ifindex,
    struct sockaddr_storage *ss);

#endif
