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
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tideway/child.h>

#include "spawn.h"

static void
priority_ordinary(void)
{
	const struct sched_param param = { .sched_priority = 0 };

	if (sched_getscheduler(0) != SCHED_OTHER)
		sched_setscheduler(0, SCHED_OTHER, &param);
	if (getpriority(PRIO_PROCESS, 0) < 0)
		setpriority(PRIO_PROCESS, 0, 0);
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
	tw_child_streams();
	priority_ordinary();
	tw_child_capabilities();
	if (user_become(cmd) != 0)
		_exit(VR_EXIT_CANNOT_RUN);
	if (tied)
		tie(parent);
	tw_child_signals();
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? VR_EXIT_NOT_FOUND : VR_EXIT_CANNOT_RUN);
}
