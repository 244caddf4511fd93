/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * Stick tables without requests: what they store, how long, how many, and that
 * threads do not disturb each other.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../modules/table/filter.h"
#include "../../modules/table/siphash.h"

static struct tb_layout
layout(enum tb_key_type key, uint32_t key_len, const char *store)
{
	struct tb_layout l = { .key = key, .key_len = key_len };
	const char *twice;
	struct tw_err err;

	assert_int_equal(tb_store_parse(&l, store, &twice, &err), 0);
	tb_layout_end(&l);
	return l;
}

static struct tb_table *
integers(uint64_t size, uint32_t expire_ms, bool nopurge)
{
	const struct tb_layout l =
	    layout(TB_INTEGER, 4, "gpc0,conn_cur,gpc0_rate(10s),server_key");
	struct tb_table *const t =
	    tb_table_new("t", &l, &(struct tb_limits){ size, expire_ms, nopurge });

	assert_non_null(t);
	return t;
}

static struct tb_key
key_of(uint32_t n)
{
	struct tb_key k = { .len = 4 };

	memcpy(k.room, &n, 4);
	return k;
}

static bool
find(struct tb_hold *h, struct tb_table *t, uint32_t n, enum tb_how how, uint64_t now)
{
	struct tb_key k = key_of(n);

	k.p = k.room;
	return tb_find(h, t, &k, how, now);
}

static bool
has(struct tb_table *t, uint32_t n, uint64_t now)
{
	struct tb_hold h;

	if (!find(&h, t, n, TB_LOOK, now))
		return false;
	tb_leave(&h);
	return true;
}

static bool
make(struct tb_table *t, uint32_t n, uint64_t now)
{
	struct tb_hold h;

	if (!find(&h, t, n, TB_MAKE, now))
		return false;
	tb_leave(&h);
	return true;
}

static void
test_rate(void **state)
{
	struct tb_rate r = { 0 };
	const uint64_t t = 1000000;

	(void)state;
	assert_int_equal(tb_rate_read(&r, 1000, t), 0);
	for (int i = 0; i < 10; i++)
		tb_rate_add(&r, 1000, 1, t);
	assert_int_equal(tb_rate_read(&r, 1000, t + 999), 10);
	assert_int_equal(tb_rate_read(&r, 1000, t + 1250), 7);
	assert_int_equal(tb_rate_read(&r, 1000, t + 1999), 0);
	assert_int_equal(tb_rate_read(&r, 1000, t + 100000), 0);
	tb_rate_add(&r, 1000, 5, t + 1500); /* 5 now and half of 10 */
	assert_int_equal(tb_rate_read(&r, 1000, t + 1500), 10);
	assert_int_equal(tb_rate_read(&r, 1000, t - 5), 15); /* a clock behind */
	r = (struct tb_rate){ 0 };
	tb_rate_add(&r, 1000, 1, t);
	assert_int_equal(tb_rate_read(&r, 1000, t + 1999), 1);
	assert_int_equal(tb_rate_read(&r, 1000, t + 2000), 0);
	tb_rate_add(&r, 1000, UINT32_MAX, t + 5000);
	tb_rate_add(&r, 1000, 7, t + 5000);
	assert_int_equal(tb_rate_read(&r, 1000, t + 5000), UINT32_MAX);
}

/* What is waited for has come by then, and not a millisecond before. */
static void
test_rate_wait(void **state)
{
	struct tb_rate r = { 0 };
	uint64_t now = 5000;
	unsigned seed = 7;

	(void)state;
	assert_int_equal(tb_rate_wait(&r, 1000, 0, now), 0);
	for (int i = 0; i < 100000; i++) {
		const uint32_t period = 1 + (uint32_t)rand_r(&seed) % 3000;
		const uint32_t most = (uint32_t)rand_r(&seed) % 40;

		if (i % 20 == 0)
			r = (struct tb_rate){ 0 };
		now += (uint64_t)rand_r(&seed) % (i % 3 == 0 ? 20 : 2000);
		tb_rate_add(&r, period, (uint32_t)rand_r(&seed) % 50, now);
		const uint32_t ms = tb_rate_wait(&r, period, most, now);
		assert_true(tb_rate_read(&r, period, now + ms) <= most);
		if (ms > 0)
			assert_true(tb_rate_read(&r, period, now + ms - 1) > most);
	}
	r = (struct tb_rate){ now, UINT32_MAX, UINT32_MAX };
	assert_true(tb_rate_wait(&r, UINT32_MAX, 1, now) > 0);
}

