/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_crypto.c - converters: digests, HMAC, AES (OpenSSL).
 *
 * Algorithms are looked up when the configuration is read and kept for the
 * life of the process, because OpenSSL's table holds them anyway. Contexts are
 * a thread's own. Any worker. source: HAProxy's manual, 7.3.1; RFC 2104.
 */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <tideway/encode.h>
#include <tideway/var.h>

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

/* ---- AES ---------------------------------------------------------------- */

#define TAG_BYTES 16

/* What a converter of the family is given: nonce, key, and with GCM the tag and
 * what is authenticated besides. */
enum { NONCE, KEY, TAG, AAD, N_PARTS };

struct cipher {
	const EVP_CIPHER *type;
	bool gcm, encrypts;
};

static int
check_bits(const struct tw_arg_val *arg, struct tw_err *err)
{
	if (arg->n == 128 || arg->n == 192 || arg->n == 256)
		return 0;
	return tw_err_set(err, "%lld bits: write 128, 192 or 256", (long long)arg->n);
}

/* args[1] to args[n]: nonce, key, ... */
static int
check_parts(struct tw_gen *gen, struct tw_arg_val *args, int n, struct tw_err *err)
{
	if (check_bits(&args[0], err) != 0)
		return -1;
	for (int i = 1; i <= n; i++)
		if (tw__arg_is(&args[i]) && check_key(gen, &args[i], err) != 0)
			return -1;
	return 0;
}

TW__CHECK(aes_gcm_dec)
{
	return check_parts(gen, args, N_PARTS, err);
}

TW__CHECK(aes_gcm_enc)
{
	if (check_parts(gen, args, 2, err) != 0 ||
	    (tw__arg_is(&args[4]) && check_key(gen, &args[4], err) != 0))
		return -1;
	args[3].ptr = tw_var_of(args[3].str, err); /* gets the tag */
	return args[3].ptr != NULL ? 0 : -1;
}

TW__CHECK(aes_cbc)
{
	if (tw__arg_is(&args[3]))
		return tw_err_set(err,
		    "CBC authenticates nothing: aes_gcm_enc and aes_gcm_dec take such "
		    "data");
	return check_parts(gen, args, 2, err);
}

static const EVP_CIPHER *
cipher_of(int64_t bits, bool gcm)
{
	if (gcm)
		return bits == 128 ? EVP_aes_128_gcm()
		    : bits == 192  ? EVP_aes_192_gcm()
				   : EVP_aes_256_gcm();
	return bits == 128 ? EVP_aes_128_cbc()
	    : bits == 192  ? EVP_aes_192_cbc()
			   : EVP_aes_256_cbc();
}

static const unsigned char *
bytes(struct tw_str s)
{
	return (const unsigned char *)(s.p != NULL ? s.p : "");
}

/* out: tag, TAG_BYTES, of what GCM encrypts. returns: bytes; -1: they are not
 * what they should be. */
static int
cipher_run(const struct cipher *c, const struct tw_str part[N_PARTS], struct tw_str in,
    unsigned char *to, unsigned char *tag)
{
	EVP_CIPHER_CTX *const ctx = EVP_CIPHER_CTX_new();
	const int enc = c->encrypts;
	int len = 0, more = 0;

	if (ctx == NULL)
		return -1;
	bool ok = EVP_CipherInit_ex(ctx, c->type, NULL, NULL, NULL, enc) == 1 &&
	    (!c->gcm ||
		EVP_CIPHER_CTX_ctrl(
		    ctx, EVP_CTRL_GCM_SET_IVLEN, (int)part[NONCE].len, NULL) == 1) &&
	    EVP_CipherInit_ex(
		ctx, NULL, NULL, bytes(part[KEY]), bytes(part[NONCE]), enc) == 1;
	if (ok && part[AAD].len > 0)
		ok = EVP_CipherUpdate(
			 ctx, NULL, &len, bytes(part[AAD]), (int)part[AAD].len) == 1;
	ok = ok && EVP_CipherUpdate(ctx, to, &len, bytes(in), (int)in.len) == 1;
	if (ok && c->gcm && !enc)
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, (int)part[TAG].len,
			 (void *)(uintptr_t)part[TAG].p) == 1;
	ok = ok && EVP_CipherFinal_ex(ctx, to + len, &more) == 1;
	if (ok && c->gcm && enc)
		ok =
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? len + more : -1;
}

