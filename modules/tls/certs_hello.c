/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_hello.c - the certificate for a ClientHello.
 *
 * Runs before anything of the hello is decided, resumption included, so that
 * an entry's own versions, ciphers and verification hold and a name that is not
 * there is refused even to who has a ticket. Where all certificates are of one
 * type, what the client can verify is not asked. RFC 8446, sections 4.1.2 and
 * 4.2.3; RFC 6066, section 3. Worker threads.
 */
#include <stdio.h>

#include <openssl/err.h>

#include "certs.h"
#include "ctl_trust.h"
#include "early.h"
#include "forge.h"

static struct tw_str
extension(SSL *ssl, unsigned type)
{
	const unsigned char *p;
	size_t len;

	if (SSL_client_hello_get0_ext(ssl, type, &p, &len) != 1)
		return (struct tw_str){ NULL, 0 };
	return (struct tw_str){ (const char *)p, len };
}

static unsigned
u16(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* server_name: a list with its length, of types and names with theirs. */
static struct tw_str
server_name(struct tw_str e)
{
	const struct tw_str none = { NULL, 0 };

	if (e.len < 5 || u16(e.p) != e.len - 2 || e.p[2] != 0 ||
	    u16(e.p + 3) > e.len - 5)
		return none;
	return (struct tw_str){ e.p + 5, u16(e.p + 3) };
}

/* --- what the client can verify --- */

#define RSA_DSA (1u << TLS_RSA | 1u << TLS_DSA)

/* Without the extension: RSA, as clients before TLS 1.2 expect. */
static unsigned
kinds_of_sigalgs(struct tw_str e)
{
	unsigned kinds = 0;

	if (e.len < 2)
		return RSA_DSA;
	for (size_t i = 2; i + 1 < e.len; i += 2) {
		const unsigned alg = u16(e.p + i), sign = alg & 0xff;

		if (alg >> 8 == 8)
			kinds |= 1u << (sign == 7 || sign == 8 ? TLS_OTHER : TLS_RSA);
		else if (sign == 1)
			kinds |= 1u << TLS_RSA;
		else if (sign == 2)
			kinds |= 1u << TLS_DSA;
		else if (sign == 3)
			kinds |= 1u << TLS_ECDSA;
	}
	return kinds;
}

/* Suites of RFC 4492, 5289, 6367, 7251 and 7905 with ECDSA and ephemeral keys. */
static bool
is_ecdsa_suite(unsigned s)
{
	return (s >= 0xc006 && s <= 0xc00a) || s == 0xc023 || s == 0xc024 ||
	    s == 0xc02b || s == 0xc02c || s == 0xc048 || s == 0xc049 || s == 0xc05c ||
	    s == 0xc05d || s == 0xc072 || s == 0xc073 || s == 0xc086 || s == 0xc087 ||
	    (s >= 0xc0ac && s <= 0xc0af) || s == 0xcca9;
}

/* Up to TLS 1.2 the cipher has to be one for the certificate's key, too. */
static unsigned
kinds_of_suites(SSL *ssl, const struct tls_side *side)
{
	const unsigned char *p;
	const size_t len = SSL_client_hello_get0_ciphers(ssl, &p);
	bool has_13 = false, has_ecdsa = false, has_rsa = false;

	for (size_t i = 0; i + 1 < len; i += 2) {
		const unsigned s = u16((const char *)p + i);

		if (s >> 8 == 0x13)
			has_13 = true;
		else if (is_ecdsa_suite(s))
			has_ecdsa = true;
		else if (s != 0xff && s != 0x5600 && (s & 0x0f0f) != 0x0a0a)
			has_rsa = true;
	}
	if (has_13 && side->can_13 &&
	    extension(ssl, TLSEXT_TYPE_supported_versions).p != NULL)
		return ~0u;
	return (has_rsa && side->can_rsa ? RSA_DSA : 0) |
	    (has_ecdsa && side->can_ecdsa ? 1u << TLS_ECDSA | 1u << TLS_OTHER : 0);
}

static unsigned
kinds_of(SSL *ssl, const struct tls_side *side)
{
	return kinds_of_sigalgs(extension(ssl, TLSEXT_TYPE_signature_algorithms)) &
	    kinds_of_suites(ssl, side);
}

/* --- what comes of it --- */

/* What SSL_new() copied from the first context is copied anew; the rest OpenSSL
 * looks up in the context. */
static void
ctx_set(SSL *ssl, SSL_CTX *ctx, const struct tls_opts *opts)
{
	SSL_set_SSL_CTX(ssl, ctx);
	SSL_set_verify(
	    ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx));
	SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(ctx));
	SSL_set_max_proto_version(ssl, SSL_CTX_get_max_proto_version(ctx));
	SSL_clear_options(ssl, ~SSL_CTX_get_options(ctx));
	SSL_set_options(ssl, SSL_CTX_get_options(ctx));
	SSL_clear_mode(ssl, SSL_MODE_NO_AUTO_CHAIN);
	SSL_set_mode(ssl, SSL_CTX_get_mode(ctx));
	tls__early_switch(ssl, ctx, opts);
	if (opts->curves != NULL)
		SSL_set1_curves_list(ssl, opts->curves);
}

static int
refuse(struct tls_state *st, int *alert, int why, const char *words)
{
	*alert = why;
	st->why = words;
	return SSL_CLIENT_HELLO_ERROR;
}

/* Its own parameters are in place of what OpenSSL would take for the key. */
static void
show_dh(SSL *ssl, EVP_PKEY *dh)
{
	if (EVP_PKEY_up_ref(dh) != 1)
		return;
	if (SSL_set0_tmp_dh_pkey(ssl, dh) == 1)
		SSL_set_dh_auto(ssl, 0);
	else
		EVP_PKEY_free(dh);
}

