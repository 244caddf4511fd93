/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * forge.c - generate-certificates: a certificate for a name that no other has,
 * signed with ca-sign-file's key. Those used last are kept, in a hash table with a
 * list; two workers may make the same one at once, then the first is kept. Names
 * are the client's: what is no host name gets none. Any thread; the lock is held
 * while the table is looked at, never while a certificate is made.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <tideway/assert.h>

#include "forge.h"
#include "tls.h"

#define DAY_S 86400L
#define DAYS 365
#define NAME_MAX_BYTES 253

struct kept {
	TAILQ_ENTRY(kept) used;
	LIST_ENTRY(kept) same;
	struct tls_cert *cert; /* owns one reference */
	uint32_t hash;
};

LIST_HEAD(bucket, kept);
TAILQ_HEAD(kept_list, kept);

struct tls_forge {
	pthread_mutex_t lock;
	X509 *ca;              /* owns */
	EVP_PKEY *ca_key;      /* owns */
	EVP_PKEY *key;         /* owns */
	struct kept_list used; /* the last used first */
	struct bucket *bucket; /* owns */
	uint32_t n, size, mask;
};

/* --- who signs --- */

static int
give_pass(char *buf, int size, int rwflag, void *pass)
{
	const int len = pass == NULL ? -1 : (int)strlen(pass);

	(void)rwflag;
	if (len < 0 || len > size)
		return -1;
	memcpy(buf, pass, (size_t)len);
	return len;
}

static int
read_signer(struct tls_forge *f, const struct tls_forge_conf *conf, struct tw_err *err)
{
	BIO *const bio = BIO_new_file(conf->file, "r");

	if (bio == NULL)
		return tls__ssl_error(err, "ca-sign-file: unable to read", conf->file);
	f->ca = PEM_read_bio_X509(bio, NULL, tls__no_pass_phrase, NULL);
	(void)BIO_reset(bio);
	if (f->ca != NULL)
		f->ca_key = PEM_read_bio_PrivateKey(
		    bio, NULL, give_pass, (void *)(uintptr_t)conf->pass);
	BIO_free(bio);
	if (f->ca == NULL)
		return tls__ssl_error(
		    err, "ca-sign-file: no certificate in", conf->file);
	if (f->ca_key == NULL)
		return tls__ssl_error(err,
		    "ca-sign-file: no private key that can be read (see "
		    "'ca-sign-pass') in",
		    conf->file);
	if (X509_check_private_key(f->ca, f->ca_key) != 1)
		return tls__ssl_error(err,
		    "ca-sign-file: certificate and private key do not fit in",
		    conf->file);
	return 0;
}

struct tls_forge *
tls__forge_new(const struct tls_forge_conf *conf, struct tw_err *err)
{
	struct tls_forge *f = calloc(1, sizeof(*f));
	uint32_t n = 16;

	TW_ASSERT(f != NULL);
	while (n < conf->size && n < 1u << 20)
		n *= 2;
	f->mask = n - 1;
	f->size = conf->size;
	f->bucket = calloc(n, sizeof(*f->bucket));
	TW_ASSERT(f->bucket != NULL);
	TAILQ_INIT(&f->used);
	pthread_mutex_init(&f->lock, NULL);
	if (read_signer(f, conf, err) < 0) {
		tls__forge_free(&f);
		return NULL;
	}
	f->key = conf->key != NULL && EVP_PKEY_up_ref(conf->key) == 1
	    ? conf->key
	    : EVP_EC_gen("P-256");
	TW_ASSERT(f->key != NULL);
	return f;
}

/* --- what is kept --- */

static void
drop(struct tls_forge *f, struct kept *k)
{
	TAILQ_REMOVE(&f->used, k, used);
	LIST_REMOVE(k, same);
	tls__cert_unref(&k->cert);
	free(k);
	f->n--;
}

void
tls__forge_free(struct tls_forge **forge)
{
	struct tls_forge *const f = *forge;

	*forge = NULL;
	if (f == NULL)
		return;
	while (!TAILQ_EMPTY(&f->used))
		drop(f, TAILQ_FIRST(&f->used));
	X509_free(f->ca);
	EVP_PKEY_free(f->ca_key);
	EVP_PKEY_free(f->key);
	pthread_mutex_destroy(&f->lock);
	free(f->bucket);
	free(f);
}

