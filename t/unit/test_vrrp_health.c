/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_health.c - the traffic process shows how it is, and is seen.
 *
 * A child runs the core's real worker threads; orders in shared memory make
 * one of them spin, wait, or get hardly any CPU.
 */
#include "vrrp_watch_help.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/run/worker.h"
#include "../../modules/vrrp/health.h"
#include "../../modules/vrrp/health_thread.h"

enum order { NONE, SPIN, SLEEP, BUSY_BUT_MOVES, UNTRACK, QUIT };

/* shared with the child */
static struct {
	_Atomic int order;
	_Atomic int done;
} * desk;

static struct vr_health *health;
static unsigned n_changes;
static pid_t child;

static const struct vr_track track_worker = { .kind = VR_TRACK_WORKER,
	.name = "worker" };
static struct vr_instance instance = { .name = "VI_1",
	.track = (struct vr_track *)(uintptr_t)&track_worker,
	.n_tracks = 1 };
static const struct vr_conf conf = { .instance = &instance, .n_instances = 1 };

/* --- the child --- */

static void
spin(void *moves)
{
	while (atomic_load(&desk->order) != NONE) {
		if (moves != NULL)
			vr_health_moved();
	}
}

static void
wait_still(void *arg)
{
	(void)arg;
	while (atomic_load(&desk->order) != NONE)
		usleep(600000); /* seldom awake: asleep whenever looked at */
}

static void
order_take(struct tw_timer *t)
{
	static int last;
	const int order = atomic_load(&desk->order);

	tw_timer_set(t, tw_now_ms() + 5);
	if (order == last)
		return;
	last = order;
	if (order == SPIN || order == BUSY_BUT_MOVES)
		tw_worker_post(
		    tw_worker_at(1), spin, order == SPIN ? NULL : (void *)desk);
	else if (order == SLEEP)
		tw_worker_post(tw_worker_at(1), wait_still, NULL);
	else if (order == UNTRACK)
		vr_health_watch(NULL, NULL);
	else if (order == QUIT)
		tw__workers_stop();
	atomic_fetch_add(&desk->done, 1);
}

static struct tw_timer orders = { .fn = order_take };

static int
up(struct tw_worker *w)
{
	return vr_health_worker_init(w);
}

static void
down(struct tw_worker *w)
{
	vr_health_worker_fini(w);
}

/* in: only, a CPU that all its threads share with others; -1: all. */
static void
child_main(bool is_starved)
{
	const struct sched_param param = { .sched_priority = 0 };
	cpu_set_t one;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (is_starved &&
	    (sched_setaffinity(0, sizeof(one), &one) != 0 ||
		sched_setscheduler(0, SCHED_IDLE, &param) != 0))
		_exit(1);
	if (tw__workers_init(2, 0, &err) != 0)
		_exit(1);
	vr_health_watch(NULL, &conf);
	if (tw__workers_start(up, down, &err) != 0)
		_exit(1);
	tw_timer_set(&orders, tw_now_ms() + 1);
	tw__worker_run(tw_worker_at(0));
	tw__workers_wait();
	tw_timer_del(&orders);
	down(tw_worker_at(0));
	_exit(0);
}

static pid_t
run(void (*fn)(bool), bool arg)
{
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		fn(arg);
	return pid;
}

static void
child_end(void)
{
	kill(child, SIGKILL);
	kill(child, SIGCONT);
	waitpid(child, NULL, 0);
	atomic_store(&desk->order, NONE);
	vr_health_free(&health);
}

/* --- the watcher --- */

static void
on_changed(void *arg)
{
	(void)arg;
	n_changes++;
}

static bool
has_state(void *state)
{
	return vr_health_worker(health) == *(enum vr_worker_state *)state;
}

static bool
came(enum vr_worker_state state)
{
	return loop_until(has_state, &state);
}

static bool
all_beat(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		if (atomic_load(&vr_shared->beat[i].at_us) == 0)
			return false;
	}
	return atomic_load(&vr_shared->beats_since_us) != 0;
}

