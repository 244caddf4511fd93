/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * child.h - what a forked process leaves behind before it becomes a program.
 *
 * Between fork(2) and execve(2), in this order with whatever else is to be left:
 * async-signal-safe, nothing is allocated.
 */
#ifndef TIDEWAY_CHILD_H
#define TIDEWAY_CHILD_H

#include <tideway/abi.h>

/** tw_child_streams - /dev/null as its three streams; every other descriptor is
 * closed. */
TW_API void tw_child_streams(void);
/** tw_child_signals - every signal as a program expects it: not blocked, and not
 * ignored either. source: execve(2). */
TW_API void tw_child_signals(void);
/** tw_child_capabilities - none is handed on. source: capabilities(7). */
TW_API void tw_child_capabilities(void);

#endif
