/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_balance.c - the algorithms of modules/balance, against plain servers.
 *
 * The core's accessors are defined here over a small struct, so that each
 * test says itself who has room and how much load.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <pthread.h>
#include <string.h>
#include <cmocka.h>

#include "modules/balance/balance.h"

struct tw_server {
	char name[8];
	int index;
	_Atomic uint32_t load;
	bool full;
	_Atomic uint32_t picked;
};

const char *
tw_server_name(const struct tw_server *srv)
{
	return srv->name;
}

int
tw_server_index(const struct tw_server *srv)
{
	return srv->index;
}

bool
tw_server_has_room(const struct tw_server *srv)
{
	return !srv->full;
}

uint32_t
tw_server_load(const struct tw_server *srv)
{
	return srv->load;
}

static struct tw_server *avoided;

struct tw_server *
tw_req_avoid(const struct tw_req *req)
{
	(void)req;
	return avoided;
}

static struct tw_server servers[64];
static struct tw_choice choices[64];

static void
make(int n, const uint32_t *weights)
{
	memset(servers, 0, sizeof(servers));
	for (int i = 0; i < n; i++) {
		snprintf(servers[i].name, sizeof(servers[i].name), "s%u",
		    (unsigned)(i + 1) % 10000u);
		servers[i].index = i;
		choices[i] = (struct tw_choice){ &servers[i], weights[i], 1 };
	}
}

/* "1 2 3 1": who is picked in n turns. */
static const char *
turns(void *state, int n)
{
	static char text[1024];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);

	for (int i = 0; i < n; i++) {
		const struct tw_server *srv = roundrobin_pick(state, NULL, NULL);

		tw_out_printf(
		    &o, "%s%d", i > 0 ? " " : "", srv != NULL ? srv->index + 1 : 0);
	}
	*o.p = '\0';
	return text;
}

static void
test_rr_equal(void **st)
{
	(void)st;
	make(3, (const uint32_t[]){ 10, 10, 10 });
	void *s = roundrobin_build(choices, 3, NULL, NULL);
	assert_string_equal(turns(s, 7), "1 2 3 1 2 3 1");
	roundrobin_free(s);
}

static void
test_rr_weights(void **st)
{
	static const uint32_t weights[][4] = { { 5, 1, 2, 1 }, { 1, 1, 1, 3 },
		{ 256, 1, 128, 64 }, { 20, 10, 30, 40 } };

	(void)st;
	for (size_t w = 0; w < TW_N_ELEMENTS(weights); w++) {
		uint32_t sum = 0, seen[4] = { 0 }, run = 0;
		int last = -1;

		make(4, weights[w]);
		for (int i = 0; i < 4; i++)
			sum += weights[w][i];
		void *s = roundrobin_build(choices, 4, NULL, NULL);
		for (uint32_t i = 0; i < 3 * sum; i++) {
			const int k = roundrobin_pick(s, NULL, NULL)->index;

			seen[k]++;
			run = k == last ? run + 1 : 1;
			last = k;
			/* nobody gets more in a row than the others' turns leave */
			assert_true(run <= weights[w][k] / (sum - weights[w][k]) + 2);
		}
		for (int i = 0; i < 4; i++)
			assert_int_equal(seen[i], 3 * weights[w][i]);
		roundrobin_free(s);
	}
}

static void
test_rr_full(void **st)
{
	(void)st;
	make(3, (const uint32_t[]){ 1, 1, 1 });
	void *s = roundrobin_build(choices, 3, NULL, NULL);
	servers[1].full = true;
	assert_string_equal(turns(s, 4), "1 3 1 3");
	servers[0].full = servers[2].full = true;
	assert_string_equal(turns(s, 1), "0");
	servers[1].full = false;
	assert_string_equal(turns(s, 2), "2 2");
	roundrobin_free(s);
}

static void
test_rr_goes_on(void **st)
{
	(void)st;
	make(4, (const uint32_t[]){ 1, 1, 1, 1 });
	void *s = roundrobin_build(choices, 4, NULL, NULL);
	assert_string_equal(turns(s, 2), "1 2");
	void *without = roundrobin_build(choices + 1, 3, NULL, s); /* s1 is gone */
	roundrobin_free(s);
	assert_string_equal(turns(without, 2), "3 4");
	void *back = roundrobin_build(choices, 4, NULL, without);
	roundrobin_free(without);
	assert_string_equal(turns(back, 4), "2 3 4 1");
	roundrobin_free(back);
}

#define PICKS 6000

static void *
rr_thread(void *state)
{
	for (int i = 0; i < PICKS; i++)
		roundrobin_pick(state, NULL, NULL)->picked++;
	return NULL;
}

