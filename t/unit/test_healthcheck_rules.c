/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_healthcheck_rules.c - answers as expect rules, presets and agents see
 * them: whole, byte by byte, and wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../modules/healthcheck/hc.h"

#define BYTES(lit) ((struct tw_str){ (lit), sizeof(lit) - 1 })

static struct tw_check_result r;

static enum tw_io
eval(const struct hc_expect *e, struct tw_str got, bool eof)
{
	const struct hc_answer a = { got, eof, NULL };

	memset(&r, 0, sizeof(r));
	return hc_expect_eval(e, &a, &r);
}

static void
test_string(void **state)
{
	struct hc_expect e = {
		.match = HC_STRING, .min_recv = -1, .text = { TW_STR("PONG"), NULL }
	};

	(void)state;
	assert_int_equal(eval(&e, TW_STR("+PO"), false), TW_IO_AGAIN);
	assert_int_equal(eval(&e, TW_STR("+PONG"), false), TW_IO_OK);
	assert_int_equal(eval(&e, TW_STR("-ERR"), false), TW_IO_AGAIN);
	assert_int_equal(eval(&e, TW_STR("-ERR"), true), TW_IO_ERR);
	assert_string_equal(r.text, "TCPCHK did not match content 'PONG'");
	assert_int_equal(r.what, TW_CHK_L7RSP);
	assert_int_equal(eval(&e, TW_STR(""), true), TW_IO_ERR);
	assert_string_equal(r.text, "TCPCHK got an empty response");
	e.min_recv = 0; /* conclusive once it could have matched */
	assert_int_equal(eval(&e, TW_STR("-E"), false), TW_IO_AGAIN);
	assert_int_equal(eval(&e, TW_STR("-ERR"), false), TW_IO_ERR);
	e.negate = true;
	assert_int_equal(eval(&e, TW_STR("-ERR"), false), TW_IO_OK);
	assert_int_equal(eval(&e, TW_STR("+PONG"), false), TW_IO_ERR);
	assert_string_equal(r.text, "TCPCHK matched unwanted content 'PONG'");
}

#define HEAD "HTTP/1.1 200 Fine\r\nSet-Cookie: sid=1; x\r\nX-L: a, bc ,d\r\n\r\n"

static enum tw_io
header(enum hc_match match, enum hc_how how, const char *name, const char *value)
{
	const struct hc_expect e = {
		.match = match,
		.is_http = true,
		.min_recv = -1,
		.name = { HC_STR, { tw_str_of(name), NULL }, NULL },
		.value = { how, { tw_str_of(value), NULL }, NULL },
		.has_value = value != NULL,
	};

	return eval(&e, TW_STR(HEAD), false);
}

static void
test_header(void **state)
{
	(void)state;
	assert_int_equal(header(HC_HDR, HC_STR, "set-cookie", NULL), TW_IO_OK);
	assert_int_equal(header(HC_HDR, HC_STR, "cookie", NULL), TW_IO_ERR);
	assert_int_equal(r.what, TW_CHK_L7STS);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.text, "Fine");
	assert_int_equal(header(HC_HDR, HC_BEG, "SET-COOKIE", "sid="), TW_IO_OK);
	assert_int_equal(header(HC_HDR, HC_STR, "x-l", "bc"), TW_IO_OK);
	assert_int_equal(header(HC_FHDR, HC_STR, "x-l", "bc"), TW_IO_ERR);
	assert_int_equal(header(HC_FHDR, HC_STR, "x-l", "a, bc ,d"), TW_IO_OK);
	assert_int_equal(header(HC_HDR, HC_END, "x-l", "c"), TW_IO_OK);
	assert_int_equal(header(HC_HDR, HC_SUB, "x-l", "zz"), TW_IO_ERR);
}

/* Whatever is cut off must be waited for, and judged at the end. */
static void
whole(hc_judge *judge, struct tw_str answer, enum tw_io want)
{
	const struct hc_expect e = { .match = HC_CUSTOM, .judge = judge };

	for (size_t n = 0; n < answer.len; n++) {
		const struct tw_str part = { answer.p, n };

		if (eval(&e, part, false) == TW_IO_OK && want != TW_IO_OK)
			fail_msg("taken after %zu bytes", n);
		assert_int_not_equal(eval(&e, part, true), TW_IO_AGAIN);
	}
	assert_int_equal(eval(&e, answer, false), want);
}

static void
test_mysql(void **state)
{
	(void)state;
	whole(hc_judge_mysql_hello,
	    BYTES("\x0a\0\0\0\x0a"
		  "8.0.1\0xyz"),
	    TW_IO_OK);
	whole(hc_judge_mysql_hello, BYTES("\x16\0\0\0\xff\x15\x04#28000Access denied"),
	    TW_IO_ERR);
	assert_int_equal(r.status, 1045);
	assert_string_equal(r.text, "#28000Access denied");
	assert_int_equal(r.what, TW_CHK_L7STS);
	whole(hc_judge_mysql_packet, BYTES("\x07\0\0\2\0\0\0\2\0\0\0"), TW_IO_OK);
	whole(hc_judge_mysql_hello, BYTES("HTTP/1.1 400 Bad"), TW_IO_ERR);
}

