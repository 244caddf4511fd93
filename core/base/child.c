/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * child.c - the parts of becoming another program that all of ours share.
 * Forked processes only. source: execve(2), capabilities(7).
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tideway/child.h>

void
tw_child_streams(void)
{
	const int null = open("/dev/null", O_RDWR);

	for (int i = 0; null >= 0 && i <= STDERR_FILENO; i++)
		dup2(null, i);
	close_range(STDERR_FILENO + 1, ~0u, 0); /* ours close on exec, too */
}

/* The C library keeps the first real-time signals to itself and refuses to
 * reset them, but passes on that its parent ignored them: the kernel is asked.
 * Zero is the default in every layout of its struct. */
void
tw_child_signals(void)
{
	static const uint64_t defaults[8];
	sigset_t none;

	for (int i = 1; i < NSIG; i++) /* two cannot be changed, and are so */
		syscall(SYS_rt_sigaction, i, defaults, NULL, (NSIG - 1) / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void
tw_child_capabilities(void)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}
