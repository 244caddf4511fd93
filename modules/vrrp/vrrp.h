/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp.h - what the module's descriptor and its process share.
 */
#ifndef TW_VRRP_H
#define TW_VRRP_H

#include <tideway/module.h>

#include "health.h"
#include "peer.h"

/* The module's block of a generation. */
struct vr_gen {
	const char *path;     /* gen; `vrrp-config FILE`; NULL: no VRRP */
	struct vr_where where;
	struct vr_conf *conf; /* gen: read by check() */
	struct vr_peer_conf peer;
	bool no_lease; /* vrrp-lease off */
};

extern const struct tw_self *vr_self; /* set once, at load */

/* From the traffic process to the VRRP process, one after the other. The file
 * to read is not among it: an unprivileged process must not be able to make a
 * privileged one read, and run, what it likes. */
enum vr_order { VR_ORDER_RELOAD = 1, VR_ORDER_YIELD, VR_ORDER_RESUME };
struct vr_message {
	uint32_t order;
	char name[VR_NAME_LEN];   /* an instance; "": all */
	struct vr_peer_conf peer; /* RELOAD; `where` without meaning */
	bool no_lease;            /* RELOAD */
};

/** vr_process_run - the VRRP process: until SIGTERM or its parent's end. in:
 * control, where struct vr_message arrive. returns: exit status. */
int vr_process_run(struct tw_gen *gen, int control);

#endif
