/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_tls_hello.c - a client's hello: its parts, what is kept, what is broken.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "../../modules/tls/watch.h"

#define RANDOM "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
#define BYTES(z) ((struct tw_str){ (z), sizeof(z) - 1 })

/* groups, formats, versions, signature algorithms, and one of no interest */
static const char whole[] = "\1\0\0\x59"
			    "\3\3" RANDOM "\2ss"
			    "\0\4\x13\1\x3a\x3a"
			    "\1\0"
			    "\0\x2a"
			    "\0\x0a\0\6\0\4\0\x1d\0\x17"
			    "\0\x0b\0\2\1\0"
			    "\0\x2b\0\5\4\3\4\3\3"
			    "\0\x0d\0\6\0\4\4\3\x08\4"
			    "\x12\x34\0\3"
			    "abc";

static void
is_text(struct tw_str got, const char *want, size_t len)
{
	assert_int_equal(got.len, len);
	if (len > 0)
		assert_memory_equal(got.p, want, len);
}

static void
parts(void **state)
{
	struct tls_hello_slices s;
	struct tls_hello *h;

	(void)state;
	assert_true(tls__hello_parse(BYTES(whole), &s));
	assert_int_equal(s.version, 0x303);
	h = tls__hello_keep(&s, 1000);
	assert_non_null(h);
	assert_int_equal(h->version, 0x303);
	is_text(tls__hello_part(h, TLS_HELLO_CIPHERS), "\x13\1\x3a\x3a", 4);
	is_text(tls__hello_part(h, TLS_HELLO_EXTENSIONS),
	    "\0\x0a\0\x0b\0\x2b\0\x0d\x12\x34", 10);
	is_text(tls__hello_part(h, TLS_HELLO_GROUPS), "\0\x1d\0\x17", 4);
	is_text(tls__hello_part(h, TLS_HELLO_FORMATS), "\0", 1);
	is_text(tls__hello_part(h, TLS_HELLO_VERSIONS), "\3\4\3\3", 4);
	is_text(tls__hello_part(h, TLS_HELLO_SIGALGS), "\4\3\x08\4", 4);
	free(h);
}

/* Whatever there is room for, nothing is written beside it. */
static void
little_room(void **state)
{
	struct tls_hello_slices s;

	(void)state;
	assert_true(tls__hello_parse(BYTES(whole), &s));
	for (uint32_t room = 0; room < 40; room++) {
		struct tls_hello *const h = tls__hello_keep(&s, room);
		uint32_t sum = 0;

		assert_non_null(h);
		for (int i = 0; i < TLS_N_HELLO_PARTS; i++)
			sum += h->len[i];
		assert_true(sum <= room);
		free(h);
	}
}

static void
broken(void **state)
{
	struct tls_hello_slices s;
	char copy[sizeof(whole)];

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		assert_false(tls__hello_parse((struct tw_str){ whole, len }, &s));
	for (size_t at = 0; at < sizeof(whole) - 1; at++) {
		memcpy(copy, whole, sizeof(whole));
		copy[at] = (char)0xff;
		(void)tls__hello_parse(BYTES(copy), &s);
	}
	memcpy(copy, whole, sizeof(whole));
	copy[0] = 2;
	assert_false(tls__hello_parse(BYTES(copy), &s));
	assert_false(tls__hello_parse((struct tw_str){ NULL, 0 }, &s));
}

static void
without_extensions(void **state)
{
	static const char old[] = "\1\0\0\x29\3\1" RANDOM "\0\0\2\0\x2f\1\0";
	struct tls_hello_slices s;

	(void)state;
	assert_true(tls__hello_parse(BYTES(old), &s));
	assert_int_equal(s.version, 0x301);
	is_text(s.part[TLS_HELLO_CIPHERS], "\0\x2f", 2);
	assert_int_equal(s.extensions.len, 0);
}

static void
grease(void **state)
{
	(void)state;
	assert_true(tls__is_grease(0x0a0a));
	assert_true(tls__is_grease(0xfafa));
	assert_false(tls__is_grease(0x0a1a));
	assert_false(tls__is_grease(0x1301));
	assert_false(tls__is_grease(0xabab));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(little_room),
		cmocka_unit_test(broken),
		cmocka_unit_test(without_extensions),
		cmocka_unit_test(grease),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
