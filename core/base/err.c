/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * err.c - an error that a human will read.
 *
 * The text may quote what `err` held before ("cannot x: %s", err->text), so
 * it is made aside and copied. Any thread.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <tideway/err.h>

int
tw_err_set(struct tw_err *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	memcpy(err->text, text, sizeof(text));
	return -1;
}

int
tw_err_errno(struct tw_err *err, const char *fmt, ...)
{
	const int code = errno;
	char text[sizeof(err->text)];
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	const size_t len = strlen(text);
	snprintf(text + len, sizeof(text) - len, ": %s", strerror(code));
	memcpy(err->text, text, sizeof(text));
	errno = code;
	return -1;
}
