/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * watch.c - the watchdog.
 *
 * Time is the CPU time of the thread that runs the script, so that a busy
 * machine stops nobody. That of an entry counts from when it was first seen, at
 * most one tick late. Entering must not cost a fence: the watchdog has the
 * kernel put one into all threads (membarrier) before it goes to sleep.
 */
#include "lu.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <tideway/assert.h>

#include "count.h"
#include "err.h"
#include "watch.h"

#define TICK_US 5000
#define IDLE_TICKS 40 /* without Lua: then it sleeps */
#define SLEEP_MS 100  /* when there is no membarrier: it looks that often */

_Thread_local struct lu_cell *lu_cell_own;
/* shared: set by the watchdog, cleared by who wakes or first starts it */
_Atomic bool lu_watch_sleeps = true;

static struct lu_cell *_Atomic cells; /* shared: grows only; for the process */
static sem_t wake;
static bool has_barrier;
static bool started; /* written by who cleared lu_watch_sleeps */

static int
the_signal(void)
{
	return SIGRTMIN + 5;
}

/* ---- stopping ------------------------------------------------------------------ */

static const char *const why_text[] = {
	[0] = "",
	[LU_WHY_BURST] = "it ran too long without waiting",
	[LU_WHY_TOTAL] = "it ran too long in all",
	[LU_WHY_STEPS] = "it used up its instructions",
};

int
lu_stop_raise(lua_State *L)
{
	const struct lu_cell *const cell = lu_cell_own;
	const uint32_t why = atomic_load_explicit(&cell->why, memory_order_relaxed);

	luaL_where(L, 0);
	if (lua_tostring(L, -1)[0] == '\0') {
		lua_pop(L, 1);
		luaL_where(L, 1);
	}
	lua_pushfstring(L, "execution timeout: %s", why_text[why & 3]);
	lua_concat(L, 2);
	return lua_error(L);
}

static void
on_instruction(lua_State *L, lua_Debug *ar)
{
	struct lu_cell *const cell = lu_cell_own;

	(void)ar;
	if (cell == NULL) /* a tool that asks nothing to be watched */
		return;
	const uint32_t seq = atomic_load_explicit(&cell->seq, memory_order_relaxed);
	if (lu_stopping()) {
		if (TW_LUA_POLLED)
			lu_stop_arm(L);
		lu_stop_raise(L);
	}
	if (TW_LUA_POLLED &&
	    atomic_load_explicit(&cell->told, memory_order_relaxed) != seq)
		return;
	if (!TW_LUA_POLLED)
		lua_sethook(L, NULL, 0, 0);
	if (atomic_load_explicit(&cell->told, memory_order_relaxed) != seq)
		return;
	atomic_store_explicit(&cell->told, 0, memory_order_relaxed);
	if (cell->depth > 0)
		lu_slow(lu_call_of(L), L);
}

