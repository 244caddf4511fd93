/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_crypto.c - converters: digests, HMAC, AES-GCM (OpenSSL).
 *
 * Algorithms are looked up when the configuration is read and kept for the
 * life of the process, because OpenSSL's table holds them anyway. Contexts are
 * a thread's own. Any worker. source: HAProxy's manual, 7.3.1; RFC 2104.
 */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <tideway/encode.h>

#include "expr/conv.h"

static bool
set_digest(struct tw_req *req, struct tw_sample *s, const EVP_MD *md)
{
	const struct tw_str in = s->u.str;
	unsigned len = 0;
	char *const mem = tw__scratch(req, EVP_MAX_MD_SIZE);

	return EVP_Digest(in.len ? in.p : "", in.len, (unsigned char *)mem, &len, md,
		   NULL) == 1 &&
	    tw__set_text(s, TW_BINARY, mem, len);
}

TW__CONV(sha1)
{
	(void)args;
	return set_digest(req, s, EVP_sha1());
}

TW__CHECK(sha2)
{
	const int64_t bits = tw__arg_is(&args[0]) ? args[0].n : 256;

	(void)gen;
	args[1].ptr = (void *)(uintptr_t)(bits == 224 ? EVP_sha224()
		: bits == 256                         ? EVP_sha256()
		: bits == 384                         ? EVP_sha384()
		: bits == 512                         ? EVP_sha512()
						      : NULL);
	if (args[1].ptr == NULL)
		return tw_err_set(
		    err, "%lld bits: write 224, 256, 384 or 512", (long long)bits);
	return 0;
}

TW__CONV(sha2)
{
	return set_digest(req, s, args[1].ptr);
}

static int
find_digest(struct tw_arg_val *name, void **md, struct tw_err *err)
{
	*md = (void *)(uintptr_t)EVP_get_digestbyname(name->str.p);
	if (*md == NULL)
		return tw_err_set(err, "OpenSSL has no digest '%s'", name->str.p);
	return 0;
}

TW__CHECK(digest)
{
	(void)gen;
	return find_digest(&args[0], &args[0].ptr, err);
}

TW__CONV(digest)
{
	return set_digest(req, s, args[0].ptr);
}

/* ---- keys --------------------------------------------------------------- */

/* A base64 text, or a variable that holds one. */
static int
check_key(struct tw_gen *gen, struct tw_arg_val *arg, struct tw_err *err)
{
	if (tw__arg_looks_like_var(arg->str))
		return tw__arg_var(gen, arg, err);
	char *const mem = tw_arena_alloc(tw_gen_arena(gen), arg->str.len + 4);
	const int64_t len = tw_base64_decode(arg->str, mem, arg->str.len, false);
	if (len < 0)
		return tw_err_set(err, "'%s' is not base64", arg->str.p);
	arg->str = (struct tw_str){ mem, (size_t)len };
	return 0;
}

#define KEY_MAX 1024

/* in: mem, KEY_MAX bytes. */
static bool
key_of(struct tw_req *req, const struct tw_arg_val *arg, char *mem, struct tw_str *key)
{
	char number[64];
	struct tw_str text;

	*key = arg->str;
	if (arg->ptr == NULL)
		return true;
	if (!tw__arg_var_text(req, arg, number, &text) || text.len > KEY_MAX)
		return false;
	const int64_t len = tw_base64_decode(text, mem, KEY_MAX, false);
	*key = (struct tw_str){ mem, len < 0 ? 0 : (size_t)len };
	return len >= 0;
}

TW__CHECK(hmac)
{
	if (check_key(gen, &args[1], err) != 0)
		return -1;
	return find_digest(&args[0], &args[0].ptr, err);
}

