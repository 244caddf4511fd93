/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_acl.c - match methods, flags, pattern files, names of ACLs, and the
 * parser of expressions.
 */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "expr_help.h"

/* "t_str -i a b" against what is given. */
static bool
matches(const char *line)
{
	char text[512];
	char *word[64];
	const struct tw__ectx cx = test_cx();

	snprintf(text, sizeof(text), "%s", line);
	const int n = split_words(text, word, 64);
	const struct tw__acl *const acl = tw__acl_anonymous(&cx, word, n);
	if (acl == NULL)
		fail_msg("%s: %s", line, test_err.text);
	return tw__acl_eval(acl, NULL);
}

static bool
is_refused(const char *line)
{
	char text[512];
	char *word[64];
	const struct tw__ectx cx = test_cx();

	snprintf(text, sizeof(text), "%s", line);
	const int n = split_words(text, word, 64);
	return tw__acl_anonymous(&cx, word, n) == NULL && test_err.text[0] != '\0';
}

static bool
str(const char *value, const char *line)
{
	given.str = tw_str_of(value);
	return matches(line);
}

static void
test_text(void **state)
{
	(void)state;
	assert_true(str("abc", "t_str abc"));
	assert_false(str("abc", "t_str ab abcd ABC"));
	assert_true(str("aBc", "t_str -i xx AbC"));
	assert_true(str("/img/x", "t_str -m beg /js /img"));
	assert_false(str("/im", "t_str -m beg /js /img"));
	assert_true(str("/IMG/x", "t_str -m beg -i /img"));
	assert_true(str("a.png", "t_str -m end .gif .png"));
	assert_false(str("png", "t_str -m end .gif .png"));
	assert_true(str("xxneedlexx", "t_str -m sub pin needle"));
	assert_true(str("xxNEEDLExx", "t_str -m sub -i needle"));
	assert_false(str("xxneedlxx", "t_str -m sub needle"));
	assert_true(str("abcd", "t_str -m len 4"));
	assert_true(str("abcd", "t_str -m len gt 3"));
	assert_true(str("a1b", "t_str -m reg ^a[0-9]b$"));
	assert_false(str("a1bc", "t_str -m reg ^a[0-9]b$"));
	assert_true(str("A1B", "t_str -m reg -i x ^a[0-9]b$"));
	assert_true(str("\x01\xff", "t_bin -m bin 01FF"));
	assert_true(str("", "t_str -m found"));
	given.str = (struct tw_str){ NULL, 0 };
	assert_false(matches("t_str -m found"));
}

/* The examples of HAProxy's manual, 7.1.3 (its last one has lost a ".com"). */
static void
test_words(void **state)
{
	static const char path[] = "/images/png/logo/32x32.png";
	static const char url[] = "http://www1.dc-eu.example.com:80/blah";
	static const char *const dirs[] = { "/images", "/images/png", "images/png",
		"/png/logo", "logo/32x32.png", "32x32.png" };
	static const char *const doms[] = { "http", "www1", ".www1", "dc-eu", "example",
		"com", "80", "dc-eu.example", "blah",
		":www1:", "dc-eu.example.com:80" };
	char line[64];

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(dirs); i++) {
		snprintf(line, sizeof(line), "t_str -m dir %s", dirs[i]);
		if (!str(path, line))
			fail_msg("%s", line);
	}
	assert_false(str(path, "t_str -m dir png/32x32 32x32 pn"));
	for (size_t i = 0; i < TW_N_ELEMENTS(doms); i++) {
		snprintf(line, sizeof(line), "t_str -m dom %s", doms[i]);
		if (!str(url, line))
			fail_msg("%s", line);
	}
	assert_false(str(url, "t_str -m dom eu dc"));
	assert_true(str(url, "t_str -m dom -i EXAMPLE"));
}

