/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show_text.h - what the writers of show.h share: words and times.
 */
#ifndef TW_VRRP_SHOW_TEXT_H
#define TW_VRRP_SHOW_TEXT_H

#include "show.h"

/** vr_text_path - "peer is master"; "none". */
const char *vr_text_path(enum vr_second_path path);
/** vr_text_path_word - "master", as labels and JSON have it. */
const char *vr_text_path_word(enum vr_second_path path);
/** vr_text_state_word - "master". out: buf of 16 bytes. returns: buf. */
const char *vr_text_state_word(enum vr_state state, char buf[16]);
/** vr_text_drop_word - "checksum", from enum vr_drop. out: buf of 16 bytes. */
const char *vr_text_drop_word(enum vr_drop why, char buf[16]);
/** vr_text_family - "ipv4". */
const char *vr_text_family(uint8_t family);
/** vr_text_age - how long ago that was: "3s", "2m05s", "7h03m", "4d21h". out:
 * buf of 32 bytes; "-" when it never was. returns: buf. */
const char *vr_text_age(uint64_t wall_us, char buf[32]);
/** vr_text_date - local time, "2026-11-25 09:36:56"; "-". out: buf of 32. */
const char *vr_text_date(uint64_t wall_us, char buf[32]);
/** vr_text_seconds - "1 s", "0.05 s". out: buf of 32 bytes. */
const char *vr_text_seconds(uint64_t us, char buf[32]);
/** vr_text_master - who holds the addresses: "this node", an address, "-". out:
 * buf of 64 bytes. */
const char *vr_text_master(const struct vr_shown *row, char buf[64]);
/** vr_dropped - all reasons together. */
uint64_t vr_dropped(const struct vr_router_counters *n);

#endif
