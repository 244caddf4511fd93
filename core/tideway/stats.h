/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * stats.h - counters, and how to read them.
 *
 * Every live proxy and server has one row of counters for each worker
 * ("cells"): a worker adds to its own with a plain add, the reader sums.
 * core/tbl/counters.def lists the core's; a module adds its own with a table.
 */
#ifndef TIDEWAY_STATS_H
#define TIDEWAY_STATS_H

#include <tideway/abi.h>

enum tw_cnt {
#define X(id, text) TW_CNT_##id,
#include <tideway/counters.def>
#undef X
	TW_N_CNT
};

/* A module's own counter, kept for the whole process. */
struct tw_counter {
	const char *name; /* "skeleton_requests_total" */
	const char *help;
};

/** tw_count - adds to the calling worker's cell of the module's i-th
 * counter. context: worker or control. */
TW_API void tw_count(const struct tw_self *self, int i, uint64_t n);
/** tw_count_sum - over all workers. context: any. */
TW_API uint64_t tw_count_sum(const struct tw_self *self, int i);

/* A table of a module's own, on the statistics page and in its JSON (CSV has
 * HAProxy's fields only). It is left out while it has no rows. */
#define TW_STATS_COLUMNS 16 /* at most */
#define TW_STATS_CELL 64    /* bytes, with the NUL */

enum tw_stats_kind {
	TW_STATS_TEXT,
	TW_STATS_NUMBER, /* decimal digits */
	TW_STATS_STATE,  /* a word, coloured as the row's look says */
};

struct tw_stats_column {
	const char *name;  /* "priority", in JSON; NULL ends the list */
	const char *title; /* "Priority", on the page */
	enum tw_stats_kind kind;
};

enum tw_stats_look {
	TW_STATS_PLAIN,
	TW_STATS_UP,
	TW_STATS_DOWN,  /* loud */
	TW_STATS_MAINT, /* somebody wanted it so */
};

struct tw_stats_row {
	enum tw_stats_look look;
	char cell[TW_STATS_COLUMNS][TW_STATS_CELL]; /* the first names the row */
};

struct tw_stats_table {
	const char *name;  /* "vrrp"; letters and digits, no two alike */
	const char *title; /* "VRRP" */
	const struct tw_stats_column *columns;
	/* Fills the i-th row, zeroed before. returns: false: there is none.
	 * context: worker; must not block. */
	bool (*row)(struct tw_gen *gen, int i, struct tw_stats_row *row);
};

/* The side of a proxy that is meant. */
enum tw_side { TW_FRONTEND, TW_BACKEND };

TW_API void tw_proxy_count(const struct tw_proxy *px, enum tw_side side,
    enum tw_cnt id, uint64_t n);
TW_API void tw_server_count(const struct tw_server *srv, enum tw_cnt id, uint64_t n);
TW_API uint64_t tw_proxy_sum(const struct tw_proxy *px, enum tw_side side, enum tw_cnt id);
TW_API uint64_t tw_server_sum(const struct tw_server *srv, enum tw_cnt id);
TW_API uint64_t tw_bind_sum(const struct tw_bind *bind, enum tw_cnt id);

/* Values that are not plain counters. */
struct tw_gauges {
	uint32_t cur, max;            /* sessions now, and the most there were */
	uint32_t limit;               /* maxconn in force; 0: none */
	uint32_t queue, queue_max;    /* waiting now, and the most */
	uint32_t rate, rate_max;      /* sessions in the last second */
	uint32_t conn_rate, conn_rate_max; /* frontend: connections */
	uint32_t req_rate, req_rate_max;   /* frontend: requests */
	uint32_t qtime_ms, ctime_ms, rtime_ms, ttime_ms; /* averages, last 1024 */
	uint32_t qtime_max_ms, ctime_max_ms, rtime_max_ms, ttime_max_ms;
	int64_t last_session_s;       /* seconds since the last one; -1: none */
	uint32_t idle;                /* server: idle connections */
};
TW_API void tw_proxy_gauges(const struct tw_proxy *px, enum tw_side side,
    struct tw_gauges *out);
TW_API void tw_server_gauges(const struct tw_server *srv, struct tw_gauges *out);
TW_API void tw_bind_gauges(const struct tw_bind *bind, struct tw_gauges *out);

