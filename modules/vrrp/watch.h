/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * watch.h - what is tracked: scripts, processes, files; and programs to run.
 *
 * A watch turns the world into struct vr_result and calls back when it
 * changes. Nothing here blocks: programs are forked, waited for by SIGCHLD,
 * and killed (their whole process group) when they outrun their time; a
 * script that still runs is never started a second time. A check that cannot
 * run (missing, not executable, exit 126 or 127, no such user) counts as bad.
 * The VRRP process's one thread, on its event base.
 */
#ifndef TW_VRRP_WATCH_H
#define TW_VRRP_WATCH_H

#include "router.h"

struct event_base;

struct vr_watch; /* one script, process or file; or all of a configuration */

/* in: kind and index in the configuration's table; the result is borrowed until
 * the watch is freed. */
typedef void vr_watch_changed(void *arg, enum vr_track_kind kind, unsigned index,
    const struct vr_result *result);

/** vr_watch_new - starts watching all scripts, processes and files of a
 * configuration that something tracks. `changed` is called from the event loop
 * only. in: conf, borrowed until vr_watch_free; old, results of equally named
 * things that did not change are kept (reload); NULL: none. */
struct vr_watch *vr_watch_new(struct event_base *base, const struct vr_conf *conf,
    const struct vr_watch *old, vr_watch_changed *changed, void *arg,
    struct tw_err *err);
void vr_watch_free(struct vr_watch **w);
/** vr_watch_result - the present one; `known` is false before the first. */
const struct vr_result *vr_watch_result(const struct vr_watch *w,
    enum vr_track_kind kind, unsigned index);
/** vr_watch_text - for dumps: last exit status, rise and fall so far, times run. */
void vr_watch_text(const struct vr_watch *w, enum vr_track_kind kind, unsigned index,
    char *buf, size_t size);

/* --- programs: spawn.c --- */

#define VR_STILL_RUNNING (-1)
/* in: status, as of wait(2). A program that outruns its time is told of twice:
 * at once, with VR_STILL_RUNNING, and when it is gone. The child is no more
 * after a call with any other status. */
typedef void vr_spawn_done(void *arg, int status, bool timed_out);
struct vr_child;
/** vr_spawn_init - handles SIGCHLD on the base; once. */
int vr_spawn_init(struct event_base *base, struct tw_err *err);
/** vr_spawn_fini - checks that still run are killed; other programs go on. */
void vr_spawn_fini(void);
/** vr_spawn - runs a program in its own process group, standard streams on
 * /dev/null, without our descriptors, capabilities, signals, priority. in:
 * extra, arguments appended (NULL-terminated; NULL: none); timeout_us, 0: none, and
 * it may outlive this process; done, NULL: nobody asks; never called from
 * within vr_spawn. returns: NULL with err when it cannot fork. */
struct vr_child *vr_spawn(const struct vr_command *cmd, const char *const *extra,
    uint64_t timeout_us, vr_spawn_done *done, void *arg, struct tw_err *err);
/** vr_spawn_forget - `done` is not called any more; the program goes on,
 * or (is_unwanted) is killed with its process group. */
void vr_spawn_forget(struct vr_child *c, bool is_unwanted);
/** vr_spawn_end - the same, by SIGTERM: it may put its things in order. */
void vr_spawn_end(struct vr_child *c);

/* --- notify scripts and FIFOs: notify.c --- */

struct vr_notifier;
/** vr_notifier_new - makes the FIFOs and starts their scripts. in: conf, borrowed
 * during the call. errors: a FIFO cannot be made. */
struct vr_notifier *vr_notifier_new(struct event_base *base, const struct vr_conf *conf,
    struct tw_err *err);
/** vr_notifier_free - closes the FIFOs, ends their scripts; what is queued is run
 * still (a reload), unless vr_notifier_drain() came before. */
void vr_notifier_free(struct vr_notifier **n);
/** vr_deleted_word - what is told of one that a reload removes. */
const char *vr_deleted_word(const struct vr_notify *what);
/** vr_notify - tells scripts and FIFOs of a change, in order: scripts of one
 * name run one after the other, and its `notify` last. in: type, "INSTANCE" or
 * "GROUP"; what, borrowed during the call; state as keepalived writes it:
 * MASTER, BACKUP, FAULT, STOP, DELETED; MASTER_RX_LOWER_PRI (its own script and
 * the FIFOs), MASTER_PRIORITY, BACKUP_PRIORITY (the FIFOs, where wanted). */
void vr_notify(struct vr_notifier *n, const char *type, const char *name,
    const struct vr_notify *what, const char *state, unsigned priority);
/** vr_notifier_drain - waits until all have run; at stop. in: deadline_us,
 * monotonic. */
void vr_notifier_drain(struct vr_notifier *n, uint64_t deadline_us);

#endif
