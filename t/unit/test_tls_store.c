/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_tls_store.c - certificates from text, the store, the choice by name,
 * lines of crt-lists.
 */
#include "config.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tls_help.h"
#include "../../modules/tls/crt_list.h"
#include "../../modules/tls/sni.h"

static struct tw_err err;

static void
refused(struct tw_str pem, const char *why)
{
	assert_null(tls__cert_parse("f.pem", pem, &err));
	if (strstr(err.text, why) == NULL)
		fail_msg("'%s' instead of '%s'", err.text, why);
}

static void
test_parse(void **state)
{
	(void)state;
	struct tls_cert *c =
	    tls__cert_parse("f.pem", make_pem("A.test", true, NULL), &err);

	assert_non_null(c);
	assert_int_equal(c->kind, TLS_ECDSA);
	assert_int_equal(c->n_names, 1);
	assert_string_equal(c->names[0], "A.test");
	assert_int_equal(c->not_after - c->not_before, 3660);
	tls__cert_unref(&c);
	refused(make_pem("a", false, NULL), "inconsistencies between private key and");
	refused(make_pem("a", true, "secret"), "is encrypted");
	refused(TW_STR(""), "unable to load certificate from file 'f.pem'");
	struct tw_str pem = make_pem("a", true, NULL);
	char *const key = strstr(pem.p, "-----BEGIN PRIVATE");
	refused(tw_str_of(key), "unable to load certificate from file");
	*key = '\0';
	refused(tw_str_of(pem.p), "No Private Key found in 'f.pem'");
	assert_null(tls__cert_load("/nowhere/x.pem", &(struct tls_load){ 0 }, &err));
	assert_non_null(strstr(err.text,
	    "unable to stat SSL certificate from file '/nowhere/"
	    "x.pem' : No such file"));
}

/* Entries need no certificate in them to be found. */
static struct tls_cert *
bare(int i)
{
	struct tls_cert *const c = calloc(1, sizeof(*c));
	char path[32];

	snprintf(path, sizeof(path), "/c/%d.pem", i);
	c->magic = TLS_CERT_MAGIC;
	atomic_init(&c->refs, 1);
	c->path = strdup(path);
	return c;
}

static void
test_store(void **state)
{
	(void)state;
	struct tls_store *s = tls__store_new();
	char path[32];

	for (int i = 0; i < 10000; i++)
		assert_null(tls__store_set(s, bare(i)));
	struct tls_cert *held = tls__cert_ref(tls__store_find(s, "/c/7.pem"));
	struct tls_cert *old = tls__store_set(s, bare(7));
	assert_ptr_equal(old, held);
	tls__cert_unref(&old);
	assert_string_equal(held->path, "/c/7.pem");
	tls__cert_unref(&held);
	for (int i = 0; i < 10000; i += 2) {
		snprintf(path, sizeof(path), "/c/%d.pem", i);
		old = tls__store_take(s, path);
		assert_non_null(old);
		tls__cert_unref(&old);
	}
	assert_int_equal(tls__store_count(s), 5000);
	for (int i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), "/c/%d.pem", i);
		assert_int_equal(tls__store_find(s, path) != NULL, i % 2);
	}
	assert_null(tls__store_take(s, "/c/0.pem"));
	tls__store_free(&s);
}

#define KINDS_ALL 15u

static const char *
ask(const struct tls_sni *sni, const char *name, unsigned kinds)
{
	const char *const got =
	    tls__sni_find(sni, &(struct tls_sni_ask){ tw_str_of(name), kinds, 1000 });

	return got == NULL ? "-" : got;
}

#define FILTERS(...)                                \
	.filters = (const char *[]){ __VA_ARGS__ }, \
	.n_filters = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)

