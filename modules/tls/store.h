/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * store.h - certificates and what stands beside them.
 *
 * A tls_cert is what one `crt` file and its companions hold: parsed once,
 * never changed, shared by reference between all lines that name the file. A
 * tls_store finds it by that name. To replace a certificate means to put
 * another object under its name: whoever holds the old one keeps it until it
 * lets go, so that a handshake never takes a lock. Configuration and control
 * thread use the store; references may be dropped by any thread.
 */
#ifndef MODULE_TLS_STORE_H
#define MODULE_TLS_STORE_H

#include <stdatomic.h>
#include <time.h>

#include <openssl/x509.h>

#include <tideway/err.h>
#include <tideway/str.h>

/* What a client must be able to verify. */
enum tls_kind { TLS_RSA, TLS_ECDSA, TLS_DSA, TLS_OTHER, TLS_N_KINDS };

/* Companions that are looked for: ssl-load-extra-files. */
enum {
	TLS_EXTRA_KEY = 1,
	TLS_EXTRA_OCSP = 2,
	TLS_EXTRA_ISSUER = 4,
	TLS_EXTRA_SCTL = 8,
	TLS_EXTRA_BUNDLE = 16,
	TLS_EXTRA_ALL = 31,
};

struct tls_bytes {
	unsigned char *p; /* owns; NULL: none */
	size_t len;
};

#define TLS_CERT_MAGIC 0x7c5e3701u

struct tls_cert {
	uint32_t magic;
	atomic_int refs;        /* shared: any thread may drop one */
	char *path;             /* owns: as it was named */
	X509 *leaf;             /* owns */
	STACK_OF(X509) * chain; /* owns: without the leaf, NULL: none */
	EVP_PKEY *key;          /* owns */
	EVP_PKEY *dh;           /* owns: DH parameters; NULL: none */
	X509 *issuer;           /* owns: for OCSP; NULL: unknown */
	struct tls_bytes ocsp;  /* DER, as in the file */
	struct tls_bytes sctl;  /* RFC 6962, section 3.3: a list with its length */
	uint8_t ocsp_update;    /* enum tls_ocsp_mode: what its `load` line says */
	enum tls_kind kind;
	char **names; /* owns: subjectAltName's DNS names, then the CNs */
	int n_names;
	time_t not_before, not_after;
	unsigned char sha1[20], sha256[32]; /* fingerprints of the leaf */
};

/* How files are looked for. NULL: beside the PEM file, if extras say so. */
struct tls_load {
	unsigned extras;  /* TLS_EXTRA_* */
	bool del_ext;     /* ssl-load-extra-del-ext: x.crt has x.key */
	const char *file; /* the PEM file; NULL: as it is named */
	const char *key, *ocsp, *issuer, *sctl;
	struct tls_shared *shared; /* certificates of chains; NULL: not shared */
};

/** tls__cert_load - reads a PEM file and its companions. It never asks for a
 * pass phrase. in: path, the name it gets. returns: one reference; NULL with the
 * reason in err. */
struct tls_cert *tls__cert_load(
    const char *path, const struct tls_load *how, struct tw_err *err);
/** tls__cert_parse - as tls__cert_load, from text alone, without companions. */
struct tls_cert *tls__cert_parse(
    const char *path, struct tw_str pem, struct tw_err *err);
/** tls__shared_new - what files loaded with it have in common is there once. */
struct tls_shared *tls__shared_new(void);
void tls__shared_free(struct tls_shared **shared);
/** tls__cert_of - of parts that were made here. in: leaf, taken; key, stays the
 * caller's. returns: NULL: they do not fit. */
struct tls_cert *tls__cert_of(const char *path, X509 *leaf, EVP_PKEY *key);
struct tls_cert *tls__cert_ref(struct tls_cert *cert);
void tls__cert_unref(struct tls_cert **cert);

/* Inside: one part of a certificate, used by store_load.c. */
int tls__cert_describe(struct tls_cert *cert, struct tw_err *err);
int tls__cert_read(struct tls_cert *cert, struct tw_str pem, const struct tls_load *how,
    struct tw_err *err);
int tls__cert_extras(
    struct tls_cert *cert, const struct tls_load *how, struct tw_err *err);
int tls__file_read(const char *path, struct tls_bytes *out);
/** tls__cert_new - with its path alone. returns: one reference. */
struct tls_cert *tls__cert_new(const char *path);
/** tls__no_pass_phrase - a pem_password_cb: OpenSSL would ask on the terminal. */
int tls__no_pass_phrase(char *buf, int size, int rwflag, void *arg);

struct tls_store *tls__store_new(void);
void tls__store_free(struct tls_store **store);
/** tls__store_find - borrow: until the store's next change; NULL: no such name. */
struct tls_cert *tls__store_find(const struct tls_store *store, const char *path);
/** tls__store_set - puts `cert` under its path. in: cert, takes the reference.
 * returns: what stood there, the caller's reference now; NULL: nothing. */
struct tls_cert *tls__store_set(struct tls_store *store, struct tls_cert *cert);
/** tls__store_take - removes. returns: the caller's reference; NULL: no such name. */
struct tls_cert *tls__store_take(struct tls_store *store, const char *path);
/** tls__store_get - finds the file, or loads it. returns: borrow, as by find. */
struct tls_cert *tls__store_get(struct tls_store *store, const char *path,
    const struct tls_load *how, struct tw_err *err);
size_t tls__store_count(const struct tls_store *store);
/** tls__store_each - calls fn with each, in no order; the store stays as it is. */
void tls__store_each(const struct tls_store *store,
    void (*fn)(struct tls_cert *cert, void *arg), void *arg);

/** tls__hash - of bytes as they are. */
uint32_t tls__hash(const char *p, size_t len);

#endif
