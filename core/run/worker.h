/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/worker.h - the inside of a worker.
 */
#ifndef TW_RUN_WORKER_H
#define TW_RUN_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include <tideway/err.h>
#include <tideway/worker.h>

#define TW__WHEEL_LEVELS 5
#define TW__WHEEL_SLOTS 64

/* A hierarchical timing wheel; level l has slots of 64^l ms. */
struct tw__wheel {
	uint64_t now_ms;                        /* all before it has fired */
	uint64_t used[TW__WHEEL_LEVELS];        /* bit: slot not empty */
	struct tw_timer *slot[TW__WHEEL_LEVELS][TW__WHEEL_SLOTS];
};

/* A pool of equal blocks: a free list that keeps what recent use needed. */
struct tw__pool {
	void *free;      /* singly linked through the first word */
	uint32_t n_free, n_used, size;
	uint32_t least;  /* the fewest free since the last trim */
	void (*fini)(void *block); /* for what a free block owns; NULL: nothing */
};

#define TW__POOL_KEEP 64u /* free blocks that a pool may always hold */

struct tw__net;  /* core/net: this worker's part */
struct tw__flow; /* core/flow: this worker's part */
struct tw__logw; /* core/expr or proxy: this worker's log buffer */

extern _Atomic unsigned tw__stopping; /* core/net/drain.c */
/* busy-polling: worker threads never sleep. shared: set on publication. */
extern _Atomic bool tw__busy_polling;

#define TW_WORKER_MAGIC 0x5457574bu

struct tw_worker {
	uint32_t magic;
	int id;                     /* 0: control */
	pthread_t thread;
	struct event_base *base;    /* owns */
	struct tw__wheel wheel;
	struct event wheel_event;
	uint64_t wheel_armed_ms;    /* UINT64_MAX: not armed */
	uint64_t now_us;            /* at this loop turn; 0: stale */
	uint64_t wall_offset_us;    /* wall = now + offset, refreshed each second */
	uint64_t wall_checked_us;
	struct tw__post *_Atomic posts; /* shared: pushed by anyone, newest first */
	struct tw__post *taken;     /* of these, by the worker itself: oldest first */
	int post_fd;                /* eventfd; wakes the loop */
	struct event post_event;
	_Atomic bool post_armed;    /* a wake-up is under way */
	_Atomic uint32_t conns;     /* client connections now */
	_Atomic bool stop;
	struct tw__net *net;
	struct tw__flow *flow;
	struct tw__logw *log;
	char *block;                /* the modules' worker blocks */
	struct tw__turn_hook *turn_hooks;
	/* shared: written by its thread; for reports */
	uint64_t n_loops, n_accepted;
	uint64_t cpu_us, sampled_us; /* when cpu_pct was taken; control */
	_Atomic uint32_t cpu_pct;    /* shared: of the last second */
} __attribute__((aligned(64)));

/* Run at the end of each loop turn (log flushing, deferred work). */
struct tw__turn_hook {
	struct tw__turn_hook *next;
	void (*fn)(struct tw_worker *w, void *arg);
	void *arg;
};

/** tw__workers_init - makes the control worker on the calling thread and `n`
 * traffic workers, not yet running. block_bytes: size of the modules' block. */
int tw__workers_init(int n, size_t block_bytes, struct tw_err *err);
/** tw__workers_start - starts the threads of workers 1..n; `up` runs first on
 * each, `down` last (worker 0 included, by tw__worker_run). */
int tw__workers_start(int (*up)(struct tw_worker *), void (*down)(struct tw_worker *),
    struct tw_err *err);
/** tw__worker_run - the control worker's loop; returns after tw__workers_stop. */
void tw__worker_run(struct tw_worker *w);
/** tw__worker_poll - one turn of a loop on the calling thread, as that worker: what
 * is ready now. tw__worker_skip - its clock goes on to the next timer, which
 * fires. returns: false: none is set. Both leave the clock where it is: time
 * passes by skips alone. context: explain; no threads. */
void tw__worker_poll(struct tw_worker *w);
/** tw__worker_forget - messages to this worker with that function and argument are
 * not delivered: what they were about ends. context: the worker itself. */
void tw__worker_forget(tw_post_fn *fn, const void *arg);
/** tw__worker_messages - on the calling thread, as that worker. context: explain. */
void tw__worker_messages(struct tw_worker *w);
bool tw__worker_skip(struct tw_worker *w);
/** tw__worker_skip_until - the same if a timer is due by then; else the clock alone
 * goes on to that time. returns: whether one fired. */
bool tw__worker_skip_until(struct tw_worker *w, uint64_t until_us);
/** tw__workers_stop - asks all loops to end. context: any. */
void tw__workers_stop(void);
/** tw__workers_wait - after tw__worker_run: until all threads have ended. */
void tw__workers_wait(void);
/** tw__workers_join - the same, and frees all. */
void tw__workers_join(void);
/** tw__workers_cpu_us - CPU time of all traffic workers so far; samples how busy
 * each of them is. control. */
uint64_t tw__workers_cpu_us(void);
/** tw__worker_cpu_pct - how busy it was, when that was sampled last. any. */
uint32_t tw__worker_cpu_pct(const struct tw_worker *w);
void tw__turn_hook_add(struct tw_worker *w, struct tw__turn_hook *h);
void tw__turn_hook_del(struct tw_worker *w, struct tw__turn_hook *h);

extern __thread struct tw_worker *tw__self;

void tw__wheel_init(struct tw__wheel *wh, uint64_t now_ms);
/** tw__wheel_next - ms of the next slot to look at; UINT64_MAX: none. */
uint64_t tw__wheel_next(const struct tw__wheel *wh);
/** tw__wheel_advance - fires what is due up to now_ms. */
void tw__wheel_advance(struct tw__wheel *wh, uint64_t now_ms);
void tw__wheel_link(struct tw__wheel *wh, struct tw_timer *t);
void tw__wheel_unlink(struct tw__wheel *wh, struct tw_timer *t);

#endif
