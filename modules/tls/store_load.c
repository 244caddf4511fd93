/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * store_load.c - from files to a struct tls_cert.
 *
 * One file may hold the leaf, its chain, the key and DH parameters in any
 * order (RFC 7468); the first certificate is the leaf. What is missing is
 * looked for in companions. The words of errors follow HAProxy's. Runs while
 * the configuration is read and on the control thread.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <tideway/assert.h>

#include "store.h"

#define FILE_BYTES_MAX (16 << 20)

int
tls__no_pass_phrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static BIO *
bio_of(struct tw_str pem)
{
	BIO *const bio = BIO_new_mem_buf(pem.len > 0 ? pem.p : "", (int)pem.len);

	TW_ASSERT(bio != NULL);
	return bio;
}

/* --- blocks of a PEM file --- */

struct block {
	char *name, *header; /* owns, as OpenSSL allocates */
	unsigned char *der;
	long len;
};

static void
block_free(struct block *b)
{
	OPENSSL_free(b->name);
	OPENSSL_free(b->header);
	OPENSSL_clear_free(b->der, b->len > 0 ? (size_t)b->len : 0);
	*b = (struct block){ 0 };
}

static bool
block_next(BIO *bio, struct block *b)
{
	ERR_clear_error();
	return PEM_read_bio(bio, &b->name, &b->header, &b->der, &b->len) == 1;
}

