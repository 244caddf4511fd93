/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * err.h - an error that a human will read.
 *
 * Functions that can fail for a reason worth telling take a struct tw_err *
 * and return -1. The text says what was attempted, on what, and what the
 * operator can do. No prefix, no final newline.
 */
#ifndef TIDEWAY_ERR_H
#define TIDEWAY_ERR_H

#include <stdarg.h>

#include <tideway/abi.h>

struct tw_err {
	char text[1024];
};

/** tw_err_set - writes the text (cut when too long). in: err may be NULL.
 * returns: -1, so that a caller can `return tw_err_set(...)`. */
TW_API int tw_err_set(struct tw_err *err, const char *fmt, ...)
    TW_PRINTF(2, 3);

/** tw_err_errno - as tw_err_set, with ": strerror(errno)" appended. */
TW_API int tw_err_errno(struct tw_err *err, const char *fmt, ...)
    TW_PRINTF(2, 3);

#endif
