/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_jwt.c - converters of JSON Web Tokens.
 *
 * Keys are read when the configuration is, into a list of the generation; no
 * request opens a file. Only compact signed tokens. Any worker.
 * source: RFC 7515, RFC 7518, RFC 7519; HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <tideway/encode.h>

#include "expr/conv.h"
#include "expr/jwt.h"

#define TOKEN_PARTS 3

enum {
	FAILED = 0,
	VALID = 1,
	UNKNOWN_ALG = -1,
	UNMANAGED_ALG = -2,
	BAD_TOKEN = -3,
	NO_MEMORY = -4,
	UNKNOWN_KEY = -5
};

struct tw__jwt_key *
tw__jwt_keep(struct tw_gen *gen, EVP_PKEY *pkey)
{
	struct tw__expr_gen *const eg = tw__expr_gen(gen);
	struct tw__jwt_key *const key =
	    tw_arena_zalloc(tw_gen_arena(gen), sizeof(*key));

	*key = (struct tw__jwt_key){ .next = eg->jwt_keys, .pkey = pkey };
	return eg->jwt_keys = key;
}

void
tw__jwt_fini(struct tw__expr_gen *eg)
{
	for (struct tw__jwt_key *k = eg->jwt_keys; k != NULL; k = k->next)
		EVP_PKEY_free(k->pkey);
	eg->jwt_keys = NULL;
}

/* The three parts between dots. */
static bool
split(struct tw_str token, struct tw_str part[TOKEN_PARTS])
{
	for (int i = 0; i < TOKEN_PARTS; i++) {
		const char *const dot =
		    token.len > 0 ? memchr(token.p, '.', token.len) : NULL;
		if ((dot == NULL) != (i == TOKEN_PARTS - 1))
			return false;
		part[i] = (struct tw_str){ token.p,
			dot ? (size_t)(dot - token.p) : token.len };
		if (part[i].len == 0)
			return false;
		if (dot != NULL)
			token = (struct tw_str){ dot + 1, token.len - part[i].len - 1 };
	}
	return true;
}

/* Five parts, some of which may be empty. out: header. */
static bool
is_encrypted(struct tw_str token, struct tw_str *header)
{
	int dots = 0;

	for (size_t i = 0; i < token.len; i++) {
		if (token.p[i] == '.' && dots++ == 0)
			*header = (struct tw_str){ token.p, i };
	}
	return dots == 4 && header->len > 0;
}

/* ---- looking into it ---------------------------------------------------- */

TW__CHECK(query)
{
	(void)gen;
	if (tw__arg_is(&args[1]) && strcmp(args[1].str.p, "int") != 0)
		return tw_err_set(
		    err, "output type '%s' is unknown: write int", args[1].str.p);
	return tw__arg_is(&args[0]) ? tw__json_check_path(args[0].str.p, err) : 0;
}

static bool
query(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s, int which)
{
	struct tw_str part[TOKEN_PARTS];

	if (!split(s->u.str, part) && (which != 0 || !is_encrypted(s->u.str, &part[0])))
		return false;
	char *const mem = tw__scratch(req, part[which].len + 4);
	const int64_t len =
	    mem ? tw_base64_decode(part[which], mem, part[which].len, true) : -1;
	if (len < 0)
		return false;
	if (!tw__arg_is(&args[0]))
		return tw__set_text(s, TW_STRING, mem, (size_t)len);
	return tw__json_query(req, (struct tw_str){ mem, (size_t)len }, args[0].str.p,
	    tw__arg_is(&args[1]), s);
}

TW__CONV(jwt_header_query)
{
	return query(req, args, s, 0);
}

TW__CONV(jwt_payload_query)
{
	return query(req, args, s, 1);
}

/* ---- verifying ---------------------------------------------------------- */

/* The digest of "HS256" and the like. returns: NULL, result: why. */
static const EVP_MD *
digest_of(struct tw_str alg, int *result)
{
	*result = tw_str_eq(alg, TW_STR("none")) ? UNMANAGED_ALG : UNKNOWN_ALG;
	if (alg.len != 5 || memchr("HREP", alg.p[0], 4) == NULL || alg.p[1] != 'S')
		return NULL;
	if (memcmp(alg.p + 2, "256", 3) == 0)
		return EVP_sha256();
	if (memcmp(alg.p + 2, "384", 3) == 0)
		return EVP_sha384();
	if (memcmp(alg.p + 2, "512", 3) == 0)
		return EVP_sha512();
	return NULL;
}

