/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/live.h - what outlives a generation: health, counters, queues.
 *
 * A live object is found by name ("fe/NAME", "be/NAME/SERVER") in one registry,
 * made when the first generation that names it starts, and freed when the last
 * is gone. Fields are atomics or under the lock that their comment names.
 */
#ifndef TW_PROXY_LIVE_H
#define TW_PROXY_LIVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <tideway/proxy.h>
#include <tideway/server_run.h>
#include <tideway/worker.h>
#include "core/net/rate.h"

/* One worker's row of counters, on cache lines of its own. Written by that
 * worker only (relaxed atomics), read by anyone. */
struct tw__cells {
	_Atomic uint64_t v[TW_N_CNT];
	/* HAProxy's sliding averages over 1024 requests, and their maxima. */
	_Atomic uint64_t time_sum[4];  /* queue, connect, response, total */
	_Atomic uint32_t time_max[4];
	_Atomic uint32_t time_n[4];    /* how many went in, up to 1024 */
	_Atomic uint32_t idle;         /* server: this worker's idle connections */
} __attribute__((aligned(64)));

/* One worker's row of a histogram; as cells. */
struct tw__histogram {
	_Atomic uint64_t n[TW_HISTOGRAM_BUCKETS];
	_Atomic uint64_t sum_ms;
} __attribute__((aligned(64)));

/* Per-second rates, sampled by the control thread once a second. */
struct tw__rate {
	uint64_t last_total;
	_Atomic uint32_t now, max;
};

/* One side of a proxy. */
struct tw__side_live {
	struct tw__cells *cells;         /* owns: [n_workers + 1] */
	struct tw__histogram *_Atomic histogram; /* owns: as cells; NULL: nobody asks */
	_Atomic uint32_t cur, max;       /* sessions */
	_Atomic uint64_t last_session_s; /* monotonic seconds; 0: none */
	struct tw__rate sess, conn, req;
	/* What `clear counters all` hides: the sums as they were then. Written
	 * by the control thread. */
	_Atomic uint64_t hidden[TW_N_CNT];
};

/* A waiting request; part of struct tw_req. */
struct tw__pend {
	TAILQ_ENTRY(tw__pend) link;  /* shared: queue lock */
	struct tw_req *req;
	struct tw_worker *worker;
	struct tw__queue *queue;     /* shared: queue lock; NULL: not waiting */
	struct tw__queue *home;      /* owner's worker only: where it was added */
	const struct tw_proxy *be;   /* its backend, in its own generation */
	struct tw_server *want;      /* waits for this one; NULL: for any */
	struct tw_server *granted;   /* set with the grant, before it is posted */
	uint32_t ahead_srv, ahead_be; /* served before it, for the log */
	int32_t prio_class, prio_offset_ms; /* set by rules; lower goes first */
	int64_t rank;                /* shared: queue lock; made of those, and time */
};

struct tw__queue {
	pthread_mutex_t lock;
	TAILQ_HEAD(tw__pend_list, tw__pend) list; /* lock; by rank */
	_Atomic uint32_t len, max;
	_Atomic uint64_t served;     /* dequeued so far */
	_Atomic uint64_t added;      /* queued so far */
};

struct tw__lb;

/* Set in `admin` beside TW_ADM_...: it has no address to go to. */
#define TW__ADM_NOADDR 0x80u

/* Where a server is, when that is not where its line says. */
struct tw__where {
	struct tw_addr addr;
	struct sockaddr_storage ss; /* of addr, for connect() */
	uint32_t ss_len;
	char host[];                /* the name that stands for; "": the line's */
};

