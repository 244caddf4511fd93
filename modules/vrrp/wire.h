/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * wire.h - sockets that advertisements and announcements pass through.
 *
 * One raw socket for each interface and family (and unicast source and TTL),
 * shared by the instances there. Nothing here blocks or decides. The VRRP
 * process's one thread. source: RFC 9568 section 5.1, 8.2; RFC 826, RFC 5227;
 * RFC 4861 section 4.4.
 */
#ifndef TW_VRRP_WIRE_H
#define TW_VRRP_WIRE_H

#include "kernel.h"
#include "packet.h"

struct vr_wire; /* one for each interface, family and unicast source */

/** vr_wire_set_buffer - bytes of the receive buffer of sockets opened from now
 * on; 0: the system's. */
void vr_wire_set_buffer(unsigned long bytes);
/** vr_wire_get - opens or shares. in: l, to receive on and to send from (a
 * macvlan with vmac; with vmac_xmit_base the parent), NULL: any, unicast only;
 * in, whose settings hold: family, group, unicast source and TTL. A unicast
 * source need not be there yet.
 * returns: counted reference; NULL with err. */
struct vr_wire *vr_wire_get(const struct vr_link *l, const struct vr_instance *in,
    struct tw_err *err);
void vr_wire_put(struct vr_wire **w);
/** vr_wire_fd - readable when datagrams are there. */
int vr_wire_fd(const struct vr_wire *w);
/** vr_wire_recv - the next datagram. returns: 1; 0: none is there; -1: the
 * socket is broken (interface gone); errno. */
int vr_wire_recv(struct vr_wire *w, struct vr_datagram *d);
/** vr_wire_send - one advertisement: TTL 255 (unicast: the instance's, if it has
 * one), TOS 0xc0 (class selector 6), no loop back. in: len, of at most
 * VR_PACKET_MAX. returns: 0; -1: errno. */
int vr_wire_send(struct vr_wire *w, const struct vr_ip *src, const struct vr_ip *dst,
    const uint8_t *bytes, size_t len);

/** vr_wire_strip - in: bytes, an IPv4 datagram with its header. out: d, all but
 * ifindex. returns: false: there is no whole header. */
bool vr_wire_strip(const uint8_t *bytes, size_t len, struct vr_datagram *d);

/** vr_wire_announce - one gratuitous ARP (a broadcast request, target hardware
 * address ff:..:ff) or one unsolicited neighbour advertisement (to ff02::1,
 * override; router, when the interface forwards). Nothing where there is no
 * ARP. returns: 0; -1: errno. */
int vr_wire_announce(const struct vr_link *l, const struct vr_ip *ip);
/** vr_wire_announce_end - closes the socket that announcements share; the next
 * one opens it again, in the network namespace of that moment. */
void vr_wire_announce_end(void);

/* Listening for others who claim our addresses. */
struct vr_claims;
struct vr_claims *vr_claims_new(const struct vr_link *l, struct tw_err *err);
void vr_claims_free(struct vr_claims **c);
int vr_claims_fd(const struct vr_claims *c);
/** vr_claims_recv - the next ARP or neighbour advertisement by which another
 * hardware address says that it has `ip`. returns: 1; 0: none; -1: broken. */
int vr_claims_recv(struct vr_claims *c, struct vr_ip *ip, uint8_t mac[6]);
/** vr_claim_parse - in: an Ethernet frame. out: whose address it says is where.
 * returns: false: nobody's. */
bool vr_claim_parse(const uint8_t *frame, size_t len, struct vr_ip *ip, uint8_t mac[6]);

#endif
