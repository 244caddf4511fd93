/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * jwe.c - encrypted JSON Web Tokens: the converters jwt_decrypt_secret,
 * jwt_decrypt_jwk and jwt_decrypt_cert.
 *
 * Only compact tokens: header, encrypted key, vector, text, tag. The key of the
 * text is unwrapped as the header's alg says, then the text is opened as its enc
 * says. When an RSA key cannot be unwrapped a random one takes its place, so that
 * nobody learns which of the two failed. What fails gives an empty text. Any
 * worker. source: RFC 7516; RFC 7518, 4 and 5; RFC 7517; RFC 3394; HAProxy's
 * manual (3.4), 7.3.1.
 */
#include "config.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <tideway/encode.h>

#include "expr/conv.h"
#include "expr/ecdh.h"
#include "expr/jwt.h"

#define PARTS 5
enum { HEADER, WRAPPED, VECTOR, TEXT, TAG };

#define TOKEN_MAX 16384
#define KEY_MAX 64
#define JWK_MAX 8192
#define NUMBER_MAX 1024 /* bytes of a number of an RSA key */

struct bytes {
	unsigned char p[KEY_MAX];
	size_t len;
};

static const struct enc {
	const char *name;
	size_t key; /* bytes */
	bool gcm;
} encs[] = {
	{ "A128CBC-HS256", 32, false },
	{ "A192CBC-HS384", 48, false },
	{ "A256CBC-HS512", 64, false },
	{ "A128GCM", 16, true },
	{ "A192GCM", 24, true },
	{ "A256GCM", 32, true },
};

/* A token taken apart; what is decoded lies in `mem`. */
struct token {
	struct tw_str raw_header;
	struct tw_str part[PARTS];
	char alg[32];
	const struct enc *enc;
	struct bytes iv, tag; /* of the wrapped key, in the header */
	char mem[TOKEN_MAX];
	char text[TOKEN_MAX]; /* what comes out */
};

static __thread struct token token;

/* ---- reading -------------------------------------------------------------- */

static bool
split(struct tw_str s, struct tw_str part[PARTS])
{
	for (int i = 0; i < PARTS; i++) {
		const char *const dot = s.len > 0 ? memchr(s.p, '.', s.len) : NULL;
		if ((dot == NULL) != (i == PARTS - 1))
			return false;
		part[i] = (struct tw_str){ s.p, dot ? (size_t)(dot - s.p) : s.len };
		if (dot != NULL)
			s = (struct tw_str){ dot + 1, s.len - part[i].len - 1 };
	}
	return part[HEADER].len > 0;
}

/* A text of the header. out: to, with a zero behind it. */
static bool
member(struct tw_req *req, struct tw_str json, const char *path, char *to, size_t room)
{
	struct tw_sample s;

	if (!tw__json_query(req, json, path, false, &s) || s.type != TW_STRING ||
	    s.u.str.len >= room)
		return false;
	memcpy(to, s.u.str.p, s.u.str.len);
	to[s.u.str.len] = '\0';
	return true;
}

static bool
member_bytes(struct tw_req *req, struct tw_str json, const char *path, struct bytes *b)
{
	char text[2 * KEY_MAX], raw[2 * KEY_MAX];

	if (!member(req, json, path, text, sizeof(text)))
		return false;
	const int64_t len = tw_base64_decode(tw_str_of(text), raw, sizeof(raw), true);
	b->len = len > 0 && len <= KEY_MAX ? (size_t)len : 0;
	memcpy(b->p, raw, b->len);
	return b->len > 0;
}

static bool
read_header(struct tw_req *req, struct token *t)
{
	char enc[32];

	if (!member(req, t->part[HEADER], "$.alg", t->alg, sizeof(t->alg)) ||
	    !member(req, t->part[HEADER], "$.enc", enc, sizeof(enc)))
		return false;
	t->enc = NULL;
	for (size_t i = 0; i < TW_N_ELEMENTS(encs); i++)
		if (strcmp(enc, encs[i].name) == 0)
			t->enc = &encs[i];
	t->iv.len = t->tag.len = 0;
	(void)member_bytes(req, t->part[HEADER], "$.iv", &t->iv);
	(void)member_bytes(req, t->part[HEADER], "$.tag", &t->tag);
	return t->enc != NULL;
}

