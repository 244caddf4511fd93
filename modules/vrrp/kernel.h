/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel.h - links, addresses, routes and rules, through netlink (libmnl).
 *
 * A table of interfaces with their addresses is kept up to date by events.
 * Changes are sent with an acknowledgement asked for, on a socket of their
 * own, and waited for: they take microseconds. "Already there" counts as
 * done, and so does "gone" when removing. The VRRP process's one thread.
 * source: rtnetlink(7).
 */
#ifndef TW_VRRP_KERNEL_H
#define TW_VRRP_KERNEL_H

#include "model.h"

struct vr_link {
	unsigned index;        /* 0: there is no such interface now */
	char name[IF_NAMESIZE];
	uint8_t mac[6];
	unsigned mtu;
	unsigned master, parent; /* ifindex: bridge or VRF; of a macvlan */
	bool is_up;              /* IFF_UP and IFF_RUNNING */
	bool has_arp;            /* not point to point, loopback, NOARP */
	struct vr_link_addr {
		struct vr_ip ip;
		uint8_t prefix, scope;
		uint32_t flags;
		uint32_t turn, sequence; /* kernel_addr.c's */
	} *addr;                 /* owns; in the order they were added */
	unsigned n_addrs;
	bool is_vmac;            /* made by vr_kernel_vmac */
	uint32_t turn;           /* kernel_link.c's: of the last reading */
};

struct vr_kernel_events {
	/** link - appeared, vanished (index 0, no addresses), went up or down, or
	 * changed otherwise. A renamed one vanishes and appears. */
	void (*link)(void *arg, const struct vr_link *l);
	/** addr - added or removed by somebody else; `added` again when it stops
	 * being tentative. */
	void (*addr)(void *arg, const struct vr_link *l, const struct vr_ip *ip,
	    bool added);
	/** removed - a route or rule was, or may have been: the kernel removes
	 * routes silently with an address and when an interface goes down. Those
	 * who want one look; once for each vr_kernel_read. */
	void (*removed)(void *arg);
	void *arg;
};

struct vr_kernel;

/** vr_kernel_new - opens the sockets and reads what there is. errors: err. */
struct vr_kernel *vr_kernel_new(const struct vr_kernel_events *ev, struct tw_err *err);
void vr_kernel_free(struct vr_kernel **k);
/** vr_kernel_fd - becomes readable when events are there. */
int vr_kernel_fd(const struct vr_kernel *k);
/** vr_kernel_read - takes all events; calls back. A lost event (ENOBUFS) reads
 * everything anew. From within a callback it does nothing. */
void vr_kernel_read(struct vr_kernel *k);
/** vr_kernel_link - by name or index. returns: NULL: none. borrow: until the
 * next vr_kernel_read, vr_kernel_vmac or vr_kernel_vmac_end. */
const struct vr_link *vr_kernel_link(const struct vr_kernel *k, const char *name);
const struct vr_link *vr_kernel_link_at(const struct vr_kernel *k, unsigned index);
/** vr_link_has - the interface holds the address. */
bool vr_link_has(const struct vr_link *l, const struct vr_ip *ip);
/** vr_link_primary - the address to send from: the first of global scope that
 * is none of `not`; link-local for IPv6; never a tentative one. returns: false:
 * none. */
bool vr_link_primary(const struct vr_link *l, uint8_t family, const struct vr_vip *not,
    unsigned n_not, struct vr_ip *out);

/* add and remove. An added or removed address is in the table at once. returns:
 * 0, also when it is so already; -1 with err: why, and nothing else. */
int vr_kernel_addr(struct vr_kernel *k, const struct vr_vip *vip, bool add,
    struct tw_err *err);
/** vr_kernel_lend - adds an address that the kernel removes after valid_s seconds
 * (VR_FOR_EVER: never) unless it is lent again before. */
int vr_kernel_lend(struct vr_kernel *k, const struct vr_vip *vip, uint32_t valid_s,
    struct tw_err *err);
int vr_kernel_route(struct vr_kernel *k, const struct vr_route *rt, bool add,
    struct tw_err *err);
int vr_kernel_rule(struct vr_kernel *k, const struct vr_rule *ru, bool add,
    struct tw_err *err);
/** vr_kernel_has_route - so that what somebody removed is put back. */
bool vr_kernel_has_route(struct vr_kernel *k, const struct vr_route *rt);
bool vr_kernel_has_rule(struct vr_kernel *k, const struct vr_rule *ru);

/** vr_kernel_promote - sets promote_secondaries on an interface until
 * vr_kernel_free. returns: 0; -1 with err. */
int vr_kernel_promote(struct vr_kernel *k, const char *name, struct tw_err *err);

/** vr_kernel_vmac - makes (or takes over) a macvlan in private mode with the
 * virtual router's MAC, and sets what must be set so that it answers for the
 * addresses alone (arp_ignore, rp_filter, accept_local, no IPv6 autoconf). For
 * IPv6 it gets the parent's link-local address, to send from. It is in the
 * table at once. What was changed on other interfaces is undone when the last
 * vmac ends. returns: ifindex; 0 with err. */
unsigned vr_kernel_vmac(struct vr_kernel *k, const char *parent, const char *name,
    const uint8_t mac[6], uint8_t family, struct tw_err *err);
void vr_kernel_vmac_end(struct vr_kernel *k, const char *name);

#endif
