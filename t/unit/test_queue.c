/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_queue.c - slots and queues: order, hand-over, and no lost wake-up.
 *
 * queue.c is compiled in here; what it needs of workers is a mailbox for each
 * thread. The last test lets threads take, wait, cancel and drop at random:
 * a lost wake-up ends it at its deadline, a leaked or doubled slot fails a
 * count. Meant to be run under ThreadSanitizer too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "core/proxy/proxy_int.h"

/* Threads change places between any two steps of queue.c, not only where the
 * scheduler happens to do it. */
static void
wobble(void)
{
	static _Thread_local uint32_t dice = 1;

	dice = dice * 1664525u + 1013904223u;
	if (dice >> 29 == 0)
		sched_yield();
}

#undef atomic_load
#define atomic_load(p) (wobble(), atomic_load_explicit(p, memory_order_seq_cst))
#undef atomic_fetch_sub
#define atomic_fetch_sub(p, n) \
	(wobble(), atomic_fetch_sub_explicit(p, n, memory_order_seq_cst))
#undef atomic_fetch_add
#define atomic_fetch_add(p, n) \
	(wobble(), atomic_fetch_add_explicit(p, n, memory_order_seq_cst))

#include "../../core/proxy/queue.c"

static uint32_t full;

uint32_t
tw__fullconn(const struct tw_proxy *px)
{
	(void)px;
	return full;
}

struct mail {
	struct mail *next;
	void *pend;
};

/* A worker, as queue.c sees it: something to post to. */
struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct mail *first, **last;
};

static struct mailbox *
box_of(struct tw_worker *w)
{
	return (struct mailbox *)(void *)w;
}

static void
box_init(struct mailbox *b)
{
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->more, NULL);
	b->first = NULL;
	b->last = &b->first;
}

/* The clock stands still: who came first is first. */
uint64_t
tw_now_ms(void)
{
	return 1000;
}

void
tw_worker_post(struct tw_worker *w, tw_post_fn *fn, void *arg)
{
	struct mailbox *b = box_of(w);
	struct mail *m = malloc(sizeof(*m));

	TW_ASSERT(fn == tw__pend_granted);
	m->next = NULL;
	m->pend = arg;
	pthread_mutex_lock(&b->lock);
	*b->last = m;
	b->last = &m->next;
	pthread_cond_signal(&b->more);
	pthread_mutex_unlock(&b->lock);
}

/* returns: the next granted request; NULL: none within the time. */
static struct tw__pend *
box_get(struct mailbox *b, int wait_s)
{
	struct timespec until;
	struct tw__pend *p = NULL;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_s;
	pthread_mutex_lock(&b->lock);
	while (b->first == NULL && wait_s > 0 && rc == 0)
		rc = pthread_cond_timedwait(&b->more, &b->lock, &until);
	if (b->first != NULL) {
		struct mail *m = b->first;

		b->first = m->next;
		if (b->first == NULL)
			b->last = &b->first;
		p = m->pend;
		free(m);
	}
	pthread_mutex_unlock(&b->lock);
	return p;
}

void
tw__pend_granted(void *pend)
{
	(void)pend; /* posted, never called here */
}

void
tw__balance_moved(struct tw_server *srv)
{
	(void)srv;
}

#define N_SERVERS 3

static struct tw_proxy_live be_live;
static struct tw_server_live srv_live[N_SERVERS];
static struct tw_server srv[N_SERVERS];

/* As a generation has them: struct tw__servers with its array. */
static union {
	struct tw__servers list;
	struct {
		int n;
		struct tw_server *of[N_SERVERS];
	} all;
} servers = { .all.n = N_SERVERS };
static struct tw_proxy be;

static void
queue_setup(struct tw__queue *q)
{
	memset(q, 0, sizeof(*q));
	pthread_mutex_init(&q->lock, NULL);
	TAILQ_INIT(&q->list);
}