static bool
read_token(struct tw_req *req, struct tw_str s, struct token *t)
{
	size_t used = 0;

	if (s.len >= TOKEN_MAX || !split(s, t->part))
		return false;
	t->raw_header = t->part[HEADER];
	for (int i = 0; i < PARTS; i++) {
		char *const to = t->mem + used;
		const int64_t len = t->part[i].len > 0
		    ? tw_base64_decode(t->part[i], to, sizeof(t->mem) - used, true)
		    : 0;
		if (len < 0)
			return false;
		t->part[i] = (struct tw_str){ to, (size_t)len };
		used += (size_t)len;
	}
	return read_header(req, t);
}

/* ---- ciphers -------------------------------------------------------------- */

static const unsigned char *
u(struct tw_str s)
{
	return (const unsigned char *)(s.p != NULL ? s.p : "");
}

static const EVP_CIPHER *
cipher_of(size_t key, bool gcm)
{
	if (gcm)
		return key == 16 ? EVP_aes_128_gcm()
		    : key == 24  ? EVP_aes_192_gcm()
				 : EVP_aes_256_gcm();
	return key == 16 ? EVP_aes_128_cbc()
	    : key == 24  ? EVP_aes_192_cbc()
			 : EVP_aes_256_cbc();
}

/* returns: bytes of text; -1: it is not what it should be. */
static int
gcm_open(const unsigned char *key, size_t key_len, struct tw_str iv, struct tw_str aad,
    const struct tw_str in[2], unsigned char *to)
{
	EVP_CIPHER_CTX *const ctx = EVP_CIPHER_CTX_new();
	int len = 0, more = 0;

	if (ctx == NULL || iv.len != 12 || in[1].len != 16) {
		EVP_CIPHER_CTX_free(ctx);
		return -1;
	}
	const bool ok =
	    EVP_DecryptInit_ex(ctx, cipher_of(key_len, true), NULL, key, u(iv)) == 1 &&
	    (aad.len == 0 ||
		EVP_DecryptUpdate(ctx, NULL, &len, u(aad), (int)aad.len) == 1) &&
	    EVP_DecryptUpdate(ctx, to, &len, u(in[0]), (int)in[0].len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(
		ctx, EVP_CTRL_GCM_SET_TAG, 16, (void *)(uintptr_t)in[1].p) == 1 &&
	    EVP_DecryptFinal_ex(ctx, to + len, &more) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? len + more : -1;
}

/* The first half of the key authenticates, the other one encrypts. */
static bool
cbc_is_authentic(const struct token *t, const struct bytes *key)
{
	const size_t half = key->len / 2;
	const EVP_MD *const md = half == 16 ? EVP_sha256()
	    : half == 24                    ? EVP_sha384()
					    : EVP_sha512();
	unsigned char mac[EVP_MAX_MD_SIZE], bits[8];
	uint64_t n = (uint64_t)t->raw_header.len * 8;
	size_t out = 0;

	for (int i = 7; i >= 0; i--, n >>= 8)
		bits[i] = (unsigned char)n;
	EVP_MAC *const alg = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *const m = alg != NULL ? EVP_MAC_CTX_new(alg) : NULL;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest",
				    (char *)(uintptr_t)EVP_MD_get0_name(md), 0),
		OSSL_PARAM_construct_end() };
	const bool ok = m != NULL && EVP_MAC_init(m, key->p, half, params) == 1 &&
	    EVP_MAC_update(m, u(t->raw_header), t->raw_header.len) == 1 &&
	    EVP_MAC_update(m, u(t->part[VECTOR]), t->part[VECTOR].len) == 1 &&
	    EVP_MAC_update(m, u(t->part[TEXT]), t->part[TEXT].len) == 1 &&
	    EVP_MAC_update(m, bits, sizeof(bits)) == 1 &&
	    EVP_MAC_final(m, mac, &out, sizeof(mac)) == 1;
	EVP_MAC_CTX_free(m);
	EVP_MAC_free(alg);
	return ok && t->part[TAG].len == half &&
	    CRYPTO_memcmp(mac, t->part[TAG].p, half) == 0;
}