static void
test_store(void **state)
{
	static const char *const bad[] = { "foo", "conn_rate", "conn_rate()",
		"conn_rate(x)", "conn_rate(0)", "conn_rate(1s", "gpc0(1)", "gpc",
		"gpc(0)", "gpc(101)", "gpc(x)", "gpc_rate(2)", "gpc_rate(,1s)",
		"gpc_rate(2,)", "gpc(2),gpc0", "gpc1,gpc(2)", "gpt0,gpt(1)",
		"gpc0_rate(1s),gpc_rate(1,1s)", "(", ")", "gpc0)" };
	struct tb_layout l = { .key = TB_IP };
	const char *twice;
	struct tw_err err;

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++) {
		l = (struct tb_layout){ .key = TB_IP };
		assert_int_equal(tb_store_parse(&l, bad[i], &twice, &err), -1);
	}
	l = (struct tb_layout){ .key = TB_IP };
	assert_int_equal(tb_store_parse(&l, "gpc0,,gpc0", &twice, &err), 0);
	assert_string_equal(twice, "gpc0");
	l = layout(TB_IP, 4, "gpt0,bytes_in_cnt,gpc_rate(3,10s),gpc(2)");
	assert_int_equal(l.n[TB_gpc_rate], 3);
	assert_int_equal(l.period_ms[TB_gpc_rate], 10000);
	assert_int_equal(l.data_bytes, 8 + 3 * sizeof(struct tb_rate) + 3 * 4);
	assert_int_equal(l.off[TB_bytes_in_cnt] % 8, 0);
}

static void
test_expiry(void **state)
{
	struct tb_table *t = integers(1000, 100, false);
	struct tb_hold h;
	uint64_t due;

	(void)state;
	assert_true(make(t, 1, 1000));
	assert_true(make(t, 2, 1050));
	assert_true(has(t, 1, 1099));
	assert_false(has(t, 1, 1100)); /* which has freed it */
	assert_int_equal(tb_table_used(t), 1);
	assert_true(find(&h, t, 2, TB_LOOK, 1149));
	assert_int_equal(tb_expires_ms(&h), 1);
	tb_touch(&h);
	assert_int_equal(tb_expires_ms(&h), 100);
	tb_leave(&h);
	assert_true(has(t, 2, 1248));
	/* what is tracked does not expire, and lives on from its end */
	assert_true(find(&h, t, 2, TB_LOOK, 1248));
	struct tb_entry *const e = h.e;
	tb_track(&h);
	tb_leave(&h);
	assert_true(has(t, 2, 90000));
	assert_true(tb_sweep(t, 90000, 100, &due));
	assert_int_equal(due, UINT64_MAX);
	tb_enter(&h, t, e, 90000);
	assert_int_equal(tb_expires_ms(&h), 0);
	assert_false(tb_remove(&h));
	tb_enter(&h, t, e, 90000);
	tb_untrack(&h);
	tb_leave(&h);
	assert_true(tb_sweep(t, 90001, 100, &due));
	assert_int_equal(due, 90100);
	assert_true(has(t, 2, 90099));
	assert_true(tb_sweep(t, 90100, 100, &due));
	assert_int_equal(tb_table_used(t), 0);
	for (uint32_t i = 0; i < 500; i++)
		assert_true(make(t, i, 100000));
	assert_false(tb_sweep(t, 100100, 10, &due)); /* in pieces */
	assert_int_equal(tb_table_used(t), 490);
	while (!tb_sweep(t, 100100, 10, &due))
		;
	assert_int_equal(tb_table_used(t), 0);
	tb_table_unref(&t);
}

static void
test_recycle(void **state)
{
	struct tb_table *t = integers(500, 0, false);
	struct tb_hold h;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		assert_true(make(t, i, 1000 + i));
	assert_true(find(&h, t, 0, TB_LOOK, 2000)); /* the oldest is tracked */
	struct tb_entry *const e = h.e;
	tb_track(&h);
	tb_leave(&h);
	for (uint32_t i = 500; i < 600; i++)
		assert_true(make(t, i, 3000 + i));
	assert_int_equal(tb_table_used(t), 500);
	assert_true(has(t, 0, 4000));
	for (uint32_t i = 1; i <= 100; i++)
		assert_false(has(t, i, 4000));
	for (uint32_t i = 101; i < 600; i++)
		assert_true(has(t, i, 4000));
	tb_enter(&h, t, e, 5000);
	tb_untrack(&h);
	tb_leave(&h);
	tb_table_unref(&t);
}