/* More than eight: the hash, for whole strings, prefixes and suffixes. */
static void
test_many_patterns(void **state)
{
	static const char list[] = "a bb ccc dddd eeeee ffffff ggggggg .hh "
				   "i.i jj:j kk/k l";
	char line[128];

	(void)state;
	snprintf(line, sizeof(line), "t_str %s", list);
	assert_true(str("ggggggg", line));
	assert_true(str("l", line));
	assert_false(str("gggggg", line));
	assert_false(str("", line));
	assert_false(str("a string longer than all of them", line));
	snprintf(line, sizeof(line), "t_str -m beg %s", list);
	assert_true(str("kk/kx", line));
	assert_false(str("kk/", line));
	snprintf(line, sizeof(line), "t_str -m end -i %s", list);
	assert_true(str("x.HH", line));
	assert_false(str("x.h", line));
}

static bool
number(int64_t n, const char *line)
{
	given.n = n;
	return matches(line);
}

static void
test_numbers(void **state)
{
	(void)state;
	assert_true(number(5, "t_int 5"));
	assert_true(number(5, "t_int 1 2 3 4 5"));
	assert_false(number(6, "t_int 1:5 7:9"));
	assert_true(number(7, "t_int 1:5 7:9"));
	assert_true(number(0, "t_int :9"));
	assert_true(number(1 << 30, "t_int 10:"));
	assert_true(number(-1, "t_int lt 0"));
	assert_false(number(0, "t_int lt 0"));
	assert_true(number(0, "t_int le 0"));
	assert_true(number(3, "t_int gt 2"));
	assert_false(number(2, "t_int gt 2"));
	assert_true(number(2, "t_int ge 2 eq 9"));
	assert_true(number(1, "t_bool"));
	assert_false(number(0, "t_bool"));
	assert_true(number(0, "t_bool -m int 0"));
	assert_true(number(9, "t_int -m bool"));
	assert_true(number(12, "t_int -m str 12"));
	given.str = tw_str_of("123");
	assert_true(matches("t_str -m int 123"));
}

static bool
address(const char *ip, const char *line)
{
	assert_true(tw__parse_ip(tw_str_of(ip), &given.ip));
	return matches(line);
}

static void
test_addresses(void **state)
{
	(void)state;
	assert_true(address("192.168.0.1", "t_ip 192.168.0.1"));
	assert_true(address("192.168.3.1", "t_ip 10.0.0.1 192.168.0.1/22"));
	assert_false(address("192.168.4.1", "t_ip 192.168.0.1/22"));
	assert_true(address("10.9.8.7", "t_ip 10.12/8"));
	assert_true(address("127.0.0.1", "t_ip 127.1"));
	assert_false(address("10.0.0.1", "t_ip 10/8"));
	assert_true(address("0.0.0.10", "t_ip 10"));
	assert_true(address("192.168.0.1", "t_ip 192.168.1"));
	assert_true(address("1.2.77.4", "t_ip 1.2.0.4/255.255.0.255"));
	assert_false(address("1.2.77.5", "t_ip 1.2.0.4/255.255.0.255"));
	assert_true(address("9.9.9.9", "t_ip 0.0.0.0/0"));
	assert_true(address("2001:db8::5", "t_ip 2001:db8::/32"));
	assert_false(address("2001:db9::5", "t_ip 2001:db8::/32"));
	assert_true(address("::1", "t_ip 127.0.0.1/8 ::1"));
	assert_true(address("::ffff:10.0.0.1", "t_ip 10.0/8"));
	assert_true(address("2002:a00:1::", "t_ip 10.0/8"));
	assert_true(address("10.0.0.1", "t_ip ::ffff:0:0/96"));
	assert_false(address("10.0.0.1", "t_ip ::1"));
	given.str = tw_str_of("10.1.1.1");
	assert_true(matches("t_str -m ip 10.0/8"));
	given.str = tw_str_of("10.1.1.1:8080");
	assert_true(matches("t_str -m ip 10.0/8"));
	given.str = tw_str_of("10.1.1.1.1");
	assert_false(matches("t_str -m ip 10.0/8"));
	assert_true(number(0x0a000001, "t_int -m ip 10.0/8"));
	assert_false(number(1, "t_int -m ip 10.0/8"));
	given.str = tw_str_of("not an address");
	assert_false(matches("t_str -m ip 0.0.0.0/0"));
}