static int
cbc_open(struct token *t, const struct bytes *key)
{
	EVP_CIPHER_CTX *const ctx = EVP_CIPHER_CTX_new();
	const size_t half = key->len / 2;
	unsigned char *const to = (unsigned char *)t->text;
	int len = 0, more = 0;
	const bool ok = ctx != NULL && t->part[VECTOR].len == 16 &&
	    cbc_is_authentic(t, key) &&
	    EVP_DecryptInit_ex(ctx, cipher_of(half, false), NULL, key->p + half,
		u(t->part[VECTOR])) == 1 &&
	    EVP_DecryptUpdate(
		ctx, to, &len, u(t->part[TEXT]), (int)t->part[TEXT].len) == 1 &&
	    EVP_DecryptFinal_ex(ctx, to + len, &more) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? len + more : -1;
}

static int
text_open(struct token *t, const struct bytes *key)
{
	const struct tw_str in[2] = { t->part[TEXT], t->part[TAG] };

	if (key->len != t->enc->key)
		return -1;
	return t->enc->gcm ? gcm_open(key->p, key->len, t->part[VECTOR], t->raw_header,
				 in, (unsigned char *)t->text)
			   : cbc_open(t, key);
}

/* ---- the key of the text --------------------------------------------------- */

/* "A128KW", "A256GCMKW": bytes of the key; 0: another algorithm. */
static size_t
wrap_bytes(const char *alg, bool *gcm)
{
	static const struct {
		const char *name;
		size_t key;
		bool gcm;
	} algs[] = { { "A128KW", 16, false }, { "A192KW", 24, false },
		{ "A256KW", 32, false }, { "A128GCMKW", 16, true },
		{ "A192GCMKW", 24, true }, { "A256GCMKW", 32, true } };

	for (size_t i = 0; i < TW_N_ELEMENTS(algs); i++) {
		if (strcmp(alg, algs[i].name) == 0) {
			*gcm = algs[i].gcm;
			return algs[i].key;
		}
	}
	return 0;
}

static int
aes_unwrap(const struct tw_str key, struct tw_str in, unsigned char to[2 * KEY_MAX])
{
	EVP_CIPHER_CTX *const ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *const c = key.len == 16 ? EVP_aes_128_wrap()
	    : key.len == 24                       ? EVP_aes_192_wrap()
						  : EVP_aes_256_wrap();
	int len = 0, more = 0;

	if (ctx == NULL || in.len > KEY_MAX + 8 || in.len < 24) {
		EVP_CIPHER_CTX_free(ctx);
		return -1;
	}
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	const bool ok = EVP_DecryptInit_ex(ctx, c, NULL, u(key), NULL) == 1 &&
	    EVP_DecryptUpdate(ctx, to, &len, u(in), (int)in.len) == 1 &&
	    EVP_DecryptFinal_ex(ctx, to + len, &more) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? len + more : -1;
}

/* With a secret: it is the key, or has wrapped it. */
static bool
key_by_secret(struct token *t, struct tw_str secret, struct bytes *key)
{
	unsigned char to[2 * KEY_MAX];
	bool gcm = false;
	const size_t need = wrap_bytes(t->alg, &gcm);
	const struct tw_str in[2] = { t->part[WRAPPED],
		{ (const char *)t->tag.p, t->tag.len } };

	if (strcmp(t->alg, "dir") == 0) {
		if (t->part[WRAPPED].len != 0 || secret.len > KEY_MAX)
			return false;
		memcpy(key->p, secret.p, secret.len);
		key->len = secret.len;
		return true;
	}
	if (need == 0 || secret.len != need || t->part[WRAPPED].len > KEY_MAX + 8)
		return false;
	const int len = gcm ? gcm_open(u(secret), need,
				  (struct tw_str){ (const char *)t->iv.p, t->iv.len },
				  (struct tw_str){ NULL, 0 }, in, to)
			    : aes_unwrap(secret, in[0], to);
	if (len <= 0 || len > KEY_MAX)
		return false;
	memcpy(key->p, to, (size_t)len);
	key->len = (size_t)len;
	return true;
}

