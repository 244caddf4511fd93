/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_arena.c - alignment, growth, reset, copies.
 *
 * What an arena gives is written to its last byte, so that a sanitizer run
 * sees every overlap and overrun.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <tideway/arena.h>

static void
test_alignment(void **state)
{
	struct tw_arena *a = tw_arena_new(256);

	(void)state;
	for (size_t len = 0; len < 100; len++) {
		char *p = tw_arena_alloc(a, len);

		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 0x5a, len);
	}
	tw_arena_free(&a);
	assert_null(a);
}

static void
test_blocks_do_not_overlap(void **state)
{
	struct tw_arena *a = tw_arena_new(128);
	char *p[200];

	(void)state;
	for (int i = 0; i < 200; i++) {
		p[i] = tw_arena_alloc(a, (size_t)(i * 7 % 90 + 1));
		memset(p[i], i, (size_t)(i * 7 % 90 + 1));
	}
	for (int i = 0; i < 200; i++)
		for (int k = 0; k < i * 7 % 90 + 1; k++)
			assert_int_equal((unsigned char)p[i][k], i);
	tw_arena_free(&a);
}

static void
test_big_block_keeps_the_rest(void **state)
{
	struct tw_arena *a = tw_arena_new(1024);

	(void)state;
	char *before = tw_arena_alloc(a, 16);
	memset(tw_arena_alloc(a, 100000), 1, 100000);
	char *after = tw_arena_alloc(a, 16);
	assert_ptr_equal(after, before + 16);
	tw_arena_free(&a);
}

static void
test_reset_keeps_first_block(void **state)
{
	struct tw_arena *a = tw_arena_new(1024);

	(void)state;
	const size_t fresh = tw_arena_bytes(a);
	char *first = tw_arena_alloc(a, 100);
	for (int i = 0; i < 100; i++)
		tw_arena_alloc(a, 200);
	assert_true(tw_arena_bytes(a) > fresh);
	tw_arena_reset(a);
	assert_int_equal(tw_arena_bytes(a), fresh);
	assert_ptr_equal(tw_arena_alloc(a, 100), first);
	tw_arena_free(&a);
}

static void
test_zalloc_after_reset(void **state)
{
	struct tw_arena *a = tw_arena_new(0);

	(void)state;
	memset(tw_arena_alloc(a, 500), 0xff, 500);
	tw_arena_reset(a);
	const char *p = tw_arena_zalloc(a, 500);
	for (int i = 0; i < 500; i++)
		assert_int_equal(p[i], 0);
	tw_arena_free(&a);
}

static void
test_copies(void **state)
{
	struct tw_arena *a = tw_arena_new(0);
	char text[] = "abc";

	(void)state;
	assert_null(tw_arena_strdup(a, NULL));
	char *z = tw_arena_strdup(a, text);
	const struct tw_str s = tw_arena_str(a, (struct tw_str){ text, 2 });
	text[0] = 'x';
	assert_string_equal(z, "abc");
	assert_int_equal(s.len, 2);
	assert_string_equal(s.p, "ab");
	assert_string_equal(tw_arena_str(a, (struct tw_str){ 0 }).p, "");
	assert_string_equal(tw_arena_printf(a, "%s-%d", "n", 42), "n-42");
	tw_arena_free(&a);
}

static void
test_too_much_is_null(void **state)
{
	struct tw_arena *a = tw_arena_new(0);

	(void)state;
	assert_null(tw_arena_try(a, SIZE_MAX));
	assert_null(tw_arena_try(a, SIZE_MAX - 15));
	assert_non_null(tw_arena_try(a, 1));
	tw_arena_free(&a);
}

static char ended[16];

static void
end_note(void *arg)
{
	strcat(ended, arg); /* in the arena: its memory is still there */
}

static void
test_ends(void **state)
{
	struct tw_arena *a = tw_arena_new(128);

	(void)state;
	tw_arena_at_end(a, end_note, tw_arena_strdup(a, "1"));
	tw_arena_at_end(a, end_note, tw_arena_strdup(a, "2"));
	memset(tw_arena_alloc(a, 5000), 1, 5000);
	tw_arena_at_end(a, end_note, tw_arena_strdup(a, "3"));
	assert_string_equal(ended, "");
	tw_arena_reset(a);
	assert_string_equal(ended, "321");
	tw_arena_at_end(a, end_note, tw_arena_strdup(a, "4"));
	tw_arena_free(&a);
	assert_string_equal(ended, "3214");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_blocks_do_not_overlap),
		cmocka_unit_test(test_big_block_keeps_the_rest),
		cmocka_unit_test(test_reset_keeps_first_block),
		cmocka_unit_test(test_zalloc_after_reset),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_too_much_is_null),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
