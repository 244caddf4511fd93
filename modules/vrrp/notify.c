/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * notify.c - scripts and FIFOs that are told of changes, in order.
 *
 * Each instance and each group has a queue: its scripts run one after the
 * other, so that BACKUP is never overtaken by MASTER. One that takes longer
 * than PATIENCE is left running and no longer waited for. FIFOs get their
 * line at once. What is queued has its own copy of the command, because a
 * reload may take the configuration away. source: keepalived.conf(5).
 */
#include "config.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/worker.h>

#include "fifo.h"

#define PATIENCE_S 30
#define MAX_QUEUED 1000 /* of one name; more than that is never caught up */
#define MAX_LINE 4096   /* PIPE_BUF: written whole or not at all */

struct job {
	STAILQ_ENTRY(job) link;
	struct vr_command *cmd; /* owns */
	char *extra[5];         /* owns; NULL-terminated */
};

/* What one instance or group has still to be told. */
struct line {
	LIST_ENTRY(line) link;
	struct vr_notifier *of;
	char *type, *name; /* owns */
	STAILQ_HEAD(, job) jobs;
	unsigned n_jobs;
	struct vr_child *child; /* of the job that runs; NULL: none */
	struct event patience;
};

struct vr_notifier {
	struct event_base *base; /* borrow */
	LIST_HEAD(, line) lines;
	struct vr_fifo *fifo, *vrrp_fifo; /* owns; NULL: none */
	bool is_leaving;                  /* frees itself when idle */
};

/* --- jobs --- */

static void
job_free(struct job *j)
{
	for (unsigned i = 0; i < TW_N_ELEMENTS(j->extra); i++)
		free(j->extra[i]);
	free(j->cmd);
	free(j);
}

static char *
text_dup(const char *z)
{
	char *const copy = strdup(z);

	TW_ASSERT(copy != NULL);
	return copy;
}

static struct job *
job_new(const struct vr_command *cmd)
{
	struct job *const j = calloc(1, sizeof(*j));

	TW_ASSERT(j != NULL);
	j->cmd = vr_command_copy(cmd);
	return j;
}

/* `notify` is told what happened. */
static struct job *
job_new_told(const struct vr_command *cmd, const struct line *l, const char *state,
    unsigned priority)
{
	struct job *const j = job_new(cmd);
	char text[16];

	snprintf(text, sizeof(text), "%u", priority);
	j->extra[0] = text_dup(l->type);
	j->extra[1] = text_dup(l->name);
	j->extra[2] = text_dup(state);
	j->extra[3] = text_dup(text);
	return j;
}

/* --- queues --- */

static void line_next(struct line *l);

static bool
is_idle(const struct line *l)
{
	return l->child == NULL && STAILQ_EMPTY(&l->jobs);
}

static bool
is_all_idle(const struct vr_notifier *n)
{
	const struct line *l;

	LIST_FOREACH(l, &n->lines, link) {
		if (!is_idle(l))
			return false;
	}
	return true;
}

static void
line_free(struct line *l)
{
	struct job *j;

	LIST_REMOVE(l, link);
	event_del(&l->patience);
	if (l->child != NULL)
		vr_spawn_forget(l->child, false);
	while ((j = STAILQ_FIRST(&l->jobs)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->jobs, link);
		job_free(j);
	}
	free(l->type);
	free(l->name);
	free(l);
}

static void
notifier_end(struct vr_notifier *n)
{
	while (!LIST_EMPTY(&n->lines))
		line_free(LIST_FIRST(&n->lines));
	free(n);
}

static void
on_done(void *arg, int status, bool timed_out)
{
	struct line *const l = arg;

	(void)timed_out;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		tw_log(TW_WARNING, "%s %s: a notify script ended with %s %d", l->type,
		    l->name, WIFEXITED(status) ? "status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	l->child = NULL;
	event_del(&l->patience);
	line_next(l);
}

static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct line *const l = arg;

	(void)fd;
	(void)what;
	tw_log(TW_WARNING,
	    "%s %s: a notify script has been running for %d s; it is not waited for",
	    l->type, l->name, PATIENCE_S);
	vr_spawn_forget(l->child, false);
	l->child = NULL;
	line_next(l);
}

static void
job_run(struct line *l, const struct job *j)
{
	const struct timeval patience = { PATIENCE_S, 0 };
	struct tw_err err = { "" };

	l->child = vr_spawn(j->cmd, (const char *const *)j->extra, 0, on_done, l, &err);
	if (l->child != NULL)
		event_add(&l->patience, &patience);
	else
		tw_log(TW_ERR, "%s %s: notify: %s", l->type, l->name, err.text);
}

/* The next job, if none runs. It may be the last of a notifier that leaves. */
static void
line_next(struct line *l)
{
	struct job *j;

	while (l->child == NULL && (j = STAILQ_FIRST(&l->jobs)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->jobs, link);
		l->n_jobs--;
		job_run(l, j);
		job_free(j);
	}
	if (l->of->is_leaving && is_all_idle(l->of))
		notifier_end(l->of);
}