static bool
rsa_padding(EVP_PKEY_CTX *ctx, const char *alg)
{
	if (strcmp(alg, "RSA1_5") == 0)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1)
		return false;
	const EVP_MD *const md =
	    strcmp(alg, "RSA-OAEP-256") == 0 ? EVP_sha256() : EVP_sha1();
	return EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1;
}

static bool
key_by_rsa(struct token *t, EVP_PKEY *pkey, struct bytes *key)
{
	unsigned char to[NUMBER_MAX];
	size_t len = sizeof(to);

	if (strcmp(t->alg, "RSA1_5") != 0 && strcmp(t->alg, "RSA-OAEP") != 0 &&
	    strcmp(t->alg, "RSA-OAEP-256") != 0)
		return false;
	key->len = t->enc->key;
	if (RAND_bytes(key->p, (int)key->len) != 1)
		return false;
	EVP_PKEY_CTX *const ctx = EVP_PKEY_CTX_new(pkey, NULL);
	if (ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 &&
	    rsa_padding(ctx, t->alg) && (size_t)EVP_PKEY_get_size(pkey) <= sizeof(to) &&
	    EVP_PKEY_decrypt(
		ctx, to, &len, u(t->part[WRAPPED]), t->part[WRAPPED].len) == 1 &&
	    len == key->len)
		memcpy(key->p, to, len);
	EVP_PKEY_CTX_free(ctx);
	return true;
}

/* ---- keys that were agreed on ---------------------------------------------- */

#define COORDINATE_TEXT 96 /* bytes in base64, and their number in raw form */
#define PARTY_MAX 256

/* A part of a JSON key or header in base64. out: mem. returns: p NULL: none. */
static struct tw_str
bytes_of(
    struct tw_req *req, struct tw_str json, const char *path, char *mem, size_t room)
{
	char text[2 * PARTY_MAX];

	if (!member(req, json, path, text, sizeof(text)))
		return (struct tw_str){ NULL, 0 };
	const int64_t len = tw_base64_decode(tw_str_of(text), mem, room, true);
	return len > 0 ? (struct tw_str){ mem, (size_t)len }
		       : (struct tw_str){ NULL, 0 };
}

/* An EC key; in: at, where its members are. */
struct ec_paths {
	const char *crv, *x, *y, *d;
};

static EVP_PKEY *
ec_of(struct tw_req *req, struct tw_str json, const struct ec_paths *at)
{
	char crv[8], mem[3][COORDINATE_TEXT];
	struct tw_str d = { NULL, 0 };

	if (!member(req, json, at->crv, crv, sizeof(crv)))
		return NULL;
	const struct tw__ec_point point = { crv,
		bytes_of(req, json, at->x, mem[0], sizeof(mem[0])),
		bytes_of(req, json, at->y, mem[1], sizeof(mem[1])) };
	if (at->d != NULL) {
		d = bytes_of(req, json, at->d, mem[2], sizeof(mem[2]));
		if (d.p == NULL)
			return NULL;
	}
	return tw__ec_key(&point, d);
}

static bool
key_by_agreed(
    struct token *t, const unsigned char *agreed, size_t len, struct bytes *key)
{
	unsigned char to[2 * KEY_MAX];
	const struct tw_str kek = { (const char *)agreed, len };
	const int n = aes_unwrap(kek, t->part[WRAPPED], to);

	if (n <= 0 || n > KEY_MAX)
		return false;
	memcpy(key->p, to, (size_t)n);
	key->len = (size_t)n;
	return true;
}

