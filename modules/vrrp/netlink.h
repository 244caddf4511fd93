/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * netlink.h - what the files of kernel.h share: requests to the kernel, the
 * table of interfaces, sysctls that were changed.
 *
 * A request is built in a buffer of the caller's with libmnl's mnl_attr_put(),
 * then sent and waited for. source: rtnetlink(7), netlink(7).
 */
#ifndef TW_VRRP_NETLINK_H
#define TW_VRRP_NETLINK_H

#include <libmnl/libmnl.h>

#include "kernel.h"

#define VR_KERNEL_MAGIC 0x564b4e4cu
#define VR_NL_BYTES 16384  /* of a request or an answer */
#define VR_NL_PROTOCOL 18  /* RTPROT_KEEPALIVED: whose our rules are */
#define VR_MAX_ATTRS 64

/* A route that was added and not removed: where to look when events come. */
struct vr_route_key {
	struct vr_ip to; /* the family is always set */
	uint8_t prefix;
	uint32_t table;
};

struct vr_kernel {
	uint32_t magic;
	struct vr_kernel_events ev;
	struct mnl_socket *events;   /* owns */
	struct mnl_socket *requests; /* owns */
	uint32_t sequence;           /* of the last request */
	struct vr_link **link;       /* owns */
	unsigned n_links;
	unsigned *ended;   /* owns; indices that we deleted: their events are stale */
	unsigned n_ended;
	uint32_t turn;     /* raised by each reading of everything */
	bool is_reading;   /* in vr_kernel_read */
	bool is_quiet;     /* nobody is called back */
	bool has_removed;  /* call ev.removed at the end */
	struct vr_route_key *route; /* owns */
	unsigned n_routes;
	struct vr_sysctl *lent; /* owns; kernel_sysctl.c */
	unsigned n_lent;
};

/* --- netlink.c --- */

/** vr_nl_begin - starts a request. in: buf of VR_NL_BYTES; flags, NLM_F_CREATE
 * and its like. */
struct nlmsghdr *vr_nl_begin(struct vr_kernel *k, char *buf, uint16_t type,
    uint16_t flags);
/** vr_nl_change - sends a request and waits for the acknowledgement. returns:
 * 0; the kernel's errno, its reason in err. */
int vr_nl_change(struct vr_kernel *k, struct nlmsghdr *nlh, struct tw_err *err);
/** vr_nl_ask - sends a request that has flag NLM_F_DUMP or NLM_F_ACK, waits, and
 * hands what answers it to cb, which may send others. returns: 0; -1: errno, cb
 * has seen nothing (EINTR: things changed meanwhile; ask again). */
int vr_nl_ask(struct vr_kernel *k, struct nlmsghdr *nlh, mnl_cb_t cb, void *arg);
/** vr_nl_attrs - out: attr[VR_MAX_ATTRS] by type; NULL: not there. in: head,
 * bytes before the attributes. */
void vr_nl_attrs(const struct nlmsghdr *nlh, size_t head, const struct nlattr **attr);
void vr_nl_nested(const void *at, size_t len, const struct nlattr **attr);
void vr_nl_put_ip(struct nlmsghdr *nlh, uint16_t type, const struct vr_ip *ip);
/** vr_nl_put_name - a too long one is cut to what the kernel refuses. */
void vr_nl_put_name(struct nlmsghdr *nlh, uint16_t type, const char *name);
/** vr_nl_ip - out: ip, family 0 when the attribute is no such address. */
struct vr_ip vr_nl_ip(uint8_t family, const struct nlattr *attr);
uint32_t vr_nl_u32(const struct nlattr *attr, uint32_t otherwise);
/** vr_nl_is_ours - an event that a request of ours caused. */
bool vr_nl_is_ours(const struct vr_kernel *k, const struct nlmsghdr *nlh);
/** vr_nl_no_link - "there is no interface NAME". returns: -1. */
int vr_nl_no_link(const char *name, struct tw_err *err);
static inline unsigned
vr_ip_bytes(uint8_t family)
{
	return family == AF_INET6 ? 16 : 4;
}

/* --- kernel_link.c, kernel_addr.c: the table --- */

/** vr_tables_read - reads all links and addresses; calls back for what differs.
 * returns: 0; -1: errno. */
int vr_tables_read(struct vr_kernel *k);
/** vr_link_take - in: is_answer, of a request; else an event. */
void vr_link_take(struct vr_kernel *k, const struct nlmsghdr *nlh, bool is_answer);
void vr_link_drop(struct vr_kernel *k, unsigned index);
/** vr_link_end - after we deleted one; calls nobody back. */
void vr_link_end(struct vr_kernel *k, unsigned index);
/** vr_link_refresh - asks for one link now; calls nobody back. */
void vr_link_refresh(struct vr_kernel *k, const char *name);
void vr_addr_take(struct vr_kernel *k, const struct nlmsghdr *nlh);
/** vr_addrs_sweep - removes those that the last reading did not see. */
void vr_addrs_sweep(struct vr_kernel *k);

/* --- kernel_route.c --- */

/** vr_route_take - an event; notes when one of ours may be gone. */
void vr_route_take(struct vr_kernel *k, const struct nlmsghdr *nlh);
uint32_t vr_route_table(const struct vr_route *rt);
struct vr_route_key vr_route_key_of(const struct vr_route *rt);
bool vr_route_is_key(const struct vr_route_key *a, const struct vr_route_key *b);
/** vr_hop_index - out: index, 0 when it names no interface. returns: 0; -1 with
 * err: there is no such interface. */
int vr_hop_index(const struct vr_kernel *k, const struct vr_hop *hop, unsigned *index,
    struct tw_err *err);

/* --- kernel_sysctl.c --- */

struct vr_sysctl_key {
	const char *family; /* "ipv4", "ipv6" */
	const char *link;   /* or "all", "default" */
	const char *key;
};
/** vr_sysctl_get - returns: 0; -1: there is none. */
int vr_sysctl_get(const struct vr_sysctl_key *at, int *value);
/** vr_sysctl_set - returns: 0, also when it is so already; -1 with err. */
int vr_sysctl_set(const struct vr_sysctl_key *at, int value, struct tw_err *err);
/** vr_sysctl_lend - as vr_sysctl_set, and vr_sysctl_return sets it back. in:
 * for_vmac, with the last vmac. */
int vr_sysctl_lend(struct vr_kernel *k, const struct vr_sysctl_key *at, int value,
    bool for_vmac, struct tw_err *err);
/** vr_sysctl_return - sets back what was lent, unless it was changed again. in:
 * all, not only what was lent for vmacs. */
void vr_sysctl_return(struct vr_kernel *k, bool all);

#endif
