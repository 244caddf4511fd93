/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * session.c - which sessions are resumed where, and OpenSSL's side of the cache.
 *
 * A session, in a ticket or in the cache, carries the context of the line that
 * made it and is resumed only where the context is the same. Lines that verify
 * no clients share one; the others have a digest of how they verify, with all
 * authorities and revocations in it: a client is never taken for verified by what
 * has not verified it, and a changed CRL is asked anew, be it changed on the control
 * socket (ctl_trust.c). source: RFC 8446, 4.6.1; RFC 5246, F.1.4.
 */
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <tideway/assert.h>

#include "session.h"
#include "ticket.h"

/* --- the context of a line (control thread) --- */

#define COMMON "haproxy" /* its tickets, of the same file of keys, resume here */

struct sum {
	uint64_t part[4]; /* of SHA-256 digests, in whatever order */
};

static void
sum_add(struct sum *sum, const unsigned char digest[32])
{
	for (int i = 0; i < 4; i++) {
		uint64_t part;

		memcpy(&part, digest + 8 * i, sizeof(part));
		sum->part[i] += part;
	}
}

static void
sum_add_bytes(struct sum *sum, const void *p, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	TW_ASSERT(EVP_Digest(p, len, digest, NULL, EVP_sha256(), NULL) == 1);
	sum_add(sum, digest);
}

static void
sum_add_object(struct sum *sum, const X509_OBJECT *obj)
{
	X509 *const cert = X509_OBJECT_get0_X509(obj);
	X509_CRL *const crl = X509_OBJECT_get0_X509_CRL((X509_OBJECT *)(uintptr_t)obj);
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (cert == NULL && crl == NULL)
		return;
	TW_ASSERT(
	    (cert != NULL ? X509_digest(cert, EVP_sha256(), digest, NULL)
			  : X509_CRL_digest(crl, EVP_sha256(), digest, NULL)) == 1);
	sum_add(sum, digest);
}

static void
sum_add_store(struct sum *sum, X509_STORE *store)
{
	STACK_OF(X509_OBJECT) *const objects = X509_STORE_get0_objects(store);

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++)
		sum_add_object(sum, sk_X509_OBJECT_value(objects, i));
}

static bool
is_system(const char *file)
{
	return file != NULL && file[0] == '@';
}

void
tls__session_context(
    const struct tls_opts *o, X509_STORE *store, unsigned char out[TLS_SESSION_CONTEXT])
{
	const struct {
		uint64_t mode;
		struct tls_errset ca, crt;
		uint64_t is_system, asks_crl;
	} how = { o->verify, o->ca_ignore, o->crt_ignore,
		is_system(o->ca_file) || is_system(o->ca_verify_file),
		o->crl_file != NULL };
	struct sum sum = { { 0 } };

	sum_add_bytes(&sum, &how, sizeof(how));
	sum_add_store(&sum, store);
	memcpy(out, sum.part, TLS_SESSION_CONTEXT);
}

static void
context_set(SSL_CTX *ctx, const struct tls_opts *o)
{
	unsigned char context[TLS_SESSION_CONTEXT];

	if (SSL_CTX_get_verify_mode(ctx) == SSL_VERIFY_NONE) {
		SSL_CTX_set_session_id_context(
		    ctx, (const unsigned char *)COMMON, sizeof(COMMON) - 1);
		return;
	}
	tls__session_context(o, SSL_CTX_get_cert_store(ctx), context);
	SSL_CTX_set_session_id_context(ctx, context, sizeof(context));
}

/* --- the cache (workers) --- */

/* TLS 1.3's sessions are in their tickets, unless there are none. */
static bool
is_kept(const SSL *ssl)
{
	return SSL_version(ssl) < TLS1_3_VERSION ||
	    (SSL_get_options(ssl) & SSL_OP_NO_TICKET) != 0;
}

static struct tw_str
id_of(const SSL_SESSION *sess)
{
	unsigned len;
	const unsigned char *const p = SSL_SESSION_get_id(sess, &len);

	return (struct tw_str){ (const char *)p, len };
}

/* returns: 0: no reference was kept. */
static int
session_new(SSL *ssl, SSL_SESSION *sess)
{
	unsigned char bytes[TLS_SESSION_BYTES], *p = bytes;
	int len;

	if (!is_kept(ssl))
		return 0;
	len = i2d_SSL_SESSION(sess, NULL);
	if (len <= 0 || len > (int)sizeof(bytes))
		return 0;
	len = i2d_SSL_SESSION(sess, &p);
	tls__cache_put(id_of(sess), (struct tw_str){ (const char *)bytes, (size_t)len },
	    tls__session_began(sess) + (uint64_t)SSL_SESSION_get_timeout(sess));
	OPENSSL_cleanse(bytes, (size_t)len);
	return 0;
}

static SSL_SESSION *
session_get(SSL *ssl, const unsigned char *id, int id_len, int *copy)
{
	unsigned char bytes[TLS_SESSION_BYTES];
	const unsigned char *p = bytes;
	const size_t len =
	    tls__cache_get((struct tw_str){ (const char *)id, (size_t)id_len },
		(uint64_t)time(NULL), (char *)bytes);
	SSL_SESSION *sess;

	(void)ssl;
	*copy = 0;
	if (len == 0)
		return NULL;
	sess = d2i_SSL_SESSION(NULL, &p, (long)len);
	OPENSSL_cleanse(bytes, len);
	return sess;
}

/* OpenSSL found it of no use: too old, or a handshake with it failed. */
static void
session_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
	(void)ctx;
	tls__cache_del(id_of(sess));
}

static uint32_t
blocks_of(const struct tls_gen *g)
{
	return g->cachesize != 0 ? g->cachesize - 1 : TLS_SESSION_BLOCKS;
}

void
tls__session_use(SSL_CTX *ctx, const struct tls_gen *g, const struct tls_opts *opts)
{
	tls__ticket_use(ctx);
	context_set(ctx, opts);
	SSL_CTX_set_timeout(ctx,
	    g->lifetime_s != 0 ? (long)g->lifetime_s : (long)TLS_SESSION_LIFETIME_S);
	if (blocks_of(g) == 0) {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		return;
	}
	SSL_CTX_set_session_cache_mode(ctx,
	    SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL |
		SSL_SESS_CACHE_NO_AUTO_CLEAR);
	SSL_CTX_sess_set_new_cb(ctx, session_new);
	SSL_CTX_sess_set_get_cb(ctx, session_get);
	SSL_CTX_sess_set_remove_cb(ctx, session_remove);
}

static bool
has_listener(struct tw_gen *gen)
{
	const struct tw_proxy *px;
	struct tw_bind *bind;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		for (int j = 0; (bind = tw_proxy_bind(px, j)) != NULL; j++)
			if (tls_bind_of(bind)->opts.ssl)
				return true;
	return false;
}

int
tls__session_start(struct tw_gen *gen, struct tw_err *err)
{
	if (tls__cache_resize(has_listener(gen) ? blocks_of(tls_gen_of(gen)) : 0) < 0)
		return tw_err_set(err,
		    "no memory for the cache of TLS sessions: lower "
		    "'tune.ssl.cachesize'");
	return 0;
}
