/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl_trust.c - see ctl_trust.h. A context knows of its stand-in by ex_data; a
 * listener's handshake asks for it when the ClientHello is read, before anything is
 * resumed, one to a server at its beginning. Sessions of before a change are not
 * resumed after it: nobody would look at the certificate again. The list of
 * contexts has a lock, as a connection may be the last to hold one.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <tideway/assert.h>

#include "ctl.h"
#include "ctl_trust.h"
#include "server.h"
#include "session.h"

/* What is verified with. */
struct trust {
	X509_STORE *store;                          /* owns */
	STACK_OF(X509_NAME) * names;                /* owns; NULL: none are sent */
	uint64_t number;                            /* no other has it; not 0 */
	unsigned char context[TLS_SESSION_CONTEXT]; /* of sessions, a listener's */
};

/* A context that verifies. */
struct user {
	LIST_ENTRY(user) link; /* shared: lock */
	struct tw_gen *gen;
	SSL_CTX *ctx; /* borrow: it is in its ex_data */
	const struct tls_opts *opts;
	bool is_listener;
	_Atomic(struct trust *) trust; /* shared; owns; NULL: the context's own */
};

static LIST_HEAD(, user) users = LIST_HEAD_INITIALIZER(users);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int ex_index = -1;
static uint64_t numbers; /* control thread */

/* --- files --- */

bool
tls__opts_name(const struct tls_opts *o, const char *file)
{
	return (o->ca_file != NULL && strcmp(o->ca_file, file) == 0) ||
	    (o->ca_verify_file != NULL && strcmp(o->ca_verify_file, file) == 0) ||
	    (o->crl_file != NULL && strcmp(o->crl_file, file) == 0);
}

void
tls__ca_merge(X509_STORE *to, X509_STORE *from)
{
	STACK_OF(X509_OBJECT) *const all = X509_STORE_get0_objects(from);

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		const X509_OBJECT *const o = sk_X509_OBJECT_value(all, i);

		if (X509_OBJECT_get_type(o) == X509_LU_X509)
			X509_STORE_add_cert(to, X509_OBJECT_get0_X509(o));
		else if (X509_OBJECT_get_type(o) == X509_LU_CRL)
			X509_STORE_add_crl(
			    to, X509_OBJECT_get0_X509_CRL((X509_OBJECT *)(uintptr_t)o));
	}
	ERR_clear_error();
}

/* returns: NULL: nothing can be read; who makes the context reports it. */
static X509_STORE *
store_read(const char *name)
{
	X509_STORE *const store = X509_STORE_new();

	TW_ASSERT(store != NULL);
	if (tls__is_dir(name))
		tls__ca_dir(store, name, NULL, NULL);
	else
		X509_STORE_load_file(store, name);
	ERR_clear_error();
	if (sk_X509_OBJECT_num(X509_STORE_get0_objects(store)) > 0)
		return store;
	X509_STORE_free(store);
	return NULL;
}

struct tls_ca *
tls__ca_find(struct tw_gen *gen, const char *name)
{
	struct tls_ca *ca = tls_gen_of(gen)->cas;

	while (ca != NULL && strcmp(ca->name, name) != 0)
		ca = ca->next;
	return ca;
}

void
tls__ca_free(struct tls_ca **pca)
{
	struct tls_ca *const ca = *pca;

	*pca = NULL;
	if (ca == NULL)
		return;
	X509_STORE_free(ca->store);
	free(ca->name);
	free(ca);
}

void
tls__cas_free(struct tls_gen *g)
{
	while (g->cas != NULL) {
		struct tls_ca *ca = g->cas;
		g->cas = ca->next;
		tls__ca_free(&ca);
	}
}

struct tls_ca *
tls__ca_new(const char *name, bool is_crl)
{
	struct tls_ca *const ca = calloc(1, sizeof(*ca));

	TW_ASSERT(ca != NULL);
	ca->name = strdup(name);
	TW_ASSERT(ca->name != NULL);
	ca->is_crl = is_crl;
	return ca;
}

void
tls__ca_add(struct tw_gen *gen, struct tls_ca *ca)
{
	struct tls_gen *const g = tls_gen_of(gen);

	ca->next = g->cas;
	g->cas = ca;
}

void
tls__ca_take(struct tw_gen *gen, struct tls_ca *ca)
{
	struct tls_ca **at = &tls_gen_of(gen)->cas;

	while (*at != ca)
		at = &(*at)->next;
	*at = ca->next;
	ca->next = NULL;
}

