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
#include <unistd.h>

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

int
tw__privileges_drop(const struct tw__global *g, struct tw_err *err)
{
	if (g->chroot != NULL && root_change(g->chroot, err) != 0)
		return -1;
	if ((g->uid != 0 || g->gid != 0) && geteuid() == 0 && setgroups(0, NULL) != 0)
		return tw_err_errno(err, "cannot give up supplementary groups");
	if (g->gid != 0 && group_change(g->gid, err) != 0)
		return -1;
	return g->uid != 0 ? user_change(g->uid, err) : 0;
}

int
tw_process_confine(struct tw_gen *gen, struct tw_err *err)
{
	return tw__privileges_drop(&gen->global, err);
}