void
lu_stop_arm(lua_State *L)
{
	lua_sethook(L, on_instruction, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static void
on_signal(int number)
{
	const struct lu_cell *const cell = lu_cell_own;

	(void)number;
	if (cell == NULL || cell->depth == 0 || cell->L == NULL)
		return;
	const uint32_t seq = atomic_load_explicit(&cell->seq, memory_order_relaxed);
	if (atomic_load_explicit(&cell->stop, memory_order_relaxed) == seq ||
	    atomic_load_explicit(&cell->told, memory_order_relaxed) == seq)
		lu_stop_arm(cell->L);
}

/* An untrusted script's instructions, counted by thousands. */
static void
on_thousands(lua_State *L, lua_Debug *ar)
{
	struct lu_cell *const cell = lu_cell_own;
	struct lu_call *const c = lu_call_of(L);

	(void)ar;
	if (c == NULL || cell == NULL || cell->depth == 0)
		return;
	if (c->steps_left > 0 && --c->steps_left > 0) {
		if (lu_stopping())
			lu_stop_arm(L);
		return;
	}
	atomic_store_explicit(&cell->why, LU_WHY_STEPS, memory_order_relaxed);
	atomic_store_explicit(&cell->stop,
	    atomic_load_explicit(&cell->seq, memory_order_relaxed),
	    memory_order_relaxed);
	lu_stop_arm(L);
	lu_stop_raise(L);
}

void
lu_steps_arm(lua_State *L, uint32_t budget_k)
{
	if (lua_gethook(L) != NULL) /* somebody looks at each line, or return */
		return;
	if (budget_k != 0)
		lua_sethook(L, on_thousands, LUA_MASKCOUNT, 1000);
	else if (TW_LUA_POLLED)
		lua_sethook(L, on_instruction, LUA_MASKCOUNT, 1000);
}

uint32_t
lu_watch_leave_late(struct lu_cell *cell, lua_State *L, lua_State *outer)
{
	const uint64_t charge =
	    atomic_load_explicit(&cell->charge, memory_order_relaxed);
	const uint32_t now = atomic_load_explicit(&cell->seq, memory_order_relaxed);
	const uint32_t seq = now - (cell->depth == 0);

	if (L != NULL)
		lua_sethook(L, NULL, 0, 0);
	if (cell->depth > 0) {
		if (outer != NULL && lu_stopping())
			lu_stop_arm(outer);
		return 0;
	}
	return (uint32_t)(charge >> 32) == seq ? (uint32_t)charge : 0;
}

/* ---- the thread ---------------------------------------------------------------- */

static uint64_t
cpu_us(const struct lu_cell *cell)
{
	struct timespec ts;

	if (clock_gettime(cell->clock, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
signal_to(struct lu_cell *cell)
{
	if (!TW_LUA_POLLED)
		syscall(SYS_tgkill, getpid(), cell->tid, the_signal());
}

static void
stop(struct lu_cell *cell, uint32_t seq, enum lu_why why)
{
	atomic_store_explicit(&cell->why, why, memory_order_relaxed);
	atomic_store_explicit(&cell->stop, seq, memory_order_relaxed);
	signal_to(cell);
}

static bool
is_over(uint64_t us, uint32_t limit_ms)
{
	return limit_ms != 0 && us >= (uint64_t)limit_ms * 1000;
}

/* An entry that was there a tick ago already. */
static void
look_again(struct lu_cell *cell, uint32_t seq)
{
	const uint64_t now = cpu_us(cell);
	const uint64_t us = now > cell->seen_us ? now - cell->seen_us : 0;
	const uint32_t soft = atomic_load_explicit(&cell->soft, memory_order_relaxed);

	atomic_store_explicit(
	    &cell->charge, (uint64_t)seq << 32 | us / 1000, memory_order_relaxed);
	if (is_over(us, atomic_load_explicit(&cell->hard, memory_order_relaxed)))
		stop(cell, seq, LU_WHY_BURST);
	else if (is_over(us, atomic_load_explicit(&cell->left, memory_order_relaxed)))
		stop(cell, seq, LU_WHY_TOTAL);
	else if (is_over(us, soft) && !cell->soft_said) {
		cell->soft_said = true;
		atomic_store_explicit(&cell->told, seq, memory_order_relaxed);
		signal_to(cell);
	}
}

/* returns: Lua runs there, or has run since the last tick. */
static bool
look_at(struct lu_cell *cell)
{
	const uint32_t seq = atomic_load_explicit(&cell->seq, memory_order_acquire);
	const bool is_new = seq != cell->seen;

	if ((seq & 1) != 0 && !is_new) {
		look_again(cell, seq);
	} else if (is_new) {
		cell->seen = seq;
		cell->soft_said = false;
		cell->seen_us = (seq & 1) != 0 ? cpu_us(cell) : 0;
	}
	return is_new || (seq & 1) != 0;
}

static bool
look(void)
{
	bool busy = false;

	for (struct lu_cell *cell = atomic_load_explicit(&cells, memory_order_acquire);
	     cell != NULL; cell = cell->next)
		busy |= look_at(cell);
	return busy;
}

static void
wait_long(void)
{
	struct timespec until;

	if (has_barrier) {
		while (sem_wait(&wake) != 0)
			continue;
		return;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += SLEEP_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	sem_timedwait(&wake, &until);
}

/* Sleeps, unless somebody has entered meanwhile. */
static void
go_to_sleep(void)
{
	atomic_store_explicit(&lu_watch_sleeps, true, memory_order_seq_cst);
	if (has_barrier)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	if (look() &&
	    atomic_exchange_explicit(&lu_watch_sleeps, false, memory_order_acq_rel))
		return;
	wait_long();
}

static void *
watch(void *arg)
{
	static const struct timespec tick = { .tv_nsec = TICK_US * 1000L };
	int idle = 0;

	(void)arg;
	for (;;) {
		idle = look() ? 0 : idle + 1;
		if (idle > IDLE_TICKS) {
			go_to_sleep();
			idle = 0;
		} else {
			nanosleep(&tick, NULL);
		}
	}
	return NULL;
}

static void
start(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigset_t all, old;
	pthread_t thread;

	has_barrier = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
			  0, 0) == 0;
	sem_init(&wake, 0, 0);
	sigfillset(&act.sa_mask);
	sigaction(the_signal(), &act, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, watch, NULL) == 0)
		pthread_detach(thread);
	else
		tw_log(TW_ALERT,
		    "the watchdog of Lua scripts cannot be started: "
		    "they are not stopped when they run too long");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
lu_watch_rouse(void)
{
	if (!atomic_exchange_explicit(&lu_watch_sleeps, false, memory_order_acq_rel))
		return;
	if (started) {
		sem_post(&wake);
	} else {
		started = true;
		start();
	}
}

/* Threads do not outlive a fork. */
static void
forked(void)
{
	started = false;
	lu_cell_own = NULL;
	atomic_store_explicit(&cells, NULL, memory_order_relaxed);
	atomic_store_explicit(&lu_watch_sleeps, true, memory_order_relaxed);
}

void
lu_watch_load(void)
{
	pthread_atfork(NULL, NULL, forked);
}

/* Before there are workers nobody is watched. */
struct lu_cell *
lu_cell_new(void)
{
	static struct lu_cell nobody;

	if (tw_worker_self() == NULL)
		return &nobody;
	struct lu_cell *const cell = aligned_alloc(64, (sizeof(*cell) + 63) & ~63ul);
	TW_ASSERT(cell != NULL);
	*cell = (struct lu_cell){ .tid = (int)syscall(SYS_gettid) };
	clockid_t clock = CLOCK_MONOTONIC;
	pthread_getcpuclockid(pthread_self(), &clock);
	cell->clock = clock;
	cell->next = atomic_load_explicit(&cells, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
	    &cells, &cell->next, cell, memory_order_release, memory_order_relaxed))
		continue;
	lu_cell_own = cell;
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, the_signal());
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	return cell;
}
