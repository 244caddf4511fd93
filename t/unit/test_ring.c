/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_ring.c - messages in a circle of bytes, and who reads them.
 */
#include "config.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/proxy/ring.h"

static bool
put(struct tw__ring *r, const char *text)
{
	struct iovec iov[3] = { { (void *)(uintptr_t)text, strlen(text) / 2 },
		{ (void *)(uintptr_t)(text + strlen(text) / 2),
		    strlen(text) - strlen(text) / 2 },
		{ (void *)(uintptr_t) "\n", 1 } };

	return tw__ring_put(r, iov, 3);
}

static void
expect(struct tw__ring *r, struct tw__ring_reader *rd, const char *want)
{
	char mem[256];
	const size_t n = tw__ring_next(r, rd, mem, sizeof(mem));

	if (want == NULL) {
		assert_int_equal(n, SIZE_MAX);
		return;
	}
	assert_int_equal(n, strlen(want));
	assert_memory_equal(mem, want, n);
}

static struct tw__ring *
ring(const char *name, uint64_t size)
{
	struct tw__ring *const r = tw__ring_get(name);

	assert_ptr_equal(tw__ring_find(name), r);
	tw__ring_resize(r, size, NULL);
	r->maxlen = 50;
	return r;
}

static void
test_order(void **state)
{
	struct tw__ring *const r = ring("order", 64);
	struct tw__ring_reader rd = { .holds = false };
	char text[32];
	uint64_t n;

	(void)state;
	tw__ring_read_from(r, &rd, false);
	expect(r, &rd, NULL);
	for (int i = 0; i < 100; i++) { /* around many times */
		snprintf(text, sizeof(text), "message %d", i);
		assert_true(put(r, text));
		expect(r, &rd, text);
		expect(r, &rd, NULL);
	}
	assert_true(tw__ring_used(r, &n) <= 64);
	assert_int_equal(n, 4); /* of 14 bytes */
	assert_int_equal(atomic_load(&r->messages), 100);
	/* one who was overtaken goes on with the oldest */
	for (int i = 0; i < 10; i++)
		put(r, "again");
	expect(r, &rd, "again");
	tw__ring_read_end(r, &rd);
	tw__ring_read_from(r, &rd, true);
	expect(r, &rd, NULL);
	tw__ring_read_end(r, &rd);
}

static void
test_lengths(void **state)
{
	struct tw__ring *const r = ring("lengths", 60);
	struct tw__ring_reader rd = { .holds = false };
	char mem[8];

	(void)state;
	tw__ring_read_from(r, &rd, false);
	assert_true(put(r, ""));
	expect(r, &rd, "");
	assert_true(put(r, "123456789 123456789 123456789 123456789 123456789 1234"));
	assert_int_equal(tw__ring_next_len(r, &rd), 50);
	assert_int_equal(tw__ring_next(r, &rd, mem, sizeof(mem)), SIZE_MAX);
	expect(r, &rd, "123456789 123456789 123456789 123456789 123456789 ");
	r->maxlen = 60;
	assert_false(
	    put(r, "123456789 123456789 123456789 123456789 123456789 12345678"));
	assert_int_equal(atomic_load(&r->dropped), 1);
	tw__ring_read_end(r, &rd);
}

static void
test_held(void **state)
{
	struct tw__ring *const r = ring("held", 40);
	struct tw__ring_reader rd = { .holds = true };

	(void)state;
	tw__ring_read_from(r, &rd, false);
	assert_true(put(r, "0123456789"));
	assert_true(put(r, "abcdefghij"));
	assert_false(put(r, "ABCDEFGHIJ")); /* the first was not read */
	expect(r, &rd, "0123456789");
	assert_true(put(r, "ABCDEFGHIJ"));
	expect(r, &rd, "abcdefghij");
	expect(r, &rd, "ABCDEFGHIJ");
	expect(r, &rd, NULL);
	assert_int_equal(atomic_load(&r->dropped), 1);
	tw__ring_read_end(r, &rd);
}

static void
test_resize(void **state)
{
	struct tw__ring *const r = ring("resize", 45);
	struct tw__ring_reader rd = { .holds = false };
	char text[32];

	(void)state;
	tw__ring_read_from(r, &rd, false);
	for (int i = 0; i < 11; i++) {
		snprintf(text, sizeof(text), "n%02d", i);
		put(r, text);
	}
	tw__ring_resize(r, 1000, NULL);
	expect(r, &rd, "n05");
	tw__ring_resize(r, 15, NULL);
	expect(r, &rd, "n09");
	expect(r, &rd, "n10");
	expect(r, &rd, NULL);
	tw__ring_read_end(r, &rd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_resize),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
