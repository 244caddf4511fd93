/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ecdh.c - agreeing on a key over an elliptic curve (ECDH-ES). Points come from
 * peers: OpenSSL refuses those that are not on the curve. Any thread.
 */
#include "config.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <string.h>

#include <tideway/abi.h>

#include "core/expr/ecdh.h"

#define COORDINATE_MAX 66 /* bytes: P-521 */
#define SECRET_MAX 72
#define INFO_MAX 1024

static const struct curve {
	const char *name, *group;
	size_t bytes;
} curves[] = { { "P-256", "prime256v1", 32 }, { "P-384", "secp384r1", 48 },
	{ "P-521", "secp521r1", 66 } };

static const struct curve *
curve_of(const char *name)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(curves); i++)
		if (strcmp(curves[i].name, name) == 0)
			return &curves[i];
	return NULL;
}

static EVP_PKEY *
key_of(OSSL_PARAM *params, int selection)
{
	EVP_PKEY_CTX *const ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

EVP_PKEY *
tw__ec_key(const struct tw__ec_point *point, struct tw_str d)
{
	unsigned char raw[1 + 2 * COORDINATE_MAX] = { 4 }; /* both coordinates */
	const struct curve *const c = curve_of(point->curve);

	if (c == NULL || point->x.len != c->bytes || point->y.len != c->bytes)
		return NULL;
	memcpy(raw + 1, point->x.p, c->bytes);
	memcpy(raw + 1 + c->bytes, point->y.p, c->bytes);
	OSSL_PARAM_BLD *const bld = OSSL_PARAM_BLD_new();
	BIGNUM *const n = d.p != NULL
	    ? BN_bin2bn((const unsigned char *)d.p, (int)d.len, NULL)
	    : NULL;
	const bool ok = bld != NULL && (n != NULL) == (d.p != NULL) &&
	    OSSL_PARAM_BLD_push_utf8_string(
		bld, OSSL_PKEY_PARAM_GROUP_NAME, c->group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(
		bld, OSSL_PKEY_PARAM_PUB_KEY, raw, 1 + 2 * c->bytes) == 1 &&
	    (n == NULL ||
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, n) == 1);
	OSSL_PARAM *const params = ok ? OSSL_PARAM_BLD_to_param(bld) : NULL;
	EVP_PKEY *const pkey =
	    key_of(params, n != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(n);
	return pkey;
}

/* ---- the key ------------------------------------------------------------- */

static size_t
put_number(unsigned char *to, size_t n)
{
	for (int i = 3; i >= 0; i--, n >>= 8)
		to[i] = (unsigned char)n;
	return 4;
}

static size_t
put_text(unsigned char *to, struct tw_str s)
{
	put_number(to, s.len);
	if (s.len > 0)
		memcpy(to + 4, s.p, s.len);
	return 4 + s.len;
}

static bool
hash_secret(unsigned char *secret, size_t len, const struct tw__ecdh_use *use,
    unsigned char *to)
{
	unsigned char info[INFO_MAX];
	const struct tw_str alg = tw_str_of(use->alg);
	size_t n = 0;

	if (16 + alg.len + use->apu.len + use->apv.len > sizeof(info))
		return false;
	n += put_text(info + n, alg);
	n += put_text(info + n, use->apu);
	n += put_text(info + n, use->apv);
	n += put_number(info + n, use->len * 8);
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
				    (char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, n),
		OSSL_PARAM_construct_end() };
	EVP_KDF *const kdf = EVP_KDF_fetch(NULL, "SSKDF", NULL);
	EVP_KDF_CTX *const ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	const bool ok = ctx != NULL && EVP_KDF_derive(ctx, to, use->len, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

bool
tw__ecdh_derive(
    EVP_PKEY *own, EVP_PKEY *peer, const struct tw__ecdh_use *use, unsigned char *to)
{
	unsigned char secret[SECRET_MAX];
	EVP_PKEY_CTX *const ctx = EVP_PKEY_CTX_new(own, NULL);
	size_t len = sizeof(secret);
	const bool ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
	    EVP_PKEY_derive(ctx, secret, &len) == 1 &&
	    hash_secret(secret, len, use, to);
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ok;
}
