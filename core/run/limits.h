/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/limits.h - descriptors, connections, memory, CPUs.
 */
#ifndef TW_RUN_LIMITS_H
#define TW_RUN_LIMITS_H

#include <tideway/err.h>

struct tw_gen;

/* What the arithmetic takes in. */
struct tw__limits_want {
	uint32_t maxconn;   /* 0: derive from the descriptors */
	uint32_t ulimit_n;  /* 0: derive from maxconn */
	uint32_t hard_n;    /* fd-hard-limit; 0: none */
	uint32_t n_threads, n_binds, n_checks, n_loggers;
	uint64_t system_n;  /* descriptors that can be had */
};

/* What it gives. */
struct tw__limits {
	uint32_t maxconn;   /* in force; at least 1 */
	uint64_t nofile;    /* descriptors to ask for */
	uint64_t maxsock;   /* descriptors that maxconn in force may need */
	uint64_t wanted_n;  /* descriptors that the wanted maxconn needs */
	bool is_short;      /* maxconn was lowered */
};

/** tw__limits_compute - pure. */
void tw__limits_compute(const struct tw__limits_want *want,
    struct tw__limits *out);
/** tw__limits_apply - computes for a generation, raises the descriptor limit,
 * sets gen->global.maxconn to what is in force and tells when that is less
 * than what was asked. in: n_threads, worker threads. context: start-up, or
 * control thread before the generation is published. */
int tw__limits_apply(struct tw_gen *gen, uint32_t n_threads, struct tw_err *err);
/** tw__limits_raise - as many descriptors as this process may have: who takes
 * over or keeps listening sockets may need a lot. context: start-up. */
void tw__limits_raise(void);
/** tw__limits_now - those in force. */
const struct tw__limits *tw__limits_now(void);
/** tw__limits_memory - -m. */
int tw__limits_memory(uint32_t megabytes, struct tw_err *err);
/** tw__usable_cpus - by the process's affinity; at least 1. */
uint32_t tw__usable_cpus(void);

#endif