static int
setup(void **state)
{
	(void)state;
	queue_setup(&be_live.queue);
	be = (struct tw_proxy){ .magic = TW_PROXY_MAGIC,
		.server = servers.all.of,
		.n_servers = N_SERVERS,
		.live = &be_live };
	atomic_store(&be.now, &servers.list);
	for (int i = 0; i < N_SERVERS; i++) {
		memset(&srv_live[i], 0, sizeof(srv_live[i]));
		queue_setup(&srv_live[i].queue);
		atomic_store(&srv_live[i].maxconn, 2);
		atomic_store(&srv_live[i].index, (uint32_t)i);
		atomic_store(&srv_live[i].health, TW_UP);
		atomic_store(&srv_live[i].in_use, true);
		srv[i] = (struct tw_server){ .magic = TW_SERVER_MAGIC,
			.index = i,
			.proxy = &be,
			.live = &srv_live[i] };
		servers.all.of[i] = &srv[i];
	}
	return 0;
}

static struct tw__pend
pend_of(struct mailbox *b)
{
	return (struct tw__pend){ .worker = (struct tw_worker *)(void *)b };
}

static void
fill(int i)
{
	assert_true(tw__server_take(&srv[i]));
	assert_true(tw__server_take(&srv[i]));
	assert_false(tw__server_take(&srv[i]));
}

static void
test_limit(void **state)
{
	(void)state;
	fill(0);
	tw__server_drop(&srv[0]);
	assert_true(tw__server_take(&srv[0]));
	atomic_store(&srv_live[1].maxconn, 0);
	for (int i = 0; i < 100; i++)
		assert_true(tw__server_take(&srv[1]));
}

/* minconn 2, maxconn 10, fullconn 20: as HAProxy 2.6 is seen to count. */
static void
test_ramp(void **state)
{
	static const uint32_t want[] = { 2, 2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7,
		8, 8, 9, 9, 10, 10, 10 };

	(void)state;
	full = 20;
	atomic_store(&srv_live[0].srv, &srv[0]);
	atomic_store(&srv_live[0].maxconn, 10);
	atomic_store(&srv_live[0].minconn, 2);
	for (uint32_t i = 0; i < TW_N_ELEMENTS(want); i++) {
		atomic_store(&be_live.be.cur, i);
		assert_int_equal(tw__server_limit(&srv_live[0]), want[i]);
	}
	atomic_store(&be_live.be.cur, 6);
	for (int i = 0; i < 3; i++)
		assert_true(tw__server_take(&srv[0]));
	assert_false(tw__server_take(&srv[0]));
	atomic_store(&be_live.be.cur, 8);
	assert_true(tw__server_take(&srv[0]));
	assert_false(tw__server_take(&srv[0]));
	atomic_store(&be_live.be.cur, 0);
}

static void
test_hand_over(void **state)
{
	struct mailbox b;
	struct tw__pend own, any, late;

	(void)state;
	box_init(&b);
	own = any = late = pend_of(&b);
	for (int i = 0; i < N_SERVERS; i++)
		fill(i);
	tw__queue_add(&any, &be, NULL);
	tw__queue_add(&own, &be, &srv[0]);
	tw__queue_add(&late, &be, NULL);
	assert_null(box_get(&b, 0));
	assert_int_equal(atomic_load(&be_live.queue.len), 2);
	tw__server_drop(&srv[0]); /* its own queue first */
	assert_ptr_equal(box_get(&b, 0), &own);
	assert_ptr_equal(own.granted, &srv[0]);
	tw__server_drop(&srv[2]);
	assert_ptr_equal(box_get(&b, 0), &any);
	assert_ptr_equal(any.granted, &srv[2]);
	assert_int_equal(any.ahead_be, 0);
	tw__server_drop(&srv[0]);
	assert_ptr_equal(box_get(&b, 0), &late);
	assert_int_equal(late.ahead_be, 1);
	for (int i = 0; i < N_SERVERS; i++)
		assert_int_equal(atomic_load(&srv_live[i].served), 2);
	assert_int_equal(atomic_load(&be_live.queue.max), 2);
}

