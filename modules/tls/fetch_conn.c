/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_conn.c - fetches about the two connections' TLS.
 *
 * Both sides' fetches ask the same of their SSL. Any worker. source: HAProxy's
 * manual, 7.3.4.
 */
#include <openssl/err.h>

#include "fetch.h"

int
tls__check_npn(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)gen;
	(void)args;
	return tw_err_set(err,
	    "NPN is obsolete and not supported by the SSL library; use ALPN "
	    "(ssl_fc_alpn, ssl_bc_alpn)");
}

TLS_GET(ssl_fc_npn)
{
	TW_GET_UNUSED;
	return false;
}

TLS_GET(ssl_bc_npn)
{
	TW_GET_UNUSED;
	return false;
}

/* The same for the client's connection and for the server's. */
#define BOTH(what)                                                \
	TLS_GET(ssl_fc_##what)                                    \
	{                                                         \
		SSL *const ssl = tls__client_ssl(req);            \
		TW_GET_UNUSED;                                    \
		return ssl != NULL && give_##what(req, ssl, out); \
	}                                                         \
	TLS_GET(ssl_bc_##what)                                    \
	{                                                         \
		SSL *const ssl = tls__server_ssl(req);            \
		TW_GET_UNUSED;                                    \
		return ssl != NULL && give_##what(req, ssl, out); \
	}

static bool
give_protocol(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	(void)req;
	return tls__give_z(out, SSL_get_version(ssl));
}

static bool
give_cipher(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	(void)req;
	return tls__give_z(
	    out, SSL_get_cipher_name(ssl)); /* "(NONE)" before it is known */
}

static bool
give_alg_keysize(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	const SSL_CIPHER *const c = SSL_get_current_cipher(ssl);
	int alg = 0;

	(void)req;
	return c != NULL && SSL_CIPHER_get_bits(c, &alg) > 0 && tw_sample_int(out, alg);
}

static bool
give_use_keysize(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	const SSL_CIPHER *const c = SSL_get_current_cipher(ssl);
	const int bits = c == NULL ? 0 : SSL_CIPHER_get_bits(c, NULL);

	(void)req;
	return bits > 0 && tw_sample_int(out, bits);
}

static bool
give_alpn(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	const unsigned char *p = NULL;
	unsigned len = 0;

	(void)req;
	SSL_get0_alpn_selected(ssl, &p, &len);
	return len > 0 && tls__give(out, TW_STRING, p, len);
}

static bool
give_sni(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	(void)req;
	return tls__give_z(out, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
}

/* OpenSSL's name of a group it has no NID for is its own. */
static bool
give_curve(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	const int nid = (int)SSL_get_negotiated_group(ssl);
	const char *name;

	(void)req;
	if (nid == NID_undef)
		return false;
	if ((nid & TLSEXT_nid_unknown) != 0)
		return tls__give_z(out, SSL_group_to_name(ssl, nid));
	name = EC_curve_nid2nist(nid);
	return tls__give_z(out, name != NULL ? name : OBJ_nid2sn(nid));
}

static bool
give_session_id(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	const SSL_SESSION *const s = SSL_get_session(ssl);
	unsigned len = 0;
	const unsigned char *const p = s == NULL ? NULL : SSL_SESSION_get_id(s, &len);

	(void)req;
	return len > 0 && tls__give(out, TW_BINARY, p, len);
}

static bool
give_copy(struct tw_req *req, struct tw_sample *out, const void *p, size_t len)
{
	const struct tw_str s = tw_req_copy(req, (struct tw_str){ p, len });

	return len > 0 && tls__give(out, TW_BINARY, s.p, s.len);
}

static bool
give_session_key(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	const SSL_SESSION *const s = SSL_get_session(ssl);
	unsigned char key[SSL_MAX_MASTER_KEY_LENGTH];

	return s != NULL &&
	    give_copy(req, out, key, SSL_SESSION_get_master_key(s, key, sizeof(key)));
}

static bool
give_client_random(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	unsigned char r[SSL3_RANDOM_SIZE];

	return give_copy(req, out, r, SSL_get_client_random(ssl, r, sizeof(r)));
}

static bool
give_server_random(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	unsigned char r[SSL3_RANDOM_SIZE];

	return give_copy(req, out, r, SSL_get_server_random(ssl, r, sizeof(r)));
}

/* The first Finished of the handshake: the client's, but the server's when a
 * session was resumed. source: RFC 5929, 3.1 */
static bool
give_unique_id(struct tw_req *req, SSL *ssl, struct tw_sample *out)
{
	unsigned char id[EVP_MAX_MD_SIZE];
	const bool ours = (SSL_is_server(ssl) != 0) == (SSL_session_reused(ssl) != 0);
	const size_t len = ours ? SSL_get_finished(ssl, id, sizeof(id))
				: SSL_get_peer_finished(ssl, id, sizeof(id));

	return give_copy(req, out, id, len < sizeof(id) ? len : sizeof(id));
}

BOTH(protocol)
BOTH(cipher)
BOTH(alg_keysize)
BOTH(use_keysize)
BOTH(alpn)
BOTH(sni)
BOTH(curve)
BOTH(session_id)
BOTH(session_key)
BOTH(client_random)
BOTH(server_random)
BOTH(unique_id)

/* --- yes or no --- */

TLS_GET(ssl_bc)
{
	TW_GET_UNUSED;
	return tw_sample_bool(out, tls__server_ssl(req) != NULL);
}

TLS_GET(ssl_fc_is_resumed)
{
	SSL *const ssl = tls__client_ssl(req);

	TW_GET_UNUSED;
	return tw_sample_bool(out, ssl != NULL && SSL_session_reused(ssl));
}

TLS_GET(ssl_bc_is_resumed)
{
	SSL *const ssl = tls__server_ssl(req);

	TW_GET_UNUSED;
	return tw_sample_bool(out, ssl != NULL && SSL_session_reused(ssl));
}

TLS_GET(ssl_fc_has_sni)
{
	SSL *const ssl = tls__client_ssl(req);

	TW_GET_UNUSED;
	return tw_sample_bool(out,
	    ssl != NULL && SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL);
}

TLS_GET(ssl_fc_has_crt)
{
	const struct tls_state *const st = tls__client(req);

	TW_GET_UNUSED;
	return st != NULL && st->established && tw_sample_bool(out, st->crt_seen);
}

TLS_GET(ssl_fc_has_early)
{
	const struct tls_state *const st = tls__client(req);

	TW_GET_UNUSED;
	return st != NULL && tw_sample_bool(out, tls__early(st));
}

TLS_GET(ssl_fc_early_rcvd)
{
	const struct tls_state *const st = tls__client(req);

	TW_GET_UNUSED;
	return tw_sample_bool(out, st != NULL && st->early_ever);
}

/* --- errors --- */

static bool
give_err_str(struct tw_req *req, unsigned long e, struct tw_sample *out)
{
	char text[256];

	if (e == 0)
		return false;
	ERR_error_string_n(e, text, sizeof(text));
	return tls__give_z(out, tw_req_copy(req, tw_str_of(text)).p);
}

TLS_GET(ssl_fc_err)
{
	const struct tls_state *const st = tls__client(req);

	TW_GET_UNUSED;
	return st != NULL && tw_sample_int(out, (int64_t)st->ssl_err);
}

TLS_GET(ssl_fc_err_str)
{
	const struct tls_state *const st = tls__client(req);

	TW_GET_UNUSED;
	return st != NULL && give_err_str(req, st->ssl_err, out);
}

TLS_GET(ssl_bc_err)
{
	const struct tls_server_seen s = tls__server(req);

	TW_GET_UNUSED;
	return s.ssl != NULL && tw_sample_int(out, (int64_t)s.err);
}

TLS_GET(ssl_bc_err_str)
{
	TW_GET_UNUSED;
	return give_err_str(req, tls__server(req).err, out);
}
