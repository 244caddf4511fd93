/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_balance_more.c - static-rr, first, sticky, random, p2c, peak-ewma.
 *
 * Distributions are exact for what goes in turn, within five standard
 * deviations for what goes by chance. With the arguments `cost ALGORITHM
 * SERVERS` it does nothing but 20,000 picks, for callgrind:
 *   valgrind --tool=callgrind --toggle-collect='*_pick' t/unit/test_balance_more \
 *       cost leastconn 10000
 */
#include "balance_help.h"

static void
test_static_rr(void **st)
{
	const uint32_t weights[] = { 3, 2, 1 };

	(void)st;
	make(3, weights);
	void *s = static_rr_build(choices, 3, NULL, NULL);
	for (int i = 0; i < 600; i++)
		static_rr_pick(s, NULL, NULL)->picked++;
	for (int i = 0; i < 3; i++)
		assert_int_equal(servers[i].picked, 100 * weights[i]);
	servers[0].full = true;
	for (int i = 0; i < 20; i++)
		assert_int_not_equal(static_rr_pick(s, NULL, NULL)->index, 0);
	servers[1].full = servers[2].full = true;
	assert_null(static_rr_pick(s, NULL, NULL));
	servers[1].full = false;
	avoided = &servers[1];
	assert_null(static_rr_pick(s, NULL, NULL));
	static_rr_free(s);
}

static void
test_first(void **st)
{
	(void)st;
	make(5000, NULL);
	for (uint32_t i = 0; i < 5000; i++) {
		servers[i].id = 5000 - i; /* numbers decide, not places */
		servers[i].maxconn = 2;
	}
	void *s = first_build(choices, 5000, NULL, NULL);
	for (int i = 0; i < 10000; i++) {
		struct tw_server *srv = first_pick(s, NULL, NULL);

		assert_int_equal(srv->id, i / 2 + 1);
		srv->load++;
		first_moved(s, srv);
	}
	assert_null(first_pick(s, NULL, NULL));
	servers[70].load--;
	first_moved(s, &servers[70]);
	assert_ptr_equal(first_pick(s, NULL, NULL), &servers[70]);
	avoided = &servers[70];
	assert_null(first_pick(s, NULL, NULL));
	servers[60].load--;
	first_moved(s, &servers[60]);
	assert_ptr_equal(first_pick(s, NULL, NULL), &servers[60]);
	first_free(s);
}

#define PICKS 20000

/* A slot that comes free is never lost, however threads interleave. */
static void *
first_thread(void *s)
{
	for (int i = 0; i < PICKS; i++) {
		struct tw_server *srv = first_pick(s, NULL, NULL);

		if (srv == NULL)
			continue;
		atomic_fetch_add(&srv->load, 1);
		first_moved(s, srv);
		atomic_fetch_sub(&srv->load, 1);
		first_moved(s, srv);
	}
	return NULL;
}

static void
test_first_threads(void **st)
{
	pthread_t t[4];

	(void)st;
	make(200, NULL);
	for (int i = 0; i < 200; i++)
		servers[i].maxconn = 1;
	void *s = first_build(choices, 200, NULL, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, first_thread, s), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 200; i++) { /* all are found again */
		struct tw_server *srv = first_pick(s, NULL, NULL);

		assert_ptr_equal(srv, &servers[i]);
		srv->load++;
		first_moved(s, srv);
	}
	first_free(s);
}

static void
test_sticky(void **st)
{
	(void)st;
	make(3, NULL);
	void *s = sticky_build(choices, 3, NULL, NULL), *old;
	for (int i = 0; i < 5; i++)
		assert_int_equal(sticky_pick(s, NULL, NULL)->index, 0);
	old = s; /* s1 goes */
	s = sticky_build(choices + 1, 2, NULL, old);
	sticky_free(old);
	assert_int_equal(sticky_pick(s, NULL, NULL)->index, 1);
	old = s; /* and comes back */
	s = sticky_build(choices, 3, NULL, old);
	sticky_free(old);
	assert_int_equal(sticky_pick(s, NULL, NULL)->index, 1);
	servers[1].full = true;
	assert_int_equal(sticky_pick(s, NULL, NULL)->index, 2);
	servers[1].full = false;
	const struct tw_choice two[] = { choices[0], choices[2] };
	old = s; /* s2 goes: s3 waits longer than s1 */
	s = sticky_build(two, 2, NULL, old);
	sticky_free(old);
	assert_int_equal(sticky_pick(s, NULL, NULL)->index, 2);
	sticky_free(s);
}