static void
test_values(void **state)
{
	(void)state;
	memcpy(given.many, (const char *[]){ "a", "b", "c", NULL }, sizeof(given.many));
	assert_true(matches("t_many c"));
	assert_true(matches("t_many -m beg b"));
	assert_false(matches("t_many d"));
	given.many[0] = NULL;
	assert_false(matches("t_many -m found"));
}

static void
test_suffixes(void **state)
{
	(void)state;
	assert_true(str("/img/x", "t_str_beg /img"));
	assert_true(str("x.png", "t_str_end .png"));
	assert_true(str("x.png", "t_str_reg p.g"));
	assert_true(str("x.png", "t_str_len 5"));
	assert_true(str("/a/b", "t_str_dir b"));
	assert_true(str("a.b.c", "t_str_dom b"));
	assert_true(str("a.b.c", "t_str_sub .b."));
	/* -m counts for more; a converter makes the suffix void. */
	assert_true(str("x.png", "t_str_beg -m end .png"));
	assert_false(str("ABC", "t_str_beg,lower ab"));
	assert_true(str("ABC", "t_str_beg,lower abc"));
	assert_true(str("ABC", "t_str,lower,length 3"));
	assert_true(is_refused("t_int_beg 1"));
	assert_true(is_refused("t_str_nope a"));
}

static void
test_methods(void **state)
{
	(void)state;
	assert_true(str("GET", "t_str -m meth HEAD GET"));
	assert_true(str("GET", "t_str -m meth -i GET"));
	assert_false(str("GET", "t_str -m meth -i get"));
	assert_true(str("PURGE", "t_str -m meth -i purge"));
	assert_false(str("PURGE", "t_str -m meth purge"));
}

static void
test_files(void **state)
{
	char path[] = "/tmp/test_acl.XXXXXX";
	char line[64];
	FILE *const f = fdopen(mkstemp(path), "w");

	(void)state;
	fputs("# a comment\n\n  one\r\n\ttwo 2\n #three\n", f);
	fclose(f);
	snprintf(line, sizeof(line), "t_str -f %s", path);
	assert_true(str("one", line));
	assert_true(str("two 2", line));
	assert_true(str("#three", line));
	assert_false(str("# a comment", line));
	assert_false(str("ONE", line));
	snprintf(line, sizeof(line), "t_str -f %s -i TEN", path);
	assert_false(str("ONE", line)); /* -i is for what follows */
	assert_true(str("ten", line));
	snprintf(line, sizeof(line), "t_str -M -f %s", path);
	assert_true(str("two", line));
	snprintf(line, sizeof(line), "t_int -f %s", path);
	assert_true(is_refused(line));
	assert_non_null(strstr(test_err.text, "line 3 of file"));
	unlink(path);
	assert_true(is_refused(line));
}

static void
test_flags(void **state)
{
	(void)state;
	assert_true(str("-i", "t_str -- -i"));
	assert_true(str("-i", "t_str x -i"));
	assert_true(str("a", "t_str -u 7 -n a"));
	assert_true(is_refused("t_str -u x a"));
	assert_true(is_refused("t_str -m"));
	assert_true(is_refused("t_str -m nope a"));
	assert_true(is_refused("t_bin a"));
	assert_true(is_refused("t_bool -m ip 1.2.3.4"));
	assert_true(is_refused("t_str -m reg ("));
	assert_true(is_refused("t_bin -m bin 123"));
	assert_true(is_refused("t_bin -m bin zz"));
	assert_true(is_refused("t_int x"));
	assert_true(is_refused("t_int 5:3"));
	assert_true(is_refused("t_ip -n 1.2.3"
			       ".4.5"));
	assert_true(is_refused("t_ip 1.2.3.4/33"));
	assert_true(is_refused("t_ip ::1/129"));
	assert_true(is_refused("t_ip -n localhost"));
	assert_true(is_refused("nope a"));
	assert_true(is_refused(""));
}