static void
test_rr_threads(void **st)
{
	pthread_t t[4];

	(void)st;
	make(3, (const uint32_t[]){ 1, 2, 3 });
	void *s = roundrobin_build(choices, 3, NULL, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, rr_thread, s), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(servers[i].picked, (i + 1) * 4 * PICKS / 6);
	roundrobin_free(s);
}

static int
lc_take(void *s)
{
	struct tw_server *srv = leastconn_pick(s, NULL, NULL);

	if (srv == NULL)
		return -1;
	srv->load++;
	leastconn_moved(s, srv);
	return srv->index;
}

static void
lc_drop(void *s, int i)
{
	servers[i].load--;
	leastconn_moved(s, &servers[i]);
}

static void
test_lc_least(void **st)
{
	(void)st;
	make(3, (const uint32_t[]){ 1, 1, 2 });
	void *s = leastconn_build(choices, 3, NULL, NULL);
	for (int i = 0; i < 8; i++)
		lc_take(s);
	assert_int_equal(servers[0].load, 2);
	assert_int_equal(servers[1].load, 2);
	assert_int_equal(servers[2].load, 4);
	lc_drop(s, 1);
	assert_int_equal(lc_take(s), 1);
	leastconn_free(s);
}

static void
test_lc_ties(void **st)
{
	(void)st;
	make(3, (const uint32_t[]){ 1, 1, 1 });
	void *s = leastconn_build(choices, 3, NULL, NULL);
	for (int i = 0; i < 9; i++) { /* idle servers take turns */
		const int k = lc_take(s);

		assert_int_equal(k, i % 3);
		lc_drop(s, k);
	}
	leastconn_free(s);
}

static void
test_lc_full(void **st)
{
	(void)st;
	make(2, (const uint32_t[]){ 1, 1 });
	servers[1].load = 5;
	void *s = leastconn_build(choices, 2, NULL, NULL);
	servers[0].full = true; /* not told yet */
	assert_int_equal(lc_take(s), 1);
	servers[1].full = true;
	assert_int_equal(lc_take(s), -1);
	servers[0].full = false;
	leastconn_moved(s, &servers[0]);
	assert_int_equal(lc_take(s), 0);
	leastconn_free(s);
}

/* Against a plain search for the least. */
static void
test_lc_many(void **st)
{
	uint32_t weights[64], seed = 1;

	(void)st;
	for (int i = 0; i < 64; i++)
		weights[i] = 1 + (uint32_t)i % 7;
	make(64, weights);
	void *s = leastconn_build(choices, 64, NULL, NULL);
	for (int step = 0; step < 20000; step++) {
		seed = seed * 1664525u + 1013904223u;
		const int i = (int)(seed >> 8) % 64;

		if (seed >> 31 && servers[i].load > 0) {
			lc_drop(s, i);
			continue;
		}
		uint64_t least = UINT64_MAX;
		for (int k = 0; k < 64; k++) {
			const uint64_t key = (servers[k].load + 1) * 420 / weights[k];

			least = key < least ? key : least;
		}
		const int k = lc_take(s);
		assert_true(servers[k].load * 420 / weights[k] == least);
	}
	leastconn_free(s);
}

/* A server that has just failed is chosen by nobody, however light it is. */
static void
test_avoid(void **state)
{
	const uint32_t weights[] = { 200, 1, 1 };

	(void)state;
	make(3, weights);
	void *const lc = leastconn_build(choices, 3, NULL, NULL);
	void *const rr = roundrobin_build(choices, 3, NULL, NULL);
	avoided = &servers[0];
	for (int i = 0; i < 20; i++) {
		assert_int_not_equal(lc_take(lc), 0);
		assert_int_not_equal(roundrobin_pick(rr, NULL, NULL)->index, 0);
	}
	servers[1].full = servers[2].full = true;
	leastconn_moved(lc, &servers[1]);
	assert_null(leastconn_pick(lc, NULL, NULL));
	assert_null(roundrobin_pick(rr, NULL, NULL));
	avoided = NULL;
	assert_int_equal(lc_take(lc), 0);
	assert_int_equal(roundrobin_pick(rr, NULL, NULL)->index, 0);
	leastconn_free(lc);
	roundrobin_free(rr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rr_equal),
		cmocka_unit_test(test_rr_weights),
		cmocka_unit_test(test_rr_full),
		cmocka_unit_test(test_rr_goes_on),
		cmocka_unit_test(test_rr_threads),
		cmocka_unit_test(test_lc_least),
		cmocka_unit_test(test_lc_ties),
		cmocka_unit_test(test_lc_full),
		cmocka_unit_test(test_lc_many),
		cmocka_unit_test(test_avoid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
