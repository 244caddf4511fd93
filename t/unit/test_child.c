/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_child.c - what a forked process has left behind, as the kernel tells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tideway/child.h>

/* The child's exit status. */
static int
status_of(int (*fn)(void))
{
	int status = -1;
	const pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A line of /proc/self/status that is a set of signals. */
static uint64_t
set_of(const char *name)
{
	char line[256];
	uint64_t set = ~0ull;
	FILE *const f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			set = strtoull(line + strlen(name), NULL, 16);
	if (f != NULL)
		fclose(f);
	return set;
}

static int
child_signals(void)
{
	sigset_t all;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGRTMIN + 3, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (set_of("SigIgn:") == 0 || set_of("SigBlk:") == 0)
		return 2;
	tw_child_signals();
	return set_of("SigIgn:") == 0 && set_of("SigBlk:") == 0 ? 0 : 1;
}

static int
child_streams(void)
{
	const int fd = open("/dev/zero", O_RDONLY); /* not close-on-exec */
	char c;

	tw_child_streams();
	if (fcntl(fd, F_GETFD) >= 0)
		return 1;
	return read(STDIN_FILENO, &c, 1) == 0 && write(STDOUT_FILENO, "x", 1) == 1 ? 0
										   : 2;
}

static int
child_capabilities(void)
{
	tw_child_capabilities();
	return set_of("CapAmb:") == 0 ? 0 : 1;
}

static void
test_child(void **state)
{
	(void)state;
	assert_int_equal(status_of(child_signals), 0);
	assert_int_equal(status_of(child_streams), 0);
	assert_int_equal(status_of(child_capabilities), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_child) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
