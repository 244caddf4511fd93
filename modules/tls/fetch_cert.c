/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_cert.c - fetches about certificates.
 *
 * A client's certificate that did not hold is kept by the connection (watch.c),
 * so that the log of the failed handshake can tell of it. Any worker. source:
 * HAProxy's manual, 7.3.4.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "fetch.h"
#include "store.h"

#define DN_MAX 8192

/* --- whose --- */

/* borrow: the connection's. */
static X509 *
client_cert(struct tw_req *req)
{
	const struct tls_state *const st = tls__client(req);
	X509 *x;

	if (st == NULL)
		return NULL;
	x = SSL_get0_peer_certificate(st->ssl);
	return x != NULL ? x : st->bad_crt;
}

static X509 *
shown_cert(struct tw_req *req)
{
	SSL *const ssl = tls__client_ssl(req);

	return ssl == NULL ? NULL : SSL_get_certificate(ssl);
}

static X509 *
server_cert(struct tw_req *req)
{
	SSL *const ssl = tls__server_ssl(req);

	return ssl == NULL ? NULL : SSL_get0_peer_certificate(ssl);
}

/* --- what --- */

typedef bool give_fn(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out);

static bool
give_name(struct tw_req *req, const X509_NAME *name, const struct tw_arg_val *args,
    struct tw_sample *out)
{
	char mem[DN_MAX];
	const int len = tls__dn_out(name, args, mem, sizeof(mem));

	return len >= 0 &&
	    tls__give(out, TW_STRING,
		tw_req_copy(req, (struct tw_str){ mem, (size_t)len }).p, (size_t)len);
}

static bool
give_s_dn(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	return give_name(req, X509_get_subject_name(x), args, out);
}

static bool
give_i_dn(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	return give_name(req, X509_get_issuer_name(x), args, out);
}

static bool
give_time(const ASN1_TIME *t, struct tw_sample *out)
{
	struct tw_str s;

	return tls__time_text(t, &s) && tls__give(out, TW_STRING, s.p, s.len);
}

static bool
give_notbefore(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	(void)req;
	(void)args;
	return give_time(X509_get0_notBefore(x), out);
}

static bool
give_notafter(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	(void)req;
	(void)args;
	return give_time(X509_get0_notAfter(x), out);
}

static bool
give_serial(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	const ASN1_INTEGER *const n = X509_get0_serialNumber(x);

	(void)req;
	(void)args;
	return tls__give(
	    out, TW_BINARY, ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n));
}

static bool
give_sha1(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	(void)args;
	if (X509_digest(x, EVP_sha1(), md, &len) != 1)
		return false;
	return tls__give(out, TW_BINARY,
	    tw_req_copy(req, (struct tw_str){ (const char *)md, len }).p, len);
}

static bool
give_version(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	(void)req;
	(void)args;
	return tw_sample_int(out, X509_get_version(x) + 1);
}

static bool
give_key_alg(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	ASN1_OBJECT *alg = NULL;

	(void)req;
	(void)args;
	if (X509_PUBKEY_get0_param(&alg, NULL, NULL, NULL, X509_get_X509_PUBKEY(x)) !=
	    1)
		return false;
	const int nid = OBJ_obj2nid(alg);
	return nid != NID_undef && tls__give_z(out, OBJ_nid2sn(nid));
}

static bool
give_sig_alg(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	const int nid = X509_get_signature_nid(x);

	(void)req;
	(void)args;
	return nid != NID_undef && tls__give_z(out, OBJ_nid2sn(nid));
}

/* All of them, one behind the other. */
static bool
give_ders(struct tw_req *req, X509 *const *x, int n, struct tw_sample *out)
{
	size_t room = 0;
	unsigned char *p;

	for (int i = 0; i < n; i++) {
		const int len = i2d_X509(x[i], NULL);

		if (len <= 0)
			return false;
		room += (size_t)len;
	}
	unsigned char *const mem = tw_arena_try(tw_req_arena(req), room);
	if (mem == NULL)
		return false;
	p = mem;
	for (int i = 0; i < n; i++)
		(void)i2d_X509(x[i], &p);
	return tls__give(out, TW_BINARY, mem, room);
}