static void
test_full(void **state)
{
	struct tb_table *t = integers(3, 100, true);
	struct tb_hold h;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_true(make(t, i, 1000 + i));
	assert_false(make(t, 9, 1050));
	assert_true(make(t, 1, 1050)); /* it is there */
	assert_true(make(t, 9, 1100)); /* the first one has expired */
	assert_false(has(t, 0, 1100));
	assert_int_equal(tb_table_used(t), 3);
	tb_table_unref(&t);
	t = integers(1, 0, false);
	assert_true(find(&h, t, 1, TB_MAKE, 1000));
	tb_track(&h);
	tb_leave(&h);
	assert_false(make(t, 2, 1000)); /* nothing may go */
	assert_int_equal(tb_table_used(t), 1);
	assert_true(find(&h, t, 1, TB_LOOK, 1000));
	tb_untrack(&h);
	tb_leave(&h);
	assert_true(make(t, 2, 1000));
	assert_true(tb_table_limit(t, &(struct tb_limits){ 8, 0, false }));
	assert_true(make(t, 3, 1000));
	assert_false(tb_table_limit(t, &(struct tb_limits){ 100000, 0, false }));
	tb_table_unref(&t);
}

static void
test_values(void **state)
{
	struct tb_table *t = integers(100, 0, false);
	struct tb_hold h;
	unsigned i;

	(void)state;
	assert_true(find(&h, t, 1, TB_MAKE, 1000));
	tb_add(&h, TB_gpc0, 0, 5);
	tb_add(&h, TB_gpc0, 1, 5); /* no such element */
	tb_add(&h, TB_gpc1, 0, 5); /* not stored */
	assert_int_equal(tb_get(&h, TB_gpc0, 0), 5);
	assert_int_equal(tb_get(&h, TB_gpc1, 0), 0);
	tb_add(&h, TB_conn_cur, 0, -1);
	assert_int_equal(tb_get(&h, TB_conn_cur, 0), 0);
	tb_set(&h, TB_gpc0_rate, 0, 9);
	assert_int_equal(tb_get(&h, TB_gpc0_rate, 0), 9);
	assert_null(tb_name_get(&h, TB_server_key).p);
	tb_name_set(&h, TB_server_key, TW_STR("s1"));
	assert_true(tw_str_eq(tb_name_get(&h, TB_server_key), TW_STR("s1")));
	tb_name_set(&h, TB_server_key, TW_STR("s2"));
	tb_leave(&h);
	assert_true(find(&h, t, 2, TB_MAKE, 1000));
	tb_name_set(&h, TB_server_key, TW_STR("s2"));
	tb_leave(&h);
	assert_int_equal(tb_at(t, TB_gpc0, &i), TB_gpc0);
	assert_int_equal(tb_at(t, TB_gpt0, &i), TB_NONE);
	tb_table_unref(&t);
	const struct tb_layout l = layout(TB_IP, 4, "gpc(1),gpt(3)");
	t = tb_table_new("a", &l, &(struct tb_limits){ 10, 0, false });
	assert_int_equal(tb_at(t, TB_gpc0, &i), TB_gpc);
	assert_int_equal(tb_at(t, TB_gpc1, &i), TB_NONE);
	assert_int_equal(tb_at(t, TB_gpt0, &i), TB_gpt);
	tb_table_unref(&t);
}

static void
test_blocks(void **state)
{
	struct tb_layout l = layout(TB_INTEGER, 4, "bytes_in_rate(1s)");
	struct tb_hold h;

	(void)state;
	l.block = 1024;
	struct tb_table *t = tb_table_new("b", &l, &(struct tb_limits){ 10, 0, false });
	assert_true(find(&h, t, 1, TB_MAKE, 1000));
	tb_add(&h, TB_bytes_in_rate, 0, 3);
	assert_int_equal(tb_get(&h, TB_bytes_in_rate, 0), 3072);
	tb_set(&h, TB_bytes_in_rate, 0, 10240);
	assert_int_equal(tb_get(&h, TB_bytes_in_rate, 0), 10240);
	tb_leave(&h);
	tb_table_unref(&t);
}

static void
test_keys(void **state)
{
	const struct tb_layout s = layout(TB_STRING, 4, "gpc0");
	const struct tb_layout b = layout(TB_BINARY, 4, "gpc0");
	struct tb_key k;
	char room[4];

	(void)state;
	tb_key_text(&s, TW_STR("abcdef"), room, &k);
	assert_int_equal(k.len, 4);
	tb_key_text(&s, TW_STR("ab"), room, &k);
	assert_int_equal(k.len, 2);
	tb_key_text(&b, TW_STR("ab"), room, &k);
	assert_int_equal(k.len, 4);
	assert_memory_equal(k.p, "ab\0\0", 4);
	assert_false(tb_key_parse(&b, "ab", &k));
	const struct tb_layout i = layout(TB_INTEGER, 4, "gpc0");
	assert_true(tb_key_parse(&i, "4294967295", &k));
	assert_false(tb_key_parse(&i, "4294967296", &k));
	assert_false(tb_key_parse(&i, "-1", &k));
	assert_false(tb_key_parse(&i, "1x", &k));
	const struct tb_layout v4 = layout(TB_IP, 4, "gpc0");
	assert_true(tb_key_parse(&v4, "10.0.0.1", &k));
	assert_false(tb_key_parse(&v4, "::1", &k));
}