/* The process, for the head of the statistics page. */
struct tw_process_info {
	int pid, n_threads;
	uint64_t uptime_s;
	uint32_t maxconn, maxsock, cur_conns, cur_sess_rate, max_sess_rate;
	uint32_t conn_rate, n_listeners, n_tasks, idle_pct;
	uint64_t cum_conns, cum_req, bytes_out_rate;
	uint64_t ulimit_n;
	const char *node, *description, *version;
	uint64_t generation; /* 1, 2, ...: reloads so far + 1 */
	uint64_t log_lost;   /* log lines that a receiver did not take */
	uint32_t hard_maxconn; /* configured: the most that maxconn may become */
	uint32_t conn_rate_limit, sess_rate_limit; /* a second; 0: none */
	uint32_t max_conn_rate;
	uint64_t bytes_out;
	bool stopping;
	uint64_t uptime_us;
	const char *released; /* "2026/01/31" */
	uint64_t heap, heap_used; /* bytes taken from the system, and in use */
	uint64_t comp_in_rate, comp_out_rate; /* compressors: bytes in the last second */
	uint64_t comp_in, comp_out;           /* so far */
	uint64_t comp_rate_limit;             /* of comp_in_rate; 0: none */
	uint64_t comp_memory, comp_memory_limit; /* bytes; 0: no limit */
};
TW_API void tw_process_info(struct tw_process_info *out);

/** tw_stats_clear - counters begin again: the maxima, or with `all` everything
 * that is summed and averaged. Rates and gauges go on. context: control. */
TW_API void tw_stats_clear(bool all);

/* The process's limits that an operator may change. context: control. */
/** tw_process_set_maxconn - returns: false: above the configured one, or 0. */
TW_API bool tw_process_set_maxconn(uint32_t n);
/** tw_process_set_rates - connections and sessions accepted in a second; 0: no
 * limit; UINT32_MAX: stays. */
TW_API void tw_process_set_rates(uint32_t connections, uint32_t sessions);

/* How long requests (mode http: Ta, else Tt) took. */
#define TW_HISTOGRAM_BUCKETS 14 /* the last one has no limit */
extern TW_API const uint32_t tw_histogram_ms[TW_HISTOGRAM_BUCKETS - 1]; /* limits, ms */
struct tw_histogram {
	uint64_t n[TW_HISTOGRAM_BUCKETS]; /* each for itself, not added up */
	uint64_t sum_ms;
};
/** tw_histograms_begin - from now on they are kept. context: start, control. */
TW_API void tw_histograms_begin(void);
/** tw_proxy_histogram, tw_server_histogram - returns: false: none is kept. */
TW_API bool tw_proxy_histogram(
    const struct tw_proxy *px, enum tw_side side, struct tw_histogram *out);
TW_API bool tw_server_histogram(const struct tw_server *srv, struct tw_histogram *out);

/* Compressors, of whatever module, share the process's limits. */
/** tw_process_compressed - they took and gave so many bytes. context: worker. */
TW_API void tw_process_compressed(uint64_t in, uint64_t out);
/** tw_process_comp_memory - they took, or gave back, so many bytes of memory.
 * returns: how many they have. */
TW_API uint64_t tw_process_comp_memory(int64_t delta);
/** tw_process_may_compress - neither bytes nor processor time are at their limit.
 * in: cpu_pct, the most the traffic threads may use; 100: no limit. */
TW_API bool tw_process_may_compress(uint32_t cpu_pct);
/** tw_process_comp_limits - as configured: bytes a second, and of memory; 0: none.
 * What an operator has set stays until the configured one changes. context:
 * start. */
TW_API void tw_process_comp_limits(uint64_t rate, uint64_t memory);
/** tw_process_set_comp_rate - by an operator. context: control. */
TW_API void tw_process_set_comp_rate(uint64_t rate);

/* Values of the process that a module knows, by their names in `show info`. */
/** tw_info_add - in: name, static. context: load. */
TW_API void tw_info_add(const char *name, uint64_t (*value)(void));
/** tw_info - returns: 0: no module knows it. context: control. */
TW_API uint64_t tw_info(const char *name);

#endif