static void
note(struct tw_gen *gen, const char *name, bool is_crl)
{
	struct tls_ca *ca;
	X509_STORE *store;

	if (name == NULL || name[0] == '@' || tls__ca_find(gen, name) != NULL)
		return;
	store = store_read(name);
	if (store == NULL)
		return;
	ca = tls__ca_new(name, is_crl);
	ca->store = store;
	tls__ca_add(gen, ca);
}

/* --- dates of lists --- */

static bool
is_current(const X509_CRL *crl)
{
	const ASN1_TIME *const next = X509_CRL_get0_nextUpdate(crl);

	return X509_cmp_current_time(X509_CRL_get0_lastUpdate(crl)) < 0 &&
	    (next == NULL || X509_cmp_current_time(next) > 0);
}

/* There is one of the issuer that can be used. */
static bool
has_current(STACK_OF(X509_OBJECT) * all, const X509_NAME *issuer)
{
	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		const X509_CRL *const crl =
		    X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, i));

		if (crl != NULL && is_current(crl) &&
		    X509_NAME_cmp(X509_CRL_get_issuer(crl), issuer) == 0)
			return true;
	}
	return false;
}

static void
crl_warn(struct tw_gen *gen, const char *file, const X509_CRL *crl)
{
	const bool early = X509_cmp_current_time(X509_CRL_get0_lastUpdate(crl)) > 0;
	char *const issuer = tls__ctl_name(X509_CRL_get_issuer(crl));
	struct tm tm = { .tm_year = 0 };
	char day[32];

	(void)ASN1_TIME_to_tm(
	    early ? X509_CRL_get0_lastUpdate(crl) : X509_CRL_get0_nextUpdate(crl), &tm);
	strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
	tw_gen_warn(gen, NULL, 0,
	    "'crl-file' : the list of '%.200s' in '%s' %s %s UTC; no certificate of "
	    "that authority is trusted %s",
	    issuer, file, early ? "is not valid before" : "has been out of date since",
	    day, early ? "until then" : "until a newer list takes its place");
	free(issuer);
}

/* Once per file, and not where the line ignores it. */
static void
crl_dates(struct tw_gen *gen, const struct tls_opts *o)
{
	struct tls_ca *const ca =
	    o->crl_file == NULL ? NULL : tls__ca_find(gen, o->crl_file);

	if (ca == NULL || ca->store == NULL || ca->dates_told ||
	    tls__errset_has(&o->crt_ignore, X509_V_ERR_CRL_HAS_EXPIRED))
		return;
	STACK_OF(X509_OBJECT) *const all = X509_STORE_get0_objects(ca->store);
	ca->dates_told = true;
	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		const X509_CRL *const crl =
		    X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, i));

		if (crl != NULL && !is_current(crl) &&
		    !has_current(all, X509_CRL_get_issuer(crl)))
			crl_warn(gen, ca->name, crl);
	}
}

/* --- contexts --- */

static void
trust_free(void *arg)
{
	struct trust *const t = arg;

	if (t == NULL)
		return;
	X509_STORE_free(t->store);
	sk_X509_NAME_pop_free(t->names, X509_NAME_free);
	free(t);
}

static void
ctx_ends(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct user *const u = ptr;

	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	if (u == NULL)
		return;
	pthread_mutex_lock(&lock);
	LIST_REMOVE(u, link);
	pthread_mutex_unlock(&lock);
	trust_free(atomic_load(&u->trust));
	free(u);
}

int
tls__trust_load(struct tw_err *err)
{
	ex_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, ctx_ends);
	return ex_index >= 0
	    ? 0
	    : tw_err_set(err, "OpenSSL cannot be prepared: out of memory");
}

static void
merge_file(X509_STORE *to, struct tw_gen *gen, const char *name)
{
	const struct tls_ca *const ca = name == NULL ? NULL : tls__ca_find(gen, name);

	if (name != NULL && name[0] == '@')
		X509_STORE_set_default_paths(to);
	else if (ca != NULL && ca->store != NULL)
		tls__ca_merge(to, ca->store);
}

static STACK_OF(X509_NAME) * names_of(struct tw_gen *gen, const struct tls_opts *o)
{
	const struct tls_ca *const ca =
	    o->ca_file == NULL ? NULL : tls__ca_find(gen, o->ca_file);
	STACK_OF(X509_NAME) * names;
	STACK_OF(X509_OBJECT) * all;

	if (ca == NULL || ca->store == NULL || o->no_ca_names)
		return NULL;
	names = sk_X509_NAME_new_null();
	all = X509_STORE_get0_objects(ca->store);
	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		X509 *const x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
		X509_NAME *const copy =
		    x == NULL ? NULL : X509_NAME_dup(X509_get_subject_name(x));

		if (copy != NULL && !sk_X509_NAME_push(names, copy))
			X509_NAME_free(copy);
	}
	ERR_clear_error();
	return names;
}