/* 5 sigma of a binomial distribution. */
static void
assert_share(uint32_t seen, uint32_t of, double p)
{
	const double mean = of * p, var = of * p * (1 - p);

	assert_true((seen - mean) * (seen - mean) <= 25 * var);
}

static void
test_random_shares(void **st)
{
	const uint32_t weights[] = { 1, 5, 10, 84 };
	const struct random_conf one = { .draws = 1 };

	(void)st;
	make(4, weights);
	void *s = random_build(choices, 4, NULL, NULL);
	for (int i = 0; i < 100000; i++)
		random_pick(s, &one, NULL)->picked++;
	for (int i = 0; i < 4; i++)
		assert_share(servers[i].picked, 100000, weights[i] / 100.0);
	random_free(s);
	make(7, NULL);
	s = random_build(choices, 7, NULL, NULL);
	for (int i = 0; i < 70000; i++)
		p2c_pick(s, NULL, NULL)->picked++;
	for (int i = 0; i < 7; i++)
		assert_share(servers[i].picked, 70000, 1 / 7.0);
	random_free(s);
}

/* Balls into bins: with two choices the fullest bin is close to the average. */
static void
test_two_choices(void **st)
{
	const struct random_conf draws[] = { { .draws = 1 }, { .draws = 2 },
		{ .draws = 4 } };
	uint32_t most[4];

	(void)st;
	for (int k = 0; k < 4; k++) {
		make(1000, NULL);
		void *s = random_build(choices, 1000, NULL, NULL);
		most[k] = 0;
		for (int i = 0; i < 20000; i++) {
			struct tw_server *srv = k < 3 ? random_pick(s, &draws[k], NULL)
						      : p2c_pick(s, NULL, NULL);

			srv->load++;
			most[k] = srv->load > most[k] ? srv->load : most[k];
		}
		random_free(s);
	}
	assert_in_range(most[0], 30, 60); /* 20 + 5 sigma */
	assert_in_range(most[1], 20, 26);
	assert_in_range(most[2], 20, 24);
	assert_in_range(most[3], 20, 26);
}

static void
test_random_full(void **st)
{
	const struct random_conf two = { .draws = 2 };

	(void)st;
	make(500, NULL);
	for (int i = 0; i < 500; i++)
		servers[i].full = i != 123;
	void *s = random_build(choices, 500, NULL, NULL);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(random_pick(s, &two, NULL)->index, 123);
		assert_int_equal(p2c_pick(s, NULL, NULL)->index, 123);
		assert_int_equal(peak_ewma_pick(s, NULL, NULL)->index, 123);
	}
	avoided = &servers[123];
	assert_null(random_pick(s, &two, NULL));
	assert_null(p2c_pick(s, NULL, NULL));
	assert_null(peak_ewma_pick(s, NULL, NULL));
	random_free(s);
}

static void
test_random_bound(void **st)
{
	const struct random_conf c = { .draws = 1, .factor = 110 };

	(void)st;
	make(10, NULL);
	void *s = random_build(choices, 10, NULL, NULL);
	for (sessions = 1; sessions <= 1000; sessions++) {
		struct tw_server *srv = random_pick(s, &c, NULL);

		srv->load++;
		assert_true(srv->load <= sessions * 110 / 1000 + 2);
	}
	random_free(s);
}

static void
test_ewma(void **st)
{
	uint32_t mean = 1000;

	(void)st;
	assert_int_equal(ewma_after(1000, 0, 50000), 50000); /* a peak counts at once */
	assert_in_range(ewma_after(50000, 0, 1000), 49000, 49999);
	assert_in_range(ewma_after(50000, 10000, 0), 17500, 19500); /* 1/e of it */
	assert_in_range(ewma_after(50000, 1000000, 1000), 999, 1001);
	for (int i = 0; i < 10000; i++)
		mean = ewma_after(mean, 1, 300);
	assert_in_range(mean, 300, 400);
}

