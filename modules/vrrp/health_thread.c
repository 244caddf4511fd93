/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * health_thread.c - whether one thread of the traffic process moves.
 *
 * The figures: a thread beats every 20 ms. It is suspected after two ticks
 * without a beat and looked at every 10 ms from then on. Four looks in a row
 * that find it asleep without having run, or 25 ms of CPU used since the first
 * look, say that it hangs: 70 ms after the tick that saw its last beat when the
 * machine is idle. source: proc(5), Documentation/scheduler/sched-stats.rst.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "health_thread.h"

#define SUSPECT_US 35000    /* two ticks of the watcher, a little early */
#define PASSED_MAX_US 25000 /* of a late tick of our own */
#define ASLEEP_LOOKS 4
#define STOPPED_LOOKS 2
#define CPU_US 25000
#define STEADY_BEATS 5 /* until one that hung is trusted again */

static void
beat_take(struct vr_thread *t, uint64_t beat_us)
{
	t->beat_us = beat_us;
	t->quiet_us = 0;
	t->n_looks = t->n_asleep = 0;
	if (t->is_hung && ++t->n_steady >= STEADY_BEATS)
		t->is_hung = false;
}

bool
vr_thread_tick(struct vr_thread *t, uint64_t beat_us, uint64_t passed_us)
{
	if (beat_us != t->beat_us) {
		beat_take(t, beat_us);
		return false;
	}
	t->quiet_us += passed_us < PASSED_MAX_US ? passed_us : PASSED_MAX_US;
	if (t->quiet_us >= SUSPECT_US)
		t->n_steady = 0;
	return t->quiet_us >= SUSPECT_US;
}

static bool
is_stopped(char state)
{
	return state == 'T' || state == 't' || state == 'Z' || state == 'X' ||
	    state == 0;
}

static bool
is_asleep(char state)
{
	return state == 'S' || state == 'D' || state == 'I';
}

/* Asleep, and not run for a moment in between. */
static void
asleep_count(struct vr_thread *t, const struct vr_look *look)
{
	if (!is_asleep(look->state))
		t->n_asleep = 0;
	else if (t->n_asleep > 0 && look->cpu_us != t->last.cpu_us)
		t->n_asleep = 1;
	else
		t->n_asleep++;
}

void
vr_thread_judge(
    struct vr_thread *t, const struct vr_look *look, uint64_t limit_us, bool is_patient)
{
	if (t->n_looks++ == 0)
		t->first = *look;
	asleep_count(t, look);
	t->last = *look;
	if (is_stopped(look->state) && t->n_looks >= STOPPED_LOOKS)
		t->is_hung = true;
	if (!is_patient &&
	    (t->n_asleep >= ASLEEP_LOOKS || look->cpu_us - t->first.cpu_us >= CPU_US))
		t->is_hung = true;
	if (t->quiet_us >= limit_us)
		t->is_hung = true;
}

static bool
task_read(pid_t pid, pid_t tid, const char *what, char *buf, size_t size)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, what);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	const ssize_t n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Nanoseconds, then what does not matter here. A kernel without it has 0. */
static uint64_t
cpu_precise_us(pid_t pid, pid_t tid)
{
	char buf[128];

	return task_read(pid, tid, "schedstat", buf, sizeof(buf))
	    ? strtoull(buf, NULL, 10) / 1000
	    : 0;
}

/* Fields 14 and 15 of stat, in clock ticks. in: rest, from field 3 on. */
static uint64_t
cpu_coarse_us(const char *rest)
{
	unsigned long user = 0, system = 0;

	if (sscanf(rest, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&system) != 2)
		return 0;
	return (uint64_t)(user + system) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

struct vr_look
vr_thread_look(pid_t pid, pid_t tid)
{
	struct vr_look look = { 0, 0 };
	char buf[512];

	if (!task_read(pid, tid, "stat", buf, sizeof(buf)))
		return look;
	const char *const paren = strrchr(buf, ')');
	if (paren == NULL || paren[1] != ' ')
		return look;
	look.state = paren[2];
	look.cpu_us = cpu_precise_us(pid, tid);
	if (look.cpu_us == 0)
		look.cpu_us = cpu_coarse_us(paren + 2);
	return look;
}
