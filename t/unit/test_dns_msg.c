/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_dns_msg.c - questions as bytes, and answers that are right, wrong and
 * meant to harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include "modules/resolvers/dns_msg.h"

static struct rs_records got;

/* A message under construction. */
static uint8_t msg[2048];
static size_t msg_len;

static void
put(const void *p, size_t len)
{
	assert_true(msg_len + len <= sizeof(msg));
	memcpy(msg + msg_len, p, len);
	msg_len += len;
}

#define LIT(bytes) put(bytes, sizeof(bytes) - 1)

/* The head and the question "a.test"/type. */
static void
begin(uint16_t flags, uint8_t type, uint8_t answers, uint8_t additional)
{
	const uint8_t head[] = { 0x12, 0x34, (uint8_t)(flags >> 8), (uint8_t)flags, 0,
		1, 0, answers, 0, 0, 0, additional };

	msg_len = 0;
	put(head, sizeof(head));
	LIT("\1a\4test\0");
	put((const uint8_t[]){ 0, type, 0, 1 }, 4);
}

static enum rs_answer
read_as(uint16_t type)
{
	uint8_t exact[2048]; /* the sanitizer sees a step too far */

	memcpy(exact + sizeof(exact) - msg_len, msg, msg_len);
	return rs_answer_read(exact + sizeof(exact) - msg_len, msg_len,
	    &(struct rs_question){ 0x1234, type, "a.test" }, &got);
}

#define A_HEAD "\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4"

static void
test_query(void **state)
{
	uint8_t out[RS_QUERY_MAX];
	const struct rs_question q = { 0x0102, RS_AAAA, "a.bc." };
	static const uint8_t want[] = "\1\2\1\0\0\1\0\0\0\0\0\1\1a\2bc\0\0\x1c\0\1"
				      "\0\0\x29\x02\0\0\0\0\0\0\0";

	(void)state;
	assert_int_equal(rs_query_make(out, &q, 512), sizeof(want) - 1);
	assert_memory_equal(out, want, sizeof(want) - 1);
}

static void
test_names(void **state)
{
	char label[80], name[300] = "";

	(void)state;
	memset(label, 'x', sizeof(label));
	label[63] = '\0';
	assert_true(rs_name_is_ok(label));
	for (int i = 0; i < 4; i++)
		strcat(strcat(name, label), ".");
	assert_false(rs_name_is_ok(name)); /* 256 */
	name[253] = '\0';
	assert_true(rs_name_is_ok(name));
	label[63] = 'x';
	label[64] = '\0';
	assert_false(rs_name_is_ok(label));
	assert_false(rs_name_is_ok(""));
	assert_false(rs_name_is_ok("a..b"));
	assert_false(rs_name_is_ok(".a"));
}

static void
test_addresses(void **state)
{
	(void)state;
	begin(0x8180, RS_A, 2, 0);
	LIT(A_HEAD "\x7f\0\0\2");
	LIT(A_HEAD "\x7f\0\0\3");
	assert_int_equal(read_as(RS_A), RS_VALID);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.r[1].addr.u.v4[3], 3);
	assert_false(got.alias);
	for (size_t all = msg_len; msg_len-- > 0;) { /* none of its beginnings */
		(void)all;
		assert_int_not_equal(read_as(RS_A), RS_VALID);
	}
}

static void
test_alias(void **state)
{
	(void)state;
	begin(0x8180, RS_A, 2, 0);
	LIT("\xc0\x0c\0\5\0\1\0\0\0\x1e\0\4\1b\xc0\x0e"); /* b.test */
	LIT("\1B\xc0\x0e\0\1\0\1\0\0\0\x1e\0\4\x7f\0\0\2");
	assert_int_equal(read_as(RS_A), RS_VALID);
	assert_int_equal(got.n, 1);
	assert_true(got.alias);

	begin(0x8180, RS_A, 1, 0); /* to itself */
	LIT("\xc0\x0c\0\5\0\1\0\0\0\x1e\0\2\xc0\x0c");
	assert_int_equal(read_as(RS_A), RS_CNAME_ERROR);

	begin(0x8180, RS_A, 1, 0); /* an address of somebody else's */
	LIT("\1b\xc0\x0e\0\1\0\1\0\0\0\x1e\0\4\x7f\0\0\2");
	assert_int_equal(read_as(RS_A), RS_EMPTY);
}

