/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * track_process.c - how many processes of a kind run.
 *
 * Those that match are held by a descriptor each (pidfd), which tells at once
 * when one ends. Those that come are told by the kernel's process connector,
 * or, where that says nothing, found by looking through /proc every SCAN_US.
 * Looking is done in slices, so that a machine with thousands of processes
 * does not hold up an advertisement. fork_delay and terminate_delay
 * put off what is made of a change. source: pidfd_open(2), keepalived.conf(5).
 */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "procfs.h"
#include "watch_int.h"

#define SCAN_US 150000
#define SCAN_SLICE 64 /* processes looked at before the loop has its turn */

/* One that matches. */
struct member {
	LIST_ENTRY(member) link;
	struct process_watch *of;
	pid_t pid;
	struct event gone; /* its pidfd */
};

struct process_watch {
	const struct vr_track_process *conf; /* borrow; NULL: not tracked */
	struct vr_processes *all;
	LIST_HEAD(, member) members;
	uint32_t n;
	bool is_quorate; /* as counted; the result may follow later */
	struct event delay;
	struct vr_result result;
};

struct vr_processes {
	struct vr_watch *watch;    /* borrow */
	struct process_watch *one; /* owns: [n] */
	unsigned n;
	int connector; /* -1: none */
	bool is_told;  /* it is confirmed: it works here */
	struct event told, scan;
	DIR *dir;         /* NULL: no scan is under way */
	bool has_scanned; /* a first scan is complete */
};

/* --- results --- */

static void
result_set(struct process_watch *p, bool good)
{
	struct vr_watch *const w = p->all->watch;

	if (p->result.known && p->result.good == good)
		return;
	p->result = (struct vr_result){ .known = true, .good = good };
	tw_log(good ? TW_NOTICE : TW_WARNING,
	    "Quorum %s for tracked process %s: %u run", good ? "gained" : "lost",
	    p->conf->name, (unsigned)p->n);
	w->changed(w->arg, VR_TRACK_PROCESS, (unsigned)(p - p->all->one), &p->result);
}

static void
on_delay(evutil_socket_t fd, short what, void *arg)
{
	struct process_watch *const p = arg;

	(void)fd;
	(void)what;
	result_set(p, p->is_quorate);
}

static bool
is_quorate(const struct process_watch *p)
{
	return p->n >= p->conf->quorum &&
	    (p->conf->quorum_max == 0 || p->n <= p->conf->quorum_max);
}

/* Its number has changed, or all have been counted for the first time. */
static void
count_judge(struct process_watch *p)
{
	const bool was = p->is_quorate;

	if (!p->all->has_scanned)
		return;
	p->is_quorate = is_quorate(p);
	if (p->result.known && was == p->is_quorate)
		return;
	const uint64_t us =
	    p->is_quorate ? p->conf->fork_delay_us : p->conf->terminate_delay_us;
	const struct timeval tv = vr_watch_timeval(us);
	event_del(&p->delay);
	if (!p->result.known || us == 0 || p->result.good == p->is_quorate)
		result_set(p, p->is_quorate);
	else
		event_add(&p->delay, &tv);
}

/* --- members --- */

static struct member *
member_find(const struct process_watch *p, pid_t pid)
{
	struct member *m;

	LIST_FOREACH(m, &p->members, link) {
		if (m->pid == pid)
			break;
	}
	return m;
}

static void
member_free(struct member *m)
{
	LIST_REMOVE(m, link);
	m->of->n--;
	event_del(&m->gone);
	close(event_get_fd(&m->gone));
	free(m);
}

static void
on_gone(evutil_socket_t fd, short what, void *arg)
{
	struct member *const m = arg;
	struct process_watch *const p = m->of;

	(void)fd;
	(void)what;
	member_free(m);
	count_judge(p);
}

static void
member_add(struct process_watch *p, pid_t pid)
{
	const int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0) /* it is gone already */
		return;
	struct member *const m = calloc(1, sizeof(*m));
	TW_ASSERT(m != NULL);
	m->of = p;
	m->pid = pid;
	event_assign(&m->gone, p->all->watch->base, fd, EV_READ, on_gone, m);
	event_add(&m->gone, NULL);
	LIST_INSERT_HEAD(&p->members, m, link);
	p->n++;
}

static void
pid_look(struct process_watch *p, pid_t pid)
{
	struct member *const m = member_find(p, pid);
	const bool matches = vr_proc_matches(p->conf, pid);

	if (matches == (m != NULL))
		return;
	if (matches)
		member_add(p, pid);
	else
		member_free(m); /* runs another program now */
	count_judge(p);
}

static void
pid_look_all(void *arg, pid_t pid)
{
	struct vr_processes *const all = arg;

	for (unsigned i = 0; i < all->n; i++) {
		if (all->one[i].conf != NULL)
			pid_look(&all->one[i], pid);
	}
}

/* --- looking through /proc --- */

static void
scan_again(struct vr_processes *all, uint64_t us)
{
	const struct timeval tv = vr_watch_timeval(us);

	event_add(&all->scan, &tv);
}

