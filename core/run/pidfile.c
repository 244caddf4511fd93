/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * pidfile.c - where other programs find this process.
 *
 * Written before chroot and loss of privileges. Never removed: after a start
 * with -sf the file belongs to the newer process. Start-up only.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/run/run.h"

int
tw__pidfile_write(const char *path, struct tw_err *err)
{
	char text[16];

	if (path == NULL)
		return 0;
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return tw_err_errno(err, "Cannot create pidfile %s", path);
	const int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	const ssize_t n = write(fd, text, (size_t)len);
	const int why = n < 0 ? errno : ENOSPC;
	if (close(fd) != 0 || n != len)
		return tw_err_set(
		    err, "Cannot write pidfile %s: %s", path, strerror(why));
	return 0;
}
