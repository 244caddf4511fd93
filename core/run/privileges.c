/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * privileges.c - giving up what was needed to open sockets.
 *
 * chroot first, because it needs root; then groups, group and user, in the
 * order in which each still may be changed. What cannot be done is an error:
 * nobody shall believe that a process is confined when it is not. Start-up,
 * before threads exist (the calls concern the whole process).
 */
#include "config.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tideway/log.h>
#include "core/run/run.h"

static int
root_change(const char *dir, struct tw_err *err)
{
	if (chroot(dir) != 0)
		return tw_err_errno(err, "cannot chroot to %s (only root may)", dir);
	if (chdir("/") != 0)
		return tw_err_errno(err, "cannot enter %s after chroot", dir);
	return 0;
}

static int
group_change(gid_t gid, struct tw_err *err)
{
	if (getgid() == gid && getegid() == gid)
		return 0;
	if (setgid(gid) != 0)
		return tw_err_errno(err,
		    "cannot change to group %u (only root "
		    "may)",
		    (unsigned)gid);
	return 0;
}

static int
user_change(uid_t uid, struct tw_err *err)
{
	if (getuid() == uid && geteuid() == uid)
		return 0;
	if (setuid(uid) != 0)
		return tw_err_errno(err,
		    "cannot change to user %u (only root "
		    "may)",
		    (unsigned)uid);
	return 0;
}

/* What was permitted and is wanted stays, also for a user who is not root. */
static int
capabilities_keep(uint64_t caps, struct tw_err *err)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const uint32_t half[2] = { (uint32_t)caps, (uint32_t)(caps >> 32) };
	struct __user_cap_data_struct data[2] = { { 0 } };

	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = half[i];
	if (syscall(SYS_capset, &head, data) != 0)
		return tw_err_errno(err,
		    "setcap: cannot keep these capabilities (root has them all; for "
		    "others, see setcap(8))");
	return 0;
}

/* Before the user changes: limits of files, and the priority. */
static void
process_tune(const struct tw__tune *t)
{
	const struct rlimit no_limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (t->has_renice && setpriority(PRIO_PROCESS, 0, t->renice) != 0)
		tw_log(TW_WARNING,
		    "tune.renice.runtime: cannot set the priority to %d (only root may "
		    "raise it)",
		    t->renice);
	if (t->dumpable) { /* best effort */
		setrlimit(RLIMIT_FSIZE, &no_limit);
		setrlimit(RLIMIT_CORE, &no_limit);
	}
}

int
tw__privileges_drop(const struct tw__global *g, struct tw_err *err)
{
	const bool changes = g->uid != 0 && geteuid() == 0;

	process_tune(&g->tune);
	if (g->tune.caps != 0 && changes && prctl(PR_SET_KEEPCAPS, 1) != 0)
		return tw_err_errno(err, "setcap: cannot keep capabilities");
	if (g->chroot != NULL && root_change(g->chroot, err) != 0)
		return -1;
	if ((g->uid != 0 || g->gid != 0) && geteuid() == 0 && setgroups(0, NULL) != 0)
		return tw_err_errno(err, "cannot give up supplementary groups");
	if (g->gid != 0 && group_change(g->gid, err) != 0)
		return -1;
	if (g->uid != 0 && user_change(g->uid, err) != 0)
		return -1;
	if (g->tune.caps != 0 && geteuid() != 0 &&
	    capabilities_keep(g->tune.caps, err) != 0)
		return -1;
	if (g->tune.dumpable)
		prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

int
tw_process_confine(struct tw_gen *gen, struct tw_err *err)
{
	return tw__privileges_drop(&gen->global, err);
}
