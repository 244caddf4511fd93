/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp.c - who has which answer, and the answer in the handshake.
 *
 * The table of entries is looked at when certificates come and go: on the
 * control thread, and, when a connection was the last to hold a certificate,
 * on a worker; hence its lock. A handshake reads one pointer.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <tideway/assert.h>

#include "ocsp_fetch.h"

#define N_HEADS 1024u

LIST_HEAD(heads, tls_ocsp);
static struct heads heads[N_HEADS];                      /* shared: lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* and refs of entries */
static int ex_index = -1;

/* --- entries --- */

static struct heads *
head_of(const struct tls_ocsp_key *key)
{
	return &heads[tls__hash((const char *)key->der, key->len) % N_HEADS];
}

static void
ocsp_free(struct tls_ocsp *o)
{
	TW_ASSERT(o->n_uses == 0 && o->fetch == NULL && !o->is_queued);
	free(atomic_load(&o->staple));
	OCSP_CERTID_free(o->id);
	X509_free(o->issuer);
	free(o->uri);
	free(o->path);
	o->magic = 0;
	free(o);
}

void
tls__ocsp_unref(struct tls_ocsp **po)
{
	struct tls_ocsp *const o = *po;
	bool last;

	*po = NULL;
	if (o == NULL)
		return;
	TW_ASSERT(o->magic == TLS_OCSP_MAGIC);
	pthread_mutex_lock(&lock);
	last = --o->refs == 0;
	if (last)
		LIST_REMOVE(o, link);
	pthread_mutex_unlock(&lock);
	if (last)
		ocsp_free(o);
}

struct tls_ocsp *
tls__ocsp_find(const struct tls_ocsp_key *key)
{
	struct tls_ocsp *o;

	pthread_mutex_lock(&lock);
	LIST_FOREACH(o, head_of(key), link)
		if (o->key.len == key->len &&
		    memcmp(o->key.der, key->der, key->len) == 0)
			break;
	if (o != NULL)
		o->refs++;
	pthread_mutex_unlock(&lock);
	return o;
}

static char *
uri_of(X509 *leaf)
{
	STACK_OF(OPENSSL_STRING) *const all = X509_get1_ocsp(leaf);
	char *uri = NULL;

	if (sk_OPENSSL_STRING_num(all) > 0) {
		uri = strdup(sk_OPENSSL_STRING_value(all, 0));
		TW_ASSERT(uri != NULL);
	}
	X509_email_free(all);
	return uri;
}

/* in: id, taken. returns: one reference. */
static struct tls_ocsp *
ocsp_new(const struct tls_ocsp_key *key, OCSP_CERTID *id, X509 *leaf, X509 *issuer)
{
	struct tls_ocsp *const o = calloc(1, sizeof(*o));

	TW_ASSERT(o != NULL);
	o->magic = TLS_OCSP_MAGIC;
	o->refs = 1;
	o->key = *key;
	o->id = id;
	o->issuer = issuer;
	X509_up_ref(issuer);
	o->uri = uri_of(leaf);
	pthread_mutex_lock(&lock);
	LIST_INSERT_HEAD(head_of(key), o, link);
	pthread_mutex_unlock(&lock);
	return o;
}

struct tls_ocsp **
tls__ocsp_each(size_t *n)
{
	struct tls_ocsp **all, *o;
	size_t i = 0;

	*n = 0;
	pthread_mutex_lock(&lock);
	for (unsigned h = 0; h < N_HEADS; h++)
		LIST_FOREACH(o, &heads[h], link)
			++*n;
	all = *n == 0 ? NULL : malloc(*n * sizeof(struct tls_ocsp *));
	*n = all == NULL ? 0 : *n;
	for (unsigned h = 0; all != NULL && h < N_HEADS; h++)
		LIST_FOREACH(o, &heads[h], link) {
			o->refs++;
			all[i++] = o;
		}
	pthread_mutex_unlock(&lock);
	return all;
}