/* After the last block: was that the end, or something broken? */
static bool
is_end(void)
{
	const unsigned long e = ERR_peek_last_error();

	ERR_clear_error();
	return ERR_GET_LIB(e) == ERR_LIB_PEM &&
	    ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

static bool
is_key(const struct block *b)
{
	static const char end[] = "PRIVATE KEY";
	const size_t len = strlen(b->name);

	return len >= sizeof(end) - 1 &&
	    strcmp(b->name + len - (sizeof(end) - 1), end) == 0;
}

static bool
is_certificate(const struct block *b)
{
	return strcmp(b->name, PEM_STRING_X509) == 0 ||
	    strcmp(b->name, PEM_STRING_X509_OLD) == 0 ||
	    strcmp(b->name, PEM_STRING_X509_TRUSTED) == 0;
}

/* --- keys --- */

/* OpenSSL tries all it knows, unless it is told what there is: most of the time
 * that a certificate takes. */
static EVP_PKEY *
key_of_type(const struct block *b, const EVP_PKEY *like)
{
	const char *const type = like == NULL ? NULL : EVP_PKEY_get0_type_name(like);
	const char *const form = strcmp(b->name, PEM_STRING_PKCS8INF) == 0
	    ? "PrivateKeyInfo"
	    : "type-specific";
	const unsigned char *p = b->der;
	size_t len = (size_t)b->len;
	EVP_PKEY *key = NULL;

	if (type == NULL)
		return NULL;
	OSSL_DECODER_CTX *const ctx = OSSL_DECODER_CTX_new_for_pkey(
	    &key, "DER", form, type, EVP_PKEY_KEYPAIR, NULL, NULL);
	if (ctx != NULL)
		(void)OSSL_DECODER_from_data(ctx, &p, &len);
	OSSL_DECODER_CTX_free(ctx);
	return key;
}

static int
key_decode(
    struct tls_cert *cert, const struct block *b, const char *path, struct tw_err *err)
{
	const unsigned char *p = b->der;

	if (strcmp(b->name, PEM_STRING_PKCS8) == 0 || b->header[0] != '\0')
		return tw_err_set(err,
		    "the private key in '%s' is encrypted: pass phrases are "
		    "not asked for, store the key without one",
		    path);
	cert->key = key_of_type(b, X509_get0_pubkey(cert->leaf));
	if (cert->key == NULL)
		cert->key = d2i_AutoPrivateKey(NULL, &p, b->len);
	ERR_clear_error();
	return 0;
}

/* The first key of the text. */
static int
read_key(struct tls_cert *cert, struct tw_str pem, const char *path, struct tw_err *err)
{
	struct block b = { 0 };
	BIO *const bio = bio_of(pem);
	int rc = 0;

	while (rc == 0 && cert->key == NULL && block_next(bio, &b)) {
		if (is_key(&b))
			rc = key_decode(cert, &b, path, err);
		block_free(&b);
	}
	BIO_free(bio);
	ERR_clear_error();
	return rc;
}

static void
read_dh(struct tls_cert *cert, const struct block *b)
{
	const unsigned char *p = b->der;
	const bool dhx = strcmp(b->name, PEM_STRING_DHXPARAMS) == 0;

	if (cert->dh == NULL && (dhx || strcmp(b->name, PEM_STRING_DHPARAMS) == 0))
		cert->dh =
		    d2i_KeyParams(dhx ? EVP_PKEY_DHX : EVP_PKEY_DH, NULL, &p, b->len);
}

/* --- certificates --- */

static X509 *
x509_decode(const struct block *b)
{
	const unsigned char *p = b->der;

	return strcmp(b->name, PEM_STRING_X509_TRUSTED) == 0
	    ? d2i_X509_AUX(NULL, &p, b->len)
	    : d2i_X509(NULL, &p, b->len);
}

/* Certificates of chains are the same in many files. */
#define SHARED_MAX 64

struct tls_shared {
	struct {
		unsigned char sha256[32];
		X509 *x; /* owns one reference */
	} at[SHARED_MAX];
	unsigned n, next;
};

struct tls_shared *
tls__shared_new(void)
{
	struct tls_shared *const s = calloc(1, sizeof(*s));

	TW_ASSERT(s != NULL);
	return s;
}

void
tls__shared_free(struct tls_shared **shared)
{
	struct tls_shared *const s = *shared;

	*shared = NULL;
	for (unsigned i = 0; s != NULL && i < s->n; i++)
		X509_free(s->at[i].x);
	free(s);
}

static X509 *
x509_shared(struct tls_shared *s, const struct block *b)
{
	unsigned char md[32];

	if (s == NULL ||
	    EVP_Digest(b->der, (size_t)b->len, md, NULL, EVP_sha256(), NULL) != 1)
		return x509_decode(b);
	for (unsigned i = 0; i < s->n; i++)
		if (memcmp(s->at[i].sha256, md, sizeof(md)) == 0) {
			TW_ASSERT(X509_up_ref(s->at[i].x) == 1);
			return s->at[i].x;
		}
	X509 *const x = x509_decode(b);
	if (x == NULL)
		return NULL;
	const unsigned at = s->n < SHARED_MAX ? s->n++ : s->next++ % SHARED_MAX;
	X509_free(s->at[at].x);
	TW_ASSERT(X509_up_ref(x) == 1);
	s->at[at].x = x;
	memcpy(s->at[at].sha256, md, sizeof(md));
	return x;
}

static bool
read_certificate(
    struct tls_cert *cert, const struct block *b, const struct tls_load *how)
{
	X509 *const x =
	    cert->leaf == NULL ? x509_decode(b) : x509_shared(how->shared, b);

	if (x == NULL)
		return false;
	if (cert->leaf == NULL) {
		cert->leaf = x;
		return true;
	}
	if (cert->chain == NULL)
		cert->chain = sk_X509_new_null();
	TW_ASSERT(cert->chain != NULL && sk_X509_push(cert->chain, x) > 0);
	return true;
}

/* Leaf, chain and DH parameters. */
static bool
read_blocks(struct tls_cert *cert, struct tw_str pem, const struct tls_load *how)
{
	struct block b = { 0 };
	BIO *const bio = bio_of(pem);
	bool ok = true;

	while (ok && block_next(bio, &b)) {
		if (is_certificate(&b))
			ok = read_certificate(cert, &b, how);
		else
			read_dh(cert, &b);
		block_free(&b);
	}
	BIO_free(bio);
	return ok && is_end();
}

int
tls__cert_read(struct tls_cert *cert, struct tw_str pem, const struct tls_load *how,
    struct tw_err *err)
{
	const char *const file = how->file != NULL ? how->file : cert->path;
	const bool whole = read_blocks(cert, pem, how);

	if (cert->leaf == NULL)
		return tw_err_set(
		    err, "unable to load certificate from file '%s'.", file);
	if (!whole)
		return tw_err_set(
		    err, "unable to load certificate chain from file '%s'.", file);
	return read_key(cert, pem, file, err);
}

/* returns: 0, or an errno. */
int
tls__file_read(const char *path, struct tls_bytes *out)
{
	struct stat st;
	/* a FIFO would wait for its writer */
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno;
	int e = fstat(fd, &st) != 0 ? errno : 0;
	if (e == 0 && !S_ISREG(st.st_mode))
		e = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	if (e == 0 && st.st_size > FILE_BYTES_MAX)
		e = EFBIG;
	if (e == 0) {
		out->p = malloc((size_t)st.st_size + 1);
		TW_ASSERT(out->p != NULL);
		const ssize_t n = read(fd, out->p, (size_t)st.st_size);
		e = n < 0 ? errno : 0;
		out->len = n < 0 ? 0 : (size_t)n;
		out->p[out->len] = '\0';
	}
	close(fd);
	return e;
}

/* The file that was named, or "x.crt" with ".key": "x.crt.key", or "x.key" with
 * ssl-load-extra-del-ext. */
static bool
companion_name(const struct tls_cert *cert, const struct tls_load *how,
    const char *named, const char *ext, char name[static 4096])
{
	const char *const path = how->file != NULL ? how->file : cert->path;
	const char *const dot = strrchr(path, '.');
	const bool cut = how->del_ext && dot != NULL && strcmp(dot, ".crt") == 0;
	const int len = cut ? (int)(dot - path) : (int)strlen(path);

	if (named != NULL)
		return snprintf(name, 4096, "%s", named) < 4096;
	return snprintf(name, 4096, "%.*s%s", len, path, ext) < 4096;
}

/* returns: 0 read, or an errno; ENOENT: there is none, and need not be. */
static int
companion(const struct tls_cert *cert, const struct tls_load *how, unsigned which,
    char name[static 4096], struct tls_bytes *out)
{
	const char *const named = which == TLS_EXTRA_KEY ? how->key
	    : which == TLS_EXTRA_OCSP                    ? how->ocsp
	    : which == TLS_EXTRA_ISSUER                  ? how->issuer
							 : how->sctl;
	const char *const ext = which == TLS_EXTRA_KEY ? ".key"
	    : which == TLS_EXTRA_OCSP                  ? ".ocsp"
	    : which == TLS_EXTRA_ISSUER                ? ".issuer"
						       : ".sctl";

	if (named == NULL && !(how->extras & which))
		return ENOENT;
	if (!companion_name(cert, how, named, ext, name))
		return ENAMETOOLONG;
	const int e = tls__file_read(name, out);
	return e == ENOENT && named != NULL ? ENXIO : e;
}

static const char *
why(int e)
{
	return strerror(e == ENXIO ? ENOENT : e);
}

static int
extra_key(struct tls_cert *cert, const struct tls_load *how, struct tw_err *err)
{
	char name[4096];
	struct tls_bytes b = { NULL, 0 };

	if (cert->key != NULL && how->key == NULL)
		return 0;
	const int e = companion(cert, how, TLS_EXTRA_KEY, name, &b);
	if (e != 0 && e != ENOENT)
		return tw_err_set(err, "unable to read '%s': %s.", name, why(e));
	if (e == 0) {
		EVP_PKEY_free(cert->key);
		cert->key = NULL;
	}
	const int rc = e != 0
	    ? 0
	    : read_key(cert, (struct tw_str){ (char *)b.p, b.len }, name, err);
	if (b.p != NULL)
		OPENSSL_cleanse(b.p, b.len);
	free(b.p);
	if (rc == 0 && e == 0 && cert->key == NULL)
		return tw_err_set(err, "No Private Key found in '%s'.", name);
	return rc;
}

static int
extra_issuer(struct tls_cert *cert, const struct tls_load *how, struct tw_err *err)
{
	char name[4096];
	struct tls_bytes b = { NULL, 0 };
	const int e = companion(cert, how, TLS_EXTRA_ISSUER, name, &b);

	if (e == ENOENT)
		return 0;
	BIO *const bio = bio_of((struct tw_str){ (char *)b.p, b.len });
	X509 *const x = PEM_read_bio_X509_AUX(bio, NULL, tls__no_pass_phrase, NULL);
	BIO_free(bio);
	free(b.p);
	ERR_clear_error();
	if (x == NULL)
		return tw_err_set(err,
		    "unable to load issuer certificate from '%s'%s%s.", name,
		    e != 0 ? ": " : "", e != 0 ? why(e) : "");
	const bool fits = X509_check_issued(x, cert->leaf) == X509_V_OK;
	cert->issuer = x;
	return fits
	    ? 0
	    : tw_err_set(err, "'%s' is not the issuer of '%s'.", name, cert->path);
}

/* A list begins with its length in two bytes. */
static int
extra_sctl(struct tls_cert *cert, const struct tls_load *how, struct tw_err *err)
{
	char name[4096];
	struct tls_bytes *const b = &cert->sctl;
	const int e = companion(cert, how, TLS_EXTRA_SCTL, name, b);

	if (e == ENOENT)
		return 0;
	if (e != 0 || b->len < 2 || (size_t)(b->p[0] << 8 | b->p[1]) != b->len - 2)
		return tw_err_set(
		    err, "'%s' is present but cannot be read or parsed.", name);
	return 0;
}

static int
extra_ocsp(struct tls_cert *cert, const struct tls_load *how, struct tw_err *err)
{
	char name[4096];
	const int e = companion(cert, how, TLS_EXTRA_OCSP, name, &cert->ocsp);

	if (e != 0 && e != ENOENT)
		return tw_err_set(err, "unable to read '%s': %s.", name, why(e));
	return 0;
}

int
tls__cert_extras(struct tls_cert *cert, const struct tls_load *how, struct tw_err *err)
{
	if (extra_key(cert, how, err) != 0 || extra_issuer(cert, how, err) != 0 ||
	    extra_sctl(cert, how, err) != 0)
		return -1;
	return extra_ocsp(cert, how, err);
}
