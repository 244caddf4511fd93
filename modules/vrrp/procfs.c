/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * procfs.c - whether a process is the one that is tracked.
 *
 * As keepalived does it: the name that the kernel has (15 characters) is
 * compared, or, with parameters or full_command, the command line. Exact, no
 * patterns. source: proc(5), keepalived.conf(5).
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tideway/str.h>

#include "procfs.h"

static ssize_t
proc_read(pid_t pid, const char *what, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	const ssize_t n = read(fd, buf, size - 1);
	close(fd);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

static const char *
base_name(const char *path)
{
	const char *const slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* "PID (NAME) STATE ...": the name may hold anything, so from both ends.
 * returns: false: gone, or a zombie. */
static bool
name_read(pid_t pid, char name[VR_COMM_LEN])
{
	char stat[512];
	const ssize_t n = proc_read(pid, "stat", stat, sizeof(stat));
	const char *const open_paren = n > 0 ? strchr(stat, '(') : NULL;
	const char *const close_paren = n > 0 ? strrchr(stat, ')') : NULL;

	if (open_paren == NULL || close_paren == NULL || close_paren[1] != ' ' ||
	    close_paren[2] == 'Z' || close_paren[2] == 'X')
		return false;
	snprintf(name, VR_COMM_LEN, "%.*s", (int)(close_paren - open_paren - 1),
	    open_paren + 1);
	return true;
}

static bool
is_program(const char *command, const char *arg0)
{
	if (strcmp(command, arg0) == 0)
		return true;
	return strchr(command, '/') == NULL && strcmp(command, base_name(arg0)) == 0;
}

/* The words after the first, with blanks between them, as `param` has them. */
static void
params_join(const char *args, size_t len, char *buf, size_t size)
{
	const size_t first = strlen(args) + 1;
	size_t n = len > first ? len - first : 0;

	if (n > size)
		n = size;
	memcpy(buf, args + first, n);
	for (size_t i = 0; i + 1 < n; i++) {
		if (buf[i] == '\0')
			buf[i] = ' ';
	}
	buf[n > 0 ? n - 1 : 0] = '\0';
}

bool
vr_proc_command_matches(
    const struct vr_track_process *conf, const char *args, size_t len)
{
	char params[4096];

	if (len == 0 || !is_program(conf->command, args))
		return false;
	if (conf->param == NULL)
		return true;
	params_join(args, len, params, sizeof(params));
	return conf->param_initial
	    ? strncmp(params, conf->param, strlen(conf->param)) == 0
	    : strcmp(params, conf->param) == 0;
}

bool
vr_proc_matches(const struct vr_track_process *conf, pid_t pid)
{
	char name[VR_COMM_LEN], args[4096];

	if (!name_read(pid, name))
		return false;
	if (conf->param == NULL && !conf->full_command)
		return strncmp(name, base_name(conf->command), VR_COMM_LEN - 1) == 0;
	const ssize_t n = proc_read(pid, "cmdline", args, sizeof(args));
	return n > 0 &&
	    vr_proc_command_matches(conf, args, (size_t)n + (args[n - 1] != 0));
}
