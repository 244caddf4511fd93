/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp_text.h - for tests of what is written about VRRP: streams into memory,
 * and stand-ins for what the writers take from other parts. For one .c file
 * each.
 */
#ifndef TW_T_VRRP_TEXT_H
#define TW_T_VRRP_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "../../modules/vrrp/show.h"

/* What other parts of the module bring: weak, so that theirs wins wherever it
 * is linked. */
#define WEAK __attribute__((weak))
WEAK struct vr_shared *vr_shared = NULL;

WEAK const struct vr_result *
vr_watch_result(const struct vr_watch *w, enum vr_track_kind kind, unsigned index)
{
	(void)w, (void)kind, (void)index;
	return NULL;
}

WEAK void
vr_watch_text(const struct vr_watch *w, enum vr_track_kind kind, unsigned index,
    char *buf, size_t size)
{
	(void)w, (void)kind, (void)index;
	snprintf(buf, size, "%s", "");
}

static struct vr_ip
ip(const char *text)
{
	struct vr_ip a;

	assert_int_equal(vr_ip_parse(text, &a), 0);
	return a;
}

static char *
written(FILE **to, char **text, size_t *len)
{
	if (*to == NULL) {
		*to = open_memstream(text, len);
		assert_non_null(*to);
		return NULL;
	}
	assert_int_equal(fclose(*to), 0);
	*to = NULL;
	return *text;
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

__attribute__((unused)) static void
has_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("\"%s\" is in:\n%s", part, text);
}

#endif
