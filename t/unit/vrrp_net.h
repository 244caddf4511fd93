/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp_net.h - network namespaces and interfaces for the tests of the vrrp
 * module.
 *
 * The program leaves the machine's namespace and never comes back: what it
 * makes vanishes with it. Interfaces are made, and results judged, by ip(8).
 */
#ifndef TW_TEST_VRRP_NET_H
#define TW_TEST_VRRP_NET_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>
/* after the above, as cmocka wants it */
#include <cmocka.h>

#include "../../modules/vrrp/kernel.h"

#define NET_PATIENCE_MS 5000

/* Runs a shell command; returns its exit status. */
__attribute__((format(printf, 1, 2))) static inline int
net_run(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	const int r = system(cmd);
	return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

#define net_do(...) assert_int_equal(net_run(__VA_ARGS__), 0)

/* What a command prints; borrowed until the next one. */
static inline const char *
net_output(const char *cmd)
{
	static char text[65536];
	FILE *const f = popen(cmd, "r");

	assert_non_null(f);
	const size_t n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	pclose(f);
	return text;
}

static inline void
net_says(const char *cmd, const char *text)
{
	const char *const all = net_output(cmd);

	if (strstr(all, text) == NULL)
		fail_msg("%s: no %s in\n%s", cmd, text, all);
}

static inline void
net_says_not(const char *cmd, const char *text)
{
	const char *const all = net_output(cmd);

	if (strstr(all, text) != NULL)
		fail_msg("%s: %s in\n%s", cmd, text, all);
}

/* Makes a pair v0, v1 in a namespace of its own. returns: false: that cannot be,
 * and prove has been told. */
static inline bool
net_make(void)
{
	if (unshare(CLONE_NEWNET) == 0 &&
	    net_run("ip link add v0 type veth peer name v1 2>/dev/null") == 0)
		return true;
	printf("1..0 # SKIP needs the right to make network namespaces\n");
	return false;
}

static inline uint64_t
net_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits until a descriptor is readable. */
static inline bool
net_wait(int fd, uint64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const uint64_t now = net_ms();

	return now < until_ms && poll(&p, 1, (int)(until_ms - now)) > 0;
}

static inline struct vr_ip
net_ip(const char *text)
{
	struct vr_ip ip;

	assert_int_equal(vr_ip_parse(text, &ip), 0);
	return ip;
}

static inline bool
net_is_ip(const struct vr_ip *ip, const char *wanted)
{
	const struct vr_ip other = net_ip(wanted);

	return vr_ip_cmp(ip, &other) == 0;
}

static inline void
net_none(void *arg, const struct vr_link *l)
{
	(void)arg;
	(void)l;
}

static inline void
net_none_addr(void *arg, const struct vr_link *l, const struct vr_ip *ip, bool added)
{
	(void)arg;
	(void)l;
	(void)ip;
	(void)added;
}

static inline void
net_none_removed(void *arg)
{
	(void)arg;
}

/* One that tells nobody. */
static inline struct vr_kernel *
net_kernel(void)
{
	const struct vr_kernel_events none = { net_none, net_none_addr, net_none_removed,
		NULL };
	struct tw_err err = { "" };
	struct vr_kernel *const k = vr_kernel_new(&none, &err);

	if (k == NULL)
		fail_msg("%s", err.text);
	return k;
}

#endif