static void
child_start(bool is_starved)
{
	for (int i = 0; i < 3; i++)
		atomic_store(&vr_shared->beat[i].at_us, 0);
	health = vr_health_new(base, on_changed, NULL, &err);
	assert_non_null(health);
	assert_int_not_equal(vr_health_worker(health), VR_WORKER_OK);
	child = run(child_main, is_starved);
	assert_true(came(VR_WORKER_OK));
	assert_true(loop_until(all_beat, NULL));
}

static bool
ordered(void *arg)
{
	return atomic_load(&desk->done) > *(int *)arg;
}

static void
order(enum order what)
{
	int done = atomic_load(&desk->done);

	atomic_store(&desk->order, what);
	assert_true(loop_until(ordered, &done));
}

static bool
is_good(void)
{
	const struct vr_result r = vr_health_result(health, &track_worker);

	assert_true(r.known);
	return r.good;
}

static void
test_hung_stopped(void **state)
{
	(void)state;
	child_start(false);
	assert_true(is_good());
	n_changes = 0;
	const uint64_t start = tw_now_us();
	kill(child, SIGSTOP);
	assert_true(came(VR_WORKER_HUNG));
	print_message(
	    "stopped: told after %u ms\n", (unsigned)((tw_now_us() - start) / 1000));
	assert_int_equal(n_changes, 1);
	assert_false(is_good());
	kill(child, SIGCONT);
	assert_true(came(VR_WORKER_OK));
	child_end();
}

static void
hung_by(enum order what, const char *name)
{
	child_start(false);
	const uint64_t start = tw_now_us();
	order(what);
	assert_true(came(VR_WORKER_HUNG));
	print_message(
	    "%s: told after %u ms\n", name, (unsigned)((tw_now_us() - start) / 1000));
	atomic_store(&desk->order, NONE);
	assert_true(came(VR_WORKER_OK));
	child_end();
}

static void
test_hung_spins(void **state)
{
	(void)state;
	hung_by(SPIN, "spins");
}

static void
test_hung_sleeps(void **state)
{
	(void)state;
	hung_by(SLEEP, "sleeps");
}

static bool
is_hung(void *arg)
{
	(void)arg;
	return vr_health_worker(health) != VR_WORKER_OK;
}

/* A long loop turn that makes headway is no hang. */
static void
test_busy_moves(void **state)
{
	(void)state;
	child_start(false);
	order(BUSY_BUT_MOVES);
	assert_false(loop_for(is_hung, NULL, 500000));
	child_end();
}

static void
burn(bool on_one_cpu)
{
	cpu_set_t one;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (on_one_cpu)
		sched_setaffinity(0, sizeof(one), &one);
	for (;;)
		;
}

#define N_LOAD 4
static pid_t load[N_LOAD];

static void
load_begin(bool on_one_cpu)
{
	for (int i = 0; i < N_LOAD; i++)
		load[i] = run(burn, on_one_cpu);
}

static void
load_end(void)
{
	for (int i = 0; i < N_LOAD; i++) {
		kill(load[i], SIGKILL);
		waitpid(load[i], NULL, 0);
	}
}

/* All CPUs are busy: no alarm. */
static void
test_loaded(void **state)
{
	(void)state;
	child_start(false);
	load_begin(false);
	const bool hung = loop_for(is_hung, NULL, 1500000);
	load_end();
	assert_false(hung);
	child_end();
}

static uint64_t longest_us; /* between two beats */

static bool
is_hung_while_starved(void *arg)
{
	const uint64_t at = atomic_load(&vr_shared->beat[1].at_us), now = tw_now_us();

	if (at != 0 && now > at && now - at > longest_us)
		longest_us = now - at;
	return is_hung(arg);
}

/* Its threads want to run and are not let: not their fault. */
static void
test_starved(void **state)
{
	(void)state;
	child_start(true);
	load_begin(true);
	longest_us = 0;
	const bool hung = loop_for(is_hung_while_starved, NULL, 800000);
	load_end();
	assert_false(hung);
	child_end();
	print_message(
	    "starved: %u ms between two beats\n", (unsigned)(longest_us / 1000));
	if (longest_us < 90000)
		skip(); /* the system let them, after all: nothing was shown */
}