void
tls__ocsp_put(struct tls_ocsp *o, struct tls_staple *s)
{
	struct tls_staple *const was = atomic_exchange(&o->staple, s);

	if (was != NULL)
		tw_retire(free, was);
}

/* --- certificates --- */

int
tls__ocsp_renew(struct tls_ocsp *o, struct tls_staple *s, struct tw_err *err)
{
	const struct tls_staple *const now = atomic_load(&o->staple);

	if (now == NULL || now->this_update <= s->this_update ||
	    now->next_update <= (time_t)(tw_wall_us() / 1000000)) {
		tls__ocsp_put(o, s);
		return 0;
	}
	free(s);
	tls_count(TLS_CNT_OCSP_OLDER);
	return tw_err_set(err,
	    "OCSP single response: it is older than the one in force, which is still "
	    "valid");
}

static void
x509_ends(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct tls_ocsp *o = ptr;

	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	tls__ocsp_unref(&o);
}

int
tls__ocsp_load(struct tw_err *err)
{
	ex_index = X509_get_ex_new_index(0, NULL, NULL, NULL, x509_ends);
	return ex_index >= 0
	    ? 0
	    : tw_err_set(err, "OpenSSL cannot be prepared: out of memory");
}

void
tls__ocsp_reserve(X509 *leaf)
{
	if (tls__ocsp_of(leaf) == NULL)
		TW_ASSERT(X509_set_ex_data(leaf, ex_index, NULL) == 1);
}

struct tls_ocsp *
tls__ocsp_of(const X509 *leaf)
{
	return leaf == NULL ? NULL : X509_get_ex_data(leaf, ex_index);
}

X509 *
tls__ocsp_issuer(const struct tls_cert *cert)
{
	if (cert->issuer != NULL)
		return cert->issuer;
	for (int i = 0; i < sk_X509_num(cert->chain); i++) {
		X509 *const x = sk_X509_value(cert->chain, i);

		if (X509_check_issued(x, cert->leaf) == X509_V_OK)
			return x;
	}
	return X509_check_issued(cert->leaf, cert->leaf) == X509_V_OK ? cert->leaf
								      : NULL;
}

/* The leaf's entry, new or one that is there. NULL: there is no issuer. */
static struct tls_ocsp *
entry_of(const struct tls_cert *cert)
{
	X509 *const issuer = tls__ocsp_issuer(cert);
	struct tls_ocsp *o = tls__ocsp_of(cert->leaf);
	struct tls_ocsp_key key;
	OCSP_CERTID *id;

	if (o != NULL || issuer == NULL)
		return o;
	id = OCSP_cert_to_id(NULL, cert->leaf, issuer);
	if (id != NULL && tls__ocsp_key(id, &key)) {
		o = tls__ocsp_find(&key);
		if (o != NULL)
			OCSP_CERTID_free(id);
		else
			o = ocsp_new(&key, id, cert->leaf, issuer);
		TW_ASSERT(X509_set_ex_data(cert->leaf, ex_index, o));
	} else
		OCSP_CERTID_free(id);
	ERR_clear_error();
	return o;
}

/* What the file says: an answer that is there and newer stays. */
static void
take_file(struct tw_gen *gen, const struct tls_cert *cert, struct tls_ocsp *o)
{
	struct tls_ocsp_key key;
	struct tw_err err;
	struct tls_staple *const s = tls__ocsp_read(
	    (struct tw_str){ (const char *)cert->ocsp.p, cert->ocsp.len },
	    (time_t)(tw_wall_us() / 1000000), &key, &err);
	const struct tls_staple *const now = atomic_load(&o->staple);

	if (s == NULL)
		tw_gen_warn(gen, NULL, 0,
		    "Loading '%s.ocsp': %s. Content will be ignored.", cert->path,
		    err.text);
	else if (key.len != o->key.len || memcmp(key.der, o->key.der, key.len) != 0)
		tw_gen_warn(gen, NULL, 0,
		    "Loading '%s.ocsp': OCSP single response: Certificate ID does not "
		    "match certificate and issuer. Content will be ignored.",
		    cert->path);
	else if (tls__ocsp_verify(s, o->issuer, &err) < 0)
		tw_gen_warn(gen, NULL, 0,
		    "Loading '%s.ocsp': %s. Content will be ignored.", cert->path,
		    err.text);
	else if (now == NULL || now->this_update <= s->this_update) {
		tls__ocsp_put(o, s);
		return;
	}
	free(s);
}