/* ECDH-ES: the key itself, or what has wrapped it. */
static bool
key_by_ec(struct tw_req *req, struct token *t, EVP_PKEY *own, struct bytes *key)
{
	static const struct ec_paths epk = { "$.epk.crv", "$.epk.x", "$.epk.y", NULL };
	static const char prefix[] = "ECDH-ES";
	char apu[PARTY_MAX], apv[PARTY_MAX];
	unsigned char agreed[KEY_MAX];
	bool gcm = false;

	if (strncmp(t->alg, prefix, sizeof(prefix) - 1) != 0)
		return false;
	const char *const wrap = t->alg + sizeof(prefix) - 1;
	const size_t kek = *wrap == '+' ? wrap_bytes(wrap + 1, &gcm) : 0;
	if (gcm || (kek == 0 && (*wrap != '\0' || t->part[WRAPPED].len != 0)))
		return false;
	const struct tw_str head = t->part[HEADER];
	const struct tw__ecdh_use use = { kek != 0 ? t->alg : t->enc->name,
		bytes_of(req, head, "$.apu", apu, sizeof(apu)),
		bytes_of(req, head, "$.apv", apv, sizeof(apv)),
		kek != 0 ? kek : t->enc->key };
	EVP_PKEY *const peer = ec_of(req, head, &epk);
	bool ok = peer != NULL && tw__ecdh_derive(own, peer, &use, agreed);
	EVP_PKEY_free(peer);
	if (ok && kek != 0) {
		ok = key_by_agreed(t, agreed, kek, key);
	} else if (ok) {
		memcpy(key->p, agreed, use.len);
		key->len = use.len;
	}
	OPENSSL_cleanse(agreed, sizeof(agreed));
	return ok;
}

/* ---- keys as JSON ---------------------------------------------------------- */

static BIGNUM *
number_of(struct tw_req *req, struct tw_str json, const char *path)
{
	static __thread char text[2 * NUMBER_MAX];
	static __thread char raw[2 * NUMBER_MAX];

	if (!member(req, json, path, text, sizeof(text)))
		return NULL;
	const int64_t len = tw_base64_decode(tw_str_of(text), raw, sizeof(raw), true);
	return len > 0 ? BN_bin2bn((const unsigned char *)raw, (int)len, NULL) : NULL;
}

