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

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <tideway/assert.h>

#include "store.h"

#define FILE_BYTES_MAX (16 << 20)

/* OpenSSL would ask on the terminal. */
static int
no_pass_phrase(char *buf, int size, int rwflag, void *asked)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)asked = true;
	return -1;
}

static BIO *
bio_of(struct tw_str pem)
{
	BIO *const bio = BIO_new_mem_buf(pem.len > 0 ? pem.p : "", (int)pem.len);

	TW_ASSERT(bio != NULL);
	return bio;
}

static int
read_key(struct tls_cert *cert, struct tw_str pem, const char *path, struct tw_err *err)
{
	bool asked = false;
	BIO *const bio = bio_of(pem);

	cert->key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, &asked);
	BIO_free(bio);
	ERR_clear_error();
	if (asked)
		return tw_err_set(err,
		    "the private key in '%s' is encrypted: pass phrases are "
		    "not asked for, store the key without one",
		    path);
	return 0;
}

/* PEM_read_bio_Parameters() has no callback for pass phrases: it would ask. */
static void
read_dh(struct tls_cert *cert, struct tw_str pem)
{
	BIO *const bio = bio_of(pem);
	char *name, *header;
	unsigned char *der;
	long len;

	while (cert->dh == NULL && PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
		const unsigned char *p = der;
		const bool dhx = strcmp(name, PEM_STRING_DHXPARAMS) == 0;
		if ((dhx || strcmp(name, PEM_STRING_DHPARAMS) == 0) &&
		    header[0] == '\0')
			cert->dh = d2i_KeyParams(
			    dhx ? EVP_PKEY_DHX : EVP_PKEY_DH, NULL, &p, len);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len);
	}
	BIO_free(bio);
	ERR_clear_error();
}

/* The end of the text ends the chain; any other error is one. */
static bool
read_chain(struct tls_cert *cert, BIO *bio)
{
	bool asked = false;
	X509 *x;

	ERR_clear_error();
	while ((x = PEM_read_bio_X509(bio, NULL, no_pass_phrase, &asked)) != NULL) {
		if (cert->chain == NULL)
			cert->chain = sk_X509_new_null();
		TW_ASSERT(cert->chain != NULL && sk_X509_push(cert->chain, x) > 0);
	}
	const unsigned long e = ERR_peek_last_error();
	ERR_clear_error();
	return ERR_GET_LIB(e) == ERR_LIB_PEM &&
	    ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

int
tls__cert_read(struct tls_cert *cert, struct tw_str pem, struct tw_err *err)
{
	if (read_key(cert, pem, cert->path, err) != 0)
		return -1;
	read_dh(cert, pem);
	bool asked = false;
	BIO *const bio = bio_of(pem);
	cert->leaf = PEM_read_bio_X509_AUX(bio, NULL, no_pass_phrase, &asked);
	const bool whole = cert->leaf != NULL && read_chain(cert, bio);
	BIO_free(bio);
	ERR_clear_error();
	if (cert->leaf == NULL)
		return tw_err_set(
		    err, "unable to load certificate from file '%s'.", cert->path);
	if (!whole)
		return tw_err_set(err,
		    "unable to load certificate chain from file '%s'.", cert->path);
	return 0;
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
	bool asked = false;
	X509 *const x = PEM_read_bio_X509_AUX(bio, NULL, no_pass_phrase, &asked);
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
