/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * assert.h - assertions that are always on.
 *
 * For errors of this program only: never on bytes from the network, a file,
 * a script or the kernel. A failed one prints a crash report (condition,
 * version, modules, step, decision trail, request line, backtrace) and
 * aborts; see core/base/panic.c.
 */
#ifndef TIDEWAY_ASSERT_H
#define TIDEWAY_ASSERT_H

#include <tideway/abi.h>

/** tw_panic - print the crash report and abort. context: any thread. */
TW_API void tw_panic(const char *file, int line, const char *func,
    const char *what) __attribute__((noreturn, cold));

#define TW_ASSERT(cond)                                                       \
	do {                                                                  \
		if (TW_UNLIKELY(!(cond)))                                     \
			tw_panic(__FILE__, __LINE__, __func__, #cond);        \
	} while (0)

/* Marks a place that cannot be reached. */
#define TW_WRONG(text) tw_panic(__FILE__, __LINE__, __func__, text)

/* A long-lived struct opens with `uint32_t magic`. */
#define TW_CHECK_MAGIC(ptr, value)                                            \
	TW_ASSERT((ptr) != NULL && (ptr)->magic == (value))

#endif