struct tw_proxy_live {
	char *key;                   /* owns */
	uint32_t refs;               /* control thread */
	uint32_t number;
	struct tw__side_live fe, be;
	struct tw__queue queue;      /* the backend's */
	struct tw__lb *_Atomic balance; /* owns: servers in force; retired when replaced */
	_Atomic uint64_t changed_ms; /* when usable went to or from 0 */
	_Atomic uint64_t downtime_ms, chkdown;
	_Atomic bool down;
	_Atomic uint64_t log_count;  /* lines logged: %lc */
	_Atomic uint32_t fe_maxconn; /* in force; 0: the process's limit */
	uint32_t fe_maxconn_conf;    /* configured when that was set; control */
	_Atomic bool fe_stopped;     /* shut down until the next generation */
	struct tw__bad *bad_req, *bad_res; /* owns: bad.c's lock; NULL: none */
	struct tw__window accepted;  /* rate-limit sessions; core/net's lock */
	char *block;                 /* the modules' proxy_live blocks */
	_Atomic bool stale;          /* servers have changed since `balance` was built */
	LIST_ENTRY(tw_proxy_live) stale_link; /* control thread */
	_Atomic int n_active, n_backup;       /* usable ones */
	_Atomic uint32_t weight;     /* of the active ones */
	uint32_t n_ramps;            /* servers that grow; control */
	_Atomic int32_t trails;      /* the next so many requests get one; -1: all */
};

struct tw__bind_live {           /* a listener; the socket is in core/net */
	char *key;                   /* owns */
	uint32_t refs;
	struct tw__side_live s;
	int fd;
	struct tw_bind *_Atomic bind; /* its configuration in the current generation */
	_Atomic bool paused;
	void *net;                   /* owns: core/net */
};

struct tw_server_live {
	char *key;                   /* owns */
	uint32_t refs;
	uint32_t number;             /* small and unique: index of the workers' pools */
	struct tw__side_live s;
	_Atomic uint32_t served;     /* slots taken, against maxconn */
	_Atomic uint32_t maxconn;    /* of the current generation; 0: none */
	_Atomic uint32_t pool_max, pool_purge_ms; /* the same */
	_Atomic uint32_t index;      /* the same: position in the backend; a hint */
	_Atomic bool in_use;         /* in the set that is balanced over */
	_Atomic uint32_t weight;     /* user weight in force; UINT32_MAX: as configured */
	_Atomic uint8_t health;      /* enum tw_health */
	_Atomic uint8_t admin;       /* TW_ADM_... */
	_Atomic bool checks_paused;  /* by an administrator */
	_Atomic uint64_t changed_ms;
	_Atomic uint32_t epoch;      /* raised when its address changes */
	_Atomic uint64_t gen;        /* number of the newest generation that has it */
	struct tw__queue queue;
	pthread_mutex_t lock;        /* last */
	struct tw_check_result last; /* lock */
	struct tw_server *_Atomic srv; /* its configuration in the current generation */
	char *block;                 /* the modules' server_live blocks */
	_Atomic uint32_t minconn;    /* as maxconn; 0: maxconn does not shrink */
	uint32_t counted;            /* weight in the backend's numbers; 0: not usable;
	                              * control thread */
	/* owns: NULL: where the line says; replaced whole, the former retired */
	struct tw__where *_Atomic where;
	/* Configured when an operator's value was set; UINT32_MAX: none was. */
	uint32_t maxconn_conf, weight_conf; /* control */
	bool fresh;                  /* no generation with it was published; control */
	struct tw_check_result last_agent; /* lock */
	_Atomic bool agent_down;     /* its agent says so */
	_Atomic bool agent_paused;   /* by an administrator */
	_Atomic bool ejected;        /* out of balancing for a while */
	/* slowstart: since when (0: not now), how far (1..99; 0: not now) */
	LIST_ENTRY(tw_server_live) ramp_link; /* control */
	uint64_t ramp_from_ms;       /* control */
	_Atomic uint32_t ramp_pct;
	uint32_t maxconn_full, maxconn_ramp; /* control */
	/* What an operator says until the next generation; control. */
	struct tw__said_probe {
		struct tw_addr addr; /* family 0: nothing */
		bool has_port;
		uint32_t port;
	} probe[TW_N_PROBES];
	char *agent_send;            /* owns: the same; NULL: nothing */
	char *_Atomic host;          /* owns; NULL: the line's; the former retired */
	bool hidden;                 /* not in the registry (any more); control */
};