struct seen {
	struct tb_watch watch;
	int n;
	uint64_t seq;
};

static void
on_change(struct tb_watch *w, struct tb_table *t, const struct tb_entry *e)
{
	struct seen *const s = (struct seen *)w;

	(void)t;
	s->n++;
	s->seq = e->seq;
}

static void
test_watch(void **state)
{
	struct tb_table *t = integers(100, 0, false);
	struct seen s = { .watch.changed = on_change };
	struct tb_hold h;

	(void)state;
	tb_table_watch(t, &s.watch);
	assert_true(make(t, 1, 1000));
	assert_int_equal(s.n, 1);
	assert_true(make(t, 1, 1000)); /* nothing has changed */
	assert_int_equal(s.n, 1);
	assert_true(find(&h, t, 1, TB_LOOK, 1000));
	tb_add(&h, TB_gpc0, 0, 1);
	tb_set(&h, TB_gpc0_rate, 0, 1);
	tb_leave(&h);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.seq, 2);
	assert_true(find(&h, t, 1, TB_LOOK, 1000));
	tb_add(&h, TB_gpc0, 0, 1);
	h.quiet = true; /* a peer told it */
	tb_leave(&h);
	assert_int_equal(s.n, 2);
	tb_table_unref(&t);
}

static bool
count_entry(struct tb_hold *h, void *arg)
{
	*(uint64_t *)arg += tb_get(h, TB_gpc0, 0);
	return false;
}

static bool
odd_goes(struct tb_hold *h, void *arg)
{
	(void)arg;
	return tb_get(h, TB_gpc0, 0) % 2 == 1;
}

static void
test_walk_and_copy(void **state)
{
	struct tb_table *t = integers(5000, 1000, false);
	const struct tb_layout l =
	    layout(TB_INTEGER, 4, "gpt0,gpc0,server_key,conn_cur");
	struct tb_cursor at = { 0, 0 };
	struct tb_hold h;
	uint64_t sum = 0, due;

	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		assert_true(find(&h, t, i, TB_MAKE, 5000 + i % 7));
		tb_set(&h, TB_gpc0, 0, i);
		tb_set(&h, TB_conn_cur, 0, 1);
		tb_name_set(&h, TB_server_key, i % 2 ? TW_STR("a") : TW_STR("b"));
		tb_leave(&h);
	}
	while (tb_walk(t, &at, 5010, count_entry, &sum))
		;
	assert_int_equal(sum, 2999 * 3000 / 2);
	struct tb_table *to =
	    tb_table_new("t", &l, &(struct tb_limits){ 4000, 1000, false });
	tb_copy(to, t, 5010);
	assert_int_equal(tb_table_used(to), 3000);
	assert_true(find(&h, to, 2999, TB_LOOK, 5010));
	assert_int_equal(tb_get(&h, TB_gpc0, 0), 2999);
	assert_int_equal(tb_get(&h, TB_conn_cur, 0), 0);
	assert_true(tw_str_eq(tb_name_get(&h, TB_server_key), TW_STR("a")));
	tb_leave(&h);
	tb_table_unref(&t);
	at = (struct tb_cursor){ 0, 0 };
	while (tb_walk(to, &at, 5010, odd_goes, NULL))
		;
	assert_int_equal(tb_table_used(to), 1500);
	assert_false(has(to, 1, 5010));
	assert_true(tb_sweep(to, 6000, 10000, &due)); /* those touched at 5000 */
	assert_int_equal(due, 6001);
	assert_true(tb_sweep(to, 6007, 10000, &due));
	assert_int_equal(tb_table_used(to), 0);
	tb_table_unref(&to);
}