static struct line *
line_of(struct vr_notifier *n, const char *type, const char *name)
{
	struct line *l;

	LIST_FOREACH(l, &n->lines, link) {
		if (strcmp(l->type, type) == 0 && strcmp(l->name, name) == 0)
			return l;
	}
	l = calloc(1, sizeof(*l));
	TW_ASSERT(l != NULL);
	l->of = n;
	l->type = text_dup(type);
	l->name = text_dup(name);
	STAILQ_INIT(&l->jobs);
	evtimer_assign(&l->patience, n->base, on_patience, l);
	LIST_INSERT_HEAD(&n->lines, l, link);
	return l;
}

static void
line_add(struct line *l, struct job *j)
{
	if (l->n_jobs >= MAX_QUEUED) {
		tw_log_limited(TW_ERR,
		    "%s %s: too many notify scripts wait; one is lost", l->type,
		    l->name);
		job_free(j);
		return;
	}
	STAILQ_INSERT_TAIL(&l->jobs, j, link);
	l->n_jobs++;
}

/* --- telling --- */

static void
fifos_tell(struct vr_notifier *n, const char *type, const char *name, const char *state,
    unsigned priority)
{
	char line[MAX_LINE];
	const int len = snprintf(
	    line, sizeof(line), "%s \"%s\" %s %u\n", type, name, state, priority);

	if (len < 0 || (size_t)len >= sizeof(line))
		return; /* no name is that long */
	if (n->fifo != NULL)
		vr_fifo_write(n->fifo, line, (size_t)len);
	if (n->vrrp_fifo != NULL)
		vr_fifo_write(n->vrrp_fifo, line, (size_t)len);
}

static const struct vr_command *
command_of(const struct vr_notify *what, const char *state)
{
	const struct {
		const char *state;
		const struct vr_command *cmd;
	} table[] = {
		{ "MASTER", &what->master },
		{ "BACKUP", &what->backup },
		{ "FAULT", &what->fault },
		{ "STOP", &what->stop },
		{ "DELETED", &what->deleted },
		{ "MASTER_RX_LOWER_PRI", &what->master_rx_lower_pri },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(table); i++) {
		if (strcmp(table[i].state, state) == 0)
			return table[i].cmd;
	}
	return NULL;
}

static bool
is_priority(const char *state)
{
	return strcmp(state, "MASTER_PRIORITY") == 0 ||
	    strcmp(state, "BACKUP_PRIORITY") == 0;
}

const char *
vr_deleted_word(const struct vr_notify *what)
{
	return what->tells_deleted ? "DELETED" : "FAULT";
}

void
vr_notify(struct vr_notifier *n, const char *type, const char *name,
    const struct vr_notify *what, const char *state, unsigned priority)
{
	const struct vr_command *const cmd = command_of(what, state);

	if (is_priority(state) && !what->priority_changes)
		return;
	fifos_tell(n, type, name, state, priority);
	if (cmd == NULL)
		return;
	struct line *const l = line_of(n, type, name);
	if (cmd->argv != NULL)
		line_add(l, job_new(cmd));
	if (what->any.argv != NULL && cmd != &what->master_rx_lower_pri)
		line_add(l, job_new_told(&what->any, l, state, priority));
	line_next(l);
}

/* --- life --- */

static int
fifo_open(struct vr_notifier *n, struct vr_fifo **f, const struct vr_fifo_conf *conf,
    struct tw_err *err)
{
	if (conf->path == NULL)
		return 0;
	*f = vr_fifo_new(n->base, conf, err);
	return *f != NULL ? 0 : -1;
}

struct vr_notifier *
vr_notifier_new(struct event_base *base, const struct vr_conf *conf, struct tw_err *err)
{
	const struct vr_globals *const g = &conf->global;
	struct vr_notifier *n = calloc(1, sizeof(*n));

	TW_ASSERT(n != NULL);
	n->base = base;
	LIST_INIT(&n->lines);
	if (fifo_open(n, &n->fifo, &g->notify_fifo, err) != 0 ||
	    fifo_open(n, &n->vrrp_fifo, &g->vrrp_fifo, err) != 0)
		vr_notifier_free(&n);
	return n;
}

void
vr_notifier_free(struct vr_notifier **pn)
{
	struct vr_notifier *const n = *pn;

	*pn = NULL;
	if (n == NULL)
		return;
	vr_fifo_free(&n->fifo);
	vr_fifo_free(&n->vrrp_fifo);
	n->is_leaving = true;
	if (is_all_idle(n))
		notifier_end(n);
}

static void
jobs_drop(struct vr_notifier *n)
{
	if (!is_all_idle(n))
		tw_log(TW_WARNING, "notify scripts still run; they are not waited for");
	while (!LIST_EMPTY(&n->lines))
		line_free(LIST_FIRST(&n->lines));
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

void
vr_notifier_drain(struct vr_notifier *n, uint64_t deadline_us)
{
	const uint64_t now = tw_now_us();
	const uint64_t left = deadline_us > now ? deadline_us - now : 0;
	const struct timeval tv = { (time_t)(left / 1000000),
		(suseconds_t)(left % 1000000) };
	bool is_late = false;
	struct event deadline;

	evtimer_assign(&deadline, n->base, on_deadline, &is_late);
	event_add(&deadline, &tv);
	while (!is_late && !is_all_idle(n))
		event_base_loop(n->base, EVLOOP_ONCE);
	event_del(&deadline);
	jobs_drop(n);
}