static int
by_secret(const EVP_MD *md, struct tw_str key, struct tw_str text, struct tw_str sig)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (HMAC(md, key.len ? key.p : "", (int)key.len, (const unsigned char *)text.p,
		text.len, mac, &len) == NULL)
		return NO_MEMORY;
	return sig.len == len && CRYPTO_memcmp(mac, sig.p, len) == 0 ? VALID : FAILED;
}

/* Two numbers side by side become the DER that OpenSSL reads. returns: bytes;
 * 0: not such a signature. */
static size_t
ecdsa_der(struct tw_str sig, unsigned char **der)
{
	const int half = (int)(sig.len / 2);
	const unsigned char *const p = (const unsigned char *)sig.p;

	if (half == 0 || sig.len % 2 != 0)
		return 0;
	ECDSA_SIG *const es = ECDSA_SIG_new();
	BIGNUM *const r = BN_bin2bn(p, half, NULL);
	BIGNUM *const s = BN_bin2bn(p + half, half, NULL);
	if (es == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(es, r, s) != 1) {
		ECDSA_SIG_free(es);
		BN_free(r);
		BN_free(s);
		return 0;
	}
	const int len = i2d_ECDSA_SIG(es, der);
	ECDSA_SIG_free(es);
	return len > 0 ? (size_t)len : 0;
}

static int
by_key(
    const EVP_MD *md, EVP_PKEY *pkey, bool pss, struct tw_str text, struct tw_str sig)
{
	EVP_PKEY_CTX *how = NULL; /* borrow: ctx */
	unsigned char *der = NULL;
	const bool is_ec = EVP_PKEY_base_id(pkey) == EVP_PKEY_EC;
	const unsigned char *p = (const unsigned char *)sig.p;
	size_t len = sig.len;

	if (is_ec) {
		len = ecdsa_der(sig, &der);
		p = der;
	}
	EVP_MD_CTX *const ctx = EVP_MD_CTX_new();
	const bool ok = ctx != NULL && len > 0 &&
	    EVP_DigestVerifyInit(ctx, &how, md, NULL, pkey) == 1 &&
	    (!pss || EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1) &&
	    EVP_DigestVerify(ctx, p, len, (const unsigned char *)text.p, text.len) == 1;
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(der);
	return ok ? VALID : FAILED;
}

/* A public key (unless only a certificate will do), or a certificate that holds
 * one. */
static EVP_PKEY *
read_key(const char *path, bool cert_only, bool *readable)
{
	FILE *const f = fopen(path, "re");
	EVP_PKEY *pkey = NULL;

	*readable = f != NULL;
	if (f == NULL)
		return NULL;
	X509 *const cert = PEM_read_X509(f, NULL, NULL, NULL);
	if (cert != NULL) {
		pkey = X509_get_pubkey(cert);
		X509_free(cert);
	} else if (!cert_only) {
		rewind(f);
		pkey = PEM_read_PUBKEY(f, NULL, NULL, NULL);
	}
	fclose(f);
	return pkey;
}

static int
check_file(
    struct tw_gen *gen, struct tw_arg_val *arg, bool cert_only, struct tw_err *err)
{
	bool readable;
	EVP_PKEY *const pkey = read_key(arg->str.p, cert_only, &readable);

	if (pkey == NULL && cert_only)
		return tw_err_set(err,
		    readable ? "'%s' holds no certificate (PEM)"
			     : "cannot open the certificate '%s'",
		    arg->str.p);
	if (pkey == NULL)
		return tw_err_set(err,
		    readable ? "'%s' holds neither a certificate nor a public key (PEM)"
			     : "cannot open the key '%s'",
		    arg->str.p);
	arg->ptr = tw__jwt_keep(gen, pkey);
	return 0;
}

static int
check_algorithm(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	int result;
	const bool by_var = tw__arg_looks_like_var(args[0].str);

	args[2].n = by_var;
	if (by_var)
		return tw__arg_var(gen, &args[0], err);
	if (digest_of(args[0].str, &result) != NULL)
		return 0;
	return tw_err_set(err,
	    result == UNMANAGED_ALG
		? "the algorithm '%s' is not supported"
		: "'%s' is not an algorithm of RFC 7518: write HS256, RS256, ES256, ...",
	    args[0].str.p);
}