static int
show(SSL *ssl, struct tls_state *st, struct tls_cert *cert, int *alert)
{
	if (SSL_use_cert_and_key(ssl, cert->leaf, cert->key, cert->chain, 1) != 1)
		return refuse(
		    st, alert, SSL_AD_INTERNAL_ERROR, "SSL certificate cannot be used");
	if (cert->dh != NULL)
		show_dh(ssl, cert->dh);
	if (st->cert != cert) {
		tls__cert_unref(&st->cert);
		st->cert = tls__cert_ref(cert);
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* in: p, NULL: the line's own context. Behind a HelloRetryRequest the client may not
 * name another one (RFC 8446, 4.1.2): what was set for the first would remain. */
static int
choose(SSL *ssl, struct tls_state *st, const struct tls_certs *line,
    const struct tls_pick *p)
{
	const struct tls_variant *const own = p == NULL ? NULL : p->own;
	SSL_CTX *const ctx = own != NULL ? own->ctx : line->side.ctx;

	if (ctx != SSL_get_SSL_CTX(ssl)) {
		if (st->cert != NULL)
			return -1;
		ctx_set(ssl, ctx, own != NULL ? &own->opts : line->side.opts);
	}
	tls__trust_apply(ssl);
	return 0;
}

/* The pick's certificate, a new one for the name, or what is shown by default.
 * returns: one reference; NULL: refused. */
static struct tls_cert *
cert_of(const struct tls_certs *line, const struct tls_table *t,
    const struct tls_sni_ask *ask, struct tls_state *st, const struct tls_pick **p)
{
	*p = tls__table_find(t, ask, &st->sni_matched);
	if (*p == NULL && line->forge != NULL && ask->name.len > 0) {
		struct tls_cert *const forged = tls__forge_get(line->forge, ask->name);

		if (forged != NULL) {
			st->sni_matched = true;
			return forged;
		}
	}
	if (*p == NULL && line->strict) {
		tls_count(TLS_CNT_NO_NAME);
		st->why = "SSL server name is not known";
		return NULL;
	}
	if (*p == NULL)
		*p = tls__table_default(t, ask);
	if (*p == NULL) {
		st->why = "SSL certificate is missing";
		return NULL;
	}
	return tls__cert_ref((*p)->cert);
}

static int
on_hello(SSL *ssl, int *alert, void *arg)
{
	const struct tls_certs *const line = arg;
	struct tls_state *const st = tls_state_of_ssl(ssl);
	const struct tls_table *const t =
	    atomic_load_explicit(&line->table, memory_order_acquire);
	const unsigned kinds = tls__table_kinds(t);
	const struct tls_sni_ask ask = {
		.name = server_name(extension(ssl, TLSEXT_TYPE_server_name)),
		.kinds =
		    (kinds & (kinds - 1)) == 0 ? kinds : kinds_of(ssl, &line->side),
		.now = (time_t)(tw_wall_us() / 1000000),
	};

	const struct tls_pick *p;
	struct tls_cert *cert = cert_of(line, t, &ask, st, &p);
	int rc;

	if (cert == NULL)
		return refuse(st, alert, SSL_AD_UNRECOGNIZED_NAME, st->why);
	rc = choose(ssl, st, line, p) < 0
	    ? refuse(st, alert, SSL_AD_ILLEGAL_PARAMETER,
		  "SSL client names another server in its second hello")
	    : show(ssl, st, cert, alert);
	tls__cert_unref(&cert);
	return rc;
}

/* The client hears that its name decided. */
static int
on_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_state *const st = tls_state_of_ssl(ssl);

	(void)alert;
	(void)arg;
	return st->sni_matched ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* --- contexts --- */

void
tls__side_abilities(struct tls_side *side)
{
	STACK_OF(SSL_CIPHER) *const all = SSL_CTX_get_ciphers(side->ctx);
	const int max = SSL_CTX_get_max_proto_version(side->ctx);

	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++)
		switch (SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(all, i))) {
		case NID_auth_any:
			side->can_13 |= max == 0 || max >= TLS1_3_VERSION;
			break;
		case NID_auth_ecdsa:
			side->can_ecdsa = true;
			break;
		default:
			side->can_rsa = true;
		}
}

/* RFC 6962, section 3.3: timestamps go with the first certificate, to who asked. */
static int
add_sctl(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
    size_t *len, X509 *x, size_t i, int *alert, void *arg)
{
	const struct tls_state *const st = tls_state_of_ssl(ssl);

	(void)type;
	(void)x;
	(void)alert;
	(void)arg;
	if (st == NULL || st->cert == NULL || st->cert->sctl.p == NULL ||
	    ((context & SSL_EXT_TLS1_3_CERTIFICATE) != 0 && i != 0))
		return 0;
	*out = st->cert->sctl.p;
	*len = st->cert->sctl.len;
	return 1;
}

void
tls__certs_hook(const struct tls_certs *line, SSL_CTX *ctx)
{
	SSL_CTX_add_custom_ext(ctx, TLSEXT_TYPE_signed_certificate_timestamp,
	    SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO |
		SSL_EXT_TLS1_3_CERTIFICATE,
	    add_sctl, NULL, NULL, NULL, NULL);
	SSL_CTX_set_client_hello_cb(ctx, on_hello, (void *)(uintptr_t)line);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
	/* else each handshake without a chain would look for one in vain */
	if (sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx))) ==
	    0)
		SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
}

void
tls__state_certs_free(struct tls_state *st)
{
	tls__cert_unref(&st->cert);
}
