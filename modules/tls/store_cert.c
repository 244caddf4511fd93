/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * store_cert.c - a certificate as an object: its names, dates, fingerprints,
 * whether its key fits, and its references.
 *
 * Built by one thread, then only read; the last reference frees it, on
 * whichever thread that is.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <tideway/assert.h>

#include "store.h"

static enum tls_kind
kind_of(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return TLS_RSA;
	case EVP_PKEY_EC:
		return TLS_ECDSA;
	case EVP_PKEY_DSA:
		return TLS_DSA;
	default:
		return TLS_OTHER;
	}
}

/* Names with NUL in them are somebody's trick: they name nothing. */
static void
add_name(struct tls_cert *cert, const ASN1_STRING *s)
{
	unsigned char *utf8 = NULL;
	const int len = ASN1_STRING_to_UTF8(&utf8, s);

	if (len > 0 && memchr(utf8, '\0', (size_t)len) == NULL) {
		char **const names =
		    realloc(cert->names, sizeof(*names) * (size_t)(cert->n_names + 1));
		TW_ASSERT(names != NULL);
		cert->names = names;
		names[cert->n_names] = strndup((const char *)utf8, (size_t)len);
		TW_ASSERT(names[cert->n_names++] != NULL);
	}
	OPENSSL_free(utf8);
}

static void
add_alt_names(struct tls_cert *cert)
{
	GENERAL_NAMES *const all =
	    X509_get_ext_d2i(cert->leaf, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *const one = sk_GENERAL_NAME_value(all, i);
		if (one->type == GEN_DNS)
			add_name(cert, one->d.dNSName);
	}
	GENERAL_NAMES_free(all);
}

static void
add_common_names(struct tls_cert *cert)
{
	const X509_NAME *const subject = X509_get_subject_name(cert->leaf);
	int i = -1;

	while ((i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0)
		add_name(
		    cert, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
}

static bool
time_of(const ASN1_TIME *t, time_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*out = timegm(&tm);
	return true;
}

int
tls__cert_describe(struct tls_cert *cert, struct tw_err *err)
{
	if (cert->key == NULL)
		return tw_err_set(err, "No Private Key found in '%s'.", cert->path);
	if (X509_check_private_key(cert->leaf, cert->key) != 1) {
		ERR_clear_error();
		return tw_err_set(err,
		    "inconsistencies between private key and certificate loaded '%s'.",
		    cert->path);
	}
	if (!time_of(X509_get0_notBefore(cert->leaf), &cert->not_before) ||
	    !time_of(X509_get0_notAfter(cert->leaf), &cert->not_after))
		return tw_err_set(err,
		    "the dates of the certificate in '%s' cannot be read.", cert->path);
	cert->kind = kind_of(cert->key);
	add_alt_names(cert);
	add_common_names(cert);
	X509_digest(cert->leaf, EVP_sha1(), cert->sha1, NULL);
	X509_digest(cert->leaf, EVP_sha256(), cert->sha256, NULL);
	ERR_clear_error();
	return 0;
}

struct tls_cert *
tls__cert_new(const char *path)
{
	struct tls_cert *const cert = calloc(1, sizeof(*cert));

	TW_ASSERT(cert != NULL);
	cert->magic = TLS_CERT_MAGIC;
	atomic_init(&cert->refs, 1);
	cert->path = strdup(path);
	TW_ASSERT(cert->path != NULL);
	return cert;
}

static const struct tls_load no_extras = { .extras = 0 };

static struct tls_cert *
cert_build(
    const char *path, struct tw_str pem, const struct tls_load *how, struct tw_err *err)
{
	struct tls_cert *cert = tls__cert_new(path);

	if (tls__cert_read(cert, pem, how, err) != 0 ||
	    tls__cert_extras(cert, how, err) != 0 || tls__cert_describe(cert, err) != 0)
		tls__cert_unref(&cert);
	return cert;
}

struct tls_cert *
tls__cert_parse(const char *path, struct tw_str pem, struct tw_err *err)
{
	return cert_build(path, pem, &no_extras, err);
}

struct tls_cert *
tls__cert_of(const char *path, X509 *leaf, EVP_PKEY *key)
{
	struct tls_cert *cert = tls__cert_new(path);

	cert->leaf = leaf;
	TW_ASSERT(EVP_PKEY_up_ref(key) == 1);
	cert->key = key;
	if (tls__cert_describe(cert, NULL) != 0)
		tls__cert_unref(&cert);
	return cert;
}

struct tls_cert *
tls__cert_load(const char *path, const struct tls_load *how, struct tw_err *err)
{
	struct tls_bytes b = { NULL, 0 };
	const char *const file = how->file != NULL ? how->file : path;
	const int e = tls__file_read(file, &b);

	if (e == ENOENT || e == ENOTDIR)
		tw_err_set(err, "unable to stat SSL certificate from file '%s' : %s.",
		    file, strerror(e));
	else if (e != 0)
		tw_err_set(err, "unable to load certificate from file '%s': %s.", file,
		    strerror(e));
	if (e != 0) {
		free(b.p);
		return NULL;
	}
	struct tls_cert *const cert =
	    cert_build(path, (struct tw_str){ (char *)b.p, b.len }, how, err);
	OPENSSL_cleanse(b.p, b.len);
	free(b.p);
	return cert;
}

struct tls_cert *
tls__cert_ref(struct tls_cert *cert)
{
	TW_ASSERT(cert->magic == TLS_CERT_MAGIC);
	atomic_fetch_add_explicit(&cert->refs, 1, memory_order_relaxed);
	return cert;
}

static void
cert_free(struct tls_cert *cert)
{
	X509_free(cert->leaf);
	sk_X509_pop_free(cert->chain, X509_free);
	EVP_PKEY_free(cert->key);
	EVP_PKEY_free(cert->dh);
	X509_free(cert->issuer);
	free(cert->ocsp.p);
	free(cert->sctl.p);
	for (int i = 0; i < cert->n_names; i++)
		free(cert->names[i]);
	free(cert->names);
	free(cert->path);
	cert->magic = 0;
	free(cert);
}

void
tls__cert_unref(struct tls_cert **cert)
{
	struct tls_cert *const c = *cert;

	*cert = NULL;
	if (c == NULL)
		return;
	TW_ASSERT(c->magic == TLS_CERT_MAGIC);
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		cert_free(c);
}
