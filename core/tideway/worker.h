/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * worker.h - threads, time, messages, timers.
 *
 * A worker is a thread with one libevent base; a connection lives on one
 * worker for its whole life. Worker 0 is the control thread (checks, names,
 * reload, control socket); traffic runs on workers 1..n. Workers share
 * nothing on the request path but atomics and read-only data; crossing over
 * is a message.
 */
#ifndef TIDEWAY_WORKER_H
#define TIDEWAY_WORKER_H

#include <tideway/abi.h>

struct event_base;

/** tw_worker_self - the calling thread's worker; NULL on a foreign thread. */
TW_API struct tw_worker *tw_worker_self(void);
/** tw_worker_at - worker i; 0 is the control thread, up to tw_n_workers(). */
TW_API struct tw_worker *tw_worker_at(int i);
TW_API int tw_worker_id(const struct tw_worker *w);
/** tw_n_workers - traffic workers (the control thread is not counted). */
TW_API int tw_n_workers(void);
/** tw_worker_base - its libevent base; only for use on its own thread. */
TW_API struct event_base *tw_worker_base(struct tw_worker *w);

typedef void tw_post_fn(void *arg);
/** tw_worker_post - runs fn(arg) on that worker, soon, in order of posting.
 * context: any thread. errors: out of memory panics. */
TW_API void tw_worker_post(struct tw_worker *w, tw_post_fn *fn, void *arg);
/** tw_retire - runs fn(arg) on the control thread once every worker has gone
 * through its loop: what readers without locks may still see is freed so. */
TW_API void tw_retire(tw_post_fn *fn, void *arg);

/** tw_now_ms - monotonic milliseconds; read once for each loop turn.
 * context: worker. */
TW_API uint64_t tw_now_ms(void);
/** tw_turn_us - the same reading of the clock in microseconds. */
TW_API uint64_t tw_turn_us(void);
/** tw_now_us - monotonic microseconds, read now. context: any thread. */
TW_API uint64_t tw_now_us(void);
/** tw_wall_us - microseconds since the epoch at this loop turn. */
TW_API uint64_t tw_wall_us(void);

/* A timer in a worker's timing wheel. Resolution 1 ms; setting a later
 * deadline costs one store. Embed it; zeroed is valid and not set. */
struct tw_timer {
	struct tw_timer *next, *prev;      /* wheel; NULL: not linked */
	uint64_t due_ms;                   /* when it shall fire */
	uint64_t slot_ms;                  /* when its slot is looked at */
	void (*fn)(struct tw_timer *self); /* may set it again */
};
/** tw_timer_set - (re)arms for the absolute time `due_ms`; 0 disarms.
 * context: the worker that will run it. */
TW_API void tw_timer_set(struct tw_timer *t, uint64_t due_ms);
/** tw_timer_del - unlinks; must be called before its memory is freed. */
TW_API void tw_timer_del(struct tw_timer *t);

#endif