/* --- what a generation uses --- */

static struct tls_ocsp_uses *
uses_of(struct tls_gen *g, const char *path)
{
	return &g->ocsp.uses[tls__hash(path, strlen(path)) % TLS_OCSP_USES];
}

static struct tls_ocsp_use *
use_find(struct tls_gen *g, const char *path)
{
	struct tls_ocsp_use *u;

	LIST_FOREACH(u, uses_of(g, path), link)
		if (strcmp(u->path, path) == 0)
			break;
	return u;
}

static void
use_free(struct tls_ocsp_use *u)
{
	tls__ocsp_use_end(u);
	LIST_REMOVE(u, link);
	tls__ocsp_unref(&u->ocsp);
	free(u);
}

static void
gen_ends(void *arg)
{
	struct tls_gen *const g = arg;

	for (unsigned i = 0; i < TLS_OCSP_USES; i++)
		while (!LIST_EMPTY(&g->ocsp.uses[i]))
			use_free(LIST_FIRST(&g->ocsp.uses[i]));
}

static void
use_new(
    struct tw_gen *gen, struct tls_ocsp *o, const char *path, enum tls_ocsp_mode mode)
{
	struct tls_gen *const g = tls_gen_of(gen);
	struct tls_ocsp_use *const u = calloc(1, sizeof(*u) + strlen(path) + 1);

	TW_ASSERT(u != NULL);
	strcpy(u->path, path);
	u->mode = mode;
	u->ocsp = tls__ocsp_find(&o->key);
	if (o->path == NULL)
		o->path = strdup(path);
	LIST_INSERT_HEAD(uses_of(g, path), u, link);
	if (!g->ocsp.ends)
		tw_arena_at_end(tw_gen_arena(gen), gen_ends, g);
	g->ocsp.ends = true;
	if (mode == TLS_OCSP_ON)
		tls__fetch_prepare();
	if (gen == tw_gen_running())
		tls__ocsp_use_begin(u);
}

const struct tls_ocsp_use *
tls__ocsp_use_of(struct tw_gen *gen, const char *path)
{
	return use_find(tls_gen_of(gen), path);
}

struct tls_ocsp *
tls__ocsp_used(struct tw_gen *gen, const char *path)
{
	const struct tls_ocsp_use *const u = use_find(tls_gen_of(gen), path);

	return u == NULL ? NULL : u->ocsp;
}

void
tls__ocsp_detach(struct tw_gen *gen, const char *path)
{
	struct tls_ocsp_use *const u = use_find(tls_gen_of(gen), path);

	if (u != NULL)
		use_free(u);
}

static int
conflict(const struct tls_cert *cert, struct tw_err *err)
{
	return tw_err_set(err,
	    "Incompatibilities found in OCSP update mode for certificate %s",
	    cert->path);
}

/* What the line says, else the global section. errors: -1: another line of the
 * same certificate says otherwise. */
static int
mode_of(struct tw_gen *gen, const struct tls_cert *cert, enum tls_ocsp_mode *mode,
    struct tw_err *err)
{
	const struct tls_gen *const g = tls_gen_of(gen);
	const struct tls_ocsp_use *const u =
	    use_find((struct tls_gen *)(uintptr_t)g, cert->path);

	if (*mode == TLS_OCSP_UNSET)
		*mode = g->ocsp.update ? TLS_OCSP_ON : TLS_OCSP_OFF;
	if (u == NULL || u->mode == *mode || u->ocsp != tls__ocsp_of(cert->leaf))
		return 0;
	return conflict(cert, err);
}

