/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * base/panic.h - the crash report, for core units only.
 *
 * The base knows nothing above it: whoever has something to tell in a crash
 * report (modules, step, decision trail, request line) registers a function.
 */
#ifndef TW_BASE_PANIC_H
#define TW_BASE_PANIC_H

#include <tideway/assert.h>

/** tw__panic_fn - writes its lines to fd. context: the failing thread, maybe
 * in a signal handler: no malloc, no locks, no stdio; tw_out and write(2). */
typedef void tw__panic_fn(int fd);

/** tw__panic_add - adds a part to the report; at most 16. context: start-up. */
void tw__panic_add(tw__panic_fn *fn);
/** tw__panic_init - SIGSEGV, SIGBUS, SIGILL and SIGFPE print the report too.
 * Also gives the calling thread a signal stack. context: start-up. */
void tw__panic_init(void);
/** tw__panic_thread_init - gives the calling thread a signal stack, so that a
 * stack overflow is reported as well. lifetime: until the thread ends. */
void tw__panic_thread_init(void);

#endif
