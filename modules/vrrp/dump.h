/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dump.h - what the writers of keepalived's formats share.
 *
 * The words and their order are those that keepalived 2.2.7 was seen to write;
 * what it tells of itself alone (descriptors, SNMP, mail, LVS) is left out.
 */
#ifndef TW_VRRP_DUMP_H
#define TW_VRRP_DUMP_H

#include "show.h"

#define VR_TEXT_BYTES 1024 /* of the texts below; longer ones are cut */

/** vr_text_vip - "10.9.0.101/24 dev ve0 scope global label ve0:1 set". */
const char *vr_text_vip(const struct vr_instance *in, const struct vr_vip *vip,
    bool is_set, char buf[VR_TEXT_BYTES]);
/** vr_text_route - "10.20.0.0/16 via inet 10.9.0.9 dev ve0 proto 18". */
const char *vr_text_route(const struct vr_route *rt, char buf[VR_TEXT_BYTES]);
/** vr_text_rule - "from 10.9.0.100 priority 100 tos 0x0 lookup 100". */
const char *vr_text_rule(const struct vr_rule *ru, char buf[VR_TEXT_BYTES]);
/** vr_text_command - "'/bin/true' 'x'". */
const char *vr_text_command(const struct vr_command *cmd, char buf[VR_TEXT_BYTES]);
/** vr_text_password - as text. out: buf of VR_MAX_PASSWORD + 1 bytes. */
const char *vr_text_password(const struct vr_instance *in, char *buf);

/** vr_wall_of - wall clock microseconds of a monotonic time; 0: 0. */
uint64_t vr_wall_of(uint64_t monotonic_us);

/* Parts of the data dump: dump_global.c, dump_instance.c, dump_track.c. */
void vr_dump_globals(FILE *to, const struct vr_globals *g);
void vr_dump_instance(FILE *to, const struct vr_conf *conf, const struct vr_router *r);
/** vr_dump_tracks - "Tracked scripts :" and its like. */
void vr_dump_tracks(FILE *to, const struct vr_track *track, unsigned n);
/** vr_dump_notify - the programs that are run. */
void vr_dump_notify(FILE *to, const struct vr_notify *notify);
/** vr_dump_things - scripts, files, processes, with their present results. in:
 * watch may be NULL. */
void vr_dump_things(FILE *to, const struct vr_conf *conf, const struct vr_watch *watch);

#endif
