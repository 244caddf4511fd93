/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_hello.c - what first bytes say (core/expr/hello.c), and hashes and
 * searches whose results are known (hash.h, strset, subset).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <tideway/hash.h>
#include "core/expr/hello.h"
#include "core/expr/pattern.h"

static unsigned char hello_bytes[512];
static size_t hello_len;

static void
put(const void *p, size_t len)
{
	memcpy(hello_bytes + hello_len, p, len);
	hello_len += len;
}

static void
put16(unsigned n)
{
	const unsigned char two[2] = { (unsigned char)(n >> 8), (unsigned char)n };

	put(two, 2);
}

/* A ClientHello with SNI, ALPN, groups and an empty ticket. */
static void
make_hello(const char *name)
{
	static const unsigned char alpn[] = "\0\x10\0\x0e\0\x0c\x02h2\x08http/1.1";
	static const unsigned char groups[] = { 0, 10, 0, 4, 0, 2, 0, 29 };
	static const unsigned char ticket[] = { 0, 35, 0, 0 };
	const unsigned n = (unsigned)strlen(name);
	const unsigned extensions =
	    n + 9 + (unsigned)sizeof(alpn) - 1 + sizeof(groups) + sizeof(ticket);
	const unsigned body = 2 + 32 + 1 + 4 + 2 + 2 + extensions;

	hello_len = 0;
	put("\x16\x03\x01", 3);
	put16(body + 4);
	put("\x01\0", 2);
	put16(body);
	put("\x03\x03", 2);
	put("rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", 32);
	put("\0\0\x02\x13\x01\x01\0", 7);
	put16(extensions);
	put16(0);
	put16(n + 5);
	put16(n + 3);
	put("\0", 1);
	put16(n);
	put(name, n);
	put(alpn, sizeof(alpn) - 1);
	put(groups, sizeof(groups));
	put(ticket, sizeof(ticket));
}

static struct tw_str
first_bytes(size_t len)
{
	return (struct tw_str){ (const char *)hello_bytes, len };
}

static void
test_client_hello(void **state)
{
	struct tw__hello h;

	(void)state;
	make_hello("www.example.org");
	assert_int_equal(tw__hello_parse(first_bytes(hello_len), &h), TW__SEEN_ALL);
	assert_int_equal(h.type, 1);
	assert_int_equal(h.version, 0x30003);
	assert_true(tw_str_eq(h.sni, TW_STR("www.example.org")));
	assert_int_equal(h.alpn.len, 12);
	assert_true(h.has_groups && h.has_ticket);
	assert_int_equal(h.ticket_len, 0);
	assert_int_equal(h.ciphers.len, 2);
	for (size_t n = 0; n < hello_len; n++)
		assert_int_equal(tw__hello_parse(first_bytes(n), &h), TW__SEEN_PART);
}

/* One wrong byte: never outside, and lengths that lie are no hello. */
static void
test_broken_hello(void **state)
{
	struct tw__hello h;

	(void)state;
	for (size_t at = 0; at < 120; at++) {
		make_hello("www.example.org");
		hello_bytes[at] ^= 0xff;
		(void)tw__hello_parse(first_bytes(hello_len), &h);
	}
	make_hello("a");
	hello_bytes[8]--; /* the handshake's length */
	assert_int_equal(tw__hello_parse(first_bytes(hello_len), &h), TW__SEEN_NOT);
	make_hello(""); /* an empty name */
	assert_int_equal(tw__hello_parse(first_bytes(hello_len), &h), TW__SEEN_ALL);
	assert_int_equal(h.sni.len, 0);
	assert_int_equal(tw__hello_parse(TW_STR("GET / HTTP/1.1"), &h), TW__SEEN_NOT);
	assert_int_equal(tw__hello_parse(TW_STR(""), &h), TW__SEEN_PART);
}

