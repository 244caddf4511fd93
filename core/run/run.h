/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/run.h - the process: start, signals, master, end.
 *
 * One struct tw__run holds what the command line said and what was built from
 * it; it belongs to start-up and the control thread.
 */
#ifndef TW_RUN_RUN_H
#define TW_RUN_RUN_H

#include <sys/types.h>

#include "core/run/gen.h"
#include "core/run/options.h"

#define TW__MAX_THREADS 256

struct tw__run {
	struct tw__options opt;
	const char *program;   /* borrow: argv[0] */
	struct tw_gen *first;  /* the generation to start with; owns until started */
	int ready_fd;          /* -D: the parent waits on it; -1: nobody */
	int report_fd;         /* the master waits on it; -1: no master */
	int end_signal;        /* the signal that ended the run; 0: none */
	bool daemon, master, quiet;
	bool is_confined;      /* user, group or root were changed */
	struct tw__explain *explain; /* owns; NULL: something else is done */
};

/* What a worker process tells its master, one byte each. */
#define TW__TELL_READY 'R'     /* traffic flows */
#define TW__TELL_RELOADING 'L' /* a reload began */
#define TW__TELL_RELOADED 'O'  /* the new configuration is in force */
#define TW__TELL_REFUSED 'E'   /* the old one goes on */
#define TW__TELL_STOPPING 'S'  /* clients were told: what modules hold may move */
#define TW__TELL_SOCKETS 'F'   /* the listening sockets follow (handover.h) */

/* global.c */
int tw__global_register(struct tw_err *err);
void tw__global_defaults(struct tw__global *g);
/** tw__global_head_max - head_max from bufsize and maxrewrite. */
void tw__global_head_max(struct tw__global *g);

/* tune_kw.c */
int tw__tune_register(struct tw_err *err);
extern bool tw__local_peer_given; /* -L; set at start-up */

/* prescan.c */
/** tw__prescan - finds module-path and module-load in the files. in: arena,
 * for the names. Files that cannot be read are left to the parser. */
struct tw__module_choice;
void tw__prescan(char *const *files, int n_files, struct tw_arena *arena,
    struct tw__module_choice *choice);

/* show.c */
/** tw__chains_print - -T. */
void tw__chains_print(FILE *to, struct tw_gen *gen);

/* gen.c */
/** tw__gen_overrides - what of the command line is stronger than files. */
struct tw__options;
void tw__gen_overrides(const struct tw__options *o);
/** tw__gens_end - stops and frees all generations. context: control, once the
 * worker threads have ended. */
void tw__gens_end(void);

/* boot.c */
/** tw__boot_run - brings the worker process up, runs it until it is told to
 * stop, and brings it down. returns: the exit status. */
int tw__boot_run(struct tw__run *run);
/** tw__boot_ready - traffic flows: whoever waits for that is told, and the
 * processes of -sf and -st get their signal. */
void tw__boot_ready(struct tw__run *run);
/** tw__run_end - ends the process: with `status`, or by the signal that ended
 * the run, as HAProxy does. */
void tw__run_end(const struct tw__run *run, int status)
    __attribute__((noreturn));

/* signals.c */
/** tw__signals_up - from now on signals are served. context: control. */
int tw__signals_up(struct tw__run *run, struct tw_err *err);
void tw__signals_down(void);
/** tw__tell_master - one TW__TELL_ byte; nothing without a master. */
void tw__tell_master(const struct tw__run *run, char what);
/** tw__lend_sockets - the master gets the listening sockets, to keep for this
 * process's successor; nothing without a master. context: control. */
void tw__lend_sockets(const struct tw__run *run);
/** tw__signals_hold - they wait, while the process comes up. */
void tw__signals_hold(bool hold);
/** tw__signals_default - as a fresh process has them, SIGPIPE ignored. */
void tw__signals_default(void);
/** tw__reload - builds, checks, starts and publishes a new generation from
 * the files; the old one goes on when anything is wrong. context: control.
 * returns: 0, or -1: told. */
int tw__reload(struct tw__run *run);

/* master.c */
/** tw__master_run - supervises a worker process. returns: exit status. */
int tw__master_run(struct tw__run *run);

/* process.c */
/** tw__processes_start - forks the modules' own processes. context: before
 * privileges are dropped and before threads. */
int tw__processes_start(struct tw_gen *gen, struct tw_err *err);
/** tw__processes_reaped - one ended: told, and due again after a pause.
 * returns: false when the pid is not of ours. */
bool tw__processes_reaped(pid_t pid, int status);
/** tw__processes_due - starts those whose pause is over. returns: ms until the
 * next; -1: none waits. */
int tw__processes_due(struct tw_gen *gen);
void tw__processes_stop(void);
/** tw__processes_end_begin - they are told to end, before traffic does: what
 * they hold for it (an address) moves first. tw__processes_stop() follows. */
void tw__processes_end_begin(void);
/** tw__processes_any - modules have processes of their own. */
bool tw__processes_any(void);
/** tw__processes_in_worker - a forked worker lets go of the modules' ends. */
void tw__processes_in_worker(void);

/* daemon.c */
/** tw__daemonize - double fork; the first process waits until the daemon told
 * how it went and exits so. out: ready_fd. returns in the daemon only. */
int tw__daemonize(int *ready_fd, struct tw_err *err);
/** tw__daemon_detach - lets go of the terminal: messages go to the log only. */
void tw__daemon_detach(void);
/** tw__daemon_ready - detaches, and the waiting process may exit 0. */
void tw__daemon_ready(int *ready_fd);

/* privileges.c */
/** tw__privileges_drop - chroot, group, user, in this order. */
int tw__privileges_drop(const struct tw__global *g, struct tw_err *err);

/* pidfile.c */
/** tw__pidfile_write - this process's number. in: path NULL: nothing to do. */
int tw__pidfile_write(const char *path, struct tw_err *err);

/* notify.c */
/** tw__notify - one message to systemd; nothing when NOTIFY_SOCKET is not
 * set. in: text as sd_notify(3) has it. */
void tw__notify(const char *fmt, ...) TW_PRINTF(1, 2);
/** tw__notify_reloading - with the time that Type=notify-reload wants. */
void tw__notify_reloading(void);

#endif
