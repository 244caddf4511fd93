/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * daemon.c - going to the background without losing the exit status.
 *
 * The process that was started waits on a pipe until the daemon says that
 * traffic flows; when the daemon ends before that, it fails. So `tideway -D`
 * returns 0 only when there is a running daemon. Start-up, before threads.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/oplog.h"
#include "core/run/run.h"

static void
wait_and_exit(int fd)
{
	char status;
	ssize_t n;

	while ((n = read(fd, &status, 1)) < 0 && errno == EINTR)
		;
	_exit(n == 1 ? status : 1);
}

int
tw__daemonize(int *ready_fd, struct tw_err *err)
{
	int pipe_fd[2];

	fflush(NULL);
	if (pipe2(pipe_fd, O_CLOEXEC) != 0)
		return tw_err_errno(err, "cannot go to the background (pipe)");
	const pid_t first = fork();
	if (first < 0)
		return tw_err_errno(err, "cannot go to the background (fork)");
	if (first > 0) {
		close(pipe_fd[1]);
		wait_and_exit(pipe_fd[0]);
	}
	close(pipe_fd[0]);
	setsid();
	const pid_t second = fork(); /* never a terminal again */
	if (second < 0)
		return tw_err_errno(err, "cannot go to the background (fork)");
	if (second > 0)
		_exit(0);
	*ready_fd = pipe_fd[1];
	return 0;
}

void
tw__daemon_detach(void)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	fflush(NULL);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	tw__oplog_stderr(false);
}

void
tw__daemon_ready(int *ready_fd)
{
	const char ok = 0;

	if (*ready_fd < 0)
		return;
	tw__daemon_detach();
	while (write(*ready_fd, &ok, 1) < 0 && errno == EINTR)
		;
	close(*ready_fd);
	*ready_fd = -1;
}
