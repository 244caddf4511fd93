/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_pp.c - what a PROXY header of version 2 tells a server of the client's
 * TLS. Worker threads.
 *
 * source: the PROXY protocol, 2.2.5 and 2.2.6; the order and the names are
 * HAProxy's.
 */
#include <openssl/objects.h>

#include "server.h"

enum {
	TLV_AUTHORITY = 0x02,
	TLV_SSL = 0x20,
	TLV_VERSION = 0x21,
	TLV_CN = 0x22,
	TLV_CIPHER = 0x23,
	TLV_SIG = 0x24,
	TLV_KEY = 0x25,
};

enum { CLIENT_SSL = 1, CLIENT_CERT_CONN = 2, CLIENT_CERT_SESS = 4 };

static void
u16_out(struct tw_out *out, size_t n)
{
	tw_out_char(out, (char)(n >> 8));
	tw_out_char(out, (char)n);
}

/* p NULL: it is left out. */
static void
tlv_out(struct tw_out *out, int type, const char *p, size_t len)
{
	if (p == NULL || len > UINT16_MAX)
		return;
	tw_out_char(out, (char)type);
	u16_out(out, len);
	tw_out_mem(out, p, len);
}

static void
text_out(struct tw_out *out, int type, const char *z)
{
	tlv_out(out, type, z, z != NULL ? strlen(z) : 0);
}

/* The last one is the most specific. */
static void
cn_out(struct tw_out *out, const X509 *cert)
{
	const X509_NAME *const name = X509_get_subject_name(cert);
	const int i = X509_NAME_entry_count(name);
	int at = -1;

	for (int n = 0; n < i; n++) {
		const int next = X509_NAME_get_index_by_NID(name, NID_commonName, at);

		if (next < 0)
			break;
		at = next;
	}
	if (at < 0)
		return;
	const ASN1_STRING *const cn =
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	tlv_out(out, TLV_CN, (const char *)ASN1_STRING_get0_data(cn),
	    (size_t)ASN1_STRING_length(cn));
}

/* "RSA2048", "EC256" */
static void
key_out(struct tw_out *out, const X509 *cert)
{
	const EVP_PKEY *const key = X509_get0_pubkey(cert);
	const int id = key != NULL ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
	const char *const name = id == EVP_PKEY_RSA ? "RSA"
	    : id == EVP_PKEY_EC                     ? "EC"
	    : id == EVP_PKEY_DSA                    ? "DSA"
						    : NULL;
	char text[32];

	if (name == NULL)
		return;
	snprintf(text, sizeof(text), "%s%d", name, EVP_PKEY_get_bits(key));
	text_out(out, TLV_KEY, text);
}

static void
facts_out(const SSL *ssl, X509 *cert, unsigned what, struct tw_out *out)
{
	const X509 *const own = SSL_get_certificate(ssl);

	text_out(out, TLV_VERSION, SSL_get_version(ssl));
	if ((what & TW_TLV_CN) && cert != NULL)
		cn_out(out, cert);
	if ((what & TW_TLV_KEY) && own != NULL)
		key_out(out, own);
	if ((what & TW_TLV_SIG) && own != NULL)
		text_out(out, TLV_SIG, OBJ_nid2sn(X509_get_signature_nid(own)));
	if (what & TW_TLV_CIPHER)
		text_out(out, TLV_CIPHER, SSL_get_cipher_name(ssl));
}

static unsigned
client_bits(const SSL *ssl, const X509 *cert)
{
	if (cert == NULL)
		return CLIENT_SSL;
	return CLIENT_SSL | CLIENT_CERT_SESS |
	    (SSL_session_reused(ssl) ? 0 : CLIENT_CERT_CONN);
}

/* One value that has others in it; its length is known at the end. */
static void
ssl_out(const SSL *ssl, unsigned what, struct tw_out *out)
{
	X509 *const cert = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
	const uint32_t verify = ssl != NULL ? (uint32_t)SSL_get_verify_result(ssl) : 0;

	tw_out_char(out, TLV_SSL);
	char *const at = out->p;
	u16_out(out, 0);
	tw_out_char(out, ssl != NULL ? (char)client_bits(ssl, cert) : 0);
	u16_out(out, verify >> 16);
	u16_out(out, verify & 0xffff);
	if (ssl != NULL)
		facts_out(ssl, cert, what, out);
	if (out->over)
		return;
	const size_t len = (size_t)(out->p - at) - 2;
	at[0] = (char)(len >> 8);
	at[1] = (char)len;
}

void
tls__tlvs(const void *state, unsigned what, struct tw_out *out)
{
	const struct tls_state *const st = state;
	const SSL *const ssl = st != NULL ? st->ssl : NULL;

	if ((what & TW_TLV_AUTHORITY) && ssl != NULL)
		text_out(out, TLV_AUTHORITY,
		    SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	if (what & TW_TLV_SSL)
		ssl_out(ssl, what, out);
}
