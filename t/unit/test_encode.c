/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_encode.c - Base64 both ways, and logins of the scheme Basic.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <tideway/encode.h>

static void
test_vectors(void **state)
{
	/* RFC 4648, 10 */
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
	char mem[32];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct tw_str plain = tw_str_of(pairs[i][0]);
		const struct tw_str text = tw_str_of(pairs[i][1]);

		assert_int_equal(tw_base64_encode(plain, mem, false), text.len);
		assert_memory_equal(mem, text.p, text.len);
		assert_int_equal(
		    tw_base64_decode(text, mem, plain.len, false), (int64_t)plain.len);
		assert_memory_equal(mem, plain.p, plain.len);
	}
}

static void
test_url(void **state)
{
	const struct tw_str plain = { "\xfb\xff\xfe", 3 };
	char mem[8];

	(void)state;
	assert_int_equal(tw_base64_encode(plain, mem, true), 4);
	assert_memory_equal(mem, "-__-", 4);
	assert_int_equal(tw_base64_decode(TW_STR("-__-"), mem, 8, true), 3);
	assert_int_equal(tw_base64_decode(TW_STR("Zg"), mem, 8, true), 1);
	assert_int_equal(tw_base64_decode(TW_STR("Zg=="), mem, 8, true), 1);
	assert_int_equal(tw_base64_decode(TW_STR("+//+"), mem, 8, true), -1);
	assert_int_equal(tw_base64_decode(TW_STR("-__-"), mem, 8, false), -1);
}

static void
test_broken(void **state)
{
	static const char *const broken[] = { "Zg", "Zm8", "Zm9", "Z",
		"Zg=", "Z===", "====", "Zm9v=", "Zm9v====", "Zm 9v", "Zm9v\n", "Zm9!",
		"=m9v", "Zg==Zg==" };
	char mem[32];

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(
		    tw_base64_decode(tw_str_of(broken[i]), mem, 32, false), -1);
	assert_int_equal(tw_base64_decode(TW_STR("Zm9vYmFy"), mem, 5, false), -1);
}

static bool
login(const char *value, const char *user, const char *password)
{
	char mem[16];
	struct tw_str u, p;

	if (!tw_basic_login(tw_str_of(value), mem, sizeof(mem), &u, &p))
		return false;
	assert_true(tw_str_eq(u, tw_str_of(user)));
	assert_true(tw_str_eq(p, tw_str_of(password)));
	return true;
}

static void
test_login(void **state)
{
	(void)state;
	assert_true(login("Basic YTpi", "a", "b"));
	assert_true(login("bASIC   YTpi ", "a", "b"));
	assert_true(login("Basic YTpiOmM=", "a", "b:c"));
	assert_true(login("Basic Og==", "", ""));
	assert_false(login("Basic YQ==", "", ""));     /* no colon */
	assert_false(login("Basic YTpiOmM", "", ""));  /* no padding */
	assert_false(login("Basic YQA6Yg==", "", "")); /* a NUL */
	assert_false(login("Basic ", "", ""));
	assert_false(login("Basic", "", ""));
	assert_false(login("Bearer YTpi", "", ""));
	assert_false(login("BasicYTpi", "", ""));
	assert_false(login("", "", ""));
	assert_false(
	    login("Basic YWFhYWFhYWFhYWFhYWFhYWFhYTpi", "", "")); /* too long */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