static void
scan_end(struct vr_processes *all)
{
	closedir(all->dir);
	all->dir = NULL;
	if (!all->has_scanned) {
		all->has_scanned = true;
		for (unsigned i = 0; i < all->n; i++) {
			if (all->one[i].conf != NULL)
				count_judge(&all->one[i]);
		}
	}
	if (!all->is_told)
		scan_again(all, SCAN_US);
}

static void
on_scan(evutil_socket_t fd, short what, void *arg)
{
	struct vr_processes *const all = arg;

	(void)fd;
	(void)what;
	if (all->dir == NULL && (all->dir = opendir("/proc")) == NULL) {
		tw_log_limited(TW_ERR, "Tracked processes: cannot read /proc: %s",
		    strerror(errno));
		scan_again(all, SCAN_US);
		return;
	}
	for (int i = 0; i < SCAN_SLICE;) {
		const struct dirent *const e = readdir(all->dir);

		if (e == NULL) {
			scan_end(all);
			return;
		}
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		pid_look_all(all, (pid_t)atoi(e->d_name));
		i++;
	}
	scan_again(all, 0);
}

/* --- the connector --- */

static void
connector_close(struct vr_processes *all)
{
	if (all->connector < 0)
		return;
	event_del(&all->told);
	vr_connector_close(all->connector);
	all->connector = -1;
	all->is_told = false;
}

/* Events that were lost are made up for by looking once; where there are none
 * for us, by looking from now on. */
static void
on_told(evutil_socket_t fd, short what, void *arg)
{
	struct vr_processes *const all = arg;

	(void)what;
	const int rc = vr_connector_read(fd, pid_look_all, all);
	if (rc >= 0) {
		all->is_told = all->is_told || rc == 1;
		return;
	}
	if (errno != ENOBUFS)
		connector_close(all);
	if (all->dir != NULL)
		rewinddir(all->dir);
	scan_again(all, 0);
}

/* --- all of them --- */

static const struct process_watch *
former(const struct vr_processes *old, const struct vr_track_process *conf)
{
	for (unsigned i = 0; old != NULL && i < old->n; i++) {
		const struct vr_track_process *const c = old->one[i].conf;

		if (c != NULL && strcmp(c->name, conf->name) == 0 &&
		    strcmp(c->command, conf->command) == 0)
			return &old->one[i];
	}
	return NULL;
}

static void
one_init(struct vr_processes *all, unsigned i, const struct vr_processes *old)
{
	struct process_watch *const p = &all->one[i];
	const struct process_watch *was;

	p->conf = &all->watch->conf->process[i];
	p->all = all;
	LIST_INIT(&p->members);
	evtimer_assign(&p->delay, all->watch->base, on_delay, p);
	was = former(old, p->conf);
	if (was != NULL) {
		p->result = was->result;
		p->is_quorate = was->result.good;
	}
}

struct vr_processes *
vr_processes_new(struct vr_watch *w, const struct vr_processes *old)
{
	struct vr_processes *const all = calloc(1, sizeof(*all));

	TW_ASSERT(all != NULL);
	all->watch = w;
	all->n = w->conf->n_processes;
	all->one = calloc(all->n, sizeof(*all->one));
	TW_ASSERT(all->one != NULL);
	for (unsigned i = 0; i < all->n; i++) {
		if (vr_watch_wants(w->conf, VR_TRACK_PROCESS, i))
			one_init(all, i, old);
	}
	evtimer_assign(&all->scan, w->base, on_scan, all);
	all->connector = vr_connector_open();
	if (all->connector >= 0) {
		event_assign(&all->told, w->base, all->connector, EV_READ | EV_PERSIST,
		    on_told, all);
		event_add(&all->told, NULL);
	}
	scan_again(all, 0);
	return all;
}

void
vr_processes_free(struct vr_processes **pall)
{
	struct vr_processes *const all = *pall;

	if (all == NULL)
		return;
	connector_close(all);
	event_del(&all->scan);
	if (all->dir != NULL)
		closedir(all->dir);
	for (unsigned i = 0; i < all->n; i++) {
		struct process_watch *const p = &all->one[i];

		if (p->conf == NULL)
			continue;
		event_del(&p->delay);
		while (!LIST_EMPTY(&p->members))
			member_free(LIST_FIRST(&p->members));
	}
	free(all->one);
	free(all);
	*pall = NULL;
}

const struct vr_result *
vr_processes_result(const struct vr_processes *all, unsigned index)
{
	return &all->one[index].result;
}

void
vr_processes_text(
    const struct vr_processes *all, unsigned index, char *buf, size_t size)
{
	const struct process_watch *const p = &all->one[index];

	if (p->conf != NULL)
		snprintf(buf, size, "%u run, %u to %u wanted; processes are %s",
		    (unsigned)p->n, p->conf->quorum, p->conf->quorum_max,
		    all->is_told ? "told by the kernel" : "looked for");
}
