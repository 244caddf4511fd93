/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lint.h - what is valid but hardly meant. Private to lint*.c.
 */
#ifndef TW_VRRP_LINT_H
#define TW_VRRP_LINT_H

#include "model.h"

/* The priorities that an instance's weights allow. */
struct vr_range {
	int lowest, highest; /* not limited yet; 255 both: the owner */
	int healthy;         /* all that is tracked is good */
	bool has_weights;
	bool is_open;        /* a file's number decides: anything is possible */
};
struct vr_range vr_range_of(const struct vr_conf *conf, const struct vr_instance *in);

/* lint_net.c: against this machine's interfaces */
void vr_lint_net(const struct vr_conf *conf, struct vr_report *rep);
/* lint_firewall.c: against this machine's packet filter, for -c */
void vr_lint_firewall(const struct vr_conf *conf, struct vr_report *rep);
/** vr_firewall_drops - in: rules, as `nft list ruleset` or `iptables -S` prints
 * them. returns: whether they seem to drop what the instance needs; table: which. */
bool vr_firewall_drops(
    const char *rules, const struct vr_instance *in, char *table, size_t size);
/* lint_peer.c: against the other router's file */
void vr_lint_peer(const struct vr_conf *conf, const struct vr_conf *peer,
    struct vr_report *rep);

#endif
