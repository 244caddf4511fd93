/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * prom.h - metrics in Prometheus's text format: what there is to tell.
 *
 * prom_metrics.c has the tables, prom_states.c those values that are several
 * samples, prom.c walks over them. source: the exposition format 0.0.4;
 * HAProxy's exporter, for names, labels and types.
 */
#ifndef STATS_PROM_H
#define STATS_PROM_H

#include "st.h"

/* Whose metrics. */
enum prom_scope {
	PROM_GLOBAL,
	PROM_FRONTEND,
	PROM_LISTENER,
	PROM_BACKEND,
	PROM_SERVER,
	PROM_STICKTABLE,
	PROM_CERTIFICATE,
	PROM_MODULE, /* with PROM_GLOBAL; its samples have heads of their own */
	PROM_N_SCOPES
};

/* The object at hand, and where its samples go. */
struct prom_at {
	enum prom_scope scope;
	struct tw_proxy *px;
	struct tw_server *srv;
	struct tw_bind *bind;
	const struct prom_metric *metric;
	struct tw_out *out;
	const struct tw_process_info *process; /* PROM_GLOBAL */
	const struct tw_stats_row *row;        /* PROM_STICKTABLE, PROM_CERTIFICATE */
	const struct tw_self *module;          /* PROM_MODULE */
	int counter;                           /* the same: which of its own */
};

enum prom_source {
	PROM_COUNTER_CELL, /* enum tw_cnt */
	PROM_GAUGE32,      /* offset in struct tw_gauges */
	PROM_GAUGE_MS,     /* the same, told in seconds */
	PROM_OTHER,        /* write */
};

struct prom_metric {
	const char *name; /* behind "haproxy_<scope>_" */
	const char *type; /* "counter", "gauge", "histogram" */
	const char *help;
	enum prom_source source;
	size_t which;
	void (*write)(const struct prom_at *at);
	bool http; /* only of proxies in mode http */
};
/* Tables by scope, each ends with name NULL. */
extern const struct prom_metric *const prom_metrics[PROM_N_SCOPES];
extern const char *const prom_scope_names[PROM_N_SCOPES];

/* --- prom.c --- */
enum tw_verdict prom_run(struct tw_req *req, void *state);
/** prom_u64, prom_seconds, prom_nan - a whole sample. in: label and value, one
 * more; NULL: none. */
void prom_u64(const struct prom_at *at, const char *label, const char *value, uint64_t n);
void prom_i64(const struct prom_at *at, int64_t n);
void prom_seconds(const struct prom_at *at, uint64_t ms);
void prom_nan(const struct prom_at *at);
/** prom_sample - begins a sample: name, suffix and labels. */
void prom_sample(const struct prom_at *at, const char *suffix, const char *label,
    const char *value);
uint64_t prom_sum(const struct prom_at *at, enum tw_cnt id);

/* --- prom_tables.c --- */
extern const struct prom_metric prom_table_metrics[];
extern const struct prom_metric prom_certificate_metrics[];
/** prom_table_row - the i-th stick table or certificate, as its module tells it. */
bool prom_table_row(struct tw_gen *gen, enum prom_scope scope, int i,
    struct tw_stats_row *row);

/* --- prom_modules.c --- */
extern const struct prom_metric prom_module_metrics[];
/** prom_module_counter - out: at, the i-th of all modules'. */
bool prom_module_counter(int i, struct prom_at *at);

/* --- prom_states.c --- */
void prom_status(const struct prom_at *at);
void prom_responses(const struct prom_at *at);
void prom_check_status(const struct prom_at *at);
void prom_agg_server(const struct prom_at *at);
void prom_agg_check(const struct prom_at *at);
void prom_latency(const struct prom_at *at);

#endif
