/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * seal.c - records of TLS 1.3 for the peer, made here.
 *
 * A BIO may say that it makes the records itself; OpenSSL then gives it the key of
 * what the application sends, as it does for the kernel's TLS. We are such a BIO:
 * what a proxy sends passes from its buffer through OpenSSL's cipher into the buffer
 * of the system call, without the copies and the state machine in between. What
 * OpenSSL has to say itself (tickets, alerts, key updates) comes to us in clear, with
 * its type. The key that follows a key update is not given by OpenSSL 3.0: from
 * there on it makes the records. Worker threads and the control thread.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "key.h"
#include "tls.h"

bool tls__gives_keys, tls__keys_late;

#ifndef OPENSSL_NO_KTLS
#define COPY_MOST 2048u

static const char *const names[TLS_KEY_CIPHERS] = { "AES-128-GCM", "AES-256-GCM",
	"ChaCha20-Poly1305" };
static EVP_CIPHER
    *ciphers[TLS_KEY_CIPHERS]; /* own, of the process; NULL: cannot be had */

/* 3.2 came with another record layer, of which one release was looked at: it offers
 * the keys of what is received, too, and where nobody wants them it loses what it had
 * read ahead. So it may only offer those of TLS 1.3 to clients, which come before. */
void
tls__seal_load(void)
{
	const unsigned long v = OpenSSL_version_num();

	tls__keys_late = v >= 0x30500000L && v < 0x30600000L;
	tls__gives_keys = (v >= 0x30000000L && v < 0x30200000L) || tls__keys_late;
	for (size_t i = 0; tls__gives_keys && i < TLS_KEY_CIPHERS; i++)
		ciphers[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
}

bool
tls__seal_begin(struct tls_seal *s, const void *info)
{
	struct tls_key key;

	if (!tls__key_read(&key, info) || key.version != TLS1_3_VERSION ||
	    ciphers[key.cipher] == NULL)
		return false;
	memcpy(s->iv, key.salt, key.n_salt);
	memcpy(s->iv + key.n_salt, key.iv, key.n_iv);
	s->seq = key.seq;
	s->ctx = EVP_CIPHER_CTX_new();
	if (s->ctx != NULL &&
	    EVP_EncryptInit_ex(s->ctx, ciphers[key.cipher], NULL, key.key, NULL) == 1) {
		tls_count(TLS_CNT_SEALED);
		return true;
	}
	tls__seal_end(s);
	return false;
}

/* RFC 8446, 5.3 */
static void
nonce_of(struct tls_seal *s, unsigned char nonce[TLS_SEAL_IV])
{
	memcpy(nonce, s->iv, TLS_SEAL_IV);
	for (unsigned i = 0; i < TLS_KEY_SEQ; i++)
		nonce[TLS_SEAL_IV - 1 - i] ^= (unsigned char)(s->seq >> 8 * i);
	s->seq++;
}

/* The type stands behind the payload; a call more costs more than to copy a little. */
static bool
encrypt(EVP_CIPHER_CTX *ctx, uint8_t type, const unsigned char *p, size_t len,
    unsigned char *to)
{
	if (p != to && len <= COPY_MOST)
		p = memcpy(to, p, len);
	if (p != to)
		return EVP_Cipher(ctx, to, p, (unsigned)len) >= 0 &&
		    EVP_Cipher(ctx, to + len, &type, 1) >= 0;
	to[len] = type;
	return EVP_Cipher(ctx, to, to, (unsigned)len + 1) >= 0;
}

bool
tls__seal(struct tls_seal *s, uint8_t type, const char *p, size_t len, char *out)
{
	const size_t rest = len + 1 + TLS_KEY_TAG;
	unsigned char *const head = (unsigned char *)out;
	unsigned char *const to = head + TLS_SEAL_HEAD;
	unsigned char nonce[TLS_SEAL_IV];
	int none;
	OSSL_PARAM tag[] = { OSSL_PARAM_octet_string(
				 OSSL_CIPHER_PARAM_AEAD_TAG, to + len + 1, TLS_KEY_TAG),
		OSSL_PARAM_END };

	head[0] = SSL3_RT_APPLICATION_DATA;
	head[1] = head[2] = 3;
	head[3] = (unsigned char)(rest >> 8);
	head[4] = (unsigned char)rest;
	nonce_of(s, nonce);
	return EVP_EncryptInit_ex(s->ctx, NULL, NULL, NULL, nonce) == 1 &&
	    EVP_Cipher(s->ctx, NULL, head, TLS_SEAL_HEAD) >= 0 &&
	    encrypt(s->ctx, type, (const unsigned char *)p, len, to) &&
	    EVP_EncryptFinal_ex(s->ctx, to + len + 1, &none) == 1 &&
	    EVP_CIPHER_CTX_get_params(s->ctx, tag) == 1;
}

#else

void
tls__seal_load(void)
{
}

bool
tls__seal_begin(struct tls_seal *s, const void *info)
{
	(void)s;
	(void)info;
	return false;
}

bool
tls__seal(struct tls_seal *s, uint8_t type, const char *p, size_t len, char *out)
{
	(void)s;
	(void)type;
	(void)p;
	(void)len;
	(void)out;
	return false;
}

#endif

void
tls__seal_end(struct tls_seal *s)
{
	EVP_CIPHER_CTX_free(s->ctx);
	s->ctx = NULL;
	OPENSSL_cleanse(s->iv, sizeof(s->iv));
}
