/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * forge.h - certificates made for the names that clients ask for.
 */
#ifndef MODULE_TLS_FORGE_H
#define MODULE_TLS_FORGE_H

#include "store.h"

struct tls_forge;

/* Who signs, and how many are kept. */
struct tls_forge_conf {
	const char *file, *pass; /* ca-sign-file, ca-sign-pass; pass NULL: none */
	EVP_PKEY *key;           /* what they certify; NULL: one of its own */
	uint32_t size;           /* 0: none is kept */
};

/** tls__forge_new - returns: NULL: err says why. */
struct tls_forge *tls__forge_new(const struct tls_forge_conf *conf, struct tw_err *err);
void tls__forge_free(struct tls_forge **forge);
/** tls__forge_get - one that was made before, or a new one. returns: one reference;
 * NULL: that is no name, or it could not be made. context: any. */
struct tls_cert *tls__forge_get(struct tls_forge *forge, struct tw_str name);
/** tls__forge_count - how many are kept. */
uint32_t tls__forge_count(struct tls_forge *forge);

#endif