static void
test_sni(void **state)
{
	(void)state;
	char *names[] = { "Own.test", "*.own.test" };
	const struct tls_cert rsa = {
		.kind = TLS_RSA, .not_after = 2000, .names = names, .n_names = 2
	};
	const struct tls_cert ec = { .kind = TLS_ECDSA, .not_after = 2000 };
	const struct tls_cert old = { .kind = TLS_ECDSA, .not_after = 500 };
	const struct tls_sni_line lines[] = {
		{ &rsa, "names", .n_filters = 0 },
		{ &old, "expired", FILTERS("a.test") },
		{ &rsa, "rsa", FILTERS("a.test", "both.test") },
		{ &ec, "ec", FILTERS("both.test") },
		{ &rsa, "second", FILTERS("both.test") },
		{ &rsa, "wild", FILTERS("*.w.test", "!no.w.test") },
		{ &rsa, "not", FILTERS("!x.own.test") },
	};
	struct tls_sni *s = tls__sni_new(lines, 7);

	assert_string_equal(ask(s, "oWN.test", KINDS_ALL), "names");
	assert_string_equal(ask(s, "x.own.test", KINDS_ALL), "names");
	assert_string_equal(ask(s, "x.y.own.test", KINDS_ALL), "-");
	assert_string_equal(ask(s, "a.test", KINDS_ALL), "rsa");
	assert_string_equal(ask(s, "both.test", KINDS_ALL), "ec");
	assert_string_equal(ask(s, "both.test", 1u << TLS_RSA), "rsa");
	assert_string_equal(ask(s, "X.W.test", KINDS_ALL), "wild");
	assert_string_equal(ask(s, "no.w.test", KINDS_ALL), "-");
	assert_string_equal(ask(s, "w.test", KINDS_ALL), "-");
	assert_string_equal(ask(s, "", KINDS_ALL), "-");
	tls__sni_free(&s);
	s = tls__sni_new(
	    &(struct tls_sni_line){ &rsa, "not", FILTERS("!x.own.test") }, 1);
	assert_string_equal(ask(s, "x.own.test", KINDS_ALL), "-");
	assert_string_equal(ask(s, "y.own.test", KINDS_ALL), "-");
	tls__sni_free(&s);
	s = tls__sni_new(
	    &(struct tls_sni_line){ &rsa, "any", FILTERS("*", "!a.b") }, 1);
	assert_string_equal(ask(s, "own.test", KINDS_ALL), "-");
	tls__sni_free(&s);
	s = tls__sni_new(&(struct tls_sni_line){ &rsa, "no", FILTERS("!*") }, 1);
	assert_string_equal(ask(s, "own.test", KINDS_ALL), "-");
	tls__sni_free(&s);
	const struct tls_sni_line both[] = {
		{ &rsa, "exact", FILTERS("a.w.test", "b.w.test") },
		{ &ec, "wild", FILTERS("*.w.test") },
		{ &old, "old", FILTERS("b.w.test") },
	};
	s = tls__sni_new(both, 3);
	assert_string_equal(ask(s, "a.w.test", KINDS_ALL), "wild");
	assert_string_equal(ask(s, "a.w.test", 1u << TLS_RSA), "exact");
	assert_string_equal(ask(s, "b.w.test", 1u << TLS_ECDSA), "wild");
	assert_string_equal(ask(s, "b.w.test", 1u << TLS_OTHER), "wild");
	tls__sni_free(&s);
}

static int
line(const char *text, struct tls_crt_line *l)
{
	static char mem[512];

	snprintf(mem, sizeof(mem), "%s", text);
	return tls__crt_line_parse(mem, l, &err);
}

static void
test_crt_line(void **state)
{
	(void)state;
	struct tls_crt_line l;

	assert_int_equal(line("a.pem [alpn h2 verify none]  *.x !y.x\r", &l), 1);
	assert_int_equal(l.n_words, 7);
	assert_int_equal(l.n_options, 4);
	assert_string_equal(l.word[4], "none");
	assert_string_equal(l.word[6], "!y.x");
	assert_int_equal(line("a.pem[alpn h2]x", &l), 1);
	assert_int_equal(l.n_options, 2);
	assert_int_equal(line("# a", &l), 0);
	assert_int_equal(line("  ", &l), 0);
	assert_int_equal(line("[verify none] a", &l), -1);
	assert_string_equal(err.text, "file must start with a cert");
	assert_int_equal(line("a [b][c]", &l), -1);
	assert_string_equal(err.text, "too many '['");
	assert_int_equal(line("a [b ] ]", &l), -1);
	assert_string_equal(err.text, "too many ']'");
	assert_int_equal(line("a x [b]", &l), -1);
	assert_non_null(strstr(err.text, "filters can't be between"));
	assert_int_equal(line("a [b", &l), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_sni),
		cmocka_unit_test(test_crt_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
