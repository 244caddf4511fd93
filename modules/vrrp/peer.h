/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * peer.h - the second path: heartbeats between two tideways.
 *
 * UDP datagrams, each signed with HMAC-SHA256, between two configured
 * addresses, best on another network than the advertisements'. They say who
 * is master of what, at once when that changes and else every `interval`.
 * When they fail to come, the peer is asked at its advertisements' source
 * address too: only when no path answers is it gone. Messages carry a run
 * number and a sequence number: what was heard once is never heard again.
 * The VRRP process's one thread. source: RFC 2104, FIPS 180-4.
 */
#ifndef TW_VRRP_PEER_H
#define TW_VRRP_PEER_H

#include <tideway/conf.h>

#include "router.h"

#define VR_PEER_PORT 1112
#define VR_PEER_MAX_ENTRIES 64
#define VR_PEER_KEY_MIN 16 /* bytes */
#define VR_PEER_KEY_MAX 64

/* `vrrp-peer` in global: a plain value. */
struct vr_peer_conf {
	struct vr_ip local, remote; /* family 0: there is no second path */
	uint16_t local_port, remote_port;
	uint8_t key[VR_PEER_KEY_MAX];
	uint32_t key_len;
	uint64_t interval_us;   /* 50 ms */
	uint64_t dead_after_us; /* 150 ms; at least twice the interval */
	struct vr_where where;
};

enum vr_peer_kind { VR_MSG_STATE = 1, VR_MSG_ASK, VR_MSG_ANSWER, VR_MSG_YIELD };

struct vr_peer_entry {
	uint8_t vrid, family, state, priority;
	uint8_t flags;          /* VR_ENTRY_... */
	uint32_t advert_ms;
};
#define VR_ENTRY_YIELDS 0x01u  /* hands over: take it now */
#define VR_ENTRY_HEALTHY 0x02u /* not in FAULT */

struct vr_peer_msg {
	uint8_t kind;
	uint64_t run;      /* the sender's start, wall clock us: no two alike, none 0 */
	uint64_t sequence; /* rises within a run; from 1 */
	uint64_t echo_run, echo_sequence; /* the last heard from the receiver */
	uint32_t n_entries;
	struct vr_peer_entry entry[VR_PEER_MAX_ENTRIES];
};

/* codec: pure */
#define VR_PEER_BYTES 1400
/** vr_peer_write - returns: length. */
size_t vr_peer_write(uint8_t *buf, const struct vr_peer_msg *m, const uint8_t *key,
    size_t key_len);
/** vr_peer_read - returns: 0; -1: malformed or not signed with this key. */
int vr_peer_read(const uint8_t *buf, size_t len, const uint8_t *key, size_t key_len,
    struct vr_peer_msg *m);

/* What is believed of the peer: pure; time as a parameter.
 *
 * A signature proves who wrote a message, not when. A message of the run that
 * is believed counts when its sequence is higher than all before. Another run,
 * the first one too, is believed once it echoes a number that we sent after
 * it turned up: what was recorded yesterday, or is our own message come back,
 * cannot do that; a restarted peer does it within a round trip, whatever its
 * clock says. `run` and `sequence` are what our messages echo meanwhile. */
struct vr_peer_view {
	uint64_t heard_us, heard_primary_us; /* last valid message on each path */
	uint64_t asked_us;     /* when the peer was first asked on all paths; 0:
				* it is not silent */
	uint64_t ask_us;       /* when to ask again */
	uint64_t run, sequence; /* the last signed message's: what we echo */
	uint64_t noted_us;     /* when that run turned up */
	uint64_t fresh_from;   /* own sequence that it must echo at least */
	uint64_t peer_run, peer_sequence; /* the last believed message's */
	uint64_t own_run, own_sequence;
	uint64_t echoed, echoed_us; /* own sequence that the peer has heard; when */
	uint64_t next_us;      /* when to send the next STATE */
	bool is_known;         /* it has been heard once */
	bool is_gone;
	struct vr_peer_msg last;
	uint64_t n_sent, n_received, n_bad, n_replayed, n_gone;
	uint64_t n_unproven;   /* of a run that has not echoed us yet */
};
/** vr_peer_heard - judges and takes a message. in: primary, it came over the
 * advertisements' network. returns: false: replayed, or its run is not proven
 * yet (next_us is then at once, so that it can be); ignored. */
bool vr_peer_heard(struct vr_peer_view *v, const struct vr_peer_conf *conf,
    const struct vr_peer_msg *m, uint64_t now_us, bool primary);
/** vr_peer_tick - in: now. out: ask, the peer shall be asked on all paths now.
 * returns: true: it has just become gone or has come back. */
bool vr_peer_tick(struct vr_peer_view *v, const struct vr_peer_conf *conf,
    uint64_t now_us, bool *ask);
/** vr_peer_due - returns: when to tick or to send next. */
uint64_t vr_peer_due(const struct vr_peer_view *v, const struct vr_peer_conf *conf);
/** vr_peer_path - what a router is told. */
enum vr_second_path vr_peer_path(const struct vr_peer_view *v,
    const struct vr_instance *in);
/** vr_peer_is_deaf - the peer is heard, but has not heard us for dead_after:
 * something lets datagrams through in one direction only. */
bool vr_peer_is_deaf(const struct vr_peer_view *v, const struct vr_peer_conf *conf,
    uint64_t now_us);

/** vr_peer_keywords - `vrrp-config` and `vrrp-peer`, which write into struct
 * vr_gen; end with word NULL. For the module's table of keywords. */
extern const struct tw_kw vr_peer_keywords[];

#endif