static void
test_free_slot_is_seen(void **state)
{
	struct mailbox b;
	struct tw__pend p;

	(void)state;
	box_init(&b);
	p = pend_of(&b);
	tw__queue_add(&p, &be, NULL);
	assert_ptr_equal(box_get(&b, 0), &p);
	assert_non_null(p.granted);
	tw__server_drop(p.granted);
	for (int i = 0; i < N_SERVERS; i++)
		assert_int_equal(atomic_load(&srv_live[i].served), 0);
}

static void
test_cancel(void **state)
{
	struct mailbox b;
	struct tw__pend p, never;

	(void)state;
	box_init(&b);
	p = pend_of(&b);
	never = pend_of(&b);
	assert_true(tw__queue_cancel(&never));
	fill(0);
	tw__queue_add(&p, &be, &srv[0]);
	assert_true(tw__queue_cancel(&p));
	tw__server_drop(&srv[0]);
	assert_null(box_get(&b, 0));
	assert_int_equal(atomic_load(&srv_live[0].served), 1);
	assert_true(tw__server_take(&srv[0]));
	tw__queue_add(&p, &be, &srv[0]);
	tw__server_drop(&srv[0]);
	assert_false(tw__queue_cancel(&p)); /* the slot is on its way */
	assert_ptr_equal(box_get(&b, 0), &p);
}

static void
test_flush_and_down(void **state)
{
	struct mailbox b;
	struct tw__pend p[2];

	(void)state;
	box_init(&b);
	p[0] = p[1] = pend_of(&b);
	fill(1);
	tw__queue_add(&p[0], &be, &srv[1]);
	atomic_store(&srv_live[1].health, TW_DOWN);
	assert_int_equal(tw__queue_flush_n(&srv[1]), 1);
	assert_ptr_equal(box_get(&b, 0), &p[0]);
	assert_null(p[0].granted);
	tw__queue_add(&p[1], &be, &srv[1]); /* too late: sent on at once */
	assert_ptr_equal(box_get(&b, 0), &p[1]);
	assert_null(p[1].granted);
	assert_int_equal(atomic_load(&srv_live[1].served), 2);
}

static void
test_not_in_use(void **state)
{
	struct mailbox b;
	struct tw__pend p;

	(void)state;
	box_init(&b);
	p = pend_of(&b);
	for (int i = 0; i < N_SERVERS; i++) {
		fill(i);
		atomic_store(&srv_live[i].in_use, i == 1);
	}
	tw__queue_add(&p, &be, NULL);
	tw__server_drop(&srv[0]);
	assert_null(box_get(&b, 0));
	atomic_store(&srv_live[0].in_use, true);
	tw__queue_kick(&be);
	assert_ptr_equal(box_get(&b, 0), &p);
	assert_ptr_equal(p.granted, &srv[0]);
}

static void
test_maxqueue(void **state)
{
	struct mailbox b;
	struct tw__pend p[2];

	(void)state;
	box_init(&b);
	p[0] = p[1] = pend_of(&b);
	srv[0].maxqueue = 1;
	fill(0);
	tw__queue_add(&p[0], &be, &srv[0]);
	assert_null(box_get(&b, 0));
	tw__queue_add(&p[1], &be, &srv[0]);
	assert_false(tw__queue_cancel(&p[1]));
	assert_ptr_equal(box_get(&b, 0), &p[1]);
	assert_null(p[1].granted);
}

/* ---- many threads ---- */

#define THREADS 4
#define PENDS 3
#define ROUNDS 4000
#define STEPS 6
#define DEADLINE_S 20

/* All begin a round together and end it together: what was lost in a round
 * cannot be made good by the next one. */
static pthread_barrier_t barrier;

struct user {
	struct tw__pend pend; /* first */
	struct tw_server *has;
	bool waits, gone; /* gone: cancelled, a grant is on its way */
};

static _Atomic int in_use[N_SERVERS]; /* as the users count it */
static _Atomic bool broken;

