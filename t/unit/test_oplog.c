/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_oplog.c - operator messages and crash reports.
 *
 * Each case runs in a child whose standard error is a pipe, because the
 * switches are the process's and a panic ends it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/oplog.h"
#include "core/base/panic.h"

static char output[65536];

/* Runs fn in a child. out: output. returns: its wait status. */
static int
run(void (*fn)(void))
{
	const struct rlimit no_core = { 0, 0 };
	size_t len = 0;
	ssize_t n;
	int fd[2], status;

	assert_int_equal(pipe(fd), 0);
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		fn();
		_exit(0);
	}
	close(fd[1]);
	while ((n = read(fd[0], output + len, sizeof(output) - 1 - len)) > 0)
		len += (size_t)n;
	output[len] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int
count(const char *what)
{
	int n = 0;

	for (const char *p = output; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void
child_levels(void)
{
	tw_log(TW_NOTICE, "a %d", 1);
	tw_log(TW_WARNING, "b\n");
	tw_log(TW_ALERT, "c\x1b[31m");
}

static void
test_shape(void **state)
{
	char want[200];
	int pid = 0;

	(void)state;
	assert_int_equal(run(child_levels), 0);
	assert_int_equal(sscanf(output, "[NOTICE]   (%d)", &pid), 1);
	snprintf(want, sizeof(want),
	    "[NOTICE]   (%d) : a 1\n"
	    "[WARNING]  (%d) : b\n[ALERT]    (%d) : c?[31m\n",
	    pid, pid, pid);
	assert_string_equal(output, want);
}

static void
to_stderr(enum tw_level level, const char *text, size_t len)
{
	dprintf(STDERR_FILENO, "sink %d %.*s\n", (int)level, (int)len, text);
}

static void
child_sink(void)
{
	tw__oplog_sink_set(to_stderr);
	tw__oplog_quiet(true);
	tw_log(TW_ERR, "two\nlines\n");
	tw__oplog_quiet(false);
	tw__oplog_stderr(false);
	tw_log(TW_INFO, "one");
	tw__oplog_sink_set(NULL);
	tw_log(TW_INFO, "nowhere");
}

static void
test_sink(void **state)
{
	(void)state;
	assert_int_equal(run(child_sink), 0);
	assert_string_equal(output, "sink 3 two\nsink 3 lines\nsink 6 one\n");
}

/* Both sites are the same place; a second begins between them, at most. */
static void
child_limited(void)
{
	for (int i = 0; i < 1000; i++)
		tw_log_limited(TW_NOTICE, "again");
}

static void
test_limit(void **state)
{
	(void)state;
	assert_int_equal(run(child_limited), 0);
	assert_true(count("again") >= 10);
	assert_true(count("again") <= 20);
}

static void
child_left_out(void)
{
	static struct tw_log_site site;

	tw_log_site(&site, TW_NOTICE, "first");
	site.left_out = 7;
	tw_log_site(&site, TW_NOTICE, "second");
	tw_log_site(&site, TW_NOTICE, "third");
}

static void
test_left_out_is_told(void **state)
{
	(void)state;
	assert_int_equal(run(child_left_out), 0);
	assert_int_equal(count("second (7 more like this left out)\n"), 1);
	assert_int_equal(count("third\n"), 1);
}

static void
child_long(void)
{
	tw_log(TW_NOTICE, "%9000d", 5);
}

static void
test_long_message_is_cut(void **state)
{
	(void)state;
	assert_int_equal(run(child_long), 0);
	assert_true(strlen(output) <= 4096);
	assert_int_equal(output[strlen(output) - 1], '\n');
}

static void
report_part(int fd)
{
	dprintf(fd, "Modules: http\n");
}

static void
child_assert(void)
{
	tw__panic_init();
	tw__panic_add(report_part);
	TW_ASSERT(getpid() < 0);
}

static void
test_assert_reports(void **state)
{
	(void)state;
	const int status = run(child_assert);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(output, "Condition: getpid() < 0\n"));
	assert_non_null(strstr(output, "test_oplog.c:"));
	assert_non_null(strstr(output, " in child_assert()\n"));
	assert_non_null(strstr(output, "Modules: http\nBacktrace:\n"));
}

static void
failing_part(int fd)
{
	(void)fd;
	TW_WRONG("in the report");
}

static void
child_nested(void)
{
	tw__panic_add(failing_part);
	TW_WRONG("outer");
}

static void
test_failure_while_reporting(void **state)
{
	(void)state;
	const int status = run(child_nested);
	assert_true(WIFSIGNALED(status));
	assert_non_null(strstr(output, "Condition: outer\n"));
	assert_non_null(strstr(output, "*** failed again while reporting\n"));
}

static void
child_signal(void)
{
	tw__panic_init();
	raise(SIGFPE);
}

/* A sanitizer keeps these signals for its own report. */
static void
test_signal_reports(void **state)
{
	struct sigaction sa;

	(void)state;
	tw__panic_init();
	sigaction(SIGFPE, NULL, &sa);
	if (!(sa.sa_flags & (int)SA_RESETHAND))
		return;
	const int status = run(child_signal);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGFPE);
	assert_non_null(strstr(output, "Condition: SIGFPE: arithmetic error\n"));
	assert_non_null(strstr(output, "Backtrace:\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_sink),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_left_out_is_told),
		cmocka_unit_test(test_long_message_is_cut),
		cmocka_unit_test(test_assert_reports),
		cmocka_unit_test(test_failure_while_reporting),
		cmocka_unit_test(test_signal_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
