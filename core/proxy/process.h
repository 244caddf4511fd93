/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/process.h - numbers of the whole process, for tw_process_info().
 *
 * core/run may fill in what only it knows; the rest is taken, summed and
 * sampled in stats.c.
 */
#ifndef TW_PROXY_PROCESS_H
#define TW_PROXY_PROCESS_H

#include "core/proxy/live.h"

struct tw__process {
	/* By core/run, at any time. */
	_Atomic uint32_t maxsock; /* 0: ulimit_n */
	_Atomic uint32_t idle_pct, n_tasks;
	/* By stats.c. */
	_Atomic uint64_t start_ms; /* monotonic; of the first publication */
	_Atomic uint32_t maxconn;
	_Atomic uint64_t kept_conns, kept_req; /* of proxies that are gone */
	struct tw__rate sess, conn, bytes_out;
	/* By runtime.c. */
	_Atomic uint32_t conn_limit, sess_limit; /* a second; 0: none */
	_Atomic uint64_t window; /* second << 32 | connections accepted in it */
	uint32_t maxconn_conf;   /* configured when maxconn was set; control */
	uint32_t conn_limit_conf, sess_limit_conf; /* the same */
	_Atomic bool stopping;
	/* By compressed.c. */
	_Atomic uint64_t comp_in, comp_out, comp_memory;
	_Atomic uint64_t comp_limit, comp_memory_limit; /* 0: none */
	_Atomic uint64_t comp_second; /* of the two below */
	_Atomic uint64_t comp_now, comp_before; /* taken in that second, and in the
						 * one before it */
	uint64_t comp_limit_conf; /* configured when comp_limit was set; control */
	struct tw__rate comp_in_rate, comp_out_rate;
};

extern struct tw__process tw__process;

/** tw__counters_init - room for the modules' own counters; once. */
void tw__counters_init(void);
/** tw__process_published - takes what the generation says of the process. */
void tw__process_published(const struct tw_gen *gen);
/** tw__maxconn_follow - the limit that a generation says; one that an operator
 * has set stays until the configured one changes. control. */
void tw__maxconn_follow(uint32_t configured);
/** tw__rates_follow - the same for connections and sessions a second. control. */
void tw__rates_follow(uint32_t connections, uint32_t sessions);
/** tw__rate_admits - whether another connection may be accepted in this second,
 * and counts it. context: worker, before each accept while a limit is set. */
bool tw__rate_admits(void);
/** tw__rate_return - nobody was there to be accepted. */
void tw__rate_return(void);
static inline bool
tw__rate_is_limited(void)
{
	return atomic_load_explicit(&tw__process.conn_limit, memory_order_relaxed) !=
	    0 ||
	    atomic_load_explicit(&tw__process.sess_limit, memory_order_relaxed) != 0;
}
/** tw__process_keep - counts a frontend that is about to go. control. */
void tw__process_keep(const struct tw__side_live *s);

#endif
