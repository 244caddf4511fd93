/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_tls_sessions.c - the cache of clients' sessions, and which early data is
 * taken: what is found, what goes first, what is no second one.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "../../modules/tls/early.h"
#include "../../modules/tls/session.h"

/* --- the cache --- */

/* All in one part of it; the last byte tells them apart. */
static struct tw_str
id_of(char *mem, int n)
{
	memset(mem, 0, TLS_SESSION_ID);
	mem[TLS_SESSION_ID - 1] = (char)n;
	return (struct tw_str){ mem, TLS_SESSION_ID };
}

static void
put(int n, const char *bytes, size_t len, uint64_t end_s)
{
	char id[TLS_SESSION_ID];

	tls__cache_put(id_of(id, n), (struct tw_str){ bytes, len }, end_s);
}

static size_t
get(int n, uint64_t now_s, char *to)
{
	char id[TLS_SESSION_ID];

	return tls__cache_get(id_of(id, n), now_s, to);
}

static int
empty(void **state)
{
	(void)state;
	return tls__cache_resize(0);
}

static void
test_found(void **state)
{
	char to[TLS_SESSION_BYTES], id[TLS_SESSION_ID];

	(void)state;
	assert_int_equal(tls__cache_resize(1600), 0);
	put(1, "first", 5, 100);
	put(2, "second", 6, 100);
	assert_int_equal(get(1, 50, to), 5);
	assert_memory_equal(to, "first", 5);
	put(1, "again", 5, 100);
	assert_int_equal(get(1, 50, to), 5);
	assert_memory_equal(to, "again", 5);
	tls__cache_del(id_of(id, 1));
	assert_int_equal(get(1, 50, to), 0);
	assert_int_equal(get(2, 99, to), 6);
	assert_int_equal(get(2, 100, to), 0);
	assert_int_equal(get(2, 50, to), 0);
	assert_int_equal(tls__cache_count().blocks, 0);
}

/* What no peer brings: nothing of it is kept. */
static void
test_refused(void **state)
{
	static char large[TLS_SESSION_BYTES + 1];
	const struct tw_str one = { "x", 1 }, none = { NULL, 0 };
	char to[TLS_SESSION_BYTES];

	(void)state;
	assert_int_equal(tls__cache_resize(16000), 0);
	tls__cache_put(none, one, 100);
	tls__cache_put((struct tw_str){ large, TLS_SESSION_ID + 1 }, one, 100);
	put(1, large, sizeof(large), 100);
	put(1, large, 0, 100);
	assert_int_equal(tls__cache_count().blocks, 0);
	assert_int_equal(tls__cache_get(none, 1, to), 0);
	tls__cache_del(none);
	put(1, large, TLS_SESSION_BYTES, 100);
	assert_int_equal(get(1, 1, to), TLS_SESSION_BYTES);
}

/* Three blocks of a part: the one that was not asked for longest goes. */
static void
test_room(void **state)
{
	static const char bytes[600];
	char to[TLS_SESSION_BYTES];

	(void)state;
	assert_int_equal(tls__cache_resize(48), 0);
	for (int i = 1; i <= 3; i++)
		put(i, "x", 1, 100);
	assert_int_equal(get(1, 1, to), 1);
	put(4, "x", 1, 100);
	assert_int_equal(get(2, 1, to), 0);
	assert_int_equal(get(1, 1, to), 1);
	put(5, bytes, 600, 100); /* three blocks */
	assert_int_equal(get(5, 1, to), 600);
	assert_int_equal(tls__cache_count().blocks, 3);
	put(6, bytes, 600, 100);
	assert_int_equal(get(5, 1, to), 0);
}

static void
test_resized(void **state)
{
	char to[TLS_SESSION_BYTES];

	(void)state;
	put(1, "x", 1, 100);
	assert_int_equal(get(1, 1, to), 0);
	assert_int_equal(tls__cache_resize(160), 0);
	for (int i = 1; i <= 9; i++)
		put(i, "x", 1, 100);
	assert_int_equal(tls__cache_resize(16000), 0);
	for (int i = 1; i <= 9; i++)
		assert_int_equal(get(i, 1, to), 1);
	assert_int_equal(tls__cache_resize(32), 0);
	assert_int_equal(get(7, 1, to), 0);
	assert_int_equal(get(9, 1, to), 1);
	assert_int_equal(tls__cache_resize(0), 0);
	assert_int_equal(get(9, 1, to), 0);
	assert_int_equal(tls__cache_count().blocks, 0);
}

/* --- early data --- */

static bool
is_first(int n, uint64_t now_s)
{
	unsigned char random[TLS_EARLY_RANDOM];

	memset(random, n, sizeof(random));
	return tls__early_is_first(random, now_s);
}

static void
test_replay(void **state)
{
	(void)state;
	assert_false(is_first(1, 1000)); /* there is no room to know */
	assert_int_equal(tls__early_seen_init(), 0);
	assert_int_equal(tls__early_seen_init(), 0);
	assert_true(is_first(1, 1000));
	assert_true(is_first(2, 1000));
	assert_false(is_first(1, 1000));
	assert_false(is_first(1, 1000 + TLS_EARLY_WINDOW_S - 1));
	assert_true(is_first(1, 1000 + TLS_EARLY_WINDOW_S));
}

/* A worker's clock is that of its turn: another one's may be a second behind. */
static void
test_clocks(void **state)
{
	(void)state;
	assert_int_equal(tls__early_seen_init(), 0);
	assert_true(is_first(3, 2000));
	assert_false(is_first(3, 1999));
	assert_true(is_first(4, 65536));
	assert_false(is_first(4, 65535));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_found, empty),
		cmocka_unit_test_setup(test_refused, empty),
		cmocka_unit_test_setup(test_room, empty),
		cmocka_unit_test_setup(test_resized, empty),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
