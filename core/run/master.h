/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/master.h - the master, as its command line (-S) sees it.
 */
#ifndef TW_RUN_MASTER_H
#define TW_RUN_MASTER_H

#include "core/run/cli.h"
#include "core/run/run.h"

struct tw__master_info {
	pid_t worker;                           /* 0: none */
	uint64_t started_ms, worker_started_ms; /* monotonic */
	unsigned reloads, failed; /* of the configuration, since the start */
	unsigned worker_reloads;  /* that the worker has seen */
	bool last_failed;
};

/* master.c */
void tw__master_info(struct tw__master_info *out);
/** tw__master_reload - as SIGUSR2; tw__master_cli_reloaded() tells the outcome.
 * returns: false: there is no worker to do it. */
bool tw__master_reload(void);
/** tw__master_session - the worker gets an end of a socket pair as a session.
 * returns: the other end, owned; -1: it has none, errno. */
int tw__master_session(enum tw_cli_level level);

/* master_cli.c */
/** tw__master_cli_up - in: the -S arguments. */
int tw__master_cli_up(
    struct event_base *base, char *const *arg, int n, struct tw_err *err);
void tw__master_cli_down(bool is_child);
/** tw__master_cli_reloaded - those who asked for a reload hear of it. */
void tw__master_cli_reloaded(bool success);

#endif
