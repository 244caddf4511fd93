/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * script.c - check scripts: run at intervals, judged by `rise` and `fall`.
 *
 * The first result alone decides (unless init_fail says that it begins as
 * failed); afterwards it takes `rise` or `fall` results in a row. A run that
 * is not over when the next is due takes its place: there are never two.
 * Log lines are keepalived's, because people search for them.
 * source: keepalived.conf(5), 2.2.7's messages.
 */
#include "config.h"

#include <event2/event.h>
#include <string.h>
#include <sys/wait.h>

#include <tideway/log.h>

#include "spawn.h"
#include "watch_int.h"

static bool
is_good(int status, bool timed_out)
{
	return !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
failure_text(const struct vr_script_watch *s, char *buf, size_t size)
{
	if (s->timed_out)
		snprintf(buf, size, "timed_out");
	else if (WIFSIGNALED(s->status))
		snprintf(buf, size, "failed (due to signal %d)", WTERMSIG(s->status));
	else
		snprintf(buf, size, "failed (exited with status %d)",
		    WEXITSTATUS(s->status));
}

/* The result has changed: the program says which way. */
static void
change_tell(const struct vr_script_watch *s)
{
	char text[64];

	if (s->result.good) {
		tw_log(TW_NOTICE, "VRRP_Script(%s) succeeded", s->conf->name);
		return;
	}
	failure_text(s, text, sizeof(text));
	tw_log(TW_WARNING, "VRRP_Script(%s) %s", s->conf->name, text);
	if (!s->timed_out && WIFEXITED(s->status) &&
	    WEXITSTATUS(s->status) >= VR_EXIT_CANNOT_RUN)
		tw_log(TW_ERR,
		    "VRRP_Script(%s): '%s' cannot be run: is it there, and may its user "
		    "execute it?",
		    s->conf->name, s->conf->run.argv[0]);
}

static void
result_set(struct vr_script_watch *s, bool good)
{
	struct vr_watch *const w = s->watch;

	s->result = (struct vr_result){ .known = true, .good = good };
	s->in_row = 0;
	change_tell(s);
	w->changed(w->arg, VR_TRACK_SCRIPT, s->index, &s->result);
}

static void
judge(struct vr_script_watch *s, bool good)
{
	if (!s->result.known) {
		result_set(s, good);
		return;
	}
	if (good == s->result.good) {
		s->in_row = 0;
		return;
	}
	if (++s->in_row >= (good ? s->conf->rise : s->conf->fall))
		result_set(s, good);
}

/* in: has_exited, `status` says how; else it was killed or outran its time. */
static void
status_take(struct vr_script_watch *s, int status, bool timed_out)
{
	const bool has_exited = !timed_out && WIFEXITED(status);

	if (has_exited && s->has_status && (s->timed_out || status != s->status))
		tw_log(TW_INFO, "Script `%s` now returning %d", s->conf->name,
		    WEXITSTATUS(status));
	s->has_status = true;
	s->status = status;
	s->timed_out = timed_out;
	judge(s, is_good(status, timed_out));
}

static void
on_done(void *arg, int status, bool timed_out)
{
	struct vr_script_watch *const s = arg;

	if (status != VR_STILL_RUNNING)
		s->child = NULL;
	if (timed_out && status != VR_STILL_RUNNING)
		return; /* was counted when its time was over */
	status_take(s, status, timed_out);
}

static void
run(struct vr_script_watch *s)
{
	const uint64_t timeout =
	    s->conf->timeout_us != 0 ? s->conf->timeout_us : s->conf->interval_us;
	struct tw_err err = { "" };

	s->n_runs++;
	s->child = vr_spawn(&s->conf->run, NULL, timeout, on_done, s, &err);
	if (s->child != NULL)
		return;
	tw_log_limited(TW_ERR, "VRRP_Script(%s): %s", s->conf->name, err.text);
	status_take(s, VR_EXIT_CANNOT_RUN << 8, false);
}

static void
on_interval(evutil_socket_t fd, short what, void *arg)
{
	struct vr_script_watch *const s = arg;
	const struct timeval interval = vr_watch_timeval(s->conf->interval_us);

	(void)fd;
	(void)what;
	event_add(&s->timer, &interval);
	if (s->child == NULL)
		run(s);
}

static bool
is_same(const struct vr_script *a, const struct vr_script *b)
{
	return strcmp(a->run.text, b->run.text) == 0 && a->run.uid == b->run.uid &&
	    a->run.gid == b->run.gid && a->run.has_user == b->run.has_user;
}

static void
keep(struct vr_script_watch *s, const struct vr_script_watch *old)
{
	s->result = old->result;
	s->in_row = old->in_row;
	s->has_status = old->has_status;
	s->status = old->status;
	s->timed_out = old->timed_out;
	s->n_runs = old->n_runs;
}

void
vr_script_start(struct vr_script_watch *s, const struct vr_script_watch *old)
{
	const struct timeval now = { 0, 0 };

	if (old != NULL && is_same(s->conf, old->conf))
		keep(s, old);
	else if (s->conf->init_fail)
		s->result = (struct vr_result){ .known = true, .good = false };
	evtimer_assign(&s->timer, s->watch->base, on_interval, s);
	event_add(&s->timer, &now);
}

void
vr_script_stop(struct vr_script_watch *s)
{
	event_del(&s->timer);
	if (s->child != NULL)
		vr_spawn_forget(s->child, true);
	s->child = NULL;
}

void
vr_script_text(const struct vr_script_watch *s, char *buf, size_t size)
{
	char how[64] = "has not run yet";

	if (s->has_status && is_good(s->status, s->timed_out))
		snprintf(how, sizeof(how), "succeeded");
	else if (s->has_status)
		failure_text(s, how, sizeof(how));
	snprintf(buf, size, "%s; %u of %u towards %s; %llu runs", how, s->in_row,
	    s->result.good ? s->conf->fall : s->conf->rise,
	    s->result.good ? "failure" : "success", (unsigned long long)s->n_runs);
}
