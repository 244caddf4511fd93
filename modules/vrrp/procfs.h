/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * procfs.h - processes as /proc shows them, and when they come.
 */
#ifndef TW_VRRP_PROCFS_H
#define TW_VRRP_PROCFS_H

#include <sys/types.h>

#include "model.h"

#define VR_COMM_LEN 16 /* the kernel's limit, with the NUL */

/** vr_proc_matches - whether a process is one of those meant. A zombie is none.
 * context: reads two small files of /proc. */
bool vr_proc_matches(const struct vr_track_process *conf, pid_t pid);
/** vr_proc_command_matches - the same for a command line. in: args, its words,
 * each NUL-terminated; len, with the NULs. */
bool vr_proc_command_matches(const struct vr_track_process *conf, const char *args,
    size_t len);

/* What the kernel's process connector tells. */
typedef void vr_proc_appeared(void *arg, pid_t pid);
/** vr_connector_open - returns: a socket; -1: not permitted, or not here. One that
 * never confirms does not work: it speaks to the initial namespaces only. */
int vr_connector_open(void);
void vr_connector_close(int fd);
/** vr_connector_read - takes what is there; `appeared` for each process that was
 * forked, executed a program or was renamed. returns: 0; 1: the subscription
 * was confirmed, too; -1: events were lost (errno ENOBUFS), or the socket is
 * of no use. */
int vr_connector_read(int fd, vr_proc_appeared *appeared, void *arg);

#endif
