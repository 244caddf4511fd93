/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * watch_int.h - what watch.c and the three kinds of watches share.
 */
#ifndef TW_VRRP_WATCH_INT_H
#define TW_VRRP_WATCH_INT_H

#include <event2/event_struct.h>
#include <stdio.h>

#include "watch.h"

struct vr_watch {
	struct event_base *base;         /* borrow */
	const struct vr_conf *conf;      /* borrow */
	vr_watch_changed *changed;
	void *arg;
	struct vr_script_watch *script;  /* owns: [conf->n_scripts] */
	struct vr_files *files;          /* owns; NULL: none is tracked */
	struct vr_processes *processes;  /* owns; NULL: none is tracked */
};

/** vr_watch_wants - whether an instance or a group tracks it. */
bool vr_watch_wants(const struct vr_conf *conf, enum vr_track_kind kind, unsigned index);
/** vr_watch_timeval - microseconds as libevent wants them. */
struct timeval vr_watch_timeval(uint64_t us);

/* --- script.c --- */

struct vr_script_watch {
	struct vr_watch *watch;       /* borrow */
	const struct vr_script *conf; /* borrow; NULL: not tracked */
	unsigned index;
	struct event timer;
	struct vr_child *child;       /* NULL: does not run now */
	struct vr_result result;
	unsigned in_row;              /* results against the present one */
	bool has_status;
	int status;                   /* the last one, as of wait(2) */
	bool timed_out;
	uint64_t n_runs;
};
/** vr_script_start - in: s, zeroed but for watch, conf, index; old, the same
 * script's former watch; NULL: none. */
void vr_script_start(struct vr_script_watch *s, const struct vr_script_watch *old);
void vr_script_stop(struct vr_script_watch *s);
void vr_script_text(const struct vr_script_watch *s, char *buf, size_t size);

/* --- track_file.c --- */

/** vr_files_new - returns: NULL: err. */
struct vr_files *vr_files_new(struct vr_watch *w, struct tw_err *err);
void vr_files_free(struct vr_files **f);
const struct vr_result *vr_files_result(const struct vr_files *f, unsigned index);
void vr_files_text(const struct vr_files *f, unsigned index, char *buf, size_t size);

/* --- track_process.c --- */

/** vr_processes_new - in: old, counts are kept of what did not change; NULL. */
struct vr_processes *vr_processes_new(struct vr_watch *w, const struct vr_processes *old);
void vr_processes_free(struct vr_processes **p);
const struct vr_result *vr_processes_result(const struct vr_processes *p, unsigned index);
void vr_processes_text(const struct vr_processes *p, unsigned index, char *buf,
    size_t size);

#endif
