/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * watch.c - everything that a configuration tracks and that lies outside.
 *
 * What nothing tracks is not watched, as keepalived does it. The three kinds
 * have a file each; this one starts them, finds what a former configuration
 * knew of them, and answers questions. The VRRP process's one thread.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "watch_int.h"

static bool
has_track(
    const struct vr_track *track, unsigned n, enum vr_track_kind kind, unsigned index)
{
	for (unsigned i = 0; i < n; i++) {
		if (track[i].kind == kind && track[i].index == index)
			return true;
	}
	return false;
}

bool
vr_watch_wants(const struct vr_conf *conf, enum vr_track_kind kind, unsigned index)
{
	for (unsigned i = 0; i < conf->n_instances; i++) {
		const struct vr_instance *const in = &conf->instance[i];

		if (has_track(in->track, in->n_tracks, kind, index))
			return true;
	}
	for (unsigned i = 0; i < conf->n_groups; i++) {
		const struct vr_group *const g = &conf->group[i];

		if (has_track(g->track, g->n_tracks, kind, index))
			return true;
	}
	return false;
}

struct timeval
vr_watch_timeval(uint64_t us)
{
	return (struct timeval){ (time_t)(us / 1000000), (suseconds_t)(us % 1000000) };
}

static const struct vr_script_watch *
script_of(const struct vr_watch *w, const char *name)
{
	for (unsigned i = 0; w != NULL && i < w->conf->n_scripts; i++) {
		if (w->script[i].conf != NULL &&
		    strcmp(w->script[i].conf->name, name) == 0)
			return &w->script[i];
	}
	return NULL;
}

static void
scripts_start(struct vr_watch *w, const struct vr_watch *old)
{
	w->script = calloc(w->conf->n_scripts + 1, sizeof(*w->script));
	TW_ASSERT(w->script != NULL);
	for (unsigned i = 0; i < w->conf->n_scripts; i++) {
		struct vr_script_watch *const s = &w->script[i];

		if (!vr_watch_wants(w->conf, VR_TRACK_SCRIPT, i))
			continue;
		s->watch = w;
		s->conf = &w->conf->script[i];
		s->index = i;
		vr_script_start(s, script_of(old, s->conf->name));
	}
}

static bool
any_wanted(const struct vr_conf *conf, enum vr_track_kind kind, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (vr_watch_wants(conf, kind, i))
			return true;
	}
	return false;
}

struct vr_watch *
vr_watch_new(struct event_base *base, const struct vr_conf *conf,
    const struct vr_watch *old, vr_watch_changed *changed, void *arg,
    struct tw_err *err)
{
	struct vr_watch *w = calloc(1, sizeof(*w));

	TW_ASSERT(w != NULL);
	*w = (struct vr_watch){ base, conf, changed, arg, NULL, NULL, NULL };
	scripts_start(w, old);
	if (any_wanted(conf, VR_TRACK_PROCESS, conf->n_processes))
		w->processes = vr_processes_new(w, old != NULL ? old->processes : NULL);
	if (any_wanted(conf, VR_TRACK_FILE, conf->n_files) &&
	    (w->files = vr_files_new(w, err)) == NULL)
		vr_watch_free(&w);
	return w;
}

void
vr_watch_free(struct vr_watch **pw)
{
	struct vr_watch *const w = *pw;

	if (w == NULL)
		return;
	for (unsigned i = 0; i < w->conf->n_scripts; i++) {
		if (w->script[i].conf != NULL)
			vr_script_stop(&w->script[i]);
	}
	vr_processes_free(&w->processes);
	vr_files_free(&w->files);
	free(w->script);
	free(w);
	*pw = NULL;
}

const struct vr_result *
vr_watch_result(const struct vr_watch *w, enum vr_track_kind kind, unsigned index)
{
	static const struct vr_result unknown;

	switch (kind) {
	case VR_TRACK_SCRIPT:
		TW_ASSERT(index < w->conf->n_scripts);
		return &w->script[index].result;
	case VR_TRACK_PROCESS:
		TW_ASSERT(index < w->conf->n_processes);
		return w->processes != NULL ? vr_processes_result(w->processes, index)
					    : &unknown;
	case VR_TRACK_FILE:
		TW_ASSERT(index < w->conf->n_files);
		return w->files != NULL ? vr_files_result(w->files, index) : &unknown;
	default:
		TW_WRONG("this is watched elsewhere");
	}
}

void
vr_watch_text(const struct vr_watch *w, enum vr_track_kind kind, unsigned index,
    char *buf, size_t size)
{
	snprintf(buf, size, "not tracked");
	if (kind == VR_TRACK_SCRIPT && w->script[index].conf != NULL)
		vr_script_text(&w->script[index], buf, size);
	else if (kind == VR_TRACK_PROCESS && w->processes != NULL)
		vr_processes_text(w->processes, index, buf, size);
	else if (kind == VR_TRACK_FILE && w->files != NULL)
		vr_files_text(w->files, index, buf, size);
}