/* bad.c: a message that broke the protocol, with its bytes. */
struct tw__bad {
	struct tw_bad_message m;
	size_t room;
	char data[];
};
/** tw__bad_keep - in: what, without event and names; other, the proxy of the
 * other side. context: worker. */
void tw__bad_keep(const struct tw_proxy *px, enum tw_side side,
    const struct tw_bad_message *what, const struct tw_proxy *other,
    const struct tw_server *srv);

/* A request begins to use a server (slot taken) and stops using it. */
/** tw__server_take - a slot, if there is one below maxconn and (unless
 * `queued`) nobody waits. context: any worker. */
bool tw__server_take(struct tw_server *srv);
/** tw__server_drop - gives the slot back, or hands it to who waits longest (the
 * server's queue first, then the backend's when the server is usable): the
 * pend's `granted` is set and tw__pend_granted(pend) is posted to its worker. */
void tw__server_drop(struct tw_server *srv);
/** tw__queue_add - waits in the server's queue (srv given) or the backend's. A slot
 * that became free meanwhile is granted at once (posted as above). */
void tw__queue_add(struct tw__pend *pend, struct tw_proxy *be, struct tw_server *srv);
/** tw__queue_cancel - leaves the queue. returns: false when a grant is already
 * on its way: its slot is the caller's and must be dropped. */
bool tw__queue_cancel(struct tw__pend *pend);
/** tw__queue_flush - a server went down or away: its waiting requests are granted
 * NULL and choose again. */
void tw__queue_flush(struct tw_server *srv);
/** tw__queue_kick - slots or servers appeared: grants what can be granted. */
void tw__queue_kick(struct tw_proxy *be);
/* Provided by core/flow: runs on the request's worker. arg: the pend. */
void tw__pend_granted(void *pend);
/* Provided by core/flow: ends the calling worker's sessions on a server. arg: its
 * struct tw_server_live. */
void tw__flow_shut_server(void *live);
/* The same because it went down, and because an active server came up. */
void tw__flow_shut_down(void *live);
void tw__flow_shut_up(void *live);
/** tw__flow_holds - whether a client of the calling worker still has to do with a
 * server that cannot be found any more; lets go of it where that is possible. in:
 * before, 0 at first; the same place again each time. */
bool tw__flow_holds(const struct tw_server *srv, const struct tw_server_live *live,
    uint64_t *before);

/** tw__balance_rebuild - servers, health or weights change: the balance state is
 * built anew before the control thread's loop turn ends, once for all changes,
 * and queues are looked at then. Called before the change, so that no worker
 * takes the state for fresh; tw__balance_count() after it. control. */
void tw__balance_rebuild(struct tw_proxy *be);
/** tw__balance_count - this server's change in the backend's numbers. control. */
void tw__balance_count(struct tw_server *srv);
/** tw__balance_moved - tells the algorithm that a server's load changed. */
void tw__balance_moved(struct tw_server *srv);

/** tw__live_tick - once a second on the control thread: rates and downtime. */
void tw__live_tick(void);
/** tw__time_add - one request's time into a sliding average. in: i, index of
 * time_sum; ms. context: worker (own cells). */
void tw__time_add(struct tw__side_live *s, int worker, int i, uint32_t ms);
/** tw__histogram_init - gets rows, if anybody asks for histograms. control. */
void tw__histogram_init(struct tw__side_live *s);
void tw__histogram_clear(struct tw__histogram *h);
/** tw__histogram_add - one request's time. context: worker (own row). */
void tw__histogram_add(struct tw__histogram *h, uint32_t ms);
/** tw__session_begin / tw__session_end - cur, max, last. context: worker. */
void tw__session_begin(struct tw__side_live *s);
void tw__session_end(struct tw__side_live *s);

static inline void
tw__cnt(struct tw__side_live *s, int worker, enum tw_cnt id, uint64_t n)
{
	_Atomic uint64_t *v = &s->cells[worker].v[id];

	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

#endif