static void
test_filter(void **state)
{
	struct tb_table *t = integers(100, 0, false);
	char *const good[] = { (char *)"data.gpc0", (char *)"gt", (char *)"4",
		(char *)"data.gpc0_rate", (char *)"le", (char *)"0" };
	struct tb_filter f;
	struct tw_err err;
	struct tb_hold h;
	unsigned i;

	(void)state;
	assert_int_equal(tb_filter_parse(tb_table_layout(t), 6, good, 3, &f, &err), 0);
	assert_true(find(&h, t, 1, TB_MAKE, 1000));
	assert_false(tb_filter_holds(&f, &h));
	tb_set(&h, TB_gpc0, 0, 5);
	assert_true(tb_filter_holds(&f, &h));
	tb_leave(&h);
	assert_int_equal(tb_filter_parse(tb_table_layout(t), 2, good, 3, &f, &err), -1);
	assert_int_equal(tb_data_word("data.gpc_rate[7]", &i), TB_gpc_rate);
	assert_int_equal(i, 7);
	static const char *const bad[] = { "gpc0", "data.", "data.x", "data.gpc0[0]",
		"data.gpc[", "data.gpc[]", "data.gpc[1", "data.gpc[1]x", "data.gpc[-1]",
		"data.gpc[100]", "data.gpc[99999999999999999999]" };
	for (size_t n = 0; n < TW_N_ELEMENTS(bad); n++)
		assert_int_equal(tb_data_word(bad[n], &i), TB_NONE);
	tb_table_unref(&t);
}

/* The vector of the reference implementation's test, for 1-3 rounds. */
static void
test_siphash(void **state)
{
	const uint64_t secret[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	const char in[] = "\0\1\2\3\4\5\6\7\10";

	(void)state;
	assert_true(tb_siphash(secret, "", 0) == 0xabac0158050fc4dcu);
	assert_true(tb_siphash(secret, in, 8) != tb_siphash(secret, in, 9));
	assert_true(tb_siphash(secret, in, 7) != tb_siphash(secret, in + 1, 7));
}

/* ---- threads ------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS 20000

struct hammer {
	struct tb_table *t;
	unsigned seed;
	uint64_t added;
};

/* Keys are few, the table is smaller: all is made, recycled and tracked at
 * once, and one key of each thread's own is tracked all the time. */
static void *
hammer(void *arg)
{
	struct hammer *const me = arg;
	struct tb_entry *own;
	struct tb_hold h;

	if (!find(&h, me->t, 100000 + me->seed, TB_MAKE, 1000))
		return NULL;
	own = h.e;
	tb_track(&h);
	tb_leave(&h);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const uint32_t n = (i * 2654435761u + me->seed * 40503u) >> 16 & 255;
		const uint64_t now = 1000 + i / 8;
		if (find(&h, me->t, n, TB_MAKE, now)) {
			tb_add(&h, TB_gpc0, 0, 1);
			tb_add(&h, TB_gpc0_rate, 0, 1);
			tb_name_set(
			    &h, TB_server_key, n & 1 ? TW_STR("odd") : TW_STR("even"));
			if (i % 3 == 0) {
				struct tb_entry *const e = h.e;
				tb_track(&h);
				tb_leave(&h);
				tb_enter(&h, me->t, e, now);
				tb_untrack(&h);
			}
			tb_leave(&h);
		}
		if (i % 64 == 0 && find(&h, me->t, n ^ 1, TB_LOOK, now))
			tb_remove(&h);
		tb_enter(&h, me->t, own, now);
		tb_add(&h, TB_gpc0, 0, 1);
		tb_leave(&h);
		me->added++;
	}
	return own;
}

static void
test_threads(void **state)
{
	struct tb_table *t = integers(128 + THREADS, 500, false);
	struct hammer h[THREADS];
	pthread_t thread[THREADS];
	struct tb_cursor at = { 0, 0 };
	uint64_t due, sum = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		h[i] = (struct hammer){ .t = t, .seed = i };
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, &h[i]), 0);
	}
	for (int i = 0; i < 200; i++) {
		tb_sweep(t, 1000, 16, &due);
		if (!tb_walk(t, &at, 1000, count_entry, &sum))
			at = (struct tb_cursor){ 0, 0 };
		assert_in_range(tb_table_used(t), 0, 128 + THREADS);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *own;
		struct tb_hold hold;

		assert_int_equal(pthread_join(thread[i], &own), 0);
		assert_non_null(own);
		tb_enter(&hold, t, own, 5000);
		assert_int_equal(tb_get(&hold, TB_gpc0, 0), h[i].added);
		tb_untrack(&hold);
		tb_leave(&hold);
	}
	assert_in_range(tb_table_used(t), THREADS, 128 + THREADS);
	assert_true(tb_sweep(t, 100000, 100000, &due));
	assert_int_equal(tb_table_used(t), 0);
	tb_table_unref(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_rate_wait),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_recycle),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_walk_and_copy),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