static void
test_names(void **state)
{
	struct tw__acl *list = NULL;
	struct tw__ectx cx = test_cx();
	char a[] = "t_str", b[] = "x", c[] = "y";
	char *first[] = { a, b }, *second[] = { a, c };

	(void)state;
	assert_int_equal(tw__acl_add(&cx, &list, "n", first, 2), 0);
	assert_int_equal(tw__acl_add(&cx, &list, "m", first, 2), 0);
	assert_int_equal(tw__acl_add(&cx, &list, "n", second, 2), 0);
	given.str = tw_str_of("y");
	assert_true(tw__acl_eval(tw__acl_find(list, "n"), NULL));
	assert_false(tw__acl_eval(tw__acl_find(list, "m"), NULL));
	assert_null(tw__acl_find(list, "N"));
	assert_int_equal(tw__acl_add(&cx, &list, "a$b", first, 2), -1);
	assert_int_equal(tw__acl_add(&cx, &list, "or", first, 2), -1);
	cx = test_cx();
	assert_non_null(tw__acl_builtin(&cx, &list, "TRUE"));
	assert_null(tw__acl_builtin(&cx, &list, "NOPE"));
	assert_string_equal(test_err.text, "");
	assert_null(tw__acl_builtin(&cx, &list, "RDP_COOKIE"));
	assert_non_null(strstr(test_err.text, "not supported"));
}

/* What an expression with arguments gives, and where it ends. */
static void
expr_is(const char *text, const char *want, const char *rest)
{
	struct tw_sample s;
	const char *p = text;
	const struct tw__ectx cx = test_cx();
	const struct tw_expr *const e = tw__expr_parse(&cx, &p, NULL);

	if (e == NULL)
		fail_msg("%s: %s", text, test_err.text);
	assert_string_equal(p, rest);
	assert_true(tw_expr_eval(e, NULL, &s));
	assert_true(tw__cast(NULL, &s, TW_STRING));
	if (!tw_str_eq(s.u.str, tw_str_of(want)))
		fail_msg("%s: %.*s, not %s", text, TW_STR_FMT(s.u.str), want);
}

static void
test_expressions(void **state)
{
	static const char *const bad[] = { "", "(", "nope", "t_str(a)", "t_echo",
		"t_echo(", "t_echo(a", "t_echo(a,b)", "t_echo(a,1,2)", "t_echo('a)",
		"t_echo(\"a)", "t_str,nope", "t_str,lower(a)", "t_str,", "t_bin,odd" };

	(void)state;
	expr_is("t_echo(a b)]x", "a b", "]x");
	expr_is("t_echo('a,b)',7)", "a,b)", "");
	assert_int_equal(given.n, 7);
	expr_is("t_echo(\"a\\\"b\",-3)", "a\"b", "");
	assert_int_equal(given.n, -3);
	expr_is("t_echo(a\\,b\\)\\ c\\1)", "a,b) c\\1", "");
	expr_is("t_echo('\\n'a\\n)", "\\na\n", "");
	expr_is("t_echo(,5)", "", "");
	expr_is("t_echo(MiX),lower", "mix", "");
	expr_is("t_echo(MiX),upper,length", "3", "");
	expr_is("t_echo(7),odd", "1", "");
	expr_is("t_echo(AB),hex", "4142", "");
	expr_is("t_echo(xxaxx),ltrim(x),rtrim(x)", "a", "");
	expr_is("t_echo(12ab),neg", "-12", "");
	for (size_t i = 0; i < TW_N_ELEMENTS(bad); i++) {
		const char *p = bad[i];
		const struct tw__ectx cx = test_cx();
		if (tw__expr_parse(&cx, &p, NULL) != NULL)
			fail_msg("accepted: %s", bad[i]);
		assert_true(test_err.text[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_many_patterns),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_suffixes),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_expressions),
	};

	return cmocka_run_group_tests(tests, expr_setup, expr_teardown);
}