/* Under the lock. returns: one reference; NULL: none. */
static struct tls_cert *
find(struct tls_forge *f, const char *name, uint32_t hash)
{
	struct kept *k;

	LIST_FOREACH(k, &f->bucket[hash & f->mask], same) {
		if (k->hash != hash || strcmp(k->cert->path, name) != 0)
			continue;
		if (time(NULL) > k->cert->not_after) {
			drop(f, k);
			return NULL;
		}
		TAILQ_REMOVE(&f->used, k, used);
		TAILQ_INSERT_HEAD(&f->used, k, used);
		return tls__cert_ref(k->cert);
	}
	return NULL;
}

/* Under the lock. */
static void
keep(struct tls_forge *f, struct tls_cert *cert, uint32_t hash)
{
	struct kept *const k = calloc(1, sizeof(*k));

	if (k == NULL)
		return;
	k->cert = tls__cert_ref(cert);
	k->hash = hash;
	TAILQ_INSERT_HEAD(&f->used, k, used);
	LIST_INSERT_HEAD(&f->bucket[hash & f->mask], k, same);
	if (++f->n > f->size)
		drop(f, TAILQ_LAST(&f->used, kept_list));
}

uint32_t
tls__forge_count(struct tls_forge *forge)
{
	pthread_mutex_lock(&forge->lock);
	const uint32_t n = forge->n;
	pthread_mutex_unlock(&forge->lock);
	return n;
}

/* --- a new one --- */

/* returns: in lower case; "": no host name. */
static void
host_name(struct tw_str s, char out[static NAME_MAX_BYTES + 1])
{
	out[0] = '\0';
	if (s.len > NAME_MAX_BYTES)
		return;
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.p[i];
		const bool upper = c >= 'A' && c <= 'Z';

		if (!upper && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '-' && c != '.' && c != '_') {
			out[0] = '\0';
			return;
		}
		out[i] = (char)(upper ? c | 0x20 : c);
	}
	out[s.len] = '\0';
}

static bool
add_extension(X509 *x, X509 *ca, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, ca, x, NULL, NULL, 0);
	X509_EXTENSION *const e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	const bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

/* A common name has 64 bytes at most: of longer names only the other form is there. */
static bool
set_names(X509 *x, const char *name)
{
	X509_NAME *const subject = X509_get_subject_name(x);

	return strlen(name) > 64 ||
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0) == 1;
}

static bool
set_serial(X509 *x)
{
	unsigned char bytes[16];
	BIGNUM *n;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] &= 0x7f;
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	const bool ok =
	    n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

static const EVP_MD *
digest_of(const EVP_PKEY *key)
{
	char name[64];

	if (EVP_PKEY_get_default_digest_name(
		(EVP_PKEY *)(uintptr_t)key, name, sizeof(name)) > 0 &&
	    strcmp(name, "UNDEF") == 0)
		return NULL; /* Ed25519 */
	return EVP_sha256();
}

static bool
fill(const struct tls_forge *f, X509 *x, const char *name)
{
	char alt[NAME_MAX_BYTES + 8];

	snprintf(alt, sizeof(alt), "DNS:%s", name);
	return X509_set_version(x, 2) == 1 && set_serial(x) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), DAYS * DAY_S) != NULL &&
	    set_names(x, name) &&
	    X509_set_issuer_name(x, X509_get_subject_name(f->ca)) == 1 &&
	    X509_set_pubkey(x, f->key) == 1 &&
	    add_extension(x, f->ca, NID_basic_constraints, "CA:FALSE") &&
	    add_extension(x, f->ca, NID_ext_key_usage, "serverAuth") &&
	    add_extension(x, f->ca, NID_subject_alt_name, alt) &&
	    X509_sign(x, f->ca_key, digest_of(f->ca_key)) > 0;
}

static struct tls_cert *
make(const struct tls_forge *f, const char *name)
{
	X509 *const x = X509_new();

	if (x == NULL || !fill(f, x, name)) {
		X509_free(x);
		ERR_clear_error();
		return NULL;
	}
	return tls__cert_of(name, x, f->key);
}

struct tls_cert *
tls__forge_get(struct tls_forge *f, struct tw_str asked)
{
	char name[NAME_MAX_BYTES + 1];

	host_name(asked, name);
	if (name[0] == '\0')
		return NULL;
	const uint32_t hash = tls__hash(name, strlen(name));
	pthread_mutex_lock(&f->lock);
	struct tls_cert *cert = find(f, name, hash);
	pthread_mutex_unlock(&f->lock);
	if (cert != NULL || (cert = make(f, name)) == NULL)
		return cert;
	pthread_mutex_lock(&f->lock);
	struct tls_cert *other = find(f, name, hash);
	if (other == NULL)
		keep(f, cert, hash);
	pthread_mutex_unlock(&f->lock);
	tls__cert_unref(&other);
	tls_count(TLS_CNT_FORGED);
	return cert;
}
