/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_spawn.c - programs: what they get, how they end, who is killed.
 */
#include "vrrp_watch_help.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct outcome {
	int n_calls, status, late_status;
	bool timed_out;
};

static void
on_done(void *arg, int status, bool timed_out)
{
	struct outcome *const o = arg;

	if (o->n_calls++ == 0)
		o->status = status;
	o->late_status = status;
	o->timed_out = timed_out;
}

static bool
is_over(void *arg)
{
	const struct outcome *const o = arg;

	return o->n_calls > 0 && o->late_status != VR_STILL_RUNNING;
}

static bool
is_told(void *arg)
{
	return ((const struct outcome *)arg)->n_calls > 0;
}

static struct vr_command
command(const char *name, char *argv[2])
{
	argv[0] = strdup(path_of(name));
	argv[1] = NULL;
	return (struct vr_command){ .argv = argv, .text = argv[0] };
}

/* Runs a program to its end. */
static struct outcome
outcome_of(const char *name, const char *const *extra, uint64_t timeout_us)
{
	struct outcome o = { 0 };
	char *argv[2];
	const struct vr_command cmd = command(name, argv);

	assert_non_null(vr_spawn(&cmd, extra, timeout_us, on_done, &o, &err));
	assert_int_equal(o.n_calls, 0);
	assert_true(loop_until(is_over, &o));
	free(argv[0]);
	return o;
}

static void
test_status(void **state)
{
	(void)state;
	script_put("three", "exit 3");
	script_put("killed", "kill -9 $$");
	file_put("plain", "#!/bin/sh\n");
	struct outcome o = outcome_of("three", NULL, 0);
	assert_true(WIFEXITED(o.status) && WEXITSTATUS(o.status) == 3);
	assert_int_equal(o.n_calls, 1);
	o = outcome_of("killed", NULL, 0);
	assert_true(WIFSIGNALED(o.status) && WTERMSIG(o.status) == SIGKILL);
	o = outcome_of("missing", NULL, 0);
	assert_int_equal(WEXITSTATUS(o.status), 127);
	o = outcome_of("plain", NULL, 0);
	assert_int_equal(WEXITSTATUS(o.status), 126);
}

static void
test_arguments(void **state)
{
	const char *const extra[] = { "INSTANCE", "a b", "MASTER", NULL };
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "printf '%%s|' \"$@\" > %s", path_of("args"));
	script_put("tell", text);
	outcome_of("tell", extra, 0);
	assert_string_equal(file_get("args"), "INSTANCE|a b|MASTER|");
}

/* As some programs that start others leave it: the signals that the C library
 * keeps for itself are ignored. The kernel's SIG_IGN is 1, first in its struct. */
static void
ignore_reserved(void)
{
	static const uint64_t ignore[8] = { 1 };

	for (int i = 32; i < SIGRTMIN; i++)
		assert_int_equal(syscall(SYS_rt_sigaction, i, ignore, NULL, 8), 0);
}

/* A program has nothing of ours: descriptors, signals, priority. */
static void
test_clean(void **state)
{
	const int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */
	struct sched_param param = { .sched_priority = 1 };
	const int nice_now = getpriority(PRIO_PROCESS, 0);
	sigset_t set, former;
	char text[512], wanted[128];

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &former);
	signal(SIGPIPE, SIG_IGN);
	ignore_reserved();
	const bool is_rt = sched_setscheduler(0, SCHED_RR, &param) == 0;
	snprintf(text, sizeof(text),
	    "{ ls /proc/self/fd | wc -l; grep -E '^Sig(Blk|Ign)' /proc/self/status; "
	    "cut -d' ' -f 19,41 /proc/self/stat; } > %s",
	    path_of("clean"));
	script_put("look", text);
	outcome_of("look", NULL, 0);
	param.sched_priority = 0;
	if (is_rt)
		sched_setscheduler(0, SCHED_OTHER, &param);
	sigprocmask(SIG_SETMASK, &former, NULL);
	close(leak);
	/* ls has three and its directory; no higher priority; policy 0 */
	snprintf(wanted, sizeof(wanted),
	    "4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n%d 0\n",
	    nice_now > 0 ? nice_now : 0);
	assert_string_equal(file_get("clean"), wanted);
}

static void
test_user(void **state)
{
	struct outcome o = { 0 };
	char *argv[2], text[256];

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(text, sizeof(text), "id -u > %s; id -G >> %s", path_of("id"),
	    path_of("id"));
	script_put("who", text);
	struct vr_command cmd = command("who", argv);
	cmd.has_user = true;
	cmd.uid = 65534;
	cmd.gid = 65533;
	assert_non_null(vr_spawn(&cmd, NULL, 0, on_done, &o, &err));
	assert_true(loop_until(is_over, &o));
	free(argv[0]);
	assert_memory_equal(file_get("id"), "65534\n65533", 11);
}

static bool
is_gone(void *arg)
{
	const pid_t pid = *(const pid_t *)arg;
	char path[64], state = 'Z';

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *const f = fopen(path, "r");
	if (f != NULL) {
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'Z';
		fclose(f);
	}
	return state == 'Z';
}

static bool
has_text(void *name)
{
	return strchr(file_get(name), '\n') != NULL;
}

static pid_t
pid_in(const char *name)
{
	assert_true(loop_until(has_text, (void *)(uintptr_t)name));
	return (pid_t)atoi(file_get(name));
}

/* It ignores SIGTERM and has children: told of at its time, and all killed. */
static void
test_timeout(void **state)
{
	struct outcome o = { 0 };
	char *argv[2], text[512];

	(void)state;
	snprintf(text, sizeof(text),
	    "trap '' TERM; sleep 600 & echo $! > %s; while :; do sleep 600; done",
	    path_of("grandchild"));
	script_put("stubborn", text);
	const struct vr_command cmd = command("stubborn", argv);
	const uint64_t start = tw_now_us();
	assert_non_null(vr_spawn(&cmd, NULL, 300000, on_done, &o, &err));
	pid_t pid = pid_in("grandchild");
	assert_true(loop_until(is_told, &o));
	assert_true(tw_now_us() - start >= 290000);
	assert_int_equal(o.status, VR_STILL_RUNNING);
	assert_true(o.timed_out);
	assert_true(loop_until(is_over, &o));
	assert_int_equal(o.n_calls, 2);
	assert_true(o.timed_out && WIFSIGNALED(o.late_status));
	assert_true(loop_until(is_gone, &pid));
	free(argv[0]);
}

static void
test_forget(void **state)
{
	struct outcome o = { 0 };
	char *argv[2], text[256];

	(void)state;
	snprintf(text, sizeof(text), "echo $$ > %s; exec sleep 600", path_of("pid"));
	script_put("sleeper", text);
	const struct vr_command cmd = command("sleeper", argv);
	struct vr_child *c = vr_spawn(&cmd, NULL, 0, on_done, &o, &err);
	pid_t pid = pid_in("pid");
	vr_spawn_forget(c, false);
	assert_false(is_gone(&pid));
	kill(pid, SIGKILL);
	assert_true(loop_until(is_gone, &pid));
	unlink(path_of("pid"));
	c = vr_spawn(&cmd, NULL, 1000000, on_done, &o, &err);
	pid = pid_in("pid");
	vr_spawn_forget(c, true);
	assert_true(loop_until(is_gone, &pid));
	assert_int_equal(o.n_calls, 0);
	free(argv[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_forget),
	};

	return cmocka_run_group_tests(tests, help_setup, help_teardown);
}
