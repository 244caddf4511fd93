/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp_watch_help.h - an event loop with deadlines, and programs to run in it.
 */
#ifndef TW_T_VRRP_WATCH_HELP_H
#define TW_T_VRRP_WATCH_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tideway/worker.h>

#include "../../modules/vrrp/watch.h"

#define DEADLINE_US 20000000 /* of what must happen; a loaded machine is slow */

static struct event_base *base;
static char dir[] = "/tmp/test-vrrp-XXXXXX";
static struct tw_err err;

static void
help_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* Runs the loop until `is_so` or for `us`. returns: whether it came so. */
static bool
loop_for(bool (*is_so)(void *arg), void *arg, uint64_t us)
{
	const uint64_t end = tw_now_us() + us;
	const struct timeval often = { 0, 2000 };
	struct event tick;
	bool came;

	event_assign(&tick, base, -1, EV_PERSIST, help_tick, NULL);
	event_add(&tick, &often);
	while (!(came = is_so(arg)) && tw_now_us() < end)
		event_base_loop(base, EVLOOP_ONCE);
	event_del(&tick);
	return came;
}

static bool __attribute__((unused)) loop_until(bool (*is_so)(void *arg), void *arg)
{
	return loop_for(is_so, arg, DEADLINE_US);
}

/* returns: its path, in memory that is used again. */
static const char *
path_of(const char *name)
{
	static char path[4][512];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static void
file_put(const char *name, const char *text)
{
	FILE *const f = fopen(path_of(name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void __attribute__((unused)) script_put(const char *name, const char *text)
{
	char whole[1024];

	snprintf(whole, sizeof(whole), "#!/bin/sh\n%s\n", text);
	file_put(name, whole);
	assert_int_equal(chmod(path_of(name), 0755), 0);
}

/* returns: its contents, in memory that is used again; "": not there. */
static __attribute__((unused)) const char *
file_get(const char *name)
{
	static char text[8192];
	FILE *const f = fopen(path_of(name), "r");
	const size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	return text;
}

static bool __attribute__((unused)) file_is_there(void *name)
{
	return access(path_of(name), F_OK) == 0;
}

static int
help_setup(void **state)
{
	(void)state;
	base = event_base_new();
	if (base == NULL || mkdtemp(dir) == NULL || chmod(dir, 0777) != 0)
		return -1;
	return vr_spawn_init(base, &err);
}

static int
help_teardown(void **state)
{
	char cmd[128];

	(void)state;
	vr_spawn_fini();
	event_base_free(base);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

#endif
