/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/* tls_help.h - certificates for unit tests; included after cmocka.h. */
#ifndef UNIT_TLS_HELP_H
#define UNIT_TLS_HELP_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <tideway/str.h>

/* A self-signed certificate of `cn` with its key, or another key. */
static inline struct tw_str
make_pem(const char *cn, bool fits, const char *pass)
{
	static char mem[8192];
	EVP_PKEY *const key = EVP_EC_gen("P-256"), *const other = EVP_EC_gen("P-256");
	X509 *const x = X509_new();
	BIO *const bio = BIO_new(BIO_s_mem());
	X509_NAME *const name = X509_get_subject_name(x);

	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	PEM_write_bio_X509(bio, x);
	PEM_write_bio_PrivateKey(bio, fits ? key : other,
	    pass ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL, (void *)(uintptr_t)pass);
	const int len = BIO_read(bio, mem, sizeof(mem) - 1);
	mem[len] = '\0';
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return (struct tw_str){ mem, (size_t)len };
}

#endif
