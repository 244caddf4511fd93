/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * watch.h - the watchdog: what a thread publishes while it runs Lua.
 *
 * Each thread has one cell. Entering and leaving Lua are a few plain stores; no
 * clock is read. One thread looks at the cells some 200 times a second while
 * Lua runs, sleeps while none does, and signals a thread whose entry lasts too
 * long. The handler sets a hook on the coroutine that runs, which raises an
 * error again and again until the call has ended.
 */
#ifndef TW_LUA_WATCH_H
#define TW_LUA_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

/* How long a function may run; ms of its thread's CPU; 0: as long as it likes. */
struct lu_limits {
	uint32_t soft;  /* a burst that is told of and counted */
	uint32_t hard;  /* a burst that is stopped */
	uint32_t total; /* all bursts of a call together */
	uint32_t steps; /* instructions of a call, in thousands; untrusted scripts */
};

enum lu_why { LU_WHY_BURST = 1, LU_WHY_TOTAL, LU_WHY_STEPS };

struct lu_cell {
	_Atomic uint32_t seq;              /* odd: Lua runs; the thread writes it */
	_Atomic uint32_t soft, hard, left; /* of this entry */
	_Atomic uint32_t stop;   /* the entry that shall end; the watchdog's */
	_Atomic uint32_t told;   /* the entry that lasts beyond the soft limit */
	_Atomic uint32_t why;    /* enum lu_why */
	_Atomic uint64_t charge; /* entry << 32 | ms that it was seen to run */
	lua_State *volatile L;   /* the innermost coroutine; its own thread only */
	volatile uint32_t depth; /* entries within one another */
	struct lu_cell *next;    /* of all, for ever */
	int clock, tid;          /* of the thread: clockid_t */
	/* The watchdog's own. */
	uint32_t seen;
	uint64_t seen_us;
	bool soft_said;
};

/* A handler reads it: its thread has written it before. */
extern _Thread_local struct lu_cell *lu_cell_own;
extern _Atomic bool lu_watch_sleeps;

struct lu_cell *lu_cell_new(void);
/** lu_watch_load - once for the process. */
void lu_watch_load(void);
void lu_watch_rouse(void);

static inline struct lu_cell *
lu_cell_get(void)
{
	struct lu_cell *const cell = lu_cell_own;

	return cell != NULL ? cell : lu_cell_new();
}

/** lu_watch_enter - Lua is run from here on; entries nest, the outermost one's
 * limits hold. returns: what L was before, for lu_watch_leave. */
static inline lua_State *
lu_watch_enter(
    struct lu_cell *cell, lua_State *L, const struct lu_limits *lim, uint32_t left)
{
	lua_State *const outer = cell->L;

	cell->L = L;
	if (cell->depth++ > 0)
		return outer;
	const uint32_t seq = atomic_load_explicit(&cell->seq, memory_order_relaxed);
	atomic_store_explicit(&cell->soft, lim->soft, memory_order_relaxed);
	atomic_store_explicit(&cell->hard, lim->hard, memory_order_relaxed);
	atomic_store_explicit(&cell->left, left, memory_order_relaxed);
	atomic_store_explicit(&cell->seq, seq + 1, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&lu_watch_sleeps, memory_order_relaxed))
		lu_watch_rouse();
	return outer;
}

/** lu_watch_leave - returns: ms that the watchdog saw it run. */
uint32_t lu_watch_leave_late(struct lu_cell *cell, lua_State *L, lua_State *outer);

static inline uint32_t
lu_watch_leave(struct lu_cell *cell, lua_State *L, lua_State *outer)
{
	const uint32_t seq = atomic_load_explicit(&cell->seq, memory_order_relaxed);

	cell->L = outer;
	if (--cell->depth == 0)
		atomic_store_explicit(&cell->seq, seq + 1, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
	const uint64_t charge =
	    atomic_load_explicit(&cell->charge, memory_order_relaxed);
	if ((uint32_t)(charge >> 32) != seq &&
	    atomic_load_explicit(&cell->stop, memory_order_relaxed) != seq)
		return 0;
	return lu_watch_leave_late(cell, L, outer);
}

/** lu_stopping - the running entry has been told to end. */
static inline bool
lu_stopping(void)
{
	const struct lu_cell *const cell = lu_cell_own;

	return cell != NULL && cell->depth > 0 &&
	    atomic_load_explicit(&cell->stop, memory_order_relaxed) ==
	    atomic_load_explicit(&cell->seq, memory_order_relaxed);
}

/** lu_stop_raise - the error of a call that has run too long. */
int lu_stop_raise(lua_State *L);
/** lu_stop_if - what a C function that takes long calls now and then. errors: a
 * Lua error, when the script shall end. */
static inline void
lu_stop_if(lua_State *L)
{
	if (__builtin_expect(lu_stopping(), 0))
		lu_stop_raise(L);
}
/** lu_stop_arm - the hook that raises it at L's next instruction. */
void lu_stop_arm(lua_State *L);
#if defined(__SANITIZE_THREAD__)
#define TW_LUA_POLLED 1 /* it delays signals until the next system call */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TW_LUA_POLLED 1
#endif
#endif
#ifndef TW_LUA_POLLED
#define TW_LUA_POLLED 0
#endif
#define TW_LUA_HOOKED(lim) (TW_LUA_POLLED || (lim)->steps != 0)

/** lu_steps_arm - counts L's instructions: a hook, each `every` of them. */
void lu_steps_arm(lua_State *L, uint32_t budget_k);

#endif
