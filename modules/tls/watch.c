/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * watch.c - what a connection keeps of its handshake, for fetches.
 *
 * Hellos and secrets are kept only where tune.ssl.* ask for them: else no
 * callback is set. The certificate's errors are, because the callback that
 * verifies runs anyway. In OpenSSL's callbacks, any worker.
 */
#include <stdlib.h>

#include "watch.h"

/* --- the peer's certificate --- */

void
tls__watch_verify(struct tls_state *st, int ok, X509_STORE_CTX *store)
{
	const int depth = X509_STORE_CTX_get_error_depth(store);
	const int e = X509_STORE_CTX_get_error(store);

	st->crt_seen = true;
	if (ok || e == X509_V_OK)
		return;
	if (depth > 0 && st->ca_err == 0) {
		st->ca_err = (uint16_t)e;
		st->ca_err_depth = (uint16_t)depth;
	}
	if (depth == 0 && st->crt_err == 0)
		st->crt_err = (uint16_t)e;
	if (st->bad_crt == NULL) {
		st->bad_crt = X509_STORE_CTX_get0_cert(store);
		if (st->bad_crt != NULL)
			X509_up_ref(st->bad_crt);
	}
}

/* --- hellos --- */

/* The first of a connection: another one only asks for another key share. */
static void
see_message(
    int is_write, int version, int type, const void *p, size_t len, SSL *ssl, void *arg)
{
	struct tls_state *const st = tls_state_of_ssl(ssl);
	const struct tls_gen *const g = arg;
	struct tls_hello_slices s;

	(void)version;
	if (is_write || type != SSL3_RT_HANDSHAKE || st == NULL || st->hello != NULL)
		return;
	if (tls__hello_parse((struct tw_str){ p, len }, &s))
		st->hello = tls__hello_keep(&s, g->capture);
}

/* --- secrets --- */

/* "LABEL random secret" */
static void
see_secret(const SSL *ssl, const char *line)
{
	static const char *const labels[] = {
#define X(label) #label,
		TLS_KEY_LABELS(X)
#undef X
	};
	struct tls_state *const st = tls_state_of_ssl(ssl);
	const size_t n = strcspn(line, " ");
	const char *const secret = strrchr(line, ' ');

	if (st == NULL || secret == NULL || strlen(secret) > 2 * EVP_MAX_MD_SIZE + 1)
		return;
	for (int i = 0; i < TLS_N_KEYS; i++) {
		if (strncmp(line, labels[i], n) != 0 || labels[i][n] != '\0')
			continue;
		if (st->keys == NULL)
			st->keys = OPENSSL_zalloc(sizeof(*st->keys));
		if (st->keys != NULL)
			memcpy(st->keys->secret[i], secret + 1, strlen(secret));
	}
}

/* --- all of it --- */

void
tls__watch_ctx(SSL_CTX *ctx, const struct tls_gen *g, bool is_listener)
{
	if (is_listener && g->capture > 0) {
		SSL_CTX_set_msg_callback(ctx, see_message);
		SSL_CTX_set_msg_callback_arg(ctx, (void *)(uintptr_t)g);
	}
	if (g->keylog)
		SSL_CTX_set_keylog_callback(ctx, see_secret);
}

void
tls__watch_free(struct tls_state *st)
{
	X509_free(st->bad_crt);
	free(st->hello);
	OPENSSL_clear_free(st->keys, sizeof(*st->keys));
}