static void
user_has(struct user *u, struct tw_server *s)
{
	u->has = s;
	if (atomic_fetch_add(&in_use[s->index], 1) >= 1)
		atomic_store(&broken, true);
}

static void
user_drops(struct user *u)
{
	struct tw_server *s = u->has;

	u->has = NULL;
	atomic_fetch_sub(&in_use[s->index], 1);
	tw__server_drop(s);
}

static void
user_is_told(struct user *u)
{
	const bool gone = u->gone;

	u->waits = u->gone = false;
	if (u->pend.granted == NULL)
		return;
	user_has(u, u->pend.granted);
	if (gone)
		user_drops(u);
}

static void
user_acts(struct user *u, uint32_t dice)
{
	struct tw_server *s = &srv[dice % N_SERVERS];

	if (u->has != NULL) {
		user_drops(u);
	} else if (u->waits) {
		if (u->gone || (dice >> 8) % 4 != 0)
			return;
		if (tw__queue_cancel(&u->pend))
			u->waits = false;
		else
			u->gone = true;
	} else if ((dice >> 8) % 2 == 0 && tw__server_take(s)) {
		user_has(u, s);
	} else {
		u->waits = true;
		tw__queue_add(&u->pend, &be, (dice >> 9) % 2 ? s : NULL);
	}
}

static bool
all_done(const struct user *users)
{
	for (int i = 0; i < PENDS; i++) {
		if (users[i].waits)
			return false;
	}
	return true;
}

/* Who has a slot gives it back; who waits must get one. */
static void
users_end(struct user *users, struct mailbox *b)
{
	for (;;) {
		struct tw__pend *p;

		for (int i = 0; i < PENDS; i++) {
			if (users[i].has != NULL)
				user_drops(&users[i]);
		}
		if (all_done(users))
			return;
		p = atomic_load(&broken) ? NULL : box_get(b, DEADLINE_S);
		if (p == NULL) { /* a lost wake-up */
			atomic_store(&broken, true);
			return;
		}
		user_is_told((struct user *)p);
	}
}

static void *
thread_run(void *arg)
{
	struct user users[PENDS];
	struct mailbox b;
	struct tw__pend *p;
	uint32_t dice = 12345u * (uint32_t)(uintptr_t)arg;

	box_init(&b);
	memset(users, 0, sizeof(users));
	for (int i = 0; i < PENDS; i++)
		users[i].pend = pend_of(&b);
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		for (int step = 0; step < STEPS; step++) {
			dice = dice * 1664525u + 1013904223u;
			user_acts(&users[(dice >> 4) % PENDS], dice >> 7);
			while ((p = box_get(&b, 0)) != NULL)
				user_is_told((struct user *)p);
		}
		users_end(users, &b);
		pthread_barrier_wait(&barrier);
		if (atomic_load(&broken))
			break;
	}
	return NULL;
}

static void
test_threads(void **state)
{
	pthread_t t[THREADS];

	(void)state;
	for (int i = 0; i < N_SERVERS; i++)
		atomic_store(&srv_live[i].maxconn, 1);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&t[i], NULL, thread_run, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_false(atomic_load(&broken));
	assert_int_equal(atomic_load(&be_live.queue.len), 0);
	for (int i = 0; i < N_SERVERS; i++) {
		assert_int_equal(atomic_load(&srv_live[i].served), 0);
		assert_int_equal(atomic_load(&srv_live[i].queue.len), 0);
		assert_int_equal(atomic_load(&in_use[i]), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_limit, setup),
		cmocka_unit_test_setup(test_ramp, setup),
		cmocka_unit_test_setup(test_hand_over, setup),
		cmocka_unit_test_setup(test_free_slot_is_seen, setup),
		cmocka_unit_test_setup(test_cancel, setup),
		cmocka_unit_test_setup(test_flush_and_down, setup),
		cmocka_unit_test_setup(test_not_in_use, setup),
		cmocka_unit_test_setup(test_maxqueue, setup),
		cmocka_unit_test_setup(test_threads, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
