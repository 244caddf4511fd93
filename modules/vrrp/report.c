/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * report.c - messages about a file, on their way to whoever shows them.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include "model.h"

static void
say(struct vr_report *rep, bool is_error, const struct vr_where *at, const char *text)
{
	if (is_error)
		rep->n_errors++;
	else
		rep->n_warnings++;
	if (rep->say != NULL)
		rep->say(rep->arg, is_error, at, text);
}

void
vr_fail(struct vr_report *rep, const struct vr_where *at, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(rep, true, at, text);
}

void
vr_warn(struct vr_report *rep, const struct vr_where *at, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(rep, false, at, text);
}
