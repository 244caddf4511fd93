/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_tls_choice.c - any bytes as the body of a ClientHello to a line with
 * certificates of several names and types, options of their own and generated
 * ones: a handshake fails or goes on, and has a certificate if it does.
 */
#include <stdint.h>
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <tideway/assert.h>

#include "../../modules/tls/certs.h"
#include "core/run/gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct tls_bind tb = { .opts.alpn = "\2h2\10http/1.1", .opts.alpn_len = 12 };

static struct tls_cert *
make_cert(const char *cn, EVP_PKEY *key)
{
	X509 *const x = X509_new();
	X509_NAME *const name = X509_get_subject_name(x);

	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_pubkey(x, key);
	TW_ASSERT(
	    X509_sign(x, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
	struct tls_cert *const c = tls__cert_of(cn, x, key);
	EVP_PKEY_free(key);
	TW_ASSERT(c != NULL);
	return c;
}

static void
add(struct tls_list *list, struct tls_cert *cert, char **words, int n_options, int n)
{
	struct tls_entry *const e = tls__entry_new(list, cert);

	tls__entry_words(e, words, n_options, n);
	tls__list_append(list, e);
	tls__cert_unref(&cert);
}

static struct tw_gen *
make_gen(void)
{
	static struct tw_self self;
	struct tw_gen *const gen = calloc(1, sizeof(*gen));

	TW_ASSERT(gen != NULL);
	self.module = &tideway_module;
	tls_self = &self;
	gen->magic = TW_GEN_MAGIC;
	gen->conf.arena = tw_arena_new(0);
	gen->block = tw_arena_zalloc(gen->conf.arena, sizeof(struct tls_gen));
	TW_ASSERT(tls__certs_begin(gen) == 0);
	return gen;
}

static void
setup(void)
{
	static struct tls_list list = { .last = &list.first };
	static struct tls_src src = { .word = "crt-list", .list = &list };
	static char *words[] = { "ssl-max-ver", "TLSv1.2", "a.test", "*.w.test",
		"!x.w.test" };
	struct tw_gen *const gen = make_gen();
	struct tls_certs *const line = tls__certs_new(gen, NULL, 0);
	struct tw_err err;

	add(&list, make_cert("a.test", EVP_EC_gen("P-256")), NULL, 0, 0);
	add(&list, make_cert("b.test", EVP_RSA_gen(2048)), words + 2, 0, 3);
	add(&list, make_cert("c.test", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")), words,
	    2, 5);
	tb.side = (struct tls_side){ .gen = gen, .opts = &tb.opts };
	tb.side.ctx = tls__ctx_new(gen, &tb.opts, true, &err);
	TW_ASSERT(tb.side.ctx != NULL);
	tb.certs = line;
	line->first = &src;
	line->side = tb.side;
	tls__side_abilities(&line->side);
	tls__certs_hook(line, line->side.ctx);
	struct tls_table *const table = tls__table_new(line, &err);
	TW_ASSERT(table != NULL);
	tls__table_set(line, table);
}

/* A handshake message in records, as much as is there. */
static void
put(BIO *to, const uint8_t *data, size_t len)
{
	uint8_t head[9] = { 22, 3, 1, 0, 0, 1, 0, 0, 0 };
	const size_t n = len + 4;

	head[3] = (uint8_t)(n >> 8);
	head[4] = (uint8_t)n;
	head[7] = (uint8_t)(len >> 8);
	head[8] = (uint8_t)len;
	BIO_write(to, head, sizeof(head));
	BIO_write(to, data, (int)len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tls_state st = { .magic = TLS_STATE_MAGIC, .side = &tb.side };

	if (tb.certs == NULL)
		setup();
	if (len > 16000)
		return 0;
	SSL *const ssl = SSL_new(tb.side.ctx);
	BIO *const in = BIO_new(BIO_s_mem()), *const out = BIO_new(BIO_s_mem());
	TW_ASSERT(ssl != NULL && in != NULL && out != NULL);
	SSL_set_bio(ssl, in, out);
	SSL_set_app_data(ssl, &st);
	SSL_set_accept_state(ssl);
	put(in, data, len);
	const int rc = SSL_do_handshake(ssl);
	TW_ASSERT(rc != 1);
	TW_ASSERT(SSL_get_certificate(ssl) == (st.cert != NULL ? st.cert->leaf : NULL));
	TW_ASSERT(SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ || len == 0 ||
	    st.cert != NULL || BIO_pending(out) == 0);
	SSL_free(ssl);
	tls__state_certs_free(&st);
	return 0;
}