static void
answer(struct tw_server *srv, uint64_t us)
{
	asked = srv;
	server_us = us;
	peak_ewma_on_response(NULL, NULL);
}

/* A slow server is asked less, one that fails hardly, and both are tried
 * again. */
static void
test_peak(void **st)
{
	(void)st;
	make(4, NULL);
	void *s = random_build(choices, 4, NULL, NULL);
	for (int i = 0; i < 4; i++)
		answer(&servers[i], 1000);
	answer(&servers[2], 100000);
	asked = &servers[3];
	peak_ewma_on_fail(NULL, NULL);
	for (int i = 0; i < 10000; i++)
		peak_ewma_pick(s, NULL, NULL)->picked++;
	/* a pair of the two slow ones: one of six */
	assert_share(servers[2].picked, 10000, 1 / 6.0);
	assert_true(servers[3].picked < 20); /* twice the same was drawn */
	servers[0].load = 200;               /* quick, but 200 wait there */
	servers[0].picked = 0;
	for (int i = 0; i < 1000; i++)
		peak_ewma_pick(s, NULL, NULL)->picked++;
	assert_true(servers[0].picked < 300); /* still before the one that fails */
	servers[0].load = 0;
	now_ms += 200000; /* all is forgotten */
	for (int i = 0; i < 4; i++)
		servers[i].picked = 0;
	for (int i = 0; i < 10000; i++)
		peak_ewma_pick(s, NULL, NULL)->picked++;
	for (int i = 0; i < 4; i++)
		assert_in_range(servers[i].picked, 500, 5000);
	random_free(s);
}

/* ---- for callgrind ---- */

static const struct random_conf two_draws = { .draws = 2 };
static struct hash_conf map_conf = { .kind = HASH_EXPR },
			ring_conf = { .kind = HASH_EXPR,
				.type = { .consistent = true, .avalanche = true } };

static const struct algo {
	const char *name;
	void *(*build)(const struct tw_choice *, int, const void *, const void *);
	struct tw_server *(*pick)(void *, const void *, struct tw_req *);
	void (*moved)(void *, struct tw_server *);
	const void *conf;
} algos[] = {
	{ "roundrobin", roundrobin_build, roundrobin_pick, NULL, NULL },
	{ "static-rr", static_rr_build, static_rr_pick, NULL, NULL },
	{ "leastconn", leastconn_build, leastconn_pick, leastconn_moved, NULL },
	{ "first", first_build, first_pick, first_moved, NULL },
	{ "sticky", sticky_build, sticky_pick, NULL, NULL },
	{ "random", random_build, random_pick, NULL, &two_draws },
	{ "p2c", random_build, p2c_pick, NULL, NULL },
	{ "peak-ewma", random_build, peak_ewma_pick, NULL, NULL },
	{ "hash-map", hash_build, hash_pick, NULL, &map_conf },
	{ "hash-ring", hash_build, hash_pick, NULL, &ring_conf },
};

static int
cost(const char *name, int n)
{
	char text[32];

	make(n, NULL);
	for (int i = 0; i < n / 2; i++) { /* half of them are full */
		servers[i].maxconn = 1;
		servers[i].load = 1;
	}
	for (size_t a = 0; a < TW_N_ELEMENTS(algos); a++) {
		if (strcmp(algos[a].name, name) != 0)
			continue;
		if (strncmp(name, "first", 5) != 0)
			make(n, NULL);
		void *s = algos[a].build(choices, n, algos[a].conf, NULL);
		for (int i = 0; i < 20000; i++) {
			snprintf(text, sizeof(text), "/key/%08d", i);
			key = tw_str_of(text);
			struct tw_server *srv = algos[a].pick(s, algos[a].conf, NULL);
			srv->load += algos[a].moved == leastconn_moved;
			if (algos[a].moved != NULL)
				algos[a].moved(s, srv);
		}
		return 0;
	}
	return 1;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_static_rr),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_first_threads),
		cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_random_shares),
		cmocka_unit_test(test_two_choices),
		cmocka_unit_test(test_random_full),
		cmocka_unit_test(test_random_bound),
		cmocka_unit_test(test_ewma),
		cmocka_unit_test(test_peak),
	};

	if (argc == 4 && strcmp(argv[1], "cost") == 0)
		return cost(argv[2], atoi(argv[3]));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
