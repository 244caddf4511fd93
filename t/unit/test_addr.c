/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_addr.c - addresses as they are written, and back again.
 *
 * Tables of texts and what they mean; no name is resolved but by the parser's
 * own rules, so that the test needs no network.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/proxy/addr.h"

#define ALL (TW__ADDR_RANGE | TW__ADDR_RELATIVE | TW__ADDR_FD)

static struct tw_arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = tw_arena_new(0);
	setenv("TW_TEST_PORT", "8080", 1);
	setenv("TW_TEST_HOST", "10.0.0.1", 1);
	unsetenv("TW_TEST_NONE");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tw_arena_free(&arena);
	return 0;
}

static const char *
shown(const struct tw_addr *a)
{
	static char text[256];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);

	tw_addr_port_out(&o, a);
	*o.p = '\0';
	return text;
}

static void
test_good(void **state)
{
	static const struct {
		const char *text, *shown;
		int last;
	} good[] = {
		{ "127.0.0.1:80", "127.0.0.1:80", 80 },
		{ "127.0.0.1", "127.0.0.1:0", 0 },
		{ "127.0.0.1:", "127.0.0.1:0", 0 },
		{ ":80", "0.0.0.0:80", 80 },
		{ "*:80", "0.0.0.0:80", 80 },
		{ "ipv4@:80", "0.0.0.0:80", 80 },
		{ "ipv6@:80", "[::]:80", 80 },
		{ "ipv6@*:80", "[::]:80", 80 },
		{ ":::80", "[::]:80", 80 },
		{ "[::]:80", "[::]:80", 80 },
		{ "[::1]", "[::1]:0", 0 },
		{ "::1:80", "[::1]:80", 80 },
		{ "::1", "[::1]:0", 0 },
		{ "2001:db8::1:443", "[2001:db8::1]:443", 443 },
		{ "ipv6@2001:db8::2:443", "[2001:db8::2]:443", 443 },
		{ "10.1.2.3:8000-8010", "10.1.2.3:8000", 8010 },
		{ "/run/x.sock", "/run/x.sock", 0 },
		{ "unix@/run/x.sock", "/run/x.sock", 0 },
		{ "unix@rel", "rel", 0 },
		{ "abns@name", "@name", 0 },
		{ "${TW_TEST_HOST}:$TW_TEST_PORT", "10.0.0.1:8080", 8080 },
		{ "*:${TW_TEST_PORT}", "0.0.0.0:8080", 8080 },
		{ "1.2.3.4:0", "1.2.3.4:0", 0 },
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(good); i++) {
		struct tw__addr_spec spec;
		struct tw_err err = { "" };

		if (tw__addr_parse(arena, good[i].text, ALL, &spec, &err) != 0)
			fail_msg("%s: %s", good[i].text, err.text);
		assert_null(spec.host);
		assert_string_equal(shown(&spec.addr), good[i].shown);
		assert_int_equal(spec.port_last, good[i].last);
		assert_int_equal(spec.fd, -1);
	}
}

static void
test_names(void **state)
{
	struct tw__addr_spec spec;

	(void)state;
	assert_int_equal(
	    tw__addr_parse(arena, "web1.example.com:80", 0, &spec, NULL), 0);
	assert_string_equal(spec.host, "web1.example.com");
	assert_int_equal(spec.addr.port, 80);
	assert_int_equal(spec.family, AF_UNSPEC);
	assert_int_equal(tw__addr_parse(arena, "ipv6@a_b-c", 0, &spec, NULL), 0);
	assert_string_equal(spec.host, "a_b-c");
	assert_int_equal(spec.family, AF_INET6);
	assert_false(spec.has_port);
}

static void
test_relative_and_fd(void **state)
{
	struct tw__addr_spec spec;

	(void)state;
	assert_int_equal(tw__addr_parse(arena, "1.2.3.4:+80", ALL, &spec, NULL), 0);
	assert_int_equal(spec.sign, '+');
	assert_int_equal(spec.addr.port, 80);
	assert_int_equal(tw__addr_parse(arena, "1.2.3.4:-80", ALL, &spec, NULL), 0);
	assert_int_equal(spec.sign, '-');
	assert_int_equal(spec.addr.port, 65536 - 80);
	assert_int_equal(tw__addr_parse(arena, "fd@7", ALL, &spec, NULL), 0);
	assert_int_equal(spec.fd, 7);
}

static void
test_bad(void **state)
{
	static const struct {
		const char *text;
		unsigned how;
		const char *says;
	} bad[] = {
		{ "127.0.0.1:99999", 0, "invalid port '99999'" },
		{ "127.0.0.1:x", 0, "invalid port 'x'" },
		{ "127.0.0.1:80-", TW__ADDR_RANGE, "invalid port range" },
		{ "127.0.0.1:90-80", TW__ADDR_RANGE, "invalid port range" },
		{ "127.0.0.1:80-90", 0, "no port range" },
		{ "127.0.0.1:+80", 0, "invalid port" },
		{ "127.0.0.1", TW__ADDR_NEED_PORT, "missing port" },
		{ "999.1.1.1:80", 0, "invalid address" },
		{ "1.2.3:80", 0, "invalid address" },
		{ "[::1:80", 0, "invalid address" },
		{ "[::1]x:80", 0, "invalid address" },
		{ "a b:80", 0, "invalid address" },
		{ "ipv4@::1:80", 0, "invalid address" },
		{ "ipv6@1.2.3.4:80", 0, "invalid address" },
		{ "foo@:80", 0, "invalid address" },
		{ "fd@x", TW__ADDR_FD, "not a valid integer" },
		{ "fd@3", 0, "not possible here" },
		{ "unix@", 0, "needs a path" },
		{ "$TW_TEST_NONE", 0, "resolves to an empty address" },
		{ "", 0, "empty address" },
	};
	char longest[300] = "/";

	(void)state;
	memset(longest + 1, 'x', 200);
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++) {
		struct tw__addr_spec spec;
		struct tw_err err = { "" };

		if (tw__addr_parse(arena, bad[i].text, bad[i].how, &spec, &err) == 0)
			fail_msg("'%s' was taken", bad[i].text);
		if (strstr(err.text, bad[i].says) == NULL)
			fail_msg("'%s' says '%s'", bad[i].text, err.text);
	}
	struct tw__addr_spec spec;
	assert_int_equal(tw__addr_parse(arena, longest, 0, &spec, NULL), -1);
}

static void
test_sockaddr(void **state)
{
	static const char *const texts[] = { "1.2.3.4:5", "[2001:db8::1]:443",
		"/run/x" };

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(texts); i++) {
		struct sockaddr_storage ss;
		struct tw__addr_spec spec;
		struct tw_addr back;

		assert_int_equal(tw__addr_parse(arena, texts[i], 0, &spec, NULL), 0);
		const socklen_t len = tw_addr_to_sockaddr(&spec.addr, &ss);
		assert_true(len > 0);
		assert_int_equal(ss.ss_family, spec.addr.family);
		tw_addr_from_sockaddr(&back, (struct sockaddr *)&ss, len);
		if (ss.ss_family == AF_UNIX) /* the path is not kept */
			assert_string_equal(
			    ((char *)&ss) + sizeof(sa_family_t), "/run/x");
		else
			assert_true(tw_addr_eq(&spec.addr, &back));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_relative_and_fd),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_sockaddr),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