/* args[2].n: what args[0] is: 0 an algorithm, 1 a variable; args[3].n: what
 * args[1] is: 0 a secret, 1 a variable, 2 a file. */
TW__CHECK(jwt_verify)
{
	if (check_algorithm(gen, args, err) != 0)
		return -1;
	const bool by_var = args[2].n != 0;
	if (tw__arg_looks_like_var(args[1].str)) {
		args[3].n = 1;
		return tw__arg_var(gen, &args[1], err);
	}
	if (!by_var && args[0].str.p[0] == 'H')
		return 0; /* the secret itself */
	/* The algorithm comes with the token: a file when there is one. */
	bool readable = true;
	if (by_var) {
		FILE *const f = fopen(args[1].str.p, "re");
		readable = f != NULL;
		if (f != NULL)
			fclose(f);
	}
	if (!readable)
		return 0;
	args[3].n = 2;
	return check_file(gen, &args[1], false, err);
}

TW__CHECK(jwt_verify_cert)
{
	if (check_algorithm(gen, args, err) != 0)
		return -1;
	if (args[2].n == 0 && args[0].str.p[0] == 'H')
		return tw_err_set(err,
		    "'%s' works with a secret, not with a certificate: use jwt_verify",
		    args[0].str.p);
	if (tw__arg_looks_like_var(args[1].str))
		return tw_err_set(err,
		    "a certificate that a variable names ('%s') is known to HAProxy 3.4 "
		    "but not supported by tideway yet: write its path",
		    args[1].str.p);
	args[3].n = 2;
	return check_file(gen, &args[1], true, err);
}

static int
verify(struct tw_req *req, const struct tw_arg_val *args, struct tw_str token)
{
	char mem[2][64];
	struct tw_str part[TOKEN_PARTS], alg = args[0].str, key = args[1].str;
	int result;

	if (args[2].n && !tw__arg_var_text(req, &args[0], mem[0], &alg))
		return UNKNOWN_ALG;
	const EVP_MD *const md = digest_of(alg, &result);
	if (md == NULL)
		return result;
	if (!split(token, part))
		return BAD_TOKEN;
	if (args[3].n == 1 && !tw__arg_var_text(req, &args[1], mem[1], &key))
		return UNKNOWN_KEY;
	char *const to = tw__scratch(req, part[2].len + 4);
	const int64_t len = to ? tw_base64_decode(part[2], to, part[2].len, true) : -1;
	if (len < 0)
		return BAD_TOKEN;
	const struct tw_str sig = { to, (size_t)len };
	const struct tw_str text = { token.p, part[0].len + 1 + part[1].len };
	if (alg.p[0] == 'H')
		return args[3].n == 2 ? UNKNOWN_KEY : by_secret(md, key, text, sig);
	if (args[3].n != 2)
		return UNKNOWN_KEY; /* files are read at start only */
	const struct tw__jwt_key *const k = args[1].ptr;
	const int want = alg.p[0] == 'E' ? EVP_PKEY_EC : EVP_PKEY_RSA;
	if (EVP_PKEY_base_id(k->pkey) != want)
		return FAILED;
	return by_key(md, k->pkey, alg.p[0] == 'P', text, sig);
}

TW__CONV(jwt_verify)
{
	s->u.n = verify(req, args, s->u.str);
	return true;
}

#define QUERY(name, help)                                                         \
	{                                                                         \
#name, "[s,s]", TW_BINARY, TW_ANY, conv_##name, check_query, help \
	}

const struct tw_conv tw__conv_jwt[] = {
	QUERY(jwt_header_query, "(path, int) A token's header, or a value in it."),
	QUERY(jwt_payload_query, "(path, int) A token's payload, or a value in it."),
	{ "jwt_verify", "s,s", TW_BINARY, TW_SINT, conv_jwt_verify, check_jwt_verify,
	    "(algorithm, secret or key file) 1: the signature is right; 0 or less: "
	    "it is not." },
	{ "jwt_verify_cert", "s,s", TW_BINARY, TW_SINT, conv_jwt_verify,
	    check_jwt_verify_cert,
	    "(algorithm, certificate file) 1: the signature is right; 0 or less: it is "
	    "not." },
	{ .name = NULL },
};