static void
test_rdp(void **state)
{
	static const char whole[] =
	    "\x03\0\0\x22\x1d\xe0\0\0\0\0\0Cookie: mstshash=user\r\n";
	const struct tw_str in = { whole, sizeof(whole) - 1 };
	struct tw_str name, value;

	(void)state;
	assert_int_equal(in.len, 0x22);
	assert_int_equal(tw__rdp_parse(in, &name, &value), TW__SEEN_ALL);
	assert_true(tw_str_eq(name, TW_STR("mstshash")));
	assert_true(tw_str_eq(value, TW_STR("user")));
	for (size_t n = 0; n < in.len; n++)
		assert_int_equal(
		    tw__rdp_parse((struct tw_str){ whole, n }, &name, &value),
		    TW__SEEN_PART);
	assert_int_equal(
	    tw__rdp_parse(TW_STR("\x03\0\0\x0b\x06\xe0\0\0\0\0\0"), &name, &value),
	    TW__SEEN_ALL);
	assert_null(name.p);
	assert_int_equal(
	    tw__rdp_parse(TW_STR("SSH-2.0-x\r\n"), &name, &value), TW__SEEN_NOT);
}

static void
test_http(void **state)
{
	static const struct {
		const char *text;
		enum tw__seen seen;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", TW__SEEN_ALL },
		{ "GET / HTTP/1.1\r\n\r\n", TW__SEEN_ALL },
		{ "GET / HTTP/1.1\r\nHost: a\r\n", TW__SEEN_PART },
		{ "GET / HT", TW__SEEN_PART },
		{ "", TW__SEEN_PART },
		{ "GET /\r\n\r\n", TW__SEEN_NOT },
		{ "GET / HTTP/1.1\r\nHost\r\n\r\n", TW__SEEN_NOT },
		{ "\x16\x03\x01", TW__SEEN_NOT },
		{ "SSH-2.0-OpenSSH\r\n", TW__SEEN_NOT },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		assert_int_equal(
		    tw__http_seen(tw_str_of(cases[i].text)), cases[i].seen);
}

static void
test_hashes(void **state)
{
	const struct tw_str check = TW_STR("123456789");

	(void)state;
	assert_int_equal(tw_hash_crc32(check), 0xcbf43926);
	assert_int_equal(tw_hash_crc32c(check), 0xe3069283);
	const uint32_t half = tw_hash_crc32c((struct tw_str){ check.p, 4 });
	assert_int_equal(
	    tw_hash_crc32c_more(half, (struct tw_str){ check.p + 4, check.len - 4 }),
	    0xe3069283);
	assert_int_equal(tw_hash_djb2(TW_STR("a")), 5381 * 33 + 'a');
	assert_int_equal(tw_hash_sdbm(TW_STR("ab")), 'a' * 65599 + 'b');
}

/* The hashed search finds what a plain one finds. */
static void
test_subsets(void **state)
{
	static const char *const delims[] = { NULL, "/?", "/?.:" };
	static const enum tw__match methods[] = { TW__SUB, TW__DIR, TW__DOM };
	struct tw_arena *arena = tw_arena_new(0);

	(void)state;
	srand(42);
	for (int round = 0; round < 3000; round++) {
		const int m = round % 3, n = 1 + rand() % 30;
		struct tw__strset set = { .n = 0 };
		struct tw__subset ss = { .set = NULL };
		char text[40], word[8];
		uint32_t want = 0;
		size_t len = 1 + (size_t)rand() % 30;
		for (size_t i = 0; i < len; i++)
			text[i] = "ab/.x"[rand() % 5];
		const struct tw_str s = { text, len };
		for (int k = 0; k < n; k++) {
			size_t w = 1 + (size_t)rand() % 6;
			for (size_t i = 0; i < w; i++)
				word[i] = "abx"[rand() % 3];
			tw__strset_add(arena, &set, (struct tw_str){ word, w });
			for (size_t at = 0; want == 0 && at + w <= len; at++) {
				const char *const d = delims[m];
				if (memcmp(text + at, word, w) == 0 &&
				    (d == NULL ||
					((at == 0 || strchr(d, text[at - 1])) &&
					    (at + w == len ||
						strchr(d, text[at + w])))))
					want = (uint32_t)k + 1;
			}
		}
		tw__subset_build(arena, &ss, &set, methods[m]);
		assert_int_equal(tw__subset_find(&ss, s), want);
	}
	tw_arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_hello),
		cmocka_unit_test(test_broken_hello),
		cmocka_unit_test(test_rdp),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_subsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
