/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_tls_certs.c - a line's certificates change while it is in use: handshakes
 * in memory before, during and after.
 */
#include "config.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/ssl.h>

#include "tls_help.h"
#include "../../modules/tls/certs.h"
#include "core/run/gen.h"

static struct tw_err err;
static struct tw_self self;
static struct tw_gen *gen;
static struct tls_bind tb;
static char dir[] = "/tmp/tw-certs-XXXXXX";

static const char *
path_of(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
write_file(const char *name, struct tw_str text)
{
	FILE *const f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text.p, 1, text.len, f), text.len);
	fclose(f);
}

static int
setup(void **state)
{
	static struct tls_certs line;
	static struct tls_src src = { .word = "crt-list" };
	char list[128];

	(void)state;
	assert_non_null(mkdtemp(dir));
	self.module = &tideway_module;
	assert_int_equal(tideway_module.load(&self, &err), 0);
	gen = calloc(1, sizeof(*gen));
	gen->magic = TW_GEN_MAGIC;
	gen->conf.arena = tw_arena_new(0);
	gen->block = tw_arena_zalloc(gen->conf.arena, sizeof(struct tls_gen));
	write_file("a.pem", make_pem("a.test", true, NULL));
	snprintf(list, sizeof(list), "%s/a.pem\n", dir);
	write_file("list", tw_str_of(list));
	src.name = tw_arena_strdup(gen->conf.arena, path_of("list"));
	line = (struct tls_certs){ .magic = TLS_CERTS_MAGIC, .first = &src };
	tb =
	    (struct tls_bind){ .certs = &line, .opts.alpn = "\1x", .opts.alpn_len = 2 };
	tb.side = (struct tls_side){ .gen = gen, .opts = &tb.opts };
	tb.side.ctx = tls__ctx_new(gen, &tb.opts, true, &err);
	assert_non_null(tb.side.ctx);
	tls__ctx_keep(gen, tb.side.ctx);
	assert_int_equal(tls__certs_begin(gen), 0);
	assert_int_equal(tls__bind_certs(NULL, NULL, &tb), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path_of("a.pem"));
	unlink(path_of("list"));
	rmdir(dir);
	tw_arena_free(&gen->conf.arena);
	free(gen);
	return 0;
}

/* --- handshakes --- */

struct talk {
	SSL_CTX *ctx;
	SSL *client, *server;
	struct tls_state st;
};

static void
talk_begin(struct talk *t, const char *name)
{
	BIO *a, *b;

	*t = (struct talk){ .st = { .magic = TLS_STATE_MAGIC, .side = &tb.side } };
	t->ctx = SSL_CTX_new(TLS_client_method());
	t->client = SSL_new(t->ctx);
	t->server = SSL_new(tb.side.ctx);
	assert_int_equal(BIO_new_bio_pair(&a, 65536, &b, 65536), 1);
	SSL_set_bio(t->client, a, a);
	SSL_set_bio(t->server, b, b);
	SSL_set_app_data(t->server, &t->st);
	SSL_set_connect_state(t->client);
	SSL_set_accept_state(t->server);
	SSL_set_tlsext_host_name(t->client, name);
	(void)SSL_do_handshake(t->client);
	(void)SSL_do_handshake(t->server); /* it has seen the hello */
}

/* returns: the name in the certificate that the client was shown; "": none. */
static const char *
talk_end(struct talk *t)
{
	static char cn[64];

	for (int i = 0; i < 4; i++) {
		(void)SSL_do_handshake(t->client);
		(void)SSL_do_handshake(t->server);
	}
	X509 *const x = SSL_get0_peer_certificate(t->client);
	cn[0] = '\0';
	if (x != NULL)
		X509_NAME_get_text_by_NID(
		    X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));
	SSL_free(t->client);
	SSL_free(t->server);
	SSL_CTX_free(t->ctx);
	tls__state_certs_free(&t->st);
	return cn;
}

static const char *
shown(const char *name)
{
	struct talk t;

	talk_begin(&t, name);
	return talk_end(&t);
}

static void
publish(const char *name, const char *cn)
{
	struct tls_cert *const c =
	    tls__cert_parse(path_of(name), make_pem(cn, true, NULL), &err);

	assert_non_null(c);
	assert_int_equal(tls__cert_publish(gen, c, &err), 0);
}

/* --- tests --- */

static void
test_publish(void **state)
{
	struct talk t;

	(void)state;
	assert_string_equal(shown("a.test"), "a.test");
	talk_begin(&t, "a.test");
	publish("a.pem", "new.test");
	assert_string_equal(talk_end(&t), "a.test");
	assert_string_equal(shown("new.test"), "new.test");
	assert_string_equal(shown("a.test"), "new.test"); /* by default */
	publish("b.pem", "b.test");
	assert_string_equal(shown("b.test"), "new.test"); /* no line uses it */
	assert_false(tls__cert_is_used(
	    gen, tls__store_find(tls__store_of(gen), path_of("b.pem"))));
}

static int
add(struct tls_list *list, const char *words)
{
	char text[256];

	snprintf(text, sizeof(text), "%s %s", path_of("b.pem"), words);
	return tls__list_add(gen, list, text, &err);
}

static void
test_list(void **state)
{
	struct tls_list *const list = tls__list_find(gen, path_of("list"));

	(void)state;
	assert_non_null(list);
	assert_int_equal(list->n_entries, 1);
	assert_true(tls__line_uses(tb.certs, list));
	assert_int_equal(add(list, "[alpn x] *.b.test"), 0);
	assert_int_equal(add(list, "other.test"), 0);
	assert_int_equal(list->n_entries, 3);
	assert_string_equal(shown("x.b.test"), "b.test");
	assert_string_equal(shown("other.test"), "b.test");
	publish("b.pem", "later.test");
	assert_string_equal(shown("x.b.test"), "later.test");
	assert_int_equal(add(list, "[alpn] y"), -1);
	assert_string_equal(err.text, "ssl args out of '[]' for alpn");
	assert_int_equal(add(list, "[ssl-min-ver x] y"), -1);
	assert_non_null(strstr(err.text, "unknown version 'x'"));
	assert_int_equal(add(list, "[verify required] y"), -1);
	assert_non_null(strstr(err.text, "no CA file specified"));
	assert_int_equal(list->n_entries, 3);
	assert_int_equal(tls__list_del(gen, list, path_of("c.pem"), 0, &err), -1);
	assert_int_equal(tls__list_del(gen, list, path_of("b.pem"), 3, &err), 0);
	assert_string_equal(shown("other.test"), "new.test");
	assert_string_equal(shown("x.b.test"), "later.test");
	assert_int_equal(tls__list_del(gen, list, path_of("b.pem"), 0, &err), 0);
	assert_string_equal(shown("x.b.test"), "new.test");
	assert_int_equal(tls__list_del(gen, list, path_of("a.pem"), 0, &err), 0);
	assert_string_equal(shown("a.test"), ""); /* there is none any more */
	assert_int_equal(add(list, ""), 0);
	assert_string_equal(shown("later.test"), "later.test");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