static bool
lengths_are_right(const struct cipher *c, const struct tw_str part[N_PARTS],
    int64_t bits, struct tw_str in)
{
	if (part[KEY].len != (size_t)bits / 8 || in.len > INT32_MAX / 2)
		return false;
	if (!c->gcm)
		return part[NONCE].len == 16;
	return part[NONCE].len > 0 &&
	    (c->encrypts || (part[TAG].len > 0 && part[TAG].len <= TAG_BYTES));
}

static bool
aes(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s,
    const struct cipher *how)
{
	struct cipher c = *how;
	char mem[N_PARTS][KEY_MAX];
	struct tw_str part[N_PARTS] = { { NULL, 0 } };
	unsigned char tag[TAG_BYTES];

	c.type = cipher_of(args[0].n, c.gcm);
	for (int i = 0; i < (c.gcm ? N_PARTS : TAG); i++) {
		if (!tw__arg_is(&args[i + 1]) || (i == TAG && c.encrypts))
			continue;
		if (!key_of(req, &args[i + 1], mem[i], &part[i]))
			return false;
	}
	if (!lengths_are_right(&c, part, args[0].n, s->u.str))
		return false;
	char *const to = tw__scratch(req, s->u.str.len + 32);
	const int len =
	    to ? cipher_run(&c, part, s->u.str, (unsigned char *)to, tag) : -1;
	if (len < 0)
		return false;
	if (c.gcm && c.encrypts) {
		char text[2 * TAG_BYTES];
		const struct tw_str raw = { (const char *)tag, TAG_BYTES };
		const struct tw_sample v = { .type = TW_STRING,
			.u.str = { text, tw_base64_encode(raw, text, false) } };
		tw_var_set(req, args[3].ptr, &v);
	}
	return tw__set_text(s, TW_BINARY, to, (size_t)len);
}

#define AES(name, is_gcm, does_encrypt)                                            \
	TW__CONV(name)                                                             \
	{                                                                          \
		return aes(                                                        \
		    req, args, s, &(struct cipher){ NULL, is_gcm, does_encrypt }); \
	}

AES(aes_cbc_dec, false, false)
AES(aes_cbc_enc, false, true)
AES(aes_gcm_dec, true, false)
AES(aes_gcm_enc, true, true)

const struct tw_conv tw__conv_crypto[] = {
	{ "aes_cbc_dec", "i,s,s,[s]", TW_BINARY, TW_BINARY, conv_aes_cbc_dec,
	    check_aes_cbc, "(bits, nonce, key) Decrypted." },
	{ "aes_cbc_enc", "i,s,s,[s]", TW_BINARY, TW_BINARY, conv_aes_cbc_enc,
	    check_aes_cbc, "(bits, nonce, key) Encrypted." },
	{ "aes_gcm_dec", "i,s,s,s,[s]", TW_BINARY, TW_BINARY, conv_aes_gcm_dec,
	    check_aes_gcm_dec,
	    "(bits, nonce, key, tag, aad) Decrypted; nothing when it, or the data that "
	    "go with it, are not authentic." },
	{ "aes_gcm_enc", "i,s,s,s,[s]", TW_BINARY, TW_BINARY, conv_aes_gcm_enc,
	    check_aes_gcm_enc,
	    "(bits, nonce, key, variable, aad) Encrypted; the tag that authenticates "
	    "it goes into the variable, in base64." },
	{ "digest", "s", TW_BINARY, TW_BINARY, conv_digest, check_digest,
	    "(algorithm) A digest by one of OpenSSL's algorithms." },
	{ "hmac", "s,s", TW_BINARY, TW_BINARY, conv_hmac, check_hmac,
	    "(algorithm, key) HMAC with a key in base64 or in a variable." },
	{ "sha1", "", TW_BINARY, TW_BINARY, conv_sha1, NULL, "The SHA-1 digest." },
	{ "sha2", "[i]", TW_BINARY, TW_BINARY, conv_sha2, check_sha2,
	    "(bits) A SHA-2 digest, of 256 bits by default." },
	{ .name = NULL },
};
