/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/ecdh.h - keys that are agreed on, for encrypted tokens.
 */
#ifndef TW_EXPR_ECDH_H
#define TW_EXPR_ECDH_H

#include <openssl/evp.h>

#include <tideway/str.h>

/* A point as JSON Web Keys have it: "P-256" and its coordinates. */
struct tw__ec_point {
	const char *curve;
	struct tw_str x, y;
};
/** tw__ec_key - in: d, the private number; p NULL: a public key. returns: owns;
 * NULL: no such curve, or the point is not on it. */
EVP_PKEY *tw__ec_key(const struct tw__ec_point *point, struct tw_str d);

/* What the key is for. */
struct tw__ecdh_use {
	const char *alg;
	struct tw_str apu, apv;
	size_t len; /* bytes */
};
/** tw__ecdh_derive - the key that both sides come to. source: RFC 7518, 4.6;
 * NIST SP 800-56A, 5.8.1. out: to, use->len bytes. returns: false: keys of
 * different curves. */
bool tw__ecdh_derive(EVP_PKEY *own, EVP_PKEY *peer, const struct tw__ecdh_use *use,
    unsigned char *to);

#endif