static void
test_srv(void **state)
{
	(void)state;
	begin(0x8180, RS_SRV, 3, 1);
	LIT("\xc0\x0c\0\x21\0\1\0\0\0\x1e\0\xa\0\1\0\2\0\x50\1B\xc0\x0e");
	LIT("\xc0\x0c\0\x21\0\1\0\0\0\x1e\0\7\0\1\0\2\0\x50\0");         /* "." */
	LIT("\xc0\x0c\0\x21\0\1\0\0\0\x1e\0\xa\0\1\0\2\0\0\1c\xc0\x0e"); /* port 0 */
	LIT("\1b\xc0\x0e\0\1\0\1\0\0\0\x1e\0\4\x7f\0\0\2");
	assert_int_equal(read_as(RS_SRV), RS_VALID);
	assert_int_equal(got.n, 1);
	assert_string_equal(got.r[0].target, "b.test");
	assert_int_equal(got.r[0].port, 80);
	assert_int_equal(got.r[0].weight, 2);
	assert_int_equal(got.r[0].addr.family, AF_INET);
}

static void
test_wrong(void **state)
{
	(void)state;
	begin(0x8183, RS_A, 0, 0);
	assert_int_equal(read_as(RS_A), RS_NX);
	begin(0x8185, RS_A, 0, 0);
	assert_int_equal(read_as(RS_A), RS_REFUSED);
	begin(0x8182, RS_A, 0, 0);
	assert_int_equal(read_as(RS_A), RS_OTHER);
	begin(0x8380, RS_A, 0, 0);
	assert_int_equal(read_as(RS_A), RS_TRUNCATED);
	begin(0x8180, RS_A, 0, 0);
	assert_int_equal(read_as(RS_A), RS_EMPTY);
	assert_int_equal(read_as(RS_AAAA), RS_OUTDATED);
	msg[0]++;
	assert_int_equal(read_as(RS_A), RS_OUTDATED);
	begin(0x0180, RS_A, 0, 0); /* a question */
	assert_int_equal(read_as(RS_A), RS_INVALID);
	begin(0x8180, RS_A, 9, 0); /* fewer than it says */
	LIT(A_HEAD "\x7f\0\0\2");
	assert_int_equal(read_as(RS_A), RS_INVALID);
	begin(0x8180, RS_A, 1, 0); /* an address of 5 bytes */
	LIT("\xc0\x0c\0\1\0\1\0\0\0\x1e\0\5\x7f\0\0\2\0");
	assert_int_equal(read_as(RS_A), RS_INVALID);
}

static void
test_pointers(void **state)
{
	(void)state;
	begin(0x8180, RS_A, 1, 0); /* to itself: offset 24 */
	LIT("\xc0\x18\0\1\0\1\0\0\0\x1e\0\4\x7f\0\0\2");
	assert_int_equal(read_as(RS_A), RS_INVALID);
	begin(0x8180, RS_A, 1, 0); /* forward */
	LIT("\xc0\x30\0\1\0\1\0\0\0\x1e\0\4\x7f\0\0\2");
	assert_int_equal(read_as(RS_A), RS_INVALID);
	begin(0x8180, RS_A, 1, 0); /* into the head */
	LIT("\xc0\0\0\1\0\1\0\0\0\x1e\0\4\x7f\0\0\2");
	assert_int_equal(read_as(RS_A), RS_INVALID);
	begin(0x8180, RS_A, 1, 0); /* a label that grows: x.x.x... */
	LIT("\1x\xc0\x18\0\1\0\1\0\0\0\x1e\0\4\x7f\0\0\2");
	assert_int_equal(read_as(RS_A), RS_INVALID);
	begin(0x8180, RS_A, 1, 0); /* bytes that no name has */
	LIT("\3a.b\xc0\x0e\0\1\0\1\0\0\0\x1e\0\4\x7f\0\0\2");
	assert_int_equal(read_as(RS_A), RS_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_alias),
		cmocka_unit_test(test_srv),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
