/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * net/rate.h - how many a second, over the last second.
 *
 * The last second is this one so far and the part of the one before that it
 * still reaches into. Whoever uses one has a lock of its own.
 */
#ifndef TW_NET_RATE_H
#define TW_NET_RATE_H

#include <stdint.h>

struct tw__window {
	uint64_t start_us; /* of this second */
	uint32_t now, before;
};

/** tw__window_room - how many more the limit lets pass. in: limit, 0: none. */
uint32_t tw__window_room(struct tw__window *w, uint32_t limit, uint64_t now_us);
/** tw__window_add - one has passed. */
void tw__window_add(struct tw__window *w, uint64_t now_us);

#endif
