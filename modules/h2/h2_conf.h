/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_conf.h - what is configured of HTTP/2, and what is told of connections.
 */
#ifndef TW_H2_CONF_H
#define TW_H2_CONF_H

#include <stdatomic.h>

#include <tideway/conf.h>
#include <tideway/module.h>
#include <tideway/stats.h>

#include "h2.h"

/* A keyword's number; 0 may have been written. */
struct h2_number {
	uint32_t n;
	bool given;
};

/* One side's own; what is not given is as for both. */
struct h2_side {
	struct h2_number window, streams, total, rxbuf, glitches, frames, resets;
};

enum h2_log_errors {
	H2_LOG_CONNECTION, /* errors that end a connection */
	H2_LOG_STREAM,     /* those of single streams, too */
	H2_LOG_NONE,
};

/* One generation's. */
struct h2_gen {
	struct h2_number table_size, window, streams, frame_size, kill_busy;
	struct h2_side side[2]; /* [0]: of clients; [1]: of servers */
	uint8_t log_errors;     /* enum h2_log_errors */
	bool no_websocket;
	struct h2_limits limits[2]; /* made of these by check(); as side */
};

struct h2_gen *h2__gen_of(struct tw_gen *gen);

/** h2__busy_pct - of all threads, in the last second. */
uint32_t h2__busy_pct(void);

/* h2_conf.c */
tw_kw_set h2__set_number, h2__set_rxbuf, h2__set_log_errors, h2__set_nothing;
int h2__conf_check(struct tw_gen *gen);

/* --- counters (h2_report.c) --- */

enum h2_cnt {
#define X(id, name, column, title, help) H2_CNT_##id,
#include "counters.def"
#undef X
	H2_N_CNT
};

/* A proxy's, which outlives generations. */
struct h2_live {
	_Atomic uint64_t n[H2_N_CNT]; /* shared: atomic */
};

struct h2_carrier;

/** h2__begun - one more of them. */
void h2__begun(struct h2_carrier *c);
/** h2__told - counts what its session has seen since the last call, and logs
 * errors of streams. */
void h2__told(struct h2_carrier *c);
/** h2__ended - the same, and why it ended if that was an error. */
void h2__ended(struct h2_carrier *c);

extern const struct tw_counter h2__counters[];
extern const struct tw_stats_table h2__stats_tables[];

#endif