TW__CONV(hmac)
{
	char mem[KEY_MAX];
	struct tw_str key;
	unsigned len = 0;

	if (!key_of(req, &args[1], mem, &key))
		return false;
	char *const to = tw__scratch(req, EVP_MAX_MD_SIZE);
	if (HMAC(args[0].ptr, key.len ? key.p : "", (int)key.len,
		(const unsigned char *)(s->u.str.len ? s->u.str.p : ""), s->u.str.len,
		(unsigned char *)to, &len) == NULL)
		return false;
	return tw__set_text(s, TW_BINARY, to, len);
}

/* ---- AES-GCM ------------------------------------------------------------ */

TW__CHECK(aes_gcm_dec)
{
	if (args[0].n != 128 && args[0].n != 192 && args[0].n != 256)
		return tw_err_set(
		    err, "%lld bits: write 128, 192 or 256", (long long)args[0].n);
	for (int i = 1; i <= 3; i++)
		if (check_key(gen, &args[i], err) != 0)
			return -1;
	return 0;
}

static const EVP_CIPHER *
gcm_of(int64_t bits)
{
	return bits == 128 ? EVP_aes_128_gcm()
	    : bits == 192  ? EVP_aes_192_gcm()
			   : EVP_aes_256_gcm();
}

/* in: part: nonce, key, tag. returns: bytes of text; -1: not authentic. */
static int
gcm_open(int64_t bits, const struct tw_str part[3], struct tw_str in, unsigned char *to)
{
	EVP_CIPHER_CTX *const ctx = EVP_CIPHER_CTX_new();
	int len = 0, more = 0;

	if (ctx == NULL)
		return -1;
	const bool ok = EVP_DecryptInit_ex(ctx, gcm_of(bits), NULL, NULL, NULL) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_IVLEN, (int)part[0].len, NULL) ==
		1 &&
	    EVP_DecryptInit_ex(ctx, NULL, NULL, (const unsigned char *)part[1].p,
		(const unsigned char *)part[0].p) == 1 &&
	    EVP_DecryptUpdate(
		ctx, to, &len, (const unsigned char *)in.p, (int)in.len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, (int)part[2].len,
		(void *)(uintptr_t)part[2].p) == 1 &&
	    EVP_DecryptFinal_ex(ctx, to + len, &more) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? len + more : -1;
}

TW__CONV(aes_gcm_dec)
{
	char mem[3][KEY_MAX];
	struct tw_str part[3];

	for (int i = 0; i < 3; i++)
		if (!key_of(req, &args[i + 1], mem[i], &part[i]))
			return false;
	if (part[0].len == 0 || part[1].len != (size_t)args[0].n / 8 ||
	    part[2].len == 0 || part[2].len > 16 || s->u.str.len > INT32_MAX / 2)
		return false;
	char *const to = tw__scratch(req, s->u.str.len + 32);
	if (to == NULL)
		return false;
	const int len = gcm_open(args[0].n, part, s->u.str, (unsigned char *)to);
	return len >= 0 && tw__set_text(s, TW_BINARY, to, (size_t)len);
}

const struct tw_conv tw__conv_crypto[] = {
	{ "aes_gcm_dec", "i,s,s,s", TW_BINARY, TW_BINARY, conv_aes_gcm_dec,
	    check_aes_gcm_dec,
	    "(bits, nonce, key, tag) Decrypted; nothing when it is not authentic." },
	{ "digest", "s", TW_BINARY, TW_BINARY, conv_digest, check_digest,
	    "(algorithm) A digest by one of OpenSSL's algorithms." },
	{ "hmac", "s,s", TW_BINARY, TW_BINARY, conv_hmac, check_hmac,
	    "(algorithm, key) HMAC with a key in base64 or in a variable." },
	{ "sha1", "", TW_BINARY, TW_BINARY, conv_sha1, NULL, "The SHA-1 digest." },
	{ "sha2", "[i]", TW_BINARY, TW_BINARY, conv_sha2, check_sha2,
	    "(bits) A SHA-2 digest, of 256 bits by default." },
	{ .name = NULL },
};