static bool
give_der(
    struct tw_req *req, X509 *x, const struct tw_arg_val *args, struct tw_sample *out)
{
	(void)args;
	return give_ders(req, &x, 1, out);
}

#define CHAIN_MAX 64

static bool
give_chain(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	X509 *certs[CHAIN_MAX];
	STACK_OF(X509) *const chain = ssl == NULL || !SSL_is_init_finished(ssl)
	    ? NULL
	    : SSL_get_peer_cert_chain(ssl);
	const int n = chain == NULL ? 0 : sk_X509_num(chain);

	if (n <= 0 || n > CHAIN_MAX)
		return false;
	for (int i = 0; i < n; i++)
		certs[i] = sk_X509_value(chain, i);
	return give_ders(req, certs, n, out);
}

#define ONE(side, whose, what)                                      \
	TLS_GET(ssl_##side##_##what)                                \
	{                                                           \
		X509 *const x = whose##_cert(req);                  \
		TW_GET_UNUSED;                                      \
		return x != NULL && give_##what(req, x, args, out); \
	}
#define ALL(what)            \
	ONE(c, client, what) \
	ONE(f, shown, what)  \
	ONE(s, server, what)

ALL(s_dn)
ALL(i_dn)
ALL(notbefore)
ALL(notafter)
ALL(serial)
ALL(sha1)
ALL(version)
ALL(key_alg)
ALL(sig_alg)
ALL(der)

TLS_GET(ssl_c_chain_der)
{
	TW_GET_UNUSED;
	return give_chain(req, tls__client_ssl(req), out);
}

TLS_GET(ssl_s_chain_der)
{
	TW_GET_UNUSED;
	return give_chain(req, tls__server_ssl(req), out);
}

/* The end of the chain that was found to hold: of a full handshake. */
TLS_GET(ssl_c_r_dn)
{
	SSL *const ssl = tls__client_ssl(req);
	STACK_OF(X509) *const chain = ssl == NULL ? NULL : SSL_get0_verified_chain(ssl);
	const int n = chain == NULL ? 0 : sk_X509_num(chain);

	(void)cur;
	return n > 0 &&
	    give_name(
		req, X509_get_subject_name(sk_X509_value(chain, n - 1)), args, out);
}

TLS_GET(ssl_c_san)
{
	X509 *const x = client_cert(req);
	const int at =
	    x == NULL ? -1 : X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
	BIO *const bio = at < 0 ? NULL : BIO_new(BIO_s_mem());
	char *p = NULL;
	bool done = false;

	TW_GET_UNUSED;
	if (bio == NULL)
		return false;
	if (X509V3_EXT_print(bio, X509_get_ext(x, at), 0, 0) == 1) {
		const long len = BIO_get_mem_data(bio, &p);
		const struct tw_str s =
		    tw_req_copy(req, (struct tw_str){ p, (size_t)len });

		done = len > 0 && tls__give(out, TW_STRING, s.p, s.len);
	}
	BIO_free(bio);
	ERR_clear_error();
	return done;
}

TLS_GET(ssl_fc_crtname)
{
	const struct tls_state *const st = tls__client(req);

	TW_GET_UNUSED;
	return st != NULL && st->cert != NULL && tls__give_z(out, st->cert->path);
}

/* --- whether it holds --- */

TLS_GET(ssl_c_used)
{
	TW_GET_UNUSED;
	return tls__client(req) != NULL &&
	    tw_sample_bool(out, client_cert(req) != NULL);
}

TLS_GET(ssl_c_verify)
{
	const struct tls_state *const st = tls__client(req);

	TW_GET_UNUSED;
	return st != NULL && st->established &&
	    tw_sample_int(out, SSL_get_verify_result(st->ssl));
}

#define VERIFIED(name, field)                                        \
	TLS_GET(name)                                                \
	{                                                            \
		const struct tls_state *const st = tls__client(req); \
		TW_GET_UNUSED;                                       \
		return st != NULL && tw_sample_int(out, st->field);  \
	}

VERIFIED(ssl_c_err, crt_err)
VERIFIED(ssl_c_ca_err, ca_err)
VERIFIED(ssl_c_ca_err_depth, ca_err_depth)
