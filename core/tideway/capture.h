/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * capture.h - what a request or response leaves behind for its log line.
 *
 * A frontend declares slots when its lines are read; whoever sees the value
 * (`capture request header`, a rule, a converter) puts it in; %hr, %hs, %CC,
 * %CS and capture.req.hdr() take it out. Values are copied and cut to the
 * slot's length, so they outlive the buffer they came from. A frontend
 * without slots costs a request one pointer. source: HAProxy's manual, 8.7
 * and 8.8.
 */
#ifndef TIDEWAY_CAPTURE_H
#define TIDEWAY_CAPTURE_H

#include <tideway/str.h>

enum tw_capture {
	TW_CAPTURE_REQUEST,  /* %hr: as many as are declared */
	TW_CAPTURE_RESPONSE, /* %hs */
	TW_CAPTURE_COOKIE,   /* slot 0: %CC, slot 1: %CS */
	TW_N_CAPTURES
};

/** tw_capture_declare - one more slot of a frontend. in: bytes, the longest
 * value it keeps. returns: its number, from 0. context: reading the
 * configuration. */
TW_API int tw_capture_declare(
    struct tw_proxy *fe, enum tw_capture kind, uint32_t bytes);
/** tw_capture_slots - how many a frontend has. */
TW_API int tw_capture_slots(const struct tw_proxy *fe, enum tw_capture kind);
/** tw_capture_set - puts a copy of the value in, in the place of what was
 * there; p NULL empties the slot. A slot that the frontend has not is passed
 * over, as is a lack of memory. context: worker, until the log line. */
TW_API void tw_capture_set(
    struct tw_req *req, enum tw_capture kind, int slot, struct tw_str value);
/** tw_capture_get - returns: p NULL: empty, or no such slot. borrow: until
 * RESET. */
TW_API struct tw_str tw_capture_get(
    const struct tw_req *req, enum tw_capture kind, int slot);

#endif