static struct trust *
trust_new(const struct user *u)
{
	struct trust *const t = calloc(1, sizeof(*t));
	const struct tls_opts *const o = u->opts;

	TW_ASSERT(t != NULL);
	t->store = X509_STORE_new();
	TW_ASSERT(t->store != NULL);
	merge_file(t->store, u->gen, o->ca_file);
	merge_file(t->store, u->gen, o->ca_verify_file);
	merge_file(t->store, u->gen, o->crl_file);
	if (o->crl_file != NULL)
		X509_STORE_set_flags(
		    t->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	t->names = u->is_listener ? names_of(u->gen, o) : NULL;
	t->number = ++numbers;
	tls__session_context(o, t->store, t->context);
	return t;
}

static void
user_renew(struct user *u)
{
	struct trust *const was = atomic_exchange(&u->trust, trust_new(u));

	if (was != NULL)
		tw_retire(trust_free, was);
}

bool
tls__ca_is_live(struct tw_gen *gen, const char *name)
{
	const struct tls_ca *const ca = name == NULL ? NULL : tls__ca_find(gen, name);

	return ca != NULL && ca->is_live;
}

void
tls__trust_begin(
    struct tw_gen *gen, SSL_CTX *ctx, const struct tls_opts *o, bool is_listener)
{
	struct user *const u = calloc(1, sizeof(*u));

	TW_ASSERT(u != NULL);
	*u = (struct user){
		.gen = gen, .ctx = ctx, .opts = o, .is_listener = is_listener
	};
	note(gen, o->ca_file, false);
	note(gen, o->ca_verify_file, false);
	note(gen, o->crl_file, true);
	crl_dates(gen, o);
	if (tls__ca_is_live(gen, o->ca_file) ||
	    tls__ca_is_live(gen, o->ca_verify_file) ||
	    tls__ca_is_live(gen, o->crl_file))
		user_renew(u);
	pthread_mutex_lock(&lock);
	LIST_INSERT_HEAD(&users, u, link);
	pthread_mutex_unlock(&lock);
	TW_ASSERT(SSL_CTX_set_ex_data(ctx, ex_index, u) == 1);
}

bool
tls__trust_has(SSL_CTX *ctx, const char *file)
{
	const struct user *const u = SSL_CTX_get_ex_data(ctx, ex_index);

	return u != NULL && tls__ca_is_live(u->gen, file);
}

static const struct trust *
trust_of(const SSL_CTX *ctx)
{
	struct user *const u = SSL_CTX_get_ex_data(ctx, ex_index);

	return u == NULL ? NULL : atomic_load(&u->trust);
}

uint64_t
tls__trust_number(const SSL_CTX *ctx)
{
	const struct trust *const t = trust_of(ctx);

	return t == NULL ? 0 : t->number;
}

void
tls__trust_apply(SSL *ssl)
{
	const struct trust *const t = trust_of(SSL_get_SSL_CTX(ssl));

	if (t == NULL)
		return;
	SSL_set1_verify_cert_store(ssl, t->store);
	if (SSL_is_server(ssl))
		SSL_set_session_id_context(ssl, t->context, sizeof(t->context));
	if (t->names != NULL)
		SSL_set_client_CA_list(ssl, SSL_dup_CA_list(t->names));
}

/* --- changes --- */

bool
tls__ca_used(struct tw_gen *gen, const char *name)
{
	const struct user *u;
	bool used = false;

	pthread_mutex_lock(&lock);
	LIST_FOREACH(u, &users, link)
		used |= u->gen == gen && tls__opts_name(u->opts, name);
	pthread_mutex_unlock(&lock);
	return used;
}

void
tls__ca_commit(struct tw_gen *gen, struct tls_ca *ca, X509_STORE *store)
{
	struct user *u;

	X509_STORE_free(ca->store);
	ca->store = store;
	ca->is_live = true;
	pthread_mutex_lock(&lock);
	LIST_FOREACH(u, &users, link)
		if (u->gen == gen && tls__opts_name(u->opts, ca->name))
			user_renew(u);
	pthread_mutex_unlock(&lock);
	tls__servers_trust(gen, ca->name);
}