int
tls__ocsp_attach(struct tw_gen *gen, struct tls_cert *cert, enum tls_ocsp_mode mode,
    struct tw_err *err)
{
	const bool asked = mode == TLS_OCSP_ON,
		   known = tls__ocsp_of(cert->leaf) != NULL;
	struct tls_ocsp *o;
	char *uri;

	if (mode_of(gen, cert, &mode, err) < 0)
		return -1;
	uri = mode == TLS_OCSP_ON ? uri_of(cert->leaf) : NULL;
	if (cert->ocsp.p == NULL && uri == NULL) {
		if (asked)
			tw_gen_hint(gen, NULL, 0,
			    "'%s' names no OCSP responder: 'ocsp-update on' does "
			    "nothing for it.",
			    cert->path);
		return 0;
	}
	free(uri);
	o = entry_of(cert);
	if (o == NULL && cert->ocsp.p == NULL && !asked)
		return 0; /* `ocsp-update.mode on` is for those that can */
	if (o == NULL)
		return tw_err_set(err,
		    "'%s%s' is present and activates OCSP but it is impossible to "
		    "compute the OCSP certificate ID (maybe the issuer could not be "
		    "found)",
		    cert->path, cert->ocsp.p != NULL ? ".ocsp" : "");
	if (cert->ocsp.p != NULL && !known)
		take_file(gen, cert, o);
	if (tls__ocsp_used(gen, cert->path) != o) {
		tls__ocsp_detach(gen, cert->path);
		use_new(gen, o, cert->path, mode);
	}
	return 0;
}

int
tls__ocsp_option(const struct tls_entry *e, int i, struct tw_err *err)
{
	const char *const word = i + 1 < e->n_options ? e->option[i + 1] : "";

	if (strcmp(word, "on") == 0 || strcmp(word, "off") == 0)
		return 0;
	return tw_err_set(err, "ocsp-update : expects 'on' or 'off', not '%s'", word);
}

int
tls__ocsp_entry(struct tw_gen *gen, const struct tls_entry *e, struct tw_err *err)
{
	enum tls_ocsp_mode mode = TLS_OCSP_UNSET;

	for (int i = 0; i + 1 < e->n_options; i++)
		if (strcmp(e->option[i], "ocsp-update") == 0)
			mode = strcmp(e->option[i + 1], "on") == 0 ? TLS_OCSP_ON
								   : TLS_OCSP_OFF;
	if (mode != TLS_OCSP_UNSET && e->cert->ocsp_update != TLS_OCSP_UNSET &&
	    mode != (enum tls_ocsp_mode)e->cert->ocsp_update)
		return conflict(e->cert, err);
	if (mode == TLS_OCSP_UNSET)
		mode = e->cert->ocsp_update;
	return tls__ocsp_attach(gen, e->cert, mode, err);
}

int
tls__ocsp_list(const struct tls_certs *line, const struct tls_list *list)
{
	struct tw_err err;

	for (const struct tls_entry *e = list->first; e != NULL; e = e->next)
		if (tls__ocsp_entry(line->side.gen, e, &err) < 0)
			return tls__certs_fail(line, "ocsp-update", err.text);
	return 0;
}

/* --- the handshake --- */

int
tls__ocsp_staple(SSL *ssl, void *arg)
{
	const struct tls_ocsp *const o = tls__ocsp_of(SSL_get_certificate(ssl));
	const struct tls_staple *const s = o == NULL ? NULL : atomic_load(&o->staple);
	unsigned char *copy;

	(void)arg;
	if (s == NULL || s->next_update <= (time_t)(tw_wall_us() / 1000000))
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(s->der, s->len);
	if (copy == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)s->len);
	tls_count(TLS_CNT_STAPLED);
	return SSL_TLSEXT_ERR_OK;
}
