/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * notify.c - messages to systemd.
 *
 * The protocol is one datagram of VAR=VALUE lines to the socket that
 * NOTIFY_SOCKET names, so no library is needed. Sent by the master only.
 * source: sd_notify(3).
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/run/run.h"

static void
datagram_send(const char *path, const char *text, size_t len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const size_t path_len = strlen(path);

	if (path_len >= sizeof(sun.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(sun.sun_path, path, path_len);
	if (path[0] == '@')
		sun.sun_path[0] = '\0'; /* abstract */
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, len, MSG_NOSIGNAL, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len));
	close(fd);
}

void
tw__notify(const char *fmt, ...)
{
	const char *const path = getenv("NOTIFY_SOCKET");
	char text[512];
	va_list ap;

	if (path == NULL)
		return;
	va_start(ap, fmt);
	const int len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len > 0)
		datagram_send(path, text, strlen(text));
}

void
tw__notify_reloading(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	tw__notify("RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reloading",
	    (unsigned long long)ts.tv_sec * 1000000 +
		(unsigned long long)ts.tv_nsec / 1000);
}