static void
test_pgsql(void **state)
{
	(void)state;
	whole(hc_judge_pgsql, BYTES("R\0\0\0\x08\0\0\0\0"), TW_IO_OK);
	assert_string_equal(r.text, "PostgreSQL server is ok");
	whole(hc_judge_pgsql, BYTES("E\0\0\0\x0eSFATAL\0\0\0\0"), TW_IO_ERR);
	assert_string_equal(r.text, "FATAL");
	whole(hc_judge_pgsql, BYTES("R\xff\xff\xff\xff\0\0\0\0"), TW_IO_ERR);
	whole(hc_judge_pgsql, BYTES("SSH-2.0-x\r\n"), TW_IO_ERR);
}

static void
test_ldap(void **state)
{
	(void)state;
	whole(
	    hc_judge_ldap, BYTES("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00"), TW_IO_OK);
	whole(hc_judge_ldap,
	    BYTES("\x30\x84\0\0\0\x10\x02\x01\x01\x61\x84\0\0\0\x07\x0a\x01\x00"),
	    TW_IO_OK);
	whole(hc_judge_ldap, BYTES("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31"),
	    TW_IO_ERR);
	assert_int_equal(r.status, 49);
	assert_int_equal(r.what, TW_CHK_L7STS);
	whole(hc_judge_ldap, BYTES("\x30\x88\xff\xff\xff\xff"), TW_IO_ERR);
	whole(hc_judge_ldap, BYTES("junk"), TW_IO_ERR);
	assert_string_equal(r.text, "Not LDAPv3 protocol");
}

static void
test_redis(void **state)
{
	(void)state;
	whole(hc_judge_redis, BYTES("+PONG\r\n"), TW_IO_OK);
	whole(hc_judge_redis, BYTES("-NOAUTH Authentication required.\r\n"), TW_IO_ERR);
	assert_string_equal(r.text, "-NOAUTH Authentication required.");
}

static void
test_smtp(void **state)
{
	(void)state;
	whole(hc_judge_smtp, BYTES("220 mail ready\r\n"), TW_IO_OK);
	assert_int_equal(r.status, 220);
	whole(hc_judge_smtp, BYTES("250-x\r\n250-y\r\n250 ok\r\n"), TW_IO_OK);
	whole(hc_judge_smtp, BYTES("421 busy\r\n"), TW_IO_ERR);
	assert_int_equal(r.what, TW_CHK_L7STS);
	assert_string_equal(r.text, "busy");
	whole(hc_judge_smtp, BYTES("HTTP/1.0 200 OK\r\n"), TW_IO_ERR);
	assert_int_equal(r.what, TW_CHK_L7RSP);
	whole(hc_judge_smtp, BYTES("25\r\n"), TW_IO_ERR);
}

static void
test_ssl_spop(void **state)
{
	(void)state;
	whole(hc_judge_ssl, BYTES("\x16\x03\x00\x00\x2a"), TW_IO_OK);
	whole(hc_judge_ssl, BYTES("\x15\x03\x00\x00\x02"), TW_IO_OK);
	whole(hc_judge_ssl, BYTES("HTTP/"), TW_IO_ERR);
	whole(hc_judge_spop, BYTES("\0\0\0\x07\x65\0\0\0\1\0\0"), TW_IO_OK);
	whole(hc_judge_spop, BYTES("\0\0\0\x07\x66\0\0\0\1\0\0"), TW_IO_ERR);
	whole(hc_judge_spop, BYTES("\xff\xff\xff\xff\x65"), TW_IO_ERR);
}

static struct hc_agent_word w;

static void
said(const char *line)
{
	hc_agent_parse(tw_str_of(line), &w);
}

static void
test_agent(void **state)
{
	(void)state;
	said("75% up");
	assert_int_equal(w.percent, 75);
	assert_int_equal(w.health, HC_AG_UP);
	assert_int_equal(w.maxconn, -1);
	said("drain,\tmaxconn:30 , 0%");
	assert_int_equal(w.admin, HC_AG_DRAIN);
	assert_int_equal(w.maxconn, 30);
	assert_int_equal(w.percent, 0);
	said("READY Stopped # gone, for 50% good");
	assert_int_equal(w.admin, HC_AG_READY);
	assert_int_equal(w.health, HC_AG_DOWN);
	assert_string_equal(w.status, "Stopped");
	assert_string_equal(w.text, "gone, for 50% good");
	assert_int_equal(w.percent, -1);
	said("down#not well");
	assert_int_equal(w.health, HC_AG_DOWN);
	said("99999999999999999999999% maxconn:99999999999999999999999");
	assert_int_equal(w.percent, 25600);
	assert_int_equal(w.maxconn, INT32_MAX);
	said("-5% % maxconn: maxconn:x 1e3% \"quoted\"");
	assert_int_equal(w.percent, -1);
	assert_int_equal(w.maxconn, -1);
	assert_string_equal(w.unknown, "-5%");
	said("failed");
	assert_int_equal(w.health, HC_AG_SAME);
	assert_string_equal(w.unknown, "failed");
	said("");
	assert_int_equal(w.health, HC_AG_SAME);
	said("#");
	assert_int_equal(w.health, HC_AG_SAME);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_string),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_mysql),
		cmocka_unit_test(test_pgsql),
		cmocka_unit_test(test_ldap),
		cmocka_unit_test(test_redis),
		cmocka_unit_test(test_smtp),
		cmocka_unit_test(test_ssl_spop),
		cmocka_unit_test(test_agent),
	};

	return cmocka_run_group_tests_name("healthcheck_rules", tests, NULL, NULL);
}