/* An RSA key: the numbers that must be there, and those that speed it up. */
static EVP_PKEY *
rsa_of(struct tw_req *req, struct tw_str json)
{
	static const struct {
		const char *path, *name;
		bool needed;
	} numbers[] = { { "$.n", OSSL_PKEY_PARAM_RSA_N, true },
		{ "$.e", OSSL_PKEY_PARAM_RSA_E, true },
		{ "$.d", OSSL_PKEY_PARAM_RSA_D, true },
		{ "$.p", OSSL_PKEY_PARAM_RSA_FACTOR1, false },
		{ "$.q", OSSL_PKEY_PARAM_RSA_FACTOR2, false },
		{ "$.dp", OSSL_PKEY_PARAM_RSA_EXPONENT1, false },
		{ "$.dq", OSSL_PKEY_PARAM_RSA_EXPONENT2, false },
		{ "$.qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1, false } };
	BIGNUM *bn[TW_N_ELEMENTS(numbers)] = { NULL };
	OSSL_PARAM_BLD *const bld = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;
	bool ok = bld != NULL;

	for (size_t i = 0; ok && i < TW_N_ELEMENTS(numbers); i++) {
		bn[i] = number_of(req, json, numbers[i].path);
		if (bn[i] == NULL)
			ok = !numbers[i].needed;
		else
			ok = OSSL_PARAM_BLD_push_BN(bld, numbers[i].name, bn[i]) == 1;
	}
	OSSL_PARAM *const params = ok ? OSSL_PARAM_BLD_to_param(bld) : NULL;
	EVP_PKEY_CTX *const ctx =
	    params != NULL ? EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL) : NULL;
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	for (size_t i = 0; i < TW_N_ELEMENTS(numbers); i++)
		BN_clear_free(bn[i]);
	return pkey;
}

static bool
key_by_jwk(struct tw_req *req, struct token *t, struct tw_str jwk, struct bytes *key)
{
	static const struct ec_paths ec = { "$.crv", "$.x", "$.y", "$.d" };
	char kty[8];
	struct bytes secret;

	if (!member(req, jwk, "$.kty", kty, sizeof(kty)))
		return false;
	if (strcmp(kty, "oct") == 0)
		return member_bytes(req, jwk, "$.k", &secret) &&
		    key_by_secret(
			t, (struct tw_str){ (const char *)secret.p, secret.len }, key);
	const bool is_ec = strcmp(kty, "EC") == 0;
	if (!is_ec && strcmp(kty, "RSA") != 0)
		return false;
	EVP_PKEY *const pkey = is_ec ? ec_of(req, jwk, &ec) : rsa_of(req, jwk);
	const bool done = pkey != NULL &&
	    (is_ec ? key_by_ec(req, t, pkey, key) : key_by_rsa(t, pkey, key));
	EVP_PKEY_free(pkey);
	return done;
}

/* ---- keys of certificates -------------------------------------------------- */

static EVP_PKEY *
private_key(const char *path)
{
	FILE *const f = fopen(path, "re");
	EVP_PKEY *const pkey = f != NULL
	    ? PEM_read_PrivateKey(f, NULL, NULL, (void *)(uintptr_t) "")
	    : NULL;

	if (f != NULL)
		fclose(f);
	ERR_clear_error();
	return pkey;
}

static X509 *
certificate(const char *path, bool *readable)
{
	FILE *const f = fopen(path, "re");
	X509 *const cert = f != NULL ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

	*readable = f != NULL;
	if (f != NULL)
		fclose(f);
	ERR_clear_error();
	return cert;
}

/* The key beside the certificate, or in a file of its name and ".key". */
static int
cert_load(struct tw_gen *gen, struct tw_arg_val *arg, struct tw_err *err)
{
	char beside[4096];
	bool readable;
	X509 *const cert = certificate(arg->str.p, &readable);

	if (cert == NULL)
		return tw_err_set(err,
		    readable ? "'%s' holds no certificate (PEM)"
			     : "cannot open the certificate '%s'",
		    arg->str.p);
	snprintf(beside, sizeof(beside), "%s.key", arg->str.p);
	EVP_PKEY *pkey = private_key(arg->str.p);
	if (pkey == NULL)
		pkey = private_key(beside);
	const bool fits = pkey != NULL && X509_check_private_key(cert, pkey) == 1;
	X509_free(cert);
	ERR_clear_error();
	if (!fits) {
		const bool none = pkey == NULL;
		EVP_PKEY_free(pkey);
		return tw_err_set(err,
		    none ? "there is no private key in '%s' nor in '%s.key'"
			 : "the private key of '%s' is another certificate's",
		    arg->str.p, arg->str.p);
	}
	arg->ptr = tw__jwt_keep(gen, pkey);
	return 0;
}

/* RSA1_5 is off, as RFC 8725, 3.2 wants it. */
static bool
key_by_cert(struct tw_req *req, struct token *t, EVP_PKEY *pkey, struct bytes *key)
{
	if (EVP_PKEY_base_id(pkey) == EVP_PKEY_EC)
		return key_by_ec(req, t, pkey, key);
	return EVP_PKEY_base_id(pkey) == EVP_PKEY_RSA &&
	    strcmp(t->alg, "RSA1_5") != 0 && key_by_rsa(t, pkey, key);
}

/* ---- converters ------------------------------------------------------------ */

/* args[0].ptr: a variable; NULL: the argument itself. */
static int
check_value(struct tw_gen *gen, struct tw_arg_val *arg, struct tw_err *err)
{
	if (arg->str.len == 0)
		return tw_err_set(err, "a key is expected");
	return tw__arg_looks_like_var(arg->str) ? tw__arg_var(gen, arg, err) : 0;
}

static int64_t
secret_in(struct tw_str text, char *to)
{
	struct tw_str bare = text;

	while (bare.len > 0 && bare.p[bare.len - 1] == '=')
		bare.len--;
	const int64_t len = tw_base64_decode(bare, to, 2 * KEY_MAX, true);
	return len >= 0 ? len : tw_base64_decode(text, to, 2 * KEY_MAX, false);
}

TW__CHECK(jwt_decrypt_secret)
{
	char mem[3 * KEY_MAX];

	if (check_value(gen, &args[0], err) != 0)
		return -1;
	if (args[0].ptr == NULL && secret_in(args[0].str, mem) < 0)
		return tw_err_set(err, "'%s' is not base64", args[0].str.p);
	return 0;
}

TW__CHECK(jwt_decrypt_cert)
{
	if (args[0].str.len == 0)
		return tw_err_set(err, "a certificate is expected");
	if (tw__arg_looks_like_var(args[0].str))
		return tw_err_set(err,
		    "a certificate that a variable names ('%s') is known to HAProxy 3.4 "
		    "but not supported by tideway yet: write its path",
		    args[0].str.p);
	return cert_load(gen, &args[0], err);
}

TW__CHECK(jwt_decrypt_jwk)
{
	return check_value(gen, &args[0], err);
}

/* The argument now, copied: what is looked up in JSON uses scratch memory. */
static bool
value_of(struct tw_req *req, const struct tw_arg_val *arg, char *mem, size_t room,
    struct tw_str *out)
{
	char number[64];
	struct tw_str s = arg->str;

	if (arg->ptr != NULL && !tw__arg_var_text(req, arg, number, &s))
		return false;
	if (s.len >= room)
		return false;
	memcpy(mem, s.p, s.len);
	mem[s.len] = '\0';
	*out = (struct tw_str){ mem, s.len };
	return true;
}

static bool
give(struct token *t, bool has_key, struct bytes *key, struct tw_sample *s)
{
	const int len = has_key ? text_open(t, key) : -1;

	OPENSSL_cleanse(key, sizeof(*key));
	return tw__set_text(s, TW_BINARY, t->text, len > 0 ? (size_t)len : 0);
}

TW__CONV(jwt_decrypt_secret)
{
	struct token *const t = &token;
	char text[3 * KEY_MAX], raw[3 * KEY_MAX];
	struct bytes key = { .len = 0 };
	struct tw_str arg;

	bool ok = value_of(req, &args[0], text, sizeof(text), &arg) &&
	    read_token(req, s->u.str, t);
	const int64_t len = ok ? secret_in(arg, raw) : -1;
	ok = ok && len > 0 &&
	    key_by_secret(t, (struct tw_str){ raw, (size_t)len }, &key);
	OPENSSL_cleanse(raw, sizeof(raw));
	return give(t, ok, &key, s);
}

TW__CONV(jwt_decrypt_cert)
{
	const struct tw__jwt_key *const cert = args[0].ptr;
	struct token *const t = &token;
	struct bytes key = { .len = 0 };
	const bool ok = cert != NULL && read_token(req, s->u.str, t) &&
	    key_by_cert(req, t, cert->pkey, &key);

	return give(t, ok, &key, s);
}

TW__CONV(jwt_decrypt_jwk)
{
	static __thread char jwk[JWK_MAX];
	struct token *const t = &token;
	struct bytes key = { .len = 0 };
	struct tw_str arg;
	const bool ok = value_of(req, &args[0], jwk, sizeof(jwk), &arg) &&
	    read_token(req, s->u.str, t) && key_by_jwk(req, t, arg, &key);

	return give(t, ok, &key, s);
}

const struct tw_conv tw__conv_jwe[] = {
	{ "jwt_decrypt_jwk", "s", TW_BINARY, TW_BINARY, conv_jwt_decrypt_jwk,
	    check_jwt_decrypt_jwk,
	    "(key) The text of an encrypted token, by a JSON Web Key (oct, RSA, EC) or a "
	    "variable that holds one; empty when it is not right." },
	{ "jwt_decrypt_secret", "s", TW_BINARY, TW_BINARY, conv_jwt_decrypt_secret,
	    check_jwt_decrypt_secret,
	    "(secret) The text of an encrypted token, by a secret in base64 or a "
	    "variable that holds one; empty when it is not right." },
	{ "jwt_decrypt_cert", "s", TW_BINARY, TW_BINARY, conv_jwt_decrypt_cert,
	    check_jwt_decrypt_cert,
	    "(certificate file) The text of an encrypted token, by the private key of a "
	    "certificate; empty when it is not right." },
	{ .name = NULL },
};
