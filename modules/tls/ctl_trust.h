/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl_trust.h - CA and CRL files of a generation, as the control socket changes
 * them, and the contexts that verify with them.
 *
 * A context has OpenSSL's own store, made when it was read. Once one of its
 * files was changed at run time, its connections get another store instead,
 * which is replaced as a whole. What was never changed costs nothing.
 */
#ifndef MODULE_TLS_CTL_TRUST_H
#define MODULE_TLS_CTL_TRUST_H

#include "tls.h"

/* A file, or what `new` made. */
struct tls_ca {
	struct tls_ca *next;
	char *name;        /* owns */
	bool is_crl;       /* a crl-file, else a ca-file or ca-verify-file */
	bool is_live;      /* it is not what was read with the configuration */
	bool dates_told;   /* or nobody has to be told */
	X509_STORE *store; /* owns: certificates and lists; NULL: empty */
};

int tls__trust_load(struct tw_err *err);
/** tls__trust_begin - the context, which verifies, is about to get its files:
 * those that were changed in this generation need not be there any more.
 * context: configuration, control. */
void tls__trust_begin(
    struct tw_gen *gen, SSL_CTX *ctx, const struct tls_opts *opts, bool is_listener);
/** tls__trust_has - the context's file is one of those. */
bool tls__trust_has(SSL_CTX *ctx, const char *file);
/** tls__trust_apply - a connection begins: a client's before its session is looked
 * for. context: worker. */
void tls__trust_apply(SSL *ssl);
/** tls__trust_number - of what the context verifies with; sessions of another number
 * were verified with something else. context: worker. */
uint64_t tls__trust_number(const SSL_CTX *ctx);

/** tls__ca_find - returns: borrow; NULL: there is none of that name. */
struct tls_ca *tls__ca_find(struct tw_gen *gen, const char *name);
/** tls__ca_is_live - what it holds was not read with the configuration. */
bool tls__ca_is_live(struct tw_gen *gen, const char *name);
/** tls__ca_new - empty, and of no generation yet: a transaction's until commit. */
struct tls_ca *tls__ca_new(const char *name, bool is_crl);
/** tls__ca_add - in: ca, the generation's from now on. */
void tls__ca_add(struct tw_gen *gen, struct tls_ca *ca);
void tls__ca_free(struct tls_ca **ca);
/** tls__cas_free - all of a generation, which ends. */
void tls__cas_free(struct tls_gen *g);
/** tls__ca_take - out of the generation's list. in: ca, the caller's from now on. */
void tls__ca_take(struct tw_gen *gen, struct tls_ca *ca);
/** tls__ca_used - contexts of the generation that name it. */
bool tls__ca_used(struct tw_gen *gen, const char *name);
/** tls__ca_commit - these are its certificates and lists from now on, for all
 * contexts. in: store, takes the reference. */
void tls__ca_commit(struct tw_gen *gen, struct tls_ca *ca, X509_STORE *store);
/** tls__ca_merge - adds what is in `from`. */
void tls__ca_merge(X509_STORE *to, X509_STORE *from);
/** tls__opts_name - the line's options name the file. */
bool tls__opts_name(const struct tls_opts *opts, const char *file);

#endif