static void
test_death(void **state)
{
	(void)state;
	child_start(false);
	const uint64_t start = tw_now_us();
	kill(child, SIGKILL);
	assert_true(came(VR_WORKER_DEAD));
	print_message("killed: told after %u us\n", (unsigned)(tw_now_us() - start));
	assert_false(is_good());
	child_end();
	child_start(false); /* a new one is taken up */
	assert_true(is_good());
	order(QUIT);
	assert_true(came(VR_WORKER_ABSENT));
	child_end();
}

static bool
no_beats(void *arg)
{
	(void)arg;
	return atomic_load(&vr_shared->beats_since_us) == 0;
}

/* Nothing tracks the worker: no thread wakes up for a beat. */
static void
test_untracked(void **state)
{
	(void)state;
	child_start(false);
	order(UNTRACK);
	assert_true(loop_until(no_beats, NULL));
	uint64_t last[3];
	for (int i = 0; i < 3; i++)
		last[i] = atomic_load(&vr_shared->beat[i].at_us);
	assert_false(loop_for(is_hung, NULL, 200000));
	int still = 0;
	for (int i = 0; i < 3; i++) {
		const uint64_t at = atomic_load(&vr_shared->beat[i].at_us);

		still += at == last[i] || at == 0;
	}
	assert_true(still >= 2); /* one may have been under way */
	kill(child, SIGSTOP);
	assert_false(loop_for(is_hung, NULL, 300000));
	child_end();
}

/* --- one thread, in virtual time --- */

static bool
judge_for(struct vr_thread *t, uint64_t us, char state, uint64_t cpu_per_tick)
{
	struct vr_look look = { state, 1000 };

	for (uint64_t at = 0; at < us && !t->is_hung; at += 10000) {
		look.cpu_us += cpu_per_tick;
		if (vr_thread_tick(t, t->beat_us, 10000))
			vr_thread_judge(t, &look, 1000000, false);
	}
	return t->is_hung;
}

static struct vr_thread
fresh(void)
{
	struct vr_thread t = { .beat_us = 0 };

	assert_false(vr_thread_tick(&t, 1, 20000));
	return t;
}

static void
test_judge(void **state)
{
	struct vr_thread t = fresh();

	(void)state;
	assert_false(judge_for(&t, 60000, 'S', 0));
	assert_true(judge_for(&t, 30000, 'S', 0));
	t = fresh();
	assert_true(judge_for(&t, 60000, 'T', 0));
	t = fresh();
	assert_true(judge_for(&t, 100000, 'R', 10000));
	t = fresh(); /* starved: until a second has gone by */
	assert_false(judge_for(&t, 900000, 'R', 0));
	assert_true(judge_for(&t, 200000, 'R', 0));
	t = fresh(); /* wakes up now and then */
	assert_false(judge_for(&t, 300000, 'S', 10));
}

static void
test_judge_late_watcher(void **state)
{
	const struct vr_look asleep = { 'S', 1000 };
	struct vr_thread t = fresh();

	(void)state;
	/* everything stood still for a minute: that counts as one tick */
	assert_false(vr_thread_tick(&t, 1, 60000000));
	assert_true(vr_thread_tick(&t, 1, 60000000));
	vr_thread_judge(&t, &asleep, 1000000, false);
	assert_false(t.is_hung);
	assert_false(vr_thread_tick(&t, 2, 10000));
}

static void
test_judge_recovers(void **state)
{
	struct vr_thread t = fresh();

	(void)state;
	assert_true(judge_for(&t, 100000, 'T', 0));
	for (uint64_t beat = 2; beat < 6; beat++) {
		assert_false(vr_thread_tick(&t, beat, 20000));
		assert_true(t.is_hung);
	}
	assert_false(vr_thread_tick(&t, 6, 20000));
	assert_false(t.is_hung);
}

static int
setup(void **state)
{
	desk = mmap(NULL, sizeof(*desk), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return desk == MAP_FAILED || vr_health_load(&err) != 0 ? -1 : help_setup(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_judge_late_watcher),
		cmocka_unit_test(test_judge_recovers),
		cmocka_unit_test(test_hung_stopped),
		cmocka_unit_test(test_hung_spins),
		cmocka_unit_test(test_hung_sleeps),
		cmocka_unit_test(test_busy_moves),
		cmocka_unit_test(test_loaded),
		cmocka_unit_test(test_starved),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_untracked),
	};

	return cmocka_run_group_tests(tests, setup, help_teardown);
}
