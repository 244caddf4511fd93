/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * spawn_child.c - what a forked process does to become an ordinary program.
 *
 * The VRRP process has what a script must not have: real-time priority,
 * blocked signals, sockets, ambient capabilities, and often root. All that is
 * left behind here, in an order that matters: the user comes last, for it
 * takes the right to change the rest, and clears the death signal. Locked
 * memory is not inherited by fork(2). source: execve(2), capabilities(7).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spawn.h"

static void
streams_to_null(void)
{
	const int fd = open("/dev/null", O_RDWR);

	for (int i = 0; fd >= 0 && i <= STDERR_FILENO; i++)
		dup2(fd, i);
	close_range(STDERR_FILENO + 1, ~0u, 0); /* ours close on exec, too */
}

static void
priority_ordinary(void)
{
	const struct sched_param param = { .sched_priority = 0 };

	if (sched_getscheduler(0) != SCHED_OTHER)
		sched_setscheduler(0, SCHED_OTHER, &param);
	if (getpriority(PRIO_PROCESS, 0) < 0)
		setpriority(PRIO_PROCESS, 0, 0);
}

/* The C library keeps the first real-time signals to itself and refuses to
 * reset them, but passes on that its parent ignored them: the kernel is asked.
 * Zero is the default in every layout of its struct. */
static void
signals_default(void)
{
	static const uint64_t defaults[8];
	sigset_t none;

	for (int i = 1; i < NSIG; i++) /* two cannot be changed, and are so */
		syscall(SYS_rt_sigaction, i, defaults, NULL, (NSIG - 1) / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
groups_take(uid_t uid, gid_t gid)
{
	const struct passwd *const pw = getpwuid(uid);

	return pw != NULL ? initgroups(pw->pw_name, gid) : setgroups(1, &gid);
}

static int
user_become(const struct vr_command *cmd)
{
	if (!cmd->has_user)
		return 0;
	if (geteuid() != 0) /* nobody else can: it is this one, or fails */
		return geteuid() == cmd->uid ? 0 : -1;
	if (groups_take(cmd->uid, cmd->gid) != 0 ||
	    setresgid(cmd->gid, cmd->gid, cmd->gid) != 0)
		return -1;
	return setresuid(cmd->uid, cmd->uid, cmd->uid);
}

static void
tie(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(VR_EXIT_CANNOT_RUN);
}

void
vr_spawn_become(
    const struct vr_command *cmd, char *const *argv, bool tied, pid_t parent)
{
	setpgid(0, 0);
	streams_to_null();
	priority_ordinary();
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (user_become(cmd) != 0)
		_exit(VR_EXIT_CANNOT_RUN);
	if (tied)
		tie(parent);
	signals_default();
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? VR_EXIT_NOT_FOUND : VR_EXIT_CANNOT_RUN);
}
